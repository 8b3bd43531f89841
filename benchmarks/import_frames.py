"""Import copies of a 4096 px JPEG 2000 or FITS with ``solarsynth archive import``, against opening and decoding them.

Each copy has a time of its own, so the archive holds all of them. The same files are first opened and decoded on as
many processes, and nothing is done with them. The last line is JSON: seconds of both, their share in time and in
processor time (which other work on the machine disturbs less), and the largest memory of all processes of the import
together; pages that they share count once. The JPEG 2000 is the one that is given or, without it, drawn here. Linux
only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
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

from solarsynth.observations.frames.reading import WORKERS

SIDE = 4096
TICK = os.sysconf("SC_CLK_TCK")
FIRST = np.datetime64("2012-01-01")


def decode(path: Path) -> None:
    """Open and decode a file, and do nothing with it."""
    from astropy.io import fits

    if path.suffix == ".jp2":
        with Image.open(path) as picture:
            assert np.asarray(picture).shape == (SIDE, SIDE)
    else:
        with fits.open(path, memmap=False) as units:
            assert units[-1].data.shape == (SIDE, SIDE)


def decode_all(folder: Path) -> None:
    """Decode the files of a folder on all processes."""
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(decode, sorted(folder.iterdir()), chunksize=4))


def copies(first: Path, date: bytes, folder: Path, count: int) -> None:
    """Write copies of a file, with another date in the header of each."""
    body = first.read_bytes()
    assert date in body, f"{first}: no {date.decode()} in it"
    folder.mkdir()
    for number in range(count):
        other = str(FIRST + np.timedelta64(number, "D")).encode()
        (folder / f"{number:05d}{first.suffix}").write_bytes(body.replace(date, other))


def watched(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, processor seconds and largest memory in GiB, with all its processes."""
    started, used, most = time.perf_counter(), {}, 0.0
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        memory = 0.0
        for place in Path("/proc").glob("[0-9]*"):
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) != process.pid:  # the session
                    continue
                used[place.name] = (int(fields[11]) + int(fields[12])) / TICK
                rollup = (place / "smaps_rollup").read_text()
                memory += float(rollup.partition("\nPss:")[2].split()[0]) / 1024**2
            except (OSError, IndexError, ValueError):
                continue  # it ended meanwhile
        most = max(most, memory)
        time.sleep(0.5)
    assert process.returncode == 0, command
    return time.perf_counter() - started, sum(used.values()), most


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=48, help="copies")
    parser.add_argument("--kind", choices=["jp2", "fits"], default="jp2")
    parser.add_argument("--jp2", type=Path, help="a real JPEG 2000 of Helioviewer")
    parser.add_argument("--date", default="2015-12-21", help="the date in its header")
    parser.add_argument("--decode", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.decode:
        return decode_all(given.decode)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first, date = folder / f"first.{given.kind}", "2014-03-02"
        if given.kind == "fits":
            write_fits(first, side=SIDE, packed=True, **{"DATE-OBS": f"{date}T00:00:00", "T_OBS": f"{date}T00:00:00Z"})
        elif given.jp2:
            first, date = given.jp2, given.date
        else:
            write_jpeg2000(first, side=SIDE, **{"DATE-OBS": f"{date}T00:00:00", "T_OBS": f"{date}T00:00:00Z"})
        copies(first, date.encode(), folder / "aia", given.files)
        (folder / "flares.csv").write_text("start,peak,end,goes_class\n2012-01-01,2012-01-01,2012-01-01,M1.0\n")
        alone = watched([sys.executable, __file__, "--decode", str(folder / "aia")])
        command = ["archive", "import", str(folder / "suns"), "--frames", str(folder / "aia"), "--size", "64"]
        command += ["--events", str(folder / "flares.csv"), "--tolerance", "1440"]
        whole = watched([sys.executable, "-m", "solarsynth.cli", *command])
        from solarsynth.observations.archive import Archive

        assert len(Archive(folder / "suns").frames()) == given.files
    result = {"benchmark": "import_frames", "kind": given.kind, "files": given.files, "workers": WORKERS}
    for name, (seconds, processor, memory) in (("decoding", alone), ("import", whole)):
        result |= {f"{name}_seconds": round(seconds, 1), f"{name}_processor_seconds": round(processor, 1)}
        result |= {f"{name}_memory_gib": round(memory, 2)}
    result["decoding_share"] = round(alone[0] / whole[0], 2)
    result["decoding_share_of_processor_time"] = round(alone[1] / whole[1], 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
