"""What each record writes, compared with values worked out by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from solarsynth.book import ledger, records
from solarsynth.book.page import Page
from solarsynth.metrics.skill import class_scores
from solarsynth.settings import load_settings

MINUTE = 60_000  # ms
ELSEWHERE = "on another archive than the paper's"


@pytest.fixture
def this(tmp_path):
    lab = SimpleNamespace(settings=load_settings("smoke"), source="simulated", data="", profile="smoke")
    return Page("06_results", lab, tmp_path)


def written(this, item):
    """Return an item as the page's ledger holds it, checked for what all items share."""
    entry = ledger.read(this.folder)[item]
    assert tuple(entry) == ledger.KEYS
    assert (entry["profile"], entry["source"]) == ("smoke", "simulated")
    return entry


@pytest.mark.parametrize(
    "ours, exact, status",
    [
        (None, None, "missing"),
        ({}, {"n": 1}, "missing"),
        ({"n": 1}, None, "not-comparable"),
        ({"n": 1, "more": 2}, {"n": 1}, "reproduced"),
        ({"n": 2}, {"n": 1}, "differs"),
        ({"more": 2}, {"n": 1}, "differs"),
    ],
)
def test_the_status_follows_from_the_values(ours, exact, status):
    assert ledger.status_of(ours, exact) == status


def test_on_which_archive(this):
    assert this.on_archive == ELSEWHERE
    this.lab.source, this.lab.data = "sdoml", "2011-2019"
    assert this.on_archive == "on the paper's archive"


def test_section_2(this):
    records.funnel(this, {"events": 384, "labelled frames": 261})
    records.figure_1(this, {"A": 8, "X": 1})
    records.figure_a_1(this, np.array([0, 0, 0, 4]), np.array([1.0, 2.25, 7.0, 3.04]) * MINUTE)
    funnel, bars, delays = (written(this, item) for item in ("funnel", "figure-1", "figure-a.1"))
    assert funnel["published"]["events"] == 107_709 and funnel["ours"] == {"events": 384, "labelled frames": 261}
    assert bars["ours"] == {"A": 8, "X": 1} and bars["published"] is None
    assert delays["ours"] == {"median delay / min": {"A": 2.2, "X": 3.0}}
    for entry in (funnel, bars, delays):
        assert entry["status"] == "not-comparable" and entry["error"] is None and entry["floor"] is None
        assert entry["why"] == f"computed as in Sect. 2.4, {ELSEWHERE}"


@pytest.mark.parametrize("latent, status", [(512, "reproduced"), (16, "differs")])
def test_the_sketch_is_reproduced_with_the_papers_latent_space(this, latent, status):
    records.figure_2(this, {"image_size": 64, "classes": 5, "latent": latent, "time": 64})
    entry = written(this, "figure-2")
    assert entry["status"] == status and entry["published"] == {"latent": 512}
    assert entry["why"].endswith("added to t" if latent == 512 else "; this profile's z has 16 dimensions")


def test_networks(this):
    records.figure_b_1(this, 23_332_737, 1_457_520)
    assert written(this, "figure-b.1")["ours"] == {"parameters": 23_332_737, "this run": 1_457_520}
    large = SimpleNamespace(source="simulated", settings=SimpleNamespace(train_images=12_345))
    records.figure_c_1(this, large, np.zeros((20, 128, 128), np.uint8))
    entry = written(this, "figure-c.1")
    assert entry["ours"] == {"size": 128, "images": 20, "source": "simulated"}
    assert "trained on the simulated source with 12,345 images" in entry["why"]


def value(metric, number=math.nan, error=math.nan, low=math.nan, high=math.nan, note=""):
    return SimpleNamespace(metric=metric, value=number, error=error, low=low, high=high, note=note)


