"""A local SDOMLv2 store, or another archive: any chunk shape, key separator and order that zarr reads."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError, reading
from solarsynth.observations.archive import CHANNEL, Archive
from solarsynth.observations.checked import MissingChunk
from solarsynth.observations.frames import disk
from solarsynth.observations.frames.headers import FLAGGED, NO_EXPOSURE, WITHOUT_TIME
from solarsynth.observations.frames.picture import LeftOut
from solarsynth.observations.quality import flags_raised, per_frame, unexposed
from solarsynth.pixels import DISK_RADIUS, block_mean
from solarsynth.times import NO_TIME, parse_times

MISSING = "frames whose chunk is missing"
DAMAGED = "frames whose chunk is damaged"


@functools.lru_cache(maxsize=4)
def opened(path: Path) -> Archive:
    """Return the store as an `Archive`, opened once: a year's attributes may have 221 MB."""
    return Archive(path)


@functools.lru_cache(maxsize=16)
def _year(path: Path, year: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the times (ms) of a year's frames, which are flagged, and which were not exposed."""
    archive = opened(path)
    array, n = archive.array(year), archive.array(year).shape[0]
    for name in (".zarray", ".zattrs"):
        archive.arrays.verify(f"{year}/{CHANNEL}/{name}")
    with reading(path / str(year) / CHANNEL, "its attributes cannot be read"):
        attributes = dict(array.attrs)
        time = parse_times(list(attributes.get("T_OBS") or []))
        quality, exposure = (per_frame(attributes.get(name), n) for name in ("QUALITY", "EXPTIME"))
    if len(time) != n:
        raise SolarsynthError(f"{path}/{year}: {n} frames but {len(time)} times in T_OBS")
    return time, flags_raised(quality), unexposed(exposure)


def parts(path: Path, size: int) -> list[tuple[int, int, int]]:
    """Return the pieces in which a store is read: year, first row and end, each a chunk long.

    Raises
    ------
    SolarsynthError
        If it is no store, or its frames cannot be averaged to `size`.
    """
    archive = opened(path)
    block_mean(np.empty((0, *archive.shape), np.float32), size, path)
    found = []
    for year in archive.years:
        array = archive.array(year)
        step = array.chunks[0]
        found += [(year, first, min(first + step, array.shape[0])) for first in range(0, array.shape[0], step)]
    return found


def read(path: Path, year: int, first: int, end: int, size: int) -> list[tuple[str, int, np.ndarray | LeftOut]]:
    """Read frames of a year.

    Returns
    -------
    list of (str, int, ndarray or LeftOut)
        Name, time (ms), and the frame (size, size) in the store's unit, row 0 in the south, or why it is left out.
    """
    archive = opened(path)
    time, raised, dark = (values[first:end] for values in _year(path, year))
    raw, fault = np.empty((0, *archive.shape)), ""
    try:
        raw = archive.arrays.rows(f"{year}/{CHANNEL}", np.arange(first, end))
    except MissingChunk:
        fault = MISSING  # zarr would read zeros
    except SolarsynthError:
        fault = DAMAGED
    # The limb of SDOMLv2 has a known place. An archive that was made here, which records its source, may have another.
    known_disk = archive.unit == "DN/s" and "source" not in archive.attributes
    found = []
    for i, stamp in enumerate(time.tolist()):
        name = f"{path.name}/{year}[{first + i}]"
        try:
            if stamp == NO_TIME:
                raise LeftOut(WITHOUT_TIME)
            if raised[i]:
                raise LeftOut(FLAGGED)
            if dark[i]:
                raise LeftOut(NO_EXPOSURE)
            if fault:
                raise LeftOut(fault)
            if not np.isfinite(raw[i]).all():
                raise LeftOut(disk.NAN)
            image = block_mean(raw[i : i + 1], size)[0]
            if known_disk and image.max() > image.min():
                disk.check_limb(image, DISK_RADIUS["DN/s"])
            found.append((name, stamp, image))
        except LeftOut as left:
            found.append((name, stamp, left))
    return found
