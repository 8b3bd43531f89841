"""The scale that choices are judged on: what it must see, and what it must not mind."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import t
from tiny import SHORT

from solarsynth import stages
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.choices import (
    LENGTHS,
    MEASURES,
    chosen_length,
    compare_lengths,
    compare_trainings,
    effects,
    guidance_study,
)
from solarsynth.evaluation.quality import QualityReference
from solarsynth.stages import Lab


def judged(reference):
    """Return the measures that a reference can give: none is read by a regressor if too few images are held out."""
    return [name for name in MEASURES if name != "obeys" or np.isfinite(reference.skill)]


@pytest.fixture
def small_lab(shared_archive, store_folder):
    return Lab("smoke", "archive", str(shared_archive), overrides=SHORT)


@pytest.fixture(scope="module")
def sun(tmp_path_factory):
    """A year of the simulated Sun."""
    from solarsynth.observations.simulated import SimulatedSun, simulate

    path = tmp_path_factory.mktemp("sun") / "archive"
    simulate(path, SimulatedSun(120, 32, "2012-01-01", "2013-07-01", xrs_cadence=300_000, regular_days=3))
    return path


def test_faults_move_the_numbers_that_must_see_them(sun, store_folder):
    lab = Lab("smoke", "archive", str(sun), overrides={"image_size": 32, "fold_blocks": 2})
    reference = QualityReference(lab)
    assert len(reference.components) == min(64, len(reference.train) + len(reference.held_out) + 10_000)
    rng = np.random.default_rng(0)
    real = reference.labelled[rng.permutation(len(reference.labelled))[:60]]
    honest = reference.judge(real)
    assert honest.power == pytest.approx(1, abs=0.1) and abs(honest.brightness) < 0.4
    assert honest.train == pytest.approx(reference.real(60, 3), rel=0.5)
    assert honest.copies == 1, "images of the training set are copies"
    assert reference.judge(reference.held_out[:60]).copies < 0.1
    blurred = reference.judge(gaussian_filter(real, (0, 1, 1)))
    assert blurred.power < 0.7 * honest.power and blurred.train > honest.train
    bright = reference.judge(np.clip(real.astype(int) + 20, 0, 255).astype(np.uint8))
    assert bright.brightness > honest.brightness + 1 and bright.train > honest.train
    assert bright.kernel_low > honest.kernel
    assert reference.between > 0


def test_the_components_are_those_of_a_singular_value_decomposition(sun, store_folder):
    lab = Lab("smoke", "archive", str(sun), overrides={"image_size": 32, "fold_blocks": 2})
    reference = QualityReference(lab)
    data, frames = stages.labelled_set(lab), stages.unlabelled_set(lab)
    every = np.concatenate([data.image, frames.image]).reshape(-1, 32 * 32) / 255.0
    _, _, directions = np.linalg.svd(every - every.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(reference.components[:8] * directions[:8], axis=1)), 1, atol=1e-6)
    scores = reference.embed(data.image)
    assert scores.shape == (len(data), 64)


def test_obedience_is_seen_where_labels_are_readable_and_not_where_they_are_permuted(tmp_path, store_folder):
    from solarsynth.observations.simulated import SimulatedSun, simulate

    sun = SimulatedSun(300, 32, "2012-01-01", "2014-07-01", xrs_cadence=300_000, regular_days=3, flare_contrast=36.0)
    simulate(tmp_path / "readable", sun)
    lab = Lab("smoke", "archive", str(tmp_path / "readable"), overrides={"image_size": 32, "fold_blocks": 2})
    reference = QualityReference(lab)
    assert reference.skill > 0.3
    rng = np.random.default_rng(0)
    true = reference.judge(reference.labelled, reference.label)
    assert true.obeys > 0.3 and true.coverage == 1, "every training image is covered by itself"
    permuted = [reference.judge(reference.labelled, rng.permutation(reference.label)).obeys for _ in range(3)]
    assert np.abs(permuted).max() < 0.15
    assert np.isnan(reference.judge(reference.labelled[:20]).obeys), "nothing was asked for"
    assert reference.judge(reference.labelled[:20]).coverage < 0.5


def test_an_average_is_chosen_by_other_samples_than_it_is_judged_by(small_lab):
    reference = QualityReference(small_lab)
    stored = small_lab.variant(ema_snapshots=2, train_images=32)
    table = compare_lengths(stored, reference, 6, LENGTHS[1:4])
    assert list(table.index) == list(LENGTHS[1:4]) and table["train"].nunique() == 3
    assert chosen_length(table) == table.index[np.argmin(table["train"])]
    trained = compare_trainings(small_lab, reference, {"plain": {}, "chosen": {"ema_snapshots": 2}}, [0], 6)
    assert trained.loc[0, "ema_length"] == 0 and trained.loc[1, "ema_length"] in LENGTHS
    assert trained.loc[0, "train"] != trained.loc[1, "train"]


def test_no_held_out_frames(small_lab):
    with pytest.raises(SolarsynthError, match="test_fraction"):
        QualityReference(small_lab.variant(test_fraction=0.0))


def test_effects_are_paired_differences_with_students_t():
    table = pd.DataFrame(
        [
            {"variant": v, "seed": seed, "seconds": 1.0} | dict.fromkeys(MEASURES, value)
            for v, values in {"plain": (1.0, 2.0, 4.0), "other": (2.0, 4.0, 5.0)}.items()
            for seed, value in enumerate(values)
        ]
    )
    row = effects(table).loc["other"]
    difference = np.array([1.0, 2.0, 1.0])
    half = t.ppf(0.975, 2) * difference.std(ddof=1) / np.sqrt(3)
    assert row["train"] == pytest.approx(11 / 3) and row["train Δ"] == pytest.approx(4 / 3)
    assert row["train Δ ±"] == pytest.approx(half)


def test_every_variant_sees_as_many_images(small_lab):
    reference = QualityReference(small_lab)
    variants = {"plain": {}, "first": {"unlabelled": "pretrain"}, "mixed": {"unlabelled": "mixed"}}
    table = compare_trainings(small_lab, reference, variants, range(2), 6)
    assert len(table) == 6 and np.isfinite(table[judged(reference)].to_numpy()).all()
    plain = small_lab.variant(unlabelled="none", mirror=0.0, coordinates=0, train_images=32, pretrain_images=1)
    assert plain.store.folder.joinpath("model", plain.key(stages.MODEL, model="discrete")).is_dir()
    same = compare_trainings(
        small_lab, reference, variants | {"same": {"parameterisation": "preconditioned"}}, range(2), 6
    )
    assert list(same["variant"].unique()) == list(variants), "smoke has it already"
    first = small_lab.variant(unlabelled="pretrain", train_images=16, pretrain_images=16)
    assert first.store.folder.joinpath("model", first.key(stages.MODEL, model="discrete")).is_dir()


def test_guidance_is_studied_on_paired_noise(small_lab):
    reference = QualityReference(small_lab)
    table = guidance_study(small_lab, reference, [0.0, 2.0], [2, 4], [(0.0, np.inf), (0.1, 1.0)], 6, range(2))
    assert len(table) == 2 + 2 * 2
    assert set(table["interval"]) == {"everywhere", "0.1 < σ < 1"}
    assert np.isfinite(table[judged(reference)].to_numpy()).all()


def test_samplers_are_compared_on_the_same_noise(small_lab):
    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.evaluation.choices import compare_samplers

    reference = QualityReference(small_lab)
    same = {"four": Sampling("dpm-solver++", 4), "again": Sampling("dpm-solver++", 4), "two": Sampling("ddim", 2)}
    table, drawn = compare_samplers(small_lab, reference, same, 6, range(2))
    assert table.loc["four", "train Δ"] == table.loc["again", "train Δ"] == 0
    np.testing.assert_array_equal(drawn["four"], drawn["again"])
    assert table.loc["two", "train"] != table.loc["four", "train"] and drawn["two"].shape == (6, 16, 16)
