"""Conditions: a class, a flux or an embedding that a model is given, behind one small interface.

A batch of conditions is a float tensor of shape (B, d). A row of NaN means *unconditional*: it is the second term of
guidance, Eq. 6. A condition module maps the batch to vectors that are added to the time embedding, and unconditional
rows to zeros. The training loop and the samplers handle rows of numbers; they do not know which model they use.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from solarsynth.errors import SolarsynthError


class Condition(nn.Module):
    """Base of all conditionings: `embed` maps conditions, and unconditional rows always become zeros."""

    def fit(self, condition: Tensor) -> None:
        """Take scales from the training conditions (n, d); most kinds need none."""

    def embed(self, condition: Tensor) -> Tensor:
        """Map conditions (B, d) without NaN to embeddings (B, width)."""
        raise NotImplementedError

    def forward(self, condition: Tensor) -> Tensor:
        """Map conditions (B, d), NaN for unconditional rows, to embeddings (B, width)."""
        conditional = ~condition[:, :1].isnan()
        return torch.where(conditional, self.embed(condition.nan_to_num()), 0.0)


class Mirrored(Condition):
    """A condition with one more number: whether the image is mirrored north-south (Karras et al. 2020, 2022).

    A mirrored Sun obeys Joy's law and has its belts in place, so it is a second Sun for training. Because the network
    is told, it does not draw mirrored Suns unless asked (non-leaky augmentation, doi:10.48550/arXiv.2006.06676,
    doi:10.48550/arXiv.2206.00364, App. F.2). The training loop adds the number as the last column, to unconditional
    rows too. Sampling leaves the column out, which means not mirrored.

    Parameters
    ----------
    condition : Condition
        What the image is conditioned on besides.
    width : int
        Width of the time embedding.
    """

    def __init__(self, condition: Condition, width: int) -> None:
        super().__init__()
        self.condition = condition
        self.mirrored = nn.Parameter(torch.zeros(width))
        self.columns: int | None = None  # of the inner condition, once a training has begun

    def fit(self, condition: Tensor) -> None:
        """Take the inner condition's scales and its number of columns from the training conditions (n, d)."""
        self.columns = condition.shape[1]
        self.condition.fit(condition)

    def forward(self, condition: Tensor) -> Tensor:
        """Map conditions (B, d), or (B, d + 1) with 1 where an image is mirrored, to embeddings (B, width)."""
        if self.columns is None or condition.shape[1] == self.columns:
            return self.condition(condition)
        return self.condition(condition[:, :-1]) + condition[:, -1:] * self.mirrored


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

    The layers see the standardised logarithm, since the flux spans five decades. A SiLU stands between them, because
    two linear layers without a nonlinearity are one linear layer.

    Parameters
    ----------
    width : int
        Width of the time embedding.

    Attributes
    ----------
    log_mean, log_std : Tensor of float32, shape ()
        Mean and standard deviation of log10 of the training fluxes.
    """

    log_mean: Tensor
    log_std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("log_mean", torch.tensor(-6.0))
        self.register_buffer("log_std", torch.tensor(1.0))
        self.layers = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))

    @torch.no_grad()
    def fit(self, condition: Tensor) -> None:
        """Take mean and standard deviation from the training fluxes (n, 1).

        Raises
        ------
        SolarsynthError
            For a flux that is not positive and finite.
        """
        wrong = ~(condition.isfinite() & (condition > 0))
        if wrong.any():
            raise SolarsynthError(
                f"fluxes must be positive numbers in W/m², got {condition[wrong][0].item():g} "
                f"({int(wrong.sum())} of {len(condition)} are wrong); leave those frames out of the labelled set"
            )
        log_flux = condition.double().log10()
        self.log_mean.copy_(log_flux.mean())
        self.log_std.copy_(log_flux.std(correction=0).clamp(min=1e-3))

    def embed(self, condition: Tensor) -> Tensor:
        """Standardise the logarithm, then the layers."""
        # The clamp concerns unconditional rows only; they are zero here, and their result is not used.
        return self.layers((condition.clamp(min=1e-12).log10() - self.log_mean) / self.log_std)


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
        """Look the classes up and join each with its z."""
        return self.join(torch.cat([self.embedding(condition[:, 0].long()), condition[:, 1:]], dim=1))


def null_like(condition: Tensor) -> Tensor:
    """Return the unconditional rows for a batch of conditions (B, d)."""
    return torch.full_like(condition, torch.nan)


def drop(condition: Tensor, dropped: Tensor) -> Tensor:
    """Make conditions (B, d) unconditional where `dropped` (B,) bool is set (Ho & Salimans 2022, Alg. 1)."""
    return condition.masked_fill(dropped[:, None], torch.nan)
