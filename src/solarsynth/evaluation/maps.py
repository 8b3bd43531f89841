"""Standard-deviation maps of samples and of real images of each class, as in Fig. 4, with errors and floors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import JACKKNIFE_PARTS, Value, jackknife, widened
from solarsynth.flares import CLASSES
from solarsynth.metrics.floors import floor_range, largest_rest
from solarsynth.metrics.intervals import unit_interval
from solarsynth.metrics.physics import agreement_floor, map_agreement, polar_share, std_map

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.dataset.labelled import LabelledSet

#: A map of left-out real images takes at most this share of the images of a class.
LARGEST_SHARE = 1 / 4

#: Endings of the columns of an interval, and its attributes.
ENDS = {"": "mean", ", low": "low", ", high": "high"}

#: Parts that are left out in turn for the errors of samples. Correlations are not linear in the images, so that few
#: large parts would overestimate them.
PARTS = 60


def agreements(data: LabelledSet, drawn: Mapping[str, np.ndarray], radius: float, draws: int) -> dict[str, Value]:
    """Compare the map of each class's samples with that of its training images.

    Parameters
    ----------
    data : LabelledSet
    drawn : mapping of str to ndarray of uint8, shape (m, H, W)
        Samples per class.
    radius : float
        Radius of the disk in pixels.
    draws : int
        Repetitions of the floor.

    Returns
    -------
    dict of str to Value
        Per class the correlation of both maps. Held-out images and the floor, which is made of whole left-out units of
        all real images of the class, have maps of as many images. A class with too few images or units has a value
        without a floor.
    """
    return {name: _agreement(data, CLASSES.index(name), image, radius, draws) for name, image in drawn.items()}


def _agreement(data: LabelledSet, index: int, image: np.ndarray, radius: float, draws: int) -> Value:
    here = data.label == index
    real, unit = data.image[here], data.group[here]
    most = [len(image), int(LARGEST_SHARE * len(real))]
    train, test = data.image[here & data.train], data.image[here & data.test]
    # A map of fewer images is noisier, so the held-out one must have as many as the others, if there are any.
    size = max(2, min([*most, len(test)] if len(test) > 1 else most))
    train = _some(train, max(2, largest_rest(unit, size)))
    target = std_map(train)

    def measure(parts: list[np.ndarray]) -> np.ndarray:
        return np.array([map_agreement(std_map(np.concatenate(parts)), target, radius)])

    found = np.array([map_agreement(std_map(_some(image, size)), target, radius)])
    parts = np.array_split(_some(image, size), min(PARTS, size))
    note, low, high = "", np.nan, np.nan
    try:
        floor = agreement_floor(real, unit, radius, size, draws, most=len(train))
        # The draws take about this share of the same units.
        low, high = floor_range(widened(floor[:, None], size / len(real)))[:, 0]
    except SolarsynthError as error:
        note = str(error)
    held_out = map_agreement(std_map(_some(test, size)), target, radius) if len(test) > 1 else np.nan
    return Value(
        f"agreement, class {CLASSES[index]}",
        1,
        float(found[0]),
        float(jackknife(parts, measure, found)[0]),
        JACKKNIFE_PARTS,
        held_out=held_out,
        low=float(low),
        high=float(high),
        images=size,
        floor_images=size,
        reference_images=len(train),
        note=note,
    )


def _some(image: np.ndarray, count: int) -> np.ndarray:
    """Return `count` of the images (n, H, W) at random, or all."""
    return image[np.random.default_rng(0).permutation(len(image))[:count]]


def variation(data: LabelledSet, drawn: Mapping[str, np.ndarray], radius: float) -> pd.DataFrame:
    """Return how much of the variance lies near the poles, and how much a pixel varies, with errors.

    Parameters
    ----------
    data, drawn, radius
        As for `agreements`.

    Returns
    -------
    DataFrame
        A row per class. ``beyond 60°`` is the share of the disk's variance beyond 60° of latitude, ``mean std`` the
        standard deviation of a pixel, mean over the pixels. Both for ``real`` training images, with a 95 % interval
        over units (``beyond 60°, real``, ``beyond 60°, real, low`` and ``..., high``), and for ``drawn`` images, with a
        standard error over parts (``beyond 60°, drawn`` and ``beyond 60°, drawn, error``).
    """
    import pandas as pd

    scores = {"beyond 60°": lambda image: polar_share(std_map(image), radius), "mean std": lambda x: std_map(x).mean()}
    rows = {}
    for name, image in drawn.items():
        here = (data.label == CLASSES.index(name)) & data.train
        real, unit = data.image[here], data.group[here]
        row: dict[str, float] = {"real": len(real), "drawn": len(image)}
        parts = np.array_split(np.random.default_rng(0).permutation(image), min(PARTS, len(image)))
        for title, score in scores.items():
            interval = unit_interval(lambda index, score=score, real=real: _or_nan(score, real[index]), unit)
            found = np.array([score(image)])
            error = jackknife(parts, lambda some, score=score: np.array([score(np.concatenate(some))]), found)
            row |= {f"{title}, real{end}": getattr(interval, key) for end, key in ENDS.items()}
            row |= {f"{title}, drawn": found[0], f"{title}, drawn, error": error[0]}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _or_nan(score, image: np.ndarray) -> float:
    return float(score(image)) if len(image) > 1 else float("nan")
