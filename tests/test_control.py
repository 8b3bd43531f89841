"""Regressors that read planted fluxes: what is there is read, what is not there is not, and a day is not a flare."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import controls as judge
from solarsynth.evaluation.control import control
from solarsynth.evaluation.controls import class_flux
from solarsynth.metrics import readings

REQUESTED = np.repeat([-6.5, -5.5, -4.5], 20)
LABEL = np.repeat([1, 2, 3], 20)


def observed(seed, units=10, flare=1.0, day=0.0, per_day=4, days=6):
    """Return features (n, 5), log fluxes, units and days; a feature shows the flare, another one the day's flux.

    Units and days have fluxes and appearances of their own, so that images of one unit resemble each other.
    """
    rng = np.random.default_rng(seed)
    n = units * days * per_day
    unit, number = np.arange(n) // (days * per_day), np.arange(n) // per_day
    of_day = 0.5 * rng.normal(size=units)[unit] + 0.5 * rng.normal(size=units * days)[number]
    of_flare = 0.5 * rng.normal(size=n)
    x = 0.7 * rng.normal(size=(units, 5))[unit] + rng.normal(size=(n, 5))
    x[:, 0] += 3 * flare * (of_day + of_flare)
    x[:, 1] += 3 * day * of_day
    return x, -5.5 + of_day + of_flare, unit, number


def generated(seed, obeys=1.0, column=0):
    """Return features (60, 5) in which the request stands as flux stands in `observed`, or not."""
    x = np.random.default_rng(100 + seed).normal(size=(60, 5))
    x[:, column] += 3 * obeys * (REQUESTED + 5.5)
    return x


class TestReadings:
    def test_spearman_is_scipys(self):
        a, b = np.random.default_rng(0).integers(0, 6, (2, 40))
        assert readings.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
        assert np.isnan(readings.spearman(np.ones(4), np.arange(4)))

    def test_a_permutation_within_days_keeps_the_days(self):
        day, rng = np.random.default_rng(0).integers(0, 5, 40), np.random.default_rng(1)
        orders = [readings.permuted_within(day, rng) for _ in range(200)]
        for order in orders:
            assert sorted(order) == list(range(40)) and (day[order] == day).all()
        # Every image of a day goes to every place of the day.
        here = np.flatnonzero(day == 2)
        assert {order[here[0]] for order in orders} == set(here)

    def test_held_out_readings_know_nothing_of_their_unit(self):
        """A feature that marks the unit only must not help, and a unit's own fluxes do not move its readings."""
        x, flux, unit, _ = observed(0)
        before = readings.held_out_readings(x, flux, unit)
        changed = flux.copy()
        changed[unit == 3] += np.random.default_rng(0).permutation(np.linspace(-1, 1, (unit == 3).sum()))
        after = readings.held_out_readings(x, changed, unit)
        np.testing.assert_allclose(after[unit == 3], before[unit == 3], atol=1e-9)
        assert not np.allclose(after[unit == 4], before[unit == 4])

    def test_a_linear_law_is_read(self):
        x, _, unit, _ = observed(0)
        law = x @ np.array([0.3, -0.2, 0, 0.1, 0]) - 5
        np.testing.assert_allclose(readings.held_out_readings(x, law, unit), law, atol=0.02)
        assert readings.best_penalty(x, law, unit) == min(readings.PENALTIES)
        assert readings.best_penalty(x, np.random.default_rng(0).normal(size=len(x)), unit) >= 100
        assert readings.slope(law, 3 * law + 1) == pytest.approx(3)

    def test_the_nearest_class(self):
        held_out, label = np.array([-6.2, -6.0, -5.0, -4.0]), np.array([1, 1, 2, 3])
        found = readings.read_classes(np.array([-9, -5.5, -5.6, -4.4, -4.6]), held_out, label)
        assert found.tolist() == [1, 2, 1, 3, 2]
        assert readings.read_classes(np.zeros(2), held_out, None).tolist() == [-1, -1]

    def test_missing_quantities_are_filled_by_the_real_median(self):
        x, *_ = observed(0)
        drawn, filled = x[:3].copy(), x[:3].copy()
        drawn[0, 2], filled[0, 2] = np.nan, np.median(x[:, 2])
        prepare = readings.components(x)
        np.testing.assert_allclose(prepare(drawn), prepare(filled))
        assert prepare(drawn).shape == (3, 5) and np.isfinite(prepare(drawn)).all()


