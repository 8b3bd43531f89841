"""Schedule, parameterisations, guidance and samplers against diffusers, closed forms and each other."""

import functools
import json

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from solarsynth.diffusion.conditioning import Condition
from solarsynth.diffusion.guidance import Guidance, guided_eps
from solarsynth.diffusion.parameterisations import UNIFORM_SHARE, X0, Eps, Preconditioned
from solarsynth.diffusion.samplers import NoiseStreams, ancestral, ddim, dpm_solver_pp, image_seeds, solver_steps
from solarsynth.diffusion.sampling import Sampling
from solarsynth.diffusion.schedule import Schedule
from solarsynth.diffusion.start import start_shift
from solarsynth.errors import SolarsynthError


class GaussianEps(nn.Module):
    """ε of the exact denoiser for images whose pixels are N(mean, std²); the condition shifts the mean."""

    def __init__(self, schedule, mean=0.3, std=0.2):
        super().__init__()
        self.schedule, self.mean, self.std = schedule, mean, std

    def forward(self, x_t, t, condition):
        alpha_bar = self.schedule.alpha_bar[t].float().view(-1, 1, 1, 1)
        mean = self.mean + 0.1 * condition.nan_to_num().view(-1, 1, 1, 1)
        variance = alpha_bar * self.std**2 + 1 - alpha_bar
        return (1 - alpha_bar).sqrt() * (x_t - alpha_bar.sqrt() * mean) / variance


def conditions(*labels):
    return torch.tensor(labels, dtype=torch.float32)[:, None]


def exact(n_steps=1000, **settings):
    schedule = Schedule(n_steps)
    return Eps(GaussianEps(schedule, **settings), schedule, (1, 4, 4))


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


