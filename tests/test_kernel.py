"""The kernel distance against a double loop, and its interval against simulations."""

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import kernel as module
from solarsynth.metrics.kernel import kernel_distance, kernel_interval, mixed_kernel_distance


def k(x, y):
    return (x @ y / len(x) + 1) ** 3


def brute_force(a, b, name_a, name_b):
    """Mean over all pairs; images of the same name are copies of one another and make no pair."""
    inside = [
        np.mean([k(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if name[i] != name[j]])
        for s, name in ((a, name_a), (b, name_b))
    ]
    return sum(inside) - 2 * np.mean([k(x, y) for x in a for y in b])


def test_equals_a_double_loop(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 5)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(13, 4)), rng.normal(size=(9, 4)) + 0.5
    assert kernel_distance(a, b) == pytest.approx(brute_force(a, b, range(13), range(9)))


def test_is_unbiased():
    """Fréchet's bias at 20 images would be far above zero; a linear shift has the closed form of the kernel's mean."""
    rng = np.random.default_rng(1)
    same = [kernel_distance(*rng.normal(size=(2, 20, 8))) for _ in range(1500)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(1500) and min(same) < 0
    # One dimension, x ~ N(0, 1) and y = constant c: E k(x, x') = 4, k(c, c) = (c² + 1)³, E k(x, c) = 1 + 3c².
    c = 0.7
    far = [kernel_distance(rng.normal(size=(20, 1)), np.full((5, 1), c)) for _ in range(4000)]
    expected = 4 + (c**2 + 1) ** 3 - 2 * (1 + 3 * c**2)
    assert np.mean(far) == pytest.approx(expected, abs=4 * np.std(far) / np.sqrt(4000))


def test_a_draw_equals_a_double_loop_over_the_resampled_images():
    rng = np.random.default_rng(2)
    b, unit = rng.normal(size=(7, 3)), np.array([0, 0, 1, 1, 1, 2, 2])
    times = np.array([[2, 0, 1], [1, 1, 1], [0, 3, 0]])
    for drawn, found in zip(times, module._inside(b, unit, times), strict=True):
        index = np.concatenate([np.tile(np.flatnonzero(unit == u), n) for u, n in enumerate(drawn)])
        expected = np.mean([k(b[i], b[j]) for i in index for j in index if i != j])
        assert found == pytest.approx(expected)


def test_interval_covers_under_block_effects():
    """Twelve blocks with effects of their own: the interval holds the true distance nearly as often as it says."""
    rng, trials, shift = np.random.default_rng(3), 100, 1.0
    generated = rng.normal(size=(300, 4)) * np.sqrt(1.25) + shift
    unit, holds, image_holds = np.repeat(np.arange(12), 10), 0, 0
    draw = lambda: (rng.normal(size=(12, 4)) / 2)[unit] + rng.normal(size=(120, 4))  # noqa: E731
    truth = np.mean([kernel_distance(generated, draw()) for _ in range(100)])
    for _ in range(trials):
        real = draw()
        low, high = kernel_interval(generated, real, unit, draws=200)
        holds += low <= truth <= high
        low, high = kernel_interval(generated, real, np.arange(120), draws=200)
        image_holds += low <= truth <= high
    assert holds / trials > 0.85 and image_holds < holds - 0.1 * trials


def test_resampling_generated_units_widens():
    rng = np.random.default_rng(4)
    unit = np.repeat(np.arange(6), 15)
    a, b = ((rng.normal(size=(6, 3)))[unit] + rng.normal(size=(90, 3)) for _ in range(2))
    one, both = kernel_interval(a, b, unit), kernel_interval(a, b, unit, unit)
    assert both[1] - both[0] > 1.1 * (one[1] - one[0])


@pytest.mark.parametrize(
    "a, b, match",
    [
        (np.ones((1, 2)), np.ones((5, 2)), "at least 2 images in each set, got 1 and 5"),
        (np.ones((4, 2)), np.ones((4, 3)), "same dimension"),
        (np.full((4, 2), np.inf), np.ones((4, 2)), "finite"),
    ],
)
def test_what_cannot_be_compared(a, b, match):
    with pytest.raises(SolarsynthError, match=match):
        kernel_distance(a, b)
    with pytest.raises(SolarsynthError, match="2 units"):
        kernel_interval(np.ones((4, 2)), np.ones((4, 2)), np.zeros(4))


def test_without_pairs_of_one_unit_a_perfect_mix_has_no_distance():
    """Units differ, and samples are drawn from as many other units: the plain distance is large, this one is not."""
    rng = np.random.default_rng(5)

    def weeks(count, each):
        return (rng.normal(size=(count, 1, 4)) + 0.5 * rng.normal(size=(count, each, 4))).reshape(-1, 4)

    plain, mixed, covered = [], [], []
    for _ in range(60):
        real, unit = weeks(8, 25), np.repeat(np.arange(8), 25)
        value, low, high = mixed_kernel_distance(weeks(200, 1), real, unit)
        plain.append(kernel_distance(weeks(200, 1), real))
        mixed.append(value)
        covered.append(low <= 0 <= high)
    assert abs(np.mean(mixed)) < 3 * np.std(mixed) / np.sqrt(60) and np.mean(plain) > 5 * abs(np.mean(mixed))
    assert np.mean(covered) > 0.85


def test_without_pairs_of_one_unit_by_brute_force():
    rng = np.random.default_rng(6)
    a, b, unit = rng.normal(size=(5, 3)), rng.normal(size=(7, 3)), np.array([0, 0, 1, 1, 2, 2, 2])
    kernel = lambda x, y: (x @ y / 3 + 1) ** 3  # noqa: E731
    inside = np.mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    real = np.mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if unit[i] != unit[j]])
    across = np.mean([kernel(x, y) for x in a for y in b])
    assert mixed_kernel_distance(a, b, unit)[0] == pytest.approx(inside + real - 2 * across)
