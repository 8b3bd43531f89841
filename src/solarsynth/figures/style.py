"""What every figure shares: colours, matplotlib settings, panels and legends."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from solarsynth.flares import CLASSES

#: One colour per class, from quiet to violent. Their lightness differs too, for readers who do not see the colours.
COLOURS = dict(zip(CLASSES, sns.color_palette("viridis", len(CLASSES)), strict=True))

#: One colour per scenario of Section 8: what is added to the training set.
SCENARIO_COLOURS = {"none": "0.35", "classical": "#de8f05", "synthetic": "#0173b2"}

#: Label of the grey bands that show the range of sets of real images.
REAL_RANGE = "real, 5 to 95 %"

STYLE = {
    "figure.dpi": 110,
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorate a figure's function: it draws with `STYLE` and closes its figure.

    A notebook shows what a cell returns. A figure that stays open would be shown twice.
    """

    @functools.wraps(draw)
    def wrapped(*args: Any, **kwargs: Any) -> Figure:
        with plt.rc_context(STYLE):
            figure = draw(*args, **kwargs)
        plt.close(figure)
        return figure

    return wrapped


def panels(
    rows: int, columns: int, width: float, height: float, margin: tuple[float, float] = (0, 0), **kwargs: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes, an array of shape (rows, columns).

    Parameters
    ----------
    rows, columns : int
    width, height : float
        Of one panel, in inches.
    margin : tuple of float
        Width and height of the figure beyond its panels, in inches.
    **kwargs
        For `matplotlib.pyplot.subplots`.
    """
    size = (columns * width + margin[0], rows * height + margin[1])
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **kwargs)


def panel(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of one panel, and its axes; the size is in inches."""
    figure, axes = panels(1, 1, width, height)
    return figure, axes[0, 0]


def legend(ax: Axes, outside: bool = False, **kwargs: Any) -> None:
    """Add a legend without a frame, on request to the right of the axes."""
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if outside else {}
    ax.legend(**({"frameon": False, "fontsize": 8} | place | kwargs))


def count_axis(ax: Axes) -> None:
    """Put whole numbers only at the y axis."""
    ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def log_axis(ax: Axes) -> None:
    """Make the x axis logarithmic, with the numbers 1, 2 and 5 of each decade written out."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", labelsize=8)


def colours_of(names: Iterable[str]) -> dict[str, tuple[float, float, float]]:
    """Return a colour for each name, in the order of the names."""
    return dict(zip(names, itertools.cycle(sns.color_palette("colorblind")), strict=False))
