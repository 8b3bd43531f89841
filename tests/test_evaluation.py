"""Table 1: every metric of samples whose answer is known, with its floor, or the reason why there is none."""

import json
import math
import subprocess
import sys
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from tiny import TINY, as_options

from solarsynth import stages
from solarsynth.cli import main
from solarsynth.dataset.images import ImageSet
from solarsynth.evaluation import CLUSTER_SPLITS, ROWS, Reference, evaluate, rows
from solarsynth.metrics.clusters import Clusters, cross_fit, noise_floor
from solarsynth.metrics.embedding import energy_distance, energy_floor
from solarsynth.metrics.frechet import frechet_distance


@pytest.fixture
def lab(shared_archive, store_folder, monkeypatch, tmp_path):
    # Weights that happen to be on this machine must not decide what is tested.
    monkeypatch.setenv("SOLARSYNTH_INCEPTION", str(tmp_path / "no-weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY)


def by_name(values):
    return {value.metric: value for value in values}


def first_of(lab, count):
    """Return the first images of the labelled set, without their classes."""
    return ImageSet.of(stages.labelled_set(lab).image[:count])


def test_the_training_images_themselves_are_perfect(lab):
    reference = Reference(lab)
    # Right now and then, as classifiers are.
    reference.predict = lambda images: np.stack([images.image[:, 0, seed] % 5 for seed in (0, 1)])
    found = by_name(evaluate(reference, [stages.training_images(lab)], stages.held_out_images(lab)))
    assert found["Cluster error"].value == pytest.approx(0, abs=1e-9)
    assert found["Cluster distance"].value == pytest.approx(1, abs=1e-4)
    assert found["Cluster std"].value == pytest.approx(1, abs=1e-4)
    assert found["Fréchet, ceVAE space"].value == pytest.approx(0, abs=1e-6)
    for name in ("kNN precision", "kNN recall", "Coverage"):
        assert found[name].value == 1
    for name in ("F1", "Precision", "Recall"):  # the held-out images judged against themselves
        assert found[name].value == pytest.approx(1)


def test_noise_is_told_from_suns(lab):
    rng = np.random.default_rng(0)
    flat = ImageSet.of((128 + rng.integers(0, 3, (20, 16, 16))).astype(np.uint8))
    found = by_name(evaluate(Reference(lab), [flat]))
    assert found["Fréchet, ceVAE space"].value > found["Fréchet, ceVAE space"].high
    assert found["kNN recall"].value < found["kNN recall"].low
    assert math.isnan(found["F1"].value) and found["F1"].note == "the samples have no class"


def test_what_cannot_be_computed_says_why_and_the_others_still_are(lab):
    images = ImageSet.of(stages.labelled_set(lab).image[:3], np.zeros(3, int))
    found = by_name(evaluate(Reference(lab), [images], images))
    assert "needs more than 5 images" in found["Coverage"].note and math.isnan(found["Coverage"].value)
    assert found["F1"].note == "scores need at least two classes in the samples, got A"
    assert "singular: 3 images span 2 of 4 dimensions" in found["Fréchet, ceVAE space"].note
    assert found["FID CLIP"].note.startswith("weights not available: CLIP")
    assert found["FID InceptionV3"].note.startswith("weights not available: clean-fid's inception")
    assert math.isfinite(found["Cluster error"].value)
    one = by_name(evaluate(Reference(lab), [first_of(lab, 1)]))
    assert "at least two images in each set, got 1" in one["Fréchet, ceVAE space"].note


def test_singular_features_give_a_number(lab):
    """The same image again and again has a covariance of zero."""
    same = ImageSet.of(np.repeat(stages.labelled_set(lab).image[:1], 12, axis=0))
    found = by_name(evaluate(Reference(lab), [same]))
    real = stages.training_features(lab, "cevae").astype(np.float64)
    point = stages.features(lab, "cevae", same)[0]
    # |μ - x|² + Tr Σ: nothing else is left of the distance to a single point.
    expected = ((real.mean(0) - point) ** 2).sum() + np.trace(np.cov(real.T))
    assert found["Fréchet, ceVAE space"].value == pytest.approx(expected, rel=1e-4)
    assert found["Cluster std"].value == pytest.approx(0, abs=1e-3)


def test_rows_come_in_the_papers_order_whatever_can_be_computed(lab):
    names = [name for row in ROWS for name in row.targets]
    assert names[0] == "Cluster error" and names[-3:] == ["F1", "Precision", "Recall"] and len(set(names)) == 14
    values = evaluate(Reference(lab), [first_of(lab, 2)])
    assert [v.metric for v in values] == names
    targets = {name: target for row in ROWS for name, target in row.targets.items()}
    assert {v.metric: v.target for v in values} == targets


def test_several_sets_by_hand(lab):
    """Cluster metrics are a mean over the sets with their standard deviation; distances pool all sets."""
    image = stages.labelled_set(lab).image
    sets = [ImageSet.of(image[i : i + 8]) for i in (0, 8, 16)]
    reference = Reference(lab, clusters=3, seed=1)
    found = by_name(evaluate(reference, sets))
    real = stages.training_features(lab, "cevae")
    features = [stages.features(lab, "cevae", one) for one in sets]
    measured = np.array([astuple(Clusters(real, 3, 1).compare(x)) for x in features])
    for i, name in enumerate(("Cluster error", "Cluster distance", "Cluster std")):
        assert found[name].value == pytest.approx(measured[:, i].mean())
        assert found[name].error == pytest.approx(measured[:, i].std(ddof=1))
        assert (found[name].error_kind, found[name].images) == ("std over sets", 8)
    pooled = found["Fréchet, ceVAE space"]
    assert pooled.value == pytest.approx(frechet_distance(np.concatenate(features), real))
    without = [frechet_distance(np.concatenate(features[:i] + features[i + 1 :]), real) for i in range(3)]
    assert pooled.error == pytest.approx(np.sqrt(2 * np.var(without)))
    assert (pooled.error_kind, pooled.images) == ("jackknife standard error over sets", 24)
    assert pooled.floor_images == len(real) // 2 < 24 and "floor of" in pooled.note and pooled.within is None
    single = by_name(evaluate(reference, sets[:1]))
    assert math.isnan(single["Cluster error"].error) and single["Cluster error"].error_kind == ""


def test_floors_are_computed_once_for_all_samples(lab, monkeypatch):
    reference, size = Reference(lab), 1001  # a size that no other test uses
    split = cross_fit(stages.training_features(lab, "cevae"), CLUSTER_SPLITS)
    first = reference.cluster_floor(size)
    np.testing.assert_allclose(first, noise_floor(split, TINY["floor_draws"], size), rtol=1e-5)
    monkeypatch.setattr("solarsynth.evaluation.reference.noise_floor", lambda *a, **k: 1 / 0)
    assert np.array_equal(Reference(lab).cluster_floor(size), first)
    with pytest.raises(ZeroDivisionError):
        Reference(lab).cluster_floor(size + 1)
    with pytest.raises(ZeroDivisionError):
        Reference(lab, clusters=4).cluster_floor(size)


def test_a_new_metric_is_one_row(lab, monkeypatch):
    row = rows.on_features(
        "energy distance", {"Energy distance": 0}, lambda real, drawn: [energy_distance(real, drawn)]
    )
    monkeypatch.setattr(rows, "ROWS", (*ROWS, row))
    images = first_of(lab, 7)
    found = by_name(evaluate(Reference(lab), [images]))["Energy distance"]
    real = stages.training_features(lab, "cevae")
    assert found.value == pytest.approx(energy_distance(real, stages.features(lab, "cevae", images)))
    floor = energy_floor(real, 7, TINY["floor_draws"])
    assert (found.low, found.high) == (pytest.approx(floor.min()), pytest.approx(floor.max()))
    assert found.target == 0 and found.images == found.floor_images == 7
    single = by_name(evaluate(Reference(lab), [first_of(lab, 1)]))["Energy distance"]
    assert math.isnan(single.value) and "at least two images in each set" in single.note


def test_the_command(lab, tmp_path):
    """As a user calls it, on samples that somebody else made."""
    data = stages.labelled_set(lab)
    np.savez(tmp_path / "samples.npz", image=data.image[:20], label=np.array(list("ABCMX"))[data.label[:20]])
    command = [sys.executable, "-m", "solarsynth.cli", "evaluate", str(tmp_path / "samples.npz")]
    command += ["--reference", lab.data, "--profile", "smoke", *as_options(TINY)]
    outputs = ["--csv", str(tmp_path / "t.csv"), "--json", str(tmp_path / "t.json")]
    done = subprocess.run([*command, *outputs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Cluster error" in done.stdout
    table = pd.read_csv(tmp_path / "t.csv")
    rows = json.loads((tmp_path / "t.json").read_text())
    assert table["metric"].tolist() == [row["metric"] for row in rows]
    assert table["value"].notna().sum() >= 9
    assert table["note"].str.startswith("weights not available").sum() == 2
    wrong = CliRunner().invoke(main, [*command[3:], "--set", "image_size=64"])
    assert wrong.exit_code == 1 and wrong.stderr.count("\n") == 1
    assert "images must be 64 × 64 px as the reference's are, got 16 × 16 px" in wrong.stderr
