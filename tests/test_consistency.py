"""Consistency tuning against the known trajectory of Gaussian images."""

import itertools

import numpy as np
import pytest
import torch
from tiny import TINY

from solarsynth import stages
from solarsynth.diffusion.consistency import SECOND, STAGES, Consistent, consistency
from solarsynth.diffusion.guidance import Guidance
from solarsynth.diffusion.parameterisations import Preconditioned
from solarsynth.diffusion.samplers import NoiseStreams, dpm_solver_pp
from solarsynth.diffusion.sampling import Sampling
from solarsynth.diffusion.schedule import Schedule
from solarsynth.diffusion.wiener import Wiener
from solarsynth.errors import SolarsynthError
from solarsynth.stages import Lab

SCHEDULE = Schedule(1000, 1e-4, 0.02)


class Linear(torch.nn.Module):
    """The network that turns the preconditioned denoiser of N(m, s²) pixels into its consistency function.

    The deterministic trajectory through x at σ ends at m + s (x - m) / sqrt(σ² + s²).
    """

    def __init__(self, std, exact=True):
        super().__init__()
        self.std, self.exact = std, exact
        self.factor = torch.nn.Parameter(torch.ones(()))

    def forward(self, x, t, condition):
        if not self.exact:
            return 0 * self.factor * x
        sigma = SCHEDULE.at("sigma", t, x)
        total = (sigma**2 + self.std**2).sqrt()
        # x is (x_σ - m) / total; D - m = s x; the linear denoiser gives s² x / total; c_out = σ s / total.
        return self.factor * (self.std * x - self.std**2 * x / total) * total / (sigma * self.std)


def model(exact=True):
    made = Consistent(Linear(0.4, exact), SCHEDULE, (1, 4, 4))
    made.pixel_mean.fill_(0.1), made.pixel_std.fill_(0.4)
    return made


def batch(n=4000):
    rng = torch.Generator().manual_seed(0)
    x_0 = 0.1 + 0.4 * torch.randn(n, 1, 4, 4, generator=rng)
    return x_0, torch.zeros(n, 1), torch.randint(1, 1000, (n,), generator=rng), torch.randn(n, 1, 4, 4, generator=rng)


def test_the_exact_function_draws_the_exact_distribution_in_one_step_and_in_two():
    exact = model()
    for steps in (1, 2):
        noise = NoiseStreams(range(4000), (1, 4, 4))
        x = consistency(exact, exact.start(noise.draw()), torch.zeros(4000, 1), 0.0, steps, noise)
        assert float(x.mean()) == pytest.approx(0.1, abs=0.01) and float(x.std()) == pytest.approx(0.4, rel=0.02)


def test_one_step_goes_where_many_steps_of_the_linear_denoiser_go():
    """The network's correction vanishes for the denoiser; the two must end at the same image from the same noise."""
    exact, denoiser = model(), model(exact=False)
    start = exact.start(NoiseStreams(range(8), (1, 4, 4)).draw())
    jump = consistency(exact, start, torch.zeros(8, 1), 0.0, 1, None)
    long = dpm_solver_pp(denoiser, start, torch.zeros(8, 1), 0.0, 500)
    torch.testing.assert_close(jump, long, atol=0.02, rtol=0)
    blurred = consistency(denoiser, start, torch.zeros(8, 1), 0.0, 1, None)
    assert float(blurred.std()) < 0.05, "a denoiser's single step draws the mean image"


def test_the_levels_move_together():
    tuned = model()
    t = torch.arange(1, 1000)
    assert not tuned.earlier(t, 0).any()
    gaps = [float((t - tuned.earlier(t, stage)).double().mean()) for stage in range(STAGES)]
    assert all(a > b for a, b in itertools.pairwise(gaps)) and gaps[-1] < 100
    for stage in range(1, STAGES):
        r = tuned.earlier(t, stage)
        assert ((r >= 0) & (r < t)).all()
    # Where no bound acts, the ratio of the noise levels is the published one.
    sigma, r = SCHEDULE.sigma[900], tuned.earlier(torch.tensor([900]), 3)[0]
    assert float(SCHEDULE.sigma[r] / sigma) == pytest.approx(1 - (1 + 8 / (1 + np.exp(float(sigma)))) / 8, rel=0.01)


