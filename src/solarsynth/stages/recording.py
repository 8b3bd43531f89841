"""A lab that trains and draws nothing: it notes what a run would make, and how much work that is.

A `Recorder` answers requests as a `Lab` does, and follows `Stage.needs` in the same way, so that the keys it notes are
those that a run gives to its results. Observations and data sets are made, because requests depend on them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.flares import CLASSES
from solarsynth.integrity import MANIFEST
from solarsynth.kinds import BASELINE
from solarsynth.stages.encoders import (
    CEVAE,
    CEVAE_TRAINING,
    CLASSIFIER,
    CLASSIFIER_TRAINING,
    cevae_architecture,
    classifier_architecture,
    learning_parts,
)
from solarsynth.stages.graph import Ask, Lab, Need, Stage
from solarsynth.stages.labelled import labelled_set
from solarsynth.stages.models import (
    AVERAGE,
    MODEL,
    OPTIMISER,
    denoiser_architecture,
    drawn_with,
    training_length,
)
from solarsynth.stages.prior import PRIOR, PRIOR_TRAINING, prior_architecture
from solarsynth.stages.samples import SAMPLES, sampling_of
from solarsynth.stages.training import FORWARD_SHARE, log_lines
from solarsynth.stages.trials import LOOKS, TRIAL, TRIAL_TRAINING, task_of
from solarsynth.stages.unlabelled import UNLABELLED
from solarsynth.store import Entry


@dataclass(frozen=True)
class Network:
    """A network as far as its speed depends on it.

    Attributes
    ----------
    name : str
        For people.
    description : str
        Its architecture and, under ``training``, its batch and the share of mirrored images; JSON.
    """

    name: str
    description: str

    @classmethod
    def of(cls, name: str, architecture: dict[str, Any], batch_size: int, mirror: float = 0.0) -> Network:
        """Describe a network that is trained in batches of `batch_size`."""
        training = {"batch_size": batch_size, "mirror": mirror}
        return cls(name, json.dumps(architecture | {"training": training}, sort_keys=True))

    @property
    def architecture(self) -> dict[str, Any]:
        """What `solarsynth.networks.build` takes."""
        return {k: v for k, v in json.loads(self.description).items() if k != "training"}

    @property
    def training(self) -> dict[str, Any]:
        """``batch_size`` and ``mirror``."""
        return json.loads(self.description)["training"]


@dataclass(frozen=True)
class Work:
    """One result that a run would make.

    Attributes
    ----------
    stage, key : str
        Its place in the store.
    stored : bool
        Whether it lies there already: then it is no work.
    network : Network or None
        What is trained, or draws.
    seen : int
        Images seen in its training, repetitions included.
    watched : float
        The looks at held-out images during the training, in trained images that take as long.
    drawn : int
        Images drawn.
    evaluations : int
        Network evaluations of the drawing: images times steps, twice where guidance acts.
    """

    stage: str
    key: str
    stored: bool
    network: Network | None = None
    seen: int = 0
    watched: float = 0.0
    drawn: int = 0
    evaluations: int = 0


@dataclass
class Recorder(Lab):
    """A lab whose networks, samples and trials are noted in `found` instead of made.

    Attributes
    ----------
    found : dict
        `Work` by stage and key, in the order of the requests; shared with the labs that `variant` returns.
    """

    found: dict[tuple[str, str], Work] = field(default_factory=dict)

    def entry(self, stage: Stage, **ask: Any) -> Entry:
        """Note a result, and what it is made from unless the store holds it; data sets are made."""
        if stage.name not in _WORK:
            return super().entry(stage, **ask)
        ask = {**stage.ask, **ask}
        key = self.key(stage, **ask)
        path = self.store.path(stage.name, key)
        if (stage.name, key) not in self.found:
            stored = (path / MANIFEST).is_file()
            work = {} if stored else _WORK[stage.name](self, ask)
            for need in () if stored else stage.needs(self, ask).values():
                if isinstance(need, Need):
                    self.entry(need.stage, **need.ask)
            self.found[stage.name, key] = Work(stage.name, key, stored, **work)
        return Entry(stage.name, key, path, {"seconds": float("nan"), "device": "none"}, reused=False)

    def load(self, stage: Stage, **ask: Any) -> Any:
        """Return a result's value; images that are not drawn are single pixels."""
        if stage is not SAMPLES:
            return super().load(stage, **ask)
        counts = ask["counts"]
        label = np.repeat(np.arange(len(CLASSES)), [counts.get(name, 0) for name in CLASSES])
        return ImageSet(np.zeros((len(label), 1, 1), np.uint8), self.entry(stage, **ask).key, label)


