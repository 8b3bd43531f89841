"""The three scales of pixels: by hand, and there and back."""

import numpy as np
import pytest
import torch

from solarsynth.errors import SolarsynthError
from solarsynth.pixels import block_mean, denormalise, display_to_dn, normalise, to_dn, to_uint8, to_unit

ALL_VALUES = np.arange(256, dtype=np.uint8)


def test_block_mean_by_hand():
    image = np.arange(2 * 16).reshape(2, 4, 4).astype(float)
    expected = [[[frame[i : i + 2, j : j + 2].mean() for j in (0, 2)] for i in (0, 2)] for frame in image]
    np.testing.assert_allclose(block_mean(image, 2), expected)
    assert block_mean(image, 4) is image


@pytest.mark.parametrize("shape, size", [((2, 4, 4), 3), ((2, 4, 6), 2)])
def test_block_mean_that_cannot_be(shape, size):
    with pytest.raises(SolarsynthError, match=f"^suns: frames of 4×{shape[2]} px cannot be averaged to {size} px"):
        block_mean(np.zeros(shape), size, "suns")


@pytest.mark.parametrize("unit, image", [("DN/s", np.geomspace(5, 3500, 50)), ("display", np.arange(256))])
def test_normalisation_and_its_inverse(unit, image):
    x = normalise(image, unit)
    assert x.min() == pytest.approx(-1) and x.max() == pytest.approx(1) and x.dtype == np.float32
    np.testing.assert_allclose(denormalise(x, unit), image, rtol=1e-4, atol=1e-3)
    assert np.array_equal(to_uint8(normalise(np.arange(256), "display")), np.arange(256))


def test_normalisation_by_hand():
    middle = np.sqrt(5 * 3500)  # halfway between the bounds on a logarithmic scale
    np.testing.assert_allclose(normalise(np.array([middle]), "DN/s"), 0, atol=1e-6)
    np.testing.assert_allclose(denormalise(np.zeros(1), "DN/s"), middle, rtol=1e-6)
    np.testing.assert_allclose(normalise(np.array([0, 51, 255]), "display"), [-1, -0.6, 1], atol=1e-6)


def test_clipping():
    assert normalise(np.array([0.0, 1e6]), "DN/s").tolist() == [-1, 1]
    np.testing.assert_allclose(denormalise(np.array([-3.0, 3.0]), "DN/s"), [5, 3500], rtol=1e-5)
    assert to_uint8(np.array([-7.0, 7.0])).tolist() == [0, 255]
    assert to_uint8(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]


def test_uint8_there_and_back():
    x = to_unit(ALL_VALUES)
    assert x.dtype == np.float32 and x[0] == -1 and x[-1] == 1
    np.testing.assert_allclose(np.diff(x), 2 / 255, rtol=1e-4)
    assert np.array_equal(to_uint8(x), ALL_VALUES) and to_uint8(x).dtype == np.uint8


def test_tensors_and_arrays_give_the_same_values():
    tensor = to_unit(torch.from_numpy(ALL_VALUES.reshape(4, 64)))
    assert isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32
    assert np.array_equal(tensor.numpy(), to_unit(ALL_VALUES.reshape(4, 64)))
    noise = np.random.default_rng(0).uniform(-1.2, 1.2, (3, 16, 16)).astype(np.float32)
    for values in (noise, noise.astype(np.float16)):
        back = to_uint8(torch.from_numpy(values))
        assert isinstance(back, np.ndarray) and np.array_equal(back, to_uint8(values.astype(np.float32)))


def test_display_in_dn_by_hand_and_what_measurements_do_above_200():
    expected = [(v / 8.4) ** 2 for v in range(256)]
    np.testing.assert_allclose(display_to_dn(ALL_VALUES), expected, rtol=1e-6)
    np.testing.assert_allclose(display_to_dn(ALL_VALUES + 0.5), [((v + 0.5) / 8.4) ** 2 for v in range(256)], rtol=1e-6)
    measured = to_dn(ALL_VALUES, "display")
    assert display_to_dn(ALL_VALUES).dtype == measured.dtype == np.float32
    assert np.array_equal(measured[:201], display_to_dn(ALL_VALUES)[:201]) and (measured[201:] == measured[200]).all()
