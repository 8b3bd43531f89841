"""A few numbers for one set of samples, to compare ways of training: how near, how sharp, how much copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solarsynth import stages
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.copies import copy_share, nearest_images
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.kernel import mixed_kernel_distance
from solarsynth.metrics.physics.spectrum import high_frequency_ratio
from solarsynth.stages import Lab

COMPONENTS = 64

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

    def embed(self, image: np.ndarray) -> np.ndarray:
        """Return the components (n, 64) float64 of images (n, H, W) uint8."""
        return self._pca.transform(_rows(image))

    def real(self, count: int, seed: int = 0) -> float:
        """Return the Fréchet distance of `count` labelled training images to all frames of the training blocks."""
        order = np.random.default_rng(seed).permutation(len(self.labelled))[:count]
        return frechet_distance(self.embed(self.labelled[order]), self._of_train)

    @property
    def between(self) -> float:
        """Fréchet distance of the frames of the training blocks to those of the held-out blocks."""
        return frechet_distance(self._of_train, self._of_held_out)

    def judge(self, image: np.ndarray) -> Quality:
        """Measure samples (n, H, W) uint8."""
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
        )


def _rows(image: np.ndarray) -> np.ndarray:
    return image.reshape(len(image), -1) / 255.0


def _blocks(days: float, *times: np.ndarray) -> np.ndarray:
    from solarsynth.dataset.splits import time_blocks

    return time_blocks(np.concatenate(times), days)
