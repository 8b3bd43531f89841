"""From events to labelled frames: Section 2.4 of the paper, each rule a named parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.labelled import class_of_flux
from solarsynth.observations.archive import Archive, block_mean, normalise, to_uint8
from solarsynth.observations.goes import to_scale
from solarsynth.observations.times import DAY, NO_TIME, to_datetime

SCALES = ("operational", "science", "paper")


def flux_of_class(text: pd.Series) -> np.ndarray:
    """Return the flux in W/m² that class names such as ``M2.5`` stand for; NaN where a text is none."""
    parts = text.str.upper().str.extract(r"^\s*([ABCMX])\s*(\d+(?:\.\d*)?)?\s*$")
    scale = parts[0].map({"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}).astype(float)
    return (scale * parts[1].astype(float).fillna(1.0)).to_numpy(copy=True)


def label_events(
    events: pd.DataFrame,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    frame_time: np.ndarray,
    *,
    frame_tolerance: float = 420.0,
    flux_tolerance: float = 6.0,
    scale: str = "operational",
    xrs_scale: str = "operational",
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give frames the class of the flare they follow.

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms, `NO_TIME` if unknown) and ``goes_class`` ("" if none; classes are operational).
    xrs : DataFrame, or iterable of DataFrame
        ``time`` (ms, increasing), ``flux`` (W/m²), ``satellite``; good samples only. Parts follow each other.
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    frame_tolerance : float
        Seconds a frame may follow the peak (the paper: 7 minutes).
    flux_tolerance : float
        Seconds an X-ray sample may follow the peak (the paper: 6).
    scale : {"operational", "science", "paper"}
        Scale of the classes. ``paper`` mixes: listed classes as they are, measured flux on the science scale.
    xrs_scale : {"operational", "science"}
        Scale of `xrs`.

    Returns
    -------
    table : DataFrame
        One row per labelled frame: ``frame`` (index into `frame_time`), ``label`` (0 to 4), ``flux`` (W/m²),
        ``peak`` (ms), ``delay`` (s), ``from_list`` (class from the list, not the flux), ``events`` (merged).
    funnel : dict of str to int
        How many events and images are left after each step.
    """
    funnel = {"events": len(events)}
    inside = events["peak"] != NO_TIME
    if len(frame_time):
        first, last = frame_time[0] - int(frame_tolerance * 1000), frame_time[-1]
        inside &= (events["peak"] >= first) & (events["peak"] <= last)
    events = events[inside]
    funnel["with a peak time while frames were taken"] = len(events)
    peak = events["peak"].to_numpy()
    flux, from_list = event_flux(events, xrs, flux_tolerance=flux_tolerance, scale=scale, xrs_scale=xrs_scale)
    funnel["with a class in the list"] = int(from_list.sum())
    funnel["with a class or a flux"] = int(np.isfinite(flux).sum())
    frame, shown = _first_after(frame_time, peak, frame_tolerance)
    keep = np.isfinite(flux) & shown
    funnel["followed by a frame"] = int(keep.sum())
    table = pd.DataFrame(
        {
            "frame": frame[keep],
            "label": class_of_flux(flux[keep]),
            "flux": flux[keep],
            "peak": peak[keep],
            "delay": (frame_time[frame[keep]] - peak[keep]) / 1000 if len(frame_time) else [],
            "from_list": from_list[keep],
        }
    )
    # Several detections on one frame are one flare, or one that outshines the rest: the strongest labels it.
    table["events"] = table.groupby("frame")["frame"].transform("size")
    table = table.sort_values(["frame", "flux"], kind="stable").drop_duplicates("frame", keep="last")
    funnel["labelled frames"] = len(table)
    return table.reset_index(drop=True), funnel


def event_flux(
    events: pd.DataFrame,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    *,
    flux_tolerance: float,
    scale: str = "operational",
    xrs_scale: str = "operational",
) -> tuple[np.ndarray, np.ndarray]:
    """Return the peak flux of events (n,) in W/m², NaN where unknown, and whether it is the list's (n,).

    The parameters are those of `label_events`.
    """
    if scale not in SCALES:
        raise SolarsynthError(f"no scale {scale!r}{nearest(scale, SCALES)}")
    peak = events["peak"].to_numpy()
    flux = flux_of_class(events["goes_class"].fillna("").astype(str))
    from_list = np.isfinite(flux)
    if scale == "science":
        flux = to_scale(flux, np.zeros(len(flux), int), "operational", "science")
    unknown = np.flatnonzero(~from_list & (peak != NO_TIME))
    order = unknown[np.argsort(peak[unknown], kind="stable")]
    waiting = 0  # events before this one in `order` are settled
    for part in [xrs] if isinstance(xrs, pd.DataFrame) else xrs:
        if waiting == len(order):
            break
        time = part["time"].to_numpy()
        if not len(time):
            continue
        # The first sample not before the peak may lie in the next part: those events wait for it.
        upto = waiting + np.searchsorted(peak[order[waiting:]], time[-1], side="right")
        here = order[waiting:upto]
        sample, near = _first_after(time, peak[here], flux_tolerance)
        satellite = part["satellite"].to_numpy() if "satellite" in part else np.zeros(len(time), int)
        found = to_scale(
            part["flux"].to_numpy(np.float64)[sample],
            satellite[sample],
            xrs_scale,
            "science" if scale == "paper" else scale,
        )
        flux[here[near]] = found[near]
        waiting = upto
    return flux, from_list


