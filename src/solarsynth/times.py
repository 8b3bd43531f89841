"""Times: inside the package instants and durations are int64 milliseconds; only its interfaces have texts and units.

An instant counts from 1970-01-01T00:00 UTC. The constants turn a number with a unit into milliseconds:
``7 * MINUTE``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

#: Marks an instant that is not known.
NO_TIME = np.iinfo(np.int64).min

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


#: What `parse_times` reads, for messages.
TIME_FORMS = "2012-03-07T00:24:00Z, 2012/03/07 00:24, 7-Mar-2012 00:24, 2012.03.07_00:24:00_TAI or seconds since 1970"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR_FIRST = r"(?P<year>\d{4})(?P<mark>[-/. ]?)(?P<month>\d{1,2}|[a-z]{3})(?P=mark)(?P<day>\d{1,2})"
_DAY_FIRST = r"(?P<day>\d{1,2})[- ](?P<month>[a-z]{3})[- ](?P<year>\d{4})"
_CLOCK = r"(?:[t_ ]\s*(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2}(?:[.,]\d*)?))?)?"
_SCALE = r"\s*_?(?P<scale>z|ut|utc|gmt|tai|[+]00:?00)?"
_OTHER_FORMS = [re.compile(f"{date}{_CLOCK}{_SCALE}", re.IGNORECASE) for date in (_YEAR_FIRST, _DAY_FIRST)]


def parse_times(values: Iterable) -> np.ndarray:
    """Parse times.

    Parameters
    ----------
    values : iterable of str, number or datetime64
        Texts are UTC, such as ``2012-03-07T00:24:00Z``; the ``T`` and the ``Z`` are optional, and the date may have
        slashes, dots or the month's name. A text that ends in ``TAI`` is converted to UTC. A leap second
        (``23:59:60``) counts as the next second. Numbers are seconds, milliseconds, microseconds or nanoseconds
        since 1970, told apart by their size; a whole number of eight digits such as ``20120307`` is a day.

    Returns
    -------
    ndarray of int64, shape (n,)
        Milliseconds since 1970; `NO_TIME` for a value that is missing or not a time.
    """
    import pandas as pd

    if not isinstance(values, np.ndarray | pd.Series) or values.dtype == object:
        values = [_cell(value) for value in values]
    given = np.asarray(values)
    if given.dtype.kind == "M":
        return _of_datetimes(given)
    if given.dtype.kind in "iuf" and given.ndim == 1:
        return _of_numbers(given)
    cells = pd.Series(values, dtype=object)
    is_number = cells.map(lambda cell: isinstance(cell, int | float | np.number) and not isinstance(cell, bool))
    is_number = is_number.to_numpy(bool)
    parsed = pd.to_datetime(cells.mask(is_number), utc=True, format="ISO8601", errors="coerce")
    times = _of_datetimes(parsed.dt.tz_localize(None).to_numpy())
    if is_number.any():
        times[is_number] = _of_numbers(cells[is_number].to_numpy(np.float64))
    given = cells.tolist()
    others = [i for i in np.flatnonzero(times == NO_TIME) if isinstance(given[i], str)]
    read = [_of_text(given[i].strip()) for i in others]
    times[others] = [instant for instant, _ in read]
    tai = [i for i, (_, is_tai) in zip(others, read, strict=True) if is_tai]
    if tai:
        times[tai] = _from_tai(times[tai])
    return times


def _cell(value: Any) -> Any:
    """Return a value, or None for what JSON may hold and is no time: lists, objects and numbers that no float holds."""
    if isinstance(value, list | tuple | dict) or (isinstance(value, int) and abs(value) >= 2**63):
        return None
    return value


def _of_datetimes(stamps: np.ndarray) -> np.ndarray:
    stamps = stamps.astype("datetime64[ms]")
    times = stamps.astype(np.int64)
    times[np.isnat(stamps)] = NO_TIME
    return times


def _of_numbers(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as instants: days written as yyyymmdd, or seconds, ms, µs or ns since 1970."""
    size = np.abs(np.nan_to_num(numbers.astype(np.float64), posinf=0, neginf=0))
    times = np.full(len(numbers), NO_TIME)
    for low, high, per_ms in ((1e8, 1e11, 1e-3), (1e11, 1e14, 1), (1e14, 1e17, 1e3), (1e17, 1e19, 1e6)):
        here = (size >= low) & (size < high)
        times[here] = np.round(numbers[here] / per_ms).astype(np.int64)
    days = (size >= 19000101) & (size < 22000101) & (size % 1 == 0)
    for i in np.flatnonzero(days):
        times[i], _ = _of_text(str(int(size[i])))
    return times


def _of_text(text: str) -> tuple[int, bool]:
    """Read a time in one of the forms that are not ISO 8601; return it, or `NO_TIME`, and whether it is TAI."""
    match = next((found for form in _OTHER_FORMS if (found := form.fullmatch(text))), None)
    if match is None:
        return NO_TIME, False
    month = match["month"].lower()
    if month in _MONTHS:
        month = str(_MONTHS.index(month) + 1)
    second = float((match["second"] or "0").replace(",", "."))
    hour, minute = int(match["hour"] or 0), int(match["minute"] or 0)
    if hour > 23 or minute > 59 or second >= 61 or (second >= 60 and minute != 59):
        return NO_TIME, False
    day = _midnight(f"{match['year']}-{month:0>2}-{match['day']:0>2}")
    if day == NO_TIME:
        return NO_TIME, False
    # A leap second is given the instant of the next second: the day has no other place for it.
    since = hour * HOUR + minute * MINUTE + round(min(second, 60.0) * SECOND)
    return day + since, (match["scale"] or "").lower() == "tai"


@functools.lru_cache(maxsize=4096)
def _midnight(date: str) -> int:
    """Return the beginning of a day yyyy-mm-dd, `NO_TIME` if there is no such day."""
    try:
        return int(np.datetime64(date, "ms").astype(np.int64))
    except ValueError:
        return NO_TIME


def _from_tai(instants: np.ndarray) -> np.ndarray:
    """Convert instants that were written in International Atomic Time to UTC."""
    from astropy.time import Time

    written = Time(instants / SECOND, format="unix_tai", scale="tai")  # of datetime64 astropy makes texts first
    return np.round(written.utc.unix * SECOND).astype(np.int64)


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
