"""The order in which a training sees its images."""

from __future__ import annotations

import numpy as np


class Order:
    """Which images a step sees: every epoch has its own permutation.

    Parameters
    ----------
    count : int
        Number of images.
    seed : int
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.epoch, self.order = -1, np.empty(0, np.int64)

    def batch(self, step: int, size: int) -> np.ndarray:
        """Return the indices (size,) int64 of step number `step`."""
        position = np.arange(step * size, (step + 1) * size)
        index = np.empty(size, np.int64)
        for epoch in np.unique(position // self.count):
            if epoch != self.epoch:
                rng = np.random.default_rng([self.seed, 1, int(epoch)])
                self.epoch, self.order = epoch, rng.permutation(self.count)
            here = position // self.count == epoch
            index[here] = self.order[position[here] % self.count]
        return index
