"""Records of Section 8: what synthetic images change for a classifier and for a forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.book import paper
from solarsynth.book.records.writing import decimals, write
from solarsynth.metrics.skill import sample_std

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.book.page import Page

#: Values of the trials (n,) per amount or per class; skills (n,) per set-up and baselines per score.
Trials = Mapping[object, np.ndarray]
Skill = Mapping[str, Mapping[str, np.ndarray]]
Baselines = Mapping[str, Mapping[str, float]]

NOTHING_TESTED = "no rare class has both training and held-out images"


def figure_6_and_7(this: Page, accuracy: Mapping[str, Mapping[str, Trials]], amount: int) -> None:
    """Record the accuracy of the rare classes against the number of images added.

    Parameters
    ----------
    this : Page
    accuracy : mapping
        Per scenario (``synthetic``: Fig. 6, ``classical``: Fig. 7), class and amount, the accuracies (trials,).
    amount : int
        The largest amount.
    """
    for item, scenario in (("figure-6", "synthetic"), ("figure-7", "classical")):
        values = accuracy[scenario]
        why = _accuracy_text(this, amount) if values else NOTHING_TESTED
        write(this, item, why, _each(values, np.mean), error=_each(values, sample_std))


def figure_8(this: Page, accuracy: Mapping[str, Trials], amount: int) -> None:
    """Record the accuracy of the rare classes with nothing added, and with the largest amount of either kind.

    Parameters
    ----------
    this : Page
    accuracy : mapping
        Per scenario (``none``, ``classical``, ``synthetic``) and class, the accuracies (trials,).
    amount : int
        The largest amount.
    """
    values = accuracy if any(accuracy.values()) else {}
    why = _accuracy_text(this, amount) if values else NOTHING_TESTED
    write(this, "figure-8", why, _each(values, np.mean), error=_each(values, sample_std))


def accuracy(this: Page, differences: pd.DataFrame, amount: int, absent: Sequence[str]) -> None:
    """Record the paired differences of accuracy at the largest amount.

    Parameters
    ----------
    this : Page
    differences : DataFrame
        As from `solarsynth.downstream.classification.differences`.
    amount : int
        The largest amount.
    absent : sequence of str
        Rare classes without a training image.
    """
    ours = {}
    for row in differences.to_dict("records"):
        found = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}): {row['verdict']}"
        ours[f"{row['class']} against {row['rival']}"] = found
    why = _accuracy_text(this, amount) if ours else "no trials of a rare class could be compared"
    why += f"; no training image of class {', '.join(absent)}" if absent else ""
    published = {name: list(values) for name, values in paper.ACCURACY_8_1.items()}
    write(this, "accuracy-8.1", why, ours, published=published)


def figure_9(this: Page, days: int) -> None:
    """Record the number of days that have a frame and a listed flare."""
    why = f"made as in Sect. 8.2, {this.on_archive}"
    write(this, "figure-9", why, {"days": days}, published={"days": paper.DAYS})


def figure_10_and_11(this: Page, skill: Skill, baselines: Baselines, why: str) -> None:
    """Record the skill of the forecast by set-up.

    Parameters
    ----------
    this : Page
    skill : mapping
        Per score (``TSS``: Fig. 10, ``HSS``: Fig. 11) and set-up, the skills (seeds,).
    baselines : mapping
        Per score, the skills of ``persistence`` and ``climatology``.
    why : str
        Reason why nothing could be computed; empty if something was.
    """
    for item, name in (("figure-10", "TSS"), ("figure-11", "HSS")):
        values = skill[name]
        write(
            this,
            item,
            why or (_skill_text(this) if values else "no trial could be run"),
            {setup: decimals(np.nanmean(v)) for setup, v in values.items()},
            error={setup: decimals(sample_std(v)) for setup, v in values.items()},
            floor={baseline: decimals(v) for baseline, v in baselines[name].items()},
        )


def skill(
    this: Page, skill: Skill, baselines: Baselines, differences: pd.DataFrame | None, amount: int, why: str
) -> None:
    """Record the skill with the largest amount of synthetic images, and what they changed.

    Parameters
    ----------
    this : Page
    skill, baselines : mapping
        As for `figure_10_and_11`.
    differences : DataFrame or None
        As from `solarsynth.downstream.forecasting.differences`; None if nothing could be computed.
    amount : int
        The largest amount.
    why : str
        Reason why nothing could be computed; empty if something was.
    """
    setup = f"synthetic {amount}"
    reached = {name: values[setup] for name, values in skill.items() if setup in values}
    ours = {name: decimals(np.nanmean(values)) for name, values in reached.items()}
    for row in [] if differences is None else differences.to_dict("records"):
        if row["amount"] == amount:
            ours[f"{row['score']}, {amount} against {row['rival']}"] = row["verdict"]
    computed = _skill_text(this) + "; the paper's ± spans amounts, ours seeds"
    write(
        this,
        "skill-8.2",
        why or (computed if reached else "no synthetic trial could be run"),
        ours,
        published={name: list(value) for name, value in paper.SKILL_8_2.items()},
        error={name: decimals(sample_std(values)) for name, values in reached.items()},
        floor={f"{name}, persistence": decimals(b["persistence"]) for name, b in baselines.items() if b},
    )


def _each(values: Mapping[str, Trials], statistic: Callable[[np.ndarray], float]) -> dict[str, dict[str, float]]:
    return {outer: {str(key): decimals(statistic(v)) for key, v in row.items()} for outer, row in values.items()}


def _accuracy_text(this: Page, amount: int) -> str:
    trials = this.lab.settings.downstream_sets
    return f"computed as in Sect. 8.1, {this.on_archive}, with {amount} images instead of 600, {trials} trials each"


def _skill_text(this: Page) -> str:
    seeds = this.lab.settings.forecast_seeds
    return f"computed as in Sect. 8.2, {this.on_archive}, {seeds} seeds, threshold from validation days"
