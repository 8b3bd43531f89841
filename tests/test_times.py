"""Instants and durations in milliseconds, against Python's datetime."""

from datetime import UTC, datetime

import numpy as np
import pytest

from solarsynth.times import DAY, HOUR, MINUTE, NO_TIME, SECOND, format_times, milliseconds, parse_times, to_datetime


def test_texts_and_back():
    text = ["2010-08-27T15:00:08.070Z", "2019-12-31T23:59:59.999Z", "1969-12-31T23:59:59.000Z"]
    assert format_times(parse_times(text)) == text
    expected = [datetime.fromisoformat(t).timestamp() * 1000 for t in text]
    assert parse_times(text).tolist() == pytest.approx(expected, abs=0.5) and parse_times(text).dtype == np.int64


def test_ways_of_writing_a_time():
    instant = int(datetime(2012, 3, 7, 0, 24, tzinfo=UTC).timestamp()) * SECOND
    for text in ("2012-03-07 00:24:00", "2012-03-07T00:24", "2012-03-07T00:24:00Z", "2012-03-07T02:24:00+02:00"):
        assert parse_times([text]).tolist() == [instant], text


def test_unknown_times():
    assert parse_times([None, "never", "", float("nan")]).tolist() == [NO_TIME] * 4
    assert parse_times([]).shape == (0,)


def test_axes_get_datetimes():
    stamps = to_datetime(parse_times(["2012-02-29T12:00:00.250Z"]))
    assert stamps.dtype == "datetime64[ms]" and stamps[0] == np.datetime64("2012-02-29T12:00:00.250")


@pytest.mark.parametrize(
    "value, unit, expected",
    [(7.0, MINUTE, 420_000), (6, SECOND, 6_000), (2.048, SECOND, 2_048), (27, DAY, 2_332_800_000), (0.0, HOUR, 0)],
)
def test_durations(value, unit, expected):
    assert milliseconds(value, unit) == expected and isinstance(milliseconds(value, unit), int)
