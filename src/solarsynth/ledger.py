"""The ledger ``results.json``: every item of the paper, what was found, and what it is worth."""

from __future__ import annotations

import json
import math
import textwrap
from pathlib import Path
from typing import Any

from filelock import FileLock

from solarsynth import paper
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.store import write_json

NAME = "results.json"

#: ``reproduced``: a count or a size that is the paper's. ``differs``: one that is not. ``not-comparable``: computed the
#: same way on another source, or without a published number; no page judges agreement. ``missing``: not computed.
STATUSES = ("reproduced", "differs", "not-comparable", "missing")

KEYS = (
    "id",
    "title",
    "chapter",
    "anchor",
    "status",
    "why",
    "published",
    "ours",
    "spread",
    "floor",
    "profile",
    "source",
)


def empty() -> dict[str, dict[str, Any]]:
    """Return a ledger in which every item of the paper is missing."""
    return {
        i.id: dict.fromkeys(KEYS)
        | {
            "id": i.id,
            "title": i.title,
            "chapter": i.chapter,
            "anchor": i.id.replace(".", "-"),
            "status": "missing",
            "why": "no page computes it yet",
        }
        for i in paper.ITEMS
    }


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Read a folder's ledger; items it does not hold are missing."""
    path = folder / NAME
    if not path.is_file():
        return empty()
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return empty() | {entry["id"]: entry for entry in held["items"]}
    except (ValueError, KeyError, TypeError) as error:
        raise SolarsynthError(f"{path}: damaged ledger ({error}); remove it and run the notebooks again") from None


def record(
    folder: Path,
    name: str,
    *,
    status: str,
    why: str,
    published: Any = None,
    ours: Any = None,
    spread: Any = None,
    floor: Any = None,
    profile: str,
    source: str,
) -> None:
    """Write one item.

    Parameters
    ----------
    folder : Path
        The run's folder.
    name : str
        Id of the item.
    status : {"reproduced", "differs", "not-comparable", "missing"}
    why : str
        One sentence a reader understands.
    published, ours, spread, floor
        JSON values; NaN, which JSON has not, becomes null.
    profile, source : str
    """
    if status not in STATUSES:
        raise SolarsynthError(f"no status {status!r}{nearest(status, STATUSES)}")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder / f".{NAME}.lock")):
        entries = read(folder)
        if name not in entries:
            raise SolarsynthError(f"no item {name!r} in the ledger{nearest(name, entries)}")
        entries[name] |= {
            "status": status,
            "why": why,
            "published": _known(published),
            "ours": _known(ours),
            "spread": _known(spread),
            "floor": _known(floor),
            "profile": profile,
            "source": source,
        }
        write(folder, entries)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write(folder: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Write a ledger whole."""
    write_json(folder / NAME, {"items": list(entries.values())})


def value_text(value: Any) -> str:
    """Write a value of the ledger for a table cell."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return "; ".join(f"{key} {value_text(v)}" for key, v in value.items())
    if isinstance(value, bool) or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join(value_text(v) for v in value)


LONGEST = 200  # characters of a value in a table cell


def _cell(value: Any) -> str:
    """Write a value short enough for a cell; the whole of it stands on its page and in the ledger."""
    return textwrap.shorten(value_text(value), LONGEST, placeholder=" …")


_MARKS = {
    "reproduced": "✓ reproduced",
    "differs": "≠ differs",
    "not-comparable": "≈ not comparable",
    "missing": "· missing",
}


def summary(entries: dict[str, dict[str, Any]]) -> str:
    """Return the front page's part: the counts, and the items that have a value beside the paper's."""
    lines = ["<!-- Written by solarsynth from results.json; do not edit. -->", "", _count_line(entries), ""]
    lines += ["| Paper | | Paper's value | This run's | Status |", "| --- | --- | --- | --- | --- |"]
    for entry in entries.values():
        if entry["published"] is not None and entry["ours"] is not None:
            link = f"[{entry['title']}](chapters/{entry['chapter']}.ipynb)"
            lines.append(
                f"| {paper.item(entry['id']).place} | {link} | {_cell(entry['published'])} "
                f"| {_cell(entry['ours'])} | {_MARKS[entry['status']]} |"
            )
    return "\n".join([*lines, ""])


def _count_line(entries: dict[str, dict[str, Any]]) -> str:
    counts = {status: sum(e["status"] == status for e in entries.values()) for status in STATUSES}
    return ", ".join(f"**{counts[s]}** {s.replace('-', ' ')}" for s in STATUSES) + f" of {len(entries)} items."


def status_page(entries: dict[str, dict[str, Any]]) -> str:
    """Return the map from every item of the paper to its page, as MyST Markdown.

    Parameters
    ----------
    entries : dict
        The ledger.
    """
    lines = [
        "<!-- Written by solarsynth from results.json; do not edit. -->",
        "",
        _count_line(entries),
        "",
        ":::{list-table}",
        ":header-rows: 1",
        ":class: status-table",
        "",
        "* - Paper",
        "  - Page",
        "  - Status",
        "  - Paper's value",
        "  - This run's",
        "  - Why",
    ]
    for entry in entries.values():
        place = paper.item(entry["id"]).place
        link = f"[{entry['title']}](chapters/{entry['chapter']}.ipynb)"
        lines += [
            f"* - {place}",
            f"  - {link}",
            f"  - {_MARKS[entry['status']]}",
            f"  - {_cell(entry['published'])}",
            f"  - {_cell(entry['ours'])}",
            f"  - {entry['why']}",
        ]
    return "\n".join([*lines, ":::", ""])
