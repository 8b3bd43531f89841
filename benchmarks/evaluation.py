"""Evaluate 1000 images against 20,000 real ones without network passes, and measure a large coverage.

The last line is JSON. ``evaluation_seconds`` is the time of `solarsynth.evaluation.evaluate` in all five feature
spaces, and ``first_evaluation_seconds`` the time before the floors are in the store. ``coverage_seconds`` and
``coverage_gib`` are time and memory, without that of the features, for 10,000 against 20,000 features in 512
dimensions. ``ratio`` is the time of scipy's matrix root for a 2048-dimensional distance, divided by the time of ours.
With ``--tsne`` there is also ``tsne_seconds`` for 20,000 features in 512 dimensions, which takes minutes.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import sys
import time
from types import SimpleNamespace

import numpy as np
from scipy.linalg import sqrtm

from solarsynth.dataset.images import ImageSet
from solarsynth.evaluation import CrossValidated, Reference, evaluate
from solarsynth.evaluation.pool import Pool
from solarsynth.evaluation.reference import MOST_DRAWS
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.separation import tsne
from solarsynth.settings import load_settings

DIMENSIONS = {"cevae": 512, "vgg": 1472, "classifier": 192, "clip": 512, "inception": 2048}
REAL, DRAWN, HELD_OUT = 20_000, 1000, 6000


def features(n: int, d: int, seed: int) -> np.ndarray:
    """Return features (n, d) float32 that vary strongly in 64 directions and weakly in all others."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 64)) @ rng.normal(size=(64, d)) + rng.normal(size=(n, d))).astype(np.float32)


class InMemory(Reference):
    """A reference whose features, predictions and floors need no network and no store."""

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(settings=load_settings("laptop")))
        self.floors: dict[tuple, np.ndarray] = {}
        self.sets = [labelled(fold) for fold in range(3)]
        self.data = self.sets[0]
        self.pool = Pool(self.data, self.sets, MOST_DRAWS)
        label, rng = np.arange(HELD_OUT) % 5, np.random.default_rng(0)
        self.held_out_scores = CrossValidated(
            y_true=label,
            probability=rng.dirichlet(np.ones(5), (3, HELD_OUT)) + 0.3 * np.eye(5)[label],
            majority=np.zeros(HELD_OUT, int),
            unit=np.arange(HELD_OUT) // 50,
            fold=np.arange(HELD_OUT) % 3,
        )

    @property
    def folds(self) -> list:
        return self.sets

    def real_features(self, space: str = "", fold: int | None = None) -> np.ndarray:
        return features_of(space or self.space, REAL)

    def features(self, images: ImageSet, space: str = "") -> np.ndarray:
        return features_of(space or self.space, len(images))

    def floor(self, space: str, params: dict, compute) -> np.ndarray:
        key = space, *params.items()
        if key not in self.floors:
            self.floors[key] = compute()
        return self.floors[key]

    def predictions(self, images: ImageSet) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 5, (3, len(images)))


@functools.cache
def labelled(fold: int) -> SimpleNamespace:
    """Return what the reference reads of a labelled set: 120 blocks, every third run of three held out."""
    block, rng = np.arange(REAL) * 120 // REAL, np.random.default_rng(3)
    test = block // 3 % 3 == fold
    image = rng.integers(20, 90, (REAL, 1, 1)) + rng.integers(0, 100, (REAL, 16, 16))
    return SimpleNamespace(image=image.astype(np.uint8), test=test, train=~test, block=block, group=block)


@functools.cache
def features_of(space: str, count: int) -> np.ndarray:
    """Return the features of `count` images in a space; they are made once."""
    return features(count, DIMENSIONS[space], seed=count)


def timed(what: str, compute):
    """Return the result and the seconds of a computation, and print the seconds."""
    started = time.perf_counter()
    result = compute()
    seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.1f} s", file=sys.stderr)
    return result, seconds


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tsne", action="store_true", help="also time the t-SNE of 20,000 features")
    arguments = parser.parse_args()

    real, large = features(REAL, 512, 0), features(10_000, 512, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, coverage_seconds = timed("coverage, 10,000 × 20,000", lambda: coverage(real, large))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {
        "benchmark": "evaluation",
        "coverage_seconds": round(coverage_seconds, 1),
        "coverage_gib": round((peak - before) / (1 << 20), 2),
    }

    for space in DIMENSIONS:
        features_of(space, REAL)
        features_of(space, DRAWN)
    drawn_images = np.random.default_rng(4).integers(0, 160, (DRAWN, 16, 16)).astype(np.uint8)
    images = ImageSet.of(drawn_images, np.arange(DRAWN) % 5)
    floors: dict[tuple, np.ndarray] = {}

    def evaluation():
        reference = InMemory()
        reference.floors = floors  # as the store would keep them
        return evaluate(reference, [images], images, description="evaluation")

    values, first = timed("the first samples, with the floors", evaluation)
    _, seconds = timed("the next samples", evaluation)
    without = [value.metric for value in values if not np.isfinite(value.value)]
    if without:
        raise SystemExit(f"every metric must have a value, got none for {', '.join(without)}")
    result["first_evaluation_seconds"] = round(first, 1)
    result["evaluation_seconds"] = round(seconds, 1)

    wide, drawn = features_of("inception", REAL), features_of("inception", DRAWN)
    ours, ours_seconds = timed(
        "Fréchet, 2048 dimensions", lambda: frechet_distance(Gaussian.of(drawn), Gaussian.of(wide))
    )

    def by_root() -> float:
        a, b = np.cov(drawn.T), np.cov(wide.T)
        means = drawn.mean(0) - wide.mean(0)
        return float((means**2).sum() + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b)).real)

    theirs, by_root_seconds = timed("the same by scipy's matrix root", by_root)
    result["ratio"] = round(by_root_seconds / ours_seconds, 1)
    result["relative_difference"] = abs(ours - theirs) / theirs
    if arguments.tsne:
        _, tsne_seconds = timed("t-SNE, 20,000 × 512", lambda: tsne(real, verbose=True))
        result["tsne_seconds"] = round(tsne_seconds, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
