"""SWPC's daily list of events, a text: ``20150301events.txt``."""

from __future__ import annotations

import re

import pandas as pd

_DATE = re.compile(r"^:Date:\s*(\d{4})\s+(\d{1,2})\s+(\d{1,2})", re.MULTILINE)
# Letters before a time say that it is before, after or uncertain: B0957, A1001, U0959.
_TIME = r"[ABU]?(\d{4}|////)"
_X_RAY = re.compile(
    rf"^\d+\s*\+?\s+{_TIME}\s+{_TIME}\s+{_TIME}\s+(\S+)\s+\S+\s+XRA\s+\S+\s+([A-Z]\s?\d\S*)(?:\s+(.*))?$"
)


def is_events_text(text: str) -> bool:
    """Return whether a text is one of SWPC's daily lists, or several of them one after the other."""
    return bool(_DATE.search(text)) and "events.txt" in text[:2000]


def read_events_text(text: str) -> pd.DataFrame:
    """Return the X-ray events of daily lists as texts.

    Returns
    -------
    DataFrame
        ``date`` (yyyymmdd), ``start``, ``max``, ``end`` (hhmm, "" if missing), ``goes_class``, ``noaa_ar``,
        ``satellite`` (0 if unknown).
    """
    rows, date = [], ""
    for line in text.splitlines():
        day = _DATE.match(line)
        if day:
            date = f"{day[1]}{int(day[2]):02d}{int(day[3]):02d}"
        match = _X_RAY.match(line.strip())
        if match and date:
            start, peak, end, satellite, goes_class, rest = match.groups()
            numbers = re.findall(r"(?:^|\s)(\d{4,5})(?=\s|$)", rest or "")
            number = re.fullmatch(r"G(\d{2})", satellite)
            rows.append(
                {
                    "date": date,
                    **{k: v.strip("/") for k, v in (("start", start), ("max", peak), ("end", end))},
                    "goes_class": goes_class,
                    "noaa_ar": _region(numbers[-1]) if numbers else 0,
                    "satellite": int(number[1]) if number else 0,
                }
            )
    return pd.DataFrame(rows, columns=["date", "start", "max", "end", "goes_class", "noaa_ar", "satellite"])


def _region(text: str) -> int:
    """Return a NOAA number in full: SWPC leaves out the 10,000 since AR 10000 in 2002."""
    return int(text) + 10_000 if len(text) == 4 else int(text)
