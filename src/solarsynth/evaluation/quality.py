"""A few numbers for one set of samples, to compare choices: how near, sharp, varied, obedient, and how much copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import stages
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.control import FEWEST_IMAGES, FEWEST_UNITS
from solarsynth.evaluation.controls import brightness_quantiles
from solarsynth.metrics.copies import copy_share, nearest_images
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.kernel import mixed_kernel_distance
from solarsynth.metrics.physics.spectrum import high_frequency_ratio
from solarsynth.metrics.readings import best_penalty, components, cross_skill, fitted, spearman
from solarsynth.stages import Lab

if TYPE_CHECKING:
    from solarsynth.dataset.labelled import LabelledSet

COMPONENTS, NEIGHBOURS = 64, 5

#: Largest deviation of `Quality.power` from 1 at which images count as sharp as real ones.
SHARP = 0.2


@dataclass(frozen=True)
class Quality:
    """What a set of samples scores.

    Attributes
    ----------
    train : float
        Fréchet distance to all frames of the training blocks, with a flare or without, in the first 64 principal
        components of all frames (pixels from 0 to 1). It depends on the number of samples.
    held_out : float
        The same to all frames of the held-out blocks.
    kernel, kernel_low, kernel_high : float
        Kernel distance to the frames of the training blocks in the same components, without pairs of one block, and its
        95 % interval over blocks.
    power : float
        Power at 20 to 32 cycles per image relative to that at 2 to 8, divided by the same of the labelled training
        images; 1 is as sharp as they are.
    copies : float
        Share of the samples nearer to a training frame than 99 % of the held-out frames are; about 0.01 for a perfect
        generator.
    copies_p : float
        As `solarsynth.metrics.copies.Copies.p`; small if the samples are nearer than honest images can be.
    brightness : float
        Mean grey level minus that of the labelled training images, in standard deviations of their means.
    coverage : float
        Share of the labelled training images with a sample among their nearest neighbours, in the same components; see
        `solarsynth.metrics.coverage`. It grows with the number of samples; a copy of those images has 1.
    obeys : float
        Rank correlation of the classes asked for with what a regressor reads in the brightness, which learnt the flux
        from held-out images. NaN without classes, or if too few images are held out.
    """

    train: float
    held_out: float
    kernel: float
    kernel_low: float
    kernel_high: float
    power: float
    copies: float
    copies_p: float
    brightness: float
    coverage: float
    obeys: float


class QualityReference:
    """The real frames of a lab, labelled or not, which samples are compared with.

    Parameters
    ----------
    lab : Lab

    Attributes
    ----------
    labelled : ndarray of uint8, shape (n, H, W)
        Training images with a label.
    label : ndarray of int, shape (n,)
    train, held_out : ndarray of uint8, shapes (m, H, W) and (k, H, W)
        All frames of the training and of the held-out blocks.
    components : ndarray of float64, shape (64, H W)
        The first principal components of all frames.
    skill : float
        Rank correlation of the regressor's readings with the flux of held-out images that it has not learnt from. Near
        0 it judges nothing.
    """

    def __init__(self, lab: Lab) -> None:
        data, frames = stages.labelled_set(lab), stages.unlabelled_set(lab)
        if not data.test.any():
            raise SolarsynthError("quality needs held-out frames to compare with; set test_fraction above 0")
        self.labelled, self.label = data.image[data.train], data.label[data.train]
        self.train = np.concatenate([self.labelled, frames.image[frames.train]])
        self.held_out = np.concatenate([data.image[data.test], frames.image[frames.test]])
        every = np.concatenate([data.image, frames.image])
        from sklearn.decomposition import PCA

        count = min(COMPONENTS, len(every) - 1, every[0].size)
        self._pca = PCA(count, svd_solver="covariance_eigh").fit(_rows(every))
        self.components = self._pca.components_
        self._of_train, self._of_held_out = Gaussian.of(self.embed(self.train)), Gaussian.of(self.embed(self.held_out))
        days = lab.settings.block_days
        self._block = _blocks(days, data.frame_time[data.train], frames.time[frames.train])
        self._held_block = _blocks(days, data.frame_time[data.test], frames.time[frames.test])
        self._held_distance: np.ndarray | None = None
        self._read, self.skill = _reader(data)

    def embed(self, image: np.ndarray) -> np.ndarray:
        """Return the components (n, 64) float64 of images (n, H, W) uint8."""
        return self._pca.transform(_rows(image))

    def real(self, count: int, seed: int = 0) -> float:
        """Return the Fréchet distance of `count` labelled training images to all frames of the training blocks."""
        order = np.random.default_rng(seed).permutation(len(self.labelled))[:count]
        return frechet_distance(self.embed(self.labelled[order]), self._of_train)

    def covered(self, count: int, seed: int = 0) -> float:
        """Return the coverage of the labelled training images by `count` held-out frames: what honest images reach."""
        order = np.random.default_rng(seed).permutation(len(self.held_out))[:count]
        found = self.embed(self.held_out[order])
        return coverage(self.embed(self.labelled), found, min(NEIGHBOURS, len(found) - 1)).coverage

    @property
    def between(self) -> float:
        """Fréchet distance of the frames of the training blocks to those of the held-out blocks."""
        return frechet_distance(self._of_train, self._of_held_out)

    def judge(self, image: np.ndarray, label: np.ndarray | None = None) -> Quality:
        """Measure samples (n, H, W) uint8, with the classes (n,) that were asked for."""
        found = self.embed(image)
        kernel, low, high = mixed_kernel_distance(found, self.embed(self.train), self._block)
        if self._held_distance is None:
            self._held_distance = nearest_images(self.held_out, self.train)
        copied = copy_share(nearest_images(image, self.train), self._held_distance, self._held_block)
        level = self.labelled.mean((1, 2))
        return Quality(
            train=frechet_distance(found, self._of_train),
            held_out=frechet_distance(found, self._of_held_out),
            kernel=kernel,
            kernel_low=low,
            kernel_high=high,
            power=high_frequency_ratio(image) / high_frequency_ratio(self.labelled),
            copies=copied.share,
            copies_p=copied.p,
            brightness=float((image.mean() - level.mean()) / level.std()),
            coverage=coverage(self.embed(self.labelled), found, min(NEIGHBOURS, len(image) - 1)).coverage,
            obeys=float("nan") if label is None or not self._read else spearman(self._read(image), label),
        )


def _reader(data: LabelledSet) -> tuple[Callable[[np.ndarray], np.ndarray] | None, float]:
    """Return what reads the flux from the brightness of images, learnt from held-out ones, and its skill."""
    unit = data.group[data.test]
    if len(unit) < FEWEST_IMAGES or len(np.unique(unit)) < FEWEST_UNITS:
        return None, float("nan")
    found = brightness_quantiles(data.image[data.test])
    prepare, truth = components(found), np.log10(data.flux[data.test]) if data.has_flux else data.label[data.test]
    penalty = best_penalty(prepare(found), truth, unit)
    read = fitted(prepare(found), truth, penalty)
    return lambda image: read(prepare(brightness_quantiles(image))), cross_skill(prepare(found), truth, unit, penalty)


def _rows(image: np.ndarray) -> np.ndarray:
    return image.reshape(len(image), -1) / 255.0


def _blocks(days: float, *times: np.ndarray) -> np.ndarray:
    from solarsynth.dataset.splits import time_blocks

    return time_blocks(np.concatenate(times), days)
