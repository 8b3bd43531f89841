"""Each planted fault is found by its own line, and fresh real images have none."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.defects import collapse, defects, repeated

SIZE = 32


def suns(rng, n):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    disk = np.clip(0.42 * SIZE - np.hypot(y, x), 0, 1)
    place, width, power = rng.uniform(-10, 10, (n, 2, 8, 1)), rng.uniform(1, 4, (n, 8, 1)), rng.gamma(2, 30, (n, 8))
    profile = [np.exp(-((x[0] - place[:, axis]) ** 2) / 2 / width**2) for axis in (0, 1)]
    light = disk * (50 + np.einsum("nk,nky,nkx->nyx", power, *profile)) + rng.normal(0, 2, (n, SIZE, SIZE))
    return np.clip(np.round(light), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def real():
    return suns(np.random.default_rng(0), 300)


def found(drawn, real):
    return {finding.name for finding in defects(drawn, real) if finding.found}


def test_fresh_images_have_no_fault(real):
    for seed in range(1, 9):
        assert found(suns(np.random.default_rng(seed), 100), real) == set()


def mixed(image, share):
    """Images drawn towards their mean: the diversity falls, brightness stays."""
    return np.round(image.mean(0) + share * (image - image.mean(0))).astype(np.uint8)


@pytest.mark.parametrize(
    "plant, expected",
    [
        (lambda x: mixed(x, 0.3), "collapse"),
        (lambda x: np.repeat(x[:1], len(x), 0), "collapse"),
        (lambda x: np.concatenate([x[:-1], x[:1]]), "repeated"),
        (lambda x: np.repeat(x[:1], len(x), 0), "repeated"),
        (lambda x: (x // 8).astype(np.uint8), "scale"),
        (lambda x: (128 + x // 2).astype(np.uint8), "scale"),
        (lambda x: 255 - x, "inverted"),
        (lambda x: np.concatenate([x, np.full_like(x[:1], 60)]), "constant"),
        (lambda x: np.full_like(x, 60), "constant"),
        (lambda x: x[:1], "collapse"),
    ],
)
def test_planted_fault_is_found(real, plant, expected):
    assert expected in found(plant(suns(np.random.default_rng(20), 100)), real)


def test_values_equal_closed_forms(real):
    drawn = np.zeros((3, SIZE, SIZE), np.uint8)
    drawn[1] += 10
    drawn[2] += 20
    rows = real.reshape(len(real), -1).astype(float)
    apart = np.mean([np.linalg.norm(rows[i] - rows[j]) for i in range(0, 300) for j in range(i)])
    assert collapse(drawn, real).value == pytest.approx(SIZE * (10 + 20 + 10) / 3 / apart)
    assert repeated(np.concatenate([real[:6], real[:3]]), real).value == pytest.approx(6 / 9)


def test_what_cannot_be_judged(real):
    with pytest.raises(SolarsynthError, match="same size"):
        defects(np.zeros((3, 16, 16), np.uint8), real)
    with pytest.raises(SolarsynthError, match="20 real ones, got 3 and 5"):
        defects(real[:3], real[:5])
    with pytest.raises(SolarsynthError, match="all real images are equal"):
        defects(real[:3], np.repeat(real[:1], 30, 0))
