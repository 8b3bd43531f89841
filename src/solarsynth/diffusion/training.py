"""One training loop for every model: resumable, exact, counted in images, on one device or many.

A model is a module that, called with x_0, the condition and what it drew, returns the loss per image and a figure of
merit; see `Trainable`. All randomness of a step is drawn from generators seeded with (seed, step). A
killed run therefore goes on exactly where its last checkpoint was, without a random state to store, and ends with
the same weights. Started by torchrun, every process takes its share of the same global batch.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from solarsynth.diffusion import distributed
from solarsynth.diffusion.conditioning import drop
from solarsynth.errors import SolarsynthError

CHECKPOINT = "checkpoint.safetensors"
LOG = "training.csv"


class Trainable(Protocol):
    """What the loop asks of a model (an ``nn.Module``): denoisers, ceVAE and classifier answer.

    Attributes
    ----------
    score_name : str
        What the figure of merit is called in the log.
    """

    score_name: str

    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take scales from the whole training set, (n, ...) and (n, d)."""

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Draw the randomness that a batch of `shape` needs; the first axis of each tensor is the batch."""

    def describe(self) -> dict[str, Any]:
        """Return what defines the model, as JSON types."""

    def __call__(self, x_0: Tensor, condition: Tensor, *drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the figure of merit of each image, (B,) both."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained; durations are counted in images.

    Attributes
    ----------
    train_images : int
        Length of the training.
    batch_size : int
    learning_rate, weight_decay : float
        AdamW's (Loshchilov & Hutter 2019).
    cooldown : float
        Share of the training, at its end, over which the learning rate falls linearly to zero; the paper
        has none.
    cosine : bool
        Let the learning rate fall to zero along a cosine over the whole training instead.
    ema_decay : float
        Per step.
    ema_start : int
        Step at which averaging begins; until then the average is a copy of the weights.
    condition_dropout : float
        Probability, per sample, of dropping the condition.
    gradient_clip : float
        Largest norm of the gradient; 0, as in the paper: not clipped.
    seed : int
    log_every : int
        Images between two lines of the log.
    checkpoint_every : float
        Seconds between two checkpoints.
    """

    train_images: int
    batch_size: int = 12
    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    cooldown: float = 0.0
    cosine: bool = False
    ema_decay: float = 0.995
    ema_start: int = 2000
    condition_dropout: float = 0.1
    gradient_clip: float = 0.0
    seed: int = 0
    log_every: int = 1000
    checkpoint_every: float = 60.0


@dataclass(frozen=True)
class Progress:
    """What a running training reports.

    Attributes
    ----------
    images, total : int
        Images seen and to be seen.
    loss, score : float
        Of the last step.
    score_name : str
        What the score is, such as ``psnr``.
    images_per_second, seconds_left : float
    """

    images: int
    total: int
    loss: float
    score: float
    score_name: str
    images_per_second: float
    seconds_left: float

    def __str__(self) -> str:
        return (
            f"{self.images:>9,} of {self.total:,} images  loss {self.loss:.4f}  {self.score_name} {self.score:.3g}  "
            f"{self.images_per_second:.0f} images/s  {self.seconds_left:.0f} s left"
        )


