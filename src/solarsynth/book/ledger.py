"""The ledger ``results.json``: every item and every claim of the paper, what this run found, and its status."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from solarsynth.book import paper
from solarsynth.book.cells import COMPARABLE, METHODS, cell, method_of, value_of, value_text
from solarsynth.book.claims import CLAIMS
from solarsynth.book.rules import NOT_RUN, VERDICTS
from solarsynth.errors import SolarsynthError, did_you_mean, reading, shown
from solarsynth.files import write_json

NAME = "results.json"

#: What an item of the ledger can be; `status_of` decides.
STATUSES = ("reproduced", "differs", "not-comparable", "missing")

KEYS = (
    *("id", "title", "chapter", "anchor", "status", "why"),
    "published",
    "ours",
    "error",
    "floor",
    "profile",
    "source",
)


CLAIM_KEYS = (
    "id",
    "section",
    "claim",
    "test",
    "verdict",
    "value",
    "interval",
    "detectable",
    "published",
    "why",
    "source",
    "chapter",
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


def no_claims() -> dict[str, dict[str, Any]]:
    """Return the claims of a ledger in which none was tested."""
    return {
        c.id: dict.fromkeys(CLAIM_KEYS)
        | {
            "id": c.id,
            "section": c.section,
            "claim": c.text,
            "test": f"{c.test}: {c.rule}" if c.rule else c.test,
            "verdict": NOT_RUN,
            "published": _known(float(f"{c.published:.4g}")),
            "why": c.lacking,
            "chapter": c.chapter or None,
        }
        for c in CLAIMS
    }


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the items of a folder's ledger; those it does not hold are missing."""
    return empty() | _held(folder, "items")


