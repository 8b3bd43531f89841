"""Section 8: tasks, trials and their comparison, on a Sun that shines brighter before strong flares."""

import itertools

import numpy as np
import pandas as pd
import pytest

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError
from solarsynth.experiments import Run
from solarsynth.metrics.skill import Forecast
from solarsynth.observations.archive import write_archive
from solarsynth.observations.times import DAY, parse_times
from solarsynth.uses import (
    SCENARIOS,
    Difference,
    Trial,
    Uses,
    best_threshold,
    paired_difference,
    persistence,
    recall_of,
    run_all,
    trials,
)

TINY = {
    "image_size": 16,
    "patch": 1,
    "base_width": 4,
    "train_images": 64,
    "daily_images": 64,
    "batch_size": 8,
    "sampling_steps": 3,
    "classifier_patch": 8,
    "trial_depth": 1,
    "trial_epochs": 1.0,
    "usage_scale": 0.02,
    "usage_sets": 2,
    "forecast_seeds": 2,
    "block_days": 10.0,
    "split": "blocked",
}
N_DAYS = 160


def daily_sun(path, strong_every=4):
    """A frame at every midnight and one an hour after noon; a flare each noon, of class M every few days."""
    rng = np.random.default_rng(0)
    first = parse_times(["2012-01-01T00:00:00Z"])[0]
    noon = first + np.arange(N_DAYS) * DAY + DAY // 2
    strong = np.arange(N_DAYS) % strong_every == 0 if strong_every else np.zeros(N_DAYS, bool)
    classes = np.where(strong, "M2.0", np.where(rng.random(N_DAYS) < 0.5, "C3.0", "B4.0"))
    flux = np.select([strong, classes == "C3.0"], [2e-5, 3e-6], 4e-7)
    time = np.sort(np.concatenate([first + np.arange(N_DAYS) * DAY, noon + 600_000]))
    bright = np.repeat(strong, 2)
    image = (rng.integers(0, 60, (2 * N_DAYS, 16, 16)) + 120 * bright[:, None, None]).astype(np.uint8)
    events = pd.DataFrame(
        {"peak": noon, "start": noon - 60_000, "end": noon + 60_000, "goes_class": classes, "method": "SWPC"}
    )
    xrs = pd.DataFrame({"time": noon, "flux": flux})
    attributes = {"source": "archive", "frame_tolerance_minutes": 60.0, "flux_tolerance_seconds": 60.0}
    write_archive(path, image=image, time=time, unit="display", xrs=xrs, events=events, attributes=attributes)
    return path


@pytest.fixture
def run(tmp_path, store_folder):
    return Run("smoke", "archive", str(daily_sun(tmp_path / "sun")), overrides=TINY)


def test_days_by_hand(run):
    task = Uses(run).days("paper")
    assert len(task.label) == N_DAYS and task.image.shape == (N_DAYS, 16, 16)
    assert np.array_equal(task.label, (np.arange(N_DAYS) % 4 == 0).astype(int))
    assert np.array_equal(np.unique(task.train.astype(int) + task.test + task.validation), [1])
    assert task.rare == ("M",)
    # Whole blocks: no block lies on two sides.
    block = (task.day - task.day[0]) // (10 * DAY)
    side = task.test * 2 + task.validation
    assert all(len(np.unique(side[block == b])) == 1 for b in np.unique(block))


def test_the_class_task_keeps_the_natural_counts(run):
    task = Uses(run).classes
    assert np.array_equal(task.test, run.dataset.test) and task.rare == ("M",)
    assert np.bincount(task.label[task.train], minlength=5).tolist() == list(run.dataset.counts(test=False).values())


@pytest.mark.parametrize(
    "scale, classes, days",
    [
        (1.0, (200, 400, 600), (50, 100, 200, 300, 400, 500)),  # Sects. 8.1 and 8.2
        (0.05, (10, 20, 30), (2, 5, 10, 15, 20, 25)),
        (0.01, (2, 4, 6), (1, 2, 3, 4, 5)),  # 50 and 100 are one image each
    ],
)
def test_amounts_are_the_papers_scaled(run, scale, classes, days):
    uses = Uses(run.variant(usage_scale=scale))
    assert uses.amounts(uses.classes) == classes and uses.amounts(uses.days("paper")) == days


