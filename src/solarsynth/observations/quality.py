"""What a store in SDOMLv2's layout says of each frame, QUALITY and EXPTIME, and which frames that rules out."""

from __future__ import annotations

import numpy as np


def per_frame(values: object, n: int) -> np.ndarray:
    """Return an attribute of a year as numbers.

    Parameters
    ----------
    values : object
        As in the attributes: a list of n numbers. None, NaN (JSON has both) and whatever else is no number are unknown;
        so is every frame if there is no list, or one of another length.
    n : int
        Frames of the year.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where it is unknown.
    """
    if not isinstance(values, list) or len(values) != n:
        return np.full(n, np.nan)
    return np.array([_number(value) for value in values], np.float64)


def _number(value: object) -> float:
    if type(value) not in (int, float):
        return np.nan
    try:
        return float(value)
    except OverflowError:  # whole numbers of JSON may be of any length
        return np.inf


def flags_raised(quality: np.ndarray) -> np.ndarray:
    """Return which frames (n,) bool a flag speaks against: QUALITY is known and not 0.

    An unknown QUALITY speaks against no frame, since stores and years without flags are whole otherwise. But -1 is
    stored, not unknown: all 32 flags are raised, also that of a missing image.
    """
    return ~np.isnan(quality) & (quality != 0)


def unexposed(exposure: np.ndarray) -> np.ndarray:
    """Return which frames (n,) bool were not exposed: EXPTIME, in seconds, is known and not positive.

    An unknown exposure speaks against no frame: pixels of a store are in DN/s and are not divided by it again.
    """
    return ~np.isnan(exposure) & (exposure <= 0)
