"""The ceVAE: a variational autoencoder that is also a context encoder (Zimmerer et al. 2018, Giger 2022).

The paper measures clusters in its 512-dimensional latent space and conditions its third model on it. Decoding
z ~ N(0, I) is the paper's baseline: it draws Suns without a class (Sect. 4).

The paper's ceVAE comes from sdo-cli, which departs from Zimmerer et al. It averages the KL over the latents where they
sum it (`CeVAEConfig.kl`). Two of its choices are not built here: its decoder has 4×4 kernels without bias, ours mirrors
the encoder's 3×3 kernels; its encoder gives log σ of z, ours log σ².
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from solarsynth.errors import SolarsynthError, did_you_mean
from solarsynth.models.pixels import pixel_statistics, psnr

KL_WEIGHT = 0.01
KL_TERMS = ("mean", "sum")
CONTEXT_SHARE = 0.5  # of the context encoder in the loss
MASK_PROBABILITY = 2 / 3


@dataclass(frozen=True)
class CeVAEConfig:
    """Everything that shapes the network.

    Attributes
    ----------
    image_size : int
        Side of the images in pixels.
    latent : int
        Dimension of z; 512 in the paper.
    width : int
        Channels of the first convolution; each of the next three has four times as many as the one
        before. 16 is Zimmerer's.
    kl : {"mean", "sum"}
        The KL in the loss, beside an L1 that is averaged over the pixels. ``mean``: averaged over the latents, as
        sdo-cli does. ``sum``: summed over the latents and divided by the number of pixels, as if both terms were sums;
        this is weaker by the number of pixels per latent, 64² / 512 = 8.
    """

    image_size: int = 64
    latent: int = 512
    width: int = 16
    kl: str = "mean"

    def __post_init__(self) -> None:
        if self.kl not in KL_TERMS:
            raise SolarsynthError(f"unknown KL term of the ceVAE {self.kl!r}{did_you_mean(self.kl, KL_TERMS)}")
        if self.image_size < 16 or self.image_size % 16:
            raise SolarsynthError(
                f"image_size must be at least 16 and divisible by 16 for the ceVAE, got {self.image_size}"
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        return dataclasses.asdict(self)


class CeVAE(nn.Module):
    """Encoder, decoder and their common objective. Calling it computes the training objective.

    Encoder: four 3×3 convolutions of stride 2 with LeakyReLU, then one as large as the remaining map, which gives the
    mean and log variance of z. The decoder mirrors it. Both see pixels standardised over the training images, so that
    the networks need not learn the mean Sun first. All losses are in the images' own units.

    Parameters
    ----------
    config : CeVAEConfig

    Attributes
    ----------
    pixel_mean, pixel_std : Tensor of float32, shape (1, H, W)
        Per pixel, over the training images, set by `fit`.
    z_mean, z_std : Tensor of float32, shape (latent,)
        Of the embeddings of the training images, set by `fit_embeddings`.
    """

    score_name = "psnr"
    pixel_mean: Tensor
    pixel_std: Tensor
    z_mean: Tensor
    z_std: Tensor

    def __init__(self, config: CeVAEConfig) -> None:
        super().__init__()
        self.config = config
        widths = [1, *(config.width * 4**i for i in range(4))]
        last = config.image_size // 16
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for i in range(4):
            down += [nn.Conv2d(widths[i], widths[i + 1], 3, stride=2, padding=1), nn.LeakyReLU()]
        for i in reversed(range(4)):
            up += [
                nn.LeakyReLU(),
                nn.ConvTranspose2d(widths[i + 1], widths[i], 3, stride=2, padding=1, output_padding=1),
            ]
        self.encoder = nn.Sequential(*down, nn.Conv2d(widths[-1], 2 * config.latent, last))
        self.decoder = nn.Sequential(nn.ConvTranspose2d(config.latent, widths[-1], last), *up)
        shape = (1, config.image_size, config.image_size)
        self.register_buffer("pixel_mean", torch.zeros(shape))
        self.register_buffer("pixel_std", torch.ones(shape))
        self.register_buffer("z_mean", torch.zeros(config.latent))
        self.register_buffer("z_std", torch.ones(config.latent))

    @torch.no_grad()
    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take mean and standard deviation of every pixel from the training images (n, 1, H, W)."""
        mean, std = pixel_statistics(x_0)
        self.pixel_mean.copy_(mean)
        self.pixel_std.copy_(std)

    def describe(self) -> dict[str, Any]:
        """Return what defines it, as JSON types."""
        return {"cevae": self.config.as_dict()}

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw for a batch of `shape` (B, 1, H, W) the squares to hide and the ε of z.

        Returns
        -------
        square : Tensor of float32, shape (B, 4)
            First row, first column, side (0: nothing hidden) and the value it is filled with.
        eps : Tensor of float32, shape (B, latent)
        """
        batch, size = shape[0], shape[-1]
        u = torch.rand(batch, 5, generator=generator)
        side = (1 + (u[:, 0] * (size // 2)).floor()).clamp(max=size // 2)
        row, column = ((u[:, i] * (size - side + 1)).floor() for i in (1, 2))
        side = side * (u[:, 3] < MASK_PROBABILITY)
        square = torch.stack([row, column, side, 2 * u[:, 4] - 1], dim=1)
        return square, torch.randn(batch, self.config.latent, generator=generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, each (B, latent), of images (B, 1, H, W) in [-1, 1]."""
        return self.encoder((x - self.pixel_mean) / self.pixel_std).flatten(1).chunk(2, dim=1)

    def decode(self, z: Tensor) -> Tensor:
        """Return images (B, 1, H, W) for z (B, latent)."""
        return self.pixel_mean + self.pixel_std * self.decoder(z[:, :, None, None])

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding, μ standardised per dimension, (B, latent), of images (B, 1, H, W)."""
        return (self.encode(x)[0] - self.z_mean) / self.z_std

    @torch.no_grad()
    def fit_embeddings(self, mu: Tensor) -> None:
        """Set mean and standard deviation from the means (n, latent) of the training images."""
        self.z_mean.copy_(mu.mean(0))
        # A dimension the decoder does not use hovers about 0; dividing by its tiny standard deviation would blow it up.
        self.z_std.copy_(mu.std(0, correction=0).clamp(min=1e-2))

    def forward(self, x_0: Tensor, condition: Tensor, square: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the PSNR of the reconstruction of each image, (B,) both.

        The loss is ½ (0.01 KL + L1) + ½ L1 of the image restored from its masked version (Zimmerer et al. 2018,
        Eq. 5). Both L1 are means over the pixels; `CeVAEConfig.kl` says what the KL is. `condition` is not used.
        """
        mu, log_variance = self.encode(x_0)
        restored = self.decode(mu + (0.5 * log_variance).exp() * eps)
        kl = 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).sum(1)
        kl = kl / (self.config.latent if self.config.kl == "mean" else x_0[0].numel())
        l1 = (restored - x_0).abs().flatten(1).mean(1)
        context = (self.decode(self.encode(hide(x_0, square))[0]) - x_0).abs().flatten(1).mean(1)
        loss = (1 - CONTEXT_SHARE) * (KL_WEIGHT * kl + l1) + CONTEXT_SHARE * context
        return loss, psnr(restored.detach(), x_0)


def hide(x: Tensor, square: Tensor) -> Tensor:
    """Fill one square per image, see `CeVAE.draw`, of images (B, 1, H, W)."""
    row, column, side, value = square[:, :, None, None].unbind(1)
    y, x_ = (torch.arange(n, device=x.device) for n in x.shape[-2:])
    in_rows = (y[None, :, None] >= row) & (y[None, :, None] < row + side)
    in_columns = (x_[None, None, :] >= column) & (x_[None, None, :] < column + side)
    return torch.where((in_rows & in_columns)[:, None], value[:, None], x)
