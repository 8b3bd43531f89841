"""Comparison of generated embeddings with real ones: the energy distance per class, and a linear probe."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.floors import block_floor, largest_rest


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018), unbiased.

    Its mean is zero if both sets come from the same distribution, so a single value may be slightly negative. Unlike
    a Fréchet distance it does not need more images than dimensions.

    Parameters
    ----------
    a, b : ndarray of float, shapes (n, d) and (m, d)
        At least two rows each.

    Returns
    -------
    float
        In units of the features.
    """
    from scipy.spatial.distance import cdist, pdist

    if min(len(a), len(b)) < 2:
        raise SolarsynthError(f"an energy distance needs at least two images in each set, got {len(a)} and {len(b)}")
    return float(2 * cdist(a, b).mean() - pdist(a).mean() - pdist(b).mean())


def energy_floor(real: np.ndarray, unit: np.ndarray, size: int, draws: int, seed: int = 0) -> np.ndarray:
    """Return the distances (draws,) between `size` real vectors of whole left-out units and as many others each time.

    Parameters
    ----------
    real : ndarray of float, shape (n, d)
    unit : ndarray of int, shape (n,)
        Unit of each vector, such as a block of time.
    size : int
        At least 2.
    draws, seed : int

    Raises
    ------
    SolarsynthError
        If there are too few units or vectors.
    """
    if size < 2:
        raise SolarsynthError(f"an energy distance needs at least two images in each set, got {size}")
    rest = max(2, largest_rest(unit, size))
    return block_floor(real, unit, lambda others, held: [energy_distance(held, others)], size, rest, draws, seed)[:, 0]


def linear_probe(
    train: np.ndarray, train_label: np.ndarray, tests: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Fit a logistic regression with balanced classes, and return its balanced accuracy on each test set.

    Parameters
    ----------
    train : ndarray of float, shape (n, d)
    train_label : ndarray of int, shape (n,)
    tests : dict
        Per name, features (m, d) and labels (m,). Images of classes that the training set lacks are left out.

    Returns
    -------
    dict of str to float
        Mean recall over the classes of a test set, NaN if none is left; the value by chance is one over their number.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score

    classes = len(np.unique(train_label))
    if classes < 2:
        raise SolarsynthError(f"a linear probe needs training images of at least two classes, got {classes}")
    # The strong penalty suits a few hundred images in a few hundred dimensions.
    probe = LogisticRegression(C=1e-3, class_weight="balanced", max_iter=1000).fit(train, train_label)
    found = {}
    for name, (features, label) in tests.items():
        known = np.isin(label, probe.classes_)
        present = np.unique(label[known])
        if not len(present):
            found[name] = float("nan")
            continue
        # balanced_accuracy_score is the same number, but warns of predictions that no test image has.
        y_pred = probe.predict(features[known])
        found[name] = float(recall_score(label[known], y_pred, labels=present, average="macro", zero_division=0))
    return found