def test_table_1(this):
    missing = "weights not available: set SOLARSYNTH_WEIGHTS=download"
    found = {
        "cevae": [value("Cluster error", 4.74999, 0.0, 0.1, 5.0), value("FID CLIP", note=missing), value("F1")],
        "discrete": [
            value("Cluster error", 0.123456, 0.00123456, 0.1, 5.0),
            value("FID CLIP", note=missing),
            value("F1", 0.7, 0.1, 0.83664, 1.29849),
        ],
    }
    records.table_1(this, found, {"Cluster error": 0.83349, "F1": 1.0, "FID CLIP": math.nan})
    entry = written(this, "table-1")
    assert entry["status"] == "not-comparable" and entry["why"].endswith("; weights not available for FID CLIP")
    assert entry["ours"] == {
        "Cluster error": {"ground truth": 0.8335, "cevae": 4.75, "discrete": 0.1235},
        "FID CLIP": {"cevae": "weights not available", "discrete": "weights not available"},
        "F1": {"ground truth": 1.0, "discrete": 0.7},
    }
    assert entry["error"] == {
        "Cluster error": {"cevae": 0.0, "discrete": 0.001235},
        "FID CLIP": {},
        "F1": {"discrete": 0.1},
    }
    assert entry["floor"] == {"Cluster error": [0.1, 5.0], "F1": [0.8366, 1.298]}
    assert entry["published"]["Cluster error"]["discrete"] == 0.1294
    assert entry["published"]["F1"] == {"discrete": 0.7, "continuous": 0.34, "embedding": 0.6}


def test_figures_3_and_5(this):
    columns = {"purity": [0.2594, 0.2], "chance": [0.19, 0.19], "silhouette": [-0.4446, 0.1]}
    records.figure_3(this, pd.DataFrame(columns, index=["classifier", "ceVAE"]))
    entry = written(this, "figure-3")
    assert entry["ours"] == {
        "purity": {"classifier": 0.259, "ceVAE": 0.2},
        "silhouette": {"classifier": -0.445, "ceVAE": 0.1},
    }
    assert entry["floor"] == {"purity by chance": {"classifier": 0.19, "ceVAE": 0.19}}
    assert entry["why"].endswith("; CLIP: weights not available")
    for drawable, left_out in ((["A", "B", "C", "M", "X"], "none"), (["B", "C"], "A, M, X")):
        records.figure_5(this, 30, drawable)
        assert written(this, "figure-5")["why"].endswith(f"classes without a training image: {left_out}")
    assert written(this, "figure-5")["ours"] == {"images": 30}


@pytest.mark.parametrize("profile, images, status", [("smoke", 240, "differs"), ("paper", 60_000, "reproduced")])
def test_sample_counts(this, profile, images, status):
    this.lab.settings = load_settings(profile)
    records.sample_counts(this)
    entry = written(this, "sample-counts")
    assert entry["status"] == status and entry["ours"]["images"] == images and entry["ours"]["models"] == 3


def test_figure_4_leaves_out_floors_that_are_not_there(this):
    table = pd.DataFrame(
        {"agreement": [0.11149, 0.5], "floor, 5 %": [-0.0279, np.nan], "floor, 95 %": [0.1261, np.nan]}, ["A", "X"]
    )
    records.figure_4(this, table)
    entry = written(this, "figure-4")
    assert entry["ours"] == {"agreement": {"A": 0.111, "X": 0.5}} and entry["floor"] == {"A": [-0.028, 0.126]}


def test_table_d(this):
    scores = [class_scores(np.diag([2, 2, 2, 2, 2])), class_scores(np.ones((5, 5), int))]
    records.table_d(this, "discrete", scores, np.arange(5))
    entry = written(this, "table-d.2")
    # One classifier is always right, the other right by chance: 1 and 1/5.
    assert entry["ours"] == {"f1": 0.6, "precision": 0.6, "recall": 0.6}
    assert entry["error"] == dict.fromkeys(("f1", "precision", "recall"), round(0.8 / math.sqrt(2), 3))
    assert entry["published"]["f1"] == pytest.approx((0.77 + 0.24 + 0.28 + 0.37 + 0.26) / 5)
    assert "left out" not in entry["why"]
    records.table_d(this, "real", scores, np.array([0, 1, 2, 3]))
    assert written(this, "table-d.1")["why"].endswith("; classes without a tested image are left out of the means")


