"""Files of images that anyone may have made: what is read, what is refused, and the warning about the scale."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.samples import range_warning, read_samples

GOOD = np.full((4, 16, 16), 7, np.uint8)


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "arrays, match",
    [
        ({"picture": GOOD}, "must have an array 'image', got 'picture'"),
        ({}, "must have an array 'image', got no array"),
        ({"image": GOOD[0]}, r"must have the shape \(n, H, W\) with n ≥ 1, got \(16, 16\)"),
        ({"image": GOOD[:0]}, r"with n ≥ 1, got \(0, 16, 16\)"),
        ({"image": np.zeros((2, 8, 8), np.uint8)}, "must be 16 × 16 px as the reference's are, got 8 × 8 px"),
        ({"image": np.full((4, 16, 16), np.nan)}, "finite, got NaN or infinity in 4 of 4 images"),
        ({"image": np.full((4, 16, 16), 200.0)}, r"uint8, or float in \[-1, 1\].*, got 200 to 200"),
        ({"image": GOOD.astype(np.int32)}, r"uint8, or float in \[-1, 1\].*, got int32"),
        ({"image": GOOD, "label": np.zeros(3, int)}, r"the shape \(4,\), one per image, got \(3,\)"),
        ({"image": GOOD, "label": np.array(["A", "B", "Q", "M"])}, "GOES classes, A, B, C, M, X, got 'Q'"),
        ({"image": GOOD, "label": np.array([0, 1, 2, 5])}, r"whole numbers from 0 \(A\) to 4 \(X\), got 5"),
        ({"image": GOOD, "label": np.zeros(4)}, "whole numbers.*, got float64"),
        ({"image": GOOD, "label": np.array([b"A", b"Q", b"M", b"M"])}, "GOES classes, A, B, C, M, X, got 'Q'"),
    ],
)
def test_files_that_cannot_be_evaluated(tmp_path, arrays, match):
    with pytest.raises(SolarsynthError, match=match):
        read_samples(write(tmp_path / "s.npz", **arrays), 16)


def test_labels_as_names_numbers_or_not_at_all(tmp_path):
    def label_of(**arrays):
        image, label = read_samples(write(tmp_path / "a.npz", image=GOOD, **arrays), 16)
        assert np.array_equal(image, GOOD)
        return None if label is None else label.tolist()

    assert label_of(label=np.array(["A", "X", "M", "M"])) == [0, 4, 3, 3]
    assert label_of(label=np.array([b"A", b"X", b"M", b"M"])) == [0, 4, 3, 3]
    assert label_of(label=np.array([2, -1, 0, 4], np.int8)) == [2, -1, 0, 4]
    assert label_of(label=np.full(4, -1)) is None and label_of() is None


def test_floats_are_scaled_to_uint8(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    image, _ = read_samples(write(tmp_path / "a.npz", image=grey / 127.5 - 1), 16)
    assert image.dtype == np.uint8 and np.array_equal(image, grey)
    beyond = np.linspace(-1.0005, 1.0005, 256, dtype=np.float32).reshape(1, 16, 16)  # by rounding
    image, _ = read_samples(write(tmp_path / "b.npz", image=beyond), 16)
    assert (image.min(), image.max()) == (0, 255)


def test_files_that_are_not_npz(tmp_path):
    np.save(tmp_path / "one.npy", GOOD)
    with pytest.raises(SolarsynthError, match=r"must be an \.npz with image and label, got a single array"):
        read_samples(tmp_path / "one.npy", 16)
    whole = write(tmp_path / "whole.npz", image=GOOD).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[:100])
    for name, match in (("half.npz", r"not a readable \.npz"), ("missing.npz", "no such file")):
        with pytest.raises(SolarsynthError, match=match):
            read_samples(tmp_path / name, 16)


def test_images_on_another_scale_are_noticed():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (20, 16, 16)).astype(np.uint8)
    assert range_warning(real[:5], real) == ""
    assert "from 128 to 255" in range_warning((real // 2 + 128).astype(np.uint8), real)  # [0, 1] taken for [-1, 1]
    assert "another scale" in range_warning(real // 32, real)
