"""Where networks run, and how large a batch their memory holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from solarsynth.errors import SolarsynthError, shown

Result = TypeVar("Result")


def device() -> str:
    """Return ``cuda`` if there is a GPU, else ``cpu``; the variable SOLARSYNTH_DEVICE chooses one of them.

    Raises
    ------
    SolarsynthError
        If SOLARSYNTH_DEVICE names a device that this machine does not have.
    """
    chosen = os.environ.get("SOLARSYNTH_DEVICE", "")
    if chosen not in ("", "cpu", "cuda"):
        raise SolarsynthError(f"SOLARSYNTH_DEVICE must be cpu or cuda, got {shown(chosen)}")
    if chosen == "cuda" and not torch.cuda.is_available():
        raise SolarsynthError("SOLARSYNTH_DEVICE is cuda, but torch sees no GPU; unset it or set it to cpu")
    return chosen or ("cuda" if torch.cuda.is_available() else "cpu")


def describe_device() -> str:
    """Return the device with the GPU's name, for manifests and pages."""
    return torch.cuda.get_device_name() if device() == "cuda" else "cpu"


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory of the device or of the CPU was too small."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def within_memory(attempt: Callable[[int], Result], batch: int, smallest: int = 1) -> tuple[Result, int]:
    """Call ``attempt(batch)``; halve the batch and call again while memory is too small.

    Parameters
    ----------
    attempt : callable
    batch : int
    smallest : int
        The error is raised if even a batch of this size does not fit.

    Returns
    -------
    result
        What `attempt` returned.
    batch : int
        The batch that fitted, for the calls that follow.
    """
    while True:
        try:
            return attempt(batch), batch
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or batch <= smallest:
                raise
        batch = max(smallest, batch // 2)  # outside the handler, which keeps the failed batch in memory
        torch.cuda.empty_cache()
        print(f"too little memory for the batch; going on with {batch} images at a time", file=sys.stderr)


@torch.no_grad()
def in_batches(
    network: Callable[[Tensor], Tensor],
    image: np.ndarray,
    batch: int = 256,
    prepare: Callable[[np.ndarray], Tensor] = torch.from_numpy,
) -> np.ndarray:
    """Apply a network to images in batches that fit into memory.

    Parameters
    ----------
    network : callable
        Maps what `prepare` returns, moved to the device, to (k, d).
    image : ndarray of uint8, shape (n, H, W)
    batch : int
    prepare : callable
        Maps images (k, H, W) to a tensor.

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    parts, first = [], 0
    while first < len(image) or not parts:  # once even without images, for the number of features

        def attempt(size: int, first: int = first) -> np.ndarray:
            part = np.ascontiguousarray(image[first : first + size])
            return network(prepare(part).to(device())).float().cpu().numpy()

        result, batch = within_memory(attempt, batch)
        parts.append(result)
        first += batch
    return np.concatenate(parts)
