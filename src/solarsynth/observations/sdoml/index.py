"""A year's index: when its frames were taken, and which of its chunks exist."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth import files
from solarsynth.errors import SolarsynthError, reading
from solarsynth.observations import chunks
from solarsynth.observations.archive import CHANNEL
from solarsynth.observations.downloads import read_arrays
from solarsynth.observations.quality import flags_raised, per_frame, unexposed
from solarsynth.observations.sdoml.remote import Remote, opened
from solarsynth.times import NO_TIME, parse_times


@dataclass(frozen=True)
class YearIndex:
    """The attributes of a year, in stored order.

    Attributes
    ----------
    time : ndarray of int64, shape (n,)
        ``T_OBS`` in milliseconds since 1970; `NO_TIME` if unknown.
    quality : ndarray of float64, shape (n,)
        ``QUALITY``; NaN if unknown.
    exposure : ndarray of float64, shape (n,)
        ``EXPTIME`` as the store has it, in seconds; NaN if unknown.
    layout : str
        The array's ``.zarray``, JSON. With it a chunk is decoded without opening the array, which would read the
        221 MB of attributes again.
    """

    time: np.ndarray
    quality: np.ndarray
    exposure: np.ndarray
    layout: str

    @functools.cached_property
    def _layout(self) -> dict:
        return json.loads(self.layout)

    @property
    def chunk(self) -> int:
        """Frames per chunk."""
        return self._layout["chunks"][0]

    @property
    def size(self) -> int:
        """Side of the frames in pixels."""
        return self._layout["shape"][1]


def read_index(remote: Remote, year: int, folder: Path) -> YearIndex:
    """Return a year's index, from `folder` or, once, from the store (221 MB of JSON for a whole year).

    Parameters
    ----------
    remote : Remote
    year : int
    folder : Path
        Keeps ``index-<year>.npz``.

    Returns
    -------
    YearIndex

    Raises
    ------
    SolarsynthError
        If the store lacks the year, or its number of times is not its number of frames.
    """
    kept = Path(folder) / f"index-{year}.npz"

    def make() -> YearIndex:
        index = _fetch_index(remote, year)
        files.write_npz(
            kept, time=index.time, quality=index.quality, exposure=index.exposure, layout=np.array(index.layout)
        )
        return index

    return files.cached(kept, _read_kept, make)


def _read_kept(path: Path) -> YearIndex | None:
    arrays = read_arrays(path)
    if arrays["quality"].dtype.kind != "f":
        return None  # kept by an earlier version: its -1 is either unknown or stored
    return YearIndex(arrays["time"], arrays["quality"], arrays["exposure"], str(arrays["layout"]))


def _fetch_index(remote: Remote, year: int) -> YearIndex:
    place = opened(remote).store_path / f"{year}/{CHANNEL}"

    def part(name: str) -> str | None:
        try:
            return chunks.fetch(place / name).decode()
        except FileNotFoundError:
            return None

    layout = remote.retry(lambda: part(".zarray"), f"{place}")
    if layout is None:
        raise SolarsynthError(f"{remote.url}: no {year}/{CHANNEL} in it; SDOMLv2 has 2010 to 2023")
    text = remote.retry(lambda: part(".zattrs"), f"{place}") or "{}"
    with reading(f"{remote.url}/{year}/{CHANNEL}", "its description is damaged", "the store may have changed"):
        attributes, about = json.loads(text), json.loads(layout)
        n, side, other = (int(size) for size in about["shape"])
        if side != other or min(n, side, *about["chunks"]) < 1 or list(about["chunks"][1:]) != [side, side]:
            raise ValueError("frames must be square and whole in a chunk")
        np.dtype(about["dtype"])
        time = parse_times(list(attributes.get("T_OBS") or []))
        quality, exposure = (per_frame(attributes.get(name), n) for name in ("QUALITY", "EXPTIME"))
    if len(time) != n:
        raise SolarsynthError(f"{remote.url}/{year}/{CHANNEL}: {n} frames but {len(time)} times in T_OBS")
    return YearIndex(
        time=time,
        quality=quality,
        exposure=exposure,
        layout=layout,
    )


def flagged(index: YearIndex) -> np.ndarray:
    """Return which frames (n,) bool must not be used; see `solarsynth.observations.quality`."""
    return flags_raised(index.quality) | unexposed(index.exposure)


def usable(index: YearIndex) -> np.ndarray:
    """Return the rows of good frames that have a time, in order of time, without those that repeat a time."""
    known = np.flatnonzero((index.time != NO_TIME) & ~flagged(index))
    _, first = np.unique(index.time[known], return_index=True)
    return known[first]


def stored_chunks(remote: Remote, year: int) -> set[int]:
    """Return which chunks of a year exist; zarr would read a missing one as zeros without an error."""
    from zarr.core.sync import sync

    place = opened(remote).store_path / f"{year}/{CHANNEL}"

    async def listed() -> list[str]:
        return [key async for key in place.store.list_dir(place.path)]

    names = remote.retry(lambda: sync(listed()), f"{remote.url}/{year}/{CHANNEL}")
    return {int(name.split(".")[0]) for name in names if name.count(".") == 2 and name.replace(".", "").isdigit()}
