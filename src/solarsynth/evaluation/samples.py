"""Files of images that any model may have made: how they are read, and a warning if their scale looks wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError, reading, shown
from solarsynth.flares import CLASSES
from solarsynth.pixels import to_uint8

# Floats that were scaled to [-1, 1] may exceed it by rounding.
LARGEST = 1.001


def read_samples(path: Path, image_size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Read an ``.npz`` file with ``image`` and, optionally, ``label``.

    Parameters
    ----------
    path : Path
        ``image`` (n, H, W): uint8, where 0 to 255 is the normalised range, or float in [-1, 1]. ``label`` (n,): class
        names, or whole numbers from 0 (A) to 4 (X); a negative number means that the image has no class.
    image_size : int
        Side of the reference's images in pixels.

    Returns
    -------
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int64, shape (n,), or None
        Negative for an image without a class; None if no image has one.

    Raises
    ------
    SolarsynthError
        One line that says what is wrong with the file.
    """
    image, label = _read(path)
    image = _as_uint8(path, image, image_size)
    return image, None if label is None else _as_classes(path, label, len(image))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with reading(path, "not a readable .npz"), path.open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise SolarsynthError(f"{path}: must be an .npz with image and label, got a single array")
        with file:
            if "image" not in file:
                names = shown(", ".join(file)) if len(file) else "no array"
                raise SolarsynthError(f"{path}: must have an array 'image', got {names}")
            return file["image"], file["label"] if "label" in file else None


def _as_uint8(path: Path, image: np.ndarray, size: int) -> np.ndarray:
    """Check the images (n, H, W), and return them as uint8."""
    if image.ndim != 3 or not len(image):
        raise SolarsynthError(f"{path}: image must have the shape (n, H, W) with n ≥ 1, got {image.shape}")
    if image.shape[1:] != (size, size):
        got = f"{image.shape[1]} × {image.shape[2]} px"
        raise SolarsynthError(f"{path}: images must be {size} × {size} px as the reference's are, got {got}")
    if image.dtype == np.uint8:
        return image
    wanted = "pixels must be uint8, or float in [-1, 1] (the archive's normalised range)"
    if not np.issubdtype(image.dtype, np.floating):
        raise SolarsynthError(f"{path}: {wanted}, got {image.dtype}")
    finite = np.isfinite(image).all((1, 2))
    if not finite.all():
        raise SolarsynthError(
            f"{path}: pixels must be finite, got NaN or infinity in {(~finite).sum()} of {len(image)} images"
        )
    low, high = image.min(), image.max()
    if low < -LARGEST or high > LARGEST:
        raise SolarsynthError(f"{path}: {wanted}, got {low:.4g} to {high:.4g}")
    return to_uint8(image)


def _as_classes(path: Path, label: np.ndarray, count: int) -> np.ndarray | None:
    """Check the labels of `count` images, and return them as int64; None if no image has a class."""
    if label.shape != (count,):
        raise SolarsynthError(f"{path}: label must have the shape ({count},), one per image, got {label.shape}")
    if label.dtype.kind in "US":
        with reading(path, "label is not text"):
            names = label.astype(str).tolist()
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
