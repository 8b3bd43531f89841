"""Floors: what a perfect generator would score, from real images against other real images.

Images of one unit (block of weeks) resemble each other. A random half of the images is therefore nearer to the other
half than any new images could be. An honest floor compares whole left-out units with the rest. Sizes are equal in all
comparisons, since most measures depend on the number of images on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from solarsynth.errors import SolarsynthError

TRIES = 50  # attempts to find units that were not left out together before


def block_parts(
    unit: np.ndarray, size: int, reference_size: int, draws: int, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield images of whole left-out units, and images of all other units.

    Units are left out in random order until they hold `size` images. As long as there are combinations of units that
    were not left out yet, such ones are preferred.

    Parameters
    ----------
    unit : ndarray of int, shape (n,)
        Unit of each image; at least three units.
    size, reference_size : int
        Images taken from the left-out units, and from the others.
    draws, seed : int
        Number of pairs, and the seed of the draws.

    Yields
    ------
    held, rest : ndarray of int, shapes (size,) and (reference_size,)
        Indices, in increasing order, without repetition. No unit is in both.

    Raises
    ------
    SolarsynthError
        If there are too few units or images.
    """
    unit = np.asarray(unit)
    names, index = np.unique(unit, return_inverse=True)
    if len(names) < 3:
        raise SolarsynthError(f"a floor from whole units needs at least 3 units, got {len(names)}")
    if size < 1 or reference_size < 1:
        raise SolarsynthError(f"a floor needs at least 1 image on each side, got {size} and {reference_size}")
    rng = np.random.default_rng(seed)
    counts, seen = np.bincount(index), set()
    for _ in range(draws):
        out = _left_out(counts, size, reference_size, rng, seen)
        seen.add(tuple(out))
        held, rest = np.flatnonzero(np.isin(index, out)), np.flatnonzero(~np.isin(index, out))
        yield (
            np.sort(rng.choice(held, size, replace=False)),
            np.sort(rng.choice(rest, reference_size, replace=False)),
        )


def block_floor(
    features: np.ndarray,
    unit: np.ndarray,
    compare: Callable[[np.ndarray, np.ndarray], np.ndarray],
    size: int,
    reference_size: int,
    draws: int = 20,
    seed: int = 0,
) -> np.ndarray:
    """Return what fresh real images score: whole left-out units against the others.

    Parameters
    ----------
    features : ndarray, shape (n, ...)
        Features or images.
    unit : ndarray of int, shape (n,)
        Unit of each image.
    compare : callable
        ``compare(reference, images)`` returns k numbers.
    size, reference_size : int
        Images on either side. To judge a generator, give `compare` as many drawn images and as many real ones.
    draws, seed : int
        Number of comparisons, and the seed of the draws.

    Returns
    -------
    ndarray of float, shape (draws, k)
    """
    parts = block_parts(unit, size, reference_size, draws, seed)
    return np.array([np.atleast_1d(compare(features[rest], features[held])) for held, rest in parts], float)


def floor_range(floor: np.ndarray, share: float = 0.9) -> np.ndarray:
    """Return the range (2, k) into which a new value falls with probability `share`, from the draws of a floor.

    The ranks count the new value among the draws (a prediction range), so few draws make it wider. With 20 draws, a
    share of 0.9 is nearly the whole range.
    """
    return np.quantile(floor, [(1 - share) / 2, (1 + share) / 2], axis=0, method="weibull")


def same_weeks_floor(
    features: np.ndarray,
    compare: Callable[[np.ndarray, np.ndarray], np.ndarray],
    size: int,
    reference_size: int,
    draws: int = 20,
    seed: int = 0,
) -> np.ndarray:
    """Return what other images of the same weeks score, (draws, k): images drawn at random, not whole units.

    It is not what a perfect generator scores, since near-duplicates lie on both sides. The parameters are those of
    `block_floor`.
    """
    if size < 1 or reference_size < 1 or size + reference_size > len(features):
        raise SolarsynthError(
            f"a floor of the same weeks needs {size} + {reference_size} images, at least 1 each, got {len(features)}"
        )
    rng, values = np.random.default_rng(seed), []
    for _ in range(draws):
        order = rng.permutation(len(features))[: size + reference_size]
        values.append(np.atleast_1d(compare(features[order[size:]], features[order[:size]])))
    return np.array(values, float)


def _left_out(counts: np.ndarray, size: int, reference_size: int, rng: np.random.Generator, seen: set) -> np.ndarray:
    """Return the numbers of units, sorted, that hold `size` images and leave `reference_size`."""
    best = None
    for _ in range(TRIES):
        order = rng.permutation(len(counts))
        held = np.cumsum(counts[order])
        if held[-1] < size:
            break
        out = np.sort(order[: np.searchsorted(held, size) + 1])
        if counts.sum() - counts[out].sum() < reference_size:
            continue
        if tuple(out) not in seen:
            return out
        best = out
    if best is None:
        raise SolarsynthError(
            f"no whole units hold {size} images and leave {reference_size} in others; "
            f"got {counts.sum()} images in {len(counts)} units"
        )
    return best


def largest_rest(unit: np.ndarray, size: int) -> int:
    """Return the number of images outside the left-out units that every draw of `block_parts` has; at least 1."""
    counts = np.unique(np.asarray(unit), return_counts=True)[1]
    return max(1, int(counts.sum() - (size - 1) - counts.max()))
