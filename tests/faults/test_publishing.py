"""Publishing, ended at every line: the next start finds the old book or the new one, whole."""

import json
import shutil
import sys

import pytest

from solarsynth.book import swapping
from solarsynth.book.notebooks import PAGES
from solarsynth.book.publish import complete, finished, publish, recover_book

NAMES = ("chapters/a.ipynb", "_static/figures/a.png", "_generated/status.md", "results.json", "run.json")


def fill(folder, text):
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def house(tmp_path, monkeypatch):
    (tmp_path / "house" / "params").mkdir(parents=True)
    monkeypatch.setenv("SOLARSYNTH_ROOT", str(tmp_path / "house"))
    fill(tmp_path / "run", "new")
    return tmp_path / "house"


def reset(house):
    shutil.rmtree(house / "book", ignore_errors=True)
    for rest in house.glob(".book*"):
        shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
    fill(house / "book", "old")
    (house / "book" / "index.md").write_text("kept")
    (house / "book" / "_build").mkdir()
    (house / "book" / "_build" / "page.html").write_text("built")


def state(house):
    book = house / "book"
    texts = {p.relative_to(book).as_posix(): p.read_text() for p in book.rglob("*") if p.is_file()}
    assert texts.pop("index.md") == "kept" and texts.pop("_build/page.html") == "built"
    assert sorted(texts) == sorted(NAMES), texts
    (text,) = set(texts.values())
    return text


class Killed(BaseException):
    pass


def publish_until(run, stop):
    """Publish, and end at the `stop`-th line of the code that writes; return whether it came to its end."""
    lines = [0]

    def trace(frame, event, argument):
        if frame.f_code.co_filename not in (swapping.__file__, publish.__code__.co_filename, shutil.__file__):
            return None
        if event == "line":
            lines[0] += 1
            if lines[0] == stop:
                raise Killed
        return trace

    sys.settrace(trace)
    try:
        publish(run)
        return True
    except (Killed, OSError):  # an end inside of shutil makes it raise errors of its own
        return False
    finally:
        sys.settrace(None)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_crash_at_any_line_leaves_the_old_book_or_the_new_one(house, tmp_path, monkeypatch, exchange):
    monkeypatch.setattr(swapping, "_sync", lambda folder: None)  # slow, and no part of what is tested
    if not exchange:
        monkeypatch.setattr(swapping.sys, "platform", "another system")
    ends, stop, done = set(), 0, False
    while not done:
        stop += 1 if stop < 10 else 9
        reset(house)
        done = publish_until(tmp_path / "run", stop)
        if exchange:
            # Even before recovery: readers see the one or the other.
            text = {(house / "book" / name).read_text() for name in NAMES}
            assert len(text) == 1, text
        recover_book()
        ends.add(state(house))
        publish(tmp_path / "run")
        assert state(house) == "new" and not list(house.glob(".book-*"))
    assert ends == {"old", "new"} and stop > 50


def notebook(*cells):
    return json.dumps({"cells": list(cells)})


def cell(count=1, outputs=()):
    return {"cell_type": "code", "source": ["1"], "execution_count": count, "outputs": list(outputs)}


@pytest.mark.parametrize(
    "text, expected",
    [
        (notebook(cell(1), cell(2)), True),
        (notebook({"cell_type": "markdown", "source": ["x"]}, cell(1)), True),
        (notebook(cell(1), cell(None)), False),
        (notebook(cell(1), cell(2, [{"output_type": "error"}])), False),
        (notebook(), False),
        (notebook(cell(1))[:30], False),
        ("", False),
        ("[]", False),
    ],
)
def test_an_unfinished_chapter_does_not_count(tmp_path, text, expected):
    (tmp_path / "chapters").mkdir()
    for name in PAGES:
        (tmp_path / "chapters" / f"{name}.ipynb").write_text(notebook(cell(1)))
    assert complete(tmp_path)
    path = tmp_path / "chapters" / f"{PAGES[3]}.ipynb"
    path.write_text(text)
    assert finished(path) == complete(tmp_path) == expected


def test_the_published_chapters_count():
    from solarsynth import paths

    assert complete(paths.book())
