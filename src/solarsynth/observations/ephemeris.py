"""Where the Earth stands: the tilt of the Sun's axis and the size of its disk at a time."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.times import NO_TIME


def solar_tilt(time: np.ndarray) -> np.ndarray:
    """Return B0, the heliographic latitude of the disk's centre as seen from the Earth.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.

    Returns
    -------
    ndarray of float, shape (n,)
        In degrees, from -7.25 to 7.25; positive when the north pole is turned towards the Earth.

    Raises
    ------
    SolarsynthError
        If a time is unknown.
    """
    from astropy.time import Time
    from sunpy.coordinates import sun

    time = np.asarray(time, np.int64)
    if (time == NO_TIME).any():
        raise SolarsynthError(f"the Sun's tilt needs times, got {(time == NO_TIME).sum()} of {len(time)} unknown")
    if not len(time):
        return np.zeros(0)
    return sun.B0(Time(time / 1000, format="unix")).to_value("deg")


def solar_radius(time: int) -> float:
    """Return the photosphere's radius in arcseconds as seen from the Earth, at a time in milliseconds since 1970."""
    from astropy.time import Time
    from sunpy.coordinates import sun

    return float(sun.angular_radius(Time(time / 1000, format="unix")).to_value("arcsec"))
