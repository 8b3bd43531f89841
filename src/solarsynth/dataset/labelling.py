"""From events to labelled frames (Section 2.4 of the paper); every rule is a named parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from solarsynth.dataset.daily import midnight_frames, midnights
from solarsynth.dataset.regions import active_regions
from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.flares import CLASSES, class_of_flux, flux_of_class
from solarsynth.observations.archive import Archive
from solarsynth.observations.goes import list_satellite, to_scale
from solarsynth.pixels import block_mean, normalise, to_uint8
from solarsynth.times import MINUTE, NO_TIME, SECOND, to_datetime

SCALES = ("operational", "science", "paper")


def label_events(
    events: pd.DataFrame,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    frame_time: np.ndarray,
    *,
    frame_tolerance: int = 7 * MINUTE,
    flux_tolerance: int = 6 * SECOND,
    scale: str = "operational",
    xrs_scale: str = "operational",
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Label frames with the class of the flare that they follow.

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms, `NO_TIME` if unknown) and ``goes_class`` ("" if none; classes are as SWPC lists them:
        operational, from GOES-16 on without a factor). Optionally ``satellite``, 0 if unknown.
    xrs : DataFrame, or iterable of DataFrame
        ``time`` (ms, increasing), ``flux`` (W/m²), ``satellite``; good samples only. Parts are in order of time.
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    frame_tolerance : int
        Milliseconds that a frame may follow the peak (the paper: 7 minutes).
    flux_tolerance : int
        Milliseconds that an X-ray sample may follow the peak (the paper: 6 seconds).
    scale : {"operational", "science", "paper"}
        Scale of the classes. ``paper`` mixes both: listed classes are operational, measured flux is on the science
        scale.
    xrs_scale : {"operational", "science"}
        Scale of `xrs`.

    Returns
    -------
    table : DataFrame
        One row per labelled frame: ``frame`` (index into `frame_time`), ``label`` (0 to 4), ``flux`` (W/m²),
        ``peak`` (ms), ``delay`` (ms), ``from_list`` (True if the list gave the class, False if the flux did),
        ``events`` (number of events that share the frame), ``region`` (active region of the strongest; see
        `solarsynth.dataset.regions`).
    funnel : dict of str to int
        How many events and images are left after each step.
    """
    funnel = {"events": len(events)}
    region = active_regions(events)
    inside = events["peak"] != NO_TIME
    if len(frame_time):
        first, last = frame_time[0] - frame_tolerance, frame_time[-1]
        inside &= (events["peak"] >= first) & (events["peak"] <= last)
    events, region = events[inside], region[inside.to_numpy()]
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
            "delay": frame_time[frame[keep]] - peak[keep] if len(frame_time) else np.empty(0, np.int64),
            "from_list": from_list[keep],
            "region": region[keep],
        }
    )
    # Several events on one frame are usually the same flare. If not, the strongest dominates the frame. It gives the
    # label in both cases.
    table["events"] = table.groupby("frame")["frame"].transform("size")
    table = table.sort_values(["frame", "flux"], kind="stable").drop_duplicates("frame", keep="last")
    funnel["labelled frames"] = len(table)
    return table.reset_index(drop=True), funnel


def event_flux(
    events: pd.DataFrame,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    *,
    flux_tolerance: int,
    scale: str = "operational",
    xrs_scale: str = "operational",
) -> tuple[np.ndarray, np.ndarray]:
    """Return the peak flux of events.

    The parameters are those of `label_events`.

    Returns
    -------
    flux : ndarray of float64, shape (n,)
        W/m², NaN if unknown.
    from_list : ndarray of bool, shape (n,)
        Whether the flux follows from the class in the list.
    """
    if scale not in SCALES:
        raise SolarsynthError(f"unknown scale {shown(scale)}{did_you_mean(scale, SCALES)}")
    peak = events["peak"].to_numpy()
    flux = flux_of_class(events["goes_class"].fillna("").astype(str))
    from_list = np.isfinite(flux)
    if scale == "science":
        listed_by = list_satellite(peak, events["satellite"] if "satellite" in events else None)
        flux = to_scale(flux, listed_by, "operational", "science")
    unknown = np.flatnonzero(~from_list & (peak != NO_TIME))
    order = unknown[np.argsort(peak[unknown], kind="stable")]
    waiting = 0  # the events before this one in `order` are done
    for part in [xrs] if isinstance(xrs, pd.DataFrame) else xrs:
        if waiting == len(order):
            break
        time = part["time"].to_numpy()
        if not len(time):
            continue
        # Events whose peak is later than the last sample of this part wait for the next part.
        upto = waiting + np.searchsorted(peak[order[waiting:]], time[-1], side="right")
        here = order[waiting:upto]
        sample, found = _first_after(time, peak[here], flux_tolerance)
        satellite = part["satellite"].to_numpy() if "satellite" in part else np.zeros(len(time), int)
        satellite = np.where(satellite == 0, list_satellite(time), satellite)
        measured = to_scale(
            part["flux"].to_numpy(np.float64)[sample],
            satellite[sample],
            xrs_scale,
            "science" if scale == "paper" else scale,
        )
        flux[here[found]] = measured[found]
        waiting = upto
    return flux, from_list


