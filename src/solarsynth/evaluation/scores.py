"""Classifier scores of samples as ratios to those of held-out real images: Table 1, and Appendix D per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import STD_OVER_CLASSIFIERS, Value, bounds, tail
from solarsynth.flares import CLASSES
from solarsynth.metrics.skill import at_mix, class_scores, confusion, sample_std

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation.classifiers import CrossValidated
    from solarsynth.evaluation.reference import Reference

#: Attributes of `ClassScores`, and the rows of Table 1 that they give.
SCORES = {"f1": "F1", "precision": "Precision", "recall": "Recall"}

#: Resamplings of blocks for the floor.
DRAWS = 400


def scores(reference: Reference, images: ImageSet) -> list[Value]:
    """Return macro scores as ratios to those of held-out real images, as in Table 1.

    Only classes that occur in both sets count. Precision and F1 depend on how common the classes are. The held-out
    images therefore count as if their classes had the samples' proportions: else a perfect generator would not have
    a ratio of 1. If a class has a few held-out images only, the scores are given without it, too.

    Parameters
    ----------
    reference : Reference
    images : ImageSet
        With the classes that the model was asked for. Images without a class are ignored.

    Returns
    -------
    list of Value
        F1, precision and recall. The error is the standard deviation over the classifiers. Without a classifier that
        beats the majority class the values have no p-value, and the note says that they judge nothing.

    Raises
    ------
    SolarsynthError
        If the samples, or the samples and the held-out images together, have fewer than two classes.
    """
    label, known = _classes(images)
    _at_least_two("the samples", np.unique(label))
    real = reference.held_out_scores
    occurs = np.isin(np.arange(len(CLASSES)), label) & (real.counts > 0)
    _at_least_two("both the samples and the held-out images", np.flatnonzero(occurs))
    y_pred = reference.predictions(images)[:, known]
    own = reference.lab.settings.fold if len(np.unique(real.fold)) > 1 else int(real.fold[0])
    values = _ratios(real, own, label, y_pred, occurs, reference.lab.settings.floor_draws)
    few = [i for i in real.few if occurs[i]]
    if few and occurs.sum() - len(few) >= 2:
        without = occurs.copy()
        without[few] = False
        names = " and ".join(CLASSES[i] for i in few)
        values += _ratios(real, own, label, y_pred, without, reference.lab.settings.floor_draws, f" without {names}")
    return values


def _ratios(
    real: CrossValidated,
    own: int,
    label: np.ndarray,
    y_pred: np.ndarray,
    occurs: np.ndarray,
    draws: int,
    suffix: str = "",
) -> list[Value]:
    """Return the ratios over some classes, (n_classes,) bool; `own` is the fold whose classifiers judge the samples."""
    here = occurs[label]
    label, y_pred = label[here], y_pred[:, here]
    mix = np.bincount(label, minlength=len(CLASSES))
    drawn = class_scores(np.stack([confusion(label, one, len(CLASSES)) for one in y_pred])).macro()
    below = class_scores(at_mix(real.confusions(), mix)).macro()
    held_out = _own_fold(real, own, mix, below)
    floor = ratio_draws(real, mix, max(DRAWS, draws))
    low, high = bounds(floor)
    why_not = real.why_not()
    values = []
    for i, (key, name) in enumerate(SCORES.items()):
        # The score of each classifier is divided by its own score on real images.
        ratio = np.divide(drawn[key], below[key], out=np.full(len(y_pred), np.nan), where=below[key] > 0)
        note = "a classifier has a score of 0 on real images; train it longer (classifier_images)"
        if np.isfinite(ratio).all():
            note = _note(drawn[key].mean(), below[key].mean(), occurs)
        value = float(ratio.mean())
        values.append(
            Value(
                name + suffix,
                1,
                value,
                sample_std(ratio),
                STD_OVER_CLASSIFIERS,
                held_out=held_out[i],
                low=float(low[i]),
                high=float(high[i]),
                p=np.nan if why_not else tail(value, floor[:, i], len(np.unique(real.unit)), "below"),
                images=len(label),
                floor_images=len(label),
                reference_images=len(real.y_true),
                note="; ".join(part for part in (why_not, note) if part),
            )
        )
    return values


def _own_fold(real: CrossValidated, own: int, mix: np.ndarray, below: dict[str, np.ndarray]) -> list[float]:
    """Return the ratios of the own fold's held-out images, as if they were samples; NaN without a class of them."""
    here = real.fold == own
    if (np.bincount(real.y_true[here], minlength=len(mix))[mix > 0] == 0).any():
        return [float("nan")] * len(SCORES)
    counts = np.stack([confusion(real.y_true[here], one, len(CLASSES)) for one in real.y_pred[:, here]])
    found = class_scores(at_mix(counts, mix)).macro()
    with np.errstate(divide="ignore", invalid="ignore"):
        return [float(np.mean(np.where(below[key] > 0, found[key] / below[key], np.nan))) for key in SCORES]


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


