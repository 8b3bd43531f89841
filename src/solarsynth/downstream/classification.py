"""Section 8.1: the accuracy of rare classes, by what is added to the training images and how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import stages
from solarsynth.downstream.comparisons import paired_difference, recall_of
from solarsynth.downstream.plan import Probabilities, of_setup, pairs, run_all, trials
from solarsynth.flares import CLASSES
from solarsynth.stages import SCENARIOS

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.dataset.tasks import Task
    from solarsynth.stages import Lab


def tested_classes(task: Task, names: Iterable[str] = CLASSES) -> list[str]:
    """Return those of the classes that have a test image; the others have no accuracy."""
    label = task.label[task.test]
    return [name for name in names if (label == CLASSES.index(name)).any()]


def accuracies(task: Task, probabilities: Probabilities, name: str, scenario: str, amount: int = 0) -> np.ndarray:
    """Return the accuracy of one class in every trial of a set-up.

    Parameters
    ----------
    task : Task
    probabilities : mapping
        As from `solarsynth.downstream.plan.run_all`.
    name : str
        The class.
    scenario : {"none", "classical", "synthetic"}
    amount : int
        Images added per rare class.

    Returns
    -------
    ndarray of float, shape (trials,)
        A single NaN if no trial of the set-up ran.
    """
    score, everything = recall_of(task, name), np.arange(int(task.test.sum()))
    group = of_setup(probabilities, scenario, amount)
    return np.array([score(probabilities[trial]["test"], everything) for trial in group] or [np.nan])


def accuracy_by_amount(
    task: Task, probabilities: Probabilities, scenario: str, amounts: Sequence[int], names: Iterable[str]
) -> dict[str, dict[int, np.ndarray]]:
    """Return the data of Figs. 6 and 7: per class and amount the accuracies (trials,). Amount 0 adds nothing."""
    return {
        name: {a: accuracies(task, probabilities, name, scenario if a else "none", a) for a in (0, *amounts)}
        for name in names
    }


def accuracy_by_scenario(
    task: Task, probabilities: Probabilities, amount: int, names: Iterable[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Return the data of Fig. 8: per scenario and class the accuracies (trials,) with one amount added.

    With all tested classes as `names` it also shows what the common classes lose.
    """
    names = list(names)
    return {
        scenario: {name: accuracies(task, probabilities, name, scenario, amount) for name in names}
        for scenario in SCENARIOS
    }


def differences(
    task: Task, probabilities: Probabilities, amount: int, names: Iterable[str], draws: int = 1000
) -> pd.DataFrame:
    """Compare trials with synthetic images with those of the two rivals, class by class.

    Parameters
    ----------
    task : Task
    probabilities : mapping
    amount : int
        Images added per rare class.
    names : iterable of str
        The classes.
    draws : int
        Repetitions of the bootstrap.

    Returns
    -------
    DataFrame
        A row per class and rival (``none`` or ``classical``) with columns ``class``, ``tested`` (test images),
        ``rival``, ``difference`` (of accuracy), ``low``, ``high`` and ``verdict``; see
        `solarsynth.downstream.comparisons.Difference`. A rival without a pair of trials has no row.
    """
    import pandas as pd

    rows = []
    for name in names:
        count = int((task.label[task.test] == CLASSES.index(name)).sum())
        for rival in ("none", "classical"):
            both = pairs(probabilities, amount, rival)
            if both:
                ours, theirs = ([probabilities[pair[side]]["test"] for pair in both] for side in (0, 1))
                found = paired_difference(ours, theirs, recall_of(task, name), count, draws)
                rows.append((name, count, rival, found.mean, found.low, found.high, found.verdict))
    return pd.DataFrame(rows, columns=["class", "tested", "rival", "difference", "low", "high", "verdict"])


def split_worth(lab: Lab, amount: int) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Repeat the trials on a blocked and on a random split: the difference is leakage, not skill.

    Synthetic trials on the split that is not the lab's own need a generator trained for that split; they run only if
    the setting ``leak_synthetic`` is 1.

    Parameters
    ----------
    lab : Lab
    amount : int
        Images added per rare class.

    Returns
    -------
    accuracy : dict of dict of ndarray
        Per split and scenario (such as ``blocked, none``) the accuracies (trials,) of ``all`` test images and of
        every class that has one.
    notes : list of str
        A line for each reason why trials could not run.
    """
    found, notes = {}, []
    for split in ("blocked", "random"):
        there = lab if split == lab.settings.split else lab.variant(split=split)
        task = stages.classes_task(there)
        for scenario in SCENARIOS if lab.settings.leak_synthetic or there is lab else ("none", "classical"):
            plan = trials([scenario], [amount], lab.settings.downstream_sets)
            probabilities, failures = run_all(there, task, plan)
            notes += [f"{split}, {scenario}: {len(t)} trials could not run: {why}" for why, t in failures.items()]
            found[f"{split}, {scenario}"] = overall_and_by_class(task, probabilities)
    return found, notes


def overall_and_by_class(task: Task, probabilities: Mapping) -> dict[str, np.ndarray]:
    """Return the accuracies (trials,) of ``all`` test images and of each tested class, of every trial given.

    The dict is empty if no trial ran.
    """
    y_true = task.label[task.test]
    right = np.array([parts["test"].argmax(1) == y_true for parts in probabilities.values()])
    if not len(right):
        return {}
    by_class = {name: right[:, y_true == CLASSES.index(name)].mean(1) for name in tested_classes(task)}
    return {"all": right.mean(1)} | by_class
