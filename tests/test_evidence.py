"""The values by which claims are judged, against planted truths, brute force and closed forms."""

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import beta
from test_downstream import classes_of

from solarsynth.book.claims import XRS_BANDS
from solarsynth.dataset.splits import time_blocks
from solarsynth.downstream import comparisons, scores
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import evidence, flare_times
from solarsynth.evaluation.control import Control
from solarsynth.evaluation.separations import distinct
from solarsynth.evaluation.values import Value, as_table, over_trainings
from solarsynth.metrics import separation
from solarsynth.metrics.clusters import Clusters
from solarsynth.metrics.intervals import Interval, seed_interval
from solarsynth.metrics.physics.spectrum import high_frequency_ratio
from solarsynth.stages import Trial
from solarsynth.times import MINUTE, NO_TIME, parse_times


def test_the_channels_are_sunpys():
    from sunpy.timeseries.sources import XRSTimeSeries

    text = inspect.getsource(XRSTimeSeries)
    for channel, (low, high) in XRS_BANDS.items():
        _, after = text.split(f'"xrs{channel.lower()}": [')
        assert rf"{low}$-${high} " in after.split("]")[0]


# --- trainings


def trained(metric, values, target=0.0):
    return over_trainings([[Value(metric, target, value)] for value in values])[0]


def test_models_are_paired_by_their_seeds():
    a, b = trained("m", [3.0, 5.0, 8.0]), trained("m", [2.0, 3.5, 7.0])
    assert a.each == (3.0, 5.0, 8.0) and "each" not in as_table([a])
    assert evidence.paired(a, b) == seed_interval(np.array([1.0, 1.5, 1.0]))
    near, far = trained("ratio", [0.9, 1.1], 1.0), trained("ratio", [0.5, 1.7], 1.0)
    assert evidence.paired(far, near, from_target=True).mean == pytest.approx((0.4 + 0.6) / 2)
    alone = evidence.paired(Value("m", 0, 3.0), Value("m", 0, 1.0))
    assert alone.mean == 2.0 and np.isnan(alone.low)


def test_leads_and_orders():
    found = {
        "a": [trained("error", [1.0, 1.2]), trained("ratio", [0.9, 0.8], 1.0), trained("F1", [0.7, 0.6], 1.0)],
        "b": [trained("error", [2.0, 2.1]), trained("ratio", [1.3, 1.5], 1.0), trained("F1", [0.4, 0.5], 1.0)],
        "c": [trained("error", [np.nan, 2.0])],
    }
    leads = evidence.leads(found, "a", ["b", "c"], ["error", "ratio", "none"])
    assert list(leads) == ["error, a against b", "ratio, a against b"]  # c has no error of all trainings
    assert [one.mean for one in leads.values()] == pytest.approx([0.95, (0.2 + 0.3) / 2])
    order = evidence.order(found, ("b", "a", "c"), "F1")
    assert list(order) == ["b minus a"] and order["b minus a"].mean == pytest.approx(-0.2)


# --- the data


def flares(ratio, n=120, cadence=1):
    """Return events and a flux in which flares rise and decay as exponentials, the decay `ratio` times as slowly."""
    rng = np.random.default_rng(0)
    minute = np.arange(0, n * 300, cadence)
    peak = np.arange(n) * 300 + 150 + rng.integers(0, 20, n)
    side = rng.uniform(8, 20, n)
    flux = np.full(len(minute), 1e-7)
    for at, rise in zip(peak, side, strict=True):
        since = minute - at
        flux += 2e-6 * np.exp(np.where(since < 0, since / rise, -since / (ratio * rise))) * (np.abs(since) < 150)
    events = pd.DataFrame({"start": peak - 60, "peak": peak}) * MINUTE
    return events.assign(goes_class="C2.1"), minute * MINUTE, flux


@pytest.mark.parametrize("ratio, cadence", [(1.0, 1), (2.0, 1), (0.5, 1), (1.0, 5), (2.0, 5)])
def test_planted_decays(ratio, cadence):
    events, time, flux = flares(ratio, cadence=cadence)
    unit = np.arange(120) // 6
    found = flare_times.decay_over_rise(events, time, flux, unit)
    # Samples of five minutes, half as long as the shortest side, bring the ratio nearer to 1.
    assert found.mean == pytest.approx(ratio, rel=0.02 if cadence == 1 else 0.15) and found.units == 20
    if cadence == 1:
        assert (found.low > 1) == (ratio > 1) and (found.high < 1) == (ratio < 1)