def scale_confusion(
    events: pd.DataFrame, xrs_parts: Callable[[], Iterable[pd.DataFrame]], *, flux_tolerance: int, xrs_scale: str
) -> pd.DataFrame:
    """Count events by their class on the operational (rows) and on the science scale (columns).

    The parameters are those of `label_events`, except that `xrs_parts` is a function: the flux is read twice, once for
    each scale.
    """
    classes = []
    for scale in ("operational", "science"):
        flux, _ = event_flux(events, xrs_parts(), flux_tolerance=flux_tolerance, scale=scale, xrs_scale=xrs_scale)
        known = np.isfinite(flux)
        classes.append(class_of_flux(flux[known]))
    counts = np.zeros((len(CLASSES), len(CLASSES)), int)
    np.add.at(counts, tuple(classes), 1)
    return pd.DataFrame(counts, pd.Index(CLASSES, name="operational"), pd.Index(CLASSES, name="science"))


def usable_frames(
    events: pd.DataFrame,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    frame_time: np.ndarray,
    *,
    frame_tolerance: int = 7 * MINUTE,
    flux_tolerance: int = 6 * SECOND,
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
    frame, shown = midnight_frames(frame_time, midnights(frame_time))
    return np.unique(np.concatenate([table["frame"].to_numpy(), frame[shown]]))


def _first_after(times: np.ndarray, wanted: np.ndarray, tolerance: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, per wanted time, the index of the first time not before it, and whether it is within `tolerance`."""
    index = np.searchsorted(times, wanted, side="left")
    found = index < len(times)
    index = np.minimum(index, max(len(times) - 1, 0))
    if len(times):
        found &= times[index] - wanted <= tolerance
    return index, found


def normalised_frames(archive: Archive, index: np.ndarray, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Read frames, average and normalise them.

    Parameters
    ----------
    archive : Archive
    index : ndarray of int, shape (n,)
        Indices into the archive's usable frames.
    image_size : int
        Side in pixels.

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
        # zarr reads a missing chunk as zeros without an error. A frame of zeros is not an image of the Sun.
        sound = np.isfinite(raw).all(axis=(1, 2)) & (raw.max(axis=(1, 2), initial=0) > 0)
        raw[~sound] = 0
        good.append(sound)
        images.append(to_uint8(normalise(block_mean(raw, image_size, archive.path), archive.unit)))
    return np.concatenate(images), np.concatenate(good)


def labelled_frames(
    archive: Archive,
    image_size: int,
    scale: str = "operational",
    frame_tolerance: int = 0,
    flux_tolerance: int = 0,
) -> tuple[pd.DataFrame, np.ndarray, dict[str, int], dict]:
    """Label the frames of an archive and read those that have a label.

    Parameters
    ----------
    archive : Archive
    image_size : int
        Side in pixels; the archive's frames are averaged down to it.
    scale : {"operational", "science", "paper"}
        Scale of the classes; see `label_events`.
    frame_tolerance, flux_tolerance : int
        Milliseconds; 0 takes the archive's own.

    Returns
    -------
    table : DataFrame
        As from `label_events`, with ``frame_time`` (ms).
    image : ndarray of uint8, shape (n, image_size, image_size)
    funnel : dict of str to int
        As from `label_events`, with the images that are sound.
    about : dict
        As in `solarsynth.dataset.labelled.LabelledSet`, without the split.

    Raises
    ------
    SolarsynthError
        If no frame gets a label, or the frames cannot be averaged to the size.
    """
    frames = archive.frames()
    frame_tolerance = frame_tolerance or archive.frame_tolerance
    flux_tolerance = flux_tolerance or archive.flux_tolerance
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
            f"{archive.path}: no frame gets a label: of {funnel['events']} events "
            f"{funnel['with a peak time while frames were taken']} peak while frames were taken, "
            f"{funnel['with a class or a flux']} of these have a class or a flux, "
            f"and none is followed by a frame within {frame_tolerance / MINUTE:g} min"
        )
    table["frame_time"] = frames.time[table["frame"].to_numpy()]
    image, keep = normalised_frames(archive, table["frame"].to_numpy(), image_size)
    funnel["with a sound image"] = int(keep.sum())
    if not keep.any():
        raise SolarsynthError(
            f"{archive.path}: every labelled frame is empty or holds NaN; run 'solarsynth archive info'"
        )
    about = {
        "source": archive.attributes.get("source", "archive"),
        "frame_tolerance": frame_tolerance,
        "flux_tolerance": flux_tolerance,
        "scale": scale,
        "frames": {
            "stored": frames.stored,
            "usable": len(frames),
            "without a time": frames.without_time,
            "repeated": frames.duplicates,
            "out of order": frames.unsorted,
        },
    }
    if not archive.has_flux:
        about["xrs"] = "none"
    return table[keep].reset_index(drop=True), image[keep], funnel, about


def period(frame_time: np.ndarray) -> str:
    """Return the days of the first and the last frame, for captions."""
    first, last = to_datetime(np.array([frame_time.min(), frame_time.max()])).astype("datetime64[D]")
    return f"{first} to {last}"
