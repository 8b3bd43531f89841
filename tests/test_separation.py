"""Separation of classes by brute force and on planted classes."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.separations import separations
from solarsynth.metrics import separation


def test_purity_by_brute_force():
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    distance = ((x[:, None] - x[None]) ** 2).sum(2)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1)[:, :5]
    same = np.array([(label[near[i]] == label[i]).mean() for i in range(60)])
    share, chance = separation.purity(x, label, 5)
    assert share == pytest.approx(np.mean([same[label == c].mean() for c in range(3)]))
    assert chance == pytest.approx(np.mean([((label == c).sum() - 1) / 59 for c in range(3)]))


def test_nearest_neighbours_by_brute_force():
    rng = np.random.default_rng(1)
    real, drawn = rng.normal(size=(40, 3)), rng.normal(size=(25, 3))
    expected = [min(range(40), key=lambda j, x=x: ((real[j] - x) ** 2).sum()) for x in drawn]
    assert separation.nearest(drawn, real).tolist() == expected
    assert separation.nearest(real[:5], real).tolist() == [0, 1, 2, 3, 4]


def test_classes_that_are_far_apart():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 30)
    x = rng.normal(size=(90, 8)) + 30 * np.eye(8)[label]
    assert separation.purity(x, label, 10)[0] == 1 and separation.silhouette(x, label) > 0.8
    mapped = separation.tsne(x)
    assert mapped.shape == (90, 2) and separation.purity(mapped, label, 10)[0] > 0.95
    assert np.array_equal(mapped, separation.tsne(x))


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda x, label: separation.tsne(x[:3]), "at least 4 images, got 3"),
        (lambda x, label: separation.purity(x[:5], label[:5], 10), "more than 10 images, got 5"),
        (lambda x, label: separation.silhouette(x[:9], label[:9]), "at least two classes.* got 1 classes and 9 images"),
    ],
)
def test_too_few_images(call, match):
    with pytest.raises(SolarsynthError, match=match):
        call(np.zeros((90, 8)), np.repeat([0, 1, 2], 30))


def planted(by_class, by_unit, seed):
    """Return features (120, 4), classes and units of 15 images; a unit has one class, as the frames of a week often do.

    `by_class` and `by_unit` say how far classes and units are apart.
    """
    rng = np.random.default_rng(seed)
    unit = np.arange(120) // 15
    label = unit % 2
    x = rng.normal(size=(120, 4)) + by_class * np.eye(4)[label] + by_unit * rng.normal(size=(8, 4))[unit]
    return x, label, unit


def separated(train, held_out, neighbours=5):
    return separations(train[0], train[1], *held_out, neighbours)


def test_separations_by_brute_force():
    train, (x, label, unit) = planted(1, 1, 0), planted(1, 1, 1)
    found = separated(train, (x, label, unit))
    assert (found["purity"], found["chance"]) == separation.purity(*train[:2], 5)
    assert found["silhouette"] == separation.silhouette(*train[:2])
    pure, chance = np.zeros(120), np.zeros(120)
    for i in range(120):
        others = [j for j in range(120) if unit[j] != unit[i]]
        near = sorted(others, key=lambda j, i=i: ((x[j] - x[i]) ** 2).sum())[:5]
        pure[i], chance[i] = (np.mean(label[index] == label[i]) for index in (near, others))
    assert found["held out"] == pytest.approx(np.mean([pure[label == c].mean() for c in (0, 1)]))
    assert found["held out, chance"] == pytest.approx(chance.mean())
    assert found["held out, low"] < found["held out"] < found["held out, high"]


def test_weeks_that_resemble_themselves_are_not_taken_for_classes():
    """Planted: features tell the weeks and nothing of the classes. The purity of training images is near 1."""
    found = separated(planted(0, 8, 0), planted(0, 8, 1))
    assert found["purity"] > 0.95 and found["chance"] < 0.5
    assert found["held out, low"] < found["held out, chance"] < found["held out, high"]


def test_classes_that_are_apart_in_other_weeks_are_found():
    found = separated(planted(6, 1, 0), planted(6, 1, 1))
    assert found["held out, low"] > found["held out, chance"] + 0.1 and found["held out"] > 0.8


def test_too_few_held_out_blocks_leave_the_training_images_numbers():
    train, (x, label, unit) = planted(1, 1, 0), planted(1, 1, 1)
    whole, found = (separated(train, (x, label, u)) for u in (unit, unit // 4))
    held_out = {name for name in found if name.startswith("held out")}
    assert len(held_out) == 4 and all(np.isnan(found[name]) for name in held_out)
    assert {name: found[name] for name in set(found) - held_out} == {n: whole[n] for n in set(whole) - held_out}
    assert len(found) == 7
