"""The paper's U-Net (Appendix B, Fig. B.1), from one small configuration.

The paper gives a sketch without sizes. The sizes here are those of the code lineage it comes from. With five classes
the network then has 23,332,737 parameters, which a test counts.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solarsynth.errors import SolarsynthError, did_you_mean

ATTENTION = ("all", "inner", "none")


@dataclass(frozen=True)
class UNetConfig:
    """Everything that shapes the network.

    Attributes
    ----------
    image_size : int
        Side of the images in pixels.
    base_width : int
        Channels of the first stage; all other widths, that of the time embedding too, scale with it.
        64 is the paper's.
    patch : int
        Space-to-depth factor at the entrance: ``p`` works on ``image_size / p`` with ``p²`` channels, at about
        ``1 / p²`` of the cost. 1 is the paper's.
    heads : int
        Heads of each self-attention block.
    multipliers : tuple of int
        Width of the entrance and of every stage down, in units of `base_width`; their number sets the depth.
    attention : {"all", "inner", "none"}
        Which stages have self-attention: ``all`` as at 64 px, or without the first one down and the last one
        up, which see most pixels and cost most (the paper's 128 px network has two layers fewer).
    dropout : float
        Inside every pair of convolutions; the paper has none.
    coordinates : bool
        Whether the first convolution sees two more channels, the position in x and y. A convolution cannot tell where
        it is, and the Sun is in the middle. The paper has none.
    """

    image_size: int = 64
    base_width: int = 64
    patch: int = 1
    heads: int = 4
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    attention: str = "all"
    dropout: float = 0.0
    coordinates: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", tuple(self.multipliers))  # JSON makes lists of them
        depth = len(self.multipliers) - 1
        if depth < 1 or min(self.multipliers) < 1:
            raise SolarsynthError(
                f"the multipliers must be two or more whole numbers of at least 1, got {self.multipliers}"
            )
        if self.image_size < 1 or self.image_size % (self.patch * 2**depth):
            raise SolarsynthError(
                f"image_size must be divisible by {self.patch * 2**depth} ({depth} halvings, patch {self.patch}), "
                f"got {self.image_size}"
            )
        if self.base_width % self.heads:
            raise SolarsynthError(
                f"base_width must be divisible by the {self.heads} attention heads, got {self.base_width}"
            )
        if self.attention not in ATTENTION:
            raise SolarsynthError(f"unknown attention {self.attention!r}{did_you_mean(self.attention, ATTENTION)}")

    @property
    def time_width(self) -> int:
        """Width of the time and condition embeddings (256 in the paper)."""
        return 4 * self.base_width

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        return dataclasses.asdict(self) | {"multipliers": list(self.multipliers)}


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Encode time steps as sines and cosines (Vaswani et al. 2017).

    Parameters
    ----------
    t : Tensor, shape (B,)
        Time steps.
    width : int
        Must be even.

    Returns
    -------
    Tensor of float32, shape (B, width)
        ``width / 2`` sines, then as many cosines.
    """
    frequency = torch.exp(-math.log(10_000) * torch.arange(0, width, 2, device=t.device) / width)
    phase = t.float()[:, None] * frequency
    return torch.cat([phase.sin(), phase.cos()], dim=1)


class DoubleConv(nn.Module):
    """Two 3×3 convolutions, each with GroupNorm over all channels; optionally as a residual block."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        width_mid: int | None = None,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width_mid = width_mid or width_out
        self.residual = residual
        self.body = nn.Sequential(
            nn.Conv2d(width_in, width_mid, 3, padding=1, bias=False),
            nn.GroupNorm(1, width_mid),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Conv2d(width_mid, width_out, 3, padding=1, bias=False),
            nn.GroupNorm(1, width_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.body(x)) if self.residual else self.body(x)


class Stage(nn.Module):
    """A residual and a changing DoubleConv; the embedding of time and condition is added to the result."""

    def __init__(
        self, width_in: int, width_out: int, time_width: int, width_mid: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            DoubleConv(width_in, width_in, residual=True, dropout=dropout),
            DoubleConv(width_in, width_out, width_mid, dropout=dropout),
        )
        self.project = nn.Sequential(nn.SiLU(), nn.Linear(time_width, width_out))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return self.convolutions(x) + self.project(embedding)[:, :, None, None]


class Down(Stage):
    """Halve the resolution, then apply a stage."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return super().forward(F.max_pool2d(x, 2), embedding)


class Up(Stage):
    """Double the resolution, join the skip connection, then apply a stage."""

    def __init__(self, width_in: int, width_out: int, time_width: int, dropout: float = 0.0) -> None:
        super().__init__(width_in, width_out, time_width, width_in // 2, dropout)

    def forward(self, x: Tensor, skip: Tensor, embedding: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return super().forward(torch.cat([skip, x], dim=1), embedding)


class SelfAttention(nn.Module):
    """Pre-norm multi-head self-attention over all pixels, and an MLP of ratio 1 (Vaswani et al. 2017).

    The attention is fused: no tensor of size pixels² is made, which at 64 px saves 256 MiB an image.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.in_projection = nn.Linear(width, 3 * width)
        self.out_projection = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, width, height, _ = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = (
            self.in_projection(self.norm(tokens))
            .view(batch, -1, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(tokens.shape)
        tokens = tokens + self.out_projection(attended)
        tokens = tokens + self.mlp(tokens)
        return tokens.transpose(1, 2).reshape(batch, width, height, -1)


def _position(size: int) -> Tensor:
    """Return the position of every pixel, (1, 2, size, size): x towards the west and y towards the north, -1 to 1."""
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]


class UNet(nn.Module):
    """Predict from a noisy image, its time step and a condition.

    Parameters
    ----------
    config : UNetConfig
    condition : nn.Module
        Maps a batch of conditions to ``(B, config.time_width)``; its null condition maps to zeros.
    """

    def __init__(self, config: UNetConfig, condition: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.condition = condition
        w, time, channels, dropout = config.base_width, config.time_width, config.patch**2, config.dropout
        widths = [w * multiplier for multiplier in config.multipliers]
        depth, bottom = len(widths) - 1, widths[-1]

        def attention(width: int, outermost: bool) -> nn.Module:
            there = config.attention == "all" or (config.attention == "inner" and not outermost)
            return SelfAttention(width, config.heads) if there else nn.Identity()

        self.enter = DoubleConv(channels + 2 * config.coordinates, w, dropout=dropout)
        if config.coordinates:
            self.register_buffer("position", _position(config.image_size // config.patch), persistent=False)
        self.down = nn.ModuleList([Down(widths[i], widths[i + 1], time, dropout=dropout) for i in range(depth)])
        self.down_attention = nn.ModuleList([attention(widths[i + 1], i == 0) for i in range(depth)])
        self.bottleneck = nn.Sequential(
            DoubleConv(bottom, 2 * bottom, dropout=dropout),
            DoubleConv(2 * bottom, 2 * bottom, dropout=dropout),
            DoubleConv(2 * bottom, bottom, dropout=dropout),
        )
        # On the way up stage i takes what comes from below, as wide as the skip it is joined with.
        out = [widths[max(i - 1, 0)] for i in reversed(range(depth))]
        below = [bottom, *out[:-1]]
        self.up = nn.ModuleList(
            [Up(below[i] + widths[depth - 1 - i], out[i], time, dropout=dropout) for i in range(depth)]
        )
        self.up_attention = nn.ModuleList([attention(out[i], i == depth - 1) for i in range(depth)])
        self.leave = nn.Conv2d(out[-1], channels, 1)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the prediction.

        Parameters
        ----------
        x : Tensor of float32, shape (B, 1, H, W)
            Noisy images.
        t : Tensor of int64, shape (B,)
            Time steps.
        condition : Tensor, shape (B, ...)
            Conditions as `condition` takes them; NaN for the null condition.

        Returns
        -------
        Tensor, shape (B, 1, H, W)
        """
        embedding = time_embedding(t, self.config.time_width) + self.condition(condition)
        x = F.pixel_unshuffle(x, self.config.patch) if self.config.patch > 1 else x
        if self.config.coordinates:
            x = torch.cat([x, self.position.expand(len(x), -1, -1, -1).to(x.dtype)], dim=1)
        x = x.contiguous(memory_format=torch.channels_last)  # fastest layout on CPU and GPU alike
        x = self.enter(x)
        skips = []
        for down, attention in zip(self.down, self.down_attention, strict=True):
            skips.append(x)
            x = attention(down(x, embedding))
        x = self.bottleneck(x)
        for up, attention in zip(self.up, self.up_attention, strict=True):
            x = attention(up(x, skips.pop(), embedding))
        x = self.leave(x)
        return F.pixel_shuffle(x, self.config.patch) if self.config.patch > 1 else x


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable values."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
