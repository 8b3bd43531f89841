"""A denoiser that begins with the best linear estimate of the whole image, not of each pixel alone.

At high noise levels an image is seen through sums over many pixels: how the belts lie, how large the disk is. A network
learns such sums slowly. In a training of 100,000 images it took less of the first principal components from a noisy
image than a linear filter does, and drew Suns that varied 0.5 to 0.8 times as much as real ones along them. The filter
of Wiener takes them exactly, and the network learns what it misses. At high noise the ideal denoiser is nearly this
filter (Wang & Vastola 2024, doi:10.48550/arXiv.2412.09726).

At lower noise it is not, and a network that is trained briefly leaves much of the Gaussian field that the filter draws.
Distances that compare means and covariances alone do not see that: judge such models by other measures, and by eye.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from solarsynth.diffusion.conditioning import Mirrored
from solarsynth.diffusion.parameterisations import PARAMETERISATIONS, Preconditioned
from solarsynth.diffusion.schedule import Schedule
from solarsynth.models.pixels import LOWEST_STD

#: Principal components of the training images in the filter.
COMPONENTS = 128

#: Images, and values of all of them, at most, that the components are taken from; in double precision.
MOST, VALUES = 2000, 2**26


class Wiener(Preconditioned):
    """The network predicts what the Wiener filter of the training images misses, in units of its error.

    The filter knows the mean of the images, their first principal components, and for what these leave out the
    variance of each pixel.

    Attributes
    ----------
    components : Tensor of float32, shape (k, d)
        Orthonormal rows, d pixels; rows of 0 where there are fewer training images.
    variance : Tensor of float32, shape (k,)
        Of the images along each component.
    rest : Tensor of float32, shape (1, *shape)
        Standard deviation of each pixel after the components are taken away.
    """

    components: Tensor
    variance: Tensor
    rest: Tensor

    def __init__(
        self, network: nn.Module, schedule: Schedule, shape: tuple[int, ...] = (1, 64, 64), min_snr: float = 0.0
    ) -> None:
        super().__init__(network, schedule, shape, min_snr)
        size = math.prod(self.shape)
        self.register_buffer("components", torch.zeros(min(COMPONENTS, size), size))
        self.register_buffer("variance", torch.zeros(len(self.components)))
        self.register_buffer("rest", torch.ones(self.shape))

    @torch.no_grad()
    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take the components and the scales from the training set; see `Preconditioned.fit`.

        A network that is told which images are mirrored gets them mirrored, too: its filter must serve both.
        """
        if isinstance(self.network.condition, Mirrored):
            x_0, condition = torch.cat([x_0, x_0.flip(-2)]), torch.cat([condition, condition])
        super().fit(x_0, condition)
        most = min(len(x_0), MOST, max(VALUES // self.components.shape[1], COMPONENTS))
        some = torch.linspace(0, len(x_0) - 1, most).round().long()
        z = (x_0[some] - x_0[some].mean(0)).flatten(1).double()
        # The eigenvectors of z zᵀ (n, n) give those of zᵀ z (d, d), which is larger.
        values, vectors = torch.linalg.eigh(z @ z.T / len(z))
        order = values.argsort(descending=True)[: min(len(self.components), len(z))]
        order = order[values[order] > 1e-9 * values.max().clamp(min=1e-9)]
        rows = (vectors[:, order].T @ z) / (values[order, None] * len(z)).sqrt()
        self.components.zero_()
        self.variance.zero_()
        self.components[: len(order)], self.variance[: len(order)] = rows.float(), values[order].float()
        left = (z - z @ rows.T @ rows).square().mean(0).sqrt().float()
        self.rest.copy_(left.clamp(min=LOWEST_STD).view(self.rest.shape))

    def _estimate(self, x_t: Tensor, t: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        sigma = self.schedule.at("sigma", t, x_t)
        noisy = x_t * (1 + sigma**2).sqrt() - self.pixel_mean
        with torch.autocast(x_t.device.type, enabled=False):  # in half precision the noise would drown the sums
            linear, c_out = self.filter(noisy.float(), sigma.float())
        total = (sigma**2 + self.pixel_std**2).sqrt()
        return linear + c_out * self.network(noisy / total, t, condition), c_out

    def filter(self, noisy: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the linear estimate of images and its standard error per pixel, both (B, ...).

        Parameters
        ----------
        noisy : Tensor, shape (B, ...)
            x_0 - mean + σ ε.
        sigma : Tensor, shape (B, 1, ...)
        """
        flat, noise = noisy.flatten(1), sigma.flatten(1) ** 2
        along = flat @ self.components.T
        kept = self.variance / (self.variance + noise)
        across = flat - along @ self.components
        rest = self.rest.flatten() ** 2
        error = rest * noise / (rest + noise) + (kept * noise) @ self.components**2
        linear = (kept * along) @ self.components + rest / (rest + noise) * across
        return self.pixel_mean + linear.view_as(noisy), error.sqrt().view_as(noisy)


PARAMETERISATIONS["wiener"] = Wiener
