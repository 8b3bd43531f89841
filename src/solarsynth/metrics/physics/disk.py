"""Where a pixel lies on the disk, and profiles over radius and latitude."""

from __future__ import annotations

import numpy as np


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


def tilted_latitude(x: np.ndarray, y: np.ndarray, tilt: np.ndarray | float = 0.0) -> np.ndarray:
    """Return the heliographic latitude of points on the disk.

    Parameters
    ----------
    x, y : ndarray of float
        Positions towards west and north in radii; NaN beyond the limb.
    tilt : ndarray of float or float
        B0, the latitude of the disk's centre, in degrees; it broadcasts with the positions. Where it is not known it is
        taken as 0. That makes an error of at most 7.25°, at the central meridian, and of less towards the limb. It
        changes over the year, so that it averages out over whole years.

    Returns
    -------
    ndarray of float
        In degrees, north positive. The Sun is seen as from infinity, which makes an error of at most 0.3°.
    """
    tilt = np.radians(tilt)
    with np.errstate(invalid="ignore"):
        towards = np.sqrt(1 - np.square(x) - np.square(y))
        return np.degrees(np.arcsin(np.clip(y * np.cos(tilt) + towards * np.sin(tilt), -1, 1)))


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
