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

COMPONENTS = 256  # principal components of the linear denoiser; what is beyond them counts as one variance
LOWEST_SPREAD = 0.03  # images are taken to vary at least so much in every direction: dark sky is not worth learning


class Denoiser(nn.Module):
    """A network, a schedule and the meaning of the output.

    Parameters
    ----------
    network : nn.Module
        Called with (x, t, condition).
    schedule : Schedule
    parameterisation : {"eps", "preconditioned"}
        ``eps``: the network predicts ε and t is uniform (Eq. 5), as in the paper. ``preconditioned``: it
        predicts the part of x_0 that the best linear denoiser misses, scaled to unit variance at every noise
        level; it learns the same ε_θ on the same schedule from far fewer images. This is Karras et al. 2022,
        Eq. 7 (doi:10.48550/arXiv.2206.00364), with the images' own covariance in the place of σ_data² I.
    image_shape : tuple of int
        (H, W).

    Attributes
    ----------
    mean : Tensor of float32, shape (1, H, W)
    components : Tensor of float32, shape (k, H * W)
        Orthonormal directions in which the training images vary most.
    variance : Tensor of float32, shape (k,)
        Along each of them.
    rest : Tensor of float32, shape ()
        Variance in every other direction. All four are set by `fit_linear` and used with ``preconditioned``.
    """

    mean: Tensor
    components: Tensor
    variance: Tensor
    rest: Tensor

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
        pixels = image_shape[0] * image_shape[1]
        k = min(COMPONENTS, pixels) if parameterisation == "preconditioned" else 0
        self.register_buffer("mean", torch.zeros(1, *image_shape))
        self.register_buffer("components", torch.zeros(k, pixels))
        self.register_buffer("variance", torch.full((k,), LOWEST_SPREAD**2))
        self.register_buffer("rest", torch.tensor(LOWEST_SPREAD**2))

    @torch.no_grad()
    def fit_linear(self, x_0: Tensor) -> None:
        """Fit mean and covariance to training images (n, 1, H, W) in [-1, 1]; nothing to do with ``eps``."""
        if self.parameterisation == "eps":
            return
        flat = x_0.flatten(1).double()
        n, pixels = flat.shape
        mean = flat.mean(0)
        centred = flat - mean
        # The smaller of the two Gram matrices has the same non-zero eigenvalues.
        if n < pixels:
            values, vectors = torch.linalg.eigh(centred @ centred.T / n)
            directions = centred.T @ vectors / (values.clamp(min=1e-12) * n).sqrt()
        else:
            values, directions = torch.linalg.eigh(centred.T @ centred / n)
        k = min(len(self.variance), int((values > 1e-10).sum()))
        values, directions = values.flip(0)[:k], directions.flip(1)[:, :k]
        left = (centred.square().mean(0).sum() - values.sum()).clamp(min=0) / max(pixels - k, 1)
        self.mean.copy_(mean.view_as(self.mean))
        self.components.zero_()
        self.components[:k] = directions.T
        self.rest.fill_(max(left.item(), LOWEST_SPREAD**2))
        self.variance.fill_(self.rest.item())
        self.variance[:k] = values.clamp(min=self.rest.item())

    def draw_steps(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the time steps (batch,) int64 of a training batch."""
        if self.parameterisation == "eps":
            return torch.randint(1, self.schedule.n_steps, (batch,), generator=generator)
        pixels = self.mean.numel()
        total = self.variance.sum() + (pixels - len(self.variance)) * self.rest
        sigma_data = (total / pixels).sqrt().cpu()
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
        """Return x_0 = linear denoiser + c_out F_θ, and c_out, the spread of what the linear one misses.

        With y = x_t / sqrt(ᾱ) - m = (x_0 - m) + σ n the linear denoiser keeps the share v / (v + σ²) of y
        along a direction of variance v, and leaves the variance v σ² / (v + σ²) there.
        """
        sigma2 = self.schedule.sigma.square().to(x_t.device)[t].to(x_t.dtype)[:, None]
        y = (x_t * (1 + sigma2[:, :, None, None]).sqrt() - self.mean).flatten(1)
        kept = self.variance / (self.variance + sigma2)
        rest = self.rest / (self.rest + sigma2)
        linear = rest * y + ((kept - rest) * (y @ self.components.T)) @ self.components
        left = sigma2 * (rest + (kept - rest) @ self.components.square())
        spread2 = self.rest + (self.variance - self.rest) @ self.components.square()
        c_in = (sigma2 + spread2).rsqrt()
        c_out = left.sqrt().view_as(x_t)
        # The network also sees what the linear denoiser makes of the image, so that it corrects instead of repeating.
        seen = torch.stack([c_in * y, linear * spread2.rsqrt()], dim=1).unflatten(2, x_t.shape[2:])
        predicted = self.network(seen, t, condition)
        return self.mean + linear.view_as(x_t) + c_out * predicted, c_out


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
