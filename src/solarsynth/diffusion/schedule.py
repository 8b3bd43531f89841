"""The forward process (Sect. 3.1): the variance schedule and what follows from it in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from solarsynth.errors import SolarsynthError


class Schedule:
    """Linear variance schedule (Ho et al. 2020), Eq. 1.

    Time steps count from 0 to ``n_steps - 1``; as in the paper's code lineage training draws t from
    1 to ``n_steps - 1`` and sampling takes ``n_steps - 1`` steps.

    Parameters
    ----------
    n_steps : int
        T.
    beta_start, beta_end : float
        First and last variance, 0 < beta_start < beta_end < 1.

    Attributes
    ----------
    beta, alpha, alpha_bar : Tensor of float64, shape (T,)
        β_t, α_t = 1 - β_t and their running product, Eq. 4.
    sigma : Tensor of float64, shape (T,)
        Noise level of ``x_t / sqrt(alpha_bar)``: sqrt((1 - ᾱ) / ᾱ), increasing.
    """

    def __init__(self, n_steps: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02) -> None:
        if not 0 < beta_start < beta_end < 1:
            raise SolarsynthError(
                f"the schedule needs 0 < beta_start < beta_end < 1, got {beta_start:g} and {beta_end:g}"
            )
        self.n_steps = n_steps
        self.beta = torch.linspace(beta_start, beta_end, n_steps, dtype=torch.float64)
        self.alpha = 1 - self.beta
        self.alpha_bar = self.alpha.cumprod(0)
        self.sigma = ((1 - self.alpha_bar) / self.alpha_bar).sqrt()
        self._tables: dict[tuple[str, torch.device], Tensor] = {}  # copies, by name and device

    def add_noise(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """Return x_t ~ q(x_t | x_0), the closed form inside Eq. 5.

        Parameters
        ----------
        x_0, eps : Tensor, shape (B, ...)
            Images in [-1, 1], or vectors, and standard normal noise.
        t : Tensor of int64, shape (B,)

        Returns
        -------
        Tensor, shaped like `x_0`
        """
        alpha_bar = self.at("alpha_bar", t, x_0)
        return alpha_bar.sqrt() * x_0 + (1 - alpha_bar).sqrt() * eps

    def at(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        """Return an attribute's values at `t` (B,), shaped (B, 1, ...), with the device and dtype of `like`."""
        key = (name, like.device)
        if key not in self._tables:
            self._tables[key] = getattr(self, name).to(like.device)
        return self._tables[key][t].to(like.dtype).view(-1, *[1] * (like.ndim - 1))

    def step_of_sigma(self, sigma: Tensor) -> Tensor:
        """Return the time steps, at least 1, whose noise levels are closest to `sigma` in the logarithm."""
        log_sigma, wanted = self.sigma.log().to(sigma.device), sigma.double().log()
        above = torch.searchsorted(log_sigma, wanted).clamp(1, self.n_steps - 1)
        closer_below = (wanted - log_sigma[above - 1]) < (log_sigma[above] - wanted)
        return (above - closer_below.long()).clamp(min=1)
