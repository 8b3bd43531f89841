"""The archive: frames, X-ray flux and events, simulated, fetched or the user's own."""

from __future__ import annotations

import functools
import hashlib
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solarsynth.errors import SolarsynthError
from solarsynth.stages.graph import Ask, Job, Lab, Stage
from solarsynth.store import Entry
from solarsynth.times import MINUTE, SECOND, milliseconds

if TYPE_CHECKING:
    from solarsynth.observations.archive import Archive


def _archive_reads(lab: Lab, ask: Ask) -> tuple[str, ...]:
    by_source = {
        "simulated": ("simulated_images", "image_size", "simulated_contrast"),
        "sdoml": ("image_size", "downsampling"),
        "quicklook": ("image_size", "quicklook_cadence"),
    }
    return by_source[lab.source]


def _make_archive(job: Job) -> None:
    target = job.folder / "archive"
    shutil.rmtree(target, ignore_errors=True)  # of a build that was killed at its end
    {"simulated": _simulate, "sdoml": _fetch_sdoml, "quicklook": _fetch_quicklook}[job.lab.source](job, target)


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
        flare_contrast=settings.simulated_contrast,
    )


def _fetch_sdoml(job: Job, target: Path) -> None:
    from solarsynth.dataset.labelling import usable_frames
    from solarsynth.observations import building

    # The frames that the labelling will need are read, chosen by the same rules.
    rules = _tolerances(job.settings)
    building.build_sdoml(
        target,
        building.parse_years(job.lab.data),
        job.lab.store.folder / "downloads",
        functools.partial(usable_frames, **rules),
        **rules,
        image_size=job.settings.image_size,
        downsampling=job.settings.downsampling,
        dask=job.lab.dask,
    )


def _tolerances(settings: Any) -> dict[str, int]:
    """Return how late a frame and a flux sample may be, in ms; the paper's 7 minutes and 6 s if not set."""
    return {
        "frame_tolerance": milliseconds(settings.frame_tolerance or 7.0, MINUTE),
        "flux_tolerance": milliseconds(settings.flux_tolerance or 6.0, SECOND),
    }


def _fetch_quicklook(job: Job, target: Path) -> None:
    from solarsynth.observations import building

    building.build_quicklook(
        target,
        building.parse_period(job.lab.data),
        job.lab.store.folder / "downloads",
        image_size=job.settings.image_size,
        cadence=milliseconds(job.settings.quicklook_cadence, MINUTE),
    )


def _identity(lab: Lab, ask: Ask) -> dict[str, Any]:
    from solarsynth.observations import building

    if lab.source == "sdoml":
        return {"source": "sdoml", "years": building.parse_years(lab.data), "quality": 0} | _tolerances(lab.settings)
    if lab.source == "quicklook":
        return {"source": "quicklook", "period": list(building.parse_period(lab.data))}
    from solarsynth.observations.simulated import VERSION

    return {"source": "simulated", "version": VERSION} | asdict(_simulated_sun(lab.settings))


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
    fills=("frame_tolerance", "flux_tolerance"),
    identity=_identity,
    given=_given_archive,
    version=2,
    keep=True,
)


def archive(lab: Lab) -> Archive:
    """Return the archive of the lab's source."""
    return lab.load(ARCHIVE)
