"""Section 8: do synthetic images help a classifier, or a forecast? Trials that share their test set and their seeds.

A trial trains one classifier on real training images plus a number of others, and keeps what it says about the
test images. Each is a stage of the store, so one more seed costs one more training.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.metrics.skill import FEWEST, Forecast
from solarsynth.observations.times import DAY
from solarsynth.store import array_key

if TYPE_CHECKING:
    from solarsynth.experiments import Run

SCENARIOS = ("none", "classical", "synthetic")
RARE = ("A", "M", "X")  # Sect. 8.1 adds images to these
STRONG = 3  # class M and above is a yes, Sect. 8.2
VALIDATION = 0.25  # share of the days that are not tested
STRONG_WEIGHTS = (0.1, 0.9)  # of no and yes in the cross-entropy, Sect. 8.2

# Sets of synthetic images begin here, so that they are none of Section 6's.
FIRST_SEED = 8000


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
        Number of the trial: seed of the classifier, and which of the disjoint sets is added. Trials of one
        number are pairs.
    """

    scenario: str = "none"
    amount: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise SolarsynthError(f"no scenario {self.scenario!r}{nearest(self.scenario, SCENARIOS)}")
        if (self.amount > 0) != (self.scenario != "none") or self.amount < 0:
            raise SolarsynthError(f"scenario {self.scenario!r} cannot add {self.amount} images")


@dataclass(frozen=True)
class Task:
    """Images, labels and who is tested.

    Attributes
    ----------
    name : {"classes", "days"}
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,)
        What the classifier has to say: the class, or 1 for a day with a flare of class M or X.
    flare : ndarray of int, shape (n,)
        The class, 0 (A) to 4 (X), or -1 on a day without a flare.
    test, validation : ndarray of bool, shape (n,)
        Held out; the rest is trained on.
    rare : tuple of str
        Classes that get more images: those of the paper that the training part holds.
    day : ndarray of int64, shape (n,), optional
        Milliseconds since 1970, of ``days``.
    """

    name: str
    image: np.ndarray
    label: np.ndarray
    flare: np.ndarray
    test: np.ndarray
    validation: np.ndarray
    rare: tuple[str, ...]
    day: np.ndarray | None = None

    @property
    def train(self) -> np.ndarray:
        """The training part, (n,) bool."""
        return ~(self.test | self.validation)


