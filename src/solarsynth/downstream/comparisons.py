"""How two sets of trials are compared: paired differences with bootstrap intervals, and what a forecast must beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.flares import CLASSES
from solarsynth.metrics.skill import FEWEST, Forecast
from solarsynth.times import DAY

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.dataset.tasks import Task

#: The score of one trial: ``score(prediction, index)`` on the test images `index`.
Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Difference:
    """A paired difference of scores and its 95 % bootstrap interval.

    Attributes
    ----------
    mean : float
    low, high : float
        2.5th and 97.5th percentile of the bootstrap.
    decided_by : int
        Number of test images that decide the score: those of the class, or the rarer kind of day.
    pairs : int
        Pairs of trials. A single pair does not show how trials differ.
    """

    mean: float
    low: float
    high: float
    decided_by: int
    pairs: int

    @property
    def verdict(self) -> str:
        """``helped`` or ``hurt`` if the interval excludes 0, else ``can't be told apart``.

        It is ``too few to tell`` with fewer than five deciding test images or fewer than two pairs: the bootstrap of
        so few is not reliable.
        """
        if math.isnan(self.mean) or self.decided_by < FEWEST or self.pairs < 2:
            return "too few to tell"
        return "helped" if self.low > 0 else "hurt" if self.high < 0 else "can't be told apart"


def paired_difference(
    ours: Sequence[np.ndarray],
    theirs: Sequence[np.ndarray],
    score: Score,
    decided_by: int,
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare pairs of trials on one test set. The bootstrap resamples both the pairs and the test images.

    Parameters
    ----------
    ours, theirs : sequence of ndarray, shape (n, ...)
        Predictions for the n test images, one array per trial. Trials at the same position are a pair.
    score : callable
        ``score(prediction, index)``: the score of one trial on the test images `index`.
    decided_by : int
        See `Difference`.
    draws : int
        Repetitions of the bootstrap.
    seed : int
        Seed of the bootstrap.
    """

    def differences(index: np.ndarray) -> np.ndarray:
        return np.array([score(a, index) - score(b, index) for a, b in zip(ours, theirs, strict=True)])

    n, pairs = len(ours[0]), len(ours)
    mean = float(differences(np.arange(n)).mean())
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        by_pair = differences(rng.integers(0, n, n))
        resampled = by_pair[rng.integers(0, pairs, pairs)].mean()
        # The bootstrap of k pairs underestimates the standard error by √((k-1)/k), which matters for three.
        found.append(by_pair.mean() + (resampled - by_pair.mean()) * math.sqrt(pairs / max(pairs - 1, 1)))
    known = np.array(found)[np.isfinite(found)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (math.nan, math.nan)
    return Difference(mean, float(low), float(high), decided_by, pairs)


def with_intervals(differences: pd.DataFrame) -> pd.DataFrame:
    """Return a table of differences for display: one text per interval, and the verdict on the synthetic images.

    Parameters
    ----------
    differences : DataFrame
        With columns ``difference``, ``low``, ``high`` and ``verdict``, as from
        `solarsynth.downstream.classification.differences` or `solarsynth.downstream.forecasting.differences`.
    """
    shown = differences.drop(columns=["difference", "low", "high", "verdict"])
    shown["difference"] = [f"{mean:+.3f}" for mean in differences["difference"]]
    bounds = zip(differences["low"], differences["high"], strict=True)
    shown["95 %"] = [f"{low:+.3f} to {high:+.3f}" for low, high in bounds]
    shown["synthetic images"] = differences["verdict"]
    return shown


def recall_of(task: Task, name: str) -> Score:
    """Return the score of Section 8.1 for one class: the share of its test images that is classified correctly.

    Parameters
    ----------
    task : Task
    name : str
        The class.

    Returns
    -------
    callable
        ``score(probability, index)`` with probabilities (n_test, classes) and indices of test images. It is NaN
        where `index` holds no image of the class.
    """
    y_true, wanted = task.label[task.test], CLASSES.index(name)

    def score(probability: np.ndarray, index: np.ndarray) -> float:
        here = index[y_true[index] == wanted]
        return float((probability[here].argmax(1) == wanted).mean()) if len(here) else math.nan

    return score


def best_threshold(y_true: np.ndarray, probability: np.ndarray) -> float:
    """Return the threshold with the highest true skill statistic, for the validation days.

    Parameters
    ----------
    y_true : ndarray of bool, shape (n,)
        Whether a strong flare followed.
    probability : ndarray of float, shape (n,)

    Returns
    -------
    float
        A forecast is positive from this probability on; 0.5 where the true skill statistic is undefined.
    """
    values = np.unique(probability)
    # Midpoints, so that a test day with a probability slightly below a validation day's is not decided by rounding.
    candidates = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2])
    skills = [Forecast.of(y_true, probability >= threshold).tss for threshold in candidates]
    return float(candidates[int(np.nanargmax(skills))]) if not np.isnan(skills).all() else 0.5


def persistence(day: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """Forecast that each day will be like the day before.

    Parameters
    ----------
    day : ndarray of int64, shape (n,)
        Midnights in milliseconds since 1970.
    strong : ndarray of bool, shape (n,)
        Whether a flare of class M or X followed.

    Returns
    -------
    ndarray of bool, shape (n,)
        A day whose predecessor is not in the set is forecast quiet, the more common case.
    """
    before = dict(zip(day.tolist(), np.asarray(strong, bool).tolist(), strict=True))
    return np.array([before.get(int(d) - DAY, False) for d in day])
