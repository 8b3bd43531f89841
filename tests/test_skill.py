"""Scores against counting by hand, closed forms and published numbers."""

import numpy as np
import pytest
from sklearn import metrics

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.skill import Forecast, at_mix, auc, brier, calibration, class_scores, confusion, sample_std

rng = np.random.default_rng(0)


def scores_by_counting(y_true, y_pred, n_classes):
    """Return F1, precision and recall of every class by their definitions, one image at a time."""
    pairs, found = list(zip(y_true, y_pred, strict=True)), []
    for c in range(n_classes):
        hits = sum(t == c and p == c for t, p in pairs)
        positives, predicted = sum(t == c for t, _ in pairs), sum(p == c for _, p in pairs)
        if not positives:
            found.append((np.nan, np.nan, np.nan))
            continue
        precision, recall = (hits / predicted if predicted else 0.0), hits / positives
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        found.append((f1, precision, recall))
    return np.array(found).T


def test_a_confusion_matrix_by_hand():
    counts = confusion([0, 0, 0, 1, 2, 2], [0, 1, 1, 1, 0, 2], 4)
    assert counts.tolist() == [[1, 2, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert confusion([], [], 3).tolist() == [[0] * 3] * 3


# Of five classes all are predicted, or class 4 is never predicted, or class 4 does not occur.
@pytest.mark.parametrize("true_below, predicted_below", [(5, 5), (5, 4), (4, 5)])
def test_class_scores_by_counting(true_below, predicted_below):
    y_true, y_pred = rng.integers(0, true_below, 80), rng.integers(0, predicted_below, 80)
    scores = class_scores(confusion(y_true, y_pred, 5))
    expected = scores_by_counting(y_true, y_pred, 5)
    np.testing.assert_allclose([scores.f1, scores.precision, scores.recall], expected)
    assert scores.macro()["f1"] == pytest.approx(expected[0][:true_below].mean())


def test_a_class_that_does_not_occur_or_is_never_predicted():
    scores = class_scores(confusion([0, 0, 1], [0, 1, 0], 3))
    assert np.isnan([scores.f1[2], scores.precision[2], scores.recall[2]]).all()
    assert scores.recall[:2].tolist() == [0.5, 0] and scores.precision[:2].tolist() == [0.5, 0]
    assert scores.macro() == {"f1": 0.25, "precision": 0.25, "recall": 0.25}
    never = class_scores(confusion([0, 0, 1], [0, 0, 0], 2))
    assert never.precision.tolist() == [2 / 3, 0] and never.f1.tolist() == [0.8, 0]


def test_many_confusion_matrices_are_scored_as_one_at_a_time():
    labels = rng.integers(0, 5, (2, 3, 2, 60))
    labels[0, 0] = np.minimum(labels[0, 0], 3)  # one matrix without a class
    counts = np.array([[confusion(*pair, 5) for pair in row] for row in labels])
    together = class_scores(counts)
    assert together.f1.shape == (2, 3, 5) and together.macro()["recall"].shape == (2, 3)
    for i, row in enumerate(labels):
        for j, pair in enumerate(row):
            expected = scores_by_counting(*pair, 5)
            np.testing.assert_allclose([together.f1[i, j], together.precision[i, j], together.recall[i, j]], expected)


def test_another_mix_is_a_set_with_repeated_images():
    y_true, y_pred = np.repeat([0, 1, 2], [10, 4, 2]), rng.integers(0, 3, 16)
    repeats = np.array([1, 5, 30])  # 10, 20 and 60 images
    again = class_scores(at_mix(confusion(y_true, y_pred, 3), np.array([10, 20, 60])))
    expected = scores_by_counting(np.repeat(y_true, repeats[y_true]), np.repeat(y_pred, repeats[y_true]), 3)
    np.testing.assert_allclose([again.f1, again.precision, again.recall], expected)
    # A class that the other set lacks has no score, whatever the matrix holds.
    without = class_scores(at_mix(confusion(y_true, y_pred, 3), np.array([10, 20, 0])))
    assert np.isnan(without.recall[2]) and without.recall[:2] == pytest.approx(again.recall[:2])


def test_the_papers_macro_values():
    """Table D.1 has the 0.546, 0.578 and 0.544 that are the denominators of Table 1's ratios."""
    from solarsynth.book import paper

    macro = paper.macro("table-d.1")
    assert macro == pytest.approx({"f1": 0.546, "precision": 0.578, "recall": 0.544})
    for table, column in (("table-d.2", "discrete"), ("table-d.3", "embedding"), ("table-d.4", "continuous")):
        for ours, name in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall")):
            ratio = paper.macro(table)[ours] / macro[ours]
            assert abs(ratio - paper.TABLE_1[name][column][0]) < 0.06, (table, name)


def test_the_standard_deviation_of_a_sample():
    assert sample_std([1, 3, 5]) == pytest.approx(2)  # √((4 + 0 + 4) / 2)
    assert sample_std([1, np.nan, 3, np.inf]) == pytest.approx(np.sqrt(2))
    assert np.isnan(sample_std([1.0])) and np.isnan(sample_std([np.nan, 2.0]))


@pytest.mark.parametrize(
    "y_true, y_pred, tss, hss",
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], 1, 1),  # all right
        ([1, 1, 0, 0], [0, 0, 1, 1], -1, -1),  # all wrong
        ([1, 1, 0, 0], [1, 1, 1, 1], 0, 0),  # always yes
        ([1, 0, 0, 0], [0, 0, 0, 0], 0, 0),  # always no
        ([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0], 2 / 3 - 1 / 5, 2 * (2 * 4 - 1) / (3 * 5 + 3 * 5)),
    ],
)
def test_forecasts_by_hand(y_true, y_pred, tss, hss):
    forecast = Forecast.of(np.array(y_true), np.array(y_pred))
    assert forecast.tss == pytest.approx(tss) and forecast.hss == pytest.approx(hss)


