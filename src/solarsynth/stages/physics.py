"""Physical quantities of a set of images, measured once."""

from __future__ import annotations

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.pixels import DISK_RADIUS
from solarsynth.stages.graph import Job, Lab, Stage
from solarsynth.stages.labelled import labelled_set


def disk_radius(lab: Lab) -> float:
    """Return the radius of the disk in the lab's images, in pixels."""
    data = labelled_set(lab)
    return DISK_RADIUS[data.unit] * data.image.shape[-1]


def _measure(job: Job) -> None:
    from solarsynth.metrics.physics import quantities

    image, unit = job.ask["images"].image, labelled_set(job.lab).unit
    np.save(job.folder / "quantities.npy", quantities(image, disk_radius(job.lab), unit))


PHYSICS = Stage(
    "physics",
    "physical quantities of a set of images",
    make=_measure,
    load=lambda lab, entry: np.load(entry.path / "quantities.npy", allow_pickle=False),
    above=("dataset",),
    needs=lambda lab, ask: {"images": ask["images"].key},
    ask={"images": None},
    identity=lambda lab, ask: {"unit": labelled_set(lab).unit},
)


def physics(lab: Lab, images: ImageSet) -> np.ndarray:
    """Return the physical quantities (n, d) float32 of images; see `solarsynth.metrics.physics.quantities`.

    The tilt of the Sun's axis is taken as 0 for real images too, so that they are measured as generated ones are.
    """
    return lab.load(PHYSICS, images=images)
