"""How a stage trains a network: build it, train it where a killed training stopped, write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.stages.graph import Job

if TYPE_CHECKING:
    from solarsynth.diffusion.selection import HeldOutLoss

LOG_LINES = 100
# The log is shorter if looking at the held-out images at each line would take more than this share of the training.
WATCH_SHARE = 0.15
FORWARD_SHARE = 1 / 3  # of a training step: the backward pass costs twice as much as the forward pass
FEWEST_LOOKS = 10


def train_network(
    job: Job,
    architecture: dict[str, Any],
    config: dict[str, Any],
    image: np.ndarray,
    condition: np.ndarray,
    about: dict[str, Any],
    *,
    seed: int,
    description: str,
    start: Callable[[Any], None] | None = None,
    finish: Callable[[Any], None] | None = None,
    held_out: HeldOutLoss | None = None,
) -> None:
    """Train a network in the job's folder and leave weights, description and log there.

    Parameters
    ----------
    job : Job
    architecture : dict
        What `solarsynth.networks.build` needs.
    config : dict
        Fields of `solarsynth.diffusion.training.TrainingConfig`, without seed and log.
    image : ndarray, shape (n, H, W) uint8 or (n, d) float32
    condition : ndarray, shape (n, d)
    about : dict
        Written beside the weights.
    seed : int
        Of the first weights and of the training.
    description : str
        Names the progress bar.
    start, finish : callable, optional
        Called with the fresh and with the trained network.
    held_out : HeldOutLoss, optional
        Watches the training: the state with the lowest loss is written. ``chosen`` in the description says at how many
        images that was, how low the loss is and over how many images it is the mean; it is None without `held_out`.
    """
    from solarsynth.devices import device
    from solarsynth.diffusion import distributed
    from solarsynth.diffusion.checkpoints import CHECKPOINT
    from solarsynth.diffusion.selection import BEST
    from solarsynth.diffusion.training import TrainingConfig, train
    from solarsynth.networks import build, write_network

    log_every = max(config["batch_size"], config["train_images"] // log_lines(config["train_images"], held_out))
    training = TrainingConfig(**config, seed=seed, log_every=log_every)
    network = build(architecture, seed=seed)
    if start:
        start(network)
    ema = train(
        network,
        image,
        condition,
        training,
        job.folder,
        device=device(),
        compiled=job.lab.compiled,
        description=f"{description}: training",
        watch=held_out,
    )
    if distributed.rank():
        return
    if finish:
        finish(ema.average)
    # None: the state at the end, because no image was kept back to choose by.
    chosen = vars(ema.chosen) | {"held_out_images": len(held_out)} if ema.chosen else None
    write_network(job.folder, ema.average, about | {"chosen": chosen, "architecture": architecture})
    for name in (CHECKPOINT, BEST):
        (job.folder / name).unlink(missing_ok=True)


def log_lines(train_images: int, held_out: HeldOutLoss | None) -> int:
    """Return the number of lines of a training's log, at each of which the held-out images are looked at."""
    if held_out is None:
        return LOG_LINES
    affordable = WATCH_SHARE * train_images / (FORWARD_SHARE * len(held_out))
    return int(min(LOG_LINES, max(FEWEST_LOOKS, affordable)))