class TestNulls:
    """False positives with units and days that resemble each other; rates at a level of 5 %."""

    def test_requests_that_are_not_in_the_images(self, monkeypatch):
        monkeypatch.setattr(readings, "REQUESTS", 59)
        monkeypatch.setattr(readings, "RESAMPLINGS", 3)
        p = []
        for k in range(200):
            x, flux, unit, _ = observed(k, units=6, days=3)
            z, rng = generated(k, obeys=0.0), np.random.default_rng(k)
            p.append(readings.request_correlation(x, flux, unit, z, REQUESTED, 10.0, rng).p)
        assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08

    def test_a_regressor_without_skill(self, monkeypatch):
        monkeypatch.setattr(readings, "PENALTIES", (1.0, 100.0))
        found = []
        for k in range(60):
            x, flux, unit, _ = observed(k, units=8, flare=0.0, days=3)
            penalty = readings.best_penalty(x, flux, unit)
            skill = lambda i, a=x, b=flux, c=unit, d=penalty: readings.cross_skill(a[i], b[i], c[i], d)  # noqa: E731
            found.append(readings.unit_interval(skill, unit).low > 0)
        assert np.mean(found) <= 0.07

    def test_images_that_show_the_day_only(self):
        """The flare of a day is not in the images, so that it may be permuted within the day."""
        p = []
        for k in range(40):
            x, flux, unit, day = observed(k, units=6, flare=0.0, day=1.0, days=3)
            rng, value = np.random.default_rng(k), readings.cross_skill(x, flux, unit, 10.0)
            orders = [readings.permuted_within(day, rng) for _ in range(19)]
            null = np.array([readings.cross_skill(x, flux[order], unit, 10.0) for order in orders])
            p.append(readings.exceedance(value, null))
        assert np.mean(np.array(p) <= 0.05) <= 0.15


class TestControl:
    def test_what_is_in_the_images_is_read(self):
        x, flux, unit, day = observed(1)
        label = np.clip(np.floor(flux + 8).astype(int), 0, 4)
        found = control(x, flux, unit, day, generated(1), REQUESTED, label=label, drawn_label=LABEL)
        assert found.judges and found.skill_in_days < 0.05 and found.correlation.p < 0.05
        assert 0.7 < found.correlation.low < found.correlation.mean < found.correlation.high <= 1
        assert found.p_within_days < 0.05 and found.verdict().startswith("obeys: correlation 0.9")
        assert found.rising == (2, 2) and found.by_class.index.tolist() == ["B", "C", "M"]
        assert found.calibration == pytest.approx(1, abs=0.2)
        by_hand = [found.reading[LABEL == i].mean() for i in (1, 2, 3)]
        np.testing.assert_allclose(found.by_class["drawn"], by_hand)
        assert (found.by_class["real low"] < found.by_class["real"]).all()
        near = found.by_class[["recognised", "real recognised"]].to_numpy()
        assert (near > 0.5).all() and near[:, 0].mean() > 0.7  # of five classes

    def test_requests_that_were_permuted_are_not_read(self):
        x, flux, unit, day = observed(1)
        order = np.random.default_rng(0).permutation(60)
        found = control(x, flux, unit, day, generated(1)[order], REQUESTED)
        assert found.judges and found.correlation.p > 0.05 and found.verdict().startswith("does not obey")
        assert found.by_class.empty and found.rising == (0, 0)

    def test_half_of_a_request_is_half_of_the_slope(self):
        x, flux, unit, day = observed(1)
        whole, half = (control(x, flux, unit, day, generated(1, part), REQUESTED) for part in (1.0, 0.5))
        assert half.slope == pytest.approx(whole.slope / 2, rel=0.1)
        assert half.calibration == pytest.approx(whole.calibration / 2, rel=0.1)

    def test_a_generator_that_draws_the_day(self):
        """Real images show the flux of the day only; so do generated ones, and permuted labels read them too."""
        x, flux, unit, day = observed(2, flare=0.0, day=1.0)
        found = control(x, flux, unit, day, generated(2, column=1), REQUESTED)
        assert found.judges and found.correlation.p < 0.05 and found.within_days[0] > 0.8
        # A single archive: the null is right in one of twenty.
        assert found.p_within_days > 0.05
        assert found.verdict().startswith("obeys, but no more than the day explains")

    def test_days_of_one_image_leave_nothing_to_permute(self):
        x, flux, unit, _ = observed(1)
        found = control(x, flux, unit, np.arange(len(x)), generated(1), REQUESTED)
        assert np.isnan([found.p_within_days, found.skill_in_days, *found.within_days]).all()
        assert found.verdict().startswith("obeys: correlation") and "too few real images share a day" in found.verdict()

    def test_a_regressor_without_skill_judges_nothing(self):
        x, flux, unit, day = observed(3, flare=0.0)
        found = control(x, flux, unit, day, generated(3), REQUESTED)
        assert not found.judges and np.isnan(found.calibration) and -1 <= found.skill.low < found.skill.high <= 1
        assert found.verdict().startswith("judges nothing: the regressor does not read held-out real images")

    @pytest.mark.parametrize(
        "units, keep, requested, said",
        [
            (3, slice(None), REQUESTED, "20 real images in 4 independent units .* got 72 in 3"),
            (10, slice(2), REQUESTED[:2], "three generated images and two different requests, got 2 images and 1"),
            (10, slice(None), REQUESTED * 0 - 5, "got 60 images and 1"),
        ],
    )
    def test_too_little_to_learn_from_or_to_read(self, units, keep, requested, said):
        with pytest.raises(SolarsynthError, match=said):
            control(*observed(0, units=units), generated(0)[keep], requested)


