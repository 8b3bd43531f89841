"""The trials of Section 8: one classifier each, which learns from real images with or without a change to them.

A trial keeps the probabilities that its classifier gives to the held-out images of one fold. All trials take the same
number of optimiser steps and look at the validation part equally often, so that no arm is trained for longer than
another. Trials of the same number share their test images and their seed, so that they can be compared in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

#: What each scenario does with the rare classes.
SCENARIOS = {
    "none": "nothing is added",
    "classical": "copies of real images are added, each flipped, rotated, shifted and sheared at random",
    "synthetic": "images of the diffusion model are added",
    "duplicates": "real images are repeated unchanged",
    "weights": "the loss of real images is weighted as if images were added",
    "withheld": "real images are taken away, whole active regions first",
}
#: They show what an amount does without a new image, and what as many real images are worth.
CONTROLS = ("duplicates", "weights", "withheld")
#: Scenarios with images besides the real ones.
ADDING = ("classical", "synthetic", "duplicates")

TRIAL_TRAINING = CLASSIFIER_TRAINING | {"cosine": True}
LOOKS = 10  # at the validation part; the state with the lowest loss is kept
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
    scenario : str
        One of `SCENARIOS`.
    amount : int
        How many images per rare class.
    number : int
        Seed of the classifier, and which of the disjoint sets is added or withheld.
    """

    scenario: str = "none"
    amount: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise SolarsynthError(f"unknown scenario {self.scenario!r}{did_you_mean(self.scenario, SCENARIOS)}")
        if (self.amount > 0) != (self.scenario != "none") or self.amount < 0:
            raise SolarsynthError(f"scenario {self.scenario!r} cannot have an amount of {self.amount} images")


@dataclass(frozen=True)
class TrainingSet:
    """What the classifier of a trial learns from.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int64, shape (n,)
    class_weight : ndarray of float, shape (n_classes,)
        Of the classes in the cross-entropy.
    mix : ndarray of float, shape (n_classes,)
        How often a class is seen, in images or by weight, relative to the real images. The validation loss is taken
        at this mix, so that every arm stops by the mix that it is trained for.
    """

    image: np.ndarray
    label: np.ndarray
    class_weight: np.ndarray
    mix: np.ndarray


def amounts(lab: Lab, task: Task) -> tuple[int, ...]:
    """Return the amounts per rare class: 200, 400, 600 (8.1) or 50 to 500 (8.2), scaled by `downstream_scale`."""
    scaled = (max(1, round(lab.settings.downstream_scale * amount)) for amount in PUBLISHED_AMOUNTS[task.name])
    return tuple(dict.fromkeys(scaled))  # small scales may make two amounts equal


def task_of(lab: Lab, ask: Ask) -> Task:
    """Return the task that a trial belongs to."""
    return classes_task(lab) if ask["task"] == "classes" else days_task(lab, ask["mode"])


def _synthetic_ask(lab: Lab, task: Task, number: int) -> dict[str, Any]:
    """Return the request for a set of synthetic images, of each rare class as many as the largest amount."""
    on = {"on": "days", "mode": task.mode} if task.name == "days" else {"on": "fit"}
    return {"counts": dict.fromkeys(task.rare, max(amounts(lab, task))), "seed": FIRST_SEED + number} | on


def synthetic_images(lab: Lab, task: Task, number: int) -> ImageSet:
    """Return a set of synthetic images, drawn by a model that learnt from `Task.fit`, as the classifiers do."""
    return sample_set(lab, **_synthetic_ask(lab, task, number))


def training_set(lab: Lab, task: Task, trial: Trial) -> TrainingSet:
    """Return what the classifier of a trial learns from: `Task.fit`, changed as `SCENARIOS` says."""
    kept = task.fit & ~withheld_images(task, trial) if trial.scenario == "withheld" else task.fit
    image, label = added_images(lab, task, trial)
    mix = _mix(task, trial)
    weight = np.array(STRONG_WEIGHTS) if task.name == "days" else np.ones(len(CLASSES))
    return TrainingSet(
        np.concatenate([task.image[kept], image]),
        np.concatenate([task.label[kept], label]).astype(np.int64),
        weight * mix if trial.scenario == "weights" else weight,
        mix,
    )


