"""Consistency tuning: a trained denoiser learns to jump from any noise level to the same image (Geng et al. 2024).

A denoiser estimates the mean of the images that noise may hide, which is blurred at high noise levels. A consistency
model must give the same image at two noise levels of one trajectory, so one or two evaluations draw a sharp image. The
tuning begins as ordinary denoising and moves the two levels together step by step (Easy Consistency Tuning,
doi:10.48550/arXiv.2406.14548).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from solarsynth.diffusion.guidance import Guidance, guided_eps
from solarsynth.diffusion.parameterisations import PARAMETERISATIONS, Denoiser, Preconditioned
from solarsynth.diffusion.samplers import SAMPLERS, NoiseStreams
from solarsynth.diffusion.wiener import Wiener
from solarsynth.errors import SolarsynthError
from solarsynth.models.pixels import psnr

# Geng et al. 2024, Sect. 4: r / t = 1 - n(t) / q^stage with n(t) = 1 + k sigmoid(-b t), and their q, k and b. Stage 0
# has r = 0, which is denoising.
Q, K, B = 2.0, 8.0, 1.0
STAGES = 6

# Noise level of the second evaluation, in units of σ_data; theirs is 0.821 with σ_data = 0.5.
SECOND = 1.64


class Consistent(Preconditioned):
    """A preconditioned denoiser whose training objective is consistency.

    Attributes
    ----------
    done : float
        Share of the tuning that is over, set by the training loop; it decides how close the two noise levels are.
    """

    done: float = 0.0

    def earlier(self, t: Tensor, stage: int) -> Tensor:
        """Return the lower time steps r (B,) int64 that belong to `t` (B,); 0 stands for the image itself."""
        if stage == 0:
            return torch.zeros_like(t)
        sigma = self.schedule.at("sigma", t, t.double())
        ratio = 1 - (1 + K * torch.sigmoid(-B * sigma)) / Q**stage
        step = self.schedule.step_of_sigma((sigma * ratio).clamp(min=1e-12))
        reached = ratio * sigma >= self.schedule.sigma[1].item()
        return torch.where(reached, torch.minimum(step, t - 1), 0)

    def forward(self, x_0: Tensor, condition: Tensor, t: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the PSNR of the estimated x_0 of each image, (B,) both; see `Denoiser.forward`."""
        r = self.earlier(t, min(int(STAGES * self.done), STAGES - 1))
        estimate, c_out = self._estimate(self.schedule.add_noise(x_0, t, eps), t, condition)
        with torch.no_grad():
            at_r, _ = self._estimate(self.schedule.add_noise(x_0, r.clamp(min=1), eps), r.clamp(min=1), condition)
            clean = (r == 0).view(-1, *[1] * (x_0.ndim - 1))
            target = torch.where(clean, x_0, at_r)
        sigma, sigma_r = self.schedule.at("sigma", t, x_0), self.schedule.at("sigma", r, x_0)
        # The weight of denoising, times t / (t - r): the difference shrinks with the distance of the two levels.
        weight = sigma / (sigma - torch.where(clean, 0.0, sigma_r))
        loss = weight * ((estimate - target) / c_out).square()
        return loss.flatten(1).mean(1), psnr(estimate.detach(), x_0)


@torch.no_grad()
def consistency(
    model: Denoiser,
    x_T: Tensor,
    condition: Tensor,
    guidance: Guidance | float,
    steps: int,
    noise: NoiseStreams,
    callback: Callable[[int, int, Tensor], None] | None = None,
) -> Tensor:
    """Multistep consistency sampling (Song et al. 2023, Alg. 1, doi:10.48550/arXiv.2303.01469).

    The parameters are those of `solarsynth.diffusion.samplers.ancestral`; `steps` is 1 or 2. The second step adds noise
    of level 1.64 σ_data to the first image, and jumps again.
    """
    if not isinstance(model, Consistent):
        raise SolarsynthError(
            "the consistency sampler needs a model that is tuned for it; the package has none, so choose a profile, or "
            "another sampler"
        )
    if steps not in (1, 2):
        raise SolarsynthError(f"the consistency sampler takes 1 or 2 steps, got {steps}")
    schedule = model.schedule
    middle = schedule.step_of_sigma(SECOND * model.pixel_std.square().mean().sqrt().reshape(1)).item()
    x = x_T
    for done, t in enumerate((schedule.n_steps - 1, middle)[:steps], start=1):
        alpha_bar = schedule.alpha_bar[t].item()
        if done > 1:
            x = alpha_bar**0.5 * x + (1 - alpha_bar) ** 0.5 * noise.draw().to(x)
        eps = guided_eps(model, x, t, condition, guidance)
        x = (x - (1 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5
        if callback:
            callback(done, steps, x)
    return x


class ConsistentWiener(Consistent, Wiener):
    """The same of a denoiser that begins with the Wiener filter."""


#: What a denoiser of each parameterisation is tuned to.
TUNED = {"preconditioned": "consistency", "wiener": "consistency-wiener"}

PARAMETERISATIONS |= {"consistency": Consistent, "consistency-wiener": ConsistentWiener}
SAMPLERS["consistency"] = consistency