def test_the_counts_of_a_forecast():
    forecast = Forecast.of([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 1, 1, 0, 0, 0, 0])
    assert vars(forecast) == {"tp": 1, "fn": 2, "fp": 3, "tn": 4}


def test_skill_scores_against_scikit_learn():
    """TSS is the balanced accuracy scaled to [-1, 1], and HSS is Cohen's kappa; ours are written from Eqs. 7 and 8."""
    y_true, y_pred = rng.random(300) < 0.2, rng.random(300) < 0.3
    forecast = Forecast.of(y_true, y_pred)
    assert forecast.tss == pytest.approx(2 * metrics.balanced_accuracy_score(y_true, y_pred) - 1)
    assert forecast.hss == pytest.approx(metrics.cohen_kappa_score(y_true, y_pred))


def test_all_wrong_with_the_papers_formula():
    """Eq. 8 with everything wrong is -2PN / (P² + N²)."""
    y_true = np.arange(10) < 3
    assert Forecast.of(y_true, ~y_true).hss == pytest.approx(-2 * 3 * 7 / (3**2 + 7**2))


def test_brier_scores_by_hand():
    assert brier([1, 0, 0], [0.8, 0.1, 0.5]) == pytest.approx((0.2**2 + 0.1**2 + 0.5**2) / 3)
    y_true, rate = np.arange(10) < 3, np.full(10, 0.3)
    assert brier(y_true, rate) == pytest.approx(0.3 * 0.7)  # climatology: the variance of the outcomes
    assert brier(np.zeros(4, bool), np.zeros(4)) == 0 and brier(np.ones(4, bool), np.zeros(4)) == 1


def test_calibration_bins_by_hand():
    probability = rng.permutation(np.linspace(0.01, 0.99, 20))
    y_true = rng.random(20) < 0.5
    forecast, observed = calibration(y_true, probability, bins=5)
    fours = np.argsort(probability).reshape(5, 4)
    np.testing.assert_allclose(forecast, probability[fours].mean(1))
    np.testing.assert_allclose(observed, y_true[fours].mean(1))
    assert [x.tolist() for x in calibration([True, False], [0.5, 0.5])] == [[0.5], [0.5]]


def test_calibration_shows_a_forecast_that_exaggerates():
    truth = rng.uniform(0, 1, 20_000)
    y_true = rng.random(20_000) < truth
    forecast, observed = calibration(y_true, truth)
    np.testing.assert_allclose(forecast, observed, atol=0.03)
    forecast, observed = calibration(y_true, np.sqrt(truth))  # probabilities too high, the more the smaller
    np.testing.assert_allclose(observed, forecast**2, atol=0.03)


def test_what_has_no_score():
    only = np.ones(4, bool)
    assert np.isnan(Forecast.of(only, only).tss) and np.isnan(Forecast.of(only, only).hss)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: class_scores(np.zeros((5, 5), int)), "at least one tested image, got none"),
        (lambda: class_scores(np.stack([np.eye(5), np.zeros((5, 5))])), "at least one tested image, got none"),
        (lambda: confusion([0, 7], [1, 2], 5), "from 0 to 4, got 0 to 7"),
        (lambda: confusion([0, -1], [1, 2], 5), "from 0 to 4, got -1 to 2"),
        (lambda: confusion([0, 1], [1], 5), "got 2 images and 1"),
        (lambda: Forecast.of([True], [True, False]), "got 1 days and 2"),
        (lambda: brier([True], [1.2]), "between 0 and 1, got 1.2 to 1.2"),
        (lambda: brier([True, False], [0.2, np.nan]), "between 0 and 1, got nan"),
        (lambda: brier([], []), "at least one forecast, got none"),
        (lambda: calibration([True, False], [0.1]), "one probability per case, got 2 and 1"),
    ],
)
def test_what_cannot_be_scored(call, match):
    with pytest.raises(SolarsynthError, match=match):
        call()


@pytest.mark.parametrize("decimals", [1, 9])  # with and without ties
def test_the_area_under_the_curve_is_scikit_learns(decimals):
    y_true, score = rng.random(200) < 0.3, rng.random(200).round(decimals)
    assert auc(y_true, score) == pytest.approx(metrics.roc_auc_score(y_true, score))
    # Pairs of one group only, counted one at a time.
    group = rng.integers(0, 4, 200) * 7
    won = [
        float(score[i] > score[j]) + 0.5 * float(score[i] == score[j])
        for i in np.flatnonzero(y_true)
        for j in np.flatnonzero(~y_true)
        if group[i] == group[j]
    ]
    assert auc(y_true, score, group) == pytest.approx(np.mean(won))
    assert np.isnan(auc(np.ones(5, bool), score[:5])) and auc([1, 0], [0.4, 0.4]) == 0.5


def test_scales_of_two_classifiers_do_not_change_the_area_within_groups():
    """Each classifier ranks its own days; one of them gives higher probabilities throughout."""
    y_true, score = np.tile([0, 0, 1], 20), rng.random(60) / 2
    group = np.arange(60) // 30
    assert auc(y_true, score + 0.4 * group, group) == pytest.approx(auc(y_true, score, group))
