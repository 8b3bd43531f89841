"""Is it the Sun? The physical quantities of samples against those of real images, as distances with floors.

`rows` are for a whole set of images and stand in the table of `solarsynth evaluate`. `class_physics` compares the
images of every class with real images of that class.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.comparison import Comparison
from solarsynth.evaluation.pool import some, subsets
from solarsynth.evaluation.values import Value, bounds, judged, tail, widened
from solarsynth.flares import CLASSES
from solarsynth.metrics.floors import block_parts, largest_rest
from solarsynth.metrics.intervals import Interval, unit_interval
from solarsynth.metrics.physics import (
    QUANTITIES,
    Quantity,
    columns_of,
    missing,
    quantity_distance,
)
from solarsynth.metrics.physics.distances import FEWEST

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation.reference import Reference
    from solarsynth.stages import Lab

#: How the names of the rows begin.
PREFIX = "Physics, "

#: A set of left-out real images takes at most this share of the images of a class.
LARGEST_SHARE = 1 / 4


def row_name(quantity: Quantity) -> str:
    """Return the name of a quantity's row."""
    return PREFIX + quantity.name[0].lower() + quantity.name[1:]


#: Names of the rows, and the value of a perfect generator.
TARGETS = {row_name(quantity): 0 for quantity in QUANTITIES}


def distance_interval(real: np.ndarray, drawn: np.ndarray, unit: np.ndarray, quantity: Quantity) -> Interval:
    """Return a distance with an interval that resamples the blocks of the real images.

    Parameters
    ----------
    real, drawn : ndarray of float, shapes (n, d) and (m, d)
        Physical quantities.
    unit : ndarray of int, shape (n,)
        Independent unit of each real image.
    quantity : Quantity

    Returns
    -------
    Interval
        A distance is not negative, and neither is the lower end. Its p-value against 0 says nothing: sets of other
        weeks have a distance, too. That is what the floor is for.
    """
    found = unit_interval(lambda index: quantity_distance(real[index], drawn, quantity), unit)
    return replace(found, low=max(0.0, found.low) if np.isfinite(found.low) else found.low, p=float("nan"))


def _remark(quantity: Quantity, real: np.ndarray, drawn: np.ndarray, unit: np.ndarray) -> str:
    """Return the interval over blocks, and which images do not have the quantity, as text."""
    found = distance_interval(real, drawn, unit, quantity)
    over_blocks = f"95 % over blocks: {found.low:.2g} to {found.high:.2g}" if np.isfinite(found.low) else ""
    parts = (missing(drawn, quantity), missing(real, quantity, "real images"), over_blocks)
    return "; ".join(part for part in parts if part)


def _comparison(quantity: Quantity) -> Comparison:
    return Comparison(
        row_name(quantity),
        {row_name(quantity): 0},
        lambda real, drawn: [quantity_distance(real, drawn, quantity)],
        prepare=lambda reference, real: real,
        space="physics",
        remark=functools.partial(_remark, quantity),
        limits={row_name(quantity): (0, np.inf)},
        root=True,
    )


_COMPARISONS = tuple(_comparison(quantity) for quantity in QUANTITIES)


