"""The form of a result: its error, its floor, and what can be said of both."""

import math

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.values import STD_OVER_SETS, Value, as_table, jackknife, span


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


def test_the_span_of_few_and_of_many_draws():
    low, high, note = span(np.array([3.0, 1.0, 2.0]))
    assert (low, high) == (1, 3) and note == "real sets: lowest and highest of 3"
    low, high, note = span(np.arange(101.0))
    assert (low, high) == (5, 95) and not note
    low, high, _ = span(np.arange(101.0)[:, None] * [1, 10])
    assert low.tolist() == [5, 50] and high.tolist() == [95, 950]


@pytest.mark.parametrize(
    "value, low, high, floor_images, within",
    [
        (0.5, 0.4, 0.6, 50, True),
        (0.6, 0.4, 0.6, 50, True),
        (0.7, 0.4, 0.6, 50, False),
        (0.3, 0.4, 0.6, 50, False),
        (0.5, 0.4, 0.6, 25, None),  # a floor of smaller sets is wider
        (math.nan, 0.4, 0.6, 50, None),
        (0.5, math.nan, math.nan, 50, None),
    ],
)
def test_within_the_floor(value, low, high, floor_images, within):
    found = Value("m", 1, value, low=low, high=high, images=50, floor_images=floor_images).within
    assert found is within


def test_a_table_has_a_row_per_metric():
    table = as_table([Value("a", 1, 0.5, 0.1, STD_OVER_SETS, 0.4, 0.6, 7, 7, "why"), Value("b", 0)])
    assert table["metric"].tolist() == ["a", "b"] and table["error"].tolist()[0] == 0.1
    assert table["note"].tolist() == ["why", ""] and table["value"].isna().tolist() == [False, True]
