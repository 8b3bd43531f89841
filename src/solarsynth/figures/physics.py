"""Figures of physics and of control: is it the Sun, and does it obey? Narrow, to be read on a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from solarsynth.errors import SolarsynthError
from solarsynth.figures.style import COLOURS, panels, styled
from solarsynth.figures.suns import no_sun, show_sun
from solarsynth.flares import class_text
from solarsynth.metrics.physics import QUANTITIES, Quantity, columns_of
from solarsynth.metrics.physics.table import PERCENTILES, RINGS

if TYPE_CHECKING:
    from solarsynth.evaluation.control import Control
    from solarsynth.evaluation.physics import ClassPhysics

#: Colours of generated images, and of real ones.
DRAWN, REAL, FLOOR = COLOURS["B"], "0.8", "0.55"

#: Where the points of a curve stand, and the label of that axis.
CURVES = {
    "Brightness distribution": (PERCENTILES, "percentile of the disk"),
    "Radial profile": ((np.array(RINGS[1:]) + np.array(RINGS[:-1])) / 2, "distance from the centre / radii"),
    "Power spectrum": (range(3), "cycles per image"),
}

#: Requests that are averaged together if there are more different ones.
BINS = 8


@styled
def physics_of_class(one: ClassPhysics, name: str) -> Figure:
    """Physical quantities of a class, a panel each: real images, generated ones, and the floor.

    Light grey: real images (histograms, or mean ± standard deviation). Coloured: generated images, with their mean.
    Dark band: means of sets of real images of other weeks, 5 to 95 %; the generated mean should lie there. A panel
    whose distance rejects the images has a bold label.

    Parameters
    ----------
    one : ClassPhysics
        From `solarsynth.evaluation.physics.class_physics`.
    name : str
        The class.
    """
    rows = -(-len(QUANTITIES) // 2)
    figure, axes = panels(rows, 2, 2.6, 1.45, margin=(0, 0.5))
    rejected = {d.quantity.name for d in one.differences if d.value.rejects}
    for ax, quantity in zip(axes.flat, QUANTITIES, strict=False):
        _quantity(ax, one, quantity)
        ax.xaxis.label.set_fontweight("bold" if quantity.name in rejected else "normal")
        ax.tick_params(labelsize=8)
    handles = [
        Patch(color=REAL, label="real"),
        Patch(color=FLOOR, alpha=0.7, label="real sets, means"),
        Line2D([], [], color=DRAWN, lw=1.8, label="generated"),
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=9, title=f"class {name}"
    )
    return figure


def _quantity(ax: Axes, one: ClassPhysics, quantity: Quantity) -> None:
    columns = columns_of(quantity.name)
    label = f"{quantity.name} / {quantity.unit}" if quantity.unit else quantity.name
    real, drawn, floor = (values[:, columns] for values in (one.real, one.drawn, one.floor))
    if not (np.isfinite(real).any() and np.isfinite(drawn).any()):
        no_sun(ax, f"{'real' if np.isfinite(drawn).any() else 'generated'} images\nwithout {quantity.without}")
        ax.set_xlabel(label)
    elif quantity.name in CURVES:
        _curve(ax, real, drawn, floor, quantity)
    elif len(columns) == 2:
        for points, colour, size in ((real, REAL, 14), (drawn, DRAWN, 7)):
            ax.scatter(*points.T, color=colour, s=size, lw=0)
        ax.set(xlabel=f"{label}, west", ylabel="north")
        ax.yaxis.set_major_locator(MaxNLocator(3))
        ax.xaxis.set_major_locator(MaxNLocator(3))
    else:
        _histogram(ax, real[:, 0], drawn[:, 0], floor[:, 0])
        ax.set_xlabel(label)


def _histogram(ax: Axes, real: np.ndarray, drawn: np.ndarray, floor: np.ndarray) -> None:
    """Draw distributions of a number, (n,), (m,), and the band of means (draws,)."""
    real, drawn, floor = (values[np.isfinite(values)] for values in (real, drawn, floor))
    both = np.concatenate([real, drawn])
    low, high = np.quantile(both, [0.002, 0.998])
    whole = (both == np.round(both)).all() and high - low < 30
    edges = np.arange(low - 0.5, high + 1) if whole else np.linspace(low, high + 1e-9 * (1 + abs(high)), 22)
    inside = lambda x: np.clip(x, edges[0], edges[-1])  # noqa: E731  # short; the outermost bins hold what lies beyond
    share = lambda x: np.full(len(x), 1 / max(1, len(x)))  # noqa: E731  # short
    ax.hist(inside(real), edges, weights=share(real), color=REAL)
    ax.hist(inside(drawn), edges, weights=share(drawn), histtype="step", color=DRAWN, lw=1.8)
    if len(floor):
        ax.axvspan(*np.quantile(floor, [0.05, 0.95]), ymax=0.12, color=FLOOR, alpha=0.7, lw=0)
    ax.axvline(drawn.mean(), ymax=0.2, color=DRAWN, lw=2.4)
    ax.set(yticks=[])
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _curve(ax: Axes, real: np.ndarray, drawn: np.ndarray, floor: np.ndarray, quantity: Quantity) -> None:
    x, label = CURVES[quantity.name]
    known = np.isfinite(real).any(0) & np.isfinite(drawn).any(0)
    x = np.asarray(list(x), float)[known]
    real, drawn, floor = (np.log10(np.maximum(v[:, known], 1e-3)) for v in (real, drawn, floor))
    middle, spread = np.nanmean(real, 0), np.nanstd(real, 0)
    ax.fill_between(x, 10 ** (middle - spread), 10 ** (middle + spread), color=REAL, lw=0)
    if len(floor):
        low, high = np.nanquantile(floor, [0.05, 0.95], axis=0)
        ax.fill_between(x, 10**low, 10**high, color=FLOOR, alpha=0.7, lw=0)
    ax.plot(x, 10 ** np.nanmean(drawn, 0), "o-", color=DRAWN, lw=1.8, ms=2.5)
    ax.set_yscale("log")
    _few_ticks(ax, "{x:g}")
    names = [column.removesuffix(" cycles") for column in quantity.columns]
    if quantity.name == "Power spectrum":
        ax.set_xticks(x, [name for name, here in zip(names, known, strict=True) if here])
        ax.set_xlim(-0.4, 2.4)
    ax.set(xlabel=label, ylabel={"Power spectrum": "share of power"}.get(quantity.name, quantity.unit))


def _few_ticks(ax: Axes, text: str | Callable[[float, int], str]) -> None:
    """Write the numbers 1, 2 and 5 of each decade at a logarithmic y axis."""
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    ax.yaxis.set_major_formatter(text)
    ax.yaxis.set_minor_locator(NullLocator())


@styled
def control_curve(found: Mapping[str, Control]) -> Figure:
    """What regressors read in generated images against what was asked for, a panel per feature space.

    The grey band is the reading of held-out real images of that class, with its 95 % interval: what a perfect generator
    would show. Dots are generated images, mean ± two standard errors. A regressor without skill says so in its panel.

    Parameters
    ----------
    found : mapping of str to Control
        For each title, such as a feature space.
    """
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    figure, axes = panels(rows, columns, 5.2 / columns, 2.6, margin=(0, 0.3))
    for ax in axes.flat[len(found) :]:
        ax.axis("off")
    for k, (ax, (title, one)) in enumerate(zip(axes.flat, found.items(), strict=False)):
        table = one.by_class
        real = table[np.isfinite(table["real low"].to_numpy(float))]
        flux = 10 ** real["requested"].to_numpy(float)
        low, high = (10 ** real[f"real {end}"].to_numpy(float) for end in ("low", "high"))
        ax.fill_between(flux, low, high, color=REAL, lw=0, label="real, held out, 95 %")
        ax.plot(flux, 10 ** real["real"].to_numpy(float), color=FLOOR, lw=1.2)
        x, mean, error = _binned_readings(one)
        ends = 10 ** np.array([mean - 2 * error, mean + 2 * error])
        ax.errorbar(10**x, 10**mean, np.abs(ends - 10**mean), fmt="o", color=DRAWN, ms=4, capsize=3, label="generated")
        ax.set(xscale="log", yscale="log")
        ax.xaxis.set_major_locator(LogLocator(numticks=7))
        ax.set_title(f"{title}: {_short(one)}", fontsize=9)
        ax.set_xlabel("requested / W m$^{-2}$")
        if k % columns == 0:
            ax.set_ylabel("reading / GOES class")
        _few_ticks(ax, lambda x, _: class_text(float(f"{x:.3g}")).replace(".0", ""))
        ax.xaxis.set_minor_locator(NullLocator())
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def _binned_readings(one: Control) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, per request or per bin of many requests, its log10, the mean reading, and the standard error."""
    asked, part = np.unique(one.requested, return_inverse=True)
    if len(asked) > BINS:
        part = np.digitize(one.requested, np.quantile(one.requested, np.arange(1, BINS) / BINS))
    rows = []
    for i in np.unique(part):
        here = one.reading[part == i]
        error = here.std(ddof=1) / np.sqrt(len(here)) if len(here) > 1 else 0.0
        rows.append((one.requested[part == i].mean(), here.mean(), error))
    x, mean, error = np.array(rows).T
    return x, mean, error


