"""Which real images are compared with which, with planted blocks, regions and weeks."""

import numpy as np
import pytest

from solarsynth.dataset.labelled import LabelledSet
from solarsynth.dataset.regions import NO_REGION
from solarsynth.dataset.splits import split, time_blocks
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.pool import Pool, need_floor, subsets
from solarsynth.evaluation.values import bounds, widened
from solarsynth.times import DAY

BLOCK, GAP = 27 * DAY, 14 * DAY
FOLDS = 3


def labelled(time, region, **how):
    """Return a labelled set of frames at some times; its images are empty."""
    n = len(time)
    parts = split(time, region, method="blocked", **how)
    return LabelledSet(
        image=np.zeros((n, 1, 1), np.uint8),
        label=np.ones(n, int),
        flux=np.full(n, 1e-6),
        peak_time=time,
        frame_time=time,
        delay=np.zeros(n, int),
        block=time_blocks(time),
        region=region,
        test=parts.test,
        train=parts.train,
        validation=parts.validation,
        fit=parts.fit,
        unit="display",
        funnel={},
    )


def folds_of(time, region=None, **how):
    """Return the folds of a cross-validation that holds a third out."""
    region = np.full(len(time), NO_REGION) if region is None else region
    return [labelled(time, region, test_fraction=0.3, fold=k, **how) for k in range(FOLDS)]


def in_blocks(blocks, per_block):
    """Return times of frames, evenly in consecutive blocks; the first block begins a run of three."""
    return (567 * BLOCK + (np.arange(blocks * per_block) + 0.5) * BLOCK / per_block).astype(np.int64)


@pytest.fixture(scope="module")
def folds():
    """Frames of 40 blocks, some with many and some with few, and regions that are seen for up to 40 days."""
    rng = np.random.default_rng(0)
    time = in_blocks(40, 30)
    time = time[rng.random(len(time)) < 0.2 + 0.8 * rng.random(40)[time_blocks(time) - 567]]
    day = time / DAY
    birth = np.sort(rng.uniform(day[0], day[-1], 120))
    latest = np.searchsorted(birth, day) - 1
    seen = (latest >= 0) & (day - birth[latest] < 40) & (rng.random(len(day)) < 0.7)
    return folds_of(time, np.where(seen, latest, NO_REGION))


def test_all_comparisons_have_the_same_sizes(folds):
    found = Pool(folds[1], folds, 20).comparisons(60)
    assert found.size == 60 and len(found.floor) == 20 and {draw.fold for draw in found.floor} == {0, 1, 2}
    assert {len(draw.held) for draw in found.floor} == {len(one) for one in found.held_out} == {60}
    assert {len(draw.reference) for draw in found.floor} == {len(found.reference)}
    assert folds[1].train[found.reference].all() and all(folds[1].test[one].all() for one in found.held_out)
    assert found.blocks == len(np.unique(folds[0].block))  # every block is held out in one fold
    everything = [found.reference, *found.held_out, *(index for d in found.floor for index in (d.held, d.reference))]
    assert all(len(set(index)) == len(index) for index in everything)  # no image twice


def test_a_set_leaves_other_held_out_images(folds):
    """Else all sets of a fold would be the same, and the floor would have no width."""
    pool = Pool(folds[0], folds, 12)
    fewest = min(data.test.sum() for data in folds)
    assert pool.size_for(30) == 30 and 0.3 * fewest < pool.size_for(100_000) < 0.5 * fewest
    found = pool.comparisons(100_000)
    assert found.size == pool.size_for(100_000) and len({tuple(draw.held) for draw in found.floor}) == 12


def test_nothing_is_shared_between_a_set_and_its_reference(folds):
    """By brute force: blocks, time to the nearest instant of a left-out block, and active regions."""
    for draw in Pool(folds[0], folds, 12).comparisons(60).floor:
        data = folds[draw.fold]
        left_out = np.unique(data.block[draw.held])
        assert len(left_out) >= 2 and not set(left_out) & set(data.block[draw.reference])
        for time in data.frame_time[draw.reference]:
            assert all(time < b * BLOCK - GAP or time >= (b + 1) * BLOCK + GAP for b in left_out)
        assert not (set(data.region[draw.held]) & set(data.region[draw.reference])) - {NO_REGION}


