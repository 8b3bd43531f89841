"""The two ways in which the store's frames are made smaller."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError, shown
from solarsynth.pixels import block_mean

DOWNSAMPLING = ("block-mean", "bilinear-no-antialias")


def downsample(image: np.ndarray, size: int, method: str) -> np.ndarray:
    """Make frames smaller, in DN/s, before any logarithm.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    size : int
        For the block mean, H must be divisible by it.
    method : {"block-mean", "bilinear-no-antialias"}
        The block mean keeps the total intensity. The other is what torchvision's resize did at the time of the paper:
        it uses four pixels of each block and ignores the rest.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
    """
    if method not in DOWNSAMPLING:
        raise SolarsynthError(f"downsampling must be one of {', '.join(DOWNSAMPLING)}, got {shown(method)}")
    height = image.shape[1]
    if height == size or method == "block-mean":
        return block_mean(image, size).astype(np.float32, copy=False)
    centre = (np.arange(size) + 0.5) * height / size - 0.5
    low = np.clip(np.floor(centre).astype(int), 0, height - 2)
    part = np.clip(centre - low, 0, 1).astype(np.float32)
    rows = image[:, low] * (1 - part)[None, :, None] + image[:, low + 1] * part[None, :, None]
    return (rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part).astype(np.float32)
