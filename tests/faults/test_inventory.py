"""What the store says of itself, and what `clean` removes."""

import json
import shutil

import pytest
from click.testing import CliRunner
from filelock import FileLock

from solarsynth.cli import main
from solarsynth.files import write_text
from solarsynth.integrity import MANIFEST
from solarsynth.inventory import inventory, removable, remove
from solarsynth.store import Store


def call(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def store(fresh_store):
    """A store with a result of every kind: finished, damaged, another's, unfinished, running, moved aside."""
    made = [Store().make("s", lambda f: write_text(f / "x", "x" * 100), params={"a": a}).path for a in range(5)]
    (made[1] / "x").write_text("y")
    shutil.rmtree(made[2])
    shutil.copytree(made[0], made[2])
    made[3].rename(made[3].with_name(f"{made[3].name}.partial"))
    made[4].rename(made[4].with_name(f"{made[4].name}.partial"))
    shutil.copytree(made[1], made[1].with_name(f"{made[1].name}.damaged-1"))
    (fresh_store / "downloads" / "goes").mkdir(parents=True)
    with FileLock(f"{made[4]}.lock").acquire(timeout=0):
        yield made


def test_every_state_is_told(store):
    states = {item.name.split(".")[0]: item.state for item in inventory(Store().folder) if ".damaged" not in item.name}
    expected = ["finished", "damaged", "damaged", "unfinished", "running"]
    assert [states[path.name] for path in store] == expected
    assert sum(item.state == "moved aside" for item in inventory(Store().folder)) == 1
    done = call("store")
    assert done.exit_code == 1 and "2  damaged" in done.output and "1  running" in done.output


def test_clean_says_what_it_would_remove_and_then_does(store):
    before = sorted(Store().folder.rglob("*"))
    done = call("clean")
    assert done.exit_code == 0 and "would remove 4 folders" in done.output
    assert sorted(Store().folder.rglob("*")) == before
    done = call("clean", "--yes")
    assert done.exit_code == 0 and "removed 4 folders" in done.output
    assert store[0].is_dir() and store[4].with_name(f"{store[4].name}.partial").is_dir()
    assert (Store().folder / "downloads" / "goes").is_dir()
    left = {item.state for item in inventory(Store().folder)}
    assert left == {"finished", "running"}
    assert "nothing to remove" in call("clean", "--yes").output
    assert Store().make("s", lambda f: None, params={"a": 0}).reused


@pytest.mark.parametrize(
    "name",
    [
        "notes",
        "0123456789abcde",
        "0123456789abcdef0",
        "0123456789ABCDEF",
        "0123456789abcdef.damaged-old",
        "0123456789abcdef.partial.bak",
        "notes.partial",
        "photos.damaged-1",
    ],
)
def test_folders_of_others_are_not_judged(store, name):
    """A folder that the store did not name stays, whatever lies in it."""
    foreign = Store().folder / "s" / name
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    assert call("clean", "--yes").exit_code == 0
    assert (foreign / "thesis.txt").read_text() == "years of work"
    assert str(foreign) not in call("store").output + call("clean").output
    assert name not in {item.name for item in inventory(Store().folder)}


def test_clean_leaves_no_lock_of_what_was_moved_aside(store):
    locks = {path.name for path in Store().folder.rglob("*.lock")}
    assert call("clean", "--yes").exit_code == 0
    assert {path.name for path in Store().folder.rglob("*.lock")} == locks


def test_what_was_moved_aside_goes_while_a_run_makes_it_again(store):
    with FileLock(f"{store[1]}.lock").acquire(timeout=0):
        assert [remove(item) for item in removable(Store().folder) if item.state == "moved aside"] == [True]


def test_a_store_that_is_whole_or_empty(fresh_store):
    assert call("store").exit_code == 0 and "nothing to remove" in call("clean").output
    path = Store().make("s", lambda f: write_text(f / "x", "x"), params={}).path
    assert call("store").exit_code == 0
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps(manifest | {"key": "other"}))
    assert call("store").exit_code == 1
