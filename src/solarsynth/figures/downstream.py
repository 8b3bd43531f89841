"""Figures of the downstream tasks: classification and flare forecasting with added images (Sect. 8)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from solarsynth.figures.style import SCENARIO_COLOURS, legend, panel, panels, styled
from solarsynth.metrics.intervals import Interval
from solarsynth.metrics.skill import calibration

#: Scenarios and controls.
ARM_COLOURS = SCENARIO_COLOURS | {"duplicates": "#cc78bc", "weights": "#029e73", "withheld": "#ca9161"}
TEXTS = {
    "none": "nothing added",
    "classical": "classical copies",
    "synthetic": "synthetic images",
    "duplicates": "duplicates",
    "weights": "weights in the loss",
    "withheld": "real images withheld",
}


@styled
def figure_6(accuracy: dict[str, dict[int, np.ndarray]], scenario: str) -> Figure:
    """Accuracy of the rare classes against images added (the paper's Figs. 6 and 7), a panel per class.

    Parameters
    ----------
    accuracy : dict
        For each class and each amount the accuracies (trials,). The amount 0 adds no image.
    scenario : {"classical", "synthetic"}
        What is added.
    """
    colour = ARM_COLOURS[scenario]
    figure, axes = panels(1, len(accuracy), 3.1, 2.8, margin=(0.3, 0))
    for ax, (name, by_amount) in zip(axes[0], accuracy.items(), strict=True):
        amounts = sorted(by_amount)
        low, middle, high = ([f(by_amount[amount]) for amount in amounts] for f in (np.min, np.mean, np.max))
        ax.fill_between(amounts, low, high, color=colour, alpha=0.2, lw=0, label="all trials")
        ax.plot(amounts, middle, "o-", color=colour, label="mean")
        ax.set(title=f"class {name}", xlabel="images added per class", ylim=(-0.03, 1.03), xticks=amounts)
    axes[0, 0].set_ylabel("accuracy")
    legend(axes[0, -1])
    return figure


@styled
def figure_8(accuracy: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Accuracy of the rare classes by scenario at the largest amount (the paper's Fig. 8), with the controls.

    Parameters
    ----------
    accuracy : dict
        For each scenario and each class the accuracies (trials,). Bars are means, dots are trials.
    """
    classes = list(next(iter(accuracy.values())))
    figure, ax = panel(1.9 * len(classes) + 2.8, 3)
    width = 0.84 / len(accuracy)
    for i, (scenario, by_class) in enumerate(accuracy.items()):
        x = np.arange(len(classes)) + width * (i - (len(accuracy) - 1) / 2)
        heights = [by_class[name].mean() for name in classes]
        ax.bar(x, heights, 0.9 * width, color=ARM_COLOURS[scenario], alpha=0.75, label=scenario)
        for at, name in zip(x, classes, strict=True):
            ax.plot(np.full(len(by_class[name]), at), by_class[name], ".", color="0.1", ms=5, clip_on=False)
    ax.set(xticks=np.arange(len(classes)), xticklabels=classes, xlabel="GOES class", ylabel="accuracy", ylim=(0, 1.03))
    legend(ax, outside=True)
    return figure


@styled
def figure_10(skill: dict[str, np.ndarray], baselines: dict[str, Interval], label: str) -> Figure:
    """A skill score by set-up (the paper's Figs. 10 and 11), with the controls: a dot per seed, bars are means.

    Parameters
    ----------
    skill : dict
        For each set-up, such as ``none`` and ``synthetic 50``, the scores (seeds,).
    baselines : dict of str to Interval
        A line each, and a band for its interval.
    label : str
        Name of the score.
    """
    figure, ax = panel(8, 3.2)
    legend_texts = dict(TEXTS)
    for i, (name, values) in enumerate(skill.items()):
        scenario = name.split()[0]
        colour = ARM_COLOURS[scenario]
        ax.plot(np.full(len(values), i), values, "o", color=colour, alpha=0.6, ms=5)
        # Only the first set-up of a scenario gets a line in the legend.
        text = legend_texts.pop(scenario, None)
        ax.plot([i - 0.3, i + 0.3], [np.nanmean(values)] * 2, color=colour, lw=3, label=text)
    for (name, found), style in zip(baselines.items(), ("--", ":", "-."), strict=False):
        ax.axhline(found.mean, color="0.4", ls=style, lw=1.2, label=name)
        if np.isfinite(found.low):
            ax.axhspan(found.low, found.high, color="0.4", alpha=0.1, lw=0)
    ax.set(xticks=range(len(skill)), xlabel="images added per rare class", ylabel=label)
    # Withheld images are taken away.
    ax.set_xticklabels([name.replace("withheld ", "−").replace("none", "0").split()[-1] for name in skill])
    legend(ax, outside=True)
    return figure


@styled
def reliability(forecasts: dict[str, tuple[np.ndarray, np.ndarray]], bins: int = 5) -> Figure:
    """Reliability of a forecast: observed frequency against forecast probability, and how often each was forecast.

    Parameters
    ----------
    forecasts : dict
        For each set-up the probabilities (n,) and y_true (n,) of bool, of all seeds together.
    bins : int
        Number of bins, each of about equally many forecasts.
    """
    figure, axes = panels(1, 2, 3.8, 3.2)
    left, right = axes[0]
    left.plot([0, 1], [0, 1], color="0.6", ls=":", lw=1)
    for name, (probability, y_true) in forecasts.items():
        colour = ARM_COLOURS[name.split()[0]]
        left.plot(*calibration(y_true, probability, bins), "o-", color=colour, label=name)
        right.hist(probability, np.linspace(0, 1, 21), histtype="step", color=colour, lw=1.5)
    left.set(xlabel="forecast probability", ylabel="observed frequency", xlim=(0, 1), ylim=(-0.02, 1))
    right.set(xlabel="forecast probability", ylabel="number of forecasts", xlim=(0, 1))
    legend(left)
    return figure
