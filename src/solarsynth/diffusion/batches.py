"""How many images to draw together: the number that draws fastest, found by measuring."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from solarsynth.devices import device, out_of_memory
from solarsynth.diffusion.guidance import Guidance, guided_eps
from solarsynth.diffusion.parameterisations import Denoiser

# A larger batch must draw faster by this factor to be worth its memory.
WORTHWHILE = 1.05
LARGEST_BATCH = 1024
SMALLEST_BATCH = 8


class FastestBatch:
    """Measures a denoiser once per weight of guidance and remembers the result.

    Parameters
    ----------
    denoiser : Denoiser
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self._measured: dict[float, tuple[int, int]] = {}  # by weight: the batch, and how many images were wanted

    def __call__(self, guidance: Guidance, most: int, condition: Tensor) -> int:
        """Return the smallest batch that draws nearly as fast as any.

        Parameters
        ----------
        guidance : Guidance
        most : int
            Images that are wanted; a larger batch is not tried.
        condition : Tensor, shape (1, d)
            Any condition of the model.
        """
        if most <= SMALLEST_BATCH:
            return most
        best, tried = self._measured.get(guidance.weight, (0, 0))
        if not tried or (most > tried and 2 * best > tried):  # never measured, or for too few images
            best, tried = self._measured[guidance.weight] = self._measure(guidance, most, condition), most
        return min(best, most)

    def _measure(self, guidance: Guidance, most: int, condition: Tensor) -> int:
        sigma = self.denoiser.schedule.sigma
        # A step at which guidance acts, since it costs most; the first step if it acts at none.
        t = int(((sigma > guidance.low) & (sigma <= guidance.high)).long().argmax())
        best, best_rate, batch = SMALLEST_BATCH, 0.0, SMALLEST_BATCH
        while batch <= min(LARGEST_BATCH, most):
            try:
                seconds = self._seconds(batch, t, condition, guidance)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                break
            if batch / seconds < WORTHWHILE * best_rate:
                break
            best, best_rate, batch = batch, batch / seconds, 2 * batch
        return best

    def _seconds(self, batch: int, t: int, condition: Tensor, guidance: Guidance) -> float:
        where = device()
        x = torch.zeros(batch, *self.denoiser.shape, device=where)
        with torch.no_grad(), torch.autocast(where, torch.bfloat16, enabled=where == "cuda"):
            for _ in range(2):  # the first call warms up
                started = time.perf_counter()
                guided_eps(self.denoiser, x, t, condition.expand(batch, -1), guidance).sum().item()
                seconds = time.perf_counter() - started
        return seconds
