"""Scores of trials with their intervals: what is resampled are active regions, blocks of weeks and trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.downstream.pooled import Pooled, Prediction
from solarsynth.flares import CLASSES
from solarsynth.metrics.intervals import Interval, crossed_interval
from solarsynth.metrics.skill import FEWEST, Forecast, auc, brier

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Score:
    """A number that a prediction gets.

    Attributes
    ----------
    name : str
    of : callable
        ``of(pooled, prediction, index)`` on the test images `index` (k,).
    counts : ndarray of bool, shape (n,)
        The test images that it is computed on.
    stratum : ndarray of int, shape (n,)
        The classes over which it is a mean; all alike for a mean over images.
    chance : float
        Its value without skill; NaN where that depends on the data.
    """

    name: str
    of: Callable[[Pooled, Prediction, np.ndarray], float]
    counts: np.ndarray
    stratum: np.ndarray
    chance: float = np.nan

    def regions(self, pooled: Pooled, index: np.ndarray) -> int:
        """Return the number of active regions that decide the score on the images `index`: of the rarest stratum."""
        index = index[self.counts[index]]
        counts = [independent(pooled, index[self.stratum[index] == s]) for s in np.unique(self.stratum[self.counts])]
        return min(counts, default=0)


def independent(pooled: Pooled, index: np.ndarray) -> int:
    """Return the number of active regions on the images `index`; images without one count by their unit."""
    known = pooled.region[index] >= 0
    return len(np.unique(pooled.region[index][known])) + len(np.unique(pooled.unit[index][~known]))


def recall_of(pooled: Pooled, name: str) -> Score:
    """Return the paper's accuracy of a class: the share of its test images that is classified correctly."""
    wanted = CLASSES.index(name)

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        return float((prediction.probability[index].argmax(1) == wanted).mean()) if len(index) else np.nan

    counts = (pooled.y_true == wanted) & pooled.taught[:, wanted]
    return Score(f"accuracy of {name}", of, counts, np.zeros(len(pooled), int))


def judged_classes(pooled: Pooled) -> list[int]:
    """Return the classes with test images of at least five active regions, in at least five units."""
    found = []
    for c in range(pooled.taught.shape[1]):
        here = np.flatnonzero((pooled.y_true == c) & pooled.taught[:, c])
        if min(independent(pooled, here), len(np.unique(pooled.unit[here]))) >= FEWEST:
            found.append(c)
    return found


def macro_recall(pooled: Pooled) -> Score:
    """Return the mean recall of the classes with test images of at least five active regions, in five units or more.

    A classifier that always gives the same class reaches one over the number of these classes.
    """
    judged = judged_classes(pooled)

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        y_true, right = pooled.y_true[index], prediction.probability[index].argmax(1) == pooled.y_true[index]
        total = np.bincount(y_true, minlength=len(CLASSES))[judged]
        hits = np.bincount(y_true, right, minlength=len(CLASSES))[judged]
        return float((hits / total).mean()) if len(judged) and total.all() else np.nan

    counts = np.isin(pooled.y_true, judged) & pooled.taught[np.arange(len(pooled)), pooled.y_true]
    return Score("macro recall", of, counts, pooled.y_true, 1 / len(judged) if len(judged) > 1 else np.nan)


def accuracy(pooled: Pooled) -> Score:
    """Return the share of all test images that is classified correctly."""

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        return float((prediction.probability[index].argmax(1) == pooled.y_true[index]).mean())

    return Score("accuracy", of, np.ones(len(pooled), bool), np.zeros(len(pooled), int))


def auc_of(pooled: Pooled, label: int, name: str = "AUC") -> Score:
    """Return the area under the ROC curve of one label against the others, over pairs of images of one fold."""
    positive = pooled.y_true == label

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        return auc(positive[index], prediction.probability[index, label], pooled.fold[index]) if len(index) else np.nan

    return Score(name, of, pooled.taught[:, label], positive.astype(int), 0.5)


def forecast_score(pooled: Pooled, name: str, fixed: float | None = None) -> Score:
    """Return the score ``TSS`` or ``HSS`` of a forecast, at the threshold of the validation days or at a fixed one."""

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        yes = flagged(prediction, fixed)[index]
        return getattr(Forecast.of(pooled.y_true[index], yes), name.lower())

    title = name if fixed is None else f"{name} at {fixed:g}"
    return Score(title, of, np.ones(len(pooled), bool), pooled.y_true, 0.0)


def flagged(prediction: Prediction, fixed: float | None = None) -> np.ndarray:
    """Return the days (n,) bool for which the forecast is *yes*; False where the trial did not run."""
    return prediction.probability[:, 1] >= (prediction.threshold if fixed is None else fixed)


def brier_score(pooled: Pooled) -> Score:
    """Return the Brier score of a forecast."""

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        return brier(pooled.y_true[index] == 1, prediction.probability[index, 1].clip(0, 1))

    return Score("Brier", of, np.ones(len(pooled), bool), np.zeros(len(pooled), int))


def brier_skill(pooled: Pooled) -> Score:
    """Return the Brier skill score: 1 - Brier score / Brier score of climatology on the same days; NaN if that is 0."""

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        strong = pooled.y_true[index] == 1
        reference = brier(strong, pooled.rate[index, 1])
        return 1 - brier(strong, prediction.probability[index, 1].clip(0, 1)) / reference if reference else np.nan

    return Score("Brier skill", of, np.ones(len(pooled), bool), np.zeros(len(pooled), int), 0.0)


