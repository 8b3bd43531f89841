"""The archive: the one layout that every source yields and that all later stages read.

It is SDOMLv2's layout (Galvez et al. 2019): a zarr format-2 store with one array ``/<year>/171A`` ``(n, H, W)`` per
year, row 0 in the south. The array's attributes hold ``T_OBS`` (one UTC time per frame, in stored order) and
``PIXLUNIT``. The groups ``xrs`` (time, flux, quality, satellite) and ``events`` (HEK's columns) stand beside the years.
An archive that this package wrote has a digest of every file among its attributes, and no other bytes are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, reading, shown
from solarsynth.flares import LARGEST_FLUX
from solarsynth.observations.checked import DIGESTS, Arrays
from solarsynth.pixels import UNITS
from solarsynth.times import DAY, MINUTE, NO_TIME, SECOND, milliseconds, parse_times

CHANNEL = "171A"

LONGEST_TOLERANCE = DAY

#: Columns of ``events``: HEK's name, and ours.
EVENT_COLUMNS = {
    "event_peaktime": "peak",
    "event_starttime": "start",
    "event_endtime": "end",
    "fl_goescls": "goes_class",
    "frm_name": "method",
    "hgs_location": "location",
    "ar_noaanum": "noaa",
    "goes_satellite": "satellite",  # not one of HEK's
}

#: Those of them that hold numbers.
NUMBERS = ("peak", "start", "end", "noaa", "satellite")


@dataclass(frozen=True)
class Frames:
    """The usable frames of an archive, sorted by time.

    Attributes
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970, strictly increasing.
    year, row : ndarray of int, shape (n,)
        The year's array, and the row in it, that holds each frame.
    stored : int
        Frames in the store.
    without_time, duplicates : int
        Frames that are left out, since they have no time or repeat one.
    unsorted : int
        Frames that are stored after a later one.
    """

    time: np.ndarray
    year: np.ndarray
    row: np.ndarray
    stored: int
    without_time: int
    duplicates: int
    unsorted: int

    def __len__(self) -> int:
        return len(self.time)


class Archive:
    """Reads an archive.

    Parameters
    ----------
    path : str or Path
        The store's folder.

    Raises
    ------
    SolarsynthError
        If there is no archive, or it lacks what the layout requires.
    """

    def __init__(self, path: str | Path) -> None:
        import zarr

        self.path = Path(path)
        if not self.path.exists():
            raise SolarsynthError(f"{self.path}: no such archive")
        with reading(self.path, "not an archive", "make one with 'solarsynth archive import'"):
            self._group = zarr.open_group(str(self.path), mode="r", zarr_format=2, use_consolidated=False)
            self.arrays = Arrays(self.path, self._group)
            # By the folders' names: zarr leaves out those that it cannot read.
            years = sorted(int(d.name) for d in self.path.iterdir() if re.fullmatch(r"[12]\d{3}", d.name))
            self.years = [year for year in years if (self.path / str(year) / CHANNEL).exists()]
        if not self.years:
            raise SolarsynthError(f"{self.path}: not an archive: no array <year>/{CHANNEL} in it")
        arrays = {year: self.array(year) for year in self.years}
        self.unit: str = _unit_of_all(self.path, arrays)
        self.shape: tuple[int, int] = arrays[self.years[0]].shape[1:]

    def array(self, year: int):
        """Return a year's frames as the zarr array (n, H, W)."""
        return self.arrays.array(f"{year}/{CHANNEL}")

    @property
    def attributes(self) -> dict:
        """Attributes of the store: source, tolerances, licence."""
        return {name: value for name, value in self._group.attrs.items() if name != DIGESTS}

    @property
    def frame_tolerance(self) -> int:
        """Longest delay from a flare's peak to its frame in milliseconds; the paper's 7 minutes if not recorded."""
        return self._tolerance("frame_tolerance_minutes", 7.0, MINUTE)

    @property
    def flux_tolerance(self) -> int:
        """Longest delay from a flare's peak to its flux in milliseconds; the paper's 6 seconds if not recorded."""
        return self._tolerance("flux_tolerance_seconds", 6.0, SECOND)

    def _tolerance(self, name: str, default: float, unit: int) -> int:
        value = self.attributes.get(name, default)
        if type(value) not in (int, float) or not 0 <= value * unit <= LONGEST_TOLERANCE:
            raise SolarsynthError(
                f"{self.path}: its attribute {name} must be a number of at most a day, got {shown(value)}"
            )
        return milliseconds(float(value), unit)

    @property
    def events_period(self) -> tuple[int, int] | None:
        """Period (ms, ms) in which every flare is listed; None if only the list itself can tell.

        An imported archive may state it, as two texts. The lists of other sources cover all of their frames.
        """
        with reading(self.path, "its attribute events_period must be two texts of times"):
            return _events_period(self.attributes)

    @property
    def _satellite(self) -> int:
        """Number of the satellite if none is stored: unknown, but the simulated Sun is on GOES-15's scale always."""
        return 15 if self.attributes.get("source") == "simulated" else 0

    def frames(self) -> Frames:
        """Return the frames that have a time, sorted, without those that repeat a time."""
        times, years, rows = [], [], []
        for year in self.years:
            array, place = self.array(year), self.path / str(year) / CHANNEL
            if "T_OBS" not in array.attrs:
                raise SolarsynthError(f"{place}: no T_OBS among its attributes; it must hold one UTC time per frame")
            with reading(place, "its T_OBS cannot be read"):
                time = parse_times(list(array.attrs["T_OBS"]))
            if len(time) != array.shape[0]:
                raise SolarsynthError(f"{place}: {array.shape[0]} frames but {len(time)} times in T_OBS")
            for name in (".zarray", ".zattrs"):
                self.arrays.verify(f"{year}/{CHANNEL}/{name}")
            times.append(time)
            years.append(np.full(len(time), year))
            rows.append(np.arange(len(time)))
        time, year, row = np.concatenate(times), np.concatenate(years), np.concatenate(rows)
        known = time != NO_TIME
        unsorted = int((np.diff(time[known]) < 0).sum())
        _, first = np.unique(time[known], return_index=True)
        return Frames(
            time=time[known][first],
            year=year[known][first],
            row=row[known][first],
            stored=len(time),
            without_time=int((~known).sum()),
            duplicates=int(known.sum() - len(first)),
            unsorted=unsorted,
        )

    def read(self, frames: Frames, index: np.ndarray) -> np.ndarray:
        """Read frames.

        Parameters
        ----------
        frames : Frames
            As from `frames`.
        index : ndarray of int, shape (m,)
            Indices into `frames`, in any order.

        Returns
        -------
        ndarray, shape (m, H, W)
            In the archive's unit and dtype, row 0 in the south.
        """
        index = np.asarray(index)
        images = np.empty((len(index), *self.shape), self.array(self.years[0]).dtype)
        for year in np.unique(frames.year[index]):
            here = np.flatnonzero(frames.year[index] == year)
            rows = frames.row[index[here]]
            wanted, back = np.unique(rows, return_inverse=True)
            # With one selection per year each chunk is decoded once, however many of its frames are wanted.
            images[here] = self.arrays.rows(f"{year}/{CHANNEL}", wanted)[back]
        return images

    @property
    def has_flux(self) -> bool:
        """Whether there is X-ray flux; if not, only events that have a class can label a frame."""
        return self.attributes.get("xrs") != "none"

    @property
    def xrs_scale(self) -> str:
        """Scale of the X-ray flux: ``operational`` or ``science`` (without the SWPC factor)."""
        if not self.has_flux:
            return "operational"
        scale = self.arrays.table("xrs", ("time", "flux")).attrs.get("scale", "operational")
        if scale not in ("operational", "science"):
            raise SolarsynthError(f"{self.path}/xrs: its scale must be operational or science, got {shown(scale)}")
        return scale

    def xrs_parts(self, rows: int = 1 << 22) -> Iterator[pd.DataFrame]:
        """Give the X-ray flux in parts of `rows` stored rows: good samples only, time increasing.

        Nine years at 2 s are 140 million rows; in parts they are never all in memory.

        Yields
        ------
        DataFrame
            ``time`` (ms), ``flux`` (W/m², 1–8 Å), ``satellite``. Nothing if the archive has no flux.
        """
        if not self.has_flux:
            return
        columns = self.arrays.columns("xrs", ("time", "flux"), ("quality", "satellite"))
        last, count = NO_TIME, self.arrays.array("xrs/time").shape[0]
        for first in range(0, count, rows):
            here = np.arange(first, min(first + rows, count))
            time, flux = (self.arrays.numbers(f"xrs/{name}", here) for name in ("time", "flux"))
            good = np.isfinite(flux) & (flux > 0)
            if (flux[good] > LARGEST_FLUX).any():
                value = flux[good].max()
                raise SolarsynthError(f"{self.path}/xrs/flux: a flux must be in W/m² and at most 1, got {value:.3g}")
            if "quality" in columns:
                good &= self.arrays.numbers("xrs/quality", here) == 0
            satellite = np.full(len(time), self._satellite, np.int16)
            if "satellite" in columns:
                satellite = self.arrays.numbers("xrs/satellite", here)
            table = pd.DataFrame({"time": time[good], "flux": flux[good], "satellite": satellite[good]})
            if len(table) and (table["time"].iloc[0] <= last or not table["time"].is_monotonic_increasing):
                if first:
                    raise SolarsynthError(f"{self.path}/xrs: times must increase; sort the flux and import it again")
                table = table.sort_values("time", kind="stable").drop_duplicates("time")
            last = table["time"].iloc[-1] if len(table) else last
            yield table.reset_index(drop=True)

    def xrs(self) -> pd.DataFrame:
        """Return the whole X-ray flux; see `xrs_parts`."""
        empty = pd.DataFrame({"time": np.empty(0, np.int64), "flux": np.empty(0), "satellite": np.empty(0, np.int16)})
        return pd.concat(list(self.xrs_parts()) or [empty], ignore_index=True)

    def events(self) -> pd.DataFrame:
        """Return the events: ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location``, ``noaa``.

        An unknown time is `NO_TIME`, an unknown text "", an unknown NOAA region 0. A list that names its ``satellite``
        has that column too.
        """
        columns = self.arrays.columns("events", ("event_peaktime", "fl_goescls"), tuple(EVENT_COLUMNS))
        here = np.arange(self.arrays.array("events/event_peaktime").shape[0])
        found = {}
        for name in columns:
            ours = EVENT_COLUMNS[name]
            read = self.arrays.numbers if ours in NUMBERS else self.arrays.texts
            found[ours] = read(f"events/{name}", here)
        if self._satellite and "satellite" not in found:
            found["satellite"] = np.full(len(here), self._satellite)
        return pd.DataFrame(found)


