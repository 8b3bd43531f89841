"""What an archive holds, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.observations.archive import CHANNEL, Archive, read_chunk
from solarsynth.observations.times import NO_TIME


@dataclass(frozen=True)
class Inspection:
    """Findings on an archive.

    Attributes
    ----------
    counts : dict of str to int
        Frames, samples and events, and the faults that reading works round.
    cadence : float
        Median minutes between two frames; NaN with fewer than two.
    gaps : list of (int, int)
        The longest gaps between frames (ms, ms), longest first, of those over ten times the cadence.
    classes : dict of str to int
        Listed events per GOES class; "" those without.
    damages : list of str
        What makes the archive unfit: parts that are missing or cannot be decoded.
    """

    counts: dict[str, int]
    cadence: float
    gaps: list[tuple[int, int]]
    classes: dict[str, int]
    damages: list[str]


def inspect(archive: Archive, longest: int = 5) -> Inspection:
    """Read an archive through and say what it holds.

    Parameters
    ----------
    archive : Archive
    longest : int
        How many gaps to name.

    Returns
    -------
    Inspection

    Raises
    ------
    SolarsynthError
        If the archive lacks what the layout requires (times, flux, events).
    """
    damages: list[str] = []
    dark = nan = 0
    for year in archive.years:
        array = archive.array(year)
        missing = 0
        for number in range(array.nchunks):
            try:
                frames = read_chunk(array, number)
            except FileNotFoundError:
                missing += 1
                continue
            except Exception as error:  # every codec has errors of its own
                damages.append(f"chunk {number} of {year}/{CHANNEL} cannot be decoded ({type(error).__name__})")
                continue
            bad = ~np.isfinite(frames).all(axis=(1, 2))
            nan += int(bad.sum())
            dark += int((~bad & (np.where(np.isfinite(frames), frames, 0).max(axis=(1, 2)) == 0)).sum())
        if missing:
            damages.append(f"{missing} of {array.nchunks} chunks of {year}/{CHANNEL} are missing")
    index = archive.frames()
    samples, flux_damage = _flux_rows(archive)
    damages += flux_damage
    try:
        events = archive.events()
    except SolarsynthError:
        raise
    except Exception as error:
        damages.append(f"events cannot be decoded ({type(error).__name__})")
        events = None
    step = np.diff(index.time)
    cadence = float(np.median(step)) if len(step) else float("nan")
    order = np.argsort(step)[::-1]
    gaps = [
        (int(index.time[i]), int(index.time[i + 1])) for i in order[:longest] if len(step) and step[i] > 10 * cadence
    ]
    classes = {} if events is None else events["goes_class"].str[:1].value_counts().to_dict()
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
            "events": 0 if events is None else len(events),
            "events without a peak time": 0 if events is None else int((events["peak"] == NO_TIME).sum()),
        },
        cadence=cadence / 60_000,
        gaps=gaps,
        classes=classes,
        damages=damages,
    )


def _flux_rows(archive: Archive) -> tuple[int, list[str]]:
    rows = 0
    try:
        for part in archive.xrs_parts():
            rows += len(part)
    except SolarsynthError:
        raise
    except Exception as error:
        return rows, [f"xrs cannot be decoded ({type(error).__name__})"]
    return rows, []
