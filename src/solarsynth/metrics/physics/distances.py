"""How far a physical quantity of generated images is from that of real ones."""

from __future__ import annotations

import numpy as np

from solarsynth.metrics.physics.table import Quantity, columns_of

#: Images, on either side, that a distribution needs.
FEWEST = 5


def quantity_distance(real: np.ndarray, drawn: np.ndarray, quantity: Quantity) -> float:
    """Return the Wasserstein-1 distance of a quantity's distributions, in real standard deviations.

    Parameters
    ----------
    real, drawn : ndarray of float, shapes (n, d) and (m, d)
        From `solarsynth.metrics.physics.quantities`.
    quantity : Quantity
        For a curve it is the mean over the points, each in standard deviations of its own.

    Returns
    -------
    float
        At least 0: how far the real values must be moved, on average. Images without the quantity are left out. NaN if
        fewer than five images have it on either side, or the real ones have the same value.
    """
    from scipy.stats import wasserstein_distance

    found = []
    for column in columns_of(quantity.name):
        a, b = (_known(values[:, column], quantity.log) for values in (real, drawn))
        if min(len(a), len(b)) < FEWEST:
            continue
        std = a.std()
        if std > 1e-6 * np.abs(a).mean():
            found.append(wasserstein_distance(a, b) / std)
    return float(np.mean(found)) if found else float("nan")


def _known(values: np.ndarray, log: bool) -> np.ndarray:
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    # A dark ring has no logarithm; 0.01 DN/s is below what an 8-bit image can show.
    return np.log10(np.maximum(values, 0.01)) if log else values
