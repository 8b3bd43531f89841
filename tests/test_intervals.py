"""Intervals against closed forms, and against simulations of the sizes used here."""

import numpy as np
import pytest
from scipy import stats

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import intervals
from solarsynth.metrics.intervals import crossed_interval, holm, seed_interval, unit_interval
from solarsynth.metrics.separation import purity, purity_interval


def test_equal_units_and_one_training_give_students_t(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 100_000)
    value = np.repeat([0.3, -0.1, 0.5, 0.2, 0.9, 0.4, 0.0, 0.8], 4)
    found = unit_interval(lambda index: value[index].mean(), np.repeat(np.arange(8), 4))
    means = value[::4]
    low, high = stats.t.interval(0.95, 7, means.mean(), stats.sem(means))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)
    assert found.p == pytest.approx(stats.ttest_1samp(means, 0).pvalue, abs=0.003)
    assert (found.units, found.seeds) == (8, 1)


def test_trainings_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    unit, value = np.repeat(np.arange(9), 5), rng.normal(size=45)
    shift = np.array([-1.0, 0.2, 0.8])
    alike = crossed_interval(lambda index: np.full(3, value[index].mean()), unit)
    apart = crossed_interval(lambda index: value[index].mean() + shift, unit)
    alone = unit_interval(lambda index: value[index].mean(), unit)
    assert (alike.low, alike.high) == pytest.approx((alone.low, alone.high), rel=0.03)
    assert apart.high - apart.low > 1.5 * (alone.high - alone.low)
    # Where units do not matter, what is left is Student's t of the trainings.
    flat = crossed_interval(lambda index: 1e-6 * value[index].mean() + shift, unit)
    assert flat.high - flat.low == pytest.approx(2 * stats.t.ppf(0.975, 2) * stats.sem(shift), rel=0.1)


def test_seeds_follow_students_t():
    values = np.array([0.1, 0.4, 0.2])
    found = seed_interval(values)
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (found.low, found.high, found.p) == pytest.approx((low, high, stats.ttest_1samp(values, 0).pvalue))


@pytest.mark.parametrize(
    "unit, stratum, value",
    [
        (np.zeros(6, int), None, np.arange(6.0)),  # one unit
        (np.repeat([0, 1, 2], 2), np.array([0, 0, 0, 0, 1, 1]), np.arange(6.0)),  # class 1 in one unit
        (np.repeat([0, 1, 2], 2), None, np.zeros(6)),  # nothing varies
    ],
)
def test_no_error_to_be_had(unit, stratum, value):
    found = unit_interval(lambda index: value[index].mean(), unit, stratum)
    assert np.isnan([found.low, found.high, found.p]).all() and found.mean == value.mean()
    assert np.isnan(seed_interval(value[:1]).p)
    with pytest.raises(SolarsynthError, match="got shape"):
        seed_interval(np.zeros((2, 2)))


def test_holm_equals_brute_force():
    rng = np.random.default_rng(1)
    for _ in range(50):
        p = rng.choice([0.001, 0.01, 0.02, 0.04, 0.3, np.nan], size=6)
        known = sorted(x for x in p if x == x)
        # Step down: the adjusted value is the smallest level at which a hypothesis and all before it are rejected.
        expected = [
            x if x != x else min(1, max(q * (len(known) - i) for i, q in enumerate(known) if q <= x)) for x in p
        ]
        np.testing.assert_allclose(holm(p), expected)


def arm(rng, unit, common, seeds, training, region):
    """Hidden readings (seeds, n) of one arm: effects of units, trainings, their pairs, and images."""
    units = unit.max() + 1
    reading = common + (region * rng.normal(size=units))[unit] + training * rng.normal(size=(seeds, 1))
    reading = reading + (region / 2 * rng.normal(size=(seeds, units)))[:, unit]
    return reading + 0.3 * rng.normal(size=len(unit)) + 0.3 * rng.normal(size=(seeds, len(unit)))


def recall_rate(rng, images, seeds, training, region, trials):
    """False positives for the recall of one class on ten units, the largest with a quarter of the images."""
    wrong = 0
    for _ in range(trials):
        sizes = np.sort(1 + rng.multinomial(images - 10, rng.dirichlet(np.full(10, 1.5))))
        unit = np.repeat(np.arange(10), sizes)
        common = rng.normal(size=10)[unit]
        first, second = (arm(rng, unit, common, seeds, training, region) > 0 for _ in range(2))
        difference = first.astype(float) - second
        wrong += crossed_interval(lambda index, d=difference: d[:, index].mean(1), unit).p <= 0.05
    return wrong / trials


