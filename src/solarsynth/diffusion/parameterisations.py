"""What the network's output means: one class per parameterisation, all with the same ε_θ and x_0.

A denoiser joins a network, a schedule and the meaning of the network's output. Samplers ask it for `eps`; the training
loop calls it for the loss. Which parameterisation it has makes no difference to either.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from solarsynth.diffusion.schedule import Schedule
from solarsynth.errors import SolarsynthError
from solarsynth.models.pixels import pixel_statistics, psnr

# Preconditioned training draws log σ ~ N(log σ_data + SHIFT, WIDTH²). Karras et al. 2022, Table 1, have -1.2 and 1.2
# for σ_data = 0.5, which is the same.
LOG_SIGMA_SHIFT, LOG_SIGMA_WIDTH = -0.5, 1.2

# Share of the time steps that preconditioned training draws uniformly. The lognormal draws never reach the noise levels
# at which sampling begins (σ = 157, 87, 45 with 20 steps). In two trainings on 456 simulated images the network's error
# there was 3 to 16 % above that of the linear denoiser, and 3 to 8 % below it with this share; the brightness of the
# samples varied 0.6 to 0.8 times as much as that of real images, and 0.9 to 1.1 times with it. A larger share would be
# taken from the low noise levels, where the image takes shape.
UNIFORM_SHARE = 0.15


class Denoiser(nn.Module):
    """Base of the parameterisations. Calling it computes the training objective.

    A subclass defines `eps` or `x_0`, and `error`.

    Parameters
    ----------
    network : nn.Module
        Called with (x, t, condition).
    schedule : Schedule
    shape : tuple of int
        Shape of one x_0: (1, H, W) for an image, (d,) for a vector.
    min_snr : float
        γ of the Min-SNR weighting (Hang et al. 2023, doi:10.48550/arXiv.2303.09556); 0, as in the paper: no weighting.
    """

    score_name = "psnr"

    def __init__(
        self, network: nn.Module, schedule: Schedule, shape: tuple[int, ...] = (1, 64, 64), min_snr: float = 0.0
    ) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.shape = tuple(shape)
        self.min_snr = min_snr

    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take the scales of the condition from the training set: x_0 (n, ...), condition (n, d).

        Unconditional rows have no scale.
        """
        self.network.condition.fit(condition[~condition[:, 0].isnan()])

    def describe(self) -> dict[str, Any]:
        """Return what defines the denoiser, as JSON types."""
        return {
            "network": self.network.config.as_dict(),
            "condition": type(self.network.condition).__name__,
            "parameterisation": type(self).__name__,
            "min_snr": self.min_snr,
            "schedule": [self.schedule.n_steps, self.schedule.beta[0].item(), self.schedule.beta[-1].item()],
        }

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw what a training batch of `shape` needs: time steps (B,) int64 and ε of that shape."""
        return self.draw_steps(shape[0], generator), torch.randn(shape, generator=generator)

    def draw_steps(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the time steps (batch,) int64 of a training batch, uniformly from 1 to T - 1."""
        return torch.randint(1, self.schedule.n_steps, (batch,), generator=generator)

    def start(self, eps: Tensor) -> Tensor:
        """Return x_T, shaped like `eps`, where sampling starts: the noise itself, as in the paper.

        The forward process ends elsewhere. Its x_T keeps the mean of the images times sqrt(ᾱ_T).

        Parameters
        ----------
        eps : Tensor, shape (B, ...)
            Standard normal noise.
        """
        return eps

    def eps(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return ε_θ(x_t, t, c), shaped like `x_t`: the estimated noise."""
        alpha_bar = self.schedule.at("alpha_bar", t, x_t)
        return (x_t - alpha_bar.sqrt() * self.x_0(x_t, t, condition)) / (1 - alpha_bar).sqrt()

    def x_0(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the estimate of x_0, shaped like `x_t`; the inverse of the closed form of the forward process."""
        alpha_bar = self.schedule.at("alpha_bar", t, x_t)
        return (x_t - (1 - alpha_bar).sqrt() * self.eps(x_t, t, condition)) / alpha_bar.sqrt()

    def error(self, x_0: Tensor, x_t: Tensor, t: Tensor, eps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error that the loss squares, and the estimate of x_0, both shaped like `x_0`."""
        raise NotImplementedError

    def weight(self, snr: Tensor) -> Tensor:
        """Return the Min-SNR weights of the squared error (B,) for signal-to-noise ratios ᾱ / (1 - ᾱ) (B,)."""
        return snr.clamp(max=self.min_snr)

    def forward(self, x_0: Tensor, condition: Tensor, t: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the PSNR of the estimated x_0 of each image, (B,) both.

        Parameters
        ----------
        x_0, eps : Tensor, shape (B, ...)
            Training images, or vectors, and standard normal noise.
        condition : Tensor, shape (B, d)
        t : Tensor of int64, shape (B,)
        """
        x_t = self.schedule.add_noise(x_0, t, eps)
        error, x_0_estimate = self.error(x_0, x_t, t, eps, condition)
        loss = error.square().flatten(1).mean(1)
        if self.min_snr:
            alpha_bar = self.schedule.at("alpha_bar", t, x_t)
            loss = loss * self.weight((alpha_bar / (1 - alpha_bar)).flatten())
        return loss, psnr(x_0_estimate.detach(), x_0)


class Eps(Denoiser):
    """The paper's parameterisation: the network predicts ε, t is uniform, and the loss is Eq. 5."""

    def eps(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the network's output."""
        return self.network(x_t, t, condition)

    def error(self, x_0: Tensor, x_t: Tensor, t: Tensor, eps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return ε_θ - ε and the estimate of x_0 that follows from ε_θ."""
        estimate = self.eps(x_t, t, condition)
        alpha_bar = self.schedule.at("alpha_bar", t, x_t)
        return estimate - eps, (x_t - (1 - alpha_bar).sqrt() * estimate) / alpha_bar.sqrt()

    def weight(self, snr: Tensor) -> Tensor:
        """Return min(SNR, γ) / SNR: the weight of a squared error of ε."""
        return snr.clamp(max=self.min_snr) / snr


class X0(Denoiser):
    """The network predicts x_0, t is uniform, and the loss is the squared error of x_0.

    This is the prior of Ramesh et al. 2022 (doi:10.48550/arXiv.2204.06125, Eq. 2).
    """

    def x_0(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the network's output."""
        return self.network(x_t, t, condition)

    def error(self, x_0: Tensor, x_t: Tensor, t: Tensor, eps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error of x_0 and its estimate."""
        estimate = self.x_0(x_t, t, condition)
        return estimate - x_0, estimate


class Preconditioned(Denoiser):
    """The network predicts what the best linear denoiser of each pixel misses (Karras et al. 2022).

    Its output has unit variance at every noise level (Eq. 7, doi:10.48550/arXiv.2206.00364, with a mean and a σ_data
    per pixel). The schedule is the same, and ε_θ is learnt from far fewer images.

    Attributes
    ----------
    pixel_mean, pixel_std : Tensor of float32, shape (1, *shape)
        Over the training images; set by `fit`.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(
        self, network: nn.Module, schedule: Schedule, shape: tuple[int, ...] = (1, 64, 64), min_snr: float = 0.0
    ) -> None:
        if min_snr:
            raise SolarsynthError(
                f"min_snr must be 0 with 'preconditioned', which balances the noise levels itself, got {min_snr:g}"
            )
        super().__init__(network, schedule, shape)
        self.register_buffer("pixel_mean", torch.zeros(self.shape))
        self.register_buffer("pixel_std", torch.ones(self.shape))
        # σ_data on the CPU, computed at the first draw: reading `pixel_std` every step would wait for the device.
        self._sigma_data: Tensor | None = None

    @torch.no_grad()
    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take the pixels' mean and standard deviation, and the condition's scales, from the training set."""
        mean, std = pixel_statistics(x_0)
        self.pixel_mean.copy_(mean)
        self.pixel_std.copy_(std)
        self._sigma_data = None
        super().fit(x_0, condition)

    def draw_steps(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the time steps (batch,) int64: noise levels lognormal about σ_data, and a share of uniform steps.

        Karras et al. draw all of them lognormally. Their sampling begins at σ = 80, which those draws do not reach.
        """
        if self._sigma_data is None:
            self._sigma_data = self.pixel_std.square().mean().sqrt().cpu()
        log_sigma = LOG_SIGMA_SHIFT + LOG_SIGMA_WIDTH * torch.randn(batch, generator=generator)
        lognormal = self.schedule.step_of_sigma(self._sigma_data * log_sigma.exp())
        uniform = torch.rand(batch, generator=generator) < UNIFORM_SHARE
        return torch.where(uniform, super().draw_steps(batch, generator), lognormal)

    def start(self, eps: Tensor) -> Tensor:
        """Return x_T, shaped like `eps`, with the mean and the variance that the forward process gives each pixel.

        x_T = sqrt(ᾱ_T) m + sqrt(ᾱ_T s² + 1 - ᾱ_T) ε, the closed form of Eq. 1 for pixels of mean m and deviation s.
        From ε alone even a perfect denoiser draws Suns that are too bright or too dark: x_T tells it the mean.
        """
        alpha_bar = self.schedule.alpha_bar[-1].item()
        return alpha_bar**0.5 * self.pixel_mean + (alpha_bar * self.pixel_std**2 + 1 - alpha_bar).sqrt() * eps

    def x_0(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the linear denoiser's estimate plus the network's correction."""
        return self._estimate(x_t, t, condition)[0]

    def error(self, x_0: Tensor, x_t: Tensor, t: Tensor, eps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error of x_0 divided by c_out, which weighs all noise levels alike at the start; and x_0."""
        estimate, c_out = self._estimate(x_t, t, condition)
        return (estimate - x_0) / c_out, estimate

    def _estimate(self, x_t: Tensor, t: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        # Eq. 7 with x_t / sqrt(alpha_bar), minus the mean, in place of Karras's x.
        sigma = self.schedule.at("sigma", t, x_t)
        total = (sigma**2 + self.pixel_std**2).sqrt()
        noisy = x_t * (1 + sigma**2).sqrt() - self.pixel_mean
        c_skip, c_out = (self.pixel_std / total) ** 2, sigma * self.pixel_std / total
        return self.pixel_mean + c_skip * noisy + c_out * self.network(noisy / total, t, condition), c_out


#: The parameterisations, by the names that settings use.
PARAMETERISATIONS = {"eps": Eps, "x0": X0, "preconditioned": Preconditioned}
