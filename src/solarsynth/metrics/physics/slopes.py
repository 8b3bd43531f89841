"""The distribution of flare sizes: its power law."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def power_law_slope(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Fit a power law between two bounds by maximum likelihood, and return its slope and standard error.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Such as peak fluxes. Values outside the bounds are not used.
    low, high : float
        Bounds, in the unit of the values.

    Returns
    -------
    slope, error : float
        α of p(x) ∝ x^-α on [low, high] (the truncated Pareto distribution; Aban et al. 2006,
        doi:10.1198/016214505000000411).

    Raises
    ------
    SolarsynthError
        If fewer than 10 values are within the bounds.
    """
    from scipy.optimize import brentq

    values = np.asarray(values, float)
    values = values[(values >= low) & (values <= high)]
    if len(values) < 10:
        raise SolarsynthError(f"a slope needs at least 10 values between {low:g} and {high:g}, got {len(values)}")
    mean_log, span = np.log(values / low).mean(), np.log(high / low)

    def expected(k: float) -> float:  # mean of log(x / low) for exponent k = α - 1
        return 1 / k - span / np.expm1(k * span) if abs(k) > 1e-6 else span / 2

    k = brentq(lambda k: expected(k) - mean_log, -20, 20)
    curvature = 1 / k**2 - span**2 / (4 * np.sinh(k * span / 2) ** 2) if abs(k) > 1e-6 else span**2 / 12
    return 1 + k, float(1 / np.sqrt(len(values) * curvature))
