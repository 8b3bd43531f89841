"""Section 8.1: the accuracy of rare classes, by what is done with the training images and how much of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.downstream.comparisons import Skill, compare, skill_without
from solarsynth.downstream.plan import Fold, Predictions, of_setup, setups, withheld_everywhere
from solarsynth.downstream.pooled import Pooled, majority
from solarsynth.downstream.scores import (
    Score,
    accuracy,
    auc_of,
    difference,
    macro_recall,
    recall_of,
    score_table,
    shared,
    values,
)
from solarsynth.flares import CLASSES
from solarsynth.metrics.intervals import Interval
from solarsynth.stages.trials import SCENARIOS

if TYPE_CHECKING:
    import pandas as pd


def tested_classes(pooled: Pooled, names: Iterable[str] = CLASSES) -> list[str]:
    """Return those of the classes that have a test image in a fold with training images of the class."""
    return [name for name in names if recall_of(pooled, name).counts.any()]


def never_given(predictions: Predictions, names: Iterable[str]) -> list[str]:
    """Return those of the classes that no trial gives to any test image: their accuracy is 0 in every scenario."""
    given = {int(c) for p in predictions.values() for c in np.unique(p.probability[p.known].argmax(1))}
    return [name for name in names if CLASSES.index(name) not in given]


def accuracy_by_amount(
    pooled: Pooled,
    predictions: Predictions,
    scenario: str,
    names: Iterable[str],
    of: Callable[..., Any] = values,
) -> dict[str, dict[int, Any]]:
    """Return the data of Figs. 6 and 7: per class and amount the accuracies (trials,). Amount 0 adds nothing.

    All amounts are measured on the same test images: those that the trials of every set-up share.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    scenario : {"synthetic", "classical"}
    names : iterable of str
        The classes.
    of : callable
        `solarsynth.downstream.scores.values`, or ``measure`` for intervals instead of arrays.
    """
    amounts = sorted({trial.amount for trial in predictions if trial.scenario in ("none", scenario)})
    groups = {amount: of_setup(predictions, scenario if amount else "none", amount) for amount in amounts}
    return {name: _each(pooled, predictions, groups, recall_of(pooled, name), of) for name in names}


def accuracy_by_scenario(
    pooled: Pooled, predictions: Predictions, names: Iterable[str], of: Callable[..., Any] = values
) -> dict[str, dict[str, Any]]:
    """Return the data of Fig. 8: per scenario and class the accuracies (trials,) with the scenario's largest amount.

    The parameters are those of `accuracy_by_amount`. With all tested classes as `names` it also shows what the common
    classes lose.
    """
    groups = {s: of_setup(predictions, s) for s in SCENARIOS if of_setup(predictions, s)}
    found = {name: _each(pooled, predictions, groups, recall_of(pooled, name), of) for name in names}
    return {scenario: {name: row[scenario] for name, row in found.items()} for scenario in groups}


def _each(pooled: Pooled, predictions: Predictions, groups: dict, score: Score, of: Callable[..., Any]) -> dict:
    within = shared(list(predictions.values()))
    return {key: of(pooled, [predictions[t] for t in group], score, within) for key, group in groups.items()}


def scores(pooled: Pooled) -> list[Score]:
    """Return the scores of the table: macro recall, accuracy, and the AUC of each rare class against the others."""
    rare = [auc_of(pooled, CLASSES.index(name), f"AUC of {name}") for name in tested_classes(pooled, pooled.rare)]
    return [macro_recall(pooled), accuracy(pooled), *rare]


def split_scores(pooled: Pooled) -> list[Score]:
    """Return the scores by which two splits are compared."""
    return [macro_recall(pooled), accuracy(pooled)]


def table_of_scores(pooled: Pooled, predictions: Predictions) -> dict[str, dict[str, int | Interval]]:
    """Return the table of scores of every set-up, with the commonest class of the training images first."""
    groups = {"majority class": [majority(pooled)]}
    groups |= {name: [predictions[t] for t in group] for name, group in setups(predictions).items()}
    return score_table(pooled, groups, scores(pooled))


def above_majority(pooled: Pooled, predictions: Predictions) -> Interval:
    """Return how much more accurate the classifiers without added images are than the commonest class."""
    base = majority(pooled)
    both = [(predictions[trial], base) for trial in of_setup(predictions, "none")]
    return difference(pooled, both, accuracy(pooled)) if both else Interval(*[np.nan] * 4, 0, 0)


def differences(
    pooled: Pooled, predictions: Predictions, folds: Sequence[Fold], names: Iterable[str]
) -> tuple[pd.DataFrame, Skill]:
    """Compare set-ups in pairs: the accuracy of each class, its AUC, and the macro recall.

    An accuracy rises if the class is predicted more often, whatever the images show. An AUC does not.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    folds : sequence of Fold
    names : iterable of str
        The classes.

    Returns
    -------
    table : DataFrame
        As from `solarsynth.downstream.comparisons.compare`.
    skill : Skill
        Of the classifiers without added images: their macro recall against chance.
    """
    macro, names = macro_recall(pooled), list(names)
    amount = max((trial.amount for trial in predictions if trial.scenario == "withheld"), default=0)
    kept = [name for name in names if name not in withheld_everywhere(folds, amount)]
    aucs = [auc_of(pooled, CLASSES.index(name), f"AUC of {name}") for name in names]
    skip = {"withheld": [recall_of(pooled, name).name for name in kept] + [f"AUC of {name}" for name in kept]}
    skill = skill_without(pooled, predictions, macro)
    compared = [*(recall_of(pooled, name) for name in names), *aucs, macro]
    return compare(pooled, predictions, compared, skill, skip), skill
