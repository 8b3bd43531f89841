"""Power spectra of images: how sharp they are."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError

#: Cycles per image, inclusive at the lower end.
LOW, HIGH = (2, 8), (20, 32)


def power_spectrum(image: np.ndarray) -> np.ndarray:
    """Return the mean power per whole number of cycles per image.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)

    Returns
    -------
    ndarray of float64, shape (H // 2,)
        Mean of |F|² over the ring of spatial frequencies that round to k cycles per image, over all images; F is the
        discrete Fourier transform divided by the number of pixels, so that by Parseval's theorem the sum over all
        frequencies is the mean square of the image.
    """
    if image.ndim != 3 or image.shape[1] != image.shape[2] or image.shape[1] < 4 or not len(image):
        raise SolarsynthError(f"a power spectrum needs images (n, H, H) of at least 4 px, got shape {image.shape}")
    size = image.shape[1]
    total = np.zeros((size, size))
    for first in range(0, len(image), 512):
        total += (np.abs(np.fft.fft2(image[first : first + 512].astype(np.float64))) ** 2).sum(0)
    power = total / len(image) / size**4
    cycles = np.fft.fftfreq(size, 1 / size)
    ring = np.round(np.hypot(*np.meshgrid(cycles, cycles))).astype(int).ravel()
    counts = np.bincount(ring, minlength=size)
    return (np.bincount(ring, weights=power.ravel(), minlength=size) / np.maximum(counts, 1))[: size // 2]


def high_frequency_ratio(image: np.ndarray) -> float:
    """Return the mean power at 20 to 32 cycles per image over that at 2 to 8; scaled for other sizes than 64 px."""
    power, scale = power_spectrum(image), image.shape[1] / 64

    def band(low: float, high: float) -> float:
        first, last = round(low * scale), round(high * scale)
        return float(power[max(first, 1) : max(last, first + 1)].mean())

    below = band(*LOW)
    if not below > 0:
        raise SolarsynthError("constant images have no power to compare")
    return band(*HIGH) / below
