"""How far classes are separated in a feature space: a map to look at, and two numbers (Fig. 3)."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def tsne(features: np.ndarray, seed: int = 0, perplexity: float = 30.0, verbose: bool = False) -> np.ndarray:
    """Map features (n, d) to the plane (n, 2) by t-SNE (van der Maaten & Hinton 2008), starting from a PCA.

    Raises
    ------
    SolarsynthError
        For fewer than four images.
    """
    from sklearn.manifold import TSNE

    if len(features) < 4:
        raise SolarsynthError(f"a t-SNE map needs at least 4 images, got {len(features)}")
    perplexity = min(perplexity, (len(features) - 1) / 3)
    mapper = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, verbose=2 if verbose else 0)
    return mapper.fit_transform(np.asarray(features, np.float32))


def purity(features: np.ndarray, label: np.ndarray, k: int = 10) -> tuple[float, float]:
    """Return the share of an image's nearest neighbours that have its label, and the share expected by chance.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
    label : ndarray of int, shape (n,)
    k : int
        Number of neighbours; the image itself is not counted.

    Returns
    -------
    purity, chance : float
        Means over the classes, in which every class has the same weight. Chance is the share among all other images.
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(features)
    if n <= k:
        raise SolarsynthError(f"purity with {k} neighbours needs more than {k} images, got {n}")
    near = NearestNeighbors(n_neighbors=k + 1).fit(features).kneighbors(return_distance=False, n_neighbors=k)
    same = (label[near] == label[:, None]).mean(1)
    classes, counts = np.unique(label, return_counts=True)
    return float(np.mean([same[label == c].mean() for c in classes])), float(np.mean((counts - 1) / (n - 1)))


def silhouette(features: np.ndarray, label: np.ndarray) -> float:
    """Return the mean silhouette (Rousseeuw 1987): near 1 for separated classes, below 0 for classes that mix."""
    from sklearn.metrics import silhouette_score

    classes = len(np.unique(label))
    if not 1 < classes < len(features):
        raise SolarsynthError(
            "a silhouette needs at least two classes, and more images than classes, "
            f"got {classes} classes and {len(features)} images"
        )
    return float(silhouette_score(features, label))


def nearest(features: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return, for each feature (m, d), the index (m,) of its nearest neighbour among real features (n, d)."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=1).fit(real).kneighbors(features, return_distance=False)[:, 0]
