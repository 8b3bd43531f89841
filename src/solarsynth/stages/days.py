"""The tasks of Section 8: the labelled set as it is, and one frame a day with the strongest flare that follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.dataset.labelled import LabelledSet
from solarsynth.dataset.tasks import Task
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.stages.archive import ARCHIVE, archive
from solarsynth.stages.graph import Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET, SPLIT, SPLIT_SEED, labelled_set, split_rules
from solarsynth.store import Entry
from solarsynth.times import SECOND, milliseconds

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.observations.archive import Archive

RARE = ("A", "M", "X")  # Sect. 8.1 adds images to these classes
STRONG = 3  # class M and above is a yes in Sect. 8.2

#: Least days between the days that are trained on and those held out. A label looks 24 hours ahead of midnight, and
#: its frame may be two hours older.
LEAST_PURGE = 1 + 2 / 24


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
    return daily_labels(events, flux, source.frames().time, mode=mode, covered=source.events_period)


def _make_days(job: Job) -> None:
    from solarsynth.dataset.labelling import normalised_frames
    from solarsynth.dataset.regions import independent_units
    from solarsynth.dataset.splits import split, time_blocks

    s, source = job.settings, job.need("archive")
    if s.split == "blocked" and s.test_fraction and s.purge_days < LEAST_PURGE:
        raise SolarsynthError(
            f"purge_days must be at least {LEAST_PURGE:.3g} for one frame a day, whose label looks 24 hours ahead; "
            f"got {s.purge_days:g}"
        )
    table, _ = _daily_table(source, s, job.ask["mode"])
    image, sound = normalised_frames(source, table["frame"].to_numpy(), s.image_size)
    table, image = table[sound], image[sound]
    if not len(table):
        raise SolarsynthError("no day has a frame in the two hours before 00:00 UT; the forecast needs one a day")
    flare, day, region = (table[name].to_numpy() for name in ("label", "day", "region"))
    label = (flare >= STRONG).astype(int)
    parts = vars(split(day, region, **split_rules(s)))
    for name in ("fit", "validation", "test"):
        if len(np.unique(label[parts[name]])) < 2:
            kind = "days with a flare of class M or X" if not label[parts[name]].any() else "quiet days"
            raise SolarsynthError(f"the part '{name}' holds no {kind}; choose another split, fold or block_days")
    np.savez(
        job.folder / "days.npz",
        image=image,
        label=label,
        flare=flare,
        day=day,
        before=table["before"].to_numpy() >= STRONG,
        region=region,
        unit=independent_units(time_blocks(day, s.block_days), region),
        **parts,
        about=json.dumps({"unit": source.unit, "source": source.attributes.get("source", "archive")}),
    )


def _read_days(lab: Lab, entry: Entry) -> Task:
    names = ("image", "label", "flare", *LabelledSet.PARTS, "unit", "region", "day", "before")
    with np.load(entry.path / "days.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in names}
    rare = tuple(n for i, n in enumerate(CLASSES) if i >= STRONG and (arrays["flare"][arrays["fit"]] == i).any())
    return Task("days", rare=rare, key=entry.key, mode=entry.manifest["params"]["ask"]["mode"], **arrays)


def describe_days(entry: Entry) -> dict[str, str]:
    """Return the unit and the source of a daily set."""
    with np.load(entry.path / "days.npz", allow_pickle=False) as file:
        return json.loads(str(file["about"]))


DAYS = Stage(
    "days",
    "a frame a day, and the strongest flare of the next 24 hours",
    make=_make_days,
    load=_read_days,
    reads=("image_size", "scale", "flux_tolerance", "split", *SPLIT),
    above=("archive",),
    needs=lambda lab, ask: {"archive": Need(ARCHIVE)},
    ask={"mode": "paper"},
    identity=lambda lab, ask: {
        "mode": ask["mode"],
        "split_seed": SPLIT_SEED,
        "strong": STRONG,
    },
    version=3,
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
    if not data.test.any():
        raise SolarsynthError(
            f"the experiment needs held-out images; set test_fraction above 0, got {lab.settings.test_fraction:g}"
        )
    learnt = data.label[data.fit]
    return Task(
        "classes",
        image=data.image,
        label=data.label,
        flare=data.label,
        unit=data.group,
        region=data.region,
        rare=tuple(name for name in RARE if (learnt == CLASSES.index(name)).any()),
        key=lab.key(DATASET),
        **{name: getattr(data, name) for name in LabelledSet.PARTS},
    )
