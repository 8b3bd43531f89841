"""Classifier scores of samples as ratios to those of held-out real images: Table 1, and Appendix D per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import STD_OVER_CLASSIFIERS, Value
from solarsynth.flares import CLASSES
from solarsynth.metrics.skill import FEWEST, at_mix, class_scores, confusion, sample_std

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation.reference import Reference

#: Attributes of `ClassScores`, and the rows of Table 1 that they give.
SCORES = {"f1": "F1", "precision": "Precision", "recall": "Recall"}


def scores(reference: Reference, images: ImageSet) -> list[Value]:
    """Return macro scores as ratios to those of held-out real images, as in Table 1.

    Only classes that occur in both sets count. Precision and F1 depend on how common the classes are. The held-out
    images therefore count as if their classes had the samples' proportions: else a perfect generator would not have
    a ratio of 1.

    Parameters
    ----------
    reference : Reference
    images : ImageSet
        With the classes that the model was asked for. Images without a class are ignored.

    Returns
    -------
    list of Value
        F1, precision and recall. The error is the standard deviation over the classifiers.

    Raises
    ------
    SolarsynthError
        If the samples, or the samples and the held-out images together, have fewer than two classes.
    """
    label, known = _classes(images)
    _at_least_two("the samples", np.unique(label))
    held_out = np.bincount(reference.held_out.label, minlength=len(CLASSES))
    occurs = np.isin(np.arange(len(CLASSES)), label) & (held_out > 0)
    _at_least_two("both the samples and the held-out images", np.flatnonzero(occurs))
    here = occurs[label]
    label, y_pred = label[here], reference.predictions(images)[:, known][:, here]
    mix = np.bincount(label, minlength=len(CLASSES))
    drawn = class_scores(np.stack([confusion(label, one, len(CLASSES)) for one in y_pred])).macro()
    real = reference.real_scores(mix).macro()
    low, high = _range(reference.score_floor(mix))
    values = []
    for i, (key, name) in enumerate(SCORES.items()):
        # The score of each classifier is divided by its own score on real images.
        above, below = drawn[key], real[key]
        ratio = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
        note = "a classifier has a score of 0 on real images; train it longer (classifier_images)"
        if np.isfinite(ratio).all():
            note = _note(above.mean(), below.mean(), occurs, held_out)
        error = sample_std(ratio)
        values.append(
            Value(
                name,
                1,
                float(ratio.mean()),
                error,
                STD_OVER_CLASSIFIERS,
                low[i],
                high[i],
                images=len(label),
                floor_images=len(label),
                note=note,
            )
        )
    return values


def _classes(images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes (m,) of the images that have one, and which images these are, (n,) bool."""
    if images.label is None:
        raise SolarsynthError("scores need images with classes, got images without")
    known = images.label >= 0
    return images.label[known], known


def _at_least_two(where: str, classes: np.ndarray) -> None:
    if len(classes) < 2:
        names = ", ".join(CLASSES[i] for i in classes) or "none"
        raise SolarsynthError(f"scores need at least two classes in {where}, got {names}")


def _note(drawn: float, real: float, occurs: np.ndarray, held_out: np.ndarray) -> str:
    """Say which two scores form the ratio, which classes are left out, and which have few held-out images."""
    note = f"samples {drawn:.3f}, held-out real images in the same mix of classes {real:.3f}"
    left = [name for name, here in zip(CLASSES, occurs, strict=True) if not here]
    few = [f"{n} of class {name}" for name, n in zip(CLASSES, held_out, strict=True) if 0 < n < FEWEST]
    note += f", without class {', '.join(left)}" if left else ""
    return note + (f"; only {', '.join(few)} held out" if few else "")


def ratio_draws(label: np.ndarray, y_pred: np.ndarray, mix: np.ndarray, draws: int) -> np.ndarray:
    """Return the score ratios of random sets of real images: the floor of `scores`.

    Both sides of the ratio are resampled with replacement, because both are known from a limited number of images.
    All classifiers get the same images.

    Parameters
    ----------
    label : ndarray of int, shape (n,)
        Classes of the held-out real images.
    y_pred : ndarray of int, shape (classifiers, n)
        Their predictions.
    mix : ndarray of int, shape (n_classes,)
        Images per class of each set. A class with images must have a held-out image.
    draws : int

    Returns
    -------
    ndarray of float, shape (draws, 3)
        Ratios of F1, precision and recall, means over the classifiers. NaN where a classifier has a score of 0.
    """
    rng, n = np.random.default_rng(0), len(CLASSES)
    members = {i: np.flatnonzero(label == i) for i in np.flatnonzero(mix)}
    # The cell of the confusion matrix that each image belongs to. Counting cells is a hundred times as fast as calling
    # `confusion` for every draw.
    cells = label * n + y_pred
    above, below = [], []
    for _ in range(draws):
        chosen = np.concatenate([rng.choice(m, mix[i]) for i, m in members.items()])
        others = np.concatenate([rng.choice(m, len(m)) for m in members.values()])
        for found, index in ((above, chosen), (below, others)):
            found.append([np.bincount(one[index], minlength=n * n).reshape(n, n) for one in cells])
    drawn, real = class_scores(np.array(above)).macro(), class_scores(at_mix(np.array(below), mix)).macro()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [np.where(real[key] > 0, drawn[key] / real[key], np.nan).mean(1) for key in SCORES]
    return np.stack(ratios, axis=1)


def _range(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 5th and 95th percentile (k,) of draws (n, k) that are finite; NaN if none is."""
    known = draws[np.isfinite(draws).all(1)]
    low, high = np.percentile(known, [5, 95], axis=0) if len(known) else np.full((2, draws.shape[1]), np.nan)
    return low, high


def class_values(reference: Reference, images: ImageSet) -> list[Value]:
    """Return F1, precision and recall of every class, means over the classifiers, as in Appendix D.

    Parameters
    ----------
    reference : Reference
    images : ImageSet
        With classes. Images without a class are ignored.

    Returns
    -------
    list of Value
        Empty if there are no scores, for which `evaluate` gives the reason.
    """
    try:
        label, known = _classes(images)
        y_pred = reference.predictions(images)[:, known]
        drawn = class_scores(np.stack([confusion(label, one, len(CLASSES)) for one in y_pred]))
        counts = np.bincount(label, minlength=len(CLASSES))
        real = reference.real_scores(counts)
    except SolarsynthError:
        return []
    values = []
    for i, letter in enumerate(CLASSES):
        for key, name in SCORES.items():
            found, truth = getattr(drawn, key)[:, i], getattr(real, key)[:, i]
            note = f"held-out real images: {truth.mean():.3f}"
            if np.isnan(truth).any():
                note = "no held-out real image" if counts[i] else "no sample of this class"
            values.append(
                Value(
                    f"{name}, class {letter}",
                    1,
                    float(found.mean()),
                    sample_std(found),
                    STD_OVER_CLASSIFIERS,
                    images=int(counts[i]),
                    note=note,
                )
            )
    return values
