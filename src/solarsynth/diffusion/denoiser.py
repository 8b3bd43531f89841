"""What the network's output means: one denoiser with ε and x_0, whichever way it was trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from solarsynth.diffusion.conditioning import null_like
from solarsynth.diffusion.schedule import Schedule, per_image
from solarsynth.errors import SolarsynthError

# Training with preconditioning draws log σ ~ N(log σ_data + SHIFT, WIDTH²); Karras et al. 2022, Table 1, have
# -1.2 and 1.2 for σ_data = 0.5, which is the same.
LOG_SIGMA_SHIFT, LOG_SIGMA_WIDTH = -0.5, 1.2

# Below this spread a pixel is treated as if it varied so much: the dark sky is not worth learning.
LOWEST_SPREAD = 0.03


class Denoiser(nn.Module):
    """A network, a schedule and the meaning of the output.

    Parameters
    ----------
    network : nn.Module
        Called with (x, t, condition).
    schedule : Schedule
    parameterisation : {"eps", "preconditioned"}
        ``eps``: the network predicts ε and t is uniform (Eq. 5), as in the paper. ``preconditioned``: it
        predicts the part of x_0 that the best linear denoiser of each pixel misses, scaled to unit variance
        at every noise level (Karras et al. 2022, Eq. 7, doi:10.48550/arXiv.2206.00364, with a mean and a
        σ_data per pixel), on the same schedule; it learns the same ε_θ from far fewer images.
    image_shape : tuple of int
        (H, W).

    Attributes
    ----------
    mean, spread : Tensor of float32, shape (1, H, W)
        Per pixel, over the training images; used with ``preconditioned`` and set by `fit_pixels`.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        parameterisation: str = "eps",
        image_shape: tuple[int, int] = (64, 64),
    ) -> None:
        super().__init__()
        if parameterisation not in ("eps", "preconditioned"):
            raise SolarsynthError(f"no parameterisation {parameterisation!r}; known: eps, preconditioned")
        self.network = network
        self.schedule = schedule
        self.parameterisation = parameterisation
        self.register_buffer("mean", torch.zeros(1, *image_shape))
        self.register_buffer("spread", torch.ones(1, *image_shape))

    @torch.no_grad()
    def fit_pixels(self, x_0: Tensor) -> None:
        """Set `mean` and `spread` from training images (n, 1, H, W) in [-1, 1]."""
        self.mean.copy_(x_0.mean(0))
        self.spread.copy_(x_0.std(0, correction=0).clamp(min=LOWEST_SPREAD))

    def draw_steps(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the time steps (batch,) int64 of a training batch."""
        if self.parameterisation == "eps":
            return torch.randint(1, self.schedule.n_steps, (batch,), generator=generator)
        sigma_data = self.spread.square().mean().sqrt().cpu()
        log_sigma = LOG_SIGMA_SHIFT + LOG_SIGMA_WIDTH * torch.randn(batch, generator=generator)
        return self.schedule.nearest_step(sigma_data * log_sigma.exp())

    def eps(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return ε_θ(x_t, t, c) (B, 1, H, W): the noise in `x_t`."""
        if self.parameterisation == "eps":
            return self.network(x_t, t, condition)
        alpha_bar = per_image(self.schedule.alpha_bar, t, x_t)
        x_0 = self._x_0(x_t, t, condition)[0]
        return (x_t - alpha_bar.sqrt() * x_0) / (1 - alpha_bar).sqrt()

    def loss(self, x_0: Tensor, t: Tensor, eps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss per image (B,) and the predicted x_0 (B, 1, H, W).

        With ``eps`` it is Eq. 5; with ``preconditioned`` the squared error of x_0 divided by the variance
        that the network has to explain, so that every noise level weighs the same at the start.
        """
        x_t = self.schedule.add_noise(x_0, t, eps)
        if self.parameterisation == "eps":
            predicted = self.network(x_t, t, condition)
            alpha_bar = per_image(self.schedule.alpha_bar, t, x_t)
            x_0_predicted = (x_t - (1 - alpha_bar).sqrt() * predicted) / alpha_bar.sqrt()
            return (predicted - eps).square().flatten(1).mean(1), x_0_predicted
        x_0_predicted, c_out = self._x_0(x_t, t, condition)
        return ((x_0_predicted - x_0) / c_out).square().flatten(1).mean(1), x_0_predicted

    def _x_0(self, x_t: Tensor, t: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Karras et al. 2022, Eq. 7, with ``x_t / sqrt(alpha_bar)`` less the mean in the place of their x."""
        sigma = per_image(self.schedule.sigma, t, x_t)
        total = (sigma**2 + self.spread**2).sqrt()
        noisy = x_t * (1 + sigma**2).sqrt() - self.mean
        c_skip, c_out = (self.spread / total) ** 2, sigma * self.spread / total
        predicted = self.network(noisy / total, t, condition)
        return self.mean + c_skip * noisy + c_out * predicted, c_out


def guided_eps(denoiser: Denoiser, x_t: Tensor, t: Tensor, condition: Tensor, guidance: float) -> Tensor:
    """Return (1 + w) ε_θ(x_t, c) - w ε_θ(x_t), Eq. 6, both branches in one forward pass.

    Parameters
    ----------
    denoiser : Denoiser
    x_t : Tensor, shape (B, 1, H, W)
    t : Tensor of int64, shape (B,)
    condition : Tensor, shape (B, ...)
    guidance : float
        w; 0 samples from the plain conditional model, -1 from the unconditional one.
    """
    if guidance == 0:
        return denoiser.eps(x_t, t, condition)
    if guidance == -1:
        return denoiser.eps(x_t, t, null_like(condition))
    both = denoiser.eps(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([condition, null_like(condition)]))
    conditional, unconditional = both.chunk(2)
    return (1 + guidance) * conditional - guidance * unconditional
