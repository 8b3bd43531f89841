"""Cluster metrics (Hackstein et al. 2023, doi:10.1016/j.ascom.2022.100685): three numbers on two sets of features.

K-means is fitted on the reference; both sets are assigned to its centres. Written from the definitions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
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


def cross_fit(
    real: np.ndarray, splits: int, share: float = 0.25, k: int = 5, seed: int = 0
) -> list[tuple[Clusters, np.ndarray]]:
    """Split real images at random: K-means of the larger part, features of the smaller, which it has not seen.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        Features of real images.
    splits : int
        How often.
    share : float
        Of the images in the smaller part; ½ for halves.
    k : int
    seed : int
    """
    rng, fitted = np.random.default_rng(seed), len(real) - max(1, round(share * len(real)))
    orders = [rng.permutation(len(real)) for _ in range(splits)]
    return [(Clusters(real[order[:fitted]], k, seed), real[order[fitted:]]) for order in orders]


def noise_floor(
    split: Sequence[tuple[Clusters, np.ndarray]], draws: int, size: int | None = None, seed: int = 0
) -> np.ndarray:
    """Measure real images as if they were generated: the floor of a perfect generator.

    Sets of the images that K-means was fitted on would lie nearer than any new ones.

    Parameters
    ----------
    split : sequence of (Clusters, ndarray)
        From `cross_fit`, taken in turn.
    draws : int
    size : int, optional
        Images per draw: that of the generated sets. Drawn with replacement, as independent sets would be. The
        whole smaller part by default.
    seed : int

    Returns
    -------
    ndarray, shape (draws, 3)
        error, distance and std of each draw.
    """
    rng = np.random.default_rng(seed)
    found = []
    for i in range(draws):
        clusters, others = split[i % len(split)]
        chosen = others if size is None else others[rng.integers(0, len(others), size)]
        found.append(astuple(clusters.compare(chosen)))
    return np.array(found)
