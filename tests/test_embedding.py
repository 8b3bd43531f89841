"""The energy distance against scipy and its own definition, and a linear probe on planted classes."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.embedding import energy_distance, energy_floor, linear_probe

rng = np.random.default_rng(0)


def test_energy_distance_against_scipy():
    """scipy's is one-dimensional, a square root, and biased: its means include the distance of a point to itself."""
    from scipy.stats import energy_distance as theirs

    a, b = rng.normal(size=40), rng.normal(0.7, 1.3, size=60)
    within = sum(np.abs(x[:, None] - x[None]).mean() / (len(x) - 1) for x in (a, b))
    assert energy_distance(a[:, None], b[:, None]) == pytest.approx(theirs(a, b) ** 2 - within)


def test_energy_distance_is_unbiased_and_sees_a_shift():
    same = [energy_distance(rng.normal(size=(10, 30)), rng.normal(size=(15, 30))) for _ in range(300)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(300)
    real = rng.normal(size=(60, 30))
    assert energy_distance(real[:30] + 0.5, real[30:]) > energy_floor(real, np.arange(60) // 6, 20, 50).max()
    with pytest.raises(SolarsynthError, match="at least two images in each set, got 1"):
        energy_floor(real, np.arange(60) // 6, 1, 2)
    with pytest.raises(SolarsynthError, match="at least two images in each set, got 1 and 60"):
        energy_distance(real[:1], real)


def test_the_floor_contains_what_weeks_differ_by():
    unit = np.arange(100) // 10
    shifted = rng.normal(size=(100, 5)) + 2 * rng.normal(size=(10, 5))[unit]
    blocks, mixed = (energy_floor(shifted, u, 20, 30).mean() for u in (unit, rng.permutation(unit)))
    assert blocks > 3 * abs(mixed)


def test_linear_probe_knows_what_can_be_known():
    label = rng.integers(0, 3, 300)
    x = rng.normal(size=(300, 20)) + 4 * np.eye(20)[label]
    noise = rng.normal(size=(300, 20))
    found = linear_probe(x[:200], label[:200], {"same": (x[200:], label[200:]), "noise": (noise, label)})
    assert found["same"] > 0.95 and abs(found["noise"] - 1 / 3) < 0.15
    with pytest.raises(SolarsynthError, match="at least two classes, got 1"):
        linear_probe(x, np.zeros(300, int), {})


def test_the_probe_weighs_classes_equally_and_leaves_out_what_it_never_saw():
    """Class 0 is always recognised and class 1 never: the balanced accuracy is one half for any number of images."""
    axis = np.eye(4)
    train, label = np.repeat(axis[:2], 50, axis=0) * 20, np.repeat([0, 1], 50)
    swapped = np.concatenate([np.repeat(axis[:1], 30, axis=0), np.repeat(axis[:1], 3, axis=0)]) * 20
    truth = np.repeat([0, 1], [30, 3])
    found = linear_probe(train, label, {"swapped": (swapped, truth), "unseen": (swapped, np.full(33, 7))})
    assert found["swapped"] == pytest.approx(0.5) and np.isnan(found["unseen"])
    with_unseen = np.concatenate([swapped, swapped]), np.concatenate([truth, np.full(33, 7)])
    assert linear_probe(train, label, {"x": with_unseen})["x"] == pytest.approx(0.5)
