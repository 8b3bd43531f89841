"""The trials of Section 8: one classifier each, trained on real images plus a number of others.

A trial keeps the probabilities that its classifier gives to the held-out images. Trials of the same number share
their test images and their seed, so that they can be compared in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.dataset.tasks import Task
from solarsynth.errors import SolarsynthError, did_you_mean
from solarsynth.flares import CLASSES
from solarsynth.stages.days import DAYS, classes_task, days_task
from solarsynth.stages.encoders import CLASSIFIER_TRAINING, classifier_architecture
from solarsynth.stages.graph import Ask, Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET
from solarsynth.stages.samples import SAMPLES, sample_set
from solarsynth.store import Entry

SCENARIOS = ("none", "classical", "synthetic")
TRIAL_TRAINING = CLASSIFIER_TRAINING | {"cosine": True}
STRONG_WEIGHTS = (0.1, 0.9)  # of no and yes in the cross-entropy of Sect. 8.2

# Seeds of sets of synthetic images begin here, so that they differ from those of Section 6.
FIRST_SEED = 8000

#: Images added per rare class in Sects. 8.1 and 8.2.
PUBLISHED_AMOUNTS = {"classes": (200, 400, 600), "days": (50, 100, 200, 300, 400, 500)}


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes
    ----------
    scenario : {"none", "classical", "synthetic"}
        What is added to the real images.
    amount : int
        How many images per rare class.
    number : int
        Seed of the classifier, and which of the disjoint sets is added.
    """

    scenario: str = "none"
    amount: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise SolarsynthError(f"unknown scenario {self.scenario!r}{did_you_mean(self.scenario, SCENARIOS)}")
        if (self.amount > 0) != (self.scenario != "none") or self.amount < 0:
            raise SolarsynthError(f"scenario {self.scenario!r} cannot add {self.amount} images")


def amounts(lab: Lab, task: Task) -> tuple[int, ...]:
    """Return the amounts per rare class: 200, 400, 600 (8.1) or 50 to 500 (8.2), scaled by `downstream_scale`."""
    scaled = (max(1, round(lab.settings.downstream_scale * amount)) for amount in PUBLISHED_AMOUNTS[task.name])
    return tuple(dict.fromkeys(scaled))  # small scales may make two amounts equal


def task_of(lab: Lab, ask: Ask) -> Task:
    """Return the task that a trial belongs to."""
    return classes_task(lab) if ask["task"] == "classes" else days_task(lab, ask["mode"])


def _synthetic_ask(lab: Lab, task: Task, number: int) -> dict[str, Any]:
    """Return the request for a set of synthetic images, of each rare class as many as the largest amount."""
    on = {"on": "days", "mode": task.mode} if task.name == "days" else {"on": "frames"}
    return {"counts": dict.fromkeys(task.rare, max(amounts(lab, task))), "seed": FIRST_SEED + number} | on


def synthetic_images(lab: Lab, task: Task, number: int) -> ImageSet:
    """Return a set of synthetic images, drawn by a model that saw the task's training images and no others."""
    return sample_set(lab, **_synthetic_ask(lab, task, number))


