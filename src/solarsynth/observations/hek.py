"""Flare events from the Heliophysics Events Knowledgebase (Hurlburt et al. 2012), month by month.

sunpy's client sends no ``result_limit``, has no time limit, does not retry, and parses every row slowly. This module
sends the same query itself and keeps the rows as JSON.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth import files
from solarsynth.errors import SolarsynthError
from solarsynth.observations import web
from solarsynth.observations.locations import location_text
from solarsynth.observations.periods import months
from solarsynth.progress import bar
from solarsynth.times import parse_times

URL = "https://www.lmsal.com/hek/her?"
RETURNED = (
    "event_starttime",
    "event_peaktime",
    "event_endtime",
    "fl_goescls",
    "fl_peakflux",
    "frm_name",
    "hpc_x",
    "hpc_y",
    "ar_noaanum",
    "hgs_coord",
    "kb_archivid",
)
LARGEST_REGION = 1_000_000  # NOAA's numbers have five digits
PAGE_LIMIT = 200  # a server with more pages for one month is broken


def fetch_month(
    year: int,
    month: int,
    folder: Path,
    *,
    url: str = URL,
    result_limit: int = 500,
    **retries,
) -> list[dict]:
    """Return a month's flare events, from the cache if it holds them.

    Parameters
    ----------
    year, month : int
        Of the events' start.
    folder : Path
        Cache of JSON files, one per month.
    url : str
        Endpoint, including its ``?``.
    result_limit : int
        Rows per page.
    **retries
        ``tries``, ``timeout`` and ``pause`` of `solarsynth.observations.web.get`.

    Returns
    -------
    list of dict
        Rows with the keys of `RETURNED`.

    Raises
    ------
    SolarsynthError
        If the server's answer holds no rows, or its pages do not end. Then nothing is cached.
    """
    kept = Path(folder) / f"hek-{year:04d}-{month:02d}.json"

    def make() -> list[dict]:
        first = np.datetime64(f"{year:04d}-{month:02d}")
        rows = _inside(_pages(first, url, result_limit, retries), first)
        files.write_text(kept, json.dumps(rows, ensure_ascii=False))
        return rows

    return files.cached(kept, _read_rows, make)


def _read_rows(path: Path) -> list[dict] | None:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _pages(month: np.datetime64, url: str, result_limit: int, retries: dict) -> list[dict]:
    """Return the rows of all pages of a month."""
    query = {
        "cosec": "2",
        "cmd": "search",
        "type": "column",
        "event_type": "fl",
        "event_starttime": str(month.astype("datetime64[s]")),
        "event_endtime": str((month + 1).astype("datetime64[s]")),
        "event_coordsys": "helioprojective",
        "x1": "-5000",
        "x2": "5000",
        "y1": "-5000",
        "y2": "5000",
        "result_limit": str(result_limit),
        "return": ",".join(RETURNED),
    }
    rows: list[dict] = []
    for page in range(1, PAGE_LIMIT + 1):
        body = web.get(url + urllib.parse.urlencode(query | {"page": page}), check=_fault, **retries)
        answer = _decode(body)
        rows += answer["result"]
        if not answer.get("overmax"):
            return rows
        if not answer["result"]:
            raise SolarsynthError(f"{url} {month}: page {page} is empty but the server says there is more")
    raise SolarsynthError(f"{url} {month}: more than {PAGE_LIMIT} pages; the answer has no end")


def _inside(rows: list[dict], month: np.datetime64) -> list[dict]:
    """Return the rows that start in the month, each once: pages repeat rows and hold some of other months."""
    start = parse_times([row.get("event_starttime") for row in rows])
    low, high = (int(m.astype("datetime64[ms]").astype(np.int64)) for m in (month, month + 1))
    unique = {}
    for row, began in zip(rows, start, strict=True):
        if low <= began < high:
            unique.setdefault(str(row.get("kb_archivid") or json.dumps(row, sort_keys=True)), row)
    return list(unique.values())


def _decode(body: bytes) -> dict:
    # HEK's free texts hold bytes that are not UTF-8; they are in columns that this package does not use.
    return json.loads(body.decode("utf-8", errors="replace"))


def _fault(body: bytes) -> str | None:
    """Return what is wrong with an answer, or None."""
    if not body.strip():
        return "the answer is empty"
    if web.looks_like_html(body):
        return "the answer is a web page, not rows"
    try:
        answer = _decode(body)
    except (ValueError, RecursionError):
        return "the answer is not JSON, or cut off"
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
        return "the answer has no 'result'"
    if not all(isinstance(row, dict) for row in answer["result"]):
        return "a row of the answer is no object"
    return None


def fetch(start: int, end: int, folder: Path, *, methods: Sequence[str] = (), **options) -> pd.DataFrame:
    """Return the events of a period.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970; the end is excluded.
    folder : Path
        Cache.
    methods : sequence of str
        Detection methods (``frm_name``) to keep; all by default. HEK's own filter does not work.
    **options
        As for `fetch_month`.

    Returns
    -------
    DataFrame
        As from `events`.
    """
    rows, wanted = [], months(start, end)
    with bar("events", len(wanted), "months") as progress:
        for year, month in wanted:
            rows += fetch_month(year, month, folder, **options)
            progress.update(1)
    table = events(rows)
    began = table["start"].to_numpy()
    keep = (began >= start) & (began < end)
    if methods:
        keep &= table["method"].isin(methods).to_numpy()
    return table[keep].sort_values("peak", kind="stable", ignore_index=True)


def events(rows: Sequence[dict]) -> pd.DataFrame:
    """Turn HEK rows into events; an unknown time is `NO_TIME`, an unknown text "".

    Returns
    -------
    DataFrame
        ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location`` (``N18W33``) and ``noaa`` (number
        of the active region, 0 if unknown).
    """

    def times(name: str) -> np.ndarray:
        return parse_times([row.get(name) for row in rows]) if rows else np.empty(0, np.int64)

    def texts(name: str) -> list[str]:
        return [str(row.get(name) or "").strip() for row in rows]

    return pd.DataFrame(
        {
            "peak": times("event_peaktime"),
            "start": times("event_starttime"),
            "end": times("event_endtime"),
            "goes_class": texts("fl_goescls"),
            "method": texts("frm_name"),
            "location": [point_location(row.get("hgs_coord")) for row in rows],
            "noaa": np.array([_number(row.get("ar_noaanum")) for row in rows], np.int64),
        }
    )


def point_location(point: object) -> str:
    """Return HEK's ``POINT(west north)`` in degrees as a location, "" for anything else."""
    match = re.fullmatch(r"POINT\((-?[\d.]+) (-?[\d.]+)\)", str(point))
    try:
        return location_text(float(match[2]), float(match[1])) if match else ""
    except (ValueError, OverflowError):  # such as 1.2.3
        return ""


def _number(value: object) -> int:
    """Return the number of an active region, 0 for anything that is not a positive whole number."""
    try:
        number = float(str(value))
    except ValueError:
        return 0
    return int(number) if 0 < number < LARGEST_REGION else 0
