"""What a model is asked for: one small interface, so that trainer and sampler never ask which it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: A condition that asks for nothing: guidance's unconditional branch.
NULL = -1


class DiscreteLabel(nn.Module):
    """The paper's first model: an embedding per GOES class, added to the time embedding (Sect. 4).

    Parameters
    ----------
    n_classes : int
    width : int
        Width of the time embedding.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_classes, width)

    def forward(self, label: Tensor) -> Tensor:
        """Map labels (B,) int64, `NULL` where nothing is asked, to embeddings (B, width)."""
        asked = (label != NULL).to(self.embedding.weight.dtype)
        return self.embedding(label.clamp(min=0)) * asked[:, None]


def null_like(condition: Tensor) -> Tensor:
    """Return the null condition for a batch."""
    return torch.full_like(condition, NULL)


def drop(condition: Tensor, dropped: Tensor) -> Tensor:
    """Replace conditions by the null one where `dropped` (B,) bool is set (Ho & Salimans 2022, Alg. 1)."""
    return torch.where(dropped, null_like(condition), condition)
