"""How far a feature space separates the classes: on the training images as the paper did, and on held-out blocks."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.separation import purity, purity_interval, silhouette
from solarsynth.metrics.skill import enough


def separations(
    features: np.ndarray,
    label: np.ndarray,
    held_out: np.ndarray,
    held_out_label: np.ndarray,
    unit: np.ndarray,
    neighbours: int,
) -> dict[str, float]:
    """Return purity and silhouette of a space.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
        Of training images.
    label : ndarray of int, shape (n,)
    held_out : ndarray of float, shape (m, d)
        Of held-out images.
    held_out_label, unit : ndarray of int, shape (m,)
        Classes and independent units of the held-out images.
    neighbours : int
        Nearest neighbours that are counted.

    Returns
    -------
    dict of str to float
        ``purity``, ``chance`` and ``silhouette`` of the training images. ``held out`` with its 95 % interval ``held
        out, low`` and ``held out, high``, and ``held out, chance``: the purity of held-out images with neighbours of
        other units only, of classes with enough of them. NaN where it cannot be computed.
    """
    share, chance = purity(features, label, min(neighbours, len(features) - 1))
    row = {"purity": share, "chance": chance, "silhouette": silhouette(features, label)}
    held = dict.fromkeys(("held out", "held out, low", "held out, high", "held out, chance"), float("nan"))
    # A class of few images, or of one unit, has no interval and would leave the mean without one.
    here = enough(held_out_label, unit)
    try:
        interval, expected = purity_interval(held_out[here], held_out_label[here], unit[here], neighbours)
    except SolarsynthError:  # too few blocks are held out
        return row | held
    bounds = {"held out": interval.mean, "held out, low": interval.low, "held out, high": interval.high}
    return row | bounds | {"held out, chance": expected}
