"""Power spectra against closed forms."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.spectra import high_frequency_ratio, power_spectrum


def test_a_wave_has_its_power_at_its_frequency():
    x = np.arange(64)
    wave = np.broadcast_to(3 * np.sin(2 * np.pi * 7 * x / 64), (2, 64, 64))
    power = power_spectrum(wave)
    cycles = np.fft.fftfreq(64, 1 / 64)
    in_ring = (np.round(np.hypot(*np.meshgrid(cycles, cycles))) == 7).sum()
    assert power.argmax() == 7
    assert power[7] * in_ring == pytest.approx(9 / 2)  # Parseval: the mean square of a sine of amplitude 3
    assert np.delete(power, 7).max() < 1e-12


def test_white_noise_is_flat_and_a_gaussian_blur_multiplies_by_its_transfer_function():
    noise = np.random.default_rng(0).normal(size=(200, 64, 64))
    power = power_spectrum(noise)
    np.testing.assert_allclose(power[3:], 1 / 64**2, rtol=0.05)
    blurred = power_spectrum(gaussian_filter(noise, (0, 1, 1), mode="wrap", truncate=8))
    k = np.arange(4, 20)
    np.testing.assert_allclose(blurred[k] / power[k], np.exp(-((2 * np.pi * k / 64) ** 2)), rtol=0.1)


def test_sharpness_falls_with_blur_and_not_with_brightness():
    image = np.random.default_rng(1).normal(100, 20, (20, 64, 64))
    assert high_frequency_ratio(gaussian_filter(image, (0, 0.7, 0.7))) < 0.5 * high_frequency_ratio(image)
    assert high_frequency_ratio(3 * image + 7) == pytest.approx(high_frequency_ratio(image))
    assert high_frequency_ratio(image.repeat(2, 1).repeat(2, 2)[:, ::2, ::2]) == pytest.approx(
        high_frequency_ratio(image)
    )


@pytest.mark.parametrize("shape", [(4, 8, 9), (8, 8), (0, 8, 8), (3, 2, 2)])
def test_other_shapes_are_named(shape):
    with pytest.raises(SolarsynthError, match="power spectrum needs images"):
        power_spectrum(np.zeros(shape))


def test_constant_images_have_no_sharpness():
    with pytest.raises(SolarsynthError, match="constant"):
        high_frequency_ratio(np.full((2, 16, 16), 7.0))
