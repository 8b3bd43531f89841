"""Are generated embeddings like real ones? Energy distance per class, and a linear probe."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018), unbiased.

    Zero in the mean if both come from one distribution, so it may be slightly negative; it needs no more images
    than dimensions, where a Fréchet distance would.

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
        raise SolarsynthError(f"an energy distance needs two images in each set, not {len(a)} and {len(b)}")
    return float(2 * cdist(a, b).mean() - pdist(a).mean() - pdist(b).mean())


def energy_floor(real: np.ndarray, size: int, draws: int, seed: int = 0) -> np.ndarray:
    """Return distances (draws,) between `size` real vectors and the others of `real` (n, d)."""
    if not 2 <= size <= len(real) - 2:
        raise SolarsynthError(f"a floor at {size} images needs at least {size + 2} real ones, not {len(real)}")
    rng = np.random.default_rng(seed)
    order = [rng.permutation(len(real)) for _ in range(draws)]
    return np.array([energy_distance(real[o[:size]], real[o[size:]]) for o in order])


def linear_probe(train: np.ndarray, train_label: np.ndarray, tests: dict[str, tuple[np.ndarray, np.ndarray]]):
    """Fit a logistic regression with balanced classes; return its balanced accuracy on each test set.

    Parameters
    ----------
    train : ndarray of float, shape (n, d)
    train_label : ndarray of int, shape (n,)
    tests : dict
        Per name, features (m, d) and labels (m,); classes that training lacks are left out.

    Returns
    -------
    dict of str to float
        Mean recall over the classes a test set holds, NaN if it holds none; chance is one over their number.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score

    if len(np.unique(train_label)) < 2:
        raise SolarsynthError("a linear probe needs images of two classes")
    # The strong penalty suits a few hundred images in a few hundred dimensions.
    probe = LogisticRegression(C=1e-3, class_weight="balanced", max_iter=1000).fit(train, train_label)
    found = {}
    for name, (features, label) in tests.items():
        known = np.isin(label, probe.classes_)
        present = np.unique(label[known])
        if not len(present):
            found[name] = float("nan")
            continue
        predicted = probe.predict(features[known])
        found[name] = float(recall_score(label[known], predicted, labels=present, average="macro", zero_division=0))
    return found
