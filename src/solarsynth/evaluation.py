"""Table 1 for any set of samples, whoever made it: every metric with its floor, or one line why it has none."""

from __future__ import annotations

import functools
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.metrics.clusters import Clusters, cross_fit, noise_floor
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance, frechet_floor
from solarsynth.metrics.skill import FEWEST, ClassScores, at_mix, class_scores, confusion, spread
from solarsynth.observations.archive import to_uint8
from solarsynth.store import array_key

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.experiments import Run

#: Feature spaces in which Fréchet distances are taken, and their rows. The first two are ours: no FID.
FRECHET = {
    "cevae": "Fréchet, ceVAE space",
    "classifier": "Fréchet, classifier space",
    "clip": "FID CLIP",
    "inception": "FID InceptionV3",
}
CLUSTER_ROWS = {"Cluster error": 0, "Cluster distance": 1, "Cluster std": 1}  # with their targets
COVERAGE_ROWS = ("kNN precision", "kNN recall", "Density", "Coverage")
SCORES = {"f1": "F1", "precision": "Precision", "recall": "Recall"}

# Floors that cost matrix decompositions or distances of all pairs are drawn less often, in wide spaces and large sets.
FRECHET_DRAWS, COVERAGE_DRAWS = 20, 20
FEW_DRAWS, WIDE, LARGE = 3, 512, 5000
CLUSTER_SPLITS = 4  # K-means is fitted this often for the cluster metrics' floor


@dataclass(frozen=True)
class Value:
    """One metric of one set of samples.

    Attributes
    ----------
    metric : str
    target : float
        What a perfect generator would have.
    value : float
        NaN if it cannot be computed.
    spread : float
        Of cluster metrics the standard deviation over sets, of scores that over classifiers, of what is measured on
        all sets together the jackknife's standard error over sets; NaN if there is one only.
    low, high : float
        What sets of real images have, 5th to 95th percentile (the extremes of few draws: see the note); NaN if
        unknown.
    images : int
        On how many images it rests.
    floor_images : int
        How many real images such a set holds: as many, or half of the real ones if there are not enough.
    note : str
        Why it has no value, or what to know about it.
    """

    metric: str
    target: float
    value: float = math.nan
    spread: float = math.nan
    low: float = math.nan
    high: float = math.nan
    images: int = 0
    floor_images: int = 0
    note: str = ""

    @property
    def within(self) -> bool | None:
        """Whether real sets span it; None where that cannot be said: no value, no floor, or one of other sets."""
        if not (math.isfinite(self.value) and math.isfinite(self.low) and self.images == self.floor_images):
            return None
        return self.low <= self.value <= self.high


