"""How fast this machine trains a network and draws with it, measured with a few steps of the network itself."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from solarsynth.flares import CLASSES
from solarsynth.stages.recording import Network

#: Steps that are timed at least, after one that warms up.
FEWEST_STEPS = 3
#: Images that are drawn together while it is measured.
DRAWN_TOGETHER = {"cpu": 16, "cuda": 256}


class _Enough(Exception):
    """Ends a training that has been timed."""


def seconds_per_trained_image(network: Network, budget: float = 2.0) -> float:
    """Return how long a training takes per image that it sees.

    Parameters
    ----------
    network : Network
    budget : float
        Seconds to spend on steps; at least `FEWEST_STEPS` are timed, whatever they take.

    Returns
    -------
    float
        Median over the steps, divided by the batch.
    """
    from solarsynth.devices import device
    from solarsynth.diffusion.training import TrainingConfig, train
    from solarsynth.networks import build

    architecture, batch = network.architecture, network.training["batch_size"]
    image, condition = _examples(architecture, batch)
    stamps: list[float] = []

    def watch(ema: Any, images: int) -> float:
        stamps.append(time.perf_counter())
        if len(stamps) > FEWEST_STEPS + 1 and stamps[-1] - stamps[0] > budget:
            raise _Enough
        return 0.0

    config = TrainingConfig(
        batch * 1_000_000,
        batch_size=batch,
        mirror=network.training["mirror"],
        condition_dropout=0.0,  # a classifier has no condition to drop
        log_every=batch,
        checkpoint_every=float("inf"),
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            # Its weights are of no use, so it starts from none that are published.
            model = build(architecture | {"pretrained": False}, seed=0)
            train(model, image, condition, config, Path(folder), device=device(), watch=watch)
        except _Enough:
            pass
    return float(np.median(np.diff(stamps[1:]))) / batch


def _examples(architecture: dict[str, Any], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images or vectors (count, ...) of noise, and conditions (count, d), that a network can learn from."""
    from solarsynth.kinds import KINDS, Examples

    random, kind = np.random.default_rng(0), architecture["kind"]
    if kind == "prior":
        return random.standard_normal((count, architecture["latent"])).astype(np.float32), _labels(count)
    size = architecture["image_size"]
    image = random.integers(0, 256, (count, size, size)).astype(np.uint8)
    if kind == "classifier":
        return image, _labels(count, architecture["n_classes"])
    if kind not in KINDS:
        return image, np.zeros((count, 1), np.float32)
    flux, latent = 10 ** random.uniform(-8, -4, count), architecture.get("latent", 0)
    examples = Examples(_labels(count)[:, 0], flux, lambda: random.standard_normal((count, latent)))
    return image, KINDS[kind].training(examples).astype(np.float32)


def _labels(count: int, classes: int = len(CLASSES)) -> np.ndarray:
    return (np.arange(count) % classes)[:, None].astype(np.float32)


def seconds_per_evaluation(network: Network, budget: float = 2.0) -> float:
    """Return how long a denoiser takes per evaluation of an image when it draws.

    The parameters are those of `seconds_per_trained_image`.
    """
    from solarsynth.devices import device
    from solarsynth.networks import build

    where = device()
    count = DRAWN_TOGETHER[where]
    denoiser = build(network.architecture, seed=0).to(where).eval()
    _, condition = _examples(network.architecture, count)
    x, step = torch.zeros(count, *denoiser.shape, device=where), torch.ones(count, dtype=torch.long, device=where)
    condition = torch.from_numpy(condition).to(where)
    stamps: list[float] = []
    with torch.no_grad(), torch.autocast(where, torch.bfloat16, enabled=where == "cuda"):
        while len(stamps) < FEWEST_STEPS + 2 or stamps[-1] - stamps[0] < budget:
            denoiser.eps(x, step, condition).sum().item()  # waits for the device
            stamps.append(time.perf_counter())
    return float(np.median(np.diff(stamps[1:]))) / count
