"""Evaluate 1000 images against 20,000 without network passes, and the large coverage: issue-sized numbers.

Ends with one JSON line: ``evaluation_seconds`` (cluster metrics, Fréchet distances in 512 and 2048 dimensions,
coverage, with their floors), ``coverage_seconds`` and ``coverage_gib`` (10,000 against 20,000 in 512 dimensions, beyond
the features), and ``ratio``, the time of scipy's matrix root for the 2048-dimensional distance over ours.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
from scipy.linalg import sqrtm

from solarsynth.metrics.clusters import Clusters, noise_floor
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance, frechet_floor


def timed(what: str, compute):
    """Return the result and the seconds of a computation, and say so."""
    started = time.perf_counter()
    result = compute()
    seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.1f} s", file=sys.stderr)
    return result, seconds


def main() -> None:
    """Run the benchmark."""
    rng = np.random.default_rng(0)

    def features(n: int, d: int) -> np.ndarray:
        return (rng.normal(size=(n, 64)) @ rng.normal(size=(64, d)) + rng.normal(size=(n, d))).astype(np.float32)

    real, large = features(20_000, 512), features(10_000, 512)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, coverage_seconds = timed("coverage, 10,000 × 20,000", lambda: coverage(real, large))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    drawn, wide, wide_drawn = features(1000, 512), features(20_000, 2048), features(1000, 2048)
    seconds = {}
    clusters, seconds["clusters"] = timed("K-means and cluster metrics", lambda: Clusters(real))
    _, seconds["floor"] = timed("their floor, 200 draws", lambda: noise_floor(clusters, real, 1000, 200))
    _, seconds["512"] = timed("Fréchet, 512 dimensions", lambda: frechet_distance(drawn, Gaussian.of(real)))
    _, seconds["512 floor"] = timed("its floor, 20 draws", lambda: frechet_floor(real, 1000, 20))
    ours, seconds["2048"] = timed("Fréchet, 2048 dimensions", lambda: frechet_distance(wide_drawn, Gaussian.of(wide)))
    _, seconds["2048 floor"] = timed("its floor, 3 draws", lambda: frechet_floor(wide, 1000, 3))
    _, seconds["coverage"] = timed("coverage, 1000 × 20,000", lambda: coverage(real, drawn))

    def by_root() -> float:
        a, b = np.cov(wide_drawn.T), np.cov(wide.T)
        means = wide_drawn.mean(0) - wide.mean(0)
        return float((means**2).sum() + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b)).real)

    theirs, by_root_seconds = timed("the same by scipy's matrix root", by_root)
    print(
        json.dumps(
            {
                "benchmark": "evaluation",
                "evaluation_seconds": round(sum(seconds.values()), 1),
                "coverage_seconds": round(coverage_seconds, 1),
                "coverage_gib": round((peak - before) / (1 << 20), 2),
                "ratio": round(by_root_seconds / seconds["2048"], 1),
                "relative_difference": abs(ours - theirs) / theirs,
            }
        )
    )


if __name__ == "__main__":
    main()
