"""The simulated Sun: a physical toy model that writes a whole archive, anywhere, without a network.

It is a physical model, not noise with labels. Tilted regions emerge in two belts, follow the cycle and rotate across
the disk. They flare with a tapered power law. The X-ray flux and the frames both follow from the regions and flares,
and so do the classes of the labelled set. The frames are in DN/s, like SDOMLv2's.

Sources of the numbers: shape of the cycle, Hathaway, Wilson & Reichmann 1994 (doi:10.1007/BF00654090); latitude of
emergence, Hathaway 2011 (doi:10.1007/s11207-011-9837-z); tilt, Stenflo & Kosovichev 2012
(doi:10.1088/0004-637X/745/2/129); rotation, Snodgrass & Ulrich 1990 (doi:10.1086/168467); flare sizes, Sakurai 2022
(doi:10.3390/physics5010002).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.observations.simulated.cycle import emerge
from solarsynth.observations.simulated.faults import add_faults
from solarsynth.observations.simulated.flaring import flare, frame_times, observe_events, x_ray_flux
from solarsynth.observations.simulated.rendering import render
from solarsynth.observations.writing import tolerances, write_archive
from solarsynth.times import MINUTE, SECOND, parse_times

__all__ = ["VERSION", "SimulatedSun", "simulate"]

#: Increased when the simulated Sun changes.
VERSION = 4


@dataclass(frozen=True)
class SimulatedSun:
    """What is simulated.

    Attributes
    ----------
    images : int
        About how many labelled images the archive yields; events are thinned evenly to that end.
    image_size : int
        Side of the frames in pixels.
    start, end : str
        Period, ISO 8601.
    xrs_cadence : int
        Milliseconds between two samples of the X-ray flux.
    regular_days : int
        Days between two frames before 00:00 UT that are taken whether or not there is a flare; 1 fills the daily set.
    flare_contrast : float
        Factor on the light of flares in the frames; 1 is the physical estimate. Their area grows with it, not their
        surface brightness, which would saturate. A larger one makes the class of a flare easier to read from a frame.
        With 0 no flare is seen, only the region that flares. The X-ray flux and the classes do not change.
    faults : bool
        Whether the archive has the faults of real ones: days out of order, repeated frames, frames of NaN.
    seed : int
        With the default the archive still has flares of class X when it is thinned to 2000 images.
    """

    images: int = 2000
    image_size: int = 64
    start: str = "2011-01-01"
    end: str = "2020-01-01"
    xrs_cadence: int = MINUTE
    regular_days: int = 10
    flare_contrast: float = 1.0
    faults: bool = True
    seed: int = 5

    def __post_init__(self) -> None:
        if self.xrs_cadence < SECOND:
            raise SolarsynthError(f"xrs_cadence must be at least {SECOND} (milliseconds), got {self.xrs_cadence:g}")
        if not 0 <= self.flare_contrast < float("inf"):
            raise SolarsynthError(f"flare_contrast must be a finite number of at least 0, got {self.flare_contrast:g}")


def simulate(path: Path, sun: SimulatedSun) -> dict[str, int]:
    """Write an archive of the simulated Sun.

    Parameters
    ----------
    path : Path
        Folder to make.
    sun : SimulatedSun

    Returns
    -------
    dict of str to int
        Counts: regions, flares, events, frames.
    """
    rng = np.random.default_rng(sun.seed)
    start, end = parse_times([sun.start, sun.end])
    regions = emerge(rng, start, end)
    flares = flare(rng, regions, start, end)
    xrs = x_ray_flux(rng, regions, flares, start, end, sun.xrs_cadence)
    events = observe_events(rng, flares, xrs, sun.images)
    times = frame_times(rng, events, start, end, sun.regular_days)
    rendering = np.random.default_rng([sun.seed, 1])
    image = render(regions, flares, times, sun.image_size, rendering, flare_contrast=sun.flare_contrast)
    if sun.faults:
        image, times = add_faults(rng, image, times)
    described = asdict(sun) | {"xrs_cadence": sun.xrs_cadence / SECOND, "version": VERSION}  # seconds, like all of xrs
    write_archive(
        path,
        image=image,
        time=times,
        unit="DN/s",
        xrs=xrs,
        events=events,
        attributes={"source": "simulated", "simulated": described}
        | tolerances(7 * MINUTE, max(6 * SECOND, sun.xrs_cadence)),
    )
    return {"regions": len(regions), "flares": len(flares), "events": len(events), "frames": len(times)}