def test_flux_per_minute_over_the_edges_of_parts():
    time, flux = np.arange(0, 10 * MINUTE, 2000), np.random.default_rng(0).random(300).astype(np.float32)
    table = pd.DataFrame({"time": time, "flux": flux})
    found = flare_times.per_minute([table[:47], table[47:200], table[200:]])
    assert np.array_equal(found[0], np.arange(10) * MINUTE)
    assert found[1] == pytest.approx(flux.reshape(10, 30).mean(1))
    assert [len(one) for one in flare_times.per_minute([])] == [0, 0]


def test_flares_that_cannot_be_timed():
    events, time, flux = flares(2.0)
    both = flare_times.half_times(events, time, flux)
    assert np.isfinite(both).all()
    events.loc[0, "start"], events.loc[1, "peak"] = NO_TIME, events.loc[1, "start"]
    inside = (time > events.loc[2, "peak"]) & (time < events.loc[2, "peak"] + 10 * MINUTE)
    faint = np.abs(time - events.loc[3, "peak"]) < 140 * MINUTE
    dim = np.where(faint, 1e-7 + (flux - 1e-7) / 100, flux)[~inside]
    again = flare_times.half_times(events, time[~inside], dim)
    assert np.isnan(again[:4]).all() and np.isfinite(again[4:]).all()
    assert np.allclose(again[4:], both[4:])
    unlisted = flare_times.decay_over_rise(events.assign(goes_class=""), time, flux, np.arange(120))
    assert np.isnan(unlisted.mean)
    assert np.isnan(flare_times.half_times(events.drop(columns="start"), time, flux)).all()


# --- spaces


def brute_force_neighbours(x, time):
    found = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        near = min(others, key=lambda j: np.linalg.norm(x[i] - x[j]))
        mine = abs(time[i] - time[near])
        gaps = [abs(time[i] - time[j]) for j in others if j != near]
        found.append(np.mean([(gap > mine) + (gap == mine) / 2 for gap in gaps]))
    return np.mean(found) - 0.5


def test_neighbours_in_time():
    rng = np.random.default_rng(0)
    time = rng.integers(0, 40, 60) * MINUTE  # some at the same time
    unit = np.arange(60) // 6
    x = rng.normal(size=(60, 3))
    found = separation.neighbours_in_time(x, time, unit)
    assert found.mean == pytest.approx(brute_force_neighbours(x, time)) and found.low < 0 < found.high
    order = np.sort(rng.permutation(100_000)[:60])
    strung = separation.neighbours_in_time(order[:, None].astype(float), order, unit)
    assert strung.mean == pytest.approx(0.5) and np.isnan(strung.low)  # always the nearest in time
    filaments = separation.neighbours_in_time(order[:, None] + rng.normal(0, 3000, (60, 1)), order, unit)
    assert 0 < filaments.low < filaments.mean < 0.5
    with pytest.raises(SolarsynthError, match="at least 3 images, got 2"):
        separation.neighbours_in_time(x[:2], time[:2], unit[:2])


def spaces(seed, n=240, blocks=12):
    """Return two spaces of which only the first separates the two classes, with labels and blocks."""
    rng = np.random.default_rng(seed)
    label, unit = np.arange(n) % 2, np.arange(n) * blocks // n
    return {"first": rng.normal(size=(n, 2)) + 2 * label[:, None], "second": rng.normal(size=(n, 2))}, label, unit


def test_only_the_first_space_is_distinct():
    by_space, label, unit = spaces(0)
    found = distinct(by_space, label, unit, 5)
    assert list(found) == ["first above chance", "first above second"] and all(one.low > 0 for one in found.values())
    pure = [separation.purity_interval(x, label, unit, 5)[0].mean for x in by_space.values()]
    assert found["first above second"].mean == pytest.approx(pure[0] - pure[1])
    same = distinct(dict(zip("ab", [by_space["first"]] * 2, strict=True)), label, unit, 5)["a above b"]
    assert same.mean == 0 and np.isnan(same.low)
    assert distinct(by_space, label, np.zeros(len(label), int), 5) == {}


def test_a_null_of_two_spaces_holds_its_level():
    decided = []
    for seed in range(150):
        by_space, label, unit = spaces(seed, 96)
        pair = by_space["second"], np.random.default_rng(1000 + seed).normal(size=(96, 2))
        one = separation.purity_difference(*pair, label, unit, 5)
        decided.append(one.low > 0 or one.high < 0)
    assert np.mean(decided) < 0.1  # 15 of 150; of a level of 5 % more are expected in 1 of 200 runs


# --- samples


