"""Gross faults of a set of drawn images, each with a line of its own.

Distances and coverages average over faults; these tests name them. Every threshold comes from the real images: from
single images, or from ten successive parts of them, which differ as weeks of the Sun do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError

PARTS = 10  # successive parts of the real images
MOST = 500  # images compared in pairs; more are thinned evenly
HALF = 0.5  # a limit is half of what the most extreme real images reach


@dataclass(frozen=True)
class Finding:
    """One fault: its name, whether it was found, the value of the drawn images, and the range of real ones.

    `low` or `high` is infinite where only one side is a fault. `text` is one sentence.
    """

    name: str
    found: bool
    value: float
    low: float
    high: float
    text: str


def defects(drawn: np.ndarray, real: np.ndarray) -> list[Finding]:
    """Return one finding for each fault that is known here.

    Parameters
    ----------
    drawn, real : ndarray of uint8, shapes (m, H, W) and (n, H, W)
        At least one drawn image and twenty real ones, the real ones in order of time.

    Raises
    ------
    SolarsynthError
        For too few images, or images of different sizes.
    """
    if drawn.ndim != 3 or real.ndim != 3 or drawn.shape[1:] != real.shape[1:]:
        raise SolarsynthError(
            f"faults need images (m, H, W) and (n, H, W) of the same size, got {drawn.shape} and {real.shape}"
        )
    if len(drawn) < 1 or len(real) < 2 * PARTS:
        raise SolarsynthError(
            f"faults need at least 1 drawn image and {2 * PARTS} real ones, got {len(drawn)} and {len(real)}"
        )
    return [find(drawn, real) for find in (collapse, repeated, scale, inverted, constant)]


def collapse(drawn: np.ndarray, real: np.ndarray) -> Finding:
    """Tell whether drawn images differ less from each other than the images of the most uniform tenth of real ones.

    The value is the mean distance of two drawn images, ÷ that of two real images. One image cannot be judged: it is
    never fine.
    """
    if len(drawn) == 1:
        return Finding("collapse", True, np.nan, np.nan, np.inf, "Collapse cannot be told from one image.")
    whole = _mean_distance(real)
    if whole == 0:
        raise SolarsynthError("all real images are equal; faults need real images that differ")
    low = min(_mean_distance(part) for part in np.array_split(real, PARTS)) / whole
    value = _mean_distance(drawn) / whole
    found = value < low or value == 0
    text = f"Drawn images differ {value:.2f} times as much as real ones; the most uniform real part has {low:.2f}."
    return Finding("collapse", bool(found), value, low, np.inf, text)


def repeated(drawn: np.ndarray, real: np.ndarray) -> Finding:
    """Tell whether drawn images repeat each other.

    The value is the share of drawn images with another drawn image nearer than half of the distance that 99 % of the
    real images keep from each other. Real images that are equal are left out of that distance.
    """
    real_nearest = _nearest(real)
    positive = real_nearest[real_nearest > 0]
    limit = HALF * np.quantile(positive, 0.01) if len(positive) else 0.0
    high = float((real_nearest <= limit).mean())
    if len(drawn) == 1:
        return Finding("repeated", False, 0.0, -np.inf, high, "One image has no other to repeat.")
    value = float((_nearest(drawn) <= limit).mean())
    text = f"{value:.1%} of the drawn images nearly equal another drawn one; {high:.1%} of the real ones do."
    return Finding("repeated", value > high, value, -np.inf, high, text)


def scale(drawn: np.ndarray, real: np.ndarray) -> Finding:
    """Tell whether the brightness lies outside that of every real image: another scale.

    The mean, the 5th and the 99th percentile of the pixels are compared: the median of the drawn images with the range
    of the real ones. The value is the one that lies farthest outside, or the mean.
    """
    names = ("mean", "5th percentile", "99th percentile")
    ours, theirs = np.median(_levels(drawn), 0), _levels(real)
    low, high = theirs.min(0), theirs.max(0)
    outside = np.maximum(low - ours, ours - high)
    worst = int(outside.argmax()) if outside.max() > 0 else 0
    span = f"{low[worst]:.0f} to {high[worst]:.0f}"
    text = f"The {names[worst]} of the pixels is {ours[worst]:.0f}; real images have {span}."
    return Finding("scale", bool(outside.max() > 0), float(ours[worst]), float(low[worst]), float(high[worst]), text)


def inverted(drawn: np.ndarray, real: np.ndarray) -> Finding:
    """Tell whether dark and bright are exchanged: the mean drawn image correlates negatively with the mean real one.

    `low` is the smallest correlation between a tenth of the real images and the others.
    """
    value = _correlation(drawn.mean(0), real.mean(0))
    number = np.arange(len(real)) * PARTS // len(real)
    parts = [_correlation(real[number == part].mean(0), real[number != part].mean(0)) for part in range(PARTS)]
    text = (
        f"The mean drawn and the mean real image correlate at {value:.2f}; parts of the real ones at {min(parts):.2f}."
    )
    return Finding("inverted", bool(value < min(0.0, *parts)), value, min(parts), 1.0, text)


def constant(drawn: np.ndarray, real: np.ndarray) -> Finding:
    """Tell whether images have no contrast: a standard deviation of less than half of any real image's.

    The value is the smallest standard deviation of a drawn image, in grey levels.
    """
    low = HALF * float(real.std(axis=(1, 2)).min())
    contrast = drawn.std(axis=(1, 2))
    flat = int((contrast <= low).sum())
    text = f"{flat} of {len(drawn)} drawn images have no contrast (at most {low:.1f} grey levels)."
    return Finding("constant", flat > 0, float(contrast.min()), low, np.inf, text)


def _thinned(image: np.ndarray) -> np.ndarray:
    """Return at most `MOST` images, evenly spread, in rows."""
    step = np.unique(np.linspace(0, len(image) - 1, min(len(image), MOST)).round().astype(int))
    return image[step].reshape(len(step), -1).astype(np.float64)


def _mean_distance(image: np.ndarray) -> float:
    from scipy.spatial.distance import pdist

    return float(pdist(_thinned(image)).mean())


def _nearest(image: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each image to the nearest other one, (n,)."""
    from sklearn.neighbors import NearestNeighbors

    rows = image.reshape(len(image), -1).astype(np.float64)
    return NearestNeighbors(n_neighbors=1, algorithm="brute").fit(rows).kneighbors()[0][:, 0]


def _levels(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, [5, 99], axis=(1, 2))
    return np.stack([image.mean(axis=(1, 2)), low, high], 1)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two images; 0 if one is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 0 else 0.0
