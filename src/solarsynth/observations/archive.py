"""The archive: the one layout every source yields and everything after reads.

It is SDOMLv2's (Galvez et al. 2019): a zarr format-2 store with an array ``/<year>/171A`` ``(n, H, W)`` per
year, row 0 in the south, whose attributes hold ``T_OBS`` (one UTC time per frame, in stored order) and
``PIXLUNIT``; beside the years lie ``xrs`` (time, flux, quality, satellite) and ``events`` (HEK's columns).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.observations.times import NO_TIME, format_times, parse_times

CHANNEL = "171A"

#: Units an archive may record and how each is normalised (see `normalise`).
UNITS = ("DN/s", "display")

# SDOMLv2 frames reach from the quiet corona to saturated flares; the first author's later code clips to
# these bounds before the logarithm, the ceVAE's does as well.
DN_LOW, DN_HIGH = 5.0, 3500.0


@dataclass(frozen=True)
class Frames:
    """The usable frames of an archive, sorted by time.

    Attributes
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970, strictly increasing.
    year, row : ndarray of int, shape (n,)
        Where each lies in the store.
    stored, without_time, duplicates, unsorted : int
        Counts of what the store held, what was left out, and how many frames lay before an earlier one.
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
            raise SolarsynthError(f"{self.path}: the years' {CHANNEL} arrays must all be (n, H, W) of one size")
        self.shape: tuple[int, int] = arrays[0].shape[1:]
        units = {_unit(array.attrs.get("PIXLUNIT", "DN/s")) for array in arrays}
        if len(units) > 1 or not units <= set(UNITS):
            raise SolarsynthError(f"{self.path}: PIXLUNIT {sorted(units)} is not one of {', '.join(UNITS)}")
        self.unit: str = units.pop()

    def array(self, year: int):
        """Return a year's frames as the zarr array (n, H, W)."""
        return self._group[f"{year}/{CHANNEL}"]

    @property
    def attributes(self) -> dict:
        """What the store says of itself: source, tolerances, licence."""
        return dict(self._group.attrs)

    def frames(self) -> Frames:
        """Return the index of frames: sorted by time, without those that lack a time or repeat one."""
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
            The index.
        index : ndarray of int, shape (m,)
            Which, in any order.

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
            # One selection per year lets zarr decode each chunk once, however many frames it holds.
            images[here] = self.array(year).oindex[wanted][back]
        return images

    @property
    def xrs_scale(self) -> str:
        """Scale of the X-ray flux: ``operational`` or ``science`` (without the SWPC factor)."""
        return self._part("xrs", ("time", "flux")).attrs.get("scale", "operational")

    def xrs_parts(self, rows: int = 1 << 22) -> Iterator[pd.DataFrame]:
        """Give the X-ray flux in parts of so many stored rows, good samples only, time increasing.

        Nine years at 2 s are 140 million rows: read like this they never lie in memory together.

        Yields
        ------
        DataFrame
            ``time`` (ms), ``flux`` (W/m², 1–8 Å), ``satellite``.
        """
        group = self._part("xrs", ("time", "flux"))
        last = np.iinfo(np.int64).min
        for first in range(0, group["time"].shape[0], rows):
            here = slice(first, first + rows)
            time, flux = group["time"][here], group["flux"][here]
            good = np.isfinite(flux) & (flux > 0)
            if "quality" in group:
                good &= group["quality"][here] == 0
            satellite = group["satellite"][here] if "satellite" in group else np.zeros(len(time), np.int16)
            table = pd.DataFrame({"time": time[good], "flux": flux[good], "satellite": satellite[good]})
            if len(table) and (table["time"].iloc[0] <= last or not table["time"].is_monotonic_increasing):
                if first:
                    raise SolarsynthError(f"{self.path}/xrs: times must increase; sort the flux and import it again")
                table = table.sort_values("time", kind="stable").drop_duplicates("time")
            last = table["time"].iloc[-1] if len(table) else last
            yield table.reset_index(drop=True)

    def xrs(self) -> pd.DataFrame:
        """Return the X-ray flux whole; see `xrs_parts`."""
        return pd.concat(list(self.xrs_parts()), ignore_index=True)

    def events(self) -> pd.DataFrame:
        """Return the events: ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location``.

        A time that is not known is `NO_TIME`, a text that is not known "".
        """
        names = {
            "event_peaktime": "peak",
            "event_starttime": "start",
            "event_endtime": "end",
            "fl_goescls": "goes_class",
            "frm_name": "method",
            "hgs_location": "location",
        }
        group = self._part("events", ("event_peaktime", "fl_goescls"))
        return pd.DataFrame({ours: group[hek][:] for hek, ours in names.items() if hek in group})

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


