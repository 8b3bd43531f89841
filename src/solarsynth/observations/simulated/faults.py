"""The faults of real archives."""

from __future__ import annotations

import numpy as np

from solarsynth.times import DAY, NO_TIME


def add_faults(rng: np.random.Generator, image: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give an archive the faults of the real one: days out of order, repeated frames, frames of NaN, a missing time.

    Parameters
    ----------
    rng : Generator
    image : ndarray of float32, shape (n, H, W)
    times : ndarray of int64, shape (n,)
        Milliseconds since 1970.

    Returns
    -------
    image : ndarray of float32, shape (m, H, W)
        With the repeated frames, in stored order.
    times : ndarray of int64, shape (m,)
    """
    n = len(times)
    repeats = np.sort(rng.choice(n, max(1, n // 400), replace=False))
    image, times = np.concatenate([image, image[repeats]]), np.concatenate([times, times[repeats]])
    order = np.argsort(times, kind="stable")
    day = times[order] // DAY
    starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    blocks = np.split(order, starts[1:])
    for _ in range(max(1, len(blocks) // 10)):  # SDOMLv2 stores days out of order
        i = rng.integers(0, len(blocks) - 1)
        blocks[i], blocks[i + 1] = blocks[i + 1], blocks[i]
    order = np.concatenate(blocks)
    image, times = image[order], times[order].copy()
    image[rng.choice(len(image), max(1, n // 500), replace=False)] = np.nan
    times[rng.choice(len(image), 1)] = NO_TIME
    return image, times
