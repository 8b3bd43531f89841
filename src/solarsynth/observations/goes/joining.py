"""Bring fluxes to one scale, and join the satellites to one series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, shown
from solarsynth.times import SECOND

#: Operational flux = science flux × this, for XRS-B of GOES 8–15 (NOAA's readme of the science data).
SWPC_FACTOR = 0.7

#: From this day on SWPC's flare lists come from GOES-16 and later, whose classes hold no factor (ms since 1970).
GOES_16_OPERATIONAL = int(np.datetime64("2019-12-09", "ms").astype(np.int64))

#: Satellites in order of preference: the primary ones of 2011–2019 first.
PREFERENCE = (15, 13, 14, 16, 17, 18, 19)

COLUMNS = ["time", "flux", "quality", "satellite"]


def to_scale(flux: np.ndarray, satellite: np.ndarray, have: str, want: str) -> np.ndarray:
    """Convert XRS-B flux between the operational and the science scale; GOES-16 and later have one scale.

    Parameters
    ----------
    flux : ndarray
        W/m².
    satellite : ndarray of int
        Number of the satellite; an unknown one is 0 and counts as one before GOES-16.
    have, want : {"operational", "science"}
    """
    for scale in (have, want):
        if scale not in ("operational", "science"):
            raise SolarsynthError(f"a flux scale must be operational or science, got {shown(scale)}")
    if have == want:
        return np.asarray(flux)
    factor = SWPC_FACTOR if want == "operational" else 1 / SWPC_FACTOR
    return np.where(np.asarray(satellite) < 16, np.asarray(flux) * factor, flux)


def list_satellite(peak: np.ndarray, satellite: np.ndarray | None = None) -> np.ndarray:
    """Return the satellite on whose scale a flare list gives its classes: 15, or 16 for GOES-16 and later.

    Parameters
    ----------
    peak : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    satellite : ndarray of int, shape (n,), optional
        As the list says it, 0 if unknown.

    Returns
    -------
    ndarray of int, shape (n,)
        The date decides: SWPC's list for 2017 to 2026 names GOES-16 throughout, but until `GOES_16_OPERATIONAL` its
        classes equal those of GOES-15. A satellite before GOES-16 is believed on any date.
    """
    late = np.asarray(peak) >= GOES_16_OPERATIONAL
    if satellite is not None:
        satellite = np.asarray(satellite)
        late &= (satellite == 0) | (satellite >= 16)
    return np.where(late, 16, 15)


def join(
    tables: Iterable[pd.DataFrame], preference: Sequence[int] = PREFERENCE, gap: int = 60 * SECOND
) -> pd.DataFrame:
    """Join the satellites: take the preferred one, and fill its gaps from the next.

    Parameters
    ----------
    tables : iterable of DataFrame
        As from `read_file`, all on one scale.
    preference : sequence of int
        Satellites in order of preference; others are not used.
    gap : int
        Milliseconds without a good sample from which on the next satellite fills in.

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
            more = more[_in_gaps(more["time"].to_numpy(), chosen["time"].to_numpy(), gap)]
        chosen = pd.concat([chosen, more], ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    return chosen[COLUMNS]


def _in_gaps(time: np.ndarray, chosen: np.ndarray, gap: int) -> np.ndarray:
    """Return which of `time` lie in gaps of `chosen`, at least half a `gap` from its samples."""
    after = np.searchsorted(chosen, time)
    before = np.where(after > 0, chosen[np.maximum(after - 1, 0)], np.iinfo(np.int64).min // 2)
    following = np.where(after < len(chosen), chosen[np.minimum(after, len(chosen) - 1)], np.iinfo(np.int64).max // 2)
    return (following - before > gap) & (time - before > gap / 2) & (following - time > gap / 2)
