"""Images that any model may have made: checked, brought to one form, and a warning if their scale looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError, reading, shown
from solarsynth.evaluation.formats import Found, read_found
from solarsynth.flares import CLASSES
from solarsynth.pixels import normalise, to_uint8

# Floats that were scaled to [-1, 1] or [0, 1] may exceed it by rounding.
LARGEST, SMALLEST = 1.001, -0.001

#: Grey images that were stored as RGB may differ by this much of 255 between channels.
CHANNEL_TOLERANCE = 2

ORIGINS = ("lower", "upper")


@dataclass(frozen=True)
class Samples:
    """Images to be measured.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
        0 to 255 over the normalised range, row 0 in the south.
    label : ndarray of int64, shape (n,), or None
        Class, 0 (A) to 4 (X), negative for an image without one; None if no image has one.
    how : str
        One line that says how the file was read and what was assumed.
    """

    image: np.ndarray
    label: np.ndarray | None
    how: str


def read_samples(path: Path, image_size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images and the labels of `open_samples`."""
    samples = open_samples(path, image_size)
    return samples.image, samples.label


def open_samples(path: Path, image_size: int, origin: str | None = None) -> Samples:
    """Read images by any model.

    Parameters
    ----------
    path : Path
        ``.npz`` with ``image`` (or ``arr_0``) and, optionally, ``label`` (or ``arr_1``); ``.npy``; ``.fits`` with one
        image per unit or a cube; or a folder of PNG, JPEG or FITS files, whose sub-folders name the classes. Images
        are (n, H, W), or have one channel or three equal ones before or behind. Pixels are uint8, where 0 to 255 is
        the normalised range, or float in [-1, 1] or [0, 1]; FITS may hold DN/s. ``label`` (n,): class names, or whole
        numbers from 0 (A) to 4 (X); a negative number means that the image has no class.
    image_size : int
        Side of the reference's images in pixels.
    origin : {"lower", "upper"}, optional
        Whether row 0 is the southernmost or the northernmost. By default lower for arrays and FITS, upper for PNG and
        JPEG, whose first row is the top of the picture.

    Raises
    ------
    SolarsynthError
        One line that says what is wrong with the file.
    """
    path = Path(path)
    if origin not in (None, *ORIGINS):
        raise SolarsynthError(f"origin must be lower or upper, got {shown(origin)}")
    found = read_found(path)
    given = found.image
    image, said = _as_uint8(path, found, image_size)
    north_first = (origin or found.origin) == "upper"
    if north_first:
        image = image[:, ::-1]
    label = None if found.label is None else _as_classes(path, found.label, len(image))
    reason = "as told" if origin else "assumed; --origin says otherwise"
    how = (
        f"read {found.what} {given.shape} {given.dtype}, {said}, row 0 is the "
        f"{'northern' if north_first else 'southern'} one ({reason}), "
        f"{'no classes' if label is None else f'classes from {found.classes}'}"
    )
    return Samples(np.ascontiguousarray(image), label, how)


def _as_uint8(path: Path, found: Found, size: int) -> tuple[np.ndarray, str]:
    """Check the images, and return them as uint8 (n, H, W), with a text on how their values were taken."""
    image, said = _one_channel(path, found.image)
    if image.ndim != 3 or not len(image):
        raise SolarsynthError(f"{path}: image must have the shape (n, H, W) with n ≥ 1, got {image.shape}")
    if image.shape[1:] != (size, size):
        got = f"{image.shape[1]} × {image.shape[2]} px"
        raise SolarsynthError(f"{path}: images must be {size} × {size} px as the reference's are, got {got}")
    if image.dtype == np.uint8:
        return image, f"{said}0 to 255 over the normalised range"
    wanted = "pixels must be uint8, or float in [-1, 1] (the archive's normalised range) or [0, 1]"
    if not np.issubdtype(image.dtype, np.floating):
        raise SolarsynthError(f"{path}: {wanted}, got {image.dtype}")
    finite = np.isfinite(image).all((1, 2))
    if not finite.all():
        raise SolarsynthError(
            f"{path}: pixels must be finite, got NaN or infinity in {(~finite).sum()} of {len(image)} images"
        )
    if found.unit == "DN/s":
        return to_uint8(normalise(image, "DN/s")), f"{said}DN/s"
    low, high = image.min(), image.max()
    if low < -LARGEST or high > LARGEST:
        raise SolarsynthError(f"{path}: {wanted}, got {low:.4g} to {high:.4g}")
    if low >= SMALLEST:  # a Sun in [-1, 1] has dark corners near -1
        return to_uint8(image * 2 - 1), f"{said}taken as [0, 1] because no pixel is negative"
    return to_uint8(image), f"{said}taken as [-1, 1]"


