"""Every picture on the same disk: centred, north up, its radius a fixed share of the width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solarsynth.observations.frames.picture import LeftOut, Picture
from solarsynth.pixels import DISK_RADIUS

#: The disk must be in the picture up to this distance from its centre, in radii.
WHOLE = 1.05
#: Rows that are turned into values at once: a picture of 4096 px is never held as floats as a whole.
STRIP = 256
#: Shift at the border, in pixels of the archive, below which a rotation is not carried out.
NEGLIGIBLE = 0.05

#: Where `limb` finds the half fall of the corona, in radii of the photosphere. Of the display frames of 2012, 98 % lie
#: between 1.064 and 1.088, and the centre of 99 % is within 0.022 radii of the middle; files in DN/s lie between 1.03
#: (1024 px) and 1.07 (32 px).
LIMB = 1.065
#: Side in pixels below which no limb is looked for.
SMALLEST = 32
#: How far limb and centre may be from their place, in radii.
TOLERANCE = 0.05

NOT_WHOLE = "frames without the whole disk (cutouts)"
NAN = "frames with NaN"
COARSE = "frames with fewer pixels than the archive"
WRONG_LIMB = "frames whose limb is not where it must be"


def place(picture: Picture, size: int) -> np.ndarray:
    """Put a picture on the archive's grid by the mean over the area of each pixel.

    The photosphere's radius becomes 203.3/512 of the width, as in SDOMLv2: the disk is rescaled to 976″ at 4.8″ per
    pixel of 512, whatever the distance to the Sun.

    Parameters
    ----------
    picture : Picture
    size : int
        Side in pixels.

    Returns
    -------
    ndarray of float32, shape (size, size)
        DN/s, row 0 in the south.

    Raises
    ------
    LeftOut
        If the picture does not show the whole disk, holds NaN on it, or is coarser than the grid.
    """
    from scipy.sparse import csr_array

    _check_whole(picture)
    picture = _upright(_without_nan(picture), size)
    image, scale = picture.image, np.diag(picture.matrix)
    half = picture.radius / DISK_RADIUS["DN/s"] / 2
    if 2 * half / size < min(scale):
        raise LeftOut(COARSE)
    edges = np.linspace(-half, half, size + 1)
    across = overlap(image.shape[1], picture.centre[0] + edges / scale[0])
    along = csr_array(overlap(image.shape[0], picture.centre[1] + edges / scale[1]))
    # Each output row takes a few rows of the picture, so a sparse product comes first; it leaves little for the other.
    rows_out = np.zeros((size, image.shape[1]), np.float32)
    for first in range(0, len(image), STRIP):
        rows = slice(first, first + STRIP)
        part = along[:, rows]
        if part.nnz:
            rows_out += part @ _values(image[rows], picture.value)
    out = rows_out @ across.T
    return out if isinstance(picture.value, np.ndarray) else out * np.float32(picture.value)


def overlap(n: int, edges: np.ndarray) -> np.ndarray:
    """Return the share of each of `n` pixels in each bin, so that ``overlap @ values`` are the bins' means.

    Parameters
    ----------
    n : int
        Pixel j reaches from j - 0.5 to j + 0.5.
    edges : ndarray, shape (k + 1,)
        Increasing. The part of a bin beyond the pixels does not count; a bin wholly beyond them takes the nearest.

    Returns
    -------
    ndarray of float32, shape (k, n)
        Each row sums to 1.
    """
    edges = np.clip(edges, -0.5, n - 0.5)
    middle = np.arange(n)
    shared = np.minimum(edges[1:, None], middle + 0.5) - np.maximum(edges[:-1, None], middle - 0.5)
    shared = np.clip(shared, 0, None)
    beyond = ~shared.any(axis=1)
    shared[beyond, np.clip(np.round(edges[:-1][beyond]), 0, n - 1).astype(int)] = 1
    return (shared / shared.sum(axis=1, keepdims=True)).astype(np.float32)


def _values(pixels: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    return value.take(pixels) if isinstance(value, np.ndarray) else pixels.astype(np.float32)


def _check_whole(picture: Picture) -> None:
    """Raise `LeftOut` if a circle around the disk is not inside the picture."""
    angle = np.linspace(0, 2 * np.pi, 180)
    circle = WHOLE * picture.radius * np.stack([np.cos(angle), np.sin(angle)])
    column, row = np.linalg.solve(picture.matrix, circle) + np.array(picture.centre)[:, None]
    height, width = picture.image.shape
    if column.min() < -0.5 or row.min() < -0.5 or column.max() > width - 0.5 or row.max() > height - 0.5:
        raise LeftOut(NOT_WHOLE)


def _without_nan(picture: Picture) -> Picture:
    """Return the picture with 0 where it has NaN off the disk, as registered images have in their corners."""
    if picture.image.dtype.kind != "f":
        return picture
    missing = ~np.isfinite(picture.image)
    if not missing.any():
        return picture
    row, column = np.nonzero(missing)
    place = picture.matrix @ (np.stack([column, row]) - np.array(picture.centre)[:, None])
    if (np.hypot(*place) < WHOLE * picture.radius).any():
        raise LeftOut(NAN)
    return replace(picture, image=np.where(missing, 0, picture.image))


def _upright(picture: Picture, size: int) -> Picture:
    """Return the picture with north up and west right; a rotation too small to matter is left as it is."""
    matrix = picture.matrix
    tilt = max(abs(matrix[0, 1] / matrix[0, 0]), abs(matrix[1, 0] / matrix[1, 1])) if np.diag(matrix).all() else np.inf
    if min(np.diag(matrix)) > 0 and tilt * size / 2 < NEGLIGIBLE:
        return replace(picture, matrix=np.diag(np.diag(matrix)))
    from scipy.ndimage import affine_transform

    scale = float(np.sqrt(abs(np.linalg.det(matrix))))
    side = max(picture.image.shape)
    middle = (side - 1) / 2
    step = (np.linalg.inv(matrix) * scale)[::-1, ::-1]  # scipy counts rows first
    offset = np.array(picture.centre)[::-1] - step @ [middle, middle]
    table = isinstance(picture.value, np.ndarray)  # values come before the interpolation; a factor can wait
    values = _values(picture.image, picture.value)
    turned = affine_transform(values, step, offset, (side, side), order=1, mode="nearest")
    return replace(
        picture,
        image=turned,
        value=1.0 if table else picture.value,
        centre=(middle, middle),
        matrix=scale * np.eye(2),
    )


def limb(image: np.ndarray) -> tuple[float, float, float]:
    """Return where the limb of a single frame lies.

    Along 72 directions the corona falls from its level at the limb to that of the sky; the radius is where it has
    fallen half way. The median over the directions keeps loops and bright regions at the limb out.

    Parameters
    ----------
    image : ndarray, shape (H, H)

    Returns
    -------
    radius, right, up : float
        Radius, and the centre's distance from the middle, in widths of the image; NaN if there is no such fall.
    """
    from scipy.ndimage import map_coordinates

    side = len(image)
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)[:, None]
    share = np.linspace(0.3, 0.5, 101)
    row, column = (side - 1) / 2 + share * side * np.stack([np.sin(angle) + 0 * share, np.cos(angle) + 0 * share])
    rays = map_coordinates(np.asarray(image, np.float32), [row, column], order=1, mode="nearest")
    bright, sky = rays[:, :50].max(axis=1), rays[:, -5:].mean(axis=1)
    below = rays < ((bright + sky) / 2)[:, None]
    below &= share > share[rays[:, :75].argmax(axis=1)][:, None]
    found = below.any(axis=1) & (bright > 1.2 * sky)
    if found.sum() < 36:
        return np.nan, np.nan, np.nan
    where, angle = share[below.argmax(axis=1)][found], angle[found, 0]
    radius = float(np.median(where))
    near = np.abs(where - radius) < 0.05 * radius
    if near.sum() < 48:  # of 72; noise has a fall anywhere
        return np.nan, np.nan, np.nan
    design = np.stack([np.ones(near.sum()), np.cos(angle[near]), np.sin(angle[near])], axis=1)
    return tuple(float(v) for v in np.linalg.lstsq(design, where[near], rcond=None)[0])


def check_limb(image: np.ndarray, radius: float) -> None:
    """Raise `LeftOut` if the limb of a frame (H, H) is not where a photosphere of `radius` widths has it."""
    if len(image) < SMALLEST:
        return
    found, right, up = limb(image)
    if not (abs(found / radius - LIMB) <= TOLERANCE and np.hypot(right, up) <= TOLERANCE * radius):
        raise LeftOut(WRONG_LIMB)
