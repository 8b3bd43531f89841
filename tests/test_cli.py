import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import make_tables
from test_experiments import TINY

from solarsynth.cli import main
from solarsynth.observations.archive import write_archive


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
    assert "a frame every 60 min" in done.output and "damaged" not in done.output


def missing_chunk(path):
    (path / "2012" / "171A" / "1.0.0").unlink()
    return "damaged: 1 of 4 chunks of 2012/171A are missing"


def cut_chunk(path):
    chunk = path / "2012" / "171A" / "2.0.0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    return "damaged: chunk 2 of 2012/171A cannot be decoded"


def cut_flux(path):
    chunk = path / "xrs" / "flux" / "0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    return "damaged: xrs cannot be decoded"


@pytest.mark.parametrize("spoil", [missing_chunk, cut_chunk, cut_flux])
def test_archive_info_says_damaged(small_archive, spoil):
    line = spoil(small_archive)
    done = call("archive", "info", small_archive)
    assert done.exit_code == 1 and line in done.output and "Traceback" not in done.output


def test_archive_info_counts_faults_and_gaps(tmp_path):
    image, time, xrs, events = make_tables()
    image = image.astype(np.float32)
    image[3], image[4] = np.nan, 0
    time[30:] += 5 * 86_400_000
    time[7] = time[6]
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    done = call("archive", "info", tmp_path / "a")
    assert done.exit_code == 0
    for line in (
        "1  frames with NaN",
        "1  frames all dark",
        "1  frames that repeat a time",
        "gap of 5.04 days: 2012-03-02T05:00",
    ):
        assert line in done.output, done.output


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
