"""Read lists of flares: GOES's, SWPC's and HEK's, as tables, JSON and text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, shown
from solarsynth.flares import tidy_class
from solarsynth.observations.hek import point_location
from solarsynth.observations.lists.swpc import is_events_text, read_events_text
from solarsynth.observations.lists.tables import choose, read_table, read_text
from solarsynth.times import DAY, HOUR, MINUTE, NO_TIME, TIME_FORMS, parse_times

_COLUMNS = {
    "peak": ("peak", "event_peaktime", "peak_time", "max_time", "max_datetime", "peaktime", "max"),
    "start": ("start", "event_starttime", "start_time", "begin_time", "begin_datetime", "begintime", "begin"),
    "end": ("end", "event_endtime", "end_time", "end_datetime", "endtime"),
    "goes_class": ("goes_class", "fl_goescls", "class", "max_class", "classtype", "particulars1"),
    "method": ("method", "frm_name"),
    "location": ("location", "hgs_location", "sourcelocation", "hgs_coord"),
    "noaa": ("noaa", "noaa_ar", "ar_noaanum", "activeregionnum", "region"),
    "satellite": ("satellite", "goes"),
}
_TIMES = ("peak", "start", "end")
_OUT = ["peak", "start", "end", "goes_class", "method", "location", "noaa"]
_READ_FORMS = f"{TIME_FORMS}, or hhmm beside a column 'date'"


def read_events(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a list of flares.

    Parameters
    ----------
    path : Path
        A table (CSV, ECSV or JSON, see `solarsynth.observations.lists.tables.read_table`) with the columns of GOES's,
        SWPC's, DONKI's or HEK's lists; or the text of SWPC's daily events. Times are whole, or hhmm beside a column
        ``date``, which is the day of the start: an earlier peak or end is of the next day.

    Returns
    -------
    table : DataFrame
        ``peak``, ``start``, ``end`` (ms, `NO_TIME` if unknown), ``goes_class`` (such as ``M2.5``, "" if unknown),
        ``method``, ``location`` (``N18W33``), ``noaa`` (0 if unknown) and, if the list names it, ``satellite``.
    notes : list of str
        What was left out, a line each.

    Raises
    ------
    SolarsynthError
        If the file is unusable, or no event in it has a readable peak; the line shows the first value.
    """
    path = Path(path)
    text = read_text(path)
    raw = read_events_text(text) if is_events_text(text) else read_table(path, text)
    if raw.empty:
        raise SolarsynthError(f"{path}: no X-ray flare in it")
    if "type" in raw and (raw["type"].astype(str).str.strip() == "XRA").any():  # SWPC lists radio bursts as well
        raw = raw[raw["type"].astype(str).str.strip() == "XRA"].reset_index(drop=True)
    table = choose(path, raw, _COLUMNS, ("goes_class",))
    if not {"start", "peak"} & set(table):
        raise SolarsynthError(f"{path}: no column for the start (looked for {', '.join(_COLUMNS['start'])})")
    days = parse_times(_day_texts(raw["date"])) if "date" in raw else None
    given = table.get("peak")
    for name in _TIMES:
        table[name] = _times(table[name], days) if name in table else np.full(len(table), NO_TIME)
    for name in ("peak", "end"):  # hhmm alone does not say the day
        late = (table[name] != NO_TIME) & (table["start"] != NO_TIME) & (table[name] < table["start"])
        table.loc[late & _is_clock(raw, name), name] += DAY
    _check_peaks(path, table["peak"], given)
    notes = _peak_notes(path, table["peak"])
    table["goes_class"], said = _classes(path, table["goes_class"])
    table["method"] = table["method"].fillna("").astype(str) if "method" in table else path.stem
    table["location"] = _locations(table["location"]) if "location" in table else ""
    table["noaa"] = _whole(table["noaa"]) if "noaa" in table else 0
    columns = list(_OUT)
    if "satellite" in table:
        table["satellite"] = _whole(table["satellite"])
        columns.append("satellite")
    return table[columns], notes + said


