"""Periods of time, and the months and days that they touch."""

from __future__ import annotations

import numpy as np

from solarsynth.times import DAY


def period_of_years(first: int, last: int) -> tuple[int, int]:
    """Return the period (ms, ms) from the beginning of one year to the end of another; its end is excluded."""
    start, end = (int(np.datetime64(str(year), "ms").astype(np.int64)) for year in (first, last + 1))
    return start, end


def months(start: int, end: int) -> list[tuple[int, int]]:
    """Return the (year, month) pairs that a period (ms, ms) touches; its end is excluded."""
    stamps = np.arange(
        np.datetime64(int(start), "ms").astype("datetime64[M]"),
        np.datetime64(int(max(start, end - 1)), "ms").astype("datetime64[M]") + 1,
    )
    return [(int(str(m)[:4]), int(str(m)[5:7])) for m in stamps]


def days(start: int, end: int) -> np.ndarray:
    """Return the midnights (ms) of the days that a period (ms, ms) touches; its end is excluded."""
    return np.arange(start // DAY * DAY, end, DAY)