def test_accuracy_by_amount_and_scenario(this):
    by_amount = {"A": {0: np.array([0.0, 0.5]), 6: np.array([1.0, 1.0])}}
    records.figure_6_and_7(this, {"synthetic": by_amount, "classical": {}}, 6)
    synthetic, classical = written(this, "figure-6"), written(this, "figure-7")
    assert synthetic["ours"] == {"A": {"0": 0.25, "6": 1.0}} and synthetic["error"] == {"A": {"0": 0.354, "6": 0.0}}
    assert synthetic["why"].endswith(f"{ELSEWHERE}, with 6 images instead of 600, 2 trials each")
    assert classical["status"] == "missing" and classical["ours"] is None
    assert classical["why"] == "no rare class has both training and held-out images"
    records.figure_8(this, {"none": {"A": np.array([0.2])}, "classical": {"A": np.array([np.nan])}}, 6)
    entry = written(this, "figure-8")
    assert entry["ours"] == {"none": {"A": 0.2}, "classical": {"A": None}}
    assert entry["error"] == {"none": {"A": None}, "classical": {"A": None}}
    records.figure_8(this, {"none": {}, "classical": {}}, 6)
    assert written(this, "figure-8")["status"] == "missing"


def test_differences_of_accuracy(this):
    columns = ["class", "tested", "rival", "difference", "low", "high", "verdict"]
    rows = [("A", 3, "none", 0.5, -0.25, 1.0, "too few to tell"), ("A", 3, "classical", 0.0, 0.0, 0.0, "x")]
    records.accuracy(this, pd.DataFrame(rows, columns=columns), 6, ["M", "X"])
    entry = written(this, "accuracy-8.1")
    assert entry["ours"] == {
        "A against none": "+0.500 (-0.250 to +1.000): too few to tell",
        "A against classical": "+0.000 (+0.000 to +0.000): x",
    }
    assert entry["published"] == {"A": [0.301, 0.819], "M": [0.071, 0.291]}
    assert entry["why"].endswith("2 trials each; no training image of class M, X")
    records.accuracy(this, pd.DataFrame([], columns=columns), 6, [])
    assert written(this, "accuracy-8.1")["status"] == "missing"


SKILL = {"TSS": {"none": np.array([0.1, 0.3]), "synthetic 5": np.array([0.4, 0.6])}, "HSS": {"none": np.array([0.1])}}
BASELINES = {name: {"persistence": 0.25, "climatology": 0.0} for name in ("TSS", "HSS")}


def test_skill_of_the_forecast(this):
    records.figure_9(this, 135)
    assert written(this, "figure-9")["published"] == {"days": 2282}
    records.figure_10_and_11(this, SKILL, BASELINES, "")
    entry = written(this, "figure-10")
    assert entry["ours"] == {"none": 0.2, "synthetic 5": 0.5} and entry["error"]["none"] == 0.141
    assert entry["floor"] == {"persistence": 0.25, "climatology": 0.0}
    assert written(this, "figure-11")["error"] == {"none": None}
    differences = pd.DataFrame(
        [(3, "none", "TSS", "helped"), (5, "none", "TSS", "hurt"), (5, "classical", "HSS", "helped")],
        columns=["amount", "rival", "score", "verdict"],
    )
    records.skill(this, SKILL, BASELINES, differences, 5, "")
    entry = written(this, "skill-8.2")
    assert entry["ours"] == {"TSS": 0.5, "TSS, 5 against none": "hurt", "HSS, 5 against classical": "helped"}
    assert entry["floor"] == {"TSS, persistence": 0.25, "HSS, persistence": 0.25}
    assert entry["error"] == {"TSS": 0.141} and entry["published"]["TSS"] == [0.35, 0.02]


@pytest.mark.parametrize("why", ["the test part holds no quiet days", ""])
def test_a_forecast_that_could_not_be_made_is_missing_with_its_reason(this, why):
    nothing = {"TSS": {}, "HSS": {}}
    records.figure_10_and_11(this, nothing, nothing, why)
    records.skill(this, nothing, nothing, None, 0, why)
    for item, otherwise in (
        ("figure-10", "no trial could be run"),
        ("figure-11", "no trial could be run"),
        ("skill-8.2", "no synthetic trial could be run"),
    ):
        entry = written(this, item)
        assert entry["status"] == "missing" and entry["ours"] is None and entry["why"] == (why or otherwise)
