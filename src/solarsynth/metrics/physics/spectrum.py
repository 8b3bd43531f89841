"""The azimuthal power spectrum: how much of an image's variance lies at which scale."""

from __future__ import annotations

import functools

import numpy as np

from solarsynth.errors import SolarsynthError

#: Bands in cycles per image, from coarse to fine: 32 is the finest of 64 px.
BANDS = ((2, 8), (8, 20), (20, 32))


@functools.lru_cache(maxsize=8)
def _wavenumbers(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the wavenumber in cycles per image, and the weight, of each coefficient of `numpy.fft.rfft2`, flat."""
    fx, fy = np.fft.rfftfreq(size, 1 / size), np.fft.fftfreq(size, 1 / size)
    k = np.hypot(*np.meshgrid(fx, fy))
    # All columns but the first, and the last of an even size, stand for two conjugate coefficients.
    weight = np.where((fx == 0) | ((fx == size / 2) & (size % 2 == 0)), 1.0, 2.0)
    return k.ravel(), np.broadcast_to(weight, k.shape).ravel()


def _power(image: np.ndarray) -> np.ndarray:
    """Return the power (n, m) of each coefficient of `numpy.fft.rfft2`, whose weighted sum is the variance."""
    from scipy import fft

    x = np.asarray(image, np.float32)
    x = x - x.mean((1, 2), keepdims=True)
    return (np.abs(fft.rfft2(x)) ** 2).reshape(len(x), -1) / np.float32(x[0].size ** 2)


def azimuthal_power(image: np.ndarray) -> np.ndarray:
    """Return the mean power of a coefficient against its wavenumber.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)

    Returns
    -------
    ndarray of float, shape (n, H // 2)
        At 1, 2, ..., H // 2 cycles per image, each within half a cycle. In the square of the images' unit; the sum
        over all coefficients of an image is its variance. White noise has the same power everywhere.
    """
    size = image.shape[-1]
    k, weight = _wavenumbers(size)
    near = np.round(k)[:, None] == np.arange(1, size // 2 + 1)
    near = near * weight[:, None]
    return _power(image) @ (near / near.sum(0)).astype(np.float32)


def band_shares(image: np.ndarray, bands: tuple[tuple[float, float], ...] = BANDS) -> np.ndarray:
    """Return the share of the power that lies in each band.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    bands : tuple of pairs of float
        Lower (inclusive) and upper (exclusive) wavenumbers in cycles per image.

    Returns
    -------
    ndarray of float, shape (n, k)
        Relative to the power in all bands together; NaN for a band that an image of this size does not have, and for
        an image without power, such as a constant one.
    """
    k, weight = _wavenumbers(image.shape[-1])
    low, high = np.array(bands).T
    inside = (k[:, None] >= low) & (k[:, None] < high)
    found = _power(image).astype(np.float64) @ (inside * weight[:, None])
    total = found.sum(1, keepdims=True)
    # Rounding leaves a trace of power in a constant image.
    share = np.divide(found, total, out=np.full_like(found, np.nan), where=total > 1e-9)
    return np.where(inside.any(0), share, np.nan)


def high_frequency_ratio(image: np.ndarray) -> float:
    """Return the mean power at 20 to 32 cycles per 64 px over that at 2 to 8, of all images together.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
        Images of another size have the bands at the same scales in pixels.

    Raises
    ------
    SolarsynthError
        For images without power, such as constant ones.
    """
    if not len(image):
        raise SolarsynthError("sharpness needs at least one image, got none")
    power = np.mean([azimuthal_power(part).mean(0) for part in np.array_split(image, -(-len(image) // 512))], axis=0)

    def band(low: float, high: float) -> float:
        first, last = (round(edge * image.shape[-1] / 64) for edge in (low, high))
        return float(power[max(first, 1) - 1 : max(last, first + 1)].mean())  # the first entry is at 1 cycle

    coarse = band(*BANDS[0])
    if not coarse > 1e-9:
        raise SolarsynthError("constant images have no power to compare")
    return band(*BANDS[-1]) / coarse
