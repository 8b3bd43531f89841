"""Averages of the weights whose length is chosen after the training.

During the training two power-function averages are kept, and stored a few times. The weight of step τ in such an
average after t steps is (γ + 1) τ^γ / t^(γ + 1): the average lengthens with the training and forgets its noisy first
steps. A sum of the stored averages comes near to that of any other length, because their weights, as functions of τ,
nearly span it (Karras et al. 2024, doi:10.48550/arXiv.2312.02696, Sect. 3). With 16 snapshots less than 4 % of the
weight is misplaced at lengths from 0.03 to 0.2.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from solarsynth.diffusion import distributed
from solarsynth.errors import SolarsynthError, reading
from solarsynth.files import write_bytes

#: Lengths of the two averages that are kept, σ_rel: the standard deviation of the weights in τ, as a share of t.
KEPT = (0.05, 0.10)

#: Lengths that can be made of them.
SHORTEST, LONGEST = 0.01, 0.25

FOLDER = "snapshots"


def exponent(length: float) -> float:
    """Return γ of an average of relative length σ_rel.

    The standard deviation of the weights is t √(γ + 1) / ((γ + 2) √(γ + 3)), so γ is the largest real root of a cubic.

    Raises
    ------
    SolarsynthError
        If the length is not from `SHORTEST` to `LONGEST`.
    """
    if not SHORTEST <= length <= LONGEST:
        raise SolarsynthError(f"the length of an average must be from {SHORTEST} to {LONGEST}, got {length:g}")
    inverse = length**-2
    roots = np.roots([1, 7, 16 - inverse, 12 - inverse])
    return float(roots[np.isreal(roots)].real.max())


class Snapshots:
    """The two averages of a training, and when they are stored.

    Parameters
    ----------
    module : nn.Module
        The module whose weights are averaged; buffers are not.
    folder : Path
        Of the training; the files lie in its folder ``snapshots``, named by their step.
    steps : int
        Length of the training.
    count : int
        Snapshots, evenly over the training, the last one at its end.

    Attributes
    ----------
    averages : nn.ModuleList
    """

    def __init__(self, module: nn.Module, folder: Path, steps: int, count: int) -> None:
        self.averages = nn.ModuleList(copy.deepcopy(module).requires_grad_(False).eval() for _ in KEPT)
        self._exponents, self._folder = [exponent(length) for length in KEPT], folder / FOLDER
        self._moments = {math.ceil(steps * k / count) for k in range(1, count + 1)}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Include the weights after optimiser step number `step`, counted from 1, and store them if it is time."""
        values = list(module.parameters())
        for average, gamma in zip(self.averages, self._exponents, strict=True):
            torch._foreach_lerp_(list(average.parameters()), values, 1 - (1 - 1 / step) ** (gamma + 1))
        if step in self._moments and not distributed.rank():
            self._store(step)

    def _store(self, step: int) -> None:
        """Write a snapshot, whole or not at all, in half precision."""
        parts = [(i, name, value) for i, one in enumerate(self.averages) for name, value in one.named_parameters()]
        tensors = {f"{i}.{name}": value.detach().cpu().half().contiguous() for i, name, value in parts}
        write_bytes(self._folder / f"{step}.safetensors", save(tensors))


def products(t_a: np.ndarray, gamma_a: np.ndarray, t_b: np.ndarray, gamma_b: np.ndarray) -> np.ndarray:
    """Return the inner products (n, m) of the weights of averages a (n,) and b (m,), as functions of τ.

    ∫ (γ_a + 1) (γ_b + 1) τ^(γ_a + γ_b) / (t_a^(γ_a + 1) t_b^(γ_b + 1)) dτ from 0 to the smaller t.
    """
    t_a, gamma_a = np.asarray(t_a, float)[:, None], np.asarray(gamma_a, float)[:, None]
    t_b, gamma_b = np.asarray(t_b, float), np.asarray(gamma_b, float)
    power = gamma_a + gamma_b + 1
    # By logarithms: t^γ overflows.
    log = power * np.log(np.minimum(t_a, t_b)) - (gamma_a + 1) * np.log(t_a) - (gamma_b + 1) * np.log(t_b)
    return (gamma_a + 1) * (gamma_b + 1) / power * np.exp(log)


def mixture(steps: Sequence[int], length: float) -> np.ndarray:
    """Return the factors (len(steps), 2) of the stored averages whose sum is nearest to one of another length.

    Nearest in the squared difference of the weights in τ. The average is that of the last of `steps`.
    """
    t = np.repeat(np.asarray(steps, float), len(KEPT))
    gamma = np.tile([exponent(kept) for kept in KEPT], len(steps))
    target = products(t, gamma, [max(steps)], [exponent(length)])
    factors, *_ = np.linalg.lstsq(products(t, gamma, t, gamma), target[:, 0], rcond=None)
    return factors.reshape(len(steps), len(KEPT))


def average_of(folder: Path, length: float) -> dict[str, Tensor]:
    """Return the average weights of relative length `length` over a training.

    Parameters
    ----------
    folder : Path
        Of the training, with its snapshots.
    length : float
        σ_rel, from `SHORTEST` to `LONGEST`.

    Returns
    -------
    dict of str to Tensor of float32
        The parameters; buffers are not among them.

    Raises
    ------
    SolarsynthError
        If there are no snapshots, or a file is damaged.
    """
    files = sorted((folder / FOLDER).glob("*.safetensors"), key=lambda path: int(path.stem))
    if not files:
        raise SolarsynthError(f"{folder}: no snapshots in it; train with ema_snapshots of 4 or more")
    total: dict[str, Tensor] = {}
    for file, factors in zip(files, mixture([int(path.stem) for path in files], length), strict=True):
        with reading(file, "damaged", "train the model again"), safe_open(file, "pt") as tensors:
            for name in tensors.keys():
                part, rest = name.split(".", 1)
                value = tensors.get_tensor(name).float() * float(factors[int(part)])
                total[rest] = total[rest] + value if rest in total else value
    return total
