"""Read tables and files of the 1–8 Å X-ray flux."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, shown
from solarsynth.observations import goes
from solarsynth.observations.lists.tables import TIME_NAMES, choose, numbers, read_table
from solarsynth.times import NO_TIME, TIME_FORMS, parse_times

_COLUMNS = {
    "time": TIME_NAMES,
    "flux": ("flux", "xrs_long", "xrsb", "xrsb_flux", "xrs_b", "b_flux", "long", "flux_long", "observed_flux"),
}
_BAD = (  # 0 is good in each of these columns; SWPC writes "contaminaton"
    *("gap_filled", "quality", "xrsb_quality", "quality_xrsb", "xrsb_flag", "xrsb_flags", "b_flags"),
    *("electron_contaminaton", "electron_contamination"),
)
_SATELLITES = ("satellite", "goes", "satellite_number")
_LONG = r"(?:0?\.1 ?- ?0?\.8 ?nm|1(?:\.0)? ?- ?8(?:\.0)? ?(?:a|å|angstrom)|long|xrs-?_?b|b)"
_FILES = (".nc", ".fits", ".fits.gz")

#: A flare of X100 would have this flux; the median of any time is far below it.
_TOO_LARGE = 1e-3

SCALES = ("operational", "science")


def read_flux(path: Path, scale: str | None = None) -> tuple[pd.DataFrame, str, list[str]]:
    """Read X-ray flux.

    Parameters
    ----------
    path : Path
        A table (CSV, ECSV or JSON, see `solarsynth.observations.lists.tables.read_table`), a GOES file (``.nc``,
        ``.fits``, ``.fits.gz``) or a folder of GOES files. A table has a time and the flux in W/m²; if it holds both
        channels row by row, as SWPC's does, the column ``energy`` tells them apart.
    scale : {"operational", "science"}, optional
        Scale of a table's flux; operational by default. GOES files say their scale themselves.

    Returns
    -------
    table : DataFrame
        ``time`` (ms, increasing), ``flux`` (W/m²), and where the source has them ``quality`` (0 is good) and
        ``satellite``.
    scale : {"operational", "science"}
    notes : list of str
        What was assumed or left out, a line each.

    Raises
    ------
    SolarsynthError
        If the file is unusable; the line names the file, the value and what to do.
    """
    path = Path(path)
    if scale not in (None, *SCALES):
        raise SolarsynthError(f"a flux scale must be operational or science, got {shown(scale)}")
    if path.is_dir() or path.name.endswith(_FILES):
        table, found, notes = _read_files(path)
        if scale not in (None, found):
            raise SolarsynthError(f"{path}: these GOES files are on the {found} scale; leave out --flux-scale {scale}")
        scale = found
    else:
        table, notes = _read_table(path)
        scale = scale or "operational"
    _check_unit(path, table)
    return table, scale, notes


def _read_files(path: Path) -> tuple[pd.DataFrame, str, list[str]]:
    """Read a GOES file, or join those of a folder."""
    if not path.is_dir():
        table, scale = goes.read_file(path)
        return table.drop_duplicates("time", ignore_index=True), scale, []
    paths = sorted(file for file in path.rglob("*") if file.name.endswith(_FILES))
    if not paths:
        raise SolarsynthError(f"{path}: no GOES file in it (looked for {', '.join(_FILES)})")
    tables, scales = zip(*(goes.read_file(file) for file in paths), strict=True)
    scale = "science" if "science" in scales else "operational"
    for table, have in zip(tables, scales, strict=True):
        table["flux"] = goes.to_scale(table["flux"], table["satellite"], have, scale)
    notes = [f"joined {len(paths)} GOES files"]
    if len(set(scales)) > 1:
        notes.append("the files are on two scales; all were brought to the science scale")
    return goes.join(tables), scale, notes


def _read_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    raw, notes = read_table(path), []
    raw, said = _long_channel(path, raw)
    notes += said
    table = choose(path, raw, _COLUMNS, ("time", "flux"))
    stamps = table["time"]
    table["time"] = parse_times(stamps)
    table["flux"] = _flux_numbers(table["flux"])
    bad = [name for name in _BAD if name in raw]
    if bad:  # an interpolated sample is not a measurement, so its quality is not 0
        table["quality"] = np.any([_is_bad(numbers(path, raw[name], name)) for name in bad], axis=0).astype(np.int16)
    satellite = next((name for name in _SATELLITES if name in raw), None)
    if satellite:
        table["satellite"] = _satellite(path, raw[satellite], satellite)
    known = table["time"] != NO_TIME
    if not known.all():
        first = next((str(v) for v in stamps[~known] if str(v).strip()), "")
        if known.sum() < 2:
            raise SolarsynthError(
                f"{path}: at least two samples must have a time, got {int(known.sum())}; "
                f"the first unreadable one is {shown(first)}; times may be written as {TIME_FORMS}"
            )
        missing = int((~known).sum())
        notes.append(f"{missing:,} samples without a readable time are left out, the first is {shown(first)}")
    table = table[known].sort_values("time", kind="stable")
    if len(table) < 2:
        raise SolarsynthError(f"{path}: at least two samples must have a time, got {len(table)}")
    if "quality" in table and (table["quality"] != 0).mean() > 0.5:
        notes.append(
            f"{(table['quality'] != 0).mean():.0%} of the samples are marked as bad by {', '.join(bad)} and not used"
        )
    return _one_satellite_at_a_time(table, notes), notes


def _one_satellite_at_a_time(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return a table with one sample per time: of the preferred satellite, in its gaps of the next one."""
    satellites = set(table["satellite"]) if "satellite" in table else set()
    if len(satellites) < 2 or not satellites <= set(goes.PREFERENCE):
        return table.drop_duplicates("time", ignore_index=True)
    order = [str(number) for number in goes.PREFERENCE if number in satellites]
    notes.append(f"several satellites: GOES-{order[0]} is taken, and in its gaps GOES-{', '.join(order[1:])}")
    return goes.join([table if "quality" in table else table.assign(quality=np.int16(0))])