def rows(reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
    """Return the distance of every physical quantity, with the floor of real images of other blocks.

    Latitudes are for a tilt of 0 on both sides, because the time of a generated image is not known.
    """
    return [value for comparison in _COMPARISONS for value in comparison.values(reference, sets)]


# --- per class


@dataclass(frozen=True)
class Difference:
    """A physical quantity of a class: real and generated.

    Attributes
    ----------
    quantity : Quantity
    real, drawn : ndarray of float, shape (k,)
        Means over the images that have it; k is 1, or the points of a curve.
    interval : Interval
        The distance of both distributions, in real standard deviations, with its interval over blocks.
    value : Value
        The distance with its floor and verdict.
    """

    quantity: Quantity
    real: np.ndarray
    drawn: np.ndarray
    interval: Interval
    value: Value


@dataclass(frozen=True)
class ClassPhysics:
    """The physics of a class.

    Attributes
    ----------
    real, drawn : ndarray of float, shapes (n, d) and (m, d)
        Physical quantities of the real training images and of the generated ones.
    floor : ndarray of float, shape (draws, d)
        Mean quantities of sets of real images of whole left-out units; without a row if there are too few.
    differences : list of Difference
    """

    real: np.ndarray
    drawn: np.ndarray
    floor: np.ndarray
    differences: list[Difference]


def physics_by_class(lab: Lab, images: ImageSet) -> dict[str, ClassPhysics]:
    """Compare generated images with the lab's real images of the same class; see `class_physics`.

    Raises
    ------
    SolarsynthError
        If the images have no classes.
    """
    from solarsynth import stages

    if images.label is None:
        raise SolarsynthError("physics per class needs images with classes, got images without")
    data, real = stages.labelled_set(lab), stages.physics(lab, stages.all_images(lab))
    return class_physics(real, data.label, data.train, data.group, stages.physics(lab, images), images.label)


def class_physics(
    real: np.ndarray,
    label: np.ndarray,
    train: np.ndarray,
    unit: np.ndarray,
    drawn: np.ndarray,
    drawn_label: np.ndarray,
    *,
    draws: int = 40,
) -> dict[str, ClassPhysics]:
    """Compare the physical quantities of generated images with those of real images of the same class.

    Parameters
    ----------
    real : ndarray of float, shape (n, d)
        Quantities of all labelled real images, as from `solarsynth.stages.physics`.
    label, unit : ndarray of int, shape (n,)
        Their classes and independent units.
    train : ndarray of bool, shape (n,)
        The real images that generated ones are compared with. The floor is made of all.
    drawn : ndarray of float, shape (m, d)
    drawn_label : ndarray of int, shape (m,)
        The classes that were asked for; negative numbers are left out.
    draws : int
        Sets of left-out real images for the floor.

    Returns
    -------
    dict of str to ClassPhysics
        Per class that was drawn. The p-values are corrected for the number of all quantities of all classes. A class of
        too few images or units has distances without a verdict, and the note says why.
    """
    found = {}
    for i in np.unique(drawn_label[drawn_label >= 0]):
        here, asked = label == i, drawn[drawn_label == i]
        found[CLASSES[i]] = _of_class(real[here], train[here], unit[here], asked, draws)
    values = judged([one.value for each in found.values() for one in each.differences])
    corrected = iter(values)
    return {
        name: replace(each, differences=[replace(one, value=next(corrected)) for one in each.differences])
        for name, each in found.items()
    }


def _of_class(real: np.ndarray, train: np.ndarray, unit: np.ndarray, drawn: np.ndarray, draws: int) -> ClassPhysics:
    size = max(FEWEST, min(len(drawn), int(LARGEST_SHARE * len(real))))
    reference = np.flatnonzero(train)
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    why = ""
    try:
        if len(reference) < FEWEST:
            raise SolarsynthError(f"physics of a class needs {FEWEST} training images or more, got {len(reference)}")
        parts = _parts(unit, size, len(np.unique(unit[train])), len(reference), draws)
    except SolarsynthError as error:
        why = str(error)
    sets = subsets(np.arange(len(drawn)), size)
    setting = _Setting(real, reference, unit, drawn, sets, parts, size, why)
    with np.errstate(invalid="ignore"):
        floor = [_means(real[held], range(real.shape[1])) for held, _ in parts]
    return ClassPhysics(
        real[train],
        drawn,
        np.array(floor).reshape(len(parts), real.shape[1]),
        [_difference(quantity, setting) for quantity in QUANTITIES],
    )


def _parts(unit: np.ndarray, size: int, units: int, most: int, draws: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return sets of whole left-out units, and references of about as many units and images as the training part.

    A reference of more units would be nearer to the Sun's mean than the training part is, and the floor too narrow.
    """
    rng, parts = np.random.default_rng(0), []
    for held, _ in block_parts(unit, size, largest_rest(unit, size), draws):
        others = np.flatnonzero(~np.isin(unit, unit[held]))
        chosen = rng.permutation(np.unique(unit[others]))[:units]
        other = others[np.isin(unit[others], chosen)]
        parts.append((held, some(other, min(most, len(other)), rng)))
    return parts


@dataclass(frozen=True)
class _Setting:
    """What all quantities of a class are measured on; indices are those of the class's real and drawn images."""

    real: np.ndarray
    reference: np.ndarray
    unit: np.ndarray
    drawn: np.ndarray
    sets: list[np.ndarray]
    parts: list[tuple[np.ndarray, np.ndarray]]
    size: int
    why: str


def _difference(quantity: Quantity, on: _Setting) -> Difference:
    """Return a quantity's distance, with the floor and the interval."""
    real, units = on.real[on.reference], on.unit[on.reference]
    values = [quantity_distance(real, on.drawn[index], quantity) for index in on.sets]
    value = float(np.mean(values))
    draws = np.array([quantity_distance(on.real[rest], on.real[held], quantity) for held, rest in on.parts])
    # The draws share units. There are no more independent ones than disjoint sets, and with the degrees of freedom of
    # all units a distance, whose tail is heavier than a mean's, would be rejected three times too often.
    disjoint = math.ceil(len(np.unique(on.unit)) / np.mean([len(np.unique(on.unit[h])) for h, _ in on.parts] or [1]))
    root = np.maximum(widened(np.sqrt(draws)[:, None], on.size / max(1, len(on.real))), 0)
    low, high = (float(edge[0]) ** 2 for edge in bounds(root))
    found = Interval(*[np.nan] * 4, 0, 0)
    if len(real):
        found = distance_interval(real, on.drawn[on.sets[0]], units, quantity)
    why = on.why
    if on.parts and not np.isfinite(draws).any():
        why = f"too few real images in different units for a floor, got {len(on.real)}"
    notes = (why, missing(on.drawn, quantity), missing(real, quantity, "real images"))
    return Difference(
        quantity,
        _means(real, columns_of(quantity.name)),
        _means(on.drawn, columns_of(quantity.name)),
        replace(found, mean=value),
        Value(
            row_name(quantity),
            0,
            value,
            low=low,
            high=high,
            p=tail(float(np.sqrt(value)), root[:, 0], disjoint, "above") if len(root) else np.nan,
            images=len(on.drawn),
            floor_images=on.size if on.parts else 0,
            reference_images=len(real),
            note="; ".join(note for note in notes if note),
        ),
    )


def _means(found: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Return the means (k,) of columns over the images that have them; NaN if none has."""
    chosen = found[:, list(columns)].astype(np.float64)
    known = np.isfinite(chosen).sum(0)
    return np.where(known, np.nansum(chosen, axis=0) / np.maximum(known, 1), np.nan)
