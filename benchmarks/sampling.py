"""Guided images of the paper's U-Net: our fast sampler against a plain ancestral one, side by side in one process.

Ends with one JSON line: ``device``, ``ratio``, ``images_per_second``, ``reference_images_per_second``,
``seconds_per_1000``, ``tflops``, ``peak_share``, ``peak_gib``. The reference takes 999 steps. All of its steps cost the
same, so only ``reference_steps`` of them are run. ``step_ratio`` compares single steps.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np
import torch
from reference import BATCH, plain, plain_sampling_step
from train_step import PAPER, flops_per_image, matmul_flops, resident

from solarsynth.devices import device
from solarsynth.diffusion.sampling import Sampling
from solarsynth.generator import Generator
from solarsynth.networks import build


def main() -> None:
    """Run the benchmark."""
    cuda = device() == "cuda"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20, help="steps of our sampler")
    parser.add_argument("--images", type=int, default=1000 if cuda else 2, help="images we draw")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--guidance", type=float, default=2.0)
    given = parser.parse_args()
    denoiser = build(PAPER, seed=0).to(device()).eval()
    about = {"architecture": PAPER, "classes_seen": dict.fromkeys("ABCMX", 1), "unit": "DN/s"}
    sampling = Sampling("dpm-solver++", given.steps, guidance=given.guidance)
    generator = Generator(denoiser, about, sampling)
    reference = plain(denoiser)
    label = np.resize(np.arange(5), given.images)
    reference_steps = 20 if cuda else 1
    shape = (BATCH if cuda else min(BATCH, given.images), 1, 64, 64)
    ours, theirs = [], []
    before = resident()
    for number in range(given.rounds + 1):
        started = time.perf_counter()
        generator.draw(label, seed=number, sampling=sampling)
        ours.append(len(label) / (time.perf_counter() - started))
        x = torch.randn(shape, device=device())
        condition = torch.zeros(len(x), 1, device=device())
        started = time.perf_counter()
        for t in range(999, 999 - reference_steps, -1):
            x = plain_sampling_step(reference, x, t, condition, given.guidance)
        x.sum().item()
        theirs.append(len(x) * reference_steps / 999 / (time.perf_counter() - started))
        print(f"round {number}: ours {ours[-1]:.4g}, reference {theirs[-1]:.4g} images/s", file=sys.stderr)
    rate, plain_rate = float(np.median(ours[1:])), float(np.median(theirs[1:]))  # the first round warms up
    flops = flops_per_image() / 3 * 2 * given.steps
    peak = torch.cuda.max_memory_allocated() if cuda else resident() - before
    print(
        json.dumps(
            {
                "benchmark": "sampling",
                "device": torch.cuda.get_device_name() if cuda else f"cpu, {torch.get_num_threads()} threads",
                "ratio": round(float(np.median(np.divide(ours[1:], theirs[1:]))), 1),
                "step_ratio": round(rate * given.steps / (plain_rate * 999), 2),
                "steps": given.steps,
                "images": given.images,
                "images_per_second": round(rate, 3),
                "reference_images_per_second": round(plain_rate, 5),
                "reference_steps": reference_steps,
                "seconds_per_1000": round(1000 / rate, 1),
                "tflops": round(rate * flops / 1e12, 3),
                "peak_share": round(rate * flops / matmul_flops(), 3),
                "peak_gib": round(peak / (1 << 30), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
