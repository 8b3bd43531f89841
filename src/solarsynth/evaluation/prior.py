"""Does the prior draw embeddings of the class it was asked for? A distance per class, beside that of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import jackknife
from solarsynth.flares import CLASSES
from solarsynth.metrics.embedding import energy_distance, energy_floor
from solarsynth.metrics.floors import floor_range

if TYPE_CHECKING:
    import pandas as pd

#: Parts of the drawn embeddings that are left out in turn for the error.
PARTS = 10


def prior_check(
    drawn: np.ndarray,
    drawn_label: np.ndarray,
    real: np.ndarray,
    real_label: np.ndarray,
    real_unit: np.ndarray,
    *,
    draws: int,
    classes: Sequence[str] = CLASSES,
) -> pd.DataFrame:
    """Compare drawn embeddings with the real ones of their class by the energy distance.

    Parameters
    ----------
    drawn : ndarray of float, shape (m, d)
        Embeddings from the prior.
    drawn_label : ndarray of int, shape (m,)
        The class that each was drawn for.
    real : ndarray of float, shape (n, d)
        Embeddings of real images.
    real_label : ndarray of int, shape (n,)
    real_unit : ndarray of int, shape (n,)
        Independent unit of each real image.
    draws : int
        Repetitions of the floor.
    classes : sequence of str
        Their names, in the order of the labels.

    Returns
    -------
    DataFrame
        A row per class that was drawn. ``real``: real embeddings of the class. ``distance``: of the drawn embeddings
        from them, with ``error``, a jackknife over parts of the drawn ones. ``floor low``, ``floor high``: 5th and
        95th percentile of the distance between as many real embeddings of whole left-out units, at most a third of
        the class, and others of the class. ``no class``: distance of the real embeddings of all classes, which is
        what a prior that ignores the class would have. NaN where a class has too few real embeddings or units.
    """
    import pandas as pd

    rows = {}
    for i in np.unique(drawn_label):
        own, of_class, unit = drawn[drawn_label == i], real[real_label == i], real_unit[real_label == i]
        try:
            floor = energy_floor(of_class, unit, min(len(own), len(of_class) // 3), draws)
        except SolarsynthError:
            floor = np.array([np.nan])
        several = len(of_class) > 1
        rows[classes[i]] = {
            "real": len(of_class),
            "distance": energy_distance(own, of_class) if several else np.nan,
            "error": _error(own, of_class) if several else np.nan,
            "floor low": floor_range(floor)[0],
            "floor high": floor_range(floor)[1],
            "no class": energy_distance(real, of_class) if several else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").astype({"real": int})


def _error(drawn: np.ndarray, real: np.ndarray) -> float:
    """Return the jackknife standard error of the distance over parts of the drawn embeddings."""
    parts = np.array_split(np.random.default_rng(0).permutation(drawn), min(PARTS, max(1, len(drawn) // 2)))
    found = np.array([energy_distance(drawn, real)])
    return float(jackknife(parts, lambda some: np.array([energy_distance(np.concatenate(some), real)]), found)[0])


def prior_verdict(row: pd.Series) -> str:
    """Say in words what a row of `prior_check` shows."""
    if np.isnan(row["distance"]):
        return "too few real embeddings"
    if np.isnan(row["floor high"]):
        floor = "too few real embeddings for a floor"
    else:
        floor = "within the floor" if row["distance"] <= row["floor high"] else "farther than the floor"
        floor = "closer than the floor" if row["distance"] < row["floor low"] else floor
    nearer = "nearer to the class" if row["distance"] < row["no class"] else "no nearer to the class"
    return f"{floor}, and {nearer} than the embeddings of all classes together"