def _is_bad(flags: pd.Series) -> np.ndarray:
    """Return which samples a column of flags marks as bad.

    One-minute averages of GOES-13 to 15 carry one of the bits 8 to 64 in every sample: the state of the electron
    correction. There only the bits 1, 2 and 4 mean bad. A table, unlike the file, does not say so.
    """
    flags = flags.to_numpy(np.int64)
    if len(flags) and ((flags & 120) != 0).all():
        return (flags & 7) != 0
    return flags != 0


def _long_channel(path: Path, raw: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of the 1–8 Å channel of a table that holds both channels row by row."""
    if "energy" not in raw:
        return raw, []
    energy = raw["energy"].astype(str).str.strip().str.lower()
    long = energy.str.fullmatch(_LONG)
    if not long.any():
        found = ", ".join(repr(value) for value in energy.unique()[:3])
        raise SolarsynthError(f"{path}: no row of the long channel: 'energy' must be 0.1-0.8nm in some, got {found}")
    return raw[long].reset_index(drop=True), [f"took the {int(long.sum()):,} rows of 0.1-0.8 nm of {len(raw):,}"]


def _flux_numbers(column: pd.Series) -> pd.Series:
    """Return fluxes as float64, NaN for what is none; a comma may be the decimal point."""
    values = pd.to_numeric(column, errors="coerce")
    if values.isna().any() and column.dtype.kind not in "iuf":
        values = values.fillna(pd.to_numeric(column.astype(str).str.replace(",", ".", n=1), errors="coerce"))
    return values.astype(np.float64)


def _satellite(path: Path, column: pd.Series, name: str) -> pd.Series:
    values = numbers(path, column, name)
    wrong = ~values.between(0, 99)
    if wrong.any():
        raise SolarsynthError(
            f"{path}: the column {name!r} must hold the number of the GOES, got {values[wrong].iloc[0]:g}"
        )
    return values.astype(np.int16)


def _check_unit(path: Path, table: pd.DataFrame) -> None:
    """Refuse a flux that cannot be in W/m²: in µW/m² every flare would be of class X."""
    good = table["flux"].to_numpy(np.float64)
    good = good[np.isfinite(good) & (good > 0)]
    if not len(good):
        raise SolarsynthError(f"{path}: no flux in it is a positive number; it must be in W/m²")
    median, largest = float(np.median(good)), float(good.max())
    if median > _TOO_LARGE or largest > 1:
        raise SolarsynthError(
            f"{path}: the flux must be in W/m², got a median of {median:.3g} and a largest of {largest:.3g} "
            f"(a flare of X1 has 1e-4 W/m²); convert it, 1 µW/m² is 1e-6 W/m²"
        )
