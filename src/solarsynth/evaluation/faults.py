"""Rows that look for copies of the training images and for gross faults, which distances may miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import Value
from solarsynth.metrics.copies import TAIL, Copies, copy_share, nearest_distances, nearest_images
from solarsynth.metrics.defects import defects

if TYPE_CHECKING:
    from solarsynth.evaluation.reference import Reference

#: Names of the rows, and the feature space in which each looks for copies; pixels need none.
COPIES = {"Copies, pixels": "", "Copies, VGG16 space": "vgg"}

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
            found = _copies(reference, drawn, space)
        except SolarsynthError as error:
            values.append(Value(name, 0, note=str(error)))
            continue
        note = f"nearer than {found.threshold:.3g}; held-out images have {TAIL:.0%} by definition"
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
                floor_images=int(data.test.sum()),
                reference_images=int(data.train.sum()),
                note=note,
            )
        )
    return values


def _copies(reference: Reference, drawn: ImageSet, space: str) -> Copies:
    """Compare the distances to the training images with those of the held-out images."""
    data = reference.data
    if space:
        real = reference.real_features(space)
        train, held_out, images = real[data.train], real[data.test], reference.features(drawn, space)
        measure = nearest_distances
    else:
        train, held_out, images = data.image[data.train], data.image[data.test], drawn.image
        measure = nearest_images
    held = reference.floor(
        space or "vgg",  # pixels need no space; any that is always there names the folder
        {"metric": f"copies of held-out, {space or 'pixels'}"},
        lambda: measure(held_out, train),
    )
    return copy_share(measure(images, train), held, data.group[data.test])


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
