"""Where on the Sun an event is: heliographic positions as texts, and how they turn with the Sun."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np


def parse_locations(text: Iterable) -> tuple[np.ndarray, np.ndarray]:
    """Read heliographic locations such as ``N18W33``.

    Parameters
    ----------
    text : sequence of str, length n

    Returns
    -------
    latitude, longitude : ndarray of float, shape (n,)
        In degrees, positive to the north and to the west; NaN for a text that is not a location.
    """
    matches = [re.fullmatch(r"\s*([NS])(\d{1,2})([EW])(\d{1,3})\s*", str(value)) for value in text]
    latitude, longitude = np.full(len(matches), np.nan), np.full(len(matches), np.nan)
    for i, match in enumerate(matches):
        if match:
            latitude[i] = int(match[2]) * (1 if match[1] == "N" else -1)
            longitude[i] = int(match[4]) * (1 if match[3] == "W" else -1)
    return latitude, longitude


def location_text(latitude: float, longitude: float) -> str:
    """Write a position in degrees as a location such as ``N18W33``; the inverse of `parse_locations`."""
    north, west = ("N" if latitude >= 0 else "S"), ("W" if longitude >= 0 else "E")
    return f"{north}{abs(round(latitude)):02d}{west}{abs(round(longitude)):02d}"


def rotation_rate(latitude: np.ndarray) -> np.ndarray:
    """Return the rotation as seen from the Earth in degrees per day.

    The source is Snodgrass & Ulrich 1990 (doi:10.1086/168467); `latitude` is in degrees.
    """
    s2 = np.sin(np.radians(latitude)) ** 2
    return 14.713 - 2.396 * s2 - 1.787 * s2**2 - 0.9856
