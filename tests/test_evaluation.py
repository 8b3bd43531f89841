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
from conftest import make_tables
from tiny import TINY, as_options

from solarsynth import stages
from solarsynth.cli import main
from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import ROWS, Reference, evaluate, evaluate_trainings, rows, verdict
from solarsynth.evaluation.values import widened
from solarsynth.metrics.clusters import Clusters
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.embedding import energy_distance
from solarsynth.metrics.floors import floor_range
from solarsynth.metrics.frechet import frechet_distance
from solarsynth.observations.writing import write_archive
from solarsynth.times import HOUR

# Blocks of half a day, held out one by one, so that ten days have twenty of them.
BLOCKS = {"block_days": 0.5, "fold_blocks": 1, "purge_days": 0.0}


@pytest.fixture(scope="session")
def long_archive(tmp_path_factory):
    """An archive of 240 frames of 16 px, most of which are labelled."""
    image, time, xrs, _ = make_tables(240)
    rng = np.random.default_rng(1)
    peak = np.sort(rng.integers(time[0], time[-1] - HOUR, 260))
    classes = rng.choice(["B2.0", "C3.3", "M1.0", "X2.1"], 260)
    events = pd.DataFrame({"peak": peak, "start": peak, "end": peak, "goes_class": classes, "method": "SWPC"})
    about = {"source": "archive", "frame_tolerance_minutes": 60.0, "flux_tolerance_seconds": 60.0}
    path = tmp_path_factory.mktemp("archives") / "long"
    write_archive(path, image=image, time=time, unit="display", xrs=xrs, events=events, attributes=about)
    return path


