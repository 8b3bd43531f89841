"""One frame a day, labelled with the strongest flare of the next 24 hours (Sect. 8.2)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, did_you_mean
from solarsynth.flares import class_of_flux
from solarsynth.times import DAY, HOUR, NO_TIME

MODES = ("paper", "all-days")


def daily_labels(
    events: pd.DataFrame,
    flux: np.ndarray,
    frame_time: np.ndarray,
    *,
    mode: str = "paper",
    tolerance: int = HOUR,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Label one frame a day with the strongest flare of the next 24 hours.

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms).
    flux : ndarray, shape (len(events),)
        As from `solarsynth.dataset.labelling.event_flux`.
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    mode : {"paper", "all-days"}
        ``paper`` leaves out days without a listed flare. ``all-days`` keeps them with label -1 as negatives.
    tolerance : int
        Longest time between the frame and 00:00 UT, in milliseconds.

    Returns
    -------
    table : DataFrame
        Per day: ``day`` (ms), ``frame`` (index into `frame_time`), ``label`` (-1 to 4), ``flux`` (W/m²).
    counts : dict of str to int
        Days in all, with a frame, kept.
    """
    if mode not in MODES:
        raise SolarsynthError(f"unknown mode {mode!r}{did_you_mean(mode, MODES)}")
    days = midnights(frame_time)
    frame, shown = midnight_frames(frame_time, days, tolerance)
    strongest = _strongest(events["peak"].to_numpy(), flux, days)[shown]
    known = np.isfinite(strongest)
    table = pd.DataFrame({"day": days[shown], "frame": frame[shown], "flux": strongest})
    table["label"] = np.where(known, class_of_flux(np.where(known, strongest, 0)), -1)
    kept = table if mode == "all-days" else table[table["label"] >= 0]
    counts = {"days": len(days), "days with a frame": len(table), "days kept": len(kept)}
    return kept.reset_index(drop=True), counts


def _strongest(peak: np.ndarray, flux: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the largest peak flux in the 24 hours after each midnight, NaN for a day without a flare."""
    known = np.isfinite(flux) & (peak != NO_TIME)
    # A flare at the very instant of the frame is not in its future: the window is (t, t + 24 h].
    number = np.floor_divide(peak[known] - 1 - days[0], DAY)
    strongest = np.full(len(days), -np.inf)
    inside = (number >= 0) & (number < len(days))
    np.maximum.at(strongest, number[inside], flux[known][inside])
    return np.where(np.isfinite(strongest), strongest, np.nan)


def midnights(frame_time: np.ndarray) -> np.ndarray:
    """Return the midnights (ms) from the day of the first frame to the last frame."""
    return np.arange(frame_time[0] // DAY * DAY, frame_time[-1] + 1, DAY)


def midnight_frames(frame_time: np.ndarray, days: np.ndarray, tolerance: int = HOUR) -> tuple[np.ndarray, np.ndarray]:
    """Return the frame closest to each midnight, and whether it is close enough.

    Parameters
    ----------
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    days : ndarray of int64, shape (m,)
        Midnights, milliseconds since 1970.
    tolerance : int
        Longest time between the frame and midnight, in milliseconds.

    Returns
    -------
    frame : ndarray of int, shape (m,)
        Indices into `frame_time`.
    shown : ndarray of bool, shape (m,)
    """
    after = np.clip(np.searchsorted(frame_time, days), 0, len(frame_time) - 1)
    before = np.maximum(after - 1, 0)
    closest = np.where(np.abs(frame_time[before] - days) < np.abs(frame_time[after] - days), before, after)
    return closest, np.abs(frame_time[closest] - days) <= tolerance
