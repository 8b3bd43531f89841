"""Active regions: which flares, and so which frames, show the same one.

A region crosses the disk in two weeks and may come back after the far side. Frames of one region are not independent,
whatever the time between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from solarsynth.observations.locations import parse_locations, rotation_rate
from solarsynth.times import DAY, NO_TIME

if TYPE_CHECKING:
    import pandas as pd

#: Number of an event whose region is not known.
NO_REGION = -1

#: Positions in degrees that belong to one region after they were rotated to the same time.
LATITUDE_WITHIN, LONGITUDE_WITHIN = 6.0, 10.0

#: Days after which a region that was last seen at the west limb must have come back at the east limb.
LONGEST_ABSENCE = 20

#: Two numbered regions are one only if the second appears when the first has been out of sight for this many days.
SHORTEST_ABSENCE = 8

#: Regions among which a place is looked up; far more than appear within the longest absence.
RECENT = 500


def active_regions(events: pd.DataFrame) -> np.ndarray:
    """Number the active regions of events.

    Events with the same NOAA number share a region. An event without a number joins the region that was seen within
    the last 20 days at the same place, rotated with the Sun. A region that comes back gets a new NOAA number; it is
    found by its place, too.

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms, `NO_TIME` if unknown); ``location`` (``N18W33``) and ``noaa`` (0 if unknown), if there are any.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0 in the order of first appearance; `NO_REGION` for an event without a time, a number and a location.
    """
    time = events["peak"].to_numpy(np.int64)
    n = len(events)
    noaa = events["noaa"].to_numpy(np.int64) if "noaa" in events else np.zeros(n, np.int64)
    latitude, longitude = parse_locations(events["location"] if "location" in events else [""] * n)
    found = np.full(n, NO_REGION, np.int64)
    known = _Known(n)
    for i in np.argsort(time, kind="stable"):
        if time[i] != NO_TIME and (noaa[i] or np.isfinite(latitude[i])):
            found[i] = known.number_of(time[i], int(noaa[i]), latitude[i], longitude[i])
    return found


class _Known:
    """The regions seen so far, each with the place and the time where it was last seen."""

    def __init__(self, most: int) -> None:
        self.by_noaa: dict[int, int] = {}
        self.count = 0
        self.seen = np.full((most, 3), np.nan)  # time in days, latitude, longitude; NaN without a place

    def number_of(self, time: int, noaa: int, latitude: float, longitude: float) -> int:
        """Return the region of an event, and remember where it was seen."""
        days = time / DAY
        number = self.by_noaa.get(noaa, NO_REGION) if noaa else NO_REGION
        if number == NO_REGION:
            number = self._at(days, latitude, longitude, SHORTEST_ABSENCE if noaa else 0)
        if number == NO_REGION:
            number, self.count = self.count, self.count + 1
        if noaa:
            self.by_noaa.setdefault(noaa, number)
        self.seen[number, 0] = days
        if np.isfinite(latitude):
            self.seen[number] = days, latitude, longitude
        return number

    def _at(self, days: float, latitude: float, longitude: float, absence: float) -> int:
        """Return the nearest region at a place, out of sight for at least `absence` days; `NO_REGION` if none is."""
        first = max(0, self.count - RECENT)
        seen = self.seen[first : self.count]
        apart = days - seen[:, 0]
        rate = rotation_rate((seen[:, 1] + latitude) / 2)
        east = (seen[:, 2] + rate * apart - longitude + 180) % 360 - 180
        north = seen[:, 1] - latitude
        near = (np.abs(north) <= LATITUDE_WITHIN) & (np.abs(east) <= LONGITUDE_WITHIN)
        near &= (apart >= absence) & (apart <= LONGEST_ABSENCE)
        if not near.any():
            return NO_REGION
        distance = np.where(near, np.hypot(north, east), np.inf)
        return first + int(distance.argmin())


def independent_units(block: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Return the independent unit of each image: the block of time in which its region was first seen.

    Parameters
    ----------
    block : ndarray of int64, shape (n,)
        In the order of time.
    region : ndarray of int64, shape (n,)
        `NO_REGION` where it is not known; such an image belongs to its own block.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    unit = np.array(block, np.int64)
    numbers, first, where = np.unique(region, return_index=True, return_inverse=True)
    return np.where(np.asarray(region) == NO_REGION, unit, unit[first][where]) if len(numbers) else unit
