"""One frame a day, labelled with the strongest flare of the next 24 hours (Sect. 8.2)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from solarsynth.dataset.regions import NO_REGION, active_regions
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
    tolerance: int = 2 * HOUR,
    covered: tuple[int, int] | None = None,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Label one frame a day with the strongest flare of the next 24 hours.

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms), and what `solarsynth.dataset.regions.active_regions` needs.
    flux : ndarray, shape (len(events),)
        As from `solarsynth.dataset.labelling.event_flux`.
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    mode : {"paper", "all-days"}
        ``paper`` leaves out days without a listed flare. ``all-days`` keeps them with label -1 as negatives, if the
        list covers them.
    tolerance : int
        Longest time from the frame to 00:00 UT, in milliseconds. The last frame of an hourly archive is about an
        hour old by then.
    covered : (int, int), optional
        Period that the flare list covers, in ms; by default from the peak of its first event to that of its last. A
        day outside it without a listed flare is left out: nobody looked whether it was quiet.

    Returns
    -------
    table : DataFrame
        Per day: ``day`` (ms), ``frame`` (index into `frame_time`), ``label`` (-1 to 4), ``flux`` (W/m²), ``region``
        (active region of the strongest flare; -1 if unknown) and ``before`` (class of the strongest flare in the 24
        hours before the day, -1 if none is listed), whether or not that day has a frame.
    counts : dict of str to int
        Days in all, with a frame, kept; and, if there are any, with a frame but outside the list.
    """
    if mode not in MODES:
        raise SolarsynthError(f"unknown mode {mode!r}{did_you_mean(mode, MODES)}")
    days = midnights(frame_time)
    frame, shown = midnight_frames(frame_time, days, tolerance)
    peak = events["peak"].to_numpy()
    strongest = _strongest(peak, flux, days)
    before = _strongest(peak, flux, days - DAY)
    region, listed = active_regions(events), strongest >= 0
    table = pd.DataFrame({"day": days, "frame": frame, "flux": np.nan, "region": NO_REGION})
    table["label"], table["before"] = _class_of(flux, strongest), _class_of(flux, before)
    table.loc[listed, "flux"] = flux[strongest[listed]]
    table.loc[listed, "region"] = region[strongest[listed]]
    table, inside = table[shown], _covered(days, peak, covered)[shown]
    kept = table[(table["label"] >= 0) | (inside & (mode == "all-days"))]
    counts = {"days": len(days), "days with a frame": len(table), "days kept": len(kept)}
    outside = int((~inside & (table["label"] < 0)).sum())
    if outside:
        counts["days with a frame that the flare list does not cover"] = outside
    return kept.reset_index(drop=True), counts


def _covered(days: np.ndarray, peak: np.ndarray, covered: tuple[int, int] | None) -> np.ndarray:
    """Return the days whose 24 hours lie in the period `covered`, or between the first and the last of the peaks."""
    if covered is None:
        known = peak[peak != NO_TIME]
        if not len(known):
            return np.zeros(len(days), bool)
        covered = int(known.min()), int(known.max())
    return (days >= covered[0]) & (days + DAY <= covered[1])


def _strongest(peak: np.ndarray, flux: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the event (m,) with the largest flux in the 24 hours after each midnight, -1 for a day without one."""
    known = np.flatnonzero(np.isfinite(flux) & (peak != NO_TIME))
    # A flare at the very instant of the frame is not in its future: the window is (t, t + 24 h].
    number = np.floor_divide(peak[known] - 1 - days[0], DAY)
    known, number = known[(number >= 0) & (number < len(days))], number[(number >= 0) & (number < len(days))]
    strongest = np.full(len(days), -1)
    order = np.argsort(flux[known], kind="stable")
    strongest[number[order]] = known[order]  # the last one assigned, the strongest, stays
    return strongest


def _class_of(flux: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Return the class (m,) of events by their number, -1 for no event."""
    found = np.full(len(event), -1)
    found[event >= 0] = class_of_flux(flux[event[event >= 0]])
    return found


def midnights(frame_time: np.ndarray) -> np.ndarray:
    """Return the midnights (ms) from the day of the first frame to the last frame."""
    return np.arange(frame_time[0] // DAY * DAY, frame_time[-1] + 1, DAY)


def midnight_frames(
    frame_time: np.ndarray, days: np.ndarray, tolerance: int = 2 * HOUR
) -> tuple[np.ndarray, np.ndarray]:
    """Return the last frame before each midnight, and whether it is close enough.

    A frame after midnight may show a flare that it is meant to forecast.

    Parameters
    ----------
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    days : ndarray of int64, shape (m,)
        Midnights, milliseconds since 1970.
    tolerance : int
        Longest time from the frame to midnight, in milliseconds.

    Returns
    -------
    frame : ndarray of int, shape (m,)
        Indices into `frame_time`.
    shown : ndarray of bool, shape (m,)
    """
    before = np.searchsorted(frame_time, days, side="right") - 1
    frame = np.maximum(before, 0)
    return frame, (before >= 0) & (days - frame_time[frame] <= tolerance)
