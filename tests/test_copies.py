"""Copies planted among honest images are found, and honest images pass."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import copies as module
from solarsynth.metrics.copies import copy_share, nearest_distances, nearest_images

SIZE = 32


def suns(rng, units, per_unit):
    """Random disks: blobs on a disk, slightly moved and brightened from image to image of one unit."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    disk = np.clip(0.42 * SIZE - np.hypot(y, x), 0, 1)
    images = []
    for _ in range(units):
        place, width, power = rng.uniform(-10, 10, (2, 9)), rng.uniform(1.2, 4, 9), rng.gamma(2, 40, 9)
        moved = (place + rng.normal(0, 0.4, (per_unit, 2, 9)))[..., None]
        profile = np.exp(-((x[0] - moved) ** 2) / 2 / width[:, None] ** 2)
        power = power * rng.uniform(0.8, 1.2, (per_unit, 9))
        light = disk * (40 + np.einsum("nk,nky,nkx->nyx", power, profile[:, 1], profile[:, 0]))
        images.append(light + rng.normal(0, 2, light.shape))
    images = np.concatenate(images)
    return np.clip(np.round(images), 0, 255).astype(np.uint8), np.repeat(np.arange(units), per_unit)


def shifted(image, dy, dx):
    return np.roll(image, (dy, dx), (1, 2))


PLANTED = {
    "exact": lambda x: x,
    "brighter": lambda x: np.clip(x.astype(int) + 2, 0, 255).astype(np.uint8),
    "darker": lambda x: np.clip(x.astype(int) - 2, 0, 255).astype(np.uint8),
    "one pixel": lambda x: shifted(x, 1, 0),
    "two pixels": lambda x: shifted(x, -2, 1),
    "mirrored": lambda x: x[:, :, ::-1],
    "upside down": lambda x: x[:, ::-1, ::-1],
}


@pytest.fixture(scope="module")
def scenes():
    made = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        size = 20 if seed < 3 else 5  # copies are planted in the first three
        (training, _), (held_out, unit), (fresh, _) = suns(rng, 30, 5), suns(rng, 10, 6), suns(rng, size, 10)
        made.append((training, nearest_images(held_out, training), unit, nearest_images(fresh, training)))
    return made


def test_honest_images_of_fresh_units_pass(scenes):
    found = [copy_share(fresh, held_out, unit).p for _, held_out, unit, fresh in scenes]
    assert np.sum(np.array(found) <= 0.05) <= 2


@pytest.mark.parametrize("name", PLANTED)
def test_one_copy_in_twenty_is_seen(scenes, name):
    for training, held_out, unit, fresh in scenes[:3]:
        planted = nearest_images(PLANTED[name](training[5::15]), training)
        found = copy_share(np.concatenate([fresh[len(planted) :], planted]), held_out, unit)
        assert len(planted) == 10 and len(fresh) == 200
        assert found.p <= 0.05 and found.below[-10:].all() and found.share >= 0.05


def test_fewer_copies_than_judged_are_not_claimed(scenes):
    """Two copies in 200 are below 2 %: the share shows them, the test does not claim them."""
    _, held_out, unit, fresh = scenes[0]
    found = copy_share(np.concatenate([fresh[2:], np.zeros(2)]), held_out, unit)
    assert found.below[-2:].all() and found.p == pytest.approx(1, abs=0.5)


def test_distances_equal_a_double_loop(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    rng = np.random.default_rng(0)
    a, b, unit_a, unit_b = rng.normal(size=(9, 3)), rng.normal(size=(7, 3)), np.arange(9) % 3, np.arange(7) % 3
    every = [min(np.linalg.norm(x - y) for y in b) for x in a]
    other = [
        min(np.linalg.norm(x - y) for y, v in zip(b, unit_b, strict=True) if u != v)
        for x, u in zip(a, unit_a, strict=True)
    ]
    np.testing.assert_allclose(nearest_distances(a, b), every)
    np.testing.assert_allclose(nearest_distances(a, b, unit_a, unit_b), other)
    assert np.isinf(nearest_distances(a[:1], b[:1], np.array([4]), np.array([4]))).all()


def test_image_distance_equals_brute_force(monkeypatch):
    monkeypatch.setattr(module, "CANDIDATES", 100)  # no pre-selection
    rng = np.random.default_rng(1)
    x, reference = (rng.integers(0, 255, (n, 16, 16)).astype(np.uint8) for n in (3, 5))
    for image, found in zip(x.astype(float), nearest_images(x, reference), strict=True):
        best = np.inf
        for view in (image, image[:, ::-1], image[::-1], image[::-1, ::-1]):
            for other in reference.astype(float):
                for dy in range(5):
                    for dx in range(5):
                        best = min(best, np.std(view[2:-2, 2:-2] - other[dy : dy + 12, dx : dx + 12]))
        assert found == pytest.approx(best, rel=1e-5)


def test_the_own_unit_is_skipped():
    training, unit = suns(np.random.default_rng(5), 6, 5)
    assert nearest_images(training, training).max() == 0
    assert nearest_images(training, training, unit, unit).min() > 5


def test_what_cannot_be_judged():
    with pytest.raises(SolarsynthError, match="at least 3 units, got 2"):
        copy_share(np.ones(5), np.ones(4), np.array([0, 0, 1, 1]))
    with pytest.raises(SolarsynthError, match="finite"):
        copy_share(np.full(5, np.nan), np.ones(4), np.arange(4))
    with pytest.raises(SolarsynthError, match="same size"):
        nearest_images(np.zeros((2, 16, 16), np.uint8), np.zeros((2, 32, 32), np.uint8))
    with pytest.raises(SolarsynthError, match="both sets"):
        nearest_distances(np.ones((2, 2)), np.ones((2, 2)), np.arange(2))