def test_the_share_of_copies():
    rng = np.random.default_rng(0)
    held, unit = rng.uniform(5, 10, 400), np.arange(400) // 40
    none = evidence.copied(rng.uniform(6, 10, 300), held, unit)
    assert none.mean == none.low == 0 and none.high >= beta.ppf(0.975, 1, 300) > 0.01
    some = evidence.copied(np.r_[np.zeros(60), rng.uniform(6, 10, 240)], held, unit)
    exact = beta.ppf([0.025, 0.975], [60, 61], [241, 240])
    assert some.mean == 0.2 and some.low <= exact[0] and some.high >= exact[1] and some.low > 0.1
    honest = [evidence.copied(rng.uniform(5, 10, 300), rng.uniform(5, 10, 400), unit) for _ in range(60)]
    assert np.mean([one.low <= 0.01 <= one.high for one in honest]) > 0.9


def control_of(drawn, real, error=0.01, half=0.05, correlation=(0.6, 0.5, 0.7), within=(0.2, 0.1, 0.3), skill=0.3):
    table = pd.DataFrame({"requested": [-6.0, -5, -4][: len(drawn)], "drawn": drawn, "drawn error": error})
    table = table.assign(real=real, **{"real low": np.subtract(real, half), "real high": np.add(real, half)})
    table.index = list("BCM")[: len(drawn)]
    values = dict.fromkeys(Control.__dataclass_fields__, None) | {"by_class": table, "units": 9, "within_days": within}
    values |= {"correlation": Interval(*correlation, 0.01, 9, 1), "skill": Interval(0.5, skill, 0.7, 0.01, 9, 1)}
    return Control(**values)


def test_the_reach_of_a_model():
    found = evidence.reach(control_of([-6, -5.5, -5.5], [-6.0, -5, -4]))
    assert found.mean == pytest.approx(0.25) and found.low < 0.25 < found.high < 0.5
    rng = np.random.default_rng(0)
    real, drawn = (rng.normal([0, rise], half / 1.96, (200_000, 2)) for rise, half in RISES)
    shares = (drawn[:, 1] - drawn[:, 0]) / (real[:, 1] - real[:, 0])
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * shares.std(), rel=0.02)
    # The highest class has no interval: the one below it counts.
    one = control_of([-6, -5.5, -5.5], [-6.0, -5, -4])
    one.by_class.loc["M", "real low"] = np.nan
    assert evidence.reach(one).mean == pytest.approx(0.5) and evidence.span(one) == "classes B to C"
    flat = evidence.reach(control_of([-6, -5.5, -5.5], [-6.0, -6, -5.95]))
    assert np.isnan(flat.low) and not np.isnan(flat.mean)
    assert np.isnan(evidence.reach(control_of([-6.0], [-6.0])).mean)
    assert evidence.span(control_of([-6.0], [-6.0])) == "fewer than two classes"


RISES = ((2, 0.05), (0.5, 0.01 * 1.96))


def test_beyond_the_day_and_the_best_reader():
    found = evidence.beyond_the_day(control_of([-6, -5, -4], [-6.0, -5, -4]))
    assert (found.mean, found.low, found.high) == pytest.approx((0.4, 0.4 - 0.1 * 2**0.5, 0.4 + 0.1 * 2**0.5))
    best, other = control_of([-6.0], [-6.0], skill=0.4), control_of([-6.0], [-6.0])
    assert evidence.best_reader({"a": other, "b": best, "c": "too few"}) is best
    assert evidence.best_reader({"c": "too few"}) is None


def test_poles_and_places():
    row = {"beyond 60°, real": 0.01, "beyond 60°, real, low": 0.006, "beyond 60°, real, high": 0.014}
    row |= {"beyond 60°, drawn": 0.03, "beyond 60°, drawn, error": 0.003 / 1.96}
    found = evidence.excess(row, "beyond 60°")
    assert (found.mean, found.low, found.high) == pytest.approx((0.02, 0.015, 0.025))
    found = evidence.above_floor(Value("agreement", 1, 0.5, 0.1 / 1.96, low=0.3))
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.1, 0.3))
    assert np.isnan(evidence.above_floor(Value("agreement", 1, 0.5)).mean)


def test_sharpness_of_blurred_images():
    image = np.random.default_rng(0).normal(100, 20, (120, 32, 32))
    unit = np.arange(60) // 6
    alike = evidence.sharper(image[:60], image[60:], unit)
    assert alike.low < 0 < alike.high and alike.high - alike.low < 0.2
    blurred = np.array([gaussian_filter(one, 0.7) for one in image[:60]])
    found = evidence.sharper(blurred, image[60:], unit)
    expected = np.log(high_frequency_ratio(blurred) / high_frequency_ratio(image[60:]))
    assert found.mean == pytest.approx(expected) and found.high < -0.5