def read_samples(path: Path, image_size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Read an ``.npz`` with ``image`` and, if it has classes, ``label``.

    Parameters
    ----------
    path : Path
        ``image`` (n, H, W): uint8, 0..255 for the normalised range, or float in [-1, 1]. ``label`` (n,): class
        names, or 0 (A) to 4 (X); a negative number means no class.
    image_size : int
        Side of the reference's images.

    Returns
    -------
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,), or None

    Raises
    ------
    SolarsynthError
        One line that says what is wrong with the file.
    """
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise SolarsynthError(f"{path}: one array; give an .npz with image and label")
        with file:
            if "image" not in file:
                raise SolarsynthError(f"{path}: it holds {', '.join(file) or 'nothing'}, but no 'image'")
            image, label = file["image"], file["label"] if "label" in file else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SolarsynthError(f"{path}: no readable .npz ({str(error).splitlines()[0]})") from None
    if image.ndim != 3 or not len(image):
        raise SolarsynthError(f"{path}: image must have the shape (n, H, W), not {image.shape}")
    if image.shape[1:] != (image_size, image_size):
        raise SolarsynthError(
            f"{path}: images of {image.shape[1]} × {image.shape[2]} px, but the reference's have "
            f"{image_size} × {image_size}"
        )
    if np.issubdtype(image.dtype, np.floating):
        if not np.isfinite(image).all():
            bad = int((~np.isfinite(image).all((1, 2))).sum())
            raise SolarsynthError(f"{path}: {bad} of {len(image)} images hold NaN or infinite pixels")
        if image.min() < -1.001 or image.max() > 1.001:
            raise SolarsynthError(
                f"{path}: pixels from {image.min():.4g} to {image.max():.4g}; give uint8, or float in [-1, 1] "
                "(the archive's normalised range)"
            )
        image = to_uint8(image.clip(-1, 1))
    elif image.dtype != np.uint8:
        raise SolarsynthError(f"{path}: pixels of type {image.dtype}; give uint8, or float in [-1, 1]")
    if label is None:
        return image, None
    if label.shape != (len(image),):
        raise SolarsynthError(f"{path}: {len(image)} images, but labels of shape {label.shape}")
    if label.dtype.kind in "US":
        label = label.astype(str)
        unknown = sorted(set(label.tolist()) - set(CLASSES))
        if unknown:
            raise SolarsynthError(f"{path}: label {unknown[0]!r} is no GOES class; they are {', '.join(CLASSES)}")
        return image, np.array([CLASSES.index(name) for name in label.tolist()])
    if label.dtype.kind not in "iu" or label.max() >= len(CLASSES):
        raise SolarsynthError(f"{path}: labels must be class names or whole numbers from 0 (A) to 4 (X)")
    return image, None if (label < 0).all() else label.astype(np.int64)


def range_warning(image: np.ndarray, real: np.ndarray) -> str:
    """Return a line if images (n, H, W) uint8 are hardly in the range of real ones: another scale, most likely."""
    darkest, brightest = (float(np.median(f(x, axis=(1, 2)))) for x in (image,) for f in (np.min, np.max))
    sky, sun = float(np.median(real.min((1, 2)))), float(np.median(real.max((1, 2))))
    if darkest <= sky + 64 and brightest >= sun / 2:
        return ""
    return (
        f"the samples' pixels go from {darkest:.0f} to {brightest:.0f}, the real ones' from {sky:.0f} to {sun:.0f} "
        "(0 is -1, 255 is 1 of the normalised range): are they on another scale?"
    )


class Reference:
    """The real images that samples are compared with, and what is computed of them once.

    Parameters
    ----------
    run : Run
        Its training images, networks, and number of draws.
    clusters : int
        K of K-means; the paper has one cluster per GOES class.
    seed : int
        Of K-means.
    space : {"cevae", "classifier", "clip", "inception"}
        Feature space of the cluster metrics and of coverage; the paper's is the ceVAE's.
    """

    def __init__(self, run: Run, clusters: int = 5, seed: int = 0, space: str = "cevae") -> None:
        if space not in FRECHET:
            raise SolarsynthError(f"no feature space {space!r}{nearest(space, FRECHET)}")
        self.run, self.space = run, space
        self._k, self._seed = clusters, seed
        self._gaussians: dict[str, Gaussian] = {}
        self._said: dict[str, np.ndarray] = {}

    @functools.cached_property
    def clusters(self) -> Clusters:
        """K-means on the training images."""
        return Clusters(self.run.training_features(self.space), self._k, self._seed)

    def gaussian(self, space: str) -> Gaussian:
        """Return mean and covariance of the training images in a space."""
        if space not in self._gaussians:
            self._gaussians[space] = Gaussian.of(self.run.training_features(space))
        return self._gaussians[space]

    @functools.cached_property
    def _cross_fitted(self) -> list[tuple[Clusters, np.ndarray]]:
        features = self.run.training_features(self.space)
        return cross_fit(features, CLUSTER_SPLITS, k=self._k, seed=self._seed)

    def cluster_floor(self, size: int) -> np.ndarray:
        """Return cluster metrics (draws, 3) of real sets, of a quarter of the real images against the others."""
        draws = self.run.settings.floor_draws
        params = {"metric": "clusters", "size": size, "draws": draws, "k": self._k, "seed": self._seed}
        params["splits"] = CLUSTER_SPLITS
        return self.run.floor(self.space, params, lambda: noise_floor(self._cross_fitted, draws, size))

    def frechet_floor(self, space: str, size: int) -> np.ndarray:
        """Return Fréchet distances (draws,) of real sets from the other real images."""
        features = self.run.training_features(space)
        draws = min(FRECHET_DRAWS if features.shape[1] <= WIDE else FEW_DRAWS, self.run.settings.floor_draws)
        params = {"metric": "frechet", "size": size, "draws": draws}
        return self.run.floor(space, params, lambda: frechet_floor(features, size, draws))

    def coverage_floor(self, size: int) -> np.ndarray:
        """Return precision, recall, density and coverage (draws, 4) of real sets among the other real images."""
        features = self.run.training_features(self.space)
        draws = min(COVERAGE_DRAWS if len(features) <= LARGE else FEW_DRAWS, self.run.settings.floor_draws)

        def draw() -> np.ndarray:
            rng, found = np.random.default_rng(0), []
            for _ in range(draws):
                order = rng.permutation(len(features))
                found.append(astuple(coverage(features[order[size:]], features[order[:size]])))
            return np.array(found)

        return self.run.floor(self.space, {"metric": "coverage", "size": size, "draws": draws}, draw)

    @functools.cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """The held-out real images (n, H, W) and their classes (n,)."""
        data = self.run.dataset
        if not data.test.any():
            raise SolarsynthError("scores are ratios to those on held-out real images, and none are held out")
        return data.image[data.test], data.label[data.test]

    def predictions(self, image: np.ndarray) -> np.ndarray:
        """Return the classes (classifiers, n) that the run's classifiers see in images (n, H, W)."""
        key = array_key(image)
        if key not in self._said:
            seeds = range(self.run.settings.classifier_seeds)
            self._said[key] = np.stack([self.run.classify(image, seed) for seed in seeds])
        return self._said[key]

    def confusions(self, image: np.ndarray, label: np.ndarray) -> list[np.ndarray]:
        """Return the confusion matrices of images (n, H, W) of classes (n,), one per classifier of the run."""
        return [confusion(label, said, len(CLASSES)) for said in self.predictions(image)]

    def real_scores(self, mix: np.ndarray) -> list[ClassScores]:
        """Return the scores of held-out real images, one per classifier, as if their classes were mixed as in `mix`."""
        return [class_scores(at_mix(counts, mix)) for counts in self.confusions(*self.held_out)]


