"""Active regions of an image: bright patches on the disk, with place and size."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from solarsynth.metrics.physics.disk import disk_coordinates, tilted_latitude

#: The rule: smooth, take what is brighter than a multiple of the disk's median, leave out small patches. Thresholds
#: relative to the quiet Sun are common (Benkhalil et al. 2006, Sol. Phys. 235, 87); these values are ours.
SMOOTHING = 0.06  # standard deviation of the Gaussian, in radii; 40 Mm
CONTRAST = 2.0  # in units of the median of the disk
SMALLEST = 2000.0  # in millionths of the solar hemisphere, as seen in 171 Å; a sunspot group is ten times smaller
#: Farther out the limb is bright at every latitude, and areas are foreshortened by more than 2.3.
OUTERMOST = 0.9


@dataclass(frozen=True)
class Regions:
    """Active regions of a set of images, one row each.

    Attributes
    ----------
    image : ndarray of int, shape (k,)
        The image that a region belongs to.
    latitude, longitude : ndarray of float, shape (k,)
        Of the centroid, in degrees; longitude from the central meridian, west positive, for a tilt of 0.
    area : ndarray of float, shape (k,)
        In millionths of the solar hemisphere, without foreshortening.
    bright : ndarray of float, shape (n,)
        Share of each image's disk, within 0.9 radii, that is bright; NaN for an image without a bright disk.
    """

    image: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    area: np.ndarray
    bright: np.ndarray


@functools.lru_cache(maxsize=8)
def _disk(size: int, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return, per pixel, whether it is on the inner disk, its place (x, y) in radii, and its area in millionths."""
    r = disk_coordinates(size, radius)[0]
    axis = (np.arange(size) + 0.5 - size / 2) / radius
    x, y = np.meshgrid(axis, axis)
    inside = r < OUTERMOST
    area = np.where(inside, 1e6 / (2 * np.pi * radius**2) / np.sqrt(np.maximum(1 - r**2, 1e-3)), 0)
    return inside, x, y, area


def active_regions(image: np.ndarray, radius: float, tilt: np.ndarray | float = 0.0) -> Regions:
    """Find the active regions of images.

    An image is smoothed with a Gaussian of 0.06 radii. What is at least twice as bright as the median of its own disk
    is bright, within 0.9 radii. Connected bright pixels (with their diagonals) of at least 2,000 millionths of the
    hemisphere are a region.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
        Linear in intensity.
    radius : float
        Radius of the disk in pixels.
    tilt : ndarray of float, shape (n,), or float
        B0 in degrees; see `tilted_latitude`.

    Returns
    -------
    Regions
    """
    from scipy import ndimage

    n, size = len(image), image.shape[-1]
    inside, x, y, area = _disk(size, float(radius))
    sigma = SMOOTHING * radius
    smooth = ndimage.gaussian_filter(np.asarray(image, np.float32), (0, sigma, sigma), truncate=3)
    quiet = np.median(image[:, inside], axis=1) if n else np.zeros(0)
    bright = inside & (smooth >= CONTRAST * quiet[:, None, None]) & (quiet[:, None, None] > 0)
    share = np.where(quiet > 0, bright[:, inside].mean(1), np.nan)
    # One call labels all images: pixels are neighbours within an image only.
    near = np.zeros((3, 3, 3), bool)
    near[1] = True
    label, count = ndimage.label(bright, near)
    where = np.flatnonzero(label)
    number, pixel = label.ravel()[where] - 1, where % size**2
    weight = area.ravel()[pixel]
    total = np.bincount(number, weight, count)
    some = np.maximum(np.bincount(number, minlength=count), 1)
    x_0, y_0 = (np.bincount(number, one.ravel()[pixel], count) / some for one in (x, y))
    of_image = np.zeros(count, int)
    of_image[number] = where // size**2
    kept = total >= SMALLEST
    of_image, x_0, y_0, total = of_image[kept], x_0[kept], y_0[kept], total[kept]
    longitude = np.degrees(np.arctan2(x_0, np.sqrt(np.maximum(1 - x_0**2 - y_0**2, 0))))
    latitude = tilted_latitude(x_0, y_0, np.broadcast_to(tilt, (n,))[of_image])
    return Regions(of_image, latitude, longitude, total, share)
