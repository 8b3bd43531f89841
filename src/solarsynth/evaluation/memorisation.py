"""Is it new? Distances to the training images per class, and two models on disjoint weeks from the same noise.

A model that copies draws images that lie nearer to its training set than other real images do. A model that has learnt
the Sun draws the same image from the same noise, whatever weeks it was trained on (Kadkhodaie et al. 2024,
doi:10.48550/arXiv.2310.02557).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solarsynth import stages
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.quality import SHARP
from solarsynth.flares import CLASSES
from solarsynth.metrics.copies import TAIL, authenticity, copy_share, nearest_pairs
from solarsynth.metrics.intervals import Interval, unit_interval
from solarsynth.metrics.physics.spectrum import high_frequency_ratio
from solarsynth.stages import Lab
from solarsynth.stages.examples import TWINS, twin_parts


@dataclass(frozen=True)
class Nearest:
    """Images and their nearest training images.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,)
    distance : ndarray of float, shape (n,)
        Root mean square difference in grey levels, at the best shift, mirror and brightness.
    index : ndarray of int, shape (n,)
        Which training image.
    authentic : ndarray of bool, shape (n,)
        As `solarsynth.metrics.copies.authenticity`.
    unit : ndarray of int, shape (n,)
        What is independent: the unit of a real image; every generated image has its own.
    """

    image: np.ndarray
    label: np.ndarray
    distance: np.ndarray
    index: np.ndarray
    authentic: np.ndarray
    unit: np.ndarray


class Memorisation:
    """The distances of held-out and generated images to the training images of a lab.

    Parameters
    ----------
    lab : Lab

    Attributes
    ----------
    train : ndarray of uint8, shape (n, H, W)
    own : ndarray of float, shape (n,)
        Distance of each training image to the nearest one of another unit (block of time or active region).
    held_out : Nearest
    """

    def __init__(self, lab: Lab) -> None:
        data = stages.labelled_set(lab)
        if not data.test.any():
            raise SolarsynthError("memorisation needs held-out images to compare with; set test_fraction above 0")
        self.train, self.label = data.image[data.train], data.label[data.train]
        unit = data.group[data.train]
        self.own, _ = nearest_pairs(self.train, self.train, unit, unit)
        self.held_out = self.of(data.image[data.test], data.label[data.test], data.group[data.test])

    def of(self, image: np.ndarray, label: np.ndarray, unit: np.ndarray | None = None) -> Nearest:
        """Compare images (n, H, W) uint8 of classes (n,) with the training images."""
        distance, index = nearest_pairs(image, self.train)
        unit = np.arange(len(image)) if unit is None else unit
        return Nearest(image, label, distance, index, authenticity(distance, index, self.own), unit)

    def rows(self, drawn: Nearest) -> list[dict]:
        """Return a row per class, and one for all: how near, how many suspicious, how many authentic.

        Returns
        -------
        list of dict
            ``class``; ``trained on`` and ``drawn``, numbers of images; ``nearest`` and ``nearest, held out``, median
            distances in grey levels; ``below``, the share of drawn images below the 1st percentile of held-out ones;
            ``p``, see `solarsynth.metrics.copies.Copies`; ``authentic`` and ``authentic, held out``, intervals.
        """
        rows = []
        for name in ("all", *CLASSES):
            mine = np.ones(len(drawn.label), bool) if name == "all" else drawn.label == CLASSES.index(name)
            theirs = np.ones(len(self.held_out.label), bool)
            if name != "all":
                theirs = self.held_out.label == CLASSES.index(name)
            if not mine.any():
                continue
            found = copy_share(drawn.distance[mine], self.held_out.distance, self.held_out.unit)
            rows.append(
                {
                    "class": name,
                    "trained on": len(self.label) if name == "all" else int((self.label == CLASSES.index(name)).sum()),
                    "drawn": int(mine.sum()),
                    "nearest": float(np.median(drawn.distance[mine])),
                    "nearest, held out": float(np.median(self.held_out.distance[theirs])) if theirs.any() else np.nan,
                    "below": found.share,
                    "p": found.p,
                    "authentic": _share(drawn.authentic[mine], drawn.unit[mine]),
                    "authentic, held out": _share(self.held_out.authentic[theirs], self.held_out.unit[theirs]),
                }
            )
        return rows

    @property
    def threshold(self) -> float:
        """The 1st percentile of the held-out images' distances."""
        return float(np.quantile(self.held_out.distance, TAIL))


def _share(values: np.ndarray, unit: np.ndarray) -> Interval:
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, 1)
    return unit_interval(lambda index: float(values[index].mean()), unit)


