"""Build archives from the network: the paper's (SDOMLv2, GOES, HEK) and the quick-look one.

Results made from the downloads are kept in their own folder. An interrupted build goes on from there, and another build
downloads nothing twice unless it needs frames of another size.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth import files
from solarsynth.errors import SolarsynthError, shown
from solarsynth.observations import goes, hek, quicklook, sdoml
from solarsynth.observations.downloads import read_arrays
from solarsynth.observations.periods import months, period_of_years
from solarsynth.observations.writing import refuse_existing, tolerances, write_archive
from solarsynth.progress import bar
from solarsynth.times import HOUR, MINUTE, SECOND

#: Satellites whose files are fetched, in order of preference.
SATELLITES = (15, 13, 14, 16)

#: ``choose(events, xrs_parts, frame_time)`` returns the indices of the frames to read.
Choose = Callable[[pd.DataFrame, Iterator[pd.DataFrame], np.ndarray], np.ndarray]


def parse_years(text: str) -> list[int]:
    """Read ``2011-2019``, ``2012`` or ``2011,2013-2014`` as years."""
    years: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{4})(?:\s*-\s*(\d{4}))?\s*", part)
        if not match:
            raise SolarsynthError(f"years must be written like 2011-2019, 2012 or 2011,2013, got {shown(text)}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise SolarsynthError(f"years must not end before they begin, got {shown(text)}")
        years += range(first, last + 1)
    return sorted(set(years))


def parse_period(text: str) -> tuple[int, int]:
    """Read ``2012-01-01/2012-03-01`` as a period (ms, ms); its end is excluded."""
    parts = text.split("/")
    try:
        if len(parts) != 2:
            raise ValueError
        start, end = (int(np.datetime64(part.strip(), "ms").astype(np.int64)) for part in parts)
    except ValueError:
        raise SolarsynthError(f"a period must be written like 2012-01-01/2012-03-01, got {shown(text)}") from None
    if end <= start:
        raise SolarsynthError(f"a period must end after it begins, got {shown(text)}")
    return start, end


def build_sdoml(
    target: Path,
    years: Sequence[int],
    downloads: Path,
    choose: Choose,
    *,
    image_size: int = 64,
    downsampling: str = "block-mean",
    frame_tolerance: int = 7 * MINUTE,
    flux_tolerance: int = 6 * SECOND,
    resolution: str = "flx1s",
    satellites: Sequence[int] = SATELLITES,
    dask: str = "",
    remote: sdoml.Remote | None = None,
    hek_url: str = "",
) -> dict[str, int]:
    """Build the paper's archive: the chosen frames of SDOMLv2, with flux and events.

    Parameters
    ----------
    target : Path
        Folder to make.
    years : sequence of int
    downloads : Path
        Keeps what is downloaded.
    choose : callable
        ``choose(events, xrs_parts, frame_time)`` returns the indices of the frames to read.
    image_size : int
    downsampling : {"block-mean", "bilinear-no-antialias"}
    frame_tolerance, flux_tolerance : int
        Milliseconds, recorded in the archive for the labelling (the paper: 7 minutes and 6 seconds).
    resolution : {"flx1s", "avg1m"}
    satellites : sequence of int
    dask : str
        Address of a dask scheduler that reads the frames; "" reads them in threads of this process.
    remote : sdoml.Remote, optional
        The store; ``SOLARSYNTH_SDOML_URL`` and ``SOLARSYNTH_S3_ENDPOINT`` replace the public one.
    hek_url : str
        HEK's endpoint; ``SOLARSYNTH_HEK_URL`` replaces the public one.

    Returns
    -------
    dict of str to int
        Counts of what was read and left out.
    """
    refuse_existing(target)
    remote = remote or sdoml.Remote(
        url=_address("", "SOLARSYNTH_SDOML_URL", sdoml.URL), endpoint_url=_address("", "SOLARSYNTH_S3_ENDPOINT", "")
    )
    index = _read_indices(remote, years, downloads / "sdoml")
    time, place = _usable(index)
    period = period_of_years(min(years), max(years))
    events = _events(period, downloads, hek_url)

    def flux() -> Iterator[pd.DataFrame]:
        return x_ray_months(*period, downloads, satellites=satellites, resolution=resolution)

    wanted = place[np.unique(choose(events, flux(), time))]
    image, stamp, lost = _read_years(remote, index, wanted, downloads / "sdoml", image_size, downsampling, dask)
    attributes = {"source": "sdoml", "years": list(years), "downsampling": downsampling}
    attributes |= tolerances(frame_tolerance, flux_tolerance)
    _write(target, image, stamp, "DN/s", flux(), events, attributes)
    stored = sum(len(year.time) for year in index.values())
    flagged = sum(int(sdoml.flagged(year).sum()) for year in index.values())
    return {
        "frames in the store": stored,
        "frames flagged by QUALITY or without exposure": flagged,
        "frames without a time or repeated": stored - flagged - len(time),
        "events": len(events),
        "frames wanted": len(wanted),
        **lost,
        "frames kept": len(image),
    }


def _read_indices(remote: sdoml.Remote, years: Sequence[int], folder: Path) -> dict[int, sdoml.YearIndex]:
    with bar("index", len(years), "years") as progress:
        index = {}
        for year in years:
            index[year] = sdoml.read_index(remote, year, folder)
            progress.update(1)
    return index


def _usable(index: dict[int, sdoml.YearIndex]) -> tuple[np.ndarray, np.ndarray]:
    """Return the times (n,) of all usable frames, increasing, and their year and row (n, 2)."""
    rows = {year: sdoml.usable(its_index) for year, its_index in index.items()}
    time = np.concatenate([index[year].time[r] for year, r in rows.items()])
    place = np.concatenate([np.stack([np.full(len(r), year), r], 1) for year, r in rows.items()])
    order = np.argsort(time, kind="stable")
    return time[order], place[order]


def _read_years(
    remote: sdoml.Remote,
    index: dict[int, sdoml.YearIndex],
    wanted: np.ndarray,
    folder: Path,
    size: int,
    downsampling: str,
    dask: str,
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return the wanted frames in order of time, their times, and counts of those that are lost."""
    images, stamps, missing, dark = [], [], 0, 0
    for year in index:
        rows = wanted[wanted[:, 0] == year, 1]
        frames = sdoml.read_frames(
            remote, year, rows, index[year], folder, size=size, downsampling=downsampling, dask=dask
        )
        images.append(frames.image)
        stamps.append(index[year].time[frames.row])
        missing, dark = missing + frames.missing, dark + frames.dark
    image, stamp = np.concatenate(images), np.concatenate(stamps)
    if not len(image):
        raise SolarsynthError(f"{remote.url}: no frame of {min(index)} to {max(index)} follows an event")
    order = np.argsort(stamp, kind="stable")
    lost = {"frames in a missing chunk": missing, "frames dark or with NaN": dark}
    return image[order], stamp[order], lost


