"""The long part of the fault suite: doors with thousands of damaged inputs, commands killed at random moments.

``python -m tests.faults.long`` prints one line of counts per door and per command. ``--door NAME`` and
``--command NAME`` choose some of them. With ``--write`` each line is kept as a row of ``book/faults.json``, in the
place of the last one of its door or command, with the date and the commit that it was run on. The table of the page
"What we promise" is written from these rows, and names what has not been run.
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
from collections.abc import Iterator
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

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
FIRST_SEED = 20_000

#: Commands that are killed, and the file that each writes.
COMMANDS = {
    "dataset": (["dataset", "--out", "out.npz"], "out.npz"),
    "train": (["train", "discrete"], ""),
    "sample": (["sample", "C", "24", "--out", "out.npz"], "out.npz"),
}


#: The parts of the file of rows: by which entry a row is named, and the names in their order.
PARTS = {
    "doors": ("door", tuple(door.name for door in doors.DOORS)),
    "commands": ("command", tuple(COMMANDS)),
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


def revision() -> str:
    """Return the checkout's commit; exit if what the rows measure differs from it, for a row names its commit."""
    git = ["git", "-C", str(paths.root())]
    measured = ("src", "tests", "params", "book/results.json")
    if subprocess.run([*git, "status", "--porcelain", "--", *measured], capture_output=True, check=True).stdout:
        raise SystemExit("--write needs files that are committed, because each row names its commit")
    head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
    return head.stdout.strip()


def read_rows() -> dict:
    """Return the rows that are kept."""
    file = paths.book() / "faults.json"
    return {part: [] for part in PARTS} | (json.loads(file.read_text(encoding="utf-8")) if file.exists() else {})


def write_rows(results: dict) -> None:
    """Keep the rows, and write the table of the page from them."""
    write_json(paths.book() / "faults.json", results)
    write_text(paths.book() / "faults_table.md", table(results))


def merged(kept: dict, part: str, row: dict) -> dict:
    """Return the rows that are kept with another one, in the order of the doors or commands.

    Parameters
    ----------
    kept : dict
        Lists of rows: ``doors``, ``commands``.
    part : str
        The list that the row belongs to. Rows of what is no door or command any more are left out.
    row : dict
        Takes the place of the last row of the same name.
    """
    key, names = PARTS[part]
    rows = {each[key]: each for each in (*kept[part], row)}
    return kept | {part: [rows[name] for name in names if name in rows]}


def table(results: dict) -> str:
    """Return the rows, and the names of what has none, as MyST Markdown."""
    heads = {
        "doors": ("Door", "damaged inputs", "accepted", "refused in one line", "what else was found"),
        "commands": ("Command", "killed", "resumed to the same results", "what else was found"),
    }
    counts = {"doors": ("inputs", "accepted", "refused"), "commands": ("kills", "resumed")}
    lines = ["<!-- Written by tests/faults/long.py from faults.json; do not edit. -->", ""]
    total = sum(row["inputs"] for row in results["doors"])
    lines += [f"{total:,} damaged inputs, at {len(results['doors'])} of {len(doors.DOORS)} doors."]
    for part, (key, names) in PARTS.items():
        head = (*heads[part], "run on", "at commit")
        lines += ["", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        for row in results[part]:
            found = "; ".join(" ".join(text.split()).replace("|", r"\|") for text in row["findings"]) or "–"
            cells = (row[key], *(f"{row[count]:,}" for count in counts[part]), found, row["date"], f"`{row['commit']}`")
            lines.append(f"| {' | '.join(cells)} |")
        missing = set(names) - {row[key] for row in results[part]}
        if missing:
            lines += ["", f"Not yet run: {', '.join(name for name in names if name in missing)}."]
    return "\n".join([*lines, ""])


def rows(given: argparse.Namespace) -> Iterator[tuple[str, dict]]:
    """Open the doors and kill the commands that are asked for, all by default; yield each row with its part."""
    everything = not (given.door or given.command)
    for door in doors.DOORS:
        if door.name not in given.door and not everything:
            continue
        if door.name == "GOES file" and paths.real() is None:
            print("GOES file: not run; set SOLARSYNTH_REAL to a folder with goes-files", file=sys.stderr)
            continue
        yield "doors", fuzz_apart(door.name, FIRST_SEED, max(10, int(given.inputs * door.share)))
    with tempfile.TemporaryDirectory() as folder:
        archive = doors._archive(Path(folder))
        for seed, name in enumerate(COMMANDS):
            if name in given.command or everything:
                yield "commands", kill(name, archive, given.kills, seed)


def main(arguments: list[str] | None = None) -> None:
    """Run the long part, or what is asked for of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="damaged inputs for a usual door")
    parser.add_argument("--kills", type=int, default=20, help="kills of each command")
    parser.add_argument("--door", action="append", default=[], choices=PARTS["doors"][1], help="only these; repeatable")
    parser.add_argument("--command", action="append", default=[], choices=[*COMMANDS], help="only these; repeatable")
    parser.add_argument("--write", action="store_true", help="keep the rows for the page 'What we promise'")
    parser.add_argument("--table", action="store_true", help="only write the table again from the rows that are kept")
    given = parser.parse_args(arguments)
    if given.table:
        write_rows(read_rows())
        return
    commit = revision() if given.write else ""
    findings = False
    for part, row in rows(given):
        print(json.dumps(row, ensure_ascii=False), flush=True)
        findings |= bool(row["findings"])
        if given.write:
            if revision() != commit:
                raise SystemExit("another commit was checked out meanwhile; this row is not kept")
            row |= {"date": datetime.now(UTC).date().isoformat(), "commit": commit}
            write_rows(merged(read_rows(), part, row))
    if findings:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
