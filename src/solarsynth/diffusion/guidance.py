"""Classifier-free guidance, Eq. 6, optionally inside an interval of noise levels only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from solarsynth.diffusion.conditioning import null_like
from solarsynth.diffusion.parameterisations import Denoiser
from solarsynth.errors import SolarsynthError


@dataclass(frozen=True)
class Guidance:
    """The weight of guidance and the noise levels at which it acts.

    Attributes
    ----------
    weight : float
        w of Eq. 6. 0 samples from the conditional model, -1 from the unconditional one.
    low, high : float
        w acts where ``low < σ <= high``, with the noise level σ = sqrt((1 - ᾱ) / ᾱ). Elsewhere the model is
        conditional without guidance, which costs half (Kynkäänniemi et al. 2024, doi:10.48550/arXiv.2404.07724).
    """

    weight: float = 0.0
    low: float = 0.0
    high: float = math.inf

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise SolarsynthError(f"guidance must be a finite number, got {self.weight}")
        if not self.low < self.high:
            raise SolarsynthError(
                f"the guidance interval is empty: its lower end {self.low:g} must be below its upper end {self.high:g}"
            )

    def at(self, sigma: float) -> float:
        """Return w at a noise level."""
        return self.weight if self.low < sigma <= self.high else 0.0


def guided_eps(denoiser: Denoiser, x_t: Tensor, t: int, condition: Tensor, guidance: Guidance | float) -> Tensor:
    """Return (1 + w) ε_θ(x_t, c) - w ε_θ(x_t), Eq. 6, both terms in one forward pass.

    Parameters
    ----------
    denoiser : Denoiser
    x_t : Tensor, shape (B, ...)
    t : int
        Time step, the same for all.
    condition : Tensor, shape (B, d)
    guidance : Guidance or float
        A float is w at every noise level.

    Returns
    -------
    Tensor, shaped like `x_t`
    """
    guidance = guidance if isinstance(guidance, Guidance) else Guidance(guidance)
    w = guidance.at(denoiser.schedule.sigma[t].item())
    step = torch.full((len(x_t),), t, device=x_t.device)
    if w == 0:
        return denoiser.eps(x_t, step, condition)
    if w == -1:
        return denoiser.eps(x_t, step, null_like(condition))
    twice = torch.cat([step, step])
    both = denoiser.eps(torch.cat([x_t, x_t]), twice, torch.cat([condition, null_like(condition)]))
    conditional, unconditional = both.chunk(2)
    return (1 + w) * conditional - w * unconditional