def _events_period(attributes: dict) -> tuple[int, int] | None:
    if "events_period" in attributes:
        first, last = parse_times(list(attributes["events_period"])).tolist()
        if not NO_TIME < first < last:
            raise ValueError(f"got {shown(attributes['events_period'])}")
        return first, last
    if attributes.get("source", "archive") == "archive":
        return None
    limits = np.iinfo(np.int64)
    return limits.min, limits.max


def _unit_of_all(path: Path, arrays: dict) -> str:
    """Return the unit of the frames of all years; raise if they are no frames of one size and unit."""
    sizes = {array.shape[1:] for array in arrays.values()}
    if len(sizes) > 1 or any(len(size) != 2 for size in sizes):
        shapes = ", ".join(str(shape) for shape in sorted({array.shape for array in arrays.values()}))
        raise SolarsynthError(f"{path}: the arrays of all years must be (n, H, W) of one size, got {shapes}")
    for year, array in arrays.items():
        if array.dtype.kind not in "uif":
            raise SolarsynthError(f"{path}/{year}/{CHANNEL}: frames must be numbers, got {array.dtype}")
    with reading(path, "its PIXLUNIT cannot be read"):
        units = {_unit(array.attrs.get("PIXLUNIT", "DN/s")) for array in arrays.values()}
    if len(units) > 1 or not units <= set(UNITS):
        got = shown(", ".join(sorted(units)))
        raise SolarsynthError(f"{path}: PIXLUNIT must be one of {', '.join(UNITS)}, got {got}")
    return units.pop()


def _unit(value: str | list) -> str:
    """Return the unit, which SDOMLv2 repeats for every frame."""
    return value if isinstance(value, str) else str(next((v for v in value if v), "DN/s"))
