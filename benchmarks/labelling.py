"""Label 107,709 events against nine years of 2 s flux (1.4e8 rows) and 730,867 frame times.

The last line is JSON: ``seconds``, ``peak_gib``, ``events``, ``matched``. The flux is first written as the ``xrs`` of
an archive and then read in parts; only the labelling is timed. ``--years`` makes it smaller.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.dataset.labelling import label_events
from solarsynth.observations.archive import Archive
from solarsynth.observations.writing import write_archive
from solarsynth.times import DAY, MINUTE, SECOND, parse_times

EVENTS, FRAMES, CADENCE = 107_709, 730_867, 2_048  # the cadence in milliseconds


def tables(years: float, seed: int = 0):
    """Return events, frame times, and a function that gives the flux month by month."""
    rng = np.random.default_rng(seed)
    start = int(parse_times(["2011-01-01"])[0])
    end = start + int(years * 365.25 * DAY)
    share = years / 9
    peak = np.sort(rng.integers(start, end, int(EVENTS * share)))
    classed = rng.uniform(size=len(peak)) < 15_696 / EVENTS
    events = pd.DataFrame({"peak": peak, "goes_class": np.where(classed, "C2.3", "")})
    slots = np.arange(start, end, 6 * MINUTE)
    frames = np.sort(rng.choice(slots, min(len(slots), int(FRAMES * share)), replace=False))

    def flux():
        for first in range(start, end, 30 * DAY):
            t = np.arange(first, min(first + 30 * DAY, end), CADENCE)
            yield pd.DataFrame({"time": t, "flux": (10 ** rng.uniform(-8, -4, len(t))).astype(np.float32)})

    return events, frames, flux


def prepare(path: Path, years: float) -> None:
    """Write the flux as an archive."""
    events, frames, flux = tables(years)
    events = events.assign(start=events["peak"], end=events["peak"], method="")
    image = np.ones((1, 8, 8), np.uint8)
    write_archive(path, image=image, time=frames[:1], unit="display", xrs=flux(), events=events, attributes={})


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=float, default=9.0)
    years = parser.parse_args().years
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        # A process of its own writes the flux, so that its memory is not measured.
        writer = multiprocessing.get_context("spawn").Process(target=prepare, args=(path, years))
        writer.start()
        writer.join()
        events, frames, _ = tables(years)
        archive = Archive(path)
        started = time.perf_counter()
        table, funnel = label_events(
            events, archive.xrs_parts(), frames, frame_tolerance=7 * MINUTE, flux_tolerance=6 * SECOND
        )
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        json.dumps(
            {
                "benchmark": "labelling",
                "seconds": round(seconds, 2),
                "peak_gib": round(peak, 2),
                "events": len(events),
                "matched": funnel["followed by a frame"],
                "labelled": len(table),
                "years": years,
            }
        )
    )


if __name__ == "__main__":
    main()
