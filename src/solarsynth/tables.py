"""The tables: paper | ours | spread | floor | difference, as data frames that a page shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from solarsynth import CLASSES, paper
from solarsynth.metrics.skill import spread

if TYPE_CHECKING:
    from rich.table import Table

    from solarsynth.evaluation import Value
    from solarsynth.metrics.skill import ClassScores


def funnel(ours: Mapping[str, int]) -> pd.DataFrame:
    """Counts of Section 2.4 beside the paper's.

    Parameters
    ----------
    ours : mapping of str to int
        As from `solarsynth.labelling.labelled_frames`.
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


MISSING = "weights not available"

#: This package's names of the models, and the paper's columns of Table 1.
COLUMNS = {"cevae": "ceVAE", "discrete": "discrete", "continuous": "continuous", "embedding": "embedding"}


def number(value: float, error: float = math.nan) -> str:
    """Write a value with its spread, or a dash."""
    if not math.isfinite(value):
        return "–"
    error = 0.0 if error <= 1e-12 * abs(value) else error  # equal values, but for rounding
    return f"{value:.3g}" + (f" ± {error:.2g}" if math.isfinite(error) else "")


def shown(value: Value) -> str:
    """Write a metric's value with its spread, or that its weights are missing, or a dash."""
    if value.note.startswith(MISSING):
        return MISSING
    return number(value.value, value.spread)


def table_1(values: Mapping[str, Sequence[Value]], truth: Mapping[str, float]) -> pd.DataFrame:
    """Table 1: the paper's rows and ours, model by model.

    Parameters
    ----------
    values : mapping of str to sequence of Value
        Per model, what `solarsynth.evaluation.evaluate` found.
    truth : mapping of str to float
        The metrics of held-out real images; of the cluster metrics they are the paper's *GT*.

    Returns
    -------
    DataFrame
        Rows are metrics with their target, the paper's value above this run's; columns the held-out real images,
        the models, and what sets of real images have. The best of our values has a star where it leads by
        more than both spreads.
    """
    found = {model: {v.metric: v for v in rows} for model, rows in values.items()}
    rows = {}
    for name, some in next(iter(found.values())).items():
        published = paper.TABLE_1.get(name, {})
        if published:
            row = {"real, held out": _pair(published.get("ground truth"))}
            rows[f"{name} → {some.target:g}", "paper"] = row | {
                COLUMNS[model]: _pair(published.get(COLUMNS[model])) for model in found
            }
        # The same for all models; one that is asked for no class has no scores.
        some = next((m[name] for m in found.values() if math.isfinite(m[name].low)), some)
        best = _best({model: metrics[name] for model, metrics in found.items()})
        row = {"real, held out": number(truth[name]) if name in truth else ""}
        for model, metrics in found.items():
            value = metrics[name]
            row[COLUMNS[model]] = shown(value) + (" *" if model == best else "")
        row["real sets"] = f"{number(some.low)} to {number(some.high)}" if math.isfinite(some.low) else ""
        measured = f"ours, N = {some.images:,}" if some.images else "ours"
        rows[f"{name} → {some.target:g}", measured] = row
    return pd.DataFrame(rows).T.fillna("")


def _pair(published: tuple[float, float | None] | None) -> str:
    return "" if published is None else number(published[0], math.nan if published[1] is None else published[1])


def _best(values: Mapping[str, Value]) -> str | None:
    """Return the model nearest to the target, if it is so by more than the spreads."""
    known = {model: abs(v.value - v.target) for model, v in values.items() if math.isfinite(v.value)}
    if len(known) < 2:
        return None
    first, second = sorted(known, key=known.get)[:2]
    margin = sum(0.0 if math.isnan(values[m].spread) else values[m].spread for m in (first, second))
    # Without any spread a difference cannot be judged.
    return first if margin > 0 and known[second] - known[first] > margin else None


