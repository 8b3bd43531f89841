"""Open doors with damaged inputs; only success or one line of the project's own error may come out."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from doors import DOORS

from solarsynth.errors import SolarsynthError

LONGEST_LINE = 600  # characters: paths of temporary folders are in it


def outcome(attempt, seed: int) -> str:
    """Return ``accepted``, ``refused`` or what came out instead, for one input."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            attempt(np.random.default_rng(seed))
    except SolarsynthError as error:
        text = str(error)
        if len(text.splitlines()) == 1 and len(text) <= LONGEST_LINE:
            return "refused"
        return f"a message of {len(text.splitlines())} lines and {len(text)} characters"
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        own = [f for f in traceback.extract_tb(error.__traceback__) if "solarsynth" in f.filename]
        place = own[-1] if own else frame
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:100]!r}"
    return "accepted"


def fuzz(name: str, first: int, count: int) -> dict:
    """Open one door `count` times, with the seeds from `first` on, in this process."""
    door = next(door for door in DOORS if door.name == name)
    found: dict = {"door": name, "inputs": 0, "accepted": 0, "refused": 0, "findings": {}, "slowest": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        attempt = door.prepare(Path(folder))
        for seed in range(first, first + count):
            print(f"seed {seed}", file=sys.stderr, flush=True)
            started = time.perf_counter()
            what = outcome(attempt, seed)
            found["slowest"] = max(found["slowest"], round(time.perf_counter() - started, 2))
            found["inputs"] += 1
            if what in ("accepted", "refused"):
                found[what] += 1
            else:
                found["findings"].setdefault(what, seed)
    return found


def fuzz_apart(name: str, first: int, count: int, timeout: float = 1200) -> dict:
    """As `fuzz`, in a process of its own, so that one that is ended by a signal is a finding, too."""
    command = [sys.executable, __file__, name, str(first), str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        last = (error.stderr or b"").decode().splitlines()[-1:]
        return {"door": name, "inputs": 0, "accepted": 0, "refused": 0, "findings": {f"hangs at {last}": first}}
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    seeds = [line for line in done.stderr.splitlines() if line.startswith("seed ")]
    last = int(seeds[-1].split()[1]) if seeds else first
    what = f"the process ended with {done.returncode}" if seeds else done.stderr[-300:]
    return {"door": name, "inputs": last - first, "accepted": 0, "refused": 0, "findings": {what: last}}


if __name__ == "__main__":
    print(json.dumps(fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