def read_claims(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the claims of a folder's ledger; those it does not hold were not run."""
    return no_claims() | _held(folder, "claims")


def _held(folder: Path, part: str) -> dict[str, dict[str, Any]]:
    path = folder / NAME
    if not path.is_file():
        return {}
    with reading(path, "damaged ledger", "remove it and run the notebooks again"):
        held = json.loads(path.read_text(encoding="utf-8"))
        # Ledgers of earlier versions have no claims.
        entries = held.get(part, []) if part == "claims" else held[part]
        known = no_claims() if part == "claims" else empty()
        found = {}
        for entry in entries:
            if entry["id"] not in known:
                raise SolarsynthError(
                    f"{path}: damaged ledger (no {part[:-1]} {shown(entry['id'])}); run the notebooks again"
                )
            found[entry["id"]] = _checked(entry, part)
        return found


#: Keys whose values must be texts, keys whose values stand in tables, and the key of the outcome with what it can be.
_ITEM = (("id", "title", "chapter", "anchor", "status", "why"), ("published", "ours", "error", "floor"), "status")
_CLAIM = (("id", "section", "claim", "test", "verdict"), ("value", "interval", "detectable", "published"), "verdict")


def _checked(entry: dict[str, Any], part: str) -> dict[str, Any]:
    """Return an entry as it was read, or raise ValueError if pages could not show it."""
    texts, values, outcome = _ITEM if part == "items" else _CLAIM
    for name in KEYS if part == "items" else CLAIM_KEYS:
        optional = name in ("profile", "source") and entry[name] is not None
        if (name in texts or optional) and not isinstance(entry[name], str):
            raise ValueError(f"{name} must be a text")
    if entry[outcome] not in (STATUSES if part == "items" else VERDICTS):
        raise ValueError(f"unknown {outcome} {shown(entry[outcome])}")
    for name in values:
        value_text(entry[name])  # it can be written into a table
    return entry


def status_of(ours: Mapping[str, Any] | None, exact: Mapping[str, Any] | None = None) -> str:
    """Return the status that follows from an item's values.

    Parameters
    ----------
    ours : mapping or None
        This run's values.
    exact : mapping, optional
        Published counts or sizes that a run can reproduce exactly.

    Returns
    -------
    str
        ``missing`` without a value. With exact published values ``reproduced`` if ours are equal to them, else
        ``differs``. ``not-comparable`` for every other value: it was measured on another source, or the paper has no
        number. The reader judges how far the two agree.
    """
    if not ours:
        return "missing"
    if exact is None:
        return "not-comparable"
    return "reproduced" if all(ours.get(name) == value for name, value in exact.items()) else "differs"


def record(
    folder: Path,
    name: str,
    *,
    status: str,
    why: str,
    published: Any = None,
    ours: Any = None,
    error: Any = None,
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
        One sentence that a reader understands.
    published, ours, error, floor
        JSON values. JSON has no NaN; it becomes null.
    profile, source : str
    """
    if status not in STATUSES:
        raise SolarsynthError(f"unknown status {status!r}{did_you_mean(status, STATUSES)}")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder / f".{NAME}.lock")):
        entries = read(folder)
        if name not in entries:
            raise SolarsynthError(f"the ledger has no item {name!r}{did_you_mean(name, entries)}")
        entries[name] |= {
            "status": status,
            "why": why,
            "published": _known(published),
            "ours": _known(ours),
            "error": _known(error),
            "floor": _known(floor),
            "profile": profile,
            "source": source,
        }
        write(folder, entries)


def record_claim(
    folder: Path,
    name: str,
    *,
    verdict: str,
    value: float,
    interval: tuple[float, float],
    detectable: float,
    why: str,
    source: str,
) -> None:
    """Write one claim; a claim that was written before is replaced.

    Parameters
    ----------
    folder : Path
        The run's folder.
    name : str
        Id of the claim.
    verdict : {"supported", "contradicted", "cannot tell", "not run"}
        As a rule gave it.
    value, detectable : float
        NaN, like infinity, becomes null.
    interval : tuple of float
    why, source : str
    """
    if verdict not in VERDICTS:
        raise SolarsynthError(f"unknown verdict {verdict!r}{did_you_mean(verdict, VERDICTS)}")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder / f".{NAME}.lock")):
        claims = read_claims(folder)
        if name not in claims:
            raise SolarsynthError(f"the ledger has no claim {name!r}{did_you_mean(name, claims)}")
        bounds = [_known(float(edge)) for edge in interval]
        claims[name] = no_claims()[name] | {
            "verdict": verdict,
            "value": _known(float(value)),
            "interval": None if None in bounds else bounds,
            "detectable": _known(float(detectable)),
            "why": why,
            "source": source,
        }
        write(folder, read(folder), claims)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(folder: Path, entries: dict[str, dict[str, Any]], claims: dict[str, dict[str, Any]] | None = None) -> None:
    """Write a ledger, whole or not at all; without `claims` those of the folder stay."""
    claims = read_claims(folder) if claims is None else claims
    write_json(folder / NAME, {"items": list(entries.values()), "claims": list(claims.values())})


_MARKS = {
    "reproduced": "✓ reproduced",
    "differs": "≠ differs",
    "not-comparable": "≈ not comparable",
    "missing": "· missing",
}


_MARKS_OF_METHOD = {"computed": "✓ computed", "differs": "≠ differs", "missing": "· missing"}
_MARKS_OF_VALUE = {"comparable": "✓ comparable", "other data": "≈ other data", "no number": "– no number"}


def summary(entries: dict[str, dict[str, Any]]) -> str:
    """Return the summary for the front page: the counts, and the items that have a value, beside the paper's."""
    lines = ["<!-- Written by solarsynth from results.json; do not edit. -->", "", _count_line(entries), ""]
    lines += ["| Paper | | Paper's value | This run's | Status |", "| --- | --- | --- | --- | --- |"]
    for entry in entries.values():
        if entry["published"] is not None and entry["ours"] is not None:
            link = f"[{entry['title']}](chapters/{entry['chapter']}.ipynb)"
            lines.append(
                f"| {paper.item(entry['id']).place} | {link} | {cell(entry['published'])} "
                f"| {cell(entry['ours'])} | {_MARKS[entry['status']]} |"
            )
    return "\n".join([*lines, ""])


def _count_line(entries: dict[str, dict[str, Any]]) -> str:
    counts = {status: sum(e["status"] == status for e in entries.values()) for status in STATUSES}
    return ", ".join(f"**{counts[s]}** {s.replace('-', ' ')}" for s in STATUSES) + f" of {len(entries)} items."


def _counts(words: Iterable[str], found: Iterable[str]) -> str:
    count = Counter(found)
    return ", ".join(f"**{count[word]}** {word}" for word in words)


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
        f"Method: {_counts(METHODS, map(method_of, entries.values()))}. "
        f"Value: {_counts(COMPARABLE, map(value_of, entries.values()))}. Of {len(entries)} items.",
        "",
        ":::{list-table}",
        ":header-rows: 1",
        ":class: status-table",
        "",
        "* - Paper",
        "  - Page",
        "  - Method",
        "  - Value",
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
            f"  - {_MARKS_OF_METHOD[method_of(entry)]}",
            f"  - {_MARKS_OF_VALUE[value_of(entry)]}",
            f"  - {cell(entry['published'])}",
            f"  - {cell(entry['ours'])}",
            f"  - {entry['why']}",
        ]
    return "\n".join([*lines, ":::", ""])
