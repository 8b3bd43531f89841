"""Make an archive from a user's frames and tables: ``solarsynth archive import``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, reading, shown
from solarsynth.observations.archive import LONGEST_TOLERANCE
from solarsynth.observations.frames import collect, find
from solarsynth.observations.lists import read_events, read_flux
from solarsynth.observations.writing import refuse_existing, write_archive
from solarsynth.times import MINUTE, NO_TIME, SECOND, format_times, parse_times


def import_archive(
    target: Path,
    *,
    frames: Path | Sequence[str | Path],
    events: Sequence[Path],
    flux: Path | None = None,
    unit: str | None = None,
    to_dn: bool = False,
    size: int | None = None,
    origin: str = "upper",
    lite_maximum: float | None = None,
    tolerance_minutes: float = 7.0,
    flux_tolerance_seconds: float | None = None,
    flux_scale: str | None = None,
    events_period: tuple[str, str] | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> dict[str, int]:
    """Turn frames, lists of events and, if there is one, a table of flux into an archive.

    Parameters
    ----------
    target : Path
        Folder of the archive to make.
    frames : Path, or sequence of str or Path
        As for `solarsynth.observations.frames.collect`, as are `unit`, `to_dn`, `size`, `origin`, `lite_maximum`.
    events : sequence of Path
        See `solarsynth.observations.lists.read_events`.
    flux : Path, optional
        See `solarsynth.observations.lists.read_flux`. Without it only events that have a class can label a frame.
    tolerance_minutes : float
        Minutes that a frame may follow the peak of its flare (the paper: 7; hourly frames: 60).
    flux_tolerance_seconds : float, optional
        Seconds that a flux sample may follow the peak (the paper: 6); by default the cadence of the flux.
    flux_scale : {"operational", "science"}, optional
        Scale of a flux table; operational by default.
    events_period : (str, str), optional
        Period in which the lists hold every flare; by default from the first to the last peak.
    say : callable
        Gets lines on how everything was read, and what was assumed or left out.

    Returns
    -------
    dict of str to int
        Counts of what was taken and left out.

    Raises
    ------
    SolarsynthError
        If a file is unusable; the message names it and its fault. No archive is written.
    """
    _check_tolerances(tolerance_minutes, flux_tolerance_seconds)
    refuse_existing(target)  # before the work
    stated = _stated_period(events_period)
    frames = [frames] if isinstance(frames, str | Path) else list(frames)
    files = find(frames)  # cheap faults first: a path without frames, then a bad table; to read all may take hours
    table, scale, notes = _read_flux(flux, flux_scale)
    flux_tolerance = _cadence(flux, table) if flux_tolerance_seconds is None else flux_tolerance_seconds
    listed = _read_lists(events, notes)
    how = {"size": size, "unit": unit, "to_dn": to_dn, "origin": origin, "lite_maximum": lite_maximum}
    found = collect(frames, target, **how, found=files)
    made_from = [Path(path).name for path in (*frames, flux, *events) if path is not None]
    about = {"source": "archive", "made_from": made_from, "frames_read": found.notes}
    about |= {"frame_tolerance_minutes": tolerance_minutes, "flux_tolerance_seconds": flux_tolerance}
    for line in (*found.notes, *notes, *_period_notes(found.time, table, listed, tolerance_minutes)):
        say(line)
    write_archive(
        Path(target),
        image=found.image,
        time=found.time,
        unit=found.unit,
        xrs=table,
        events=listed,
        attributes=about | stated,
        xrs_scale=scale,
    )
    found.forget()
    counts = {"frames": len(found.time), "flux samples": 0 if table is None else len(table), "events": len(listed)}
    return found.counts | counts


def _check_tolerances(minutes: float, flux_seconds: float | None) -> None:
    if not 0 <= minutes <= 1440:
        raise SolarsynthError(f"the tolerance must be from 0 to 1440 minutes, got {minutes:g}")
    if flux_seconds is not None and not 0 <= flux_seconds <= 3600:
        raise SolarsynthError(f"the flux tolerance must be from 0 to 3600 seconds, got {flux_seconds:g}")


def _read_flux(path: Path | None, scale: str | None) -> tuple[pd.DataFrame | None, str, list[str]]:
    """Return the flux, its scale and notes on it; None for the flux if there is no file."""
    if path is None:
        return None, "operational", []
    with reading(path, "not a readable table of flux"):
        return read_flux(path, scale)


def _cadence(path: Path | None, flux: pd.DataFrame | None) -> float:
    """Return the cadence of the flux in seconds, at least the paper's tolerance of 6."""
    cadence = 6.0 if flux is None else max(6.0, float(np.median(np.diff(flux["time"]))) / SECOND)
    if cadence * SECOND > LONGEST_TOLERANCE:
        raise SolarsynthError(
            f"{path}: its samples are {cadence / 3600:.3g} hours apart, which is too long as the flux tolerance; give "
            "--flux-tolerance, from 0 to 3600 seconds"
        )
    return cadence


def _read_lists(paths: Sequence[Path], notes: list[str]) -> pd.DataFrame:
    """Return the events of all lists; add what was left out to `notes`."""
    tables = []
    for path in paths:
        with reading(path, "not a readable list of flares"):
            table, said = read_events(path)
        tables.append(table)
        notes += said
    listed = pd.concat(tables, ignore_index=True)
    if "satellite" in listed:
        listed["satellite"] = listed["satellite"].fillna(0).astype(np.int64)
    return listed


def _stated_period(texts: tuple[str, str] | None) -> dict[str, list[str]]:
    """Check a period, and return it as an attribute of the archive; nothing if there is none."""
    if texts is None:
        return {}
    first, last = parse_times(texts)
    if NO_TIME in (first, last) or first >= last:
        raise SolarsynthError(f"a period must be like 2012-01-01/2012-10-01, got {shown('/'.join(texts))}")
    return {"events_period": format_times(np.array([first, last]))}


def _period_notes(
    time: np.ndarray, xrs: pd.DataFrame | None, events: pd.DataFrame, tolerance_minutes: float
) -> list[str]:
    """Return a line on the periods of frames, flux and events, and a warning where they do not meet."""
    peak = events["peak"].to_numpy()
    parts = {"frames": time, "events": peak[peak != NO_TIME]}
    lost = {"events": "no frame can get a label"}
    if xrs is not None:
        parts = {"frames": time, "flux": xrs["time"].to_numpy(), "events": parts["events"]}
        lost = {"flux": "an event without a class gets none", **lost}
    spans = {name: (part.min(), part.max()) for name, part in parts.items()}
    lines = ["; ".join(f"{name} {' to '.join(t[:16] for t in format_times(span))}" for name, span in spans.items())]
    first, last = time.min() - tolerance_minutes * MINUTE, time.max()
    for name, what in lost.items():
        if not ((parts[name] >= first) & (parts[name] <= last)).any():
            lines.append(f"nothing in the {name} falls into the time of the frames: {what}; check the years")
    return lines