def _note(drawn: float, real: float, occurs: np.ndarray) -> str:
    """Say which two scores form the ratio, and which classes are left out."""
    note = f"samples {drawn:.3f}, held-out real images in the same mix of classes {real:.3f}"
    left = [name for name, here in zip(CLASSES, occurs, strict=True) if not here]
    return note + (f", without class {', '.join(left)}" if left else "")


def ratio_draws(real: CrossValidated, mix: np.ndarray, draws: int) -> np.ndarray:
    """Return the score ratios of random sets of real images: the floor of `scores`.

    Both sides of the ratio are resampled in whole units, because both are known from a limited number of them. A unit
    that is drawn twice counts twice. All classifiers get the same images.

    Parameters
    ----------
    real : CrossValidated
    mix : ndarray of int, shape (n_classes,)
        Images per class of each set. A class with images must have a held-out image.
    draws : int

    Returns
    -------
    ndarray of float, shape (draws, 3)
        Ratios of F1, precision and recall, means over the classifiers. NaN where a classifier has a score of 0, or a
        class is in none of the units that were drawn.
    """
    rng, n = np.random.default_rng(0), len(CLASSES)
    names, unit = np.unique(real.unit, return_inverse=True)
    classes = np.flatnonzero(mix)
    # The cell of the confusion matrix that each image belongs to, one row per classifier.
    cells = real.y_true * n + real.y_pred
    found = np.full((draws, len(SCORES)), np.nan)
    for k in range(draws):
        weight, others = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), 2)[:, unit]
        totals = [np.bincount(real.y_true, side, n)[classes] for side in (weight, others)]
        if not np.all(totals):
            continue
        # A set has so many images of a class, drawn from the images of the units: the same for all classifiers.
        chosen = np.zeros(len(unit))
        for i in classes:
            share = weight * (real.y_true == i)
            chosen += rng.multinomial(mix[i], share / share.sum())
        drawn, truth = (_weighted_scores(cells, side, mix) for side in (chosen, others))
        with np.errstate(divide="ignore", invalid="ignore"):
            found[k] = [np.where(truth[key] > 0, drawn[key] / truth[key], np.nan).mean() for key in SCORES]
    return found


def _weighted_scores(cells: np.ndarray, weight: np.ndarray, mix: np.ndarray) -> dict[str, np.ndarray]:
    """Return the macro scores (classifiers,) of images (n,) that count with weights, in a mix of classes."""
    n = len(mix)
    counts = np.stack([np.bincount(one, weight, n * n).reshape(n, n) for one in cells])
    return class_scores(at_mix(counts, mix)).macro()


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
        real = class_scores(at_mix(reference.held_out_scores.confusions(), counts))
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
                    held_out=float(truth.mean()),
                    images=int(counts[i]),
                    note=note,
                )
            )
    return values
