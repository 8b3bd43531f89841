"""Fréchet distance between two sets of features, as if both were Gaussian (Heusel et al. 2017, Eq. 6).

Called FID if, and only if, the features are InceptionV3's.
"""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return |μ_a - μ_b|² + Tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½).

    The trace of the root is the sum of the singular values of A Bᵀ with Σ = AᵀA, A triangular by QR: exact for
    singular covariances too, where a matrix root is not.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d)
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
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise SolarsynthError(f"a Fréchet distance needs features of one dimension, not {a.shape} and {b.shape}")
    if min(len(a), len(b)) < 2:
        raise SolarsynthError(f"a Fréchet distance needs two images in each set, not {len(a)} and {len(b)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise SolarsynthError("a Fréchet distance needs finite features; some are NaN or infinite")
    root_a, root_b = _root(a), _root(b)
    trace = (root_a**2).sum() + (root_b**2).sum() - 2 * np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    return float(max(0.0, ((a.mean(0) - b.mean(0)) ** 2).sum() + trace))


def frechet_floor(real: np.ndarray, size: int, draws: int, seed: int = 0) -> np.ndarray:
    """Return the distances (draws,) of real subsets of `size`, without replacement, to all real features (n, d)."""
    rng = np.random.default_rng(seed)
    if size >= len(real):
        raise SolarsynthError(f"a floor at {size} images needs more real ones than {len(real)}")
    return np.array([frechet_distance(real[rng.permutation(len(real))[:size]], real) for _ in range(draws)])


def _root(features: np.ndarray) -> np.ndarray:
    """Return R with RᵀR = covariance, at most d rows."""
    centred = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    return np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred
