"""What all records share: how an item is written, and how its values are rounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from solarsynth.book import ledger

if TYPE_CHECKING:
    from solarsynth.book.page import Page


def write(
    this: Page,
    item: str,
    why: str,
    ours: Mapping[str, Any],
    *,
    published: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    floor: Mapping[str, Any] | None = None,
    exact: bool = False,
) -> None:
    """Write an item with the status that follows from its values; an empty mapping becomes null.

    Parameters
    ----------
    this : Page
    item : str
        Id of the item.
    why : str
        One sentence that a reader understands.
    ours, published, error, floor : mapping
        Rounded values of this run and of the paper, this run's errors, and the values of real images.
    exact : bool
        Whether the published values are counts or sizes that a run can reproduce exactly.
    """
    ledger.record(
        this.folder,
        item,
        status=ledger.status_of(ours, published if exact else None),
        why=why,
        published=published or None,
        ours=ours or None,
        error=error or None,
        floor=floor or None,
        profile=this.lab.profile,
        source=this.lab.source,
    )


def decimals(value: float) -> float:
    """Round to three decimals, for values of order one."""
    return round(float(value), 3)


def digits(value: float) -> float:
    """Round to four significant digits, for values of any order."""
    return float(f"{value:.4g}")


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values that are finite, rounded to four significant digits."""
    return {name: digits(value) for name, value in values.items() if math.isfinite(value)}