def _one_channel(path: Path, image: np.ndarray) -> tuple[np.ndarray, str]:
    """Return images of one channel, or of three equal ones, without the axis of channels."""
    if image.ndim != 4:
        return image, ""
    axis = next((axis for axis in (3, 1) if image.shape[axis] in (1, 3)), None)
    if axis is None:
        raise SolarsynthError(
            f"{path}: image must have the shape (n, H, W), or one channel or three, (n, 1, H, W) or (n, H, W, 3), "
            f"got {image.shape}"
        )
    if image.shape[axis] == 1:
        return image.squeeze(axis), "one channel, "
    channels = np.moveaxis(image, axis, -1)
    if channels.dtype.kind not in "iuf" or not channels.size:
        return channels[..., 0], ""
    wide = channels.astype(np.float32)
    spread = float((wide.max(-1) - wide.min(-1)).max()) * (1 if channels.dtype.kind in "iu" else 127.5)
    if spread > CHANNEL_TOLERANCE:
        raise SolarsynthError(
            f"{path}: images must be grey, but their three channels differ by up to {spread:.0f} of 255; "
            "save the intensity, not its picture in colours"
        )
    return channels[..., 1], "three equal channels, "


def _as_classes(path: Path, label: np.ndarray, count: int) -> np.ndarray | None:
    """Check the labels of `count` images, and return them as int64; None if no image has a class."""
    if label.shape != (count,):
        raise SolarsynthError(f"{path}: label must have the shape ({count},), one per image, got {label.shape}")
    if label.dtype.kind in "US":
        with reading(path, "label is not text"):
            names = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in label.tolist()]
        unknown = sorted(set(names) - set(CLASSES))
        if unknown:
            raise SolarsynthError(f"{path}: labels must be GOES classes, {', '.join(CLASSES)}, got {shown(unknown[0])}")
        return np.array([CLASSES.index(name) for name in names])
    wanted = f"labels must be class names, or whole numbers from 0 (A) to {len(CLASSES) - 1} (X)"
    if label.dtype.kind not in "iu":
        raise SolarsynthError(f"{path}: {wanted}, got {label.dtype}")
    if label.max() >= len(CLASSES):
        raise SolarsynthError(f"{path}: {wanted}, got {label.max()}")
    return None if (label < 0).all() else label.astype(np.int64)


def range_warning(image: np.ndarray, real: np.ndarray) -> str:
    """Return a warning if the pixel values of samples are unlike those of real images, else an empty text.

    The likely cause is another scale.

    Parameters
    ----------
    image, real : ndarray of uint8, shapes (n, H, W) and (m, H, W)
    """
    (dark, bright), (real_dark, real_bright) = (
        [float(np.median(extreme(x, axis=(1, 2)))) for extreme in (np.min, np.max)] for x in (image, real)
    )
    if dark <= real_dark + 64 and bright >= real_bright / 2:
        return ""
    return (
        f"pixels of the samples are from {dark:.0f} to {bright:.0f}, those of real images from {real_dark:.0f} to "
        f"{real_bright:.0f} (0 is -1 and 255 is 1 in the normalised range); the samples may be on another scale"
    )
