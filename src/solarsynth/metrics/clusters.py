"""Cluster metrics (Hackstein et al. 2023, doi:10.1016/j.ascom.2022.100685): three numbers that compare two sets.

K-means is fitted to the reference features. Then the features of both sets are assigned to its centres. The code was
written from the definitions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError


@dataclass(frozen=True)
class ClusterMetrics:
    """The three numbers.

    Attributes
    ----------
    error : float
        Σ ((f_gen - f_ref) / f_ref)² over the clusters, where f is the fraction of images in a cluster. The target
        is 0. A large error reveals mode collapse.
    distance : float
        Root-mean-square distance to the own centre, generated ÷ reference. The target is 1. Below it the samples
        are too close to the centres, above it they are too far away.
    std : float
        Standard deviation of those distances, generated ÷ reference. The target is 1.
    """

    error: float
    distance: float
    std: float


class Clusters:
    """K-means on reference features, with which sets are compared.

    Parameters
    ----------
    reference : ndarray of float, shape (n, d)
    k : int
        Number of clusters; the paper has one per GOES class.
    seed : int
        Seed of K-means.

    Attributes
    ----------
    means : sklearn.cluster.KMeans
        The fitted centres.
    fractions : ndarray of float, shape (k,)
        Fraction of the reference in each cluster.
    rms, std : float
        Root mean square and standard deviation of the distances from the reference features to their centres.

    Raises
    ------
    SolarsynthError
        If there are fewer features than clusters, or if they are not finite.
    """

    def __init__(self, reference: np.ndarray, k: int = 5, seed: int = 0) -> None:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        if len(reference) < k:
            raise SolarsynthError(f"cluster metrics need at least {k} reference images, got {len(reference)}")
        if not np.isfinite(reference).all():
            raise SolarsynthError("cluster metrics need finite features, got NaN or infinity in the reference")
        self.k = k
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters
            self.means = KMeans(k, random_state=seed, n_init=10).fit(reference)
        self.fractions, distances = self._assign(reference)
        self.rms, self.std = np.sqrt((distances**2).mean()), distances.std()

    def _assign(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        label = self.means.predict(features)
        fractions = np.bincount(label, minlength=self.k) / len(features)
        return fractions, np.linalg.norm(features - self.means.cluster_centers_[label], axis=1)

    def compare(self, generated: np.ndarray) -> ClusterMetrics:
        """Return the metrics of generated features (m, d) against the reference.

        Raises
        ------
        SolarsynthError
            If there are no features, or if they are not finite.
        """
        if not len(generated):
            raise SolarsynthError("cluster metrics need at least one generated image, got none")
        if not np.isfinite(generated).all():
            raise SolarsynthError("cluster metrics need finite features, got NaN or infinity in the generated set")
        fractions, distances = self._assign(np.asarray(generated, self.means.cluster_centers_.dtype))
        used = self.fractions > 0
        return ClusterMetrics(
            error=float((((fractions - self.fractions)[used] / self.fractions[used]) ** 2).sum()),
            distance=float(np.sqrt((distances**2).mean()) / self.rms),
            std=float(distances.std() / self.std),
        )
