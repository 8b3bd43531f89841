"""Files are written whole or not at all, and made again if they are damaged."""

import json
import shutil

import numpy as np
import pytest

from solarsynth import files
from solarsynth.errors import SolarsynthError
from solarsynth.observations.downloads import read_array, read_arrays


class Killed(Exception):
    pass


WRITES = {
    "bytes": lambda path, value: files.write_bytes(path, value.encode()),
    "text": lambda path, value: files.write_text(path, value),
    "json": lambda path, value: files.write_json(path, {"value": value}),
    "npz": lambda path, value: files.write_npz(path, value=np.array(value)),
    "npy": lambda path, value: files.write_npy(path, np.array(value)),
}
READS = {
    "bytes": lambda path: path.read_bytes().decode(),
    "text": lambda path: path.read_text(encoding="utf-8"),
    "json": lambda path: json.loads(path.read_text(encoding="utf-8"))["value"],
    "npz": lambda path: str(read_arrays(path)["value"]),
    "npy": lambda path: str(read_array(path)),
}


@pytest.mark.parametrize("kind", WRITES)
def test_what_is_written_is_read(kind, tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    for value in ("Ångström", "again"):
        WRITES[kind](path, value)
        assert READS[kind](path) == value
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", WRITES)
def test_the_old_file_stays_if_the_write_fails(kind, tmp_path, monkeypatch):
    path = tmp_path / "file"
    WRITES[kind](path, "old")
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        WRITES[kind](path, "new")
    assert READS[kind](path) == "old" and list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_if_the_block_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(Killed), files.replacing(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent and path.read_text() == "old"
        raise Killed
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_json_without_nan(tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "file", {"value": float("nan")})
    assert not list(tmp_path.iterdir())


class TestCached:
    """A value is made once, and again after damage."""

    @pytest.fixture
    def made(self):
        return []

    def get(self, path, read, made):
        def make():
            made.append(len(made))
            files.write_npz(path, value=np.arange(3) + made[-1])
            return np.arange(3) + made[-1]

        return files.cached(path, read, make)

    def test_once(self, tmp_path, made):
        for _ in range(2):
            value = self.get(tmp_path / "a.npz", lambda path: read_arrays(path)["value"], made)
            assert value.tolist() == [0, 1, 2]
        assert made == [0]

    @pytest.mark.parametrize(
        "damage",
        [
            lambda whole: b"",
            lambda whole: whole[:10],
            lambda whole: whole[: len(whole) // 2],
            lambda whole: whole[:60] + bytes(30) + whole[90:],
            lambda whole: b"<html>not what you wanted</html>",
        ],
    )
    def test_damaged(self, tmp_path, made, damage):
        path = tmp_path / "a.npz"
        for _ in range(2):
            self.get(path, lambda path: read_arrays(path)["value"], made)
        path.write_bytes(damage(path.read_bytes()))
        for _ in range(2):
            assert self.get(path, lambda path: read_arrays(path)["value"], made).tolist() == [1, 2, 3]
        assert made == [0, 1]

    def test_not_wanted(self, tmp_path, made):
        """`read` may refuse a file that is sound."""
        for _ in range(2):
            self.get(tmp_path / "a.npz", lambda path: None, made)
        assert made == [0, 1]

    def test_other_errors_are_not_hidden(self, tmp_path, made):
        self.get(tmp_path / "a.npz", lambda path: None, made)
        with pytest.raises(Killed):
            self.get(tmp_path / "a.npz", lambda path: (_ for _ in ()).throw(Killed), made)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_damaged_array_is_a_value_error(tmp_path, share):
    path = tmp_path / "a.npy"
    files.write_npy(path, np.arange(1000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="damaged"):
        read_array(path)


def test_a_new_folder_is_there_whole_and_takes_the_place_of_an_empty_one_alone(tmp_path):
    (tmp_path / ".made.partial").mkdir()
    (tmp_path / ".made.partial" / "thesis.txt").write_text("three years")
    (tmp_path / "made").mkdir()
    with files.new_folder(tmp_path / "made") as folder:
        (folder / "a").write_text("x")
        assert not list((tmp_path / "made").iterdir())
    assert (tmp_path / "made" / "a").read_text() == "x"
    with pytest.raises(SolarsynthError, match="made exists; choose another name"):
        with files.new_folder(tmp_path / "made") as folder:
            (folder / "a").write_text("y")
    assert (tmp_path / "made" / "a").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".made.partial", "made"], "a user's folder is not ours"


def test_nothing_is_left_of_a_new_folder_that_fails_while_threads_write_to_it(tmp_path, monkeypatch):
    remove, calls = shutil.rmtree, []

    def busy(folder, **options):
        calls.append(folder)
        if len(calls) > 2:  # until then a thread has put a file there meanwhile
            remove(folder, **options)

    monkeypatch.setattr(files.shutil, "rmtree", busy)
    with pytest.raises(Killed), files.new_folder(tmp_path / "made") as folder:
        (folder / "a").write_text("x")
        raise Killed
    assert not list(tmp_path.iterdir())


def test_two_do_not_write_one_new_folder_at_once(tmp_path):
    with files.new_folder(tmp_path / "made") as folder:
        with pytest.raises(SolarsynthError, match="another process is writing it"):
            with files.new_folder(tmp_path / "made"):
                pytest.fail("both write")
        (folder / "a").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
