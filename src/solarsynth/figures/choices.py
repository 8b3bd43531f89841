"""Figures of choices: guidance against quality, and what ways of training are worth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from solarsynth.figures.style import colours_of, legend, panels, styled

LABELS = {
    "train": "Fréchet distance,\ntraining blocks",
    "power": "relative power,\n20 to 32 cycles",
    "brightness": "brightness / real std",
    "copies": "share below the\n1 % distance",
    "coverage": "coverage",
    "obeys": "correlation of reading\nand class asked for",
}


def _runs(table: pd.DataFrame) -> list[tuple[str, tuple[float, float, float], pd.DataFrame]]:
    """Return the title, the colour and the rows of every number of steps and interval of a study of guidance."""
    groups = table.groupby(["steps", "interval"], sort=False)
    titles = [f"{steps} steps" + ("" if where == "everywhere" else f",\n{where}") for (steps, where), _ in groups]
    colours = colours_of(titles)
    return [(title, colours[title], rows) for title, (_, rows) in zip(titles, groups, strict=True)]


@styled
def guidance_frontier(table: pd.DataFrame, real: float, paper_guidance: float = 2.0) -> Figure:
    """Six measures against the weight of guidance, a line per number of steps.

    Parameters
    ----------
    table : DataFrame
        As from `solarsynth.evaluation.choices.guidance_study`.
    real : float
        Fréchet distance of real sets of the same size.
    paper_guidance : float
        w of the paper; a vertical line.
    """
    figure, axes = panels(3, 2, 3.7, 2.5, margin=(1.2, 0))
    for ax, (name, label) in zip(axes.ravel(), LABELS.items(), strict=True):
        ax.axvline(paper_guidance, color="0.6", lw=0.8, ls=":")
        for title, colour, rows in _runs(table):
            line = {"fmt": "o-", "ms": 4, "capsize": 3, "color": colour}
            ax.errorbar(rows["guidance"], rows[name], rows[f"{name} ±"], label=title, **line)
        ax.set(xlabel="guidance w", ylabel=label)
    axes[0, 0].axhline(real, color="0.3", lw=0.8, ls="--")
    axes[0, 0].text(table["guidance"].max(), real, "real sets", fontsize=8, ha="right", va="bottom", color="0.3")
    axes[0, 1].axhline(1, color="0.3", lw=0.8, ls="--")
    axes[1, 0].axhline(0, color="0.3", lw=0.8, ls="--")
    axes[1, 1].axhline(0.01, color="0.3", lw=0.8, ls="--")
    axes[2, 1].axhline(0, color="0.3", lw=0.8, ls="--")
    legend(axes[0, 1], outside=True)
    return figure


@styled
def guidance_tradeoff(table: pd.DataFrame, real: float, covered: float, paper_guidance: float = 2.0) -> Figure:
    """Nearness and coverage against obedience, a line through the weights of guidance per number of steps.

    Parameters
    ----------
    table : DataFrame
        As from `solarsynth.evaluation.choices.guidance_study`.
    real : float
        Fréchet distance of real sets of the same size.
    covered : float
        Coverage by held-out frames, as many.
    paper_guidance : float
        w of the paper; its runs have a ring.
    """
    figure, axes = panels(1, 2, 3.7, 2.9, margin=(1.2, 0))
    for ax, name in zip(axes[0], ("train", "coverage"), strict=True):
        for title, colour, rows in _runs(table):
            # Without guidance the interval does not matter: every line begins there.
            bare = table[(table["guidance"] == 0) & (table["steps"] == rows["steps"].iloc[0])]
            line = (rows if (rows["guidance"] == 0).any() else pd.concat([bare, rows])).sort_values("guidance")
            ax.plot(line["obeys"], line[name], "o-", ms=4, color=colour, label=title)
            for row in line.itertuples():
                ax.annotate(
                    f"{row.guidance:g}", (row.obeys, getattr(row, name)), (4, 3), textcoords="offset points", fontsize=7
                )
            marked = line[line["guidance"] == paper_guidance]
            ax.plot(marked["obeys"], marked[name], "o", ms=10, mfc="none", mec="0.3", mew=0.9)
        ax.set(xlabel=LABELS["obeys"].replace("\n", " "), ylabel=LABELS[name])
    for ax, value in zip(axes[0], (real, covered), strict=True):
        ax.axhline(value, color="0.3", lw=0.8, ls="--")
    legend(axes[0, 1], outside=True)
    return figure


@styled
def average_lengths(table: pd.DataFrame, plain: Mapping[str, float]) -> Figure:
    """Distance, sharpness and copies against the length of the average.

    Parameters
    ----------
    table : DataFrame
        As from `solarsynth.evaluation.choices.compare_lengths`.
    plain : mapping of str to float
        The same of the average that the training keeps; dashed.
    """
    figure, axes = panels(1, 3, 2.3, 2.2)
    for ax, name in zip(axes[0], ("train", "power", "copies"), strict=True):
        ax.plot(table.index, table[name], "o-", ms=4, color="0.15")
        ax.axhline(plain[name], color="0.3", lw=0.8, ls="--")
        ax.set(xlabel="length σ_rel", ylabel=LABELS[name])
    return figure


@styled
def training_effects(table: pd.DataFrame) -> Figure:
    """What each way of training changes, with 95 % intervals over the seeds.

    Parameters
    ----------
    table : DataFrame
        As from `solarsynth.evaluation.choices.effects`.
    """
    rows = table.iloc[1:][::-1]
    figure, axes = panels(1, 3, 2.3, 0.42 * len(rows) + 0.9, margin=(2.2, 0), sharey=True)
    for ax, name in zip(axes[0], ("train", "power", "copies"), strict=True):
        ax.axvline(0, color="0.6", lw=0.8)
        ax.errorbar(
            rows[f"{name} Δ"], range(len(rows)), xerr=rows[f"{name} Δ ±"], fmt="o", color="0.15", ms=4, capsize=3
        )
        ax.set(xlabel=f"change of\n{LABELS[name]}")
    axes[0, 0].set(yticks=range(len(rows)), yticklabels=rows.index, ylabel="what is changed")
    return figure
