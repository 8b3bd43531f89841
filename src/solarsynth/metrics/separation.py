"""How far classes are separated in a feature space: a map to look at, and numbers (Fig. 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval, unit_interval


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
    counts = np.unique(label, return_counts=True)[1]
    return _class_mean(same, label), float(np.mean((counts - 1) / (n - 1)))


def purity_interval(features: np.ndarray, label: np.ndarray, unit: np.ndarray, k: int = 10) -> tuple[Interval, float]:
    """Return the purity among images of other units, its jackknife interval over units, and the share by chance.

    Neighbours in time resemble each other and often share a label. Here neighbours of the same unit (active region or
    block of time) are skipped, so only the Sun's appearance can bring images together. The interval leaves out whole
    units, as images and as neighbours. Use held-out images: the features were not fitted on them.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
    label, unit : ndarray of int, shape (n,)
    k : int
        Number of neighbours in other units.

    Returns
    -------
    purity : Interval
        Mean over the classes. Its p-value tests against chance, not against 0.
    chance : float
        The same mean for neighbours drawn at random from other units.

    Raises
    ------
    SolarsynthError
        If fewer than k images lie outside the two largest units: one unit is the image's own, the jackknife omits one.
    """
    excess, chance = _excess(features, label, unit, k)
    found = unit_interval(excess, unit, label)
    return replace(found, mean=found.mean + chance, low=found.low + chance, high=found.high + chance), chance


def purity_difference(a: np.ndarray, b: np.ndarray, label: np.ndarray, unit: np.ndarray, k: int = 10) -> Interval:
    """Return how much purer space `a` is than space `b` for the same images, with its jackknife interval over units.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (n, e)
        Features of the same images in two spaces.
    label, unit, k
        As for `purity_interval`.
    """
    (of_a, _), (of_b, _) = _excess(a, label, unit, k), _excess(b, label, unit, k)
    return unit_interval(lambda index: of_a(index) - of_b(index), unit, label)


def _excess(
    features: np.ndarray, label: np.ndarray, unit: np.ndarray, k: int
) -> tuple[Callable[[np.ndarray], float], float]:
    """Return a function of images that gives their purity above chance, and the chance of all images."""
    features, label, unit = np.asarray(features, np.float64), np.asarray(label), np.asarray(unit)
    counts = np.sort(np.unique(unit, return_counts=True)[1])
    if counts[:-2].sum() < k:
        raise SolarsynthError(
            f"purity with {k} neighbours in other units needs {k} images outside the two largest units, "
            f"got {counts[:-2].sum()} of {len(unit)}"
        )
    centred = features - features.mean(0)
    squared = (centred**2).sum(1)
    distance = squared[:, None] + squared - 2 * centred @ centred.T
    other = unit[:, None] != unit
    distance[~other] = np.inf
    same = label[:, None] == label

    def by_chance(index: np.ndarray) -> np.ndarray:
        pairs = np.ix_(index, index)
        return (same[pairs] & other[pairs]).sum(1) / other[pairs].sum(1)

    def excess(index: np.ndarray) -> float:
        pairs = np.ix_(index, index)
        near = np.argpartition(distance[pairs], k - 1, axis=1)[:, :k]
        pure = np.take_along_axis(same[pairs], near, 1).mean(1)
        return _class_mean(pure - by_chance(index), label[index])

    return excess, _class_mean(by_chance(np.arange(len(unit))), label)


def neighbours_in_time(features: np.ndarray, time: np.ndarray, unit: np.ndarray) -> Interval:
    """Return how much likelier than ½ an image's nearest neighbour is nearer to it in time than a random other image.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
    time : ndarray of int64, shape (n,)
    unit : ndarray of int, shape (n,)
        Independent units; the jackknife leaves them out one by one.

    Returns
    -------
    Interval
        0 if neighbours in the space have nothing to do with time, ½ if each is the nearest image in time.
    """
    features, time = np.asarray(features, np.float64), np.asarray(time, np.float64)
    if len(features) < 3:
        raise SolarsynthError(f"neighbours in time need at least 3 images, got {len(features)}")
    centred = features - features.mean(0)
    squared = (centred**2).sum(1)
    distance = squared[:, None] + squared - 2 * centred @ centred.T
    np.fill_diagonal(distance, np.inf)
    gap = np.abs(time[:, None] - time)

    def score(index: np.ndarray) -> float:
        if len(index) < 3:
            return float("nan")
        pairs = np.ix_(index, index)
        mine = np.take_along_axis(gap[pairs], distance[pairs].argmin(1)[:, None], 1)
        # The image itself has the gap 0 and the neighbour its own; neither is one of the random others.
        longer = (gap[pairs] > mine).sum(1) + ((gap[pairs] == mine).sum(1) - (mine[:, 0] == 0) - 1) / 2
        return float((longer / (len(index) - 2)).mean() - 0.5)

    return unit_interval(score, np.asarray(unit))


def _class_mean(value: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean([value[label == c].mean() for c in np.unique(label)]))


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
