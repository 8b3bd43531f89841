"""The tables of the book: the paper's values beside those of a run, as data frames that a page shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from solarsynth.book import paper
from solarsynth.flares import CLASSES
from solarsynth.metrics.skill import sample_std

if TYPE_CHECKING:
    from rich.table import Table

    from solarsynth.evaluation.values import Value
    from solarsynth.metrics.skill import ClassScores


def funnel(ours: Mapping[str, int]) -> pd.DataFrame:
    """Return the counts of Section 2.4 beside the paper's.

    Parameters
    ----------
    ours : mapping of str to int
        As from `solarsynth.dataset.labelling.labelled_frames`.
    """
    rows = [
        {
            "step": step,
            "paper": f"{paper.FUNNEL[step]:,}" if step in paper.FUNNEL else "–",
            "this run": f"{count:,}",
        }
        for step, count in ours.items()
    ]
    return pd.DataFrame(rows).set_index("step").rename_axis(None)


#: How the note of a value begins that needs network weights which this machine does not have.
MISSING = "weights not available"

#: This package's names of the models, and the paper's columns of Table 1.
COLUMNS = {"cevae": "ceVAE", "discrete": "discrete", "continuous": "continuous", "embedding": "embedding"}


def number(value: float, error: float = math.nan) -> str:
    """Return a value with its error as text; a dash if the value is not finite."""
    if not math.isfinite(value):
        return "–"
    error = 0.0 if error <= 1e-12 * abs(value) else error  # equal values differ by rounding
    return f"{value:.3g}" + (f" ± {error:.2g}" if math.isfinite(error) else "")


def shown(value: Value | None) -> str:
    """Return a metric's value with its error as text; or that its weights are missing; or a dash."""
    if value is None:
        return "–"
    if value.note.startswith(MISSING):
        return MISSING
    return number(value.value, value.error)


def table_1(values: Mapping[str, Sequence[Value]]) -> pd.DataFrame:
    """Return Table 1: the paper's rows and ours, with a column per model.

    Parameters
    ----------
    values : mapping of str to sequence of Value
        For each model the rows that `solarsynth.evaluation.evaluate` returned.

    Returns
    -------
    DataFrame
        Rows are metrics with their target; the paper's value stands above this run's. Columns are the held-out real
        images (the paper calls them *GT*), the models, and the range of real sets of other weeks. The best of our
        values has a star if it leads by more than the sum of both errors; see `starred`.
    """
    found = {model: {v.metric: v for v in rows} for model, rows in values.items()}
    rows = {}
    for name, some in _all_rows(found).items():
        published = paper.TABLE_1.get(name, {})
        if published:
            row = {"real, held out": _pair(published.get("ground truth"))}
            rows[f"{name} → {some.target:g}", "paper"] = row | {
                COLUMNS.get(model, model): _pair(published.get(COLUMNS.get(model, model))) for model in found
            }
        best = starred(name, found)
        row = {"real, held out": number(some.held_out) if math.isfinite(some.held_out) else ""}
        for model, metrics in found.items():
            row[COLUMNS.get(model, model)] = shown(metrics.get(name)) + (" *" if model == best else "")
        row["real sets"] = f"{number(some.low)} to {number(some.high)}" if math.isfinite(some.low) else ""
        measured = f"ours, N = {some.images:,}" if some.images else "ours"
        rows[f"{name} → {some.target:g}", measured] = row
    return pd.DataFrame(rows).T.fillna("")


