"""The kernel distance between two sets of features: unbiased at any number of images, unlike Fréchet's.

It is the squared maximum mean discrepancy with the polynomial kernel of Bińkowski et al. 2018
(doi:10.48550/arXiv.1801.01401). Only in the space of InceptionV3 is it the published KID.
"""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError

BLOCK = 1024  # rows of a kernel matrix held at once
CONFIDENCE = 0.95


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy with the kernel (xᵀy / d + 1)³.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d)
        Features, at least two rows each.

    Returns
    -------
    float
        0 on average for two sets from one distribution; single values may be negative.

    Raises
    ------
    SolarsynthError
        For too few rows, different dimensions, or values that are not finite.
    """
    a, b = _checked(a, b)
    one = np.zeros(len(a), int), np.zeros(len(b), int)
    within_a, within_b = _sums(a, a, one[0], one[0]), _sums(b, b, one[1], one[1])
    n, m = len(a), len(b)
    inside = (within_a[0, 0] - _diagonal(a).sum()) / (n * (n - 1)) + (within_b[0, 0] - _diagonal(b).sum()) / (
        m * (m - 1)
    )
    return float(inside - 2 * _sums(a, b, *one)[0, 0] / (n * m))


def kernel_interval(
    a: np.ndarray,
    b: np.ndarray,
    unit_b: np.ndarray,
    unit_a: np.ndarray | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a 95 % interval of `kernel_distance` that resamples whole units of the real images.

    The kernel is summed once for each pair of units. A draw takes as many units as there are, with replacement, and
    adds those sums. If it takes a unit twice, each image of it has a copy. Pairs of an image with itself or with its
    copy are left out of the sum and of the count, since their kernel would raise the mean within the set. The
    bootstrap's quantiles are reflected at the estimate (the basic interval): pairs of images of one unit occur more
    often in a draw than in the data, which shifts draws and quantiles alike.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d)
        Features of the generated and of the real images.
    unit_b : ndarray of int, shape (m,)
        Unit of each real image, for example its block of time; at least two units.
    unit_a : ndarray of int, shape (n,), optional
        Unit of each generated image, for example its training. By default generated images are kept as they are.
    draws, seed : int
        Number of draws, and the seed of the draws.

    Returns
    -------
    low, high : float
    """
    a, b = _checked(a, b)
    u_b, u_a = _numbered(unit_b, len(b)), _numbered(np.zeros(len(a)) if unit_a is None else unit_a, len(a))
    if u_b.max() < 1 or (unit_a is not None and u_a.max() < 1):
        raise SolarsynthError("a block bootstrap needs at least 2 units in each set that it resamples, got 1")
    rng = np.random.default_rng(seed)
    times_b = rng.multinomial(u_b.max() + 1, np.full(u_b.max() + 1, 1 / (u_b.max() + 1)), size=draws)
    times_a = np.ones((draws, 1))
    if unit_a is not None:
        times_a = rng.multinomial(u_a.max() + 1, np.full(u_a.max() + 1, 1 / (u_a.max() + 1)), size=draws)
    between = np.einsum("ti,ij,tj->t", times_a, _sums(a, b, u_a, u_b), times_b)
    between = between / ((times_a @ np.bincount(u_a)) * (times_b @ np.bincount(u_b)))
    drawn = _inside(a, u_a, times_a) + _inside(b, u_b, times_b) - 2 * between
    drawn = drawn[np.isfinite(drawn)]  # a draw of one unit with a single image has no pair
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    estimate, centre = kernel_distance(a, b), float(drawn.mean())
    return float(estimate - (high - centre)), float(estimate + (centre - low))


