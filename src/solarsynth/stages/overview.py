"""The graph as a table: every stage, what it reads and needs, and what the store holds of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from solarsynth.settings import Settings
from solarsynth.stages.archive import ARCHIVE
from solarsynth.stages.days import DAYS
from solarsynth.stages.encoders import CEVAE, CLASSIFIER, PREDICTIONS
from solarsynth.stages.features import FEATURES, FLOOR, MAP
from solarsynth.stages.graph import Lab, Stage
from solarsynth.stages.labelled import DATASET
from solarsynth.stages.models import MODEL, PRIOR
from solarsynth.stages.samples import SAMPLES
from solarsynth.stages.trials import TRIAL
from solarsynth.store import MANIFEST

#: All stages; each needs only stages before it, and `model` also itself, to start from trained weights.
STAGES: tuple[Stage, ...] = (
    ARCHIVE,
    DATASET,
    DAYS,
    CEVAE,
    CLASSIFIER,
    PREDICTIONS,
    FEATURES,
    MAP,
    FLOOR,
    MODEL,
    PRIOR,
    SAMPLES,
    TRIAL,
)


@dataclass(frozen=True)
class Row:
    """A stage and what the store holds of it for one lab.

    Attributes
    ----------
    stage : str
    title : str
    asked : tuple of str
        What can be asked of it; also in its keys.
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


def overview(lab: Lab) -> list[Row]:
    """Return a row per stage, in an order in which they can be made."""
    rows, known = [], set()
    for stage in STAGES:
        entries = list(_manifests(lab.store.folder / stage.name))
        mine = [m for m in entries if _made_with(m, lab, known | {m["key"]})]
        # A stage may need other results of its own, which the first pass did not know.
        known |= {m["key"] for m in mine}
        newest = max((_seconds(m["made"]) for m in mine), default=float("nan"))
        rows.append(
            Row(
                stage.name,
                stage.title,
                tuple(stage.ask),
                _all_reads(stage),
                stage.above,
                len(mine),
                sum(size for m in mine for size, _ in m["files"].values()),
                time.time() - newest,
                len(entries) - len(mine),
            )
        )
    return rows


def _manifests(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        if path.parent.suffix == ".partial":
            continue
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if "settings" in manifest["params"]:
                yield manifest
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged: it will be made again


def _made_with(manifest: dict[str, Any], lab: Lab, known: set[str]) -> bool:
    """Return whether a result was made with the lab's settings, from results that were."""
    current = lab.settings.as_dict() | {"seed": lab.seed}
    settings = manifest["params"]["settings"]
    if any(current[name] != value for name, value in settings.items() if name in current):
        return False
    if manifest["stage"] == "archive" and manifest["params"]["ask"]["source"] != lab.source:
        return False
    above = {name: key for name, key in manifest["upstream"].items() if name in ("archive", "dataset")}
    return lab.source in ("archive", "labelled") or all(key in known for key in above.values())


def _seconds(made: str) -> float:
    return datetime.fromisoformat(made).timestamp()


def _all_reads(stage: Stage) -> tuple[str, ...]:
    """Return all settings that any request of a stage may read, in the order of their declaration."""
    if not callable(stage.reads):
        names = set(stage.reads)
    else:
        names = {name for ask in _requests(stage) for name in stage.reads(ask)}
    return tuple(name for name in ("seed", *(row[0] for row in Settings.describe())) if name in names)


def _requests(stage: Stage) -> Iterator[dict[str, Any]]:
    from solarsynth.kinds import MODELS

    if stage is ARCHIVE:
        yield from ({**stage.ask, "source": source} for source in ("simulated", "sdoml", "quicklook"))
    else:
        yield from ({**stage.ask, "model": model, "on": on} for model in MODELS for on in ("frames", "days"))
