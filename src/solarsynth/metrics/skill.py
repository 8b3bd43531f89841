"""Scores of classes and of yes/no forecasts, from counts; all of them tested against scikit-learn and by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError

#: Fewer test images of a class say too little: no difference is judged on them, and scores that hold them say so.
FEWEST = 5


def confusion(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return counts (n_classes, n_classes) of int: rows are what is true, columns what was said.

    Raises
    ------
    SolarsynthError
        For a label outside the classes.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if len(true) != len(predicted):
        raise SolarsynthError(f"{len(true)} true labels, but {len(predicted)} predictions")
    both = np.concatenate([true, predicted])
    if len(both) and not (0 <= both.min() and both.max() < n_classes):
        raise SolarsynthError(f"labels must lie in 0 to {n_classes - 1}; there are {both.min()} to {both.max()}")
    return np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


@dataclass(frozen=True)
class ClassScores:
    """Scores per class, (n_classes,) each; NaN for a class without a true image.

    Attributes
    ----------
    f1, precision, recall : ndarray of float
        Precision of a class nobody predicted is 0.
    """

    f1: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def macro(self) -> dict[str, float]:
        """Return the means over the classes that occur."""
        return {name: float(np.nanmean(values)) for name, values in vars(self).items()}


def class_scores(counts: np.ndarray) -> ClassScores:
    """Return the scores of a confusion matrix, of counts or of weights.

    Raises
    ------
    SolarsynthError
        If it is empty.
    """
    if not counts.sum():
        raise SolarsynthError("scores need at least one tested image")
    right, true, said = np.diag(counts).astype(float), counts.sum(1), counts.sum(0)
    occurs = np.where(true > 0, 1.0, np.nan)

    def share(of: np.ndarray, all_of: np.ndarray) -> np.ndarray:
        return occurs * np.divide(of, all_of, out=np.zeros(len(of)), where=all_of > 0)

    return ClassScores(f1=share(2 * right, true + said), precision=share(right, said), recall=share(right, true))


def at_mix(counts: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """Return a confusion matrix as if its classes were as common as in another set: (n_classes, n_classes) of float.

    The same classifier on the same kind of images has another precision, and another F1, where classes are
    common that were rare.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_classes)
    mix : ndarray of int, shape (n_classes,)
        Images per class of the other set.
    """
    return counts / np.maximum(counts.sum(1, keepdims=True), 1) * np.asarray(mix)[:, None]


def spread(values: np.ndarray) -> float:
    """Return the standard deviation of a sample of values (n,), NaN ones left out; NaN of fewer than two."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


@dataclass(frozen=True)
class Forecast:
    """Counts of a yes/no forecast.

    Attributes
    ----------
    tp, fp, fn, tn : int
        Hits, false alarms, misses, correct rejections.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, happened: np.ndarray, said: np.ndarray) -> Forecast:
        """Count from what happened and what was said, (n,) bool each."""
        counts = confusion(np.asarray(happened, int), np.asarray(said, int), 2)
        return cls(tp=int(counts[1, 1]), fp=int(counts[0, 1]), fn=int(counts[1, 0]), tn=int(counts[0, 0]))

    @property
    def tss(self) -> float:
        """True skill statistic, Eq. 7: hit rate less false alarm rate; NaN where one kind of day does not occur."""
        positives, negatives = self.tp + self.fn, self.fp + self.tn
        if not positives or not negatives:
            return float("nan")
        return self.tp / positives - self.fp / negatives

    @property
    def hss(self) -> float:
        """Heidke skill score, Eq. 8: accuracy beyond chance; NaN where all days and all forecasts are of one kind."""
        positives, negatives = self.tp + self.fn, self.fp + self.tn
        chance = positives * (self.fn + self.tn) + (self.tp + self.fp) * negatives
        return 2 * (self.tp * self.tn - self.fn * self.fp) / chance if chance else float("nan")


def brier(happened: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean squared difference of probabilities (n,) in [0, 1] and what happened (n,) bool."""
    probability = np.asarray(probability, float)
    if len(probability) == 0 or not ((probability >= 0) & (probability <= 1)).all():
        raise SolarsynthError("a Brier score needs probabilities between 0 and 1")
    return float(((probability - np.asarray(happened, float)) ** 2).mean())
