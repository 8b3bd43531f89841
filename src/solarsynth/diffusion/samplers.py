"""Samplers: from x_T to x_0, one signature for all of them.

Every image has a random stream of its own, so that an image does not depend on which others were drawn
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from solarsynth.diffusion.guidance import Guidance, guided_eps
from solarsynth.diffusion.parameterisations import Denoiser
from solarsynth.diffusion.schedule import Schedule
from solarsynth.errors import SolarsynthError


class NoiseStreams:
    """Standard normal noise with one random stream per image.

    Parameters
    ----------
    seeds : sequence of int
        One per image.
    shape : tuple of int
        Shape of one sample: (1, H, W), or (d,) for a vector.
    """

    def __init__(self, seeds: Sequence[int], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

    def draw(self) -> Tensor:
        """Return the next noise of every sample, (B, *shape) float32 on the CPU."""
        return torch.stack([torch.randn(self.shape, generator=g) for g in self.generators])


def image_seeds(seed: int, count: int) -> np.ndarray:
    """Return seeds for `count` images of a run; the first n do not depend on `count`."""
    return np.random.SeedSequence(seed).generate_state(count, np.uint64) >> np.uint64(1)


Callback = Callable[[int, int, Tensor], None]


@torch.no_grad()
def ancestral(
    model: Denoiser,
    x_T: Tensor,
    condition: Tensor,
    guidance: Guidance | float,
    steps: int,
    noise: NoiseStreams,
    callback: Callback | None = None,
) -> Tensor:
    """The paper's sampler: every step of the reverse process, Eqs. 3 and 4, with variance β_t.

    Parameters
    ----------
    model : Denoiser
    x_T : Tensor of float32, shape (B, ...)
        Where sampling starts: what `Denoiser.start` makes of standard normal noise.
    condition : Tensor, shape (B, d)
    guidance : Guidance or float
        w of Eq. 6.
    steps : int
        Must be ``n_steps - 1``: the ancestral sampler takes every step.
    noise : NoiseStreams
        Where the noise of the steps comes from.
    callback : callable, optional
        Called after each step with (step number from 1, steps, x).

    Returns
    -------
    Tensor of float32, shaped like `x_T`
        x_0, not clipped.
    """
    schedule = model.schedule
    if steps != schedule.n_steps - 1:
        raise SolarsynthError(
            f"the ancestral sampler takes all {schedule.n_steps - 1} steps, got {steps}; "
            "use sampler 'dpm-solver++' or 'ddim' for fewer"
        )
    x = x_T
    for done, t in enumerate(range(schedule.n_steps - 1, 0, -1), start=1):
        beta, alpha, alpha_bar = (v[t].item() for v in (schedule.beta, schedule.alpha, schedule.alpha_bar))
        eps = guided_eps(model, x, t, condition, guidance)
        x = (x - beta / (1 - alpha_bar) ** 0.5 * eps) / alpha**0.5  # Eq. 4
        if t > 1:
            x = x + beta**0.5 * noise.draw().to(x)
        if callback:
            callback(done, steps, x)
    return x


@torch.no_grad()
def ddim(
    model: Denoiser,
    x_T: Tensor,
    condition: Tensor,
    guidance: Guidance | float,
    steps: int | Sequence[int],
    noise: NoiseStreams | None = None,
    callback: Callback | None = None,
    *,
    eta: float = 0.0,
) -> Tensor:
    """DDIM (Song et al. 2021, Eq. 12, doi:10.48550/arXiv.2010.02502): deterministic at η = 0, ancestral-like at 1.

    The parameters are those of `ancestral`; `steps` may be any number from 1 to ``n_steps - 1``, spaced as by
    `solver_steps`, or the time steps themselves. `noise` is used with `eta` above 0 only.
    """
    if not 0 <= eta <= 1:
        raise SolarsynthError(f"DDIM's eta must be from 0 to 1, got {eta:g}")
    ts = _time_steps(model.schedule, steps)
    alpha_bar = [model.schedule.alpha_bar[t].item() for t in ts] + [1.0]
    x = x_T
    for i, t in enumerate(ts):
        eps = guided_eps(model, x, t, condition, guidance)
        now, then = alpha_bar[i], alpha_bar[i + 1]
        x_0 = (x - (1 - now) ** 0.5 * eps) / now**0.5
        sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)) ** 0.5
        x = then**0.5 * x_0 + (1 - then - sigma**2) ** 0.5 * eps
        if sigma > 0:
            x = x + sigma * noise.draw().to(x)
        if callback:
            callback(i + 1, len(ts), x)
    return x


@torch.no_grad()
def dpm_solver_pp(
    model: Denoiser,
    x_T: Tensor,
    condition: Tensor,
    guidance: Guidance | float,
    steps: int | Sequence[int],
    noise: NoiseStreams | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, Alg. 2, doi:10.48550/arXiv.2211.01095), deterministic.

    The parameters are those of `ddim`; `noise` is not used. The last step goes to x_0 itself.
    """
    schedule = model.schedule
    ts = _time_steps(schedule, steps)
    # λ = log(sqrt(ᾱ) / sqrt(1 - ᾱ)) = -log σ; one more entry for the end, where σ = 0.
    alpha = [schedule.alpha_bar[t].sqrt().item() for t in ts] + [1.0]
    sigma_t = [(1 - schedule.alpha_bar[t]).sqrt().item() for t in ts] + [0.0]
    log_snr = [-schedule.sigma[t].log().item() for t in ts] + [float("inf")]
    x, before = x_T, None
    for i, t in enumerate(ts):
        eps = guided_eps(model, x, t, condition, guidance)
        x_0 = (x - sigma_t[i] * eps) / alpha[i]
        estimate = x_0
        # The first step has no predecessor and the last one ends at λ = ∞: both are first order.
        if before is not None and i < len(ts) - 1:
            r = (log_snr[i] - log_snr[i - 1]) / (log_snr[i + 1] - log_snr[i])
            estimate = (1 + 0.5 / r) * x_0 - 0.5 / r * before
        decay = np.exp(log_snr[i] - log_snr[i + 1])  # e^{-h}
        x = sigma_t[i + 1] / sigma_t[i] * x + alpha[i + 1] * (1 - decay) * estimate
        before = x_0
        if callback:
            callback(i + 1, len(ts), x)
    return x