@pytest.mark.parametrize("name", ["classes", "days"])
def test_added_images_are_as_many_as_asked_for_and_disjoint(run, name):
    uses = Uses(run)
    task = uses.classes if name == "classes" else uses.days("paper")
    most = uses.amounts(task)[-1]
    wanted = CLASSES.index("M") if name == "classes" else 1
    for scenario in ("classical", "synthetic"):
        sets = [uses.added(task, Trial(scenario, most, k)) for k in (0, 1)]
        for image, label in sets:
            assert image.shape == (most, 16, 16) and label.tolist() == [wanted] * most
        assert not any(np.array_equal(a, b) for a in sets[0][0] for b in sets[1][0])
        less = uses.added(task, Trial(scenario, 1, 0))[0]
        assert np.array_equal(less, sets[0][0][:1])  # a larger amount holds the smaller one
    assert len(uses.added(task, Trial())[0]) == 0


def test_the_generator_of_the_days_has_not_seen_the_others(run, monkeypatch):
    uses = Uses(run)
    task = uses.days("paper")
    seen = []
    monkeypatch.setattr(run, "daily_model_entry", lambda image, flare, report: seen.append((image, flare)))
    uses.generator_entry(task)
    image, flare = seen[0]
    assert len(image) == task.train.sum() and np.array_equal(flare, task.flare[task.train])
    held_out = {frame.tobytes() for frame in task.image[~task.train]}
    assert not held_out & {frame.tobytes() for frame in image}


def test_trials_learn_what_can_be_seen_and_are_kept(run):
    uses = Uses(run)
    task = uses.days("paper")
    happened = task.label[task.test].astype(bool)
    for trial in (Trial(), Trial("synthetic", 1, 1), Trial("classical", 2, 1)):
        said = uses.probabilities(task, trial)
        assert said["test"].shape == (task.test.sum(), 2) and said["validation"].shape == (task.validation.sum(), 2)
        assert np.allclose(said["test"].sum(1), 1, atol=1e-5)
    longer = Uses(run.variant(trial_epochs=16.0))
    said = longer.probabilities(task, Trial())
    threshold = best_threshold(task.label[task.validation].astype(bool), said["validation"][:, 1])
    assert Forecast.of(happened, said["test"][:, 1] >= threshold).tss > 0.9
    folders = list((run.store.folder / "trial").glob("*/said.npz"))
    before = {path: path.stat().st_mtime_ns for path in folders}
    longer.probabilities(task, Trial())
    assert {p: p.stat().st_mtime_ns for p in (run.store.folder / "trial").glob("*/said.npz")} == before
    assert not list((run.store.folder / "trial").glob("*/*.safetensors"))


def test_another_guidance_is_another_trial(run):
    """What was drawn is part of what a trial is made from."""
    for w in (0.5, 2.0, 0.5):
        uses = Uses(run.variant(guidance=w))
        uses.probabilities(uses.classes, Trial("synthetic", 2, 0))
    assert len(list((run.store.folder / "trial").glob("*/manifest.json"))) == 2


def test_a_trial_that_cannot_be_is_named_and_the_others_run(run, monkeypatch):
    uses = Uses(run)
    added = uses.added

    def few(task, trial):
        if trial.amount > 2:
            raise SolarsynthError("only 2 synthetic images of class M, not 4")
        return added(task, trial)

    monkeypatch.setattr(uses, "added", few)
    said, failed = run_all(uses, uses.classes, [Trial(), Trial("synthetic", 2), Trial("synthetic", 4)])
    assert set(said) == {Trial(), Trial("synthetic", 2)}
    assert failed == {"only 2 synthetic images of class M, not 4": [Trial("synthetic", 4)]}


def test_classes_of_one_set_start_from_other_noise(run):
    uses = Uses(run)
    task = uses.classes
    image, label = uses.synthetic(task, 0)
    assert sorted(set(label)) == [CLASSES.index(name) for name in task.rare]
    assert len({frame.tobytes() for frame in image}) == len(image)


def test_one_more_seed_costs_one_more_training(run):
    uses = Uses(run)
    task = uses.classes
    for k in (0, 1, 0):
        uses.probabilities(task, Trial("none", 0, k))
    assert len(list((run.store.folder / "trial").glob("*/manifest.json"))) == 2


def test_days_without_strong_flares(tmp_path, store_folder):
    quiet = Run("smoke", "archive", str(daily_sun(tmp_path / "quiet", strong_every=0)), overrides=TINY)
    with pytest.raises(SolarsynthError, match="the test part holds no days with a flare of class M or X"):
        Uses(quiet).days("paper")
    assert Uses(quiet).classes.rare == ()
    rare = Run("smoke", "archive", str(daily_sun(tmp_path / "rare", strong_every=159)), overrides=TINY)
    with pytest.raises(SolarsynthError, match=r"part holds no days with a flare.*choose another split or block_days"):
        Uses(rare).days("paper")


