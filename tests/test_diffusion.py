"""Schedule, denoiser and samplers against diffusers, closed forms and each other."""

import numpy as np
import pytest
import torch
from torch import nn

from solarsynth.diffusion.denoiser import Denoiser, guided_eps
from solarsynth.diffusion.samplers import NoiseStreams, ancestral, dpm_solver_pp, image_seeds, solver_steps
from solarsynth.diffusion.schedule import Schedule
from solarsynth.errors import SolarsynthError


class GaussianEps(nn.Module):
    """ε of the exact denoiser for images whose pixels are N(mean, spread²); the condition shifts the mean."""

    def __init__(self, schedule, mean=0.3, spread=0.2):
        super().__init__()
        self.schedule, self.mean, self.spread = schedule, mean, spread

    def forward(self, x_t, t, condition):
        alpha_bar = self.schedule.alpha_bar[t].float().view(-1, 1, 1, 1)
        mean = self.mean + 0.1 * condition.clamp(min=0).view(-1, 1, 1, 1)
        variance = alpha_bar * self.spread**2 + 1 - alpha_bar
        return (1 - alpha_bar).sqrt() * (x_t - alpha_bar.sqrt() * mean) / variance


def exact(n_steps=1000, **settings):
    schedule = Schedule(n_steps)
    return Denoiser(GaussianEps(schedule, **settings), schedule, "eps", (4, 4))


def test_schedule_equals_diffusers():
    from diffusers import DDPMScheduler

    ours = Schedule()
    theirs = DDPMScheduler(1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
    np.testing.assert_allclose(ours.alpha_bar.numpy(), theirs.alphas_cumprod.numpy(), rtol=2e-5)
    x_0, eps, t = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4), torch.tensor([1, 400, 999])
    torch.testing.assert_close(ours.add_noise(x_0, t, eps), theirs.add_noise(x_0, eps, t), atol=1e-5, rtol=1e-5)


def test_closed_form_equals_the_chain():
    schedule, mean, variance = Schedule(50), 1.0, 0.0
    for t in range(50):
        mean, variance = mean * (1 - schedule.beta[t]) ** 0.5, variance * (1 - schedule.beta[t]) + schedule.beta[t]
        assert np.isclose(mean, schedule.alpha_bar[t] ** 0.5) and np.isclose(variance, 1 - schedule.alpha_bar[t])


def test_nearest_step_by_brute_force():
    schedule = Schedule()
    wanted = 10 ** torch.linspace(-3, 3, 200, dtype=torch.float64)
    distance = (wanted.log()[:, None] - schedule.sigma.log()[None, 1:]).abs()
    assert torch.equal(schedule.nearest_step(wanted), distance.argmin(1) + 1)


@pytest.mark.parametrize("betas", [(0, 0.02), (0.02, 1e-4), (1e-4, 1.0)])
def test_impossible_schedules(betas):
    with pytest.raises(SolarsynthError, match="beta_start < beta_end"):
        Schedule(10, *betas)


