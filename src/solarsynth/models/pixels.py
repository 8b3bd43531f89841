"""What networks and their scores take from pixels: statistics of a training set, and the PSNR."""

from __future__ import annotations

import torch
from torch import Tensor

# A pixel that varies less is treated as if it varied this much: the dark sky is not worth learning.
LOWEST_STD = 0.03


def pixel_statistics(x_0: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of every pixel, (1, H, W) each, of images (n, 1, H, W)."""
    return x_0.mean(0), x_0.std(0, correction=0).clamp(min=LOWEST_STD)


def psnr(x: Tensor, x_0: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each image (B,) in dB; the peak-to-peak range is 2.

    Parameters
    ----------
    x, x_0 : Tensor, shape (B, ...)
        Estimates, which are clipped to [-1, 1], and the truth.
    """
    error = (x.float().clamp(-1, 1) - x_0).square().flatten(1).mean(1).clamp(min=1e-10)
    return 10 * torch.log10(4 / error)
