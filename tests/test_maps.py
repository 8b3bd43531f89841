"""Standard-deviation maps of planted Suns, whose belts and scatter are known."""

import numpy as np
import pandas as pd
import pytest

from solarsynth.dataset.labelled import LabelledSet
from solarsynth.evaluation.maps import agreements, variation
from solarsynth.metrics.physics import disk_coordinates
from solarsynth.times import DAY

SIZE, RADIUS, PER_BLOCK = 24, 10.0, 6
Y, X = (np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2) / RADIUS


def suns(n, seed, latitude=20.0):
    """Return disks (n, 24, 24) with four bright regions each, at a northern and a southern latitude."""
    rng = np.random.default_rng(seed)
    side, east = rng.choice([-1, 1], (n, 4)), rng.uniform(-0.7, 0.7, (n, 4))
    north = side * np.sin(np.radians(rng.normal(latitude, 5, (n, 4))))
    where = (Y - north[..., None, None]) ** 2 + (X - east[..., None, None]) ** 2
    image = 60 * (np.hypot(X, Y) < 1) + 130 * np.exp(-where / 0.02).sum(1) + rng.normal(0, 2, (n, SIZE, SIZE))
    return image.clip(0, 255).astype(np.uint8)


def labelled(image, blocks=20, label=1):
    """Return a labelled set of one class, with every fourth block held out."""
    n = len(image)
    block = np.arange(n) * blocks // n
    test = block % 4 == 3
    time = np.arange(n) * 27 * DAY * blocks // n
    return LabelledSet(
        image=image,
        label=np.full(n, label),
        flux=np.full(n, 1e-6),
        peak_time=time,
        frame_time=time,
        delay=np.zeros(n, int),
        block=block,
        region=np.full(n, -1),
        test=test,
        train=~test,
        validation=np.zeros(n, bool),
        fit=~test,
        unit="display",
        funnel={},
    )


@pytest.fixture(scope="module")
def real():
    return labelled(suns(20 * PER_BLOCK, 0))


def agreement(data, image, draws=40):
    return agreements(data, {"B": image}, RADIUS, draws)["B"]


def correlation(a, b):
    """Return the correlation of two maps over the inner nine tenths of the disk, by numpy."""
    inside = np.hypot(X, Y) < 0.9
    return np.corrcoef(a.std(0)[inside], b.std(0)[inside])[0, 1]


def test_a_perfect_generator_is_within_and_so_are_held_out_images():
    """New Suns of the same belts, for forty sets of real images: nine in ten times by definition."""
    found = [agreement(labelled(suns(20 * PER_BLOCK, 100 + k)), suns(30, k)) for k in range(40)]
    assert 32 <= sum(v.place == "within" for v in found) < 40
    assert 32 <= sum(v.low <= v.held_out <= v.high for v in found) < 40
    assert all(v.low < v.high <= 1 and v.target == 1 for v in found)
    assert {(v.images, v.floor_images) for v in found} == {(30, 30)}


@pytest.mark.parametrize("latitude", [0.0, 35.0, 50.0])
def test_other_belts_are_below(real, latitude):
    assert agreement(real, suns(40, 2, latitude)).place == "below"


def test_copies_of_the_training_images_are_not_below(real):
    assert agreement(real, real.image[real.train][:40]).place in ("within", "above")


def test_agreement_by_hand(real):
    """All 30 samples; the map of the training images has as many as the smallest rest of the floor: 120 - 29 - 6."""
    found = agreement(real, suns(30, 1), draws=5)
    assert found.reference_images == 85
    train = real.image[real.train]
    some = train[np.random.default_rng(0).permutation(len(train))[:85]]
    assert found.value == pytest.approx(correlation(suns(30, 1), some))


def test_held_out_images_of_another_belt_do_not_agree(real):
    image = real.image.copy()
    image[real.test] = suns(real.test.sum(), 5, 50.0)
    assert agreement(labelled(image), suns(30, 1), draws=5).held_out < agreement(real, suns(30, 1), 5).held_out - 0.1


@pytest.mark.parametrize("images", [40, 200])
def test_the_error_is_the_scatter_between_sets(real, images):
    """However many are drawn, only as many are measured as the floor's maps have, 30."""
    found = [agreement(real, suns(images, seed), draws=1) for seed in range(10, 50)]
    scatter = np.std([v.value for v in found], ddof=1)
    # The correlation is not linear in the images: of few images the jackknife overestimates the scatter.
    assert 0.9 * scatter < np.sqrt(np.mean([v.error**2 for v in found])) < 1.5 * scatter
    assert {v.images for v in found} == {v.floor_images for v in found} == {30}


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_class_of_few_units_has_a_value_without_a_floor(blocks):
    data = labelled(suns(30, 0), blocks=4)
    data.block[:] = np.arange(30) * blocks // 30
    found = agreement(data, suns(20, 1))
    assert found.place == "" and np.isnan(found.low) and f"got {blocks}" in found.note
    assert 0 < found.value <= 1 and found.reference_images > 1


def test_variation_by_hand(real):
    """Held-out images at the poles do not count as real ones."""
    image, drawn = real.image.copy(), suns(50, 1, 30.0)
    image[real.test] = suns(real.test.sum(), 5, 75.0)
    row = variation(labelled(image), {"B": drawn}, RADIUS).loc["B"]
    r, latitude, _ = disk_coordinates(SIZE, RADIUS)
    for part, frames in (("real", real.image[real.train]), ("drawn", drawn)):
        by_pixel = [[frames[:, i, j].astype(float).std() for j in range(SIZE)] for i in range(SIZE)]
        polar = sum(
            by_pixel[i][j] ** 2 for i, j in np.ndindex(SIZE, SIZE) if r[i, j] < 0.97 and abs(latitude[i, j]) > 60
        )
        disk = sum(by_pixel[i][j] ** 2 for i, j in np.ndindex(SIZE, SIZE) if r[i, j] < 0.97)
        assert row[f"beyond 60°, {part}"] == pytest.approx(polar / disk)
        assert row[f"mean std, {part}"] == pytest.approx(np.mean(by_pixel)) and row[part] == len(frames)
    for title in ("beyond 60°", "mean std"):
        assert row[f"{title}, real, low"] < row[f"{title}, real"] < row[f"{title}, real, high"]


def test_the_errors_of_variation_are_the_scatter_between_sets(real):
    table = pd.concat([variation(real, {"B": suns(40, seed)}, RADIUS) for seed in range(10, 50)])
    for title in ("beyond 60°", "mean std"):
        error = np.sqrt((table[f"{title}, drawn, error"] ** 2).mean())
        assert error == pytest.approx(table[f"{title}, drawn"].std(), rel=0.3)


def test_the_interval_of_real_images_counts_units_not_images():
    """Planted: the images of a block are the same picture. More of them are no more Suns."""
    few = labelled(np.repeat(suns(12, 0), 2, axis=0), blocks=12)
    many = labelled(np.repeat(suns(12, 0), 20, axis=0), blocks=12)
    widths = []
    for data in (few, many):
        row = variation(data, {"B": suns(10, 1)}, RADIUS).loc["B"]
        widths.append(row["mean std, real, high"] - row["mean std, real, low"])
    assert widths[1] > 0.7 * widths[0] > 0
    alone = variation(labelled(suns(12, 0), blocks=1), {"B": suns(10, 1)}, RADIUS).loc["B"]
    assert np.isnan(alone["mean std, real, low"]) and alone["mean std, real"] > 0
