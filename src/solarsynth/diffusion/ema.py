"""The exponential moving average of a model's weights, which is what samples are drawn from."""

from __future__ import annotations

import copy

import torch
from torch import nn


class EMA:
    """Exponential moving average of the weights; buffers are copied.

    Parameters
    ----------
    module : nn.Module
        The module whose weights are averaged.
    decay : float
    start : int
        Before this many steps the average is a copy of the weights.

    Attributes
    ----------
    average : nn.Module
    chosen : solarsynth.diffusion.selection.Chosen or None
        Which state of a watched training the average holds; set when the training ends.
    """

    def __init__(self, module: nn.Module, decay: float, start: int) -> None:
        self.decay, self.start, self.chosen = decay, start, None
        self.average = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Include the weights after optimiser step number `step`, counted from 1."""
        decay = self.decay if step > self.start else 0.0
        averages, values = list(self.average.parameters()), list(module.parameters())
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in zip(self.average.buffers(), module.buffers(), strict=True):
            average.copy_(value)