def read_chunk(array, number: int) -> np.ndarray:
    """Read one chunk of an array of frames; see `decode_chunk`.

    Raises
    ------
    FileNotFoundError
        If the chunk is not there: zarr would read it as zeros, silently.
    OSError
        If it is cut off.
    """
    raw = fetch(array.store_path / f"{number}.0.0")
    compressors = [codec.get_config() for codec in array.compressors]
    layout = {
        "shape": array.shape,
        "chunks": array.chunks,
        "dtype": array.dtype.str,
        "compressor": compressors[0] if compressors else None,
        "filters": [codec.get_config() for codec in array.filters],
        "order": array.order,
    }
    return decode_chunk(raw, layout, number)


def fetch(place) -> bytes:
    """Return the bytes at a zarr `StorePath`; raise FileNotFoundError if there are none."""
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    got = sync(place.get(prototype=default_buffer_prototype()))
    if got is None:
        raise FileNotFoundError(str(place))
    return got.to_bytes()


def decode_chunk(raw: bytes, layout: dict, number: int) -> np.ndarray:
    """Decode a chunk of frames, and do not take half of it for a whole one.

    Blosc decodes a chunk that was cut off without a word if its data did not compress; its header says how long
    the chunk should be.

    Parameters
    ----------
    raw : bytes
        As stored.
    layout : dict
        ``shape``, ``chunks``, ``dtype``, ``compressor``, ``filters`` and ``order``, as in ``.zarray``.
    number : int
        Of the chunk along the first axis.

    Returns
    -------
    ndarray, shape (k, H, W)

    Raises
    ------
    OSError
        If it is cut off.
    SolarsynthError
        If it is stored in a way that this does not undo.
    """
    import numcodecs

    if layout.get("filters") or layout.get("order", "C") != "C":
        raise SolarsynthError(
            "frames with filters, or in Fortran order, cannot be read; write the archive without them"
        )
    compressor = layout["compressor"]
    if compressor and compressor["id"] == "blosc":
        if len(raw) < 16 or int.from_bytes(raw[12:16], "little") != len(raw):
            raise OSError(f"chunk {number} is cut off: {len(raw)} bytes")
    if compressor:
        raw = numcodecs.get_codec(dict(compressor)).decode(raw)
    frames = np.frombuffer(raw, layout["dtype"])
    if frames.size != np.prod(layout["chunks"]):
        raise OSError(f"chunk {number} is cut off: {frames.size} values")
    return frames.reshape(layout["chunks"])[: layout["shape"][0] - number * layout["chunks"][0]]


def _unit(value: str | list) -> str:
    """SDOMLv2 repeats the unit for every frame."""
    return value if isinstance(value, str) else next((v for v in value if v), "DN/s")


def normalise(image: np.ndarray, unit: str) -> np.ndarray:
    """Scale frames to what the models see.

    Parameters
    ----------
    image : ndarray
        Frames in `unit`.
    unit : {"DN/s", "display"}
        ``DN/s``: clamp to [5, 3500], log10, scale. ``display``: 8-bit intensity, scale only.

    Returns
    -------
    ndarray of float32, same shape
        In [-1, 1]. `denormalise` is the inverse inside the clamp's bounds.
    """
    image = np.asarray(image, np.float32)
    if unit == "display":
        return image / np.float32(127.5) - 1
    low, high = np.log10(DN_LOW), np.log10(DN_HIGH)
    return ((np.log10(np.clip(image, DN_LOW, DN_HIGH)) - low) / (high - low) * 2 - 1).astype(np.float32)


def denormalise(x: np.ndarray, unit: str) -> np.ndarray:
    """Scale back from [-1, 1] to `unit`; the inverse of `normalise`."""
    x = np.clip(np.asarray(x, np.float32), -1, 1)
    if unit == "display":
        return (x + 1) * np.float32(127.5)
    low, high = np.log10(DN_LOW), np.log10(DN_HIGH)
    return (10 ** ((x + 1) / 2 * (high - low) + low)).astype(np.float32)


def to_uint8(x: np.ndarray) -> np.ndarray:
    """Quantise [-1, 1] to 0..255: the form in which sets and samples are stored (step 1/127.5)."""
    return np.round((np.clip(x, -1, 1) + 1) * 127.5).astype(np.uint8)


