"""Records of Section 2: the labelled set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.book import paper
from solarsynth.book.records.writing import write
from solarsynth.flares import CLASSES
from solarsynth.times import MINUTE

if TYPE_CHECKING:
    from solarsynth.book.page import Page


def funnel(this: Page, counts: Mapping[str, int]) -> None:
    """Record the counts from events to labelled images; `counts` has one per step."""
    write(this, "funnel", _computed(this), dict(counts), published=paper.FUNNEL)


def figure_1(this: Page, counts: Mapping[str, int]) -> None:
    """Record the images per flare class."""
    write(this, "figure-1", _computed(this), dict(counts))


def figure_a_1(this: Page, label: np.ndarray, delay: np.ndarray) -> None:
    """Record the median delay of the images behind the peak of their flare, per class.

    Parameters
    ----------
    this : Page
    label : ndarray of int, shape (n,)
        Class, 0 (A) to 4 (X).
    delay : ndarray of int64, shape (n,)
        In milliseconds.
    """
    median = {
        name: round(float(np.median(delay[label == i]) / MINUTE), 1)
        for i, name in enumerate(CLASSES)
        if (label == i).any()
    }
    write(this, "figure-a.1", _computed(this), {"median delay / min": median})


def _computed(this: Page) -> str:
    return f"computed as in Sect. 2.4, {this.on_archive}"
