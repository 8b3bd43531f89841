"""One training loop for every model: resumable, exact, counted in images.

All randomness of a step is drawn from a generator seeded with (seed, step). A killed run therefore goes on
exactly where its last checkpoint was, without a random state to store, and ends with the same weights.
"""

from __future__ import annotations

import copy
import csv
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from solarsynth.diffusion.conditioning import drop
from solarsynth.diffusion.denoiser import Denoiser
from solarsynth.errors import SolarsynthError

CHECKPOINT = "checkpoint.safetensors"
LOG = "training.csv"
LOG_COLUMNS = ("images", "loss", "psnr", "gradient_norm")


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
    ema_decay : float
        Per step.
    ema_start : int
        Step at which averaging begins; until then the average is a copy of the weights.
    condition_dropout : float
        Probability, per sample, of dropping the condition.
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
    ema_decay: float = 0.995
    ema_start: int = 2000
    condition_dropout: float = 0.1
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
    loss, psnr : float
        Means since the last report.
    images_per_second, seconds_left : float
    """

    images: int
    total: int
    loss: float
    psnr: float
    images_per_second: float
    seconds_left: float

    def __str__(self) -> str:
        return (
            f"{self.images:>9,} of {self.total:,} images  loss {self.loss:.4f}  PSNR {self.psnr:.1f} dB  "
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
    denoiser: Denoiser,
    image: np.ndarray,
    condition: np.ndarray,
    config: TrainingConfig,
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    report: Callable[[Progress], None] | None = None,
) -> EMA:
    """Train a denoiser, going on from `folder` if a run of the same configuration stopped there.

    Parameters
    ----------
    denoiser : Denoiser
        Trained in place.
    image : ndarray of uint8, shape (n, H, W)
        0..255 stands for [-1, 1]; all of it is kept on the device.
    condition : ndarray, shape (n, ...)
        What the network's condition understands.
    config : TrainingConfig
    folder : Path
        Holds the checkpoint and the log ``training.csv``.
    device : device
    report : callable, optional
        Called with a `Progress` about once a second.

    Returns
    -------
    EMA
        Its ``average`` is the trained denoiser.

    Raises
    ------
    SolarsynthError
        If the loss is not finite, naming the image count.
    """
    if not len(image):
        raise SolarsynthError("no images to train on; does the labelled set's training part hold any?")
    device = torch.device(device)
    pixels = torch.from_numpy(np.ascontiguousarray(image))[:, None]
    denoiser.fit_pixels(pixels.float() / 127.5 - 1)
    denoiser.to(device).train()
    pixels = pixels.to(device)
    ema = EMA(denoiser, config.ema_decay, config.ema_start)
    optimiser = torch.optim.AdamW(denoiser.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    identity = _identity(denoiser, image, config)
    step, rows = _load_checkpoint(folder, identity, denoiser, ema, optimiser)
    conditions = torch.from_numpy(np.ascontiguousarray(condition)).to(device)
    batch = config.batch_size
    steps = -(-config.train_images // batch)
    sums, counted = np.zeros(3), 0
    started = reported = saved = time.perf_counter()
    first_step = step
    epoch, order = -1, None
    while step < steps:
        position = np.arange(step * batch, (step + 1) * batch)
        index = np.empty(batch, np.int64)
        for e in np.unique(position // len(image)):
            if e != epoch:
                epoch, order = e, np.random.default_rng([config.seed, 1, int(e)]).permutation(len(image))
            here = position // len(image) == e
            index[here] = order[position[here] % len(image)]
        index = torch.from_numpy(index).to(device)
        # Drawn on the CPU so that a run does not depend on the device it uses.
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([config.seed, 2, step]).generate_state(1, np.uint64)[0])
        )
        t = denoiser.draw_steps(batch, generator).to(device)
        x_0 = pixels[index].float() / 127.5 - 1
        eps = torch.randn(x_0.shape, generator=generator).to(device)
        dropped = (torch.rand(batch, generator=generator) < config.condition_dropout).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss_each, x_0_predicted = denoiser.loss(x_0, t, eps, drop(conditions[index], dropped))
        loss = loss_each.mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradient_norm = nn.utils.clip_grad_norm_(denoiser.parameters(), float("inf"))
        if not torch.isfinite(loss) or not torch.isfinite(gradient_norm):
            raise SolarsynthError(
                f"the loss is not finite after {step * batch:,} images; lower the learning rate "
                f"(now {config.learning_rate:g})"
            )
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * min(1.0, (1 - step / steps) / max(config.cooldown, 1e-9))
        optimiser.step()
        step += 1
        ema.update(denoiser, step)
        psnr = _psnr(x_0_predicted.detach(), x_0)
        sums += [loss.item(), psnr, gradient_norm.item()]
        counted += 1
        if (step * batch) // config.log_every > ((step - 1) * batch) // config.log_every or step == steps:
            rows.append([step * batch, *(sums / counted)])
            sums, counted = np.zeros(3), 0
        now = time.perf_counter()
        if report and (now - reported > 1 or step == steps):
            reported = now
            rate = (step - first_step) * batch / (now - started)
            report(Progress(step * batch, steps * batch, loss.item(), psnr, rate, (steps - step) * batch / rate))
        # Only after a line of the log, so that a resumed run averages its lines over the same steps.
        if counted == 0 and (now - saved > config.checkpoint_every or step == steps):
            _save_checkpoint(folder, identity, denoiser, ema, optimiser, step, rows)
            saved = now
    _write_log(folder, rows)
    return ema


def _psnr(x: Tensor, x_0: Tensor) -> float:
    """Return the mean peak signal-to-noise ratio in dB; the peak-to-peak range is 2."""
    error = (x.clamp(-1, 1) - x_0).square().flatten(1).mean(1).clamp(min=1e-10)
    return (10 * torch.log10(4 / error)).mean().item()


def _identity(denoiser: Denoiser, image: np.ndarray, config: TrainingConfig) -> dict[str, Any]:
    """Return what two runs must share for one to go on where the other stopped."""
    settings = asdict(config)
    settings.pop("checkpoint_every")
    return {
        "training": settings,
        "network": denoiser.network.config.as_dict(),
        "parameterisation": denoiser.parameterisation,
        "images": list(image.shape),
    }


def _save_checkpoint(folder, identity, denoiser, ema, optimiser, step, rows) -> None:
    tensors = {f"weights.{name}": value for name, value in denoiser.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in ema.average.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"identity": json.dumps(identity), "step": str(step), "rows": json.dumps(rows)}
    temporary = folder / f".{CHECKPOINT}.tmp"
    save_file(tensors, temporary, metadata=metadata)
    os.replace(temporary, folder / CHECKPOINT)


def _load_checkpoint(folder, identity, denoiser, ema, optimiser) -> tuple[int, list]:
    path = folder / CHECKPOINT
    if not path.is_file():
        return 0, []
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            if json.loads(metadata["identity"]) != json.loads(json.dumps(identity)):
                return 0, []
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return 0, []  # half a checkpoint is none
    denoiser.load_state_dict(_part(tensors, "weights."))
    ema.average.load_state_dict(_part(tensors, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        i, key = name.split(".", 1)
        state.setdefault(int(i), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(metadata["step"]), json.loads(metadata["rows"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _write_log(folder: Path, rows: list) -> None:
    temporary = folder / f".{LOG}.tmp"
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(LOG_COLUMNS)
        writer.writerows([int(row[0]), *(f"{value:.6g}" for value in row[1:])] for row in rows)
    os.replace(temporary, folder / LOG)
