"""Table 1 for any set of samples, whoever made it: every metric with its floor, or one line why it has none."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.clusters import Clusters, noise_floor
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.frechet import Gaussian, frechet_distance, frechet_floor
from solarsynth.metrics.skill import class_scores, confusion

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.experiments import Run

#: Feature spaces in which Fréchet distances are taken, and what they are called. Only the last is a FID.
FRECHET = {
    "cevae": "Fréchet, ceVAE space",
    "classifier": "Fréchet, classifier space",
    "clip": "FID CLIP",
    "inception": "FID InceptionV3",
}
SCORES = {"f1": "F1", "precision": "Precision", "recall": "Recall"}

# Repetitions of the floors that cost a matrix decomposition each.
FRECHET_DRAWS = 20
COVERAGE_DRAWS = 5


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
        Standard deviation over sets, or over classifiers; NaN if there is one only.
    low, high : float
        5th and 95th percentile of real images in sets of the same size; NaN if unknown.
    images : int
        On how many images it rests.
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
    note: str = ""


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
        with np.load(path, allow_pickle=False) as file:
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
        image = ((image.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    elif image.dtype != np.uint8:
        raise SolarsynthError(f"{path}: pixels of type {image.dtype}; give uint8, or float in [-1, 1]")
    if label is None:
        return image, None
    if label.shape != (len(image),):
        raise SolarsynthError(f"{path}: {len(image)} images, but labels of shape {label.shape}")
    if label.dtype.kind in "US":
        unknown = sorted(set(label.tolist()) - set(CLASSES))
        if unknown:
            raise SolarsynthError(f"{path}: label {unknown[0]!r} is no GOES class; they are {', '.join(CLASSES)}")
        return image, np.array([CLASSES.index(name) for name in label.tolist()])
    if label.dtype.kind not in "iu" or label.max() >= len(CLASSES):
        raise SolarsynthError(f"{path}: labels must be class names or whole numbers from 0 (A) to 4 (X)")
    return image, None if (label < 0).all() else label.astype(np.int64)


def evaluate(
    run: Run,
    sets: Sequence[np.ndarray],
    scored: tuple[np.ndarray, np.ndarray] | None = None,
    report: Callable[[str], None] | None = None,
) -> list[Value]:
    """Measure samples against the training images of a run.

    Parameters
    ----------
    run : Run
        The reference: its archive, ceVAE, classifiers and number of draws.
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
    pooled = np.concatenate(list(sets))
    say("cluster metrics")
    names = ("Cluster error", "Cluster distance", "Cluster std")
    values += _guarded(names, (0, 1, 1), lambda: _clusters(run, sets))
    for space, title in FRECHET.items():
        say(title)
        values += _guarded((title,), (0,), lambda space=space, title=title: [_frechet(run, pooled, space, title)])
    say("coverage")
    four = ("kNN precision", "kNN recall", "Density", "Coverage")
    values += _guarded(four, (1, 1, 1, 1), lambda: _coverage(run, pooled, four))
    say("classifier")
    if scored is None:
        values += [Value(name, 1, note="the samples carry no class") for name in SCORES.values()]
    else:
        values += _guarded(tuple(SCORES.values()), (1, 1, 1), lambda: _scores(run, *scored))
    return values


def _guarded(names: Iterable[str], targets: Iterable[float], compute: Callable[[], list[Value]]) -> list[Value]:
    """Return the values, or a line per metric that says why it cannot be computed: the others still are."""
    try:
        return compute()
    except SolarsynthError as error:
        return [Value(name, target, note=str(error)) for name, target in zip(names, targets, strict=True)]


def _clusters(run: Run, sets: Sequence[np.ndarray]) -> list[Value]:
    reference = run.training_features("cevae")
    clusters = Clusters(reference)
    measured = np.array([astuple(clusters.compare(run.features("cevae", image))) for image in sets])
    size = len(sets[0])
    low, high = np.percentile(noise_floor(clusters, reference, size, run.settings.floor_draws), [5, 95], axis=0)
    return [
        Value(name, target, measured[:, i].mean(), _spread(measured[:, i]), low[i], high[i], size)
        for i, (name, target) in enumerate(
            zip(("Cluster error", "Cluster distance", "Cluster std"), (0, 1, 1), strict=True)
        )
    ]


def _frechet(run: Run, image: np.ndarray, space: str, title: str) -> Value:
    reference, features = run.training_features(space), run.features(space, image)
    value = frechet_distance(features, Gaussian.of(reference))
    size = min(len(image), len(reference) // 2)
    draws = min(FRECHET_DRAWS if reference.shape[1] <= 512 else 3, run.settings.floor_draws)
    low, high = np.percentile(frechet_floor(reference, size, draws), [5, 95])
    note = "" if size == len(image) else f"floor at {size} images, half of the real ones"
    if len(image) <= reference.shape[1]:
        note = "; ".join(filter(None, [note, f"fewer images than the {reference.shape[1]} features: biased upwards"]))
    return Value(title, 0, value, low=low, high=high, images=len(image), note=note)


def _coverage(run: Run, image: np.ndarray, names: Sequence[str]) -> list[Value]:
    reference, features = run.training_features("cevae"), run.features("cevae", image)
    found = astuple(coverage(reference, features))
    rng, size = np.random.default_rng(0), min(len(image), len(reference) // 2)
    floor = []
    for _ in range(COVERAGE_DRAWS):
        order = rng.permutation(len(reference))
        floor.append(astuple(coverage(reference[order[size:]], reference[order[:size]])))
    low, high = np.percentile(floor, [5, 95], axis=0)
    return [Value(name, 1, found[i], low=low[i], high=high[i], images=len(image)) for i, name in enumerate(names)]


def class_tables(run: Run, image: np.ndarray, label: np.ndarray) -> list:
    """Return the scores per class by each of the run's classifiers: a list of `ClassScores`.

    Parameters
    ----------
    run : Run
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,)
        What was asked for, or what is true.
    """
    seeds = range(run.settings.classifier_seeds)
    return [class_scores(confusion(label, run.classify(image, seed), len(CLASSES))) for seed in seeds]


def _scores(run: Run, image: np.ndarray, label: np.ndarray) -> list[Value]:
    """Macro scores as ratios to those on held-out real images, as in Table 1."""
    if len(np.unique(label)) < 2:
        raise SolarsynthError("scores need samples of two classes or more")
    data = run.dataset
    if not data.test.any():
        raise SolarsynthError("scores are ratios to those on held-out real images, and none are held out")
    real = [scores.macro() for scores in class_tables(run, data.image[data.test], data.label[data.test])]
    drawn = [scores.macro() for scores in class_tables(run, image, label)]
    values = []
    for key, name in SCORES.items():
        # Each classifier against itself: its own score on real images.
        ratio = np.array([d[key] / r[key] if r[key] else math.nan for d, r in zip(drawn, real, strict=True)])
        note = f"ratio to real images; {np.mean([d[key] for d in drawn]):.3f} ÷ {np.mean([r[key] for r in real]):.3f}"
        if not np.isfinite(ratio).all():
            note = "a classifier is never right on real images: train it longer (classifier_images)"
        values.append(Value(name, 1, float(ratio.mean()), _spread(ratio), images=len(image), note=note))
    return values


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def as_table(values: Sequence[Value]) -> pd.DataFrame:
    """Return values as a table, a row per metric."""
    import pandas as pd

    return pd.DataFrame([vars(value) for value in values])