def test_whole_blocks_are_taken(folds):
    """As few blocks as hold the set, of which all images can be drawn."""
    found = Pool(folds[0], folds, 60).comparisons(60)
    shares = []
    for draw in found.floor:
        data = folds[draw.fold]
        here, count = np.unique(data.block[draw.held], return_counts=True)
        whole = np.array([(data.block == block).sum() for block in here])
        assert (count <= whole).all() and whole.sum() - whole.max() < 60 + whole.max()
        shares.append(len(here) / len(np.unique(data.block[data.test])))
    assert found.taken == pytest.approx(np.mean(shares), abs=0.02)  # a small block may happen to give no image


def test_one_stormy_month_is_not_taken_for_the_sun():
    """A block holds 10 images; sets of 5 come from two of a fold's nine blocks all the same."""
    folds = folds_of(in_blocks(27, 10))
    found = Pool(folds[0], folds, 30).comparisons(5)
    assert found.taken == pytest.approx(2 / 9)
    assert np.mean([len(np.unique(folds[d.fold].block[d.held])) for d in found.floor]) > 1.5


def distances(value, pool, size):
    """Return the distances between the mean values of sets and references, (draws,)."""
    return np.array([abs(value[d.held].mean() - value[d.reference].mean()) for d in pool.comparisons(size).floor])


def test_a_block_effect_makes_the_floor_wide():
    """Images of a block resemble each other. Images drawn one by one, of the same weeks, do not show how much."""
    rng, folds = np.random.default_rng(0), folds_of(in_blocks(30, 10))
    pool = Pool(folds[0], folds, 40)
    size, reference = pool.comparisons(40).size, len(pool.comparisons(40).reference)
    blocks, none, same_weeks = [], [], []
    for _ in range(10):
        noise = rng.normal(size=300)
        effect = noise + 2 * np.repeat(rng.normal(size=30), 10)
        blocks.append(distances(effect, pool, 40))
        none.append(distances(noise, pool, 40))
        drawn = [rng.permutation(effect)[: size + reference] for _ in range(40)]
        same_weeks.append([abs(x[:size].mean() - x[size:].mean()) for x in drawn])
    assert np.median(blocks) > 2 * np.median(none) and np.median(blocks) > 2 * np.median(same_weeks)


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_new_blocks_fall_in_the_floor(effect):
    """A perfect generator, simulated: images of blocks that no one has seen, about nine in ten times within."""
    rng, inside, trials = np.random.default_rng(1), 0, 300
    folds = folds_of(in_blocks(27, 10))
    found = Pool(folds[0], folds, 40).comparisons(30)
    for _ in range(trials):
        real, new = (effect * np.repeat(rng.normal(size=k), 10) + rng.normal(size=10 * k) for k in (27, 3))
        floor = np.array([[real[d.held].mean() - real[d.reference].mean()] for d in found.floor])
        low, high = bounds(widened(floor, found.taken))
        inside += (low <= new.mean() - real[found.reference].mean() <= high)[0]
    assert 0.82 <= inside / trials <= 0.97


@pytest.mark.parametrize("blocks, fold_blocks, got", [(6, 3, 6), (6, 2, 0), (3, 1, 0)])
def test_too_few_blocks_give_no_floor(blocks, fold_blocks, got):
    """A fold of two blocks has one set only. Two folds of three blocks are enough."""
    folds = folds_of(in_blocks(blocks, 12), purge_days=0.0, fold_blocks=fold_blocks)
    found = Pool(folds[0], folds, 10).comparisons(6)
    assert len(found.floor) == (10 if got else 0) and found.blocks == got and len(found.reference) > 0
    if got:
        need_floor(found)
        return
    with pytest.raises(SolarsynthError, match="needs 4 blocks"):
        need_floor(found)


def test_without_held_out_images_there_is_no_floor():
    data = labelled(in_blocks(12, 10), np.full(120, NO_REGION), test_fraction=0.0)
    for folds in ([], [data]):
        found = Pool(data, folds, 10).comparisons(20)
        assert found.size == 20 and found.held_out == [] and found.floor == []
        with pytest.raises(SolarsynthError, match="got 0"):
            need_floor(found)


def test_subsets():
    index = np.array([3, 5, 8, 9])
    assert [one.tolist() for one in subsets(index, 9)] == [[3, 5, 8, 9]] and subsets(index[:0], 3) == []
    several = subsets(index, 2)
    assert len(several) > 1 and all(len(set(one)) == 2 and set(one) <= set(index) for one in several)
