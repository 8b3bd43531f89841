import json
import re

import pytest

from solarsynth import paths
from solarsynth.book import cells, claims_page, ledger, paper
from solarsynth.book.notebooks import PAGES
from solarsynth.book.publish import PROVENANCE, provenance_page
from solarsynth.errors import SolarsynthError

WANTED = [
    "table-1",
    *(f"table-d.{i}" for i in range(1, 5)),
    *(f"figure-{i}" for i in range(1, 12)),
    "figure-a.1",
    "figure-b.1",
    "figure-c.1",
    "funnel",
    "sample-counts",
    "accuracy-8.1",
    "skill-8.2",
]


def test_every_item_of_the_paper_is_there_once():
    assert sorted(i.id for i in paper.ITEMS) == sorted(WANTED)
    assert {i.chapter for i in paper.ITEMS} <= set(PAGES)
    assert all(entry["status"] == "missing" for entry in ledger.empty().values())


def test_recording(tmp_path):
    ledger.record(
        tmp_path,
        "figure-1",
        status="differs",
        why="so",
        ours={"A": 1, "B": float("nan"), "C": (1.5, float("nan"))},
        error={"A": 0.5},
        profile="smoke",
        source="simulated",
    )
    entries = ledger.read(tmp_path)
    assert entries["figure-1"]["ours"] == {"A": 1, "B": None, "C": [1.5, None]}
    assert entries["figure-1"]["error"] == {"A": 0.5} and entries["figure-2"]["status"] == "missing"
    assert tuple(entries["figure-1"]) == ledger.KEYS
    common = {"why": "", "profile": "smoke", "source": "simulated"}
    with pytest.raises(SolarsynthError, match="the ledger has no item 'figure-12'"):
        ledger.record(tmp_path, "figure-12", status="differs", **common)
    with pytest.raises(SolarsynthError, match="unknown status 'fine'"):
        ledger.record(tmp_path, "figure-1", status="fine", **common)


def test_a_damaged_ledger(tmp_path):
    (tmp_path / ledger.NAME).write_text("{")
    with pytest.raises(SolarsynthError, match="damaged ledger"):
        ledger.read(tmp_path)


def test_published_numbers_are_in_the_paper():
    """The values typed in paper.py against the paper's text, where it is at hand."""
    text = paths.root().parent / "shared" / "paper" / "ramunno-2024.txt"
    if not text.is_file():
        pytest.skip("the paper's text is not here")
    words = set(re.findall(r"[\d.,]*\d", text.read_text()))
    for row in paper.TABLE_1.values():
        for value, error in row.values():
            assert {f"{value:g}", f"{value:.3f}", f"{value:.4f}", f"{value:.5f}"} & words, value
            assert error is None or {f"{error:g}", f"{error:.4f}"} & words
    assert {"107,709", "15,696", "51,374", "20,420", "60,000", str(paper.DAYS)} <= words


class TestPublished:
    """What stands in book/ is one whole run."""

    def test_ledger(self):
        entries = ledger.read(paths.book())
        assert set(entries) == set(WANTED)
        for entry in entries.values():
            assert tuple(entry) == ledger.KEYS and entry["status"] in ledger.STATUSES and entry["why"]
            assert (paths.book() / "chapters" / f"{entry['chapter']}.ipynb").is_file()
            if entry["status"] in ("reproduced", "differs"):
                assert entry["ours"] is not None and entry["published"] is not None

    def test_generated_pages_are_in_step(self):
        book = paths.book()
        entries = ledger.read(book)
        assert (book / "_generated" / "status.md").read_text() == ledger.status_page(entries)
        assert (book / "_generated" / "summary.md").read_text() == ledger.summary(entries)
        claims = ledger.read_claims(book)
        assert (book / "_generated" / "verdicts.md").read_text() == claims_page.counts_page(claims)
        assert (book / "_generated" / "claims.md").read_text() == claims_page.claims_page(claims)
        assert (book / "_generated" / "provenance.md").read_text() == provenance_page(book)

    @pytest.mark.parametrize("name", PAGES)
    def test_chapters(self, name):
        path = paths.book() / "chapters" / f"{name}.ipynb"
        chapter = json.loads(path.read_text())
        run = json.loads((paths.book() / PROVENANCE).read_text())
        assert path.stat().st_size < 2e6
        assert chapter["metadata"]["papermill"]["exception"] is None
        source = json.loads((paths.notebooks() / f"{name}.ipynb").read_text())

        def code(notebook):
            cells = (c for c in notebook["cells"] if "injected-parameters" not in c["metadata"].get("tags", []))
            return ["".join(cell["source"]) for cell in cells]

        assert code(chapter) == code(source), "the published chapter is older than its notebook"
        shown = "".join(str(cell.get("outputs", "")) for cell in chapter["cells"])
        assert f"source {run['source']}" in shown
        assert "/tmp/" not in shown and "/home/" not in shown and str(paths.root()) not in shown
        assert "site-packages" not in path.read_text(), "a path of the machine that ran it"


