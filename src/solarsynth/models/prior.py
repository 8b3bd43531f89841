"""The network of the prior p(z | y): a residual MLP on ceVAE embeddings (Sect. 4, after Ramesh et al. 2022)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from torch import Tensor, nn

from solarsynth.models.unet import time_embedding

TIME_WIDTH = 128


@dataclass(frozen=True)
class PriorConfig:
    """Everything that shapes the network.

    Attributes
    ----------
    latent : int
        Dimension of z.
    width : int
        Of the hidden layers.
    depth : int
        Number of residual blocks.
    """

    latent: int = 512
    width: int = 1024
    depth: int = 4

    def as_dict(self) -> dict[str, int]:
        """Return the configuration as JSON types."""
        return dataclasses.asdict(self)


class PriorBlock(nn.Module):
    """Normalise, scale and shift by time and class, apply an MLP, and add the result to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(width, 2 * width)
        self.body = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulate(embedding).chunk(2, dim=1)
        return x + self.body(self.norm(x) * (1 + scale) + shift)


class PriorNetwork(nn.Module):
    """Predict the clean embedding from a noisy one, its time step and a class.

    Parameters
    ----------
    config : PriorConfig
    condition : nn.Module
        Maps a batch of conditions to ``(B, width)``; its null condition maps to zeros.
    """

    def __init__(self, config: PriorConfig, condition: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.condition = condition
        self.time = nn.Sequential(nn.Linear(TIME_WIDTH, config.width), nn.SiLU(), nn.Linear(config.width, config.width))
        self.enter = nn.Linear(config.latent, config.width)
        self.blocks = nn.ModuleList([PriorBlock(config.width) for _ in range(config.depth)])
        self.leave = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.latent))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return z_0 (B, latent) predicted from z_t (B, latent), t (B,) int64 and conditions (B, d)."""
        embedding = nn.functional.silu(self.time(time_embedding(t, TIME_WIDTH)) + self.condition(condition))
        x = self.enter(x)
        for block in self.blocks:
            x = block(x, embedding)
        return self.leave(x)
