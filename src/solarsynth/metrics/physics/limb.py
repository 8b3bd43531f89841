"""The limb and the corona beyond it: rings, the limb's peak, the fall-off, and a fit of the disk's circle."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from solarsynth.metrics.physics.disk import disk_coordinates

#: Radii between which the limb's peak is looked for, and the width of a ring, in radii.
LIMB, RING = (0.88, 1.1), 0.04

#: Radii between which the corona's exponential is fitted. The edge of a browse image lies at 1.18.
CORONA = (1.06, 1.18)

#: A larger scale, in radii, is no fall-off: the intensity changes by 2 % over the fitted range.
LARGEST_SCALE = 5.0

#: Radii along which the disk's edge is looked for, their step, both in radii, and the number of directions.
EDGE, STEP, DIRECTIONS = (0.75, 1.25), 0.02, 90

#: Steps smaller than this, relative to the intensity, are rounding errors.
FAINTEST = 1e-3

#: Edges that scatter more about their circle than this, in radii, are not those of a disk: noise scatters by 0.14.
LARGEST_SCATTER = 0.07

#: Rounds in which edges far from the circle are left out: prominences and loops at the limb.
ROUNDS = 3


@functools.lru_cache(maxsize=16)
def _rings(size: int, radius: float, edges: tuple[float, ...]) -> np.ndarray:
    """Return the matrix (size², k) that averages pixels over rings; NaN columns for rings without a pixel."""
    r = disk_coordinates(size, radius)[0].ravel()
    inside = (r[:, None] >= edges[:-1]) & (r[:, None] < edges[1:])
    count = inside.sum(0)
    return (inside / np.where(count, count, np.nan)).astype(np.float32)


def ring_means(image: np.ndarray, radius: float, edges: np.ndarray) -> np.ndarray:
    """Return the mean of every image in concentric rings.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    radius : float
        Radius of the disk in pixels.
    edges : ndarray of float, shape (k + 1,)
        Edges of the rings in radii.

    Returns
    -------
    ndarray of float32, shape (n, k)
        In the images' unit; NaN for a ring without a pixel.
    """
    size = image.shape[-1]
    rings = _rings(size, float(radius), tuple(np.asarray(edges, float).tolist()))
    return np.asarray(image, np.float32).reshape(len(image), size**2) @ rings


def limb_peak(image: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where the limb is brightest, and how bright it is there beside the disk's centre.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
        Linear in intensity for the brightening to be one of intensity.
    radius : float
        Radius of the disk in pixels.

    Returns
    -------
    position : ndarray of float, shape (n,)
        In radii, from a parabola through the brightest ring between 0.88 and 1.1 radii and its neighbours. NaN if the
        brightest ring is the first or the last one: then there is no peak.
    brightening : ndarray of float, shape (n,)
        The brightest ring there over the mean within half of the radius; NaN for an image that is dark there.
    """
    width = max(RING, 1.0 / radius)
    edges = np.arange(LIMB[0] - width, LIMB[1] + width, width)
    found = ring_means(image, radius, edges).astype(np.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    best = np.nanargmax(np.where(np.isnan(found), -np.inf, found), axis=1)
    inside = np.clip(best, 1, len(middle) - 2)
    low, peak, high = (np.take_along_axis(found, (inside + k)[:, None], 1)[:, 0] for k in (-1, 0, 1))
    curve = low - 2 * peak + high
    with np.errstate(invalid="ignore", divide="ignore"):
        position = middle[inside] + width * 0.5 * (low - high) / curve
        centre = ring_means(image, radius, np.array([0, 0.5]))[:, 0].astype(np.float64)
        brightening = np.where(centre > 0, found.max(1) / centre, np.nan)
    return np.where((best == inside) & (curve < -FAINTEST * peak), position, np.nan), brightening


def off_limb_scale(image: np.ndarray, radius: float) -> np.ndarray:
    """Return the scale on which the corona falls off beyond the limb.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
        Linear in intensity.
    radius : float
        Radius of the disk in pixels.

    Returns
    -------
    ndarray of float, shape (n,)
        h of I ∝ exp(-r / h) in radii, from a straight line through the logarithms of ring means between 1.06 and 1.18
        radii. NaN where a ring is dark, or the corona does not fall.
    """
    r = disk_coordinates(image.shape[-1], radius)[0]
    edges = np.linspace(*CORONA, max(3, round((CORONA[1] - CORONA[0]) * radius) + 1))
    found = ring_means(image, radius, edges).astype(np.float64)
    rings = [(r >= low) & (r < high) for low, high in itertools.pairwise(edges)]
    place = np.array([r[ring].mean() if ring.any() else np.nan for ring in rings])
    known = np.isfinite(place)
    place, found = place[known] - place[known].mean() if known.any() else place[known], found[:, known]
    if known.sum() < 2:
        return np.full(len(image), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (np.log(np.where(found > 0, found, np.nan)) @ place) / (place**2).sum()
        return np.where(slope < -1 / LARGEST_SCALE, -1 / slope, np.nan)


@functools.lru_cache(maxsize=8)
def _rays(size: int, radius: float):
    """Return the sparse matrix that interpolates images along rays, the rays' radii in pixels, and their angles."""
    from scipy.sparse import csr_matrix

    angle = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    r = np.arange(*EDGE, STEP) * radius
    x, y = (size / 2 - 0.5 + r * np.stack([np.cos(angle), np.sin(angle)])[..., None]).reshape(2, -1)
    # Beyond the image its last pixels are repeated: there is no edge to be found.
    x, y = (np.clip(one, 0, size - 1 - 1e-6) for one in (x, y))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - column, y - row
    weight = np.concatenate([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
    pixel = np.concatenate([row * size + column, row * size + column + 1, (row + 1) * size + column])
    pixel = np.concatenate([pixel, (row + 1) * size + column + 1])
    points = np.tile(np.arange(len(x)), 4)
    return csr_matrix((weight.astype(np.float32), (points, pixel)), shape=(len(x), size**2)), r, angle


def fit_disk(image: np.ndarray, radius: float) -> np.ndarray:
    """Fit a circle to the edge of the disk.

    In 90 directions the edge is where brightness falls fastest. A circle is fitted to the edges by linear least squares
    (Kåsa 1976); edges far from it, such as those of loops beyond the limb, are left out and the rest is fitted again.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
        Linear in intensity: on a logarithmic scale an exponential corona has no steepest place.
    radius : float
        Expected radius of the disk in pixels; the disk lies within a quarter of it of the middle.

    Returns
    -------
    ndarray of float, shape (n, 3)
        Centre towards west and north of the image's middle, and radius, in pixels. NaN for an image without a disk:
        its edges lie on no circle, or it is constant.
    """
    n, size = len(image), image.shape[-1]
    matrix, r, angle = _rays(size, float(radius))
    flat = np.asarray(image, np.float32).reshape(n, size**2)
    along = np.ascontiguousarray((matrix @ flat.T).T).reshape(n, DIRECTIONS, len(r))
    # The difference over two pixels of 64: that over one would follow the noise of pixels.
    fall = along[..., :-4] - along[..., 4:]
    at = r[2:-2]
    best = fall.argmax(-1)
    inside = np.clip(best, 1, fall.shape[-1] - 2)
    low, peak, high = (np.take_along_axis(fall, (inside + k)[..., None], -1)[..., 0] for k in (-1, 0, 1))
    curve = np.minimum(low - 2 * peak + high, -1e-6)
    edge = at[inside] + STEP * radius * np.clip(0.5 * (low - high) / curve, -1, 1)
    usable = (peak > FAINTEST * flat.max(1, initial=0)[:, None]) & (best == inside)
    x, y = edge * np.cos(angle), edge * np.sin(angle)
    found = np.full((n, 3), np.nan)
    weight = usable.astype(np.float64)
    for _ in range(ROUNDS):
        found = _circle(x, y, weight)
        apart = np.abs(np.hypot(x - found[:, :1], y - found[:, 1:2]) - found[:, 2:])
        typical = np.nanmedian(np.where(usable, apart, np.inf), axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            weight = (usable & (apart <= np.maximum(4 * typical, 0.3))).astype(np.float64)
    total = weight.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scatter = np.sqrt((weight * np.where(weight > 0, apart, 0) ** 2).sum(1) / total)
        off = np.hypot(found[:, 0], found[:, 1])
        good = (total >= DIRECTIONS / 2) & (scatter < LARGEST_SCATTER * radius) & (off < radius / 4)
    return np.where(good[:, None], found, np.nan)


def _circle(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return centres and radii (n, 3) of circles through weighted points (n, k); NaN for fewer than 3 points."""
    terms = np.stack([2 * x, 2 * y, np.ones_like(x)], -1)
    weighted = terms * weight[..., None]
    normal = np.einsum("nki,nkj->nij", weighted, terms)
    right = np.einsum("nki,nk->ni", weighted, x**2 + y**2)
    known = (weight > 0).sum(1) >= 3
    normal[~known] = np.eye(3)
    a, b, c = np.linalg.solve(normal, right[..., None])[..., 0].T
    found = np.column_stack([a, b, np.sqrt(np.maximum(c + a**2 + b**2, 0))])
    found[~known] = np.nan
    return found
