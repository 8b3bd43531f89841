"""Evaluate 1000 images against 20,000 without network passes, and the large coverage: issue-sized numbers.

Ends with one JSON line: ``evaluation_seconds``, the whole of `solarsynth.evaluation.evaluate` in all four feature
spaces, and ``first_evaluation_seconds``, when the reference's floors are not in the store yet; ``coverage_seconds``
and ``coverage_gib`` (10,000 against 20,000 in 512 dimensions, beyond the features); and ``ratio``, the time of scipy's
matrix root for a 2048-dimensional distance over ours. With ``--tsne`` also ``tsne_seconds`` of 20,000 features in 512
dimensions, which takes minutes.
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

from solarsynth.evaluation import Reference, evaluate
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.separation import tsne
from solarsynth.profiles import load_profile

DIMENSIONS = {"cevae": 512, "classifier": 192, "clip": 512, "inception": 2048}
REAL, DRAWN, HELD_OUT = 20_000, 1000, 6000


def features(n: int, d: int, seed: int) -> np.ndarray:
    """Return features (n, d) float32 that vary in 64 directions, and a little in all."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 64)) @ rng.normal(size=(64, d)) + rng.normal(size=(n, d))).astype(np.float32)


class Cached:
    """What `evaluate` asks of a `Run`, with every feature and every class already there."""

    settings = load_profile("laptop")

    def __init__(self) -> None:
        label = np.arange(HELD_OUT) % 5
        self.dataset = SimpleNamespace(
            image=np.zeros((HELD_OUT, 1, 1), np.uint8), label=label, test=np.ones(HELD_OUT, bool)
        )
        self._floors: dict[tuple, np.ndarray] = {}

    @functools.lru_cache  # noqa: B019 one lives as long as the benchmark
    def _features(self, space: str, count: int) -> np.ndarray:
        return features(count, DIMENSIONS[space], seed=count)

    def training_features(self, space: str) -> np.ndarray:
        return self._features(space, REAL)

    def features(self, space: str, image: np.ndarray) -> np.ndarray:
        return self._features(space, len(image))

    def floor(self, space: str, params: dict, compute) -> np.ndarray:
        key = space, *params.items()
        if key not in self._floors:
            self._floors[key] = compute()
        return self._floors[key]

    def classify(self, image: np.ndarray, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 5, len(image))


def timed(what: str, compute):
    """Return the result and the seconds of a computation, and say so."""
    started = time.perf_counter()
    result = compute()
    seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.1f} s", file=sys.stderr)
    return result, seconds


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tsne", action="store_true", help="time the t-SNE of 20,000 features too")
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

    cached = Cached()
    for space in DIMENSIONS:
        cached.training_features(space)
        cached._features(space, DRAWN)
    image, label = np.zeros((DRAWN, 1, 1), np.uint8), np.arange(DRAWN) % 5
    last = [time.perf_counter(), "start"]

    def report(what: str) -> None:
        now = time.perf_counter()
        print(f"{last[1]}: {now - last[0]:.1f} s", file=sys.stderr)
        last[:] = now, what

    def evaluation():
        last[:] = time.perf_counter(), "start"
        return evaluate(Reference(cached), [image], (image, label), report)

    values, first = timed("the first samples, with the floors", evaluation)
    _, seconds = timed("the next samples", evaluation)
    without = [value.metric for value in values if not np.isfinite(value.value)]
    if without:
        raise SystemExit(f"no value for {', '.join(without)}: this would not be the time of an evaluation")
    result["first_evaluation_seconds"] = round(first, 1)
    result["evaluation_seconds"] = round(seconds, 1)

    wide, drawn = cached.training_features("inception"), cached._features("inception", DRAWN)
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
