"""The archive: the one layout that every source yields and that all later stages read.

It is SDOMLv2's layout (Galvez et al. 2019): a zarr format-2 store with one array ``/<year>/171A`` ``(n, H, W)`` per
year, row 0 in the south. The array's attributes hold ``T_OBS`` (one UTC time per frame, in stored order) and
``PIXLUNIT``. The groups ``xrs`` (time, flux, quality, satellite) and ``events`` (HEK's columns) stand beside the years.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.pixels import UNITS
from solarsynth.times import MINUTE, NO_TIME, SECOND, milliseconds, parse_times

CHANNEL = "171A"

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
        try:
            self._group = zarr.open_group(str(self.path), mode="r", zarr_format=2, use_consolidated=False)
            years = sorted(int(name) for name, _ in self._group.groups() if name.isdigit())
        except (OSError, ValueError, KeyError) as error:
            raise SolarsynthError(
                f"{self.path}: not an archive ({type(error).__name__}); make one with 'solarsynth archive import'"
            ) from None
        self.years = [year for year in years if f"{year}/{CHANNEL}" in self._group]
        if not self.years:
            raise SolarsynthError(f"{self.path}: not an archive: no array <year>/{CHANNEL} in it")
        arrays = [self.array(year) for year in self.years]
        if len({array.shape[1:] for array in arrays}) > 1 or arrays[0].ndim != 3:
            shapes = ", ".join(str(shape) for shape in sorted({array.shape for array in arrays}))
            raise SolarsynthError(f"{self.path}: the arrays of all years must be (n, H, W) of one size, got {shapes}")
        self.shape: tuple[int, int] = arrays[0].shape[1:]
        units = {_unit(array.attrs.get("PIXLUNIT", "DN/s")) for array in arrays}
        if len(units) > 1 or not units <= set(UNITS):
            raise SolarsynthError(
                f"{self.path}: PIXLUNIT must be one of {', '.join(UNITS)}, got {', '.join(sorted(units))}"
            )
        self.unit: str = units.pop()

    def array(self, year: int):
        """Return a year's frames as the zarr array (n, H, W)."""
        return self._group[f"{year}/{CHANNEL}"]

    @property
    def attributes(self) -> dict:
        """Attributes of the store: source, tolerances, licence."""
        return dict(self._group.attrs)

    @property
    def frame_tolerance(self) -> int:
        """Longest delay from a flare's peak to its frame in milliseconds; the paper's 7 minutes if not recorded."""
        return milliseconds(float(self.attributes.get("frame_tolerance_minutes", 7.0)), MINUTE)

    @property
    def flux_tolerance(self) -> int:
        """Longest delay from a flare's peak to its flux in milliseconds; the paper's 6 seconds if not recorded."""
        return milliseconds(float(self.attributes.get("flux_tolerance_seconds", 6.0)), SECOND)

    @property
    def events_period(self) -> tuple[int, int] | None:
        """Period (ms, ms) in which every flare is listed; None if only the list itself can tell.

        An imported archive may state it, as two texts. The lists of other sources cover all of their frames.
        """
        return _events_period(self.attributes)

    @property
    def _satellite(self) -> int:
        """Number of the satellite if none is stored: unknown, but the simulated Sun is on GOES-15's scale always."""
        return 15 if self.attributes.get("source") == "simulated" else 0

    def frames(self) -> Frames:
        """Return the frames that have a time, sorted, without those that repeat a time."""
        times, years, rows = [], [], []
        for year in self.years:
            array = self.array(year)
            if "T_OBS" not in array.attrs:
                raise SolarsynthError(
                    f"{self.path}/{year}/{CHANNEL}: no T_OBS among its attributes; it must hold one UTC time per frame"
                )
            time = parse_times(array.attrs["T_OBS"])
            if len(time) != array.shape[0]:
                raise SolarsynthError(
                    f"{self.path}/{year}/{CHANNEL}: {array.shape[0]} frames but {len(time)} times in T_OBS"
                )
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
            # With one selection per year, zarr decodes each chunk once, however many of its frames are wanted.
            images[here] = self.array(year).oindex[wanted][back]
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
        return self._part("xrs", ("time", "flux")).attrs.get("scale", "operational")

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
        group = self._part("xrs", ("time", "flux"))
        last = NO_TIME
        for first in range(0, group["time"].shape[0], rows):
            here = slice(first, first + rows)
            time, flux = group["time"][here], group["flux"][here]
            good = np.isfinite(flux) & (flux > 0)
            if "quality" in group:
                good &= group["quality"][here] == 0
            satellite = (
                group["satellite"][here] if "satellite" in group else np.full(len(time), self._satellite, np.int16)
            )
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
        group = self._part("events", ("event_peaktime", "fl_goescls"))
        table = pd.DataFrame({ours: group[hek][:] for hek, ours in EVENT_COLUMNS.items() if hek in group})
        if self._satellite and "satellite" not in table:
            table["satellite"] = self._satellite
        return table

    def _part(self, name: str, columns: tuple[str, ...]):
        if name not in self._group:
            raise SolarsynthError(
                f"{self.path}: no '{name}' in it; import the archive with --{'flux' if name == 'xrs' else name}"
            )
        group = self._group[name]
        for column in columns:
            if column not in group:
                raise SolarsynthError(f"{self.path}/{name}: the column {column!r} is missing")
        return group


def _events_period(attributes: dict) -> tuple[int, int] | None:
    if "events_period" in attributes:
        first, last = parse_times(attributes["events_period"]).tolist()
        return first, last
    if attributes.get("source", "archive") == "archive":
        return None
    limits = np.iinfo(np.int64)
    return limits.min, limits.max


def _unit(value: str | list) -> str:
    """Return the unit, which SDOMLv2 repeats for every frame."""
    return value if isinstance(value, str) else next((v for v in value if v), "DN/s")
