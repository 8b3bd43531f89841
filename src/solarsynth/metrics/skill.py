"""Scores of classifications and of yes/no forecasts.

scikit-learn computes confusion matrices, precision, recall, F1, the Brier score and calibration bins. The two skill
scores of the paper's Eqs. 7 and 8 are written here, because scikit-learn does not have them under these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError

#: With fewer test images of a class no difference is judged, and scores that include the class say so.
FEWEST = 5


def enough(label: np.ndarray, unit: np.ndarray, fewest: int = FEWEST, fewest_units: int = 2) -> np.ndarray:
    """Return which images (n,) bool are of a class with enough images, in enough units, to have an interval.

    Parameters
    ----------
    label, unit : ndarray of int, shape (n,)
        Class and independent unit of each image.
    fewest, fewest_units : int
        Images and units that a class needs.
    """
    label, unit = np.asarray(label), np.asarray(unit)
    images = {c: label == c for c in np.unique(label)}
    kept = [c for c, here in images.items() if here.sum() >= fewest and len(np.unique(unit[here])) >= fewest_units]
    return np.isin(label, kept)


def confusion(y_true: np.ndarray, y_pred: np.ndarray, n_classes: int) -> np.ndarray:
    """Return a confusion matrix: rows are true classes, columns are predicted classes.

    Parameters
    ----------
    y_true, y_pred : array_like of int, shape (n,)
        Classes from 0 to ``n_classes - 1``.
    n_classes : int

    Returns
    -------
    ndarray of int, shape (n_classes, n_classes)

    Raises
    ------
    SolarsynthError
        For a label outside the classes, or for arrays of different lengths.
    """
    from sklearn.metrics import confusion_matrix

    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if len(y_true) != len(y_pred):
        raise SolarsynthError(f"every image needs one prediction, got {len(y_true)} images and {len(y_pred)}")
    # scikit-learn silently leaves out labels that are not in its list.
    both = np.concatenate([y_true, y_pred])
    if len(both) and not (0 <= both.min() and both.max() < n_classes):
        raise SolarsynthError(f"labels must be from 0 to {n_classes - 1}, got {both.min()} to {both.max()}")
    if not len(both):
        return np.zeros((n_classes, n_classes), int)
    return confusion_matrix(y_true, y_pred, labels=np.arange(n_classes))


@dataclass(frozen=True)
class ClassScores:
    """Scores of every class; NaN for a class without a true image.

    Attributes
    ----------
    f1, precision, recall : ndarray of float, shape (..., n_classes)
        The precision of a class that is never predicted is 0.
    """

    f1: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def macro(self, without: Sequence[int] = ()) -> dict[str, float | np.ndarray]:
        """Return the means over the classes that occur: numbers, or arrays for several confusion matrices.

        Parameters
        ----------
        without : sequence of int
            Classes that are left out.
        """
        kept = [i for i in range(self.f1.shape[-1]) if i not in without]
        return {name: np.nanmean(values[..., kept], axis=-1)[()] for name, values in vars(self).items()}


def class_scores(counts: np.ndarray) -> ClassScores:
    """Return precision, recall and F1 of every class of one or more confusion matrices.

    Parameters
    ----------
    counts : ndarray, shape (..., n_classes, n_classes)
        Counts or weights; see `confusion` and `at_mix`.

    Raises
    ------
    SolarsynthError
        If a matrix is empty.
    """
    from sklearn.metrics import precision_recall_fscore_support

    counts = np.asarray(counts)
    n_classes = counts.shape[-1]
    matrices = counts.reshape(-1, n_classes, n_classes)
    if not matrices.sum((1, 2)).all():
        raise SolarsynthError("scores need at least one tested image, got none")
    # Each cell of a matrix is one weighted observation. The classes of each matrix get numbers of their own, so that
    # one call scores all matrices: a call for each would take a hundred times as long.
    number, y_true, y_pred = np.indices(matrices.shape)
    precision, recall, f1, _ = precision_recall_fscore_support(
        (number * n_classes + y_true).ravel(),
        (number * n_classes + y_pred).ravel(),
        labels=np.arange(len(matrices) * n_classes),
        sample_weight=matrices.ravel(),
        zero_division=0,
    )
    occurs = np.where(counts.sum(-1) > 0, 1.0, np.nan)
    f1, precision, recall = (occurs * np.reshape(values, occurs.shape) for values in (f1, precision, recall))
    return ClassScores(f1, precision, recall)


def at_mix(counts: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """Return confusion matrices as if the classes were as common as in another set.

    Precision and F1 of a classifier depend on how common the classes are. A comparison of two sets needs the same
    mix of classes in both.

    Parameters
    ----------
    counts : ndarray of int, shape (..., n_classes, n_classes)
    mix : ndarray of int, shape (n_classes,)
        Images per class of the other set.

    Returns
    -------
    ndarray of float, shape (..., n_classes, n_classes)
    """
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1) * np.asarray(mix)[:, None]


def sample_std(values: np.ndarray) -> float:
    """Return the standard deviation of a sample (n,), with n - 1 in the denominator.

    Values that are NaN or infinite are left out. The result is NaN if fewer than two values remain.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


