"""Which trials an experiment has, and what they predict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import progress, stages
from solarsynth.errors import SolarsynthError
from solarsynth.stages import Trial

if TYPE_CHECKING:
    from solarsynth.dataset.tasks import Task
    from solarsynth.stages import Lab

#: Per trial the probabilities (n, classes) of the ``test`` and of the ``validation`` images.
Probabilities = Mapping[Trial, Mapping[str, np.ndarray]]


def trials(scenarios: Iterable[str], amounts: Sequence[int], numbers: int) -> list[Trial]:
    """Return the trials of an experiment: every scenario, amount and number.

    Parameters
    ----------
    scenarios : iterable of {"none", "classical", "synthetic"}
    amounts : sequence of int
        Images per rare class; scenario ``none`` adds nothing and has one amount, 0.
    numbers : int
        Trials per scenario and amount.
    """
    found = []
    for scenario in scenarios:
        for amount in (0,) if scenario == "none" else amounts:
            found += [Trial(scenario, amount, number) for number in range(numbers)]
    return found


def run_all(lab: Lab, task: Task, plan: Sequence[Trial]) -> tuple[Probabilities, dict[str, list[Trial]]]:
    """Run trials. A trial that cannot run is reported with its reason, and the others still run.

    Parameters
    ----------
    lab : Lab
    task : Task
    plan : sequence of Trial

    Returns
    -------
    probabilities : dict
        Per trial, what `solarsynth.stages.probabilities` returned.
    failures : dict of str to list of Trial
        Per reason, the trials that could not run.
    """
    found: dict[Trial, Mapping[str, np.ndarray]] = {}
    failures: dict[str, list[Trial]] = {}
    with progress.bar(f"trials of {task.name}", len(plan), unit="trials") as bar:
        for trial in plan:
            try:
                found[trial] = stages.probabilities(lab, task, trial)
            except SolarsynthError as error:
                failures.setdefault(str(error), []).append(trial)
            bar.update(1)
    return found, failures


def of_setup(probabilities: Mapping[Trial, object], scenario: str, amount: int) -> list[Trial]:
    """Return the trials of one set-up that ran, in the order of their numbers.

    Parameters
    ----------
    probabilities : mapping
        Its keys are the trials that ran.
    scenario : {"none", "classical", "synthetic"}
    amount : int
        Images added per rare class. Scenario ``none`` adds nothing, so its amount is always taken as 0.
    """
    amount = 0 if scenario == "none" else amount
    return sorted(
        (t for t in probabilities if (t.scenario, t.amount) == (scenario, amount)), key=lambda trial: trial.number
    )


def pairs(probabilities: Mapping[Trial, object], amount: int, rival: str) -> list[tuple[Trial, Trial]]:
    """Return the pairs of trials with synthetic images and with a rival scenario that share a number and both ran.

    Parameters
    ----------
    probabilities : mapping
        Its keys are the trials that ran.
    amount : int
        Images added per rare class, on both sides; the rival ``none`` adds nothing.
    rival : {"none", "classical"}
    """
    rivals = {trial.number: trial for trial in of_setup(probabilities, rival, amount)}
    ours = of_setup(probabilities, "synthetic", amount)
    return [(trial, rivals[trial.number]) for trial in ours if trial.number in rivals]