def _time_steps(schedule: Schedule, steps: int | Sequence[int]) -> list[int]:
    return solver_steps(schedule.sigma, steps) if isinstance(steps, int) else list(steps)


def solver_steps(sigma: Tensor, steps: int, rho: float = 7.0) -> list[int]:
    """Choose time steps for a fast sampler: spaced in σ^(1/ρ) (Karras et al. 2022, Eq. 5), decreasing.

    Parameters
    ----------
    sigma : Tensor, shape (T,)
        Noise levels of the schedule.
    steps : int
        How many, 1 to T - 1.
    rho : float

    Returns
    -------
    list of int
        `steps` distinct time steps from T - 1 down to 1.
    """
    last = len(sigma) - 1
    if not 1 <= steps <= last:
        raise SolarsynthError(f"sampling steps must be from 1 to {last}, got {steps}")
    levels = sigma[1:].double().numpy() ** (1 / rho)
    wanted = np.linspace(levels[-1], levels[0], steps) if steps > 1 else levels[-1:]
    chosen = [int(np.abs(levels - level).argmin()) + 1 for level in wanted]
    for i in range(1, steps):  # rounding may give one step twice: push the later ones down ...
        chosen[i] = min(chosen[i], chosen[i - 1] - 1)
    for i in range(steps - 1, -1, -1):  # ... and those pushed below 1 back up
        chosen[i] = max(chosen[i], steps - i)
    return chosen


#: The samplers, by the names that settings use.
SAMPLERS = {"ancestral": ancestral, "ddim": ddim, "dpm-solver++": dpm_solver_pp}
