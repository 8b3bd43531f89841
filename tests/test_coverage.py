"""Nearest-neighbour metrics against brute force and known answers."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import coverage as module
from solarsynth.metrics.coverage import coverage


def brute_force(real, generated, k):
    distance = lambda a, b: np.array([[np.sqrt(((x - y) ** 2).sum()) for y in b] for x in a])  # noqa: E731
    radius = lambda x: np.sort(distance(x, x), axis=1)[:, k]  # noqa: E731 column 0 is the point itself
    r_real, r_generated, between = radius(real), radius(generated), distance(real, generated)
    precision = np.mean([any(between[i, j] <= r_real[i] for i in range(len(real))) for j in range(len(generated))])
    recall = np.mean([any(between[i, j] <= r_generated[j] for j in range(len(generated))) for i in range(len(real))])
    density = sum(between[i, j] <= r_real[i] for i in range(len(real)) for j in range(len(generated)))
    covered = np.mean([between[i].min() <= r_real[i] for i in range(len(real))])
    return precision, recall, density / (k * len(generated)), covered


@pytest.mark.parametrize("k, shift", [(1, 0.0), (3, 0.5), (5, 2.0)])
def test_equals_brute_force(k, shift, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)  # several blocks, the last one smaller
    rng = np.random.default_rng(k)
    real, generated = rng.normal(size=(60, 3)), rng.normal(size=(45, 3)) + shift
    assert tuple(vars(coverage(real, generated, k)).values()) == pytest.approx(brute_force(real, generated, k))


def test_known_answers():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(400, 4))
    same = coverage(real, rng.normal(size=(400, 4)))
    assert min(same.precision, same.recall, same.coverage) > 0.9 and abs(same.density - 1) < 0.1
    far = coverage(real, real + 100)
    assert tuple(vars(far).values()) == (0, 0, 0, 0)
    one_mode = coverage(np.concatenate([real, real + 50]), rng.normal(size=(400, 4)))
    assert one_mode.precision > 0.9 and 0.4 < one_mode.coverage < 0.5 and 0.4 < one_mode.recall < 0.55
    itself = coverage(real, real)
    assert itself.precision == itself.recall == itself.coverage == 1


def test_ties_count():
    """A copy of a real image that occurs k + 1 times is inside a ball of radius 0, and counts in k + 1 balls."""
    rng = np.random.default_rng(5)
    real = 100 * rng.normal(size=(60, 300)) + 1000
    real[:4] = real[0] + 3000  # outside all other balls
    far = 1e5 + 100 * rng.normal(size=(20, 300))
    found = coverage(real, np.concatenate([real[:1], far]), k=3)
    assert found.precision == pytest.approx(1 / 21) and found.coverage == pytest.approx(4 / 60)
    assert found.density == pytest.approx(4 / (3 * 21))


@pytest.mark.parametrize(
    "real, generated, match",
    [
        (np.ones((5, 2)), np.ones((9, 2)), "k = 5 needs more than 5 images in each set, got 5 and 9"),
        (np.ones((9, 2)), np.ones((9, 3)), r"same dimension, got \(9, 2\) and \(9, 3\)"),
        (np.full((9, 2), np.nan), np.ones((9, 2)), "finite features, got NaN"),
        (np.ones((9, 2)), np.arange(18.0).reshape(9, 2), "all 9 real ones have the same features"),
        (np.arange(18.0).reshape(9, 2), np.ones((7, 2)), "all 7 generated ones have the same features"),
        (np.arange(18.0).reshape(9, 2), np.ones((1, 2)), "more than 5 images in each set, got 9 and 1"),
    ],
)
def test_what_cannot_be_compared(real, generated, match):
    with pytest.raises(SolarsynthError, match=match):
        coverage(real, generated)
