"""Frames of the Sun in a figure: one frame, a row of frames, and an empty place with its reason."""

from __future__ import annotations

import functools
import io
import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from solarsynth.figures.style import panel, panels, styled


@functools.cache
def solar_colours() -> Colormap:
    """Return sunpy's colour map of AIA 171 Å."""
    import sunpy.visualization.colormaps

    return sunpy.visualization.colormaps.cm.sdoaia171


def show_sun(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw one frame (H, W) of uint8; row 0 is in the south."""
    ax.imshow(image, origin="lower", cmap=solar_colours(), vmin=0, vmax=255, interpolation="nearest")
    no_frame_lines(ax)
    if title:
        ax.set_title(title, fontsize=9)


def no_sun(ax: Axes, text: str = "") -> None:
    """Fill the place of a missing frame with grey, and write the reason in it."""
    ax.set(xlim=(0, 1), ylim=(0, 1), facecolor="0.95")
    ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color="0.35")
    no_frame_lines(ax)


def no_frame_lines(ax: Axes) -> None:
    """Remove ticks and frame of the axes."""
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def show_row(axes: np.ndarray, frames: np.ndarray, title: str = "", missing: str = "") -> None:
    """Draw frames from left to right and name the row.

    Parameters
    ----------
    axes : ndarray of Axes, shape (columns,)
    frames : ndarray of uint8, shape (n, H, W)
        Frames beyond the columns are left out; columns beyond the frames are grey.
    title : str
        Name of the row, at its left.
    missing : str
        What the first column says if there is no frame at all.
    """
    for k, ax in enumerate(axes):
        if k < len(frames):
            show_sun(ax, frames[k])
        else:
            no_sun(ax, missing if k == 0 else "")
    axes[0].set_ylabel(title, fontsize=9)


@styled
def not_computed(why: str) -> Figure:
    """Return a placeholder that says why a figure was not computed."""
    figure, ax = panel(6, 1.2)
    no_sun(ax, "\n".join(textwrap.wrap(f"not computed: {why}", 80)))
    return figure


@styled
def sun_grid(frames: np.ndarray, names: list[str]) -> Figure:
    """Return a grid of synthetic Suns with the class under each.

    Parameters
    ----------
    frames : ndarray of uint8, shape (n, H, W)
        Row 0 in the south.
    names : list of str, length n
    """
    columns = math.ceil(math.sqrt(len(frames)))
    rows = math.ceil(len(frames) / columns)
    figure, axes = panels(rows, columns, 1.4, 1.6, margin=(0, 0.3))
    figure.suptitle("synthetic: not observed", fontsize=8)
    for ax in axes.ravel()[len(frames) :]:
        ax.set_axis_off()
    for ax, frame, name in zip(axes.ravel(), frames, names, strict=False):
        show_sun(ax, frame)
        ax.set_xlabel(name, fontsize=9)
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG."""
    body = io.BytesIO()
    figure.savefig(body, format="png", dpi=150)
    return body.getvalue()
