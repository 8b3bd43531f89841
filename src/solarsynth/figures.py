"""The figures: ``figure_1()``, ``figure_5()`` ... are the paper's, the others are ours.

Each takes arrays, returns a `matplotlib.figure.Figure` and shows frames with north up in sunpy's 171 Å
colours.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import NullFormatter

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError
from solarsynth.observations.times import DAY

if TYPE_CHECKING:
    from solarsynth.diffusion.denoiser import Denoiser
    from solarsynth.diffusion.schedule import Schedule
    from solarsynth.labelled import LabelledSet

#: One colour per class, from quiet to violent; told apart without colour vision by their lightness.
COLOURS = dict(zip(CLASSES, sns.color_palette("viridis", 5), strict=True))

STYLE = {
    "figure.dpi": 110,
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}


def _styled(draw):
    @functools.wraps(draw)
    def wrapped(*args, **kwargs) -> Figure:
        with plt.rc_context(STYLE):
            figure = draw(*args, **kwargs)
        plt.close(figure)  # the notebook shows what a cell returns; an open figure would show twice
        return figure

    return wrapped


@functools.cache
def solar_colours():
    """Return sunpy's colour map of AIA 171 Å."""
    import sunpy.visualization.colormaps

    return sunpy.visualization.colormaps.cm.sdoaia171