def build_quicklook(
    target: Path,
    period: tuple[int, int],
    downloads: Path,
    *,
    image_size: int = 64,
    cadence: int = HOUR,
    satellites: Sequence[int] = SATELLITES,
    url: str = "",
    hek_url: str = "",
    polite: float = 0.1,
) -> dict[str, int]:
    """Build an archive of SDO browse images with one-minute GOES flux and HEK events.

    Parameters
    ----------
    target : Path
        Folder to make.
    period : (int, int)
        Milliseconds since 1970; the end is excluded.
    downloads : Path
        Keeps what is downloaded, with the manifest of addresses and SHA-256.
    image_size : int
    cadence : int
        Milliseconds between two frames; also recorded as the labelling's tolerance.
    satellites : sequence of int
    url : str
        Address of the browse images; ``SOLARSYNTH_QUICKLOOK_URL`` replaces the public one.
    hek_url : str
        HEK's endpoint; ``SOLARSYNTH_HEK_URL`` replaces the public one.
    polite : float
        Seconds between two requests for an image.

    Returns
    -------
    dict of str to int
        Counts of what was read and left out.
    """
    refuse_existing(target)
    url = _address(url, "SOLARSYNTH_QUICKLOOK_URL", quicklook.URL)
    folder = downloads / "quicklook"
    image, time, counts = quicklook.fetch(*period, folder, cadence=cadence, size=image_size, url=url, polite=polite)
    if not len(image):
        raise SolarsynthError(f"{url}: no frame of that period")
    events = _events(period, downloads, hek_url)
    flux = x_ray_months(*period, downloads, satellites=satellites, resolution="avg1m")
    _write(target, image, time, "display", flux, events, {"source": "quicklook"} | tolerances(cadence, MINUTE))
    return counts | {"events": len(events)}


def x_ray_months(
    start: int,
    end: int,
    downloads: Path,
    *,
    satellites: Sequence[int] = SATELLITES,
    resolution: str = "flx1s",
) -> Iterator[pd.DataFrame]:
    """Give the joined X-ray flux (science scale) month by month; joined months are kept.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970; the end is excluded.
    downloads : Path
    satellites : sequence of int
        In order of preference.
    resolution : {"flx1s", "avg1m"}

    Yields
    ------
    DataFrame
        ``time`` (ms), ``flux`` (W/m²), ``quality``, ``satellite``; good samples only.
    """
    wanted = months(start, end)
    with bar("X-ray flux", len(wanted), "months") as progress:
        for year, month in wanted:
            table = _joined_month(year, month, downloads / "goes", satellites, resolution)
            progress.update(1)
            if len(table):
                yield table[(table["time"] >= start) & (table["time"] < end)]


def _joined_month(year: int, month: int, folder: Path, satellites: Sequence[int], resolution: str) -> pd.DataFrame:
    kept = folder / f"joined-{resolution}-{year:04d}-{month:02d}.npz"

    def read(path: Path) -> pd.DataFrame:
        arrays = read_arrays(path)
        return pd.DataFrame({name: arrays[name] for name in goes.COLUMNS})

    def make() -> pd.DataFrame:
        paths = goes.fetch_month(year, month, folder, satellites=satellites, resolution=resolution)
        table = goes.join((goes.read_file(path)[0] for path in paths), satellites)
        if len(table):  # a month without files is requested again: they may appear later
            files.write_npz(kept, **{name: table[name].to_numpy() for name in goes.COLUMNS})
        return table

    return files.cached(kept, read, make)


def _events(period: tuple[int, int], downloads: Path, url: str) -> pd.DataFrame:
    return hek.fetch(*period, downloads / "hek", url=_address(url, "SOLARSYNTH_HEK_URL", hek.URL))


def _write(
    target: Path,
    image: np.ndarray,
    time: np.ndarray,
    unit: str,
    flux: Iterator[pd.DataFrame],
    events: pd.DataFrame,
    attributes: dict,
) -> None:
    """Write the archive of a build; the flux comes from science files."""
    write_archive(
        Path(target),
        image=image,
        time=time,
        unit=unit,
        xrs=flux,
        events=events,
        xrs_scale="science",
        attributes=attributes,
    )


def _address(given: str, variable: str, public: str) -> str:
    """Return the address from the caller, else from the environment, else the public one."""
    return given or os.environ.get(variable) or public
