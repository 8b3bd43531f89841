"""What each record writes, compared with values worked out by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from solarsynth import stages
from solarsynth.book import ledger, records
from solarsynth.book.page import Page
from solarsynth.evaluation import CrossValidated, Value
from solarsynth.evaluation.separations import separations
from solarsynth.metrics.intervals import Interval
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


MISSING = "weights not available: set SOLARSYNTH_WEIGHTS=download"


def table_1_of(this, note=""):
    """Record a table of two models and return the entry; the scores of classes have a note."""
    error = {"error": 0.00123456, "held_out": 0.83349, "low": 0.1, "high": 5.0}
    found = {
        "cevae": [
            Value("Cluster error", 0, 4.74999, **error | {"error": 0.0}),
            Value("FID CLIP", 0, note=MISSING),
            Value("F1", 1),  # the baseline has no class, so no score, no held-out value and no floor
            Value("Density", 1, 0.5, held_out=0.9, low=0.3, high=math.inf),
        ],
        "discrete": [
            Value("Cluster error", 0, 0.123456, **error),
            Value("FID CLIP", 0, note=MISSING),
            Value("F1", 1, 0.7, 0.1, held_out=1.0, low=0.83664, high=1.29849, note=note),
        ],
    }
    records.table_1(this, found)
    return written(this, "table-1")


def test_table_1(this):
    entry = table_1_of(this)
    assert entry["status"] == "not-comparable" and entry["why"].endswith("; weights not available for FID CLIP")
    assert entry["ours"] == {
        "Cluster error": {"ground truth": 0.8335, "cevae": 4.75, "discrete": 0.1235},
        "FID CLIP": {"cevae": "weights not available", "discrete": "weights not available"},
        "F1": {"ground truth": 1.0, "discrete": 0.7},
        "Density": {"ground truth": 0.9, "cevae": 0.5},
    }
    assert entry["error"] == {
        "Cluster error": {"cevae": 0.0, "discrete": 0.001235},
        "FID CLIP": {},
        "F1": {"discrete": 0.1},
        "Density": {},
    }
    assert entry["floor"] == {"Cluster error": [0.1, 5.0], "F1": [0.8366, 1.298]}
    assert entry["published"]["Cluster error"]["discrete"] == 0.1294
    assert entry["published"]["F1"] == {"discrete": 0.7, "continuous": 0.34, "embedding": 0.6}


@pytest.mark.parametrize("seeds, text", [(1, "1 training of"), (3, "3 trainings of")])
def test_table_1_says_how_many_trainings_and_which_rows_judge_nothing(this, seeds, text):
    this.lab.settings = load_settings("smoke", generator_seeds=seeds)
    plain, nothing = (table_1_of(this, f"{judge(share).why_not()}; samples 0.5")["why"] for share in (0.7, 0.2))
    assert text in plain and "judges nothing" not in plain
    assert "; F1, precision and recall: judges nothing" in nothing
    assert nothing.count("(") == nothing.count(")")  # the reason is not cut in the middle of a bracket


def separated(seed, own_blocks=False):
    """Return the separations of a space whose two classes overlap; with one held-out block there is no interval."""
    rng = np.random.default_rng(seed)
    label, unit = np.tile([0, 1], 40), np.repeat(np.arange(8), 10) * (not own_blocks)
    train, held_out = (rng.normal(size=(80, 4)) + label[:, None] for _ in range(2))
    return separations(train, label, held_out, label, unit, 5)


def test_figures_3_and_5(this):
    rows = {"classifier": separated(0), "ceVAE": separated(1, own_blocks=True)}
    records.figure_3(this, pd.DataFrame(rows).T)
    entry = written(this, "figure-3")
    one = {name: round(value, 3) for name, value in rows["classifier"].items()}
    assert set(entry["ours"]) == {"purity, held out", "purity", "silhouette"}
    assert {name: by_space["classifier"] for name, by_space in entry["ours"].items()} == {
        "purity, held out": one["held out"],
        "purity": one["purity"],
        "silhouette": one["silhouette"],
    }
    low, high = entry["error"]["purity, held out"]["classifier"]
    assert (low, high) == (one["held out, low"], one["held out, high"]) and low < one["held out"] < high
    assert entry["ours"]["purity"]["ceVAE"] == round(rows["ceVAE"]["purity"], 3)
    # A number that is not known is null in a ledger.
    assert entry["ours"]["purity, held out"]["ceVAE"] is None
    assert entry["error"]["purity, held out"]["ceVAE"] == [None, None]
    assert entry["floor"]["purity by chance"]["classifier"] == one["chance"] == round(39 / 79, 3)
    assert entry["floor"]["purity, held out, by chance"]["classifier"] == one["held out, chance"] == 0.5
    assert entry["why"].endswith("; CLIP: weights not available")
    records.figure_3(this, pd.DataFrame({stages.SPACES["clip"]: separated(2)}).T)
    assert "CLIP" not in written(this, "figure-3")["why"]


def test_figure_5(this):
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
    found = {
        "A": Value("agreement, class A", 1, 0.11149, 0.0204, low=-0.0279, high=0.1261),
        "X": Value("agreement, class X", 1, 0.5, note="too few units"),
    }
    records.figure_4(this, found)
    entry = written(this, "figure-4")
    assert entry["ours"] == {"agreement": {"A": 0.111, "X": 0.5}} and entry["floor"] == {"A": [-0.028, 0.126]}
    assert entry["error"] == {"agreement": {"A": 0.02, "X": None}}


def judge(right):
    """Return two classifiers on 50 held-out images of each class in ten blocks; both are right in a share of cases."""
    y_true, i = np.tile(np.arange(5), 50), np.arange(250)
    seen = [np.where((i // 5 * 7 + k) % 10 < 10 * right, y_true, (y_true + 1 + i // 5 % 4) % 5) for k in range(2)]
    return CrossValidated(y_true, np.eye(5)[np.stack(seen)], np.zeros(250, int), i // 25, np.zeros(250, int))


def test_table_d(this):
    scores = [class_scores(np.diag([2, 2, 2, 2, 2])), class_scores(np.ones((5, 5), int))]
    records.table_d(this, "discrete", scores, np.arange(5), judge(0.7))
    entry = written(this, "table-d.2")
    # One classifier is always right, the other right by chance: 1 and 1/5.
    assert entry["ours"] == {"f1": 0.6, "precision": 0.6, "recall": 0.6}
    assert entry["error"] == dict.fromkeys(("f1", "precision", "recall"), round(0.8 / math.sqrt(2), 3))
    assert entry["published"]["f1"] == pytest.approx((0.77 + 0.24 + 0.28 + 0.37 + 0.26) / 5)
    assert "left out" not in entry["why"] and "judges nothing" not in entry["why"]
    records.table_d(this, "real", scores, np.array([0, 1, 2, 3]), judge(0.7))
    entry = written(this, "table-d.1")
    assert entry["why"].endswith("; classes without a tested image are left out of the means")
    # By hand: 7 in 10 are right. One against all: (0.7 + 0.925) / 2, since a wrong guess names one of four others.
    assert entry["ours"]["macro recall of judged classes"] == 0.7
    assert entry["ours"]["AUC"] == pytest.approx((0.7 + 1 - 0.3 / 4) / 2, abs=0.003)
    assert 0 < entry["error"]["macro recall of judged classes"] < 0.1


def test_table_d_says_if_the_classifiers_judge_nothing(this):
    records.table_d(this, "real", [class_scores(np.ones((5, 5), int))], np.arange(5), judge(0.2))
    entry = written(this, "table-d.1")
    assert "; judges nothing: " in entry["why"] and entry["ours"]["macro recall of judged classes"] == 0.2


def interval(mean, low=math.nan, high=math.nan):
    return Interval(mean, low, high, math.nan, 10, 2)


def test_accuracy_by_amount_and_scenario(this):
    by_amount = {"A": {0: interval(0.25, 0.1, 0.4), 6: interval(1.0)}}
    records.figure_6_and_7(this, {"synthetic": by_amount, "classical": {}}, 6)
    synthetic, classical = written(this, "figure-6"), written(this, "figure-7")
    # Errors are half-widths of the intervals.
    assert synthetic["ours"] == {"A": {"0": 0.25, "6": 1.0}} and synthetic["error"] == {"A": {"0": 0.15, "6": None}}
    assert f"{ELSEWHERE}, with 6 images instead of 600, 2 trials each; errors are half-widths" in synthetic["why"]
    assert classical["status"] == "missing" and classical["ours"] is None
    assert classical["why"] == "no rare class has both training and held-out images"
    records.figure_8(this, {"none": {"A": interval(0.2)}, "weights": {"A": interval(math.nan)}}, 6)
    entry = written(this, "figure-8")
    assert entry["ours"] == {"none": {"A": 0.2}, "weights": {"A": None}}
    assert entry["error"] == {"none": {"A": None}, "weights": {"A": None}}
    records.figure_8(this, {"none": {}, "classical": {}}, 6)
    assert written(this, "figure-8")["status"] == "missing"


COMPARED = ["score", "arm", "against", "amount", "tested", "regions", "difference", "low", "high", "verdict"]


def compared(*rows):
    """Return comparisons of synthetic images with nothing added."""
    full = [(score, "synthetic", "none", 6, 30, 9, *numbers, verdict) for score, *numbers, verdict in rows]
    return pd.DataFrame(full, columns=COMPARED)


def test_differences_of_accuracy(this):
    table = compared(("accuracy of A", 0.5, -0.25, 1.25, "x"), ("macro recall", 0.0, math.nan, math.nan, "y"))
    records.accuracy(this, table, 6, ["M", "X"])
    entry = written(this, "accuracy-8.1")
    assert entry["ours"] == {
        "accuracy of A, synthetic against none": "+0.500 (-0.250 to +1.250): x",
        "macro recall, synthetic against none": "+0.000 (no interval): y",
    }
    assert list(entry["error"].values()) == [0.75, None]
    assert entry["published"] == {"A": [0.301, 0.819], "M": [0.071, 0.291]}
    assert entry["why"].endswith("; no training image of class M, X")
    records.accuracy(this, table[:0], 6, [])
    assert written(this, "accuracy-8.1")["status"] == "missing"


SKILL = {
    "TSS": {"none": interval(0.2, 0.1, 0.3), "synthetic 6": interval(0.5, 0.3, 0.7)},
    "HSS": {"none": interval(0.1)},
}
BASELINES = {name: {"persistence": interval(0.25, 0.15, 0.35), "climatology": interval(0.0)} for name in ("TSS", "HSS")}


def test_skill_of_the_forecast(this):
    records.figure_9(this, 135)
    assert written(this, "figure-9")["published"] == {"days": 2282}
    records.figure_10_and_11(this, SKILL, BASELINES, "")
    entry = written(this, "figure-10")
    assert entry["ours"] == {"none": 0.2, "synthetic 6": 0.5} and entry["error"]["none"] == 0.1
    assert entry["floor"] == {"persistence": 0.25, "climatology": 0.0}
    assert written(this, "figure-11")["error"] == {"none": None}
    records.skill(this, SKILL, BASELINES, compared(("TSS", 0.3, 0.1, 0.5, "helped")), 6, "")
    entry = written(this, "skill-8.2")
    assert entry["ours"] == {"TSS": 0.5, "TSS, synthetic against none": "+0.300 (+0.100 to +0.500): helped"}
    assert entry["floor"] == {"TSS, persistence": 0.25, "HSS, persistence": 0.25}
    assert entry["error"] == {"TSS": 0.2} and entry["published"]["TSS"] == [0.35, 0.02]


@pytest.mark.parametrize("why", ["the part 'test' holds no quiet days", ""])
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
