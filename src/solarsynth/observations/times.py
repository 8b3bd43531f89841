"""Times are int64 milliseconds since 1970-01-01T00:00 UTC inside, ISO 8601 at the doors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

#: Marks a time that is not known.
NO_TIME = np.iinfo(np.int64).min

MINUTE = 60_000
DAY = 86_400_000


def parse_times(values: Iterable) -> np.ndarray:
    """Parse ISO 8601 UTC times.

    Parameters
    ----------
    values : iterable of str
        Such as ``2012-03-07T00:24:00Z``; the ``T`` and the ``Z`` may be missing.

    Returns
    -------
    ndarray of int64, shape (n,)
        Milliseconds since 1970; `NO_TIME` where a value is missing or no time.
    """
    parsed = pd.to_datetime(pd.Series(list(values), dtype=object), utc=True, format="ISO8601", errors="coerce")
    stamps = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
    times = stamps.astype(np.int64)
    times[np.isnat(stamps)] = NO_TIME
    return times


def format_times(times: np.ndarray) -> list[str]:
    """Write times as ISO 8601 with milliseconds and ``Z``; the inverse of `parse_times`."""
    return [f"{text}Z" for text in np.datetime_as_string(np.asarray(times, np.int64).astype("datetime64[ms]"))]


def to_datetime(times: np.ndarray) -> np.ndarray:
    """Return times as ``datetime64[ms]``, for axes."""
    return np.asarray(times, np.int64).astype("datetime64[ms]")
