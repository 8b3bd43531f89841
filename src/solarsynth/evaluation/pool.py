"""Real images against real images: which are compared with which, in whole blocks of time.

Images of neighbouring days are nearly the same. A set drawn at random from the real images has its near-duplicates
among the others, and no generator can come as close as that. So held-out blocks are compared with training images, in
every fold of the cross-validation: no encoder, no reference has seen their weeks or their active regions.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solarsynth.dataset.labelled import LabelledSet
from solarsynth.errors import SolarsynthError

#: A set of real images takes at most this share of a fold's held-out images, so that sets of a fold differ.
LARGEST_SHARE = 0.4

#: With fewer blocks in all folds together the floor would be one or two comparisons.
FEWEST_BLOCKS = 4

#: Random subsets over which a value is averaged if a set has more images than the floor's sets.
SUBSETS = 5


@dataclass(frozen=True)
class Draw:
    """One comparison of the floor; indices are those of the fold's labelled set.

    Attributes
    ----------
    fold : int
        Position of the fold among the pool's.
    held : ndarray of int, shape (size,)
        Images of two held-out blocks or more.
    reference : ndarray of int, shape (r,)
        Training images of the fold, the same in all draws of a fold.
    """

    fold: int
    held: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True)
class Comparisons:
    """Which images are compared with which.

    Attributes
    ----------
    size : int
        Images in a set.
    reference : ndarray of int, shape (r,)
        Training images of the own fold, that generated sets and held-out images are compared with.
    held_out : list of ndarray of int
        Sets of held-out images of the own fold.
    floor : list of Draw
        Comparisons of all folds, with sets and references of the same sizes.
    blocks : int
        Held-out blocks from which the draws were made.
    taken : float
        Share of a fold's blocks that a draw takes, mean over the draws. Draws of many of the same blocks resemble each
        other: they differ by a factor √(1 - taken) less than sets of other blocks would.
    """

    size: int
    reference: np.ndarray
    held_out: list[np.ndarray]
    floor: list[Draw]
    blocks: int
    taken: float


class Pool:
    """The real images from which sets and references are taken.

    Parameters
    ----------
    own : LabelledSet
        The fold in which samples are judged.
    folds : sequence of LabelledSet
        All folds of a blocked cross-validation, for the floor; empty if there is none.
    draws : int
        Repetitions of the floor.
    """

    def __init__(self, own: LabelledSet, folds: Sequence[LabelledSet], draws: int) -> None:
        self.own, self.folds, self.draws = own, folds, draws
        self.comparisons = functools.cache(self._comparisons)

    def size_for(self, images: int) -> int:
        """Return the number of images in the floor's sets for a set of `images`."""
        most = [int(LARGEST_SHARE * data.test.sum()) for data in self.folds if data.test.any()]
        return max(1, min([images, *most]))

    def _comparisons(self, images: int) -> Comparisons:
        """Return the comparisons for sets of `images`; every reference has the same number of images."""
        size, rng = self.size_for(images), np.random.default_rng(0)
        usable = [i for i, data in enumerate(self.folds) if len(_blocks(data)) > 2 and data.test.sum() >= size]
        blocks = sum(len(_blocks(self.folds[i])) for i in usable)
        usable = usable if blocks >= FEWEST_BLOCKS else []
        train = np.flatnonzero(self.own.train)
        smallest = min([len(train), *(int(self.folds[i].train.sum()) for i in usable)])
        references = {i: some(np.flatnonzero(self.folds[i].train), smallest, rng) for i in usable}
        floor, taken = [], []
        for k in range(self.draws if usable else 0):
            fold = usable[k % len(usable)]
            held, share = _whole_blocks(self.folds[fold], size, rng)
            taken.append(share)
            floor.append(Draw(fold, some(held, size, rng), references[fold]))
        held_out = subsets(np.flatnonzero(self.own.test), size)
        return Comparisons(size, some(train, smallest, rng), held_out, floor, blocks, float(np.mean(taken or [0])))


def _blocks(data: LabelledSet) -> np.ndarray:
    """Return the numbers of the held-out blocks."""
    return np.unique(data.block[data.test])


def _whole_blocks(data: LabelledSet, size: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return the images of random held-out blocks, at least `size` of two blocks or more, and the share of blocks."""
    test = np.flatnonzero(data.test)
    order = rng.permutation(_blocks(data))
    filled = np.cumsum([np.count_nonzero(data.block[test] == block) for block in order])
    # At least two blocks, so that one stormy month is not taken for the Sun.
    taken = order[: max(2, int(np.searchsorted(filled, size)) + 1)]
    return test[np.isin(data.block[test], taken)], len(taken) / len(order)


def subsets(index: np.ndarray, size: int) -> list[np.ndarray]:
    """Return random subsets of `size` of the indices (n,); all of them if there are no more than that."""
    if len(index) <= size:
        return [index] if len(index) else []
    rng = np.random.default_rng(1)
    return [some(index, size, rng) for _ in range(SUBSETS)]


def some(index: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return `size` of the indices at random, in increasing order."""
    return np.sort(rng.choice(index, size, replace=False))


def need_floor(comparisons: Comparisons) -> None:
    """Raise `SolarsynthError` if there are too few blocks for a floor."""
    if not comparisons.floor:
        raise SolarsynthError(
            f"a floor needs {FEWEST_BLOCKS} blocks of real images or more that are held out in turn, three in a fold; "
            f"got {comparisons.blocks}"
        )
