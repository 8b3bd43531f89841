"""Flare events from the Heliophysics Events Knowledgebase (Hurlburt et al. 2012), month by month.

sunpy's client sends no ``result_limit``, has no time limit and no retry, and parses every row slowly, so the
rows are asked for directly, with the same query; they are kept as JSON on disk.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.observations import web
from solarsynth.observations.goes import months
from solarsynth.observations.times import NO_TIME, parse_times

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
    "kb_archivid",
)
PAGE_LIMIT = 200  # a server that never ends its pages is broken


def fetch_month(
    year: int,
    month: int,
    folder: Path,
    *,
    url: str = URL,
    result_limit: int = 500,
    **retry,
) -> list[dict]:
    """Return a month's flare events, from the cache if it holds them.

    Parameters
    ----------
    year, month : int
        Of the events' start.
    folder : Path
        Cache of JSON files, one per month.
    url : str
        Endpoint, up to and with the ``?``.
    result_limit : int
        Rows per page.
    **retry
        ``tries``, ``timeout`` and ``pause`` of `solarsynth.observations.web.get`.

    Returns
    -------
    list of dict
        Rows with the keys of `RETURNED`.

    Raises
    ------
    SolarsynthError
        If the server does not give rows, or pages without end. Nothing is cached then.
    """
    kept = Path(folder) / f"hek-{year:04d}-{month:02d}.json"
    if kept.is_file():
        try:
            rows = json.loads(kept.read_text(encoding="utf-8"))
            if isinstance(rows, list):
                return rows
        except ValueError:
            pass  # half a cache file is none
    first = np.datetime64(f"{year:04d}-{month:02d}")
    query = {
        "cosec": "2",
        "cmd": "search",
        "type": "column",
        "event_type": "fl",
        "event_starttime": str(first.astype("datetime64[s]")),
        "event_endtime": str((first + 1).astype("datetime64[s]")),
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
        body = web.get(url + urllib.parse.urlencode(query | {"page": page}), check=_what_is_wrong, **retry)
        answer = _decode(body)
        rows += answer["result"]
        if not answer.get("overmax"):
            break
        if not answer["result"]:
            raise SolarsynthError(f"{url} {year}-{month:02d}: page {page} is empty but the server says there is more")
    else:
        raise SolarsynthError(f"{url} {year}-{month:02d}: more than {PAGE_LIMIT} pages; the server never ends")
    # An event may begin in one month and be returned by the next; a page may repeat rows of the one before.
    start = parse_times([row.get("event_starttime") for row in rows])
    low, high = (int(m.astype("datetime64[ms]").astype(np.int64)) for m in (first, first + 1))
    unique = {}
    for row, began in zip(rows, start, strict=True):
        if low <= began < high:
            unique.setdefault(row.get("kb_archivid") or json.dumps(row, sort_keys=True), row)
    rows = list(unique.values())
    web.save(kept, json.dumps(rows, ensure_ascii=False).encode())
    return rows


def _decode(body: bytes) -> dict:
    # HEK's free texts hold bytes that are no UTF-8; none of them is in a column that is used.
    return json.loads(body.decode("utf-8", errors="replace"))


def _what_is_wrong(body: bytes) -> str | None:
    if not body.strip():
        return "the answer is empty"
    if web.looks_like_html(body):
        return "the answer is a web page, not rows"
    try:
        answer = _decode(body)
    except ValueError:
        return "the answer is not JSON, or cut off"
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
        return "the answer has no 'result'"
    return None


def fetch(start: int, end: int, folder: Path, *, methods: Sequence[str] = (), report=None, **options) -> pd.DataFrame:
    """Return the events of a period.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970, the end excluded.
    folder : Path
        Cache.
    methods : sequence of str
        Detection methods (``frm_name``) to keep; all by default. HEK's own filter does not work.
    report : callable, optional
        Called with (months done, months in all).
    **options
        As for `fetch_month`.

    Returns
    -------
    DataFrame
        ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``.
    """
    rows, asked = [], months(start, end)
    for done, (year, month) in enumerate(asked, start=1):
        rows += fetch_month(year, month, folder, **options)
        if report:
            report(done, len(asked))
    table = events(rows)
    began = table["start"].to_numpy()
    keep = (began >= start) & (began < end)
    if methods:
        keep &= table["method"].isin(methods).to_numpy()
    return table[keep].sort_values("peak", kind="stable", ignore_index=True)


def events(rows: Sequence[dict]) -> pd.DataFrame:
    """Turn HEK rows into events; a missing peak time is `NO_TIME`, a missing class ""."""

    def column(name):
        return [row.get(name) for row in rows]

    return pd.DataFrame(
        {
            "peak": _times(column("event_peaktime")),
            "start": _times(column("event_starttime")),
            "end": _times(column("event_endtime")),
            "goes_class": [str(value or "").strip() for value in column("fl_goescls")],
            "method": [str(value or "").strip() for value in column("frm_name")],
        }
    )


def _times(values: list) -> np.ndarray:
    return parse_times(values) if values else np.empty(0, np.int64) + NO_TIME
