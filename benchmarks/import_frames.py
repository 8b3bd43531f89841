"""Read copies of a 4096 px JPEG 2000 and of a 4096 px FITS, as ``solarsynth archive import`` does.

The last line is JSON: files per second of each kind, the share of a file's time on one core that opening and decoding
it take, and the peak memory of this process and all workers together, pages that they share counted for each. The
JPEG 2000 is the one that is given or, without it, drawn here.
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
from concurrent.futures import ProcessPoolExecutor
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


def memory() -> float:
    """Return the largest memory that this process has had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def worker_memory(tasks: list[reading.Task], recipe: reading.Recipe) -> float:
    """Return the largest memory of a process that reads some files, in GB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=reading._begin_worker) as pool:
        for task in tasks:
            pool.submit(reading.outcomes, task, recipe).result()
        return pool.submit(memory).result()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=48, help="copies of each file")
    parser.add_argument("--jp2", type=Path, help="a real JPEG 2000 of Helioviewer")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    result = {"benchmark": "import_frames", "files": given.files, "workers": reading.WORKERS}
    recipe, worker = reading.Recipe(64), []
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
            worker.append(worker_memory(tasks[:3], recipe))
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
    result["peak_memory_gb"] = round(memory() + reading.WORKERS * max(worker), 2)
    result["worker_memory_gb"] = round(max(worker), 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
