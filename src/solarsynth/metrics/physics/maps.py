"""Standard-deviation maps, as in the paper's Fig. 4, and how well they agree."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.floors import block_floor, largest_rest
from solarsynth.metrics.physics.disk import disk_coordinates


def std_map(image: np.ndarray) -> np.ndarray:
    """Return the standard deviation (H, W) of each pixel over images (n, H, W), as in the paper's Fig. 4 (Sect. 7)."""
    if len(image) < 2:
        raise SolarsynthError(f"a standard-deviation map needs at least 2 images, got {len(image)}")
    return np.asarray(image, np.float64).std(0)


def map_agreement(a: np.ndarray, b: np.ndarray, radius: float) -> float:
    """Return the correlation of two maps (H, H) over the inner nine tenths of the disk's radius.

    The limb and the sky are left out: they are alike in all images of the Sun and would agree in any two maps.

    Parameters
    ----------
    a, b : ndarray of float, shape (H, H)
    radius : float
        Radius of the disk in pixels.

    Returns
    -------
    float
        From -1 to 1; NaN if one of the maps is constant there.
    """
    inside = disk_coordinates(a.shape[-1], radius)[0] < 0.9
    a, b = a[inside] - a[inside].mean(), b[inside] - b[inside].mean()
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 0 else float("nan")


def agreement_floor(
    image: np.ndarray, unit: np.ndarray, radius: float, size: int, draws: int, seed: int = 0, most: int | None = None
) -> np.ndarray:
    """Return how well maps of real images agree: that of `size` images of whole left-out units with that of others.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
        Real images.
    unit : ndarray of int, shape (n,)
        Unit of each image, such as a block of time; at least three units.
    radius : float
        Radius of the disk in pixels.
    size : int
        Images in the map of the units left out, at least 2: as many as are generated.
    draws : int
        Number of random draws.
    seed : int
    most : int, optional
        Images in the map of the others, at most: as many as the generated map is compared with.

    Returns
    -------
    ndarray, shape (draws,)
        Correlations, see `map_agreement`. Both maps of a draw have as many images as those of all other draws.

    Raises
    ------
    SolarsynthError
        If there are too few units or images.
    """
    if size < 2:
        raise SolarsynthError(f"a floor of maps needs at least 2 images in each, got {size}")

    def agreement(rest: np.ndarray, held: np.ndarray) -> list[float]:
        return [map_agreement(std_map(held), std_map(rest), radius)]

    # A larger map is less noisy, so the other map is as large as it can be in every draw.
    rest = largest_rest(unit, size) if most is None else min(most, largest_rest(unit, size))
    return block_floor(image, unit, agreement, size, rest, draws, seed)[:, 0]


def polar_share(deviation: np.ndarray, radius: float, latitude: float = 60.0) -> float:
    """Return the share of the disk's variance at high northern and southern latitudes.

    Parameters
    ----------
    deviation : ndarray, shape (H, H)
        A standard-deviation map.
    radius : float
        Radius of the disk in pixels. The outermost 3 % are left out, because the limb varies at every latitude.
    latitude : float
        Latitude in degrees above which a pixel counts, on either side of the equator.
    """
    r, where, _ = disk_coordinates(deviation.shape[-1], radius)
    inside = r < 0.97
    variance = deviation[inside] ** 2
    return float(variance[np.abs(where[inside]) > latitude].sum() / variance.sum())
