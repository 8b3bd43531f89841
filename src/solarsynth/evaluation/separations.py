"""How far a feature space separates the classes: on the training images as the paper did, and on held-out blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval
from solarsynth.metrics.separation import purity, purity_difference, purity_interval, silhouette
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


def distinct(
    spaces: Mapping[str, np.ndarray], label: np.ndarray, unit: np.ndarray, neighbours: int
) -> dict[str, Interval]:
    """Return how far the first space is purer than chance, and than each other space, on held-out images.

    Parameters
    ----------
    spaces : mapping of str to ndarray of float, shape (m, d)
        Per space the features of the same held-out images.
    label, unit : ndarray of int, shape (m,)
    neighbours : int

    Returns
    -------
    dict of str to Interval
        Named ``NAME above chance`` and ``NAME above OTHER``; empty if too few blocks are held out.
    """
    here = enough(label, unit)
    first, *others = spaces
    try:
        interval, chance = purity_interval(spaces[first][here], label[here], unit[here], neighbours)
        bounds = {name: getattr(interval, name) - chance for name in ("mean", "low", "high")}
        found = {f"{first} above chance": replace(interval, **bounds)}
        for other in others:
            pair = spaces[first][here], spaces[other][here]
            found[f"{first} above {other}"] = purity_difference(*pair, label[here], unit[here], neighbours)
    except SolarsynthError:
        return {}
    return found
