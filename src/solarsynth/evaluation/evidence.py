"""Values with intervals by which the paper's claims about images are judged, from what the measures have found."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from solarsynth.evaluation.control import Control
from solarsynth.evaluation.values import Value
from solarsynth.metrics.copies import TAIL
from solarsynth.metrics.intervals import Interval, seed_interval, unit_interval
from solarsynth.metrics.physics.spectrum import high_frequency_ratio

#: Fréchet and kernel distances in networks that have seen no image of this archive.
PUBLISHED_SPACES = ("FID CLIP", "FID InceptionV3", "Fréchet, VGG16 space", "Kernel distance, VGG16 space")
CLUSTERS = ("Cluster error", "Cluster distance", "Cluster std")

#: Standard errors in half of a 95 % interval of a normal value.
ERRORS = 1.96


def paired(a: Value, b: Value, *, from_target: bool = False) -> Interval:
    """Return the value of `a` minus that of `b` over trainings with the same seeds, by Student's t.

    Parameters
    ----------
    a, b : Value
    from_target : bool
        Whether distances from the target are compared, instead of the values.
    """
    values = [np.array(one.each or (one.value,)) for one in (a, b)]
    if from_target:
        values = [np.abs(each - one.target) for each, one in zip(values, (a, b), strict=True)]
    return seed_interval(values[0] - values[1])


def leads(
    found: Mapping[str, Sequence[Value]], model: str, others: Sequence[str], metrics: Sequence[str]
) -> dict[str, Interval]:
    """Return how much nearer to the target one model is than others, in each metric that has a value.

    Parameters
    ----------
    found : mapping of str to sequence of Value
        The rows of Table 1 of every model.
    model : str
    others, metrics : sequence of str

    Returns
    -------
    dict of str to Interval
        Above 0 where `model` is better.
    """
    by_model = {name: {value.metric: value for value in values} for name, values in found.items()}
    differences = {
        f"{metric}, {model} against {other}": paired(
            by_model[other][metric], by_model[model][metric], from_target=by_model[model][metric].target != 0
        )
        for metric in metrics
        for other in others
        if metric in by_model[model] and metric in by_model[other]
    }
    return {name: one for name, one in differences.items() if np.isfinite(one.mean)}


def order(found: Mapping[str, Sequence[Value]], models: Sequence[str], metric: str) -> dict[str, Interval]:
    """Return by how much each model's value exceeds that of the next one, over trainings with the same seeds."""
    values = [next((value for value in found[name] if value.metric == metric), None) for name in models]
    return {
        f"{models[i]} minus {models[i + 1]}": paired(a, b)
        for i, (a, b) in enumerate(itertools.pairwise(values))
        if a is not None and b is not None
    }


def exact(value: float) -> Interval:
    """Return a number without error, as algebra and arithmetic give it."""
    return Interval(float(value), float(value), float(value), np.nan, 0, 0)


def best_reader(found: Mapping[str, Control | str]) -> Control | None:
    """Return the regressor that reads held-out real images best: the one whose skill has the highest lower end."""
    read = [one for one in found.values() if isinstance(one, Control) and np.isfinite(one.skill.low)]
    return max(read, key=lambda one: one.skill.low, default=None)


def reach(control: Control) -> Interval:
    """Return the rise of the readings of generated images over the classes, as a share of that of real images.

    The rise is that from the lowest to the highest class of `span`. The errors of the four means are taken as
    independent.

    Returns
    -------
    Interval
        1 if samples span the classes as real images do, 0 if they are all alike. NaN with one class only, without an
        interval where the rise in real images is not told from 0.
    """
    table = control.by_class.dropna()
    nothing = Interval(np.nan, np.nan, np.nan, np.nan, control.units, 1)
    if len(table) < 2:
        return nothing
    first, last = table.iloc[0], table.iloc[-1]
    real, drawn = last["real"] - first["real"], last["drawn"] - first["drawn"]
    half_real = np.hypot(*((row["real high"] - row["real low"]) / 2 for row in (first, last)))
    half_drawn = ERRORS * np.hypot(first["drawn error"], last["drawn error"])
    share = float(drawn / real)
    if not real > half_real:
        return replace(nothing, mean=share)
    half = float(np.hypot(half_drawn, share * half_real) / real)
    return replace(nothing, mean=share, low=share - half, high=share + half)


