"""Section 8: trials and their comparison by hand, and end to end on a Sun that is brighter before strong flares."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, recall_score
from tiny import TINY

from solarsynth import CLASSES, stages
from solarsynth.dataset.tasks import Task
from solarsynth.downstream import classification, forecasting
from solarsynth.downstream.comparisons import (
    Difference,
    best_threshold,
    paired_difference,
    persistence,
    recall_of,
    with_intervals,
)
from solarsynth.downstream.plan import of_setup, pairs, run_all, trials
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.skill import Forecast
from solarsynth.observations.writing import write_archive
from solarsynth.stages import SCENARIOS, Lab, Trial
from solarsynth.times import DAY, MINUTE, parse_times

SETTINGS = TINY | {
    "downstream_scale": 0.02,
    "downstream_sets": 2,
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
    time = np.sort(np.concatenate([first + np.arange(N_DAYS) * DAY, noon + 10 * MINUTE]))
    bright = np.repeat(strong, 2)
    image = (rng.integers(0, 60, (2 * N_DAYS, 16, 16)) + 120 * bright[:, None, None]).astype(np.uint8)
    events = pd.DataFrame(
        {"peak": noon, "start": noon - MINUTE, "end": noon + MINUTE, "goes_class": classes, "method": "SWPC"}
    )
    xrs = pd.DataFrame({"time": noon, "flux": flux})
    attributes = {"source": "archive", "frame_tolerance_minutes": 60.0, "flux_tolerance_seconds": 60.0}
    write_archive(path, image=image, time=time, unit="display", xrs=xrs, events=events, attributes=attributes)
    return path


@pytest.fixture(scope="session")
def sun(tmp_path_factory):
    """The archive of a Sun with a strong flare every fourth day; no test may change it."""
    return daily_sun(tmp_path_factory.mktemp("daily") / "sun")


@pytest.fixture
def lab(sun, store_folder):
    return Lab("smoke", "archive", str(sun), overrides=SETTINGS)


def kept(lab, file="manifest.json"):
    """Return the trials in the store and when they were written."""
    return {path: path.stat().st_mtime_ns for path in (lab.store.folder / "trial").glob(f"*/{file}")}


# --- tasks and trials on the daily Sun


def test_days_by_hand(lab):
    task = stages.days_task(lab, "paper")
    assert len(task.label) == N_DAYS and task.image.shape == (N_DAYS, 16, 16)
    assert np.array_equal(task.label, (np.arange(N_DAYS) % 4 == 0).astype(int))
    assert np.array_equal(np.unique(task.train.astype(int) + task.test + task.validation), [1])
    assert task.rare == ("M",)
    # Whole blocks: no block lies on two sides.
    block = (task.day - task.day[0]) // (10 * DAY)
    side = task.test * 2 + task.validation
    assert all(len(np.unique(side[block == b])) == 1 for b in np.unique(block))


def test_the_class_task_keeps_the_natural_counts(lab):
    task, labelled = stages.classes_task(lab), stages.labelled_set(lab)
    assert np.array_equal(task.test, labelled.test) and task.rare == ("M",)
    assert np.bincount(task.label[task.train], minlength=5).tolist() == list(labelled.counts(test=False).values())


@pytest.mark.parametrize(
    "scale, classes, days",
    [
        (1.0, (200, 400, 600), (50, 100, 200, 300, 400, 500)),  # Sects. 8.1 and 8.2
        (0.05, (10, 20, 30), (2, 5, 10, 15, 20, 25)),
        (0.01, (2, 4, 6), (1, 2, 3, 4, 5)),  # 50 and 100 are one image each
    ],
)
def test_amounts_are_the_papers_scaled(lab, scale, classes, days):
    scaled = lab.variant(downstream_scale=scale)
    assert stages.amounts(scaled, stages.classes_task(scaled)) == classes
    assert stages.amounts(scaled, stages.days_task(scaled, "paper")) == days


@pytest.mark.parametrize("name", ["classes", "days"])
def test_added_images_are_as_many_as_requested_and_disjoint(lab, name):
    task = stages.classes_task(lab) if name == "classes" else stages.days_task(lab, "paper")
    most = stages.amounts(lab, task)[-1]
    wanted = CLASSES.index("M") if name == "classes" else 1
    for scenario in ("classical", "synthetic"):
        sets = [stages.added_images(lab, task, Trial(scenario, most, k)) for k in (0, 1)]
        for image, label in sets:
            assert image.shape == (most, 16, 16) and label.tolist() == [wanted] * most
        assert not any(np.array_equal(a, b) for a in sets[0][0] for b in sets[1][0])
        less = stages.added_images(lab, task, Trial(scenario, 1, 0))[0]
        assert np.array_equal(less, sets[0][0][:1])  # a larger amount contains the smaller one
    assert len(stages.added_images(lab, task, Trial())[0]) == 0


def test_the_model_of_the_days_has_not_seen_the_others(sun, fresh_store, monkeypatch):
    lab = Lab("smoke", "archive", str(sun), overrides=SETTINGS)
    task, seen, requests = stages.days_task(lab, "paper"), [], []

    def remember(job, architecture, config, image, condition, about, **rest):
        seen.append((image, condition))

    monkeypatch.setattr("solarsynth.stages.models.train_network", remember)
    lab.entry(stages.MODEL, on="days", mode="paper")
    image, condition = seen[0]
    assert len(image) == task.train.sum() and np.array_equal(condition[:, 0], task.flare[task.train])
    held_out = {frame.tobytes() for frame in task.image[~task.train]}
    assert not held_out & {frame.tobytes() for frame in image}
    # The images that a trial adds are drawn by this model.
    monkeypatch.setattr("solarsynth.stages.trials.sample_set", lambda lab, **request: requests.append(request))
    stages.synthetic_images(lab, task, 1)
    assert (requests[0]["on"], requests[0]["mode"]) == ("days", "paper") and set(requests[0]["counts"]) == {"M"}


def test_classes_of_one_set_start_from_different_noise(lab):
    task = stages.classes_task(lab)
    drawn = stages.synthetic_images(lab, task, 0)
    assert sorted(set(drawn.label.tolist())) == [CLASSES.index(name) for name in task.rare]
    assert len({frame.tobytes() for frame in drawn.image}) == len(drawn)


def test_trials_learn_what_is_visible_and_are_kept(lab):
    task = stages.days_task(lab, "paper")
    for trial in (Trial(), Trial("synthetic", 1, 1), Trial("classical", 2, 1)):
        found = stages.probabilities(lab, task, trial)
        assert found["test"].shape == (task.test.sum(), 2) and found["validation"].shape == (task.validation.sum(), 2)
        assert np.allclose(found["test"].sum(1), 1, atol=1e-5)
    longer = lab.variant(trial_epochs=16.0)
    y_pred = forecasting.forecasts(task, {Trial(): stages.probabilities(longer, task, Trial())})[Trial()]
    assert Forecast.of(forecasting.strong_test_days(task), y_pred).tss > 0.9
    before = kept(lab, "*.npz")
    again = lab.variant(trial_epochs=16.0)
    stages.probabilities(again, stages.days_task(again, "paper"), Trial())
    assert before and kept(lab, "*.npz") == before
    assert not kept(lab, "*.safetensors")


def test_another_guidance_is_another_trial(lab):
    """What was drawn is part of what a trial is made from."""
    before = kept(lab)
    for w in (0.5, 2.0, 0.5):
        other = lab.variant(guidance=w, trial_epochs=1.25)
        stages.probabilities(other, stages.classes_task(other), Trial("synthetic", 2, 0))
    assert len(kept(lab)) - len(before) == 2


def test_one_more_seed_costs_one_more_training(lab):
    before = kept(lab)
    lab = lab.variant(trial_epochs=1.5)
    task = stages.classes_task(lab)
    for k in (0, 1, 0):
        stages.probabilities(lab, task, Trial("none", 0, k))
    assert len(kept(lab)) - len(before) == 2


def test_a_trial_that_cannot_run_is_reported_and_the_others_run(lab, monkeypatch):
    found = {Trial(): {"test": np.zeros((1, 5))}, Trial("synthetic", 2): {"test": np.ones((1, 5))}}

    def some(lab, task, trial):
        if trial not in found:
            raise SolarsynthError("only 2 synthetic images of class M, not 4")
        return found[trial]

    monkeypatch.setattr(stages, "probabilities", some)
    plan = [Trial(), Trial("synthetic", 4), Trial("synthetic", 2), Trial("synthetic", 4, 1)]
    probabilities, failures = run_all(lab, stages.classes_task(lab), plan)
    assert probabilities == found
    assert failures == {"only 2 synthetic images of class M, not 4": [Trial("synthetic", 4), Trial("synthetic", 4, 1)]}


def test_days_without_strong_flares(tmp_path, store_folder):
    quiet = Lab("smoke", "archive", str(daily_sun(tmp_path / "quiet", strong_every=0)), overrides=SETTINGS)
    with pytest.raises(SolarsynthError, match="the test part holds no days with a flare of class M or X"):
        stages.days_task(quiet, "paper")
    assert stages.classes_task(quiet).rare == ()
    rare = Lab("smoke", "archive", str(daily_sun(tmp_path / "rare", strong_every=159)), overrides=SETTINGS)
    with pytest.raises(SolarsynthError, match=r"part holds no days with a flare.*choose another split or block_days"):
        stages.days_task(rare, "paper")


def test_the_experiment_needs_held_out_images(lab):
    with pytest.raises(SolarsynthError, match="set test_fraction above 0"):
        stages.classes_task(lab.variant(test_fraction=0.0))


# --- plans


@pytest.mark.parametrize("values", [("none", 3), ("synthetic", 0), ("classical", -1)])
def test_trials_that_cannot_be(values):
    with pytest.raises(SolarsynthError, match="cannot add"):
        Trial(*values)


def test_trials_of_an_experiment():
    plan = trials(SCENARIOS, (2, 4), 3)
    assert len(plan) == 3 + 6 + 6 and len(set(plan)) == 15
    with pytest.raises(SolarsynthError, match="unknown scenario 'synthetik'; did you mean 'synthetic'"):
        Trial("synthetik", 1)


def test_setups_and_pairs_skip_trials_that_did_not_run():
    ran = dict.fromkeys([Trial("synthetic", 2, 2), Trial("none", 0, 1), Trial("synthetic", 2, 0), Trial("none", 0, 2)])
    ran |= dict.fromkeys([Trial("classical", 2, 0), Trial("synthetic", 4, 1)])
    assert of_setup(ran, "synthetic", 2) == [Trial("synthetic", 2, 0), Trial("synthetic", 2, 2)]
    assert of_setup(ran, "none", 4) == [Trial("none", 0, 1), Trial("none", 0, 2)]
    assert pairs(ran, 2, "none") == [(Trial("synthetic", 2, 2), Trial("none", 0, 2))]
    assert pairs(ran, 2, "classical") == [(Trial("synthetic", 2, 0), Trial("classical", 2, 0))]
    assert pairs(ran, 4, "classical") == []


# --- comparisons


def test_the_threshold_by_brute_force():
    rng = np.random.default_rng(0)
    y_true, p = rng.random(40) < 0.3, rng.random(40).round(2)
    chosen = Forecast.of(y_true, p >= best_threshold(y_true, p)).tss
    assert chosen == max(Forecast.of(y_true, p >= t).tss for t in np.linspace(0, 1.01, 500))
    assert best_threshold(np.zeros(5, bool), np.full(5, 0.3)) == 0.5


def test_persistence_by_hand():
    day = np.array([0, 1, 2, 5, 6]) * DAY
    assert persistence(day, np.array([True, False, True, True, False])).tolist() == [False, True, False, False, True]


def test_paired_differences_with_known_answers():
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.5
    score = lambda y_pred, index: float((y_pred[index] == truth[index]).mean())  # noqa: E731
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
    score = lambda y_pred, index: float(y_pred[0])  # noqa: E731
    found = paired_difference(list(value[:, None]), [np.zeros(1)] * 5, score, 50, 20_000)
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
        score = lambda y_pred, index, truth=truth: float((y_pred[index] == truth[index]).mean())  # noqa: E731
        pair = [np.where(rng.random(80) < 0.7, truth, ~truth) for _ in range(2)]
        found = paired_difference(pair[:1], pair[1:], score, 80, draws=200)
        excluded += found.low > 0 or found.high < 0
    assert excluded <= 8  # 3 expected


# --- Section 8.1 by hand


def task_of(label, n_test, name="classes", n_validation=0):
    """Return a task of single pixels whose last images are tested; those before them are validated."""
    label = np.asarray(label)
    n = len(label)
    test, validation = np.arange(n) >= n - n_test, np.zeros(n, bool)
    validation[n - n_test - n_validation : n - n_test] = True
    image = np.zeros((n, 1, 1), np.uint8)
    day = np.arange(n, dtype=np.int64) * DAY
    flare = label if name == "classes" else 3 * label
    return Task(name, image, label, flare, test, validation, rare=("A", "M"), day=day, key="by hand")


def certain(y_pred, n_classes=5):
    """Return the probabilities of classifiers that are certain."""
    return {"test": np.eye(n_classes)[np.asarray(y_pred)]}


#: Ten training images and ten test images: two of A, five of B, three of M.
CLASS_TASK = task_of([0] * 10 + [0, 0, 1, 1, 1, 1, 1, 3, 3, 3], 10)
CLASS_PROBABILITIES = {
    Trial("none", 0, 0): certain([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    Trial("none", 0, 1): certain([0, 1, 1, 1, 1, 1, 1, 1, 1, 3]),
    Trial("synthetic", 2, 0): certain([0, 1, 1, 1, 1, 1, 1, 3, 1, 3]),
    Trial("synthetic", 2, 1): certain([0, 0, 1, 1, 1, 1, 0, 3, 3, 3]),
    Trial("classical", 2, 1): certain([0, 0, 1, 1, 1, 1, 1, 1, 1, 3]),
}


def test_recall_of_a_class():
    score, label = recall_of(CLASS_TASK, "M"), CLASS_TASK.label[CLASS_TASK.test]
    probability = np.eye(5)[np.where(label == 3, 3, 0)]
    assert score(probability, np.arange(len(label))) == 1
    assert np.isnan(score(probability, np.flatnonzero(label != 3)))


def test_accuracies_by_hand():
    assert classification.tested_classes(CLASS_TASK) == ["A", "B", "M"]
    assert classification.tested_classes(CLASS_TASK, ("M", "X", "A")) == ["M", "A"]
    by_amount = classification.accuracy_by_amount(CLASS_TASK, CLASS_PROBABILITIES, "synthetic", (2, 4), ["M"])
    assert list(by_amount["M"]) == [0, 2, 4]
    assert by_amount["M"][0] == pytest.approx([0, 1 / 3]) and by_amount["M"][2] == pytest.approx([2 / 3, 1])
    assert np.isnan(by_amount["M"][4]).all() and by_amount["M"][4].shape == (1,)  # no such trial ran
    cost = classification.accuracy_by_scenario(CLASS_TASK, CLASS_PROBABILITIES, 2, ["A", "B"])
    assert list(cost) == list(SCENARIOS)
    assert cost["none"]["B"].tolist() == [1, 1] and cost["synthetic"]["B"] == pytest.approx([1, 0.8])
    assert cost["classical"]["A"].tolist() == [1] and cost["synthetic"]["A"].tolist() == [0.5, 1]


def test_differences_of_accuracy_by_hand():
    table = classification.differences(CLASS_TASK, CLASS_PROBABILITIES, 2, ["A", "B", "M"], draws=50)
    assert list(zip(table["class"], table["rival"], strict=True)) == list(
        itertools.product("ABM", ("none", "classical"))
    )
    assert table["tested"].tolist() == [2, 2, 5, 5, 3, 3]
    # Trials of one number are pairs; classical trial 0 did not run, so its rival has no pair.
    by_hand = [(0.5 + 0.5) / 2, 0, (0 - 0.2) / 2, -0.2, (2 / 3 + 2 / 3) / 2, 2 / 3]
    assert table["difference"].to_numpy() == pytest.approx(by_hand)
    verdicts = dict(zip(zip(table["class"], table["rival"], strict=True), table["verdict"], strict=True))
    assert verdicts["A", "none"] == verdicts["B", "classical"] == "too few to tell"  # two images; one pair
    assert verdicts["B", "none"] == "can't be told apart"  # trial 0 lost nothing
    assert classification.differences(CLASS_TASK, CLASS_PROBABILITIES, 4, ["A"]).empty
    shown = with_intervals(table)
    assert list(shown) == ["class", "tested", "rival", "difference", "95 %", "synthetic images"]
    assert shown["difference"].tolist() == ["+0.500", "+0.000", "-0.100", "-0.200", "+0.667", "+0.667"]
    intervals = [f"{low:+.3f} to {high:+.3f}" for low, high in zip(table["low"], table["high"], strict=True)]
    assert shown["95 %"].tolist() == intervals


def test_overall_accuracy_is_scikit_learns():
    found = classification.overall_and_by_class(CLASS_TASK, CLASS_PROBABILITIES)
    y_true = CLASS_TASK.label[CLASS_TASK.test]
    y_pred = [parts["test"].argmax(1) for parts in CLASS_PROBABILITIES.values()]
    assert list(found) == ["all", "A", "B", "M"]
    assert found["all"] == pytest.approx([accuracy_score(y_true, one) for one in y_pred])
    for name in "ABM":
        i = CLASSES.index(name)
        by_hand = [recall_score(y_true, one, labels=[i], average="macro") for one in y_pred]
        assert found[name] == pytest.approx(by_hand)
    assert classification.overall_and_by_class(CLASS_TASK, {}) == {}


@pytest.mark.parametrize("leak_synthetic", [0, 1])
def test_the_worth_of_the_split_of_classes(lab, monkeypatch, leak_synthetic):
    """Both splits are tested on their own images, and only the lab's own split has synthetic trials for free."""
    lab = lab.variant(leak_synthetic=leak_synthetic)
    ran = []

    def perfect(there, task, trial):
        ran.append((there.settings.split, trial))
        if trial.scenario == "classical":
            raise SolarsynthError("no images")
        return {"test": np.eye(5)[task.label[task.test]]}

    monkeypatch.setattr(stages, "probabilities", perfect)
    worth, notes = classification.split_worth(lab, 4)
    rows = ["blocked, none", "blocked, classical", "blocked, synthetic", "random, none", "random, classical"]
    assert list(worth) == rows + ["random, synthetic"] * leak_synthetic
    assert set(ran) == {(row.split(", ")[0], trial) for row in worth for trial in trials([row.split(", ")[1]], [4], 2)}
    for row, values in worth.items():
        if "classical" in row:
            assert values == {}
            continue
        held_out = stages.labelled_set(lab.variant(split=row.split(",")[0])).counts(test=True)
        assert list(values) == ["all", *(name for name, count in held_out.items() if count)]
        assert all(v.tolist() == [1, 1] for v in values.values())
    assert notes == [f"{split}, classical: 2 trials could not run: no images" for split in ("blocked", "random")]


