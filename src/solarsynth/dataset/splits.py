"""Training and test: at random, as the paper presumably split, or by blocks of time that share nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth.dataset.regions import NO_REGION
from solarsynth.errors import SolarsynthError
from solarsynth.times import DAY

#: One in so many blocks of the training part is set aside; encoders and classifiers stop by it.
VALIDATION_EVERY = 4

#: Days between a validation block and what is fitted. Validation chooses a state and is not reported, so half the
#: purge of a test block is enough.
VALIDATION_GAP = 7.0


@dataclass(frozen=True)
class Split:
    """The parts of a fold, each (n,) bool.

    Attributes
    ----------
    test : ndarray
        Held out.
    train : ndarray
        What a generator may learn from: neither held out nor purged.
    validation : ndarray
        Training images of whole blocks, by which encoders and classifiers stop.
    fit : ndarray
        Training images apart from validation images, from which encoders and classifiers learn.
    """

    test: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    fit: np.ndarray


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


def fold_count(test_fraction: float) -> int:
    """Return the number of folds of a cross-validation; 1 if nothing is held out."""
    return max(2, round(1 / test_fraction)) if test_fraction else 1


def split(
    time: np.ndarray,
    region: np.ndarray,
    *,
    method: str,
    test_fraction: float,
    fold: int = 0,
    block_days: float = 27.0,
    fold_blocks: int = 3,
    purge_days: float = 14.0,
    seed: int = 42,
) -> Split:
    """Split images into the parts of one fold.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    region : ndarray of int64, shape (n,)
        Active region of each image's flare; `NO_REGION` if unknown.
    method : {"blocked", "random"}
        ``random`` leaks, since neighbouring frames are nearly the same picture. ``blocked`` holds out runs of
        blocks. It purges the training images that lie within `purge_days` of a held-out block, or that show an
        active region which the held-out part shows too.
    test_fraction : float
        Share of the images that is held out, about. Its inverse is the number of folds; 0 holds out nothing.
    fold : int
        Which fold is held out. Over all folds of ``blocked`` every image is held out once.
    block_days : float
        Length of a block in days.
    fold_blocks : int
        Consecutive blocks that are held out together. Longer runs have fewer edges and so fewer purged images.
    purge_days : float
        A region crosses the disk in about 14 days.
    seed : int
        Seed of ``random``.

    Returns
    -------
    Split

    Raises
    ------
    SolarsynthError
        If there is no such fold, or all images are in one fold.
    """
    folds = fold_count(test_fraction)
    if fold >= folds:
        raise SolarsynthError(f"fold must be from 0 to {folds - 1} with test_fraction {test_fraction:g}, got {fold}")
    block = time_blocks(time, block_days)
    if not test_fraction:
        test, train = np.zeros(len(time), bool), np.ones(len(time), bool)
    elif method == "random":
        order, size = np.random.default_rng(seed).permutation(len(time)), round(test_fraction * len(time))
        test = np.zeros(len(time), bool)
        test[order[fold * size : (fold + 1) * size]] = True
        train = ~test
    else:
        test = fold_of(block, folds, fold_blocks) == fold
        if len(np.unique(fold_of(block, folds, fold_blocks))) < 2:
            raise SolarsynthError(
                f"all images are in the same {fold_blocks} blocks of {block_days:g} days, so that none can be held "
                "out; set test_fraction to 0, choose a smaller block_days, or set split to 'random'"
            )
        train = ~test & ~purged(time, block, region, test, block_days, purge_days)
    validation = _validation(block, train) if method == "blocked" else _random_validation(train, seed)
    gap = purged(time, block, np.full(len(time), NO_REGION), validation, block_days, VALIDATION_GAP)
    fit = train & ~validation & (~gap if method == "blocked" else True)
    return Split(test=test, train=train, validation=validation, fit=fit)


def fold_of(block: np.ndarray, folds: int, fold_blocks: int) -> np.ndarray:
    """Return the fold (n,) that holds each block (n,) out: runs of `fold_blocks` blocks in turn."""
    return block // fold_blocks % folds


def purged(
    time: np.ndarray,
    block: np.ndarray,
    region: np.ndarray,
    test: np.ndarray,
    block_days: float,
    purge_days: float,
) -> np.ndarray:
    """Return the images (n,) bool that are too close to the test images to be trained on.

    Parameters
    ----------
    time, block, region : ndarray of int64, shape (n,)
    test : ndarray of bool, shape (n,)
        Held out, in whole blocks.
    block_days, purge_days : float
    """
    near = near_blocks(time, block[test], block_days, purge_days)
    shared = np.isin(region, np.unique(region[test])) & (region != NO_REGION)
    return ~test & (near | shared)


def near_blocks(time: np.ndarray, blocks: np.ndarray, block_days: float, days: float) -> np.ndarray:
    """Return which times (n,) bool lie in one of some blocks or within `days` of it.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    blocks : ndarray of int64, shape (k,)
        As from `time_blocks`, in any order.
    block_days, days : float
    """
    starts = np.unique(blocks) * int(block_days * DAY)
    if not len(starts):
        return np.zeros(len(time), bool)
    gap = int(days * DAY)
    # The last of the blocks that begins before a time's gap would end.
    last = np.searchsorted(starts, time + gap, side="right") - 1
    return (last >= 0) & (time < starts[np.maximum(last, 0)] + int(block_days * DAY) + gap)


def twins(
    time: np.ndarray, block: np.ndarray, train: np.ndarray, count: int, purge_days: float
) -> tuple[np.ndarray, np.ndarray]:
    """Split training images into two disjoint parts of whole blocks, far apart.

    Parameters
    ----------
    time, block : ndarray of int64, shape (n,)
    train : ndarray of bool, shape (n,)
    count : int
        Blocks of each part: the first and the last of the training blocks.
    purge_days : float
        Least days between the parts, where their blocks are adjacent; images closer than half of it to the other part
        are left out of theirs.

    Returns
    -------
    tuple of ndarray of bool, shape (n,)

    Raises
    ------
    SolarsynthError
        If there are fewer than twice as many blocks, or no image is left in a part.
    """
    blocks = np.unique(block[train])
    if count < 1 or len(blocks) < 2 * count:
        raise SolarsynthError(
            f"two disjoint parts of {count} blocks need {2 * count} training blocks, got {len(blocks)}"
        )
    first, second = (train & np.isin(block, part) for part in (blocks[:count], blocks[-count:]))
    gap = int(purge_days * DAY) // 2
    if first.any() and second.any():
        middle = (time[first].max() + time[second].min()) // 2
        first, second = first & (time <= middle - gap), second & (time >= middle + gap)
    if not (first.any() and second.any()):
        raise SolarsynthError("two disjoint parts of the training images need a gap between them; none is left")
    return first, second


def _validation(block: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the images of every fourth block of the training part; none of a single block."""
    blocks = np.unique(block[train])
    chosen = blocks[min(1, len(blocks) - 1) :: VALIDATION_EVERY] if len(blocks) > 1 else blocks[:0]
    return train & np.isin(block, chosen)


def _random_validation(train: np.ndarray, seed: int) -> np.ndarray:
    """Return one in four training images, drawn at random: near-duplicates of the others, as all of ``random``."""
    members = np.flatnonzero(train)
    chosen = np.random.default_rng(seed + 1).permutation(members)[: len(members) // VALIDATION_EVERY]
    validation = np.zeros(len(train), bool)
    validation[chosen] = True
    return validation
