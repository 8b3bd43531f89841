"""Fréchet distances against closed forms and clean-fid's own formula."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.frechet import Gaussian, frechet_distance, frechet_floor

rng = np.random.default_rng(0)


def test_frechet_of_gaussians_with_diagonal_covariance():
    """Σ (m₁ - m₂)² + (s₁ - s₂)², on whitened samples whose moments are exact."""
    x = rng.normal(size=(500, 6))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T)).T)
    m, s = rng.normal(size=6), rng.uniform(0.5, 2, 6)
    assert frechet_distance(x, x * s + m) == pytest.approx((m**2).sum() + ((1 - s) ** 2).sum(), rel=1e-9)


@pytest.mark.filterwarnings("ignore:The `disp` argument")  # clean-fid's; scipy is pinned below 1.18 for it
@pytest.mark.parametrize("n, m, d", [(300, 200, 12), (40, 500, 64), (20, 30, 64)])
def test_frechet_equals_clean_fid(n, m, d):
    from cleanfid.fid import frechet_distance as theirs

    a = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    b = rng.normal(size=(m, d)) @ rng.normal(size=(d, d)) + 0.3
    expected = theirs(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6 * np.abs(a).max() ** 2)


def test_frechet_of_singular_covariances():
    line = rng.normal(size=(50, 1)) * np.array([[1.0, 0, 0]])
    assert frechet_distance(line, line + np.array([0, 2.0, 0])) == pytest.approx(4)


@pytest.mark.parametrize(
    "a, b, match",
    [
        (np.ones((3, 2)), np.ones((3, 4)), "same dimension, got 2 and 4 dimensions"),
        (np.ones((1, 2)), np.ones((3, 2)), "at least two images in each set, got 1"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), "finite features, got NaN"),
    ],
)
def test_what_has_no_frechet_distance(a, b, match):
    with pytest.raises(SolarsynthError, match=match):
        frechet_distance(a, b)


def test_the_floor_falls_with_the_size_of_the_set():
    real = rng.normal(size=(400, 5))
    assert frechet_floor(real, 200, 5).mean() < frechet_floor(real, 20, 5).mean()
    with pytest.raises(SolarsynthError, match="needs at least 402 real images, got 400"):
        frechet_floor(real, 400, 2)


@pytest.mark.parametrize("n, m, d", [(300, 100, 12), (60, 20, 64)])
def test_without_some_is_the_summary_of_the_others(n, m, d):
    real = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3
    found, expected = Gaussian.of(real).without(Gaussian.of(real[:m])), Gaussian.of(real[m:])
    np.testing.assert_allclose(found.mean, expected.mean)
    np.testing.assert_allclose(found.root.T @ found.root, np.cov(real[m:].T), atol=1e-9 * np.cov(real.T).max())
    other = rng.normal(size=(50, d))
    assert frechet_distance(found, other) == pytest.approx(frechet_distance(real[m:], other), rel=1e-6)
    with pytest.raises(SolarsynthError, match="at least two images in each set, got 1"):
        Gaussian.of(real).without(Gaussian.of(real[1:]))


def test_the_floor_is_that_of_independent_sets():
    real = rng.normal(size=(600, 8))
    independent = [frechet_distance(rng.normal(size=(200, 8)), rng.normal(size=(400, 8))) for _ in range(30)]
    assert frechet_floor(real, 200, 30).mean() == pytest.approx(np.mean(independent), rel=0.15)
