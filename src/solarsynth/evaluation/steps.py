"""How few sampling steps are enough? The fast samplers at several numbers of steps, and the rule that chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solarsynth import stages
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.frechet import Gaussian, frechet_distance

if TYPE_CHECKING:
    import pandas as pd

#: Numbers of steps at which the fast samplers are compared.
STEPS = (5, 10, 15, 20, 50, 250)

#: The default sampler, for which the rule chooses a number of steps, and its rival.
DEFAULT, RIVAL = "dpm-solver++", "ddim"
PAPER = "ancestral"


def sampling_plan(n_steps: int, largest: int) -> list[tuple[str, int]]:
    """Return the samplers and numbers of steps that are compared.

    Parameters
    ----------
    n_steps : int
        T of the schedule.
    largest : int
        Largest number of steps; T - 1 or more adds the paper's sampler.

    Returns
    -------
    list of tuple
        Sampler and steps.

    Raises
    ------
    SolarsynthError
        If not even the smallest number of steps is allowed.
    """
    longest = n_steps - 1
    fast = [n for n in STEPS if n <= min(largest, longest)]
    if not fast:
        raise SolarsynthError(f"the comparison needs at least {STEPS[0]} steps, got {min(largest, longest)}")
    plan = [(name, n) for name in (DEFAULT, RIVAL) for n in fast]
    return plan + ([(PAPER, longest)] if largest >= longest else [])


def sampling_distances(
    lab: stages.Lab,
    plan: Sequence[tuple[str, int]],
    counts: Mapping[str, int],
    seed: int,
    real: np.ndarray,
    project: Callable[[np.ndarray], np.ndarray],
) -> pd.DataFrame:
    """Draw a set with each sampler, without guidance and from the same noise, and measure it.

    Guidance is left out because it departs from the distribution of the training images on purpose.

    Parameters
    ----------
    lab : Lab
    plan : sequence of tuple
        From `sampling_plan`.
    counts : mapping of str to int
        Images per class.
    seed : int
        Of every set.
    real : ndarray, shape (n, d)
        Projected features of real images.
    project : callable
        Maps the ceVAE's features (m, latent) of the drawn images to (m, d).

    Returns
    -------
    DataFrame
        ``sampler``, ``steps``, ``distance`` (Fréchet, from `real`), ``seconds`` (per image).
    """
    import pandas as pd

    reference, rows = Gaussian.of(real), []
    for sampler, steps in plan:
        sampling = Sampling.of(lab.settings).replace(sampler=sampler, steps=steps, guidance=0.0)
        drawn = stages.sample_set(lab, counts, seed=seed, sampling=sampling)
        seconds = stages.describe_samples(lab, counts, seed=seed, sampling=sampling)["seconds"]
        distance = frechet_distance(project(stages.features(lab, "cevae", drawn)), reference)
        rows.append((sampler, steps, distance, seconds / len(drawn)))
    return pd.DataFrame(rows, columns=["sampler", "steps", "distance", "seconds"])


@dataclass(frozen=True)
class FewestSteps:
    """The result of the rule.

    Attributes
    ----------
    steps : int
        The fewest steps of the default sampler that are enough.
    within : Series of bool
        Per row of the table, whether it is as good as the best of the longest runs.
    longest : DataFrame
        By sampler, ``steps`` and ``distance`` of the longest runs that set the standard.
    """

    steps: int
    within: pd.Series
    longest: pd.DataFrame


def fewest_steps(table: pd.DataFrame, tolerance: float) -> FewestSteps:
    """Return the fewest steps that are as good as many.

    A number of steps is enough if its distance exceeds neither that of the default sampler's longest run nor that of
    the paper's sampler, where that was run, by more than `tolerance`.

    Parameters
    ----------
    table : DataFrame
        From `sampling_distances`.
    tolerance : float
        Standard deviation of the distance over sets of real images.

    Returns
    -------
    FewestSteps
    """
    last = table.groupby("sampler", sort=False).tail(1).set_index("sampler")
    longest = last.loc[[name for name in (DEFAULT, PAPER) if name in last.index], ["steps", "distance"]]
    within = table["distance"] <= longest["distance"].min() + tolerance
    return FewestSteps(int(table.loc[within & (table["sampler"] == DEFAULT), "steps"].min()), within, longest)
