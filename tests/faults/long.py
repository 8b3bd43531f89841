"""The long part of the fault suite: doors with thousands of damaged inputs, commands killed at random moments.

``python -m tests.faults.long`` prints one line of counts per door and per command. With ``--write`` it keeps them in
``book/faults.json`` and writes the table of the page "What we promise" from them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import doors
from fuzzing import fuzz_apart
from tiny import TINY, as_options

from solarsynth import paths
from solarsynth.cli.stopping import MESSAGE
from solarsynth.files import write_json, write_text
from solarsynth.store import commit

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
FIRST_SEED = 20_000

#: Commands that are killed, and the file that each writes.
COMMANDS = {
    "dataset": (["dataset", "--out", "out.npz"], "out.npz"),
    "train": (["train", "discrete"], ""),
    "sample": (["sample", "C", "24", "--out", "out.npz"], "out.npz"),
}


def start(arguments: list[str], folder: Path) -> subprocess.Popen:
    """Start a command in a folder of its own, with its own store, and SIGINT as a terminal gives it."""
    environment = os.environ | {"SOLARSYNTH_ARTIFACTS": str(folder / "store"), "SOLARSYNTH_RUN": str(folder / "run")}
    return subprocess.Popen(
        [sys.executable, "-m", "solarsynth.cli", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def values(folder: Path, out: str) -> dict[str, str]:
    """Return what a finished command left: the arrays of its file and the digests of its results."""
    found = {}
    if out:
        with np.load(folder / out, allow_pickle=False) as file:
            found |= {f"{out}/{name}": repr((file[name].shape, file[name].tobytes())) for name in file.files}
    for manifest in sorted((folder / "store").glob("*/*/manifest.json")):
        about = json.loads(manifest.read_text())
        # Samples and descriptions hold the seconds that their making took.
        kept = {name: digest for name, digest in about["files"].items() if name.endswith((".safetensors", ".csv"))}
        found[f"{about['stage']}/{about['key']}"] = json.dumps(kept, sort_keys=True)
    return found


def litter(folder: Path) -> list[str]:
    """Return files that no run will use: unfinished folders, temporary files, moved-aside results."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.endswith((".partial", "-partial", ".tmp")) or ".damaged" in path.name
    ]


def kill(name: str, archive: Path, points: int, seed: int) -> dict:
    """Kill a command at random moments until `points` kills have hit it, each time go on, and compare the ends."""
    arguments, out = COMMANDS[name]
    options = ["--profile", "smoke", "--source", "archive", "--data", str(archive), *as_options(TINY)]
    rng = np.random.default_rng(seed)
    found: dict = {"command": name, "kills": 0, "finished first": 0, "resumed": 0, "findings": {}}
    with tempfile.TemporaryDirectory() as one:
        whole = start([*arguments, *options], Path(one))
        began = time.perf_counter()
        _, errors = whole.communicate()
        length = time.perf_counter() - began
        if whole.returncode:
            return found | {"findings": {errors[-300:]: 0}}
        expected = values(Path(one), out)
    while found["kills"] < points:
        with tempfile.TemporaryDirectory() as one:
            folder = Path(one)
            number = SIGNALS[rng.integers(len(SIGNALS))]
            run = start([*arguments, *options], folder)
            moment = rng.uniform(0.05, 1) * length
            try:
                run.wait(moment)
            except subprocess.TimeoutExpired:
                run.send_signal(number)
            _, errors = run.communicate(timeout=120)
            if run.returncode == 0:
                found["finished first"] += 1
                if found["finished first"] > 2 * points:
                    break
                continue
            found["kills"] += 1
            place = f"{number.name} after {moment:.2f} s"
            if number != signal.SIGKILL and (run.returncode != 128 + number or MESSAGE not in errors):
                found["findings"][f"{place}: {run.returncode} {errors[-200:]}"] = found["kills"]
            if out and (folder / out).exists():
                values(folder, out)  # a file that is there is whole
            again = start([*arguments, *options], folder)
            _, errors = again.communicate(timeout=300)
            if again.returncode:
                found["findings"][f"{place}, rerun: {errors[-300:]}"] = found["kills"]
            elif values(folder, out) != expected:
                found["findings"][f"{place}: other results"] = found["kills"]
            elif litter(folder):
                found["findings"][f"{place}: left {litter(folder)}"] = found["kills"]
            else:
                found["resumed"] += 1
    return found


def table(results: dict) -> str:
    """Return the counts as MyST Markdown."""
    lines = ["<!-- Written by tests/faults/long.py from faults.json; do not edit. -->", ""]
    total = sum(row["inputs"] for row in results["doors"])
    lines += [f"Run on {results['date']} at commit `{results['commit']}`: {total:,} damaged inputs.", ""]
    lines += ["| Door | damaged inputs | accepted | refused in one line | anything else |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for row in results["doors"]:
        name = row["door"] + (f" (at commit `{row['commit']}`)" if "commit" in row else "")
        counts = f"{row['inputs']:,} | {row['accepted']:,} | {row['refused']:,}"
        lines.append(f"| {name} | {counts} | {row['inputs'] - row['accepted'] - row['refused']:,} |")
    lines += ["", "| Command | killed | resumed to the same results | what else was found |"]
    lines += ["| --- | --- | --- | --- |"]
    for row in results["commands"]:
        found = "; ".join(row["findings"]) or "–"
        lines.append(f"| `{row['command']}` | {row['kills']} | {row['resumed']} | {found} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the long part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="damaged inputs for a usual door")
    parser.add_argument("--kills", type=int, default=20, help="kills of each command")
    parser.add_argument("--write", action="store_true", help="keep the counts for the page 'What we promise'")
    parser.add_argument("--table", action="store_true", help="only write the table again from the counts that are kept")
    given = parser.parse_args()
    kept, page = paths.book() / "faults.json", paths.book() / "faults_table.md"
    if given.table:
        write_text(page, table(json.loads(kept.read_text(encoding="utf-8"))))
        return
    results: dict = {"date": datetime.now(UTC).date().isoformat(), "commit": commit(), "doors": [], "commands": []}
    for door in doors.DOORS:
        row = fuzz_apart(door.name, FIRST_SEED, max(10, int(given.inputs * door.share)))
        results["doors"].append(row)
        print(json.dumps(row, ensure_ascii=False), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = doors._archive(Path(folder))
        for seed, name in enumerate(COMMANDS):
            row = kill(name, archive, given.kills, seed)
            results["commands"].append(row)
            print(json.dumps(row, ensure_ascii=False), flush=True)
    if given.write:
        write_json(kept, results)
        write_text(page, table(results))
    if any(row["findings"] for row in results["doors"] + results["commands"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
