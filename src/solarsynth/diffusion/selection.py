"""Choose the state of a training by its loss on images that it does not learn from."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from solarsynth.diffusion.ema import EMA
from solarsynth.files import write_bytes
from solarsynth.pixels import to_unit

BEST = "best.safetensors"


class HeldOutLoss:
    """The mean loss of the averaged weights on held-out images: a `watch` for `solarsynth.diffusion.training.train`.

    The masks and the noise that a loss needs are drawn once, from a seed of their own. Two looks at the same weights
    give the same number, and two looks at different weights differ by the weights alone.

    Parameters
    ----------
    image : ndarray of uint8, shape (n, H, W)
    condition : ndarray, shape (n, d)
        As for `train`.
    weight : ndarray of float, shape (n,), optional
        Of each image in the mean; all alike without it.
    batch : int
        Images that are evaluated together.
    """

    def __init__(
        self, image: np.ndarray, condition: np.ndarray, weight: np.ndarray | None = None, batch: int = 256
    ) -> None:
        self.image = torch.from_numpy(np.ascontiguousarray(image))[:, None]
        self.condition = torch.from_numpy(np.ascontiguousarray(condition, np.float32))
        weight = np.ones(len(image)) if weight is None else np.asarray(weight, float)
        self.weight, self.batch = torch.from_numpy(weight / weight.sum()), batch
        self._drawn: tuple[Tensor, ...] | None = None

    def __len__(self) -> int:
        return len(self.image)

    @torch.no_grad()
    def __call__(self, ema: EMA, images: int) -> float:
        """Return the weighted mean of the loss; `images`, how many the training has seen, does not matter to it."""
        model = ema.average
        where = next(model.parameters()).device
        if self._drawn is None:
            generator = torch.Generator().manual_seed(0)
            self._drawn = model.draw(tuple(self.image.shape), generator)
        total = 0.0
        for first in range(0, len(self.image), self.batch):
            part = slice(first, first + self.batch)
            x_0 = to_unit(self.image[part].to(where))
            drawn = (values[part].to(where) for values in self._drawn)
            loss, _ = model(x_0, self.condition[part].to(where), *drawn)
            total += float((loss.double().cpu() * self.weight[part]).sum())
        return total


@dataclass(frozen=True)
class Chosen:
    """The state that was kept.

    Attributes
    ----------
    images : int
        Images that the training had seen.
    loss : float
        What `watch` returned.
    """

    images: int
    loss: float


class Best:
    """The averaged weights with the lowest held-out loss so far, in memory and in the folder of the training.

    Parameters
    ----------
    folder : Path
    identity : dict
        What the training is; the file of another one is not read.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.path, self.identity = folder / BEST, json.dumps(identity)
        self.chosen: Chosen | None = None
        self.state: dict[str, Tensor] = {}
        self._saved: Chosen | None = None

    def load(self) -> None:
        """Take up what `save` wrote. A training that is resumed goes on from it."""
        if not self.path.is_file():
            return
        try:
            with safe_open(self.path, "pt") as file:
                about = file.metadata()
                if about["identity"] != self.identity:
                    return
                self.chosen = self._saved = Chosen(**json.loads(about["chosen"]))
                self.state = {name: file.get_tensor(name) for name in file.keys()}
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            print(f"{self.path}: damaged; the best state is looked for in what is left", file=sys.stderr)

    def offer(self, average: nn.Module, images: int, loss: float) -> None:
        """Keep a state if its loss is lower than that of all before; a loss of NaN never is."""
        if not loss < (self.chosen.loss if self.chosen else float("inf")):
            return
        self.chosen = Chosen(images, loss)
        self.state = {name: value.detach().cpu().clone() for name, value in average.state_dict().items()}

    def save(self) -> None:
        """Write the best state, whole or not at all, unless the file holds it already."""
        if self.chosen == self._saved:
            return
        about = {"identity": self.identity, "chosen": json.dumps(vars(self.chosen))}
        write_bytes(self.path, save({name: value.contiguous() for name, value in self.state.items()}, metadata=about))
        self._saved = self.chosen

    def restore(self, average: nn.Module) -> Chosen | None:
        """Give `average` the best state, and say which it is; without one leave it as it is."""
        if self.chosen:
            average.load_state_dict(self.state)
        return self.chosen
