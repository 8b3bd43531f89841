import numpy as np
import pandas as pd
import pytest

from solarsynth.dataset.daily import daily_labels
from solarsynth.dataset.regions import NO_REGION, independent_units
from solarsynth.dataset.splits import fold_count, split, time_blocks
from solarsynth.errors import SolarsynthError
from solarsynth.times import DAY, HOUR, MINUTE


@pytest.fixture(scope="module")
def frames():
    """Frames of five years; each shows one of the regions that live at its time, or none."""
    rng = np.random.default_rng(0)
    time = np.sort(rng.integers(0, 5 * 365 * DAY, 6000)) + 15_340 * DAY
    birth, life = np.sort(rng.integers(0, 5 * 365, 800)), rng.integers(5, 50, 800)
    day = (time - time[0]) / DAY
    region = np.full(len(time), NO_REGION)
    for i, at in enumerate(day):
        alive = np.flatnonzero((birth <= at) & (at < birth + life))
        if len(alive) and rng.uniform() < 0.7:
            region[i] = rng.choice(alive)
    return time, region


def choose(time, region, method="blocked", fraction=0.3, **more):
    return split(time, region, method=method, test_fraction=fraction, **more)


def test_blocks_are_27_days():
    time = np.array([0, 27 * DAY - 1, 27 * DAY, -1])
    assert time_blocks(time).tolist() == [0, 0, 1, -1]


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_nothing_is_shared_across_the_split(frames, fold):
    time, region = frames
    parts = choose(time, region, fold=fold)
    block, held = time_blocks(time), np.unique(time_blocks(time)[parts.test])
    assert not set(held) & set(block[parts.train])
    assert not (set(region[parts.test]) & set(region[parts.train])) - {NO_REGION}
    # By brute force: from every training image to the nearest instant of a held-out block.
    edges = np.stack([held * 27 * DAY, (held + 1) * 27 * DAY])
    for t in time[parts.train][::7]:
        assert np.maximum(edges[0] - t, t - edges[1]).max() > 0
        assert np.where(t < edges[0], edges[0] - t, t - edges[1] + 1).min() >= 14 * DAY


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_labels_that_look_ahead_share_no_time_across_the_split(fold):
    """Section 8.2: the label of a day's frame is made of the 24 hours that follow midnight."""
    frame_time = 15_340 * DAY + np.arange(366 * 24) * HOUR
    peak = frame_time[:-24:7] + 30 * MINUTE
    table, _ = daily_labels(pd.DataFrame({"peak": peak}), np.full(len(peak), 2e-6), frame_time, mode="all-days")
    day, region = table["day"].to_numpy(), table["region"].to_numpy()
    parts = choose(day, region, fold=fold)
    # From the frame, the last one before midnight, to the end of the label's window.
    start, end = frame_time[table["frame"].to_numpy()], day + DAY
    assert (start[parts.test] < end[parts.test] - DAY + 1).all() and parts.test.sum() > 50

    def nearest(a, b):
        """Return the least time between a window of one part and one of another, by all pairs."""
        apart = np.maximum(start[a][:, None] - end[b][None], start[b][None] - end[a][:, None])
        return apart.min()

    assert nearest(parts.test, parts.train) >= DAY
    assert nearest(parts.validation, parts.fit) >= DAY
    # The check can fail: without a purge the windows touch.
    bare = choose(day, region, fold=fold, purge_days=0.0)
    assert nearest(bare.test, bare.train) <= 0


def test_purge_takes_no_more_than_it_must(frames):
    time, region = frames
    without = choose(time, np.full(len(time), NO_REGION), purge_days=0.0)
    assert (without.test | without.train).all()
    parts = choose(time, region)
    left_out = ~(parts.test | parts.train)
    block = time_blocks(time)
    near = np.array([np.isin(np.arange(b - 1, b + 2), block[parts.test]).any() for b in block[left_out]])
    assert (near | np.isin(region[left_out], region[parts.test])).all()
    assert left_out.mean() < 0.4


def test_every_image_is_held_out_in_one_fold(frames):
    for fraction in (0.2, 0.3, 0.5):
        held = sum(choose(*frames, fraction=fraction, fold=k).test.astype(int) for k in range(fold_count(fraction)))
        assert (held == 1).all()


def test_validation_is_apart_from_what_is_fitted(frames):
    time, region = frames
    parts = choose(time, region)
    assert not (parts.validation & parts.fit).any()
    assert ((parts.validation | parts.fit) <= parts.train).all()
    assert parts.validation.any() and parts.fit.sum() > parts.validation.sum()
    gap = np.abs(time[parts.fit][::5, None] - time[parts.validation][None]).min(1)
    assert gap.min() >= 7 * DAY


def test_a_planted_duplicate_across_the_edge_is_purged():
    # The same region on the last day before a held-out block and on its first day, and 27 days later.
    start = 567 * 27 * DAY  # a run of three blocks begins: 567 // 3 is divisible by 3, fold 0
    time = start + np.array([-100, -20, -1, 1, 60, 90, 170, 200]) * DAY
    region = np.array([0, 1, 7, 7, 8, 9, 8, 10])
    parts = choose(time, region)
    assert parts.test.tolist() == [False, False, False, True, True, False, False, False]
    assert parts.train.tolist() == [True, True, False, False, False, False, False, True]


def test_random_split_has_the_share_and_leaks(frames):
    time, region = frames
    parts = choose(time, region, "random")
    assert parts.test.sum() == 1800 and (parts.train == ~parts.test).all()
    assert set(region[parts.test]) & set(region[parts.train]) - {NO_REGION}
    folds = [choose(time, region, "random", fold=k).test for k in range(3)]
    assert max(np.sum(folds, axis=0)) == 1


def test_nothing_held_out(frames):
    parts = choose(*frames, fraction=0.0)
    assert not parts.test.any() and parts.train.all() and fold_count(0.0) == 1


def test_too_short_an_archive_cannot_be_split():
    time = np.arange(10) * DAY
    with pytest.raises(SolarsynthError, match="same 3 blocks"):
        choose(time, np.full(10, NO_REGION))


def test_a_fold_must_exist(frames):
    with pytest.raises(SolarsynthError, match="from 0 to 2"):
        choose(*frames, fold=3)


def test_a_region_belongs_to_the_block_where_it_was_first_seen():
    block = np.array([4, 4, 5, 5, 6, 6])
    region = np.array([0, NO_REGION, 0, 1, NO_REGION, 1])
    assert independent_units(block, region).tolist() == [4, 4, 4, 5, 6, 5]
