"""The archive: frames, X-ray flux and events, simulated, fetched or the user's own."""

from __future__ import annotations

import functools
import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solarsynth.errors import SolarsynthError
from solarsynth.stages.graph import Ask, Job, Lab, Stage
from solarsynth.store import Entry
from solarsynth.times import MINUTE, SECOND, milliseconds

if TYPE_CHECKING:
    from solarsynth.observations.archive import Archive


def _archive_reads(ask: Ask) -> tuple[str, ...]:
    by_source = {
        "simulated": ("simulated_images", "image_size"),
        "sdoml": ("image_size", "downsampling", "frame_tolerance", "flux_tolerance"),
        "quicklook": ("image_size", "quicklook_cadence"),
    }
    return by_source[ask["source"]]


def _make_archive(job: Job) -> None:
    target = job.folder / "archive"
    shutil.rmtree(target, ignore_errors=True)  # of a build that was killed at its end
    {"simulated": _simulate, "sdoml": _fetch_sdoml, "quicklook": _fetch_quicklook}[job.ask["source"]](job, target)


def _simulate(job: Job, target: Path) -> None:
    from solarsynth.observations.simulated import simulate

    simulate(target, _simulated_sun(job.settings))


def _simulated_sun(settings: Any) -> Any:
    from solarsynth.observations.simulated import SimulatedSun

    # Coarser flux and fewer daily frames for a small archive: nine years at one minute take seconds to read.
    large = settings.simulated_images > 1000
    return SimulatedSun(
        images=settings.simulated_images,
        image_size=settings.image_size,
        xrs_cadence=(1 if large else 5) * MINUTE,
        regular_days=1 if large else 2,
    )


def _fetch_sdoml(job: Job, target: Path) -> None:
    from solarsynth.dataset.labelling import usable_frames
    from solarsynth.observations import building

    s = job.settings
    # The frames that are read are those that the labelling will ask for, by the same rules.
    frame_tolerance = milliseconds(s.frame_tolerance or 7.0, MINUTE)
    flux_tolerance = milliseconds(s.flux_tolerance or 6.0, SECOND)
    building.build_sdoml(
        target,
        job.ask["data"],
        job.lab.store.folder / "downloads",
        functools.partial(usable_frames, frame_tolerance=frame_tolerance, flux_tolerance=flux_tolerance),
        frame_tolerance=frame_tolerance,
        flux_tolerance=flux_tolerance,
        image_size=s.image_size,
        downsampling=s.downsampling,
        dask=job.lab.dask,
    )


def _fetch_quicklook(job: Job, target: Path) -> None:
    from solarsynth.observations import building

    building.build_quicklook(
        target,
        tuple(job.ask["data"]),
        job.lab.store.folder / "downloads",
        image_size=job.settings.image_size,
        cadence=milliseconds(job.settings.quicklook_cadence, MINUTE),
    )


def _archive_identity(lab: Lab, ask: Ask) -> dict[str, Any]:
    if ask["source"] != "simulated":
        return dict(ask)
    from solarsynth.observations.simulated import VERSION

    return {"source": "simulated", "version": VERSION}


def _given_archive(lab: Lab) -> Entry | None:
    if lab.source == "labelled":
        raise SolarsynthError("source 'labelled' has no archive, only its labelled set; choose another source")
    if lab.source != "archive":
        return None
    folder = Path(lab.data)
    return Entry("archive", lab.remember(("given", "archive"), lambda: fingerprint(folder)), folder, {}, reused=True)


def fingerprint(folder: Path) -> str:
    """Return a hash of the names, sizes and times of a folder's files; it tells that an archive changed."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            digest.update(f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _read_archive(lab: Lab, entry: Entry) -> Archive:
    from solarsynth.observations.archive import Archive

    return Archive(entry.path if lab.source == "archive" else entry.path / "archive")


ARCHIVE = Stage(
    "archive",
    "frames, X-ray flux and events",
    make=_make_archive,
    load=_read_archive,
    reads=_archive_reads,
    ask={"source": "simulated", "data": None},
    identity=_archive_identity,
    given=_given_archive,
    keep=True,
)


def archive_ask(lab: Lab) -> dict[str, Any]:
    """Return what is asked of the archive's stage: the source and its data, read once."""
    if lab.source in ("simulated", "archive", "labelled"):
        return {"source": "simulated"}
    from solarsynth.observations import building

    parse = building.parse_years if lab.source == "sdoml" else building.parse_period
    return {"source": lab.source, "data": list(parse(lab.data))}


def archive(lab: Lab) -> Archive:
    """Return the archive of the lab's source."""
    return lab.load(ARCHIVE, **archive_ask(lab))


def archive_entry(lab: Lab) -> Entry:
    """Return the archive's entry in the store, made if need be; the user's own archive has no manifest."""
    return lab.entry(ARCHIVE, **archive_ask(lab))