def _model(lab: Lab, ask: Ask) -> dict[str, Any]:
    return {"network": _denoiser(lab, ask), "seen": _whole_batches(training_length(lab, ask, lab.settings), lab)}


def _denoiser(lab: Lab, ask: Ask) -> Network:
    s, training = lab.settings, {name: getattr(lab.settings, name) for name in OPTIMISER}
    return Network.of(ask["model"], denoiser_architecture(s, ask), training["batch_size"], training["mirror"])


def _whole_batches(images: int, lab: Lab | None = None, batch: int = 0) -> int:
    batch = batch or lab.settings.batch_size
    return -(-images // batch) * batch


def _prior(lab: Lab, ask: Ask) -> dict[str, Any]:
    network = Network.of("prior", prior_architecture(lab.settings), PRIOR_TRAINING["batch_size"])
    return {"network": network, "seen": _whole_batches(lab.settings.prior_images, batch=PRIOR_TRAINING["batch_size"])}


def _watched(images: int, held_out: int) -> float:
    looks = log_lines(images, range(held_out)) if held_out else 0
    return FORWARD_SHARE * looks * held_out


def _cevae(lab: Lab, ask: Ask) -> dict[str, Any]:
    s, batch = lab.settings, CEVAE_TRAINING["batch_size"]
    held_out = int(learning_parts(labelled_set(lab))[1].sum())
    network = Network.of("ceVAE", cevae_architecture(s), batch)
    seen = _whole_batches(s.cevae_images, batch=batch)
    return {"network": network, "seen": seen, "watched": _watched(s.cevae_images, held_out)}


def _classifier(lab: Lab, ask: Ask) -> dict[str, Any]:
    s, batch = lab.settings, CLASSIFIER_TRAINING["batch_size"]
    held_out = int(learning_parts(labelled_set(lab))[1].sum())
    network = Network.of("classifier", classifier_architecture(s, s.classifier_depth, len(CLASSES)), batch)
    seen = _whole_batches(s.classifier_images, batch=batch)
    return {"network": network, "seen": seen, "watched": _watched(s.classifier_images, held_out)}


def _trial(lab: Lab, ask: Ask) -> dict[str, Any]:
    s, batch, task = lab.settings, TRIAL_TRAINING["batch_size"], task_of(lab, ask)
    classes = 2 if ask["task"] == "days" else len(CLASSES)
    network = Network.of("trial", classifier_architecture(s, s.trial_depth, classes), batch)
    looks = min(LOOKS, s.trial_steps) * int(task.validation.sum())
    return {"network": network, "seen": s.trial_steps * batch, "watched": FORWARD_SHARE * looks}


def _samples(lab: Lab, ask: Ask) -> dict[str, Any]:
    drawn = sum(ask["counts"].values())
    if ask["model"] == BASELINE:  # one pass of the decoder, too short to count
        return {"drawn": drawn}
    sampling = sampling_of(lab, ask)
    network = _denoiser(lab, drawn_with(lab, sampling, ask).ask)
    s = lab.settings
    each = evaluations_per_image(sampling, s.n_steps, s.beta_start, s.beta_end)
    return {"network": network, "drawn": drawn, "evaluations": drawn * each}


@functools.cache
def evaluations_per_image(sampling: Any, n_steps: int, beta_start: float, beta_end: float) -> int:
    """Return how often a sampler evaluates the network for an image: it runs with a network that only counts.

    Parameters
    ----------
    sampling : Sampling
    n_steps, beta_start, beta_end : int, float
        Of the schedule.
    """
    import torch

    from solarsynth.diffusion.parameterisations import PARAMETERISATIONS
    from solarsynth.diffusion.samplers import NoiseStreams
    from solarsynth.diffusion.schedule import Schedule

    class Counting(torch.nn.Module):
        count = 0

        def forward(self, x, t, condition):
            self.count += len(x)
            return torch.zeros_like(x)

    network, shape = Counting(), (1, 1, 1)
    name = "consistency" if sampling.sampler == "consistency" else "eps"
    denoiser = PARAMETERISATIONS[name](network, Schedule(n_steps, beta_start, beta_end), shape)
    sampling.run(denoiser, torch.zeros(1, *shape), torch.zeros(1, 1), NoiseStreams([0], shape))
    return network.count


#: What takes long, and how much work a request is. The others are data, and sums over what these make.
_WORK: dict[str, Callable[[Lab, Ask], dict[str, Any]]] = {
    UNLABELLED.name: lambda lab, ask: {},
    CEVAE.name: _cevae,
    CLASSIFIER.name: _classifier,
    PRIOR.name: _prior,
    MODEL.name: _model,
    AVERAGE.name: lambda lab, ask: {},
    SAMPLES.name: _samples,
    TRIAL.name: _trial,
}
