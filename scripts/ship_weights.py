"""Put the trained models of a run into the package, in half precision, with what they score.

    python scripts/ship_weights.py --source archive --data suns-2012 --profile laptop --set train_images=16000 …

The models are taken from the store, or trained. `src/solarsynth/weights/weights.json` and the model card's table are
written anew.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import numpy as np
import yaml

from solarsynth import stages
from solarsynth.evaluation.quality import QualityReference
from solarsynth.files import write_json
from solarsynth.kinds import MODELS
from solarsynth.networks import read_network
from solarsynth.shipped import FOLDER, INDEX, load_shipped, write_weights
from solarsynth.stages import Lab

#: Samples by which each model is judged.
IMAGES = 128


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
    write_json(FOLDER / INDEX, {"files": files, "models": {}})
    reference, counts = QualityReference(lab), stages.proportional_counts(lab, IMAGES)
    label = np.repeat(np.arange(len(counts)), list(counts.values()))
    scores = {}
    for name in MODELS:
        half, whole = load_shipped(name), stages.generator(lab, name)
        drawn = half.draw(label, seed=0, sampling=half.sampling)
        same = whole.draw(label[:20], seed=0, sampling=half.sampling)
        scores[name] = {key: round(value, 4) for key, value in asdict(reference.judge(drawn)).items()}
        scores[name]["largest change by half precision"] = int(np.abs(drawn[:20].astype(int) - same).max())
        scores[name]["mean change by half precision"] = round(float(np.abs(drawn[:20].astype(int) - same).mean()), 4)
    real = float(np.mean([reference.real(IMAGES, seed) for seed in range(5)]))
    about = {"images": IMAGES, "real": round(real, 4), "counts": counts, "settings": overrides}
    write_json(FOLDER / INDEX, {"files": files, "models": scores, "judged": about})
    print(json.dumps({"files": files, "models": scores, "judged": about}))


if __name__ == "__main__":
    main()
