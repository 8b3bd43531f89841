"""Precision, recall, density and coverage of generated features, by nearest neighbours.

The definitions are those of Kynkäänniemi et al. 2019 (doi:10.48550/arXiv.1904.06991) and Naeem et al. 2020
(doi:10.48550/arXiv.2002.09797). Distances are computed in blocks, so that memory does not grow with n².

Ties count: a feature on the surface of a ball is inside it. So a copy of a real image is always inside that image's
ball, even if the ball has radius 0 because k more real images are equal. Copies raise all four numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError

BLOCK = 1024  # rows of a distance matrix held at once
ROUNDING = 2e-6  # error of a squared distance, relative to the squared norms; below it features are equal


@dataclass(frozen=True)
class Coverage:
    """The four numbers.

    The ball around a feature reaches to its k-th nearest neighbour in its own set.

    Attributes
    ----------
    precision : float
        Share of generated features inside the ball around any real feature: are the samples realistic?
    recall : float
        Share of real features inside the ball around any generated feature: do the samples cover the real images?
    density : float
        Mean number of real balls that contain a generated feature, ÷ k. It means the same as precision, but a few
        outliers with large balls do not raise it much. It may exceed 1.
    coverage : float
        Share of real balls that contain a generated feature. It means the same as recall, but outliers do not
        raise it.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def coverage(real: np.ndarray, generated: np.ndarray, k: int = 5) -> Coverage:
    """Compare two sets of features.

    Parameters
    ----------
    real, generated : ndarray of float, shapes (n, d) and (m, d)
        More than k rows each.
    k : int
        Number of neighbours inside a ball.

    Returns
    -------
    Coverage

    Raises
    ------
    SolarsynthError
        For too few rows, different dimensions, values that are not finite, or a set whose features are all equal:
        its balls have radius 0, and copies of one image would count as perfect.
    """
    _check(real, generated, k)
    # Centring keeps the squares small that are subtracted from one another, and with them the rounding error.
    centre = real.mean(0)
    real, generated = (np.ascontiguousarray(x - centre, np.float32) for x in (real, generated))
    real_radius, generated_radius = _radii(real, k), _radii(generated, k)
    inside_real = np.zeros(len(generated), int)
    inside_generated = np.zeros(len(real), bool)
    covered = np.zeros(len(real), bool)
    for first, squared in _blocks(generated, real):
        part = slice(first, first + len(squared))
        within = squared <= real_radius
        inside_real[part] = within.sum(1)
        covered |= within.any(0)
        inside_generated |= (squared <= generated_radius[part, None]).any(0)
    return Coverage(
        precision=float((inside_real > 0).mean()),
        recall=float(inside_generated.mean()),
        density=float(inside_real.mean() / k),
        coverage=float(covered.mean()),
    )


def _check(real: np.ndarray, generated: np.ndarray, k: int) -> None:
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise SolarsynthError(
            f"coverage needs features (n, d) and (m, d) of the same dimension, got {real.shape} and {generated.shape}"
        )
    if min(len(real), len(generated)) <= k:
        raise SolarsynthError(
            f"coverage with k = {k} needs more than {k} images in each set, got {len(real)} and {len(generated)}"
        )
    if not (np.isfinite(real).all() and np.isfinite(generated).all()):
        raise SolarsynthError("coverage needs finite features, got NaN or infinity")
    for name, features in (("real", real), ("generated", generated)):
        if (features == features[0]).all():
            raise SolarsynthError(
                f"coverage needs images that differ; all {len(features)} {name} ones have the same features"
            )


def _radii(features: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance (n,) from each feature (n, d) to its k-th nearest neighbour."""
    radii = np.empty(len(features), np.float32)
    for first, squared in _blocks(features, features):
        rows = np.arange(len(squared))
        squared[rows, first + rows] = np.inf  # no feature is its own neighbour
        radii[first : first + len(squared)] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii


def _blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of the first row and the squared distances to all of `b`, for `BLOCK` rows of `a` at a time."""
    b_squared = np.einsum("ij,ij->i", b, b)
    for first in range(0, len(a), BLOCK):
        rows = a[first : first + BLOCK]
        squared = rows @ b.T
        squared *= -2
        squared += b_squared
        norms = np.einsum("ij,ij->i", rows, rows)[:, None]
        squared += norms
        squared[squared < ROUNDING * (norms + b_squared)] = 0  # or a copy may miss a ball of radius 0
        yield first, squared