# --- Section 8.2 by hand

#: Four training, four validation and eight test days. Test days 10 and 11 are strong, and so is day 7 before them.
DAY_TASK = task_of([0, 1, 0, 0, *(0, 1, 0, 1), *(0, 0, 1, 1, 0, 0, 0, 0)], 8, "days", 4)


def chances(test, validation):
    return {
        name: np.stack([1 - np.array(p), np.array(p)], 1) for name, p in (("test", test), ("validation", validation))
    }


DAY_PROBABILITIES = {
    # The best threshold on the validation days lies between 0.2 and 0.6.
    Trial("none", 0, 0): chances([0.1, 0.1, 0.7, 0.3, 0.1, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.8]),
    Trial("none", 0, 1): chances([0.1, 0.1, 0.7, 0.5, 0.1, 0.1, 0.1, 0.9], [0.1, 0.6, 0.2, 0.8]),
    Trial("synthetic", 1, 0): chances([0.1, 0.1, 0.7, 0.8, 0.1, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.8]),
    Trial("synthetic", 1, 1): chances([0.1, 0.1, 0.7, 0.8, 0.1, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.8]),
    Trial("synthetic", 3, 0): chances([0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9], [0.1, 0.6, 0.2, 0.8]),
}


def test_skills_by_hand():
    predicted = forecasting.forecasts(DAY_TASK, DAY_PROBABILITIES)
    assert predicted[Trial("none", 0, 0)].tolist() == [False, False, True] + [False] * 5
    assert predicted[Trial("none", 0, 1)].tolist() == [False, False, True, True] + [False] * 3 + [True]
    skill = forecasting.skills(DAY_TASK, predicted)
    assert list(skill["TSS"]) == list(skill["HSS"]) == ["none", "synthetic 1", "synthetic 3"]
    # tp fn fp tn: 1 1 0 6 and 2 0 1 5; HSS by Eq. 8.
    assert skill["TSS"]["none"] == pytest.approx([1 / 2, 1 - 1 / 6])
    assert skill["HSS"]["none"] == pytest.approx([2 * 6 / (2 * 7 + 1 * 6), 2 * 10 / (2 * 5 + 3 * 6)])
    assert skill["TSS"]["synthetic 1"].tolist() == skill["HSS"]["synthetic 1"].tolist() == [1, 1]
    assert skill["TSS"]["synthetic 3"].tolist() == [-1]
    over = forecasting.over_amounts(skill, "synthetic")
    assert over["TSS"].tolist() == [1, -1]  # means over the seeds first
    assert over["HSS"].tolist() == pytest.approx([1, skill["HSS"]["synthetic 3"][0]])


