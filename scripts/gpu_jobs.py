"""One step of ``gpu_jobs.sh``. It runs where torch, timm, numpy, attrs, pyyaml, filelock, tqdm and safetensors are."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from solarsynth import stages
from solarsynth.errors import SolarsynthError
from solarsynth.files import write_text
from solarsynth.kinds import MODELS
from solarsynth.store import Entry

OUT = Path(os.environ.get("OUT", "gpu-results"))
PART = 15_000_000  # bytes of one part of a file of weights


def open_lab() -> stages.Lab:
    """Return the lab that the environment describes."""
    import yaml

    data = os.environ.get("DATA", "gpu-set.npz")
    if not Path(data).is_file():
        raise SolarsynthError(
            f"{data} is not there; make it where zarr is installed: solarsynth dataset --profile gpu --out {data}"
        )
    settings = dict(pair.split("=", 1) for pair in os.environ.get("SETTINGS", "").split())
    overrides = {name: yaml.safe_load(value) for name, value in settings.items()}
    compiled = os.environ.get("COMPILE", "") == "1"
    return stages.Lab(os.environ.get("PROFILE", "gpu"), "labelled", data, overrides=overrides, compiled=compiled)


def networks(lab: stages.Lab) -> Iterator[tuple[str, Entry]]:
    """Yield the name and the entry of every network, trained if the store does not hold it."""
    for name in ("cevae", "prior", *MODELS):
        stage, ask = stages.network_stage(name)
        yield name, lab.entry(stage, **ask)
    for seed in range(lab.settings.classifier_seeds):
        yield f"classifier-{seed}", lab.entry(stages.CLASSIFIER, seed=seed)


def info() -> None:
    """Write what this machine is."""
    import torch

    cuda = torch.cuda.is_available()
    about = {"torch": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "cpu"}
    if cuda:
        about["memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
    write_text(OUT / "device.json", json.dumps(about) + "\n")
    print(about)


def train() -> None:
    """Train every network and keep its curve and its manifest."""
    for name, entry in networks(open_lab()):
        print(f"{name}: {entry}", flush=True)
        shutil.copy(entry.path / "training.csv", OUT / f"{name}-training.csv")
        shutil.copy(entry.path / "manifest.json", OUT / f"{name}-manifest.json")


def sample() -> None:
    """Draw pictures of every class and the sets of Section 6; finished ones are found again."""
    lab = open_lab()
    s = lab.settings
    for model in MODELS:
        drawn = stages.sample_set(lab, dict.fromkeys(stages.drawable_classes(lab), 8), seed=0, model=model)
        np.savez_compressed(OUT / f"{model}-gallery.npz", image=drawn.image, label=drawn.label)
    lines = []
    plan = ((stages.proportional_counts(lab, s.set_size), 1000), (stages.uniform_counts(lab, s.set_size), 2000))
    for model in MODELS:
        for counts, first in plan:
            for seed in stages.set_seeds(s.sets, first=first):
                lines.append(json.dumps(stages.describe_samples(lab, counts, seed=seed, model=model)))
                write_text(OUT / "sets.jsonl", "\n".join(lines) + "\n")


def weights() -> None:
    """Write the weights in half precision, in parts of at most 15 MB."""
    import torch
    from safetensors.torch import load_file, save

    for name, entry in networks(open_lab()):
        full = load_file(entry.path / "model.safetensors")
        data = save({key: value.half() if value.dtype == torch.float32 else value for key, value in full.items()})
        for number, first in enumerate(range(0, len(data), PART)):
            (OUT / f"{name}-half.safetensors.{number:03d}").write_bytes(data[first : first + PART])


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
