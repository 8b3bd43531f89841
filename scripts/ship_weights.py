"""Put the trained models of a run into the package, in half precision, with what they score.

    python scripts/ship_weights.py --source archive --data suns-2012 --profile laptop --set train_images=16000 …

The models are taken from the store, or trained. `src/solarsynth/weights/weights.json` is written anew: the files with
their SHA-256, where they come from, and what samples of several seeds score, with their standard deviations.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from solarsynth import stages
from solarsynth.evaluation.quality import QualityReference
from solarsynth.files import write_json
from solarsynth.kinds import MODELS
from solarsynth.networks import read_network
from solarsynth.shipped import FOLDER, INDEX, load_shipped, write_weights
from solarsynth.stages import Lab
from solarsynth.store import commit

#: Samples in each set by which a model is judged, and the sampling seeds of the sets.
IMAGES, SEEDS = 100, (0, 1, 2)


def main() -> None:
    """Write the weights, load them again, and measure them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--source", default="simulated")
    parser.add_argument("--data", default="")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    arguments = parser.parse_args()
    overrides = {name: yaml.safe_load(value) for name, value in (one.split("=", 1) for one in arguments.settings)}
    lab = Lab(arguments.profile, arguments.source, arguments.data, overrides=overrides)
    files = {}
    for name in (*MODELS, "cevae", "prior"):
        stage, ask = stages.network_stage(name)
        network, about = read_network(lab.entry(stage, **ask).path)
        files[name] = write_weights(name, network, about)
    write_json(FOLDER / INDEX, {"files": files})
    reference, counts = QualityReference(lab), stages.proportional_counts(lab, IMAGES)
    label = np.repeat(np.arange(len(counts)), list(counts.values()))
    models = {name: scores(lab, name, reference, label) for name in MODELS}
    real = [reference.real(IMAGES, seed) for seed in range(10)]
    about = {
        "profile": lab.profile,
        "source": lab.source,
        "data": Path(lab.data).name,
        "training_seed": lab.seed,
        "settings": overrides,
        "commit": commit(),
        "images": IMAGES,
        "sampling_seeds": list(SEEDS),
        "counts": counts,
        "real": spread(real),
    }
    write_json(FOLDER / INDEX, {"files": files, "models": models, "judged": about})
    print(json.dumps({"files": files, "models": models, "judged": about}))


def scores(lab: Lab, name: str, reference: QualityReference, label: np.ndarray) -> dict:
    """Return what a model scores over the sampling seeds, and how much half precision changes its images."""
    half, whole = load_shipped(name), stages.generator(lab, name)
    drawn = [half.draw(label, seed=seed, sampling=half.sampling) for seed in SEEDS]
    found = [asdict(reference.judge(images)) for images in drawn]
    same = whole.draw(label, seed=SEEDS[0], sampling=half.sampling)
    change = np.abs(drawn[0].astype(int) - same)
    values = {
        key: spread([one[key] for one in found]) for key in ("train", "held_out", "power", "copies", "brightness")
    }
    return values | {
        "half precision, grey levels": {"largest": int(change.max()), "mean": round(float(change.mean()), 4)}
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the mean and the standard deviation of values."""
    return {"mean": round(float(np.mean(values)), 4), "std": round(float(np.std(values, ddof=1)), 4)}


if __name__ == "__main__":
    main()
