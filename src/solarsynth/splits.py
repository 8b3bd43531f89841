"""Training and test: at random, as the paper presumably did, or by whole blocks of time."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.observations.times import DAY


def time_blocks(time: np.ndarray, days: float = 27.0) -> np.ndarray:
    """Number consecutive blocks of time.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    days : float
        Length of a block; 27 days are one solar rotation, after which the same regions come round.

    Returns
    -------
    ndarray of int64, shape (n,)
        Counted from 1970, so that a block does not depend on which frames are asked about.
    """
    return np.floor_divide(time, int(days * DAY))


def split(
    label: np.ndarray,
    block: np.ndarray,
    *,
    method: str,
    test_fraction: float,
    n_classes: int,
    seed: int = 42,
    draws: int = 500,
) -> np.ndarray:
    """Choose the test images.

    Parameters
    ----------
    label, block : ndarray of int, shape (n,)
    method : {"blocked", "random"}
        ``random`` leaks, since neighbouring frames are nearly the same picture. ``blocked`` puts whole blocks
        on one side; of many draws it takes the one whose class shares on both sides differ least.
    test_fraction : float
        Aimed-at share of the images.
    n_classes : int
    seed : int
    draws : int
        Draws of ``blocked``.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for test images.

    Raises
    ------
    SolarsynthError
        If there are too few blocks to hold any out.
    """
    rng = np.random.default_rng(seed)
    n = len(label)
    test = np.zeros(n, bool)
    if not test_fraction:
        return test
    if method == "random":
        test[rng.permutation(n)[: round(test_fraction * n)]] = True
        return test
    blocks, where = np.unique(block, return_inverse=True)
    if len(blocks) < 2:
        raise SolarsynthError(
            "the images lie in one block of time, so none can be held out; set test_fraction to 0, "
            "a smaller block_days, or split to 'random'"
        )
    per_block = np.zeros((len(blocks), n_classes))
    np.add.at(per_block, (where, label), 1)
    total = per_block.sum(0)
    present = total > 0
    best, chosen = np.inf, None
    for _ in range(draws):
        order = rng.permutation(len(blocks))
        filled = np.cumsum(per_block[order].sum(1))
        take = max(1, min(len(blocks) - 1, int(np.argmin(np.abs(filled - test_fraction * n))) + 1))
        share = per_block[order[:take]].sum(0)[present] / total[present]
        # Rare classes count as much as common ones: each should have its share on both sides.
        badness = np.abs(share - test_fraction).sum()
        if badness < best:
            best, chosen = badness, order[:take]
    return np.isin(where, chosen)