def test_long_values_are_cut_at_a_word_in_a_cell_only():
    entries = ledger.empty()
    long = {f"number {i}": i for i in range(60)}
    entries["table-1"] |= {"published": {"F1": 0.7}, "ours": long, "status": "differs", "why": "because"}
    for text in (ledger.status_page(entries), ledger.summary(entries)):
        cell = next(part for part in text.replace("\n", "|").split("|") if "number 0" in part)
        assert cell.strip().endswith("…") and "number 59" not in cell and len(cell) < 230
    assert entries["table-1"]["ours"] == long


@pytest.mark.parametrize(
    "changes, method, value",
    [
        ({}, "missing", "no number"),
        ({"status": "reproduced", "ours": {"n": 1}, "published": {"n": 1}}, "computed", "comparable"),
        ({"status": "differs", "ours": {"n": 1}, "published": {"n": 2}}, "differs", "comparable"),
        ({"status": "not-comparable", "ours": {"n": 1}, "published": {"n": 2}}, "computed", "other data"),
        ({"status": "not-comparable", "ours": {"n": 1}}, "computed", "no number"),
        (
            {"status": "not-comparable", "ours": {"n": 1}, "published": {"n": 2}, "source": "sdoml", "why": "as there"},
            *("computed", "comparable"),
        ),
        (
            {"status": "not-comparable", "ours": {"n": 1}, "published": {"n": 2}, "source": "sdoml"}
            | {"why": "on another archive than the paper's"},
            *("computed", "other data"),
        ),
    ],
)
def test_method_and_value_are_two_columns(changes, method, value):
    """One item, and the counts of all others, which nothing has computed."""
    entries = ledger.empty()
    entries["figure-1"] |= {"source": "archive"} | changes
    assert (cells.method_of(entries["figure-1"]), cells.value_of(entries["figure-1"])) == (method, value)
    lines = ledger.status_page(entries).splitlines()
    row = lines.index(next(line for line in lines if line == "* - Fig. 1"))
    assert lines[row + 2].endswith(method) and lines[row + 3].endswith(value)
    others = len(entries) - (method != "missing")
    assert f"**{others}** missing. Value:" in lines[2] and lines[2].endswith(f"Of {len(entries)} items.")


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "–"),
        (True, "True"),
        (20_420, "20,420"),
        (0.129412, "0.129"),
        ([0.35, None], "0.35, –"),
        ({"A": 1200, "B": {"C": "x"}}, "A 1,200; B C x"),
    ],
)
def test_values_in_a_cell(value, text):
    assert ledger.value_text(value) == text


def test_claims_of_a_run_that_computed_nothing_and_of_one_that_did():
    from solarsynth.tables import claims

    nothing = claims(ledger.empty())
    assert len(nothing) == 7 and nothing["this run"].str.contains("not computed|no page computes it yet").all()
    entries = ledger.empty()
    entries["skill-8.2"] |= {"ours": {"TSS": 0.41, "HSS": 0.22}, "floor": {"TSS, persistence": 0.5}}
    entries["table-1"] |= {"ours": {"F1": {"discrete": 0.71}}, "error": {"F1": {"discrete": 0.05}}}
    found = claims(entries)["this run"]
    assert found.iloc[-1] == "TSS 0.41; HSS 0.22; TSS, persistence 0.5" and found.iloc[0] == "discrete 0.71 ± 0.05"
