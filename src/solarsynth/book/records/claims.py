"""The record of a claim: a page gives values with intervals, and the claim's rule gives the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from solarsynth.book import claims, ledger
from solarsynth.book.records.writing import digits
from solarsynth.book.rules import Reading, Skill
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval

if TYPE_CHECKING:
    from solarsynth.book.page import Page

#: A value, with or without its interval, or several by their names.
Values = float | Interval | Mapping[str, Interval]


def claim(
    this: Page,
    name: str,
    value: Values,
    low: float = math.nan,
    high: float = math.nan,
    *,
    freedom: float = math.inf,
    skill: Interval | None = None,
    chance: float = 0.0,
    p: float = math.nan,
    unfit: str = "",
    why: str = "",
    source: str = "",
) -> None:
    """Record a claim.

    Parameters
    ----------
    this : Page
    name : str
        Id of the claim, such as ``claim-07``.
    value : float, Interval, or mapping of str to Interval
        What was measured. With a mapping, all values must lie where the claim's rule says.
    low, high : float
        The 95 % interval of a value that is a number; for an exact number they equal it.
    freedom : float
        Degrees of freedom of that interval. An `Interval` has one less than its units, or than its trainings.
    skill : Interval, optional
        What the judge that made the value can do on real images; without skill above `chance` the claim is not decided.
    chance : float
    p : float
        For a rule with a level.
    unfit : str
        Why the values cannot decide the claim, whatever they are, such as unequal numbers of images.
    why : str
        What a reader should know beside what the rule says.
    source : str
        The source of the images; the page's by default.

    Raises
    ------
    SolarsynthError
        If there is no such claim, or none that this page tests.
    """
    row = claims.claim(name)
    if row.rule is None or row.chapter != this.name:
        raise SolarsynthError(f"{name} is recorded by {row.chapter or 'no page'}, not by {this.name}")
    several = value if isinstance(value, Mapping) else {"": value}
    readings = [
        reading(one, of) if isinstance(one, Interval) else Reading(float(one), float(low), float(high), freedom, of)
        for of, one in several.items()
    ]
    found = row.rule.judge(readings, Skill(reading(skill), chance) if skill else None, p, unfit)
    chosen = found.reading or Reading(math.nan)
    ledger.record_claim(
        this.folder,
        name,
        verdict=found.verdict,
        value=digits(chosen.value),
        interval=(digits(chosen.low), digits(chosen.high)),
        detectable=digits(found.detectable),
        why="; ".join(part for part in (found.why, why) if part),
        source=source or this.lab.source,
    )


def reading(interval: Interval, name: str = "") -> Reading:
    """Return an interval over units or trainings as a reading, with its degrees of freedom.

    With units and trainings the degrees are those of the units: they are the larger part of the error, as a rule. An
    interval that counts neither has the error of a normal value.
    """
    count = interval.units or interval.seeds
    freedom = count - 1 if count > 1 else math.inf
    return Reading(interval.mean, interval.low, interval.high, freedom, name)
