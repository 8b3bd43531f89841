"""The rows that the long part keeps, and the table that is written from them."""

import json
import re
import subprocess

import long
import pytest
from doors import DOORS

from solarsynth import paths

COUNTS = {"inputs": 5, "accepted": 2, "refused": 3, "findings": {}}


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of our own, doors and commands that take no time, and a checkout whose commit is `at["commit"]`."""
    at = {"commit": "a" * 10}
    monkeypatch.setattr(long.paths, "book", lambda: tmp_path)
    monkeypatch.setattr(long.paths, "real", lambda: tmp_path)
    monkeypatch.setattr(long, "revision", lambda: at["commit"])
    monkeypatch.setattr(long, "fuzz_apart", lambda name, first, count: COUNTS | {"door": name, "inputs": count})
    monkeypatch.setattr(
        long,
        "kill",
        lambda name, archive, points, seed: {"command": name, "kills": points, "resumed": seed, "findings": {}},
    )
    return tmp_path, at


def run(folder, *arguments):
    long.main([*arguments, "--write"])
    return json.loads((folder / "faults.json").read_text()), (folder / "faults_table.md").read_text()


def test_rows_of_several_runs_are_merged_each_with_its_own_commit(book):
    folder, at = book
    run(folder, "--door", "manifest", "--inputs", "100")
    at["commit"] = "b" * 10
    run(folder, "--command", "train", "--kills", "7")
    kept, page = run(folder, "--door", "profile", "--door", "evaluate", "--inputs", "50", "--command", "dataset")
    assert [(row["door"], row["inputs"], row["commit"][0]) for row in kept["doors"]] == [
        *(("evaluate", 50, "b"), ("manifest", 100, "a"), ("profile", 50, "b"))
    ]
    # In the order of the commands, and each with the seed that it has in a run of all.
    assert [(row["command"], row["kills"], row["resumed"]) for row in kept["commands"]] == [
        *(("dataset", 20, 0), ("train", 7, 1))
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]) for part in kept.values() for row in part)
    at["commit"] = "c" * 10
    kept, page = run(folder, "--door", "manifest", "--inputs", "10")
    assert [row["commit"][0] for row in kept["doors"]] == ["b", "c", "b"] and len(kept["commands"]) == 2
    assert "110 damaged inputs, at 3 of" in page and re.search(r"\| manifest \| 10 \|.*`cccccccccc`", page)


def test_what_has_not_been_run_is_named(book):
    kept, page = run(book[0], "--door", "manifest", "--command", "sample")
    missing = re.findall(r"Not yet run: (.*)\.", page)
    assert missing[0].split(", ") == [door.name for door in DOORS if door.name != "manifest"]
    assert missing[1] == "dataset, train"
    kept, page = run(book[0])
    assert [row["door"] for row in kept["doors"]] == [door.name for door in DOORS]
    assert "Not yet run" not in page and page.count("\n| ") == 4 + len(DOORS) + len(long.COMMANDS)


def test_a_finding_is_in_the_table_and_fails_the_run(book, monkeypatch):
    hangs = {"door": "manifest", "inputs": 0, "accepted": 0, "refused": 0, "findings": {"hangs at\n[a|b]": 3}}
    monkeypatch.setattr(long, "fuzz_apart", lambda *of: hangs)
    with pytest.raises(SystemExit):
        run(book[0], "--door", "manifest")
    assert r"| manifest | 0 | 0 | 0 | hangs at [a\|b] |" in (book[0] / "faults_table.md").read_text()


def test_no_row_is_kept_of_a_checkout_that_changed_meanwhile(book, monkeypatch):
    commits = iter("ab")
    monkeypatch.setattr(long, "revision", lambda: next(commits))
    with pytest.raises(SystemExit, match="another commit"):
        run(book[0], "--door", "manifest")
    assert not (book[0] / "faults.json").exists()


def test_files_that_are_not_committed_have_no_revision(tmp_path, monkeypatch):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *arguments], check=True)
    monkeypatch.setattr(long.paths, "root", lambda: tmp_path)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert len(long.revision()) == 10 and head.startswith(long.revision())
    (tmp_path / "src" / "a.py").write_text("2")
    with pytest.raises(SystemExit, match="committed"):
        long.revision()


def test_the_table_of_the_book_is_written_from_its_rows():
    kept = long.read_rows()
    assert (paths.book() / "faults_table.md").read_text(encoding="utf-8") == long.table(kept)
    for part, (key, names) in long.PARTS.items():
        found = [row[key] for row in kept[part]]
        assert found == [name for name in names if name in found]
        for row in kept[part]:
            assert re.fullmatch("[0-9a-f]{10}", row["commit"]) and re.fullmatch(r"\d{4}(-\d\d){2}", row["date"])