def test_baselines_and_the_table_of_skills_by_hand():
    baselines = forecasting.baselines(DAY_TASK)
    # Persistence flags the test days 8, 11 and 12: one hit, two false alarms, one miss.
    assert baselines["TSS"] == pytest.approx({"persistence": 1 / 2 - 2 / 6, "climatology": 0})
    assert baselines["HSS"]["persistence"] == pytest.approx(2 * (4 - 2) / (2 * 5 + 3 * 6))
    predicted = forecasting.forecasts(DAY_TASK, DAY_PROBABILITIES)
    table = forecasting.skill_table(DAY_TASK, DAY_PROBABILITIES, predicted)
    assert list(table) == ["persistence", "climatology", "none", "synthetic 1", "synthetic 3"]
    assert table["persistence"]["Brier"] == pytest.approx(3 / 8) and table["persistence"]["days flagged"] == 3 / 8
    assert table["climatology"]["Brier"] == pytest.approx((2 * 0.75**2 + 6 * 0.25**2) / 8)  # one of four training days
    assert table["none"]["days flagged"].tolist() == [1 / 8, 3 / 8]
    y_true = DAY_TASK.label[DAY_TASK.test]
    for seed in (0, 1):
        probability = DAY_PROBABILITIES[Trial("none", 0, seed)]["test"][:, 1]
        assert table["none"]["Brier"][seed] == pytest.approx(brier_score_loss(y_true, probability))
    assert table["none"]["TSS"] == pytest.approx([1 / 2, 5 / 6])


