"""The real images that samples are compared with, and all that is computed from them once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.evaluation.classifiers import CrossValidated, cross_validated
from solarsynth.evaluation.pool import LARGEST_SHARE, Comparisons, Pool

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.dataset.labelled import LabelledSet
    from solarsynth.stages import Lab

#: Draws of blocks that are left out. There are few blocks, so that more draws would repeat themselves.
MOST_DRAWS = 40


class Reference:
    """The real images that samples are compared with.

    Everything is computed when it is first asked for, and kept. Features and floors are also kept in the store.

    Parameters
    ----------
    lab : Lab
        Its labelled set, its networks and its number of draws are used.
    clusters : int
        K of K-means; the paper has one cluster per GOES class.
    seed : int
        Seed of K-means.
    space : str
        Feature space of the cluster metrics and of coverage; the paper uses the ceVAE's.
    """

    def __init__(self, lab: Lab, clusters: int = 5, seed: int = 0, space: str = "cevae") -> None:
        from solarsynth import stages

        if space not in stages.SPACES:
            raise SolarsynthError(f"unknown feature space {shown(space)}{did_you_mean(space, stages.SPACES)}")
        self.lab, self.space, self.clusters, self.seed = lab, space, clusters, seed
        self._predictions: dict[str, np.ndarray] = {}
        self._prepared: dict[tuple, object] = {}

    # --- real images

    @functools.cached_property
    def data(self) -> LabelledSet:
        """The labelled set."""
        from solarsynth import stages

        return stages.labelled_set(self.lab)

    @functools.cached_property
    def pool(self) -> Pool:
        """Which real images are compared with which."""
        from solarsynth import stages

        folds = [stages.labelled_set(there) for there in self.folds]
        return Pool(self.data, folds, min(self.lab.settings.floor_draws, MOST_DRAWS))

    @functools.cached_property
    def folds(self) -> list[Lab]:
        """The labs of a blocked cross-validation, from which the floors come; empty if blocks cannot be held out.

        With a random split, too, the floors are of blocks that were left out.
        """
        from solarsynth import stages

        blocked = self.lab if self.lab.settings.split == "blocked" else self.lab.variant(split="blocked", fold=0)
        try:
            labs = stages.fold_labs(blocked)
            for there in labs:
                stages.labelled_set(there)
        except SolarsynthError:
            return []
        return labs

    def comparisons(self, images: int) -> Comparisons:
        """Return which real images are compared with which, for sets of `images`."""
        return self.pool.comparisons(self.pool.size_for(images))

    # --- features

    def features(self, images: ImageSet, space: str = "") -> np.ndarray:
        """Return the features (n, d) of images, in this reference's space or in another."""
        from solarsynth import stages

        return stages.features(self.lab, space or self.space, images)

    def real_features(self, space: str = "", fold: int | None = None) -> np.ndarray:
        """Return the features (n, d) of all labelled images, in this reference's space or in another.

        With `fold`, a position in `folds`, they are those of that fold's own networks.
        """
        from solarsynth import stages

        there = self.lab if fold is None else self.folds[fold]
        return stages.features(there, space or self.space, stages.all_images(there))

    def prepared(self, name: str, space: str, size: int, prepare: Callable[[np.ndarray], object]) -> object:
        """Return what a metric prepares from the reference for sets of `size`; it is prepared once."""
        key = (name, space, size)
        if key not in self._prepared:
            self._prepared[key] = prepare(self.real_features(space)[self.comparisons(size).reference])
        return self._prepared[key]

    def floor(self, space: str, params: dict, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return a floor from the store, or compute it; `params` names it and all that it depends on."""
        from solarsynth import stages

        params = params | {"draws": self.pool.draws, "folds": len(self.folds), "largest": LARGEST_SHARE}
        return stages.floor(self.lab, space or self.space, params, compute)

    # --- classifiers

    def predictions(self, images: ImageSet) -> np.ndarray:
        """Return the classes (classifiers, n) that the lab's classifiers see in images; asked once per set."""
        if images.key not in self._predictions:
            from solarsynth import stages

            seeds = range(self.lab.settings.classifier_seeds)
            found = [stages.predictions(self.lab, images, seed).argmax(1) for seed in seeds]
            self._predictions[images.key] = np.stack(found)
        return self._predictions[images.key]

    @functools.cached_property
    def held_out_scores(self) -> CrossValidated:
        """What the classifiers see in real images that they have not learnt from: those of all folds."""
        return cross_validated(self.lab)
