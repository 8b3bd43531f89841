"""Moved images against torchvision's functions, and by hand."""

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as theirs

from solarsynth.augmentation import CLASSIFICATION, FORECAST, Augmentation, affine, augment, move

rng = np.random.default_rng(0)
IMAGE = torch.from_numpy(rng.uniform(0, 255, (1, 1, 32, 32))).float()


def ours(flip=(1.0, 1.0), degrees=0.0, shift=(0.0, 0.0), shear=0.0):
    tensor = lambda x: torch.tensor([x])  # noqa: E731
    return move(IMAGE, affine(tensor(flip), tensor(degrees), tensor(shift), tensor(shear)))


def test_an_augmentation_of_zero_changes_nothing():
    torch.testing.assert_close(ours(), IMAGE, atol=1e-3, rtol=0)
    image = rng.integers(0, 256, (5, 32, 32)).astype(np.uint8)
    assert np.array_equal(augment(image, Augmentation(), seed=1), image)


def test_flips():
    torch.testing.assert_close(ours(flip=(-1.0, 1.0)), IMAGE.flip(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(ours(flip=(1.0, -1.0)), IMAGE.flip(2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("degrees", [10.0, -25.0, 90.0])
def test_rotation_equals_torchvision(degrees):
    expected = theirs.rotate(IMAGE, degrees, InterpolationMode.BILINEAR)
    torch.testing.assert_close(ours(degrees=-degrees), expected, atol=1e-2, rtol=0)


def test_translation_equals_torchvision():
    expected = theirs.affine(IMAGE, 0.0, [4, -2], 1.0, [0.0, 0.0], InterpolationMode.BILINEAR)
    torch.testing.assert_close(ours(shift=(4 / 32, -2 / 32)), expected, atol=1e-2, rtol=0)


@pytest.mark.parametrize("shear", [8.0, -15.0])
def test_shear_equals_torchvision(shear):
    expected = theirs.affine(IMAGE, 0.0, [0, 0], 1.0, [shear, 0.0], InterpolationMode.BILINEAR)
    found = [ours(shear=s) for s in (shear, -shear)]
    assert min((f - expected).abs().max() for f in found) < 1e-2


def test_copies_depend_on_seed_and_number_only():
    image = rng.integers(0, 256, (40, 32, 32)).astype(np.uint8)
    whole = augment(image, CLASSIFICATION, seed=3)
    assert np.array_equal(augment(image, CLASSIFICATION, seed=3, batch=7), whole)
    assert np.array_equal(augment(image[:9], CLASSIFICATION, seed=3), whole[:9])
    assert not np.array_equal(augment(image, CLASSIFICATION, seed=4), whole)
    assert augment(image[:0], FORECAST, seed=0).shape == (0, 32, 32)


def test_a_centred_disk_hardly_changes():
    """Flips and rotations map a disk onto itself, but for the pixels of its edge."""
    y, x = np.mgrid[:64, :64] - 31.5
    disk = np.repeat(((x**2 + y**2 < 25**2) * 200).astype(np.uint8)[None], 20, axis=0)
    moved = augment(disk, FORECAST, seed=0)
    assert np.abs(moved.astype(float) - disk).mean() < 3


def test_half_of_the_images_are_flipped():
    image = np.zeros((400, 8, 8), np.uint8)
    image[:, 0] = 255
    flipped = augment(image, Augmentation(vertical=0.5), seed=0)[:, -1].mean(1) > 128
    assert abs(flipped.mean() - 0.5) < 0.08
