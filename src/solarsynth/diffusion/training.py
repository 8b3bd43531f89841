"""One training loop for every model: it resumes exactly, counts in images, and runs on one device or many.

A model is a module that returns the loss and a score of each image; see `Trainable`. All randomness of a step is
seeded with (seed, step), so that a killed run goes on exactly from its last checkpoint. Processes that torchrun starts
share the same global batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from solarsynth import progress
from solarsynth.devices import out_of_memory, within_memory
from solarsynth.diffusion import distributed
from solarsynth.diffusion.checkpoints import load_checkpoint, save_checkpoint, write_log
from solarsynth.diffusion.conditioning import drop
from solarsynth.diffusion.ema import EMA
from solarsynth.diffusion.order import Order
from solarsynth.diffusion.selection import Best
from solarsynth.diffusion.snapshots import Snapshots
from solarsynth.errors import SolarsynthError
from solarsynth.pixels import to_unit


class Trainable(Protocol):
    """What the loop needs of a model (an ``nn.Module``); denoisers, the ceVAE and the classifier provide it.

    Attributes
    ----------
    score_name : str
        Name of the score in the log, such as ``psnr``.
    done : float
        Share of the training that is over; set by the loop.
    """

    score_name: str
    done: float

    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take scales from the whole training set, (n, ...) and (n, d)."""

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Draw the randomness that a batch of `shape` needs; the first axis of each tensor is the batch."""

    def describe(self) -> dict[str, Any]:
        """Return what defines the model, as JSON types."""

    def __call__(self, x_0: Tensor, condition: Tensor, *drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the score of each image, (B,) both."""


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
        Share of the training, at its end, over which the learning rate falls linearly to zero.
    cosine : bool
        Let the learning rate fall to zero along a cosine over the whole training instead.
    ema_decay : float
        Per step.
    ema_start : int
        Step at which averaging begins; until then the average is a copy of the weights.
    ema_snapshots : int
        How often averages are stored for `solarsynth.diffusion.snapshots`; 0: never.
    condition_dropout : float
        Probability, per sample, of dropping the condition.
    gradient_clip : float
        Largest norm of the gradient; 0, as in the paper: not clipped.
    mirror : float
        Probability, per sample, of mirroring an image along its second last axis; the condition must be `Mirrored`.
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
    ema_snapshots: int = 0
    condition_dropout: float = 0.1
    gradient_clip: float = 0.0
    mirror: float = 0.0
    seed: int = 0
    log_every: int = 1000
    checkpoint_every: float = 60.0


def train(
    model: Trainable,
    image: np.ndarray,
    condition: np.ndarray,
    config: TrainingConfig,
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    compiled: bool = False,
    description: str = "",
    watch: Callable[[EMA, int], float] | None = None,
) -> EMA:
    """Train a model, going on from `folder` if a training of the same configuration stopped there.

    Parameters
    ----------
    model : Trainable, trained in place
    image : ndarray, shape (n, H, W) uint8 or (n, d) float32
        Images, 0 to 255 for [-1, 1], or vectors as they are; all of it is kept on the device.
    condition : ndarray, shape (n, d)
        Conditions as the model's condition module takes them.
    config : TrainingConfig
    folder : Path
        Holds the checkpoint and the log ``training.csv``.
    device : device
    compiled : bool
        Use torch.compile, which changes results by rounding only.
    description : str
        Names the progress bar; no bar without it.
    watch : callable, optional
        ``watch(ema, images)`` is called when a line of the log is written. It returns a loss, such as
        `solarsynth.diffusion.selection.HeldOutLoss`, which becomes a column of the log.

    Returns
    -------
    EMA
        Its ``average`` is the trained model: with `watch` the state with the lowest loss, which ``chosen`` tells.

    Raises
    ------
    SolarsynthError
        If there are no images, the batch is not divisible by the number of processes, or the loss is not finite.
    """
    if not len(image):
        raise SolarsynthError("training needs at least one image, got none; check the labelled set")
    if config.batch_size % distributed.world():
        raise SolarsynthError(
            f"batch_size must be divisible by the {distributed.world()} processes, got {config.batch_size}"
        )
    training = _Training(model, image, condition, config, folder, torch.device(device), compiled, watch)
    with torch.random.fork_rng(devices=[device] if training.device.type == "cuda" else []):
        for loss, score in training.run():
            training.show(description, loss, score)
    training.finish()
    return training.ema