def unweighted(prediction: Prediction, weights: tuple[float, float]) -> Prediction:
    """Return the probabilities that a classifier would give without the weights of its cross-entropy.

    Parameters
    ----------
    prediction : Prediction
        Of a classifier whose loss counts *no* and *yes* with `weights`: its odds are theirs too high by w_yes / w_no.
    weights : (float, float)
        Of *no* and *yes*.
    """
    w_no, w_yes = weights

    def undone(p: np.ndarray) -> np.ndarray:
        return (p / w_yes) / (p / w_yes + (1 - p) / w_no)

    yes = undone(prediction.probability[:, 1])
    return Prediction(np.stack([1 - yes, yes], 1), undone(prediction.threshold))


def share_flagged(pooled: Pooled) -> Score:
    """Return the share of days for which the forecast is *yes*."""

    def of(pooled: Pooled, prediction: Prediction, index: np.ndarray) -> float:
        return float(flagged(prediction)[index].mean())

    return Score("days flagged", of, np.ones(len(pooled), bool), np.zeros(len(pooled), int))


def shared(group: Sequence[Prediction]) -> np.ndarray:
    """Return the test images (k,) about which every prediction of a group says something."""
    return np.flatnonzero(np.all([prediction.known for prediction in group], axis=0))


def values(pooled: Pooled, group: Sequence[Prediction], score: Score, within: np.ndarray | None = None) -> np.ndarray:
    """Return the score of each prediction of a group (m,), on the images that all of them share.

    Parameters
    ----------
    pooled : Pooled
    group : sequence of Prediction
    score : Score
    within : ndarray of int, shape (k,), optional
        Only these test images.
    """
    index = _index(group, score, within)
    return np.array([score.of(pooled, prediction, index) for prediction in group] if len(index) else [np.nan])


def measure(pooled: Pooled, group: Sequence[Prediction], score: Score, within: np.ndarray | None = None) -> Interval:
    """Return the mean of `values` with its 95 % interval over regions, blocks and trainings."""
    index = _index(group, score, within)
    return _interval(pooled, index, score, lambda k: [score.of(pooled, p, index[k]) for p in group], len(group))


def difference(pooled: Pooled, both: Sequence[tuple[Prediction, Prediction]], score: Score) -> Interval:
    """Return the mean paired difference of two set-ups, on the test images that both have, with its 95 % interval."""
    return contrast(pooled, both, (1, -1), score)


def contrast(
    pooled: Pooled, groups: Sequence[Sequence[Prediction]], weights: Sequence[float], score: Score
) -> Interval:
    """Return the mean weighted sum of the scores of several set-ups, with its 95 % interval.

    Parameters
    ----------
    pooled : Pooled
    groups : sequence of sequence of Prediction
        Per training a prediction of each set-up; the score is taken on the test images that all have.
    weights : sequence of float
        One per set-up, such as (1, -1) for a difference.
    score : Score
    """
    index = _index([prediction for group in groups for prediction in group], score) if groups else np.zeros(0, int)

    def summed(k: np.ndarray) -> list[float]:
        return [sum(w * score.of(pooled, p, index[k]) for w, p in zip(weights, group, strict=True)) for group in groups]

    return _interval(pooled, index, score, summed, len(groups))


def _index(group: Sequence[Prediction], score: Score, within: np.ndarray | None = None) -> np.ndarray:
    index = shared(group)
    index = index if within is None else np.intersect1d(index, within)
    return index[score.counts[index]]


def _interval(
    pooled: Pooled, index: np.ndarray, score: Score, of: Callable[[np.ndarray], list[float]], seeds: int
) -> Interval:
    if not len(index):
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, seeds)
    return crossed_interval(lambda k: np.array(of(k), float), pooled.unit[index], score.stratum[index])


def score_table(
    pooled: Pooled, groups: Mapping[str, Sequence[Prediction]], scores: Sequence[Score]
) -> dict[str, dict[str, int | Interval]]:
    """Return per set-up ``tested`` (its test images) and, per score, the interval on all test images that it has.

    Parameters
    ----------
    pooled : Pooled
    groups : mapping of str to sequence of Prediction
        The trials of each set-up; a baseline is a group of one.
    scores : sequence of Score
    """
    return {
        name: {"tested": len(shared(group))} | {score.name: measure(pooled, group, score) for score in scores}
        for name, group in groups.items()
    }


def shown_table(table: Mapping[str, Mapping[str, int | Interval]]) -> pd.DataFrame:
    """Return the table of `score_table` as texts, a row per set-up."""
    import pandas as pd

    rows = {name: {key: v if isinstance(v, int) else text(v) for key, v in row.items()} for name, row in table.items()}
    return pd.DataFrame(rows).T


def half_width(interval: Interval) -> float:
    """Return half the length of an interval: the smallest difference from the truth that it can show."""
    return (interval.high - interval.low) / 2


def text(interval: Interval, sign: str = "") -> str:
    """Return a mean with its interval as text; a dash stands for an interval that cannot be given."""
    if np.isnan(interval.mean):
        return "–"
    low_high = "–" if np.isnan(interval.low) else f"{interval.low:{sign}.2f} to {interval.high:{sign}.2f}"
    return f"{interval.mean:{sign}.2f} ({low_high})"
