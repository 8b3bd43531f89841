"""The exponential moving average of a model's weights, which is what samples are drawn from."""

from __future__ import annotations

import copy

import torch
from torch import nn

from solarsynth.diffusion.snapshots import Snapshots


class EMA:
    """Exponential moving average of the weights; buffers are copied.

    Parameters
    ----------
    module : nn.Module
        The module whose weights are averaged.
    decay : float
    start : int
        Before this many steps the average is a copy of the weights.
    snapshots : Snapshots, optional
        Averages that are kept and stored beside it.

    Attributes
    ----------
    average : nn.Module
    parts : dict of str to nn.Module
        All averages, by the names that a checkpoint gives them.
    chosen : solarsynth.diffusion.selection.Chosen or None
        Which state of a watched training the average holds; set when the training ends.
    """

    def __init__(self, module: nn.Module, decay: float, start: int, snapshots: Snapshots | None = None) -> None:
        self.decay, self.start, self.snapshots, self.chosen = decay, start, snapshots, None
        self.average = copy.deepcopy(module).requires_grad_(False).eval()
        self.parts: dict[str, nn.Module] = {"average": self.average}
        if snapshots:
            self.parts["powers"] = snapshots.averages

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Include the weights after optimiser step number `step`, counted from 1."""
        decay = self.decay if step > self.start else 0.0
        averages, values = list(self.average.parameters()), list(module.parameters())
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in zip(self.average.buffers(), module.buffers(), strict=True):
            average.copy_(value)
        if self.snapshots:
            self.snapshots.update(module, step)
