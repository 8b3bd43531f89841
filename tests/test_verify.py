"""A run is compared with the same pages run again: what agrees, what differs, and what cannot be compared."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from solarsynth import cli
from solarsynth.book import ledger, verify
from solarsynth.book.publish import PROVENANCE
from solarsynth.book.reproduce import reproduce
from solarsynth.book.rules import SUPPORTED
from solarsynth.errors import SolarsynthError

RUN = {
    "profile": "smoke-custom",
    "source": "simulated",
    "archive": "simulated",
    "seed": 3,
    "sample_seed": 4,
    "settings": {"guidance": 0.5},
}
VALUES = {"error": {"discrete": 1.0, "continuous": 2.0}, "images": 50, "counts": [1, 2], "note": "no weights"}


def written(folder, ours=VALUES, claim=0.3, **run):
    """Write a run with one item and one claim of page 06."""
    folder.mkdir()
    common = {"profile": "smoke", "source": "simulated"}
    error = {"error": {"discrete": 0.4, "continuous": None}}
    ledger.record(folder, "table-1", status="not-comparable", why="so", ours=ours, error=error, **common)
    ledger.record_claim(
        folder,
        "claim-08",
        verdict=SUPPORTED,
        value=claim,
        interval=(0.2, 0.4),
        detectable=float("nan"),
        why="so",
        source="simulated",
    )
    (folder / PROVENANCE).write_text(json.dumps(RUN | run))
    return folder


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, []),
        ({"error": {"discrete": 1.39, "continuous": 2.09}}, []),  # by the error of one, by 5 % of the other
        ({"error": {"discrete": 1.41, "continuous": 2.0}}, ["table-1: ours, error, discrete: 1 then, 1.41 now"]),
        ({"error": {"discrete": 1.0, "continuous": 2.2}}, ["table-1: ours, error, continuous: 2 then, 2.2 now"]),
        ({"error": {"discrete": 1.0}}, ["table-1: ours, error, continuous: 2 then, – now"]),
        ({"images": 60}, ["table-1: ours, images: 50 then, 60 now"]),
        ({"counts": [1, 3]}, ["table-1: ours, counts, 2: 2 then, 3 now"]),
        ({"counts": [1]}, ["table-1: ours, counts: 1, 2 then, 1 now"]),
        ({"note": "weights"}, ["table-1: ours, note: no weights then, weights now"]),
    ],
)
def test_what_differs_is_named(tmp_path, change, said):
    then, now = written(tmp_path / "then"), written(tmp_path / "now", VALUES | change)
    assert verify.differences(then, now, ["06_results"]) == said
    assert not verify.differences(then, now, ["02_dataset"]), "other pages are not compared"


def test_claims_are_compared_too(tmp_path):
    then, now = written(tmp_path / "then"), written(tmp_path / "now", claim=0.4)
    assert verify.differences(then, now, ["06_results"]) == ["claim-08: value: 0.3 then, 0.4 now"]
    assert not verify.differences(then, now, ["06_results"], tolerance=0.3)


@pytest.fixture
def again(tmp_path, monkeypatch):
    """What `reproduce` is asked for, and a stand-in that writes the same ledger but for the claim."""
    asked = {}

    def stand_in(**values):
        asked.update(values)
        folder = Path(os.environ["SOLARSYNTH_RUN"]) / "made"
        return written(folder, claim=asked.pop("claim", 0.3))

    monkeypatch.setattr(verify, "reproduce", stand_in)
    monkeypatch.setenv("SOLARSYNTH_RUN", "before")
    yield asked
    assert os.environ["SOLARSYNTH_RUN"] == "before"


def test_pages_run_with_the_settings_of_the_run(tmp_path, again):
    then = written(tmp_path / "then")
    done = CliRunner().invoke(cli.main, ["verify", str(then), "06_results"])
    assert done.exit_code == 0 and "06_results: as in" in done.output
    assert again == {key: RUN[key] for key in ("source", "seed", "sample_seed", "settings")} | {
        "profile": "smoke",
        "data": "",
        "pages": ("06_results",),
        "build": False,
    }


def test_a_difference_is_printed_and_the_exit_code_is_1(tmp_path, again):
    again["claim"] = 0.6
    done = CliRunner().invoke(cli.main, ["verify", str(written(tmp_path / "then")), "06_results"])
    assert done.exit_code == 1
    assert "claim-08: value: 0.3 then, 0.6 now" in done.output and "1 values differ" in done.output


def test_what_cannot_be_verified(tmp_path):
    then = written(tmp_path / "then", source="archive", archive="suns")
    for pages, options, line in (
        (["06_result"], {}, "unknown page '06_result'; did you mean '06_results'"),
        (["06_results"], {}, "the run is on archive .suns.; say with --data"),
        (["06_results"], {"tolerance": 2}, "tolerance must be from 0"),
    ):
        with pytest.raises(SolarsynthError, match=line):
            verify.verify(then, pages, **options)
    with pytest.raises(SolarsynthError, match=r"no run\.json in it"):
        verify.verify(tmp_path / "nothing", ["06_results"])
    (then / PROVENANCE).write_text('{"profile": "smoke"}')
    with pytest.raises(SolarsynthError, match="not the description of a run"):
        verify.verify(then, ["06_results"])


def test_a_page_that_runs_again_agrees_with_itself(tmp_path, store_folder):
    folder = reproduce(profile="smoke", pages=("02_dataset",), build=False)
    assert verify.verify(folder, ["02_dataset"]) == []
    entries = ledger.read(folder)
    entries["figure-1"]["ours"]["C"] += 10_000
    ledger.write(folder, entries)
    (line,) = verify.verify(folder, ["02_dataset"])
    assert line.startswith("figure-1: ours, C: 10,")
