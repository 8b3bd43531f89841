"""The real images that samples are compared with, and all that is computed from them once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError, did_you_mean
from solarsynth.evaluation.scores import ratio_draws
from solarsynth.evaluation.values import FEWEST_FOR_PERCENTILES
from solarsynth.flares import CLASSES
from solarsynth.metrics.clusters import Clusters, cross_fit, noise_floor
from solarsynth.metrics.frechet import Gaussian, frechet_floor
from solarsynth.metrics.skill import ClassScores, at_mix, class_scores, confusion

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.stages import Lab

# Matrix decompositions in wide spaces and distances within large sets take long: these floors have fewer draws.
FRECHET_DRAWS, FEATURE_DRAWS = 20, 20
FEW_DRAWS, WIDE, LARGE = 3, 512, 5000
#: Number of times that K-means is fitted for the floor of the cluster metrics.
CLUSTER_SPLITS = 4


#: A metric of two sets of features, real ones (n, d) and generated ones (m, d): one or more numbers.
Compare = Callable[[np.ndarray, np.ndarray], Sequence[float]]


class Reference:
    """The real images that samples are compared with.

    Everything is computed when it is first asked for, and kept. Features and floors are also kept in the store.

    Parameters
    ----------
    lab : Lab
        Its training images, its networks and its number of draws are used.
    clusters : int
        K of K-means; the paper has one cluster per GOES class.
    seed : int
        Seed of K-means.
    space : {"cevae", "classifier", "clip", "inception"}
        Feature space of the cluster metrics and of coverage; the paper uses the ceVAE's.
    """

    def __init__(self, lab: Lab, clusters: int = 5, seed: int = 0, space: str = "cevae") -> None:
        from solarsynth import stages

        if space not in stages.SPACES:
            raise SolarsynthError(f"unknown feature space {space!r}{did_you_mean(space, stages.SPACES)}")
        self.lab, self.space = lab, space
        self._k, self._seed = clusters, seed
        self._gaussians: dict[str, Gaussian] = {}
        self._predictions: dict[str, np.ndarray] = {}
        self._score_floors: dict[tuple[int, ...], np.ndarray] = {}

    # --- features

    def features(self, images: ImageSet, space: str = "") -> np.ndarray:
        """Return the features (n, d) of images, in this reference's space or in another."""
        from solarsynth import stages

        return stages.features(self.lab, space or self.space, images)

    def training_features(self, space: str = "") -> np.ndarray:
        """Return the features (n, d) of the training images, in this reference's space or in another."""
        from solarsynth import stages

        return stages.training_features(self.lab, space or self.space)

    @functools.cached_property
    def clusters(self) -> Clusters:
        """K-means on the training images."""
        return Clusters(self.training_features(), self._k, self._seed)

    def gaussian(self, space: str) -> Gaussian:
        """Return mean and covariance of the training images in a space."""
        if space not in self._gaussians:
            self._gaussians[space] = Gaussian.of(self.training_features(space))
        return self._gaussians[space]

    # --- floors: the metrics of sets of real images

    @functools.cached_property
    def _cross_fitted(self) -> list[tuple[Clusters, np.ndarray]]:
        return cross_fit(self.training_features(), CLUSTER_SPLITS, k=self._k, seed=self._seed)

    def cluster_floor(self, size: int) -> np.ndarray:
        """Return cluster metrics (draws, 3) of real sets: images from a quarter of them, clusters from the others."""
        draws = self.lab.settings.floor_draws
        params = {"metric": "clusters", "size": size, "draws": draws, "k": self._k, "seed": self._seed}
        params["splits"] = CLUSTER_SPLITS
        return self.floor(self.space, params, lambda: noise_floor(self._cross_fitted, draws, size))

    def frechet_floor(self, space: str, size: int) -> np.ndarray:
        """Return Fréchet distances (draws,) between sets of real images and all other real images."""
        features = self.training_features(space)
        draws = self._fewer_draws(FRECHET_DRAWS if features.shape[1] <= WIDE else FEW_DRAWS)
        params = {"metric": "frechet", "size": size, "draws": draws}
        return self.floor(space, params, lambda: frechet_floor(features, size, draws))

    def feature_floor(self, metric: str, compare: Compare, size: int) -> np.ndarray:
        """Return a metric of two sets of features (draws, k), of sets of real images compared with all others.

        Parameters
        ----------
        metric : str
            Names the metric in the store.
        compare : callable
            Maps the features of a large and of a small set to k numbers.
        size : int
            Images in a set.
        """
        features = self.training_features()
        draws = self._fewer_draws(FEATURE_DRAWS if len(features) <= LARGE else FEW_DRAWS)

        def draw() -> np.ndarray:
            rng, found = np.random.default_rng(0), []
            for _ in range(draws):
                order = rng.permutation(len(features))
                found.append(compare(features[order[size:]], features[order[:size]]))
            return np.array(found)

        return self.floor(self.space, {"metric": metric, "size": size, "draws": draws}, draw)

    def score_floor(self, mix: np.ndarray) -> np.ndarray:
        """Return ratios (draws, 3) of F1, precision and recall of real sets; `mix` (n_classes,) is images per class."""
        key = tuple(mix.tolist())
        if key not in self._score_floors:
            draws = max(FEWEST_FOR_PERCENTILES, self.lab.settings.floor_draws)
            y_pred = self.predictions(self.held_out)
            self._score_floors[key] = ratio_draws(self.held_out.label, y_pred, mix, draws)
        return self._score_floors[key]

    def _fewer_draws(self, most: int) -> int:
        return min(most, self.lab.settings.floor_draws)

    def floor(self, space: str, params: dict, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return a floor from the store, or compute it; `params` names it and all that it depends on."""
        from solarsynth import stages

        return stages.floor(self.lab, space, params, compute)

    # --- classifiers

    @functools.cached_property
    def held_out(self) -> ImageSet:
        """The held-out real images with their classes."""
        from solarsynth import stages

        images = stages.held_out_images(self.lab)
        if not len(images):
            raise SolarsynthError("scores need held-out real images, got none; set test_fraction above 0")
        return images

    def predict(self, images: ImageSet) -> np.ndarray:
        """Return the classes (classifiers, n) that the lab's classifiers see in images."""
        from solarsynth import stages

        seeds = range(self.lab.settings.classifier_seeds)
        return np.stack([stages.predictions(self.lab, images, seed).argmax(1) for seed in seeds])

    def predictions(self, images: ImageSet) -> np.ndarray:
        """Return what `predict` returns; it is called once per set of images."""
        if images.key not in self._predictions:
            self._predictions[images.key] = self.predict(images)
        return self._predictions[images.key]

    def confusions(self, images: ImageSet) -> np.ndarray:
        """Return confusion matrices (classifiers, n_classes, n_classes) of labelled images, one per classifier."""
        return np.stack([confusion(images.label, y_pred, len(CLASSES)) for y_pred in self.predictions(images)])

    def real_scores(self, mix: np.ndarray) -> ClassScores:
        """Return the scores (classifiers, n_classes) of held-out real images as if `mix` were their classes' counts."""
        return class_scores(at_mix(self.confusions(self.held_out), mix))