def _all_rows(found: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """Return every metric with the value of a model that has its floor; the baseline has none of the scores."""
    rows: dict[str, Value] = {}
    for metrics in found.values():
        for name, value in metrics.items():
            if name not in rows or (not math.isfinite(rows[name].low) and math.isfinite(value.low)):
                rows[name] = value
    return rows


#: Metrics that blurred or copied images raise, each with the one that must not be below its floor.
NEEDS = {
    "kNN precision": "kNN recall",
    "Density": "Coverage",
    "kNN precision, VGG16 space": "kNN recall, VGG16 space",
    "Density, VGG16 space": "Coverage, VGG16 space",
}


#: Trainings of every model that a star needs.
FEWEST_TRAININGS = 3


def starred(name: str, found: Mapping[str, Mapping[str, Value]]) -> str | None:
    """Return the model with the best value of a metric, if it leads by more than the sum of both errors.

    Parameters
    ----------
    name : str
        The metric.
    found : mapping
        Per model its values by metric.

    Returns
    -------
    str or None
        None without a clear lead. Blur and copies raise precision and density. A model with a low recall, or a low
        coverage, gets no star for them. A metric that judges nothing has no star. Two trainings show too little of how
    far trainings differ, so that equal models would often seem to differ: a star needs three.
    """
    values = {model: metrics[name] for model, metrics in found.items() if name in metrics}
    best = _best(values)
    if best is None or "judges nothing" in values[best].note or values[best].trainings < FEWEST_TRAININGS:
        return None
    needed = found[best].get(NEEDS.get(name, ""))
    return None if needed is not None and needed.place == "below" else best


def _pair(published: tuple[float, float | None] | None) -> str:
    return "" if published is None else number(published[0], math.nan if published[1] is None else published[1])


def _best(values: Mapping[str, Value]) -> str | None:
    """Return the model closest to the target, if it leads by more than the sum of both errors."""
    known = {model: abs(v.value - v.target) for model, v in values.items() if math.isfinite(v.value)}
    if len(known) < 2:
        return None
    first, second = sorted(known, key=known.get)[:2]
    margin = sum(0.0 if math.isnan(values[m].error) else values[m].error for m in (first, second))
    # Without any error a difference cannot be judged.
    return first if margin > 0 and known[second] - known[first] > margin else None


def table_d(name: str, scores: Sequence[ClassScores], few: Sequence[int] = ()) -> pd.DataFrame:
    """Return a table of Appendix D: F1, precision and recall per class, the paper's beside ours.

    Parameters
    ----------
    name : str
        ``table-d.1`` to ``table-d.4``.
    scores : sequence of ClassScores
        One per classifier.
    few : sequence of int
        Classes with too few held-out images; a last row gives the macro scores without them.
    """
    rows = {}
    published = {**paper.TABLES_D[name], "macro": tuple(paper.macro(name).values())}
    for i, label in enumerate((*CLASSES, "macro")):
        row = {}
        for j, key in enumerate(("f1", "precision", "recall")):
            ours = np.array([s.macro()[key] if label == "macro" else getattr(s, key)[i] for s in scores])
            title = {"f1": "F1"}.get(key, key)
            row[title, "paper"] = f"{published[label][j]:.2f}"
            row[title, "ours"] = number(float(ours.mean()), sample_std(ours))
        rows[label] = row
    if few:
        without = [one.macro(without=few) for one in scores]
        rows[f"macro without {', '.join(CLASSES[i] for i in few)}"] = {
            ({"f1": "F1"}.get(key, key), "ours"): number(*_mean_and_std([one[key] for one in without]))
            for key in ("f1", "precision", "recall")
        }
    return pd.DataFrame(rows).T.fillna("")


def _mean_and_std(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), sample_std(np.array(values))


def separation(row: Mapping[str, float]) -> dict[str, str]:
    """Return the numbers of `solarsynth.evaluation.separations` as texts, with their interval and what chance gives."""
    held_out = "–"
    if math.isfinite(row["held out"]):
        held_out = f"{row['held out']:.3f} ({row['held out, low']:.3f} to {row['held out, high']:.3f})"
    return {
        "purity, held out, other blocks": held_out,
        "by chance": number(row["held out, chance"]),
        "purity, training images": number(row["purity"]),
        "by chance ": number(row["chance"]),
        "silhouette, training images": number(row["silhouette"]),
    }


def claims(entries: Mapping[str, Mapping]) -> pd.DataFrame:
    """Return what the paper concludes, and what a run found.

    Parameters
    ----------
    entries : mapping of str to mapping
        The run's ledger, as from `solarsynth.book.ledger.read`.
    """
    table, accuracy, forecast = (entries[item] for item in ("table-1", "accuracy-8.1", "skill-8.2"))
    rows = [
        (
            "Sect. 6",
            "discrete labels are followed best: F1 ratio 0.70, 0.34 for the X-ray flux, 0.60 for embeddings",
            _judging(table) + _by_model(table, "F1"),
        ),
        (
            "Sect. 6",
            "the discrete model fills the clusters best: error 0.13, 1.50, 0.21; baseline 7.95",
            _by_model(table, "Cluster error"),
        ),
        (
            "Sect. 6",
            "the X-ray model has the lowest FID",
            "in the ceVAE's space: " + _by_model(table, "Fréchet, ceVAE space"),
        ),
        (
            "Sect. 6",
            "only the ceVAE's space shows clusters",
            "purity of held-out images " + _listed(entries["figure-3"], "purity, held out"),
        ),
        (
            "Sect. 7",
            "samples vary where the Sun does",
            "agreement of the maps " + _listed(entries["figure-4"], "agreement"),
        ),
        ("Sect. 8.1", "600 images raise accuracy from 0.30 to 0.82 (A) and from 0.07 to 0.29 (M)", _rivals(accuracy)),
        ("Sect. 8.2", "synthetic images bring TSS 0.35 and HSS 0.18", _forecast(forecast)),
    ]
    return pd.DataFrame(rows, columns=["where", "the paper", "this run"]).set_index("where").rename_axis(None)


def _by_model(entry: Mapping, metric: str) -> str:
    """Return a metric of every model, with its error, as text."""
    row, error = ((entry[key] or {}).get(metric, {}) for key in ("ours", "error"))
    cells = (f"{m} {number(v, error.get(m, math.nan))}" for m, v in row.items() if isinstance(v, int | float))
    return ", ".join(cells) or "not computed"


def _listed(entry: Mapping, key: str = "") -> str:
    """Return what the run found, or one part of it, as text; or why it found nothing."""
    ours = entry["ours"] or {}
    values = ours.get(key, {}) if key else ours
    return "; ".join(f"{name}: {value}" for name, value in values.items()) or entry["why"]


#: How the names of the comparisons end that the paper makes.
RIVALS = ("synthetic against none", "synthetic against classical")


def _rivals(entry: Mapping) -> str:
    """Return the comparisons of synthetic images with the paper's two rivals as text; or why there are none."""
    ours = {name: value for name, value in (entry["ours"] or {}).items() if name.endswith(RIVALS)}
    return "; ".join(f"{name}: {value}" for name, value in ours.items()) or entry["why"]


def _judging(entry: Mapping) -> str:
    """Return a warning if the classifiers of an item judge nothing, else an empty text."""
    return "the classifiers judge nothing here: " if "judges nothing" in entry["why"] else ""


def _forecast(entry: Mapping) -> str:
    """Return the skill scores with their errors and the baselines as text; or why there are none."""
    if not entry["ours"]:
        return entry["why"]
    error, floor = entry["error"] or {}, entry["floor"] or {}
    texts = [
        f"{name} {number(value, error.get(name) or math.nan) if isinstance(value, int | float) else value}"
        for name, value in entry["ours"].items()
        if "against" not in name or name.endswith(RIVALS)
    ]
    return "; ".join(texts + [f"{name} {number(value)}" for name, value in floor.items()])


def evaluation_table(values: Sequence[Value], title: str) -> Table:
    """Return the table that `solarsynth evaluate` prints."""
    from rich.table import Column, Table

    columns = ("target", "value", "held out", "real, 9 in 10", "place", "images", "note")
    table = Table(Column("metric", no_wrap=True), *columns, title=title)
    for v in values:
        floor = f"{number(v.low)} to {number(v.high)}" if math.isfinite(v.low) else ""
        held_out = number(v.held_out) if math.isfinite(v.held_out) else ""
        count = f"{v.images:,}" if v.images else ""
        place = place_of(v)
        table.add_row(v.metric, f"{v.target:g}", shown(v), held_out, floor, place, count, v.note)
    return table


def place_of(value: Value) -> str:
    """Return where a value lies among real sets, and whether it rejects the samples; a dash if it cannot be said."""
    if value.rejects:
        return f"{value.place}, rejects" if value.place else "rejects"
    return value.place or ("does not reject" if math.isfinite(value.adjusted) else "–")


def places(values: Mapping[str, Sequence[Value]]) -> pd.DataFrame:
    """Return where the values of every model lie: below, within or above real sets, and whether they reject it."""
    found = {model: {v.metric: v for v in rows} for model, rows in values.items()}
    table = {model: {name: place_of(v) for name, v in metrics.items()} for model, metrics in found.items()}
    return pd.DataFrame(table, index=list(_all_rows(found))).fillna("–").rename(columns=COLUMNS)


def parameters_by_block(modules: Mapping[str, int]) -> pd.DataFrame:
    """Return the trainable parameters per block and in all.

    Parameters
    ----------
    modules : mapping of str to int
        For each block the number of its parameters.
    """
    rows = {**modules, "in all": sum(modules.values())}
    return pd.DataFrame({"parameters": [f"{n:,}" for n in rows.values()]}, index=list(rows))
