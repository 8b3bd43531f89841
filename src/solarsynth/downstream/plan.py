"""Which trials an experiment has, in which folds of the cross-validation they run, and what they predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import progress, stages
from solarsynth.downstream.pooled import Prediction, best_threshold
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.stages.trials import SCENARIOS, Trial, withheld_amount, withheld_classes

if TYPE_CHECKING:
    from solarsynth.dataset.tasks import Task
    from solarsynth.stages import Lab

Predictions = Mapping[Trial, Prediction]


@dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation.

    Attributes
    ----------
    lab : Lab
        The lab whose split holds out this fold.
    task : Task
    own : bool
        Whether it is the fold of the lab that the experiment began with.
    """

    lab: Lab
    task: Task
    own: bool


def cross_validation(lab: Lab, task_of: Callable[[Lab], Task]) -> tuple[list[Fold], list[str]]:
    """Return the folds of an experiment, and a line for each that cannot be.

    Parameters
    ----------
    lab : Lab
    task_of : callable
        ``task_of(lab)`` returns the task of a fold's lab.

    Raises
    ------
    SolarsynthError
        If no fold can be.
    """
    folds, notes = [], []
    for there in stages.fold_labs(lab):
        try:
            folds.append(Fold(there, task_of(there), there is lab))
        except SolarsynthError as error:
            notes.append(f"fold {there.settings.fold}: {error}")
    if not folds:
        raise SolarsynthError(notes[0])
    return folds, notes


def counts(folds: Sequence[Fold]) -> dict[str, dict[str, int]]:
    """Return per fold and part (``fit``, ``validation``, ``test``) its images per class, ``no flare`` included."""
    names = {"no flare": -1} | {name: i for i, name in enumerate(CLASSES)}
    return {
        f"fold {fold.lab.settings.fold}, {part}": {
            name: int((fold.task.flare[getattr(fold.task, part)] == i).sum()) for name, i in names.items()
        }
        for fold in folds
        for part in ("fit", "validation", "test")
    }


def with_generator(folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds with synthetic trials: all with the setting ``fold_generators``, else the lab's own.

    A generator has to be trained for each of them, because it must not have seen the fold's test images.
    """
    return [fold for fold in folds if fold.own or fold.lab.settings.fold_generators]


def planned(folds: Sequence[Fold], numbers: int, scenarios: Iterable[str] = SCENARIOS) -> dict[Trial, list[Fold]]:
    """Return the trials of an experiment, and the folds in which each of them runs.

    Parameters
    ----------
    folds : sequence of Fold
    numbers : int
        Trials per scenario and amount.
    scenarios : iterable of str
        Those of `solarsynth.stages.trials.SCENARIOS` that are wanted.

    Returns
    -------
    dict of Trial to list of Fold
        Every fold has the trials without added images and those with the largest amount. Synthetic trials, and the
        smaller amounts that stand beside them in the figures, run in the folds that have a generator. A scenario that
        the images do not allow has no trial.
    """
    amounts, everywhere, some = stages.amounts(folds[0].lab, folds[0].task), list(folds), with_generator(folds)
    most = amounts[-1]
    arms = {("none", 0): everywhere}
    if any(fold.task.rare for fold in folds):
        arms |= {(name, amount): some for name in ("classical", "synthetic") for amount in amounts}
        arms |= {(name, most): everywhere for name in ("classical", "duplicates", "weights")}
    withheld = withheld_amount([fold.task for fold in folds], most)
    if withheld:
        arms["withheld", withheld] = everywhere
    wanted = set(scenarios)
    return {Trial(s, a, k): where for (s, a), where in arms.items() if s in wanted and where for k in range(numbers)}


def withheld_note(folds: Sequence[Fold]) -> str:
    """Return a sentence that says how many real images are withheld of which classes, or why none are."""
    most = stages.amounts(folds[0].lab, folds[0].task)[-1]
    amount = withheld_amount([fold.task for fold in folds], most)
    if not amount:
        return "no real images are withheld: no rare class has two training images in every fold"
    return (
        f"{amount} real images are withheld of each of these classes: {', '.join(withheld_everywhere(folds, amount))}"
    )


def withheld_everywhere(folds: Sequence[Fold], amount: int) -> list[str]:
    """Return the classes of which every fold can withhold `amount` images."""
    names = [withheld_classes(fold.task, amount) for fold in folds]
    return [name for name in names[0] if all(name in others for others in names)]


def run(folds: Sequence[Fold], plan: Mapping[Trial, Sequence[Fold]]) -> tuple[Predictions, dict[str, int]]:
    """Run trials. A trial that cannot run in a fold is reported with its reason, and the others still run.

    Parameters
    ----------
    folds : sequence of Fold
        As given to `solarsynth.downstream.pooled.pool`.
    plan : mapping
        As from `planned`.

    Returns
    -------
    predictions : dict of Trial to Prediction
        For the test images of all folds, in the order of `folds`.
    failures : dict of str to int
        Per reason, the number of trials that could not run.
    """
    predictions, failures = {}, {}
    total = sum(len(where) for where in plan.values())
    with progress.bar(f"trials of {folds[0].task.name}", total, unit="trials") as bar:
        for trial, where in plan.items():
            parts = []
            for fold in folds:
                found = None
                if any(fold is other for other in where):
                    try:
                        found = stages.probabilities(fold.lab, fold.task, trial)
                    except SolarsynthError as error:
                        failures[str(error)] = failures.get(str(error), 0) + 1
                    bar.update(1)
                parts.append(_part(fold.task, found))
            prediction = Prediction(*(np.concatenate(values) for values in zip(*parts, strict=True)))
            if prediction.known.any():
                predictions[trial] = prediction
    return predictions, failures


def _part(task: Task, found: Mapping[str, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and thresholds of a fold's test images; NaN without a trial."""
    count, classes = int(task.test.sum()), 2 if task.name == "days" else len(CLASSES)
    if found is None:
        return np.full((count, classes), np.nan), np.full(count, np.nan)
    if task.name == "classes":
        return found["test"], np.full(count, np.nan)
    strong = task.label[task.validation].astype(bool)
    return found["test"], np.full(count, best_threshold(strong, found["validation"][:, 1]))


def of_setup(predictions: Predictions, scenario: str, amount: int | None = None) -> list[Trial]:
    """Return the trials of one set-up that ran, in the order of their numbers; without `amount` of its largest one."""
    found = [trial for trial in predictions if trial.scenario == scenario]
    amount = max((trial.amount for trial in found), default=0) if amount is None else amount
    return sorted((t for t in found if t.amount == amount), key=lambda trial: trial.number)


def setups(predictions: Predictions) -> dict[str, list[Trial]]:
    """Return the trials of each set-up, named ``none``, ``classical 50``, ``synthetic 50`` and so on."""
    found = {}
    for scenario in SCENARIOS:
        for amount in sorted({trial.amount for trial in predictions if trial.scenario == scenario}):
            name = scenario if scenario == "none" else f"{scenario} {amount}"
            found[name] = of_setup(predictions, scenario, amount)
    return found


def pairs(predictions: Predictions, arm: str, against: str) -> list[tuple[Trial, Trial]]:
    """Return the pairs of trials of two scenarios that share a number, each with its largest amount."""
    others = {trial.number: trial for trial in of_setup(predictions, against)}
    return [(trial, others[trial.number]) for trial in of_setup(predictions, arm) if trial.number in others]