def forecast_rate(rng, seeds, training, region, trials):
    """False positives for the true skill statistic on 250 days in ten blocks, strong days in clusters."""
    unit, wrong = np.repeat(np.arange(10), 25), 0
    for _ in range(trials):
        strong = rng.random(250) < rng.beta(0.4, 1.2, size=10)[unit] * 0.9 + 0.02
        common = 1.2 * strong - 0.5 + rng.normal(size=10)[unit]
        first, second = (arm(rng, unit, common, seeds, training, region) > 0 for _ in range(2))
        difference = first.astype(float) - second

        def skill(index, d=difference, s=strong):
            yes, no = index[s[index]], index[~s[index]]
            return d[:, yes].mean(1) - d[:, no].mean(1)

        wrong += crossed_interval(skill, unit, strong).p <= 0.05
    return wrong / trials


def test_false_positives_of_recall(monkeypatch):
    """Two arms of the same skill; images of a unit, and readings of a training, hang together."""
    monkeypatch.setattr(intervals, "DRAWS", 1000)
    rng = np.random.default_rng(2)
    sizes = [(20, 5, 0.5, 1.0), (40, 2, 0.5, 1.0), (60, 3, 0.5, 0.5), (120, 5, 0.0, 1.0), (120, 5, 0.5, 0.5)]
    rates = [recall_rate(rng, *size, trials=400) for size in sizes]
    assert 0.03 <= np.mean(rates) <= 0.07 and max(rates) <= 0.085


def test_false_positives_of_forecasts(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 1000)
    rng = np.random.default_rng(3)
    rates = [forecast_rate(rng, *size, trials=670) for size in [(2, 0.5, 1.0), (3, 0.25, 0.5), (5, 0.25, 0.5)]]
    assert 0.03 <= np.mean(rates) <= 0.07 and max(rates) <= 0.085


def test_power():
    """A difference of three standard errors is found: the interval is not merely wide."""
    rng, found = np.random.default_rng(4), 0
    unit = np.repeat(np.arange(10), 6)
    for _ in range(200):
        value = 0.95 + rng.normal(size=10)[unit] + 0.3 * rng.normal(size=60)
        found += unit_interval(lambda index, v=value: v[index].mean(), unit).p <= 0.05
    assert found / 200 > 0.65


def test_purity_skips_neighbours_of_the_own_unit(monkeypatch):
    """Units with places and preferred labels of their own look pure; only what holds across units may count."""
    monkeypatch.setattr(intervals, "DRAWS", 500)
    rng, naive, wrong, found = np.random.default_rng(6), 0, 0, 0
    unit = np.repeat(np.arange(10), 12)
    for _ in range(60):
        label = (rng.random(120) < rng.beta(0.4, 0.4, 10)[unit]).astype(int)
        place = 3 * rng.normal(size=(10, 3))[unit] + rng.normal(size=(120, 3))
        share, chance = purity(place, label)
        naive += share > chance + 0.1
        wrong += purity_interval(place, label, unit)[0].p <= 0.05
        interval, chance = purity_interval(rng.normal(size=(120, 3)) + 2 * label[:, None], label, unit)
        found += interval.p <= 0.05 and interval.low > chance
    assert naive > 45 and wrong <= 8 and found > 54


def test_purity_equals_brute_force():
    rng = np.random.default_rng(7)
    x, label, unit = rng.normal(size=(40, 2)), rng.integers(0, 2, 40), np.arange(40) % 5
    near = [
        sorted((j for j in range(40) if unit[j] != unit[i]), key=lambda j, i=i: ((x[i] - x[j]) ** 2).sum())
        for i in range(40)
    ]
    same = np.array([np.mean(label[near[i][:4]] == label[i]) for i in range(40)])
    random = np.array([np.mean(label[near[i]] == label[i]) for i in range(40)])
    mean = lambda value: np.mean([value[label == c].mean() for c in (0, 1)])  # noqa: E731
    found, chance = purity_interval(x, label, unit, 4)
    assert (found.mean, chance) == pytest.approx((mean(same), mean(random)))
    with pytest.raises(SolarsynthError, match="outside the two largest units"):
        purity_interval(x, label, unit, 30)
