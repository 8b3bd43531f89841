"""Records of Sections 6 and 7 and of Appendix D: samples, their metrics, and the classifiers that judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.book import paper
from solarsynth.book.records.writing import decimals, digits, finite, write
from solarsynth.flares import CLASSES
from solarsynth.kinds import MODELS
from solarsynth.metrics.skill import sample_std
from solarsynth.stages import SPACES

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.book.page import Page
    from solarsynth.evaluation import CrossValidated, Value
    from solarsynth.metrics.skill import ClassScores

#: How the note of a metric begins, and what the ledger says, where published weights are not on this machine.
WEIGHTS_MISSING = "weights not available"

#: What the note of a score says if the classifiers have no skill on real images.
JUDGES_NOTHING = "judges nothing"

#: Which images each table of Appendix D tests.
TESTED = {"real": "table-d.1", "discrete": "table-d.2", "embedding": "table-d.3", "continuous": "table-d.4"}


def table_1(this: Page, found: Mapping[str, Sequence[Value]]) -> None:
    """Record Table 1.

    Parameters
    ----------
    this : Page
    found : mapping of str to sequence of Value
        For each model, including the baseline, the rows of the table.
    """
    by_model = {model: {v.metric: v for v in values} for model, values in found.items()}
    names = dict.fromkeys(metric for values in by_model.values() for metric in values)
    rows = {metric: {m: values[metric] for m, values in by_model.items() if metric in values} for metric in names}
    absent = [metric for metric, row in rows.items() if next(iter(row.values())).note.startswith(WEIGHTS_MISSING)]
    ours = {metric: finite({m: v.value for m, v in row.items()}) for metric, row in rows.items()}
    ours |= {metric: dict.fromkeys(found, WEIGHTS_MISSING) for metric in absent}
    # Held-out value and floor are the same for all models. The baseline has none of the scores: it has no class.
    floor = {metric: next((v for v in row.values() if np.isfinite(v.low)), None) for metric, row in rows.items()}
    for metric, value in finite({metric: v.held_out for metric, v in floor.items() if v}).items():
        ours[metric] = {"ground truth": value} | ours[metric]
    nothing = next((v.note for v in by_model[MODELS[0]].values() if JUDGES_NOTHING in v.note), "")
    trainings = this.lab.settings.generator_seeds
    write(
        this,
        "table-1",
        f"computed as defined, {this.on_archive}, in the space of a ceVAE trained on it"
        f"; floors from whole blocks; {trainings} training{'s' if trainings > 1 else ''} of each model"
        + (f"; F1, precision and recall: {nothing.split(' (')[0]}" if nothing else "")
        + (f"; weights not available for {', '.join(absent)}" if absent else ""),
        ours,
        published={metric: {model: v for model, (v, _) in row.items()} for metric, row in paper.TABLE_1.items()},
        error={metric: finite({m: v.error for m, v in row.items()}) for metric, row in rows.items()},
        floor={m: [digits(v.low), digits(v.high)] for m, v in floor.items() if v and np.isfinite(v.high)},
    )


def figure_3(this: Page, purity: pd.DataFrame) -> None:
    """Record how far the feature spaces separate the classes.

    Parameters
    ----------
    this : Page
    purity : DataFrame
        A row per space that could be computed, with the columns of `solarsynth.evaluation.separations`.
    """
    by_column = {column: {name: decimals(v) for name, v in purity[column].items()} for column in purity}
    why = "the paper judges by eye and finds the ceVAE's space the most clustered; ours have numbers, of held-out "
    why += "images with neighbours of other blocks (95 % interval over blocks) and of training images"
    why += "" if SPACES["clip"] in purity.index else f"; CLIP: {WEIGHTS_MISSING}"
    ours = {"purity, held out": by_column["held out"]} | {name: by_column[name] for name in ("purity", "silhouette")}
    bounds = {name: [by_column["held out, low"][name], by_column["held out, high"][name]] for name in purity.index}
    chance = {"purity, held out, by chance": by_column["held out, chance"], "purity by chance": by_column["chance"]}
    write(this, "figure-3", why, ours, error={"purity, held out": bounds}, floor=chance)


def figure_5(this: Page, images: int, drawable: Sequence[str]) -> None:
    """Record the gallery: how many images were drawn, and the classes that the models can draw."""
    left_out = ", ".join(name for name in CLASSES if name not in drawable) or "none"
    why = f"all three models, {this.on_archive}; classes without a training image: {left_out}"
    write(this, "figure-5", why, {"images": images})


def sample_counts(this: Page) -> None:
    """Record how many sets and images are drawn per model."""
    s = this.lab.settings
    sets = 2 * s.sets * s.generator_seeds
    ours = {
        "models": len(MODELS),
        "sets per model": sets,
        "images per set": s.set_size,
        "images": len(MODELS) * sets * s.set_size,
    }
    why = "all three models, half of the sets in the data's proportions, half with all classes alike, at the profile's "
    why += f"size; trainings of each model: {s.generator_seeds}"
    write(this, "sample-counts", why, ours, published=paper.SAMPLE_COUNTS, exact=True)


def figure_4(this: Page, found: Mapping[str, Value]) -> None:
    """Record how well the standard-deviation maps of samples and of real images agree.

    Parameters
    ----------
    this : Page
    found : mapping of str to Value
        Per class, as from `solarsynth.evaluation.maps.agreements`.
    """
    why = "the paper shows maps without numbers; ours are "
    why += f"{this.on_archive}, with the agreement of real images of other weeks as the floor"
    write(
        this,
        "figure-4",
        why,
        {"agreement": {name: decimals(v.value) for name, v in found.items()}},
        error={"agreement": {name: decimals(v.error) for name, v in found.items()}},
        floor={name: [decimals(v.low), decimals(v.high)] for name, v in found.items() if v.place},
    )


def table_d(this: Page, tested: str, scores: Sequence[ClassScores], label: np.ndarray, judge: CrossValidated) -> None:
    """Record a table of Appendix D.

    Parameters
    ----------
    this : Page
    tested : {"real", "discrete", "embedding", "continuous"}
        Which images were tested.
    scores : sequence of ClassScores
        One per classifier.
    label : ndarray of int, shape (n,)
        Classes of the tested images.
    judge : CrossValidated
        The classifiers on held-out real images.
    """
    s, item = this.lab.settings, TESTED[tested]
    macro = {key: np.array([one.macro()[key] for one in scores]) for key in ("f1", "precision", "recall")}
    why = f"DeiT-{s.classifier} of {s.classifier_depth} blocks, {s.classifier_seeds} seeds, {this.on_archive}"
    if len(np.unique(label)) < len(CLASSES):
        why += "; classes without a tested image are left out of the means"
    if not judge.judges:
        why += f"; {judge.why_not()}"
    ours = {key: decimals(values.mean()) for key, values in macro.items()}
    error = {key: decimals(sample_std(values)) for key, values in macro.items()}
    if tested == "real":
        for name, interval in (("macro recall of judged classes", judge.recall), ("AUC", judge.auc)):
            ours[name] = decimals(interval.mean)
            error[name] = decimals((interval.high - interval.low) / 2)
    write(this, item, why, ours, published=paper.macro(item), error=error)
