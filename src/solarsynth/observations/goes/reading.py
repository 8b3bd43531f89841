"""Read GOES XRS files: science netCDF and SDAC's FITS."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, first_line, reading
from solarsynth.flares import LARGEST_FLUX
from solarsynth.observations import web
from solarsynth.times import SECOND

# Names of flux and flag in the products: 2 s (gxrs), 1 min and GOES-R 1 s (xrsf). Versions differ in the flag's name.
_FLUXES = ("b_flux", "xrsb_flux")
_FLAGS = ("b_flags", "b_flag", "xrsb_flags", "xrsb_flag", "xrsb_quality")


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
        If the file is truncated, not an XRS file, or a web page that was saved under its name.
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
    raise SolarsynthError(f"{path}: a GOES file must end in .nc, .fits or .fits.gz")


def _read_netcdf(path: Path) -> pd.DataFrame:
    import h5netcdf

    with reading(path, "not a readable netCDF file, perhaps cut off", "fetch it again"):
        with h5netcdf.File(path, "r") as file:
            flux_name = next((name for name in _FLUXES if name in file.variables), None)
            flag_name = next((name for name in _FLAGS if name in file.variables), None)
            if flux_name is None or flag_name is None:
                raise SolarsynthError(f"{path}: no XRS-B flux with flags in it")
            flux, flags, seconds = (file[name][:] for name in (flux_name, flag_name, "time"))
            # The first mask selects the bits that mean "bad"; it differs by product (3, 7, 1023, 65535). The other
            # bits mean corrections; a test for a flag of 0 would drop good minutes.
            mask, flag_fill = (
                int(np.atleast_1d(file[flag_name].attrs[name])[0]) for name in ("flag_masks", "_FillValue")
            )
            units = _text(file["time"].attrs["units"])
            satellite = _satellite(path, file.attrs)
        return _science_table(flux, flags, seconds, mask, flag_fill, units, satellite)


def _science_table(flux, flags, seconds, mask: int, flag_fill: int, units: str, satellite: int) -> pd.DataFrame:
    epoch = np.datetime64(units.removeprefix("seconds since ").removesuffix(" UTC").strip().replace(" ", "T"), "ms")
    known = np.isfinite(seconds) & (seconds >= 0)
    stamp = epoch.astype(np.int64) + np.round(np.where(known, seconds, 0) * SECOND).astype(np.int64)
    sound = ((flags & mask) == 0) & (flags != flag_fill)
    good = known & np.isfinite(flux) & (flux > 0) & (flux <= LARGEST_FLUX) & sound
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

    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            opened = path
            if path.name.endswith(".gz"):  # sunpy chooses the reader by the last suffix alone
                opened = Path(folder) / path.name.removesuffix(".gz")
                with gzip.open(path, "rb") as packed, opened.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
            warnings.simplefilter("ignore")  # the files have headers of an old standard
            series = TimeSeries(opened, source="XRS")
        table = series.to_dataframe()
        satellite = int(str(series.observatory or path.name).upper().split("GOES-")[-1][:2])
        flux = table["xrsb"].to_numpy(np.float32)
        stamp = table.index.to_numpy().astype("datetime64[ms]").astype(np.int64)
    except Exception as error:  # astropy's and sunpy's readers have many
        raise SolarsynthError(
            f"{path}: not a readable GOES FITS file, perhaps cut off ({first_line(error)}); fetch it again"
        ) from None
    good = np.isfinite(flux) & (flux > 0) & (flux <= LARGEST_FLUX)
    return pd.DataFrame(
        {
            "time": stamp,
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
        raise SolarsynthError(f"{path}: neither the file nor its name gives the number of the satellite")
    return int(parts[0])