def span(control: Control) -> str:
    """Return the classes that have generated images and an interval of real ones, such as ``classes B to M``."""
    names = control.by_class.dropna().index
    return f"classes {names[0]} to {names[-1]}" if len(names) > 1 else "fewer than two classes"


def beyond_the_day(control: Control) -> Interval:
    """Return the correlation of reading and request minus that of a regressor that knows the day, not the flare."""
    c, (null, low, high) = control.correlation, control.within_days
    mean = c.mean - null
    below, above = np.hypot(c.mean - c.low, high - null), np.hypot(c.high - c.mean, null - low)
    return replace(c, mean=mean, low=mean - below, high=mean + above, units=control.units)


def copied(drawn: np.ndarray, held_out: np.ndarray, unit: np.ndarray) -> Interval:
    """Return the share of drawn images nearer to training than 99 % of held-out images are, with its interval.

    Parameters
    ----------
    drawn, held_out : ndarray of float, shapes (m,) and (n,)
        Distances to the nearest training image.
    unit : ndarray of int, shape (n,)
        Independent units of the held-out images, on which the threshold depends.

    Returns
    -------
    Interval
        It adds the error of the threshold, over units, to that of the share of `m` drawn images (Clopper & Pearson).
    """
    from scipy.stats import beta

    over = unit_interval(lambda index: float((drawn < np.quantile(held_out[index], TAIL)).mean()), unit)
    count, m = round(over.mean * len(drawn)), len(drawn)
    low = float(beta.ppf(0.025, count, m - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, m - count)) if count < m else 1.0
    half = 0.0 if np.isnan(over.low) else (over.high - over.low) / 2  # it does not vary with the units
    below, above = np.hypot(over.mean - low, half), np.hypot(high - over.mean, half)
    return replace(over, low=max(0.0, over.mean - below), high=min(1.0, over.mean + above))


def excess(row: Mapping[str, float], title: str, unit: float = 1.0) -> Interval:
    """Return how much more samples have of a quantity of `solarsynth.evaluation.maps.variation` than real images have.

    Parameters
    ----------
    row : mapping of str to float
        A row of its table.
    title : str
        Such as ``beyond 60°``.
    unit : float
        What counts as 1.
    """
    mean = row[f"{title}, drawn"] - row[f"{title}, real"]
    half = (row[f"{title}, real, high"] - row[f"{title}, real, low"]) / 2
    half = float(np.hypot(half, ERRORS * row[f"{title}, drawn, error"]))
    return Interval(*(float(x) / unit for x in (mean, mean - half, mean + half)), np.nan, 0, 0)


def above_floor(value: Value) -> Interval:
    """Return how far a value lies above the lower end of its floor; the interval is that of the samples alone."""
    mean = value.value - value.low
    return Interval(mean, mean - ERRORS * value.error, mean + ERRORS * value.error, np.nan, 0, 0)


def sharper(drawn: np.ndarray, real: np.ndarray, unit: np.ndarray) -> Interval:
    """Return the logarithm of how much sharper drawn images (m, H, H) are than real ones (n, H, H) in units (n,).

    Sharpness is the power at the finest scales relative to the coarse ones. The interval is over drawn images and over
    the units of the real ones.
    """

    def of(image: np.ndarray, groups: np.ndarray) -> Interval:
        return unit_interval(
            lambda index: float(np.log(high_frequency_ratio(image[index]))) if len(index) else np.nan, groups
        )

    a, b = of(drawn, np.arange(len(drawn))), of(real, unit)
    mean, half = a.mean - b.mean, float(np.hypot(a.high - a.low, b.high - b.low) / 2)
    return Interval(mean, mean - half, mean + half, np.nan, min(a.units, b.units), 1)
