"""The rows of Table 1, and how they are measured.

A new metric is one function in ``metrics/`` and one row of `ROWS`. For a function ``distance`` of two
sets of features the row is ``on_features("distance", {"Distance": 0}, lambda real, drawn: [distance(real, drawn)])``.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.scores import SCORES, scores
from solarsynth.evaluation.values import JACKKNIFE, STD_OVER_SETS, Value, jackknife, span
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.skill import sample_std
from solarsynth.progress import bar

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation.reference import Compare, Reference

#: Metrics with their targets. Only a distance in InceptionV3's or CLIP's space may be called FID.
CLUSTERS = {"Cluster error": 0, "Cluster distance": 1, "Cluster std": 1}
FRECHET = {
    "cevae": "Fréchet, ceVAE space",
    "classifier": "Fréchet, classifier space",
    "clip": "FID CLIP",
    "inception": "FID InceptionV3",
}
NEIGHBOURS = {"kNN precision": 1, "kNN recall": 1, "Density": 1, "Coverage": 1}


@dataclass(frozen=True)
class Row:
    """Metrics that are measured together.

    Attributes
    ----------
    targets : mapping of str to float
        Names of the metrics, and the value of a perfect generator for each.
    measure : callable
        Maps a `Reference` and a sequence of `ImageSet` to one `Value` per name, in the same order. It raises
        `SolarsynthError` with the reason if it cannot.
    scored : bool
        Whether it measures the set with equally many images of each class, as the classifiers' scores do, instead of
        the sets in the data's proportions.
    """

    targets: Mapping[str, float]
    measure: Callable[[Reference, Sequence[ImageSet]], list[Value]]
    scored: bool = False


def evaluate(
    reference: Reference, sets: Sequence[ImageSet], scored: ImageSet | None = None, *, description: str = ""
) -> list[Value]:
    """Compare samples with real images: the rows of Table 1, and more.

    Parameters
    ----------
    reference : Reference
    sets : sequence of ImageSet
        Sets in the data's proportions. Cluster metrics are measured per set, distances on all sets together.
    scored : ImageSet, optional
        Images with classes, preferably as many of each class, for the scores of the classifiers.
    description : str
        Names the progress bar; no bar without it.

    Returns
    -------
    list of Value
        A metric that cannot be computed has no value, and a note with the reason.
    """
    values: list[Value] = []
    with bar(description, len(ROWS), "rows") if description else contextlib.nullcontext() as progress:
        for row in ROWS:
            values += _measured(row, reference, sets, scored)
            if progress is not None:
                progress.update(1)
    return values


def _measured(row: Row, reference: Reference, sets: Sequence[ImageSet], scored: ImageSet | None) -> list[Value]:
    """Return a row's values, or notes why they cannot be computed."""
    try:
        if not row.scored:
            return row.measure(reference, sets)
        if scored is None:
            raise SolarsynthError("the samples have no class")
        return row.measure(reference, [scored])
    except SolarsynthError as error:
        return [Value(name, target, note=str(error)) for name, target in row.targets.items()]


def cluster_metrics(reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
    """Measure the cluster metrics of every set; the value is the mean over the sets."""
    size = len(sets[0])
    measured = [astuple(reference.clusters.compare(reference.features(images))) for images in sets]
    low, high, note = span(reference.cluster_floor(size))
    return [
        Value(
            name, target, float(np.mean(column)), sample_std(column), STD_OVER_SETS, low[i], high[i], size, size, note
        )
        for i, ((name, target), column) in enumerate(zip(CLUSTERS.items(), np.transpose(measured), strict=True))
    ]


def frechet(reference: Reference, sets: Sequence[ImageSet], space: str) -> list[Value]:
    """Measure the Fréchet distance of all sets together in a feature space."""
    real = reference.gaussian(space)
    features = [reference.features(images, space) for images in sets]

    def measure(parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([frechet_distance(np.concatenate(parts), real)])

    drawn = Gaussian.of(np.concatenate(features))
    size = min(drawn.count, real.count // 2)
    low, high, few = span(reference.frechet_floor(space, size))
    notes = [few] if few else []
    if size < drawn.count:
        notes.append(f"floor of {size} real images and the other {real.count - size}, higher than for {drawn.count}")
    rank = int(np.linalg.matrix_rank(drawn.root))
    if rank < len(drawn.mean):
        notes.append(f"singular: {drawn.count} images span {rank} of {len(drawn.mean)} dimensions, biased upwards")
    found = frechet_distance(drawn, real)
    error = jackknife(features, measure, np.array([found]))[0]
    return [Value(FRECHET[space], 0, found, error, JACKKNIFE, low, high, drawn.count, size, "; ".join(notes))]


def on_features(metric: str, targets: Mapping[str, float], compare: Compare) -> Row:
    """Return the row of a metric that compares two sets of features.

    It is measured on all sets together, in the reference's space. Its floor compares sets of real images with all
    other real images.

    Parameters
    ----------
    metric : str
        Names the metric in the store; another `compare` needs another name.
    targets : mapping of str to float
        As in `Row`.
    compare : callable
        Maps real features (n, d) and generated features (m, d) to one number per target.
    """

    def measure(reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
        real = reference.training_features()
        features = [reference.features(images) for images in sets]

        def together(parts: Sequence[np.ndarray]) -> np.ndarray:
            return np.array(compare(real, np.concatenate(parts)))

        found, count = together(features), sum(map(len, features))
        size = min(count, len(real) // 2)
        low, high, few = span(reference.feature_floor(metric, compare, size))
        error = jackknife(features, together, found)
        note = f"floor of {size} real images among the other {len(real) - size}" + (f"; {few}" if few else "")
        return [
            Value(name, target, float(found[i]), error[i], JACKKNIFE, low[i], high[i], count, size, note)
            for i, (name, target) in enumerate(targets.items())
        ]

    return Row(targets, measure)


#: The table, from top to bottom.
ROWS = (
    Row(CLUSTERS, cluster_metrics),
    *(Row({name: 0}, functools.partial(frechet, space=space)) for space, name in FRECHET.items()),
    on_features("coverage", NEIGHBOURS, lambda real, drawn: astuple(coverage(real, drawn))),
    Row(dict.fromkeys(SCORES.values(), 1), lambda reference, sets: scores(reference, sets[0]), scored=True),
)
