"""What a model is asked for: one small interface, so that trainer and sampler never ask which it is.

A batch of conditions is a float tensor of shape (B, d); a row of NaN asks for nothing, the unconditional branch
of guidance. The modules map it to vectors that are added to the time embedding, zeros where nothing is asked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from solarsynth.errors import SolarsynthError


class Condition(nn.Module):
    """Base of all conditionings: a null row becomes zeros, whatever the module would make of it."""

    def fit(self, condition: Tensor) -> None:
        """Take scales from the training conditions (n, d); most kinds need none."""

    def embed(self, condition: Tensor) -> Tensor:
        """Map conditions (B, d) without NaN to embeddings (B, width)."""
        raise NotImplementedError

    def forward(self, condition: Tensor) -> Tensor:
        """Map conditions (B, d), NaN where nothing is asked, to embeddings (B, width)."""
        asked = ~condition[:, :1].isnan()
        return torch.where(asked, self.embed(condition.nan_to_num()), 0.0)


class DiscreteLabel(Condition):
    """The paper's first model: an embedding per GOES class (Sect. 4). Conditions: class (B, 1).

    Parameters
    ----------
    n_classes : int
    width : int
        Width of the time embedding.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_classes, width)

    def embed(self, condition: Tensor) -> Tensor:
        """Look the classes up."""
        return self.embedding(condition[:, 0].long())


class XRayFlux(Condition):
    """The paper's second model: the flux through two linear layers (Sect. 4). Conditions: W/m² (B, 1).

    The layers see the standardised logarithm, as the flux spans five decades, and a SiLU stands between them:
    two linear layers with nothing between are one.

    Parameters
    ----------
    width : int
        Width of the time embedding.

    Attributes
    ----------
    mean, spread : Tensor of float32, shape ()
        Of log10 of the training fluxes.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(-6.0))
        self.register_buffer("spread", torch.tensor(1.0))
        self.layers = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))

    @torch.no_grad()
    def fit(self, condition: Tensor) -> None:
        """Take mean and spread from the training fluxes (n, 1).

        Raises
        ------
        SolarsynthError
            For a flux that is not positive and finite.
        """
        wrong = ~(condition.isfinite() & (condition > 0))
        if wrong.any():
            raise SolarsynthError(
                f"{int(wrong.sum())} of {len(condition)} fluxes are not positive numbers in W/m² "
                f"(the first: {condition[wrong][0].item():g}); leave those frames out of the labelled set"
            )
        log_flux = condition.double().log10()
        self.mean.copy_(log_flux.mean())
        self.spread.copy_(log_flux.std(correction=0).clamp(min=1e-3))

    def embed(self, condition: Tensor) -> Tensor:
        """Standardise the logarithm, then the layers."""
        # The clamp concerns null rows only, which are zero here and not used.
        return self.layers((condition.clamp(min=1e-12).log10() - self.mean) / self.spread)


class LabelAndEmbedding(Condition):
    """The paper's third model: class and ceVAE embedding, joined by a linear layer (Sect. 4, Fig. 2).

    Conditions: class, then z standardised per dimension (B, 1 + latent). Both are dropped together.

    Parameters
    ----------
    n_classes, latent : int
    width : int
        Width of the time embedding.
    """

    def __init__(self, n_classes: int, latent: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_classes, width)
        self.join = nn.Linear(width + latent, width)

    def embed(self, condition: Tensor) -> Tensor:
        """Look the classes up and join them with z."""
        return self.join(torch.cat([self.embedding(condition[:, 0].long()), condition[:, 1:]], dim=1))


def null_like(condition: Tensor) -> Tensor:
    """Return the null condition for a batch."""
    return torch.full_like(condition, torch.nan)


def drop(condition: Tensor, dropped: Tensor) -> Tensor:
    """Replace conditions (B, d) by the null one where `dropped` (B,) bool is set (Ho & Salimans 2022, Alg. 1)."""
    return condition.masked_fill(dropped[:, None], torch.nan)
