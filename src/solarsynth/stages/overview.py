"""The graph as a table: every stage, what it reads and needs, and what the store holds of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from solarsynth.files import DAMAGED
from solarsynth.integrity import MANIFEST
from solarsynth.settings import Settings
from solarsynth.stages.archive import ARCHIVE
from solarsynth.stages.days import DAYS
from solarsynth.stages.encoders import CEVAE, CLASSIFIER, PREDICTIONS
from solarsynth.stages.examples import ON
from solarsynth.stages.features import FEATURES, FLOOR, MAP
from solarsynth.stages.graph import Lab, Stage
from solarsynth.stages.labelled import DATASET
from solarsynth.stages.models import AVERAGE, MODEL
from solarsynth.stages.physics import PHYSICS
from solarsynth.stages.prior import PRIOR
from solarsynth.stages.samples import SAMPLES
from solarsynth.stages.trials import TRIAL
from solarsynth.stages.unlabelled import UNLABELLED

#: All stages; each needs only stages before it, and `model` also itself, to start from trained weights.
STAGES: tuple[Stage, ...] = (
    ARCHIVE,
    DATASET,
    UNLABELLED,
    DAYS,
    PHYSICS,
    CEVAE,
    CLASSIFIER,
    PREDICTIONS,
    FEATURES,
    MAP,
    FLOOR,
    PRIOR,
    MODEL,
    AVERAGE,
    SAMPLES,
    TRIAL,
)


@dataclass(frozen=True)
class StageRow:
    """A stage and what the store holds of it for one lab.

    Attributes
    ----------
    stage : str
    title : str
    asked : tuple of str
        Parameters of its requests; also in its keys.
    reads : tuple of str
        Settings in its keys.
    above : tuple of str
        Stages that it needs.
    made : int
        Results in the store that were made with the lab's settings.
    bytes : int
        Their size.
    age : float
        Seconds since the newest was made; NaN if there is none.
    others : int
        Results in the store that were made with other settings.
    """

    stage: str
    title: str
    asked: tuple[str, ...]
    reads: tuple[str, ...]
    above: tuple[str, ...]
    made: int
    bytes: int
    age: float
    others: int


def overview(lab: Lab) -> list[StageRow]:
    """Return a row per stage, in an order in which they can be made."""
    manifests = {stage.name: list(_manifests(lab.store.folder / stage.name)) for stage in STAGES}
    stored = {m["key"] for entries in manifests.values() for m in entries}
    rows, known = [], _given(lab)
    for stage in STAGES:
        entries, mine, before = manifests[stage.name], [], -1
        while len(mine) > before:  # until no more: a model may start from another model
            before = len(mine)
            mine = [m for m in entries if _made_with(m, stage, lab, known, stored)]
            known |= {m["key"] for m in mine}
        newest = max((_seconds(m["made"]) for m in mine), default=float("nan"))
        rows.append(
            StageRow(
                stage.name,
                stage.title,
                tuple(stage.ask),
                all_reads(stage),
                stage.above,
                len(mine),
                sum(size for m in mine for size, _ in m["files"].values()),
                max(time.time() - newest, 0.0),  # a clock may have been put back; NaN stays
                len(entries) - len(mine),
            )
        )
    return rows


def _manifests(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        if "." in path.parent.name:
            continue  # unfinished, or moved aside because it is damaged
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if "settings" in manifest["params"]:
                _ = manifest["key"], _seconds(manifest["made"]), manifest["params"]["ask"], dict(manifest["upstream"])
                _ = sum(int(size) for size, _ in manifest["files"].values())
                yield manifest
        except DAMAGED:
            continue  # damaged: it will be made again


def _made_with(manifest: dict[str, Any], stage: Stage, lab: Lab, known: set[str], stored: set[str]) -> bool:
    """Return whether a result was made with the lab's settings, from results that were.

    Parameters
    ----------
    manifest : dict
    stage : Stage
    lab : Lab
    known : set of str
        Keys of results that were made with the lab's settings.
    stored : set of str
        Keys of all results in the store.
    """
    current = lab.settings.as_dict() | {"seed": lab.seed}
    params = manifest["params"]
    if any(current.get(name, value) != value for name, value in params["settings"].items()):
        return False
    if stage.fills and stage.name != "trial":
        # What settings filled in must be what they fill in now.
        filled = stage.identity(lab, {**stage.ask, "counts": {}} if stage is SAMPLES else stage.ask)
        names = set(filled) - set(stage.ask)
        if any(params["ask"].get(name, filled[name]) != filled[name] for name in names):
            return False
    for name, key in manifest["upstream"].items():
        key = key.split("-")[0]  # of the training images of a set: the set's own
        from_outside = name == "images" and key not in stored  # pooled sets, and files of the user
        if key not in known and not from_outside:
            return False
    return True


def _given(lab: Lab) -> set[str]:
    """Return the keys of what the user provides: an archive or a labelled set."""
    stage = {"archive": ARCHIVE, "labelled": DATASET}.get(lab.source)
    return {lab.key(stage)} if stage else set()


def _seconds(made: str) -> float:
    return datetime.fromisoformat(made).timestamp()


def all_reads(stage: Stage) -> tuple[str, ...]:
    """Return all settings that any request of a stage may read, in the order of their declaration."""
    names = set(stage.fills)
    for lab, ask in _requests(stage):
        names |= set(stage.settings_of(lab, ask))
    declared = ["seed", *(row[0] for row in Settings.describe())]
    return tuple(sorted(names, key=declared.index))


def _requests(stage: Stage) -> Iterator[tuple[Lab, dict[str, Any]]]:
    """Yield labs and requests that together read all settings that the stage may read."""
    from solarsynth.kinds import MODELS

    if stage is ARCHIVE:
        periods = {"simulated": "", "sdoml": "2012", "quicklook": "2012-01-01/2012-01-02"}
        yield from ((Lab(source=source, data=data), {}) for source, data in periods.items())
    elif stage is MODEL:
        lab = Lab(overrides={"ema_snapshots": 1})
        yield from ((lab, {**stage.ask, "model": model, "on": on}) for model in MODELS for on in ON)
    else:
        yield Lab(), dict(stage.ask)
