"""How a claim is judged: a rule looks at values with their intervals and gives a verdict. It never sees a verdict.

A claim says that a value lies on one side of a limit, or between two. It is *supported* if the 95 % intervals of all
its values lie there, and *contradicted* if the interval of one of them, widened for their number (Bonferroni), lies
wholly elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

SUPPORTED, CONTRADICTED, CANNOT_TELL, NOT_RUN = VERDICTS = ("supported", "contradicted", "cannot tell", "not run")

#: How the reason begins where a claim rests on a judge that tells real images apart no better than chance.
NO_SKILL, UNKNOWN = "the judge has no skill on real images", "is not known"

LEVEL = 0.05  # two-sided, of the intervals
POWER = 0.8  # with which a detectable effect is seen


@dataclass(frozen=True)
class Reading:
    """A value with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        The bounds are NaN without an interval. They equal the value where it is exact.
    freedom : float
        Degrees of freedom of the interval's error; infinite for a normal one.
    name : str
        What was measured, if a claim has several readings.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    freedom: float = math.inf
    name: str = ""

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def detectable(self) -> float:
        """The smallest distance from the limit that is seen with 80 % power at two-sided 5 %; NaN without an error."""
        if not self.half > 0:
            return math.nan
        return self.half * _detectable_errors(self.freedom) / _quantile(1 - LEVEL / 2, self.freedom)

    def widened(self, tests: int) -> tuple[float, float]:
        """Return the interval (low, high) that holds for `tests` readings together (Bonferroni)."""
        if tests == 1 or not self.half > 0:
            return self.low, self.high
        factor = _quantile(1 - LEVEL / 2 / tests, self.freedom) / _quantile(1 - LEVEL / 2, self.freedom)
        return self.value - factor * (self.value - self.low), self.value + factor * (self.high - self.value)


@dataclass(frozen=True)
class Skill:
    """What a judge, such as a classifier, can do on real images: a judge without skill decides nothing.

    Attributes
    ----------
    reading : Reading
    chance : float
        The value of a judge without skill.
    """

    reading: Reading
    chance: float = 0.0

    @property
    def found(self) -> bool:
        """Whether the interval lies above chance."""
        return self.reading.low > self.chance

    def __str__(self) -> str:
        """Return the skill with its interval and chance as text."""
        s = self.reading
        if math.isnan(s.half):
            return "no interval"
        return f"{s.value:.2f}, 95 % {s.low:.2f} to {s.high:.2f}, chance {self.chance:.2f}"


@dataclass(frozen=True)
class Finding:
    """What a rule says.

    Attributes
    ----------
    verdict : str
        One of `VERDICTS`.
    reading : Reading or None
        The reading that decides: the one farthest from the claim, in units of its interval.
    detectable : float
        Of that reading: another one may have another unit.
    why : str
    """

    verdict: str
    reading: Reading | None
    detectable: float
    why: str


@dataclass(frozen=True)
class Rule:
    """A claim that values lie between two limits.

    Attributes
    ----------
    lowest, highest : float
        The limits. For a claim of equality they are the margin within which values count as equal.
    level : float
        If it is above 0, the claim is contradicted only with a p-value below it, too.
    """

    lowest: float = -math.inf
    highest: float = math.inf
    level: float = 0.0

    def __str__(self) -> str:
        """Return where the values must lie."""
        if math.isinf(self.highest):
            return f"above {self.lowest:.3g}"
        side = f"below {self.highest:.3g}" if math.isinf(self.lowest) else f"{self.lowest:.3g} to {self.highest:.3g}"
        return side + (f" (contradicted only with p below {self.level:g})" if self.level else "")

    def judge(
        self, readings: Sequence[Reading], skill: Skill | None = None, p: float = math.nan, unfit: str = ""
    ) -> Finding:
        """Return the verdict on a claim.

        Parameters
        ----------
        readings : sequence of Reading
            All must lie between the limits for the claim to hold; those without a value are left out.
        skill : Skill, optional
            Of the judge that made the readings.
        p : float
            Where the rule has a `level`.
        unfit : str
            Why this run's values cannot decide the claim, whatever they are; empty if they can.
        """
        known = [one for one in readings if math.isfinite(one.value)]
        if not known:
            return Finding(NOT_RUN, None, math.nan, "this run has no value for it")
        worst = min(known, key=self._inside)
        detectable = worst.detectable
        what = _named(worst)
        if skill is not None and not skill.found:
            return Finding(CANNOT_TELL, worst, detectable, f"{NO_SKILL} ({skill})")
        if unfit:
            return Finding(CANNOT_TELL, worst, detectable, unfit)
        against = [one for one in known if self._outside(*one.widened(len(known)))]  # never without an interval
        if against and (not self.level or p < self.level):
            worst = min(against, key=self._inside)
            return Finding(CONTRADICTED, worst, worst.detectable, f"{_named(worst)} does not lie {self._side}")
        if any(math.isnan(one.half) for one in known):
            return Finding(CANNOT_TELL, worst, detectable, f"{what} {UNKNOWN}")
        if all(one.low > self.lowest and one.high < self.highest for one in known):
            return Finding(SUPPORTED, worst, detectable, f"{what} lies {self._side}")
        if self._outside(worst.low, worst.high):
            missing = f"p is {p:.2g}" if self.level else f"not after correction for {len(known)} values"
            return Finding(CANNOT_TELL, worst, detectable, f"{what} does not lie {self._side}, but {missing}")
        return Finding(CANNOT_TELL, worst, detectable, f"{what} holds a limit of the claim")

    @property
    def _side(self) -> str:
        both = math.isfinite(self.lowest) and math.isfinite(self.highest)
        return ("between " if both else "") + str(Rule(self.lowest, self.highest)).replace(" to ", " and ")

    def _outside(self, low: float, high: float) -> bool:
        return high < self.lowest or low > self.highest

    def _inside(self, one: Reading) -> float:
        """Return how far inside the limits an interval lies, in half-widths; without an interval it decides nothing."""
        if math.isnan(one.half):
            return -math.inf
        return min(one.low - self.lowest, self.highest - one.high) / max(one.half, 1e-12)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes
    ----------
    id, section : str
    text : str
        The claim in our words.
    test : str
        What is measured.
    rule : Rule or None
        Where the values must lie; None for a claim that no page tests.
    published : float
        The paper's effect, in the unit of the value; NaN if it gives none.
    chapter : str
        The page that records it; empty if none does.
    lacking : str
        Why no page tests it.
    """

    id: str
    section: str
    text: str
    test: str
    rule: Rule | None = None
    published: float = math.nan
    chapter: str = ""
    lacking: str = "its page was not run"


def untested(number: int, section: str, text: str, test: str, lacking: str, published: float = math.nan) -> Claim:
    """Return a claim that no page tests; the parameters are attributes of `Claim`."""
    return Claim(f"claim-{number:02d}", section, text, test, None, published, "", lacking)


def tested(
    number: int, section: str, text: str, test: str, rule: Rule, chapter: str, published: float = math.nan
) -> Claim:
    """Return a claim that a page tests; the parameters are attributes of `Claim`."""
    return Claim(f"claim-{number:02d}", section, text, test, rule, published, chapter)


POSITIVE, NEGATIVE = Rule(lowest=0), Rule(highest=0)

#: What many claims lack.
BIGGER_SUN = "needs the simulated Sun at the paper's size, which this run does not have"


def _named(one: Reading) -> str:
    return (f"{one.name}: " if one.name else "") + ("the value" if one.half == 0 else "the interval")


def _quantile(q: float, freedom: float) -> float:
    from scipy.stats import norm, t

    return float(norm.ppf(q) if math.isinf(freedom) else t.ppf(q, freedom))


@lru_cache(maxsize=128)
def _detectable_errors(freedom: float) -> float:
    """Return the detectable effect in standard errors.

    It is the non-centrality of Student's t at which the test rejects in 80 % of cases. With many degrees of freedom it
    is the sum of the two quantiles t(0.975) + t(0.8); with one degree of freedom that sum would reach 73 %.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct

    sides = _quantile(1 - LEVEL / 2, freedom), _quantile(POWER, freedom)
    if freedom > 200:
        return sum(sides)
    return float(brentq(lambda shift: nct.sf(sides[0], freedom, shift) - POWER, 0.5, 3 * sum(sides)))
