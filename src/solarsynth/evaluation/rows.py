"""The rows of Table 1 and of ``solarsynth evaluate``, and how they are measured.

A new metric is one function in ``metrics/`` and one row of `ROWS`. For a function ``distance`` of two sets of features
the row is ``on_features("distance", {"Distance": 0}, lambda real, drawn: [distance(real, drawn)])``.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import physics
from solarsynth.evaluation.comparison import Comparison, Standardised
from solarsynth.evaluation.faults import AUTHENTIC, COPIES, FAULTS, authentic, copies, faults
from solarsynth.evaluation.scores import SCORES, scores
from solarsynth.evaluation.values import Value, judged, over_trainings
from solarsynth.metrics.clusters import Clusters
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.kernel import kernel_distance, kernel_interval, mixed_kernel_distance
from solarsynth.progress import bar

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation.reference import Reference

#: Metrics with their targets. Only a distance in InceptionV3's or CLIP's space may be called FID.
CLUSTERS = {"Cluster error": 0, "Cluster distance": 1, "Cluster std": 1}
FRECHET = {
    "cevae": "Fréchet, ceVAE space",
    "vgg": "Fréchet, VGG16 space",
    "classifier": "Fréchet, classifier space",
    "clip": "FID CLIP",
    "inception": "FID InceptionV3",
}
KERNEL = {
    "cevae": "Kernel distance, ceVAE space",
    "vgg": "Kernel distance, VGG16 space",
    "clip": "Kernel distance, CLIP space",
    "inception": "KID",
}
#: Spaces whose kernel distance is defined for the features as they are: KID.
AS_PUBLISHED = ("inception",)
#: Names with the lowest and the highest value that is possible; in the reference's own space and in VGG16's.
NEIGHBOURS = {"kNN precision": (0, 1), "kNN recall": (0, 1), "Density": (0, math.inf), "Coverage": (0, 1)}
NEIGHBOURS_BY_SPACE = {"": NEIGHBOURS, "vgg": {f"{name}, VGG16 space": limits for name, limits in NEIGHBOURS.items()}}


@dataclass(frozen=True)
class Row:
    """Metrics that are measured together.

    Attributes
    ----------
    targets : mapping of str to float
        Names of the metrics, and the value of a perfect generator for each.
    measure : callable
        Maps a `Reference` and a sequence of `ImageSet` to `Value`, at least one per name. It raises `SolarsynthError`
        with the reason if it cannot.
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
        A metric that cannot be computed has no value, and a note with the reason. The p-values are corrected as
        by `judged`.
    """
    values: list[Value] = []
    with bar(description, len(ROWS), "rows") if description else contextlib.nullcontext() as progress:
        for row in ROWS:
            values += _measured(row, reference, sets, scored)
            if progress is not None:
                progress.update(1)
    return judged(values)


def evaluate_trainings(
    reference: Reference,
    sets: Sequence[Sequence[ImageSet]],
    scored: Sequence[ImageSet | None] | None = None,
    *,
    description: str = "",
) -> list[Value]:
    """Compare the samples of several trainings of one model with real images.

    Parameters
    ----------
    reference : Reference
    sets, scored
        Per training, as for `evaluate`.
    description : str
        Names the progress bars.

    Returns
    -------
    list of Value
        Means over the trainings, with their standard deviation as the error if there are several.
    """
    scored = scored or [None] * len(sets)
    found = [evaluate(reference, *one, description=description) for one in zip(sets, scored, strict=True)]
    return judged(over_trainings(found))


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


def on_features(
    metric: str,
    targets: Mapping[str, float],
    compare: Callable[[Any, np.ndarray], Sequence[float]],
    *,
    prepare: Callable[[Reference, np.ndarray], Any] = lambda reference, real: real,
    faulty: Mapping[str, str] | None = None,
    logarithm: Sequence[str] = (),
    space: str = "",
    each_set: bool = False,
) -> Row:
    """Return the row of a metric that compares two sets of features.

    Parameters
    ----------
    metric : str
        Names the metric in the store; another `compare` needs another name.
    targets : mapping of str to float
        As in `Row`.
    compare : callable
        Maps what `prepare` returned and generated features (m, d) to one number per target.
    prepare : callable
        Maps the `Reference` and real features (n, d) to what `compare` needs of them; by default the features.
    faulty : mapping of str to {"above", "below", "both"}, optional
        Per name the side of the floor on which a set is rejected; by default above.
    logarithm : sequence of str
        Names of metrics whose logarithm is nearly normal, as that of a distance is.
    space : str
        Feature space; by default the reference's.
    each_set : bool
        Whether every set is measured by itself, and the mean over the sets is the value. Otherwise all sets are
        measured together.
    """
    comparison = Comparison(metric, targets, compare, prepare, faulty or {}, logarithm, space, each_set)
    return Row(targets, comparison.values)


_CLUSTERS = Comparison(
    "clusters",
    CLUSTERS,
    lambda clusters, drawn: astuple(clusters.compare(drawn)),
    prepare=lambda reference, real: Clusters(real, reference.clusters, reference.seed),
    faulty={"Cluster distance": "both", "Cluster std": "both"},
    logarithm=["Cluster error"],
    each_set=True,
)


def cluster_floor(reference: Reference, images: int) -> np.ndarray:
    """Return the cluster metrics (draws, 3) of sets of `images` real images of blocks that were left out."""
    return _CLUSTERS.floor(reference, images)


def _frechet(space: str, name: str) -> Row:
    return on_features(
        "frechet",
        {name: 0},
        lambda real, drawn: [frechet_distance(drawn, real)],
        prepare=lambda reference, real: Gaussian.of(real),
        space=space,
        logarithm=[name],
    )


def _kernel(space: str, name: str) -> Row:
    comparison = Comparison(
        "kernel",
        {name: 0},
        lambda standard, drawn: [kernel_distance(standard.real, standard(drawn))],
        prepare=lambda reference, real: Standardised(real, space not in AS_PUBLISHED),
        space=space,
        remark=lambda standard, drawn, unit: _over_blocks(standard(drawn), standard.real, unit),
    )
    return Row(comparison.targets, comparison.values)


def _over_blocks(drawn: np.ndarray, real: np.ndarray, unit: np.ndarray) -> str:
    """Return the kernel distance's interval over blocks, and its value against a perfect mix of weeks, as text."""
    low, high = kernel_interval(drawn, real, unit)
    value, least, most = mixed_kernel_distance(drawn, real, unit)
    mixed = f"without pairs of one block {value:.3g} ({least:.3g} to {most:.3g}), 0 for a perfect mix of weeks"
    return f"95 % over blocks: {low:.3g} to {high:.3g}; {mixed}"


def _neighbours(space: str, names: Mapping[str, tuple[float, float]]) -> Row:
    comparison = Comparison(
        "coverage",
        dict.fromkeys(names, 1),
        lambda real, drawn: astuple(coverage(real, drawn)),
        prepare=lambda reference, real: real,
        faulty=dict.fromkeys(names, "below"),
        space=space,
        limits=names,
    )
    return Row(comparison.targets, comparison.values)


#: The table, from top to bottom.
ROWS = (
    Row(CLUSTERS, _CLUSTERS.values),
    *(_frechet(space, name) for space, name in FRECHET.items()),
    *(_kernel(space, name) for space, name in KERNEL.items()),
    *(_neighbours(space, names) for space, names in NEIGHBOURS_BY_SPACE.items()),
    Row(dict.fromkeys(COPIES, 0), copies),
    Row(AUTHENTIC, authentic),
    Row(FAULTS, faults),
    Row(physics.TARGETS, physics.rows),
    Row(dict.fromkeys(SCORES.values(), 1), lambda reference, sets: scores(reference, sets[0]), scored=True),
)
