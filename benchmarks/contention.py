"""Training on a quiet and on a busy machine: with OpenMP's threads waiting as this package lets them, and by default.

By default the threads spin while they wait for one another. A process of low priority on the same cores then slows
training down many times. ``solarsynth`` sets ``OMP_WAIT_POLICY=PASSIVE`` unless the user has set a policy.

Ends with one JSON line: ``quiet_ratio`` and ``busy_ratio``, images a second against the default's, the medians over
rounds in which both run in turn; the images a second behind them; ``threads``; ``cores``; ``load``, the machine's load
average at the start, which must be near 0 for ``quiet_ratio`` to mean what it says.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

PROFILE = "laptop"  # its network is so small that waiting costs more than computing
#: What a fresh process imports first decides: torch starts OpenMP, this package sets its policy.
POLICIES = {"default": "torch", "ours": "solarsynth"}
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")


def rate(seconds: float) -> float:
    """Return the images a second of a training that runs for `seconds` in this process."""
    import torch

    from solarsynth.diffusion.training import TrainingConfig, train
    from solarsynth.flares import CLASSES
    from solarsynth.networks import build
    from solarsynth.settings import load_settings
    from solarsynth.stages.models import SCHEDULE, U_NET

    settings = load_settings(PROFILE)
    network = {"kind": "discrete", "n_classes": len(CLASSES)}
    network |= {name: getattr(settings, name) for name in (*U_NET, *SCHEDULE)}
    size, batch = settings.image_size, settings.batch_size
    rng = np.random.default_rng(0)
    image, label = rng.integers(0, 256, (512, size, size)).astype(np.uint8), rng.integers(0, len(CLASSES), (512, 1))
    marks: list[float] = []

    class Enough(Exception):
        """The time is over."""

    update = torch.optim.AdamW.step

    def timed(self, *args, **kwargs):
        result = update(self, *args, **kwargs)
        marks.append(time.perf_counter())
        if len(marks) > 3 and marks[-1] - marks[2] > seconds:
            raise Enough
        return result

    torch.optim.AdamW.step = timed
    config = TrainingConfig(train_images=10**9, batch_size=batch, checkpoint_every=1e9, log_every=10**9)
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(build(network, seed=0), image, label, config, Path(folder), device="cpu")
        except Enough:
            pass
    return batch * (len(marks) - 3) / (marks[-1] - marks[2])  # the first three steps warm up


def measured(policy: str, seconds: float) -> tuple[float, int]:
    """Return the images a second, and the threads, of a fresh process that waits by default or by our policy."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, __file__, "--child", policy, "--seconds", str(seconds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    images, threads = done.stdout.split()[-2:]
    return float(images), int(threads)


@contextmanager
def busy() -> Iterator[None]:
    """Run one process at the lowest priority that computes without end."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.nice(19))
    try:
        yield
    finally:
        other.kill()
        other.wait()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, both policies in turn")
    parser.add_argument("--child", choices=list(POLICIES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        importlib.import_module(POLICIES[given.child])
        import torch

        print(rate(given.seconds), torch.get_num_threads())
        return
    load, threads = os.getloadavg()[0], 0
    found: dict[str, list[float]] = {f"{when}_{policy}": [] for when in ("quiet", "busy") for policy in POLICIES}
    for number in range(given.rounds):
        for when in ("quiet", "busy"):
            for policy in POLICIES if number % 2 else reversed(POLICIES):
                with busy() if when == "busy" else nullcontext():
                    images, threads = measured(policy, given.seconds)
                found[f"{when}_{policy}"].append(images)
                print(f"round {number + 1}, {when}, {policy}: {images:.1f} images/s", file=sys.stderr, flush=True)
    ratios = {
        f"{when}_ratio": round(float(np.median(np.divide(found[f"{when}_ours"], found[f"{when}_default"]))), 3)
        for when in ("quiet", "busy")
    }
    rates = {name: round(float(np.median(each)), 2) for name, each in found.items()}
    about = {"threads": threads, "cores": os.cpu_count(), "load": round(load, 2)}
    print(json.dumps({"benchmark": "contention"} | ratios | rates | about))


if __name__ == "__main__":
    main()
