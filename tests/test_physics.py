import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import physics


def test_radial_profile_of_a_known_disk():
    r, _, _ = physics.disk_coordinates(64, 25.0)
    image = np.stack([1 - r / 2, 3 - r / 2])
    edges = np.linspace(0, 1.2, 13)
    got = physics.radial_profile(image, 25.0, edges)
    np.testing.assert_allclose(got, 2 - (edges[1:] + edges[:-1]) / 4, atol=0.03)


def test_a_ring_without_a_pixel_is_nan():
    assert np.isnan(physics.radial_profile(np.ones((1, 8, 8)), 4.0, np.array([0, 1, 50, 60]))[2])


def test_coordinates_by_hand():
    r, latitude, longitude = physics.disk_coordinates(65, 30.0)
    assert r[32, 32] == 0 and latitude[32, 32] == longitude[32, 32] == 0
    assert latitude[32 + 15, 32] == pytest.approx(30) and latitude[32 - 15, 32] == pytest.approx(-30)
    assert longitude[32, 32 + 15] == pytest.approx(30)  # towards the west
    assert np.isnan(latitude[0, 0])


def test_belts_are_found_where_they_are():
    _, latitude, _ = physics.disk_coordinates(64, 25.0)
    rng = np.random.default_rng(0)
    image = rng.normal(size=(50, 64, 64))
    image[:, np.abs(np.abs(latitude) - 20) < 6] += 5
    edges = np.linspace(-60, 60, 13)
    got = physics.latitude_activity(image, 25.0, edges)
    assert set(np.argsort(got)[-4:]) == {3, 4, 7, 8}  # -30 to -10 and 10 to 30
    flat = physics.latitude_activity(rng.normal(size=(200, 64, 64)), 25.0, edges)
    np.testing.assert_allclose(flat, 1, atol=0.1)


@pytest.mark.parametrize("slope", [1.5, 2.0, 2.4])
def test_slope_of_a_known_power_law(slope):
    rng = np.random.default_rng(0)
    low, high, k = 1e-6, 1e-4, slope - 1
    u = rng.uniform(size=20_000)
    x = (low**-k - u * (low**-k - high**-k)) ** (-1 / k)
    got, error = physics.power_law_slope(np.concatenate([x, [1e-8, 1.0]]), low, high)
    assert abs(got - slope) < 4 * error and 0.005 < error < 0.03


def test_the_slopes_error_is_its_spread():
    rng = np.random.default_rng(1)
    fits = [physics.power_law_slope((1 - rng.uniform(0, 0.99, 300)) ** -1.0, 1, 100) for _ in range(200)]
    slopes, errors = np.array(fits).T
    assert np.mean(slopes) == pytest.approx(2.0, abs=0.03)
    assert np.std(slopes) == pytest.approx(np.mean(errors), rel=0.2)


def test_too_few_values():
    with pytest.raises(SolarsynthError, match="at least 10 values"):
        physics.power_law_slope(np.ones(5), 0.5, 2)


def test_locations():
    latitude, longitude = physics.parse_locations(["N18W33", "S07E105", "", "nowhere", " n1 "])
    np.testing.assert_array_equal(latitude, [18, -7, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(longitude, [33, -105, np.nan, np.nan, np.nan])
