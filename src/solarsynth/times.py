"""Times: inside the package instants and durations are int64 milliseconds; only its interfaces have texts and units.

An instant counts from 1970-01-01T00:00 UTC. The constants turn a number with a unit into milliseconds:
``7 * MINUTE``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

#: Marks an instant that is not known.
NO_TIME = np.iinfo(np.int64).min

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def parse_times(values: Iterable) -> np.ndarray:
    """Parse ISO 8601 UTC times.

    Parameters
    ----------
    values : iterable of str
        Such as ``2012-03-07T00:24:00Z``; the ``T`` and the ``Z`` are optional.

    Returns
    -------
    ndarray of int64, shape (n,)
        Milliseconds since 1970; `NO_TIME` for a value that is missing or not a time.
    """
    import pandas as pd

    parsed = pd.to_datetime(pd.Series(list(values), dtype=object), utc=True, format="ISO8601", errors="coerce")
    stamps = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
    times = stamps.astype(np.int64)
    times[np.isnat(stamps)] = NO_TIME
    return times


def format_times(times: np.ndarray) -> list[str]:
    """Write instants as ISO 8601 with milliseconds and ``Z``; the inverse of `parse_times`."""
    return [f"{text}Z" for text in np.datetime_as_string(to_datetime(times))]


def to_datetime(times: np.ndarray) -> np.ndarray:
    """Return instants as ``datetime64[ms]``, for axes."""
    return np.asarray(times, np.int64).astype("datetime64[ms]")


def milliseconds(value: float, unit: int) -> int:
    """Return a duration in milliseconds, rounded.

    Parameters
    ----------
    value : float
    unit : int
        Such as `MINUTE`.
    """
    return round(value * unit)
