"""Copies are seen: drawn images that lie nearer to a training image than held-out images do.

A generator may repeat its training set, exactly or with small changes: brighter, shifted by a pixel, mirrored.
Distances are therefore taken after the mean brightness is subtracted, over the four mirror images of the disk, and over
small shifts. Block means of the pixels find the candidates; the full resolution decides. No encoder is involved that
could have learned the training set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.pixels import block_mean

BLOCK = 512  # rows of a distance matrix held at once
FACTOR = 4  # pixels averaged in each direction to find candidates
CANDIDATES = 12  # pairs compared at full resolution, for each image
SHIFT = 2  # largest shift in px, in both axes
FEWEST_UNITS = 3  # of held-out images, for a test
TAIL = 0.01  # share of held-out images below the threshold
SUSPECT = 0.02  # share of drawn images that are judged: the nearest ones
LEVEL = 0.025  # of the distance that rejects for certain: 5 % in two spaces


@dataclass(frozen=True)
class Copies:
    """Drawn images nearer to training than nearly all held-out images.

    Attributes
    ----------
    share : float
        Share of drawn images below `threshold`; a perfect generator has about 0.01.
    threshold : float
        The 1st percentile of the held-out images' distances to training.
    p : float
        Bound on the probability that a fiftieth of honest images lie as near to training as they do here.
    certain : float
        Distance to training below which the judged images would reject the set: `p` is then below 0.025.
    below : ndarray of bool, shape (m,)
        Which drawn images are below the threshold.
    """

    share: float
    threshold: float
    p: float
    certain: float
    below: np.ndarray


def copy_share(drawn: np.ndarray, held_out: np.ndarray, held_out_unit: np.ndarray) -> Copies:
    """Judge distances to the training set: are drawn images nearer to it than honest, held-out ones?

    The share below the 1st percentile is a description, not a test. Held-out images of one unit resemble each other,
    so fresh honest weeks may well hold many images below it. The test asks how far below: the smallest distance of
    each held-out unit gives, by the t prediction bound of its logarithm, the chance F that an honest image is as near
    as the nearest 2 % of the drawn ones. By Markov's inequality, 2 % of honest images are that near with a probability
    of at most F / 0.02, however much drawn images resemble each other.

    Parameters
    ----------
    drawn, held_out : ndarray of float, shapes (m,) and (n,)
        Distances to the same training images: `nearest_images`, or `nearest_distances` in a feature space. Held-out
        images must share neither weeks nor active regions with training.
    held_out_unit : ndarray of int, shape (n,)
        Unit of each held-out image; at least three units.

    Returns
    -------
    Copies
    """
    from scipy.stats import t

    drawn, held_out, unit = np.asarray(drawn, float), np.asarray(held_out, float), np.asarray(held_out_unit)
    names = np.unique(unit)
    if len(drawn) == 0 or not (np.isfinite(drawn).all() and np.isfinite(held_out).all()):
        raise SolarsynthError(f"copies need finite distances of at least one drawn image, got {len(drawn)} images")
    if len(names) < FEWEST_UNITS:
        raise SolarsynthError(f"copies need held-out images of at least {FEWEST_UNITS} units, got {len(names)}")
    threshold = float(np.quantile(held_out, TAIL))
    below = drawn < threshold
    tiny = np.finfo(np.float32).tiny  # an exact copy has no logarithm
    minima = np.log([max(held_out[unit == name].min(), tiny) for name in names])
    judged = max(int(np.ceil(SUSPECT * len(drawn))), 1)
    near = np.log(max(np.partition(drawn, judged - 1)[judged - 1], tiny))
    error = minima.std(ddof=1) * np.sqrt(1 + 1 / len(minima))
    chance = t.cdf((near - minima.mean()) / error, len(minima) - 1) if error > 0 else float(near >= minima.mean())
    least = t.ppf(LEVEL * judged / len(drawn), len(minima) - 1) if len(minima) > 1 else -np.inf
    certain = float(np.exp(minima.mean() + error * least))
    return Copies(float(below.mean()), threshold, float(min(1, chance * len(drawn) / judged)), certain, below)


def nearest_distances(
    x: np.ndarray,
    reference: np.ndarray,
    unit: np.ndarray | None = None,
    reference_unit: np.ndarray | None = None,
) -> np.ndarray:
    """Return the Euclidean distance of each row to its nearest reference row.

    Parameters
    ----------
    x, reference : ndarray of float, shapes (m, d) and (n, d)
        Features, or pixels in rows.
    unit, reference_unit : ndarray of int, shapes (m,) and (n,), optional
        Pairs of the same unit (active region, block of time) are skipped. Within one set, this leaves out the image
        itself and its neighbours in time.

    Returns
    -------
    ndarray of float64, shape (m,)
        Infinite where every reference image is of the same unit.
    """
    if x.ndim != 2 or reference.ndim != 2 or x.shape[1] != reference.shape[1]:
        raise SolarsynthError(
            f"distances need features (m, d) and (n, d) of the same dimension, got {x.shape} and {reference.shape}"
        )
    nearest = [squared.min(1) for _, squared in _blocks(x, reference, unit, reference_unit)]
    return np.sqrt(np.concatenate(nearest))


def nearest_images(
    x: np.ndarray,
    reference: np.ndarray,
    unit: np.ndarray | None = None,
    reference_unit: np.ndarray | None = None,
) -> np.ndarray:
    """Return the distance of each image to its nearest reference image; see `nearest_pairs`."""
    return nearest_pairs(x, reference, unit, reference_unit)[0]


def nearest_pairs(
    x: np.ndarray,
    reference: np.ndarray,
    unit: np.ndarray | None = None,
    reference_unit: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each image is from its nearest reference image, whatever its brightness, mirror and shift.

    Block means find candidates for the image and its three mirror images (left-right, up-down, both). The best few are
    compared at full resolution, over all shifts of up to 2 px in both axes. An offset of the mean never counts.

    Parameters
    ----------
    x, reference : ndarray of uint8, shapes (m, H, H) and (n, H, H)
    unit, reference_unit : ndarray of int, shapes (m,) and (n,), optional
        Pairs of the same unit are skipped.

    Returns
    -------
    distance : ndarray of float64, shape (m,)
        Root mean square difference in grey levels. Infinite where every reference image is of the same unit.
    index : ndarray of int, shape (m,)
        Which reference image it is; -1 where there is none.
    """
    if x.ndim != 3 or reference.ndim != 3 or x.shape[1:] != reference.shape[1:] or x.shape[1] <= 4 * SHIFT:
        raise SolarsynthError(
            f"copies need images (m, H, H) and (n, H, H) of the same size, got {x.shape} and {reference.shape}"
        )
    views = np.stack([x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]], 1)
    coarse = _coarse(reference)
    found = [_candidates(views[:, view], coarse, unit, reference_unit) for view in range(4)]
    squared, partner = (np.concatenate(part, 1) for part in zip(*found, strict=True))
    view = np.repeat(np.arange(4), squared.shape[1] // 4)
    nearest, index = np.full(len(x), np.inf), np.full(len(x), -1)
    for i, order in enumerate(np.argsort(squared, axis=1)[:, :CANDIDATES]):
        order = order[np.isfinite(squared[i, order])]
        if len(order):
            found = _aligned(views[i, view[order]], reference[partner[i, order]])
            nearest[i], index[i] = found.min(), partner[i, order[found.argmin()]]
    return nearest, index


def authenticity(distance: np.ndarray, index: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return which images are authentic (m,) bool: farther from their nearest training image than its own neighbours.

    The share of them is AuthPct (Alaa et al. 2022, doi:10.48550/arXiv.2102.08921, Eq. 9). A perfect generator has one
    third in one dimension, and nearly one half in many; a copy is never authentic.

    Parameters
    ----------
    distance, index : ndarray, shape (m,)
        Distance of each image to its nearest training image, and which it is; see `nearest_pairs`.
    own : ndarray, shape (n,)
        Distance of each training image to the nearest other one, of another unit.
    """
    return np.asarray(distance) > np.asarray(own)[index]


def _coarse(image: np.ndarray) -> np.ndarray:
    """Return block means in rows, without their own mean: uint8 (n, H, H) to float (n, (H / 4)²)."""
    size = image.shape[1]
    small = block_mean(np.asarray(image, np.float32), size // FACTOR if size % FACTOR == 0 else size)
    rows = small.reshape(len(small), -1)
    return rows - rows.mean(1, keepdims=True)


def _candidates(
    image: np.ndarray, coarse: np.ndarray, unit: np.ndarray | None, reference_unit: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distances and the indices of the nearest reference images, (m, candidates) each.

    Images are also moved by one pixel in each direction: then no shift of up to 2 px is further than 1 px away.
    """
    keep = min(CANDIDATES, len(coarse))
    moved = [_coarse(np.roll(image, (dy, dx), (1, 2))) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    squared, index = [], []
    for blocks in zip(*(_blocks(x, coarse, unit, reference_unit) for x in moved), strict=True):
        block = np.min([squared for _, squared in blocks], axis=0)
        best = np.argpartition(block, keep - 1, axis=1)[:, :keep]
        squared.append(np.take_along_axis(block, best, 1))
        index.append(best)
    return np.concatenate(squared), np.concatenate(index)


def _aligned(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the root mean square difference of pairs (c, H, H), (c,), at the best shift and brightness offset."""
    inner = slice(SHIFT, -SHIFT)
    target = image[:, inner, inner].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(reference.astype(np.float32), target.shape[1:], axis=(1, 2))
    difference = (windows - target[:, None, None]).reshape(len(image), -1, target[0].size)
    square = np.einsum("csp,csp->cs", difference, difference) / target[0].size
    # The mean square after the offset is taken away.
    return np.sqrt(np.maximum(square - difference.mean(2) ** 2, 0)).min(1)


def _blocks(
    x: np.ndarray, reference: np.ndarray, unit: np.ndarray | None, reference_unit: np.ndarray | None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows of `x` and their squared distances to all of `reference`; infinite for pairs of the same unit."""
    if (unit is None) != (reference_unit is None):
        raise SolarsynthError("neighbours of the same unit are skipped only if both sets have units; one set has none")
    centre = reference.mean(0)  # keeps the squares small that are subtracted from one another
    x, reference = np.asarray(x - centre, np.float64), np.asarray(reference - centre, np.float64)
    norms = (reference**2).sum(1)
    for first in range(0, len(x), BLOCK):
        rows = slice(first, min(first + BLOCK, len(x)))
        squared = (x[rows] ** 2).sum(1)[:, None] + norms - 2 * x[rows] @ reference.T
        np.maximum(squared, 0, out=squared)
        if unit is not None:
            squared[np.asarray(unit)[rows, None] == np.asarray(reference_unit)] = np.inf
        yield rows, squared
