"""The tasks of Section 8: the labelled set as it is, and one frame a day with the strongest flare that follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.dataset.tasks import Task
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.stages.archive import ARCHIVE, archive
from solarsynth.stages.graph import Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET, SPLIT_SEED, labelled_set
from solarsynth.store import Entry
from solarsynth.times import SECOND, milliseconds

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.observations.archive import Archive

RARE = ("A", "M", "X")  # Sect. 8.1 adds images to these classes
STRONG = 3  # class M and above is a yes in Sect. 8.2
VALIDATION = 0.25  # share of the days that are not tested


def daily_table(lab: Lab, mode: str = "paper") -> tuple[pd.DataFrame, dict[str, int]]:
    """Return per day its frame and the strongest class of the next 24 hours, and the counts of days.

    Parameters
    ----------
    lab : Lab
    mode : {"paper", "all-days"}
        Without or with days that have no listed flare.
    """
    return _daily_table(archive(lab), lab.settings, mode)


def _daily_table(source: Archive, settings: Any, mode: str) -> tuple[pd.DataFrame, dict[str, int]]:
    from solarsynth.dataset.daily import daily_labels
    from solarsynth.dataset.labelling import event_flux

    events = source.events()
    flux, _ = event_flux(
        events,
        source.xrs_parts(),
        flux_tolerance=milliseconds(settings.flux_tolerance, SECOND) or source.flux_tolerance,
        scale=settings.scale,
        xrs_scale=source.xrs_scale,
    )
    return daily_labels(events, flux, source.frames().time, mode=mode)


def _make_days(job: Job) -> None:
    from solarsynth.dataset.labelling import normalised_frames
    from solarsynth.dataset.splits import split, time_blocks

    s, source = job.settings, job.need("archive")
    table, _ = _daily_table(source, s, job.ask["mode"])
    image, sound = normalised_frames(source, table["frame"].to_numpy(), s.image_size)
    table, image = table[sound], image[sound]
    if not len(table):
        raise SolarsynthError("no day has a frame at 00:00 UT; the forecast needs one a day")
    flare = table["label"].to_numpy()
    label = (flare >= STRONG).astype(int)
    block = time_blocks(table["day"].to_numpy(), s.block_days)
    rules = {"method": s.split, "n_classes": 2}
    test = split(label, block, test_fraction=s.test_fraction, seed=SPLIT_SEED, **rules)
    validation = np.zeros(len(table), bool)
    rest = np.flatnonzero(~test)
    validation[rest] = split(label[rest], block[rest], test_fraction=VALIDATION, seed=SPLIT_SEED + 1, **rules)
    train = ~(test | validation)
    for name, part in (("test", test), ("validation", validation), ("training", train)):
        if len(np.unique(label[part])) < 2:
            kind = "days with a flare of class M or X" if not label[part].any() else "quiet days"
            raise SolarsynthError(f"the {name} part holds no {kind}; choose another split or block_days")
    np.savez(
        job.folder / "days.npz",
        image=image,
        label=label,
        flare=flare,
        test=test,
        validation=validation,
        day=table["day"].to_numpy(),
        about=json.dumps({"unit": source.unit, "source": source.attributes.get("source", "archive")}),
    )


def _read_days(lab: Lab, entry: Entry) -> Task:
    with np.load(entry.path / "days.npz", allow_pickle=False) as file:
        parts = {name: file[name] for name in ("image", "label", "flare", "test", "validation", "day")}
    train = ~(parts["test"] | parts["validation"])
    rare = tuple(n for i, n in enumerate(CLASSES) if i >= STRONG and (parts["flare"][train] == i).any())
    return Task("days", rare=rare, key=entry.key, mode=entry.manifest["params"]["ask"]["mode"], **parts)


def describe_days(entry: Entry) -> dict[str, str]:
    """Return the unit and the source of a daily set."""
    with np.load(entry.path / "days.npz", allow_pickle=False) as file:
        return json.loads(str(file["about"]))


DAYS = Stage(
    "days",
    "a frame a day, and the strongest flare of the next 24 hours",
    make=_make_days,
    load=_read_days,
    reads=("image_size", "scale", "flux_tolerance", "split", "block_days", "test_fraction"),
    above=("archive",),
    needs=lambda lab, ask: {"archive": Need(ARCHIVE)},
    ask={"mode": "paper"},
    identity=lambda lab, ask: {
        "mode": ask["mode"],
        "split_seed": SPLIT_SEED,
        "strong": STRONG,
        "validation": VALIDATION,
    },
    version=2,
    keep=True,
)


def days_task(lab: Lab, mode: str = "paper") -> Task:
    """Return Section 8.2's task: one frame a day, and whether a flare of class M or X follows within 24 hours.

    Parameters
    ----------
    lab : Lab
    mode : {"paper", "all-days"}

    Raises
    ------
    SolarsynthError
        If a part of the split holds no day of either kind, naming it.
    """
    return lab.load(DAYS, mode=mode)


def classes_task(lab: Lab) -> Task:
    """Return Section 8.1's task: the labelled set with its natural imbalance."""
    data = labelled_set(lab)
    seen = data.counts(test=False)
    if not data.test.any():
        raise SolarsynthError(
            f"the experiment needs held-out images; set test_fraction above 0, got {lab.settings.test_fraction:g}"
        )
    rare = tuple(name for name in RARE if seen[name])
    return Task(
        "classes",
        image=data.image,
        label=data.label,
        flare=data.label,
        test=data.test,
        validation=np.zeros(len(data), bool),
        rare=rare,
        key=lab.key(DATASET),
    )
