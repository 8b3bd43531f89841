"""The price of a label: the same frames labelled by other rules, and what each rule does to the classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from solarsynth.dataset.labelling import label_events
from solarsynth.dataset.regions import NO_REGION
from solarsynth.flares import CLASSES
from solarsynth.times import MINUTE

if TYPE_CHECKING:
    from solarsynth.observations.archive import Archive

#: Minutes that a frame may follow the peak: the paper's, and those of an hourly archive.
TOLERANCES = (7, 60)


class Rule(NamedTuple):
    """How frames are labelled.

    Attributes
    ----------
    scale : {"operational", "science"}
        Of the classes.
    tolerance : int
        Milliseconds that a frame may follow the peak.
    method : str
        Only events of this entry of the archive's list (``frm_name`` of HEK); empty for all.
    """

    scale: str
    tolerance: int
    method: str = ""

    def __str__(self) -> str:
        """Return the rule for a table."""
        listed = f", list of {self.method}" if self.method else ""
        return f"{self.scale}, {self.tolerance / MINUTE:g} min{listed}"


def rules(events: pd.DataFrame, scale: str, tolerance: int) -> list[Rule]:
    """Return the rules that are compared: the first is the run's own.

    Parameters
    ----------
    events : DataFrame
        With ``method``. Lists that give a class are compared if there are two or more.
    scale : str
        The run's; ``paper``, which mixes the two others, stays as it is.
    tolerance : int
        The run's, in milliseconds.
    """
    own = Rule(scale, tolerance)
    minutes = sorted({tolerance, *(each * MINUTE for each in TOLERANCES)})
    found = [own, *(Rule(one, each) for one in ("operational", "science") for each in minutes)]
    if "method" in events:
        classed = events["goes_class"].fillna("").astype(str) != ""
        methods = sorted(set(events.loc[classed, "method"].fillna("").astype(str)) - {""})
        found += [own._replace(method=name) for name in methods] if len(methods) > 1 else []
    return list(dict.fromkeys(found))


def compare_labels(archive: Archive, compared: Iterable[Rule], flux_tolerance: int) -> pd.DataFrame:
    """Label the frames of an archive by several rules.

    Whether an image is sound is not looked at, so that no frame is read.

    Parameters
    ----------
    archive : Archive
    compared : iterable of Rule
        The first is what the others are compared with.
    flux_tolerance : int
        Milliseconds that an X-ray sample may follow the peak.

    Returns
    -------
    DataFrame
        Indexed by rule, as text: ``images``; one column per class; ``regions``, the active regions that are known, and
        ``M and X regions``, those of the images of classes M and X; ``shared``, the images that the first rule labels,
        too; ``changed``, the share of these with another class, NaN without one.
    """
    events, time = archive.events(), archive.frames().time
    labelled: dict[Rule, pd.DataFrame] = {}
    for rule in compared:
        chosen = events[events["method"] == rule.method].reset_index(drop=True) if rule.method else events
        labelled[rule], _ = label_events(
            chosen,
            archive.xrs_parts(),
            time,
            frame_tolerance=rule.tolerance,
            flux_tolerance=flux_tolerance,
            scale=rule.scale,
            xrs_scale=archive.xrs_scale,
        )
    first = next(iter(labelled.values())).set_index("frame")["label"]
    rows = {str(rule): _row(table, first) for rule, table in labelled.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")


def _row(table: pd.DataFrame, first: pd.Series) -> dict[str, float]:
    label = table.set_index("frame")["label"]
    shared = label.index.intersection(first.index)
    known = table["region"] != NO_REGION
    strong = table["label"] >= CLASSES.index("M")
    return {
        "images": len(table),
        **dict(zip(CLASSES, np.bincount(table["label"], minlength=len(CLASSES)).tolist(), strict=True)),
        "regions": table.loc[known, "region"].nunique(),
        "M and X regions": table.loc[known & strong, "region"].nunique(),
        "shared": len(shared),
        "changed": float((label[shared] != first[shared]).mean()) if len(shared) else float("nan"),
    }


def sentence(table: pd.DataFrame) -> str:
    """Say in words which rule changes most classes of a table of `compare_labels`, and how the images range."""
    others = table.iloc[1:]
    others = others[others["changed"].notna()]
    if not len(others):
        return f"{table.index[0]}: no other rule labels any of its {int(table['images'].iloc[0]):,} images."
    most, counts = others.loc[others["changed"].idxmax()], table["images"].iloc[1:]
    own, few, many = int(table["images"].iloc[0]), int(counts.min()), int(counts.max())
    strong = table["M and X regions"].astype(int)
    changes = (
        f"The rule '{most.name}' changes the largest share of classes: {most['changed']:.1%} of the "
        f"{int(most['shared']):,} images that both label."
        if most["changed"]
        else "No rule changes the class of an image that it shares."
    )
    return (
        f"With the run's own rule ({table.index[0]}) {own:,} frames get a label, with the others {few:,} to {many:,}. "
        f"{changes} Images of class M or X come from {strong.min()} to {strong.max()} known regions."
    )


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of `compare_labels` for display."""
    changed = {name: "–" if np.isnan(value) else f"{value:.1%}" for name, value in table["changed"].items()}
    return table.assign(changed=pd.Series(changed))