@dataclass(frozen=True)
class Forecast:
    """Counts of a yes/no forecast.

    Attributes
    ----------
    tp, fp, fn, tn : int
        Hits, false alarms, misses and correct rejections.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, y_true: np.ndarray, y_pred: np.ndarray) -> Forecast:
        """Count from the truth and the forecast, (n,) bool each."""
        # Four sums instead of a confusion matrix: bootstraps count some ten thousand times.
        y_true, y_pred = np.asarray(y_true, bool), np.asarray(y_pred, bool)
        if len(y_true) != len(y_pred):
            raise SolarsynthError(f"every day needs one forecast, got {len(y_true)} days and {len(y_pred)}")
        hits, yes, positives = (int(np.count_nonzero(x)) for x in (y_true & y_pred, y_pred, y_true))
        return cls(tp=hits, fp=yes - hits, fn=positives - hits, tn=len(y_true) - positives - yes + hits)

    @property
    def tss(self) -> float:
        """True skill statistic, Eq. 7: hit rate minus false alarm rate; NaN unless both kinds of day occur."""
        positives, negatives = self.tp + self.fn, self.fp + self.tn
        if not positives or not negatives:
            return float("nan")
        return self.tp / positives - self.fp / negatives

    @property
    def hss(self) -> float:
        """Heidke skill score, Eq. 8: accuracy beyond chance; NaN if all days and all forecasts are the same."""
        positives, negatives = self.tp + self.fn, self.fp + self.tn
        chance = positives * (self.fn + self.tn) + (self.tp + self.fp) * negatives
        return 2 * (self.tp * self.tn - self.fn * self.fp) / chance if chance else float("nan")


def auc(y_true: np.ndarray, score: np.ndarray, group: np.ndarray | None = None) -> float:
    """Return the area under the ROC curve: how often a positive gets a higher score than a negative.

    Parameters
    ----------
    y_true : ndarray of bool, shape (n,)
    score : ndarray of float, shape (n,)
        In [0, 1]. A tie counts one half.
    group : ndarray of int, shape (n,), optional
        Only pairs within a group are compared. The scores of two classifiers have different scales, so the images of
        two folds cannot be ranked together.

    Returns
    -------
    float
        The mean over all pairs of a positive and a negative of one group; NaN without such a pair. In one group it is
        scikit-learn's ``roc_auc_score``, which is too slow for the thousands of calls that an interval needs.
    """
    from scipy.stats import rankdata

    y_true, score = _outcomes(y_true, score, "an area under the curve")
    where = np.zeros(len(score), int) if group is None else np.unique(group, return_inverse=True)[1]
    size = np.bincount(where)
    positives = np.bincount(where, y_true)
    # The offset puts the groups one after the other, so that one ranking serves all of them.
    rank = rankdata(score + 2.0 * where) - (np.cumsum(size) - size)[where]
    above = np.bincount(where, rank * y_true) - positives * (positives + 1) / 2
    pairs = (positives * (size - positives)).sum()
    return float(above.sum() / pairs) if pairs else float("nan")


def brier(y_true: np.ndarray, probability: np.ndarray) -> float:
    """Return the Brier score: the mean squared difference between probabilities and outcomes.

    Parameters
    ----------
    y_true : ndarray of bool, shape (n,)
    probability : ndarray of float, shape (n,)
        In [0, 1].
    """
    from sklearn.metrics import brier_score_loss

    y_true, probability = _outcomes(y_true, probability, "a Brier score")
    return float(brier_score_loss(y_true, probability, pos_label=1))


def calibration(y_true: np.ndarray, probability: np.ndarray, bins: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Compare forecast probabilities with observed frequencies, in bins of about equally many forecasts.

    Parameters
    ----------
    y_true : ndarray of bool, shape (n,)
    probability : ndarray of float, shape (n,)
        In [0, 1]. Equal probabilities share a bin.
    bins : int

    Returns
    -------
    forecast, observed : ndarray of float, shape (k,)
        Mean probability and share of yes in each bin; k is `bins`, or less if probabilities repeat.
    """
    from sklearn.calibration import calibration_curve

    y_true, probability = _outcomes(y_true, probability, "a calibration curve")
    observed, forecast = calibration_curve(y_true, probability, pos_label=1, n_bins=bins, strategy="quantile")
    return forecast, observed


def _outcomes(y_true: np.ndarray, probability: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes as 0 or 1, and probabilities as floats in [0, 1]."""
    y_true, probability = np.asarray(y_true, int), np.asarray(probability, float)
    if len(y_true) != len(probability):
        raise SolarsynthError(f"{what} needs one probability per case, got {len(y_true)} and {len(probability)}")
    if len(probability) == 0:
        raise SolarsynthError(f"{what} needs at least one forecast, got none")
    if not ((probability >= 0) & (probability <= 1)).all():
        low, high = probability.min(), probability.max()
        raise SolarsynthError(f"{what} needs probabilities between 0 and 1, got {low:g} to {high:g}")
    return y_true, probability
