"""The distances of physical quantities: planted Suns of blocks, and sets with one fault each that one row must see."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from solarsynth.dataset.images import ImageSet
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.dataset.splits import split, time_blocks
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import physics as judge
from solarsynth.evaluation.pool import Pool
from solarsynth.evaluation.tilt import tilt_effect
from solarsynth.evaluation.values import judged
from solarsynth.metrics import physics
from solarsynth.metrics.physics import QUANTITIES, quantity_distance
from solarsynth.observations.ephemeris import solar_tilt
from solarsynth.times import DAY, parse_times

SIZE, RADIUS, UNIT = 48, 20.0, "display"
BLOCKS, PER_BLOCK, IMAGES = 21, 12, 60
Y, X = (np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2) / RADIUS
BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}


def suns(block, seed, spots=5.0):
    """Return Suns (n, 48, 48) uint8, of which those of a block have a brightness and an activity in common."""
    rng = np.random.default_rng(seed)
    _, block = np.unique(block, return_inverse=True)
    n, of_block = len(block), rng.normal(size=(4, block.max() + 1))[:, block]

    def varied(mean, spread, k):
        return (mean * np.exp(spread * (of_block[k] + rng.normal(size=n))))[:, None, None]

    dx, dy = rng.normal(0, 0.01, (2, n, 1, 1))
    r = np.hypot(X - dx, Y - dy) / varied(1, 0.004, 0)
    limb = varied(2.5, 0.08, 1)
    disk = 1 + (limb - 1) * np.exp(-(((r - 1) / 0.07) ** 2))
    dn = varied(80, 0.04, 2) * np.where(r < 1, disk, limb * np.exp(-(np.maximum(r, 1) - 1) / varied(0.07, 0.06, 1)))
    number = rng.poisson(np.exp(np.log(spots) + 0.2 * of_block[3]) if spots else np.zeros(n))
    for k in range(number.max(initial=0)):
        some = number > k
        latitude, east = rng.normal(17, 4, n) * rng.choice([-1, 1], n), rng.uniform(-0.7, 0.7, n)
        away = (Y - np.sin(np.radians(latitude))[:, None, None]) ** 2 + (X - east[:, None, None]) ** 2
        dn += some[:, None, None] * varied(500, 0.1, 3) * np.exp(-away / 0.012)
    dn *= np.exp(rng.normal(0, 0.15, dn.shape))
    return np.clip(8.4 * np.sqrt(dn), 0, 255).astype(np.uint8)


def measured(image):
    return physics.quantities(image, RADIUS, UNIT)


def labelled(block, fold, **more):
    """Return a labelled set without images, of one class, of which a third of the blocks is held out."""
    n = len(block)
    time = block * 27 * DAY + DAY
    region = np.full(n, -1)
    parts = split(time, region, method="blocked", test_fraction=0.3, fold=fold)
    about = {"image": np.zeros((n, 1, 1), np.uint8), "label": np.ones(n, int), "flux": np.ones(n), "unit": UNIT}
    about |= {"peak_time": time, "frame_time": time, "delay": time * 0, "funnel": {}, "region": region}
    return LabelledSet(**(about | {"block": time_blocks(time)} | vars(parts) | more))


class Real:
    """Stands for `Reference`: real images of 21 blocks, whose quantities are known."""

    def __init__(self, seed):
        block = 567 + np.repeat(np.arange(BLOCKS), PER_BLOCK)
        self.image = suns(block, seed)
        self.quantities = measured(self.image)
        folds = [labelled(block, fold) for fold in range(3)]
        self.data, self.pool = folds[0], Pool(folds[0], folds, 40)
        self.floors, self.drawn = {}, {}

    def comparisons(self, images):
        return self.pool.comparisons(self.pool.size_for(images))

    def features(self, images, space):
        assert space == "physics"
        if images.key not in self.drawn:
            self.drawn[images.key] = measured(images.image)
        return self.drawn[images.key]

    def real_features(self, space, fold=None):
        return self.quantities

    def prepared(self, name, space, size, prepare):
        return prepare(self.quantities[self.comparisons(size).reference])

    def floor(self, space, params, compute):
        key = tuple(params.items())
        if key not in self.floors:
            self.floors[key] = compute()
        return self.floors[key]


@functools.cache
def real(seed=0):
    return Real(seed)


def verdicts(image, reference=None):
    """Return the judged rows of a set by name."""
    values = judged(judge.rows(reference or real(), [ImageSet.of(image)]))
    return {value.metric.removeprefix(judge.PREFIX): value for value in values}


def rejecting(image):
    return {name for name, value in verdicts(image).items() if value.rejects}


def fresh(seed, **how):
    """Return images of five blocks that no one has seen."""
    return suns(np.arange(IMAGES) // 12, 1000 + seed, **how)


class TestDistance:
    def test_a_shifted_normal_distribution(self):
        """Two normal distributions of one width are as far apart as their means."""
        values = norm.ppf((np.arange(400) + 0.5) / 400)
        table = np.zeros((400, len(physics.COLUMNS)))
        table[:, 0] = 50 + 4 * values
        moved = table.copy()
        moved[:, 0] += 6
        assert quantity_distance(table, moved, QUANTITIES[0]) == pytest.approx(1.5, rel=0.01)
        assert quantity_distance(table, table[::-1], QUANTITIES[0]) == pytest.approx(0, abs=1e-9)

    def test_curves_count_ratios_and_points_alike(self):
        quantity = BY_NAME["Brightness distribution"]
        columns = physics.columns_of(quantity.name)
        table = np.ones((200, len(physics.COLUMNS)))
        table[:, columns] = 10 ** np.random.default_rng(0).normal(0, 0.1, (200, len(columns)))
        other = table.copy()
        other[:, columns[0]] *= 10**0.3
        expected = 0.3 / np.log10(table[:, columns[0]]).std() / len(columns)
        assert quantity_distance(table, other, quantity) == pytest.approx(expected)

    def test_images_without_the_quantity_are_left_out(self):
        rng = np.random.default_rng(0)
        table = rng.normal(size=(40, len(physics.COLUMNS)))
        other = table.copy()
        other[5:] = np.nan
        assert np.isfinite(quantity_distance(table, other, QUANTITIES[0]))
        other[4:] = np.nan
        assert np.isnan(quantity_distance(table, other, QUANTITIES[0]))
        assert np.isnan(quantity_distance(np.ones_like(table), table, QUANTITIES[0]))

    def test_the_interval_counts_blocks_not_images(self):
        """Each image ten times makes no narrower interval, and one block gives none."""
        drawn, few = measured(fresh(0)), real().quantities[:60]
        unit = np.repeat(np.arange(5), 12)
        once = judge.distance_interval(few, drawn, unit, QUANTITIES[0])
        often = judge.distance_interval(np.repeat(few, 10, 0), drawn, np.repeat(unit, 10), QUANTITIES[0])
        assert often.mean == pytest.approx(once.mean) and often.low == pytest.approx(once.low, abs=0.05)
        assert once.units == 5 and once.low < once.mean < once.high and once.low >= 0
        assert np.isnan(judge.distance_interval(few, drawn, unit * 0, QUANTITIES[0]).low)


class TestRows:
    def test_fresh_blocks_are_rejected_no_oftener_than_the_level_says(self):
        """Sixteen rows, and yet at most one set in twenty: forty sets against ten archives; 6 of 40 has p = 0.01."""
        found = [verdicts(fresh(4 * k + j), real(k)) for k in range(10) for j in range(4)]
        assert sum(any(value.rejects for value in one.values()) for one in found) <= 5
        inside = np.mean([value.value <= value.high for one in found for value in one.values()])
        assert 0.85 < inside < 0.99

    @pytest.mark.parametrize(
        "fault, rows",
        [
            (lambda x: gaussian_filter(x.astype(float), (0, 0.8, 0.8)).astype(np.uint8), {"fine structure"}),
            (lambda x: np.clip(x * 1.2, 0, 255).astype(np.uint8), {"brightness", "brightness distribution"}),
            (lambda x: np.roll(x, 2, 2), {"disk centre"}),
            (lambda x: 255 - x, {"brightness", "radial profile"}),
        ],
        ids=["blurred", "brighter", "shifted", "inverted"],
    )
    def test_a_fault_is_seen_by_its_row(self, fault, rows):
        honest = fresh(3)
        assert not rejecting(honest) and rows <= rejecting(fault(honest))

    def test_suns_without_regions(self):
        values = verdicts(fresh(3, spots=0.0))
        assert {"region number", "bright area"} <= {name for name, value in values.items() if value.rejects}
        assert np.isnan(values["region latitude"].value) and not values["region latitude"].rejects
        assert values["region latitude"].note.startswith("28 of 28 images without an active region")

    def test_belts_at_other_latitudes(self):
        turned = np.rot90(fresh(3), axes=(1, 2))
        assert "region latitude" in rejecting(turned)
        assert not rejecting(fresh(3)[:, :, ::-1])  # east and west may change places

    def test_images_without_a_disk_have_a_line_each(self):
        values = verdicts(np.full((20, SIZE, SIZE), 30, np.uint8))
        for name in ("disk centre", "disk radius"):
            assert np.isnan(values[name].value) and values[name].note == "20 of 20 images without a disk"
        assert values["power spectrum"].note == "20 of 20 images without power"
        assert values["brightness"].rejects and np.isfinite(values["asymmetry"].value)
        assert all("\n" not in value.note for value in values.values())

    def test_too_few_images(self):
        with pytest.raises(SolarsynthError, match="at least 5 images in each, got 4"):
            judge.rows(real(), [ImageSet.of(fresh(0)[:4])])


def drawn_of_class_b():
    return measured(fresh(3)[:10]), np.ones(10, int)


class TestClasses:
    def of(self, drawn, label, count=252, **how):
        data = real().data
        return judge.class_physics(
            real().quantities[:count],
            np.where(np.arange(count) % 3, 1, 2),
            data.train[:count],
            data.block[:count],
            measured(drawn),
            label,
            **how,
        )

    def test_each_class_against_its_own(self):
        """Class B is as it should be, class C is 30 % brighter in display values."""
        label = np.repeat([1, 2], 30)
        image = suns(np.arange(60) // 5, 7)
        image[30:] = np.clip(image[30:] * 1.3, 0, 255)
        found = self.of(image, label)
        rejects = {name: {d.quantity.name for d in each.differences if d.value.rejects} for name, each in found.items()}
        assert rejects["B"] == set() and "Brightness distribution" in rejects["C"]
        one = found["C"].differences[0]
        data = real().data
        true = real().quantities[(np.arange(252) % 3 == 0) & data.train, 0]
        assert found["C"].real[:, 0].tolist() == true.tolist() and found["C"].drawn.shape[0] == 30
        assert one.drawn[0] == pytest.approx(measured(image[30:])[:, 0].mean(), rel=1e-5)
        assert one.interval.low <= one.value.value <= one.interval.high and one.value.floor_images == 21
        assert found["C"].floor.shape == (40, len(physics.COLUMNS))

    def test_a_labs_own_images(self, monkeypatch):
        """The lab's labelled set is the reference, and images without a class cannot be compared by class."""
        data, image = real().data, fresh(3)
        monkeypatch.setattr("solarsynth.stages.labelled_set", lambda lab: data)
        monkeypatch.setattr("solarsynth.stages.all_images", lambda lab: ImageSet.of(real().image))
        monkeypatch.setattr("solarsynth.stages.physics", lambda lab, images: measured(images.image))
        found = judge.physics_by_class(None, ImageSet.of(image, np.ones(60, int)))
        assert set(found) == {"B"} and len(found["B"].real) == data.train.sum()
        np.testing.assert_allclose(found["B"].drawn, measured(image))
        with pytest.raises(SolarsynthError, match="needs images with classes, got images without"):
            judge.physics_by_class(None, ImageSet.of(image))

    def test_the_correction_counts_all_classes(self):
        found = self.of(fresh(3), np.repeat([1, 2], 30))
        p = [d.value.p for each in found.values() for d in each.differences]
        least = min(d.value.adjusted for each in found.values() for d in each.differences)
        assert least == pytest.approx(min(1, np.nanmin(p) * np.isfinite(p).sum()))

    def test_a_class_of_few_images_says_why_it_is_not_judged(self):
        found = self.of(fresh(3)[:20], np.repeat([1, 4, -1], [10, 8, 2]), draws=5)
        assert set(found) == {"B", "X"} and len(found["X"].floor) == 0
        for one in found["X"].differences:
            assert np.isnan(one.value.p) and "5 training images or more, got 0" in one.value.note
        assert np.isfinite(found["B"].differences[0].value.value)
        lone = judge.class_physics(
            real().quantities[:20], np.ones(20, int), np.ones(20, bool), np.arange(20) // 10, *drawn_of_class_b()
        )
        assert "needs at least 3 units, got 2" in lone["B"].differences[0].value.note
        six = judge.class_physics(
            real().quantities[:6], np.ones(6, int), np.ones(6, bool), np.arange(6), *drawn_of_class_b()
        )
        assert "too few real images in different units for a floor, got 6" in six["B"].differences[0].value.note

    def test_fresh_images_of_a_class_are_rejected_no_oftener_than_the_level_says(self):
        """Thirty sets of fresh blocks, as many in a set as in those of the floor; 5 of 30 has p = 0.02."""
        rejected = 0
        for k in range(10):
            one = real(k)
            for j in range(3):
                drawn = measured(suns(np.arange(36) // 12, 5000 + 10 * k + j))
                label, train = np.ones(len(one.image), int), one.data.train
                found = judge.class_physics(one.quantities, label, train, one.data.block, drawn, np.ones(36, int))
                rejected += any(d.value.rejects for d in found["B"].differences)
        assert rejected <= 4


def test_the_tilts_effect_on_latitudes():
    """A region in the middle of the disk at 20° of latitude is seen at 20° less the tilt."""
    time = parse_times(["2012-03-05T00:00:00Z", "2012-09-08T00:00:00Z"])
    tilt, image = solar_tilt(time), []
    for one in tilt:
        y = np.sin(np.radians(20 - one))
        image.append(9.0 * np.sqrt(100 * (np.hypot(X, Y) < 1) + 800 * np.exp(-(X**2 + (Y - y) ** 2) / 0.01)))
    data = SimpleNamespace(unit=UNIT, image=np.clip(image, 0, 255).astype(np.uint8), frame_time=time)
    found = tilt_effect(data)
    assert found.regions == 2 and found.tilt == pytest.approx((-7.25, 7.25), abs=0.02)
    # The radius of a display archive is 0.425 of the width, here 20.4 px.
    assert found.belt == pytest.approx(20, abs=1) and found.spread == pytest.approx(7.25, abs=0.3)
    data.image[:] = 0
    with pytest.raises(SolarsynthError, match="no active region in 2 images"):
        tilt_effect(data)
