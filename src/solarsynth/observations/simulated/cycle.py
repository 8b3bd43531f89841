"""The cycle: when and where active regions emerge, how they grow and fade, and how they turn with the Sun."""

from __future__ import annotations

import numpy as np
import pandas as pd

from solarsynth.observations.locations import rotation_rate
from solarsynth.times import DAY

CYCLE_START = 2008.9  # minimum before cycle 24, as a decimal year
CYCLE_RISE = 4.6  # years; Hathaway's b, stretched to the slow and late cycle 24
REGIONS_PER_DAY = 1.15  # at the maximum
LONGEST_LIFE = 60.0  # days
SOLAR_TILT = 7.25  # degrees between the Sun's axis and the pole of the ecliptic


def decimal_year(time: np.ndarray) -> np.ndarray:
    """Return instants (ms) as decimal years (Julian)."""
    return 1970 + np.asarray(time) / DAY / 365.25


def activity(time: np.ndarray) -> np.ndarray:
    """Return the cycle's activity, 1 at its maximum (Hathaway et al. 1994, Eq. 1)."""
    x = np.clip((decimal_year(time) - CYCLE_START) / CYCLE_RISE, 0, None)
    shape = x**3 / (np.exp(x**2) - 0.71)
    return 0.97 * shape / 0.5038 + 0.03  # 0.5038 is the maximum of the shape; 0.03 leaves a minimum a few regions


def emerge(rng: np.random.Generator, start: int, end: int) -> pd.DataFrame:
    """Let active regions emerge.

    Parameters
    ----------
    rng : Generator
    start, end : int
        Milliseconds since 1970.

    Returns
    -------
    DataFrame
        Per region, in order of birth: ``birth`` (ms), ``life_days``, ``latitude``, ``longitude`` (at the epoch 1970,
        see `place`) and ``tilt`` (degrees), ``size`` (relative flux, lognormal), ``extent`` (degrees between its
        poles), ``complexity`` (proportional to its rate of flares).
    """
    first = start - int(LONGEST_LIFE * DAY)  # some regions exist already when the period begins
    days = np.arange(first, end, DAY)
    count = rng.poisson(REGIONS_PER_DAY * activity(days))
    birth = np.sort(np.repeat(days, count) + rng.integers(0, DAY, count.sum()))
    n = len(birth)
    # Spörer's law: the belts start at 28° and drift to the equator (Hathaway 2011, Eq. 4).
    years = decimal_year(birth) - CYCLE_START
    centre = 28 * np.exp(-years * 12 / 90)
    latitude = np.clip(rng.normal(centre, 2.0 + 0.16 * centre), 1, 42) * rng.choice([-1, 1], n)
    size = np.clip(rng.lognormal(0.0, 0.8, n), 0.1, 8)
    # Joy's law: 32.1° sin(latitude), and a scatter that shrinks with size.
    tilt = 32.1 * np.sin(np.radians(latitude)) + rng.normal(0, 16 / np.sqrt(size + 0.5), n)
    return pd.DataFrame(
        {
            "birth": birth,
            "life_days": np.minimum(6 + 16 * np.sqrt(size) * rng.uniform(0.7, 1.3, n), LONGEST_LIFE),
            "latitude": latitude,
            "longitude": rng.uniform(0, 360, n),
            "tilt": tilt,
            "size": size,
            "extent": 3.5 + 3.5 * np.sqrt(size),
            "complexity": size**1.6 * rng.lognormal(0, 0.7, n),
        }
    )


def alive(regions: pd.DataFrame, time: int) -> dict[str, np.ndarray]:
    """Return the columns of the regions that may exist at `time` (ms), and their ``number``."""
    oldest = time - int(LONGEST_LIFE * DAY)
    first, last = np.searchsorted(regions["birth"].to_numpy(), [oldest, time])
    columns = {name: regions[name].to_numpy()[first:last] for name in regions}
    return columns | {"number": np.arange(first, last)}


def strength(region: dict[str, np.ndarray], time: int) -> np.ndarray:
    """Return the flux of each region at `time` (ms).

    It rises within a fifth of the region's life and then falls slowly. It is the region's ``size`` at its maximum, and
    0 before its birth and after its end.
    """
    age = np.clip((time - region["birth"]) / DAY / region["life_days"], 0, 1)
    return region["size"] * np.minimum(age / 0.2, (1 - age) / 0.8) ** 0.7


def axis_tilt(time: np.ndarray) -> np.ndarray:
    """Return B0, the heliographic latitude of the disk's centre, in radians; it is largest in early September."""
    return np.radians(SOLAR_TILT * np.sin(2 * np.pi * (decimal_year(time) - 0.436)))


def place(
    latitude: np.ndarray, longitude: np.ndarray, time: np.ndarray, turning_at: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotate points of the surface with the Sun and project them.

    Parameters
    ----------
    latitude, longitude : ndarray
        Degrees; the longitude holds at the epoch 1970.
    time : int or ndarray of int64
        Milliseconds since 1970.
    turning_at : ndarray, optional
        Latitude that sets the rotation rate; by default each point's own.

    Returns
    -------
    x, y, mu : ndarray
        Distances from the disk's centre towards west and north in solar radii, and the cosine of the angle to the line
        of sight (negative on the far side).
    """
    rate = rotation_rate(latitude if turning_at is None else turning_at)
    lat = np.radians(latitude)
    lon = np.radians((longitude + rate * (np.asarray(time) / DAY)) % 360)
    b0 = axis_tilt(time)
    x = np.cos(lat) * np.sin(lon)
    y = np.sin(lat) * np.cos(b0) - np.cos(lat) * np.cos(lon) * np.sin(b0)
    mu = np.sin(lat) * np.sin(b0) + np.cos(lat) * np.cos(lon) * np.cos(b0)
    return x, y, mu
