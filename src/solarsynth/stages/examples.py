"""What a denoiser learns from: which images, and the condition of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.dataset.splits import twins
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.stages.days import describe_days
from solarsynth.stages.features import space
from solarsynth.stages.graph import Job, Lab

if TYPE_CHECKING:
    from solarsynth.dataset.labelled import LabelledSet

#: What a model learns from: the training images, only those from which classifiers learn too, or one frame a day; and
#: what the first two may start from, every frame of the same weeks, without conditions.
ALL = {"frames": "all", "fit": "all-fit"}
#: Two disjoint parts of the training images, `mode` blocks each; see `solarsynth.dataset.splits`.
TWINS = ("twin-a", "twin-b")
#: The model that the sampler ``consistency`` draws with, tuned from that of the training images.
TUNED = "consistency"
ON = (*ALL, "days", *ALL.values(), *TWINS, TUNED)


def with_unlabelled(job: Job, image: np.ndarray, condition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images and conditions with the frames that have no label, as many of the one as of the other.

    Labelled images are repeated until about half of a batch has a label; a training on all frames repeats none, because
    there a label is not used.
    """
    from solarsynth.kinds import kind

    frames = job.need("unlabelled")
    part = frames.fit if job.ask["on"] in ("fit", ALL["fit"]) else frames.train
    without = kind(job.ask["model"]).unlabelled(frames.flux[part]).astype(np.float32)
    if job.ask["on"] in ALL.values():
        without = np.full_like(without, np.nan)
    else:
        often = max(1, round(int(part.sum()) / len(image)))
        image, condition = np.concatenate([image] * often), np.concatenate([condition] * often)
    without = np.broadcast_to(without, (len(without), condition.shape[1]))
    return np.concatenate([image, frames.image[part]]), np.concatenate([condition, without])


def frames_examples(job: Job) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Return images (n, H, W) uint8, classes (n,), fluxes (n,) in W/m², and what is written beside the weights."""
    from solarsynth.kinds import kind

    data = job.need("images")
    if kind(job.ask["model"]).takes_flux and not data.has_flux:
        raise SolarsynthError(
            f"model {job.ask['model']!r} learns from the X-ray flux, and the archive {job.lab.data} has none; "
            "import it with --flux, or choose another model"
        )
    if job.ask["on"] in TWINS:
        part = twin_parts(data, job.ask["mode"], job.settings.purge_days)[TWINS.index(job.ask["on"])]
    else:
        part = data.fit if job.ask["on"] in ("fit", ALL["fit"]) else data.train
    about = {
        "classes_seen": dict(zip(CLASSES, np.bincount(data.label[part], minlength=len(CLASSES)).tolist(), strict=True)),
        "unit": data.unit,
        "source": data.about["source"],
        "training_flux": {n: data.flux[part & (data.label == i)].tolist() for i, n in enumerate(CLASSES)},
    }
    return data.image[part], data.label[part], data.flux[part], about


def twin_parts(data: LabelledSet, blocks: str, purge_days: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (n,) bool that each of two twins learns from, `blocks` blocks of time each."""
    return twins(data.frame_time, data.block, data.train, int(blocks), purge_days)


def days_examples(job: Job) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Return the same of the daily set; its fluxes are NaN."""
    task = job.need("images")
    # No more than the classifiers of Section 8 learn from.
    used = task.fit & (task.flare >= 0)  # a day without a flare has no class to learn
    flare = task.flare[used]
    counts = np.bincount(flare, minlength=len(CLASSES)).tolist()
    about = {"classes_seen": dict(zip(CLASSES, counts, strict=True))} | describe_days(job.entry("images"))
    return task.image[used], flare, np.full(len(flare), np.nan), about


def training_conditions(lab: Lab, model: str, label: np.ndarray, flux: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return the conditions (n, d) float32 that a model is trained with.

    Parameters
    ----------
    lab : Lab
    model : str
    label : ndarray of int, shape (n,)
    flux : ndarray of float, shape (n,)
        W/m².
    image : ndarray of uint8, shape (n, H, W)
    """
    from solarsynth.kinds import Examples, kind

    examples = Examples(label, flux, lambda: space(lab, "cevae").embed(image))
    return kind(model).training(examples).astype(np.float32)
