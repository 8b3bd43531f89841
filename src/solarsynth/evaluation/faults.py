"""Rows that look for copies of the training images and for gross faults, which distances may miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import stages
from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import Value
from solarsynth.metrics.copies import (
    FEWEST_UNITS,
    TAIL,
    Copies,
    authenticity,
    copy_share,
    nearest_distances,
    nearest_images,
    nearest_pairs,
)
from solarsynth.metrics.defects import defects

if TYPE_CHECKING:
    from solarsynth.evaluation.reference import Reference
    from solarsynth.stages import Lab

#: Names of the rows, and the feature space in which each looks for copies; pixels need none.
COPIES = {"Copies, pixels": "", "Copies, VGG16 space": "vgg"}

#: Name of the share of authentic images, and what a perfect generator has if all images are independent.
AUTHENTIC = {"AuthPct": 0.5}

#: Names of the rows of `solarsynth.metrics.defects`, and what a set without the fault has.
FAULTS = {"Collapse": 1, "Repeated images": 0, "Another scale": 0, "Inverted": 1, "Constant images": 0}


def copies(reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
    """Return the share of images that are nearer to a training image than 99 % of the held-out images are.

    It is measured in pixels, up to brightness, mirrors and small shifts, and in VGG16's space. Neither was fitted to
    the training images.

    Raises
    ------
    SolarsynthError
        Without held-out images, which set the scale.
    """
    data = reference.data
    if not data.test.any():
        raise SolarsynthError("copies need held-out real images to compare with; set test_fraction above 0")
    drawn = sets[0] if len(sets) == 1 else ImageSet.pool(sets)
    values = []
    for name, space in COPIES.items():
        try:
            found, held_out = _copies(reference, drawn, space)
        except SolarsynthError as error:
            values.append(Value(name, 0, note=str(error)))
            continue
        note = f"nearer than {found.threshold:.3g}, as {TAIL:.0%} of held-out images are; "
        if np.isfinite(found.p):
            note += f"2 % of the samples nearer than {found.certain:.3g} would reject"
        else:
            note += f"no test: it needs held-out images of {FEWEST_UNITS} weeks or regions or more"
        values.append(
            Value(
                name,
                0,
                found.share,
                float(np.sqrt(found.share * (1 - found.share) / len(drawn))),
                "binomial standard error",
                held_out=TAIL,
                p=found.p,
                images=len(drawn),
                floor_images=held_out,
                reference_images=int(data.train.sum()),
                note=note,
            )
        )
    return values


def _copies(reference: Reference, drawn: ImageSet, space: str) -> tuple[Copies, int]:
    """Compare the distances to the training images with those of the held-out images, and return the count of these.

    Held-out images of every fold are compared with the training images of their fold, so that all blocks have a say.
    """
    labs = reference.folds or [reference.lab]
    held, unit = [], []
    for fold, there in enumerate(labs):
        data = stages.labelled_set(there)
        if not data.test.any():  # a short archive has folds without a block
            continue
        params = {"metric": f"copies of held-out, {space or 'pixels'}", "fold": fold}
        # Pixels need no space; one that is always there names the folder.
        held.append(reference.floor(space or "vgg", params, lambda there=there: _distances(there, None, space)))
        unit.append(data.group[data.test])
    near, theirs, units = _distances(reference.lab, drawn, space), np.concatenate(held), np.concatenate(unit)
    if len(np.unique(units)) < FEWEST_UNITS:  # the share describes the samples, whether or not it can be tested
        threshold = float(np.quantile(theirs, TAIL))
        return Copies(float((near < threshold).mean()), threshold, np.nan, np.nan, near < threshold), len(theirs)
    return copy_share(near, theirs, units), len(theirs)


def _distances(lab: Lab, drawn: ImageSet | None, space: str) -> np.ndarray:
    """Return the distances of images to the nearest training image of a lab; by default of its held-out images."""
    data = stages.labelled_set(lab)
    if not space:
        return nearest_images(data.image[data.test] if drawn is None else drawn.image, data.image[data.train])
    real = stages.features(lab, space, stages.all_images(lab))
    return nearest_distances(real[data.test] if drawn is None else stages.features(lab, space, drawn), real[data.train])


def authentic(reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
    """Return AuthPct: the share of images farther from their nearest training image than its own neighbours are.

    Neighbours of a training image are those of other weeks and regions. The value describes; the rows of copies test.
    """
    data = reference.data
    drawn = np.concatenate([images.image for images in sets])
    train, unit = data.image[data.train], data.group[data.train]
    if len(np.unique(unit)) < 2:
        raise SolarsynthError("AuthPct needs training images of several weeks or regions, got one")

    def share(image: np.ndarray) -> float:
        distance, index = nearest_pairs(image, train)
        partners, place = np.unique(index, return_inverse=True)
        own = nearest_images(train[partners], train, unit[partners], unit)
        return float(authenticity(distance, place, own).mean())

    ((name, target),) = AUTHENTIC.items()
    value = share(drawn)
    held_out = [np.nan]
    if data.test.any():
        params = {"metric": "AuthPct of held-out"}
        held_out = reference.floor("vgg", params, lambda: np.array([share(data.image[data.test])]))
    return [
        Value(
            name,
            target,
            value,
            float(np.sqrt(value * (1 - value) / len(drawn))),
            "binomial standard error",
            held_out=float(held_out[0]),
            images=len(drawn),
            floor_images=int(data.test.sum()),
            reference_images=int(data.train.sum()),
            note="farther from the nearest training image than that one is from its neighbours of other weeks and "
            "regions; real weeks differ, so held-out images do not have 0.5 either",
        )
    ]


def faults(reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
    """Return a row for each gross fault: collapse, repeated images, another scale, inverted and constant images.

    A fault that is found rejects the set. The limits come from the real images.
    """
    drawn = np.concatenate([images.image for images in sets])
    real, test = reference.data.image, reference.data.test
    found = defects(drawn, real)
    held_out = [one.value for one in defects(real[test], real)] if test.any() else [np.nan] * len(found)
    return [
        Value(
            name,
            target,
            one.value,
            held_out=held,
            low=one.low,
            high=one.high,
            p=0.0 if one.found else np.nan,
            images=len(drawn),
            note=one.text,
        )
        for (name, target), one, held in zip(FAULTS.items(), found, held_out, strict=True)
    ]
