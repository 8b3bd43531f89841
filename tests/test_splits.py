import numpy as np
import pytest

from solarsynth.dataset.splits import split, time_blocks
from solarsynth.errors import SolarsynthError
from solarsynth.times import DAY


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    time = np.sort(rng.integers(0, 400 * DAY, 3000)) + 15_340 * DAY
    return rng.choice(5, 3000, p=[0.02, 0.4, 0.5, 0.07, 0.01]), time_blocks(time, 27)


def choose(label, block, method="blocked", fraction=0.3, **more):
    return split(label, block, method=method, test_fraction=fraction, n_classes=5, **more)


def test_blocks_are_27_days():
    time = np.array([0, 27 * DAY - 1, 27 * DAY, -1])
    assert time_blocks(time).tolist() == [0, 0, 1, -1]


def test_no_block_lies_on_both_sides(frames):
    label, block = frames
    for seed in range(10):
        test = choose(label, block, seed=seed)
        assert not set(block[test]) & set(block[~test])
        assert 0.15 < test.mean() < 0.45


def test_every_class_is_on_both_sides_where_that_is_possible(frames):
    label, block = frames
    test = choose(label, block)
    assert set(label[test]) == set(label[~test]) == set(range(5))


def test_random_split_has_the_share_and_leaks(frames):
    label, block = frames
    test = choose(label, block, "random")
    assert test.sum() == 900
    assert set(block[test]) & set(block[~test])


def test_the_same_seed_gives_the_same_split(frames):
    for method in ("random", "blocked"):
        assert np.array_equal(choose(*frames, method, seed=1), choose(*frames, method, seed=1))
    assert not np.array_equal(choose(*frames, "random", seed=1), choose(*frames, "random", seed=2))


def test_nothing_held_out(frames):
    assert not choose(*frames, fraction=0.0).any()


def test_one_block_cannot_be_split():
    with pytest.raises(SolarsynthError, match="one block of time"):
        choose(np.zeros(10, int), np.zeros(10, int))
