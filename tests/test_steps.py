"""How few sampling steps are enough: the plan, the distances and the rule."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm

from solarsynth import stages
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.steps import fewest_steps, sampling_distances, sampling_plan
from tests.tiny import TINY


def test_the_plan():
    assert sampling_plan(1000, 10) == [("dpm-solver++", 5), ("dpm-solver++", 10), ("ddim", 5), ("ddim", 10)]
    complete = sampling_plan(1000, 999)
    assert len(complete) == 13 and complete[-1] == ("ancestral", 999)
    assert sampling_plan(8, 100) == [("dpm-solver++", 5), ("ddim", 5), ("ancestral", 7)]  # no more steps than there are
    with pytest.raises(SolarsynthError, match="needs at least 5 steps, got 3"):
        sampling_plan(1000, 3)


@pytest.fixture
def table():
    rows = [
        ("dpm-solver++", 5, 9.0),
        ("dpm-solver++", 10, 5.4),
        ("dpm-solver++", 20, 5.0),
        ("ddim", 5, 4.0),  # neither the rival's best nor its longest run sets the standard
        ("ddim", 20, 6.0),
    ]
    return pd.DataFrame(rows, columns=["sampler", "steps", "distance"])


@pytest.mark.parametrize("tolerance, steps", [(0.1, 20), (0.5, 10), (4.0, 5)])
def test_the_rule(table, tolerance, steps):
    found = fewest_steps(table, tolerance)
    assert found.steps == steps
    assert list(found.longest.index) == ["dpm-solver++"] and found.longest["steps"].tolist() == [20]
    assert found.within.tolist() == [d <= 5.0 + tolerance for d in table["distance"]]


def test_the_papers_sampler_can_raise_the_standard(table):
    table.loc[len(table)] = ("ancestral", 999, 4.0)
    assert fewest_steps(table, 1.2).steps == 20  # within 1.2 of 4.0 lies only the longest run
    table.loc[len(table) - 1, "distance"] = 8.0
    assert fewest_steps(table, 0.5).steps == 10  # a worse one does not lower it


def test_distances_are_those_of_the_sets(store_folder, shared_archive):
    lab = stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY | {"guidance": 3.0})
    counts, plan = stages.proportional_counts(lab, 12), [("dpm-solver++", 5), ("ddim", 6)]
    real = stages.training_features(lab, "cevae")[:, :2]
    table = sampling_distances(lab, plan, counts, 7, real, lambda features: features[:, :2])
    assert list(zip(table["sampler"], table["steps"], strict=True)) == plan
    assert (table["seconds"] > 0).all()
    for (sampler, steps), distance in zip(plan, table["distance"], strict=True):
        image = stages.generator(lab).draw(
            np.repeat(np.arange(5), list(counts.values())), seed=7, sampling=Sampling(sampler, steps, guidance=0.0)
        )
        drawn = stages.space(lab, "cevae").embed(image)[:, :2].astype(float)
        apart = ((drawn.mean(0) - real.mean(0)) ** 2).sum()
        a, b = np.cov(drawn.T), np.cov(real.T)
        assert distance == pytest.approx(apart + np.trace(a + b - 2 * sqrtm(a @ b).real), rel=1e-4)
