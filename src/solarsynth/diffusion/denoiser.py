"""What the network's output means: one denoiser with ε and x_0, whichever way it was trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from solarsynth.diffusion.conditioning import null_like
from solarsynth.diffusion.schedule import Schedule
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.models.pixels import pixel_scales
from solarsynth.models.scores import psnr

# Training with preconditioning draws log σ ~ N(log σ_data + SHIFT, WIDTH²); Karras et al. 2022, Table 1, have
# -1.2 and 1.2 for σ_data = 0.5, which is the same.
LOG_SIGMA_SHIFT, LOG_SIGMA_WIDTH = -0.5, 1.2

PARAMETERISATIONS = ("eps", "x0", "preconditioned")


class Denoiser(nn.Module):
    """A network, a schedule and the meaning of the output. Called, it is the training objective.

    Parameters
    ----------
    network : nn.Module
        Called with (x, t, condition).
    schedule : Schedule
    parameterisation : {"eps", "x0", "preconditioned"}
        ``eps``: the network predicts ε and t is uniform (Eq. 5), as in the paper. ``x0``: it predicts x_0, t is
        uniform and the loss is the squared error of x_0, as in the prior of Ramesh et al. 2022
        (doi:10.48550/arXiv.2204.06125, Eq. 2). ``preconditioned``: it
        predicts the part of x_0 that the best linear denoiser of each pixel misses, scaled to unit variance
        at every noise level (Karras et al. 2022, Eq. 7, doi:10.48550/arXiv.2206.00364, with a mean and a
        σ_data per pixel), on the same schedule; it learns the same ε_θ from far fewer images.
    shape : tuple of int
        Of one x_0 without its first axis: (H, W) for an image (1, H, W), () for a vector (d,).
    min_snr : float
        γ of the Min-SNR weighting (Hang et al. 2023, doi:10.48550/arXiv.2303.09556); 0, as in the paper: none.

    Attributes
    ----------
    mean, spread : Tensor of float32, shape (1, *shape)
        Per pixel, over the training images; used with ``preconditioned`` and set by `fit`.
    """

    score_name = "psnr"
    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        parameterisation: str = "eps",
        shape: tuple[int, ...] = (64, 64),
        min_snr: float = 0.0,
    ) -> None:
        super().__init__()
        if parameterisation not in PARAMETERISATIONS:
            raise SolarsynthError(
                f"no parameterisation {parameterisation!r}{nearest(parameterisation, PARAMETERISATIONS)}"
            )
        if min_snr and parameterisation == "preconditioned":
            raise SolarsynthError(
                "min_snr reweights the plain losses; 'preconditioned' balances noise levels itself: set min_snr to 0"
            )
        self.network = network
        self.schedule = schedule
        self.parameterisation = parameterisation
        self.min_snr = min_snr
        self.register_buffer("mean", torch.zeros(1, *shape))
        self.register_buffer("spread", torch.ones(1, *shape))
        # σ_data on the CPU, found when first drawn from: reading `spread` every step would wait for the device.
        self._sigma_data: Tensor | None = None

    @torch.no_grad()
    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take `mean`, `spread` and the condition's scales from the training set, (n, 1, H, W) and (n, d)."""
        if self.parameterisation == "preconditioned":
            mean, spread = pixel_scales(x_0)
            self.mean.copy_(mean)
            self.spread.copy_(spread)
            self._sigma_data = None
        self.network.condition.fit(condition)

    def describe(self) -> dict[str, Any]:
        """Return what defines it, as JSON types."""
        return {
            "network": self.network.config.as_dict(),
            "condition": type(self.network.condition).__name__,
            "parameterisation": self.parameterisation,
            "min_snr": self.min_snr,
            "schedule": [self.schedule.n_steps, self.schedule.beta[0].item(), self.schedule.beta[-1].item()],
        }

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw what a training batch of `shape` needs: time steps (B,) int64 and ε of that shape."""
        return self._draw_steps(shape[0], generator), torch.randn(shape, generator=generator)

    def _draw_steps(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the time steps (batch,) int64 of a training batch."""
        if self.parameterisation != "preconditioned":
            return torch.randint(1, self.schedule.n_steps, (batch,), generator=generator)
        if self._sigma_data is None:
            self._sigma_data = self.spread.square().mean().sqrt().cpu()
        log_sigma = LOG_SIGMA_SHIFT + LOG_SIGMA_WIDTH * torch.randn(batch, generator=generator)
        return self.schedule.nearest_step(self._sigma_data * log_sigma.exp())

    def eps(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return ε_θ(x_t, t, c), shaped like `x_t`: the noise in it."""
        if self.parameterisation == "eps":
            return self.network(x_t, t, condition)
        alpha_bar = self.schedule.pick("alpha_bar", t, x_t)
        x_0 = self._x_0(x_t, t, condition)[0]
        return (x_t - alpha_bar.sqrt() * x_0) / (1 - alpha_bar).sqrt()

    def forward(self, x_0: Tensor, condition: Tensor, t: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the PSNR of the predicted x_0 of each image, (B,) both.

        With ``eps`` it is Eq. 5, with ``x0`` the squared error of x_0; with ``preconditioned`` that error
        divided by the variance that the network has to explain, so that every noise level weighs the same at
        the start.
        """
        x_t = self.schedule.add_noise(x_0, t, eps)
        alpha_bar = self.schedule.pick("alpha_bar", t, x_t)
        if self.parameterisation == "eps":
            predicted = self.network(x_t, t, condition)
            error = predicted - eps
            x_0_predicted = (x_t - (1 - alpha_bar).sqrt() * predicted) / alpha_bar.sqrt()
        else:
            x_0_predicted, c_out = self._x_0(x_t, t, condition)
            error = (x_0_predicted - x_0) / c_out
        loss = error.square().flatten(1).mean(1)
        if self.min_snr:
            snr = (alpha_bar / (1 - alpha_bar)).flatten()
            capped = snr.clamp(max=self.min_snr)
            loss = loss * (capped / snr if self.parameterisation == "eps" else capped)
        return loss, psnr(x_0_predicted.detach(), x_0)

    def _x_0(self, x_t: Tensor, t: Tensor, condition: Tensor) -> tuple[Tensor, Tensor | float]:
        """Return x_0 and the scale of the network's part in it.

        Preconditioning is Karras et al. 2022, Eq. 7, with ``x_t / sqrt(alpha_bar)`` less the mean in the place
        of their x.
        """
        if self.parameterisation == "x0":
            return self.network(x_t, t, condition), 1.0
        sigma = self.schedule.pick("sigma", t, x_t)
        total = (sigma**2 + self.spread**2).sqrt()
        noisy = x_t * (1 + sigma**2).sqrt() - self.mean
        c_skip, c_out = (self.spread / total) ** 2, sigma * self.spread / total
        predicted = self.network(noisy / total, t, condition)
        return self.mean + c_skip * noisy + c_out * predicted, c_out


@dataclass(frozen=True)
class Guidance:
    """How strongly to ask: Eq. 6, optionally in an interval of noise levels only.

    Attributes
    ----------
    weight : float
        w; 0 samples from the plain conditional model, -1 from the unconditional one.
    low, high : float
        w acts where ``low < σ <= high``, σ the noise level sqrt((1 - ᾱ) / ᾱ); outside the model is plainly
        conditional and costs half (Kynkäänniemi et al. 2024, doi:10.48550/arXiv.2404.07724).
    """

    weight: float = 0.0
    low: float = 0.0
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SolarsynthError(f"guidance acts between noise levels {self.low:g} and {self.high:g}: nowhere")

    def at(self, sigma: float) -> float:
        """Return w at a noise level."""
        return self.weight if self.low < sigma <= self.high else 0.0


def guided_eps(denoiser: Denoiser, x_t: Tensor, t: int, condition: Tensor, guidance: Guidance | float) -> Tensor:
    """Return (1 + w) ε_θ(x_t, c) - w ε_θ(x_t), Eq. 6, both branches in one forward pass.

    Parameters
    ----------
    denoiser : Denoiser
    x_t : Tensor, shape (B, ...)
    t : int
        Time step, the same for all.
    condition : Tensor, shape (B, d)
    guidance : Guidance or float
    """
    guidance = guidance if isinstance(guidance, Guidance) else Guidance(guidance)
    w = guidance.at(denoiser.schedule.sigma[t].item())
    step = torch.full((len(x_t),), t, device=x_t.device)
    if w == 0:
        return denoiser.eps(x_t, step, condition)
    if w == -1:
        return denoiser.eps(x_t, step, null_like(condition))
    twice = torch.cat([step, step])
    both = denoiser.eps(torch.cat([x_t, x_t]), twice, torch.cat([condition, null_like(condition)]))
    conditional, unconditional = both.chunk(2)
    return (1 + w) * conditional - w * unconditional
