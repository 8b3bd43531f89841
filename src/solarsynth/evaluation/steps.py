"""How few sampling steps are enough? Samplers at several numbers of steps, and the rule that chooses.

A set of images is judged by its distance from the real images and by its mean brightness. A distance alone does not
show convergence, because two errors can cancel in it. Every number has its error over sampling seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from solarsynth import stages
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.frechet import Gaussian, frechet_distance
from solarsynth.metrics.intervals import seed_interval
from solarsynth.metrics.kernel import kernel_distance

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.dataset.images import ImageSet

#: Numbers of steps at which the fast samplers are compared.
STEPS = (5, 10, 20, 50, 250)

#: The default sampler, for which the rule chooses a number of steps, its rival, and the paper's.
DEFAULT, RIVAL, PAPER = "dpm-solver++", "ddim", "ancestral"

#: What is measured of every set, and what the rule judges by.
MEASURES = ("distance", "kernel", "brightness")
JUDGED = ("distance", "brightness")

# Real images, at most, in the kernel distance, whose time grows with their square.
KERNEL_IMAGES = 5000


class Run(NamedTuple):
    """One way to sample: guidance w of Eq. 6, sampler and number of steps."""

    guidance: float
    sampler: str
    steps: int


def sampling_plan(n_steps: int, largest: int, guidance: float) -> list[Run]:
    """Return the runs that are compared.

    The default sampler is run with the guidance that the book draws with and without guidance. Its rival is run without
    guidance only, where both have the same limit, and not with the largest number of steps, where both are near it.

    Parameters
    ----------
    n_steps : int
        T of the schedule.
    largest : int
        Largest number of steps; T - 1 or more adds the paper's sampler.
    guidance : float
        The w that the book draws with.

    Returns
    -------
    list of Run

    Raises
    ------
    SolarsynthError
        If not even the two smallest numbers of steps are allowed, which leaves nothing to compare.
    """
    longest = n_steps - 1
    fast = [n for n in STEPS if n <= min(largest, longest)]
    if len(fast) < 2:
        raise SolarsynthError(f"the comparison needs at least {STEPS[1]} steps, got {min(largest, longest)}")
    plan = []
    for w in dict.fromkeys((float(guidance), 0.0)):
        plan += [Run(w, DEFAULT, n) for n in fast]
        plan += [Run(w, PAPER, longest)] if largest >= longest else []
    return plan + [Run(0.0, RIVAL, n) for n in fast[:-1]]


def brightness(image: np.ndarray) -> np.ndarray:
    """Return the disk-integrated brightness (n,) float64 of images (n, H, W): their mean over all pixels."""
    return image.mean((1, 2), dtype=np.float64)


@dataclass(frozen=True)
class Yardstick:
    """What drawn sets are measured with.

    Attributes
    ----------
    real : ndarray, shape (n, d)
        Projected features of the real images.
    gaussian : Gaussian
        Of these features.
    project : callable
        Maps the ceVAE's features (m, latent) of drawn images to (m, d).
    mean, std : float
        Of the brightness of the real images.
    """

    real: np.ndarray
    gaussian: Gaussian
    project: Callable[[np.ndarray], np.ndarray]
    mean: float
    std: float

    @classmethod
    def of(cls, lab: stages.Lab, project: Callable[[np.ndarray], np.ndarray]) -> Yardstick:
        """Measure the training images of a lab."""
        bright = brightness(stages.training_images(lab).image)
        real = project(stages.training_features(lab, "cevae"))
        return cls(real, Gaussian.of(real), project, float(bright.mean()), float(bright.std(ddof=1)))

    def measure(self, lab: stages.Lab, drawn: ImageSet) -> tuple[float, float, float]:
        """Return a set's `MEASURES`: Fréchet and kernel distance, and its brightness in real standard deviations."""
        features = self.project(stages.features(lab, "cevae", drawn))
        some = self.real[:: -(-len(self.real) // KERNEL_IMAGES)]
        bright = (brightness(drawn.image).mean() - self.mean) / self.std
        return frechet_distance(features, self.gaussian), kernel_distance(features, some), float(bright)


def sampling_quality(
    lab: stages.Lab, plan: Sequence[Run], counts: Mapping[str, int], seeds: Sequence[int], yardstick: Yardstick
) -> pd.DataFrame:
    """Draw a set for each run and each seed, and measure it. Runs with the same seed start from the same noise.

    Parameters
    ----------
    lab : Lab
    plan : sequence of Run
        From `sampling_plan`.
    counts : mapping of str to int
        Images per class in a set.
    seeds : sequence of int
        Of the sets.
    yardstick : Yardstick

    Returns
    -------
    DataFrame
        ``guidance``, ``sampler``, ``steps``, ``seed``, ``distance`` (Fréchet), ``kernel`` (unbiased, see
        `kernel_distance`), ``brightness`` (mean of the set minus that of the real images, in standard deviations of a
        real image), ``seconds`` (per image).
    """
    import pandas as pd

    rows = []
    for run in plan:
        sampling = Sampling.of(lab.settings).replace(**run._asdict())
        for seed in seeds:
            drawn = stages.sample_set(lab, counts, seed=seed, sampling=sampling)
            seconds = stages.describe_samples(lab, counts, seed=seed, sampling=sampling)["seconds"]
            rows.append((*run, seed, *yardstick.measure(lab, drawn), seconds / len(drawn)))
    return pd.DataFrame(rows, columns=[*Run._fields, "seed", *MEASURES, "seconds"])


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: the mean of each measure over the seeds, and its error.

    Parameters
    ----------
    table : DataFrame
        From `sampling_quality`.

    Returns
    -------
    DataFrame
        ``guidance``, ``sampler``, ``steps``; per measure its mean and, as ``distance ±`` and so on, half of its 95 %
        interval by Student's t, NaN for one seed; ``seconds``.
    """
    import pandas as pd

    rows = []
    for run, sets in table.groupby([*Run._fields], sort=False):
        row = dict(zip(Run._fields, run, strict=True))
        for name in MEASURES:
            row[name], row[f"{name} ±"] = _mean_and_error(sets[name].to_numpy())
        rows.append(row | {"seconds": sets["seconds"].mean()})
    return pd.DataFrame(rows)


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    interval = seed_interval(values)
    # Equal values have no spread, from which an interval could come: the longest run differs from itself by 0 ± 0.
    error = 0.0 if len(values) > 1 and np.ptp(values) == 0 else (interval.high - interval.low) / 2
    return interval.mean, error


@dataclass(frozen=True)
class FewestSteps:
    """The result of the rule.

    Attributes
    ----------
    steps : int or None
        The fewest steps of the default sampler that are enough; None if no number is.
    difference : DataFrame
        Indexed by steps: per judged measure the mean difference from the longest run with the same noise, its error
        (``distance ±``, ``brightness ±``), and whether both are ``within`` their tolerances.
    """

    steps: int | None
    difference: pd.DataFrame


def fewest_steps(table: pd.DataFrame, guidance: float, tolerance: Mapping[str, float]) -> FewestSteps:
    """Return the fewest steps of the default sampler after which more steps change nothing.

    The sets of each run are compared with those of the longest run that started from the same noise. A number of steps
    is enough if it and all larger ones differ from the longest run, in distance and in brightness, by no more than the
    tolerance. The error over the seeds counts against it, and a smaller distance is as wrong as a larger one. If only
    the longest run is left, nothing shows that it has converged, and no number is enough.

    Parameters
    ----------
    table : DataFrame
        From `sampling_quality`.
    guidance : float
        The w at which the default sampler is judged.
    tolerance : mapping of str to float
        Per judged measure the largest difference that does not matter.

    Returns
    -------
    FewestSteps
    """
    import pandas as pd

    runs = table[(table["sampler"] == DEFAULT) & (table["guidance"] == guidance)]
    by_steps = {name: runs.pivot(index="seed", columns="steps", values=name).sort_index(axis=1) for name in JUDGED}
    rows = {}
    for steps in by_steps["distance"]:
        row = rows[steps] = {}
        for name, values in by_steps.items():
            row[name], row[f"{name} ±"] = _mean_and_error((values[steps] - values.iloc[:, -1]).to_numpy())
        # One seed has no error, and a comparison with NaN is False: it shows nothing.
        row["within"] = all(abs(row[name]) + row[f"{name} ±"] <= tolerance[name] for name in JUDGED)
    difference = pd.DataFrame.from_dict(rows, orient="index")
    # From some number of steps on, every run is within; the longest is so by definition.
    shorter = difference["within"].iloc[:-1]
    from_here_on = shorter[::-1].cummin()[::-1].astype(bool)
    enough = shorter.index[from_here_on]
    return FewestSteps(int(enough[0]) if len(enough) else None, difference)