@dataclass(frozen=True)
class Twins:
    """Two models that were trained on disjoint weeks, and what they draw from the same noise.

    Attributes
    ----------
    blocks : int
        Blocks of time that each was trained on.
    regions : tuple of int
        Active regions in the training images of each.
    images : tuple of int
        Training images of each.
    drawn : tuple of ndarray of uint8, shape (n, H, W)
        From the same noise and classes.
    alike : ndarray of float, shape (n,)
        Similarity of the two images from the same noise.
    strangers : ndarray of float, shape (n,)
        Similarity of images from different noise and different models: what the Sun has in common with itself.
    copied : ndarray of float, shape (2 n,)
        Similarity of each image and the most similar training image of its own model.
    foreign : ndarray of float, shape (2 n,)
        Similarity of each image and the most similar training image of the other model.
    power : float
        Power of the drawn images at 20 to 32 cycles per image, relative to 2 to 8, and to that of real images.
    """

    blocks: int
    regions: tuple[int, int]
    images: tuple[int, int]
    drawn: tuple[np.ndarray, np.ndarray]
    alike: np.ndarray
    strangers: np.ndarray
    copied: np.ndarray
    foreign: np.ndarray
    power: float

    @property
    def alike_more(self) -> bool:
        """Whether most images resemble their twin more than any training image of their own model."""
        n = len(self.alike)
        return bool(np.median(self.alike) > np.median(np.maximum(self.copied[:n], self.copied[n:])))

    @property
    def generalises(self) -> bool:
        """Whether they do, and are as sharp as real ones: models that have learnt little agree, too."""
        return self.alike_more and abs(self.power - 1) <= SHARP


def similarity(a: np.ndarray, b: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the cosine of images (n, H, W) and (m, H, W), (n, m), after the mean image (H, W) is taken away."""
    rows = [(x.astype(np.float64) - mean).reshape(len(x), -1) for x in (a, b)]
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in rows)
    return a @ b.T


def twin_counts(data: LabelledSet, parts: Sequence[np.ndarray], count: int) -> dict[str, int]:
    """Return how many of `count` images twins draw of each class that both have seen, alike.

    Parameters
    ----------
    data : LabelledSet
    parts : sequence of ndarray of bool, shape (n,)
        The training images of each twin.
    count : int

    Raises
    ------
    SolarsynthError
        If there is no class that both have seen.
    """
    seen = [i for i in range(len(CLASSES)) if all((data.label[part] == i).any() for part in parts)]
    if not seen:
        raise SolarsynthError("the two models have seen no class in common; take more blocks")
    each, more = divmod(count, len(seen))
    return {CLASSES[i]: each + (k < more) for k, i in enumerate(seen)}


def compare_twins(lab: Lab, blocks: int, count: int, sampling: Sampling, seed: int = 0) -> Twins:
    """Train two models on disjoint weeks, if the store lacks them, and compare what they draw from the same noise.

    Parameters
    ----------
    lab : Lab
    blocks : int
        Blocks of time for each.
    count : int
        Images drawn by each, in the classes that both have seen, alike.
    sampling : Sampling
    seed : int

    Raises
    ------
    SolarsynthError
        If there are too few blocks, or no class that both have seen.
    """
    data = stages.labelled_set(lab)
    parts = twin_parts(data, str(blocks), lab.settings.purge_days)
    counts = twin_counts(data, parts, count)
    drawn = [
        stages.sample_set(lab, counts, seed=seed, sampling=sampling, on=on, mode=str(blocks)).image for on in TWINS
    ]
    mean = data.image[data.train].mean(0, dtype=np.float64)
    between = similarity(*drawn, mean)
    real = [data.image[part] for part in parts]
    own, other = (
        [similarity(drawn[i], real[j], mean).max(1) for i, j in pairs] for pairs in (((0, 0), (1, 1)), ((0, 1), (1, 0)))
    )
    # Neighbours in the order of drawing have the same class, but other noise.
    return Twins(
        blocks,
        tuple(_regions(data, part) for part in parts),
        tuple(int(part.sum()) for part in parts),
        tuple(drawn),
        np.diag(between),
        np.diag(np.roll(between, 1, axis=1)),
        np.concatenate(own),
        np.concatenate(other),
        high_frequency_ratio(np.concatenate(drawn)) / high_frequency_ratio(data.image[data.train]),
    )


def _regions(data: LabelledSet, part: np.ndarray) -> int:
    return len(np.unique(data.region[part & (data.region >= 0)]))
