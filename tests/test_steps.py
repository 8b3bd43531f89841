"""How few sampling steps are enough: the plan, what is measured, and the rule."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm
from scipy.stats import t as student

from solarsynth import stages
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.steps import Run, Yardstick, fewest_steps, over_seeds, sampling_plan, sampling_quality
from tests.tiny import TINY

TOLERANCE = {"distance": 0.5, "brightness": 0.1}


def test_the_plan():
    assert sampling_plan(1000, 10, 2.0) == [
        Run(2.0, "dpm-solver++", 5),
        Run(2.0, "dpm-solver++", 10),
        Run(0.0, "dpm-solver++", 5),
        Run(0.0, "dpm-solver++", 10),
        Run(0.0, "ddim", 5),
    ]
    complete = sampling_plan(1000, 999, 2.0)
    assert [run for run in complete if run.sampler == "ancestral"] == [Run(w, "ancestral", 999) for w in (2.0, 0.0)]
    without = sampling_plan(12, 100, 0)  # no more steps than there are, and one guidance only
    assert {run.guidance for run in without} == {0.0} and max(run.steps for run in without) == 11
    assert len(without) == len(set(without)) == 4
    with pytest.raises(SolarsynthError, match="needs at least 10 steps, got 7"):
        sampling_plan(8, 100, 2.0)


def sets(distance, brightness, noise=0.01, guidance=2.0, seeds=3):
    """Return a table with sets of `dpm-solver++` for steps 5, 10, 20 and 50, and with those of a misleading rival."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(seeds):
        own = rng.normal(0, 5, 2)  # what the noise of a seed does to all of its runs
        for steps, far, bright in zip((5, 10, 20, 50), distance, brightness, strict=True):
            found = own + (far, bright) + noise * rng.normal(size=2)
            rows.append((guidance, "dpm-solver++", steps, seed, *found, 1.0))
            rows.append((guidance, "ddim", steps, seed, *rng.normal(size=2), 1.0))
            rows.append((7.0, "dpm-solver++", steps, seed, *rng.normal(size=2), 1.0))
    return pd.DataFrame(
        rows, columns=["guidance", "sampler", "steps", "seed", "distance", "brightness", "seconds"]
    ).assign(kernel=rng.normal(size=len(rows)))


@pytest.mark.parametrize(
    "distance, brightness, steps",
    [
        ((9.0, 5.2, 5.1, 5.0), (0, 0, 0, 0), 10),
        ((5.0, 5.0, 5.0, 5.0), (0, 0, 0, 0), 5),
        ((9.0, 8.0, 7.0, 5.0), (0, 0, 0, 0), None),  # nothing shows that the longest run has converged
        ((2.0, 3.0, 5.1, 5.0), (0, 0, 0, 0), 20),  # a smaller distance is a difference too
        ((5.1, 8.0, 5.1, 5.0), (0, 0, 0, 0), 20),  # close by accident: more steps lead away again
        ((5.0, 5.0, 5.0, 5.0), (0.5, 0.3, 0.02, 0), 20),  # the distance has converged, the brightness has not
        ((5.0, 5.0, 5.0, 5.0), (-0.9, -0.6, -0.3, 0), None),
    ],
)
def test_the_rule_finds_the_planted_number(distance, brightness, steps):
    """Also though the seeds differ by far more than the numbers of steps do: they are paired."""
    found = fewest_steps(sets(distance, brightness), 2.0, TOLERANCE)
    assert found.steps == steps
    assert found.difference["distance"].to_numpy() == pytest.approx(np.subtract(distance, 5.0), abs=0.05)


def test_seeds_that_disagree_prove_nothing():
    close = ((5.1, 5.1, 5.1, 5.0), (0, 0, 0, 0))
    assert fewest_steps(sets(*close), 2.0, TOLERANCE).steps == 5
    assert fewest_steps(sets(*close, noise=0.5), 2.0, TOLERANCE).steps is None
    assert fewest_steps(sets(*close, seeds=1), 2.0, TOLERANCE).steps is None  # one seed has no error


def test_means_and_errors_over_seeds():
    table = sets((9.0, 5.2, 5.1, 5.0), (0.3, 0.1, 0.0, 0.0))
    means = over_seeds(table)
    assert len(means) == 12
    row = means[(means["guidance"] == 2.0) & (means["sampler"] == "dpm-solver++") & (means["steps"] == 10)].iloc[0]
    own = table[(table["guidance"] == 2.0) & (table["sampler"] == "dpm-solver++") & (table["steps"] == 10)]
    for name in ("distance", "kernel", "brightness"):
        low, high = student.interval(0.95, 2, own[name].mean(), own[name].std() / 3**0.5)
        assert (row[name], row[f"{name} ±"]) == pytest.approx(((low + high) / 2, (high - low) / 2))


def squared_discrepancy(a, b):
    """The unbiased squared maximum mean discrepancy with the kernel (x·y / d + 1)³, pair by pair."""
    mean = lambda x, y, same: np.mean(  # noqa: E731
        [(u @ v / len(u) + 1) ** 3 for i, u in enumerate(x) for j, v in enumerate(y) if not (same and i == j)]
    )
    return mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)


def test_what_is_measured_are_the_sets(store_folder, shared_archive):
    lab = stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY | {"guidance": 3.0})
    counts, plan = stages.proportional_counts(lab, 12), [Run(0.0, "dpm-solver++", 5), Run(1.5, "ddim", 6)]
    yardstick = Yardstick.of(lab, lambda features: features[:, :2])
    table = sampling_quality(lab, plan, counts, (7, 8), yardstick)
    assert [tuple(row) for row in table[["guidance", "sampler", "steps", "seed"]].to_numpy()] == [
        (*run, seed) for run in plan for seed in (7, 8)
    ]
    assert (table["seconds"] > 0).all()
    real = stages.training_images(lab).image
    embedded = stages.training_features(lab, "cevae")[:, :2].astype(float)
    for row in table.itertuples():
        image = stages.generator(lab).draw(
            np.repeat(np.arange(5), list(counts.values())),
            seed=row.seed,
            sampling=Sampling(row.sampler, row.steps, guidance=row.guidance),
        )
        drawn = stages.space(lab, "cevae").embed(image)[:, :2].astype(float)
        apart = ((drawn.mean(0) - embedded.mean(0)) ** 2).sum()
        a, b = np.cov(drawn.T), np.cov(embedded.T)
        assert row.distance == pytest.approx(apart + np.trace(a + b - 2 * sqrtm(a @ b).real), rel=1e-4)
        assert row.kernel == pytest.approx(squared_discrepancy(drawn, embedded), rel=1e-4, abs=1e-4)
        totals = [frame.astype(float).sum() for frame in real]
        bright = np.mean([frame.astype(float).sum() for frame in image])
        assert row.brightness == pytest.approx((bright - np.mean(totals)) / np.std(totals, ddof=1), rel=1e-6)
