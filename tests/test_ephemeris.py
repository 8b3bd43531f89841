"""The tilt of the Sun's axis against the Astronomical Almanac's elements."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.observations.ephemeris import solar_radius, solar_tilt
from solarsynth.times import DAY, NO_TIME, parse_times


def test_the_tilt_over_a_year():
    """Meeus, Astronomical Algorithms, chapter 29: the inclination is 7.25°, the node lies at 73.67° + 1.396 T."""
    time = parse_times(["2012-01-01T00:00:00Z"])[0] + np.arange(0, 366, 15) * DAY
    days = time / DAY + 2440587.5 - 2451545.0
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    node = np.radians(73.6667 + 1.3958333 * (days + 2451545.0 - 2396758) / 36525)
    expected = np.degrees(np.arcsin(np.sin(longitude - node) * np.sin(np.radians(7.25))))
    np.testing.assert_allclose(solar_tilt(time), expected, atol=0.03)


def test_no_time():
    assert solar_tilt(np.zeros(0, np.int64)).shape == (0,)
    with pytest.raises(SolarsynthError, match="needs times, got 1 of 2 unknown"):
        solar_tilt(np.array([0, NO_TIME]))


def test_the_radius_over_a_year():
    """IAU 2015: 695,700 km. The distance follows from the mean anomaly (Astronomical Almanac, page C5)."""
    time = parse_times(["2012-01-01T00:00:00Z"])[0] + np.arange(0, 366, 15) * DAY
    anomaly = np.radians(357.528 + 0.9856003 * (time / DAY + 2440587.5 - 2451545.0))
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    expected = np.degrees(np.arcsin(695_700 / 149_597_870.7 / distance)) * 3600
    np.testing.assert_allclose([solar_radius(t) for t in time.tolist()], expected, rtol=1e-4)
