"""Read copies of a 4096 px JPEG 2000 and of a 4096 px FITS, as ``solarsynth archive import`` does.

The last line is JSON: files per second of each kind, the share of a file's time on one core that opening and decoding
it take, and the process's peak memory. The JPEG 2000 is the one that is given or, without it, drawn here.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from suns import write_fits, write_jpeg2000

from solarsynth.observations.frames import reading
from solarsynth.observations.frames.sources import find

SIDE = 4096


def decode(path: Path) -> None:
    """Open and decode a file, and do nothing with it."""
    from astropy.io import fits

    if path.suffix == ".jp2":
        with Image.open(path) as picture:
            np.asarray(picture)
    else:
        with fits.open(path, memmap=False) as units:
            assert units[-1].data.shape == (SIDE, SIDE)


def seconds(work, repeats: int = 3) -> float:
    """Return the shortest of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _apart(write, path: Path, **options) -> None:
    """Write a file in another process, whose memory is not counted."""
    process = multiprocessing.get_context("spawn").Process(target=write, args=(path,), kwargs=options)
    process.start()
    process.join()


def peak_memory() -> float:
    """Return the largest memory in GB: this process's, and as many of the largest worker as there are."""
    own, worker = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + reading.WORKERS * worker) / 1e6


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=48, help="copies of each file")
    parser.add_argument("--jp2", type=Path, help="a real JPEG 2000 of Helioviewer")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    result = {"benchmark": "import_frames", "files": given.files, "workers": reading.WORKERS}
    recipe = reading.Recipe(64)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = {"jp2": folder / "first.jp2", "fits": folder / "first.fits"}
        if given.jp2:
            shutil.copyfile(given.jp2, first["jp2"])
        else:
            _apart(write_jpeg2000, first["jp2"], side=SIDE)
        _apart(write_fits, first["fits"], side=SIDE, packed=True)
        for kind, path in first.items():
            copies = folder / kind
            copies.mkdir()
            for number in range(given.files):
                (copies / f"{number:05d}.{kind}").hardlink_to(path)
            tasks = [reading.Task(source) for source in find([copies])[0]]
            reading._import_decoders()
            whole = seconds(lambda task=tasks[0]: reading.outcomes(task, recipe))
            alone = seconds(lambda path=path: decode(path))
            started = time.perf_counter()
            frames, forget = reading.read(tasks, recipe, folder / f"archive-{kind}")
            taken = time.perf_counter() - started
            forget()
            assert len(frames.time) == given.files, frames.left_out
            result[f"{kind}_files_per_second"] = round(given.files / taken, 2)
            result[f"{kind}_decoding_share"] = round(alone / whole, 2)
            result[f"{kind}_seconds_on_one_core"] = round(whole, 3)
    result["peak_memory_gb"] = round(peak_memory(), 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
