import errno
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.files import write_bytes
from solarsynth.integrity import MANIFEST, examine
from solarsynth.store import Store, readable_duration, stage_key


def writer(text="x"):
    calls = []

    def make(folder):
        calls.append(sorted(p.name for p in folder.iterdir()))
        (folder / "deep").mkdir(exist_ok=True)
        (folder / "deep" / "result.txt").write_text(text)

    return make, calls


def test_a_result_is_made_once(tmp_path):
    make, calls = writer()
    store = Store(tmp_path)
    first, second = (store.make("stage", make, params={"a": 1}) for _ in range(2))
    assert len(calls) == 1 and not first.reused and second.reused and first.path == second.path
    manifest = json.loads((first.path / MANIFEST).read_text())
    assert manifest["params"] == {"a": 1} and manifest["seconds"] >= 0 and manifest["versions"]["torch"]


def test_what_a_key_depends_on():
    base = stage_key("s", 1, {"a": 1, "b": 2}, {"up": "k"})
    assert base == stage_key("s", 1, {"b": 2, "a": 1}, {"up": "k"})
    others = [
        stage_key("t", 1, {"a": 1, "b": 2}, {"up": "k"}),
        stage_key("s", 2, {"a": 1, "b": 2}, {"up": "k"}),
        stage_key("s", 1, {"a": 1, "b": 3}, {"up": "k"}),
        stage_key("s", 1, {"a": 1, "b": 2}, {"up": "l"}),
    ]
    assert len({base, *others}) == 5