def scale_confusion(
    events: pd.DataFrame, xrs_parts: Callable[[], Iterable[pd.DataFrame]], *, flux_tolerance: float, xrs_scale: str
) -> pd.DataFrame:
    """Count events by their class on the operational (rows) and on the science scale (columns).

    The parameters are those of `label_events`; the flux is walked through twice, so a function gives its parts.
    """
    classes = []
    for scale in ("operational", "science"):
        flux, _ = event_flux(events, xrs_parts(), flux_tolerance=flux_tolerance, scale=scale, xrs_scale=xrs_scale)
        known = np.isfinite(flux)
        classes.append(class_of_flux(flux[known]))
    counts = np.zeros((len(CLASSES), len(CLASSES)), int)
    np.add.at(counts, tuple(classes), 1)
    return pd.DataFrame(counts, pd.Index(CLASSES, name="operational"), pd.Index(CLASSES, name="science"))


def daily_labels(
    events: pd.DataFrame,
    flux: np.ndarray,
    frame_time: np.ndarray,
    *,
    mode: str = "paper",
    tolerance: float = 3600.0,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Label one frame a day with the strongest flare of the next 24 hours (Sect. 8.2).

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms).
    flux : ndarray, shape (len(events),)
        As from `event_flux`.
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    mode : {"paper", "all-days"}
        ``paper`` leaves out days without a listed flare; ``all-days`` keeps them with label -1, a negative.
    tolerance : float
        Seconds the frame may be away from 00:00 UT.

    Returns
    -------
    table : DataFrame
        Per day: ``day`` (ms), ``frame`` (index into `frame_time`), ``label`` (-1 to 4), ``flux`` (W/m²).
    counts : dict of str to int
        Days in all, with a frame, kept.
    """
    if mode not in ("paper", "all-days"):
        raise SolarsynthError(f"no mode {mode!r}{nearest(mode, ('paper', 'all-days'))}")
    days = np.arange(frame_time[0] // DAY * DAY, frame_time[-1] + 1, DAY)
    frame, shown = midnight_frames(frame_time, days, tolerance)
    days_seen, frame = days[shown], frame[shown]
    known = np.isfinite(flux) & (events["peak"].to_numpy() != NO_TIME)
    peak, strength = events["peak"].to_numpy()[known], flux[known]
    # A flare at the very moment of the frame is not in its future: t in (t0, t0 + 24 h].
    number = np.floor_divide(peak - 1 - days[0], DAY)
    best = np.full(len(days), -np.inf)
    inside = (number >= 0) & (number < len(days))
    np.maximum.at(best, number[inside], strength[inside])
    best = best[shown]
    table = pd.DataFrame({"day": days_seen, "frame": frame, "flux": np.where(np.isfinite(best), best, np.nan)})
    table["label"] = np.where(np.isfinite(best), class_of_flux(np.where(np.isfinite(best), best, 0)), -1)
    kept = table if mode == "all-days" else table[table["label"] >= 0]
    counts = {"days": len(days), "days with a frame": len(table), "days kept": len(kept)}
    return kept.reset_index(drop=True), counts


def midnight_frames(
    frame_time: np.ndarray, days: np.ndarray, tolerance: float = 3600.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return, per midnight (ms), the nearest frame's index and whether it is within `tolerance` seconds."""
    after = np.clip(np.searchsorted(frame_time, days), 0, len(frame_time) - 1)
    before = np.maximum(after - 1, 0)
    nearest_frame = np.where(np.abs(frame_time[before] - days) < np.abs(frame_time[after] - days), before, after)
    return nearest_frame, np.abs(frame_time[nearest_frame] - days) <= tolerance * 1000


