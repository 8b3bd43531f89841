"""What a training reports beside its loss."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(x: Tensor, x_0: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each image (B,) in dB; the peak-to-peak range is 2."""
    error = (x.float().clamp(-1, 1) - x_0).square().flatten(1).mean(1).clamp(min=1e-10)
    return 10 * torch.log10(4 / error)
