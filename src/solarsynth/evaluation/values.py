"""The form of a result: one metric of a set of images, with its error and the floor of real images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of errors.
STD_OVER_SETS = "std over sets"
JACKKNIFE = "jackknife standard error over sets"
STD_OVER_CLASSIFIERS = "std over classifiers"

#: With fewer draws than this, a floor is the range of the draws instead of their 5th to 95th percentile.
FEWEST_FOR_PERCENTILES = 20


@dataclass(frozen=True)
class Value:
    """One metric of one set of images.

    Attributes
    ----------
    metric : str
    target : float
        The value of a perfect generator.
    value : float
        NaN if it cannot be computed.
    error : float
        NaN if it is unknown, as with a single set.
    error_kind : str
        ``std over sets``, ``jackknife standard error over sets`` or ``std over classifiers``; empty without an error.
    low, high : float
        The floor: the 5th and 95th percentile of the same metric of sets of real images, or the lowest and highest
        of few draws, which the note says. NaN if unknown.
    images : int
        Number of images that were measured.
    floor_images : int
        Number of images in each of the real sets: as many as were measured, or half of the real images if these are
        too few.
    note : str
        Why there is no value, or what a reader should know about it.
    """

    metric: str
    target: float
    value: float = math.nan
    error: float = math.nan
    error_kind: str = ""
    low: float = math.nan
    high: float = math.nan
    images: int = 0
    floor_images: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.error):
            object.__setattr__(self, "error_kind", "")

    @property
    def within(self) -> bool | None:
        """Whether the value is within the floor; None without a value or a floor of sets of the same size."""
        if not (math.isfinite(self.value) and math.isfinite(self.low) and self.images == self.floor_images):
            return None
        return bool(self.low <= self.value <= self.high)


def span(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the range of the draws of a floor.

    Parameters
    ----------
    draws : ndarray of float, shape (n, ...)

    Returns
    -------
    low, high : ndarray of float, shape (...)
        5th and 95th percentile, or the lowest and highest of few draws.
    note : str
        Says that the draws are few, if they are; else empty.
    """
    if len(draws) < FEWEST_FOR_PERCENTILES:
        return draws.min(0), draws.max(0), f"real sets: lowest and highest of {len(draws)}"
    low, high = np.percentile(draws, [5, 95], axis=0)
    return low, high, ""


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
    """Return values as a data frame with one row per metric and one column per attribute."""
    import pandas as pd

    return pd.DataFrame([vars(value) for value in values])
