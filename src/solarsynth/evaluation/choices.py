"""What choices are worth: ways of training at equal images seen, and guidance against sampling steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth import stages
from solarsynth.diffusion.sampling import Sampling
from solarsynth.evaluation.quality import QualityReference
from solarsynth.metrics.intervals import seed_interval
from solarsynth.stages import Lab

if TYPE_CHECKING:
    import pandas as pd

#: What is shown of `solarsynth.evaluation.quality.Quality`.
MEASURES = ("train", "held_out", "kernel", "power", "copies", "brightness", "coverage", "obeys")

#: Ways of training: what each changes. The first is the profile as it is, with none of them.
VARIANTS: dict[str, dict[str, Any]] = {
    "as the profile, plain": {},
    "frames without a flare, mixed": {"unlabelled": "mixed"},
    "frames without a flare, first": {"unlabelled": "pretrain"},
    "mirrored north-south": {"mirror": 0.5},
    "coordinate channels": {"coordinates": 1},
    "no self-attention": {"attention": "none"},
    "learning rate without cooldown": {"cooldown": 0.0},
    "Wiener filter below the network": {"parameterisation": "wiener"},
    "linear denoiser of each pixel below it": {"parameterisation": "preconditioned"},
    "the paper's parameterisation (ε)": {"parameterisation": "eps"},
    "ε with Min-SNR weights, γ = 5": {"parameterisation": "eps", "min_snr": 5.0},
    "average chosen after training": {"ema_snapshots": 16},
}

PLAIN = {"min_snr": 0.0, "unlabelled": "none", "mirror": 0.0, "coordinates": 0, "ema_snapshots": 0, "ema_length": 0.0}

#: Lengths σ_rel of averages that are tried, and the seed of the samples by which one is chosen. What is reported of it
#: is measured on other samples.
LENGTHS, CHOOSING = (0.03, 0.05, 0.075, 0.1, 0.15, 0.2), 6100


def compare_trainings(
    lab: Lab, reference: QualityReference, variants: Mapping[str, Mapping[str, Any]], seeds: Sequence[int], images: int
) -> pd.DataFrame:
    """Train every variant with every seed on equally many images, and judge its samples.

    Parameters
    ----------
    lab : Lab
        Its setting ``choices_images`` is the length of a training. One with ``unlabelled: pretrain`` spends half of it
        on all frames.
    reference : QualityReference
    variants : mapping of str to mapping
        Settings that each changes from the plain training, which is the first. One that changes nothing in this lab is
        left out.
    seeds : sequence of int
        Of the trainings.
    images : int
        Samples per training, in the proportions of the classes.

    Returns
    -------
    DataFrame
        A row per variant and seed: ``variant``, ``seed``, `MEASURES`, ``copies_p``, ``seconds`` of training, and the
        ``ema_length`` that was chosen, 0 if none was.
    """
    import pandas as pd

    length, rows = lab.settings.choices_images, []
    plain = lab.settings.as_dict() | PLAIN
    for name, changes in variants.items():
        if rows and all(plain[setting] == value for setting, value in changes.items()):
            continue
        first = length // 2 if changes.get("unlabelled") == "pretrain" else 0
        for seed in seeds:
            there = lab.variant(
                seed=seed, **PLAIN | {"train_images": length - first, "pretrain_images": max(first, 1)} | changes
            )
            entry = there.entry(stages.MODEL, model="discrete")
            if there.settings.ema_snapshots:
                there = there.variant(ema_length=chosen_length(compare_lengths(there, reference, images)))
            drawn = stages.sample_set(there, stages.proportional_counts(there, images), seed=6000)
            found = asdict(reference.judge(drawn.image, drawn.label))
            about = {"seconds": entry.manifest["seconds"], "ema_length": there.settings.ema_length}
            rows.append({"variant": name, "seed": seed, **found, **about})
    return pd.DataFrame(rows)


def compare_lengths(
    lab: Lab, reference: QualityReference, images: int, lengths: Sequence[float] = LENGTHS, seed: int = CHOOSING
) -> pd.DataFrame:
    """Judge samples of averages of several lengths of one training, from the same noise.

    Parameters
    ----------
    lab : Lab
        Its setting ``ema_snapshots`` is above 0.
    reference : QualityReference
    images : int
        Samples per length, in the proportions of the classes.
    lengths : sequence of float
        σ_rel, from 0.01 to 0.25.
    seed : int
        Of sampling.

    Returns
    -------
    DataFrame
        Indexed by ``length``; `MEASURES`.
    """
    import pandas as pd

    counts, rows = stages.proportional_counts(lab, images), {}
    for length in lengths:
        drawn = stages.sample_set(lab.variant(ema_length=length), counts, seed=seed)
        found = asdict(reference.judge(drawn.image, drawn.label))
        rows[length] = {measure: found[measure] for measure in MEASURES}
    return pd.DataFrame(rows).T.rename_axis("length")


def chosen_length(table: pd.DataFrame) -> float:
    """Return the length nearest to the training blocks, from a table of `compare_lengths`."""
    return float(table["train"].idxmin())


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """Return, per variant, the mean of every measure and its difference from the first variant, paired by seed.

    Parameters
    ----------
    table : DataFrame
        As from `compare_trainings`.

    Returns
    -------
    DataFrame
        Indexed by variant; per measure its mean, and ``<measure> Δ``, ``<measure> Δ ±``: the difference with half of
        its 95 % interval over the seeds (Student's t).
    """
    import pandas as pd

    names = list(dict.fromkeys(table["variant"]))
    wide = {measure: table.pivot(index="seed", columns="variant", values=measure) for measure in MEASURES}
    rows = {}
    for name in names:
        row = {}
        for measure, values in wide.items():
            row[measure] = values[name].mean()
            found = seed_interval((values[name] - values[names[0]]).to_numpy())
            row |= {f"{measure} Δ": found.mean, f"{measure} Δ ±": (found.high - found.low) / 2}
        rows[name] = row | {"seconds": table.loc[table["variant"] == name, "seconds"].mean()}
    return pd.DataFrame(rows).T.rename_axis("variant")


def guidance_study(
    lab: Lab,
    reference: QualityReference,
    weights: Sequence[float],
    steps: Sequence[int],
    intervals: Sequence[tuple[float, float]],
    images: int,
    seeds: Sequence[int],
) -> pd.DataFrame:
    """Judge samples of one model for every weight of guidance, number of steps and interval of guidance.

    Parameters
    ----------
    lab : Lab
    reference : QualityReference
    weights : sequence of float
        w of Eq. 6.
    steps : sequence of int
    intervals : sequence of tuple of float
        Noise levels between which guidance acts; only tried with guidance.
    images : int
        Samples per run, in the proportions of the classes.
    seeds : sequence of int
        Of sampling; every run uses the same, so that differences are paired.

    Returns
    -------
    DataFrame
        A row per run: ``guidance``, ``steps``, ``interval`` and `MEASURES`, the mean over the seeds of each, and
        ``<measure> ±``, half of its 95 % interval over the seeds; ``distances``, those to the training blocks by seed.
    """
    import pandas as pd

    base, counts, rows = Sampling.of(lab.settings), stages.proportional_counts(lab, images), []
    for w in weights:
        for count in steps:
            for interval in intervals if w else [(0.0, np.inf)]:
                sampling = base.replace(guidance=w, steps=count, interval=interval, sampler="dpm-solver++")
                sets = [stages.sample_set(lab, counts, seed=seed, sampling=sampling) for seed in seeds]
                found = [asdict(reference.judge(one.image, one.label)) for one in sets]
                row = {"guidance": w, "steps": count, "interval": _interval_text(interval)}
                row["distances"] = np.array([one["train"] for one in found])
                for measure in MEASURES:
                    value = seed_interval(np.array([one[measure] for one in found]))
                    row |= {measure: value.mean, f"{measure} ±": (value.high - value.low) / 2}
                rows.append(row)
    return pd.DataFrame(rows)


def ties(table: pd.DataFrame) -> int:
    """Return how many other runs of a `guidance_study` cannot be told from the nearest one, in pairs by seed."""
    best = table.loc[table["train"].idxmin()]
    others = [row for row in table.itertuples() if row.Index != best.name]
    found = [seed_interval(row.distances - best["distances"]) for row in others]
    return sum(not one.low > 0 for one in found)  # without an interval nothing is told apart


def compare_samplers(
    lab: Lab, reference: QualityReference, runs: Mapping[str, Sampling], images: int, seeds: Sequence[int]
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Judge samples of several ways to sample the same model from the same noise.

    Parameters
    ----------
    lab : Lab
    reference : QualityReference
    runs : mapping of str to Sampling
        The first is what the others are compared with.
    images : int
        Samples per run and seed, in the proportions of the classes.
    seeds : sequence of int
        Of sampling.

    Returns
    -------
    table : DataFrame
        A row per run: `MEASURES`, means over the seeds; ``train Δ`` and ``train Δ ±``, the difference from the first
        run, paired by seed, with half of its 95 % interval; and ``ms``, the time per image.
    drawn : dict of str to ndarray of uint8, shape (images, H, W)
        Of the first seed.
    """
    import pandas as pd

    counts, rows, drawn, first = stages.proportional_counts(lab, images), {}, {}, None
    for name, sampling in runs.items():
        sets = [stages.sample_set(lab, counts, seed=seed, sampling=sampling) for seed in seeds]
        about = [stages.describe_samples(lab, counts, seed=seed, sampling=sampling) for seed in seeds]
        found = pd.DataFrame([asdict(reference.judge(one.image, one.label)) for one in sets])
        first = found if first is None else first
        change = seed_interval((found["train"] - first["train"]).to_numpy())
        rows[name] = {measure: found[measure].mean() for measure in MEASURES}
        rows[name] |= {"train Δ": change.mean, "train Δ ±": (change.high - change.low) / 2}
        rows[name]["ms"] = 1e3 * sum(one["seconds"] for one in about) / (images * len(sets))
        drawn[name] = sets[0].image
    return pd.DataFrame(rows).T.rename_axis("sampler"), drawn


def _interval_text(interval: tuple[float, float]) -> str:
    low, high = interval
    return "everywhere" if (low, high) == (0.0, np.inf) else f"{low:g} < σ < {high:g}"