def show_sun(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw one frame (H, W) uint8, row 0 in the south."""
    ax.imshow(image, origin="lower", cmap=solar_colours(), vmin=0, vmax=255, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, fontsize=9)


def _no_sun(ax: Axes, text: str) -> None:
    ax.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1), facecolor="0.95")
    ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color="0.35")
    for spine in ax.spines.values():
        spine.set_visible(False)


@_styled
def figure_1(counts: dict[str, dict[str, int]]) -> Figure:
    """Images per flare class (the paper's Fig. 1).

    Parameters
    ----------
    counts : dict
        Per part of the set, such as ``training`` and ``test``, images per class.
    """
    figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
    base = np.zeros(len(CLASSES))
    for (part, per_class), shade in zip(counts.items(), (1.0, 0.45), strict=False):
        values = np.array([per_class[name] for name in CLASSES], float)
        bars = ax.bar(CLASSES, values, bottom=base, label=part, alpha=shade, color=[COLOURS[n] for n in CLASSES])
        base += values
    ax.bar_label(bars, [f"{int(v):,}\n{v / max(base.sum(), 1):.1%}" for v in base], fontsize=8, padding=2)
    ax.set(xlabel="GOES class", ylabel="images", ylim=(0, base.max() * 1.22))
    ax.legend(frameon=False, labelcolor="0.2")
    return figure


SCENARIO_COLOURS = {"none": "0.35", "classical": "#de8f05", "synthetic": "#0173b2"}


@_styled
def figure_6(accuracy: dict[str, dict[int, np.ndarray]], scenario: str) -> Figure:
    """Accuracy of the rare classes against images added (the paper's Figs. 6 and 7), a panel per class.

    Parameters
    ----------
    accuracy : dict
        Per class, per amount, the accuracies (numbers,) of the trials; amount 0 adds nothing.
    scenario : {"classical", "synthetic"}
        What is added.
    """
    colour = SCENARIO_COLOURS[scenario]
    size = (3.1 * len(accuracy) + 0.3, 2.8)
    figure, axes = plt.subplots(1, len(accuracy), figsize=size, layout="constrained", squeeze=False)
    for ax, (name, by_amount) in zip(axes[0], accuracy.items(), strict=True):
        amounts = sorted(by_amount)
        low, middle, high = ([f(by_amount[amount]) for amount in amounts] for f in (np.min, np.mean, np.max))
        ax.fill_between(amounts, low, high, color=colour, alpha=0.2, lw=0, label="all trials")
        ax.plot(amounts, middle, "o-", color=colour, label="mean")
        ax.set(title=f"class {name}", xlabel="images added per class", ylim=(-0.03, 1.03), xticks=amounts)
    axes[0, 0].set_ylabel("accuracy")
    axes[0, -1].legend(frameon=False, fontsize=8)
    return figure


@_styled
def figure_8(accuracy: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Accuracy of the rare classes by scenario at the largest amount (the paper's Fig. 8).

    Parameters
    ----------
    accuracy : dict
        Per scenario, per class, the accuracies (numbers,) of the trials.
    """
    classes = list(next(iter(accuracy.values())))
    figure, ax = plt.subplots(figsize=(1.9 * len(classes) + 2.4, 3), layout="constrained")
    for i, (scenario, by_class) in enumerate(accuracy.items()):
        x = np.arange(len(classes)) + 0.26 * (i - 1)
        colour = SCENARIO_COLOURS[scenario]
        ax.bar(x, [by_class[name].mean() for name in classes], 0.24, color=colour, alpha=0.75, label=scenario)
        for at, name in zip(x, classes, strict=True):
            ax.plot(np.full(len(by_class[name]), at), by_class[name], ".", color="0.1", ms=5)
    ax.set(xticks=np.arange(len(classes)), xticklabels=classes, ylabel="accuracy", ylim=(0, 1.03))
    ax.legend(frameon=False, fontsize=8, title="added", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@_styled
def figure_10(skill: dict[str, np.ndarray], baselines: dict[str, float], label: str) -> Figure:
    """A skill score by set-up (the paper's Figs. 10 and 11): every seed a dot, their mean a bar, baselines as lines.

    Parameters
    ----------
    skill : dict
        Per set-up, such as ``synthetic 50``, the scores (seeds,).
    baselines : dict of str to float
    label : str
        Name of the score.
    """
    figure, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
    legend = {"none": "nothing added", "classical": "classical copies", "synthetic": "synthetic images"}
    for i, (name, values) in enumerate(skill.items()):
        scenario = name.split()[0]
        colour = SCENARIO_COLOURS[scenario]
        ax.plot(np.full(len(values), i), values, "o", color=colour, alpha=0.6, ms=5)
        # The first set-up of a scenario takes its line of the legend.
        ax.plot([i - 0.3, i + 0.3], [np.nanmean(values)] * 2, color=colour, lw=3, label=legend.pop(scenario, None))
    for (name, value), style in zip(baselines.items(), ("--", ":", "-."), strict=False):
        ax.axhline(value, color="0.4", ls=style, lw=1.2, label=name)
    ax.set(xticks=range(len(skill)), xlabel="images added per rare class", ylabel=label)
    ax.set_xticklabels([name.split()[-1].replace("none", "0") for name in skill])
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@_styled
def not_computed(why: str) -> Figure:
    """Say in the place of a figure why there is none."""
    figure, ax = plt.subplots(figsize=(6, 1.2), layout="constrained")
    _no_sun(ax, "\n".join(textwrap.wrap(f"not computed: {why}", 80)))
    return figure


@_styled
def reliability(forecasts: dict[str, tuple[np.ndarray, np.ndarray]], bins: int = 5) -> Figure:
    """How often what was forecast happened: observed frequency against forecast probability.

    Parameters
    ----------
    forecasts : dict
        Per set-up, probabilities (n,) and what happened (n,) bool, of all seeds together.
    bins : int
        Bins of equally many forecasts.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.2), layout="constrained")
    axes[0].plot([0, 1], [0, 1], color="0.6", ls=":", lw=1)
    for name, (probability, happened) in forecasts.items():
        colour = SCENARIO_COLOURS[name.split()[0]]
        parts = np.array_split(np.argsort(probability), bins)
        x, y = (np.array([values[part].mean() for part in parts]) for values in (probability, happened))
        axes[0].plot(x, y, "o-", color=colour, label=name)
        axes[1].hist(probability, np.linspace(0, 1, 21), histtype="step", color=colour, lw=1.5)
    axes[0].set(xlabel="forecast probability", ylabel="observed frequency", xlim=(0, 1), ylim=(-0.02, 1))
    axes[1].set(xlabel="forecast probability", ylabel="forecasts", xlim=(0, 1))
    axes[0].legend(frameon=False, fontsize=8)
    return figure


@_styled
def figure_9(labels: dict[str, np.ndarray]) -> Figure:
    """Days per class of the strongest flare of the next 24 hours (the paper's Fig. 9).

    Parameters
    ----------
    labels : dict
        Per title, labels (n,): 0 (A) to 4 (X), -1 for days without a listed flare.
    """
    figure, axes = plt.subplots(1, len(labels), figsize=(4.2 * len(labels), 3.2), layout="constrained", squeeze=False)
    for ax, (title, label) in zip(axes[0], labels.items(), strict=True):
        names = ["none", *CLASSES] if (label < 0).any() else list(CLASSES)
        counts = [int((label == (-1 if name == "none" else CLASSES.index(name))).sum()) for name in names]
        bars = ax.bar(names, counts, color=[COLOURS.get(name, "0.8") for name in names])
        ax.bar_label(bars, [f"{c:,}" for c in counts], fontsize=8, padding=2)
        ax.set(title=f"{title} ({sum(counts):,} days)", xlabel="strongest class in 24 h", ylabel="days")
        ax.set_ylim(0, max([*counts, 1]) * 1.15)
    return figure


@_styled
def figure_a_1(data: LabelledSet) -> Figure:
    """Delay of the image behind the peak, per class (the paper's Fig. A.1)."""
    present = [i for i, name in enumerate(CLASSES) if data.counts()[name]]
    figure, axes = plt.subplots(1, len(present), figsize=(2.2 * len(present), 2.4), sharex=True, layout="constrained")
    bins = np.linspace(0, data.about["frame_tolerance_seconds"] / 60, 15)
    for ax, i in zip(np.atleast_1d(axes), present, strict=True):
        delay = data.delay[data.label == i] / 60
        ax.hist(delay, bins, color=COLOURS[CLASSES[i]])
        ax.axvline(np.median(delay), color="0.2", lw=1, ls="--")
        ax.set_title(f"{CLASSES[i]}  (n = {len(delay):,})", fontsize=9)
        ax.set_xlabel("delay / min")
    np.atleast_1d(axes)[0].set_ylabel("images")
    return figure


@_styled
def real_frames(data: LabelledSet, per_class: int = 6, seed: int = 0) -> Figure:
    """Frames of each class, drawn at random."""
    rng = np.random.default_rng(seed)
    figure, axes = plt.subplots(
        len(CLASSES),
        per_class,
        figsize=(1.25 * per_class, 1.3 * len(CLASSES)),
        layout="constrained",
        squeeze=False,
    )
    for i, name in enumerate(CLASSES):
        members = np.flatnonzero(data.label == i)
        chosen = np.sort(rng.permutation(members)[:per_class])
        for j, ax in enumerate(axes[i]):
            if j < len(chosen):
                show_sun(ax, data.image[chosen[j]], str(data.frame_time[chosen[j]].astype("datetime64[ms]"))[:10])
            else:
                _no_sun(ax, "no frame" if j == 0 else "")
        axes[i, 0].set_ylabel(name, rotation=0, labelpad=12, fontsize=13, fontweight="bold", va="center")
    return figure


@_styled
def x_ray_and_frames(time: np.ndarray, flux: np.ndarray, data: LabelledSet) -> Figure:
    """The X-ray flux over the set's period, its class bounds, and the labelled peaks.

    Parameters
    ----------
    time : ndarray of datetime64, shape (n,)
    flux : ndarray, shape (n,)
        W/m²; envelope maxima, for instance.
    data : LabelledSet
    """
    figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    ax.plot(time, flux, color="0.75", lw=0.5, label="1–8 Å flux, daily maximum")
    for i, name in enumerate(CLASSES):
        here = data.label == i
        ax.plot(
            data.peak_time[here].astype("datetime64[ms]"),
            data.flux[here],
            ".",
            ms=3,
            color=COLOURS[name],
            label=f"{name}",
        )
    for bound in (1e-7, 1e-6, 1e-5, 1e-4):
        ax.axhline(bound, color="0.6", lw=0.5, ls=":")
    ax.set(yscale="log", ylabel="W m$^{-2}$")
    ax.legend(frameon=False, ncols=6, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    return figure


@_styled
def suns_side_by_side(image: dict[str, np.ndarray], columns: int = 7) -> Figure:
    """Frames of several sources, a row each; per title frames (n, H, W) uint8."""
    figure, axes = plt.subplots(
        len(image), columns, figsize=(1.3 * columns, 1.35 * len(image)), layout="constrained", squeeze=False
    )
    for line, (title, frames) in zip(axes, image.items(), strict=True):
        for j, ax in enumerate(line):
            show_sun(ax, frames[j]) if j < len(frames) else ax.axis("off")
        line[0].set_ylabel(title, fontsize=9)
    return figure


@_styled
def shared_physics(profiles: dict[str, tuple[np.ndarray, np.ndarray]], label_x: str, label_y: str) -> Figure:
    """Curves of several sources in one panel: per title x and y."""
    figure, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    for (title, (x, y)), colour in zip(profiles.items(), sns.color_palette("colorblind"), strict=False):
        ax.plot(x, y, color=colour, lw=2, label=title)
    ax.set(xlabel=label_x, ylabel=label_y)
    ax.legend(frameon=False)
    return figure


@_styled
def butterfly(points: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Latitude of events against time, a panel per source: per title datetime64 and degrees."""
    figure, axes = plt.subplots(
        1, len(points), figsize=(4.4 * len(points), 3), sharey=True, layout="constrained", squeeze=False
    )
    for ax, (title, (time, latitude)) in zip(axes[0], points.items(), strict=True):
        ax.plot(time, latitude, ".", ms=2, alpha=0.35, color=COLOURS["B"])
        ax.axhline(0, color="0.6", lw=0.6)
        ax.set(title=title, ylim=(-50, 50))
        ax.tick_params(axis="x", rotation=45)
    axes[0, 0].set_ylabel("latitude / °")
    return figure


@_styled
def flare_sizes(flux: dict[str, np.ndarray], slopes: dict[str, tuple[float, float]], low: float, high: float) -> Figure:
    """Cumulative number of flares against peak flux, with the fitted power laws."""
    figure, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
    for (title, values), colour in zip(flux.items(), sns.color_palette("colorblind"), strict=False):
        values = np.sort(values)[::-1]
        slope, error = slopes[title]
        number = np.arange(1, len(values) + 1)
        ax.step(values, number, color=colour, lw=1.6, label=f"{title}: α = {slope:.2f} ± {error:.2f}")
        x = np.geomspace(low, high, 50)
        at_low = (values >= low).sum() - (values > high).sum()
        shape = (x ** (1 - slope) - high ** (1 - slope)) / (low ** (1 - slope) - high ** (1 - slope))
        ax.plot(x[:-1], at_low * shape[:-1] + (values > high).sum(), color=colour, lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlabel="peak flux / W m$^{-2}$", ylabel="flares at least so strong")
    ax.legend(frameon=False, fontsize=8)
    return figure


@_styled
def forward_process(schedule: Schedule, image: np.ndarray, steps: Sequence[int], seed: int = 0) -> Figure:
    """One frame at several time steps of the forward process, Eq. 1, with the same noise throughout."""
    import torch

    x_0 = torch.from_numpy(image.astype(np.float32))[None, None] / 127.5 - 1
    eps = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(seed))
    figure, axes = plt.subplots(1, len(steps), figsize=(1.45 * len(steps), 1.8), layout="constrained")
    for ax, t in zip(axes, steps, strict=True):
        x_t = schedule.add_noise(x_0, torch.tensor([t]), eps)[0, 0].numpy()
        show_sun(ax, np.clip((x_t + 1) * 127.5, 0, 255), f"t = {t}\nᾱ = {schedule.alpha_bar[t]:.3g}")
    return figure


@_styled
def schedule_curves(schedule: Schedule) -> Figure:
    """β, ᾱ and the noise level over the time steps."""
    figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.5), layout="constrained")
    t = np.arange(schedule.n_steps)
    for ax, values, label in zip(
        axes,
        (schedule.beta, schedule.alpha_bar, schedule.sigma),
        (r"$\beta_t$", r"$\bar\alpha_t$", r"$\sigma_t = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$"),
        strict=True,
    ):
        ax.plot(t, values.numpy(), color=COLOURS["B"])
        ax.set(xlabel="t", title=label)
    axes[2].set_yscale("log")
    return figure


@_styled
def training_curves(logs: dict[str, pd.DataFrame], smooth: int = 12) -> Figure:
    """Loss and PSNR over the images seen, a colour per model.

    Parameters
    ----------
    logs : dict of str to DataFrame
        ``images``, ``loss``, ``psnr``: the trainings' CSVs.
    smooth : int
        The bold curve is a running mean over one part in so many; the faint one every entry.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3), layout="constrained")
    for (name, log), colour in zip(logs.items(), sns.color_palette("colorblind"), strict=False):
        mean = log.rolling(max(1, len(log) // smooth), min_periods=1).mean()
        for ax, column in zip(axes, ("loss", "psnr"), strict=True):
            ax.plot(log["images"], log[column], color=colour, alpha=0.25, lw=0.8)
            ax.plot(log["images"], mean[column], color=colour, lw=2, label=name)
    for ax, label in zip(axes, ("loss", "PSNR of the predicted $x_0$ / dB"), strict=True):
        ax.set(xlabel="images seen", ylabel=label)
    axes[1].legend(frameon=False, fontsize=8)
    return figure


@_styled
def figure_2(shapes: dict[str, int]) -> Figure:
    """Sketch of the embedding model's guidance (the paper's Fig. 2), with the sizes its modules report.

    Parameters
    ----------
    shapes : dict of str to int
        ``image_size``, ``classes``, ``latent``, ``time``: values a vector of the time embedding has.
    """
    figure, ax = plt.subplots(figsize=(8.6, 3.9), layout="constrained")
    ax.set(xlim=(0, 12.4), ylim=(0, 5.4))
    ax.axis("off")
    size, latent, width = shapes["image_size"], shapes["latent"], shapes["time"]
    image, data, network, drawn = "#dff0e0", "#f4f4f4", "#dbe7f3", "#f6e3c5"

    def box(x, y, text, colour, width=1.75, height=0.8):
        style = "round,pad=0.03,rounding_size=0.08"
        ax.add_patch(FancyBboxPatch((x, y), width, height, style, fc=colour, ec="0.5", lw=0.8))
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=7.5, color="0.15")

    def arrow(start, end, dashed=False):
        style = {"ls": "--", "color": "0.5"} if dashed else {"color": "0.3"}
        ax.add_patch(
            FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, lw=0.9, shrinkA=0, shrinkB=0, **style)
        )

    box(0.1, 3.9, f"image\n1 × {size} × {size}", image)
    box(2.4, 3.9, "ceVAE encoder", network)
    box(0.1, 1.2, f"class $y$\none of {shapes['classes']}", data)
    box(2.4, 2.45, "prior $p(z\\,|\\,y)$", drawn)
    box(4.7, 3.2, f"z\n{latent} values", data, 1.5)
    box(4.7, 1.2, f"embedding\n{width} values", network, 1.5)
    box(6.8, 2.2, f"concatenate, linear\n{width + latent} → {width}", network, 2.1)
    box(6.8, 0.1, f"time $t$, sines and cosines\n{width} values", data, 2.1)
    ax.add_patch(plt.Circle((9.75, 1.55), 0.22, fc="white", ec="0.4"))
    ax.text(9.75, 1.54, "+", ha="center", va="center", fontsize=11)
    box(10.4, 1.15, "U-Net", network, 1.8)
    box(10.4, 3.4, f"$x_t$\n1 × {size} × {size}", image, 1.8)
    ax.text(11.3, 0.55, r"$\epsilon_\theta(x_t, t, z, y)$", ha="center", fontsize=9)
    arrow((1.88, 4.3), (2.37, 4.3))
    arrow((4.18, 4.3), (5.2, 4.03))
    arrow((0.97, 2.03), (2.37, 2.7), dashed=True)
    arrow((4.18, 2.95), (4.85, 3.17), dashed=True)
    arrow((1.88, 1.6), (4.67, 1.6))
    arrow((6.23, 3.45), (6.95, 3.03))
    arrow((6.23, 1.75), (6.95, 2.17))
    arrow((8.93, 2.4), (9.6, 1.72))
    arrow((8.93, 0.6), (9.6, 1.38))
    arrow((9.98, 1.55), (10.37, 1.55))
    arrow((11.3, 3.37), (11.3, 1.98))
    ax.text(3.3, 4.9, "while training", fontsize=7.5, color="0.4", ha="center")
    ax.text(3.3, 2.18, "while sampling", fontsize=7.5, color="0.4", ha="center")
    return figure


@_styled
def reconstructions(rows: dict[str, np.ndarray]) -> Figure:
    """Images (n, H, W) uint8 in rows: what the ceVAE gets and what it makes of it."""
    count = len(next(iter(rows.values())))
    size = (1.3 * count + 0.9, 1.35 * len(rows))
    figure, axes = plt.subplots(len(rows), count, figsize=size, layout="constrained", squeeze=False)
    for (title, image), line in zip(rows.items(), axes, strict=True):
        for ax, frame in zip(line, image, strict=True):
            show_sun(ax, frame)
        line[0].set_ylabel(title, fontsize=9)
    return figure


@_styled
def embedding_distances(table: pd.DataFrame) -> Figure:
    """Energy distance of generated embeddings per class, on the range that real ones span.

    Parameters
    ----------
    table : DataFrame
        By class: ``distance``, ``floor low`` and ``floor high`` (NaN where a class is too small), ``no class``.
    """
    figure, ax = plt.subplots(figsize=(6, 2.9), layout="constrained")
    x = np.arange(len(table))
    ax.bar(x, table["floor high"] - table["floor low"], 0.6, table["floor low"], color="0.85", label="real, 5 to 95 %")
    ax.plot(x, table["distance"], "o", color=COLOURS["B"], label="prior, asked for the class")
    ax.plot(x, table["no class"], "x", color="0.45", label="real images of all classes")
    ax.axhline(0, color="0.2", lw=0.8, ls=":")
    ax.set(xticks=x, xticklabels=table.index, ylabel="energy distance", xlim=(-0.6, len(table) - 0.4))
    ax.legend(frameon=False, fontsize=8)
    return figure


@_styled
def sampling_quality(table: pd.DataFrame, floor: tuple[float, float]) -> Figure:
    """Fréchet distance against sampling steps and against time per image.

    Parameters
    ----------
    table : DataFrame
        ``steps``, ``sampler``, ``distance``, ``seconds`` (per image).
    floor : tuple of float
        5th and 95th percentile of real sets of the same size.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3), layout="constrained", sharey=True)
    colours = dict(zip(dict.fromkeys(table["sampler"]), sns.color_palette("colorblind"), strict=False))
    for ax, column, label in zip(axes, ("steps", "seconds"), ("sampling steps", "seconds per image"), strict=True):
        ax.axhspan(*floor, color="0.88", label="real, 5 to 95 %")
        for name, rows in table.groupby("sampler", sort=False):
            ax.plot(rows[column], rows["distance"], "o-", color=colours[name], label=name)
        ax.set(xscale="log", xlabel=label)
    axes[0].set(ylabel="Fréchet distance", xticks=table["steps"].unique(), xticklabels=table["steps"].unique())
    axes[0].minorticks_off()
    axes[1].xaxis.set_minor_formatter(NullFormatter())
    axes[1].legend(frameon=False, fontsize=8)
    return figure


@_styled
def figure_c_1(image: dict[str, np.ndarray]) -> Figure:
    """Larger images by level of activity (the paper's Fig. C.1): frames (n, H, W) uint8 per level."""
    count = max(len(frames) for frames in image.values())
    size = (2.1 * count, 2.15 * len(image))
    figure, axes = plt.subplots(len(image), count, figsize=size, layout="constrained", squeeze=False)
    for (title, frames), line in zip(image.items(), axes, strict=True):
        for k, ax in enumerate(line):
            if k < len(frames):
                show_sun(ax, frames[k])
            else:
                _no_sun(ax, "no training image" if k == 0 else "")
        line[0].set_ylabel(title, fontsize=9)
    return figure


@_styled
def figure_4(maps: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Standard-deviation maps, real and generated, one scale per class (the paper's Fig. 4).

    Parameters
    ----------
    maps : dict
        Per class, two maps (H, W) in units of the normalised range's 0..255.
    """
    figure, axes = plt.subplots(2, len(maps), figsize=(1.9 * len(maps) + 0.4, 4), layout="constrained", squeeze=False)
    for column, (name, pair) in zip(axes.T, maps.items(), strict=True):
        top = max(m.max() for m in pair)
        for ax, values in zip(column, pair, strict=True):
            drawn = ax.imshow(values, origin="lower", cmap="inferno", vmin=0, vmax=top, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
        column[0].set_title(name, fontweight="bold")
        figure.colorbar(drawn, ax=column, orientation="horizontal", shrink=0.8, pad=0.02).ax.tick_params(labelsize=7)
    axes[0, 0].set_ylabel("real")
    axes[1, 0].set_ylabel("generated")
    return figure


@_styled
def figure_3(maps: dict[str, np.ndarray | str], label: np.ndarray, time: np.ndarray) -> Figure:
    """t-SNE of feature spaces (the paper's Fig. 3), coloured by class (top) and by time (bottom).

    Parameters
    ----------
    maps : dict
        Per title, positions (n, 2), or why there are none.
    label : ndarray of int, shape (n,)
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    """
    figure, axes = plt.subplots(2, len(maps), figsize=(3.1 * len(maps), 6), layout="constrained", squeeze=False)
    days = (time - time.min()) / DAY
    for column, (title, position) in zip(axes.T, maps.items(), strict=True):
        column[0].set_title(title)
        for ax in column:
            ax.set(xticks=[], yticks=[])
        if isinstance(position, str):
            for ax in column:
                _no_sun(ax, position)
            continue
        for i, name in enumerate(CLASSES):  # quiet first, so that the few strong ones lie on top
            here = label == i
            if here.any():
                column[0].scatter(*position[here].T, s=6 + 5 * i, color=COLOURS[name], label=name, lw=0)
        dots = column[1].scatter(*position.T, s=7, c=days, cmap="plasma", lw=0)
        column[0].legend(frameon=False, fontsize=8, markerscale=1.5, handletextpad=0.1)
        bar = figure.colorbar(dots, ax=column[1], orientation="horizontal", shrink=0.8, pad=0.02)
        bar.set_label("days since the first image", fontsize=8)
    return figure


@_styled
def figure_5(image: dict[str, dict[str, np.ndarray]], rows: dict[str, int]) -> Figure:
    """Samples by class (the paper's Fig. 5): rows of frames per source, a column per class.

    Parameters
    ----------
    image : dict
        Per row title (``real``, ``discrete``), per class, frames (n, H, W) uint8; a class may be absent.
    rows : dict of str to int
        How many rows each title gets.
    """
    lines = [(title, k) for title in image for k in range(rows[title])]
    figure, axes = plt.subplots(
        len(lines),
        len(CLASSES),
        figsize=(1.45 * len(CLASSES), 1.48 * len(lines)),
        layout="constrained",
        squeeze=False,
    )
    for (title, k), line in zip(lines, axes, strict=True):
        for ax, name in zip(line, CLASSES, strict=True):
            frames = image[title].get(name, ())
            if k < len(frames):
                show_sun(ax, frames[k])
            else:
                _no_sun(ax, "no training\nimage" if k == 0 and not len(frames) else "")
        line[0].set_ylabel(title if k == 0 else "", fontsize=9)
    for ax, name in zip(axes[0], CLASSES, strict=True):
        ax.set_title(name, fontweight="bold")
    return figure


@_styled
def confusion_matrices(counts: dict[str, np.ndarray]) -> Figure:
    """Confusion matrices (5, 5), a panel each: rows what was asked for or true, shares of a row in per cent."""
    rows = -(-len(counts) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(6.6, 3.2 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat[len(counts) :]:
        ax.axis("off")
    for ax, (title, matrix) in zip(axes.flat, counts.items(), strict=False):
        total = matrix.sum(1, keepdims=True)
        share = np.where(total > 0, 100 * matrix / np.maximum(total, 1), np.nan)
        sns.heatmap(
            share,
            ax=ax,
            vmin=0,
            vmax=100,
            cmap="Blues",
            annot=True,
            fmt=".0f",
            cbar=False,
            square=True,
            xticklabels=CLASSES,
            yticklabels=CLASSES,
            annot_kws={"fontsize": 8},
        )
        ax.set_title(title, fontsize=9)
        ax.set(xlabel="said", ylabel="true" if title == "real" else "asked for")
    return figure


@_styled
def reverse_process(strips: dict[str, Sequence[tuple[int, np.ndarray]]]) -> Figure:
    """Images on their way from noise to Sun: per row title (steps so far, frame (H, W) in [-1, 1])."""
    count = len(next(iter(strips.values())))
    size = (1.3 * count, 1.45 * len(strips) + 0.2)
    figure, axes = plt.subplots(len(strips), count, figsize=size, layout="constrained", squeeze=False)
    for (title, frames), line in zip(strips.items(), axes, strict=True):
        for ax, (done, x) in zip(line, frames, strict=True):
            show_sun(ax, np.clip((x + 1) * 127.5, 0, 255), f"step {done}" if line is axes[0] else "")
        line[0].set_ylabel(title, fontsize=9)
    return figure


@_styled
def cluster_floor(floor: dict[int, np.ndarray], ours: dict[str, tuple[int, np.ndarray]]) -> Figure:
    """Cluster metrics of real sets against their size, and of generated sets.

    Parameters
    ----------
    floor : dict
        Per set size, an array (draws, 3) of error, distance and std of real sets.
    ours : dict
        Per name, images in a set and an array (sets, 3) of such sets; may be empty.
    """
    from solarsynth.metrics.skill import spread

    figure, axes = plt.subplots(1, 3, figsize=(10, 2.9), layout="constrained")
    sizes = sorted(floor)
    for i, (ax, name, target) in enumerate(zip(axes, ("error", "distance", "std"), (0, 1, 1), strict=True)):
        low, middle, high = np.array([np.percentile(floor[n][:, i], [5, 50, 95]) for n in sizes]).T
        ax.fill_between(sizes, low, high, color="0.85", label="real, 5 to 95 %")
        ax.plot(sizes, middle, color="0.45", label="real, median")
        if target:  # 0 lies on no logarithmic axis
            ax.axhline(target, color="0.2", lw=0.8, ls=":", label="target")
        for (label, (size, values)), colour in zip(ours.items(), sns.color_palette("colorblind"), strict=False):
            ax.errorbar(
                size,
                values[:, i].mean(),
                np.nan_to_num(spread(values[:, i])),
                fmt="o",
                color=colour,
                capsize=3,
                label=label,
            )
        ax.set(xscale="log", xlabel="images in the set", title=f"cluster {name}")
        if i == 0:
            ax.set_yscale("log")
    axes[2].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@_styled
def figure_b_1(denoiser: Denoiser) -> Figure:
    """Architecture of the U-Net (the paper's Fig. B.1), with the sizes the module itself reports."""
    import torch

    network, shapes = denoiser.network, {}

    def remember(name):
        return lambda module, inputs, output: shapes.__setitem__(name, tuple(output.shape[1:]))

    blocks = [("enter", network.enter), ("bottleneck", network.bottleneck), ("leave", network.leave)]
    depth = len(network.down)
    if depth != 3:
        raise SolarsynthError(f"the drawing knows three stages, not {depth}")
    for i in range(depth):
        blocks += [(f"down {i + 1}", network.down[i]), (f"up {i + 1}", network.up[i])]
    hooks = [module.register_forward_hook(remember(name)) for name, module in blocks]
    where = next(network.parameters()).device
    with torch.no_grad():
        x = torch.zeros(1, 1, *denoiser.mean.shape[1:], device=where)
        network(x, torch.ones(1, dtype=torch.long, device=where), torch.full((1, 1), torch.nan, device=where))
    for hook in hooks:
        hook.remove()

    figure, ax = plt.subplots(figsize=(8.6, 4.6), layout="constrained")
    ax.set(xlim=(0, 12.2), ylim=(0, 6.3))
    ax.axis("off")
    colours = {"conv": "#dbe7f3", "attention": "#f6e3c5", "text": "0.15"}

    def box(x, y, text, kind, width=1.5, height=0.72):
        ax.add_patch(
            FancyBboxPatch(
                (x, y), width, height, "round,pad=0.03,rounding_size=0.08", fc=colours[kind], ec="0.5", lw=0.8
            )
        )
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=7.3, color=colours["text"])

    def arrow(start, end, dashed=False):
        style = {"ls": "--", "color": "0.55"} if dashed else {"color": "0.3"}
        ax.add_patch(
            FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, lw=0.9, shrinkA=0, shrinkB=0, **style)
        )

    def label(name):
        width, height, across = shapes[name]
        return f"{name}\n{width} × {height} × {across}"

    down_x, up_x, level = 0.2, 8.7, [5.2, 3.9, 2.6, 1.3]
    box(down_x, level[0], label("enter"), "conv")
    box(up_x + 1.9, level[0], label("leave"), "conv")
    for i in range(3):
        y = level[i + 1]
        box(down_x, y, label(f"down {i + 1}"), "conv")
        there = "conv" if isinstance(network.down_attention[i], torch.nn.Identity) else "attention"
        box(down_x + 1.75, y, "attention" if there == "attention" else "none", there, 1.05)
        arrow((down_x + 1.5, y + 0.36), (down_x + 1.75, y + 0.36))
        source = (down_x + 0.75, level[0]) if i == 0 else (down_x + 2.27, level[i])
        arrow(source, (down_x + 0.75 if i == 0 else down_x + 1.2, y + 0.75))
    box(4.9, 0.1, label("bottleneck"), "conv", 1.9)
    arrow((down_x + 2.27, level[3]), (4.9, 0.46))
    for i in range(3):
        y = level[2 - i]
        box(up_x - 1.55, y, label(f"up {i + 1}"), "conv")
        there = "conv" if isinstance(network.up_attention[i], torch.nn.Identity) else "attention"
        box(up_x + 0.2, y, "attention" if there == "attention" else "none", there, 1.05)
        arrow((up_x - 0.05, y + 0.36), (up_x + 0.2, y + 0.36))
        start = (6.8, 0.46) if i == 0 else (up_x + 0.72, level[3 - i] + 0.75)
        arrow(start, (up_x - 0.8, y - 0.03))
        skip = (down_x + 1.53, y + 0.5) if i == 2 else (down_x + 2.83, y + 0.36)
        arrow(skip, (up_x - 1.58, y + 0.5 if i == 2 else y + 0.36), dashed=True)
    arrow((up_x + 1.25, level[0] + 0.36), (up_x + 1.9, level[0] + 0.36))
    ax.text(5.3, level[0] + 0.62, "skip connections, concatenated", fontsize=7.3, color="0.4", ha="center")
    ax.text(
        5.35,
        level[3] + 0.25,
        f"time t and condition, {network.config.time_width} values,\nadded in every down and up stage",
        fontsize=7.3,
        color="0.4",
        ha="center",
    )
    return figure