def block_mean(image: np.ndarray, size: int, where: object = "") -> np.ndarray:
    """Average blocks of pixels down to `size`, in the frames' own unit.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
    size : int
        Must divide H and W.
    where : object
        Named in the error.

    Returns
    -------
    ndarray, shape (n, size, size)
        float32, or the input where nothing is to be averaged.
    """
    _, height, width = image.shape
    if height != width or height % size:
        name = f"{where}: " if where else ""
        raise SolarsynthError(f"{name}frames of {height}×{width} px cannot be averaged to {size} px")
    if height == size:
        return image
    k = height // size
    return image.reshape(-1, size, k, size, k).mean(axis=(2, 4), dtype=np.float32)


def write_archive(
    path: Path,
    *,
    image: np.ndarray,
    time: np.ndarray,
    unit: str,
    xrs: pd.DataFrame | Iterable[pd.DataFrame],
    events: pd.DataFrame,
    attributes: dict,
    xrs_scale: str = "operational",
) -> None:
    """Write an archive, all of it or nothing.

    Parameters
    ----------
    path : Path
        Folder to make; it must not exist.
    image : ndarray, shape (n, H, W)
        Frames in `unit`, row 0 in the south, in the order in which they are to be stored.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970, `NO_TIME` if unknown.
    unit : {"DN/s", "display"}
    xrs : DataFrame, or iterable of DataFrame
        ``time`` (ms, increasing), ``flux`` (W/m²), optionally ``quality`` (0 is good) and ``satellite``. Parts
        follow each other and are written one by one.
    events : DataFrame
        ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location`` (``N18W33``).
    attributes : dict
        What the archive says of itself; JSON types.
    xrs_scale : {"operational", "science"}
        Scale of the flux.
    """
    import zarr
    from numcodecs import Blosc

    if path.exists():
        raise SolarsynthError(f"{path} exists; choose another name or remove it")
    partial = path.with_name(f"{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    compressor = Blosc("zstd", clevel=5, shuffle=Blosc.BITSHUFFLE)
    try:
        group = zarr.open_group(str(partial), mode="w", zarr_format=2)
        group.attrs.update(attributes)
        years = np.where(time == NO_TIME, 0, time).astype("datetime64[ms]").astype("datetime64[Y]").astype(int) + 1970
        if (time == NO_TIME).any():  # a frame without a time stays in the year of its neighbours
            years[time == NO_TIME] = np.median(years[time != NO_TIME]).astype(int)
        for year in np.unique(years):
            here = years == year
            array = group.require_group(str(year)).create_array(
                CHANNEL,
                shape=(int(here.sum()), *image.shape[1:]),
                dtype=image.dtype,
                chunks=(min(15, int(here.sum())), *image.shape[1:]),
                compressors=compressor,
            )
            array[:] = image[here]
            stamps = [None if t == NO_TIME else text for t, text in zip(time[here], _stamps(time[here]), strict=True)]
            array.attrs.update({"T_OBS": stamps, "PIXLUNIT": [unit] * int(here.sum()), "channel": CHANNEL})
        table = group.create_group("xrs")
        nothing = pd.DataFrame({"time": [], "flux": []})  # so that the columns are there if no part comes
        for part in chain([nothing], [xrs] if isinstance(xrs, pd.DataFrame) else xrs):
            _column(table, "time", part["time"].to_numpy(np.int64), compressor)
            _column(table, "flux", part["flux"].to_numpy(np.float32), compressor)
            for name in ("quality", "satellite"):
                if name in part:
                    _column(table, name, part[name].to_numpy(np.int16), compressor)
        table.attrs.update(
            {"time": "milliseconds since 1970-01-01T00:00:00Z", "flux": "W/m2, 1-8 Angstrom", "scale": xrs_scale}
        )
        table = group.create_group("events")
        for ours, hek in (("peak", "event_peaktime"), ("start", "event_starttime"), ("end", "event_endtime")):
            if ours in events:
                _column(table, hek, events[ours].to_numpy(np.int64), compressor)
        for ours, hek in (
            ("goes_class", "fl_goescls"),
            ("method", "frm_name"),
            ("location", "hgs_location"),
        ):
            if ours in events:
                text = np.array(events[ours].fillna("").astype(str).tolist(), dtype=np.str_)
                _column(table, hek, text.astype(f"<U{max(1, text.dtype.itemsize // 4)}"), compressor)
        table.attrs.update({"time": "milliseconds since 1970-01-01T00:00:00Z"})
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _stamps(time: np.ndarray) -> list[str]:
    return format_times(np.where(time == NO_TIME, 0, time))


def _column(group, name: str, values: np.ndarray, compressor) -> None:
    """Write a column, or append to it."""
    if name in group:
        group[name].append(values)
        return
    chunks = (1 << 18,)
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=chunks, compressors=compressor)
    if len(values):
        array[:] = values
