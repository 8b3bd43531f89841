"""One step of ``gpu_jobs.sh``. Needs torch, timm, numpy, pyyaml, filelock and safetensors only: no zarr, no click."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.experiments import MODELS, Run, progress_line, set_seeds
from solarsynth.store import Entry

OUT = Path(os.environ.get("OUT", "gpu-results"))


def run() -> Run:
    """Return the run that the environment describes."""
    import yaml

    data = os.environ.get("DATA", "gpu-set.npz")
    if not Path(data).is_file():
        raise SolarsynthError(
            f"{data} is not there; make it where zarr is: solarsynth dataset --profile gpu --out {data}"
        )
    settings = dict(pair.split("=", 1) for pair in os.environ.get("SETTINGS", "").split())
    overrides = {key: yaml.safe_load(value) for key, value in settings.items()}
    return Run(os.environ.get("PROFILE", "gpu"), "labelled", data, overrides=overrides)


def networks(this: Run, report: Callable | None = None) -> Iterator[tuple[str, Entry]]:
    """Yield the name and the entry of every network, trained where it was not."""
    for name in ("cevae", "prior", *MODELS):
        yield name, this.entry(name, report, compiled=os.environ.get("COMPILE", "") == "1")
    for seed in range(this.settings.classifier_seeds):
        yield f"classifier-{seed}", this.classifier_entry(seed, report)


def info() -> None:
    """Write what this machine is."""
    import torch

    cuda = torch.cuda.is_available()
    about = {"torch": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "cpu"}
    if cuda:
        about["memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
    (OUT / "device.json").write_text(json.dumps(about) + "\n")
    print(about)


def train() -> None:
    """Train every network and keep its curve and its manifest."""
    this = run()
    last = [0.0]

    def report(progress) -> None:
        if time.monotonic() - last[0] > 10 or progress.images >= progress.total:
            last[0] = time.monotonic()
            print(progress, flush=True)

    for name, entry in networks(this, report):
        print(f"{name}: {entry}", flush=True)
        shutil.copy(entry.path / "training.csv", OUT / f"{name}-training.csv")
        shutil.copy(entry.path / "manifest.json", OUT / f"{name}-manifest.json")


def sample() -> None:
    """Draw pictures of every class and the sets of Section 6; finished ones are found again."""
    this = run()
    s = this.settings
    for model in MODELS:
        image, label = this.samples({name: 8 for name in this.classes_to_draw()}, seed=0, model=model)
        np.savez_compressed(OUT / f"{model}-gallery.npz", image=image, label=label)
    lines = []
    for model in MODELS:
        for counts, first in ((this.proportional_counts(s.set_size), 1000), (this.uniform_counts(s.set_size), 2000)):
            for seed in set_seeds(s.sets, first=first):
                entry = this.samples_entry(counts, seed=seed, model=model, report=progress_line(f"{model}, set {seed}"))
                with np.load(entry.path / "samples.npz", allow_pickle=False) as file:
                    lines.append(json.dumps({"key": entry.key} | json.loads(str(file["settings"]))))
                (OUT / "sets.jsonl").write_text("\n".join(lines) + "\n")


def weights() -> None:
    """Write the weights in half precision, in parts of at most 15 MB."""
    import torch
    from safetensors.torch import load_file, save

    for name, entry in networks(run()):
        full = load_file(entry.path / "model.safetensors")
        data = save({key: value.half() if value.dtype == torch.float32 else value for key, value in full.items()})
        for number, first in enumerate(range(0, len(data), 15_000_000)):
            (OUT / f"{name}-half.safetensors.{number:03d}").write_bytes(data[first : first + 15_000_000])


STEPS = {"info": info, "train": train, "sample": sample, "weights": weights}

if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        STEPS[sys.argv[1]]()
    except KeyboardInterrupt:
        sys.exit(130)
    except SolarsynthError as error:
        print(f"gpu_jobs: {error}", file=sys.stderr)
        sys.exit(1)
