"""Every physical quantity of every image, as one table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.physics.disk import disk_coordinates, tilted_latitude
from solarsynth.metrics.physics.limb import fit_disk, limb_peak, off_limb_scale, ring_means
from solarsynth.metrics.physics.regions import active_regions
from solarsynth.metrics.physics.spectrum import band_shares
from solarsynth.pixels import to_dn

#: Edges of the rings of the radial profile, in radii.
RINGS = (0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)

#: Percentiles of the brightness of the disk's pixels. Beyond 95 % browse images are saturated.
PERCENTILES = (5, 25, 50, 75, 90, 95)

#: What counts as the disk for its brightness, and what as its poles: radii and degrees of latitude.
DISK, POLES, NEAR_LIMB = 0.95, 60.0, 0.97

#: Images that are measured together, so that memory does not grow with their number.
BATCH = 500


@dataclass(frozen=True)
class Quantity:
    """A physical quantity of an image.

    Attributes
    ----------
    name : str
    unit : str
        Empty for a pure number.
    columns : tuple of str
        The numbers that it consists of: one, or the points of a curve.
    without : str
        What an image lacks that does not have it.
    log : bool
        Whether its distances are those of logarithms: the points of a curve of intensities count by their ratios.
    """

    name: str
    unit: str
    columns: tuple[str, ...]
    without: str = "a disk"
    log: bool = False


def _one(name: str, unit: str = "", without: str = "a disk") -> Quantity:
    return Quantity(name, unit, (name,), without)


_NO_REGION = "an active region"

QUANTITIES = (
    _one("Brightness", "DN/s"),
    Quantity("Brightness distribution", "DN/s", tuple(f"{p} %" for p in PERCENTILES), log=True),
    Quantity("Radial profile", "DN/s", tuple(f"to {r:g} radii" for r in RINGS[1:]), "pixels in a ring", True),
    _one("Limb position", "radii", "a bright limb"),
    _one("Limb brightening", "", "a bright disk"),
    _one("Off-limb scale", "radii", "a corona that falls off"),
    Quantity("Power spectrum", "", ("2–8 cycles", "8–20 cycles", "20–32 cycles"), "power"),
    _one("Fine structure", "", "power at 2–8 and 20–32 cycles"),
    _one("Bright area", "", "a bright disk"),
    _one("Region number", "", "a bright disk"),
    _one("Region latitude", "°", _NO_REGION),
    _one("Region size", "µhem", _NO_REGION),
    _one("Asymmetry", "", "a bright disk"),
    _one("Poles", "", "a bright disk"),
    Quantity("Disk centre", "radii", ("centre, west", "centre, north")),
    _one("Disk radius", "radii"),
)

#: The columns of `quantities`, in order.
COLUMNS = tuple(column for quantity in QUANTITIES for column in quantity.columns)


def columns_of(name: str) -> list[int]:
    """Return the indices into `COLUMNS` of a quantity."""
    quantity = next((q for q in QUANTITIES if q.name == name), None)
    if quantity is None:
        raise SolarsynthError(f"unknown quantity {name!r}; one of {', '.join(q.name for q in QUANTITIES)}")
    return [COLUMNS.index(column) for column in quantity.columns]


def quantities(image: np.ndarray, radius: float, unit: str, tilt: np.ndarray | float = 0.0) -> np.ndarray:
    """Measure every physical quantity of every image.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
        uint8, or float from 0 to 255; row 0 in the south.
    radius : float
        Radius of the disk in pixels: `solarsynth.pixels.DISK_RADIUS` of the archive's unit, times H.
    unit : {"DN/s", "display"}
        Unit of the archive; see `solarsynth.pixels.to_dn`.
    tilt : ndarray of float, shape (n,), or float
        B0 in degrees. It is not known for generated images, so that comparisons take 0 on both sides.

    Returns
    -------
    ndarray of float32, shape (n, len(COLUMNS))
        Per image:

        - *Brightness*: mean within 0.95 radii; its *distribution*: percentiles there.
        - *Radial profile*: ring means. *Limb position*, *Limb brightening*: see `limb_peak`. *Off-limb scale*: see
          `off_limb_scale`.
        - *Power spectrum*: shares in three bands of cycles per image, of the image on the 8-bit scale (nearly a square
          root, or a logarithm, of the intensity). *Fine structure*: log10 of the power at 20–32 over that at
          2–8 cycles; blur lowers it.
        - *Bright area*, *Region number*, mean absolute *Region latitude*, largest *Region size*: see `active_regions`.
        - *Asymmetry*: (N - S) / (N + S) of the hemispheres' brightness within 0.95 radii.
        - *Poles*: mean beyond 60° of latitude, over the median of the disk.
        - *Disk centre*, *Disk radius*: from `fit_disk`; 0 and 1 as expected.

        A quantity that an image does not have is NaN; `Quantity.without` says what it lacks then.

    Raises
    ------
    SolarsynthError
        If the images are not square, the unit is unknown, or the disk does not fit.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[1] != image.shape[2]:
        raise SolarsynthError(f"physics needs square images (n, H, H), got shape {image.shape}")
    if not 2 <= radius <= image.shape[1] / 2:
        raise SolarsynthError(f"the disk's radius must be from 2 px to half of {image.shape[1]} px, got {radius:g}")
    if unit not in ("DN/s", "display"):
        raise SolarsynthError(f"unit must be DN/s or display, got {unit!r}")
    tilt = np.broadcast_to(np.asarray(tilt, float), (len(image),))
    starts = range(0, len(image), BATCH)
    parts = [_measure(image[i : i + BATCH], float(radius), unit, tilt[i : i + BATCH]) for i in starts]
    return np.concatenate(parts) if parts else np.empty((0, len(COLUMNS)), np.float32)