def _short(one: Control) -> str:
    if not one.judges:
        return "no skill, judges nothing"
    days = f", days {one.within_days[0]:.2f}" if np.isfinite(one.within_days[0]) else ""
    return f"correlation {one.correlation.mean:.2f}{days}"


@styled
def flux_sweep(image: np.ndarray, flux: np.ndarray, columns: int = 4) -> Figure:
    """Images of one seed whose requested flux grows, from left to right and from top to bottom.

    Parameters
    ----------
    image : ndarray of uint8, shape (n, H, W)
        As from the continuous model, in the order of the fluxes.
    flux : ndarray of float, shape (n,)
        In W/m², such as ``np.geomspace(1e-8, 1e-3, 12)``.
    columns : int
        Images in a row.

    Raises
    ------
    SolarsynthError
        If there is not one flux per image.
    """
    if len(image) != len(flux) or not len(image):
        raise SolarsynthError(f"every image needs one flux, got {len(image)} images and {len(flux)} fluxes")
    columns = min(columns, len(image))
    figure, axes = panels(-(-len(image) // columns), columns, 1.3, 1.6)
    for ax in axes.flat[len(image) :]:
        ax.axis("off")
    for ax, frame, one in zip(axes.flat, image, flux, strict=False):
        show_sun(ax, frame)
        ax.set_title(f"{class_text(float(f'{one:.3g}'))}\n{one:.1e}".replace("e-0", "e-"), fontsize=9)
    return figure
