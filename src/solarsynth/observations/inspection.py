"""What an archive holds, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.flares import tidy_class
from solarsynth.observations.archive import CHANNEL, Archive
from solarsynth.observations.checked import MissingChunk
from solarsynth.observations.chunks import rows_of_chunks
from solarsynth.times import NO_TIME


@dataclass(frozen=True)
class Inspection:
    """Findings on an archive.

    Attributes
    ----------
    counts : dict of str to int
        Frames, samples and events, and the faults that readers of the archive leave out.
    cadence : float
        Median of the milliseconds between two frames; NaN if there are fewer than two frames.
    gaps : list of (int, int)
        The longest gaps between frames (ms, ms), longest first, of those longer than ten times the cadence.
    classes : dict of str to int
        Listed events per GOES class; "" counts those without a class, or with one that cannot be read.
    damages : list of str
        What makes the archive unfit for use: parts that are missing or cannot be decoded.
    """

    counts: dict[str, int]
    cadence: float
    gaps: list[tuple[int, int]]
    classes: dict[str, int]
    damages: list[str]


def inspect(archive: Archive, longest: int = 5) -> Inspection:
    """Read a whole archive and report what it holds.

    Parameters
    ----------
    archive : Archive
    longest : int
        Number of gaps to report.

    Returns
    -------
    Inspection

    Raises
    ------
    SolarsynthError
        If the archive lacks what the layout requires (times, flux, events).
    """
    damages: list[str] = []
    nan, dark = _faulty_frames(archive, damages)
    index = archive.frames()
    samples = _flux_samples(archive, damages)
    events = _events(archive, damages)
    cadence, gaps = _gaps(index.time, longest)
    return Inspection(
        counts={
            "frames stored": index.stored,
            "frames usable": len(index),
            "frames without a time": index.without_time,
            "frames that repeat a time": index.duplicates,
            "frames with NaN": nan,
            "frames all dark": dark,
            "steps back in time between neighbours": index.unsorted,
            "good X-ray samples": samples,
            "events": len(events),
            "events without a peak time": int((events["peak"] == NO_TIME).sum()),
        },
        cadence=cadence,
        gaps=gaps,
        classes=events["goes_class"].map(tidy_class).str[:1].value_counts().to_dict(),
        damages=damages,
    )


def _faulty_frames(archive: Archive, damages: list[str]) -> tuple[int, int]:
    """Return how many frames hold NaN and how many only zeros; add damaged chunks to `damages`."""
    dark = nan = 0
    for year in archive.years:
        array = archive.array(year)
        missing = 0
        chunks = rows_of_chunks(array)
        for number in range(chunks):
            try:
                frames = archive.arrays.chunk(f"{year}/{CHANNEL}", number)
            except MissingChunk:
                missing += 1
                continue
            except SolarsynthError as error:
                damages.append(f"chunk {number} of {year}/{CHANNEL} cannot be decoded ({error})")
                continue
            bad = ~np.isfinite(frames).all(axis=(1, 2))
            nan += int(bad.sum())
            dark += int((~bad & (np.where(np.isfinite(frames), frames, 0).max(axis=(1, 2)) == 0)).sum())
        if missing:
            damages.append(f"{missing} of {chunks} chunks of {year}/{CHANNEL} are missing")
    return nan, dark


def _flux_samples(archive: Archive, damages: list[str]) -> int:
    """Return the number of good X-ray samples; add what is missing or damaged to `damages`."""
    samples = 0
    try:
        for part in archive.xrs_parts():
            samples += len(part)
    except SolarsynthError as error:
        if not (archive.path / "xrs").exists():
            raise
        damages.append(f"xrs cannot be read ({error})")
    return samples


def _events(archive: Archive, damages: list[str]) -> pd.DataFrame:
    """Return the events; if they are missing in part or damaged, add that to `damages` and return none."""
    try:
        return archive.events()
    except SolarsynthError as error:
        if not (archive.path / "events").exists():
            raise
        damages.append(f"events cannot be read ({error})")
        return pd.DataFrame({"peak": np.empty(0, np.int64), "goes_class": np.empty(0, str)})


def _gaps(time: np.ndarray, longest: int) -> tuple[float, list[tuple[int, int]]]:
    """Return the median step and the longest gaps of increasing times."""
    step = np.diff(time)
    if not len(step):
        return float("nan"), []
    cadence = float(np.median(step))
    order = np.argsort(step)[::-1][:longest]
    return cadence, [(int(time[i]), int(time[i + 1])) for i in order if step[i] > 10 * cadence]
