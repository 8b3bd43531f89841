"""Make an archive from a user's arrays and tables: ``solarsynth archive import``."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.observations.lists import read_events, read_flux
from solarsynth.observations.writing import refuse_existing, write_archive
from solarsynth.pixels import UNITS
from solarsynth.times import MINUTE, NO_TIME, SECOND, format_times, parse_times


def import_archive(
    target: Path,
    *,
    frames: Path,
    flux: Path,
    events: Sequence[Path],
    unit: str = "display",
    origin: str = "upper",
    tolerance_minutes: float = 7.0,
    flux_tolerance_seconds: float | None = None,
    flux_scale: str | None = None,
    events_period: tuple[str, str] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """Turn a file of frames, a table of flux and lists of events into an archive.

    Parameters
    ----------
    target : Path
        Folder of the archive to make.
    frames : Path
        ``.npz`` with ``image`` (n, H, W) and ``t_obs`` (n,) ISO 8601 UTC.
    flux, events : Path, sequence of Path
        See `read_flux` and `read_events` in `solarsynth.observations.lists`.
    unit : {"DN/s", "display"}
        Unit of `image`.
    origin : {"upper", "lower"}
        Where the north of `image` is: with ``upper`` row 0 is the northernmost, with ``lower`` the southernmost.
    tolerance_minutes : float
        Minutes that a frame may follow the peak of its flare (the paper: 7; hourly frames: 60).
    flux_tolerance_seconds : float, optional
        Seconds that a flux sample may follow the peak (the paper: 6); by default the cadence of the flux.
    flux_scale : {"operational", "science"}, optional
        Scale of a flux table; operational by default.
    events_period : (str, str), optional
        Period in which the lists hold every flare; by default from the first to the last peak.
    say : callable
        Gets lines about everything that was assumed or left out.

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
        raise SolarsynthError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
    refuse_existing(target)  # before the work
    stated = _stated_period(events_period)
    image, time = _read_frames(frames)
    if origin == "upper":
        image = image[:, ::-1]
    keep, counts = _usable(image, time, frames)
    order = keep[np.argsort(time[keep], kind="stable")]
    table, scale, notes = read_flux(flux, flux_scale)
    if flux_tolerance_seconds is None:
        flux_tolerance_seconds = _cadence(table["time"])
    listed = _read_lists(events, notes)
    say("\n".join([*notes, *_period_notes(time[order], table, listed, tolerance_minutes)]))
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
            **stated,
        },
        xrs_scale=scale,
    )
    return counts | {"frames": len(order), "flux samples": len(table), "events": len(listed)}


def _cadence(time: pd.Series) -> float:
    """Return the cadence of the flux in seconds, at least the paper's tolerance of 6."""
    return max(6.0, float(np.median(np.diff(time))) / SECOND)


def _read_lists(paths: Sequence[Path], notes: list[str]) -> pd.DataFrame:
    """Return the events of all lists; add what was left out to `notes`."""
    tables = []
    for path in paths:
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
        raise SolarsynthError(f"a period must be like 2012-01-01/2012-10-01, got {'/'.join(texts)}")
    return {"events_period": format_times(np.array([first, last]))}


def _period_notes(time: np.ndarray, xrs: pd.DataFrame, events: pd.DataFrame, tolerance_minutes: float) -> list[str]:
    """Return a line on the periods of frames, flux and events, and a warning where they do not meet."""
    peak = events["peak"].to_numpy()
    parts = {"frames": time, "flux": xrs["time"].to_numpy(), "events": peak[peak != NO_TIME]}
    spans = {name: (part.min(), part.max()) for name, part in parts.items()}
    lines = ["; ".join(f"{name} {' to '.join(t[:16] for t in format_times(span))}" for name, span in spans.items())]
    first, last = time.min() - tolerance_minutes * MINUTE, time.max()
    for name, lost in (("flux", "an event without a class gets none"), ("events", "no frame can get a label")):
        if not ((parts[name] >= first) & (parts[name] <= last)).any():
            lines.append(f"nothing in the {name} falls into the time of the frames: {lost}; check the years")
    return lines


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
