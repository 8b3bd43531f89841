"""The plain way to train and sample the paper's network, to measure ours against.

fp32, attention that materialises its tokens² matrix, channels first, batches of 12 that the host gathers and copies,
weights averaged one parameter at a time, every loss read back at once: as the code lineage does.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from solarsynth.diffusion.parameterisations import Denoiser
from solarsynth.models.unet import SelfAttention

BATCH = 12


class PlainAttention(nn.Module):
    """The same attention with the softmax of Q Kᵀ written out."""

    def __init__(self, fused: SelfAttention) -> None:
        super().__init__()
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        own = self.fused
        batch, width, height, _ = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        heads = own.in_projection(own.norm(tokens)).view(batch, -1, 3, own.heads, width // own.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
        tokens = tokens + own.out_projection((weights @ v).transpose(1, 2).reshape(tokens.shape))
        tokens = tokens + own.mlp(tokens)
        return tokens.transpose(1, 2).reshape(batch, width, height, -1)


def plain(denoiser: Denoiser) -> Denoiser:
    """Return a copy with the same weights, channels first and with plain attention."""
    other = copy.deepcopy(denoiser).to(memory_format=torch.contiguous_format)
    for blocks in (other.network.down_attention, other.network.up_attention):
        for i, block in enumerate(blocks):
            if isinstance(block, SelfAttention):
                blocks[i] = PlainAttention(block)
    other.network.enter.register_forward_pre_hook(lambda module, args: (args[0].contiguous(),))
    return other


class PlainTraining:
    """A training step of the lineage's loop.

    Parameters
    ----------
    denoiser : Denoiser
        As `plain` returns it, on its device.
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n, 1)
    """

    def __init__(self, denoiser: Denoiser, image: np.ndarray, label: np.ndarray) -> None:
        self.denoiser, self.image, self.label = denoiser.train(), image, label
        self.average = copy.deepcopy(denoiser).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(denoiser.parameters(), lr=3e-4, foreach=False)
        self.rng = np.random.default_rng(0)
        self.device = next(denoiser.parameters()).device

    def step(self) -> float:
        """Train on one batch and return its loss."""
        index = self.rng.integers(0, len(self.image), BATCH)
        x_0 = torch.from_numpy(self.image[index]).float()[:, None] / 127.5 - 1
        x_0, label = x_0.to(self.device), torch.from_numpy(self.label[index]).float().to(self.device)
        t = torch.randint(1, self.denoiser.schedule.n_steps, (BATCH,)).to(self.device)
        if self.rng.random() < 0.1:
            label = torch.full_like(label, torch.nan)
        loss = self.denoiser(x_0, label, t, torch.randn_like(x_0))[0].mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            for average, value in zip(self.average.parameters(), self.denoiser.parameters(), strict=True):
                average.copy_(0.995 * average + 0.005 * value)
        return loss.item()


@torch.no_grad()
def plain_sampling_step(denoiser: Denoiser, x: Tensor, t: int, label: Tensor, w: float) -> Tensor:
    """One ancestral step, the two terms of guidance one after the other."""
    schedule = denoiser.schedule
    step = torch.full((len(x),), t, device=x.device)
    conditional = denoiser.eps(x, step, label)
    unconditional = denoiser.eps(x, step, torch.full_like(label, torch.nan))
    eps = torch.lerp(unconditional, conditional, 1 + w)
    beta, alpha, alpha_bar = (v[t].float() for v in (schedule.beta, schedule.alpha, schedule.alpha_bar))
    return (x - (1 - alpha) / (1 - alpha_bar).sqrt() * eps) / alpha.sqrt() + beta.sqrt() * torch.randn_like(x)
