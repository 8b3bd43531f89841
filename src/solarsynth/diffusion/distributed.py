"""Several processes, started by torchrun, that train one model: their number, their ranks, their barriers."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist


def start(device: str) -> None:
    """Join the other processes if torchrun started this one to work on `device`; otherwise do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        dist.init_process_group("nccl" if device == "cuda" else "gloo")


def stop() -> None:
    """Leave the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def world() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def barrier() -> None:
    """Wait for the others."""
    if dist.is_initialized():
        dist.barrier()


def from_first(word: str = "") -> str:
    """Return process 0's `word` in all processes; the words of the others are ignored."""
    shared = [word]
    dist.broadcast_object_list(shared, src=0)
    return shared[0]


def mean(values: torch.Tensor) -> torch.Tensor:
    """Return the mean over the processes."""
    if dist.is_initialized():
        values = values.clone()
        dist.all_reduce(values)
        values /= world()
    return values