def evaluate(
    reference: Reference,
    sets: Sequence[np.ndarray],
    scored: tuple[np.ndarray, np.ndarray] | None = None,
    report: Callable[[str], None] | None = None,
) -> list[Value]:
    """Measure samples against real images: the rows of Table 1, and more.

    Parameters
    ----------
    reference : Reference
    sets : sequence of ndarray of uint8, shape (n, H, W)
        Sets in the data's proportions. Cluster metrics are taken per set, distances of all sets together.
    scored : tuple of ndarray, optional
        Images and classes (m,) that the classifiers judge; better with all classes alike.
    report : callable, optional
        Told what is being computed.

    Returns
    -------
    list of Value
    """
    say = report or (lambda text: None)
    values: list[Value] = []
    say("cluster metrics")
    values += _guarded(CLUSTER_ROWS, lambda: _clusters(reference, sets))
    for space, title in FRECHET.items():
        say(title)
        values += _guarded({title: 0}, lambda space=space: [_frechet(reference, sets, space)])
    say("coverage")
    values += _guarded(dict.fromkeys(COVERAGE_ROWS, 1), lambda: _coverage(reference, sets))
    say("classifier")
    if scored is None:
        values += [Value(name, 1, note="the samples carry no class") for name in SCORES.values()]
    else:
        values += _guarded(dict.fromkeys(SCORES.values(), 1), lambda: scores(reference, *scored))
    return values


def _guarded(targets: Mapping[str, float], compute: Callable[[], list[Value]]) -> list[Value]:
    """Return the values, or a line per metric that says why it cannot be computed: the others still are."""
    try:
        return compute()
    except SolarsynthError as error:
        return [Value(name, target, note=str(error)) for name, target in targets.items()]


