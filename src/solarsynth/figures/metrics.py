"""Figures of the metrics: distances, clusters and confusion, beside what real images have (Sect. 5 and 6)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from solarsynth.figures.style import COLOURS, REAL_RANGE, colours_of, legend, log_axis, panel, panels, styled
from solarsynth.flares import CLASSES
from solarsynth.metrics.skill import sample_std


@styled
def embedding_distances(table: pd.DataFrame) -> Figure:
    """Energy distance of generated embeddings per class, on the range of real ones.

    Parameters
    ----------
    table : DataFrame
        Indexed by class, with the columns ``distance``, ``floor low`` and ``floor high`` (NaN where a class is too
        small) and ``no class``.
    """
    figure, ax = panel(7.5, 2.9)
    x = np.arange(len(table))
    ax.bar(x, table["floor high"] - table["floor low"], 0.6, table["floor low"], color="0.85", label=REAL_RANGE)
    ax.plot(x, table["distance"], "o", color=COLOURS["B"], label="prior, class requested")
    ax.plot(x, table["no class"], "x", color="0.45", label="real images of all classes")
    ax.axhline(0, color="0.2", lw=0.8, ls=":")
    ax.set(xticks=x, xticklabels=table.index, xlabel="GOES class", ylabel="energy distance")
    ax.set_xlim(-0.6, len(table) - 0.4)
    legend(ax, outside=True)
    return figure


@styled
def cluster_floor(
    floor: dict[int, np.ndarray],
    ours: dict[str, tuple[int, np.ndarray]],
    same_weeks: dict[int, np.ndarray] | None = None,
) -> Figure:
    """Cluster metrics of real sets against their size, and of generated sets.

    Parameters
    ----------
    floor : dict
        For each set size an array (draws, 3): error, distance and std of real sets.
    ours : dict
        For each name the images in a set, and an array (sets, 3) as above. Dots are means over sets, bars standard
        deviations over sets. It may be empty.
    same_weeks : dict, optional
        As `floor`, for sets of the same weeks as their reference; shown as two lines.
    """
    figure, axes = panels(1, 3, 2.8, 2.9, margin=(1.6, 0))
    sizes, colours = sorted(floor), colours_of(ours)
    for i, (ax, name, target) in enumerate(zip(axes[0], ("error", "distance", "std"), (0, 1, 1), strict=True)):
        low, middle, high = np.array([np.percentile(floor[n][:, i], [5, 50, 95]) for n in sizes]).T
        ax.fill_between(sizes, low, high, color="0.85", label=REAL_RANGE)
        ax.plot(sizes, middle, color="0.45", label="real, median")
        if same_weeks:
            edges = np.array([np.percentile(same_weeks[n][:, i], [5, 95]) for n in sizes])
            ax.plot(sizes, edges, color=COLOURS["B"], lw=1, ls="--", label=["the same weeks", None])
        if target:  # a logarithmic axis cannot show a target of 0
            ax.axhline(target, color="0.2", lw=0.8, ls=":", label="target")
        for label, (size, values) in ours.items():
            mean, std = values[:, i].mean(), np.nan_to_num(sample_std(values[:, i]))
            ax.errorbar(size, mean, std, fmt="o", color=colours[label], capsize=3, label=label)
        log_axis(ax)
        ax.set(xlabel="images in the set", ylabel=f"cluster {name}")
    axes[0, 0].set_yscale("log")
    legend(axes[0, 2], outside=True)
    return figure


@styled
def confusion_matrices(counts: dict[str, np.ndarray]) -> Figure:
    """Confusion matrices, a panel each: the share of a row in per cent.

    Parameters
    ----------
    counts : dict
        For each title counts (5, 5). Rows are the true class of ``real`` images and the requested class of generated
        ones; columns are the predicted class.
    """
    rows = -(-len(counts) // 2)
    figure, axes = panels(rows, 2, 3.3, 3.2)
    for ax in axes.flat[len(counts) :]:
        ax.axis("off")
    for ax, (title, matrix) in zip(axes.flat, counts.items(), strict=False):
        total = matrix.sum(1, keepdims=True)
        share = np.where(total > 0, 100 * matrix / np.maximum(total, 1), np.nan)
        colours = {"vmin": 0, "vmax": 100, "cmap": "Blues", "cbar": False, "square": True}
        text = {"annot": True, "fmt": ".0f", "annot_kws": {"fontsize": 8}}
        sns.heatmap(share, ax=ax, xticklabels=CLASSES, yticklabels=CLASSES, **colours, **text)
        ax.set_title(title, fontsize=9)
        ax.set_facecolor("0.93")  # seen where a row holds no image
        ax.tick_params(length=0)
        ax.tick_params(axis="y", rotation=0)
        ax.set(xlabel="predicted class", ylabel="true class" if title == "real" else "requested class")
    return figure
