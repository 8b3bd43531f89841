"""Section 8.2: skill of the daily forecast of strong flares, its baselines, and what synthetic images change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import stages
from solarsynth.downstream.comparisons import Score, best_threshold, paired_difference, persistence
from solarsynth.downstream.plan import Probabilities, of_setup, pairs, run_all, trials
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.skill import Forecast, brier
from solarsynth.stages import SCENARIOS, Trial

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.dataset.tasks import Task
    from solarsynth.stages import Lab

#: Eqs. 7 and 8.
SKILLS = ("TSS", "HSS")

#: Forecasts (n_test,) of bool, per trial.
Forecasts = Mapping[Trial, np.ndarray]


def strong_test_days(task: Task) -> np.ndarray:
    """Return y_true of the test days, (n_test,) bool: whether a flare of class M or X followed."""
    return task.label[task.test].astype(bool)


def forecasts(task: Task, probabilities: Probabilities) -> dict[Trial, np.ndarray]:
    """Return the forecasts (n_test,) bool of every trial: its threshold is the best one on the validation days."""
    strong = task.label[task.validation].astype(bool)
    return {
        trial: parts["test"][:, 1] >= best_threshold(strong, parts["validation"][:, 1])
        for trial, parts in probabilities.items()
    }


def skill(name: str, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return the ``TSS`` or the ``HSS`` of a forecast (n,) bool."""
    return getattr(Forecast.of(y_true, y_pred), name.lower())


def setups(predicted: Forecasts) -> dict[str, list[Trial]]:
    """Return the trials of each set-up, named ``none``, ``classical 50``, ``synthetic 50`` and so on."""
    found = {}
    for scenario in SCENARIOS:
        for amount in sorted({trial.amount for trial in predicted if trial.scenario == scenario}):
            found[scenario if scenario == "none" else f"{scenario} {amount}"] = of_setup(predicted, scenario, amount)
    return found


def skills(task: Task, predicted: Forecasts) -> dict[str, dict[str, np.ndarray]]:
    """Return the data of Figs. 10 and 11: per score and set-up the skill (seeds,) on the test days."""
    y_true = strong_test_days(task)
    return {
        name: {setup: np.array([skill(name, y_true, predicted[t]) for t in group]) for setup, group in groups.items()}
        for groups in [setups(predicted)]
        for name in SKILLS
    }


def baselines(task: Task) -> dict[str, dict[str, float]]:
    """Return per score the skill of persistence and of climatology, which is 0 by definition."""
    y_true = strong_test_days(task)
    last_day = persistence(task.day, task.label)[task.test]
    return {name: {"persistence": skill(name, y_true, last_day), "climatology": 0.0} for name in SKILLS}


def skill_table(
    task: Task, probabilities: Probabilities, predicted: Forecasts
) -> dict[str, dict[str, float | np.ndarray]]:
    """Return the table of skills: the two baselines and every set-up.

    Returns
    -------
    dict of dict
        Per set-up, ``persistence`` and ``climatology`` first: ``TSS``, ``HSS``, ``Brier`` (the Brier score) and
        ``days flagged`` (the share of positive forecasts). Each is a number of the baselines and (seeds,) of the
        others. Climatology forecasts the share of strong training days and flags none.
    """
    y_true = strong_test_days(task)
    last_day = persistence(task.day, task.label)[task.test]
    rate = np.full(len(y_true), float(task.label[task.train].mean()))
    known, found = baselines(task), skills(task, predicted)
    table = {name: {score: known[score][name] for score in SKILLS} for name in ("persistence", "climatology")}
    table["persistence"] |= {"Brier": brier(y_true, last_day.astype(float)), "days flagged": float(last_day.mean())}
    table["climatology"] |= {"Brier": brier(y_true, rate), "days flagged": 0.0}
    for setup, group in setups(predicted).items():
        table[setup] = {score: found[score][setup] for score in SKILLS} | {
            "Brier": np.array([brier(y_true, probabilities[trial]["test"][:, 1]) for trial in group]),
            "days flagged": np.array([predicted[trial].mean() for trial in group]),
        }
    return table