def test_the_step_of_a_noise_level_by_brute_force():
    schedule = Schedule()
    wanted = 10 ** torch.linspace(-3, 3, 200, dtype=torch.float64)
    distance = (wanted.log()[:, None] - schedule.sigma.log()[None, 1:]).abs()
    assert torch.equal(schedule.step_of_sigma(wanted), distance.argmin(1) + 1)


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
    seeds, condition = image_seeds(3, 2), conditions(0, 2)
    noise = NoiseStreams(seeds, (1, 4, 4))
    x_T, ours = noise.draw(), []
    ancestral(denoiser, x_T, condition, 1.5, 999, noise, callback=lambda i, n, x: ours.append(x))
    again = NoiseStreams(seeds, (1, 4, 4))
    x = again.draw()
    for i, t in enumerate(range(999, 0, -1)):
        eps = guided_eps(denoiser, x, t, condition, 1.5)
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

    denoiser, condition = exact(), conditions(1, 3)
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
        eps = guided_eps(denoiser, x, t, condition, 2.0)
        x = theirs.step(eps, t, x).prev_sample
        torch.testing.assert_close(ours[i], x, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_equals_diffusers_step_by_step(eta):
    from diffusers import DDIMScheduler

    denoiser, condition, steps = exact(), conditions(1, 3), 20
    theirs = DDIMScheduler(1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", clip_sample=False)
    theirs.set_timesteps(steps)
    ts = [int(t) for t in theirs.timesteps]
    seeds = image_seeds(7, 2)
    noise, again = NoiseStreams(seeds, (1, 4, 4)), NoiseStreams(seeds, (1, 4, 4))
    x, ours = noise.draw(), []
    assert torch.equal(again.draw(), x)
    ddim(denoiser, x, condition, 2.0, ts, noise, callback=lambda i, n, x: ours.append(x), eta=eta)
    for i, t in enumerate(ts):
        eps = guided_eps(denoiser, x, t, condition, 2.0)
        z = again.draw() if eta and i < steps - 1 else torch.zeros_like(x)
        x = theirs.step(eps, t, x, eta=eta, variance_noise=z).prev_sample
        if i < steps - 1:  # theirs ends at t = 0 and goes on to x_0 from there, as ours does
            torch.testing.assert_close(ours[i], x, atol=2e-4, rtol=2e-4)
    torch.testing.assert_close(ours[-1], x, atol=2e-4, rtol=2e-4)


def test_ddim_with_full_noise_and_all_steps_has_the_ancestral_steps_mean():
    """At η = 1 and neighbouring steps DDIM's mean is Eq. 4; its variance is the smaller, posterior one."""
    denoiser, condition = exact(), conditions(1)
    x, t = torch.randn(1, 1, 4, 4), 500
    schedule = denoiser.schedule
    silent = NoiseStreams([0], (1, 4, 4))
    silent.draw = lambda: torch.zeros(1, 1, 4, 4)
    found = []
    ddim(denoiser, x, condition, 0.0, [t, t - 1], silent, callback=lambda i, n, x: found.append(x), eta=1.0)
    eps = denoiser.eps(x, torch.tensor([t]), condition)
    mean = (x - schedule.beta[t] / (1 - schedule.alpha_bar[t]) ** 0.5 * eps) / schedule.alpha[t] ** 0.5
    torch.testing.assert_close(found[0], mean.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("eta", [-0.1, 1.1])
def test_ddim_refuses_an_impossible_eta(eta):
    with pytest.raises(SolarsynthError, match=r"eta must be from 0 to 1, got"):
        ddim(exact(), torch.randn(1, 1, 4, 4), conditions(0), 0.0, 5, eta=eta)


def test_guidance_acts_inside_its_interval_only():
    denoiser, condition = exact(), conditions(3)
    calls = []
    network = denoiser.network.forward
    denoiser.network.forward = lambda x, t, c: calls.append((t[0].item(), len(x))) or network(x, t, c)
    guidance = Guidance(2.0, low=0.3, high=5.0)
    dpm_solver_pp(denoiser, torch.randn(1, 1, 4, 4), condition, guidance, 20)
    sigma = denoiser.schedule.sigma
    assert {n for t, n in calls if 0.3 < sigma[t] <= 5.0} == {2}
    assert {n for t, n in calls if not 0.3 < sigma[t] <= 5.0} == {1}
    with pytest.raises(SolarsynthError, match="interval is empty: its lower end 2 must be below its upper end 1"):
        Guidance(1.0, low=2.0, high=1.0)


def test_min_snr_by_hand():
    schedule, t = Schedule(), torch.tensor([5, 300, 900])
    x_0, eps = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    snr = (schedule.alpha_bar / (1 - schedule.alpha_bar))[t].float()
    for parameterisation, weight in ((Eps, snr.clamp(max=5) / snr), (X0, snr.clamp(max=5))):
        plain = parameterisation(GaussianEps(schedule), schedule, (1, 4, 4))
        capped = parameterisation(GaussianEps(schedule), schedule, (1, 4, 4), min_snr=5.0)
        torch.testing.assert_close(
            capped(x_0, conditions(0, 0, 0), t, eps)[0], weight * plain(x_0, conditions(0, 0, 0), t, eps)[0]
        )
    with pytest.raises(SolarsynthError, match=r"min_snr must be 0 with 'preconditioned'.*got 5"):
        Preconditioned(GaussianEps(schedule), schedule, (1, 4, 4), min_snr=5.0)


def test_predicting_x_0_says_the_same_as_predicting_eps():
    schedule = Schedule()

    class GaussianX0(GaussianEps):
        def forward(self, x_t, t, condition):
            alpha_bar = self.schedule.alpha_bar[t].float().view(-1, 1, 1, 1)
            return (x_t - (1 - alpha_bar).sqrt() * super().forward(x_t, t, condition)) / alpha_bar.sqrt()

    x, t, condition = torch.randn(3, 1, 4, 4), torch.tensor([100, 500, 900]), conditions(0, 1, 2)
    one = X0(GaussianX0(schedule), schedule, (1, 4, 4)).eps(x, t, condition)
    torch.testing.assert_close(one, exact().eps(x, t, condition), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "sampler, steps",
    [(dpm_solver_pp, 20), (ancestral, 999), (ddim, 250), (functools.partial(ddim, eta=0.5), 250)],
)
def test_samples_have_the_known_distribution(sampler, steps):
    denoiser = exact()
    noise = NoiseStreams(image_seeds(0, 400), (1, 4, 4))
    x = sampler(denoiser, noise.draw(), conditions(*[2] * 400), 0.0, steps, noise)
    assert abs(x.mean() - 0.5) < 0.01 and abs(x.std() - 0.2) < 0.01


def test_an_image_does_not_depend_on_its_batch():
    denoiser = exact()
    seeds, condition = image_seeds(5, 4), conditions(0, 1, 2, 3)
    together = NoiseStreams(seeds, (1, 4, 4))
    whole = ancestral(denoiser, together.draw(), condition, 2.0, 999, together)
    for i in range(4):
        alone = NoiseStreams(seeds[i : i + 1], (1, 4, 4))
        one = ancestral(denoiser, alone.draw(), condition[i : i + 1], 2.0, 999, alone)
        torch.testing.assert_close(one[0], whole[i], atol=1e-5, rtol=1e-5)
    assert np.array_equal(image_seeds(5, 2), seeds[:2])


def test_guidance_is_equation_6():
    denoiser, x = exact(), torch.randn(2, 1, 4, 4)
    t, condition = torch.tensor([500, 500]), conditions(3, 4)
    nothing = torch.full((2, 1), torch.nan)
    conditional, unconditional = denoiser.eps(x, t, condition), denoiser.eps(x, t, nothing)
    for w in (-1.0, 0.0, 0.5, 2.0):
        torch.testing.assert_close(
            guided_eps(denoiser, x, 500, condition, w), (1 + w) * conditional - w * unconditional, atol=1e-6, rtol=1e-5
        )


class Silent(nn.Module):
    condition = Condition()

    def forward(self, x, t, condition):
        return torch.zeros_like(x)


def test_preconditioning_with_a_silent_network_is_the_best_linear_denoiser():
    schedule = Schedule()
    denoiser = Preconditioned(Silent(), schedule, (1, 4, 4))
    x_0 = 0.3 + 0.2 * torch.randn(5000, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    denoiser.fit(x_0, conditions(0))
    exact_eps = GaussianEps(schedule, denoiser.pixel_mean, denoiser.pixel_std)
    x, t, none = torch.randn(6, 1, 4, 4), torch.tensor([1, 5, 50, 200, 600, 999]), torch.full((6, 1), torch.nan)
    torch.testing.assert_close(denoiser.eps(x, t, none), exact_eps(x, t, none), atol=2e-4, rtol=2e-3)
    # Its loss is then the share of the variance that is left, the same at every noise level.
    nothing = torch.full((5000, 1), torch.nan)
    eps = torch.randn(5000, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    for step in (20, 200, 800):
        loss, _ = denoiser(x_0, nothing, torch.full((5000,), step), eps)
        assert abs(loss.mean() - 1) < 0.03


def test_training_draws_every_noise_level_that_sampling_visits():
    schedule = Schedule()
    denoiser = Preconditioned(Silent(), schedule, (1, 4, 4))
    denoiser.fit(0.3 * torch.randn(500, 1, 4, 4, generator=torch.Generator().manual_seed(0)), conditions(0))
    t = denoiser.draw_steps(40_000, torch.Generator().manual_seed(1))
    visited = schedule.sigma[solver_steps(schedule.sigma, 20)]
    assert visited[0] > 150, "sampling begins far above the lognormal draws"
    decade = lambda sigma: sigma.log10().floor().long() + 3  # noqa: E731
    drawn = torch.bincount(decade(schedule.sigma[t]), minlength=6)
    assert (drawn[decade(visited)] > 100).all()
    # The distribution is a mixture of the uniform one and of Karras's: P(t <= k) in closed form, at every k.
    k = np.arange(20, 999)
    log_sigma = schedule.sigma.log().numpy()
    between = (log_sigma[k] + log_sigma[k + 1]) / 2
    lognormal = norm.cdf((between - np.log(denoiser.pixel_std.square().mean().sqrt().item()) + 0.5) / 1.2)
    expected = UNIFORM_SHARE * k / 999 + (1 - UNIFORM_SHARE) * lognormal
    found = np.cumsum(np.bincount(t.numpy(), minlength=1000))[k] / len(t)
    assert np.abs(found - expected).max() < 1.63 / len(t) ** 0.5  # Kolmogorov's 1 % bound
    assert torch.equal(t, denoiser.draw_steps(40_000, torch.Generator().manual_seed(1)))


# Images of a known Gaussian: the mean of the pixels rises from -1 to 0.2, and all pixels share a part of their noise.
MEAN, PIXEL, COMMON = torch.linspace(-1, 0.2, 64).view(1, 8, 8), 0.2**2, 0.1**2


class PerfectDenoiser(Preconditioned):
    """E[x_0 | x_t] for these images, in closed form: their covariance has two eigenvalues."""

    def x_0(self, x_t, t, condition):
        alpha_bar = self.schedule.at("alpha_bar", t, x_t)
        gain = lambda variance: alpha_bar.sqrt() * variance / (alpha_bar * variance + 1 - alpha_bar)  # noqa: E731
        apart = x_t - alpha_bar.sqrt() * MEAN
        common = apart.mean((1, 2, 3), keepdim=True)
        return MEAN + gain(PIXEL + 64 * COMMON) * common + gain(PIXEL) * (apart - common)


class Antithetic:
    """Noise whose sum over the batch is 0, so that the mean of a linear sampler has no error of sampling."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(0)

    def draw(self):
        z = torch.randn(50, 1, 8, 8, generator=self.generator)
        return torch.cat([z, -z])


@pytest.mark.parametrize("sampler", [dpm_solver_pp, ancestral])
def test_a_perfect_denoiser_shifts_the_brightness_only_if_it_starts_from_pure_noise(sampler):
    schedule = Schedule(100, 1e-4, 0.05)
    random = torch.Generator().manual_seed(2)
    images = MEAN + PIXEL**0.5 * torch.randn(1500, 1, 8, 8, generator=random)
    images = images + COMMON**0.5 * torch.randn(1500, 1, 1, 1, generator=random)
    denoiser = PerfectDenoiser(Silent(), schedule, (1, 8, 8))
    denoiser.fit(images, conditions(0))

    def shift(start):
        noise = Antithetic()
        x = sampler(denoiser, start(noise.draw()), torch.zeros(100, 1), 0.0, 99, noise)
        return (x.mean() - MEAN.mean()).item() / (PIXEL / 64 + COMMON) ** 0.5

    of_the_paper = shift(lambda eps: Eps.start(denoiser, eps))
    predicted = start_shift(images, schedule)
    expected = predicted.solver if sampler is dpm_solver_pp else predicted.ancestral
    assert of_the_paper > 0.1 and of_the_paper == pytest.approx(expected, rel=0.1)
    assert abs(shift(denoiser.start)) < 0.02


def test_the_start_has_the_moments_of_the_forward_process():
    schedule = Schedule(100, 1e-4, 0.05)
    denoiser = Preconditioned(Silent(), schedule, (1, 4, 4))
    random = torch.Generator().manual_seed(3)
    x_0 = torch.linspace(-1, 1, 16).view(1, 4, 4) + 0.5 * torch.randn(20_000, 1, 4, 4, generator=random)
    denoiser.fit(x_0, conditions(0))
    noise = torch.randn(2, *x_0.shape, generator=random)
    ended = schedule.add_noise(x_0, torch.full((len(x_0),), 99), noise[0])
    started = denoiser.start(noise[1])
    for moment in (torch.mean, torch.std):
        torch.testing.assert_close(moment(started, 0), moment(ended, 0), atol=0.04, rtol=0)
    assert abs(ended.mean(0)).max() > 0.2, "the moments of pure noise would not pass"


def test_solver_steps():
    sigma = Schedule().sigma
    for steps in (1, 2, 5, 20, 250, 999):
        ts = solver_steps(sigma, steps)
        assert len(ts) == steps and ts[0] == 999 and min(ts) >= 1 and all(np.diff(ts) < 0)
    assert solver_steps(sigma, 5)[-1] == 1
    for steps in (0, 1000):
        with pytest.raises(SolarsynthError, match="must be from 1 to 999"):
            solver_steps(sigma, steps)


def test_ancestral_leaves_no_step_out():
    with pytest.raises(SolarsynthError, match="takes all 999 steps, got 20"):
        ancestral(exact(), torch.randn(1, 1, 4, 4), conditions(0), 0, 20, NoiseStreams([1], (1, 4, 4)))


def test_every_parameterisation_has_eps_and_x_0_that_belong_together():
    """x_t = sqrt(ᾱ) x_0 + sqrt(1 - ᾱ) ε holds between the two estimates, whichever of them the network gives."""
    schedule = Schedule()
    x, t, condition = torch.randn(3, 1, 4, 4), torch.tensor([100, 500, 900]), conditions(0, 1, 2)
    for parameterisation in (Eps, X0, Preconditioned):
        denoiser = parameterisation(GaussianEps(schedule), schedule, (1, 4, 4))
        eps, x_0 = denoiser.eps(x, t, condition), denoiser.x_0(x, t, condition)
        torch.testing.assert_close(schedule.add_noise(x_0, t, eps), x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings, reference",
    [
        ({"sampler": "dpm-solver++", "steps": 7}, lambda *a: dpm_solver_pp(*a[:3], 1.5, 7)),
        ({"sampler": "ddim", "steps": 7, "eta": 0.5}, lambda *a: ddim(*a[:3], 1.5, 7, a[3], eta=0.5)),
        ({"sampler": "ancestral", "steps": 3}, lambda *a: ancestral(*a[:3], 1.5, 99, a[3])),
    ],
)
def test_a_sampling_runs_its_sampler_with_its_settings(settings, reference):
    denoiser, condition = exact(100), conditions(0, 3)
    x_T = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    noises = [NoiseStreams([4, 5], (1, 4, 4)) for _ in range(2)]
    found = Sampling(guidance=1.5, **settings).run(denoiser, x_T, condition, noises[0])
    assert torch.equal(found, reference(denoiser, x_T, condition, noises[1]))


def test_what_the_images_of_a_sampling_depend_on():
    one = Sampling("dpm-solver++", 10, guidance=2.0)
    assert one.identity(1000) == one.replace(batch=7, eta=0.3).identity(1000)  # eta acts with ddim only
    assert one.replace(sampler="ddim").identity(1000) != one.replace(sampler="ddim", eta=0.3).identity(1000)
    assert one.replace(sampler="ancestral").identity(1000)["steps"] == 999
    assert one.replace(interval=(0.3, 5.0)).identity(1000) != one.identity(1000)
    assert one.replace(guidance=None) == one
    assert json.dumps(one.replace(guidance=2, steps=np.int64(10)).identity(1000)) == json.dumps(one.identity(1000))
    assert one.replace(interval=[0, float("inf")]).identity(1000) == one.identity(1000)


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"sampler": "dmp-solver++"}, "unknown sampler 'dmp-solver\\+\\+'; did you mean 'dpm-solver"),
        ({"guidence": 1.0}, "sampling has no field 'guidence'; did you mean 'guidance'"),
        ({"interval": (5.0, 2.0)}, "the guidance interval is empty"),
        ({"guidance": float("inf")}, "guidance must be a finite number of at least -1, got inf"),
        ({"guidance": -3}, "guidance must be a finite number of at least -1, got -3"),
        ({"guidance": "a"}, "guidance must be a finite number of at least -1, got 'a'"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"steps": 2.5}, "steps must be a whole number of at least 1, got 2.5"),
        ({"eta": 7}, "eta must be a finite number from 0 to 1, got 7"),
        ({"batch": -3}, "batch must be a whole number of at least 0, got -3"),
    ],
)
def test_samplings_that_cannot_be(changes, match):
    with pytest.raises(SolarsynthError, match=match):
        Sampling().replace(**changes)