@pytest.mark.parametrize("damage", ["change", "remove", "truncate manifest", "another key", "another parameter"])
def test_a_damaged_result_is_made_anew(tmp_path, damage, capsys):
    make, calls = writer()
    path = Store(tmp_path).make("stage", make, params={}).path
    if damage == "change":
        (path / "deep" / "result.txt").write_text("y")
    elif damage == "remove":
        (path / "deep" / "result.txt").unlink()
    elif damage == "truncate manifest":
        (path / MANIFEST).write_text((path / MANIFEST).read_text()[:40])
    else:
        manifest = json.loads((path / MANIFEST).read_text())
        change = {"key": "0" * 16} if damage == "another key" else {"params": {"a": 2}}
        (path / MANIFEST).write_text(json.dumps(manifest | change))
    before = {p.name: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    entry = Store(tmp_path).make("stage", make, params={})
    assert not entry.reused and len(calls) == 2 and (path / "deep" / "result.txt").read_text() == "x"
    assert "making it again" in capsys.readouterr().err
    aside = path.with_name(f"{path.name}.damaged-1")
    assert {p.name: p.read_bytes() for p in aside.rglob("*") if p.is_file()} == before, "nothing is lost"


def test_files_of_others_do_not_damage_a_result(tmp_path):
    make, calls = writer()
    path = Store(tmp_path).make("stage", make, params={}).path
    (path / ".DS_Store").write_text("z")
    (path / "deep" / "Thumbs.db").write_text("z")
    assert Store(tmp_path).make("stage", make, params={}).reused and len(calls) == 1
    assert (path / ".DS_Store").is_file()


@pytest.mark.parametrize("unreadable", [MANIFEST, "result.txt"])
def test_what_cannot_be_read_is_not_removed(tmp_path, monkeypatch, unreadable):
    make, calls = writer()
    path = Store(tmp_path).make("stage", make, params={}).path
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    read = Path.open

    def refused(self, *args, **kwargs):
        if self.name == unreadable:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return read(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(SolarsynthError, match=rf"{unreadable}: cannot be read .Permission denied"):
        Store(tmp_path).make("stage", make, params={})
    monkeypatch.undo()
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before and len(calls) == 1


def test_weights_are_named_by_their_sha256_and_old_results_stay_valid(tmp_path):
    def make(folder):
        write_bytes(folder / "model.safetensors", b"weights")

    path = Store(tmp_path).make("stage", make, params={}).path
    manifest = json.loads((path / MANIFEST).read_text())
    assert manifest["sha256"] == {"model.safetensors": hashlib.sha256(b"weights").hexdigest()}
    (path / MANIFEST).write_text(json.dumps({k: v for k, v in manifest.items() if k != "sha256"}))
    assert Store(tmp_path).make("stage", make, params={}).reused
    (path / "model.safetensors").write_bytes(b"weighty")
    assert not Store(tmp_path).make("stage", make, params={}).reused


def test_weights_are_hashed_once_when_they_are_proven(tmp_path, monkeypatch):
    """The BLAKE2 digest proves a file; its SHA-256 in the manifest is a name for others."""
    path = Store(tmp_path).make("stage", lambda f: write_bytes(f / "model.safetensors", b"weights"), params={}).path
    hashed, whole = [], hashlib.file_digest

    def counted(file, digest):
        hashed.append(file.name)
        return whole(file, digest)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert examine(path)[1] == ""
    assert hashed == [str(path / "model.safetensors")]


def test_temporary_files_of_a_killed_run_are_removed(tmp_path):
    def killed(folder):
        (folder / ".checkpoint.safetensors.4711.tmp").write_text("half")
        (folder / "part").write_text("kept")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).make("stage", killed, params={})
    make, calls = writer()
    entry = Store(tmp_path).make("stage", make, params={})
    assert calls == [["part"]] and set(entry.manifest["files"]) == {"part", "deep/result.txt"}


def test_a_store_that_may_only_be_read_gives_what_it_holds(tmp_path, monkeypatch):
    make, _ = writer()
    Store(tmp_path).make("stage", make, params={})

    def refused(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    assert Store(tmp_path).make("stage", make, params={}).reused
    with pytest.raises(SolarsynthError, match=r"cannot be written .Read-only file system"):
        Store(tmp_path).make("stage", make, params={"a": 1})


def test_a_full_disk_is_one_line_and_leaves_nothing_finished(tmp_path):
    def full(folder):
        (folder / "part").write_text("kept")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SolarsynthError, match="the disk is full"):
        Store(tmp_path).make("stage", full, params={})
    assert not list(tmp_path.glob("stage/*/manifest.json"))
    make, calls = writer()
    Store(tmp_path).make("stage", make, params={})
    assert calls == [["part"]]


def test_the_last_one_made_is_that_of_the_same_parameters_whatever_its_seed(tmp_path):
    store = Store(tmp_path)
    assert store.last_made("stage", {"settings": {"a": 1}}) is None
    make, _ = writer()
    seeds = (3, 5, 7)
    for seed in seeds:
        entry = store.make("stage", make, params={"settings": {"a": 1, "seed": seed}, "ask": {"b": (1, 2)}})
        manifest = json.loads((entry.path / MANIFEST).read_text())
        made = "2026-01-02T00:00:00+00:00" if seed == 5 else "2026-01-01T00:00:00+00:00"
        (entry.path / MANIFEST).write_text(json.dumps(manifest | {"made": made, "seconds": seed}))
    store.make("stage", make, params={"settings": {"a": 2, "seed": 0}, "ask": {"b": (1, 2)}})
    (store.path("stage", "damaged")).mkdir()
    (store.path("stage", "damaged") / MANIFEST).write_text("{")
    assert store.last_made("stage", {"settings": {"a": 1, "seed": 11}, "ask": {"b": (1, 2)}})["seconds"] == 5
    assert store.last_made("stage", {"settings": {"a": 3, "seed": 3}, "ask": {"b": (1, 2)}}) is None


@pytest.mark.parametrize(
    "seconds, text",
    [(0.3, "0 s"), (59.6, "1 min 0 s"), (1180, "19 min 40 s"), (3600, "1 h 0 min"), (7510, "2 h 5 min")],
)
def test_durations_are_readable(seconds, text):
    assert readable_duration(seconds) == text


def test_unfinished_work_is_handed_over_again(tmp_path):
    def killed(folder):
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).make("stage", killed, params={})
    make, calls = writer()
    entry = Store(tmp_path).make("stage", make, params={})
    assert calls == [["half"]] and not entry.reused


SCRIPT = """
import sys, time
from pathlib import Path
from solarsynth.store import Store
def make(folder):
    with open({log!r}, "a") as file: file.write("made\\n")
    time.sleep(0.5)
    (folder / "result").write_text("x")
Store(Path({folder!r})).make("stage", make, params={{}})
"""


def test_two_runs_share_a_store(tmp_path):
    code = SCRIPT.format(log=str(tmp_path / "log"), folder=str(tmp_path / "store"))
    runs = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    for run in runs:
        _, output = run.communicate(timeout=60)
        assert run.returncode == 0, output
    assert (tmp_path / "log").read_text() == "made\n"


def test_a_store_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SolarsynthError, match="cannot be written"):
        Store(tmp_path / "file").make("stage", lambda folder: None, params={})
