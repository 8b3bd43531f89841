"""Sets of images, the labelled set and the tasks."""

import numpy as np
import pytest

from solarsynth.dataset.images import NO_CLASS, ImageSet
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.errors import SolarsynthError


def images(n=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4), dtype=np.uint8)


def test_the_key_stands_for_pixels_and_labels():
    label = np.arange(6) % 5
    one = ImageSet.of(images())
    assert one.key == ImageSet.of(images().copy()).key and one.label is None and len(one) == 6
    changed = images()
    changed[3, 1, 2] ^= 1
    others = [
        ImageSet.of(changed),
        ImageSet.of(images().reshape(3, 8, 4)),
        ImageSet.of(images(), label),
        ImageSet.of(images(), label[::-1]),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5
    assert ImageSet.of(images(), label.astype(np.int8)).key == others[2].key


def test_a_pool_holds_all_images_in_order():
    a, b = ImageSet.of(images(2, 1), [0, 4]), ImageSet.of(images(3, 2), [1, 1, 2])
    pool = ImageSet.pool([a, b])
    assert np.array_equal(pool.image, np.concatenate([a.image, b.image])) and pool.label.tolist() == [0, 4, 1, 1, 2]
    assert len(pool.key) == 16 and pool.key == ImageSet.pool([a, b]).key
    assert len({pool.key, ImageSet.pool([b, a]).key, ImageSet.pool([a]).key, a.key, b.key}) == 5
    assert np.array_equal(pool.of_class(1), b.image[:2]) and pool.of_class(3).shape == (0, 4, 4)


def test_a_pool_of_sets_without_labels():
    a, b = ImageSet.of(images(2, 1)), ImageSet.of(images(3, 2), [1, 1, 2])
    assert ImageSet.pool([a, a]).label is None
    assert ImageSet.pool([a, b]).label.tolist() == [NO_CLASS, NO_CLASS, 1, 1, 2]
    with pytest.raises(SolarsynthError, match="must have labels to be chosen by class, got no labels"):
        a.of_class(1)


@pytest.mark.parametrize(
    "image, label, match",
    [
        (np.zeros((2, 4, 4)), None, "images must be uint8 of shape .* got float64"),
        (np.zeros((4, 4), np.uint8), None, r"got uint8 of shape \(4, 4\)"),
        (np.zeros((2, 4, 4), np.uint8), [1], r"labels must have the shape \(2,\), got \(1,\)"),
    ],
)
def test_arrays_that_are_no_images(image, label, match):
    with pytest.raises(SolarsynthError, match=match):
        ImageSet.of(image, label)


def labelled(n=6):
    rng = np.random.default_rng(0)
    time = np.int64(1_330_000_000_000) + np.arange(n) * 3_600_000
    return LabelledSet(
        image=images(n),
        label=np.array([0, 1, 1, 2, 3, 4])[:n],
        flux=10 ** rng.uniform(-8, -4, n),
        peak_time=time - 61_250,
        frame_time=time,
        delay=np.full(n, 61_250, np.int64),
        block=np.arange(n) // 2,
        region=np.arange(n) - 1,
        test=np.arange(n) % 3 == 0,
        train=np.arange(n) % 3 == 1,
        validation=np.arange(n) == 1,
        fit=np.arange(n) == 4,
        unit="DN/s",
        funnel={"events": 10},
        about={"source": "archive", "frame_tolerance": 420_000},
    )


@pytest.mark.parametrize("name", ["set.zarr", "set.npz"])
def test_a_labelled_set_is_read_as_it_was_written(tmp_path, name):
    data = labelled()
    data.write(tmp_path / name)
    back = LabelledSet.read(tmp_path / name)
    for array in LabelledSet.ARRAYS:
        written, read = getattr(data, array), getattr(back, array)
        assert np.array_equal(written, read) and written.dtype == read.dtype, array
    assert (back.unit, back.funnel, back.about) == (data.unit, data.funnel, data.about)
    assert back.delay.dtype == np.int64


def test_counts_of_a_labelled_set():
    data = labelled()
    assert data.counts() == {"A": 1, "B": 2, "C": 1, "M": 1, "X": 1} and len(data) == 6
    assert data.counts(test=True) == {"A": 1, "B": 0, "C": 1, "M": 0, "X": 0}
    assert data.counts(test=False) == {"A": 0, "B": 1, "C": 0, "M": 1, "X": 0}
    assert np.flatnonzero(data.purged).tolist() == [2, 5]
