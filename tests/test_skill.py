"""Scores against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.skill import Forecast, brier, class_scores, confusion

rng = np.random.default_rng(0)


def test_class_scores_against_scikit_learn():
    true, predicted = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    counts = confusion(true, predicted, 5)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(true, predicted))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(true, predicted)
    scores = class_scores(counts)
    np.testing.assert_allclose(scores.f1, f1)
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    assert scores.macro()["f1"] == pytest.approx(metrics.f1_score(true, predicted, average="macro"))


def test_a_class_that_does_not_occur_or_is_never_said():
    scores = class_scores(confusion([0, 0, 1], [0, 1, 0], 3))
    assert np.isnan([scores.f1[2], scores.precision[2], scores.recall[2]]).all()
    assert scores.recall[:2].tolist() == [0.5, 0] and scores.precision[:2].tolist() == [0.5, 0]
    assert scores.macro() == {"f1": 0.25, "precision": 0.25, "recall": 0.25}


def test_the_papers_macro_values():
    """Table D.1 gives the 0.546, 0.578 and 0.544 that Table 1's ratios divide by."""
    from solarsynth import paper

    macro = paper.macro("table-d.1")
    assert macro == pytest.approx({"f1": 0.546, "precision": 0.578, "recall": 0.544})
    for table, column in (("table-d.2", "discrete"), ("table-d.3", "embedding"), ("table-d.4", "continuous")):
        for ours, name in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall")):
            ratio = paper.macro(table)[ours] / macro[ours]
            assert abs(ratio - paper.TABLE_1[name][column][0]) < 0.06, (table, name)


@pytest.mark.parametrize(
    "happened, said, tss, hss",
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], 1, 1),  # all right
        ([1, 1, 0, 0], [0, 0, 1, 1], -1, -1),  # all wrong
        ([1, 1, 0, 0], [1, 1, 1, 1], 0, 0),  # always yes
        ([1, 0, 0, 0], [0, 0, 0, 0], 0, 0),  # always no
        ([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0], 2 / 3 - 1 / 5, 2 * (2 * 4 - 1) / (3 * 5 + 3 * 5)),
    ],
)
def test_forecasts_by_hand(happened, said, tss, hss):
    forecast = Forecast.of(np.array(happened), np.array(said))
    assert forecast.tss == pytest.approx(tss) and forecast.hss == pytest.approx(hss)


def test_forecasts_against_scikit_learn():
    happened, said = rng.random(300) < 0.2, rng.random(300) < 0.3
    forecast = Forecast.of(happened, said)
    assert forecast.tss == pytest.approx(2 * metrics.balanced_accuracy_score(happened, said) - 1)
    assert forecast.hss == pytest.approx(metrics.cohen_kappa_score(happened, said))
    p = rng.random(300)
    assert brier(happened, p) == pytest.approx(metrics.brier_score_loss(happened, p))


def test_all_wrong_with_the_papers_formula():
    """Eq. 8 with everything wrong is -2PN / (P² + N²)."""
    happened = np.arange(10) < 3
    assert Forecast.of(happened, ~happened).hss == pytest.approx(-2 * 3 * 7 / (3**2 + 7**2))


def test_what_has_no_score():
    only = np.ones(4, bool)
    assert np.isnan(Forecast.of(only, only).tss) and np.isnan(Forecast.of(only, only).hss)
    with pytest.raises(SolarsynthError, match="at least one"):
        class_scores(np.zeros((5, 5), int))
    with pytest.raises(SolarsynthError, match="0 to 4; there are 0 to 7"):
        confusion([0, 7], [1, 2], 5)
    with pytest.raises(SolarsynthError, match="2 true labels, but 1"):
        confusion([0, 1], [1], 5)
    with pytest.raises(SolarsynthError, match="between 0 and 1"):
        brier([True], [1.2])