def added_images(lab: Lab, task: Task, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (m, H, W) and labels (m,) that a trial adds.

    Synthetic sets of other numbers hold other images; classical sets hold other copies of the same few images.
    """
    images, labels = [task.image[:0]], [task.label[:0]]
    for name in task.rare if trial.amount else ():
        index = CLASSES.index(name)
        add = _synthetic if trial.scenario == "synthetic" else _classical
        image = add(lab, task, trial, index)
        images.append(image)
        labels.append(np.full(len(image), index if task.name == "classes" else 1))
    return np.concatenate(images), np.concatenate(labels)


def _synthetic(lab: Lab, task: Task, trial: Trial, index: int) -> np.ndarray:
    drawn = synthetic_images(lab, task, trial.number)
    image = drawn.image[drawn.label == index][: trial.amount]
    if len(image) < trial.amount:
        raise SolarsynthError(
            f"a trial needs {trial.amount} synthetic images of class {CLASSES[index]}, got {len(image)}"
        )
    return image


def _classical(lab: Lab, task: Task, trial: Trial, index: int) -> np.ndarray:
    from solarsynth.augmentation import CLASSIFICATION, FORECAST, augment
    from solarsynth.devices import device

    members = np.flatnonzero(task.train & (task.flare == index))
    how = CLASSIFICATION if task.name == "classes" else FORECAST
    # Each image as often as the others; the first ones once more if the amount is not divisible by their number.
    copies = task.image[np.resize(members, trial.amount)]
    return augment(copies, how, 100 * trial.number + index, device())


def _needs(lab: Lab, ask: Ask) -> Mapping[str, Need | str]:
    needs: dict[str, Need | str] = {
        "task": Need(DATASET) if ask["task"] == "classes" else Need(DAYS, {"mode": ask["mode"]})
    }
    if ask["trial"].scenario == "synthetic":
        task = task_of(lab, ask)
        needs["added"] = Need(SAMPLES, _synthetic_ask(lab, task, ask["trial"].number))
    return needs


def _identity(lab: Lab, ask: Ask) -> dict[str, Any]:
    architecture = classifier_architecture(lab.settings, lab.settings.trial_depth, 2)
    identity = {"task": ask["task"], "trial": asdict(ask["trial"]), "pretrained": architecture["pretrained"]}
    identity |= {"training": TRIAL_TRAINING, "weights": STRONG_WEIGHTS}
    return identity | ({"mode": ask["mode"]} if ask["task"] == "days" else {})


def _run(job: Job) -> None:
    from solarsynth.networks import classify

    task, trial = task_of(job.lab, job.ask), job.ask["trial"]
    image, label = added_images(job.lab, task, trial)
    image = np.concatenate([task.image[task.train], image])
    label = np.concatenate([task.label[task.train], label]).astype(np.int64)
    classifier = _train(job, image, label, task.name, trial.number)
    held_out = {"test": task.image[task.test], "validation": task.image[task.validation]}
    np.savez(job.folder / "probabilities.npz", **{name: classify(classifier, part) for name, part in held_out.items()})
    for left in job.folder.glob("*.safetensors"):
        left.unlink()


def _train(job: Job, image: np.ndarray, label: np.ndarray, task: str, seed: int) -> Any:
    from solarsynth.devices import device
    from solarsynth.diffusion.training import TrainingConfig, train
    from solarsynth.networks import build

    classes, weights = (2, STRONG_WEIGHTS) if task == "days" else (len(CLASSES), None)
    architecture = classifier_architecture(job.settings, job.settings.trial_depth, classes, class_weight=weights)
    config = TrainingConfig(
        max(1, round(job.settings.trial_epochs * len(image))),
        **TRIAL_TRAINING,
        seed=seed,
        log_every=max(64, len(image)),
    )
    network = build(architecture, seed=seed)
    return train(network, image, label[:, None], config, Path(job.folder), device=device()).average.eval()


def _read(lab: Lab, entry: Entry) -> dict[str, np.ndarray]:
    with np.load(entry.path / "probabilities.npz", allow_pickle=False) as file:
        return {name: file[name] for name in ("test", "validation")}


TRIAL = Stage(
    "trial",
    "a classifier of Section 8, trained on real images plus others",
    make=_run,
    load=_read,
    reads=(
        "image_size",
        "classifier",
        "classifier_patch",
        "classifier_pretrained",
        "trial_depth",
        "trial_epochs",
    ),
    fills=("downstream_scale",),
    above=("dataset", "days", "samples"),
    needs=_needs,
    ask={"task": "classes", "mode": "paper", "trial": Trial()},
    identity=_identity,
    version=2,
    on_device=True,
)


def probabilities(lab: Lab, task: Task, trial: Trial) -> dict[str, np.ndarray]:
    """Return a trial's probabilities; its classifier is trained if the store does not hold them.

    Parameters
    ----------
    lab : Lab
    task : Task
        From `classes_task` or `days_task` of the same lab.
    trial : Trial

    Returns
    -------
    dict of str to ndarray
        ``test`` and ``validation``: probabilities (n, classes) of the held-out images, in their order.
    """
    return lab.load(TRIAL, task=task.name, mode=task.mode or "paper", trial=trial)
