"""The same profile, source and seed give the same bytes on one machine: results, files and tables."""

import hashlib
import os
import subprocess
import sys

import pytest
from tiny import TINY, as_options

#: Commands, one after another as in one terminal; each writes a file or a table.
PROGRAM = """
import sys
from solarsynth.cli import main

archive, out, *options = sys.argv[1:]
where = ["--profile", "smoke", "--source", "archive", "--data", archive, *options]
for command in (
    ["dataset", *where, "--out", f"{out}/set.npz"],
    ["train", "embedding", *where],
    ["sample", "C", "6", *where, "--out", f"{out}/samples.npz"],
    ["evaluate", f"{out}/samples.npz", *where, "--csv", f"{out}/table.csv", "--json", f"{out}/table.json"],
):
    main.main(command, standalone_mode=False)
"""

#: Files that hold when, where and how long something was made.
ABOUT = {"manifest.json", "lock"}


def results(folder, archive, hash_seed):
    """Run the commands in a process and a store of their own; return the digest of every file that they made."""
    folder.mkdir()
    environment = os.environ | {"SOLARSYNTH_ARTIFACTS": str(folder / "store"), "SOLARSYNTH_RUN": str(folder / "run")}
    # Sets and dicts of texts are walked in another order in every process.
    environment |= {"PYTHONHASHSEED": str(hash_seed), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(archive), str(folder), *as_options(TINY)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ABOUT and path.suffix != ".lock"
    }


@pytest.fixture(scope="module")
def twice(shared_archive, tmp_path_factory):
    base = tmp_path_factory.mktemp("twice")
    return results(base / "one", shared_archive, 1), results(base / "two", shared_archive, 2)


@pytest.mark.parametrize("name", ["set.npz", "samples.npz", "table.csv", "table.json"])
def test_files_and_tables_are_the_same_bytes(twice, name):
    one, two = twice
    assert one[name] == two[name]


def test_everything_in_the_store_is_the_same_bytes(twice):
    """The same keys, weights, logs, features, floors and sets of images."""
    one, two = twice
    assert set(one) == set(two)
    assert sum(name.endswith(".safetensors") for name in one) >= 4, "the networks are among them"
    assert [name for name in one if one[name] != two[name]] == []