def _day_texts(column: pd.Series) -> list[str]:
    """Return a column of days, yyyymmdd or ISO 8601, as texts."""
    return [str(value).strip().removesuffix(".0") for value in column]


def _clock(column: pd.Series) -> pd.Series:
    """Return which cells are times of the day alone, hhmm or hh:mm."""
    return column.astype(str).str.strip().str.fullmatch(r"\d{1,4}(?:\.0)?|\d{1,2}:\d{2}")


def _is_clock(raw: pd.DataFrame, name: str) -> pd.Series:
    found = next((theirs for theirs in _COLUMNS[name] if theirs in raw), None)
    return _clock(raw[found]) if found and "date" in raw else pd.Series(False, index=raw.index)


def _times(column: pd.Series, days: np.ndarray | None) -> np.ndarray:
    """Return a column of times in ms; times of the day alone are of `days`."""
    clock = _clock(column).to_numpy(bool) if days is not None else np.zeros(len(column), bool)
    times = np.full(len(column), NO_TIME)
    if not clock.all():
        times[~clock] = parse_times(column[~clock])
    if clock.any():
        digits = column[clock].astype(str).str.strip().str.removesuffix(".0").str.replace(":", "").str.zfill(4)
        hour, minute = digits.str[:2].astype(int).to_numpy(), digits.str[2:].astype(int).to_numpy()
        known = (hour <= 24) & (minute < 60) & (days[clock] != NO_TIME)
        times[clock] = np.where(known, days[clock] + hour * HOUR + minute * MINUTE, NO_TIME)
    return times


def _check_peaks(path: Path, peak: pd.Series, given: pd.Series | None) -> None:
    """Raise if no event has a peak: such a list could label nothing."""
    if (peak != NO_TIME).any():
        return
    if given is None:
        raise SolarsynthError(
            f"{path}: no column for the peak (looked for {', '.join(_COLUMNS['peak'])}); "
            "without a peak its events can label no frame"
        )
    first = next((str(v) for v in given if not pd.isna(v) and str(v).strip()), "")
    raise SolarsynthError(
        f"{path}: no event has a readable peak, the first is {shown(first)}; times may be written as {_READ_FORMS}"
    )


def _peak_notes(path: Path, peak: pd.Series) -> list[str]:
    missing = int((peak == NO_TIME).sum())
    return (
        [f"{path.name}: {missing:,} of {len(peak):,} events have no readable peak and label no frame"]
        if missing
        else []
    )


def _classes(path: Path, column: pd.Series) -> tuple[list[str], list[str]]:
    """Return tidy class names, "" for those that are none, and a line about these."""
    texts = column.fillna("").astype(str).str.strip().tolist()
    tidy = {text: tidy_class(text) for text in set(texts)}
    unreadable = [text for text in texts if text and not tidy[text]]
    notes = []
    if unreadable:
        some = ", ".join(shown(text) for text in list(dict.fromkeys(unreadable))[:3])
        notes.append(
            f"{path.name}: {len(unreadable):,} of {len(texts):,} classes are unreadable ({some}); "
            "these events take their class from the flux"
        )
    return [tidy[text] for text in texts], notes


def _locations(column: pd.Series) -> list[str]:
    texts = column.fillna("").astype(str).str.strip().tolist()
    return [point_location(text) if text.startswith("POINT") else text for text in texts]


def _whole(column: pd.Series) -> np.ndarray:
    """Return whole numbers, 0 for what is none; ``GOES-16`` and ``G16`` count as 16."""
    texts = column.astype(str).str.strip().str.replace(re.compile(r"^G(?:OES)?-?(?=\d)", re.IGNORECASE), "", regex=True)
    values = pd.to_numeric(texts, errors="coerce").fillna(0)
    return values.where(values.between(0, 1e6), 0).astype(np.int64).to_numpy()
