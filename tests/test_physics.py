"""Disk geometry, profiles, maps and slopes against closed forms and planted patterns."""

import itertools

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import physics
from solarsynth.observations.locations import parse_locations


def test_radial_profile_of_a_known_disk():
    r, _, _ = physics.disk_coordinates(64, 25.0)
    image = np.stack([1 - r / 2, 3 - r / 2])
    edges = np.linspace(0, 1.2, 13)
    got = physics.radial_profile(image, 25.0, edges)
    np.testing.assert_allclose(got, 2 - (edges[1:] + edges[:-1]) / 4, atol=0.03)


def test_a_ring_without_a_pixel_is_nan():
    assert np.isnan(physics.radial_profile(np.ones((1, 8, 8)), 4.0, np.array([0, 1, 50, 60]))[2])


def test_bins_by_counting():
    """Pixel by pixel; the last edge is not a part of the last ring."""
    image = np.random.default_rng(0).integers(0, 256, (3, 9, 9)).astype(np.uint8)
    r, _, _ = physics.disk_coordinates(9, 4.0)
    edges = np.array([0.25, 0.5, r[4, 7]])  # pixels lie exactly on the last edge
    expected = []
    for low, high in itertools.pairwise(edges):
        ring = [image[:, i, j].mean() for i in range(9) for j in range(9) if low <= r[i, j] < high]
        expected.append(sum(ring) / len(ring))
    np.testing.assert_allclose(physics.radial_profile(image, 4.0, edges), expected)
    assert np.isnan(physics.radial_profile(image, 4.0, np.array([5.0, 6, 7]))).all()


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


def test_the_slopes_error_is_its_standard_deviation():
    rng = np.random.default_rng(1)
    fits = [physics.power_law_slope((1 - rng.uniform(0, 0.99, 300)) ** -1.0, 1, 100) for _ in range(200)]
    slopes, errors = np.array(fits).T
    assert np.mean(slopes) == pytest.approx(2.0, abs=0.03)
    assert np.std(slopes) == pytest.approx(np.mean(errors), rel=0.2)


def test_too_few_values():
    with pytest.raises(SolarsynthError, match=r"at least 10 values between 0\.5 and 2, got 5"):
        physics.power_law_slope(np.ones(5), 0.5, 2)


def test_locations():
    latitude, longitude = parse_locations(["N18W33", "S07E105", "", "nowhere", " n1 "])
    np.testing.assert_array_equal(latitude, [18, -7, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(longitude, [33, -105, np.nan, np.nan, np.nan])


class TestMaps:
    rng = np.random.default_rng(0)

    def test_std_map_by_hand(self):
        image = self.rng.integers(0, 256, (7, 4, 5)).astype(np.uint8)
        by_hand = [
            [np.sqrt(np.mean((p - p.mean()) ** 2)) for p in row] for row in image.transpose(1, 2, 0).astype(float)
        ]
        np.testing.assert_allclose(physics.std_map(image), by_hand)

    def test_agreement_is_the_correlation(self):
        a, b = self.rng.normal(size=(2, 8, 8))
        disk = physics.disk_coordinates(8, 4.0)[0] < 0.9
        assert physics.map_agreement(a, b, 4.0) == pytest.approx(np.corrcoef(a[disk], b[disk])[0, 1])
        assert physics.map_agreement(a, 3 * a + 1, 4.0) == pytest.approx(1)
        assert np.isnan(physics.map_agreement(a, np.ones((8, 8)), 4.0))
        sky = a.copy()
        sky[0, 0] = 1000  # beyond the disk nothing counts
        assert physics.map_agreement(sky, b, 4.0) == physics.map_agreement(a, b, 4.0)

    def test_the_floor_rises_with_the_number_of_images(self):
        sigma = np.linspace(1, 5, 64).reshape(8, 8)
        image, unit = sigma * self.rng.normal(size=(200, 8, 8)), np.arange(200) // 20
        small, large = (physics.agreement_floor(image, unit, 4.0, size, 50).mean() for size in (4, 80))
        assert small < large and large > 0.9

    def test_the_floor_is_wide_where_weeks_differ(self):
        """Each block has a region of its own, so maps of other blocks agree less than maps of the same ones."""
        unit = np.arange(200) // 20
        image = self.rng.normal(size=(200, 8, 8))
        image[np.arange(200), 3, unit % 8] += 20 * self.rng.normal(size=200)
        blocks = physics.agreement_floor(image, unit, 4.0, 40, 30)
        mixed = physics.agreement_floor(image, self.rng.permutation(unit), 4.0, 40, 30)
        assert blocks.mean() < mixed.mean() - 0.1

    def test_polar_share(self):
        _, latitude, _ = physics.disk_coordinates(64, 25.0)
        poles = np.where(np.abs(latitude) > 60, 2.0, 0.0)
        assert physics.polar_share(np.nan_to_num(poles), 25.0) == pytest.approx(1)
        assert physics.polar_share(np.where(np.abs(np.nan_to_num(latitude)) < 30, 1.0, 0.0), 25.0) == 0

    def test_too_few_images(self):
        with pytest.raises(SolarsynthError, match="at least 2 images, got 1"):
            physics.std_map(np.zeros((1, 4, 4)))
        with pytest.raises(SolarsynthError, match="at least 2 images in each, got 1"):
            physics.agreement_floor(np.zeros((5, 4, 4)), np.arange(5), 2.0, 1, 3)