def _clusters(reference: Reference, sets: Sequence[np.ndarray]) -> list[Value]:
    run, size = reference.run, len(sets[0])
    measured = [astuple(reference.clusters.compare(run.features(reference.space, image))) for image in sets]
    low, high, note = span(reference.cluster_floor(size))
    return [
        Value(name, target, float(np.mean(column)), spread(column), low[i], high[i], size, size, note)
        for i, ((name, target), column) in enumerate(zip(CLUSTER_ROWS.items(), np.transpose(measured), strict=True))
    ]


def _frechet(reference: Reference, sets: Sequence[np.ndarray], space: str) -> Value:
    real = reference.gaussian(space)
    features = [reference.run.features(space, image) for image in sets]

    def distance(parts: Sequence[np.ndarray]) -> float:
        return frechet_distance(np.concatenate(parts), real)

    drawn = Gaussian.of(np.concatenate(features))
    size = min(drawn.count, real.count // 2)
    low, high, few = span(reference.frechet_floor(space, size))
    notes = [few] if few else []
    if size < drawn.count:
        notes.append(f"floor: {size} real images and the other {real.count - size}, so higher than theirs would be")
    rank = int(np.linalg.matrix_rank(drawn.root))
    if rank < len(drawn.mean):
        notes.append(f"singular: {drawn.count} images span {rank} of {len(drawn.mean)} dimensions, biased upwards")
    found = frechet_distance(drawn, real)
    error = jackknife(features, lambda parts: np.array([distance(parts)]), np.array([found]))[0]
    return Value(FRECHET[space], 0, found, error, low, high, drawn.count, size, "; ".join(notes))


def _coverage(reference: Reference, sets: Sequence[np.ndarray]) -> list[Value]:
    real = reference.run.training_features(reference.space)
    features = [reference.run.features(reference.space, image) for image in sets]

    def measure(parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.array(astuple(coverage(real, np.concatenate(parts))))

    found, count = measure(features), sum(map(len, features))
    size = min(count, len(real) // 2)
    low, high, few = span(reference.coverage_floor(size))
    error = jackknife(features, measure, found)
    notes = [f"floor: {size} real images among the other {len(real) - size}", *([few] if few else [])]
    return [
        Value(name, 1, float(found[i]), error[i], low[i], high[i], count, size, "; ".join(notes))
        for i, name in enumerate(COVERAGE_ROWS)
    ]


def scores(reference: Reference, image: np.ndarray, label: np.ndarray) -> list[Value]:
    """Macro scores as ratios to those on held-out real images, as in Table 1, over the classes that both hold.

    The held-out images count as if their classes were mixed as the samples' are, or a perfect generator would not
    have a ratio of 1.

    Parameters
    ----------
    reference : Reference
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,)
        What was asked for.
    """
    if len(np.unique(label)) < 2:
        raise SolarsynthError("scores need samples of two classes or more")
    occurs = np.isin(np.arange(len(CLASSES)), label) & np.isin(np.arange(len(CLASSES)), reference.held_out[1])
    if occurs.sum() < 2:
        raise SolarsynthError("scores need two classes that both the samples and the held-out images hold")
    left = [name for name, here in zip(CLASSES, occurs, strict=True) if not here]
    counts = np.bincount(reference.held_out[1], minlength=len(CLASSES))
    few = [f"{n} of class {name}" for name, n in zip(CLASSES, counts, strict=True) if 0 < n < FEWEST]
    here = occurs[label]
    mix = np.bincount(label[here], minlength=len(CLASSES))
    drawn = [class_scores(confusion(label[here], said[here], len(CLASSES))) for said in reference.predictions(image)]
    real = reference.real_scores(mix)
    low, high = _score_floor(reference, mix)
    values = []
    for i, (key, name) in enumerate(SCORES.items()):
        # Each classifier against itself: its own score on real images.
        above, below = (np.array([s.macro()[key] for s in side]) for side in (drawn, real))
        ratio = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
        note = f"{above.mean():.3f}, held-out real images in the same mix of classes {below.mean():.3f}"
        note += f", without class {', '.join(left)}" if left else ""
        note += f"; only {', '.join(few)} held out" if few else ""
        if not np.isfinite(ratio).all():
            note = "a classifier is never right on real images: train it longer (classifier_images)"
        count = int(here.sum())
        values.append(Value(name, 1, float(ratio.mean()), spread(ratio), low[i], high[i], count, count, note))
    return values


def _score_floor(reference: Reference, mix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the ratios of real sets span, (3,) each: as many per class as in `mix`, of the held-out images.

    Set and held-out images are both resampled, for neither is known better than that, and the same images go to
    all classifiers.
    """
    real, label = reference.held_out
    said, rng, found = reference.predictions(real), np.random.default_rng(0), []
    members = {i: np.flatnonzero(label == i) for i in np.flatnonzero(mix)}
    for _ in range(max(FRECHET_DRAWS, reference.run.settings.floor_draws)):
        chosen = np.concatenate([rng.choice(m, mix[i]) for i, m in members.items()])
        others = np.concatenate([rng.choice(m, len(m)) for m in members.values()])
        ratios = []
        for one in said:
            above, below = (confusion(label[index], one[index], len(CLASSES)) for index in (chosen, others))
            above, below = class_scores(above).macro(), class_scores(at_mix(below, mix)).macro()
            ratios.append([above[key] / below[key] if below[key] else math.nan for key in SCORES])
        found.append(np.mean(ratios, axis=0))
    known = [ratios for ratios in found if np.isfinite(ratios).all()]
    low, high = np.percentile(known, [5, 95], axis=0) if known else np.full((2, len(SCORES)), math.nan)
    return low, high


def class_values(reference: Reference, image: np.ndarray, label: np.ndarray) -> list[Value]:
    """Return F1, precision and recall of every class, mean over the classifiers: Appendix D for these samples.

    Parameters
    ----------
    reference : Reference
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,)

    Returns
    -------
    list of Value
        Empty where there are no scores; `evaluate` says why.
    """
    try:
        drawn = [class_scores(counts) for counts in reference.confusions(image, label)]
        real = reference.real_scores(np.bincount(label, minlength=len(CLASSES)))
    except SolarsynthError:
        return []
    values = []
    for i, letter in enumerate(CLASSES):
        for key, name in SCORES.items():
            found, truth = (np.array([getattr(s, key)[i] for s in side]) for side in (drawn, real))
            note = "no held-out real image" if np.isnan(truth).any() else f"held-out real images: {truth.mean():.3f}"
            count = int((label == i).sum())
            values.append(
                Value(f"{name}, class {letter}", 1, float(found.mean()), spread(found), images=count, note=note)
            )
    return values


def span(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return what draws (n, ...) of a floor span, 5th to 95th percentile, or the extremes of few and a note."""
    if len(draws) < FRECHET_DRAWS:
        return draws.min(0), draws.max(0), f"real sets: lowest and highest of {len(draws)}"
    low, high = np.percentile(draws, [5, 95], axis=0)
    return low, high, ""


def jackknife(
    parts: Sequence[np.ndarray], measure: Callable[[Sequence[np.ndarray]], np.ndarray], found: np.ndarray
) -> np.ndarray:
    """Return the standard error of measures of all parts together, leaving out one at a time.

    Parameters
    ----------
    parts : sequence of ndarray
    measure : callable
        Maps parts to measures (k,).
    found : ndarray, shape (k,)
        The measures of all parts.

    Returns
    -------
    ndarray, shape (k,)
        NaN of one part, or if without one of them there is too little to measure.
    """
    n = len(parts)
    if n < 2:
        return np.full_like(found, np.nan)
    try:
        without = np.array([measure([*parts[:i], *parts[i + 1 :]]) for i in range(n)])
    except SolarsynthError:
        return np.full_like(found, np.nan)
    return np.sqrt((n - 1) * without.var(0))


def as_table(values: Sequence[Value]) -> pd.DataFrame:
    """Return values as a table, a row per metric."""
    import pandas as pd

    return pd.DataFrame([vars(value) for value in values])
