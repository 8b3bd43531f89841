"""Baselines of the forecast: the history against a loop, scores against closed forms and planted days."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from solarsynth import stages
from solarsynth.dataset.tasks import Task
from solarsynth.downstream import baselines, scores
from solarsynth.downstream.plan import Fold
from solarsynth.downstream.pooled import Prediction, climatology, pool
from solarsynth.stages.trials import Trial
from solarsynth.times import DAY, HOUR


def flux_of(levels, step=3 * HOUR):
    """Return X-ray flux in two parts, with the given log10 level in the 24 hours after every midnight."""
    time = np.arange(len(levels) * DAY // step) * step
    table = pd.DataFrame({"time": time, "flux": 10.0 ** np.asarray(levels)[(time - 1) // DAY]})
    return [table.iloc[: len(table) // 3], table.iloc[len(table) // 3 :]]


def test_the_history_against_a_loop_and_nothing_of_the_future():
    rng = np.random.default_rng(0)
    parts = flux_of(rng.uniform(-8, -4, 30))
    whole, days = pd.concat(parts), np.arange(-2, 34) * DAY
    found = baselines.flux_history(parts, days)
    for i, day in enumerate(days):
        for k, hours in enumerate((24, 72)):
            past = whole[(whole["time"] > day - hours * HOUR) & (whole["time"] <= day)]["flux"]
            assert found[i, k] == pytest.approx(np.log10(past.max())) if len(past) else np.isnan(found[i, k])
    later = [part.assign(flux=part["flux"].where(part["time"] <= 10 * DAY, 1.0)) for part in parts]
    assert np.array_equal(baselines.flux_history(later, days[:13]), found[:13], equal_nan=True)


def days_of(monkeypatch, persistent, n=360, seed=0):
    """Return a fold whose days are strong or quiet; `persistent`: like the day before with nine days in ten."""
    rng = np.random.default_rng(seed)
    strong = rng.random(n + 1) < 0.4
    for i in range(1, n + 1):
        strong[i] = strong[i - 1] if persistent and rng.random() < 0.9 else strong[i]
    # The flux of a day tells whether it was strong. The label of a day is that of the 24 hours after its midnight.
    parts = flux_of(np.where(strong, -4.6, -6.0) + rng.normal(0, 0.1, n + 1))
    archive = SimpleNamespace(has_flux=True, xrs_parts=lambda: parts, path="planted")
    monkeypatch.setattr(stages, "archive", lambda lab: archive)
    place, label = np.arange(n), strong[:n].astype(int)
    test, validation = place % 90 >= 60, place % 90 < 15
    task = Task(
        "days",
        image=np.zeros((n, 1, 1), np.uint8),
        label=label,
        flare=np.where(label == 1, 3, 1),
        test=test,
        train=~test,
        validation=validation,
        fit=~test & ~validation,
        unit=place // 10,
        region=np.full(n, -1),
        rare=("M",),
        day=place * DAY,
        before=np.concatenate([[False], strong[: n - 1]]),
        key="planted",
    )
    return [Fold(None, task, True)], pool([task])


def test_a_column_that_looks_ahead_makes_a_worthless_model_look_perfect(monkeypatch):
    folds, pooled = days_of(monkeypatch, persistent=False)
    found = baselines.looking_ahead(folds)
    auc = {name: scores.values(pooled, [one], scores.auc_of(pooled, 1))[0] for name, one in found.items()}
    assert auc["maximum that looks 24 h ahead"] == 1
    skill = scores.forecast_score(pooled, "TSS")
    assert scores.values(pooled, [found["maximum that looks 24 h ahead"]], skill)[0] == 1
    for name in ("maximum up to 00:00 UT", "the same model in use"):
        assert abs(auc[name] - 0.5) < 0.15


def test_the_history_has_skill_where_days_resemble_the_day_before(monkeypatch):
    folds, pooled = days_of(monkeypatch, persistent=True)
    found = baselines.all_baselines(pooled, folds)
    assert list(found) == ["persistence", "climatology", "flux history"]
    skill = {n: scores.values(pooled, [one], scores.brier_skill(pooled))[0] for n, one in found.items()}
    assert skill["climatology"] == 0 and skill["flux history"] > 0.4
    assert skill["flux history"] >= skill["persistence"] - 0.02


def test_brier_skill_by_its_definition(monkeypatch):
    _, pooled = days_of(monkeypatch, persistent=False)
    p = np.random.default_rng(1).random(len(pooled))
    found = scores.values(
        pooled, [Prediction(np.stack([1 - p, p], 1), np.full(len(p), 0.5))], scores.brier_skill(pooled)
    )
    expected = 1 - brier_score_loss(pooled.y_true, p) / brier_score_loss(pooled.y_true, pooled.rate[:, 1])
    assert found[0] == pytest.approx(expected)


def test_weights_are_undone():
    """A loss that counts yes nine times as much teaches the odds 9 times too high, and no decision changes."""
    true = np.array([0.02, 0.3, 0.9])
    taught = 9 * true / (9 * true + 1 - true)
    found = scores.unweighted(Prediction(np.stack([1 - taught, taught], 1), np.full(3, 0.5)), (0.1, 0.9))
    np.testing.assert_allclose(found.probability[:, 1], true)
    np.testing.assert_allclose(found.threshold, 0.1)


def test_reliability_of_a_calibrated_and_of_a_bold_forecast(monkeypatch):
    _, pooled = days_of(monkeypatch, persistent=False, n=3600)
    rng = np.random.default_rng(2)
    p = rng.permutation(np.resize([0.1, 0.5, 0.8], len(pooled)))
    pooled = replace(pooled, y_true=(rng.random(len(p)) < p).astype(int))
    bold = np.clip(1.8 * (p - 0.5) + 0.5, 0, 1)
    groups = {n: [Prediction(np.stack([1 - v, v], 1), np.full(len(v), 0.5))] for n, v in (("true", p), ("bold", bold))}
    table = baselines.reliability(pooled, groups, bins=3)
    assert table["days"].groupby("forecast").sum().eq(len(pooled)).all()
    assert not table.loc["true", "contradicted"].any()
    assert list(table.loc["bold", "contradicted"]) == [True, False, True]
    np.testing.assert_allclose(table.loc["true", "probability"], [0.1, 0.5, 0.8])


def test_against_baselines_finds_what_is_planted(monkeypatch):
    folds, pooled = days_of(monkeypatch, persistent=False, n=1800)
    rivals = baselines.all_baselines(pooled, folds)
    rng = np.random.default_rng(3)

    def forecaster(error):
        p = np.clip(np.where(rng.random(len(pooled)) < error, 1 - pooled.y_true, pooled.y_true) * 0.8 + 0.1, 0, 1)
        return Prediction(np.stack([1 - p, p], 1), np.full(len(p), 0.5))

    good = {Trial("none", 0, k): forecaster(0.05) for k in range(3)}
    good |= {Trial("synthetic", 5, k): forecaster(0.5) for k in range(3)}
    table = baselines.against(pooled, good, rivals, [scores.auc_of(pooled, 1), scores.brier_score(pooled)])
    verdict = table.set_index(["score", "forecast", "against"])["verdict"]
    assert (verdict.xs("none", level="forecast") == "better").all()
    assert verdict["AUC", "synthetic", "climatology"] == "can't be told apart"
    assert verdict["Brier", "synthetic", "climatology"] == "worse"
    assert (table["tested"] == len(pooled)).all()
    assert baselines.answer(table)[0].startswith("AUC, classifier − persistence: +0.")
    one_seed = {trial: prediction for trial, prediction in good.items() if trial.number == 0}
    alone = baselines.against(pooled, one_seed, rivals, [scores.auc_of(pooled, 1)])
    assert (alone["verdict"] == "too few to tell").all(), "one training does not show how far trainings differ"


def test_the_brier_skill_of_a_weighted_classifier_is_that_of_its_forecasts(monkeypatch):
    """Probabilities that know the truth in part, with odds 9 times too high, as the weights of the loss make them."""
    _, pooled = days_of(monkeypatch, persistent=False, n=1800)
    rng = np.random.default_rng(3)
    true = rng.beta(0.5, 2, len(pooled))
    pooled = replace(pooled, y_true=(rng.random(len(true)) < true).astype(int))
    raised = 9 * true / (9 * true + 1 - true)
    taught = Prediction(np.stack([1 - raised, raised], 1), np.full(len(true), 0.5))
    predictions = {Trial(arm, amount, k): taught for arm, amount in (("none", 0), ("synthetic", 5)) for k in range(2)}
    rivals = {"climatology": climatology(pooled)}
    for weights, sign, arms in ((None, -1, 2), ((0.1, 0.9), 1, 1)):
        table = baselines.against(pooled, predictions, rivals, [scores.brier_skill(pooled)], weights)
        assert len(table) == arms and np.sign(table["difference"].iloc[0].mean) == sign


def test_without_flux_the_other_baselines_remain(monkeypatch):
    folds, pooled = days_of(monkeypatch, persistent=False)
    monkeypatch.setattr(stages, "archive", lambda lab: SimpleNamespace(has_flux=False, path="planted"))
    assert list(baselines.all_baselines(pooled, folds)) == ["persistence", "climatology"]
    np.testing.assert_array_equal(
        baselines.all_baselines(pooled, folds)["climatology"].probability, climatology(pooled).probability
    )