class _Training:
    """The state of one training, and its loop."""

    def __init__(self, model, image, condition, config: TrainingConfig, folder: Path, device, compiled, watch) -> None:
        self.model, self.config, self.folder, self.device, self.watch = model, config, folder, device, watch
        data = torch.from_numpy(np.ascontiguousarray(image))
        data = data[:, None] if data.dtype == torch.uint8 else data
        conditions = torch.from_numpy(np.ascontiguousarray(condition, np.float32))
        model.fit(_scaled(data), conditions)
        model.to(device).train()
        self.data, self.conditions = data.to(device), conditions.to(device)
        self.steps = -(-config.train_images // config.batch_size)
        snapshots = Snapshots(model, folder, self.steps, config.ema_snapshots) if config.ema_snapshots else None
        self.ema = EMA(model, config.ema_decay, config.ema_start, snapshots)
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.identity = {
            "training": {k: v for k, v in asdict(config).items() if k != "checkpoint_every"},
            "model": model.describe(),
            "images": list(image.shape),
            "watched": watch is not None,
        }
        distributed.barrier()  # nobody reads a checkpoint while process 0 still writes that of an older run
        self.progress = load_checkpoint(folder, self.identity, model, self.ema.parts, self.optimiser)
        self.best = Best(folder, self.identity)
        if self.progress.step:
            self.best.load()
        if compiled:
            getattr(model, "network", model).compile()
        world, rank = distributed.world(), distributed.rank()
        self.called = nn.parallel.DistributedDataParallel(model) if world > 1 else model
        self.micro = config.batch_size // world
        self.mine = slice(rank * self.micro, (rank + 1) * self.micro)
        self.order = Order(len(data), config.seed)
        self.sums = torch.tensor(self.progress.sums, dtype=torch.float64, device=device)
        # The first step with a bad loss, kept on the device: reading it every step would wait for the device.
        self.first_bad = torch.full((), -1, device=device)
        self.bar, self.shown, self.saved = None, time.perf_counter(), time.perf_counter()

    def run(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Take every step that is left; yield its loss and score."""
        while self.progress.step < self.steps:
            loss, score, norm = self.advance()
            bad = ~(torch.isfinite(loss) & torch.isfinite(norm))
            self.first_bad = torch.where((self.first_bad < 0) & bad, self.progress.step, self.first_bad)
            self.optimiser.step()
            self.progress.step += 1
            self.ema.update(self.model, self.progress.step)
            self.sums += torch.stack([loss, score, norm]).double()
            self.progress.counted += 1
            self.log()
            yield loss, score
            if time.perf_counter() - self.saved > self.config.checkpoint_every or self.progress.step == self.steps:
                self.save()

    def advance(self) -> tuple[Tensor, Tensor, Tensor]:
        """Leave the gradients of the next batch in the model; return loss, score and the gradients' norm."""
        config, step, batch = self.config, self.progress.step, self.config.batch_size
        self.model.done = step / self.steps
        index = _to(torch.from_numpy(self.order.batch(step, batch)[self.mine]), self.device)
        x_0 = _scaled(self.data[index])
        # Drawn on the CPU, for the whole batch, so that it does not depend on the devices.
        generator = torch.Generator().manual_seed(_mixed(config.seed, 2, step))
        drawn = self.model.draw((batch, *x_0.shape[1:]), generator)
        drawn = [_to(values[self.mine], self.device) for values in drawn]
        dropped = torch.rand(batch, generator=generator)[self.mine] < config.condition_dropout
        condition = drop(self.conditions[index], _to(dropped, self.device))
        if config.mirror:
            mirrored = _to(torch.rand(batch, generator=generator)[self.mine] < config.mirror, self.device)
            x_0 = torch.where(mirrored[:, None, None, None], x_0.flip(-2), x_0)
            condition = torch.cat([condition, mirrored[:, None]], dim=1)
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * _decay(step / self.steps, config)

        def attempt(micro: int) -> tuple[Tensor, Tensor]:
            torch.manual_seed(_mixed(config.seed, 3 + distributed.rank(), step))  # of dropout layers
            self.optimiser.zero_grad(set_to_none=True)
            return _gradients(self.called, x_0, condition, drawn, micro)

        # With several processes none may halve its part alone: the others would wait for its gradients.
        smallest = 1 if distributed.world() == 1 else self.micro
        try:
            (loss, score), self.micro = within_memory(attempt, self.micro, smallest)
        except (RuntimeError, MemoryError) as error:
            if distributed.world() == 1 or not out_of_memory(error):
                raise
            raise SolarsynthError(
                f"too little memory for {self.micro} images in a process; lower batch_size or start more processes"
            ) from None
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip or float("inf"))
        return loss, score, norm

    def log(self) -> None:
        """Add a line to the log if it is time for one."""
        batch, step, every = self.config.batch_size, self.progress.step, self.config.log_every
        if (step * batch) // every > ((step - 1) * batch) // every or step == self.steps:
            self.check()
            means = (distributed.mean(self.sums) / self.progress.counted).tolist()
            if self.watch:
                means.append(self.watch(self.ema, step * batch))
                self.best.offer(self.ema.average, step * batch, means[-1])
            self.progress.rows.append([step * batch, *means])
            self.sums.zero_()
            self.progress.counted = 0

    def check(self) -> None:
        """Stop the training if a loss was not finite."""
        if self.first_bad >= 0:
            if not distributed.rank():
                write_log(self.folder, self.progress.rows, self.model.score_name)
            raise SolarsynthError(
                f"the loss is not finite after {int(self.first_bad) * self.config.batch_size:,} images; lower "
                f"learning_rate, got {self.config.learning_rate:g}"
            )

    def save(self) -> None:
        """Write a checkpoint and the log."""
        self.check()
        if not distributed.rank():
            self.progress.sums = self.sums.tolist()
            self.best.save()  # first: a resumed training meets a later best state again, but not an earlier one
            save_checkpoint(self.folder, self.identity, self.model, self.ema.parts, self.optimiser, self.progress)
            write_log(self.folder, self.progress.rows, self.model.score_name)
        self.saved = time.perf_counter()

    def show(self, description: str, loss: Tensor, score: Tensor) -> None:
        """Move the progress bar, about once a second."""
        step, batch, now = self.progress.step, self.config.batch_size, time.perf_counter()
        if not description or distributed.rank() or (now - self.shown < 1 and step < self.steps):
            return
        if self.bar is None:
            self.bar = progress.bar(description, self.steps * batch)
            self.bar.initial = self.bar.n = min(step, self.steps) * batch
        self.shown = now
        self.bar.set_postfix_str(f"loss {loss.item():.4f}, {self.model.score_name} {score.item():.3g}", refresh=False)
        self.bar.update(step * batch - self.bar.n)
        if step == self.steps:
            self.bar.close()

    def finish(self) -> None:
        """Take the best state and write the log again, which a training killed after its last checkpoint may lack."""
        self.ema.chosen = self.best.restore(self.ema.average)
        if not distributed.rank():
            write_log(self.folder, self.progress.rows, self.model.score_name)
        distributed.barrier()


def _decay(done: float, config: TrainingConfig) -> float:
    """Return the factor of the learning rate at a share of the training."""
    if config.cosine:
        return 0.5 * (1 + math.cos(math.pi * done))
    return min(1.0, (1 - done) / max(config.cooldown, 1e-9))


def _mixed(*numbers: int) -> int:
    """Return one seed made of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _to(values: Tensor, device: torch.device) -> Tensor:
    """Copy to the device. Pinned memory lets the CPU go on meanwhile."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values


def _scaled(data: Tensor) -> Tensor:
    return to_unit(data) if data.dtype == torch.uint8 else data


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
