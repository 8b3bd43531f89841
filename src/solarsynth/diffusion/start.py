"""What a start from pure noise costs: the shift of the brightness that a perfect denoiser would draw."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from solarsynth.diffusion.schedule import Schedule

# Images, at most, from which the shift is computed; the decomposition of more takes long.
MOST_IMAGES = 1500


class StartShift(NamedTuple):
    """Shift of the mean brightness, in standard deviations of the images' brightness.

    Attributes
    ----------
    solver : float
        Of sampling without noise: ``dpm-solver++``, and ``ddim`` at η = 0.
    ancestral : float
        Of the paper's sampler. Its noise makes it forget where it started.
    """

    solver: float
    ancestral: float


def start_shift(x_0: Tensor, schedule: Schedule) -> StartShift:
    """Return how much brighter a perfect denoiser draws if it starts from N(0, I), in standard deviations.

    The images are taken as a Gaussian N(m, C), for which sampling is linear and known in closed form. The forward
    process ends at a mean of sqrt(ᾱ_T) m. A start at mean 0 shifts the samples by -sqrt(ᾱ_T) C^½ (ᾱ_T C + 1 - ᾱ_T)^-½ m
    (without noise) or by -ᾱ_T C (ᾱ_T C + 1 - ᾱ_T)^-1 m (the ancestral sampler, for many steps).

    Parameters
    ----------
    x_0 : Tensor, shape (n, ...)
        Images in [-1, 1].
    schedule : Schedule

    Returns
    -------
    StartShift
    """
    x = x_0[:: -(-len(x_0) // MOST_IMAGES)].flatten(1).double()
    mean, alpha_bar = x.mean(0), schedule.alpha_bar[-1]
    _, scale, direction = torch.linalg.svd((x - mean) / (len(x) - 1) ** 0.5, full_matrices=False)
    # Along the principal directions: variances, now and at the last step, and what mean and brightness have of them.
    variance, of_mean, of_brightness = scale**2, direction @ mean, direction.sum(1)
    at_end = alpha_bar * variance + 1 - alpha_bar
    std = (of_brightness**2 * variance).sum().sqrt()
    solver = -alpha_bar.sqrt() * (of_brightness * (variance / at_end).sqrt() * of_mean).sum() / std
    ancestral = -alpha_bar * (of_brightness * variance / at_end * of_mean).sum() / std
    return StartShift(solver.item(), ancestral.item())
