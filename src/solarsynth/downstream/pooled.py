"""The test images of all folds together: each is tested once, by classifiers that did not learn from its fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.flares import CLASSES
from solarsynth.metrics.skill import Forecast
from solarsynth.stages import RARE

if TYPE_CHECKING:
    from solarsynth.dataset.tasks import Task


@dataclass(frozen=True)
class Prediction:
    """What one trial says about the test images of all folds.

    Attributes
    ----------
    probability : ndarray of float, shape (n, classes)
        NaN in the folds in which the trial did not run.
    threshold : ndarray of float, shape (n,)
        The forecast is *yes* from this probability on; NaN where there is no choice to make.
    """

    probability: np.ndarray
    threshold: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Whether the trial ran in the image's fold, (n,) bool."""
        return ~np.isnan(self.probability[:, 0])


@dataclass(frozen=True)
class Pooled:
    """The test images of all folds, fold after fold.

    Attributes
    ----------
    name : {"classes", "days"}
    y_true : ndarray of int, shape (n,)
        The class, or 1 for a day with a flare of class M or X.
    unit, region : ndarray of int64, shape (n,)
        The independent unit and the active region; -1 for an unknown region.
    fold : ndarray of int, shape (n,)
        Position of the fold that tests the image.
    taught : ndarray of bool, shape (n, classes)
        Whether the fold's training images have the class. A class without one cannot be recognised.
    rate : ndarray of float, shape (n, classes)
        Share of each class among the fold's training images.
    rare : tuple of str
        Classes that get more images in one fold at least.
    before : ndarray of bool, shape (n,)
        Whether a flare of class M or X was listed in the 24 hours before; all False for ``classes``.
    """

    name: str
    y_true: np.ndarray
    unit: np.ndarray
    region: np.ndarray
    fold: np.ndarray
    taught: np.ndarray
    rate: np.ndarray
    rare: tuple[str, ...]
    before: np.ndarray

    def __len__(self) -> int:
        return len(self.y_true)


def pool(tasks: Sequence[Task]) -> Pooled:
    """Put the test images of all folds together.

    Parameters
    ----------
    tasks : sequence of Task
        One per fold.
    """
    classes = 2 if tasks[0].name == "days" else len(CLASSES)
    size = [int(task.test.sum()) for task in tasks]
    counts = np.array([np.bincount(task.label[task.fit], minlength=classes) for task in tasks])
    before = [np.zeros(len(task.label), bool) if task.before is None else task.before for task in tasks]

    def tested(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([value[task.test] for value, task in zip(values, tasks, strict=True)])

    return Pooled(
        name=tasks[0].name,
        y_true=tested([task.label for task in tasks]).astype(int),
        unit=tested([task.unit for task in tasks]),
        region=tested([task.region for task in tasks]),
        fold=np.repeat(np.arange(len(tasks)), size),
        taught=np.repeat(counts > 0, size, axis=0),
        rate=np.repeat(counts / counts.sum(1, keepdims=True), size, axis=0),
        rare=tuple(name for name in RARE if any(name in task.rare for task in tasks)),
        before=tested(before),
    )


def certain(y_pred: np.ndarray, classes: int) -> Prediction:
    """Return predictions (n,) of int as those of a trial that is certain."""
    return Prediction(np.eye(classes)[np.asarray(y_pred, int)], np.full(len(y_pred), 0.5))


def majority(pooled: Pooled) -> Prediction:
    """Predict the commonest class of each fold's training images."""
    return certain(pooled.rate.argmax(1), pooled.rate.shape[1])


def persistence(pooled: Pooled) -> Prediction:
    """Forecast a strong flare where one was listed in the 24 hours before the day."""
    return certain(pooled.before, 2)


def climatology(pooled: Pooled) -> Prediction:
    """Forecast the share of strong days among the fold's training days, and flag none."""
    return Prediction(pooled.rate, np.full(len(pooled), np.inf))


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
    candidates = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    skills = np.array([Forecast.of(y_true, probability >= threshold).tss for threshold in candidates])
    return float(candidates[int(np.nanargmax(skills))]) if not np.isnan(skills).all() else 0.5
