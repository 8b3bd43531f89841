"""GOES X-ray flux, 1–8 Å (XRS-B): search and fetch through sunpy, read the files, join the satellites.

Science netCDF of GOES 8–15 has the SWPC factor removed (X1.0 operational = X1.43 science), that of GOES-R
never had it; SDAC's FITS files are on the operational scale. Every table says which it is.
"""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.observations import web
from solarsynth.observations.times import DAY

#: Operational flux = science flux × this, for XRS-B of GOES 8–15 (NOAA's readme of the science data).
SWPC_FACTOR = 0.7

#: Satellites in the order in which they are believed (domain knowledge of 2011–2019).
PREFERENCE = (15, 13, 14, 16, 17, 18)

COLUMNS = ["time", "flux", "quality", "satellite"]

# Names of flux and flag in the products: 2 s (gxrs), 1 min and GOES-R 1 s (xrsf).
_NAMES = (("b_flux", "b_flags"), ("xrsb_flux", "xrsb_flag"), ("xrsb_flux", "xrsb_flags"))


def read_file(path: Path) -> tuple[pd.DataFrame, str]:
    """Read a GOES XRS file.

    Parameters
    ----------
    path : Path
        Science netCDF (``.nc``; GOES-8 and later) or SDAC FITS (``.fits``, ``.fits.gz``).

    Returns
    -------
    table : DataFrame
        ``time`` (ms, increasing), ``flux`` (W/m²), ``quality`` (0 is good), ``satellite``.
    scale : {"science", "operational"}

    Raises
    ------
    SolarsynthError
        If it is a web page in disguise, truncated, or no XRS file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise SolarsynthError(f"{path}: cannot be read ({error.strerror})") from None
    if web.looks_like_html(head):
        raise SolarsynthError(f"{path}: a web page, not a data file (the server limits its rate); fetch it again")
    if path.name.endswith(".nc"):
        return _read_netcdf(path), "science"
    if path.name.endswith((".fits", ".fits.gz")):
        return _read_fits(path), "operational"
    raise SolarsynthError(f"{path}: neither .nc nor .fits")


def _read_netcdf(path: Path) -> pd.DataFrame:
    import h5netcdf

    try:
        with h5netcdf.File(path, "r") as file:
            flux_name, flag_name = next((pair for pair in _NAMES if set(pair) <= set(file.variables)), (None, None))
            if flux_name is None:
                raise SolarsynthError(f"{path}: no XRS-B flux with flags in it")
            flux, flags, seconds = (file[name][:] for name in (flux_name, flag_name, "time"))
            # The first mask selects the bits that say "bad"; it differs by product (3, 7, 1023, 65535), and
            # the others mean corrections: quality == 0 would drop good minutes.
            mask = int(np.atleast_1d(file[flag_name].attrs["flag_masks"])[0])
            flag_fill = int(np.atleast_1d(file[flag_name].attrs["_FillValue"])[0])
            units = _text(file["time"].attrs["units"])
            satellite = _satellite(path, file.attrs)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise SolarsynthError(
            f"{path}: not a readable netCDF file, perhaps cut off ({str(error).splitlines()[0]}); fetch it again"
        ) from None
    epoch = np.datetime64(units.removeprefix("seconds since ").removesuffix(" UTC").strip().replace(" ", "T"), "ms")
    known = np.isfinite(seconds) & (seconds >= 0)
    stamp = epoch.astype(np.int64) + np.round(np.where(known, seconds, 0) * 1000).astype(np.int64)
    good = known & np.isfinite(flux) & (flux > 0) & ((flags & mask) == 0) & (flags != flag_fill)
    table = pd.DataFrame(
        {
            "time": stamp,
            "flux": np.where(np.isfinite(flux), flux, -9999.0).astype(np.float32),
            "quality": np.where(good, 0, 1).astype(np.int16),
            "satellite": np.int16(satellite),
        }
    )
    return table[known].sort_values("time", kind="stable").reset_index(drop=True)


def _read_fits(path: Path) -> pd.DataFrame:
    import warnings

    from sunpy.timeseries import TimeSeries

    opened = path
    try:
        if path.name.endswith(".gz"):  # sunpy takes the name's ending at its word
            opened = path.with_name(f".{path.name.removesuffix('.gz')}")
            with gzip.open(path, "rb") as packed, opened.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the file's old header
            series = TimeSeries(opened, source="XRS")
        table = series.to_dataframe()
        satellite = int(str(series.observatory or path.name).upper().split("GOES-")[-1][:2])
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise SolarsynthError(
            f"{path}: not a readable GOES FITS file, perhaps cut off ({str(error).splitlines()[0]}); fetch it again"
        ) from None
    finally:
        if opened != path:
            opened.unlink(missing_ok=True)
    flux = table["xrsb"].to_numpy(np.float32)
    good = np.isfinite(flux) & (flux > 0)
    return pd.DataFrame(
        {
            "time": table.index.to_numpy().astype("datetime64[ms]").astype(np.int64),
            "flux": np.where(np.isfinite(flux), flux, -9999.0).astype(np.float32),
            "quality": np.where(good, 0, 1).astype(np.int16),  # these files have no flags
            "satellite": np.int16(satellite),
        }
    ).sort_values("time", kind="stable", ignore_index=True)


def _text(value) -> str:
    value = np.atleast_1d(value)[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def _satellite(path: Path, attributes) -> int:
    platform = _text(attributes.get("platform", "")).strip().lower().lstrip("g")
    if platform.isdigit():
        return int(platform)
    parts = [part[1:] for part in path.name.split("_") if part[:1] == "g" and part[1:].isdigit()]
    if not parts:
        raise SolarsynthError(f"{path}: neither the file nor its name says which GOES it is")
    return int(parts[0])


def to_scale(flux: np.ndarray, satellite: np.ndarray, have: str, want: str) -> np.ndarray:
    """Convert XRS-B flux between the operational and the science scale; GOES-16 and later have one scale.

    Parameters
    ----------
    flux : ndarray
        W/m².
    satellite : ndarray of int
        0 where it is not known; taken as one before GOES-16.
    have, want : {"operational", "science"}
    """
    for scale in (have, want):
        if scale not in ("operational", "science"):
            raise SolarsynthError(f"no flux scale {scale!r}; known: operational, science")
    if have == want:
        return np.asarray(flux)
    factor = SWPC_FACTOR if want == "operational" else 1 / SWPC_FACTOR
    return np.where(np.asarray(satellite) < 16, np.asarray(flux) * factor, flux)


def join(tables: Iterable[pd.DataFrame], preference: Sequence[int] = PREFERENCE, gap: float = 60.0) -> pd.DataFrame:
    """Join the satellites: the preferred one, filled from the next where it has no good sample.

    Parameters
    ----------
    tables : iterable of DataFrame
        As from `read_file`, all on one scale.
    preference : sequence of int
        Satellites, the most believed first; others are not used.
    gap : float
        Seconds without a good sample that are filled from the next satellite.

    Returns
    -------
    DataFrame
        Good samples only, time increasing.
    """
    tables = [table[table["quality"] == 0] for table in tables]
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame({name: [] for name in COLUMNS})
    pool = pd.concat(tables, ignore_index=True)
    chosen = pd.DataFrame({name: pool[name].iloc[:0] for name in COLUMNS})
    for satellite in preference:
        more = pool[pool["satellite"] == satellite].sort_values("time", kind="stable").drop_duplicates("time")
        if len(chosen) and len(more):
            have, at = chosen["time"].to_numpy(), more["time"].to_numpy()
            after = np.searchsorted(have, at)
            before = np.where(after > 0, have[np.maximum(after - 1, 0)], np.iinfo(np.int64).min // 2)
            following = np.where(after < len(have), have[np.minimum(after, len(have) - 1)], np.iinfo(np.int64).max // 2)
            in_gap = (following - before) > gap * 1000
            # Not nearer to a sample of the better satellite than the samples there are to each other.
            more = more[in_gap & (at - before > gap * 500) & (following - at > gap * 500)]
        chosen = pd.concat([chosen, more], ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    return chosen[COLUMNS]


def fetch_month(
    year: int,
    month: int,
    folder: Path,
    *,
    satellites: Sequence[int] = (15,),
    resolution: str = "flx1s",
    tries: int = 3,
    pause: float = 2.0,
) -> list[Path]:
    """Fetch a month of science files with sunpy; what lies in `folder` and reads is not fetched again.

    Parameters
    ----------
    year, month : int
    folder : Path
        Cache, one folder per satellite and month.
    satellites : sequence of int
    resolution : {"flx1s", "avg1m"}
        The paper's tolerance of 6 s needs ``flx1s``.
    tries : int
        Rounds of fetching what is missing or damaged.
    pause : float
        Seconds before the second round; doubled before each further one.

    Returns
    -------
    list of Path
        Files that read, by name.

    Raises
    ------
    SolarsynthError
        If the archive cannot be searched, or a file stays damaged after all rounds.
    """
    from sunpy.net import Fido
    from sunpy.net import attrs as a

    first = np.datetime64(f"{year:04d}-{month:02d}")
    last = (first + 1).astype("datetime64[s]") - np.timedelta64(1, "s")
    found: list[Path] = []
    for satellite in satellites:
        target = Path(folder) / f"goes{satellite:02d}" / f"{year:04d}-{month:02d}"
        done = target / ".complete"
        if done.is_file():
            listed = [target / name for name in done.read_text().split()]
            if all(path.is_file() for path in listed):
                found += listed
                continue
        try:
            answer = Fido.search(
                a.Time(str(first.astype("datetime64[s]")), str(last)),
                a.Instrument.xrs,
                a.goes.SatelliteNumber(satellite),
                a.Resolution(resolution),
            )
        except Exception as error:
            raise SolarsynthError(
                f"GOES-{satellite} {year}-{month:02d}: the archive cannot be searched ({type(error).__name__}); "
                "run the same again to go on"
            ) from None
        names = [str(row["url"]).rsplit("/", 1)[-1] for block in answer for row in block]
        missing = [name for name in names if not _reads(target / name)]
        for attempt in range(tries):
            if not missing:
                break
            if attempt:
                time.sleep(pause * 2 ** (attempt - 1))
            target.mkdir(parents=True, exist_ok=True)
            Fido.fetch(answer, path=str(target / "{file}"), downloader=_downloader(max_conn=2))
            missing = [name for name in names if not _reads(target / name)]
        if missing:
            raise SolarsynthError(
                f"GOES-{satellite} {year}-{month:02d}: {missing[0]} is still missing or damaged after {tries} "
                "rounds; run the same again to go on"
            )
        if names:
            web.save(done, "\n".join(sorted(names)).encode())
        found += [target / name for name in sorted(names)]
    return found


def _downloader(max_conn: int):
    """Return parfive's downloader, made to close its event loop and to obey Ctrl+C.

    parfive's own leaves the loop open after the download, and with it handlers that swallow SIGINT and SIGTERM until
    the loop is collected; and it takes an interrupted download for a finished one.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import parfive

    class Downloader(parfive.Downloader):
        def download(self):
            async def whole():
                try:
                    return await self.run_download()
                finally:
                    if asyncio.current_task().cancelling():
                        raise asyncio.CancelledError

            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(whole())
            with ThreadPoolExecutor(1) as pool:  # a notebook's kernel runs a loop of its own
                return pool.submit(asyncio.run, whole()).result()

    return Downloader(max_conn=max_conn, progress=False, overwrite=False)


def _reads(path: Path) -> bool:
    """Return whether a file is there and whole; a damaged one is removed, so that it is fetched again."""
    if not path.is_file():
        return False
    try:
        read_file(path)
    except SolarsynthError:
        path.unlink()
        return False
    return True


def months(start: int, end: int) -> list[tuple[int, int]]:
    """Return the (year, month) pairs that a period (ms, ms) touches, the end excluded."""
    stamps = np.arange(
        np.datetime64(int(start), "ms").astype("datetime64[M]"),
        np.datetime64(int(max(start, end - 1)), "ms").astype("datetime64[M]") + 1,
    )
    return [(int(str(m)[:4]), int(str(m)[5:7])) for m in stamps]


def days(start: int, end: int) -> np.ndarray:
    """Return the midnights (ms) of the days that a period touches, the end excluded."""
    return np.arange(start // DAY * DAY, end, DAY)
