"""How set-ups are compared: paired differences, corrected for their number, and only if the classifier has skill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.downstream.plan import Predictions, of_setup, pairs
from solarsynth.downstream.pooled import Pooled, Prediction
from solarsynth.downstream.scores import Score, contrast, difference, half_width, measure, shared, text
from solarsynth.metrics.intervals import Interval, holm
from solarsynth.metrics.skill import FEWEST

if TYPE_CHECKING:
    import pandas as pd

#: What is compared: the first of each pair is said to help or to hurt. `none` against `withheld` is what as many real
#: images more are worth.
PAIRS = (
    ("synthetic", "none"),
    ("synthetic", "classical"),
    ("synthetic", "duplicates"),
    ("synthetic", "weights"),
    ("classical", "none"),
    ("none", "withheld"),
)
KEYS = ("score", "arm", "against", "amount", "tested", "regions")
UNTESTABLE = "cannot be tested here"
TOO_FEW = "too few to tell"
ALIKE = "can't be told apart"
LEVEL = 0.05  # of p after Holm's correction


@dataclass(frozen=True)
class Skill:
    """Whether the classifier without added images can do anything; without skill nothing can help or hurt it.

    Attributes
    ----------
    score : str
        Name of the score.
    interval : Interval
    chance : float
        Its value without skill.
    """

    score: str
    interval: Interval
    chance: float

    @property
    def found(self) -> bool:
        """Whether the 95 % interval lies above chance."""
        return bool(self.interval.low > self.chance)

    def __str__(self) -> str:
        """Return the score with its interval and chance as text."""
        if np.isnan(self.chance) or np.isnan(self.interval.mean):
            return f"{self.score}: too few test images"
        i = self.interval
        bounds = "no interval" if np.isnan(i.low) else f"95 % {i.low:.2f} to {i.high:.2f}"
        return f"{self.score} {i.mean:.2f}, {bounds}, chance {self.chance:.2f}"


def skill_without(pooled: Pooled, predictions: Predictions, score: Score) -> Skill:
    """Return the skill of the classifiers to which nothing was added.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    score : Score
        One with a known chance.
    """
    group = [predictions[trial] for trial in of_setup(predictions, "none")]
    nothing = Interval(np.nan, np.nan, np.nan, np.nan, 0, 0)
    return Skill(score.name, measure(pooled, group, score) if group else nothing, score.chance)


def compare(
    pooled: Pooled, predictions: Predictions, scores: Sequence[Score], skill: Skill, skip: Mapping | None = None
) -> pd.DataFrame:
    """Compare set-ups in pairs of trials of one number, each scenario with its largest amount.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    scores : sequence of Score
    skill : Skill
    skip : mapping of str to collection of str, optional
        Per scenario, names of scores that it cannot change.

    Returns
    -------
    DataFrame
        A row per score and pair of `PAIRS` that ran: ``score``, ``arm``, ``against``, ``amount``, ``tested`` (images
        that both have), ``regions`` (that decide the score), ``difference``, ``low``, ``high``, ``p``, ``Holm`` (p
        corrected for the number of rows) and ``verdict``.
    """
    import pandas as pd

    rows = []
    for score in scores:
        for arm, against in PAIRS:
            both = [(predictions[a], predictions[b]) for a, b in pairs(predictions, arm, against)]
            if not both or score.name in (skip or {}).get(against, ()):
                continue
            found, index = difference(pooled, both, score), shared([p for pair in both for p in pair])
            amount = max(pair.amount for name in (arm, against) for pair in of_setup(predictions, name))
            tested, regions = int(score.counts[index].sum()), score.regions(pooled, index)
            rows.append((score.name, arm, against, amount, tested, regions, found))
    adjusted = holm(np.array([row[-1].p for row in rows], float))
    return pd.DataFrame(
        [
            (*row[:-1], row[-1].mean, row[-1].low, row[-1].high, row[-1].p, p, verdict(row[-1], p, row[-2], skill))
            for row, p in zip(rows, adjusted, strict=True)
        ],
        columns=[*KEYS, "difference", "low", "high", "p", "Holm", "verdict"],
    )


def verdict(found: Interval, adjusted: float, regions: int, skill: Skill) -> str:
    """Return what a difference shows.

    Parameters
    ----------
    found : Interval
    adjusted : float
        Its p after Holm's correction.
    regions : int
        Active regions that decide it.
    skill : Skill
        Of the classifier without added images.

    Returns
    -------
    str
        ``cannot be tested here`` without skill; ``too few to tell`` with fewer than five regions, five units or two
        pairs of trials, or without an interval; ``helped`` or ``hurt`` if p is below 0.05; else ``can't be told
        apart``.
    """
    if not skill.found:
        return UNTESTABLE
    if np.isnan(found.mean) or min(regions, found.units) < FEWEST or found.seeds < 2:
        return TOO_FEW
    if np.isnan(adjusted):
        return ALIKE if found.mean == 0 else TOO_FEW  # equal in every trial, or without an error
    return ALIKE if adjusted >= LEVEL else "helped" if found.mean > 0 else "hurt"


def compared(table: pd.DataFrame, score: str, arm: str, against: str) -> Interval:
    """Return a row of a table of `compare` as an interval; NaN if there is none.

    Its units are the regions that decide it.
    """
    here = table[(table["score"] == score) & (table["arm"] == arm) & (table["against"] == against)]
    if not len(here):
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, 0)
    found = here.iloc[0]
    bounds = (float(found[name]) for name in ("difference", "low", "high", "p"))
    return Interval(*bounds, int(found["regions"]), 0)


def trend(pooled: Pooled, predictions: Predictions, scenario: str, score: Score) -> Interval:
    """Return by how much a score rises from no added image to the largest amount, along a straight line.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
    scenario : str
        Whose amounts are compared.
    score : Score

    Returns
    -------
    Interval
        The slope of least squares times the largest amount; paired by the number of the trials. NaN with fewer than two
        amounts beside none.
    """
    amounts = np.array(sorted({trial.amount for trial in predictions if trial.scenario in ("none", scenario)}), float)
    groups = _series(predictions, [("none" if a == 0 else scenario, int(a)) for a in amounts])
    if len(amounts) < 3 or not groups:
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, 0)
    centred = amounts - amounts.mean()
    return contrast(pooled, groups, (centred / (centred**2).sum() * amounts[-1]).tolist(), score)


def against_real(pooled: Pooled, predictions: Predictions, scenario: str, score: Score) -> Interval:
    """Return what a scenario's largest amount adds to a score, minus what as many real images as were withheld add."""
    setups = [(scenario, None), ("none", None), ("withheld", None)]
    groups = _series(predictions, setups)
    if not groups:
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, 0)
    return contrast(pooled, groups, (1, -2, 1), score)


