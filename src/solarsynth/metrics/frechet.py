"""Fréchet distance between two sets of features, as if both were Gaussian (Heusel et al. 2017, Eq. 6).

Called FID if, and only if, the features are InceptionV3's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError


@dataclass(frozen=True)
class Gaussian:
    """What the distance needs of a set of features: compute it once for a reference.

    Attributes
    ----------
    mean : ndarray of float64, shape (d,)
    root : ndarray of float64, shape (r, d)
        ``root.T @ root`` is the covariance; at most d rows.
    count : int
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
            For fewer than two rows or values that are not finite.
        """
        features = np.asarray(features, np.float64)
        if len(features) < 2:
            raise SolarsynthError(f"a Fréchet distance needs two images in each set, not {len(features)}")
        if not np.isfinite(features).all():
            raise SolarsynthError("a Fréchet distance needs finite features; some are NaN or infinite")
        mean = features.mean(0)
        centred = (features - mean) / np.sqrt(len(features) - 1)
        root = np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred
        return cls(mean, root, len(features))

    def without(self, some: Gaussian) -> Gaussian:
        """Return the summary of all features but `some` of them, from the sums alone: fast for a few of many.

        Raises
        ------
        SolarsynthError
            If fewer than two are left.
        """
        n, m = self.count, some.count
        left = n - m
        if left < 2:
            raise SolarsynthError(f"a Fréchet distance needs two images in each set, not {left}")
        mean = (n * self.mean - m * some.mean) / left
        apart = mean - some.mean
        scatter = (n - 1) * self.root.T @ self.root - (m - 1) * some.root.T @ some.root
        scatter -= left * m / n * np.outer(apart, apart)
        value, vector = np.linalg.eigh(scatter / (left - 1))
        return Gaussian(mean, np.sqrt(value.clip(min=0))[:, None] * vector.T, left)


def frechet_distance(a: np.ndarray | Gaussian, b: np.ndarray | Gaussian) -> float:
    """Return |μ_a - μ_b|² + Tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½).

    The trace of the root is the sum of the singular values of A Bᵀ with Σ = AᵀA, A triangular by QR: exact for
    singular covariances too, where a matrix root is not.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d), or Gaussian
        Features. The value falls with n and m: state both, and compare with real sets of the same size.

    Returns
    -------
    float
        At least 0, in squared units of the features.

    Raises
    ------
    SolarsynthError
        For fewer than two rows, other dimensions or values that are not finite.
    """
    a, b = (x if isinstance(x, Gaussian) else Gaussian.of(x) for x in (a, b))
    if a.mean.shape != b.mean.shape:
        raise SolarsynthError(
            f"a Fréchet distance needs features of one dimension, not {a.mean.shape[0]} and {b.mean.shape[0]}"
        )
    trace = (a.root**2).sum() + (b.root**2).sum() - 2 * np.linalg.svd(a.root @ b.root.T, compute_uv=False).sum()
    return float(max(0.0, ((a.mean - b.mean) ** 2).sum() + trace))


def frechet_floor(real: np.ndarray, size: int, draws: int, seed: int = 0) -> np.ndarray:
    """Return the distances (draws,) between `size` real features and all others of `real` (n, d).

    The two share no image: a subset compared with a set that contains it would lie too near.
    """
    rng = np.random.default_rng(seed)
    if not 2 <= size <= len(real) - 2:
        raise SolarsynthError(f"a floor at {size} images needs at least {size + 2} real ones, not {len(real)}")
    everything = Gaussian.of(real)
    subsets = [Gaussian.of(real[rng.permutation(len(real))[:size]]) for _ in range(draws)]
    return np.array([frechet_distance(subset, everything.without(subset)) for subset in subsets])