def mixed_kernel_distance(a: np.ndarray, b: np.ndarray, unit_b: np.ndarray) -> tuple[float, float, float]:
    """Return the kernel distance without pairs of real images of one unit, and its 95 % interval over units.

    Images of one unit resemble each other, so `kernel_distance` is large even for a generator that draws from the same
    distribution as the units themselves. Without these pairs its mean is 0 for images that are independent draws from
    all weeks of the Sun, whatever the units have in common. It is not 0 for real images of a few weeks.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d)
        Features of the generated and of the real images.
    unit_b : ndarray of int, shape (m,)
        Unit of each real image; at least three units.

    Returns
    -------
    value, low, high : float
        The interval is the delete-one-unit jackknife with Student's t.
    """
    from scipy.stats import t

    a, b = _checked(a, b)
    u = _numbered(unit_b, len(b))
    units = u.max() + 1
    if units < 3:
        raise SolarsynthError(f"a distance without pairs of one unit needs at least 3 units, got {units}")
    counts, inside = np.bincount(u), (_sums(a, a, *2 * [np.zeros(len(a), int)])[0, 0] - _diagonal(a).sum())
    inside /= len(a) * (len(a) - 1)
    within, between = _sums(b, b, u, u), _sums(a, b, np.zeros(len(a), int), u)[0]

    def value(kept: np.ndarray) -> float:
        pairs = counts[kept].sum() ** 2 - (counts[kept] ** 2).sum()
        real = within[np.ix_(kept, kept)].sum() - np.diag(within)[kept].sum()
        return float(inside + real / pairs - 2 * between[kept].sum() / (len(a) * counts[kept].sum()))

    found = value(np.arange(units))
    without = np.array([value(np.delete(np.arange(units), i)) for i in range(units)])
    error = np.sqrt((units - 1) / units * ((without - without.mean()) ** 2).sum())
    half = t.ppf((1 + CONFIDENCE) / 2, units - 1) * error
    return found, found - half, found + half


def _inside(x: np.ndarray, unit: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the mean kernel of pairs of different images, (draws,), if unit u is drawn ``times[:, u]`` times."""
    counts = np.bincount(unit)
    same = np.bincount(unit, weights=_diagonal(x))
    total = np.einsum("ti,ij,tj->t", times, _sums(x, x, unit, unit), times) - times**2 @ same
    pairs = (times @ counts) ** 2 - times**2 @ counts
    return np.divide(total, pairs, out=np.full(len(times), np.nan), where=pairs > 0)


def _sums(a: np.ndarray, b: np.ndarray, unit_a: np.ndarray, unit_b: np.ndarray) -> np.ndarray:
    """Return the kernel summed over all pairs of images of two units, (units of a, units of b)."""
    order = np.argsort(unit_b, kind="stable")
    b, starts = b[order], np.searchsorted(unit_b[order], np.arange(unit_b.max() + 1))
    sums = np.zeros((unit_a.max() + 1, unit_b.max() + 1))
    for first in range(0, len(a), BLOCK):
        rows = slice(first, first + BLOCK)
        kernel = (a[rows] @ b.T / a.shape[1] + 1) ** 3
        np.add.at(sums, unit_a[rows], np.add.reduceat(kernel, starts, axis=1))
    return sums


def _diagonal(x: np.ndarray) -> np.ndarray:
    return (np.einsum("ij,ij->i", x, x) / x.shape[1] + 1) ** 3


def _numbered(unit: np.ndarray, n: int) -> np.ndarray:
    """Return units numbered from 0 without gaps."""
    unit = np.asarray(unit)
    if unit.shape != (n,):
        raise SolarsynthError(f"a block bootstrap needs one unit per image ({n},), got shape {unit.shape}")
    return np.unique(unit, return_inverse=True)[1]


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise SolarsynthError(
            f"a kernel distance needs features (n, d) and (m, d) of the same dimension, got {a.shape} and {b.shape}"
        )
    if min(len(a), len(b)) < 2:
        raise SolarsynthError(f"a kernel distance needs at least 2 images in each set, got {len(a)} and {len(b)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise SolarsynthError("a kernel distance needs finite features, got NaN or infinity")
    return a, b
