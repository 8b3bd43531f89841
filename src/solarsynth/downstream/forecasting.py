"""Section 8.2: skill of the daily forecast of strong flares, its baselines, and what synthetic images change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.downstream.comparisons import Skill, compare, skill_without
from solarsynth.downstream.plan import Predictions, of_setup, setups
from solarsynth.downstream.pooled import Pooled, Prediction, climatology, persistence
from solarsynth.downstream.scores import (
    Score,
    auc_of,
    brier_score,
    brier_skill,
    flagged,
    forecast_score,
    measure,
    score_table,
    share_flagged,
    shared,
    unweighted,
    values,
)
from solarsynth.metrics.intervals import Interval
from solarsynth.stages.trials import STRONG_WEIGHTS

if TYPE_CHECKING:
    import pandas as pd

#: Eqs. 7 and 8.
SKILLS = ("TSS", "HSS")


def skills(pooled: Pooled, predictions: Predictions, of: Callable[..., Any] = values) -> dict[str, dict[str, Any]]:
    """Return the data of Figs. 10 and 11: per score and set-up the skill (seeds,).

    All set-ups are measured on the same test days: those that the trials of every set-up share.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    of : callable
        `solarsynth.downstream.scores.values`, or ``measure`` for intervals instead of arrays.
    """
    within = shared(list(predictions.values())) if predictions else None
    return {
        name: {
            setup: of(pooled, [predictions[t] for t in group], forecast_score(pooled, name), within)
            for setup, group in setups(predictions).items()
        }
        for name in SKILLS
    }


def baselines(pooled: Pooled, predictions: Predictions) -> dict[str, dict[str, Interval]]:
    """Return per score the skill of persistence and of climatology, on the test days of `skills`.

    Climatology flags no day; its skill is 0 by definition and has no error.
    """
    within = shared(list(predictions.values())) if predictions else None
    zero = Interval(0.0, 0.0, 0.0, np.nan, 0, 0)
    return {
        name: {
            "persistence": measure(pooled, [persistence(pooled)], forecast_score(pooled, name), within),
            "climatology": zero,
        }
        for name in SKILLS
    }


def scores(pooled: Pooled) -> list[Score]:
    """Return the scores of the table of skills."""
    return [
        auc_of(pooled, 1),
        forecast_score(pooled, "TSS"),
        forecast_score(pooled, "TSS", 0.5),
        forecast_score(pooled, "HSS"),
        brier_score(pooled),
        brier_skill(pooled),
        share_flagged(pooled),
    ]


def split_scores(pooled: Pooled) -> list[Score]:
    """Return the scores by which two splits are compared."""
    return [auc_of(pooled, 1), forecast_score(pooled, "TSS")]


def table_of_scores(
    pooled: Pooled, predictions: Predictions, others: Mapping[str, Prediction] | None = None
) -> dict[str, dict[str, int | Interval]]:
    """Return the table of scores: the baselines, then every set-up.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    others : mapping of str to Prediction, optional
        Baselines; by default ``persistence`` and ``climatology``.
    """
    others = {"persistence": persistence(pooled), "climatology": climatology(pooled)} if others is None else others
    groups = {name: [one] for name, one in others.items()}
    groups |= {name: [predictions[t] for t in group] for name, group in setups(predictions).items()}
    return score_table(pooled, groups, scores(pooled))


def silent(predictions: Predictions) -> list[str]:
    """Return a line per set-up and threshold with trials that flag no test day.

    The TSS and HSS of such a trial are 0 because it says nothing, not because it is as often right as wrong.
    """
    lines = []
    for setup, group in setups(predictions).items():
        for fixed, where in ((None, ""), (0.5, " at 0.5")):
            count = sum(not flagged(predictions[t], fixed).any() for t in group)
            if count:
                lines.append(f"{setup}{where}: no day flagged by {count} of {len(group)} seeds")
    return lines


def reliability(pooled: Pooled, predictions: Predictions) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return per set-up the probabilities (n,) and y_true (n,) bool of its test days, all seeds together."""
    found = {}
    for setup, group in setups(predictions).items():
        index = shared([predictions[t] for t in group])
        probability = np.concatenate([predictions[t].probability[index, 1] for t in group])
        found[setup] = probability, np.tile(pooled.y_true[index] == 1, len(group))
    return found


def without_weights(predictions: Predictions) -> dict[str, list[Prediction]]:
    """Return the classifiers without added images, as their probabilities are and without the weights of the loss."""
    group = [predictions[trial] for trial in of_setup(predictions, "none")]
    undone = [unweighted(one, STRONG_WEIGHTS) for one in group]
    return {"none": group, "none, weights undone": undone} if group else {}


def compared_scores(pooled: Pooled) -> list[Score]:
    """Return the scores in which classifiers are compared with baselines."""
    return [auc_of(pooled, 1), *(forecast_score(pooled, name) for name in SKILLS), brier_skill(pooled)]


def differences(pooled: Pooled, predictions: Predictions) -> tuple[pd.DataFrame, Skill]:
    """Compare set-ups in pairs, each scenario with its largest amount: AUC, TSS and HSS.

    Returns
    -------
    table : DataFrame
        As from `solarsynth.downstream.comparisons.compare`.
    skill : Skill
        Of the classifiers without added images: their AUC against 0.5.
    """
    rank = auc_of(pooled, 1)
    skill = skill_without(pooled, predictions, rank)
    compared = [rank, *(forecast_score(pooled, name) for name in SKILLS)]
    return compare(pooled, predictions, compared, skill), skill
