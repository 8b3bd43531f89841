"""The tables of the book, by hand, against the paper's numbers and against scikit-learn."""

import io
import math

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from solarsynth.book import ledger
from solarsynth.evaluation.values import Value, as_table
from solarsynth.metrics.skill import class_scores, confusion
from solarsynth.tables import (
    claims,
    evaluation_table,
    funnel,
    number,
    parameters_by_block,
    places,
    separation,
    starred,
    table_1,
    table_d,
)


def rows(value, error, trainings=3):
    """A model's rows of Table 1: one that was measured over trainings, and one whose weights are missing."""
    about = {"held_out": 1.02, "low": 0.9, "high": 1.1, "images": 50, "trainings": trainings}
    return [
        Value("Cluster distance", 1, value, error, "std over trainings", **about),
        Value("FID CLIP", 0, note="weights not available: none"),
    ]


FAR_APART = {
    "cevae": rows(2.0, 0.1),
    "discrete": rows(1.1, 0.05),
    "continuous": rows(1.5, 0.05),
    "embedding": rows(3, 0.1),
}


def stars(table):
    return "".join(map(str, table.to_numpy().ravel())).count("*")


def test_table_1_marks_a_best_value_only_beyond_the_errors():
    table = table_1(FAR_APART)
    ours, published = table.loc["Cluster distance → 1", "ours, N = 50"], table.loc["Cluster distance → 1", "paper"]
    assert ours["discrete"] == "1.1 ± 0.05 *" and published["discrete"] == "0.921 ± 0.0037"
    assert ours["real, held out"] == "1.02" and published["real, held out"] == "1" and ours["real sets"] == "0.9 to 1.1"
    assert table.loc["FID CLIP → 0", "ours"]["ceVAE"] == "weights not available"
    assert table.loc["FID CLIP → 0", "paper"]["ceVAE"] == "5.05"
    near = FAR_APART | {"continuous": rows(0.88, 0.05)}
    assert stars(table) == 1 and stars(table_1(near)) == 0


@pytest.mark.parametrize(
    "error, marked",
    [
        (0.19, 1),  # discrete leads by 1.5 - 1.1 = 0.4
        (0.21, 0),
        (math.nan, 0),  # without any error nothing can be judged
    ],
)
def test_table_1_compares_the_lead_with_the_sum_of_both_errors(error, marked):
    values = FAR_APART | {"discrete": rows(1.1, error), "continuous": rows(1.5, error)}
    assert stars(table_1(values)) == marked


def test_two_trainings_give_no_star():
    """Of two equal models one would often have a star: two trainings show too little of how far trainings differ."""
    for trainings, marked in ((3, 1), (2, 0), (1, 0)):
        values = {"discrete": rows(1.1, 0.05, trainings), "continuous": rows(1.5, 0.05, trainings)}
        assert stars(table_1(values)) == marked


def test_table_1_with_one_model_has_no_best_one():
    assert stars(table_1({"discrete": rows(1.1, 0.05)})) == 0


def test_table_1_takes_floor_and_truth_from_a_model_that_has_them():
    """The baseline comes first and has no class, so no score, no floor and no held-out value."""
    scored = Value("F1", 1, 0.7, 0.1, held_out=1.0, low=0.84, high=1.3, images=40)
    table = table_1({"cevae": [Value("F1", 1, note="no classes")], "discrete": [scored]})
    row = table.loc["F1 → 1", "ours, N = 40"]
    assert row[["real, held out", "ceVAE", "discrete", "real sets"]].tolist() == ["1", "–", "0.7 ± 0.1", "0.84 to 1.3"]


def with_recall(precision, recall):
    """A model's precision and recall; real sets have a precision of 0.8 to 0.95 and a recall of 0.7 to 0.9."""
    return {
        "kNN precision": Value("kNN precision", 1, precision, 0.01, low=0.8, high=0.95, trainings=3),
        "kNN recall": Value("kNN recall", 1, recall, 0.01, low=0.7, high=0.9, trainings=3),
    }


@pytest.mark.parametrize(
    "recall, best",
    [
        (0.75, "discrete"),
        (0.2, None),  # a blurred set: each image is likely, and most of the Sun's variety is missing
    ],
)
def test_no_star_for_precision_without_recall(recall, best):
    found = {"discrete": with_recall(0.99, recall), "embedding": with_recall(0.9, 0.8)}
    assert starred("kNN precision", found) == best
    assert starred("kNN recall", found) == "embedding"  # recall needs no other metric


@pytest.mark.parametrize("coverage, best", [(0.9, "discrete"), (0.1, None)])
def test_no_star_for_density_without_coverage(coverage, best):
    found = {
        model: {
            "Density": Value("Density", 1, density, 0.01, trainings=3),
            "Coverage": Value("Coverage", 1, share, 0.01, low=0.8),
        }
        for model, density, share in (("discrete", 0.98, coverage), ("embedding", 0.9, 0.85))
    }
    assert starred("Density", found) == best


