"""How a metric of two sets of features is measured: samples, held-out images and the floor, at equal sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.pool import need_floor, subsets
from solarsynth.evaluation.values import (
    JACKKNIFE,
    JACKKNIFE_PARTS,
    STD_OVER_SETS,
    Value,
    bounds,
    jackknife,
    tail,
    widened,
)
from solarsynth.metrics.skill import sample_std

if TYPE_CHECKING:
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation.reference import Reference

#: Parts of a single set that are left out in turn for its error, and the fewest images for that.
PARTS, FEWEST_FOR_PARTS = 10, 40

#: A smaller set has no distribution that could be compared.
FEWEST_IMAGES = 5


@dataclass(frozen=True)
class Comparison:
    """How one metric of two sets of features is measured; see `solarsynth.evaluation.rows.on_features`.

    Attributes
    ----------
    metric, targets, compare, prepare, faulty, logarithm, space, each_set
        As for `on_features`.
    remark : callable, optional
        Maps what `prepare` returned, generated features (m, d) and the units (n,) of the real ones to a text for the
        note.
    limits : mapping of str to tuple of float
        The lowest and highest value that a metric can have.
    root : bool
        Whether the square root is nearly normal instead, as that of a distance in one dimension is.
    """

    metric: str
    targets: Mapping[str, float]
    compare: Callable[[Any, np.ndarray], Sequence[float]]
    prepare: Callable[[Reference, np.ndarray], Any]
    faulty: Mapping[str, str] = field(default_factory=dict)
    logarithm: Sequence[str] = ()
    space: str = ""
    each_set: bool = False
    remark: Callable[[Any, np.ndarray, np.ndarray], str] | None = None
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    root: bool = False

    def values(self, reference: Reference, sets: Sequence[ImageSet]) -> list[Value]:
        """Measure sets of images, held-out images and the floor."""
        fewest = min(map(len, sets))
        if fewest < FEWEST_IMAGES:
            raise SolarsynthError(f"a comparison of sets needs at least {FEWEST_IMAGES} images in each, got {fewest}")
        features = [reference.features(images, self.space) for images in sets]
        count = len(features[0]) if self.each_set else sum(map(len, features))
        comparisons = reference.comparisons(count)
        real = reference.real_features(self.space)
        state = reference.prepared(self.metric, self.space, count, functools.partial(self.prepare, reference))
        size, notes = comparisons.size, []
        try:
            found, error, kind = self._found(state, features, size)
        except SolarsynthError as problem:
            if size == count:
                raise
            # Held-out images are too few for a floor. That is no fault of the samples, which are measured all the same.
            notes.append(f"no floor: there are sets of {size} held-out images only ({problem})")
            size = count
            found, error, kind = self._found(state, features, size)
        held_out = self._held_out(state, [real[index] for index in comparisons.held_out], len(found))
        floor = np.full((1, len(found)), np.nan)
        if not notes:
            try:
                floor = self.floor(reference, count)
            except SolarsynthError as problem:
                notes.append(str(problem))
        low, high = bounds(floor)
        if self.remark:
            notes.append(self._remark(reference, state, features, comparisons))
        if size != count:
            notes.append(f"subsets of {size} images, as many as the floor's")
        note = "; ".join(part for part in notes if part)
        return [
            self._value(
                name,
                low=float(low[i]),
                high=float(high[i]),
                draws=floor[:, i],
                blocks=comparisons.blocks,
                target=target,
                value=float(found[i]),
                error=float(error[i]),
                error_kind=kind,
                held_out=float(held_out[i]),
                images=count,
                floor_images=comparisons.size if size == comparisons.size else 0,
                reference_images=len(comparisons.reference),
                note=note,
            )
            for i, (name, target) in enumerate(self.targets.items())
        ]

    def _held_out(self, state: Any, sets: Sequence[np.ndarray], count: int) -> np.ndarray:
        """Return the mean values (count,) of sets of held-out images; NaN if there is none, or they are too small."""
        try:
            return np.mean([self.compare(state, one) for one in sets], axis=0) if sets else np.full(count, np.nan)
        except SolarsynthError:
            return np.full(count, np.nan)

    def _remark(self, reference: Reference, state: Any, features: Sequence[np.ndarray], comparisons: Any) -> str:
        drawn = np.concatenate(features)
        some = subsets(np.arange(len(drawn)), comparisons.size)[0]
        try:
            return self.remark(state, drawn[some], reference.data.group[comparisons.reference])
        except SolarsynthError:
            return ""  # too few blocks

    def _value(self, name: str, *, low: float, high: float, draws: np.ndarray, blocks: int, **about: Any) -> Value:
        """Return one metric, with its p-value where the floor leaves room on the faulty side."""
        lowest, highest = self.limits.get(name, (-np.inf, np.inf))
        side = self.faulty.get(name, "above")
        scale = np.sqrt if self.root else np.asarray
        p = tail(float(scale(about["value"])), scale(draws), blocks, side, name in self.logarithm)
        if side == "below" and low <= lowest:
            # Real sets reach the worst value that there is.
            p, about["note"] = np.nan, "; ".join(part for part in ("cannot reject here", about["note"]) if part)
        return Value(name, low=max(low, lowest), high=min(high, highest), p=p, **about)

    def _found(self, state: Any, features: Sequence[np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray, str]:
        """Return the values (k,) at the floor's size of set, their errors, and what these span."""

        def at_size(drawn: np.ndarray) -> np.ndarray:
            return np.mean([self.compare(state, drawn[i]) for i in subsets(np.arange(len(drawn)), size)], axis=0)

        def together(parts: Sequence[np.ndarray]) -> np.ndarray:
            return np.asarray(self.compare(state, np.concatenate(parts)), float)

        if self.each_set and len(features) > 1:
            each = np.array([at_size(one) for one in features])
            return each.mean(0), np.array([sample_std(column) for column in each.T]), STD_OVER_SETS
        found = at_size(np.concatenate(features))
        # The error is that of one set of the floor's size, as the value is.
        if len(features) > 1:
            parts = [one[: max(1, size // len(features))] for one in features]
            return found, jackknife(parts, together, found), JACKKNIFE
        if size < FEWEST_FOR_PARTS:
            return found, np.full(len(found), np.nan), ""
        order = np.random.default_rng(0).permutation(len(features[0]))[:size]
        parts = [features[0][part] for part in np.array_split(order, PARTS)]
        return found, jackknife(parts, together, found), JACKKNIFE_PARTS

    def floor(self, reference: Reference, images: int) -> np.ndarray:
        """Return the metric (draws, k) of sets of real images of blocks that were left out.

        Raises
        ------
        SolarsynthError
            If there are too few blocks to leave some out.
        """
        comparisons = reference.comparisons(images)
        need_floor(comparisons)

        logarithm = np.array([name in self.logarithm for name in self.targets])

        def compute() -> np.ndarray:
            real, state, found = {}, {}, []
            for draw in comparisons.floor:
                if draw.fold not in real:
                    real[draw.fold] = reference.real_features(self.space, draw.fold)
                    state[draw.fold] = self.prepare(reference, real[draw.fold][draw.reference])
                found.append(self.compare(state[draw.fold], real[draw.fold][draw.held]))
            if self.root:
                return np.maximum(widened(np.sqrt(found), comparisons.taken), 0) ** 2
            return widened(np.array(found), comparisons.taken, logarithm)

        params = {"metric": self.metric, "size": comparisons.size}
        if self.metric == "clusters":
            params |= {"k": reference.clusters, "seed": reference.seed}
        return reference.floor(self.space, params, compute)


class Standardised:
    """Features (n, d) of real images in units of their own standard deviation, and a function that scales others alike.

    The kernel compares features with 1. Features that are small beside it would leave little more than their means.
    """

    def __init__(self, real: np.ndarray, scaled: bool) -> None:
        self.mean = real.mean(0) if scaled else 0.0
        # A feature that hardly varies among real images would outweigh all others.
        self.std = np.maximum(real.std(0), 0.1 * real.std(0).mean() + 1e-12) if scaled else 1.0
        self.real = self(real)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return features (m, d) on the scale of the real ones."""
        return (features - self.mean) / self.std
