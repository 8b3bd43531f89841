"""Records of Section 8: what synthetic images change for a classifier and for a forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from solarsynth.book import paper
from solarsynth.book.records.writing import decimals, write
from solarsynth.metrics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.book.page import Page

#: Intervals per amount, class or set-up, and those per class, scenario or score.
Row = Mapping[object, Interval]
Rows = Mapping[str, Row]

NOTHING_TESTED = "no rare class has both training and held-out images"
ERRORS = "errors are half-widths of 95 % intervals over active regions, blocks and trainings"


def figure_6_and_7(this: Page, accuracy: Mapping[str, Rows], amount: int) -> None:
    """Record the accuracy of the rare classes against the number of images added.

    Parameters
    ----------
    this : Page
    accuracy : mapping
        Per scenario (``synthetic``: Fig. 6, ``classical``: Fig. 7), class and amount, the intervals.
    amount : int
        The largest amount.
    """
    for item, scenario in (("figure-6", "synthetic"), ("figure-7", "classical")):
        _write_rows(this, item, accuracy[scenario], amount)


def figure_8(this: Page, accuracy: Rows, amount: int) -> None:
    """Record the accuracy of the rare classes by scenario.

    Parameters
    ----------
    this : Page
    accuracy : mapping
        Per scenario, the controls among them, and class, the intervals.
    amount : int
        The largest amount.
    """
    _write_rows(this, "figure-8", accuracy if any(accuracy.values()) else {}, amount)


def accuracy(this: Page, differences: pd.DataFrame, amount: int, absent: Sequence[str]) -> None:
    """Record the paired differences of accuracy.

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
    why = _accuracy_text(this, amount) if len(differences) else "no trials of a rare class could be compared"
    why += f"; no training image of class {', '.join(absent)}" if absent else ""
    published = {name: list(values) for name, values in paper.ACCURACY_8_1.items()}
    write(this, "accuracy-8.1", why, _verdicts(differences), published=published, error=_half_widths(differences))


def figure_9(this: Page, days: int) -> None:
    """Record the number of days that have a frame and a listed flare."""
    why = f"made as in Sect. 8.2, {this.on_archive}"
    write(this, "figure-9", why, {"days": days}, published={"days": paper.DAYS})


def figure_10_and_11(this: Page, skill: Rows, baselines: Rows, why: str) -> None:
    """Record the skill of the forecast by set-up.

    Parameters
    ----------
    this : Page
    skill : mapping
        Per score (``TSS``: Fig. 10, ``HSS``: Fig. 11) and set-up, the intervals.
    baselines : mapping
        Per score, the intervals of ``persistence`` and ``climatology``.
    why : str
        Reason why nothing could be computed; empty if something was.
    """
    for item, name in (("figure-10", "TSS"), ("figure-11", "HSS")):
        values = skill[name]
        write(
            this,
            item,
            why or (_skill_text(this) if values else "no trial could be run"),
            _means(values),
            error=_errors(values),
            floor=_means(baselines[name]),
        )


def skill(this: Page, skill: Rows, baselines: Rows, differences: pd.DataFrame | None, amount: int, why: str) -> None:
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
    compared = {} if differences is None else _verdicts(differences)
    computed = _skill_text(this) + "; the paper's ± spans amounts"
    write(
        this,
        "skill-8.2",
        why or (computed if reached else "no synthetic trial could be run"),
        _means(reached) | compared if reached else {},
        published={name: list(value) for name, value in paper.SKILL_8_2.items()},
        error=_errors(reached),
        floor={f"{name}, persistence": decimals(b["persistence"].mean) for name, b in baselines.items() if b},
    )


def _write_rows(this: Page, item: str, rows: Rows, amount: int) -> None:
    why = _accuracy_text(this, amount) if rows else NOTHING_TESTED
    means = {name: _means(row) for name, row in rows.items()}
    write(this, item, why, means, error={name: _errors(row) for name, row in rows.items()})


def _means(row: Row) -> dict[str, float]:
    return {str(key): decimals(found.mean) for key, found in row.items()}


def _errors(row: Row) -> dict[str, float]:
    return {str(key): decimals((found.high - found.low) / 2) for key, found in row.items()}


def _verdicts(differences: pd.DataFrame) -> dict[str, str]:
    """Return per comparison the difference with its interval, and the verdict."""
    found = {}
    for row in differences.to_dict("records"):
        bounds = "no interval" if math.isnan(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}"
        found[_name(row)] = f"{row['difference']:+.3f} ({bounds}): {row['verdict']}"
    return found


def _half_widths(differences: pd.DataFrame) -> dict[str, float]:
    return {_name(row): decimals((row["high"] - row["low"]) / 2) for row in differences.to_dict("records")}


def _name(row: Mapping) -> str:
    return f"{row['score']}, {row['arm']} against {row['against']}"


def _accuracy_text(this: Page, amount: int) -> str:
    trials = this.lab.settings.downstream_sets
    how = f"with {amount} images instead of 600, {trials} trials each"
    return f"computed as in Sect. 8.1, {this.on_archive}, {how}; {ERRORS}"


def _skill_text(this: Page) -> str:
    seeds = this.lab.settings.forecast_seeds
    return f"computed as in Sect. 8.2, {this.on_archive}, {seeds} seeds, threshold from validation days; {ERRORS}"
