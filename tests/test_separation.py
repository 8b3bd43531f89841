"""Separation of classes by brute force and on planted classes."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
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
