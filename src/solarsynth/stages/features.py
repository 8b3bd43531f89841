"""Features of images, and what is computed from those of the training images once: maps and floors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.stages.encoders import CEVAE, CLASSIFIER
from solarsynth.stages.graph import Ask, Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET, all_images, labelled_set
from solarsynth.stages.physics import PHYSICS, physics
from solarsynth.store import array_key

if TYPE_CHECKING:
    from solarsynth.stages.spaces import Space

#: Feature spaces and their titles.
SPACES = {
    "cevae": "ceVAE",
    "vgg": "VGG16 (ST-LPIPS)",
    "classifier": "classifier",
    "clip": "CLIP ViT-B/32",
    "inception": "InceptionV3",
}

#: The space of the physical quantities. It has no network, and its numbers have units: no Fréchet distance, no map.
MEASURED = PHYSICS.name

_TRAINED = {"cevae": CEVAE, "classifier": CLASSIFIER}


def space(lab: Lab, name: str) -> Space:
    """Return a feature space; networks of this lab are trained if the store does not hold them.

    Parameters
    ----------
    lab : Lab
    name : {"cevae", "vgg", "classifier", "clip", "inception"}

    Raises
    ------
    solarsynth.stages.spaces.WeightsMissing
        If published weights are not on this machine.
    """
    from solarsynth.stages import spaces

    _check(name)

    def find() -> Space:
        if name in _TRAINED:
            entry = lab.entry(_TRAINED[name])
            return spaces.trained(name, entry.key, lab.load(_TRAINED[name]))
        return {"vgg": spaces.vgg, "clip": spaces.clip, "inception": spaces.inception}[name]()

    return lab.remember(("space", name), find)


def _network(lab: Lab, ask: Ask) -> Need | str:
    """Return the network of a space: a stage that trains it, or the key of published weights."""
    if ask["space"] in _TRAINED:
        return Need(_TRAINED[ask["space"]])
    if ask["space"] == MEASURED:
        return f"{MEASURED}, version {PHYSICS.version}, {labelled_set(lab).unit}"
    from solarsynth.stages.spaces import published_key

    return published_key(ask["space"])


def _embed(job: Job) -> None:
    np.save(job.folder / "features.npy", space(job.lab, job.ask["space"]).embed(job.ask["images"].image))


FEATURES = Stage(
    "features",
    "features of a set of images in a space",
    make=_embed,
    load=lambda lab, entry: np.load(entry.path / "features.npy", allow_pickle=False),
    above=("cevae", "classifier"),
    needs=lambda lab, ask: {"network": _network(lab, ask), "images": ask["images"].key},
    ask={"space": "cevae", "images": None},
    identity=lambda lab, ask: {"space": ask["space"]},
    on_device=True,
)


def features(lab: Lab, name: str, images: ImageSet) -> np.ndarray:
    """Return the features (n, d) float32 of images in a space; see `space`. ``physics`` are physical quantities."""
    if name == MEASURED:
        return physics(lab, images)
    _check(name)
    return lab.load(FEATURES, space=name, images=images)


def training_features(lab: Lab, name: str) -> np.ndarray:
    """Return the features (n, d) of the training images."""
    return features(lab, name, all_images(lab))[labelled_set(lab).train]


def held_out_features(lab: Lab, name: str) -> np.ndarray:
    """Return the features (n, d) of the held-out images."""
    return features(lab, name, all_images(lab))[labelled_set(lab).test]


def _check(name: str) -> None:
    if name not in SPACES:
        raise SolarsynthError(f"unknown feature space {shown(name)}{did_you_mean(name, SPACES)}")


def _map(job: Job) -> None:
    from solarsynth.metrics.separation import tsne

    chosen = training_features(job.lab, job.ask["space"])[job.ask["chosen"]]
    np.save(job.folder / "map.npy", tsne(chosen, verbose=len(chosen) > 5000))


MAP = Stage(
    "tsne",
    "t-SNE map of training images",
    make=_map,
    load=lambda lab, entry: np.load(entry.path / "map.npy", allow_pickle=False),
    above=("dataset", "cevae", "classifier", "features"),
    needs=lambda lab, ask: {"dataset": Need(DATASET), "network": _network(lab, ask)},
    ask={"space": "cevae", "chosen": None},
    identity=lambda lab, ask: {"space": ask["space"], "chosen": array_key(ask["chosen"])},
)


def tsne_map(lab: Lab, name: str, chosen: np.ndarray) -> np.ndarray:
    """Return the t-SNE map (m, 2) of the training images with the indices `chosen` (m,)."""
    _check(name)
    return lab.load(MAP, space=name, chosen=chosen)


def _measure_floor(job: Job) -> None:
    np.save(job.folder / "floor.npy", job.ask["compute"]())


FLOOR = Stage(
    "floor",
    "what sets of real images reach by a metric",
    make=_measure_floor,
    load=lambda lab, entry: np.load(entry.path / "floor.npy", allow_pickle=False),
    above=("dataset", "physics", "cevae", "classifier", "features"),
    needs=lambda lab, ask: {"dataset": Need(DATASET), "network": _network(lab, ask)},
    ask={"space": "cevae", "metric": None, "compute": None},
    identity=lambda lab, ask: {"space": ask["space"]} | ask["metric"],
    version=3,
)


def floor(lab: Lab, name: str, metric: dict[str, Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Return what sets of the training images reach by a metric.

    Parameters
    ----------
    lab : Lab
    name : str
        Feature space.
    metric : dict
        Names the metric, and all that its values depend on but data set and space; JSON types.
    compute : callable
        Returns the values (draws, ...).
    """
    if name != MEASURED:
        _check(name)
    return lab.load(FLOOR, space=name, metric=metric, compute=compute)
