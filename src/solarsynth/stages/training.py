"""How a stage trains a network: build it, train it where a killed training stopped, write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from solarsynth.stages.graph import Job


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
    """
    from solarsynth.devices import device
    from solarsynth.diffusion import distributed
    from solarsynth.diffusion.checkpoints import CHECKPOINT
    from solarsynth.diffusion.training import TrainingConfig, train
    from solarsynth.networks import build, write_network

    log_every = max(config["batch_size"], config["train_images"] // 100)
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
    )
    if distributed.rank():
        return
    if finish:
        finish(ema.average)
    write_network(job.folder, ema.average, about | {"architecture": architecture})
    (job.folder / CHECKPOINT).unlink()
