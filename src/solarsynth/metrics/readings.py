"""Readings of a flux from features by ridge regression, and their errors and nulls.

scikit-learn prepares, regresses and splits. Images of one unit of time resemble each other, so that penalties and skill
come from whole units that were left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from solarsynth.metrics.intervals import Interval, unit_interval

#: Permutations of the requests, and resamplings of the generated images.
REQUESTS, RESAMPLINGS = 1000, 200

#: Principal components that are kept, the penalties that are tried, and the folds of the cross-validations.
COMPONENTS, PENALTIES, FOLDS = 32, tuple(10.0**k for k in range(-1, 6)), 5


def components(real: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what turns features into principal components of real ones; it knows no flux."""
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count = min(COMPONENTS, real.shape[1], len(real) - 1)
    steps = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        PCA(count, svd_solver="full"),
    )
    steps.fit(np.asarray(real, np.float64))
    return lambda features: steps.transform(np.asarray(features, np.float64))


def fitted(x: np.ndarray, flux: np.ndarray, penalty: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the regressor that was fitted to components (n, k) and fluxes (n,)."""
    from sklearn.linear_model import Ridge

    return Ridge(alpha=penalty).fit(x, flux).predict


def _folds(unit: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the training and test images of a cross-validation that leaves out whole units."""
    from sklearn.model_selection import GroupKFold

    folds = min(FOLDS, len(np.unique(unit)))
    return list(GroupKFold(folds).split(unit, groups=unit))


def cross_readings(
    x: np.ndarray, flux: np.ndarray, unit: np.ndarray, penalty: float, centred: bool = False
) -> np.ndarray:
    """Return the readings (n,) of images by regressors of one penalty that know neither them nor their units.

    With `centred` they are around the mean flux of all images instead of that of the others. A fold of large fluxes
    leaves small ones to learn from, so that else the readings of a regressor that knows nothing are correlated with
    the truth, negatively.
    """
    found = np.empty(len(flux))
    for train, test in _folds(unit):
        found[test] = fitted(x[train], flux[train], penalty)(x[test])
        if centred:
            found[test] += flux.mean() - flux[train].mean()
    return found


def best_penalty(x: np.ndarray, flux: np.ndarray, unit: np.ndarray) -> float:
    """Return the penalty with the least squared error on left-out units."""
    if len(np.unique(unit)) < 2:
        return PENALTIES[-1]
    errors = [((cross_readings(x, flux, unit, penalty) - flux) ** 2).mean() for penalty in PENALTIES]
    return PENALTIES[int(np.argmin(errors))]


def held_out_readings(x: np.ndarray, flux: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return the readings (n,) of images by regressors that know neither them nor their units.

    The penalty of each is chosen by a cross-validation of its own training images.

    Parameters
    ----------
    x : ndarray of float, shape (n, k)
    flux : ndarray of float, shape (n,)
    unit : ndarray of int, shape (n,)
    """
    found = np.empty(len(flux))
    for train, test in _folds(unit):
        penalty = best_penalty(x[train], flux[train], unit[train])
        found[test] = fitted(x[train], flux[train], penalty)(x[test])
    return found


def cross_skill(x: np.ndarray, flux: np.ndarray, unit: np.ndarray, penalty: float) -> float:
    """Return the rank correlation of readings and fluxes of images whose units were left out."""
    return spearman(cross_readings(x, flux, unit, penalty, centred=True), flux)


def read_classes(reading: np.ndarray, held_out: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """Return the class (m,) whose mean reading among held-out real images is nearest to each reading.

    Parameters
    ----------
    reading : ndarray of float, shape (m,)
    held_out : ndarray of float, shape (n,)
        Readings of real images whose units were left out.
    label : ndarray of int, shape (n,), or None
        Their classes; without them every answer is -1.
    """
    if label is None:
        return np.full(len(reading), -1)
    classes = np.unique(label)
    means = np.array([held_out[label == i].mean() for i in classes])
    return classes[np.abs(reading[:, None] - means).argmin(1)]


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of two arrays (n,); NaN if one is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (a, b))
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 0 else float("nan")


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Return the slope of the regression of y on x, (n,) each."""
    x = x - x.mean()
    return float((x * y).sum() / (x**2).sum()) if (x**2).sum() > 0 else float("nan")


def permuted_within(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a permutation (n,) that moves no image out of its group."""
    order = np.empty(len(group), int)
    order[np.argsort(group, kind="stable")] = np.lexsort((rng.random(len(group)), group))
    return order


def exceedance(value: float, null: np.ndarray) -> float:
    """Return the probability of a value at least as large among permutations, the value itself being one.

    It is NaN without a permutation.
    """
    return float("nan") if not len(null) else float((1 + (null >= value).sum()) / (1 + len(null)))


def request_correlation(
    x: np.ndarray,
    flux: np.ndarray,
    unit: np.ndarray,
    z: np.ndarray,
    requested: np.ndarray,
    penalty: float,
    rng: np.random.Generator,
) -> Interval:
    """Return the rank correlation of what a regressor reads in generated images with what was asked for.

    Parameters
    ----------
    x, flux, unit : ndarray, shapes (n, k), (n,) and (n,)
        Components, fluxes and independent units of the real images from which the regressor learns.
    z, requested : ndarray of float, shapes (m, k) and (m,)
        Components and requests of the generated images.
    penalty : float
    rng : Generator

    Returns
    -------
    Interval
        It resamples the units of the real images (jackknife) and the generated images (bootstrap). The p-value is one
        in which requests are permuted among the generated images: of a correlation at least as large.
    """
    over_units = unit_interval(lambda index: spearman(fitted(x[index], flux[index], penalty)(z), requested), unit)
    reading = fitted(x, flux, penalty)(z)
    some = [rng.integers(0, len(z), len(z)) for _ in range(RESAMPLINGS)]
    spread = np.nanstd([spearman(reading[index], requested[index]) for index in some])
    # The readings depend on the real images, and the correlation on the generated ones: two independent errors.
    half = float(np.hypot((over_units.high - over_units.low) / 2, 1.96 * spread))
    mean = over_units.mean
    null = np.array([spearman(reading, rng.permutation(requested)) for _ in range(REQUESTS)])
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return replace(over_units, low=low, high=high, p=exceedance(mean, null))
