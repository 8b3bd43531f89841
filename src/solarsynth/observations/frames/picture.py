"""What a reader of a file returns: the pixels as stored, and where the Sun is in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class LeftOut(Exception):
    """A frame that is not used, and why: the name under which such frames are counted."""


@dataclass(frozen=True)
class Picture:
    """A picture of the whole disk.

    Attributes
    ----------
    image : ndarray, shape (H, W)
        As stored, row 0 first as in FITS: for an image that is not rotated, the southern row.
    value : ndarray of float32, shape (256,), or float
        Turns stored pixels into DN/s: a table for 8-bit pixels, or a factor.
    time : int
        Milliseconds since 1970.
    centre : (float, float)
        Column and row of the Sun's centre; the centre of the first pixel is (0, 0).
    matrix : ndarray of float, shape (2, 2)
        Arcseconds towards solar west and north per column and row.
    radius : float
        Radius of the photosphere in arcseconds.
    """

    image: np.ndarray
    value: np.ndarray | float
    time: int
    centre: tuple[float, float]
    matrix: np.ndarray
    radius: float
