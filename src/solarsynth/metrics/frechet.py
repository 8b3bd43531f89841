"""Fréchet distance between two sets of features, each taken as a Gaussian (Heusel et al. 2017, Eq. 6).

The distance is called FID only if the features are those of InceptionV3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of a set of features. For a reference set it needs to be computed only once.

    Attributes
    ----------
    mean : ndarray of float64, shape (d,)
    root : ndarray of float64, shape (r, d)
        ``root.T @ root`` is the covariance; r is at most d.
    count : int
        Number of features.
    """

    mean: np.ndarray
    root: np.ndarray
    count: int

    @classmethod
    def of(cls, features: np.ndarray) -> Gaussian:
        """Summarise features (n, d).

        Raises
        ------
        SolarsynthError
            For fewer than two rows, or for values that are not finite.
        """
        features = np.asarray(features, np.float64)
        _at_least_two(len(features))
        if not np.isfinite(features).all():
            raise SolarsynthError("a Fréchet distance needs finite features, got NaN or infinity")
        mean = features.mean(0)
        centred = (features - mean) / np.sqrt(len(features) - 1)
        root = np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred
        return cls(mean, root, len(features))


def _at_least_two(count: int) -> None:
    if count < 2:
        raise SolarsynthError(f"a Fréchet distance needs at least two images in each set, got {count}")


def frechet_distance(a: np.ndarray | Gaussian, b: np.ndarray | Gaussian) -> float:
    """Return |μ_a - μ_b|² + Tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½).

    With Σ = RᵀR the trace of the matrix root is the sum of the singular values of R_a R_bᵀ. This is exact for
    singular covariances too, for which a matrix root is not.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d), or Gaussian
        Features. The value falls as n and m grow: state both, and compare with real sets of the same size.

    Returns
    -------
    float
        At least 0, in squared units of the features.

    Raises
    ------
    SolarsynthError
        For fewer than two rows, different dimensions, or values that are not finite.
    """
    a, b = (x if isinstance(x, Gaussian) else Gaussian.of(x) for x in (a, b))
    if a.mean.shape != b.mean.shape:
        raise SolarsynthError(
            "a Fréchet distance needs features of the same dimension, "
            f"got {a.mean.shape[0]} and {b.mean.shape[0]} dimensions"
        )
    trace = (a.root**2).sum() + (b.root**2).sum() - 2 * np.linalg.svd(a.root @ b.root.T, compute_uv=False).sum()
    return float(max(0.0, ((a.mean - b.mean) ** 2).sum() + trace))
