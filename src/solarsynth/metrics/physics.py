"""Physics that a picture of the Sun must have: its disk, its limb, its belts; and the law of flare sizes."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def disk_coordinates(size: int, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distance from the centre in radii, and latitude and longitude in degrees, of every pixel.

    Parameters
    ----------
    size : int
        Side in pixels; the disk is centred.
    radius : float
        Of the disk, in pixels.

    Returns
    -------
    r, latitude, longitude : ndarray, shape (size, size)
        Latitude is seen from the Sun's equator (its tilt of up to 7.25° is not known here); off the disk
        latitude and longitude are NaN. Row 0 is the southern one, longitude counts towards the west.
    """
    axis = (np.arange(size) + 0.5 - size / 2) / radius
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    with np.errstate(invalid="ignore"):
        latitude = np.degrees(np.arcsin(np.where(r < 1, y, np.nan)))
        longitude = np.degrees(np.arctan2(x, np.sqrt(1 - r**2)))
    return r, latitude, longitude


def radial_profile(image: np.ndarray, radius: float, edges: np.ndarray) -> np.ndarray:
    """Return the mean brightness in rings.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    radius : float
        Of the disk, in pixels.
    edges : ndarray, shape (k + 1,)
        Of the rings, in radii.

    Returns
    -------
    ndarray, shape (k,)
        NaN where a ring holds no pixel.
    """
    r, _, _ = disk_coordinates(image.shape[-1], radius)
    return _binned(r, image.mean(0, dtype=np.float64), edges)


def latitude_activity(image: np.ndarray, radius: float, edges: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Return how often a pixel of a latitude band is among the brightest of the disk.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    radius : float
        Of the disk, in pixels.
    edges : ndarray, shape (k + 1,)
        Of the bands, in degrees of latitude.
    share : float
        Share of all disk pixels, over all images, that counts as bright.

    Returns
    -------
    ndarray, shape (k,)
        1 if a band is as bright as the disk on average; the outermost tenth of the radius is left out, since
        the limb is bright at every latitude.
    """
    r, latitude, _ = disk_coordinates(image.shape[-1], radius)
    inside = r < 0.9
    bright = image[:, inside] >= np.quantile(image[:, inside], 1 - share)
    often = np.zeros(inside.shape)
    often[inside] = bright.mean(0)
    return _binned(np.where(inside, latitude, np.nan), often, edges) / bright.mean()


def _binned(where: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    bins = np.digitize(where, edges) - 1
    inside = (bins >= 0) & (bins < len(edges) - 1) & np.isfinite(where)
    counts = np.bincount(bins[inside], minlength=len(edges) - 1)
    sums = np.bincount(bins[inside], values[inside], minlength=len(edges) - 1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def std_map(image: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each pixel over images (n, H, W), as the paper's Fig. 4 (Sect. 7)."""
    if len(image) < 2:
        raise SolarsynthError(f"a standard-deviation map needs at least 2 images, not {len(image)}")
    return np.asarray(image, np.float64).std(0)


def map_agreement(a: np.ndarray, b: np.ndarray, radius: float) -> float:
    """Return the correlation of two maps (H, H) over the disk; NaN if one of them is flat there.

    The limb and the sky, where every Sun is alike, are left out: they would agree in any two maps. `radius` is
    that of the disk in pixels, of which the inner nine tenths count.
    """
    inside = disk_coordinates(a.shape[-1], radius)[0] < 0.9
    a, b = a[inside] - a[inside].mean(), b[inside] - b[inside].mean()
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 0 else float("nan")


def agreement_floor(image: np.ndarray, radius: float, size: int, draws: int, seed: int = 0) -> np.ndarray:
    """Return the agreement of real maps with each other: of `size` images with all the others.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
        Real images, n > size + 1.
    radius : float
        As for `map_agreement`.
    size : int
        Images in the smaller map: as many as are generated.
    draws : int
    seed : int

    Returns
    -------
    ndarray, shape (draws,)
    """
    if len(image) < size + 2 or size < 2:
        raise SolarsynthError(f"{len(image)} images are too few to compare maps of {size} with the others")
    rng = np.random.default_rng(seed)
    found = np.empty(draws)
    for i in range(draws):
        order = rng.permutation(len(image))
        found[i] = map_agreement(std_map(image[order[:size]]), std_map(image[order[size:]]), radius)
    return found


def polar_share(deviation: np.ndarray, radius: float, latitude: float = 60.0) -> float:
    """Return the share of the disk's variance that lies beyond a latitude on either side.

    Parameters
    ----------
    deviation : ndarray, shape (H, H)
        A standard-deviation map.
    radius : float
        Of the disk, in pixels; the outermost 3 % are left out, as the limb varies at every latitude.
    latitude : float
        Degrees.
    """
    r, where, _ = disk_coordinates(deviation.shape[-1], radius)
    inside = r < 0.97
    variance = deviation[inside] ** 2
    return float(variance[np.abs(where[inside]) > latitude].sum() / variance.sum())


def power_law_slope(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return the slope of a power law between two bounds, by maximum likelihood, and its standard error.

    Parameters
    ----------
    values : ndarray
        Such as peak fluxes; those outside the bounds are not used.
    low, high : float

    Returns
    -------
    slope, error : float
        α of p(x) ∝ x^-α on [low, high] (the truncated Pareto distribution; Aban et al. 2006,
        doi:10.1198/016214505000000411).
    """
    from scipy.optimize import brentq

    values = np.asarray(values, float)
    values = values[(values >= low) & (values <= high)]
    if len(values) < 10:
        raise SolarsynthError(f"a slope needs at least 10 values between {low:g} and {high:g}, not {len(values)}")
    mean_log, span = np.log(values / low).mean(), np.log(high / low)

    def expected(k: float) -> float:  # mean of log(x / low) for exponent k = α - 1
        return 1 / k - span / np.expm1(k * span) if abs(k) > 1e-6 else span / 2

    k = brentq(lambda k: expected(k) - mean_log, -20, 20)
    curvature = 1 / k**2 - span**2 / (4 * np.sinh(k * span / 2) ** 2) if abs(k) > 1e-6 else span**2 / 12
    return 1 + k, float(1 / np.sqrt(len(values) * curvature))


def parse_locations(text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read heliographic locations such as ``N18W33``.

    Returns
    -------
    latitude, longitude : ndarray
        Degrees, north and west positive; NaN where a text is no location.
    """
    import re

    latitude, longitude = np.full(len(text), np.nan), np.full(len(text), np.nan)
    for i, value in enumerate(text):
        match = re.fullmatch(r"\s*([NS])(\d{1,2})([EW])(\d{1,3})\s*", str(value))
        if match:
            latitude[i] = int(match[2]) * (1 if match[1] == "N" else -1)
            longitude[i] = int(match[4]) * (1 if match[3] == "W" else -1)
    return latitude, longitude
