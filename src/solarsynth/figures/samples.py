"""Figures of what the networks make: restored images, samples, their features and maps (Sect. 4, 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from solarsynth.figures.style import COLOURS, colours_of, legend, log_axis, panels, styled
from solarsynth.figures.suns import no_frame_lines, no_sun, show_row, show_sun
from solarsynth.flares import CLASSES
from solarsynth.pixels import to_uint8
from solarsynth.times import DAY


@styled
def sun_rows(rows: dict[str, np.ndarray]) -> Figure:
    """Frames in rows that are compared column by column: for each row's title frames (n, H, W) of uint8."""
    count = len(next(iter(rows.values())))
    figure, axes = panels(len(rows), count, 1.3, 1.35, margin=(0.3, 0))
    for (title, frames), line in zip(rows.items(), axes, strict=True):
        show_row(line, frames, title)
    return figure


@styled
def reverse_process(strips: dict[str, Sequence[tuple[int, np.ndarray]]]) -> Figure:
    """The reverse process from noise to a Sun, a row per title.

    Parameters
    ----------
    strips : dict
        For each title pairs of the steps done and the frame (H, W) of float in [-1, 1].
    """
    count = len(next(iter(strips.values())))
    figure, axes = panels(len(strips), count, 1.3, 1.33, margin=(0.3, 0.3))
    for row, (title, strip) in enumerate(strips.items()):
        for ax, (done, x) in zip(axes[row], strip, strict=True):
            show_sun(ax, to_uint8(x), f"step {done}" if row == 0 else "")
        axes[row, 0].set_ylabel(title, fontsize=9)
    return figure


@styled
def steps_against_quality(table: pd.DataFrame, same_weeks: dict[str, tuple[float, float]]) -> Figure:
    """Distance and brightness of drawn sets against the number of sampling steps.

    Parameters
    ----------
    table : DataFrame
        A row per ``guidance``, ``sampler`` and ``steps``, with ``distance``, ``distance ±``, ``brightness`` and
        ``brightness ±``; an error may be NaN.
    same_weeks : dict
        Per measure the 5th and the 95th percentile of real sets of the same size, drawn from the same weeks.
    """
    figure, axes = panels(1, 2, 4, 3, margin=(1.9, 0))
    labels = {"distance": "Fréchet distance", "brightness": "brightness / real std"}
    runs = list(table.groupby(["guidance", "sampler"], sort=False))
    colours = colours_of(dict.fromkeys(sampler for (_, sampler), _ in runs))
    for ax, (name, label) in zip(axes[0], labels.items(), strict=True):
        ax.axhspan(*same_weeks[name], color="0.88", label="real, same weeks, 5 to 95 %")
        for (guidance, sampler), rows in runs:
            line = {"fmt": "o-" if guidance else "s--", "color": colours[sampler], "capsize": 3, "ms": 4}
            ax.errorbar(rows["steps"], rows[name], rows[f"{name} ±"], label=f"{sampler}, w = {guidance:g}", **line)
        log_axis(ax)
        ax.set(xlabel="sampling steps", ylabel=label, xticks=sorted(table["steps"].unique()))
        ax.minorticks_off()
    axes[0, 1].axhline(0, color="0.2", lw=0.8, ls=":")
    legend(axes[0, 1], outside=True)
    return figure


@styled
def figure_3(maps: dict[str, np.ndarray | str], label: np.ndarray, time: np.ndarray) -> Figure:
    """t-SNE of feature spaces (the paper's Fig. 3), coloured by class (top) and by time (bottom).

    Parameters
    ----------
    maps : dict
        For each title positions (n, 2), or the reason why there are none.
    label : ndarray of int, shape (n,)
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    """
    figure, axes = panels(2, len(maps), 3.1, 3)
    days = (time - time.min()) / DAY
    for (top, bottom), (title, position) in zip(axes.T, maps.items(), strict=True):
        top.set_title(title)
        if isinstance(position, str):
            no_sun(top, position)
            no_sun(bottom, position)
            continue
        for i, name in enumerate(CLASSES):  # the few strong ones come last and lie on top
            here = label == i
            if here.any():
                top.scatter(*position[here].T, s=6 + 5 * i, color=COLOURS[name], label=name, lw=0)
        dots = bottom.scatter(*position.T, s=7, c=days, cmap="plasma", lw=0)
        for ax in (top, bottom):
            ax.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
        legend(top, markerscale=1.5, handletextpad=0.1)
        bar = figure.colorbar(dots, ax=bottom, orientation="horizontal", shrink=0.8, pad=0.02)
        bar.set_label("days since the first image", fontsize=8)
    return figure


@styled
def figure_4(maps: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Standard-deviation maps of real and generated images, one scale per class (the paper's Fig. 4).

    Parameters
    ----------
    maps : dict
        For each class two maps (H, W), real and generated, in steps of the 8-bit scale (0 to 255).
    """
    figure, axes = panels(2, len(maps), 1.9, 2, margin=(0.4, 0.15))
    for column, (name, pair) in zip(axes.T, maps.items(), strict=True):
        top = max(values.max() for values in pair)
        for ax, values in zip(column, pair, strict=True):
            drawn = ax.imshow(values, origin="lower", cmap="inferno", vmin=0, vmax=top, interpolation="nearest")
            no_frame_lines(ax)
        column[0].set_title(name, fontweight="bold")
        bar = figure.colorbar(drawn, ax=column, orientation="horizontal", shrink=0.8, pad=0.02)
        bar.ax.tick_params(labelsize=7)
        bar.set_label("std / 8-bit steps", fontsize=8)
    axes[0, 0].set_ylabel("real")
    axes[1, 0].set_ylabel("generated")
    return figure


@styled
def figure_5(image: dict[str, dict[str, np.ndarray]], rows: dict[str, int]) -> Figure:
    """Samples by class (the paper's Fig. 5): rows of frames per source, a column per class.

    Parameters
    ----------
    image : dict
        For each title, such as ``real`` and ``discrete``, and each class frames (n, H, W) of uint8. A class may be
        absent.
    rows : dict of str to int
        How many rows each title gets.
    """
    lines = [(title, k) for title in image for k in range(rows[title])]
    figure, axes = panels(len(lines), len(CLASSES), 1.45, 1.48)
    for (title, k), line in zip(lines, axes, strict=True):
        for ax, name in zip(line, CLASSES, strict=True):
            frames = image[title].get(name, ())
            if k < len(frames):
                show_sun(ax, frames[k])
            else:
                no_sun(ax, "no training\nimage" if k == 0 else "")
        line[0].set_ylabel(title if k == 0 else "", fontsize=9)
    for ax, name in zip(axes[0], CLASSES, strict=True):
        ax.set_title(name, fontweight="bold")
    return figure


@styled
def figure_c_1(image: dict[str, np.ndarray]) -> Figure:
    """Larger images by level of activity (the paper's Fig. C.1): for each level frames (n, H, W) of uint8."""
    figure, axes = panels(len(image), max(map(len, image.values())), 2.1, 2.15)
    for (title, frames), line in zip(image.items(), axes, strict=True):
        show_row(line, frames, title, missing="no training image")
    return figure