@pytest.mark.parametrize("note, best", [("samples 0.5, real 0.6", "discrete"), ("judges nothing: no skill", None)])
def test_no_star_where_nothing_is_judged(note, best):
    values = {"discrete": 0.9, "embedding": 0.6}
    found = {m: {"F1": Value("F1", 1, v, 0.01, note=note, trainings=3)} for m, v in values.items()}
    assert starred("F1", found) == best
    assert starred("Recall", found) is None


def test_places_of_every_model_and_metric():
    found = {
        "cevae": [Value("Cluster std", 1, 3.2, low=0.9, high=1.1, adjusted=0.001), Value("F1", 1)],
        "discrete": [
            Value("Cluster std", 1, 1.05, low=0.9, high=1.1, adjusted=0.04),
            Value("F1", 1, 0.7, low=0.8, high=1.2, adjusted=0.06),
            Value("Coverage", 1, 0.95, low=0.7, high=0.9),
        ],
    }
    table = places(found)
    assert table.index.tolist() == ["Cluster std", "F1", "Coverage"]
    assert table["ceVAE"].tolist() == ["above, rejects", "–", "–"]
    assert table["discrete"].tolist() == ["within, rejects", "below", "above"]


def test_separation_with_and_without_held_out_blocks():
    row = {"purity": 0.38, "chance": 0.2, "silhouette": -0.05, "held out": 0.2614}
    row |= {"held out, low": 0.2, "held out, high": 0.3215, "held out, chance": 0.21}
    shown = list(separation(row).values())
    assert shown == ["0.261 (0.200 to 0.322)", "0.21", "0.38", "0.2", "-0.05"]
    unknown = row | dict.fromkeys([name for name in row if name.startswith("held out")], math.nan)
    assert list(separation(unknown).values()) == ["–", "–", "0.38", "0.2", "-0.05"]


def test_numbers_as_they_are_written():
    third = np.full(3, 1 / 3) + np.array([0, 1e-17, 6e-17])
    assert number(1 / 3, float(third.std(ddof=1))) == "0.333 ± 0" and number(0.5, 0.123) == "0.5 ± 0.12"
    assert number(2.0, math.nan) == "2" and number(math.nan, 1.0) == "–"


def test_tables_by_hand():
    scores = [
        class_scores(confusion([0, 0, 1, 1], [0, 1, 1, 1], 5)),
        class_scores(confusion([0, 0, 1, 1], [0, 0, 1, 1], 5)),
    ]
    table = table_d("table-d.1", scores)
    assert table.loc["A", ("recall", "ours")] == "0.75 ± 0.35" and table.loc["X", ("recall", "ours")] == "–"
    assert table.loc["M", ("F1", "paper")] == "0.70" and table.loc["macro", ("F1", "paper")] == "0.55"
    values = [Value("F1", 1, 0.5, 0.1, images=7, note="why")]
    assert evaluation_table(values, "t").row_count == 1 and as_table(values)["note"].tolist() == ["why"]


def test_a_table_of_appendix_d_against_scikit_learn():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 5, 200)
    y_pred = np.where(rng.uniform(size=200) < 0.6, y_true, rng.integers(0, 5, 200))
    table = table_d("table-d.2", [class_scores(confusion(y_true, y_pred, 5))])
    theirs = precision_recall_fscore_support(y_true, y_pred)
    macro = precision_recall_fscore_support(y_true, y_pred, average="macro")
    for title, values, mean in zip(("precision", "recall", "F1"), theirs, macro, strict=False):
        ours = table[title, "ours"].astype(float)
        np.testing.assert_allclose(ours, [*values, mean], rtol=5e-3)


def test_macro_scores_without_classes_of_few_images():
    """Four classes are always right; the one image of class X is wrong."""
    y_true = np.repeat(np.arange(5), [6, 6, 6, 6, 1])
    y_pred = np.where(y_true == 4, 0, y_true)
    table = table_d("table-d.2", [class_scores(confusion(y_true, y_pred, 5))], few=[4])
    assert table.index.tolist() == [*"ABCMX", "macro", "macro without X"]
    everything, without = (table.loc[name, ("recall", "ours")] for name in ("macro", "macro without X"))
    assert (everything, without) == ("0.8", "1")
    # The wrong image is one of the seven that are called A.
    mean = precision_recall_fscore_support(y_true, y_pred, labels=[0, 1, 2, 3], average="macro")[0]
    assert float(table.loc["macro without X", ("precision", "ours")]) == pytest.approx(mean, abs=5e-4)
    assert table.loc["macro without X", ("recall", "paper")] == ""


