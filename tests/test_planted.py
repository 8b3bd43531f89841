"""An effect and a null that are planted in trials on the simulated Sun, followed to the verdicts of the claims."""

import json

import numpy as np
import pytest

from solarsynth import paths, stages
from solarsynth.book import ledger, records
from solarsynth.book.page import Page
from solarsynth.downstream import classification, comparisons, plan, pooled, scores
from solarsynth.flares import CLASSES
from solarsynth.stages import Lab

PAGE = "08_1_classification"
CLAIMS = (
    "claim-27",
    "claim-28",
    "claim-30",
    "claim-31",
)  # gain of M, trend, classical copies, against classical copies


def the_cell_of_claims():
    """Return the code with which the page records its claims, so that the test follows the page's own steps."""
    cells = json.loads((paths.notebooks() / f"{PAGE}.ipynb").read_text())["cells"]
    (code,) = ("".join(c["source"]) for c in cells if "claim-27" in "".join(c["source"]))
    return compile(code, PAGE, "exec")


def verdicts(folder, monkeypatch, recall, common=0.8):
    """Plant how often images of M are recognised, by scenario and share of the largest amount; return the verdicts."""
    lab = Lab("smoke", overrides={"image_size": 16, "patch": 1, "fold_generators": 1})
    rng, strong = np.random.default_rng(0), CLASSES.index("M")
    folds, _ = plan.cross_validation(lab, stages.classes_task)
    most = stages.amounts(lab, folds[0].task)[-1]

    def planted(there, task, trial):
        y_true = task.label[task.test]
        of_m = recall.get(trial.scenario, recall["none"])
        share = trial.amount / most if trial.scenario == "synthetic" else 1.0
        of_m = recall["none"] + share * (of_m - recall["none"])
        right = rng.random(len(y_true)) < np.where(y_true == strong, of_m, common)
        wrong = (y_true + rng.integers(1, len(CLASSES), len(y_true))) % len(CLASSES)
        return {"test": np.eye(len(CLASSES))[np.where(right, y_true, wrong)] * 0.9 + 0.02}

    monkeypatch.setattr(stages, "probabilities", planted)
    data = pooled.pool([fold.task for fold in folds])
    predictions, failures = plan.run(folds, plan.planned(folds, 4))
    assert not failures
    differences, skill = classification.differences(
        data, predictions, folds, classification.tested_classes(data, data.rare)
    )
    this = Page(PAGE, lab, folder)
    names = {"records": records, "comparisons": comparisons, "scores": scores, "skill": skill, "most": most}
    names |= {"data": data, "predictions": predictions, "differences": differences, "this": this}
    exec(the_cell_of_claims(), names)
    found = ledger.read_claims(folder)
    return [found[name]["verdict"] for name in CLAIMS]


CASES = {
    "an effect": ({"none": 0.2, "synthetic": 0.95}, 0.8, ["supported", "supported", "cannot tell", "supported"]),
    "a null": ({"none": 0.5}, 0.8, ["cannot tell"] * 4),
    "harm": (
        {"none": 0.9, "synthetic": 0.05, "classical": 0.5},
        0.8,
        ["contradicted", "contradicted", "supported", "contradicted"],
    ),
    "an effect on a judge without skill": ({"none": 0.2, "synthetic": 0.95}, 0.2, ["cannot tell"] * 4),
}


@pytest.mark.parametrize("recall, common, expected", CASES.values(), ids=CASES)
def test_verdicts_follow_what_is_planted(tmp_path, store_folder, monkeypatch, recall, common, expected):
    assert verdicts(tmp_path, monkeypatch, recall, common) == expected