class TestLab:
    """From images to controls, on frames in which brightness carries the flux."""

    @pytest.fixture
    def lab(self, monkeypatch):
        rng = np.random.default_rng(0)
        n = 160
        flux = 10 ** rng.uniform(-6.5, -4.5, n)
        image = np.clip(80 + 40 * (np.log10(flux) + 5.5)[:, None, None] + rng.normal(0, 4, (n, 32, 32)), 0, 255)
        self.label = np.clip((np.log10(flux) + 8).astype(int), 0, 4)
        data = SimpleNamespace(
            image=image.astype(np.uint8),
            flux=flux,
            label=self.label,
            group=np.arange(n) // 20,
            frame_time=np.arange(n) * 6 * 3_600_000,
            test=np.arange(n) < 80,
            train=np.arange(n) >= 80,
        )
        monkeypatch.setattr("solarsynth.stages.labelled_set", lambda lab: data)
        monkeypatch.setattr("solarsynth.stages.all_images", lambda lab: ImageSet.of(data.image, data.label))
        return data

    def test_the_space_of_block_means(self, lab):
        found = judge.features(lab, "pixels", ImageSet.of(lab.image))
        assert found.shape == (160, 256)
        assert found[3, 17] == pytest.approx(lab.image[3, 2:4, 2:4].mean())

    def test_controls(self, lab):
        drawn = ImageSet.of(lab.image[lab.train], np.where(np.arange(80) == 0, -1, lab.label[lab.train]))
        found = judge.controls(lab, drawn, spaces=["pixels"])["pixels"]
        assert found.verdict().startswith("obeys") and found.images == 80 and found.units == 4
        assert len(found.reading) == 79  # one image has no class
        by_flux = judge.controls(lab, ImageSet.of(drawn.image), lab.flux[lab.train], spaces=["pixels"])["pixels"]
        np.testing.assert_allclose(by_flux.requested, np.log10(lab.flux[lab.train]))
        assert by_flux.correlation.mean > found.correlation.mean and by_flux.by_class.empty

    def test_what_cannot_be_read_says_why(self, lab):
        drawn = ImageSet.of(lab.image[:9], np.full(9, 2))
        found = judge.controls(lab, drawn, spaces=["pixels", "pixel"])
        assert found["pixels"].startswith("control needs three generated images and two different requests")
        assert found["pixel"] == "unknown feature space 'pixel'; did you mean 'pixels'?"
        with pytest.raises(SolarsynthError, match="needs the classes or fluxes that were asked for, got none"):
            judge.controls(lab, ImageSet.of(lab.image[:9]))
        with pytest.raises(SolarsynthError, match="part must be test or train, got 'all'"):
            judge.controls(lab, drawn, part="all")

    def test_the_flux_of_a_class(self, lab):
        found = class_flux(lab, np.array([2, 1, 2]))
        expected = np.log10(lab.flux[lab.label == 2]).mean()
        assert found[0] == found[2] == pytest.approx(expected)
        with pytest.raises(SolarsynthError, match="no real image of class A, X, whose"):
            class_flux(lab, np.array([0, 2, 4]))


def test_brightness_is_told_by_quantiles_wherever_the_pixels_are():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    found = judge.brightness_quantiles(image)
    shares = 1 - 0.5 ** np.arange(0.0, 6.5, 0.5)
    for i, one in enumerate(image.reshape(5, -1)):
        expected = np.sort(one)[[min(round(64 * share), 63) for share in shares]]
        assert set(found[i]) == set(expected.astype(float))
        assert found[i, 0] == one.min() and found[i, -1] == one.max()
    moved = rng.permuted(image.reshape(5, -1), axis=1).reshape(image.shape)
    np.testing.assert_array_equal(judge.brightness_quantiles(moved), found)
