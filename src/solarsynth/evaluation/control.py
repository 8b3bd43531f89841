"""Does it obey? What an independent regressor reads in generated images, against what was asked for.

Ridge regression learns the logarithm of the X-ray flux from features of real images. It is trained on real images that
the generator has not learnt from. Its penalty is chosen, and its own skill measured, on blocks that were left out. A
regressor without skill judges nothing. Two nulls say what a reading is worth: requests permuted among the generated
images (are they read at all?), and real labels permuted within days before the regressor learns (does it read the
flare, or only the phase of the cycle and the regions of the day?).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.metrics.intervals import Interval, unit_interval
from solarsynth.metrics.readings import (
    best_penalty,
    components,
    cross_skill,
    exceedance,
    fitted,
    held_out_readings,
    permuted_within,
    read_classes,
    request_correlation,
    spearman,
)
from solarsynth.metrics.readings import slope as slope_of

if TYPE_CHECKING:
    import pandas as pd

#: Permutations of the labels within days, and the share of real images that must share a day with another: where few
#: do, the permuted labels are nearly the true ones and say nothing.
WITHIN_DAYS, SHARED = 100, 0.5

#: Real images, and independent units of them, without which nothing can be learnt and tested.
FEWEST_IMAGES, FEWEST_UNITS = 20, 4


@dataclass(frozen=True)
class Control:
    """What a regressor reads in generated images; fluxes are log10 of W/m².

    Attributes
    ----------
    space : str
    skill : Interval
        Spearman correlation of reading and flux for held-out real images, over their units.
    skill_in_days : float
        p-value of the skill against labels permuted within days. Small: the images show more than the day.
    slope_real : float
        Slope of the readings of held-out real images against their flux; below 1, since ridge regression is careful.
    correlation : Interval
        Spearman correlation of reading and request for generated images. The interval resamples the units of the real
        images and the generated images; its p-value permutes the requests.
    slope : float
        Slope of the readings of generated images against the request. A perfect generator has `slope_real`.
    within_days : tuple of float
        Mean, 2.5 and 97.5 % of the correlation if the regressor learns from labels permuted within days.
    p_within_days : float
        Probability of such a correlation at least as large. It is NaN, as `within_days` and `skill_in_days` are, if
        fewer than half of the real images share a day with another: there is little to permute.
    rising : tuple of int
        Steps between neighbouring classes in which the mean reading rises, and the number of steps.
    by_class : DataFrame
        A row per class that was drawn: ``requested``; mean readings ``drawn`` with ``drawn error``; ``real``, that of
        held-out real images, with ``real low`` and ``real high`` (NaN where a class has too few units);
        ``recognised`` and ``real recognised``, the shares of both whose reading is nearest to the ``real`` mean of the
        class.
    reading, requested : ndarray of float, shape (m,)
    penalty : float
    units, images : int
        Units and real images from which the regressor learns.
    """

    space: str
    skill: Interval
    skill_in_days: float
    slope_real: float
    correlation: Interval
    slope: float
    within_days: tuple[float, float, float]
    p_within_days: float
    rising: tuple[int, int]
    by_class: pd.DataFrame
    reading: np.ndarray
    requested: np.ndarray
    penalty: float
    units: int
    images: int

    @property
    def judges(self) -> bool:
        """Whether the regressor reads held-out real images: the interval of its skill lies above 0."""
        return bool(self.skill.low > 0)

    @property
    def calibration(self) -> float:
        """The slope relative to that of real images: 1 if a request changes images as much as flux changes the Sun."""
        return self.slope / self.slope_real if self.judges and self.slope_real > 0 else float("nan")

    def verdict(self) -> str:
        """Return in a line what was found."""
        if not self.judges:
            s = self.skill
            return (
                f"judges nothing: the regressor does not read held-out real images (correlation {s.mean:.2f}, "
                f"{s.low:.2f} to {s.high:.2f})"
            )
        c = self.correlation
        found = f"correlation {c.mean:.2f} ({c.low:.2f} to {c.high:.2f})"
        if c.high < 0:
            return f"does the opposite: {found}; what is read falls where more is asked for"
        if not c.p < 0.05 or c.mean <= 0:
            return f"does not obey: {found}, as permuted requests have it"
        if np.isnan(self.p_within_days):
            return f"obeys: {found}; too few real images share a day to say whether more than the day is read"
        if not self.p_within_days < 0.05:
            return f"obeys, but no more than the day explains: {found}, labels permuted within days {self._null()}"
        return f"obeys: {found}, labels permuted within days {self._null()}"

    def _null(self) -> str:
        mean, low, high = self.within_days
        return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def control(
    real: np.ndarray,
    flux: np.ndarray,
    unit: np.ndarray,
    day: np.ndarray,
    drawn: np.ndarray,
    requested: np.ndarray,
    *,
    label: np.ndarray | None = None,
    drawn_label: np.ndarray | None = None,
    space: str = "",
    seed: int = 0,
) -> Control:
    """Train a regressor on real images, and read generated ones with it.

    Parameters
    ----------
    real : ndarray of float, shape (n, d)
        Features of real images that the generator has not learnt from; NaN for a quantity that an image does not have.
    flux : ndarray of float, shape (n,)
        log10 of W/m².
    unit, day : ndarray of int, shape (n,)
        Independent unit, and day, of each real image.
    drawn : ndarray of float, shape (m, d)
    requested : ndarray of float, shape (m,)
        log10 of W/m².
    label, drawn_label : ndarray of int, shapes (n,) and (m,), optional
        Classes, for the table by class; without them it has no row.
    space : str
        Names the features.
    seed : int
        Of permutations and resamplings.

    Returns
    -------
    Control

    Raises
    ------
    SolarsynthError
        If there are too few real images or units, or fewer than three generated images or two different requests.
    """
    units = _check(unit, requested)
    rng = np.random.default_rng(seed)
    prepare = components(real)
    x, z = prepare(real), prepare(drawn)
    held_out = held_out_readings(x, flux, unit)
    penalty = best_penalty(x, flux, unit)
    read = fitted(x, flux, penalty)
    reading = read(z)
    # Without a unit the regressors are others, too: readings that are held fixed have intervals that are too narrow.
    skill = unit_interval(lambda index: cross_skill(x[index], flux[index], unit[index], penalty), unit)
    low, high = (float(np.clip(end, -1, 1)) for end in (skill.low, skill.high))
    found = spearman(reading, requested)
    shared = np.isin(day, [one for one, count in zip(*np.unique(day, return_counts=True), strict=True) if count > 1])
    shuffled = [permuted_within(day, rng) for _ in range(WITHIN_DAYS if shared.mean() >= SHARED else 0)]
    null = np.array([spearman(fitted(x, flux[order], penalty)(z), requested) for order in shuffled])
    null_skill = [cross_skill(x, flux[order], unit, penalty) for order in shuffled]
    return Control(
        space,
        replace(skill, low=low, high=high),
        exceedance(cross_skill(x, flux, unit, penalty), np.array(null_skill)),
        slope_of(flux, held_out),
        request_correlation(x, flux, unit, z, requested, penalty, rng),
        slope_of(requested, reading),
        (float(null.mean()), *np.quantile(null, [0.025, 0.975]).tolist()) if len(null) else (np.nan,) * 3,
        exceedance(found, null),
        *_by_class(reading, requested, drawn_label, held_out, label, unit),
        reading,
        np.asarray(requested, float),
        penalty,
        units,
        len(real),
    )


def _check(unit: np.ndarray, requested: np.ndarray) -> int:
    """Return the number of units; raise `SolarsynthError` if there is too little to learn from or to read."""
    units = len(np.unique(unit))
    if len(unit) < FEWEST_IMAGES or units < FEWEST_UNITS:
        raise SolarsynthError(
            f"a regressor needs {FEWEST_IMAGES} real images in {FEWEST_UNITS} independent units that the generator has "
            f"not learnt from, got {len(unit)} in {units}"
        )
    if len(requested) < 3 or len(np.unique(requested)) < 2:
        raise SolarsynthError(
            f"control needs three generated images and two different requests, got {len(requested)} images and "
            f"{len(np.unique(requested))}"
        )
    return units


def _by_class(
    reading: np.ndarray,
    requested: np.ndarray,
    drawn_label: np.ndarray | None,
    held_out: np.ndarray,
    label: np.ndarray | None,
    unit: np.ndarray,
) -> tuple[tuple[int, int], pd.DataFrame]:
    """Return how often the mean reading rises from class to class, and the table of `Control.by_class`."""
    import pandas as pd

    nan, rows = float("nan"), {}
    seen, seen_real = read_classes(reading, held_out, label), read_classes(held_out, held_out, label)
    for i in () if drawn_label is None else np.unique(drawn_label[drawn_label >= 0]):
        here = drawn_label == i
        true = np.flatnonzero(label == i) if label is not None else np.zeros(0, int)
        real = Interval(nan, nan, nan, nan, 0, 0)
        if len(true):
            real = unit_interval(lambda index, true=true: held_out[true[index]].mean(), unit[true])
        rows[CLASSES[i]] = {
            "requested": requested[here].mean(),
            "drawn": reading[here].mean(),
            "drawn error": reading[here].std(ddof=1) / np.sqrt(here.sum()) if here.sum() > 1 else nan,
            "real": real.mean,
            "real low": real.low,
            "real high": real.high,
            "recognised": (seen[here] == i).mean() if len(true) else nan,
            "real recognised": (seen_real[true] == i).mean() if len(true) else nan,
        }
    columns = ["requested", "drawn", "drawn error", "real", "real low", "real high", "recognised", "real recognised"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    steps = np.diff(table["drawn"].to_numpy(float))
    return (int((steps > 0).sum()), len(steps)), table
