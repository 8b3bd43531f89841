"""Training and test: at random, as the paper presumably split, or by whole blocks of time."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.times import DAY


def time_blocks(time: np.ndarray, days: float = 27.0) -> np.ndarray:
    """Number consecutive blocks of time.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    days : float
        Length of a block in days, as in the setting ``block_days``. 27 days are one solar rotation, after which the
        same regions are seen again.

    Returns
    -------
    ndarray of int64, shape (n,)
        Counted from 1970, so that the number of a frame's block does not depend on the other frames.
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
        ``random`` leaks, since neighbouring frames are nearly the same picture. ``blocked`` puts whole blocks on one
        side. It draws many times and takes the draw with the smallest differences between the class shares of both
        sides.
    test_fraction : float
        Intended share of test images.
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
            "all images are in one block of time, so that none can be held out; set test_fraction to 0, "
            "choose a smaller block_days, or set split to 'random'"
        )
    per_block = np.zeros((len(blocks), n_classes))
    np.add.at(per_block, (where, label), 1)
    return np.isin(where, _best_draw(rng, per_block, test_fraction, draws))


def _best_draw(rng: np.random.Generator, per_block: np.ndarray, test_fraction: float, draws: int) -> np.ndarray:
    """Return the test blocks of the draw in which every class is closest to its share.

    Parameters
    ----------
    rng : Generator
    per_block : ndarray, shape (n_blocks, n_classes)
        Images of each class in each block.
    test_fraction : float
    draws : int

    Returns
    -------
    ndarray of int
        Indices of blocks.
    """
    total = per_block.sum(0)
    present = total > 0
    smallest, best = np.inf, None
    for _ in range(draws):
        order = rng.permutation(len(per_block))
        filled = np.cumsum(per_block[order].sum(1))
        take = max(1, min(len(order) - 1, int(np.argmin(np.abs(filled - test_fraction * total.sum()))) + 1))
        share = per_block[order[:take]].sum(0)[present] / total[present]
        # The shares are compared class by class, so that rare classes count as much as common ones.
        difference = np.abs(share - test_fraction).sum()
        if difference < smallest:
            smallest, best = difference, order[:take]
    return best
