"""Sharpness as the ratio of fine to coarse power."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.physics.spectrum import high_frequency_ratio


def test_two_waves_have_the_ratio_of_their_powers():
    """By hand: a wave of k cycles has half its squared amplitude in the coefficients that round to k."""
    x = np.arange(64)
    image = (3 * np.sin(2 * np.pi * 5 * x / 64) + 2 * np.sin(2 * np.pi * 25 * x / 64))[None, None].repeat(64, 1)
    cycles = np.fft.fftfreq(64, 1 / 64)
    ring = np.bincount(np.round(np.hypot(*np.meshgrid(cycles, cycles))).astype(int).ravel())
    expected = (4 / ring[25] / 13) / (9 / ring[5] / 7)
    assert high_frequency_ratio(image) == pytest.approx(expected, rel=1e-4)


def test_white_noise_has_a_ratio_of_1():
    noise = np.random.default_rng(0).normal(size=(600, 64, 64))
    assert high_frequency_ratio(noise) == pytest.approx(1, abs=0.02)
    assert high_frequency_ratio(noise[:200, :32, :32]) == pytest.approx(1, abs=0.06)


def test_sharpness_falls_with_blur_and_not_with_brightness():
    image = np.random.default_rng(1).normal(100, 20, (20, 64, 64))
    assert high_frequency_ratio(gaussian_filter(image, (0, 0.7, 0.7))) < 0.5 * high_frequency_ratio(image)
    assert high_frequency_ratio(3 * image + 7) == pytest.approx(high_frequency_ratio(image))


def test_constant_images_have_no_sharpness():
    with pytest.raises(SolarsynthError, match="constant"):
        high_frequency_ratio(np.full((2, 16, 16), 7.0))