def _series(predictions: Predictions, setups: Sequence[tuple[str, int | None]]) -> list[list[Prediction]]:
    """Return, for each number that all set-ups have, the prediction of each set-up."""
    found = [{trial.number: predictions[trial] for trial in of_setup(predictions, *one)} for one in setups]
    numbers = sorted(set(found[0]).intersection(*found[1:]))
    return [[by_number[k] for by_number in found] for k in numbers]


def answer(table: pd.DataFrame, skill: Skill) -> list[str]:
    """Return in words what a table of comparisons says about synthetic images, and the smallest visible difference.

    Parameters
    ----------
    table : DataFrame
        As from `compare`.
    skill : Skill
    """
    if not skill.found:
        return [f"Cannot be tested here: the classifier without added images has no skill ({skill})."]
    lines = [f"The classifier without added images has skill ({skill})."]
    for row in table[table["arm"] == "synthetic"].to_dict("records"):
        # Against `weights` the share of the classes is the same, so only the new images can make a difference.
        if row["against"] in ("none", "weights"):
            half = (row["high"] - row["low"]) / 2
            seen = "" if np.isnan(half) else f" The smallest difference that this run could have seen is {half:.2f}."
            whom = f"{row['score']}, against {row['against']}"
            lines.append(f"{whom}: {row['verdict']} ({row['difference']:+.2f}).{seen}")
    return lines if len(lines) > 1 else [*lines, "No trial with synthetic images could be compared."]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of `compare` for display: one text per interval."""
    result = table[list(KEYS)].copy()
    bounds = zip(table["difference"], table["low"], table["high"], strict=True)
    result["difference (95 %)"] = [text(Interval(*three, np.nan, 0, 0), "+") for three in bounds]
    result["p (Holm)"] = ["–" if np.isnan(p) else f"{p:.2g}" for p in table["Holm"]]
    result["verdict"] = table["verdict"]
    return result.set_index(["score", "arm", "against"])


def independent_difference(a: Interval, b: Interval) -> Interval:
    """Return a - b of two independent estimates with its interval: squared half-widths add up.

    Each half-width holds its own quantile of Student's t, so this is the method of variance estimates recovery (Zou &
    Donner 2008, doi:10.1002/sim.3095); for symmetric intervals it is close to Welch's.
    """
    from scipy.stats import norm

    mean, half = a.mean - b.mean, float(np.hypot(half_width(a), half_width(b)))
    p = float(2 * norm.sf(norm.ppf(0.975) * abs(mean) / half)) if half > 0 else np.nan
    return Interval(mean, mean - half, mean + half, p, min(a.units, b.units), min(a.seeds, b.seeds))