def test_reliability_keeps_probabilities_beside_their_days():
    found = forecasting.reliability(DAY_TASK, DAY_PROBABILITIES)
    probability, y_true = found["none"]
    assert probability.shape == y_true.shape == (16,) and y_true.sum() == 4
    assert probability[y_true].tolist() == [0.7, 0.3, 0.7, 0.5]
    assert list(found) == ["none", "synthetic 1", "synthetic 3"]


def test_differences_of_skill_by_hand():
    predicted = forecasting.forecasts(DAY_TASK, DAY_PROBABILITIES)
    table = forecasting.differences(DAY_TASK, predicted, (1, 3), draws=50)
    assert list(zip(table["amount"], table["rival"], table["score"], strict=True)) == [
        (1, "none", "TSS"),
        (1, "none", "HSS"),
        (3, "none", "TSS"),
        (3, "none", "HSS"),
    ]
    none = forecasting.skills(DAY_TASK, predicted)["TSS"]["none"]
    assert table["difference"][0] == pytest.approx(1 - none.mean()) and table["difference"][2] == -1 - none[0]
    assert set(table["verdict"]) == {"too few to tell"}  # two strong days decide
    assert (table["low"] <= table["difference"]).all() and (table["difference"] <= table["high"]).all()


def test_a_planted_gain_in_skill_is_found():
    """Two hundred days, of which fifty are strong: forecasts with fewer errors help, those with more hurt."""
    rng = np.random.default_rng(0)
    label = (np.arange(208) % 4 == 0).astype(int)
    task = task_of(label, 200, "days", 4)
    y_true = forecasting.strong_test_days(task)

    def forecast(error_rate):
        return np.where(rng.random(200) < error_rate, ~y_true, y_true)

    predicted = {Trial("none", 0, k): forecast(0.3) for k in range(3)}
    predicted |= {Trial("classical", 2, k): forecast(0.02) for k in range(3)}
    predicted |= {Trial("synthetic", 2, k): forecast(0.1) for k in range(3)}
    table = forecasting.differences(task, predicted, (2,)).set_index(["rival", "score"])
    assert (table.loc["none", "verdict"] == "helped").all() and (table.loc["classical", "verdict"] == "hurt").all()


