"""The prior's check per class, against distances that are known by hand."""

import numpy as np
import pytest

from solarsynth.evaluation.prior import prior_check, prior_verdict

# One dimension. Class 0 lies at -1 and 1, class 2 at 10 and 12; of class 4 there is one embedding.
REAL = np.array([-1, 1, -1, 1, 10, 12, 50], float)[:, None]
REAL_LABEL = np.array([0, 0, 0, 0, 2, 2, 4])


def check(drawn, label):
    return prior_check(np.array(drawn, float)[:, None], np.array(label), REAL, REAL_LABEL, draws=200)


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


def test_the_floor_spans_the_splits_of_the_class():
    """Two of the four real ones at -1, 1, -1, 1 against the other two; two drawn ones make sets of two."""
    found = check([0, 0], [0, 0]).loc["A"]
    # (-1, 1) against (-1, 1), two splits in three: 2 * 1 - 2 - 2. (-1, -1) against (1, 1), one in three: 2 * 2 - 0 - 0.
    assert (found["floor low"], found["floor high"]) == pytest.approx((-2, 4))


def test_too_few_real_embeddings():
    found = check([0, 0, 11, 11, 50, 50], [0, 0, 2, 2, 4, 4])
    assert np.isnan(found.loc["C", "floor high"]) and np.isfinite(found.loc["C", "distance"])  # two: no floor
    assert found.loc["X", ["distance", "floor low", "floor high", "no class"]].isna().all()  # one: nothing
    assert prior_verdict(found.loc["X"]) == "too few real embeddings"
    assert prior_verdict(found.loc["C"]).startswith("too few real embeddings for a floor, and nearer")


@pytest.mark.parametrize("drawn, floor, nearer", [([-1, 1], "within", "nearer"), ([90, 92], "farther", "no nearer")])
def test_verdicts_of_planted_effects(drawn, floor, nearer):
    found = prior_verdict(check(drawn, [0, 0]).loc["A"])
    assert found.startswith(f"{floor} ") and f"and {nearer} to the class" in found