def test_ancestral_equals_diffusers_step_by_step():
    from diffusers import DDPMScheduler

    denoiser = exact()
    theirs = DDPMScheduler(
        1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", variance_type="fixed_large", clip_sample=False
    )
    seeds, condition = image_seeds(3, 2), torch.tensor([0, 2])
    noise = NoiseStreams(seeds, (1, 4, 4))
    x_T, ours = noise.draw(), []
    ancestral(denoiser, x_T, condition, 1.5, 999, noise, callback=lambda i, n, x: ours.append(x))
    again = NoiseStreams(seeds, (1, 4, 4))
    x = again.draw()
    for i, t in enumerate(range(999, 0, -1)):
        eps = guided_eps(denoiser, x, torch.full((2,), t), condition, 1.5)
        x = theirs.step(eps, t, x, generator=torch.Generator().manual_seed(0)).prev_sample
        if t > 1:  # replace their noise by ours
            z = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
            x = x + (again.draw() - z) * theirs.betas[t] ** 0.5
        else:
            z = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
            x = x - z * theirs.betas[t] ** 0.5
        torch.testing.assert_close(ours[i], x, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", [5, 15, 20])
def test_dpm_solver_equals_diffusers_step_by_step(steps):
    from diffusers import DPMSolverMultistepScheduler

    denoiser, condition = exact(), torch.tensor([1, 3])
    theirs = DPMSolverMultistepScheduler(
        1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        final_sigmas_type="zero",
        lower_order_final=True,
    )
    ts = solver_steps(denoiser.schedule.sigma, steps)
    theirs.set_timesteps(timesteps=ts)
    x_T, ours = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(1)), []
    dpm_solver_pp(denoiser, x_T, condition, 2.0, steps, callback=lambda i, n, x: ours.append(x))
    x = x_T
    for i, t in enumerate(ts):
        eps = guided_eps(denoiser, x, torch.full((2,), t), condition, 2.0)
        x = theirs.step(eps, t, x).prev_sample
        torch.testing.assert_close(ours[i], x, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("sampler, steps", [(dpm_solver_pp, 20), (ancestral, 999)])
def test_samples_have_the_known_distribution(sampler, steps):
    denoiser = exact()
    noise = NoiseStreams(image_seeds(0, 400), (1, 4, 4))
    x = sampler(denoiser, noise.draw(), torch.full((400,), 2), 0.0, steps, noise)
    assert abs(x.mean() - 0.5) < 0.01 and abs(x.std() - 0.2) < 0.01


def test_an_image_does_not_depend_on_its_batch():
    denoiser = exact()
    seeds, condition = image_seeds(5, 4), torch.tensor([0, 1, 2, 3])
    together = NoiseStreams(seeds, (1, 4, 4))
    whole = ancestral(denoiser, together.draw(), condition, 2.0, 999, together)
    for i in range(4):
        alone = NoiseStreams(seeds[i : i + 1], (1, 4, 4))
        one = ancestral(denoiser, alone.draw(), condition[i : i + 1], 2.0, 999, alone)
        torch.testing.assert_close(one[0], whole[i], atol=1e-5, rtol=1e-5)
    assert np.array_equal(image_seeds(5, 2), seeds[:2])


def test_guidance_is_equation_6():
    denoiser, x = exact(), torch.randn(2, 1, 4, 4)
    t, condition = torch.tensor([500, 500]), torch.tensor([3, 4])
    conditional, unconditional = denoiser.eps(x, t, condition), denoiser.eps(x, t, torch.tensor([-1, -1]))
    for w in (-1.0, 0.0, 0.5, 2.0):
        torch.testing.assert_close(
            guided_eps(denoiser, x, t, condition, w), (1 + w) * conditional - w * unconditional, atol=1e-6, rtol=1e-5
        )


def test_preconditioning_with_a_silent_network_is_the_best_linear_denoiser():
    schedule = Schedule()

    class Silent(nn.Module):
        def forward(self, x, t, condition):
            return torch.zeros_like(x)

    denoiser = Denoiser(Silent(), schedule, "preconditioned", (4, 4))
    x_0 = 0.3 + 0.2 * torch.randn(5000, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    denoiser.fit_pixels(x_0)
    exact_eps = GaussianEps(schedule, denoiser.mean, denoiser.spread)
    x, t, none = torch.randn(6, 1, 4, 4), torch.tensor([1, 5, 50, 200, 600, 999]), torch.full((6,), -1)
    torch.testing.assert_close(denoiser.eps(x, t, none), exact_eps(x, t, none), atol=2e-4, rtol=2e-3)
    # Its loss is then the share of the variance that is left, the same at every noise level.
    eps = torch.randn(5000, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    for step in (20, 200, 800):
        loss, _ = denoiser.loss(x_0, torch.full((5000,), step), eps, torch.full((5000,), -1))
        assert abs(loss.mean() - 1) < 0.03


def test_solver_steps():
    sigma = Schedule().sigma
    for steps in (1, 2, 5, 20, 250, 999):
        ts = solver_steps(sigma, steps)
        assert len(ts) == steps and ts[0] == 999 and min(ts) >= 1 and all(np.diff(ts) < 0)
    assert solver_steps(sigma, 5)[-1] == 1
    for steps in (0, 1000):
        with pytest.raises(SolarsynthError, match="must lie in"):
            solver_steps(sigma, steps)


def test_ancestral_leaves_no_step_out():
    with pytest.raises(SolarsynthError, match="takes 999 steps, not 20"):
        ancestral(exact(), torch.randn(1, 1, 4, 4), torch.tensor([0]), 0, 20, NoiseStreams([1], (1, 4, 4)))
