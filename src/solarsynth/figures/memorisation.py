"""Figures of what is new: distances to training images, suspicious pairs, and twins from the same noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from solarsynth.figures.style import colours_of, legend, log_axis, panels, styled
from solarsynth.figures.suns import no_frame_lines, show_row

if TYPE_CHECKING:
    from solarsynth.evaluation.memorisation import Twins

#: Largest difference in grey levels that the colours of a difference show.
DIFFERENCE = 60


@styled
def nearest_distances(distances: Mapping[str, np.ndarray], threshold: float) -> Figure:
    """Share of images nearer to a training image than a distance.

    Parameters
    ----------
    distances : mapping of str to ndarray
        For each title the distances (n,) in grey levels.
    threshold : float
        The 1st percentile of held-out images; a vertical line.
    """
    figure, axes = panels(1, 1, 6.2, 3.4)
    ax, colours = axes[0, 0], colours_of(distances)
    for title, values in distances.items():
        values = np.sort(values[np.isfinite(values)])
        dashes = "-" if title.startswith("gen") else "--"
        ax.step(
            values,
            np.arange(1, len(values) + 1) / len(values),
            where="post",
            label=title,
            color=colours[title],
            ls=dashes,
        )
    ax.axvline(threshold, color="0.3", lw=0.8, ls=":")
    ax.text(threshold, 1.01, " 1 % of held-out", fontsize=8, color="0.3", va="bottom")
    ax.set(xlabel="distance to the nearest training image / grey levels", ylabel="share of images nearer", ylim=(0, 1))
    legend(ax, loc="lower right")
    return figure


@styled
def suspicious_pairs(image: np.ndarray, nearest: np.ndarray, titles: Sequence[str]) -> Figure:
    """The generated images that lie nearest to a training image, these, and the differences.

    Parameters
    ----------
    image, nearest : ndarray of uint8, shape (n, H, W)
    titles : sequence of str
        Above each column.
    """
    figure, axes = panels(3, len(image), 1.4, 1.45, margin=(0.8, 0.3))
    show_row(axes[0], image, "generated")
    show_row(axes[1], nearest, "nearest real")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=9)
    for ax, a, b in zip(axes[2], image, nearest, strict=True):
        difference = a.astype(float) - b
        shown = ax.imshow(difference, origin="lower", cmap="RdBu_r", vmin=-DIFFERENCE, vmax=DIFFERENCE)
        no_frame_lines(ax)
    axes[2, 0].set_ylabel("difference", fontsize=9)
    bar = figure.colorbar(shown, ax=axes[2].tolist(), shrink=0.9, extend="both")
    bar.set_label("grey levels", fontsize=8)
    return figure


#: Similarities of twins: what they are called, and their attributes.
SIMILARITIES = {
    "same noise, other weeks": "alike",
    "nearest of its own training set": "copied",
    "nearest of the other's": "foreign",
    "other noise, other weeks": "strangers",
}


@styled
def twin_growth(found: Mapping[int, Twins]) -> Figure:
    """Similarities of twins along their training, with quartiles, and the sharpness of what they draw.

    Parameters
    ----------
    found : mapping of int to Twins
        By the images that each model has seen.
    """
    figure, axes = panels(1, 2, 3.6, 2.9, margin=(1.6, 0))
    seen, colours = list(found), colours_of(SIMILARITIES)
    for title, name in SIMILARITIES.items():
        low, middle, high = np.transpose([np.quantile(getattr(one, name), [0.25, 0.5, 0.75]) for one in found.values()])
        axes[0, 0].plot(seen, middle, "o-", ms=4, color=colours[title], label=title)
        axes[0, 0].fill_between(seen, low, high, color=colours[title], alpha=0.15, lw=0)
    axes[0, 1].plot(seen, [one.power for one in found.values()], "o-", ms=4, color="0.15")
    axes[0, 1].axhline(1, color="0.3", lw=0.8, ls="--")
    for ax, label in zip(axes[0], ("similarity (cosine about the mean)", "power at fine scales, real 1"), strict=True):
        log_axis(ax)
        ax.set(xlabel="images that each model has seen", ylabel=label)
    legend(axes[0, 1], outside=True, handles=axes[0, 0].get_lines())
    return figure


@styled
def twin_similarities(found: Sequence[Twins]) -> Figure:
    """Similarities of twins, of strangers, and of images and training images, against the number of regions.

    Parameters
    ----------
    found : sequence of Twins
        By their number of blocks.
    """
    kinds = SIMILARITIES
    figure, axes = panels(1, 1, 2.8 + 1.8 * len(found), 3.6, margin=(1.6, 0))
    ax, colours, width = axes[0, 0], colours_of(kinds), 0.8 / len(kinds)
    for k, (title, name) in enumerate(kinds.items()):
        boxes = ax.boxplot(
            [getattr(one, name) for one in found],
            positions=np.arange(len(found)) + (k - (len(kinds) - 1) / 2) * width,
            widths=0.9 * width,
            patch_artist=True,
            boxprops={"facecolor": colours[title], "lw": 0.8},
            medianprops={"color": "black"},
            flierprops={"ms": 2},
        )
        boxes["boxes"][0].set_label(title)
    titles = [
        f"{one.blocks} block{'s' * (one.blocks > 1)}\n{min(one.regions)} to {max(one.regions)} regions" for one in found
    ]
    ax.set_xticks(np.arange(len(found)), titles)
    ax.set(xlabel="each model was trained on", ylabel="similarity (cosine about the mean)")
    legend(ax, outside=True)
    return figure
