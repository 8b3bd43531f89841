"""What it costs that the tilt of the Sun's axis is not known for generated images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.physics import active_regions
from solarsynth.observations.ephemeris import solar_tilt
from solarsynth.pixels import DISK_RADIUS, to_dn

if TYPE_CHECKING:
    from solarsynth.dataset.labelled import LabelledSet


@dataclass(frozen=True)
class TiltEffect:
    """What neglecting the tilt of the Sun's axis does to the latitudes of regions, in degrees.

    Attributes
    ----------
    tilt : tuple of float
        Lowest and highest B0 of the images.
    regions : int
    mean, spread : float
        Mean and standard deviation of the error of a region's latitude.
    belt, belt_without : float
        Mean absolute latitude with the tilt and without it.
    """

    tilt: tuple[float, float]
    regions: int
    mean: float
    spread: float
    belt: float
    belt_without: float


def tilt_effect(data: LabelledSet) -> TiltEffect:
    """Measure the latitudes of the regions of real images with the tilt at their time, and with a tilt of 0.

    Raises
    ------
    SolarsynthError
        If no image shows a region.
    """
    radius = DISK_RADIUS[data.unit] * data.image.shape[-1]
    dn, tilt = to_dn(data.image, data.unit), solar_tilt(data.frame_time)
    true, neglected = active_regions(dn, radius, tilt).latitude, active_regions(dn, radius).latitude
    if not len(true):
        raise SolarsynthError(f"no active region in {len(data.image):,} images, so no latitude to compare")
    error = neglected - true
    return TiltEffect(
        (float(tilt.min()), float(tilt.max())),
        len(true),
        float(error.mean()),
        float(error.std()),
        float(np.abs(true).mean()),
        float(np.abs(neglected).mean()),
    )
