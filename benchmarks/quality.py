"""How good are the samples of a training? One JSON line.

    python benchmarks/quality.py --source archive --data suns-2012 --profile laptop
    python benchmarks/quality.py --source archive --data suns-2012 --set train_images=40000 --set unlabelled=mixed

A model that the store lacks is trained first. `train` and `held_out` are Fréchet distances in the first 64 principal
components of all frames; `real` is that of as many labelled training images, `between` that of the frames of the
training blocks themselves to the held-out ones.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

import numpy as np
import yaml

from solarsynth import stages
from solarsynth.evaluation.quality import QualityReference
from solarsynth.models.unet import count_parameters
from solarsynth.stages import Lab


def main() -> None:
    """Train if needed, draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--source", default="simulated")
    parser.add_argument("--data", default="")
    parser.add_argument("--model", default="discrete")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    arguments = parser.parse_args()
    overrides = {name: yaml.safe_load(value) for name, value in (one.split("=", 1) for one in arguments.settings)}
    lab = Lab(arguments.profile, arguments.source, arguments.data, arguments.seed, overrides)
    entry = lab.entry(stages.MODEL, model=arguments.model)
    started = time.perf_counter()
    drawn = stages.sample_set(lab, stages.proportional_counts(lab, arguments.images), seed=0, model=arguments.model)
    sampling = time.perf_counter() - started
    reference = QualityReference(lab)
    settings = lab.settings
    print(
        json.dumps(
            asdict(reference.judge(drawn.image))
            | {
                "real": float(np.mean([reference.real(arguments.images, seed) for seed in range(5)])),
                "between": reference.between,
                "images": len(drawn),
                "images_seen": settings.train_images,
                "parameters": count_parameters(stages.generator(lab, arguments.model).denoiser),
                "training_seconds": entry.manifest["seconds"],
                "sampling_seconds": round(sampling, 1),
                "settings": overrides,
            }
        )
    )


if __name__ == "__main__":
    main()