def table_d(name: str, scores: Sequence[ClassScores]) -> pd.DataFrame:
    """A table of Appendix D: F1, precision and recall per class, the paper's beside ours.

    Parameters
    ----------
    name : str
        ``table-d.1`` to ``table-d.4``.
    scores : sequence of ClassScores
        One per classifier.
    """
    rows = {}
    published = {**paper.TABLES_D[name], "macro": tuple(paper.macro(name).values())}
    for i, label in enumerate((*CLASSES, "macro")):
        row = {}
        for j, key in enumerate(("f1", "precision", "recall")):
            ours = np.array([s.macro()[key] if label == "macro" else getattr(s, key)[i] for s in scores])
            title = {"f1": "F1"}.get(key, key)
            row[title, "paper"] = f"{published[label][j]:.2f}"
            row[title, "ours"] = number(float(ours.mean()), spread(ours))
        rows[label] = row
    return pd.DataFrame(rows).T


def claims(entries: Mapping[str, Mapping]) -> pd.DataFrame:
    """What the paper concludes, and what a run found, from its ledger.

    Parameters
    ----------
    entries : mapping of str to mapping
        As from `solarsynth.ledger.read`.
    """

    def ours(item: str) -> dict:
        return entries[item]["ours"] or {}

    def by_model(metric: str) -> str:
        row, error = ours("table-1").get(metric, {}), (entries["table-1"]["spread"] or {}).get(metric, {})
        cells = (f"{m} {number(v, error.get(m, math.nan))}" for m, v in row.items() if isinstance(v, int | float))
        return ", ".join(cells) or "not computed"

    def listed(item: str, key: str = "") -> str:
        values = ours(item).get(key, {}) if key else ours(item)
        return "; ".join(f"{k}: {v}" for k, v in values.items()) or entries[item]["why"]

    skill, floor = ours("skill-8.2"), entries["skill-8.2"]["floor"] or {}
    forecast = entries["skill-8.2"]["why"]
    if skill:
        error = entries["skill-8.2"]["spread"] or {}
        scores = (number(v, error.get(n) or math.nan) if isinstance(v, int | float) else v for n, v in skill.items())
        ours_and_floor = [f"{n} {v}" for n, v in zip(skill, scores, strict=True)]
        ours_and_floor += [f"{n} {number(v)}" for n, v in floor.items()]
        forecast = "; ".join(ours_and_floor)
    rows = [
        (
            "Sect. 6",
            "discrete labels are followed best: F1 ratio 0.70, 0.34 for the X-ray flux, 0.60 for embeddings",
            by_model("F1"),
        ),
        (
            "Sect. 6",
            "the discrete model fills the clusters best: error 0.13, 1.50, 0.21; baseline 7.95",
            by_model("Cluster error"),
        ),
        ("Sect. 6", "the X-ray model has the lowest FID", "in the ceVAE's space: " + by_model("Fréchet, ceVAE space")),
        ("Sect. 6", "only the ceVAE's space shows clusters", "purity " + listed("figure-3", "purity")),
        ("Sect. 7", "samples vary where the Sun does", "agreement of the maps " + listed("figure-4", "agreement")),
        (
            "Sect. 8.1",
            "600 images raise accuracy from 0.30 to 0.82 (A) and from 0.07 to 0.29 (M)",
            listed("accuracy-8.1"),
        ),
        ("Sect. 8.2", "synthetic images bring TSS 0.35 and HSS 0.18", forecast),
    ]
    return pd.DataFrame(rows, columns=["where", "the paper", "this run"]).set_index("where").rename_axis(None)


def evaluation_table(values: Sequence[Value], title: str) -> Table:
    """Return what `solarsynth evaluate` prints."""
    from rich.table import Column, Table

    table = Table(Column("metric", no_wrap=True), "target", "value", "real, 5 to 95 %", "images", "note", title=title)
    for v in values:
        floor = f"{number(v.low)} to {number(v.high)}" if math.isfinite(v.low) else ""
        count = f"{v.images:,}" if v.images else ""
        table.add_row(v.metric, f"{v.target:g}", shown(v), floor, count, v.note)
    return table


def parameters_by_block(modules: Mapping[str, int]) -> pd.DataFrame:
    """Trainable values per block and in all.

    Parameters
    ----------
    modules : mapping of str to int
    """
    rows = {**modules, "in all": sum(modules.values())}
    return pd.DataFrame({"parameters": [f"{n:,}" for n in rows.values()]}, index=list(rows))
