"""Read 500 scattered frames of a 512 px store over HTTP, chunk by chunk, many at a time, and compare with one by one.

The last line is JSON: ``ratio``, ``frames_per_second``. A real S3 server on this machine serves the store, and a proxy
delays every answer as a distant server would. Both ways read the same frames.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr
from numcodecs import Blosc

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from servers import in_front_of, s3_server, upload

from solarsynth.observations.sdoml import Remote, downsample, read_frames, read_index
from solarsynth.times import MINUTE, format_times


def make_store(folder: Path, frames: int) -> None:
    """Write a year in SDOMLv2's layout; its frames are smooth, so that they compress about as well as real ones."""
    rng = np.random.default_rng(0)
    array = zarr.open_group(str(folder), mode="w", zarr_format=2).create_array(
        "2012/171A",
        shape=(frames, 512, 512),
        dtype="<f4",
        chunks=(15, 512, 512),
        compressors=Blosc("zstd", clevel=5, shuffle=Blosc.BITSHUFFLE),
    )
    base = np.kron(rng.uniform(20, 900, (64, 64)), np.ones((8, 8))).astype("<f4")
    for first in range(0, frames, 15):
        n = min(15, frames - first)
        array[first : first + n] = base * rng.uniform(0.9, 1.1, (n, 1, 1)).astype("<f4")
    time = 1_330_560_000_000 + np.arange(frames) * 6 * MINUTE
    array.attrs.update({"T_OBS": format_times(time), "PIXLUNIT": ["DN/s"] * frames})


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=500, help="scattered frames to read")
    parser.add_argument("--stored", type=int, default=1500, help="frames in the store")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds added to every answer")
    parser.add_argument(
        "--sample", type=int, default=50, help="frames read one by one; their time is scaled to all frames"
    )
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    rows = np.sort(rng.choice(given.stored, given.frames, replace=False))

    def delay(path, nth):
        time.sleep(given.delay)

    with tempfile.TemporaryDirectory() as scratch, s3_server() as address:
        folder = Path(scratch) / "sdomlv2.zarr"
        make_store(folder, given.stored)
        upload(address, folder)
        with in_front_of(address, delay) as proxy:
            remote = Remote("s3://sun/sdomlv2.zarr", proxy.url)
            index = read_index(remote, 2012, Path(scratch) / "index")
            array = remote.open()["2012/171A"]
            sample = rng.permutation(rows)[: given.sample]
            started = time.perf_counter()
            single = np.stack([downsample(array[int(row)][None], 64, "block-mean")[0] for row in sample])
            one_by_one = (time.perf_counter() - started) / len(sample) * len(rows)
            started = time.perf_counter()
            got = read_frames(remote, 2012, rows, index, Path(scratch) / "parts")
            seconds = time.perf_counter() - started
    np.testing.assert_allclose(got.image[np.searchsorted(got.row, sample)], single, rtol=1e-5)
    print(
        json.dumps(
            {
                "benchmark": "archive_read",
                "ratio": round(one_by_one / seconds, 2),
                "frames_per_second": round(len(rows) / seconds, 1),
                "one_by_one_frames_per_second": round(len(rows) / one_by_one, 2),
                "delay_seconds": given.delay,
            }
        )
    )


if __name__ == "__main__":
    main()