def over_amounts(found: Mapping[str, Mapping[str, np.ndarray]], scenario: str) -> dict[str, np.ndarray]:
    """Return per score the means over the seeds, (amounts,): the paper's error bars are their standard deviation.

    Parameters
    ----------
    found : mapping
        As from `skills`.
    scenario : {"classical", "synthetic"}
    """
    return {
        name: np.array([np.nanmean(v) for setup, v in by_setup.items() if setup.split()[0] == scenario])
        for name, by_setup in found.items()
    }


def reliability(task: Task, probabilities: Probabilities) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return per set-up the probabilities (n,) and y_true (n,) bool of the test days, all seeds together."""
    y_true = strong_test_days(task)
    return {
        setup: (np.concatenate([probabilities[t]["test"][:, 1] for t in group]), np.tile(y_true, len(group)))
        for setup, group in setups(probabilities).items()
    }


def differences(task: Task, predicted: Forecasts, amounts: Sequence[int], draws: int = 300) -> pd.DataFrame:
    """Compare forecasts with synthetic images with those of the two rivals, at every amount.

    Parameters
    ----------
    task : Task
    predicted : mapping
        As from `forecasts`.
    amounts : sequence of int
        Images added per rare class.
    draws : int
        Repetitions of the bootstrap.

    Returns
    -------
    DataFrame
        A row per amount, rival (``none`` or ``classical``) and score with columns ``amount``, ``rival``, ``score``,
        ``difference``, ``low``, ``high`` and ``verdict``; see `solarsynth.downstream.comparisons.Difference`. The
        rarer kind of test day decides it. A rival without a pair of trials has no row.
    """
    import pandas as pd

    y_true = strong_test_days(task)
    decided_by = int(min(y_true.sum(), (~y_true).sum()))
    rows = []
    for amount in amounts:
        for rival in ("none", "classical"):
            both = pairs(predicted, amount, rival)
            for name in SKILLS if both else ():
                ours, theirs = ([predicted[pair[side]] for pair in both] for side in (0, 1))
                found = paired_difference(ours, theirs, _skill_of(name, y_true), decided_by, draws)
                rows.append((amount, rival, name, found.mean, found.low, found.high, found.verdict))
    return pd.DataFrame(rows, columns=["amount", "rival", "score", "difference", "low", "high", "verdict"])


def _skill_of(name: str, y_true: np.ndarray) -> Score:
    """Return the score ``(y_pred, index)`` of `paired_difference`."""
    return lambda y_pred, index: skill(name, y_true[index], y_pred[index])


def split_worth(lab: Lab, mode: str = "paper") -> tuple[dict[str, dict[str, float | np.ndarray]], list[str]]:
    """Repeat the trials with the largest amount on a blocked and on a random split of the days.

    Synthetic trials on the split that is not the lab's own need a generator trained for that split; they run only if
    the setting ``leak_synthetic`` is 1.

    Parameters
    ----------
    lab : Lab
    mode : {"paper", "all-days"}
        Without or with the days that have no listed flare.

    Returns
    -------
    found : dict of dict
        Per split and set-up (such as ``blocked, none``) the ``TSS`` and ``HSS`` (seeds,). Persistence has a number
        instead, and ``strong test days``.
    notes : list of str
        A line for each split, and for each kind of trial, that could not run.
    """
    found, notes = {}, []
    for split in ("blocked", "random"):
        there = lab if split == lab.settings.split else lab.variant(split=split)
        try:
            task = stages.days_task(there, mode)
        except SolarsynthError as error:
            notes.append(f"{split}: {error}")
            continue
        found[f"{split}, persistence"] = {name: values["persistence"] for name, values in baselines(task).items()}
        found[f"{split}, persistence"] |= {"strong test days": int(strong_test_days(task).sum())}
        for scenario in SCENARIOS if lab.settings.leak_synthetic or there is lab else ("none", "classical"):
            plan = trials([scenario], stages.amounts(there, task)[-1:], lab.settings.forecast_seeds)
            probabilities, failures = run_all(there, task, plan)
            notes += [f"{split}, {scenario}: {len(t)} trials could not run: {why}" for why, t in failures.items()]
            if probabilities:
                by_setup = skills(task, forecasts(task, probabilities))
                found[f"{split}, {scenario}"] = {name: next(iter(by_setup[name].values())) for name in SKILLS}
    return found, notes
