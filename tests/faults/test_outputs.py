"""Files that commands write: checked before the work, whole or not at all, and a full disk is one line."""

import errno
import os
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from solarsynth import files
from solarsynth.cli import main
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.errors import SolarsynthError, system_fault


def call(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def no_work(monkeypatch):
    """No command may begin to work."""

    def refuse(*args, **kwargs):
        raise AssertionError("the work began")

    for name in ("solarsynth.cli.data.open_lab", "solarsynth.cli.models.open_lab", "solarsynth.cli.evaluate.open_lab"):
        monkeypatch.setattr(name, refuse)


COMMANDS = (
    ("dataset", "--profile", "smoke", "--out", "{}.npz"),
    ("sample", "X", "1", "--profile", "smoke", "--out", "{}.npz"),
    ("evaluate", "samples.npz", "--csv", "{}.csv"),
    ("evaluate", "samples.npz", "--json", "{}.json"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c[:1] + c[-2:-1]))
@pytest.mark.parametrize("target", ["nowhere/out", "folder/out"])
def test_a_target_that_cannot_be_written_is_noticed_before_the_work(tmp_path, monkeypatch, no_work, command, target):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()

    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("solarsynth.files.tempfile.TemporaryFile", refused)
    done = call(*(part.format(target) for part in command))
    assert done.exit_code == 1 and len(done.stderr.splitlines()) == 1
    assert "its folder does not exist" in done.stderr or "cannot be written (Permission denied)" in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c[:1] + c[-2:-1]))
def test_a_target_that_is_a_folder(tmp_path, monkeypatch, no_work, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / command[-1].format("out")).mkdir()
    done = call(*(part.format("out") for part in command))
    assert done.exit_code == 1 and "is a folder" in done.stderr


def labelled():
    n = 3
    arrays = {name: np.zeros(n, bool if name in LabelledSet.PARTS else np.int64) for name in LabelledSet.ARRAYS}
    arrays |= {"image": np.zeros((n, 4, 4), np.uint8), "flux": np.full(n, 1e-5)}
    return LabelledSet(**arrays, unit="display", funnel={"events": 3}, about={"source": "archive"})


def test_a_labelled_set_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    labelled().write(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", full)
    with pytest.raises(OSError):
        labelled().write(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["set.npz"]
    assert len(LabelledSet.read(path)) == 3


@pytest.mark.parametrize("number, text", [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only")])
def test_a_fault_of_the_machine_is_one_line(monkeypatch, number, text):
    def full(*args, **kwargs):
        raise OSError(number, os.strerror(number), "/some/where")

    monkeypatch.setattr("solarsynth.book.ledger.read", full)
    done = call("status")
    assert done.exit_code == 1
    assert done.stderr == f"solarsynth: /some/where: {system_fault(OSError(number, ''))}\n" and text in done.stderr


def test_other_errors_of_the_system_are_not_hidden(monkeypatch):
    assert system_fault(ValueError("x")) is None and system_fault(OSError(errno.EPIPE, "x")) is None
    error = RuntimeError("could not write")
    error.__cause__ = OSError(errno.ENOSPC, "x")
    assert "disk is full" in system_fault(error)


NOT_FROM = object()


@pytest.mark.parametrize(
    "outer, cause, told",
    [
        (RuntimeError, NOT_FROM, True),
        (OSError, NOT_FROM, True),
        (RuntimeError, None, False),
        (OSError, None, False),
        (KeyError, NOT_FROM, False),
        (KeyError, None, False),
        (KeyError, PermissionError(errno.EACCES, "x"), True),
        (KeyError, ValueError("x"), False),
    ],
)
def test_a_bug_while_a_fault_is_handled_is_not_called_a_fault(outer, cause, told):
    """Only what was raised from a fault, or what libraries wrap a fault in, is one."""
    with pytest.raises(outer) as raised:
        try:
            raise PermissionError(errno.EACCES, "Permission denied")
        except OSError:
            if cause is NOT_FROM:
                raise outer("x")  # noqa: B904
            raise outer("x") from cause
    assert ("no permission" in (system_fault(raised.value) or "")) == told


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 KiB of our own; skipped where mounting is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs may be mounted here ({done.stderr.strip()})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk(small_disk, shared_archive, monkeypatch):
    from conftest import make_tables

    from solarsynth.observations.writing import write_archive
    from solarsynth.store import Store

    rng = np.random.default_rng(0)
    _, time, xrs, events = make_tables()
    image = rng.integers(0, 256, (48, 128, 128)).astype(np.uint8)  # 786 kB that do not compress
    writes = {
        "bytes": lambda: files.write_bytes(small_disk / "b", rng.bytes(400_000)),
        "npz": lambda: files.write_npz(small_disk / "c.npz", x=image),
        "archive": lambda: write_archive(
            small_disk / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={}
        ),
    }
    for name, write in writes.items():
        with pytest.raises(Exception) as error:
            write()
        assert "disk is full" in (system_fault(error.value) or ""), (name, error.value)
        assert os.listdir(small_disk) == [], name

    def make(folder):
        files.write_npz(folder / "c.npz", x=image)

    with pytest.raises(SolarsynthError, match="disk is full"):
        Store(small_disk).make("stage", make, params={})
    assert not list(small_disk.glob("stage/*/manifest.json"))
    entry = Store(small_disk).make("stage", lambda folder: files.write_text(folder / "t", "x"), params={})
    assert (entry.path / "t").read_text() == "x"
