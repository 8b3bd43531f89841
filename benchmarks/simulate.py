"""Render frames of the simulated Sun at 64 px; the last line is JSON (``frames_per_second``)."""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from solarsynth.observations.simulated.cycle import emerge
from solarsynth.observations.simulated.flaring import flare
from solarsynth.observations.simulated.rendering import render
from solarsynth.times import parse_times


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    frames = parser.parse_args().frames
    start, end = parse_times(["2011-01-01", "2020-01-01"])
    rng = np.random.default_rng(0)
    regions = emerge(rng, start, end)
    flares = flare(rng, regions, start, end)
    times = np.sort(rng.integers(start, end, frames))
    started = time.perf_counter()
    image = render(regions, flares, times, 64, rng)
    seconds = time.perf_counter() - started
    assert np.isfinite(image).all()
    print(
        json.dumps(
            {
                "benchmark": "simulate",
                "frames_per_second": round(frames / seconds, 1),
                "frames": frames,
                "minutes_for_20000": round(20_000 / frames * seconds / 60, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
