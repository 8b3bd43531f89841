"""Figures of the diffusion process and of training (Sect. 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from solarsynth.figures.style import COLOURS, colours_of, legend, panels, styled
from solarsynth.figures.suns import show_sun
from solarsynth.pixels import to_uint8, to_unit

if TYPE_CHECKING:
    from solarsynth.diffusion.schedule import Schedule


@styled
def forward_process(schedule: Schedule, image: np.ndarray, steps: Sequence[int], seed: int = 0) -> Figure:
    """One frame at several time steps of the forward process, Eq. 1, with the same noise throughout.

    Parameters
    ----------
    schedule : Schedule
    image : ndarray of uint8, shape (H, W)
    steps : sequence of int
        Time steps, from left to right.
    seed : int
        Of the noise.
    """
    import torch

    x_0 = to_unit(torch.from_numpy(image))[None, None]
    eps = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(seed))
    figure, axes = panels(1, len(steps), 1.45, 1.8)
    for ax, t in zip(axes[0], steps, strict=True):
        x_t = schedule.add_noise(x_0, torch.tensor([t]), eps)[0, 0]
        show_sun(ax, to_uint8(x_t), f"t = {t}\nᾱ = {schedule.alpha_bar[t]:.3g}")
    return figure


@styled
def schedule_curves(schedule: Schedule) -> Figure:
    """The variance β, the share ᾱ of the image that is left, and the noise level σ against the time step."""
    figure, axes = panels(1, 3, 2.8, 2.5)
    curves = {
        r"$\beta_t$": schedule.beta,
        r"$\bar\alpha_t$": schedule.alpha_bar,
        r"$\sigma_t = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$": schedule.sigma,
    }
    for ax, (label, values) in zip(axes[0], curves.items(), strict=True):
        ax.plot(np.arange(schedule.n_steps), values.numpy(), color=COLOURS["B"])
        ax.set(xlabel="time step $t$", ylabel=label)
    axes[0, 2].set_yscale("log")
    return figure


@styled
def training_curves(logs: dict[str, pd.DataFrame], smooth: int = 12) -> Figure:
    """Loss and PSNR against the number of images seen, a colour per model.

    Parameters
    ----------
    logs : dict of str to DataFrame
        The logs of the trainings, with the columns ``images``, ``loss`` and ``psnr``.
    smooth : int
        The bold curve is a running mean over ``1 / smooth`` of the log; the faint curve shows every entry.
    """
    figure, axes = panels(1, 2, 4.2, 3)
    for name, colour in colours_of(logs).items():
        log = logs[name][["images", "loss", "psnr"]]
        mean = log.rolling(max(1, len(log) // smooth), min_periods=1).mean()
        for ax, column in zip(axes[0], ("loss", "psnr"), strict=True):
            ax.plot(log["images"], log[column], color=colour, alpha=0.25, lw=0.8)
            ax.plot(log["images"], mean[column], color=colour, lw=2, label=name)
    for ax, label in zip(axes[0], ("loss", "PSNR of the predicted $x_0$ / dB"), strict=True):
        ax.set(xlabel="images seen", ylabel=label)
    legend(axes[0, 1])
    return figure
