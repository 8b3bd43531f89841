"""Values against the unit: frames in another unit come out white or black, so they are refused."""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.pixels import DN_LOW

CONSTANT = "frames of one value"


def check(image: np.ndarray, unit: str, given: bool, name: object) -> None:
    """Raise if the values of frames cannot be in their unit.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
        NaN does not count.
    unit : {"DN/s", "display"}
    given : bool
        Whether the caller named the unit, rather than the default.
    name : object
        Where the frames come from; named in the message.

    Raises
    ------
    SolarsynthError
        With the range that was found, and what to do.
    """
    low, high, whole = _range(image)
    if not low <= high:  # no finite value at all
        return
    found = f"{name}: the values run from {low:.4g} to {high:.4g}"
    if high <= 1 and high > low:
        scale = "0..1" if low >= 0 else "-1..1"
        raise SolarsynthError(f"{found}, as if scaled to {scale}; bring them to 0..255 (display) or to DN/s first")
    if unit == "display":
        if low < 0 or high > 255:
            raise SolarsynthError(f"{found}, but display intensity is 0..255; for DN/s pass --unit DN/s")
        if not whole and not given:
            raise SolarsynthError(
                f"{found} and are not whole numbers; pass --unit DN/s, or --unit display for averaged display intensity"
            )
    elif high <= DN_LOW and high > low:
        raise SolarsynthError(
            f"{found}, but in DN/s all below {DN_LOW:g} is black; bring counts, or logarithms of them, to DN/s first"
        )


def _range(image: np.ndarray) -> tuple[float, float, bool]:
    """Return the lowest and the highest finite value, and whether all are whole numbers; part by part."""
    low, high, whole = np.inf, -np.inf, True
    for part in np.array_split(image, max(1, len(image) // 256)):
        if part.dtype.kind == "f":
            part = part[np.isfinite(part)]
            whole = whole and bool((part == np.round(part)).all())
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
    return low, high, whole


def constant(image: np.ndarray) -> np.ndarray:
    """Return which frames (n,) of an image (n, H, W) have one value everywhere, but for rounding; none that has NaN."""
    low, high = image.min(axis=(1, 2)).astype(np.float64), image.max(axis=(1, 2)).astype(np.float64)
    return high - low <= 1e-5 * np.abs(high)
