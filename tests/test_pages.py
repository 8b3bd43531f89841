"""Pages written from the package or linked while the book is built: the interface, the labelled set, the terms."""

import importlib
import inspect
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import solarsynth
from solarsynth import paths
from solarsynth.book import glossary_links
from solarsynth.book.publish import PROVENANCE, dataset_page

API = (paths.book() / "api.md").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"^\.\. auto\w+:: (solarsynth[\w.]*)\.(\w+)$", API, re.M)


# --- the Python interface


def test_the_page_has_every_public_name():
    assert len(DOCUMENTED) > 8
    named = {name for module, name in DOCUMENTED if module == "solarsynth"}
    named |= set(re.findall(r"`solarsynth\.(\w+)`", API))
    assert named == set(solarsynth.__all__)


@pytest.mark.parametrize("module, name", DOCUMENTED)
def test_what_is_documented_exists_and_has_a_docstring(module, name):
    found = getattr(importlib.import_module(module), name)
    assert inspect.getdoc(found) and found.__name__ == name


def test_the_members_of_the_page_exist():
    from solarsynth.generator import Generator

    members = re.search(r"Generator\n   :members: (.*)", API)[1].split(", ")
    assert len(members) == 2 and all(inspect.getdoc(getattr(Generator, name)) for name in members)


def test_the_example_of_the_page_runs():
    scope = {}
    exec(re.search(r"^```python\n(.*?)^```$", API, re.M | re.S)[1], scope)
    suns = scope["suns"]
    assert suns.shape == (4, 64, 64) and suns.dtype == np.uint8 and suns.std() > 10


# --- the labelled set


def test_the_table_of_the_labelled_set():
    run = json.loads((paths.book() / PROVENANCE).read_text(encoding="utf-8"))
    run |= {"images": {"A": 1, "B": 2345}, "training images": {"A": 0, "B": 2000}, "unit": "DN/s"}
    page = dataset_page(run)
    assert "64 × 64 px, DN/s; split `blocked`, fold 0 of 3." in page
    rows = ["| A | 1 | 0 | 1 |", "| B | 2,345 | 2,000 | 345 |", "| all | 2,346 | 2,000 | 346 |"]
    assert page.splitlines()[-3:] == rows


def test_the_published_table_is_that_of_the_published_run():
    run = json.loads((paths.book() / PROVENANCE).read_text(encoding="utf-8"))
    assert (paths.book() / "_generated" / "dataset.md").read_text(encoding="utf-8") == dataset_page(run)


# --- links into the glossary


TERMS = ("active region", "TSS, HSS", "flare", "noise level", "block")


def shown(pieces):
    """Return pieces as a text with the links in brackets."""
    return "".join(f"[{p.astext()}]" if p.tagname == "pending_xref" else p.astext() for p in pieces)


@pytest.mark.parametrize(
    "text, linked",
    [
        ("A flare, then another flare.", "A [flare], then another flare."),
        ("Flares of active regions", "[Flares] of [active regions]"),
        ("HSS beside TSS", "[HSS] beside TSS"),  # one entry explains both
        ("Flareless, micro-flare, a hss, a block, noise-level", None),
    ],
)
def test_a_term_is_linked_once(text, linked):
    wanted = glossary_links.targets(TERMS, ["block"])
    pieces = glossary_links.linked(text, wanted, "page")
    assert (shown(pieces) if pieces else None) == linked


def test_found_words_are_not_linked_again_in_the_next_text():
    wanted = glossary_links.targets(TERMS, [])
    assert shown(glossary_links.linked("one block", wanted, "page")) == "one [block]"
    assert not glossary_links.linked("another block", wanted, "page") and "flare" in wanted


def test_pages_are_linked_and_what_is_no_prose_stays(tmp_path):
    (tmp_path / "conf.py").write_text("extensions = ['solarsynth.book.glossary_links']\nglossary_plain = ['block']\n")
    (tmp_path / "terms.rst").write_text(
        "Terms\n=====\n\n.. glossary::\n\n   flare\n      A flare.\n\n   block\n      Of days.\n"
    )
    (tmp_path / "index.rst").write_text(
        "A flare\n=======\n\n``flare``, then a block and a flare, and a flare.\n\n=====\nflare\n=====\n\n"
        ".. toctree::\n\n   terms\n"
    )
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html", str(tmp_path), str(tmp_path / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "index.html").read_text()
    assert page.count("glossary-term") == 1
    assert 'then a block and a <a class="reference internal" href="terms.html#term-flare">' in page
    assert "glossary-term" not in (tmp_path / "html" / "terms.html").read_text()