def added_images(lab: Lab, task: Task, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (m, H, W) and labels (m,) that a trial adds.

    Synthetic sets of other numbers hold other images; classical sets hold other copies of the same few images.
    """
    makers = {"synthetic": _synthetic, "classical": _classical, "duplicates": _duplicates}
    images, labels = [task.image[:0]], [task.label[:0]]
    for name in task.rare if trial.scenario in ADDING else ():
        index = CLASSES.index(name)
        image = makers[trial.scenario](lab, task, trial, index)
        images.append(image)
        labels.append(np.full(len(image), _label(task, index)))
    return np.concatenate(images), np.concatenate(labels)


def _label(task: Task, index: int) -> int:
    """Return what the classifier calls an image of a rare class."""
    return index if task.name == "classes" else 1


def _synthetic(lab: Lab, task: Task, trial: Trial, index: int) -> np.ndarray:
    drawn = synthetic_images(lab, task, trial.number)
    image = drawn.image[drawn.label == index][: trial.amount]
    if len(image) < trial.amount:
        raise SolarsynthError(
            f"a trial needs {trial.amount} synthetic images of class {CLASSES[index]}, got {len(image)}"
        )
    return image


def _duplicates(lab: Lab, task: Task, trial: Trial, index: int) -> np.ndarray:
    # Each image as often as the others; the first ones once more if the amount is not divisible by their number.
    return task.image[np.resize(np.flatnonzero(task.fit & (task.flare == index)), trial.amount)]


def _classical(lab: Lab, task: Task, trial: Trial, index: int) -> np.ndarray:
    from solarsynth.augmentation import CLASSIFICATION, FORECAST, augment
    from solarsynth.devices import device

    how = CLASSIFICATION if task.name == "classes" else FORECAST
    return augment(_duplicates(lab, task, trial, index), how, 100 * trial.number + index, device())


def _mix(task: Task, trial: Trial) -> np.ndarray:
    """Return how often each label is seen relative to the real images, with a mean of 1 over them.

    With these weights the mean loss of the real images is, on average, that of a set with the images added.
    """
    count = np.bincount(task.label[task.fit], minlength=len(CLASSES) if task.name == "classes" else 2).astype(float)
    more = np.zeros_like(count)
    for name in task.rare if trial.scenario not in ("none", "withheld") else ():
        more[_label(task, CLASSES.index(name))] += trial.amount
    factor = np.divide(count + more, count, out=np.ones_like(count), where=count > 0)
    return factor * count.sum() / (factor * count).sum()


def withheld_classes(task: Task, amount: int) -> list[str]:
    """Return the rare classes of which `amount` real images can be withheld: as many at least must remain."""
    fit = task.flare[task.fit]
    return [name for name in task.rare if np.count_nonzero(fit == CLASSES.index(name)) >= 2 * amount > 0]


def withheld_amount(tasks: Sequence[Task], most: int) -> int:
    """Return how many real images can be withheld of at least one rare class in every fold.

    Parameters
    ----------
    tasks : sequence of Task
        One per fold.
    most : int
        The largest amount of added images.

    Returns
    -------
    int
        At most `most`; 0 if there is no such class.
    """
    known = {name for task in tasks for name in task.rare}
    fits = [[np.count_nonzero(task.flare[task.fit] == CLASSES.index(name)) for task in tasks] for name in known]
    return int(min(most, max((min(counts) // 2 for counts in fits), default=0)))


def withheld_images(task: Task, trial: Trial) -> np.ndarray:
    """Return which images (n,) bool a trial withholds, whole units first: what remains shows other regions.

    Raises
    ------
    SolarsynthError
        If no rare class has twice as many images.
    """
    names, chosen = withheld_classes(task, trial.amount), np.zeros(len(task.label), bool)
    if not names:
        raise SolarsynthError(f"no rare class has the {2 * trial.amount} training images of which half is withheld")
    for name in names:
        index = CLASSES.index(name)
        members = np.flatnonzero(task.fit & (task.flare == index))
        rng = np.random.default_rng([trial.number, 5, index])
        chosen[members[_whole_units(task.unit[members], trial.amount, rng)]] = True
    return chosen


def _whole_units(unit: np.ndarray, amount: int, rng: np.random.Generator) -> np.ndarray:
    """Return `amount` positions (amount,) in whole units as far as they fit, then in parts of one or more."""
    groups = [np.flatnonzero(unit == name) for name in rng.permutation(np.unique(unit))]
    taken, parts = [], []
    for group in groups:
        if len(taken) + len(group) <= amount:
            taken += group.tolist()
        else:
            parts += group.tolist()
    return np.array(taken + parts[: amount - len(taken)])


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
    identity |= {"training": TRIAL_TRAINING, "weights": STRONG_WEIGHTS, "looks": LOOKS}
    return identity | ({"mode": ask["mode"]} if ask["task"] == "days" else {})


def _run(job: Job) -> None:
    from solarsynth.networks import classify

    task = task_of(job.lab, job.ask)
    classifier = _train(job, task, training_set(job.lab, task, job.ask["trial"]))
    held_out = {"test": task.image[task.test], "validation": task.image[task.validation]}
    np.savez(job.folder / "probabilities.npz", **{name: classify(classifier, part) for name, part in held_out.items()})
    for left in job.folder.glob("*.safetensors"):
        left.unlink()


def _train(job: Job, task: Task, data: TrainingSet) -> Any:
    from solarsynth.devices import device
    from solarsynth.diffusion.selection import HeldOutLoss
    from solarsynth.diffusion.training import TrainingConfig, train
    from solarsynth.networks import build

    trial, steps = job.ask["trial"], job.settings.trial_steps
    architecture = classifier_architecture(
        job.settings, job.settings.trial_depth, len(data.class_weight), class_weight=tuple(data.class_weight.tolist())
    )
    batch = TRIAL_TRAINING["batch_size"]
    config = TrainingConfig(
        steps * batch, **TRIAL_TRAINING, seed=trial.number, log_every=max(1, steps // LOOKS) * batch
    )
    stop = None
    if task.validation.any():
        label = task.label[task.validation]
        # The loss of scenario `weights` holds its mix already.
        weight = None if trial.scenario == "weights" else data.mix[label]
        stop = HeldOutLoss(task.image[task.validation], label[:, None], weight)
    network = build(architecture, seed=trial.number)
    folder, label = Path(job.folder), data.label[:, None]
    return train(network, data.image, label, config, folder, device=device(), watch=stop).average.eval()


def _read(lab: Lab, entry: Entry) -> dict[str, np.ndarray]:
    with np.load(entry.path / "probabilities.npz", allow_pickle=False) as file:
        return {name: file[name] for name in ("test", "validation")}


TRIAL = Stage(
    "trial",
    "a classifier of Section 8, trained on real images with or without others",
    make=_run,
    load=_read,
    reads=(
        "image_size",
        "classifier",
        "classifier_patch",
        "classifier_pretrained",
        "trial_depth",
        "trial_steps",
    ),
    fills=("downstream_scale",),
    above=("dataset", "days", "samples"),
    needs=_needs,
    ask={"task": "classes", "mode": "paper", "trial": Trial()},
    identity=_identity,
    version=3,
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
