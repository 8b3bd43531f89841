"""Make an archive from a user's arrays and tables: ``solarsynth archive import``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, reading, shown
from solarsynth.observations.writing import refuse_existing, write_archive
from solarsynth.pixels import UNITS
from solarsynth.times import NO_TIME, SECOND, parse_times

# The names that the columns have in common lists; the first one that a table has is taken.
_FLUX_COLUMNS = {
    "time": ("time", "date", "timestamp"),
    "flux": ("flux", "xrs_long", "xrsb", "xrsb_flux"),
    "gap_filled": ("gap_filled",),
    "quality": ("quality",),
    "satellite": ("satellite",),
}
_EVENT_COLUMNS = {
    "peak": ("peak", "event_peaktime", "peak_time"),
    "start": ("start", "event_starttime", "start_time"),
    "end": ("end", "event_endtime", "end_time"),
    "goes_class": ("goes_class", "fl_goescls", "class"),
    "method": ("method", "frm_name"),
    "location": ("location", "hgs_location"),
    "noaa": ("noaa", "noaa_ar", "ar_noaanum"),
}


def import_archive(
    target: Path,
    *,
    frames: Path,
    flux: Path,
    events: list[Path],
    unit: str = "display",
    origin: str = "upper",
    tolerance_minutes: float = 7.0,
    flux_tolerance_seconds: float | None = None,
) -> dict[str, int]:
    """Turn a file of frames, a table of flux and lists of events into an archive.

    Parameters
    ----------
    target : Path
        Folder of the archive to make.
    frames : Path
        ``.npz`` with ``image`` (n, H, W) and ``t_obs`` (n,) ISO 8601 UTC.
    flux : Path
        CSV (``.csv`` or ``.csv.gz``) with a time and the 1–8 Å flux in W/m².
    events : list of Path
        CSV lists of flares with GOES's or HEK's columns.
    unit : {"DN/s", "display"}
        Unit of `image`.
    origin : {"upper", "lower"}
        Where the north of `image` is: with ``upper`` row 0 is the northernmost, with ``lower`` the southernmost.
    tolerance_minutes : float
        Minutes that a frame may follow the peak of its flare (the paper: 7; hourly frames: 60).
    flux_tolerance_seconds : float, optional
        Seconds that a flux sample may follow the peak (the paper: 6); by default the cadence of the flux.

    Returns
    -------
    dict of str to int
        Counts of what was taken and left out.

    Raises
    ------
    SolarsynthError
        If a file is unusable; the message names the file and its fault. Then no archive is written.
    """
    if unit not in UNITS:
        raise SolarsynthError(f"unit must be one of {', '.join(UNITS)}, got {shown(unit)}")
    if not 0 <= tolerance_minutes <= 1440:
        raise SolarsynthError(f"the tolerance must be from 0 to 1440 minutes, got {tolerance_minutes:g}")
    if flux_tolerance_seconds is not None and not 0 <= flux_tolerance_seconds <= 3600:
        raise SolarsynthError(f"the flux tolerance must be from 0 to 3600 seconds, got {flux_tolerance_seconds:g}")
    refuse_existing(target)  # before the work
    with reading(frames, "not a readable file of frames"):
        image, time = _read_frames(frames)
    if origin == "upper":
        image = image[:, ::-1]
    keep, counts = _usable(image, time, frames)
    order = keep[np.argsort(time[keep], kind="stable")]
    with reading(flux, "not a readable table of flux"):
        table = _read_flux(flux)
    if flux_tolerance_seconds is None:
        flux_tolerance_seconds = max(6.0, float(np.median(np.diff(table["time"]))) / SECOND)
    lists = []
    for path in events:
        with reading(path, "not a readable list of flares"):
            lists.append(_read_events(path))
    listed = pd.concat(lists, ignore_index=True)
    write_archive(
        Path(target),
        image=image[order],
        time=time[order],
        unit=unit,
        xrs=table,
        events=listed,
        attributes={
            "source": "archive",
            "made_from": [path.name for path in (frames, flux, *events)],
            "frame_tolerance_minutes": tolerance_minutes,
            "flux_tolerance_seconds": flux_tolerance_seconds,
        },
    )
    return counts | {"frames": len(order), "flux samples": len(table), "events": len(listed)}


def _usable(image: np.ndarray, time: np.ndarray, path: Path) -> tuple[np.ndarray, dict[str, int]]:
    """Return the frames that have a time of their own and no NaN, and counts of the others."""
    known = time != NO_TIME
    finite = np.ones(len(image), bool)
    if image.dtype.kind == "f":
        finite = np.isfinite(image).all(axis=(1, 2))
    good = np.flatnonzero(known & finite)
    _, first = np.unique(time[good], return_index=True)
    keep = good[np.sort(first)]
    if not len(keep):
        raise SolarsynthError(f"{path}: no usable frame in it (every frame lacks a time or holds NaN)")
    return keep, {
        "frames without a time": int((~known).sum()),
        "frames with NaN": int((~finite).sum()),
        "frames that repeat a time": len(good) - len(keep),
    }


def _read_frames(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            for name in ("image", "t_obs"):
                if name not in file:
                    raise SolarsynthError(f"{path}: no array {name!r} in it (has {', '.join(file.files) or 'none'})")
            image, stamps = file["image"], file["t_obs"]
    except FileNotFoundError:
        raise SolarsynthError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise SolarsynthError(f"{path}: not a readable .npz, perhaps truncated ({error}); fetch it again") from None
    if image.ndim != 3 or len(image) != len(stamps):
        raise SolarsynthError(
            f"{path}: 'image' must be (n, H, W) with one 't_obs' per frame, got {image.shape} with {len(stamps)} times"
        )
    return image, parse_times(stamps.astype(str))


def _read_table(path: Path, columns: dict[str, tuple[str, ...]], required: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise SolarsynthError(f"{path}: no such file") from None
    except (ValueError, OSError, EOFError) as error:
        raise SolarsynthError(f"{path}: not a readable CSV ({str(error).splitlines()[0]})") from None
    found = {}
    for ours, theirs in columns.items():
        name = next((name for name in theirs if name in table), None)
        if name is not None:
            found[ours] = table[name]
        elif ours in required:
            raise SolarsynthError(f"{path}: no column for the {ours} (looked for {', '.join(theirs)})")
    return pd.DataFrame(found)


def _read_flux(path: Path) -> pd.DataFrame:
    table = _read_table(path, _FLUX_COLUMNS, ("time", "flux"))
    table["time"] = parse_times(table["time"])
    table["flux"] = pd.to_numeric(table["flux"], errors="coerce")
    table = table[table["time"] != NO_TIME].sort_values("time", kind="stable").drop_duplicates("time")
    if len(table) < 2:
        raise SolarsynthError(f"{path}: at least two samples must have a time, got {len(table)}")
    if "gap_filled" in table:  # an interpolated sample is not a measurement, so its quality is not 0
        table["quality"] = table.pop("gap_filled")
    return table.reset_index(drop=True)


def _read_events(path: Path) -> pd.DataFrame:
    table = _read_table(path, _EVENT_COLUMNS, ("start", "goes_class"))
    for name in ("peak", "start", "end"):
        # A list without peak times, such as HEK's web export, is read all the same; its events cannot be labelled.
        table[name] = parse_times(table[name]) if name in table else np.full(len(table), NO_TIME)
    table["goes_class"] = table["goes_class"].fillna("").astype(str).str.strip()
    table["method"] = table["method"] if "method" in table else path.stem
    table["location"] = table["location"].fillna("").astype(str) if "location" in table else ""
    numbers = table["noaa"] if "noaa" in table else pd.Series(0, index=table.index)
    table["noaa"] = pd.to_numeric(numbers, errors="coerce").fillna(0).astype(np.int64)
    return table[["peak", "start", "end", "goes_class", "method", "location", "noaa"]]