@pytest.mark.parametrize("leak_synthetic", [0, 1])
def test_the_worth_of_the_split_of_days(lab, monkeypatch, leak_synthetic):
    lab = lab.variant(leak_synthetic=leak_synthetic)
    most = stages.amounts(lab, stages.days_task(lab))[-1]
    ran = []

    def some(there, task, trial):
        ran.append((there.settings.split, trial))
        if trial.scenario == "classical":
            raise SolarsynthError("no images")
        held_out = {"test": task.label[task.test], "validation": task.label[task.validation]}
        return {name: np.eye(2)[y if trial.scenario == "synthetic" else 1 - y] for name, y in held_out.items()}

    monkeypatch.setattr(stages, "probabilities", some)
    worth, notes = forecasting.split_worth(lab)
    rows = ["blocked, persistence", "blocked, none", "blocked, synthetic", "random, persistence", "random, none"]
    assert list(worth) == rows + ["random, synthetic"] * leak_synthetic
    assert ("blocked", Trial("synthetic", most, 1)) in ran
    assert (("random", Trial("synthetic", most, 1)) in ran) == bool(leak_synthetic)
    for split in ("blocked", "random"):
        task = stages.days_task(lab.variant(split=split))
        assert worth[f"{split}, persistence"]["strong test days"] == task.label[task.test].sum()
        # A strong flare comes every fourth day, so persistence never hits.
        false_alarms = (task.label[np.flatnonzero(task.test & (np.arange(N_DAYS) > 0)) - 1] == 1).sum()
        assert worth[f"{split}, persistence"]["TSS"] == pytest.approx(
            -false_alarms / (task.label[task.test] == 0).sum()
        )
        assert worth[f"{split}, none"]["TSS"] == pytest.approx([0, 0])  # always wrong: best is one answer for all
    assert worth["blocked, synthetic"]["TSS"].tolist() == worth["blocked, synthetic"]["HSS"].tolist() == [1, 1]
    assert notes == [f"{split}, classical: 2 trials could not run: no images" for split in ("blocked", "random")]


def test_a_split_of_days_that_cannot_be_has_a_note(lab, monkeypatch):
    days_task = stages.days_task

    def only_blocked(there, mode):
        if there.settings.split == "random":
            raise SolarsynthError("the test part holds no quiet days")
        return days_task(there, mode)

    monkeypatch.setattr(stages, "days_task", only_blocked)
    monkeypatch.setattr(
        stages, "probabilities", lambda there, task, trial: (_ for _ in ()).throw(SolarsynthError("no images"))
    )
    worth, notes = forecasting.split_worth(lab)
    assert list(worth) == ["blocked, persistence"] and notes[-1] == "random: the test part holds no quiet days"