def missing(found: np.ndarray, quantity: Quantity, noun: str = "images") -> str:
    """Return which of the images, from their `quantities` (n, d), do not have a quantity, as text; empty if all do."""
    lacking = int(np.isnan(found[:, columns_of(quantity.name)]).all(1).sum())
    return f"{lacking:,} of {len(found):,} {noun} without {quantity.without}" if lacking else ""


def _measure(image: np.ndarray, radius: float, unit: str, tilt: np.ndarray) -> np.ndarray:
    dn = to_dn(image, unit)
    r = disk_coordinates(image.shape[-1], radius)[0]
    pixels = dn[:, r < DISK]
    share = band_shares(image)
    position, brightening = limb_peak(dn, radius)
    regions = active_regions(dn, radius, tilt)
    circle = fit_disk(dn, radius) / radius
    with np.errstate(divide="ignore", invalid="ignore"):
        fine = np.log10(share[:, 2] / share[:, 0])
    fine[~np.isfinite(fine)] = np.nan
    found = [
        pixels.mean(1, dtype=np.float64),
        np.percentile(pixels, PERCENTILES, axis=1).T,
        ring_means(dn, radius, np.array(RINGS)),
        position,
        brightening,
        off_limb_scale(dn, radius),
        share,
        fine,
        *_of_regions(regions, len(image)),
        *_hemispheres(dn, radius, tilt),
        circle,
    ]
    return np.column_stack(found).astype(np.float32)


def _of_regions(regions, n: int) -> list[np.ndarray]:
    """Return, per image, the bright area, the number of regions, their mean absolute latitude, and the largest size."""
    count = np.bincount(regions.image, minlength=n)
    total = np.bincount(regions.image, np.abs(regions.latitude), minlength=n)
    latitude = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    largest = np.zeros(n)
    np.maximum.at(largest, regions.image, regions.area)
    number = np.where(np.isnan(regions.bright), np.nan, count)
    return [regions.bright, number, latitude, np.where(count > 0, largest, np.nan)]


def _hemispheres(dn: np.ndarray, radius: float, tilt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the asymmetry of the hemispheres, and the brightness of the poles, of images (n, H, H) in DN/s."""
    size = dn.shape[-1]
    r = disk_coordinates(size, radius)[0]
    axis = (np.arange(size) + 0.5 - size / 2) / radius
    x, y = np.meshgrid(axis, axis)
    asymmetry, poles = np.full((2, len(dn)), np.nan)
    near, disk = r < NEAR_LIMB, r < DISK
    for one in np.unique(tilt):
        here = np.flatnonzero(tilt == one)
        latitude = tilted_latitude(np.where(near, x, np.nan), np.where(near, y, np.nan), one)
        north, south = (dn[here][:, disk & side].mean(1) for side in (latitude > 0, latitude < 0))
        polar = dn[here][:, near & (np.abs(np.nan_to_num(latitude)) > POLES)]
        quiet = np.median(dn[here][:, disk], axis=1)
        lit = (north + south > 0) & (quiet > 0)
        asymmetry[here] = np.divide(north - south, north + south, out=np.full(len(here), np.nan), where=lit)
        if polar.shape[1]:
            poles[here] = np.divide(polar.mean(1), quiet, out=np.full(len(here), np.nan), where=lit)
    return asymmetry, poles
