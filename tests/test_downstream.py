"""Section 8: trials and their comparison by hand, and end to end on a Sun that is brighter before strong flares."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, recall_score, roc_auc_score
from tiny import TINY

from solarsynth import CLASSES, stages
from solarsynth.dataset.tasks import Task
from solarsynth.downstream import classification, comparisons, forecasting, leak, scores
from solarsynth.downstream.comparisons import ALIKE, TOO_FEW, UNTESTABLE, independent_difference
from solarsynth.downstream.plan import Fold, cross_validation, of_setup, pairs, planned, run, setups, with_generator
from solarsynth.downstream.pooled import Prediction, best_threshold, certain, majority, persistence, pool
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval, holm
from solarsynth.metrics.skill import Forecast
from solarsynth.observations.writing import write_archive
from solarsynth.stages import Lab, Trial
from solarsynth.stages.trials import (
    ADDING,
    SCENARIOS,
    STRONG_WEIGHTS,
    training_set,
    withheld_amount,
    withheld_classes,
    withheld_images,
)
from solarsynth.times import DAY, MINUTE, parse_times

SETTINGS = TINY | {
    "downstream_scale": 0.02,
    "downstream_sets": 2,
    "forecast_seeds": 2,
    "block_days": 10.0,
    "fold_blocks": 1,
    "purge_days": 2.0,
    "split": "blocked",
    "trial_steps": 4,
}
N_DAYS = 160


def daily_sun(path, strong_every=4):
    """A frame shortly before every midnight and one after noon; a flare each noon, of class M every few days."""
    rng = np.random.default_rng(0)
    first = parse_times(["2012-01-01T00:00:00Z"])[0]
    noon = first + np.arange(N_DAYS) * DAY + DAY // 2
    strong = np.arange(N_DAYS) % strong_every == 0 if strong_every else np.zeros(N_DAYS, bool)
    classes = np.where(strong, "M2.0", np.where(rng.random(N_DAYS) < 0.5, "C3.0", "B4.0"))
    flux = np.select([strong, classes == "C3.0"], [2e-5, 3e-6], 4e-7)
    midnight = first + np.arange(N_DAYS) * DAY
    time = np.sort(np.concatenate([midnight - MINUTE, noon + 10 * MINUTE]))
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


def test_days_whose_labels_would_reach_across_the_split_are_refused(sun, fresh_store):
    short = Lab("smoke", "archive", str(sun), overrides=SETTINGS | {"purge_days": 1.0})
    with pytest.raises(SolarsynthError, match=r"purge_days must be at least 1\.08 for one frame a day.*got 1"):
        stages.days_task(short)


def task_for(lab, name):
    return stages.classes_task(lab) if name == "classes" else stages.days_task(lab, "paper")


# --- trials on the daily Sun


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
    task = task_for(lab, name)
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
    assert len(image) == task.fit.sum() and np.array_equal(condition[:, 0], task.flare[task.fit])
    held_out = {frame.tobytes() for frame in task.image[~task.fit]}
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


def test_every_arm_takes_the_same_steps_and_looks(lab, monkeypatch):
    """Optimiser steps and looks at the validation part are counted, whatever an arm learns from."""
    import torch

    from solarsynth.diffusion.selection import HeldOutLoss

    lab = lab.variant(trial_steps=12)  # no other test keeps trials of this length
    task, counts = stages.days_task(lab), []
    step, look = torch.optim.AdamW.step, HeldOutLoss.__call__
    amount = withheld_amount([task], stages.amounts(lab, task)[-1])
    plan = [Trial(name, 0 if name == "none" else amount) for name in SCENARIOS]
    stages.synthetic_images(lab, task, 0)  # so that its training is not counted

    def counted(kind, call):
        def wrapped(*args, **kwargs):
            counts[-1][kind] += 1
            return call(*args, **kwargs)

        return wrapped

    monkeypatch.setattr(torch.optim.AdamW, "step", counted("steps", step))
    monkeypatch.setattr(HeldOutLoss, "__call__", counted("looks", look))
    for trial in plan:
        counts.append({"steps": 0, "looks": 0})
        found = stages.probabilities(lab, task, trial)
        assert found["test"].shape == (task.test.sum(), 2) and found["validation"].shape == (task.validation.sum(), 2)
        assert np.allclose(found["test"].sum(1), 1, atol=1e-5)
    assert counts == [{"steps": 12, "looks": 12}] * len(SCENARIOS)
    assert not kept(lab, "*.safetensors")


def test_a_trial_stops_by_the_mix_that_it_is_trained_for(sun, fresh_store, monkeypatch):
    lab = Lab("smoke", "archive", str(sun), overrides=SETTINGS)
    task, seen = stages.days_task(lab), []

    class Recorded:
        def __init__(self, image, condition, weight=None):
            seen.append((len(image), condition[:, 0], weight))

        def __call__(self, ema, images):
            return 1.0

    monkeypatch.setattr("solarsynth.diffusion.selection.HeldOutLoss", Recorded)
    for trial in (Trial(), Trial("duplicates", 5), Trial("weights", 5)):
        stages.probabilities(lab, task, trial)
    validated = task.label[task.validation]
    assert all(count == len(validated) and np.array_equal(label, validated) for count, label, _ in seen)
    strong = task.label[task.fit].sum()
    ratio = seen[1][2][validated == 1].mean() / seen[1][2][validated == 0].mean()
    assert np.ptp(seen[0][2]) == 0 and ratio == pytest.approx((strong + 5) / strong)
    assert seen[2][2] is None  # the loss itself is weighted


def test_trials_learn_what_is_visible_and_are_kept(lab):
    longer = lab.variant(trial_steps=30)
    folds, notes = cross_validation(longer, stages.days_task)
    predictions, failures = run(folds, {Trial(): folds})
    pooled = pool([fold.task for fold in folds])
    assert not notes and not failures
    assert scores.measure(pooled, [predictions[Trial()]], scores.forecast_score(pooled, "TSS")).mean > 0.9
    before = kept(lab, "*.npz")
    again = lab.variant(trial_steps=30)
    stages.probabilities(again, stages.days_task(again, "paper"), Trial())
    assert before and kept(lab, "*.npz") == before


def test_another_guidance_is_another_trial(lab):
    """What was drawn is part of what a trial is made from."""
    before = kept(lab)
    for w in (0.5, 2.0, 0.5):
        other = lab.variant(guidance=w, trial_steps=3)
        stages.probabilities(other, stages.classes_task(other), Trial("synthetic", 2, 0))
    assert len(kept(lab)) - len(before) == 2


def test_one_more_seed_costs_one_more_training(lab):
    before = kept(lab)
    lab = lab.variant(trial_steps=2)
    task = stages.classes_task(lab)
    for k in (0, 1, 0):
        stages.probabilities(lab, task, Trial("none", 0, k))
    assert len(kept(lab)) - len(before) == 2


def test_days_without_strong_flares(tmp_path, store_folder):
    quiet = Lab("smoke", "archive", str(daily_sun(tmp_path / "quiet", strong_every=0)), overrides=SETTINGS)
    with pytest.raises(SolarsynthError, match="holds no days with a flare of class M or X"):
        cross_validation(quiet, stages.days_task)
    folds, _ = cross_validation(quiet, stages.classes_task)
    assert {trial.scenario for trial in planned(folds, 2)} == {"none"}  # there is no rare class to add to


def test_the_experiment_needs_held_out_images(lab):
    with pytest.raises(SolarsynthError, match="set test_fraction above 0"):
        stages.classes_task(lab.variant(test_fraction=0.0))


# --- what the controls learn from, on a task by hand


def task_of(label, parts, name="classes", unit=None, rare=("A", "M"), region=None, before=None):
    """Return a task of single pixels, each with its own grey level; `parts` has a letter per image: f, v, t or -."""
    label, part = np.asarray(label), np.array(list(parts))
    n = len(label)
    unit = np.arange(n) if unit is None else np.asarray(unit)
    return Task(
        name,
        image=np.arange(n).astype(np.uint8)[:, None, None],
        label=label,
        flare=label if name == "classes" else np.where(label == 1, 3, 2),
        test=part == "t",
        train=np.isin(part, ["f", "v"]),
        validation=part == "v",
        fit=part == "f",
        unit=unit,
        region=unit if region is None else np.asarray(region),
        rare=rare,
        before=before,
        key="by hand",
    )


#: Six A images of three regions, three M of two, five of B; then two validation and four test images.
HAND = task_of([0] * 6 + [3] * 3 + [1] * 5 + [0, 1] + [0, 1, 3, 1], "f" * 14 + "vv" + "tttt", unit=[
    *(10, 10, 11, 11, 11, 12), *(13, 14, 14), *range(20, 25), 30, 31, 40, 41, 42, 43,
])  # fmt: skip


def test_duplicates_repeat_the_training_images(lab):
    data = training_set(lab, HAND, Trial("duplicates", 4))
    assert data.image[:14, 0, 0].tolist() == list(range(14))
    assert data.image[14:, 0, 0].tolist() == [0, 1, 2, 3, 6, 7, 8, 6] and data.label[14:].tolist() == [0] * 4 + [3] * 4


def test_weights_are_the_loss_of_the_duplicates(lab):
    """The weighted mean loss of the real images is the mean loss of a set with as many duplicates."""
    loss = np.array([2.0, 0.3, 9.0, 5.0, 9.0])  # by class
    weighted = training_set(lab, HAND, Trial("weights", 6))
    real = training_set(lab, HAND, Trial())
    assert np.array_equal(weighted.image, real.image) and np.array_equal(weighted.label, real.label)
    repeated = training_set(lab, HAND, Trial("duplicates", 6)).label
    assert np.mean(weighted.class_weight[real.label] * loss[real.label]) == pytest.approx(loss[repeated].mean())
    assert real.class_weight.tolist() == [1] * 5


def test_the_weights_of_days_keep_the_papers(lab):
    days = task_of([1, 1, 0, 0, 0, 0, 1, 0], "ffffffvt", "days", rare=("M",))
    plain, weighted = (training_set(lab, days, trial).class_weight for trial in (Trial(), Trial("weights", 6)))
    assert plain.tolist() == list(STRONG_WEIGHTS)
    # Two strong days of six become eight of twelve.
    assert weighted == pytest.approx([0.1 * (4 / 12) / (4 / 6), 0.9 * (8 / 12) / (2 / 6)])


@pytest.mark.parametrize("number", range(4))
def test_withheld_images_are_whole_units_first(lab, number):
    assert withheld_amount([HAND], 600) == 3 and withheld_classes(HAND, 3) == ["A"]
    gone = withheld_images(HAND, Trial("withheld", 3, number))
    assert gone.sum() == 3 and set(np.flatnonzero(gone)) <= set(range(6))
    left = training_set(lab, HAND, Trial("withheld", 3, number))
    assert set(left.image[:, 0, 0]) == set(range(14)) - set(np.flatnonzero(gone))
    # Units of two, three and one: three images are always whole units.
    assert not set(HAND.unit[gone]) & set(HAND.unit[HAND.fit & ~gone])
    assert len({tuple(withheld_images(HAND, Trial("withheld", 3, k))) for k in range(8)}) > 1


def test_withholding_takes_part_of_a_unit_only_if_it_must():
    task = task_of([0] * 6, "f" * 6, unit=[1, 1, 1, 2, 2, 2])
    assert withheld_images(task, Trial("withheld", 2)).sum() == 2
    assert withheld_amount([task, task_of([0], "f")], 5) == 0 and withheld_amount([task], 1) == 1
    with pytest.raises(SolarsynthError, match="no rare class has the 8 training images"):
        withheld_images(task, Trial("withheld", 4))


# --- plans


@pytest.mark.parametrize("values", [("none", 3), ("synthetic", 0), ("classical", -1), ("weights", 0)])
def test_trials_that_cannot_be(values):
    with pytest.raises(SolarsynthError, match="cannot have an amount"):
        Trial(*values)
    with pytest.raises(SolarsynthError, match="unknown scenario 'synthetik'; did you mean 'synthetic'"):
        Trial("synthetik", 1)


@pytest.mark.parametrize("fold_generators", [0, 1])
def test_who_runs_where(lab, fold_generators):
    folds, _ = cross_validation(lab.variant(fold_generators=fold_generators, fold=1), stages.days_task)
    plan, amounts = planned(folds, 2), stages.amounts(folds[0].lab, folds[0].task)
    assert [fold.own for fold in folds] == [False, True, False]
    some = with_generator(folds)
    assert some == (folds if fold_generators else folds[1:2])
    for trial, where in plan.items():
        everywhere = trial.scenario != "synthetic" and trial.amount in (0, amounts[-1])
        assert where == (folds if everywhere or trial.scenario == "withheld" else some)
    count = {name: sum(trial.scenario == name for trial in plan) for name in SCENARIOS}
    adding = 2 * len(amounts)
    assert count == {"none": 2, "classical": adding, "synthetic": adding} | dict.fromkeys(
        ("duplicates", "weights", "withheld"), 2
    )
    assert {trial.amount for trial in plan if trial.scenario in ("duplicates", "weights")} == {amounts[-1]}


@pytest.mark.parametrize("name", ["classes", "days"])
def test_every_image_is_tested_once_and_by_classifiers_that_have_not_seen_it(lab, name):
    folds, _ = cross_validation(lab, lambda there: task_for(there, name))
    whole = folds[0].task
    assert np.array_equal(sum(fold.task.test.astype(int) for fold in folds), np.ones(len(whole.label)))
    pooled = pool([fold.task for fold in folds])
    assert len(pooled) == len(whole.label)
    for k, fold in enumerate(folds):
        tested = {frame.tobytes() for frame in fold.task.image[fold.task.test]}
        assert (pooled.fold == k).sum() == len(tested)
        for scenario in ("none", *(s for s in ADDING if s != "synthetic"), "weights"):
            amount = 0 if scenario == "none" else 2
            learnt = training_set(fold.lab, fold.task, Trial(scenario, amount)).image
            assert not tested & {frame.tobytes() for frame in learnt}
        assert not (fold.task.test & (fold.task.fit | fold.task.validation | fold.task.train)).any()


def test_predictions_lie_beside_their_images(lab, monkeypatch):
    """A trial gives each image its own number; one fold of a trial fails and has none."""
    folds, _ = cross_validation(lab, stages.classes_task)

    def own_number(there, task, trial):
        if trial.scenario == "classical" and there.settings.fold == 1:
            raise SolarsynthError("no images")
        value = task.image[task.test].reshape(int(task.test.sum()), -1).mean(1)
        return {"test": np.repeat(value[:, None], 5, 1), "validation": np.zeros((int(task.validation.sum()), 5))}

    monkeypatch.setattr(stages, "probabilities", own_number)
    trials = [Trial(), Trial("classical", 2), Trial("synthetic", 2)]
    predictions, failures = run(folds, {trials[0]: folds, trials[1]: folds, trials[2]: folds[:1]})
    assert failures == {"no images": 1}
    fold = np.repeat(np.arange(3), [int(f.task.test.sum()) for f in folds])
    image = np.concatenate([f.task.image[f.task.test] for f in folds])
    number = image.reshape(len(image), -1).mean(1)
    for trial, known in zip(trials, (fold >= 0, fold != 1, fold == 0), strict=True):
        assert np.array_equal(predictions[trial].known, known)
        assert np.array_equal(predictions[trial].probability[known, 0], number[known])


def test_setups_and_pairs_skip_trials_that_did_not_run():
    ran = dict.fromkeys([Trial("synthetic", 4, 2), Trial("none", 0, 1), Trial("synthetic", 4, 0), Trial("none", 0, 2)])
    ran |= dict.fromkeys([Trial("classical", 4, 0), Trial("synthetic", 2, 1)])
    assert of_setup(ran, "synthetic") == [Trial("synthetic", 4, 0), Trial("synthetic", 4, 2)]
    assert of_setup(ran, "none", 0) == [Trial("none", 0, 1), Trial("none", 0, 2)]
    assert pairs(ran, "synthetic", "none") == [(Trial("synthetic", 4, 2), Trial("none", 0, 2))]
    assert pairs(ran, "classical", "none") == [] and of_setup(ran, "weights") == []
    assert list(setups(ran)) == ["none", "classical 4", "synthetic 2", "synthetic 4"]


# --- scores


def test_the_threshold_by_brute_force():
    rng = np.random.default_rng(0)
    y_true, p = rng.random(40) < 0.3, rng.random(40).round(2)
    chosen = Forecast.of(y_true, p >= best_threshold(y_true, p)).tss
    assert chosen == max(Forecast.of(y_true, p >= t).tss for t in np.linspace(0, 1.01, 500))
    assert best_threshold(np.zeros(5, bool), np.full(5, 0.3)) == 0.5


def test_persistence_uses_the_list(lab):
    """A strong flare every fourth day: so the day after it, and no other, is forecast strong."""
    folds, _ = cross_validation(lab, stages.days_task)
    pooled = pool([fold.task for fold in folds])
    day = np.concatenate([fold.task.day[fold.task.test] for fold in folds])
    number = (day - parse_times(["2012-01-01T00:00:00Z"])[0]) // DAY
    assert np.array_equal(scores.flagged(persistence(pooled)), number % 4 == 1)


def test_persistence_needs_no_frame_of_the_day_before():
    """Three days far apart: what was listed before them decides, not which days are in the set."""
    before = np.array([False, False, True, False, True])
    pooled = pool([task_of([0, 1, 1, 0, 0], "ffttt", "days", before=before)])
    assert scores.flagged(persistence(pooled)).tolist() == [True, False, True]


def classes_of(seed=0, n=600, regions=60):
    """Return pooled test images of two folds whose class is that of their region, and a classifier of given skill."""
    rng = np.random.default_rng(seed)
    region = rng.integers(0, regions, n)
    label = np.array([0, 1, 2, 3])[region % 4]
    tasks = [
        task_of([0, 1, 2, 3, *label[half]], "ffff" + "t" * (n // 2), unit=[900, 901, 902, 903, *region[half]])
        for half in (slice(0, n // 2), slice(n // 2, n))
    ]
    pooled = pool(tasks)

    def classifier(right):
        hit = rng.random(len(pooled)) < right
        return certain(np.where(hit, pooled.y_true, rng.integers(0, 4, len(pooled))), 5)

    return pooled, classifier, [Fold(None, task, k == 0) for k, task in enumerate(tasks)]


def test_class_scores_are_scikit_learns():
    pooled, classifier, _ = classes_of()
    prediction = classifier(0.4)
    y_pred = prediction.probability.argmax(1)
    found = {score.name: scores.values(pooled, [prediction], score)[0] for score in classification.scores(pooled)}
    assert found["accuracy"] == pytest.approx(accuracy_score(pooled.y_true, y_pred))
    assert found["macro recall"] == pytest.approx(recall_score(pooled.y_true, y_pred, average="macro"))
    for name in ("A", "M"):
        by_class = recall_score(pooled.y_true == CLASSES.index(name), y_pred == CLASSES.index(name))
        assert scores.values(pooled, [prediction], scores.recall_of(pooled, name))[0] == pytest.approx(by_class)
    wanted, weight = [], []
    for fold in (0, 1):
        here = pooled.fold == fold
        positive = pooled.y_true[here] == 3
        wanted.append(roc_auc_score(positive, prediction.probability[here, 3]))
        weight.append(positive.sum() * (~positive).sum())
    assert found["AUC of M"] == pytest.approx(np.average(wanted, weights=weight))
    base = classification.above_majority(pooled, {Trial(): prediction, Trial("none", 0, 1): prediction})
    assert base.mean == pytest.approx(found["accuracy"] - (pooled.y_true == 0).mean())
    assert np.array_equal(majority(pooled).probability.argmax(1), np.zeros(len(pooled)))


def test_a_class_that_a_fold_could_not_learn_does_not_count_there():
    tasks = [task_of([0, 1, 0, 0, 1], "ffttt"), task_of([1, 1, 0, 1], "fftt")]
    pooled = pool(tasks)
    score = scores.recall_of(pooled, "A")
    assert score.counts.tolist() == [True, True, False, False, False]
    assert scores.values(pooled, [certain([0, 1, 1, 1, 1], 5)], score).tolist() == [0.5]


def test_few_regions_do_not_enter_macro_recall():
    """A hundred images of class M from four regions are not judged; twenty of A from five are."""
    label = [3] * 100 + [0] * 20 + [1] * 20
    unit = [k % 4 for k in range(100)] + [10 + k % 5 for k in range(20)] + [20 + k % 6 for k in range(20)]
    pooled = pool([task_of([0, 1, 3, *label], "fff" + "t" * 140, unit=[90, 91, 92, *unit])])
    assert scores.judged_classes(pooled) == [0, 1]
    score = scores.macro_recall(pooled)
    assert score.chance == 0.5 and score.counts.sum() == 40
    unknown = pool([task_of([0, 3, 3, 3], "fttt", unit=[0, 1, 1, 2], region=[-1, -1, -1, 7])])
    assert scores.independent(unknown, np.arange(3)) == 2  # one unit without a region, and region 7


def days_of(seed=0, n=400, units=40, share=0.3):
    """Return pooled test days of two folds, and a forecaster with a given rate of errors."""
    rng = np.random.default_rng(seed)
    label, unit = (rng.random(n) < share).astype(int), np.repeat(np.arange(units), n // units)
    tasks = [
        task_of([1, 0, *label[half]], "ff" + "t" * (n // 2), "days", unit=[90, 91, *unit[half]], rare=("M",))
        for half in (slice(0, n // 2), slice(n // 2, n))
    ]
    pooled = pool(tasks)

    def forecaster(errors):
        wrong = rng.random(n) < errors
        p = np.where(wrong, 1 - pooled.y_true, pooled.y_true) * 0.5 + rng.random(n) * 0.4
        return Prediction(np.stack([1 - p, p], 1), np.full(n, 0.45))

    return pooled, forecaster


def test_forecast_scores_by_hand():
    pooled = pool([task_of([1, 0, 0, 0, 1, 1, 0, 0, 0, 0], "fftttttttt", "days")])
    p = np.array([0.1, 0.1, 0.7, 0.6, 0.1, 0.1, 0.1, 0.3])
    prediction = Prediction(np.stack([1 - p, p], 1), np.full(8, 0.2))
    found = {score.name: scores.values(pooled, [prediction], score)[0] for score in forecasting.scores(pooled)}
    y_true = pooled.y_true
    assert found["AUC"] == pytest.approx(roc_auc_score(y_true, p))
    assert found["TSS"] == pytest.approx(1 - 1 / 6) and found["TSS at 0.5"] == 1
    assert found["HSS"] == pytest.approx(2 * (2 * 5) / (2 * 5 + 3 * 6))
    assert found["Brier"] == pytest.approx(brier_score_loss(y_true, p)) and found["days flagged"] == 3 / 8
    table = forecasting.table_of_scores(pooled, {Trial(): prediction})
    assert list(table) == ["persistence", "climatology", "none"]
    assert table["climatology"]["TSS"].mean == 0 and table["climatology"]["Brier"].mean == pytest.approx(0.25)
    assert all(row["tested"] == 8 for row in table.values())


def test_figures_use_the_images_that_all_setups_share():
    pooled, forecaster = days_of()
    first = pooled.fold == 0
    some = forecaster(0.1)
    half = Prediction(np.where(first[:, None], some.probability, np.nan), np.where(first, some.threshold, np.nan))
    predictions = {Trial(): forecaster(0.2), Trial("synthetic", 2): half}
    found = forecasting.skills(pooled, predictions)
    yes = scores.flagged(predictions[Trial()])
    assert found["TSS"]["none"][0] == pytest.approx(Forecast.of(pooled.y_true[first], yes[first]).tss)
    table = forecasting.table_of_scores(pooled, predictions)
    assert table["none"]["tested"] == 400 and table["synthetic 2"]["tested"] == 200
    assert table["none"]["TSS"].mean == pytest.approx(Forecast.of(pooled.y_true, yes).tss)
    probability, y_true = forecasting.reliability(pooled, predictions)["synthetic 2"]
    assert len(probability) == len(y_true) == 200 and np.array_equal(y_true, pooled.y_true[first] == 1)


def test_who_flags_no_day_is_named():
    p = np.array([0.1, 0.3])
    quiet, loud = (Prediction(np.stack([1 - p, p], 1), np.full(2, t)) for t in (0.4, 0.2))
    lines = forecasting.silent({Trial(): quiet, Trial("none", 0, 1): loud, Trial("weights", 2): certain([0, 1], 2)})
    assert lines == ["none: no day flagged by 1 of 2 seeds", "none at 0.5: no day flagged by 2 of 2 seeds"]


# --- comparisons


def of_arms(make, arms, seeds=4):
    """Return predictions of every scenario of `arms`, which maps it to the skill of its classifiers."""
    return {Trial(s, 0 if s == "none" else 6, k): make(value) for s, value in arms.items() for k in range(seeds)}


def test_a_random_classifier_has_no_skill_and_gets_no_verdict():
    pooled, classifier, folds = classes_of()
    arms = of_arms(classifier, {"none": 0.0, "synthetic": 0.6, "classical": 0.3})
    table, skill = classification.differences(pooled, arms, folds, ["A", "M"])
    assert not skill.found and set(table["verdict"]) == {UNTESTABLE}
    assert table["difference"].max() > 0.3  # although the difference is large
    lines = comparisons.answer(table, skill)
    assert len(lines) == 1 and "has no skill (macro recall" in lines[0]


def test_a_random_forecast_has_no_skill():
    pooled, forecaster = days_of()
    table, skill = forecasting.differences(pooled, of_arms(forecaster, {"none": 0.5, "synthetic": 0.1}))
    assert not skill.found and set(table["verdict"]) == {UNTESTABLE} and skill.chance == 0.5


def test_planted_gains_and_losses_are_found():
    pooled, classifier, folds = classes_of()
    arms = of_arms(classifier, {"none": 0.5, "synthetic": 0.9, "classical": 0.1, "duplicates": 0.9})
    table, skill = classification.differences(pooled, arms, folds, ["A", "M"])
    verdicts = table.set_index(["score", "arm", "against"])["verdict"]
    assert skill.found
    assert (verdicts[:, "synthetic", "none"] == "helped").all() and (verdicts[:, "classical", "none"] == "hurt").all()
    assert (verdicts[:, "synthetic", "duplicates"] == ALIKE).all()
    assert np.allclose(table["Holm"], holm(table["p"].to_numpy())) and (table["Holm"] >= table["p"]).all()
    assert any("helped" in line and "smallest difference" in line for line in comparisons.answer(table, skill))
    assert list(comparisons.shown(table)["verdict"]) == list(table["verdict"])


def test_equal_forecasts_cannot_be_told_apart_and_few_regions_decide_nothing():
    pooled, forecaster = days_of()
    arms = of_arms(forecaster, {"none": 0.1})
    arms |= {Trial("synthetic", 6, t.number): p for t, p in arms.items()}
    table, skill = forecasting.differences(pooled, arms)
    assert skill.found and set(table["verdict"]) == {ALIKE} and (table["difference"] == 0).all()
    # Four hundred days of four regions.
    few, forecaster = days_of(units=4)
    table, skill = forecasting.differences(few, of_arms(forecaster, {"none": 0.1, "synthetic": 0.02}))
    assert skill.found and set(table["verdict"]) == {TOO_FEW} and set(table["regions"]) == {4}
    # One pair of trials does not show how trials differ.
    table, _ = forecasting.differences(pooled, of_arms(days_of()[1], {"none": 0.2, "synthetic": 0.02}, seeds=1))
    assert set(table["verdict"]) == {TOO_FEW}


def test_comparisons_use_the_images_that_both_have():
    """Synthetic trials ran in the first fold only, where nothing changed; elsewhere the others are better."""
    pooled, forecaster = days_of()
    first, arms = pooled.fold == 0, {}
    for k in range(3):
        plain = forecaster(0.2)
        arms[Trial("none", 0, k)] = plain
        part = np.where(first[:, None], plain.probability, np.nan)
        arms[Trial("synthetic", 6, k)] = Prediction(part, np.where(first, 0.45, np.nan))
    table, _ = forecasting.differences(pooled, arms)
    assert (table["difference"] == 0).all() and set(table["tested"]) == {200}


def test_withheld_images_judge_only_their_classes():
    """HAND can withhold three images of A and none of M."""
    pooled, classifier, _ = classes_of()
    pair = [Fold(None, HAND, True), Fold(None, HAND, False)]
    arms = {Trial("none", 0, k): classifier(0.5) for k in range(2)}
    arms |= {Trial("withheld", 3, k): classifier(0.3) for k in range(2)}
    table, _ = classification.differences(pooled, arms, pair, ["A", "M"])
    rows = table[table["against"] == "withheld"]
    assert rows["score"].tolist() == ["accuracy of A", "AUC of A", "macro recall"] and set(rows["amount"]) == {3}


def test_the_difference_of_two_estimates_covers_the_truth():
    """Two samples of eight, each with Student's interval: 95 % of the intervals hold the true difference of 1."""
    from scipy.stats import t

    rng = np.random.default_rng(0)

    def interval(sample):
        half = t.ppf(0.975, 7) * sample.std(ddof=1) / np.sqrt(8)
        return Interval(sample.mean(), sample.mean() - half, sample.mean() + half, np.nan, 8, 1)

    found = [independent_difference(interval(rng.normal(3, 1, 8)), interval(rng.normal(2, 2, 8))) for _ in range(2000)]
    assert 0.93 < np.mean([f.low < 1 < f.high for f in found]) < 0.985
    assert all((f.p < 0.05) == (f.low > 0 or f.high < 0) for f in found)