def usable_frames(
    events: pd.DataFrame,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    frame_time: np.ndarray,
    *,
    frame_tolerance: float = 420.0,
    flux_tolerance: float = 6.0,
    xrs_scale: str = "science",
) -> np.ndarray:
    """Return the frames (indices, increasing) that a labelled or a daily set can use.

    The parameters are those of `label_events`.
    """
    table, _ = label_events(
        events,
        xrs,
        frame_time,
        frame_tolerance=frame_tolerance,
        flux_tolerance=flux_tolerance,
        xrs_scale=xrs_scale,
    )
    days = np.arange(frame_time[0] // DAY * DAY, frame_time[-1] + 1, DAY)
    frame, shown = midnight_frames(frame_time, days)
    return np.unique(np.concatenate([table["frame"].to_numpy(), frame[shown]]))


def _first_after(times: np.ndarray, wanted: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return, per wanted time, the index of the first time not before it, and whether it is near enough."""
    index = np.searchsorted(times, wanted, side="left")
    found = index < len(times)
    index = np.minimum(index, max(len(times) - 1, 0))
    if len(times):
        found &= times[index] - wanted <= tolerance * 1000
    return index, found


def normalised_frames(archive: Archive, index: np.ndarray, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Read frames by their place among the usable ones, average and normalise them.

    Parameters
    ----------
    archive : Archive
    index : ndarray of int, shape (n,)
    image_size : int

    Returns
    -------
    image : ndarray of uint8, shape (n, image_size, image_size)
    sound : ndarray of bool, shape (n,)
        False for a frame that is empty or holds NaN.
    """
    frames = archive.frames()
    images, good = [np.empty((0, image_size, image_size), np.uint8)], [np.empty(0, bool)]
    for part in np.array_split(index, max(1, len(index) // 1024)):
        raw = archive.read(frames, part)
        # A missing chunk reads as zeros, silently; a dark frame is no Sun.
        sound = np.isfinite(raw).all(axis=(1, 2)) & (raw.max(axis=(1, 2), initial=0) > 0)
        raw[~sound] = 0
        good.append(sound)
        images.append(to_uint8(normalise(block_mean(raw, image_size, archive.path), archive.unit)))
    return np.concatenate(images), np.concatenate(good)


def labelled_frames(
    archive: Archive,
    image_size: int,
    scale: str = "operational",
    frame_tolerance: float = 0.0,
    flux_tolerance: float = 0.0,
) -> tuple[pd.DataFrame, np.ndarray, dict[str, int], dict]:
    """Label an archive's frames and read those that have a label.

    Parameters
    ----------
    archive : Archive
    image_size : int
        Side in pixels; the archive's frames are averaged down to it.
    scale : {"operational", "science", "paper"}
        Scale of the classes; see `label_events`.
    frame_tolerance, flux_tolerance : float
        Seconds; 0 takes what the archive says of itself.

    Returns
    -------
    table : DataFrame
        As from `label_events`, with ``frame_time`` (ms).
    image : ndarray of uint8, shape (n, image_size, image_size)
    funnel : dict of str to int
    about : dict

    Raises
    ------
    SolarsynthError
        If no frame gets a label, or the frames cannot be averaged to the size.
    """
    frames = archive.frames()
    rules = archive.attributes
    frame_tolerance = frame_tolerance or 60 * float(rules.get("frame_tolerance_minutes", 7.0))
    flux_tolerance = flux_tolerance or float(rules.get("flux_tolerance_seconds", 6.0))
    table, funnel = label_events(
        archive.events(),
        archive.xrs_parts(),
        frames.time,
        frame_tolerance=frame_tolerance,
        flux_tolerance=flux_tolerance,
        scale=scale,
        xrs_scale=archive.xrs_scale,
    )
    if table.empty:
        raise SolarsynthError(
            f"{archive.path}: no frame gets a label: of {funnel['events']} events {funnel['with a class or a flux']} "
            f"have a class or a flux and none is followed by a frame within {frame_tolerance / 60:g} min"
        )
    table["frame_time"] = frames.time[table["frame"].to_numpy()]
    image, keep = normalised_frames(archive, table["frame"].to_numpy(), image_size)
    funnel["with a sound image"] = int(keep.sum())
    if not keep.any():
        raise SolarsynthError(
            f"{archive.path}: every labelled frame is empty or holds NaN; run 'solarsynth archive info'"
        )
    about = {
        "source": rules.get("source", "archive"),
        "frame_tolerance_seconds": frame_tolerance,
        "flux_tolerance_seconds": flux_tolerance,
        "scale": scale,
        "frames": {
            "stored": frames.stored,
            "usable": len(frames),
            "without a time": frames.without_time,
            "repeated": frames.duplicates,
            "out of order": frames.unsorted,
        },
    }
    return table[keep].reset_index(drop=True), image[keep], funnel, about


def period(frame_time: np.ndarray) -> str:
    """Return the days of the first and the last frame, for captions."""
    first, last = to_datetime(np.array([frame_time.min(), frame_time.max()])).astype("datetime64[D]")
    return f"{first} to {last}"
