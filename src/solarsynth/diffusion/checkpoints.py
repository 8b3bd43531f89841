"""Checkpoints of a training: everything that a killed training needs to go on exactly, without pickle."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from solarsynth.files import DAMAGED, replacing, write_bytes

CHECKPOINT = "checkpoint.safetensors"
LOG = "training.csv"

#: What AdamW keeps for each parameter.
ADAMW_STATE = {"step", "exp_avg", "exp_avg_sq"}


@dataclass
class Progress:
    """How far a training has come.

    Attributes
    ----------
    step : int
        Optimiser steps done.
    rows : list of list of float
        Lines of the log: images seen, mean loss, mean score, mean norm of the gradient, and the loss on held-out
        images if the training is watched.
    sums : list of float
        Sums of loss, score and norm since the last line.
    counted : int
        Steps in these sums.
    """

    step: int = 0
    rows: list = field(default_factory=list)
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    counted: int = 0


def save_checkpoint(
    folder: Path,
    identity: dict[str, Any],
    model: nn.Module,
    averages: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write weights, their average and the optimiser's state to `folder`, whole or not at all.

    Parameters
    ----------
    folder : Path
    identity : dict
        What the training is; a checkpoint of another one is not resumed.
    model : nn.Module
    averages : mapping of str to nn.Module
        Averages of its weights, by name.
    optimiser : Optimizer
    progress : Progress
    """
    tensors = {f"weights.{name}": value for name, value in model.state_dict().items()}
    for part, average in averages.items():
        tensors |= {f"{part}.{name}": value for name, value in average.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"identity": json.dumps(identity), "progress": json.dumps(vars(progress))}
    write_bytes(folder / CHECKPOINT, save(tensors, metadata=metadata))


def load_checkpoint(
    folder: Path,
    identity: dict[str, Any],
    model: nn.Module,
    averages: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
) -> Progress:
    """Restore what `save_checkpoint` wrote, and say how far the training had come.

    Without a checkpoint the training starts from the beginning. It also does, with a line on standard error, if the
    checkpoint is damaged or belongs to another training.

    Parameters
    ----------
    folder : Path
    identity, model, averages, optimiser
        As for `save_checkpoint`; the modules and the optimiser are restored in place.

    Returns
    -------
    Progress
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return Progress()
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            if json.loads(metadata["identity"]) != json.loads(json.dumps(identity)):
                print(f"{path}: a checkpoint of another training; starting from the beginning", file=sys.stderr)
                return Progress()
            progress = Progress(**json.loads(metadata["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if not all(type(count) is int and count >= 0 for count in (progress.step, progress.counted)):
            raise ValueError("its progress is not a count of steps")
        # Looked at before anything is loaded: a part of a damaged state must not remain in the model.
        modules = {"weights": model, **averages}
        for part, module in modules.items():
            if _shapes(_part(tensors, part)) != _shapes(module.state_dict()):
                raise ValueError(f"{part}: those of another network")
        state = _optimiser_state(_part(tensors, "optimiser"), list(model.parameters()))
    except (SafetensorError, *DAMAGED, RuntimeError):
        print(f"{path}: damaged; starting from the beginning", file=sys.stderr)
        return Progress()
    for part, module in modules.items():
        module.load_state_dict(_part(tensors, part))
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return progress


def _optimiser_state(tensors: dict[str, Tensor], parameters: list[nn.Parameter]) -> dict[int, dict[str, Tensor]]:
    """Return the optimiser's state of each parameter, in its parameter's memory layout.

    The fused optimiser walks through both together.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        like = parameters[int(number)]
        if value.ndim and value.shape != like.shape:
            raise ValueError(f"{name} has another shape")
        laid_out = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(number), {})[key] = laid_out
    if any(set(each) != ADAMW_STATE for each in state.values()):
        raise ValueError("a part of the optimiser's state is missing")
    return state


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): value for name, value in tensors.items() if name.startswith(f"{part}.")}


def write_log(folder: Path, rows: list, score_name: str) -> None:
    """Write the log ``training.csv``: images, loss, score, norm of the gradient and, if watched, held-out loss."""
    columns = ("images", "loss", score_name, "gradient_norm", "held_out_loss")
    with replacing(folder / LOG) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns[: len(rows[0])] if rows else columns[:4])
        writer.writerows([int(row[0]), *(f"{value:.6g}" for value in row[1:])] for row in rows)
