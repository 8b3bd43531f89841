"""The Wiener filter inside a denoiser, against the posterior mean of a Gaussian and against a filter of pixels."""

import numpy as np
import pytest
import torch
from tiny import ARCHITECTURE

from solarsynth.diffusion.parameterisations import PARAMETERISATIONS, Preconditioned
from solarsynth.diffusion.sampling import Sampling
from solarsynth.diffusion.schedule import Schedule
from solarsynth.diffusion.wiener import COMPONENTS, Wiener
from solarsynth.models.pixels import LOWEST_STD
from solarsynth.networks import build

SIDE = 6


class Nothing(torch.nn.Module):
    """A network that adds nothing to the filter."""

    def __init__(self):
        super().__init__()
        self.condition = torch.nn.Module()
        self.condition.fit = lambda values: None

    def forward(self, x, t, condition):
        return torch.zeros_like(x)


def gaussian_images(n: int, seed: int = 0) -> torch.Tensor:
    """Images along three directions that cover the whole picture, and noise in each pixel."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(np.random.default_rng(9).standard_normal((SIDE * SIDE, 3)))[0]
    x = rng.standard_normal((n, 3)) * [2.0, 1.0, 0.5] @ directions.T + 0.1 * rng.standard_normal((n, SIDE * SIDE))
    return torch.from_numpy(x.reshape(n, 1, SIDE, SIDE).astype(np.float32) + 0.3)


def fitted(kind=Wiener, n: int = 3000):
    denoiser = kind(Nothing(), Schedule(), (1, SIDE, SIDE))
    denoiser.fit(gaussian_images(n), torch.zeros(n, 1))
    return denoiser


@pytest.mark.parametrize("step", [50, 250, 500, 900])
def test_without_a_network_it_is_the_posterior_mean_of_a_gaussian(step):
    denoiser, x_0 = fitted(), gaussian_images(500, seed=1)
    t = torch.full((500,), step)
    x_t = denoiser.schedule.add_noise(x_0, t, torch.randn(x_0.shape, generator=torch.Generator().manual_seed(0)))
    found = denoiser.x_0(x_t, t, torch.zeros(500, 1)).flatten(1).double()
    train = gaussian_images(3000)[torch.linspace(0, 2999, 2000).round().long()].flatten(1).double()
    covariance, mean = torch.cov(train.T, correction=0), gaussian_images(3000).flatten(1).mean(0).double()
    sigma = denoiser.schedule.sigma[step].double()
    noisy = x_t.flatten(1).double() * (1 + sigma**2).sqrt() - mean
    gain = covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(SIDE * SIDE, dtype=torch.float64))
    torch.testing.assert_close(found, mean + noisy @ gain.T, atol=2e-3, rtol=0)
    # And it is nearer to the truth than the filter of pixels, where sums over pixels help.
    pixels = fitted(Preconditioned).x_0(x_t, t, torch.zeros(500, 1)).flatten(1)
    errors = [float((one - x_0.flatten(1)).square().mean()) for one in (found, pixels)]
    assert errors[0] < (0.85 if step in (250, 500) else 1.001) * errors[1]


@pytest.mark.parametrize("step", [50, 250, 500])
def test_the_network_has_a_target_of_unit_variance(step):
    denoiser, x_0 = fitted(), gaussian_images(4000, seed=2)
    t = torch.full((4000,), step)
    x_t = denoiser.schedule.add_noise(x_0, t, torch.randn(x_0.shape, generator=torch.Generator().manual_seed(3)))
    error, _ = denoiser.error(x_0, x_t, t, torch.zeros_like(x_0), torch.zeros(4000, 1))
    found = error.square().mean(0).numpy()
    assert 0.8 < found.min() and found.max() < 1.1, "a little less than 1, because no pixel counts as constant"


def test_few_images_leave_rows_of_zeros_and_constant_pixels_a_floor():
    denoiser = Wiener(Nothing(), Schedule(), (1, SIDE, SIDE))
    images = gaussian_images(4)
    images[:, :, 0] = 0.5
    denoiser.fit(images, torch.zeros(4, 1))
    assert (denoiser.components[3:] == 0).all() and (denoiser.variance[3:] == 0).all()
    shown = denoiser.components[:3] @ denoiser.components[:3].T
    torch.testing.assert_close(shown, torch.eye(3), atol=1e-5, rtol=0)
    assert denoiser.rest.min() == pytest.approx(LOWEST_STD)
    denoiser.fit(images[:1].repeat(3, 1, 1, 1), torch.zeros(3, 1))
    x_t, t = torch.randn(2, 1, SIDE, SIDE), torch.tensor([5, 900])
    assert torch.isfinite(denoiser.x_0(x_t, t, torch.zeros(2, 1))).all(), "equal images have no components"


def test_the_filter_of_a_network_that_mirrors_serves_both():
    denoiser = build(ARCHITECTURE | {"parameterisation": "wiener", "mirror": 0.5}, seed=0)
    images = torch.rand(20, 1, 16, 16) * torch.linspace(0, 1, 16)[:, None]
    denoiser.fit(images, torch.zeros(20, 1))
    torch.testing.assert_close(denoiser.pixel_mean, denoiser.pixel_mean.flip(-2))
    noisy, sigma = images - denoiser.pixel_mean + 0.3, torch.full((20, 1, 1, 1), 0.5)
    there, back = denoiser.filter(noisy, sigma)[0], denoiser.filter(noisy.flip(-2), sigma)[0].flip(-2)
    torch.testing.assert_close(there, back, atol=1e-4, rtol=0)


def test_it_is_built_trained_and_sampled_as_the_others(tmp_path):
    denoiser = build(ARCHITECTURE | {"parameterisation": "wiener"}, seed=0)
    assert PARAMETERISATIONS["wiener"] is Wiener and len(denoiser.components) == COMPONENTS
    images = torch.rand(20, 1, 16, 16) * 2 - 1
    denoiser.fit(images, torch.zeros(20, 1))
    condition, generator = torch.zeros(4, 1), torch.Generator().manual_seed(0)
    loss, score = denoiser(images[:4], condition, *denoiser.draw((4, 1, 16, 16), generator))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and score.shape == (4,)
    start = denoiser.start(torch.randn(4, 1, 16, 16, generator=generator))
    drawn = Sampling("dpm-solver++", 5).run(denoiser.eval(), start, condition)
    assert torch.isfinite(drawn).all() and drawn.abs().mean() < 2
