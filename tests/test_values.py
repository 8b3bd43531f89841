"""The form of a result: its error, its floor, and what can be said of both."""

import math

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import (
    STD_OVER_SETS,
    Value,
    as_table,
    bounds,
    jackknife,
    judged,
    over_trainings,
    tail,
    verdict,
)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    parts = list(np.random.default_rng(0).normal(size=(8, 40)))
    mean = lambda some: np.array([np.concatenate(some).mean()])  # noqa: E731
    error = jackknife(parts, mean, mean(parts))[0]
    means = [part.mean() for part in parts]
    assert error == pytest.approx(np.std(means, ddof=1) / np.sqrt(8))


def test_a_value_without_an_error():
    """A single set is not measured again, and a measure may need more than the sets that remain."""

    def refuses(some):
        raise SolarsynthError("too few")

    parts = list(np.random.default_rng(0).normal(size=(8, 40)))
    assert np.isnan(jackknife(parts[:1], refuses, np.array([1.0, 2.0]))).all()
    assert np.isnan(jackknife(parts, refuses, np.array([1.0]))).all()
    assert Value("m", 0, 1.0, 0.1, STD_OVER_SETS).error_kind == STD_OVER_SETS
    assert Value("m", 0, 1.0, math.nan, STD_OVER_SETS).error_kind == ""


def test_the_floor_holds_nine_in_ten_new_draws():
    low, high = bounds(np.arange(1.0, 100)[:, None] * [1, 10])  # ranks of 99 draws among 100
    np.testing.assert_allclose([low, high], [[5, 50], [95, 950]])
    low, high = bounds(np.array([[np.nan], [1.0], [3.0]]))
    assert 1 <= low[0] < high[0] <= 3
    assert np.isnan(bounds(np.full((4, 2), np.nan))).all()


@pytest.mark.parametrize(
    "value, low, high, place",
    [
        (0.5, 0.4, 0.6, "within"),
        (0.6, 0.4, 0.6, "within"),
        (0.7, 0.4, 0.6, "above"),
        (0.3, 0.4, 0.6, "below"),
        (0.3, -math.inf, 0.6, "within"),
        (math.nan, 0.4, 0.6, ""),
        (0.5, math.nan, math.nan, ""),
    ],
)
def test_the_place_in_the_floor(value, low, high, place):
    assert Value("m", 1, value, low=low, high=high).place == place


def test_the_tail_is_that_of_one_more_draw():
    """Draws of a normal distribution: one in twenty of new draws has a tail below 5 %."""
    rng = np.random.default_rng(0)
    for side in ("above", "below", "both"):
        draws = rng.normal(3, 2, (4000, 12))
        tails = [tail(rng.normal(3, 2), one, 12, side) for one in draws]
        assert np.mean(np.array(tails) < 0.05) == pytest.approx(0.05, abs=0.012)
    assert tail(9.0, np.arange(5.0), 5, "above") < tail(5.0, np.arange(5.0), 5, "above") < 0.5
    assert tail(0.0, np.arange(1.0, 6), 5, "above") > 0.9
    assert math.isnan(tail(1.0, np.array([np.nan, 1.0]), 5, "above"))


def test_a_set_is_rejected_by_rows_that_survive_the_correction():
    values = judged([Value("a", 0, 1.0, p=0.01), Value("b", 0, 1.0, p=0.03), Value("c", 0, note="no value")])
    assert [v.adjusted for v in values[:2]] == pytest.approx([0.02, 0.03]) and math.isnan(values[2].adjusted)
    accepted, why = verdict(values)
    assert not accepted and "a 1" in why and "b 1" in why
    values = judged([Value(name, 0, 1.0, p=0.02) for name in "abcd"])
    assert verdict(values)[0]
    assert verdict([Value("c", 0, note="no value")])[1].startswith("not judged")


def test_trainings_are_averaged_and_a_missing_p_value_stays_missing():
    found = over_trainings([[Value("a", 0, 1.0, p=0.01), Value("b", 0)], [Value("a", 0, 2.0, p=0.3), Value("b", 0)]])
    assert found[0].value == 1.5 and found[0].error == pytest.approx(np.std([1, 2], ddof=1))
    assert found[0].p == pytest.approx(0.02) and found[0].trainings == 2
    assert math.isnan(found[1].p) and math.isnan(judged(found)[1].adjusted)


def test_a_table_has_a_row_per_metric():
    table = as_table([Value("a", 1, 0.5, 0.1, STD_OVER_SETS, low=0.4, high=0.6, note="why"), Value("b", 0)])
    assert table["metric"].tolist() == ["a", "b"] and table["error"].tolist()[0] == 0.1
    assert table["note"].tolist() == ["why", ""] and table["place"].tolist() == ["within", ""]
