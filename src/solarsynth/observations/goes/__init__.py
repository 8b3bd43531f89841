"""GOES X-ray flux, 1–8 Å (XRS-B): fetch it through sunpy, read the files, join the satellites.

Two scales exist. On the operational scale the flux of GOES 8–15 holds the SWPC factor; on the science scale it does not
(X1.0 operational = X1.43 science). Science netCDF files are on the science scale, SDAC's FITS files on the operational
one. From GOES-16 on both scales are the same.
"""

from solarsynth.observations.goes.fetching import fetch_month
from solarsynth.observations.goes.joining import (
    COLUMNS,
    GOES_16_OPERATIONAL,
    PREFERENCE,
    SWPC_FACTOR,
    join,
    list_satellite,
    to_scale,
)
from solarsynth.observations.goes.reading import read_file

__all__ = [
    "COLUMNS",
    "GOES_16_OPERATIONAL",
    "PREFERENCE",
    "SWPC_FACTOR",
    "fetch_month",
    "join",
    "list_satellite",
    "read_file",
    "to_scale",
]
