"""Cluster metrics (Hackstein et al. 2023, doi:10.1016/j.ascom.2022.100685): three numbers on two sets of features.

K-means is fitted on the reference; both sets are assigned to its centres. Written from the definitions.
"""

from __future__ import annotations

import warnings
from dataclasses import astuple, dataclass

import numpy as np

from solarsynth.errors import SolarsynthError


@dataclass(frozen=True)
class ClusterMetrics:
    """What the three numbers are.

    Attributes
    ----------
    error : float
        Σ ((f_gen - f_ref) / f_ref)² over the clusters' fractions f; 0 if every cluster is as full. It
        reveals mode collapse.
    distance : float
        Root-mean-square distance to the own centre, generated ÷ reference. The target is 1: below it the
        samples huddle, above it they stray.
    std : float
        Standard deviation of those distances, generated ÷ reference. The target is 1.
    """

    error: float
    distance: float
    std: float


class Clusters:
    """K-means on reference features, to which sets are compared.

    Parameters
    ----------
    reference : ndarray of float, shape (n, d)
    k : int
        Number of clusters; the paper has one per GOES class.
    seed : int

    Raises
    ------
    SolarsynthError
        If there are fewer features than clusters, or they are not finite.
    """

    def __init__(self, reference: np.ndarray, k: int = 5, seed: int = 0) -> None:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        if len(reference) < k:
            raise SolarsynthError(f"cluster metrics need at least {k} reference images, not {len(reference)}")
        if not np.isfinite(reference).all():
            raise SolarsynthError("cluster metrics need finite features; the reference holds NaN or infinity")
        self.k = k
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters
            self.means = KMeans(k, random_state=seed, n_init=10).fit(reference)
        self.fractions, distances = self._assign(reference)
        self.rms, self.spread = np.sqrt((distances**2).mean()), distances.std()

    def _assign(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        label = self.means.predict(features)
        fractions = np.bincount(label, minlength=self.k) / len(features)
        return fractions, np.linalg.norm(features - self.means.cluster_centers_[label], axis=1)

    def compare(self, generated: np.ndarray) -> ClusterMetrics:
        """Return the metrics of generated features (m, d) against the reference."""
        if not len(generated) or not np.isfinite(generated).all():
            raise SolarsynthError("cluster metrics need finite features of at least one generated image")
        fractions, distances = self._assign(np.asarray(generated, self.means.cluster_centers_.dtype))
        used = self.fractions > 0
        return ClusterMetrics(
            error=float((((fractions - self.fractions)[used] / self.fractions[used]) ** 2).sum()),
            distance=float(np.sqrt((distances**2).mean()) / self.rms),
            std=float(distances.std() / self.spread),
        )


def halves_floor(real: np.ndarray, draws: int, k: int = 5, seed: int = 0) -> np.ndarray:
    """Measure one random half of the real images against the other, K-means fitted anew: the floor of large sets.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        Features of real images; at least 2 k.
    draws : int
    k : int
    seed : int

    Returns
    -------
    ndarray, shape (draws, 3)
        error, distance and std of each draw.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        order = rng.permutation(len(real))
        half = len(real) // 2
        found.append(astuple(Clusters(real[order[:half]], k, seed).compare(real[order[half:]])))
    return np.array(found)


def noise_floor(clusters: Clusters, real: np.ndarray, size: int, draws: int, seed: int = 0) -> np.ndarray:
    """Measure real images against the reference as if they were generated.

    Parameters
    ----------
    clusters : Clusters
    real : ndarray, shape (n, d)
        Features of real images.
    size : int
        Images per draw: that of the generated sets. Drawn with replacement, as independent sets would be.
    draws : int
    seed : int

    Returns
    -------
    ndarray, shape (draws, 3)
        error, distance and std of each draw.
    """
    rng = np.random.default_rng(seed)
    return np.array([astuple(clusters.compare(real[rng.integers(0, len(real), size)])) for _ in range(draws)])
