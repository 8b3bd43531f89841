"""The form of a result: one metric of a set of images, beside held-out images and the floor of real ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.floors import floor_range
from solarsynth.metrics.intervals import holm
from solarsynth.metrics.skill import sample_std

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of errors.
STD_OVER_SETS = "std over sets"
JACKKNIFE = "jackknife standard error over sets"
JACKKNIFE_PARTS = "jackknife standard error over parts of the set"
STD_OVER_CLASSIFIERS = "std over classifiers"
STD_OVER_TRAININGS = "std over trainings of the generator"

#: Family-wise error of the rows that reject a set.
LEVEL = 0.05


@dataclass(frozen=True)
class Value:
    """One metric of one set of images.

    Attributes
    ----------
    metric : str
    target : float
        The value of a perfect generator with infinitely many images.
    value : float
        NaN if it cannot be computed.
    error : float
        NaN if it is unknown.
    error_kind : str
        What the error spans, such as ``std over sets``; empty without an error.
    held_out : float
        The same metric of as many held-out real images.
    low, high : float
        The floor: the range that holds nine in ten values of the same metric of real images from whole blocks that were
        left out of the reference. NaN if unknown, infinite on a side without a limit.
    p : float
        Probability that real images of blocks left out are at least as far on the faulty side; NaN if unknown.
    adjusted : float
        `p` after Holm's correction for the rows of its family, as by `judged`.
    images : int
        Number of images that were measured.
    floor_images, reference_images : int
        Number of images in each set of the floor, and in the reference of both.
    trainings : int
        Number of trainings of the generator over which the value is a mean.
    each : tuple of float
        The value of each of them; empty with one training.
    note : str
        Why there is no value, or what a reader should know about it.
    """

    metric: str
    target: float
    value: float = math.nan
    error: float = math.nan
    error_kind: str = ""
    held_out: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    adjusted: float = math.nan
    images: int = 0
    floor_images: int = 0
    reference_images: int = 0
    trainings: int = 1
    each: tuple[float, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.error):
            object.__setattr__(self, "error_kind", "")

    @property
    def place(self) -> str:
        """``below``, ``within`` or ``above`` the floor; empty without a value or a floor."""
        if math.isnan(self.value) or math.isnan(self.low):
            return ""
        return "below" if self.value < self.low else "above" if self.value > self.high else "within"

    @property
    def rejects(self) -> bool:
        """Whether the metric tells the set from real images of other weeks, after Holm's correction."""
        return self.adjusted < LEVEL


def judged(values: Sequence[Value]) -> list[Value]:
    """Return values with their p-values corrected for their number (Holm 1979).

    The rows that look for copies are a family of their own: they ask another question, and their test is weak.
    """
    copies = np.array([value.metric.startswith("Copies") for value in values], bool)
    p = np.array([value.p for value in values], float)
    adjusted = np.full(len(p), np.nan)
    for family in (copies, ~copies):
        adjusted[family] = holm(p[family])
    return [dataclasses.replace(value, adjusted=float(q)) for value, q in zip(values, adjusted, strict=True)]


def verdict(values: Sequence[Value]) -> tuple[bool, str]:
    """Return whether a set of images is accepted, and a line that says why.

    Parameters
    ----------
    values : sequence of Value
        As from `judged`.
    """
    against = [f"{v.metric} {v.value:.3g}" for v in values if v.rejects]
    if against:
        return False, "rejected: real images of other weeks do not have " + "; ".join(against)
    if not any(math.isfinite(v.adjusted) for v in values):
        return False, "not judged: no metric could be compared with real images of other weeks"
    return True, "accepted: no row tells these images from real ones of other weeks; the ranges show how much that says"


def over_trainings(values: Sequence[Sequence[Value]]) -> list[Value]:
    """Return the mean of each metric over several trainings of one model, with their standard deviation.

    Parameters
    ----------
    values : sequence of sequence of Value
        Per training, the same metrics in the same order. With one training its values are returned as they are.
    """
    if len(values) == 1:
        return list(values[0])
    found = []
    for same in zip(*values, strict=True):
        numbers = np.array([value.value for value in same])
        p = np.array([value.p for value in same])
        found.append(
            dataclasses.replace(
                same[0],
                value=float(numbers.mean()),
                error=sample_std(numbers),
                error_kind=STD_OVER_TRAININGS,
                trainings=len(same),
                each=tuple(numbers.tolist()),
                # The least of several p-values, corrected for their number; NaN if one is.
                p=float(np.minimum(1.0, len(p) * p.min())),
            )
        )
    return found


