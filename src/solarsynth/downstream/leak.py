"""What a split is worth: the same trials on a blocked and on a random split, each with its own cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.downstream.comparisons import ALIKE, LEVEL, TOO_FEW, independent_difference
from solarsynth.downstream.plan import Fold, cross_validation, of_setup, planned, run
from solarsynth.downstream.pooled import Pooled, persistence, pool
from solarsynth.downstream.scores import Score, measure, text
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval, holm
from solarsynth.stages.trials import Trial

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.dataset.tasks import Task
    from solarsynth.stages import Lab

SPLITS = ("blocked", "random")
HIGHER = "the random split scores higher"
Measured = dict[tuple[str, str], Interval]


def split_worth(
    lab: Lab, task_of: Callable[[Lab], Task], scores: Callable[[Pooled], Sequence[Score]], numbers: int
) -> tuple[pd.DataFrame, list[str]]:
    """Repeat trials on a blocked and on a random split; the random split leaks, and has more images to learn from.

    Synthetic trials need generators trained for each split; they run only if the setting ``leak_synthetic`` is 1.

    Parameters
    ----------
    lab : Lab
    task_of : callable
        ``task_of(lab)``.
    scores : callable
        ``scores(pooled)`` returns what is measured.
    numbers : int
        Trials per scenario.

    Returns
    -------
    worth : DataFrame
        A row per scenario and score: the two intervals ``blocked`` and ``random``, ``leak`` (the difference), ``Holm``
        and ``verdict``: ``the random split scores higher`` or ``lower``, ``can't be told
        apart`` or ``too few to tell``.
    notes : list of str
        A line for each reason why trials could not run.
    """
    import pandas as pd

    found, notes = {}, []
    for split, there in both_splits(lab).items():
        try:
            found[split], more = _measured(there, task_of, scores, numbers)
        except SolarsynthError as error:
            found[split], more = {}, [str(error)]
        notes += [f"{split}: {line}" for line in more]
    rows = [
        (*key, blocked, found["random"][key], independent_difference(found["random"][key], blocked))
        for key, blocked in found["blocked"].items()
        if key in found["random"]
    ]
    adjusted = holm(np.array([row[-1].p for row in rows], float))
    return pd.DataFrame(
        [(*row, p, leak_verdict(row[-1], p)) for row, p in zip(rows, adjusted, strict=True)],
        columns=["scenario", "score", *SPLITS, "leak", "Holm", "verdict"],
    ), notes


def both_splits(lab: Lab) -> dict[str, Lab]:
    """Return the labs of the two splits that are compared; one of them is the lab itself."""
    return {split: lab if split == lab.settings.split else lab.variant(split=split) for split in SPLITS}


def trials(folds: Sequence[Fold], numbers: int) -> dict[Trial, list[Fold]]:
    """Return the trials that are repeated on each split, and the folds in which each runs."""
    wanted = _scenarios(folds[0].lab)
    most = max(trial.amount for trial in planned(folds, 1, wanted))
    return {trial: where for trial, where in planned(folds, numbers, wanted).items() if trial.amount in (0, most)}


def _scenarios(there: Lab) -> tuple[str, ...]:
    return ("none", "classical", "synthetic") if there.settings.leak_synthetic else ("none", "classical")


def _measured(there: Lab, task_of: Callable, scores: Callable, numbers: int) -> tuple[Measured, list[str]]:
    """Return per scenario and score the interval on one split, and why trials could not run."""
    folds, notes = cross_validation(there, task_of)
    pooled = pool([fold.task for fold in folds])
    predictions, failures = run(folds, trials(folds, numbers))
    notes += [f"{count} trials could not run: {why}" for why, count in failures.items()]
    groups = {name: [predictions[trial] for trial in of_setup(predictions, name)] for name in _scenarios(there)}
    if pooled.name == "days":
        groups["persistence"] = [persistence(pooled)]
    measured = {
        (name, score.name): measure(pooled, group, score)
        for name, group in groups.items()
        if group
        for score in scores(pooled)
    }
    return measured, notes


def leak_verdict(found: Interval, adjusted: float) -> str:
    """Return what the difference between a random and a blocked split shows."""
    if np.isnan(found.mean) or np.isnan(adjusted):
        return TOO_FEW
    return ALIKE if adjusted >= LEVEL else HIGHER if found.mean > 0 else "the random split scores lower"


def shown(worth: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `split_worth` for display."""
    result = worth[["scenario", "score"]].copy()
    for split in SPLITS:
        result[split] = [text(found) for found in worth[split]]
    result["random − blocked"] = [text(found, "+") for found in worth["leak"]]
    result["p (Holm)"] = ["–" if np.isnan(p) else f"{p:.2g}" for p in worth["Holm"]]
    result["verdict"] = worth["verdict"]
    return result.set_index(["scenario", "score"])


def answer(worth: pd.DataFrame) -> list[str]:
    """Return what follows from the table of `split_worth` for the classifiers without added images, in words."""
    lines = []
    for row in worth[worth["scenario"] == "none"].to_dict("records"):
        half = (row["leak"].high - row["leak"].low) / 2
        end = {
            HIGHER: "This is leakage, or what the images are worth that the purge costs; it is not skill.",
            ALIKE: f"A difference of less than {half:.2f} could not be seen here.",
            TOO_FEW: "Nothing follows.",
        }.get(row["verdict"], "The random split does not flatter here.")
        lines.append(f"{row['score']}: random − blocked = {text(row['leak'], '+')}: {row['verdict']}. {end}")
    return lines or ["The two splits could not be compared."]
