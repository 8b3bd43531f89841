"""Write an archive, whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.files import new_folder
from solarsynth.flares import LARGEST_FLUX
from solarsynth.observations.archive import CHANNEL, EVENT_COLUMNS
from solarsynth.observations.checked import DIGESTS, digest
from solarsynth.times import MINUTE, NO_TIME, SECOND, format_times, to_datetime

#: Frames per chunk, as in SDOMLv2.
FRAMES_PER_CHUNK = 15


def write_archive(
    path: Path,
    *,
    image: np.ndarray,
    time: np.ndarray,
    unit: str,
    xrs: pd.DataFrame | Iterable[pd.DataFrame] | None,
    events: pd.DataFrame,
    attributes: dict,
    xrs_scale: str = "operational",
) -> None:
    """Write an archive, whole or not at all.

    Parameters
    ----------
    path : Path
        Folder to make; it must not exist.
    image : ndarray, shape (n, H, W)
        Frames in `unit`, row 0 in the south, in the order in which they are stored.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970, `NO_TIME` if unknown.
    unit : {"DN/s", "display"}
    xrs : DataFrame, iterable of DataFrame, or None
        ``time`` (ms, increasing), ``flux`` (W/m²), optionally ``quality`` (0 is good) and ``satellite``. Parts are
        in order of time and are written one by one. None: the archive has no flux and says so.
    events : DataFrame
        ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location`` (``N18W33``), ``noaa``
        (number of the active region, 0 if unknown), ``satellite`` (number of the GOES that the list names, 0 if
        unknown).
    attributes : dict
        Attributes of the store: the source and, as from `tolerances`, the rules of the labelling. JSON types.
    xrs_scale : {"operational", "science"}
        Scale of the flux.

    Raises
    ------
    SolarsynthError
        If `path` exists.
    """
    import zarr
    from numcodecs import Blosc

    path = Path(path)
    refuse_existing(path)
    if image.ndim != 3 or image.dtype.kind not in "uif":
        raise SolarsynthError(f"{path}: frames must be numbers (n, H, W), got {image.shape} {image.dtype}")
    if unit == "display" and (np.nanmin(image, initial=0) < 0 or np.nanmax(image, initial=0) > 255):
        got = f"{np.nanmin(image):g} to {np.nanmax(image):g}"
        raise SolarsynthError(f"{path}: display pixels must be from 0 to 255, got {got}; is the unit DN/s?")
    compressor = Blosc("zstd", clevel=5, shuffle=Blosc.BITSHUFFLE)
    # zarr leaves out chunks of fill values; stored, a chunk that is missing is always a fault.
    with new_folder(path) as partial, zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(str(partial), mode="w", zarr_format=2)
        group.attrs.update(attributes)
        _write_frames(group, image, time, unit, compressor)
        if xrs is None:
            group.attrs["xrs"] = "none"
        else:
            _write_flux(group.create_group("xrs"), xrs, xrs_scale, compressor)
        _write_events(group.create_group("events"), events, compressor)
        held = {file.relative_to(partial).as_posix(): file for file in sorted(partial.rglob("*")) if file.is_file()}
        digests = {name: digest(file.read_bytes()) for name, file in held.items() if name != ".zattrs"}
        digests[""] = digest(json.dumps(dict(group.attrs), sort_keys=True).encode())
        group.attrs[DIGESTS] = digests
        refuse_existing(path)  # an empty folder, too, is not ours


def refuse_existing(path: Path) -> None:
    """Raise if there is something at `path`: an archive, or what is exported of it, is never overwritten."""
    if os.path.lexists(path):
        raise SolarsynthError(f"{path} exists; choose another name or remove it")


def tolerances(frame_tolerance: int, flux_tolerance: int) -> dict[str, float]:
    """Return the archive's attributes for tolerances in milliseconds; `Archive` reads them back."""
    return {
        "frame_tolerance_minutes": frame_tolerance / MINUTE,
        "flux_tolerance_seconds": flux_tolerance / SECOND,
    }


def _write_frames(group, image: np.ndarray, time: np.ndarray, unit: str, compressor) -> None:
    known = time != NO_TIME
    years = to_datetime(np.where(known, time, 0)).astype("datetime64[Y]").astype(int) + 1970
    if not known.all():  # a frame without a time is stored with the middle year
        years[~known] = np.median(years[known]).astype(int)
    for year in np.unique(years):
        here = years == year
        n = int(here.sum())
        array = group.require_group(str(year)).create_array(
            CHANNEL,
            shape=(n, *image.shape[1:]),
            dtype=image.dtype,
            chunks=(min(FRAMES_PER_CHUNK, n), *image.shape[1:]),
            compressors=compressor,
        )
        array[:] = image[here]
        texts = format_times(np.where(known, time, 0)[here])
        stamps = [text if there else None for text, there in zip(texts, known[here], strict=True)]
        array.attrs.update({"T_OBS": stamps, "PIXLUNIT": [unit] * n, "channel": CHANNEL})


def _write_flux(table, xrs: pd.DataFrame | Iterable[pd.DataFrame], scale: str, compressor) -> None:
    empty = pd.DataFrame({"time": [], "flux": []})  # makes the columns even if there is no part
    for part in chain([empty], [xrs] if isinstance(xrs, pd.DataFrame) else xrs):
        _column(table, "time", part["time"].to_numpy(np.int64), compressor)
        flux = part["flux"].to_numpy(np.float32)
        if (flux > LARGEST_FLUX).any():
            raise SolarsynthError(f"a flux must be in W/m² and at most {LARGEST_FLUX:g}, got {np.nanmax(flux):g}")
        _column(table, "flux", flux, compressor)
        for name in ("quality", "satellite"):
            if name in part:
                _column(table, name, part[name].to_numpy(np.int16), compressor)
    table.attrs.update(
        {"time": "milliseconds since 1970-01-01T00:00:00Z", "flux": "W/m2, 1-8 Angstrom", "scale": scale}
    )


def _write_events(table, events: pd.DataFrame, compressor) -> None:
    for hek, ours in EVENT_COLUMNS.items():
        if ours not in events:
            continue
        if ours in ("peak", "start", "end", "noaa", "satellite"):
            values = events[ours].to_numpy(np.int64)
        else:
            values = np.array(events[ours].fillna("").astype(str).tolist(), dtype=np.str_)
            values = values.astype(f"<U{max(1, values.dtype.itemsize // 4)}")
        _column(table, hek, values, compressor)
    table.attrs.update({"time": "milliseconds since 1970-01-01T00:00:00Z"})


def _column(group, name: str, values: np.ndarray, compressor) -> None:
    """Write a column, or append to it."""
    if name in group:
        group[name].append(values)
        return
    chunks = (1 << 18,)
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=chunks, compressors=compressor)
    if len(values):
        array[:] = values