def test_stage_0_is_denoising_and_later_stages_have_the_exact_function_as_their_minimum():
    x_0, condition, t, eps = batch()
    first = model(exact=False).eval()
    by_denoising = super(Consistent, first).forward(x_0, condition, t, eps)[0]
    torch.testing.assert_close(first(x_0, condition, t, eps)[0], by_denoising)
    losses = []
    for factor in (0.8, 1.0, 1.2):
        tuned = model().eval()
        tuned.done = 0.999  # the last stage
        tuned.network.factor.data.fill_(factor)
        # The gradient at the exact function is that of a minimum: it changes sign with the factor.
        loss = tuned(x_0, condition, t, eps)[0].mean()
        loss.backward()
        losses.append(float(tuned.network.factor.grad))
    assert losses[0] < losses[1] < losses[2] and losses[0] < 0 < losses[2]


def test_what_cannot_be_sampled():
    with pytest.raises(SolarsynthError, match="1 or 2 steps, got 3"):
        consistency(model(), torch.zeros(1, 1, 4, 4), torch.zeros(1, 1), Guidance(0.0), 3, None)
    plain = Preconditioned(Linear(0.4), SCHEDULE, (1, 4, 4))
    with pytest.raises(SolarsynthError, match="tuned for it"):
        consistency(plain, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1), 0.0, 1, None)
    assert SECOND == pytest.approx(0.821 / 0.5, abs=0.01)


def test_the_loop_says_how_much_of_the_tuning_is_over(tmp_path, monkeypatch):
    """Also where a step is tried again with less memory, and whatever the length; so the last stage is reached."""
    from solarsynth.diffusion.training import TrainingConfig, train

    told = []
    monkeypatch.setattr(Consistent, "earlier", lambda self, t, stage: told.append(stage) or torch.zeros_like(t))
    image = np.random.default_rng(0).integers(0, 256, (8, 4, 4)).astype(np.uint8)
    tuned = model()
    tuned.network.condition = torch.nn.Module()
    tuned.network.condition.fit = lambda condition: None
    tuned.network.config = type("Config", (), {"as_dict": lambda self: {}})()
    train(tuned, image, np.zeros((8, 1)), TrainingConfig(12 * STAGES, batch_size=4), tmp_path)
    assert told == [stage for stage in range(STAGES) for _ in range(3)]


def test_a_tuned_model_is_made_kept_and_drawn_with(shared_archive, store_folder):
    lab = Lab("smoke", "archive", str(shared_archive), overrides=TINY | {"consistency_images": 48})
    name = stages.drawable_classes(lab)[0]
    two = Sampling("consistency", 2)
    drawn = stages.sample_set(lab, {name: 3}, seed=0, sampling=two)
    assert drawn.image.shape == (3, 16, 16)
    tuned = lab.entry(stages.MODEL, on="consistency")
    assert tuned.manifest["upstream"]["start"] == lab.key(stages.MODEL)
    generator = stages.generator(lab, "discrete", two)
    assert isinstance(generator.denoiser, Consistent)
    np.testing.assert_array_equal(generator.sample(name, 3, seed=stages.samples.SEEDS_APART * 0), drawn.image)
    with pytest.raises(SolarsynthError, match="sampler consistency"):
        stages.generator(lab, "discrete", two, on="fit")
    with pytest.raises(SolarsynthError, match="preconditioned or wiener, got eps"):
        stages.generator(lab.variant(parameterisation="eps"), "discrete", two)


def test_a_denoiser_with_the_wiener_filter_is_tuned_too(shared_archive, store_folder):
    changes = TINY | {"consistency_images": 48, "parameterisation": "wiener"}
    lab = Lab("smoke", "archive", str(shared_archive), overrides=changes)
    name = stages.drawable_classes(lab)[0]
    start = stages.generator(lab).denoiser
    tuned = stages.generator(lab, "discrete", Sampling("consistency", 1)).denoiser
    assert isinstance(tuned, Consistent) and isinstance(tuned, Wiener)
    for part in ("components", "variance", "rest"):
        torch.testing.assert_close(getattr(tuned, part), getattr(start, part))
    drawn = stages.sample_set(lab, {name: 3}, seed=0, sampling=Sampling("consistency", 1))
    assert drawn.image.shape == (3, 16, 16)