@pytest.fixture
def lab(long_archive, store_folder, monkeypatch, tmp_path):
    # Weights that happen to be on this machine must not decide what is tested.
    monkeypatch.setenv("SOLARSYNTH_INCEPTION", str(tmp_path / "no-weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return stages.Lab("smoke", "archive", str(long_archive), overrides=TINY | BLOCKS)


def by_name(values):
    return {value.metric: value for value in values}


def first_of(lab, count):
    """Return the first images of the labelled set, without their classes."""
    return ImageSet.of(stages.labelled_set(lab).image[:count])


def test_noise_is_told_from_suns(lab):
    rng = np.random.default_rng(0)
    flat = ImageSet.of((128 + rng.integers(0, 3, (20, 16, 16))).astype(np.uint8))
    found = by_name(evaluate(Reference(lab), [flat]))
    assert found["Fréchet, ceVAE space"].place == "above"
    assert found["kNN recall"].place == "below"
    assert found["Constant images"].rejects
    assert math.isnan(found["F1"].value) and found["F1"].note == "the samples have no class"


def test_what_cannot_be_computed_says_why_and_the_others_still_are(lab):
    images = ImageSet.of(stages.labelled_set(lab).image[:5], np.zeros(5, int))
    found = by_name(evaluate(Reference(lab), [images], images))
    assert "needs more than 5 images" in found["Coverage"].note and math.isnan(found["Coverage"].value)
    assert found["F1"].note == "scores need at least two classes in the samples, got A"
    assert found["FID CLIP"].note.startswith("weights not available: CLIP")
    assert found["FID InceptionV3"].note.startswith("weights not available: clean-fid's inception")
    assert math.isfinite(found["Cluster error"].value)


def values_of(lab, name, images):
    """Return the values of the row that has a metric, by name."""
    (row,) = (row for row in ROWS if name in row.targets)
    return by_name(row.measure(Reference(lab), [images]))


def test_held_out_images_too_few_for_a_floor_take_no_value_away(lab):
    """Folds of one block hold 12 images at most, so that a set of the floor has 4: too few for the metric."""
    few = lab.variant(test_fraction=0.05)
    images = first_of(few, 30)
    found = values_of(few, "Coverage", images)
    real = Reference(few).real_features("cevae")[stages.labelled_set(few).train]
    expected = coverage(real, stages.features(few, "cevae", images))
    assert found["Coverage"].value == expected.coverage and found["Density"].value == expected.density
    assert np.isnan([found["Coverage"].low, found["Coverage"].p]).all() and found["Coverage"].floor_images == 0
    assert found["Coverage"].note.startswith("no floor: there are sets of ")
    assert "needs more than 5 images" in found["Coverage"].note


def test_copies_are_counted_although_they_cannot_be_tested(lab):
    """All frames lie in one block of 27 days: the held-out images are of one unit."""
    alone = lab.variant(block_days=27.0)
    data = stages.labelled_set(alone)
    near = data.image[data.train][:4]
    far = 255 - near
    found = values_of(alone, "Copies, pixels", ImageSet.of(np.concatenate([near, near, far])))["Copies, pixels"]
    assert found.value >= 8 / 12 and math.isnan(found.p)
    assert "no test: it needs held-out images of 3 weeks or regions or more" in found.note
    with pytest.raises(SolarsynthError, match="several weeks or regions, got one"):
        values_of(alone, "AuthPct", ImageSet.of(near))


def test_authenticity_needs_no_held_out_images(lab):
    whole = lab.variant(test_fraction=0.0)
    found = values_of(whole, "AuthPct", first_of(whole, 6))["AuthPct"]
    assert found.value == 0 and math.isnan(found.held_out)  # they are training images


def test_one_image_is_never_inside(lab):
    values = evaluate(Reference(lab), [first_of(lab, 1)])
    found = by_name(values)
    for name in (*rows.CLUSTERS, *rows.NEIGHBOURS, rows.FRECHET["cevae"], rows.KERNEL["vgg"]):
        assert math.isnan(found[name].value) and "at least 5 images in each, got 1" in found[name].note
    assert found["Collapse"].rejects and not verdict(values)[0]


def test_singular_features_give_a_number(lab):
    """The same image again and again has a covariance of zero."""
    same = ImageSet.of(np.repeat(stages.labelled_set(lab).image[:1], 6, axis=0))
    reference = Reference(lab)
    found = by_name(evaluate(reference, [same]))
    index = reference.comparisons(6).reference
    real = reference.real_features("cevae")[index].astype(np.float64)
    point = stages.features(lab, "cevae", same)[0]
    # |μ - x|² + Tr Σ: nothing else is left of the distance to a single point.
    expected = ((real.mean(0) - point) ** 2).sum() + np.trace(np.cov(real.T))
    assert found["Fréchet, ceVAE space"].value == pytest.approx(expected, rel=1e-4)
    assert found["Cluster std"].value == pytest.approx(0, abs=1e-3)
    assert found["Repeated images"].rejects


def test_rows_come_in_the_papers_order_whatever_can_be_computed(lab):
    names = [name for row in ROWS for name in row.targets]
    assert names[0] == "Cluster error" and names[-3:] == ["F1", "Precision", "Recall"] and len(set(names)) == len(names)
    values = evaluate(Reference(lab), [first_of(lab, 2)])
    assert [v.metric for v in values] == names
    targets = {name: target for row in ROWS for name, target in row.targets.items()}
    assert {v.metric: v.target for v in values} == targets


def test_several_sets_by_hand(lab):
    """Cluster metrics are a mean over the sets with their standard deviation; distances pool all sets."""
    image = stages.labelled_set(lab).image
    sets = [ImageSet.of(image[i : i + 5]) for i in (0, 5)]
    reference = Reference(lab, clusters=3, seed=1)
    found = by_name(evaluate(reference, sets))
    real = reference.real_features("cevae")
    features = [stages.features(lab, "cevae", one) for one in sets]
    each, both = reference.comparisons(5), reference.comparisons(10)
    assert (each.size, both.size) == (5, reference.pool.size_for(10))
    measured = np.array([astuple(Clusters(real[each.reference], 3, 1).compare(x)) for x in features])
    for i, name in enumerate(("Cluster error", "Cluster distance", "Cluster std")):
        assert found[name].value == pytest.approx(measured[:, i].mean())
        assert found[name].error == pytest.approx(measured[:, i].std(ddof=1))
        assert (found[name].error_kind, found[name].images) == ("std over sets", 5)
    pooled, target = found["Fréchet, ceVAE space"], real[both.reference]
    without = [frechet_distance(one, target) for one in features[::-1]]
    assert pooled.error == pytest.approx(np.sqrt(np.var(without)))
    assert (pooled.error_kind, pooled.images) == ("jackknife standard error over sets", 10)


def test_every_reference_and_every_set_of_the_floor_has_the_same_size(lab):
    reference = Reference(lab)
    found = reference.comparisons(10)
    assert found.size == 10 and len(found.floor) == TINY["floor_draws"]
    for draw in found.floor:
        data = stages.labelled_set(reference.folds[draw.fold])
        assert len(draw.held) == 10 and len(draw.reference) == len(found.reference)
        assert data.test[draw.held].all() and data.train[draw.reference].all()
        assert not set(data.block[draw.held]) & set(data.block[draw.reference])
    own = reference.data
    assert own.train[found.reference].all() and all(own.test[index].all() for index in found.held_out)


def test_held_out_images_have_their_own_value_in_every_row(lab):
    found = by_name(evaluate(Reference(lab), [first_of(lab, 10)]))
    reference = Reference(lab)
    where, real = reference.comparisons(10), reference.real_features("cevae")
    expected = np.mean([frechet_distance(real[index], real[where.reference]) for index in where.held_out])
    assert found["Fréchet, ceVAE space"].held_out == pytest.approx(expected)
    for name in (*rows.CLUSTERS, *rows.NEIGHBOURS, rows.KERNEL["vgg"]):
        assert math.isfinite(found[name].held_out)


def test_copies_of_training_images_are_rejected_and_held_out_images_are_not(lab):
    copies = evaluate(Reference(lab), [ImageSet.of(stages.training_images(lab).image[:10])])
    assert by_name(copies)["Copies, pixels"].rejects and not verdict(copies)[0]
    honest = by_name(evaluate(Reference(lab), [ImageSet.of(stages.held_out_images(lab).image)]))
    assert not honest["Copies, pixels"].rejects


def test_floors_are_computed_once_for_all_samples(lab, monkeypatch):
    first = rows.cluster_floor(Reference(lab), 7)
    monkeypatch.setattr(Clusters, "compare", lambda *a: 1 / 0)
    assert np.array_equal(rows.cluster_floor(Reference(lab), 7), first)
    with pytest.raises(ZeroDivisionError):
        rows.cluster_floor(Reference(lab, clusters=4), 7)


def test_several_trainings_have_their_mean_and_std(lab):
    image = stages.labelled_set(lab).image
    sets = [[ImageSet.of(image[i : i + 6])] for i in (0, 6)]
    reference = Reference(lab)
    each = [by_name(evaluate(reference, one)) for one in sets]
    found = by_name(evaluate_trainings(reference, sets))["Fréchet, ceVAE space"]
    both = np.array([one["Fréchet, ceVAE space"].value for one in each])
    assert found.value == pytest.approx(both.mean()) and found.error == pytest.approx(both.std(ddof=1))
    assert found.error_kind == "std over trainings of the generator"


def test_a_new_metric_is_one_row(lab, monkeypatch):
    row = rows.on_features(
        "energy distance", {"Energy distance": 0}, lambda real, drawn: [energy_distance(real, drawn)]
    )
    monkeypatch.setattr(rows, "ROWS", (*ROWS, row))
    images, reference = first_of(lab, 6), Reference(lab)
    found = by_name(evaluate(reference, [images]))["Energy distance"]
    where, real = reference.comparisons(6), reference.real_features("cevae")
    drawn = stages.features(lab, "cevae", images)
    assert where.size == 6
    assert found.value == pytest.approx(energy_distance(real[where.reference], drawn))
    floor = []
    for draw in where.floor:
        real = reference.real_features("cevae", draw.fold)
        floor.append([energy_distance(real[draw.reference], real[draw.held])])
    (low,), (high,) = floor_range(widened(np.array(floor), where.taken))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.target == 0 and found.images == found.floor_images == 6


def test_an_archive_of_one_block_has_values_without_floors(lab):
    whole = lab.variant(block_days=81.0)
    found = by_name(evaluate(Reference(whole), [first_of(lab, 6)]))["Cluster error"]
    assert math.isfinite(found.value) and math.isnan(found.low) and found.place == ""
    assert "a floor needs 4 blocks" in found.note


def test_the_command(lab, tmp_path):
    """As a user calls it, on samples that somebody else made."""
    data = stages.labelled_set(lab)
    np.savez(tmp_path / "samples.npz", image=data.image[:20], label=np.array(list("ABCMX"))[data.label[:20]])
    command = [sys.executable, "-m", "solarsynth.cli", "evaluate", str(tmp_path / "samples.npz")]
    command += ["--reference", lab.data, "--profile", "smoke", *as_options(TINY | BLOCKS)]
    outputs = ["--csv", str(tmp_path / "t.csv"), "--json", str(tmp_path / "t.json")]
    done = subprocess.run([*command, *outputs], capture_output=True, text=True)
    assert "Warning" not in done.stderr
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Cluster error" in done.stdout and "rejected: " in done.stdout  # most of them are training images
    table = pd.read_csv(tmp_path / "t.csv")
    rows = json.loads((tmp_path / "t.json").read_text())
    assert table["metric"].tolist() == [row["metric"] for row in rows]
    assert table["value"].notna().sum() >= 9
    assert table["note"].str.startswith("weights not available").sum() == 4
    wrong = CliRunner().invoke(main, [*command[3:], "--set", "image_size=64"])
    assert wrong.exit_code == 1 and wrong.stderr.count("\n") == 1
    assert "images must be 64 × 64 px as the reference's are, got 16 × 16 px" in wrong.stderr
