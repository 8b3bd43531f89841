"""A training step of the paper's U-Net: our loop against a plain one, side by side in one process.

Ends with one JSON line: ``device``, ``ratio``, ``images_per_second``, ``reference_images_per_second``, ``tflops``,
``peak_share`` (of the matrix product measured here), ``peak_gib``, ``reference_peak_gib``. On a CPU both take batches
of 12; on a GPU ours takes ``--batch``. Memory is that of a whole training, weights and all, beyond what the process
held before, measured in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from reference import BATCH, PlainTraining, plain
from torch.utils.flop_counter import FlopCounterMode

from solarsynth.devices import device
from solarsynth.diffusion.training import TrainingConfig, train
from solarsynth.networks import build

PAPER = {
    "kind": "discrete",
    "image_size": 64,
    "base_width": 64,
    "patch": 1,
    "attention": "all",
    "dropout": 0.0,
    "n_classes": 5,
    "parameterisation": "eps",
    "min_snr": 0.0,
    "n_steps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
}


def examples() -> tuple[np.ndarray, np.ndarray]:
    """Return random images and labels."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2048, 64, 64)).astype(np.uint8), rng.integers(0, 5, (2048, 1))


def our_seconds(steps: int, batch: int, compiled: bool) -> float:
    """Train from scratch and return the seconds of `steps` optimiser steps, without start and end."""
    image, label = examples()
    config = TrainingConfig(train_images=batch * (steps + 2), batch_size=batch, checkpoint_every=1e9, log_every=10**9)
    model = build(PAPER, seed=0)
    marks: list[float] = []
    update = torch.optim.AdamW.step

    def timed(self, *args, **kwargs):
        result = update(self, *args, **kwargs)
        if len(marks) in (1, steps + 1) and torch.cuda.is_available():
            torch.cuda.synchronize()
        marks.append(time.perf_counter())
        return result

    torch.optim.AdamW.step = timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            train(model, image, label, config, Path(folder), device=device(), compiled=compiled)
    finally:
        torch.optim.AdamW.step = update
    return marks[steps + 1] - marks[1]  # the first two steps warm up


def reference_seconds(steps: int) -> float:
    """Return the seconds of `steps` steps of the plain loop."""
    plainly = PlainTraining(plain(build(PAPER, seed=0)).to(device()), *examples())
    for _ in range(2):
        plainly.step()
    started = time.perf_counter()
    for _ in range(steps):
        plainly.step()  # reads its loss back, so that it is done
    return time.perf_counter() - started


def peak(which: str, batch: int) -> float:
    """Return the memory in GiB that a training step takes, in this process."""
    gib = 1 << 30
    if device() == "cuda":
        (our_seconds(1, batch, False) if which == "ours" else reference_seconds(1))
        return torch.cuda.max_memory_allocated() / gib
    before, most, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    (our_seconds(1, batch, False) if which == "ours" else reference_seconds(1))
    done.set()
    watcher.join()
    return (max(most[0], resident()) - before) / gib


def resident() -> float:
    """Return the memory that this process holds, in bytes."""
    try:
        return 4096.0 * int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: the largest so far
        return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def matmul_flops() -> float:
    """Return the FLOP/s of a large matrix product in the precision of training: the measured peak."""
    cuda = device() == "cuda"
    n, dtype = (8192, torch.bfloat16) if cuda else (2048, torch.float32)
    a = torch.randn(n, n, device=device(), dtype=dtype)
    best = 0.0
    for _ in range(6):
        started = time.perf_counter()
        for _ in range(10 if cuda else 2):
            a @ a
        if cuda:
            torch.cuda.synchronize()
        best = max(best, 2 * n**3 * (10 if cuda else 2) / (time.perf_counter() - started))
    return best


def difference() -> float:
    """Return the largest difference between the outputs of both networks with the same weights, in fp32."""
    ours = build(PAPER, seed=0).eval()
    x, t, label = torch.randn(2, 1, 64, 64), torch.tensor([10, 900]), torch.tensor([[1.0], [torch.nan]])
    with torch.no_grad():
        return (ours.eps(x, t, label) - plain(ours).eps(x, t, label)).abs().max().item()


def flops_per_image() -> float:
    """Return the FLOP of a training step per image: three forward passes' worth, counted by torch."""
    # The plain network does the same arithmetic, and the counter knows its matrix products on every device.
    model, counter = plain(build(PAPER, seed=0)), FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model.eps(torch.zeros(1, 1, 64, 64), torch.ones(1, dtype=torch.long), torch.zeros(1, 1))
    return 3.0 * counter.get_total_flops()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=0, help="timed steps per round [default: 2 on a CPU, 50 on a GPU]")
    parser.add_argument("--rounds", type=int, default=2, help="rounds, ours and the reference in turn")
    parser.add_argument("--batch", type=int, default=0, help="our batch [default: 12 on a CPU, 256 on a GPU]")
    parser.add_argument("--compile", action="store_true", help="ours with torch.compile")
    parser.add_argument("--peak", choices=("ours", "reference"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    cuda = device() == "cuda"
    steps, batch = given.steps or (50 if cuda else 2), given.batch or (256 if cuda else BATCH)
    if given.peak:
        print(peak(given.peak, batch))
        return
    memory = {}
    for which in ("ours", "reference"):
        again = [sys.executable, __file__, "--peak", which, "--batch", str(batch)]
        memory[which] = float(subprocess.run(again, capture_output=True, text=True, check=True).stdout.split()[-1])
    ours, reference = [], []
    for number in range(given.rounds):
        ours.append(steps * batch / our_seconds(steps, batch, given.compile))
        reference.append(steps * BATCH / reference_seconds(steps))
        print(f"round {number + 1}: ours {ours[-1]:.2f}, reference {reference[-1]:.2f} images/s", file=sys.stderr)
    rate, flops = float(np.median(ours)), flops_per_image()
    print(
        json.dumps(
            {
                "benchmark": "train_step",
                "device": torch.cuda.get_device_name() if cuda else f"cpu, {torch.get_num_threads()} threads",
                "ratio": round(float(np.median(np.divide(ours, reference))), 2),
                "batch": batch,
                "compiled": given.compile,
                "images_per_second": round(rate, 2),
                "reference_images_per_second": round(float(np.median(reference)), 2),
                "tflops": round(rate * flops / 1e12, 3),
                "peak_share": round(rate * flops / matmul_flops(), 3),
                "peak_gib": round(memory["ours"], 2),
                "reference_peak_gib": round(memory["reference"], 2),
                "largest_difference": difference(),
            }
        )
    )


if __name__ == "__main__":
    main()
