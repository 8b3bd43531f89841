"""The classifiers on held-out real images of all folds, and whether they are fit to judge samples."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.metrics.intervals import Interval, crossed_interval
from solarsynth.metrics.skill import FEWEST, auc, confusion, enough

if TYPE_CHECKING:
    from solarsynth.stages import Lab


#: The interval of a score that no class can have.
NOTHING = Interval(float("nan"), float("nan"), float("nan"), float("nan"), 0, 0)


@dataclass(frozen=True)
class CrossValidated:
    """Predictions for real images by classifiers that have learnt neither from them nor from their weeks.

    Attributes
    ----------
    y_true : ndarray of int, shape (n,)
        Classes of the images.
    probability : ndarray of float, shape (classifiers, n, n_classes)
    majority : ndarray of int, shape (n,)
        The commonest class of the images that the classifiers of an image's fold learnt from.
    unit : ndarray of int, shape (n,)
        The independent unit of each image.
    fold : ndarray of int, shape (n,)
    """

    y_true: np.ndarray
    probability: np.ndarray
    majority: np.ndarray
    unit: np.ndarray
    fold: np.ndarray

    @functools.cached_property
    def y_pred(self) -> np.ndarray:
        """The most probable classes, (classifiers, n)."""
        return self.probability.argmax(2)

    @property
    def counts(self) -> np.ndarray:
        """Held-out images per class, (n_classes,)."""
        return np.bincount(self.y_true, minlength=len(CLASSES))

    @property
    def few(self) -> list[int]:
        """The classes with some held-out images, but too few, or of too few units, to tell anything."""
        return [i for i, n in enumerate(self.counts) if n and i not in self.judged]

    def confusions(self) -> np.ndarray:
        """Return confusion matrices (classifiers, n_classes, n_classes)."""
        return np.stack([confusion(self.y_true, one, len(CLASSES)) for one in self.y_pred])

    @functools.cached_property
    def judged(self) -> np.ndarray:
        """The classes (k,) with enough held-out images, in enough units: the recall of others is luck."""
        return np.unique(self.y_true[enough(self.y_true, self.unit, fewest_units=FEWEST)])

    @functools.cached_property
    def recall(self) -> Interval:
        """Recall, mean over the judged classes and the classifiers; the majority class has one over their number."""
        here = np.flatnonzero(np.isin(self.y_true, self.judged))
        if not len(here):
            return NOTHING
        y_true = self.y_true[here]

        def score(index: np.ndarray) -> np.ndarray:
            right = self.y_pred[:, here[index]] == y_true[index]
            with np.errstate(invalid="ignore"):
                return np.mean([right[:, y_true[index] == i].mean(1) for i in self.judged], axis=0)

        return crossed_interval(score, self.unit[here], y_true)

    @functools.cached_property
    def auc(self) -> Interval:
        """Area under the ROC curve, each judged class against the others; mean over classes and classifiers."""
        here = np.flatnonzero(np.isin(self.y_true, self.judged))
        if not len(here):
            return NOTHING

        def score(index: np.ndarray) -> np.ndarray:
            y_true, fold = self.y_true[here[index]], self.fold[here[index]]
            found = [[auc(y_true == i, one[here[index], i], fold) for i in self.judged] for one in self.probability]
            return np.mean(found, axis=1)

        return crossed_interval(score, self.unit[here], self.y_true[here])

    @functools.cached_property
    def accuracy(self) -> Interval:
        """Accuracy minus that of the majority class, mean over the classifiers."""

        def score(index: np.ndarray) -> np.ndarray:
            right = self.y_pred[:, index] == self.y_true[index]
            return right.mean(1) - (self.majority[index] == self.y_true[index]).mean()

        return crossed_interval(score, self.unit)

    @property
    def chance(self) -> float:
        """Macro recall of the majority class."""
        return 1 / max(1, len(self.judged))

    @property
    def judges(self) -> bool:
        """Whether the classifiers beat the majority class: the interval of their macro recall lies above its."""
        return bool(self.recall.low > self.chance)

    def why_not(self) -> str:
        """Return why the classifiers judge nothing; empty if they do."""
        if self.judges:
            return ""
        r = self.recall
        return (
            f"judges nothing: the classifiers do not beat the majority class on held-out blocks (macro recall "
            f"{r.mean:.2f}, {r.low:.2f} to {r.high:.2f}; majority {self.chance:.2f})"
        )


def cross_validated(lab: Lab) -> CrossValidated:
    """Return the predictions of every fold's classifiers for its held-out images, all folds together.

    Raises
    ------
    SolarsynthError
        If nothing is held out.
    """
    from solarsynth import stages

    parts = []
    for fold, there in enumerate(stages.fold_labs(lab)):
        data, images = stages.labelled_set(there), stages.held_out_images(there)
        if not len(images):
            continue
        seeds = range(lab.settings.classifier_seeds)
        probability = np.stack([stages.predictions(there, images, seed) for seed in seeds])
        most = np.bincount(data.label[data.fit], minlength=len(CLASSES)).argmax()
        size = len(images)
        parts.append((images.label, probability, np.full(size, most), data.group[data.test], np.full(size, fold)))
    if not parts:
        raise SolarsynthError("scores need held-out real images, got none; set test_fraction above 0")
    y_true, probability, majority, unit, fold = zip(*parts, strict=True)
    return CrossValidated(
        np.concatenate(y_true),
        np.concatenate(probability, axis=1),
        np.concatenate(majority),
        np.concatenate(unit),
        np.concatenate(fold),
    )
