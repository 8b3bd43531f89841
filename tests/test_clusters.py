"""Cluster metrics on distributions with known answers."""

from dataclasses import astuple

import numpy as np
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.metrics.clusters import Clusters

CENTRES = 100 * np.eye(5)


def blobs(counts, sigma=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([c + sigma * rng.normal(size=(n, 5)) for c, n in zip(CENTRES, counts, strict=True)])


@pytest.fixture(scope="module")
def clusters():
    return Clusters(blobs([1000] * 5))


def test_identical_sets(clusters):
    assert astuple(clusters.compare(blobs([1000] * 5))) == pytest.approx((0, 1, 1))


def test_by_hand(clusters):
    generated = blobs([300, 100, 250, 250, 100], 1.7, seed=3)
    error, distance, std = astuple(clusters.compare(generated))
    d = lambda x: np.sqrt(((x[:, None] - clusters.means.cluster_centers_[None]) ** 2).sum(2)).min(1)  # noqa: E731
    reference = blobs([1000] * 5)
    assert error == pytest.approx(sum(((f - 0.2) / 0.2) ** 2 for f in (0.3, 0.1, 0.25, 0.25, 0.1)))
    assert distance == pytest.approx(np.sqrt((d(generated) ** 2).mean() / (d(reference) ** 2).mean()))
    assert std == pytest.approx(d(generated).std() / d(reference).std())


def test_one_mode_missing_costs_its_share(clusters):
    # The lost fifth goes to the others: 1 for the missing cluster, (1/4)² for each of the rest.
    assert clusters.compare(blobs([1000] * 4 + [0])).error == pytest.approx(1 + 4 * 0.25**2)


def test_collapse_onto_the_centres(clusters):
    collapsed = clusters.compare(np.repeat(clusters.means.cluster_centers_, 10, axis=0))
    assert astuple(collapsed) == pytest.approx((0, 0, 0), abs=1e-6)


def test_clusters_twice_as_wide(clusters):
    error, distance, std = astuple(clusters.compare(blobs([1000] * 5, sigma=2.0, seed=1)))
    assert error == pytest.approx(0) and distance == pytest.approx(2, rel=0.02) and std == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(
    "features, match",
    [
        (np.full((10, 5), np.nan), "finite features, got NaN"),
        (np.empty((0, 5)), "at least one generated image, got none"),
    ],
)
def test_features_that_cannot_be_compared(clusters, features, match):
    with pytest.raises(SolarsynthError, match=match):
        clusters.compare(features)
    with pytest.raises(SolarsynthError, match="NaN or infinity in the reference"):
        Clusters(np.full((10, 5), np.inf))


def test_too_few_references():
    with pytest.raises(SolarsynthError, match="at least 5 reference images, got 3"):
        Clusters(np.zeros((3, 2)))