def test_what_evaluate_prints():
    from rich.console import Console

    floor = {"low": 0.1, "high": 0.2, "images": 1500}
    values = [
        Value("Cluster error", 0, 0.25, 0.03, "std over sets", held_out=0.15, adjusted=0.01, **floor),
        Value("Density", 1, 0.19, adjusted=0.9, **floor),
        Value("FID CLIP", 0, note="weights not available: CLIP"),
    ]
    text = io.StringIO()
    Console(file=text, width=200).print(evaluation_table(values, "samples.npz"))
    printed = text.getvalue()
    cells = {c[0]: c[1:] for c in ([x.strip() for x in line.split("│")[1:-1]] for line in printed.splitlines()) if c}
    assert cells["Cluster error"] == ["0", "0.25 ± 0.03", "0.15", "0.1 to 0.2", "above, rejects", "1,500", ""]
    assert cells["Density"] == ["1", "0.19", "", "0.1 to 0.2", "within", "1,500", ""]
    missing = "weights not available"
    assert cells["FID CLIP"] == ["0", missing, "", "", "–", "", f"{missing}: CLIP"] and "samples.npz" in printed


def test_funnel_has_the_paper_s_counts_where_it_has_them():
    table = funnel({"events": 1200, "labelled frames": 345, "frames within reach": 400})
    assert table["paper"].tolist() == ["107,709", "20,420", "–"]  # Sect. 2.4
    assert table["this run"].tolist() == ["1,200", "345", "400"]
    assert table.index.tolist() == ["events", "labelled frames", "frames within reach"]


def test_parameters_by_block_add_up():
    table = parameters_by_block({"down": 1_000_000, "up": 234_567})
    assert table["parameters"].tolist() == ["1,000,000", "234,567", "1,234,567"]


def test_claims_carry_the_errors_of_the_ledger():
    entries = ledger.empty()
    entries["table-1"] |= {
        "ours": {"F1": {"discrete": 0.7123, "continuous": None}, "Cluster error": {"discrete": 0.5}},
        "error": {"F1": {"discrete": 0.0456}},
    }
    entries["figure-3"] |= {"ours": {"purity, held out": {"ceVAE": 0.38, "classifier": 0.4}}}
    entries["skill-8.2"] |= {
        "ours": {
            "TSS": 0.41,
            "HSS": 0.22,
            "TSS, synthetic against none": "+0.02 (-0.1 to +0.2)",
            "TSS, synthetic against weights": "+0.01 (-0.1 to +0.2)",
        },
        "error": {"TSS": 0.05, "HSS": None},
        "floor": {"TSS, persistence": 0.5},
    }
    found = claims(entries)["this run"].tolist()
    assert found[:2] == ["discrete 0.712 ± 0.046", "discrete 0.5"]
    assert found[2] == "in the ceVAE's space: not computed"
    assert found[3] == "purity of held-out images ceVAE: 0.38; classifier: 0.4"
    assert found[5] == entries["accuracy-8.1"]["why"]
    assert (
        found[6] == "TSS 0.41 ± 0.05; HSS 0.22; TSS, synthetic against none +0.02 (-0.1 to +0.2); TSS, persistence 0.5"
    )


def test_claims_of_a_run_that_computed_nothing_say_why():
    entries = ledger.empty()
    for entry in entries.values():
        entry["why"] = "the reason"
    found = claims(entries)["this run"]
    assert len(found) == 7 and found.str.contains("not computed|the reason").all()


def test_the_table_of_physics():
    """A row per quantity with unit and verdict; curves show their ends, and what has no verdict says why."""
    from solarsynth.evaluation.physics import Difference
    from solarsynth.metrics.intervals import Interval
    from solarsynth.metrics.physics import QUANTITIES
    from solarsynth.tables.physics import physics_table

    by_name = {quantity.name: quantity for quantity in QUANTITIES}
    interval = Interval(1.2, 0.4, 2.0, math.nan, 9, 1)
    nothing = Interval(*[math.nan] * 4, 0, 0)

    def difference(name, real, drawn, interval, **about):
        return Difference(by_name[name], np.array(real), np.array(drawn), interval, Value(name, 0, **about))

    table = physics_table(
        [
            difference("Brightness", [151.26], [170.0], interval, value=1.2, low=0.1, high=0.9, p=1e-4, adjusted=0.01),
            difference("Region size", [35128.0], [34000.0], interval, value=0.3, low=0.1, high=0.9, adjusted=1.0),
            difference(
                "Power spectrum", [0.8, 0.17, np.nan], [0.7, 0.2, np.nan], interval, value=0.3, low=0.1, high=1.0
            ),
            difference("Disk radius", [1.04], [np.nan], nothing, note="3 of 3 images without a disk"),
        ]
    )
    assert table.index.tolist() == ["Brightness / DN/s", "Region size / µhem", "Power spectrum", "Disk radius / radii"]
    assert table.columns.tolist() == ["real", "generated", "floor", "distance", "95 %", "verdict"]
    assert table.iloc[0].tolist() == ["151", "170", "0.1 to 0.9", "1.2", "0.4 to 2", "above, rejects"]
    assert table.iloc[1]["real"] == "35,128" and table.iloc[1]["verdict"] == "within"
    assert table.iloc[2]["real"] == "0.8 … 0.17"
    assert table.iloc[3].tolist() == ["1.04", "–", "–", "–", "–", "3 of 3 images without a disk"]
