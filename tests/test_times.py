"""Instants and durations in milliseconds, against Python's datetime."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
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


def test_numbers_datetimes_and_other_texts():
    instant = parse_times(["2012-03-07T00:24:05Z"]).tolist()
    seconds = instant[0] // 1000
    for value in (seconds, float(seconds), seconds * 1000, seconds * 10**6, seconds * 10**9):
        assert parse_times([value]).tolist() == instant and parse_times(np.array([value])).tolist() == instant, value
        assert parse_times([value, None, ""]).tolist() == [*instant, NO_TIME, NO_TIME]
    for text in ("2012/03/07 00:24:05", "2012.03.07_00:24:05_UTC", "7-Mar-2012 00:24:05", "2012 Mar 07 002405 UT"):
        assert parse_times([text]).tolist() == instant, text
    stamps = np.array(["2012-03-07T00:24:05", "NaT"], "datetime64[ns]")
    assert parse_times(stamps).tolist() == [*instant, NO_TIME]
    assert parse_times(np.array([20120307, 20121399, 7.0, np.nan, np.inf])).tolist() == [
        *parse_times(["2012-03-07"]),
        *[NO_TIME] * 4,
    ]


def test_leap_seconds_count_as_the_next_second():
    next_second = parse_times(["2012-07-01T00:00:00Z"]).tolist()
    for text in ("2012-06-30T23:59:60Z", "2012-06-30 23:59:60.7", "2012/06/30 23:59:60 UTC"):
        assert parse_times([text]).tolist() == next_second
    assert parse_times(["2012-06-30T23:58:60Z", "2012-06-30T23:59:61Z"]).tolist() == [NO_TIME] * 2


def test_tai_is_converted_as_astropy_does():
    from astropy.time import Time

    rng = np.random.default_rng(0)
    for seconds in rng.integers(1.28e9, 1.7e9, 50).tolist():
        tai = Time(seconds, format="unix").tai.strftime("%Y.%m.%d_%H:%M:%S_TAI")
        assert parse_times([tai]).tolist() == [seconds * 1000], tai


def test_any_instant_comes_back_from_any_form():
    """Random instants in random forms, against Python's datetime."""
    rng = np.random.default_rng(1)
    forms = ("%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M:%S", "%Y.%m.%d_%H:%M:%S_UTC", "%d-%b-%Y %H:%M:%S", "%Y%m%d_%H%M%S")
    seconds = rng.integers(4e8, 2.2e9, 500)
    texts = [datetime.fromtimestamp(s, UTC).strftime(forms[rng.integers(len(forms))]) for s in seconds.tolist()]
    assert parse_times(texts).tolist() == (seconds * 1000).tolist()


def test_any_text_is_a_time_or_none():
    """Texts of the letters that times are made of never raise, and what is read is read again the same."""
    rng = np.random.default_rng(2)
    letters = list("0123456789-/:. TZ_Mar")
    texts = ["".join(rng.choice(letters, rng.integers(0, 24))) for _ in range(2000)]
    for instant in parse_times(texts).tolist():
        if instant != NO_TIME:
            assert parse_times(format_times([instant])).tolist() == [instant]


def test_what_json_may_hold_and_is_no_time():
    odd = [[], {}, ["2012-03-07"], 10**400, -(2**63), True, None, "", "x", float("nan"), float("inf")]
    several = np.empty(len(odd), dtype=object)
    several[:] = odd
    for values in (odd, several, pd.Series(odd, dtype=object)):
        assert (parse_times(values) == NO_TIME).all()
    found = parse_times(["2012-03-07T00:24:00Z", *odd, 1331079840])
    assert found[0] == found[-1] == np.datetime64("2012-03-07T00:24", "ms").astype(np.int64)
