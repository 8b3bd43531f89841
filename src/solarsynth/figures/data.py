"""Figures of the observations: frames, flux, flares and the labelled set (Sect. 2 and 8.2, Appendix A)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from solarsynth.figures.style import COLOURS, colours_of, count_axis, legend, panel, panels, styled
from solarsynth.figures.suns import no_sun, show_row, show_sun
from solarsynth.flares import CLASS_BOUNDS, CLASSES
from solarsynth.times import MINUTE, to_datetime

if TYPE_CHECKING:
    from solarsynth.dataset.labelled import LabelledSet


@styled
def figure_1(counts: dict[str, dict[str, int]]) -> Figure:
    """Images per flare class (the paper's Fig. 1).

    Parameters
    ----------
    counts : dict
        For each part of the set, such as ``training`` and ``held out``, the number of images per class.
    """
    figure, ax = panel(6, 3.4)
    base, parts = np.zeros(len(CLASSES)), []
    for (part, per_class), shade in zip(counts.items(), np.linspace(1, 0.45, len(counts)), strict=True):
        values = np.array([per_class[name] for name in CLASSES], float)
        bars = ax.bar(CLASSES, values, bottom=base, alpha=shade, color=list(COLOURS.values()))
        parts.append(Patch(color="0.25", alpha=shade, label=part))
        base += values
    ax.bar_label(bars, [f"{int(v):,}\n{v / max(base.sum(), 1):.1%}" for v in base], fontsize=8, padding=2)
    ax.set(xlabel="GOES class", ylabel="images", ylim=(0, base.max() * 1.22))
    count_axis(ax)
    legend(ax, handles=parts, fontsize=10)
    return figure


@styled
def figure_9(labels: dict[str, np.ndarray]) -> Figure:
    """Days per class of the strongest flare of the next 24 hours (the paper's Fig. 9).

    Parameters
    ----------
    labels : dict
        For each title, labels (n,) of int: 0 (A) to 4 (X), -1 for days without a listed flare.
    """
    figure, axes = panels(1, len(labels), 4.2, 3.2)
    for ax, (title, label) in zip(axes[0], labels.items(), strict=True):
        names = ["none", *CLASSES] if (label < 0).any() else list(CLASSES)
        counts = [int((label == (-1 if name == "none" else CLASSES.index(name))).sum()) for name in names]
        bars = ax.bar(names, counts, color=[COLOURS.get(name, "0.8") for name in names])
        ax.bar_label(bars, [f"{count:,}" for count in counts], fontsize=8, padding=2)
        ax.set(title=f"{title} ({sum(counts):,} days)", xlabel="strongest class in 24 h", ylabel="days")
        ax.set_ylim(0, max([*counts, 1]) * 1.15)
        count_axis(ax)
    return figure


@styled
def figure_a_1(data: LabelledSet) -> Figure:
    """Time from the peak to the frame, per class (the paper's Fig. A.1); dashed lines are medians."""
    present = [i for i, name in enumerate(CLASSES) if data.counts()[name]]
    figure, axes = panels(1, len(present), 2.2, 2.4, sharex=True)
    bins = np.linspace(0, data.about["frame_tolerance"] / MINUTE, 15)
    for ax, i in zip(axes[0], present, strict=True):
        delay = data.delay[data.label == i] / MINUTE
        ax.hist(delay, bins, color=COLOURS[CLASSES[i]])
        ax.axvline(np.median(delay), color="0.2", lw=1, ls="--")
        ax.set_title(f"{CLASSES[i]}  (n = {len(delay):,})", fontsize=9)
        ax.set_xlabel("delay / min")
        count_axis(ax)
    axes[0, 0].set_ylabel("images")
    return figure


@styled
def real_frames(data: LabelledSet, per_class: int = 6, seed: int = 0) -> Figure:
    """Frames of each class, drawn at random, with their dates."""
    rng = np.random.default_rng(seed)
    figure, axes = panels(len(CLASSES), per_class, 1.25, 1.3)
    for i, (name, row) in enumerate(zip(CLASSES, axes, strict=True)):
        chosen = np.sort(rng.permutation(np.flatnonzero(data.label == i))[:per_class])
        dates = np.datetime_as_string(to_datetime(data.frame_time[chosen]), unit="D")
        for ax, frame, date in zip(row, data.image[chosen], dates, strict=False):
            show_sun(ax, frame, date)
        for k, ax in enumerate(row[len(chosen) :], start=len(chosen)):
            no_sun(ax, "no frame" if k == 0 else "")
        row[0].set_ylabel(name, rotation=0, labelpad=12, fontsize=13, fontweight="bold", va="center")
    return figure


@styled
def x_ray_and_frames(time: np.ndarray, flux: np.ndarray, data: LabelledSet) -> Figure:
    """The X-ray flux over the set's period, the bounds of the classes, and the labelled peaks.

    Parameters
    ----------
    time : ndarray of datetime64, shape (n,)
    flux : ndarray of float, shape (n,)
        W/m²; such as daily maxima.
    data : LabelledSet
    """
    figure, ax = panel(8, 3)
    ax.plot(time, flux, color="0.65", lw=0.6, label="daily maximum")
    for i, name in enumerate(CLASSES):
        here = data.label == i
        ax.plot(to_datetime(data.peak_time[here]), data.flux[here], ".", ms=3, color=COLOURS[name], label=name)
    for bound in CLASS_BOUNDS:
        ax.axhline(bound, color="0.6", lw=0.5, ls=":")
    ax.set(yscale="log", xlabel="date", ylabel="1–8 Å flux / W m$^{-2}$")
    legend(ax, ncols=6, markerscale=2, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    return figure


@styled
def suns_side_by_side(image: dict[str, np.ndarray], columns: int = 7) -> Figure:
    """Frames of several sources, a row each: for each title frames (n, H, W) of uint8."""
    figure, axes = panels(len(image), columns, 1.3, 1.35)
    for row, (title, frames) in zip(axes, image.items(), strict=True):
        show_row(row, frames, title, missing="no frame")
    return figure


@styled
def shared_physics(curves: dict[str, tuple[np.ndarray, np.ndarray]], label_x: str, label_y: str) -> Figure:
    """Curves of several sources in one panel: for each title x and y, (n,) each."""
    figure, ax = panel(5.6, 3.2)
    for title, colour in colours_of(curves).items():
        ax.plot(*curves[title], color=colour, lw=2, label=title)
    ax.set(xlabel=label_x, ylabel=label_y)
    legend(ax, fontsize=10)
    return figure


@styled
def butterfly(points: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Latitude of flares against time, a panel per source: for each title times (n,) of datetime64 and degrees (n,)."""
    figure, axes = panels(1, len(points), 4.4, 3, sharey=True)
    for ax, (title, (time, latitude)) in zip(axes[0], points.items(), strict=True):
        ax.plot(time, latitude, ".", ms=2, alpha=0.35, color=COLOURS["B"])
        ax.axhline(0, color="0.6", lw=0.6)
        ax.set(title=title, xlabel="date", ylim=(-50, 50))
        ax.tick_params(axis="x", rotation=45)
    axes[0, 0].set_ylabel("latitude / °")
    return figure


@styled
def flare_sizes(flux: dict[str, np.ndarray], slopes: dict[str, tuple[float, float]], low: float, high: float) -> Figure:
    """Number of flares above a peak flux, with the fitted power laws (dashed).

    Parameters
    ----------
    flux : dict
        For each title peak fluxes (n,) in W/m².
    slopes : dict
        For each title the exponent α of the differential distribution and its standard error; NaN without a fit.
    low, high : float
        Bounds of the fit in W/m².
    """
    figure, ax = panel(5.6, 3.4)
    for title, colour in colours_of(flux).items():
        values = np.sort(flux[title])[::-1]
        slope, error = slopes[title]
        fitted = f"α = {slope:.2f} ± {error:.2f}" if np.isfinite(slope) else "too few flares for a fit"
        ax.step(values, np.arange(1, len(values) + 1), color=colour, lw=2.2, alpha=0.65, label=f"{title}: {fitted}")
        if not np.isfinite(slope):
            continue
        x = np.geomspace(low, high, 50)[:-1]
        above = (values > high).sum()
        inside = (values >= low).sum() - above
        # The share of the fitted flares above x, for the power law that is cut at both bounds.
        share = (x ** (1 - slope) - high ** (1 - slope)) / (low ** (1 - slope) - high ** (1 - slope))
        ax.plot(x, above + inside * share, color="0.1", lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlabel="peak flux / W m$^{-2}$", ylabel="flares at or above the flux")
    legend(ax)
    return figure
