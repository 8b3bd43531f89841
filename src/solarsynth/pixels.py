"""The scales of pixels, and the conversions between them.

Three scales occur. An archive holds frames in its own unit, ``DN/s`` or 8-bit ``display`` intensity. Networks see the
normalised range [-1, 1]. Labelled sets and samples are stored as uint8, where 0 stands for -1 and 255 for 1. Every
function works on numpy arrays; `to_unit` and `to_uint8` work on torch tensors too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solarsynth.errors import SolarsynthError

#: Units of an archive.
UNITS = ("DN/s", "display")

# SDOMLv2 frames reach from the quiet corona to saturated flares. The first author's later code and the ceVAE's code
# both clip to these bounds before the logarithm.
DN_LOW, DN_HIGH = 5.0, 3500.0

#: Radius of the disk in units of the image's width: SDOMLv2 has 203.3 px of 512 (976″ at 4.8″/px). In browse images of
#: 2012, of which a border is cut, the limb lies at 0.425.
DISK_RADIUS = {"DN/s": 203.3 / 512, "display": 0.425}

#: Browse images of 2012 follow v = 8.4 √(DN/s) up to about v = 200: an approximation from one region on one day, with
#: this scatter.
DISPLAY_SCALE, DISPLAY_TRUSTED, DISPLAY_SCATTER = 8.4, 200.0, "11 to 13 %"

#: Half of the 8-bit range, which stands for 1 in the normalised range.
HALF_RANGE = 127.5


def normalise(image: np.ndarray, unit: str) -> np.ndarray:
    """Scale frames to the normalised range.

    Parameters
    ----------
    image : ndarray
        Frames in `unit`.
    unit : {"DN/s", "display"}
        ``DN/s``: clip to [5, 3500], take log10, scale. ``display``: scale only.

    Returns
    -------
    ndarray of float32, same shape
        In [-1, 1]. `denormalise` is the inverse within the clipping bounds.
    """
    image = np.asarray(image, np.float32)
    if unit == "display":
        return image / np.float32(HALF_RANGE) - 1
    low, high = np.log10(DN_LOW), np.log10(DN_HIGH)
    return ((np.log10(np.clip(image, DN_LOW, DN_HIGH)) - low) / (high - low) * 2 - 1).astype(np.float32)


def denormalise(x: np.ndarray, unit: str) -> np.ndarray:
    """Scale frames from [-1, 1] to `unit`; the inverse of `normalise`."""
    x = np.clip(np.asarray(x, np.float32), -1, 1)
    if unit == "display":
        return (x + 1) * np.float32(HALF_RANGE)
    low, high = np.log10(DN_LOW), np.log10(DN_HIGH)
    return (10 ** ((x + 1) / 2 * (high - low) + low)).astype(np.float32)


def to_dn(image: np.ndarray, unit: str) -> np.ndarray:
    """Return the intensity of images that are stored on the 8-bit scale.

    Parameters
    ----------
    image : ndarray, shape (...)
        uint8, or float from 0 to 255: 0 stands for -1 and 255 for 1 in the normalised range.
    unit : {"DN/s", "display"}
        Unit of the archive.

    Returns
    -------
    ndarray of float32, same shape
        In DN/s. For ``DN/s`` exact within the bounds of `normalise`. For ``display`` it is that of `display_to_dn`, but
        brighter pixels than v = 200 count as 200, since nothing is known about them: these values are measured.
    """
    if unit == "display":
        found = display_to_dn(np.minimum(np.arange(256), DISPLAY_TRUSTED))
    else:
        found = denormalise(np.arange(256) / HALF_RANGE - 1, unit)
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return found[image]
    return np.interp(image, np.arange(256), found).astype(np.float32)


def display_to_dn(value: np.ndarray) -> np.ndarray:
    """Return the intensity of browse images of 2012, (v / 8.4)².

    Parameters
    ----------
    value : ndarray
        Display intensity, 0 to 255.

    Returns
    -------
    ndarray of float32, same shape
        In DN/s, with a scatter of 11 to 13 % up to v = 200. Above, where the images saturate, it is too low, but still
        rises: an imported frame keeps the order of its pixels. `to_dn`, for measurements, stops at 200 instead.
    """
    return (np.asarray(value, np.float32) / np.float32(DISPLAY_SCALE)) ** 2


def to_unit(image: Any) -> Any:
    """Return uint8 images, 0 to 255, in the normalised range [-1, 1].

    Parameters
    ----------
    image : ndarray or Tensor of uint8
        Of any shape.

    Returns
    -------
    ndarray or Tensor of float32
        Of the same kind and shape.
    """
    if isinstance(image, np.ndarray):
        return image.astype(np.float32) / np.float32(HALF_RANGE) - np.float32(1)
    return image.float() / HALF_RANGE - 1


def to_uint8(x: Any) -> np.ndarray:
    """Return images in [-1, 1], clipped, as a uint8 array; the inverse of `to_unit`.

    Parameters
    ----------
    x : ndarray or Tensor of float
        Of any shape and on any device.

    Returns
    -------
    ndarray of uint8, same shape
    """
    if isinstance(x, np.ndarray):
        return np.round((np.clip(x, -1, 1) + 1) * HALF_RANGE).astype(np.uint8)
    return ((x.float().clamp(-1, 1) + 1) * HALF_RANGE).round().byte().cpu().numpy()


def block_mean(image: np.ndarray, size: int, name: object = "") -> np.ndarray:
    """Average blocks of pixels down to `size`, in the frames' own unit.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
    size : int
        H and W must be equal and divisible by it.
    name : object
        Where the frames come from; named in the error message.

    Returns
    -------
    ndarray, shape (n, size, size)
        float32, or the input if it already has this size.
    """
    _, height, width = image.shape
    if height != width or height % size:
        prefix = f"{name}: " if name else ""
        raise SolarsynthError(
            f"{prefix}frames of {height}×{width} px cannot be averaged to {size} px; "
            f"they must be square with a side divisible by {size}"
        )
    if height == size:
        return image
    k = height // size
    return image.reshape(-1, size, k, size, k).mean(axis=(2, 4), dtype=np.float32)
