"""The prior's check per class, against distances that are known by hand."""

import numpy as np
import pytest

from solarsynth.evaluation.prior import prior_check, prior_verdict

# One dimension. Class 0 lies at -1 and 1, class 2 at 10 and 12; of class 4 there is one embedding.
REAL = np.array([-1, 1, -1, 1, 10, 12, 50], float)[:, None]
REAL_LABEL = np.array([0, 0, 0, 0, 2, 2, 4])


UNIT = np.arange(len(REAL))


def check(drawn, label):
    return prior_check(np.array(drawn, float)[:, None], np.array(label), REAL, REAL_LABEL, UNIT, draws=200)


def test_distances_by_hand():
    """Drawn at 0 and 0 for class 0, at 20 and 22 for class 2."""
    found = check([0, 0, 20, 22], [0, 0, 2, 2])
    assert list(found.index) == ["A", "C"] and list(found["real"]) == [4, 2]
    # 2 E|X - Y| - E|X - X'| - E|Y - Y'|. Class 0: each pair is 1 apart, the drawn are 0 apart, and of the six pairs
    # of real ones four are 2 apart. Class 2: the pairs are 10, 8, 12 and 10 apart, those within both sets 2.
    assert found.loc["A", "distance"] == pytest.approx(2 * 1 - 0 - 4 * 2 / 6)
    assert found.loc["C", "distance"] == pytest.approx(2 * 10 - 2 - 2)


def test_what_ignoring_the_class_costs_by_hand():
    found = check([0, 0], [0, 0])
    own = REAL[REAL_LABEL == 0][:, 0]
    across = np.abs(REAL - own).mean()
    pairs = [abs(a - b) for i, a in enumerate(REAL[:, 0]) for b in REAL[:i, 0]]
    assert found.loc["A", "no class"] == pytest.approx(2 * across - np.mean(pairs) - 4 * 2 / 6)


def planted(drawn):
    """Check 30 drawn embeddings of class 0 against 60 real ones in ten units, and 60 of class 1 that lie elsewhere."""
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 8])
    label, unit = np.repeat([0, 1], 60), np.tile(np.arange(60) // 6, 2)
    return prior_check(drawn, np.zeros(len(drawn), int), real, label, unit, draws=60).loc["A"]


def test_too_few_real_embeddings():
    found = check([0, 0, 11, 11, 50, 50], [0, 0, 2, 2, 4, 4])
    assert np.isnan(found.loc["C", "floor high"]) and np.isfinite(found.loc["C", "distance"])  # two: no floor
    assert found.loc["X", ["distance", "floor low", "floor high", "no class"]].isna().all()  # one: nothing
    assert prior_verdict(found.loc["X"]) == "too few real embeddings"
    assert prior_verdict(found.loc["C"]).startswith("too few real embeddings for a floor, and nearer")


@pytest.mark.parametrize(
    "shift, scale, floor, nearer",
    [(0, 1, "within", "nearer"), (2, 1, "farther", "nearer"), (30, 1, "farther", "no nearer")],
)
def test_verdicts_of_planted_effects(shift, scale, floor, nearer):
    found = prior_verdict(planted(np.random.default_rng(1).normal(size=(30, 3)) * scale + shift))
    assert found.startswith(f"{floor} ") and f"and {nearer} " in found and "to the class" in found


def test_the_error_is_that_of_drawing_again():
    rng = np.random.default_rng(2)
    again = [planted(rng.normal(size=(60, 3)) + 1) for _ in range(30)]
    distances, errors = ([row[name] for row in again] for name in ("distance", "error"))
    assert np.mean(errors) == pytest.approx(np.std(distances, ddof=1), rel=0.35)
