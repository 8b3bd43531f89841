import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from test_experiments import TINY

from solarsynth.cli import main


def call(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def tiny():
    return [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]


def test_importing_the_package_is_cheap():
    code = "import sys, solarsynth; print([m for m in ('torch', 'zarr', 'sunpy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command", ["reproduce", "archive import", "archive info", "dataset", "train", "sample", "status"]
)
def test_help(command):
    done = call(*command.split(), "--help")
    assert done.exit_code == 0 and "Usage:" in done.output


def test_dataset_train_and_sample(small_archive, store_folder, tmp_path):
    where = ["--profile", "smoke", "--source", "archive", "--data", small_archive, *tiny()]
    done = call("dataset", *where)
    assert done.exit_code == 0 and "labelled frames" in done.output
    done = call("train", *where)
    assert done.exit_code == 0 and "model " in done.output
    done = call("sample", "X", 2, "--out", tmp_path / "x.npz", *where)
    assert done.exit_code == 0, done.output
    with np.load(tmp_path / "x.npz") as file:
        assert file["image"].shape == (2, 16, 16) and file["label"].tolist() == ["X", "X"]


def test_archive_info(small_archive):
    done = call("archive", "info", small_archive)
    assert done.exit_code == 0 and "48  frames usable" in done.output and "2012-03-01 to 2012-03-02" in done.output


@pytest.mark.parametrize(
    "arguments, code, line",
    [
        (["sample", "Q"], 1, "no class 'Q'; the GOES classes are A, B, C, M, X"),
        (["sample", "X", "--out", "x.png"], 2, "--out must end in .npz"),
        (["sample", "X", "--out", "no/where/x.npz"], 1, "its folder does not exist"),
        (["train", "--profile", "laptpo"], 1, "no profile 'laptpo'; did you mean 'laptop'?"),
        (["train", "--set", "guidnce=1"], 1, "unknown setting 'guidnce'; did you mean 'guidance'?"),
        (["train", "--set", "guidance"], 2, "--set takes KEY=VALUE"),
        (["dataset", "--source", "archive"], 1, "needs data"),
        (["reproduce", "6_results"], 1, "no page '6_results'; did you mean '06_results'?"),
        (["reproduce", "06_results", "--publish"], 1, "only a run of all pages can be published"),
        (["archive", "info", "nowhere"], 1, "nowhere: no such archive"),
        (["archive", "import", "x", "--frames", "no.npz", "--flux", "n", "--events", "n"], 1, "no.npz: no such file"),
        (["status", "nowhere"], 1, "no results.json"),
        (["fly"], 2, "No such command"),
    ],
)
def test_mistakes_get_one_line(store_folder, arguments, code, line):
    done = call(*arguments)
    assert done.exit_code == code and line in done.output
    assert "Traceback" not in done.output
    if code == 1:
        assert done.output.count("\n") == 1