def widened(draws: np.ndarray, taken: float, logarithm: np.ndarray | None = None) -> np.ndarray:
    """Return draws (n, k) as far apart as sets of other blocks would be, about their median.

    Parameters
    ----------
    draws : ndarray of float, shape (n, k)
        Each of a share of the same blocks; the variance among them is 1 - `taken` of that of independent sets.
    taken : float
        The share, below 1.
    logarithm : ndarray of bool, shape (k,), optional
        Columns whose logarithm is widened, as for distances that cannot be negative.
    """
    logarithm = np.zeros(draws.shape[1], bool) if logarithm is None else logarithm
    values = np.where(logarithm, np.log(np.maximum(draws, 1e-12)), draws)
    known = np.isfinite(values).any(0)  # numpy warns of the median of nothing
    middle = np.where(known, np.nanmedian(np.where(known, values, 0), axis=0), np.nan) if len(values) else 0.0
    values = middle + (values - middle) / math.sqrt(1 - min(taken, 0.9))
    return np.where(logarithm, np.exp(values), values)


def bounds(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the range (k,) of nine in ten new draws from draws (n, k), without those not finite; NaN if none is."""
    known = draws[np.isfinite(draws).all(1)]
    if not len(known):
        return (np.full(draws.shape[1], np.nan),) * 2
    return tuple(floor_range(known))


def tail(value: float, draws: np.ndarray, units: int, faulty: str, logarithm: bool = False) -> float:
    """Return the probability that a new set of real images has a value at least as far on the faulty side.

    It is Student's t of the prediction for one more draw. The draws share blocks, so the degrees of freedom are those
    of the blocks, not of the draws.

    Parameters
    ----------
    value : float
    draws : ndarray of float, shape (n,)
    units : int
        Blocks from which the draws were made.
    faulty : {"above", "below", "both"}
        The side on which a value is a fault.
    logarithm : bool
        Whether the logarithm is compared, as for distances that cannot be negative.
    """
    from scipy.stats import t

    known = draws[np.isfinite(draws)]
    if not math.isfinite(value) or len(known) < 2 or units < 3:
        return math.nan
    if logarithm:
        known, value = np.log(np.maximum(known, 1e-12)), math.log(max(value, 1e-12))
    spread = known.std(ddof=1) * math.sqrt(1 + 1 / units)
    if spread == 0:
        spread = 1e-12
    above = float(t.sf((value - known.mean()) / spread, units - 1))
    return {"above": above, "below": 1 - above, "both": min(1.0, 2 * min(above, 1 - above))}[faulty]


def jackknife(
    parts: Sequence[np.ndarray], measure: Callable[[Sequence[np.ndarray]], np.ndarray], found: np.ndarray
) -> np.ndarray:
    """Return the standard error of a measure of all parts together, by leaving out one part at a time.

    Parameters
    ----------
    parts : sequence of ndarray
    measure : callable
        Maps a sequence of parts to measures (k,).
    found : ndarray of float, shape (k,)
        The measures of all parts.

    Returns
    -------
    ndarray of float, shape (k,)
        NaN for a single part, or if the measure needs more than the remaining parts.
    """
    n = len(parts)
    if n < 2:
        return np.full_like(found, np.nan)
    try:
        without = np.array([measure([*parts[:i], *parts[i + 1 :]]) for i in range(n)])
    except SolarsynthError:
        return np.full_like(found, np.nan)
    return np.sqrt((n - 1) * without.var(0))


def as_table(values: Sequence[Value]) -> pd.DataFrame:
    """Return values as a data frame: one row per metric, one column per attribute, and the place in the floor."""
    import pandas as pd

    table = pd.DataFrame([vars(value) | {"place": value.place, "rejects": value.rejects} for value in values])
    return table.drop(columns="each", errors="ignore")