def test_the_experiment_needs_held_out_images(run):
    with pytest.raises(SolarsynthError, match="set test_fraction above 0"):
        Uses(run.variant(test_fraction=0.0)).classes.rare  # noqa: B018


@pytest.mark.parametrize("settings", [("none", 3), ("synthetic", 0), ("classical", -1)])
def test_trials_that_cannot_be(settings):
    with pytest.raises(SolarsynthError, match="cannot add"):
        Trial(*settings)


def test_trials_of_an_experiment():
    plan = trials(SCENARIOS, (2, 4), 3)
    assert len(plan) == 3 + 6 + 6 and len(set(plan)) == 15
    with pytest.raises(SolarsynthError, match="no scenario 'synthetik'; did you mean 'synthetic'"):
        Trial("synthetik", 1)


def test_the_threshold_by_brute_force():
    rng = np.random.default_rng(0)
    happened, p = rng.random(40) < 0.3, rng.random(40).round(2)
    chosen = Forecast.of(happened, p >= best_threshold(happened, p)).tss
    assert chosen == max(Forecast.of(happened, p >= t).tss for t in np.linspace(0, 1.01, 500))
    assert best_threshold(np.zeros(5, bool), np.full(5, 0.3)) == 0.5


def test_persistence_by_hand():
    day = np.array([0, 1, 2, 5, 6]) * DAY
    assert persistence(day, np.array([True, False, True, True, False])).tolist() == [False, True, False, False, True]


def test_paired_differences_with_known_answers():
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.5
    score = lambda said, index: float((said[index] == truth[index]).mean())  # noqa: E731
    good = [np.where(rng.random(200) < 0.9, truth, ~truth) for _ in range(3)]
    bad = [np.where(rng.random(200) < 0.6, truth, ~truth) for _ in range(3)]
    better = paired_difference(good, bad, score, 100)
    assert better.mean == pytest.approx(
        np.mean([(g == truth).mean() - (b == truth).mean() for g, b in zip(good, bad, strict=True)])
    )
    assert better.low < better.mean < better.high and better.verdict == "helped"
    assert paired_difference(bad, good, score, 100).verdict == "hurt"
    same = paired_difference(good, good, score, 100)
    assert (same.mean, same.low, same.high) == (0, 0, 0) and same.verdict == "can't be told apart"
    assert paired_difference(good, bad, score, 4).verdict == "too few to tell"
    assert Difference(float("nan"), 0.1, 0.2, 50, 3).verdict == "too few to tell"
    assert paired_difference(good[:1], bad[:1], score, 100).verdict == "too few to tell"


def test_the_interval_over_few_pairs_is_not_too_narrow():
    """Against all resamples of five pairs, whose means have the variance of a mean of five, not 4/5 of it."""
    value = np.array([0.1, 0.4, -0.2, 0.3, 0.05])
    found = paired_difference(list(value[:, None]), [np.zeros(1)] * 5, lambda said, index: float(said[0]), 50, 20_000)
    every = value[np.array(list(itertools.product(range(5), repeat=5)))].mean(1)
    scaled = value.mean() + (every - value.mean()) * np.sqrt(5 / 4)
    assert scaled.std() == pytest.approx(value.std(ddof=1) / np.sqrt(5))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(scaled, [2.5, 97.5])), abs=0.015)


def test_the_interval_covers_what_it_says():
    """Of two classifiers that are equally good, a 95 % interval should exclude 0 seldom."""
    rng = np.random.default_rng(1)
    excluded = 0
    for _ in range(60):
        truth = rng.random(80) < 0.5
        score = lambda said, index, truth=truth: float((said[index] == truth[index]).mean())  # noqa: E731
        pair = [np.where(rng.random(80) < 0.7, truth, ~truth) for _ in range(2)]
        found = paired_difference(pair[:1], pair[1:], score, 80, draws=200)
        excluded += found.low > 0 or found.high < 0
    assert excluded <= 8  # 3 expected


def test_recall_of_a_class(run):
    task = Uses(run).classes
    score, label = recall_of(task, "M"), task.label[task.test]
    said = np.eye(5)[np.where(label == 3, 3, 0)]
    assert score(said, np.arange(len(label))) == 1
    assert np.isnan(score(said, np.flatnonzero(label != 3)))
