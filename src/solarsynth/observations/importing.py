"""Make an archive from a user's frames and tables: ``solarsynth archive import``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.observations.frames import collect, find
from solarsynth.observations.writing import refuse_existing, write_archive
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
    frames: Path | Sequence[str | Path],
    events: list[Path],
    flux: Path | None = None,
    unit: str | None = None,
    to_dn: bool = False,
    size: int | None = None,
    origin: str = "upper",
    tolerance_minutes: float = 7.0,
    flux_tolerance_seconds: float | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> dict[str, int]:
    """Turn frames, lists of events and, if there is one, a table of flux into an archive.

    Parameters
    ----------
    target : Path
        Folder of the archive to make.
    frames : Path, or sequence of str or Path
        As for `solarsynth.observations.frames.collect`, as are `unit`, `to_dn`, `size` and `origin`.
    events : list of Path
        CSV lists of flares with GOES's or HEK's columns.
    flux : Path, optional
        CSV (``.csv`` or ``.csv.gz``) with a time and the 1–8 Å flux in W/m². Without it only events that have a class
        can label a frame.
    tolerance_minutes : float
        Minutes that a frame may follow the peak of its flare (the paper: 7; hourly frames: 60).
    flux_tolerance_seconds : float, optional
        Seconds that a flux sample may follow the peak (the paper: 6); by default the cadence of the flux.
    say : callable
        Gets lines on how the frames were read and which are left out.

    Returns
    -------
    dict of str to int
        Counts of what was taken and left out.

    Raises
    ------
    SolarsynthError
        If a file is unusable; the message names the file and its fault. Then no archive is written.
    """
    refuse_existing(target)  # before the work
    frames = [frames] if isinstance(frames, str | Path) else list(frames)
    find(frames)  # what is not there, or a bad table, is said before the frames are read
    table = None if flux is None else _read_flux(flux)
    if flux_tolerance_seconds is None:
        flux_tolerance_seconds = max(6.0, _cadence(table))
    listed = pd.concat([_read_events(path) for path in events], ignore_index=True)
    found = collect(frames, target, size=size, unit=unit, to_dn=to_dn, origin=origin)
    for line in found.notes:
        say(line)
    write_archive(
        Path(target),
        image=found.image,
        time=found.time,
        unit=found.unit,
        xrs=table,
        events=listed,
        attributes={
            "source": "archive",
            "made_from": [Path(path).name for path in (*frames, flux, *events) if path is not None],
            "frames_read": found.notes,
            "frame_tolerance_minutes": tolerance_minutes,
            "flux_tolerance_seconds": flux_tolerance_seconds,
        },
    )
    found.forget()
    samples = 0 if table is None else len(table)
    return found.counts | {"frames": len(found.time), "flux samples": samples, "events": len(listed)}


def _cadence(flux: pd.DataFrame | None) -> float:
    """Return the median of the seconds between two samples; 0 without flux."""
    return 0.0 if flux is None else float(np.median(np.diff(flux["time"]))) / SECOND


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
