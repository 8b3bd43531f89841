"""Control of a lab's generated images: a regressor per feature space, trained on the lab's real images."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.evaluation.control import Control, control
from solarsynth.flares import CLASSES
from solarsynth.pixels import block_mean
from solarsynth.times import DAY

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.dataset.labelled import LabelledSet
    from solarsynth.stages import Lab

#: Feature spaces of the regressors. ``brightness`` are quantiles of the pixels, ``pixels`` are block means.
SPACES = ("physics", "brightness", "pixels", "cevae", "vgg")

#: Side of the images of block means.
BLOCK_MEANS = 16


def features(lab: Lab, space: str, images: ImageSet) -> np.ndarray:
    """Return the features (n, d) of images in one of `SPACES`."""
    from solarsynth import stages

    if space not in SPACES:
        raise SolarsynthError(f"unknown feature space {shown(space)}{did_you_mean(space, SPACES)}")
    if space == "brightness":
        return brightness_quantiles(images.image)
    if space != "pixels":
        return stages.features(lab, space, images)
    size = images.image.shape[-1]
    small = block_mean(images.image, BLOCK_MEANS if size % BLOCK_MEANS == 0 else size)
    return small.reshape(len(images), -1).astype(np.float32)


def brightness_quantiles(image: np.ndarray) -> np.ndarray:
    """Return quantiles (n, k) float32 of the pixels of images (n, H, W): half of them, three quarters, 7/8 and so on.

    A flare is a few bright pixels somewhere, which no position tells.
    """
    ordered = np.sort(image.reshape(len(image), -1), axis=1)
    count = ordered.shape[1]
    above = 0.5 ** np.arange(0.0, np.log2(count) + 0.5, 0.5)
    return ordered[:, np.unique(np.minimum(np.round(count * (1 - above)), count - 1).astype(int))].astype(np.float32)


def class_flux(data: LabelledSet, label: np.ndarray) -> np.ndarray:
    """Return the log10 flux (m,) that stands for the classes (m,) of requests: the mean of real images of the class."""
    log = np.log10(data.flux)
    known = {i: log[data.label == i].mean() for i in np.unique(data.label)}
    lacking = [CLASSES[i] for i in np.unique(label) if i not in known]
    if lacking:
        raise SolarsynthError(f"no real image of class {', '.join(lacking)}, whose flux could stand for the class")
    return np.array([known[i] for i in label])


def controls(
    lab: Lab,
    images: ImageSet,
    flux: np.ndarray | None = None,
    *,
    spaces: Sequence[str] = SPACES,
    part: str = "test",
) -> Mapping[str, Control | str]:
    """Read generated images with a regressor per feature space.

    Parameters
    ----------
    lab : Lab
    images : ImageSet
        With the classes that were asked for; images without a class are left out.
    flux : ndarray of float, shape (m,), optional
        The fluxes that were asked for in W/m², for the continuous model; by default those of `class_flux`.
    spaces : sequence of str
        Among `SPACES`.
    part : {"test", "train"}
        The real images from which the regressors learn. ``test`` are those of the held-out blocks, from which the
        generator has not learnt. ``train`` are more; but a generator that copies its training images, with their
        labels, would seem to obey a regressor that has learnt the same.

    Returns
    -------
    mapping of str to Control or str
        Per space the result, or a line that says why there is none.
    """
    from solarsynth import stages

    if part not in ("test", "train"):
        raise SolarsynthError(f"part must be test or train, got {shown(part)}")
    data = stages.labelled_set(lab)
    here = np.flatnonzero(getattr(data, part))
    known = np.ones(len(images), bool) if images.label is None else images.label >= 0
    if flux is None and images.label is None:
        raise SolarsynthError("control needs the classes or fluxes that were asked for, got none")

    @functools.cache
    def requests() -> np.ndarray:
        return class_flux(data, images.label[known]) if flux is None else np.log10(np.asarray(flux)[known])

    found: dict[str, Control | str] = {}
    for space in spaces:
        try:
            found[space] = control(
                features(lab, space, stages.all_images(lab))[here],
                np.log10(data.flux[here]),
                data.group[here],
                data.frame_time[here] // DAY,
                features(lab, space, images)[known],
                requests(),
                label=data.label[here],
                drawn_label=None if images.label is None else images.label[known],
                space=space,
            )
        except SolarsynthError as error:
            found[space] = str(error)
    return found
