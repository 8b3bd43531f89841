"""Physics that an image of the Sun must show: disk, limb and activity belts; and the distribution of flare sizes."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.floors import block_floor, largest_rest


def disk_coordinates(size: int, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distance from the disk's centre, and the latitude and longitude, of every pixel.

    Parameters
    ----------
    size : int
        Side of the image in pixels; the disk is in its middle.
    radius : float
        Radius of the disk in pixels.

    Returns
    -------
    r, latitude, longitude : ndarray of float, shape (size, size)
        r is in radii; latitude and longitude are in degrees and NaN off the disk. Row 0 is the southernmost row,
        and longitude is positive towards the west. The tilt of the Sun's axis towards the observer, up to 7.25°, is
        neglected.
    """
    axis = (np.arange(size) + 0.5 - size / 2) / radius
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    with np.errstate(invalid="ignore"):
        latitude = np.degrees(np.arcsin(np.where(r < 1, y, np.nan)))
        longitude = np.degrees(np.arctan2(x, np.sqrt(1 - r**2)))
    return r, latitude, longitude


def radial_profile(image: np.ndarray, radius: float, edges: np.ndarray) -> np.ndarray:
    """Return the mean brightness in concentric rings.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    radius : float
        Radius of the disk in pixels.
    edges : ndarray, shape (k + 1,)
        Edges of the rings in radii.

    Returns
    -------
    ndarray, shape (k,)
        In the images' unit; NaN for a ring without a pixel.
    """
    r, _, _ = disk_coordinates(image.shape[-1], radius)
    return _binned(r, image.mean(0, dtype=np.float64), edges)


def latitude_activity(image: np.ndarray, radius: float, edges: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Return how often a pixel of a latitude band is among the brightest pixels of the disk.

    The outermost tenth of the radius is left out, because the limb is bright at every latitude.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    radius : float
        Radius of the disk in pixels.
    edges : ndarray, shape (k + 1,)
        Edges of the bands in degrees of latitude.
    share : float
        Share of the disk's pixels, over all images, that count as bright.

    Returns
    -------
    ndarray, shape (k,)
        Relative to the whole disk: 1 means that the band has as many bright pixels as the disk on average.
    """
    r, latitude, _ = disk_coordinates(image.shape[-1], radius)
    inside = r < 0.9
    bright = image[:, inside] >= np.quantile(image[:, inside], 1 - share)
    often = np.zeros(inside.shape)
    often[inside] = bright.mean(0)
    return _binned(np.where(inside, latitude, np.nan), often, edges) / bright.mean()


def _binned(where: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the mean of `values` (n,) whose place `where` (n,) lies in each bin (k,); NaN for an empty bin."""
    from scipy.stats import binned_statistic

    # scipy refuses NaN, and counts the last edge as a part of the last bin.
    inside = (where >= edges[0]) & (where < edges[-1])
    if not inside.any():
        return np.full(len(edges) - 1, np.nan)
    return binned_statistic(where[inside], values[inside], "mean", edges).statistic


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


def power_law_slope(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Fit a power law between two bounds by maximum likelihood, and return its slope and standard error.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Such as peak fluxes. Values outside the bounds are not used.
    low, high : float
        Bounds, in the unit of the values.

    Returns
    -------
    slope, error : float
        α of p(x) ∝ x^-α on [low, high] (the truncated Pareto distribution; Aban et al. 2006,
        doi:10.1198/016214505000000411).

    Raises
    ------
    SolarsynthError
        If fewer than 10 values are within the bounds.
    """
    from scipy.optimize import brentq

    values = np.asarray(values, float)
    values = values[(values >= low) & (values <= high)]
    if len(values) < 10:
        raise SolarsynthError(f"a slope needs at least 10 values between {low:g} and {high:g}, got {len(values)}")
    mean_log, span = np.log(values / low).mean(), np.log(high / low)

    def expected(k: float) -> float:  # mean of log(x / low) for exponent k = α - 1
        return 1 / k - span / np.expm1(k * span) if abs(k) > 1e-6 else span / 2

    k = brentq(lambda k: expected(k) - mean_log, -20, 20)
    curvature = 1 / k**2 - span**2 / (4 * np.sinh(k * span / 2) ** 2) if abs(k) > 1e-6 else span**2 / 12
    return 1 + k, float(1 / np.sqrt(len(values) * curvature))