# --- what the split is worth


@pytest.mark.parametrize("leak_synthetic", [0, 1])
def test_a_planted_leak_is_found(lab, monkeypatch, leak_synthetic):
    """On the random split the classifiers are nearly always right, on the blocked one half as often."""
    rng, ran = np.random.default_rng(0), set()

    def planted(there, task, trial):
        ran.add((there.settings.split, trial.scenario))
        parts = {}
        for name in ("test", "validation"):
            y_true = task.label[getattr(task, name)]
            right = rng.random(len(y_true)) < (0.95 if there.settings.split == "random" else 0.6)
            parts[name] = np.eye(2)[np.where(right, y_true, 1 - y_true)] * 0.8 + 0.1
        return parts

    monkeypatch.setattr(stages, "probabilities", planted)
    worth, notes = leak.split_worth(
        lab.variant(leak_synthetic=leak_synthetic), stages.days_task, forecasting.split_scores, 4
    )
    verdicts = worth.set_index(["scenario", "score"])["verdict"]
    assert not notes and (verdicts["none"] == "the random split scores higher").all()
    # Persistence is the same on both sides.
    assert set(verdicts["persistence"]) <= {ALIKE, TOO_FEW}
    assert ({s for _, s in ran} == {"none", "classical", "synthetic"}) == bool(leak_synthetic)
    assert {split for split, _ in ran} == {"blocked", "random"}
    assert "it is not skill" in leak.answer(worth)[0]


def test_a_split_that_cannot_be_has_a_note(lab, monkeypatch):
    def only_blocked(there):
        if there.settings.split == "random":
            raise SolarsynthError("the part 'test' holds no quiet days")
        return stages.days_task(there)

    def fails(there, task, trial):
        raise SolarsynthError("no images")

    monkeypatch.setattr(stages, "probabilities", fails)
    worth, notes = leak.split_worth(lab, only_blocked, forecasting.split_scores, 2)
    assert worth.empty and notes[-1].endswith("the part 'test' holds no quiet days")
    assert any("could not run: no images" in note for note in notes)
