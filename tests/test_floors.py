"""Floors from whole units, with planted block effects."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.floors import block_floor, block_parts, floor_range, same_weeks_floor

UNIT = np.repeat(np.arange(12), [5, 30, 12, 20, 8, 25, 10, 15, 20, 30, 5, 20])


def weeks(rng, unit=UNIT, effect=1.0):
    return effect * rng.normal(size=(unit.max() + 1, 4))[unit] + rng.normal(size=(len(unit), 4))


def distance(reference, images):
    return np.array([np.linalg.norm(reference.mean(0) - images.mean(0))])


def test_parts_are_whole_units_of_equal_size():
    seen = set()
    for held, rest in block_parts(UNIT, 40, 90, draws=30):
        assert len(set(held)) == 40 and len(set(rest)) == 90
        assert not set(UNIT[held]) & set(UNIT[rest])
        seen.add(tuple(np.unique(UNIT[held])))
    assert len(seen) > 20


def test_few_units_give_every_combination():
    """Five units of ten images, two left out: ten combinations, each once in ten draws."""
    unit = np.repeat(np.arange(5), 10)
    seen = [tuple(np.unique(unit[held])) for held, _ in block_parts(unit, 20, 30, draws=10)]
    assert len(set(seen)) == 10


def test_block_floor_is_wide_and_same_weeks_are_narrow():
    features = weeks(np.random.default_rng(0))
    blocks = block_floor(features, UNIT, distance, 50, 100, draws=40)
    same = same_weeks_floor(features, distance, 50, 100, draws=40)
    assert blocks.shape == same.shape == (40, 1)
    assert np.median(blocks) > 2 * np.median(same)
    none = weeks(np.random.default_rng(1), effect=0)
    ratio = np.median(block_floor(none, UNIT, distance, 50, 100, 40)) / np.median(
        same_weeks_floor(none, distance, 50, 100, 40)
    )
    assert ratio == pytest.approx(1, abs=0.25)


def test_new_blocks_fall_in_the_floor():
    inside, same_inside, trials = 0, 0, 120
    rng = np.random.default_rng(2)
    unit, new_unit = np.repeat(np.arange(20), 10), np.repeat(np.arange(5), 10)
    for seed in range(trials):
        features, fresh = weeks(rng, unit), weeks(rng, new_unit)
        floor = block_floor(features, unit, distance, 50, 100, draws=60, seed=seed)
        _, rest = next(block_parts(unit, 50, 100, 1, seed))
        value = distance(features[rest], fresh)[0]
        low, high = floor_range(floor)[:, 0]
        inside += low <= value <= high
        low, high = floor_range(same_weeks_floor(features, distance, 50, 100, draws=40, seed=seed))[:, 0]
        same_inside += low <= value <= high
    assert 0.85 <= inside / trials <= 0.97 and same_inside / trials < 0.4


def test_coverage_of_a_perfect_generator_equals_its_floor():
    """At equal sizes; a reference of another size has another coverage."""
    rng = np.random.default_rng(3)
    compare = lambda reference, images: [coverage(reference, images).coverage]  # noqa: E731
    unit = np.repeat(np.arange(40), 10)
    real = rng.normal(size=(400, 6))
    floor = block_floor(real, unit, compare, 100, 200, draws=20).mean()
    perfect = np.mean([compare(real[rest], rng.normal(size=(100, 6))) for _, rest in block_parts(unit, 100, 200, 20)])
    other = np.mean([compare(real[rest], rng.normal(size=(100, 6))) for _, rest in block_parts(unit, 50, 50, 20)])
    assert floor == pytest.approx(perfect, abs=0.02) and abs(other - perfect) > 0.1


@pytest.mark.parametrize(
    "unit, size, reference, match",
    [
        (np.repeat([0, 1], 9), 5, 5, "at least 3 units, got 2"),
        (UNIT, 150, 100, "hold 150 images and leave 100"),
        (UNIT, 500, 10, "got 200 images in 12 units"),
        (UNIT, 0, 10, "at least 1 image"),
    ],
)
def test_too_few(unit, size, reference, match):
    with pytest.raises(SolarsynthError, match=match):
        next(block_parts(unit, size, reference, 1))
    with pytest.raises(SolarsynthError, match="same weeks"):
        same_weeks_floor(np.ones((9, 2)), distance, 5, 5)