class Uses:
    """The two experiments of Section 8 on a run's data.

    Parameters
    ----------
    run : Run
        Its split is that of the experiment.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    # --- data

    @functools.cached_property
    def classes(self) -> Task:
        """Section 8.1: the labelled set with its natural imbalance."""
        data = self.run.dataset
        seen = data.counts(test=False)
        if not data.test.any():
            raise SolarsynthError("the experiment needs held-out images; set test_fraction above 0")
        rare = tuple(name for name in RARE if seen[name])
        return Task("classes", data.image, data.label, data.label, data.test, np.zeros(len(data), bool), rare)

    @functools.lru_cache(maxsize=2)  # noqa: B019 one Uses lives as long as its page
    def days(self, mode: str = "paper") -> Task:
        """Section 8.2: one frame a day, and whether a flare of class M or X follows within 24 hours.

        Parameters
        ----------
        mode : {"paper", "all-days"}

        Raises
        ------
        SolarsynthError
            If a part holds no day of either kind: one line that names it.
        """
        from solarsynth.experiments import SPLIT_SEED
        from solarsynth.labelling import normalised_frames
        from solarsynth.splits import split, time_blocks

        s = self.run.settings
        table, _ = self.run.daily(mode)
        image, sound = normalised_frames(self.run.archive(), table["frame"].to_numpy(), s.image_size)
        table, image = table[sound], image[sound]
        if not len(table):
            raise SolarsynthError("no day has a frame at 00:00 UT; the forecast needs one a day")
        flare = table["label"].to_numpy()
        label = (flare >= STRONG).astype(int)
        block = time_blocks(table["day"].to_numpy(), s.block_days)
        rules = {"method": s.split, "n_classes": 2}
        test = split(label, block, test_fraction=s.test_fraction, seed=SPLIT_SEED, **rules)
        validation = np.zeros(len(table), bool)
        rest = np.flatnonzero(~test)
        validation[rest] = split(label[rest], block[rest], test_fraction=VALIDATION, seed=SPLIT_SEED + 1, **rules)
        for name, part in (("test", test), ("validation", validation), ("training", ~(test | validation))):
            if len(np.unique(label[part])) < 2:
                kind = "days with a flare of class M or X" if not label[part].any() else "quiet days"
                raise SolarsynthError(f"the {name} part holds no {kind}; choose another split or block_days")
        train = ~(test | validation)
        rare = tuple(name for i, name in enumerate(CLASSES) if i >= STRONG and (flare[train] == i).any())
        return Task("days", image, label, flare, test, validation, rare, table["day"].to_numpy())

    # --- images that are added

    def generator_entry(self, task: Task, report: Callable | None = None):
        """Return the discrete model that has seen the task's training images and no others."""
        if task.name == "classes":
            return self.run.model_entry("discrete", report)
        used = task.train & (task.flare >= 0)  # a day without a flare has no class to learn
        return self.run.daily_model_entry(task.image[used], task.flare[used], report)

    def added(self, task: Task, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
        """Return the images (m, H, W) and labels (m,) that a trial adds.

        Synthetic sets of other numbers hold other images; classical ones other copies of the same few.
        """
        from solarsynth.augmentation import CLASSIFICATION, FORECAST, augment
        from solarsynth.generator import device

        images, labels = [task.image[:0]], [task.label[:0]]
        for name in task.rare if trial.amount else ():
            i = CLASSES.index(name)
            if trial.scenario == "synthetic":
                drawn, label = self.synthetic(task, trial.number)
                image = drawn[label == i][: trial.amount]
                if len(image) < trial.amount:
                    raise SolarsynthError(f"only {len(image)} synthetic images of class {name}, not {trial.amount}")
            else:
                members = np.flatnonzero(task.train & (task.flare == i))
                how = CLASSIFICATION if task.name == "classes" else FORECAST
                # Each image as often as the others; the rest of the last round goes to the first ones.
                copies = task.image[np.resize(members, trial.amount)]
                image = augment(copies, how, 100 * trial.number + i, device())
            images.append(image)
            labels.append(np.full(len(image), i if task.name == "classes" else 1))
        return np.concatenate(images), np.concatenate(labels)

    def synthetic(self, task: Task, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a set of synthetic images (n, H, W) and classes (n,), of each as many as the largest amount."""
        counts = dict.fromkeys(task.rare, max(self.amounts(task)))
        drawn = self.run.drawn_by(self.generator_entry(task), counts, seed=FIRST_SEED + number)
        with np.load(drawn.path / "samples.npz", allow_pickle=False) as file:
            return file["image"], file["label"]

    def amounts(self, task: Task) -> tuple[int, ...]:
        """Return the amounts per rare class: 200, 400, 600 (8.1) or 50 to 500 (8.2), scaled by the profile."""
        scale = self.run.settings.usage_scale
        published = (200, 400, 600) if task.name == "classes" else (50, 100, 200, 300, 400, 500)
        # Scaled down far enough, two may become one.
        return tuple(dict.fromkeys(max(1, round(scale * amount)) for amount in published))

    # --- trials

    def probabilities(self, task: Task, trial: Trial) -> dict[str, np.ndarray]:
        """Train a trial's classifier, or find it, and return what it says.

        Returns
        -------
        dict of str to ndarray
            ``test`` and ``validation``: probabilities (n, classes) of the held-out images, in their order.
        """
        from solarsynth.experiments import CLASSIFIER_TRAINING, describe_device
        from solarsynth.generator import classify

        run, s = self.run, self.run.settings
        image, label = self.added(task, trial)
        image = np.concatenate([task.image[task.train], image])
        label = np.concatenate([task.label[task.train], label]).astype(np.int64)
        held_out = {"test": task.image[task.test], "validation": task.image[task.validation]}
        # The images themselves are the key: whatever changes how they are drawn, moved or split, changes it.
        upstream = {"data": array_key(image, label, *held_out.values())}
        classes, weights = (2, STRONG_WEIGHTS) if task.name == "days" else (len(CLASSES), None)
        pretrained = run.trial_classifier(classes)["pretrained"]
        params = {
            "task": task.name,
            "trial": asdict(trial),
            "classifier": [s.classifier, s.classifier_patch, s.trial_depth] + ["pretrained"] * pretrained,
            "training": CLASSIFIER_TRAINING | {"cosine": True, "epochs": s.trial_epochs},
            "weights": weights,
        }

        def make(folder: Path) -> None:
            model = run.train_trial(image, label, classes, weights, trial.number, folder)
            np.savez(folder / "said.npz", **{name: classify(model, part) for name, part in held_out.items()})
            for left in folder.glob("*.safetensors"):
                left.unlink()

        entry = run.store.make("trial", make, params=params, upstream=upstream, device=describe_device())
        with np.load(entry.path / "said.npz", allow_pickle=False) as file:
            return {name: file[name] for name in ("test", "validation")}


def run_all(
    uses: Uses, task: Task, plan: Iterable[Trial], report: Callable[[int, Trial], None] | None = None
) -> tuple[dict[Trial, dict[str, np.ndarray]], dict[str, list[Trial]]]:
    """Run trials; one that cannot be is named, and the others still run.

    Parameters
    ----------
    uses : Uses
    task : Task
    plan : iterable of Trial
    report : callable, optional
        Called with the number of trials so far and the trial.

    Returns
    -------
    said : dict
        Per trial, what `Uses.probabilities` returned.
    failed : dict
        Per reason, the trials that could not be run.
    """
    said, failed = {}, {}
    for number, trial in enumerate(plan, start=1):
        try:
            said[trial] = uses.probabilities(task, trial)
        except SolarsynthError as error:
            failed.setdefault(str(error), []).append(trial)
        if report:
            report(number, trial)
    return said, failed


def best_threshold(happened: np.ndarray, probability: np.ndarray) -> float:
    """Return the probability from which to say yes that gives the highest TSS, for validation days.

    Parameters
    ----------
    happened : ndarray of bool, shape (n,)
    probability : ndarray of float, shape (n,)
    """
    values = np.unique(probability)
    # Between neighbours, so that a day elsewhere with a probability a hair smaller is no coin toss.
    candidates = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2])
    scores = [Forecast.of(happened, probability >= c).tss for c in candidates]
    return float(candidates[int(np.nanargmax(scores))]) if not np.isnan(scores).all() else 0.5


def persistence(day: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """Forecast what the day before brought: (n,) bool from days (n,) in ms and what happened (n,) bool.

    A day whose predecessor is not in the set is forecast quiet, the commoner case.
    """
    before = dict(zip(day.tolist(), np.asarray(strong, bool).tolist(), strict=True))
    return np.array([before.get(int(d) - DAY, False) for d in day])


@dataclass(frozen=True)
class Difference:
    """A paired difference and how far it can be trusted.

    Attributes
    ----------
    mean : float
    low, high : float
        2.5th and 97.5th percentile of the bootstrap.
    decided_by : int
        Test images the scores turn on: those of the class, or the rarer kind of day.
    pairs : int
        Pairs of trials; one says nothing of how trials differ.
    """

    mean: float
    low: float
    high: float
    decided_by: int
    pairs: int

    @property
    def verdict(self) -> str:
        """``helped``, ``hurt``, ``can't be told apart``, or ``too few to tell``: a bootstrap of a handful is none."""
        if math.isnan(self.mean) or self.decided_by < FEWEST or self.pairs < 2:
            return "too few to tell"
        return "helped" if self.low > 0 else "hurt" if self.high < 0 else "can't be told apart"


def paired_difference(
    ours: Sequence[np.ndarray],
    theirs: Sequence[np.ndarray],
    score: Callable[[np.ndarray, np.ndarray], float],
    decided_by: int,
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare pairs of trials on one test set, resampling both the pairs and the test images.

    Parameters
    ----------
    ours, theirs : sequence of ndarray, shape (n, ...)
        What the trials of the same number said about the test images.
    score : callable
        ``score(said, index)``: the score of one trial on the test images `index`.
    decided_by : int
        See `Difference`.
    draws : int
    seed : int
    """
    n, pairs = len(ours[0]), len(ours)
    everything = np.arange(n)
    mean = float(np.mean([score(a, everything) - score(b, everything) for a, b in zip(ours, theirs, strict=True)]))
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        index = rng.integers(0, n, n)
        difference = np.array([score(a, index) - score(b, index) for a, b in zip(ours, theirs, strict=True)])
        again = difference[rng.integers(0, pairs, pairs)].mean()
        # A bootstrap of k pairs is narrower than the truth by √((k-1)/k), which matters for three.
        found.append(difference.mean() + (again - difference.mean()) * math.sqrt(pairs / max(pairs - 1, 1)))
    found = np.array(found)[np.isfinite(found)]
    low, high = np.percentile(found, [2.5, 97.5]) if len(found) else (math.nan, math.nan)
    return Difference(mean, float(low), float(high), decided_by, pairs)


def recall_of(task: Task, name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a score for `paired_difference`: the share of a class's test images that is recognised."""
    label, wanted = task.label[task.test], CLASSES.index(name)

    def score(said: np.ndarray, index: np.ndarray) -> float:
        here = index[label[index] == wanted]
        return float((said[here].argmax(1) == wanted).mean()) if len(here) else math.nan

    return score


def trials(scenarios: Iterable[str], amounts: Sequence[int], numbers: int) -> list[Trial]:
    """Return the trials of an experiment: every scenario, amount and number."""
    found = []
    for scenario in scenarios:
        for amount in (0,) if scenario == "none" else amounts:
            found += [Trial(scenario, amount, number) for number in range(numbers)]
    return found
