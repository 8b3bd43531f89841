"""Fréchet distances against closed forms and clean-fid's own formula."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.frechet import frechet_distance

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
