"""Does the X-ray flux of flares fall more slowly than it rises? Times at half of the peak, from the flux itself.

The times of flare lists cannot answer: a listed flare begins where the flux begins to rise and ends where it has lost
half of the rise. Here both sides are measured alike, from the peak to half of its height above the flux before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.metrics.intervals import Interval, unit_interval
from solarsynth.times import HOUR, MINUTE, NO_TIME

if TYPE_CHECKING:
    import pandas as pd

#: A flare must rise above the flux before it by this factor, or noise decides where half of its height is.
CONTRAST = 2.0

#: Longest time of a side, and the number of steps of time that a gap may have.
LONGEST, GAP = 6 * HOUR, 3


def per_minute(parts: Iterable[pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean flux of each minute that has samples, so that years of samples every 2 s fit into memory.

    Parameters
    ----------
    parts : iterable of DataFrame
        As from `solarsynth.observations.archive.Archive.xrs_parts`.

    Returns
    -------
    time : ndarray of int64, shape (n,)
        Beginning of the minute in ms, in order.
    flux : ndarray of float64, shape (n,)
    """
    import pandas as pd

    minutes = [part["flux"].astype(np.float64).groupby(part["time"] // MINUTE).agg(["sum", "count"]) for part in parts]
    if not minutes:
        return np.zeros(0, np.int64), np.zeros(0)
    total = pd.concat(minutes).groupby(level=0).sum()  # a minute may lie in two parts
    return total.index.to_numpy(np.int64) * MINUTE, (total["sum"] / total["count"]).to_numpy()


def half_times(events: pd.DataFrame, time: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """Return the time from half height to the peak, and from the peak to half height.

    Parameters
    ----------
    events : DataFrame
        ``start`` and ``peak`` (ms) of each event.
    time : ndarray of int64, shape (n,)
        In ms, in order.
    flux : ndarray of float, shape (n,)
        W/m².

    Returns
    -------
    ndarray of float, shape (events, 2)
        In ms. NaN where the flux has a gap, the flare is not `CONTRAST` times as bright as the flux before, or the next
        flare starts before half height is reached: that drops more of the long decays than of the short ones.
    """
    found = np.full((len(events), 2), np.nan)
    if len(time) < 3 or "start" not in events:
        return found
    start, peak = events["start"].to_numpy(), events["peak"].to_numpy()
    step, starts = np.median(np.diff(time)), np.sort(start)
    for k in np.flatnonzero((start != NO_TIME) & (start < peak)):
        following = np.searchsorted(starts, peak[k], "right")
        end = min(peak[k] + LONGEST, starts[following] if following < len(starts) else peak[k] + LONGEST)
        first = max(np.searchsorted(time, start[k], "right") - 1, 0)
        last = np.searchsorted(time, end, "right")
        found[k] = _sides(time[first:last], flux[first:last], peak[k], step)
    return found


def _sides(time: np.ndarray, flux: np.ndarray, peak: int, step: float) -> tuple[float, float]:
    near = np.flatnonzero(np.abs(time - peak) <= step)
    if len(time) < 3 or not len(near) or np.diff(time).max() > GAP * step or not np.isfinite(flux).all():
        return np.nan, np.nan
    top = near[flux[near].argmax()]
    half = (flux[0] + flux[top]) / 2
    before, after = np.flatnonzero(flux[:top] < half), np.flatnonzero(flux[top:] < half)
    if flux[top] < CONTRAST * flux[0] or not len(before) or not len(after):
        return np.nan, np.nan
    rise, fall = before[-1], top + after[0]
    return time[top] - _crossing(time, flux, rise, half), _crossing(time, flux, fall - 1, half) - time[top]


def _crossing(time: np.ndarray, flux: np.ndarray, i: int, level: float) -> float:
    """Return where the line from sample i to the next one has a level."""
    return time[i] + (time[i + 1] - time[i]) * (level - flux[i]) / (flux[i + 1] - flux[i])


def decay_over_rise(events: pd.DataFrame, time: np.ndarray, flux: np.ndarray, unit: np.ndarray) -> Interval:
    """Return how many times longer flares decay than they rise, geometric mean with its interval over units.

    Parameters
    ----------
    events, time, flux
        As for `half_times`; only events with a class, ``goes_class``, count.
    unit : ndarray of int, shape (events,)
        Independent unit of each event, such as its block of weeks.
    """
    listed = (events["goes_class"] != "").to_numpy()
    rise, decay = half_times(events[listed], time, flux).T
    known = (rise > 0) & (decay > 0)
    if not known.any():
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, 0)
    ratio = np.log(decay[known] / rise[known])
    found = unit_interval(lambda index: float(ratio[index].mean()), unit[listed][known])
    return replace(found, mean=float(np.exp(found.mean)), low=float(np.exp(found.low)), high=float(np.exp(found.high)))