# --- uses


def test_a_trend_is_the_slope_of_least_squares():
    pooled, classifier, _ = classes_of()
    right = {("none", 0): 0.2, ("synthetic", 20): 0.4, ("synthetic", 40): 0.6, ("synthetic", 60): 0.8}
    arms = {Trial(s, a, k): classifier(value) for (s, a), value in right.items() for k in range(3)}
    arms |= {Trial("classical", 60, k): classifier(0.1) for k in range(3)}
    score = scores.recall_of(pooled, "M")
    found = comparisons.trend(pooled, arms, "synthetic", score)
    accuracy = [[scores.values(pooled, [arms[Trial(s, a, k)]], score)[0] for s, a in right] for k in range(3)]
    slopes = [np.polyfit([0, 20, 40, 60], one, 1)[0] * 60 for one in accuracy]
    assert found.mean == pytest.approx(np.mean(slopes)) and found.low > 0.3 and found.seeds == 3
    assert np.isnan(comparisons.trend(pooled, arms, "classical", score).mean)  # one amount only


def test_what_synthetic_images_add_beside_real_ones():
    pooled, classifier, _ = classes_of()
    right = {("none", 0): 0.5, ("synthetic", 6): 0.6, ("withheld", 3): 0.2}
    arms = {Trial(s, a, k): classifier(value) for (s, a), value in right.items() for k in range(3)}
    score = scores.macro_recall(pooled)
    found = comparisons.against_real(pooled, arms, "synthetic", score)
    mean = {s: scores.values(pooled, [arms[Trial(s, a, k)] for k in range(3)], score).mean() for s, a in right}
    assert found.mean == pytest.approx(mean["synthetic"] - 2 * mean["none"] + mean["withheld"])
    assert found.high < 0  # real images add 0.3 of skill, synthetic ones 0.1
    assert np.isnan(comparisons.against_real(pooled, {t: arms[t] for t in list(arms)[:6]}, "synthetic", score).mean)


def test_a_row_of_the_comparisons():
    columns = ["score", "arm", "against", "difference", "low", "high", "p", "regions"]
    table = pd.DataFrame([("TSS", "a", "b", 1.0, 0.5, 1.5, 0.01, 7)], columns=columns)
    assert comparisons.compared(table, "TSS", "a", "b") == Interval(1.0, 0.5, 1.5, 0.01, 7, 0)
    assert np.isnan(comparisons.compared(table, "HSS", "a", "b").mean)


def test_decay_over_rise_of_real_flares_against_a_bootstrap_over_blocks(real_folder):
    paths_of = [real_folder / name for name in ("goes-flares-2010-2019.csv", "goes-xrs-5min.csv.gz")]
    if not all(path.is_file() for path in paths_of):
        pytest.skip("no list of flares and no flux beside the real frames")
    table, xrs = (pd.read_csv(path) for path in paths_of)
    events = pd.DataFrame({name: parse_times(table[name].tolist()) for name in ("start", "peak")})
    events, time = events.assign(goes_class=table["goes_class"].fillna("")), parse_times(xrs["time"].tolist())
    events, flux = events[events["peak"] < time[-1]], xrs["xrs_long"].to_numpy()
    block = time_blocks(events["peak"].to_numpy())
    found = flare_times.decay_over_rise(events, time, flux, block)
    sides = flare_times.half_times(events, time, flux)
    ratio = pd.Series(np.log(sides[:, 1] / sides[:, 0])).dropna()
    assert found.mean == pytest.approx(np.exp(ratio.mean())) and len(ratio) > 500
    blocks = [one.to_numpy() for _, one in ratio.groupby(block[ratio.index])]
    rng = np.random.default_rng(0)
    some = [np.concatenate([blocks[k] for k in rng.integers(0, len(blocks), len(blocks))]).mean() for _ in range(2000)]
    assert (found.low, found.high) == pytest.approx(np.exp(np.quantile(some, [0.025, 0.975])), rel=0.02)


def test_lower_cluster_distance_and_std_are_not_better():
    """The reference itself has 1, and a set that lies at the centres has 0, as the algebra says."""
    x = np.random.default_rng(0).normal(size=(200, 3))
    fitted = Clusters(x, 4)
    perfect, collapsed = fitted.compare(x), fitted.compare(fitted.means.cluster_centers_)
    assert (perfect.distance, perfect.std) == pytest.approx((1, 1))
    assert (collapsed.distance, collapsed.std) == pytest.approx((0, 0), abs=1e-6)
