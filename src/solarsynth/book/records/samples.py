"""Records of Sections 6 and 7 and of Appendix D: samples, their metrics, and the classifiers that judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.book import paper
from solarsynth.book.records.writing import decimals, digits, finite, write
from solarsynth.flares import CLASSES
from solarsynth.kinds import BASELINE, MODELS
from solarsynth.metrics.skill import sample_std

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.book.page import Page
    from solarsynth.evaluation import Value
    from solarsynth.metrics.skill import ClassScores

#: How the note of a metric begins, and what the ledger says, where published weights are not on this machine.
WEIGHTS_MISSING = "weights not available"

#: Which images each table of Appendix D tests.
TESTED = {"real": "table-d.1", "discrete": "table-d.2", "embedding": "table-d.3", "continuous": "table-d.4"}


def table_1(this: Page, found: Mapping[str, Sequence[Value]], truth: Mapping[str, float]) -> None:
    """Record Table 1.

    Parameters
    ----------
    this : Page
    found : mapping of str to sequence of Value
        For each model, including the baseline, the rows of the table.
    truth : mapping of str to float
        Per metric, the value of the held-out real images.
    """
    by_model = {model: {v.metric: v for v in values} for model, values in found.items()}
    rows = {metric: {model: by_model[model][metric] for model in found} for metric in by_model[BASELINE]}
    absent = [metric for metric, row in rows.items() if row[BASELINE].note.startswith(WEIGHTS_MISSING)]
    ours = {metric: finite({m: v.value for m, v in row.items()}) for metric, row in rows.items()}
    ours |= {metric: dict.fromkeys(found, WEIGHTS_MISSING) for metric in absent}
    for metric, value in finite(truth).items():
        ours[metric] = {"ground truth": value} | ours[metric]
    # The floor is the same for all models. The baseline has no floor of the scores, because it has no classes.
    floor = {metric: next((v for v in row.values() if np.isfinite(v.low)), None) for metric, row in rows.items()}
    write(
        this,
        "table-1",
        f"computed as defined, {this.on_archive}, in the space of a ceVAE trained on it"
        + (f"; weights not available for {', '.join(absent)}" if absent else ""),
        ours,
        published={metric: {model: v for model, (v, _) in row.items()} for metric, row in paper.TABLE_1.items()},
        error={metric: finite({m: v.error for m, v in row.items()}) for metric, row in rows.items()},
        floor={metric: [digits(v.low), digits(v.high)] for metric, v in floor.items() if v},
    )


def figure_3(this: Page, purity: pd.DataFrame) -> None:
    """Record how far the feature spaces separate the classes.

    Parameters
    ----------
    this : Page
    purity : DataFrame
        A row per space that could be computed, with columns ``purity``, ``chance`` and ``silhouette``.
    """
    by_column = {column: {name: decimals(v) for name, v in purity[column].items()} for column in purity}
    why = "the paper judges by eye and finds the ceVAE's space the most clustered; ours have numbers"
    why += "" if len(purity) == 3 else f"; CLIP: {WEIGHTS_MISSING}"
    ours = {"purity": by_column["purity"], "silhouette": by_column["silhouette"]}
    write(this, "figure-3", why, ours, floor={"purity by chance": by_column["chance"]})


def figure_5(this: Page, images: int, drawable: Sequence[str]) -> None:
    """Record the gallery: how many images were drawn, and the classes that the models can draw."""
    left_out = ", ".join(name for name in CLASSES if name not in drawable) or "none"
    why = f"all three models, {this.on_archive}; classes without a training image: {left_out}"
    write(this, "figure-5", why, {"images": images})


def sample_counts(this: Page) -> None:
    """Record how many sets and images are drawn per model."""
    s = this.lab.settings
    ours = {
        "models": len(MODELS),
        "sets per model": 2 * s.sets,
        "images per set": s.set_size,
        "images": 2 * len(MODELS) * s.sets * s.set_size,
    }
    why = "all three models, half of the sets in the data's proportions, half with all classes alike, "
    why += "at the profile's size"
    write(this, "sample-counts", why, ours, published=paper.SAMPLE_COUNTS, exact=True)


def figure_4(this: Page, table: pd.DataFrame) -> None:
    """Record how well the standard-deviation maps of samples and of real images agree.

    Parameters
    ----------
    this : Page
    table : DataFrame
        A row per class, with columns ``agreement``, ``floor, 5 %`` and ``floor, 95 %`` (NaN where there is no floor).
    """
    why = "the paper shows maps without numbers; ours are "
    why += f"{this.on_archive}, with the agreement's real-against-real floor"
    bounds = table[["floor, 5 %", "floor, 95 %"]].dropna()
    write(
        this,
        "figure-4",
        why,
        {"agreement": {name: decimals(value) for name, value in table["agreement"].items()}},
        floor={name: [decimals(low), decimals(high)] for name, low, high in bounds.itertuples()},
    )


def table_d(this: Page, tested: str, scores: Sequence[ClassScores], label: np.ndarray) -> None:
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
    """
    s, item = this.lab.settings, TESTED[tested]
    macro = {key: np.array([one.macro()[key] for one in scores]) for key in ("f1", "precision", "recall")}
    why = f"DeiT-{s.classifier} of {s.classifier_depth} blocks, {s.classifier_seeds} seeds, {this.on_archive}"
    if len(np.unique(label)) < len(CLASSES):
        why += "; classes without a tested image are left out of the means"
    write(
        this,
        item,
        why,
        {key: decimals(values.mean()) for key, values in macro.items()},
        published=paper.macro(item),
        error={key: decimals(sample_std(values)) for key, values in macro.items()},
    )