class EMA:
    """Exponential moving average of the weights; buffers are copied.

    Parameters
    ----------
    module : nn.Module
        The module whose weights are averaged.
    decay : float
    start : int
        Updates before this many steps copy.
    """

    def __init__(self, module: nn.Module, decay: float, start: int) -> None:
        self.decay, self.start = decay, start
        self.average = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after optimiser step number `step`, counted from 1."""
        decay = self.decay if step > self.start else 0.0
        averages, values = list(self.average.parameters()), list(module.parameters())
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in zip(self.average.buffers(), module.buffers(), strict=True):
            average.copy_(value)


def train(
    model: Trainable,
    image: np.ndarray,
    condition: np.ndarray,
    config: TrainingConfig,
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    compiled: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> EMA:
    """Train a model, going on from `folder` if a run of the same configuration stopped there.

    Parameters
    ----------
    model : Trainable
        Trained in place.
    image : ndarray, shape (n, H, W) uint8 or (n, d) float32
        Images, 0..255 for [-1, 1], or vectors as they are; all of it is kept on the device.
    condition : ndarray, shape (n, d)
        What the model's condition understands.
    config : TrainingConfig
    folder : Path
        Holds the checkpoint and the log ``training.csv``.
    device : device
    compiled : bool
        Whether torch.compile makes the network faster first; it changes results by rounding only.
    report : callable, optional
        Called with a `Progress` about once a second.

    Returns
    -------
    EMA
        Its ``average`` is the trained model.

    Raises
    ------
    SolarsynthError
        If the loss is not finite, naming the image count; if the batch does not divide by the processes.
    """
    if not len(image):
        raise SolarsynthError("no images to train on; does the labelled set's training part hold any?")
    world, rank = distributed.world(), distributed.rank()
    batch = config.batch_size
    if batch % world:
        raise SolarsynthError(f"a batch of {batch} does not divide by {world} processes")
    device = torch.device(device)
    data = torch.from_numpy(np.ascontiguousarray(image))
    data = data[:, None] if data.dtype == torch.uint8 else data
    conditions = torch.from_numpy(np.ascontiguousarray(condition, np.float32))
    model.fit(_scaled(data), conditions)
    model.to(device).train()
    data, conditions = data.to(device), conditions.to(device)
    ema = EMA(model, config.ema_decay, config.ema_start)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    identity = {
        "training": {k: v for k, v in asdict(config).items() if k != "checkpoint_every"},
        "model": model.describe(),
        "images": list(image.shape),
    }
    distributed.barrier()  # nobody reads a checkpoint while process 0 still writes an older run's
    step, rows, sums, counted = _load_checkpoint(folder, identity, model, ema, optimiser)
    if compiled:
        getattr(model, "network", model).compile()
    called = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    mine = slice(rank * batch // world, (rank + 1) * batch // world)
    order = _Order(len(data), config.seed)
    sums = torch.tensor(sums, dtype=torch.float64, device=device)
    first_bad = torch.full((), -1, device=device)  # kept on the device: reading it every step would wait for it
    micro = batch // world
    steps = -(-config.train_images // batch)
    started = reported = saved = time.perf_counter()
    first_step = step

    def check() -> None:
        if first_bad >= 0:
            if not rank:
                _write_log(folder, rows, model.score_name)
            raise SolarsynthError(
                f"the loss is not finite after {int(first_bad) * batch:,} images; lower the learning rate "
                f"(now {config.learning_rate:g})"
            )

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        while step < steps:
            index = _to(torch.from_numpy(order.batch(step, batch)[mine]), device)
            x_0 = _scaled(data[index])
            # Drawn on the CPU, for the whole batch, so that it depends neither on the device nor on how many there are.
            generator = torch.Generator().manual_seed(_mixed(config.seed, 2, step))
            drawn = model.draw((batch, *x_0.shape[1:]), generator)
            drawn = [_to(values[mine], device) for values in drawn]
            dropped = torch.rand(batch, generator=generator)[mine] < config.condition_dropout
            asked = drop(conditions[index], _to(dropped, device))
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * _decay(step / steps, config)
            while True:
                torch.manual_seed(_mixed(config.seed, 3 + rank, step))  # of dropout layers
                optimiser.zero_grad(set_to_none=True)
                try:
                    loss, score = _gradients(called, x_0, asked, drawn, micro)
                    break
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error) or micro == 1:
                        raise
                    if world > 1:  # the others would wait for gradients that this one sends more often
                        raise SolarsynthError(
                            f"too little memory for {micro} images in a process; lower batch_size or start more of them"
                        ) from None
                micro = -(-micro // 2)  # outside the handler, which holds on to the failed batch
                torch.cuda.empty_cache()
                print(
                    f"too little memory for the batch: {micro} images at a time from here, of the same batch",
                    file=sys.stderr,
                )
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip or float("inf"))
            bad = ~(torch.isfinite(loss) & torch.isfinite(norm))
            first_bad = torch.where((first_bad < 0) & bad, step, first_bad)
            optimiser.step()
            step += 1
            ema.update(model, step)
            sums += torch.stack([loss, score, norm]).double()
            counted += 1
            if (step * batch) // config.log_every > ((step - 1) * batch) // config.log_every or step == steps:
                check()
                rows.append([step * batch, *(distributed.mean(sums) / counted).tolist()])
                sums.zero_()
                counted = 0
            now = time.perf_counter()
            if report and not rank and (now - reported > 1 or step == steps):
                reported = now
                rate = (step - first_step) * batch / (now - started)
                left = (steps - step) * batch / rate
                report(Progress(step * batch, steps * batch, loss.item(), score.item(), model.score_name, rate, left))
            if now - saved > config.checkpoint_every or step == steps:
                check()
                if not rank:
                    _save_checkpoint(folder, identity, model, ema, optimiser, step, rows, sums.tolist(), counted)
                    _write_log(folder, rows, model.score_name)
                saved = time.perf_counter()
    if not rank:  # a training killed between its last checkpoint and the log has only this left to do
        _write_log(folder, rows, model.score_name)
    distributed.barrier()
    return ema


class _Order:
    """Which images a step sees: every epoch a permutation of its own."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.epoch, self.order = -1, np.empty(0, np.int64)

    def batch(self, step: int, size: int) -> np.ndarray:
        """Return the indices (size,) int64 of step number `step`."""
        position = np.arange(step * size, (step + 1) * size)
        index = np.empty(size, np.int64)
        for epoch in np.unique(position // self.count):
            if epoch != self.epoch:
                rng = np.random.default_rng([self.seed, 1, int(epoch)])
                self.epoch, self.order = epoch, rng.permutation(self.count)
            here = position // self.count == epoch
            index[here] = self.order[position[here] % self.count]
        return index


def _decay(done: float, config: TrainingConfig) -> float:
    """Return the factor of the learning rate at a share of the training."""
    if config.cosine:
        return 0.5 * (1 + math.cos(math.pi * done))
    return min(1.0, (1 - done) / max(config.cooldown, 1e-9))


def _mixed(*numbers: int) -> int:
    """Return one seed made of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _to(values: Tensor, device: torch.device) -> Tensor:
    """Copy to a GPU while the CPU goes on, which needs pinned memory."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values


def _scaled(data: Tensor) -> Tensor:
    return data.float() / 127.5 - 1 if data.dtype == torch.uint8 else data


def _gradients(model, x_0: Tensor, condition: Tensor, drawn: list[Tensor], micro: int) -> tuple[Tensor, Tensor]:
    """Leave the gradients of the batch's mean loss in the model, `micro` images at a time; return loss and score."""
    loss = score = torch.zeros((), device=x_0.device)
    for first in range(0, len(x_0), micro):
        part = slice(first, first + micro)
        share = len(x_0[part]) / len(x_0)
        with torch.autocast(x_0.device.type, torch.bfloat16, enabled=x_0.device.type == "cuda"):
            each, merit = model(x_0[part], condition[part], *(values[part] for values in drawn))
        mean = each.mean() * share
        mean.backward()
        loss = loss + mean.detach()
        score = score + merit.detach().float().mean() * share
    return loss, score


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory was too small, on the device or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _save_checkpoint(folder, identity, model, ema, optimiser, step, rows, sums, counted) -> None:
    tensors = {f"weights.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in ema.average.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    progress = {"step": step, "rows": rows, "sums": sums, "counted": counted}
    metadata = {"identity": json.dumps(identity), "progress": json.dumps(progress)}
    temporary = folder / f".{CHECKPOINT}.tmp"
    save_file(tensors, temporary, metadata=metadata)
    os.replace(temporary, folder / CHECKPOINT)


def _load_checkpoint(folder, identity, model, ema, optimiser) -> tuple[int, list, list[float], int]:
    fresh = 0, [], [0.0, 0.0, 0.0], 0
    path = folder / CHECKPOINT
    if not path.is_file():
        return fresh
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            if json.loads(metadata["identity"]) != json.loads(json.dumps(identity)):
                print(f"{path}: of another configuration, starting anew", file=sys.stderr)
                return fresh
            progress = json.loads(metadata["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        print(f"{path}: damaged, starting anew", file=sys.stderr)  # half a checkpoint is none
        return fresh
    model.load_state_dict(_part(tensors, "weights."))
    ema.average.load_state_dict(_part(tensors, "average."))
    parameters = list(model.parameters())
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        i, key = name.split(".", 1)
        # Laid out in memory as its parameter is: the fused optimiser walks both side by side.
        like = parameters[int(i)]
        laid_out = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(i), {})[key] = laid_out
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return progress["step"], progress["rows"], progress["sums"], progress["counted"]


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _write_log(folder: Path, rows: list, score_name: str) -> None:
    temporary = folder / f".{LOG}.tmp"
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("images", "loss", score_name, "gradient_norm"))
        writer.writerows([int(row[0]), *(f"{value:.6g}" for value in row[1:])] for row in rows)
    os.replace(temporary, folder / LOG)
