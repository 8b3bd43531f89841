"""Values and outcomes of the ledger, as table cells."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any


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


def cell(value: Any) -> str:
    """Shorten a value for a table cell; its page and the ledger have it in full."""
    return textwrap.shorten(value_text(value), LONGEST, placeholder=" …")


#: What the method of an item can be, and when it is so.
METHODS = {
    "computed": "this run computed the item; its sizes may be smaller than the paper's, which the last column says",
    "differs": "this run computed it, and a count that is compared exactly is not the paper's",
    "missing": "this run did not compute it",
}

#: What the value of an item can be, and when it is so.
COMPARABLE = {
    "comparable": "both are counts or sizes that do not depend on the data, or values of the same archive",
    "other data": "this run's number was measured on other observations than the paper's",
    "no number": "the paper gives none, or this run has none",
}


def method_of(entry: Mapping[str, Any]) -> str:
    """Return whether an item was computed: a word of `METHODS`.

    Parameters
    ----------
    entry : mapping
        Of the ledger. Its status is ``differs`` if a count or a size that can be exact is not equal.
    """
    if entry["ours"] is None or entry["status"] == "missing":
        return "missing"
    return "differs" if entry["status"] == "differs" else "computed"


def value_of(entry: Mapping[str, Any]) -> str:
    """Return whether an item's value can be compared with the paper's: a word of `COMPARABLE`."""
    if entry["ours"] is None or entry["published"] is None:
        return "no number"
    exact = entry["status"] in ("reproduced", "differs")
    same_archive = entry["source"] == "sdoml" and "another archive" not in entry["why"]
    return "comparable" if exact or same_archive else "other data"
