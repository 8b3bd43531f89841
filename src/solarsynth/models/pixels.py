"""Scales of pixels over a training set: what networks need not learn if they are given."""

from __future__ import annotations

from torch import Tensor

# Below this spread a pixel is treated as if it varied so much: the dark sky is not worth learning.
LOWEST_SPREAD = 0.03


def pixel_scales(x_0: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and spread of every pixel, (1, H, W) each, of images (n, 1, H, W)."""
    return x_0.mean(0), x_0.std(0, correction=0).clamp(min=LOWEST_SPREAD)
