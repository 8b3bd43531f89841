"""Run pages again with the settings of a run, and compare what they record with the run's ledger.

Contents are compared, not bytes: other versions, threads and devices change results by rounding.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from solarsynth.book import ledger
from solarsynth.book.claims_page import Claims
from solarsynth.book.ledger import value_text
from solarsynth.book.notebooks import PAGES
from solarsynth.book.publish import PROVENANCE
from solarsynth.book.reproduce import reproduce
from solarsynth.errors import SolarsynthError, did_you_mean, reading, shown

TOLERANCE = 0.05  # of the larger value


def verify(folder: Path, pages: Sequence[str], *, data: str = "", tolerance: float = TOLERANCE) -> list[str]:
    """Run pages again as a run did, in a temporary folder, and compare the two ledgers.

    Parameters
    ----------
    folder : Path
        The run: it holds ``run.json`` and ``results.json``.
    pages : sequence of str
        Notebooks.
    data : str
        Where the run's observations are on this machine; without it a run on the simulated Sun is expected.
    tolerance : float
        Share of the larger value by which two numbers may differ. They may always differ by the error in the ledger.

    Returns
    -------
    list of str
        One line per difference; empty if there is none.

    Raises
    ------
    SolarsynthError
        If the folder holds no run, a page is unknown or was not part of the run, or a notebook fails.
    """
    for page in pages:
        if page not in PAGES:
            raise SolarsynthError(f"unknown page {shown(page)}{did_you_mean(page, PAGES)}")
    if not 0 <= tolerance < 1:
        raise SolarsynthError(f"the tolerance must be from 0 to below 1, got {tolerance}")
    path = folder / PROVENANCE
    if not path.is_file():
        raise SolarsynthError(f"{folder}: no {PROVENANCE} in it; give a folder below runs/")
    with reading(path, "not the description of a run", "run the notebooks again"):
        run = json.loads(path.read_text(encoding="utf-8"))
        asked = {name: run[name] for name in ("source", "seed", "sample_seed", "settings")}
        profile, archive = run["profile"].removesuffix("-custom"), run["archive"]
    if asked["source"] != "simulated" and not data:
        raise SolarsynthError(f"the run is on {asked['source']} ({archive}); say with --data where that is")
    with tempfile.TemporaryDirectory() as again, _writing_to(again):
        made = reproduce(**asked, profile=profile, data=data, pages=pages, build=False)
        return differences(folder, made, pages, tolerance)


@contextmanager
def _writing_to(folder: str) -> Iterator[None]:
    """Send the run that begins here to a folder."""
    before = os.environ.get("SOLARSYNTH_RUN")
    os.environ["SOLARSYNTH_RUN"] = folder
    try:
        yield
    finally:
        del os.environ["SOLARSYNTH_RUN"]
        if before is not None:
            os.environ["SOLARSYNTH_RUN"] = before


def differences(then: Path, now: Path, pages: Sequence[str], tolerance: float = TOLERANCE) -> list[str]:
    """Return what differs between the ledgers of two runs.

    Parameters
    ----------
    then, now : Path
        Folders of the runs.
    pages : sequence of str
        Only what these pages record is compared.
    tolerance : float
        As for `verify`.
    """
    found: list[str] = []
    for read, keys in ((ledger.read, ("status", "ours")), (ledger.read_claims, ("verdict", "value"))):
        before, after = read(then), read(now)
        for name in _of(before, pages):
            errors = before[name].get("error")
            for key in keys:
                values = before[name][key], after[name][key]
                found += _unequal(f"{name}: {key}", *values, errors if key == "ours" else None, tolerance)
    return found


def _of(entries: Claims, pages: Sequence[str]) -> list[str]:
    """Return the entries that pages record."""
    return [name for name, entry in entries.items() if entry["chapter"] in pages]


def _unequal(where: str, then: Any, now: Any, error: Any, tolerance: float) -> Iterator[str]:
    """Yield a line for every number or text at which two values of the ledger differ."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*then, *now)):
            inner = error.get(name) if isinstance(error, dict) else error
            yield from _unequal(f"{where}, {name}", then.get(name), now.get(name), inner, tolerance)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        errors = error if isinstance(error, list) and len(error) == len(then) else [error] * len(then)
        for number, parts in enumerate(zip(then, now, errors, strict=True), start=1):
            yield from _unequal(f"{where}, {number}", *parts, tolerance)
    elif _number(then) and _number(now):
        margin = abs(error) if _number(error) else 0.0
        if not (math.isclose(then, now, rel_tol=tolerance) or abs(then - now) <= margin):
            yield f"{where}: {value_text(then)} then, {value_text(now)} now"
    elif then != now:
        yield f"{where}: {value_text(then)} then, {value_text(now)} now"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
