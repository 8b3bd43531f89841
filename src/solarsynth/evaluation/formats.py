"""What others' generators write: npz, npy, FITS, and folders of pictures. Here files are opened, not judged."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError, first_line, reading, shown
from solarsynth.flares import CLASSES

_IMAGES = ("image", "images", "samples", "arr_0")
_LABELS = ("label", "labels", "arr_1")
_PICTURES = (".png", ".jpg", ".jpeg")
_FITS = (".fits", ".fits.gz", ".fit")
_DAMAGE = r"(?i)[\s\S]*(truncated|checksum|datasum|error validating|non-ascii)"


@dataclass(frozen=True)
class Found:
    """What a file or a folder holds.

    Attributes
    ----------
    image : ndarray
        As it was stored.
    label : ndarray or None
    what, classes : str
        Names of what the images and the classes were read from, for messages.
    origin : {"lower", "upper"}
        Where row 0 is by the custom of the format.
    unit : str
        ``DN/s`` if the file says so.
    """

    image: np.ndarray
    label: np.ndarray | None
    what: str
    classes: str = ""
    origin: str = "lower"
    unit: str = ""


def read_found(path: Path) -> Found:
    """Open a file or a folder of images.

    Raises
    ------
    SolarsynthError
        If it cannot be read; the line names the file.
    """
    if path.is_dir():
        return _read_folder(path)
    if path.name.lower().endswith(_FITS):
        return _read_fits_files([path])
    if path.suffix.lower() in _PICTURES:
        raise SolarsynthError(f"{path}: one picture; give the folder that holds the pictures")
    return _read_numpy(path)


def _read_numpy(path: Path) -> Found:
    name = "image"
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                return Found(file, None, "the array")
            with file:
                name = next((name for name in _IMAGES if name in file), "")
                if not name:
                    names = shown(", ".join(file)) if len(file) else "no array"
                    raise SolarsynthError(f"{path}: must have an array 'image', got {names}")
                image, images = file[name], name
                name = next((name for name in _LABELS if name in file), "")
                return Found(image, file[name] if name else None, images, name)
    except SolarsynthError:
        raise
    except Exception as error:  # numpy's readers have many for a damaged file
        if "Object arrays" in str(error):
            raise SolarsynthError(
                f"{path}: {name!r} holds Python objects, which only pickle can read; store numbers or text, "
                "such as np.array(names, dtype=str)"
            ) from None
        kind = ".npy" if path.suffix == ".npy" else ".npz"
        # numpy takes every other file for a pickle, and advises to open it; nobody should.
        reason = "it is no file of numpy's" if "pickle" in str(error) else first_line(error)
        if isinstance(error, FileNotFoundError):
            reason = "no such file"
        raise SolarsynthError(f"{path}: not a readable {kind} ({reason})") from None


def _read_folder(folder: Path) -> Found:
    paths = sorted(path for path in folder.rglob("*") if path.name.lower().endswith((*_PICTURES, *_FITS)))
    if not paths:
        raise SolarsynthError(f"{folder}: no {', '.join((*_PICTURES, *_FITS))} in it")
    places = [path.relative_to(folder).parts for path in paths]
    deep = next((path for path, place in zip(paths, places, strict=True) if len(place) > 2), None)
    if deep:
        raise SolarsynthError(f"{deep}: pictures must lie in {folder} or in sub-folders of it, one per class")
    names = [place[0] if len(place) == 2 else "" for place in places]
    label = None
    if any(names):
        wrong = next((path for path, name in zip(paths, names, strict=True) if name not in CLASSES), None)
        if wrong:
            raise SolarsynthError(f"{wrong}: each picture must lie in a sub-folder named {', '.join(CLASSES)}")
        label = np.array(names)
    are_fits = [path.name.lower().endswith(_FITS) for path in paths]
    if any(are_fits) and not all(are_fits):
        raise SolarsynthError(f"{folder}: holds both FITS files and pictures; keep one kind")
    if all(are_fits):
        found = _read_fits_files(paths, single=True)
        return found if label is None else Found(found.image, label, found.what, "the sub-folders", unit=found.unit)
    image = _stack(paths, [_read_picture(path) for path in paths])
    return Found(image, label, f"{len(paths)} pictures", "the sub-folders", origin="upper")


def _read_picture(path: Path) -> np.ndarray:
    from PIL import Image

    with reading(path, "not a readable picture, perhaps cut off"), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # a header may claim any size
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            if picture.mode.startswith(("I", "F")):
                raise SolarsynthError(f"{path}: must have 8 bits per channel, got mode {picture.mode}")
            grey = picture.mode in ("L", "1")
            return np.asarray(picture.convert("L" if grey else "RGB"))


def _read_fits_files(paths: list[Path], single: bool = False) -> Found:
    """Read the images of FITS files; with `single` each file must hold one."""
    from astropy.io import fits

    images, classes, units = [], [], set()
    for path in paths:
        before = len(images)
        with reading(path, "not a readable FITS file, perhaps cut off"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=_DAMAGE)  # astropy only warns of a file that is cut off
            with fits.open(path, memmap=False, checksum=True) as units_of_file:
                for unit in units_of_file:
                    if unit.is_image and unit.data is not None:
                        data = np.asarray(unit.data)
                        # FITS is big-endian; the rest of the package computes in the machine's order.
                        data = data.astype(data.dtype.newbyteorder("="))
                        images += list(data) if data.ndim == 3 else [data]
                        classes += [str(unit.header.get("GOESCLS", ""))[:1]] * (len(images) - len(classes))
                        units.add(str(unit.header.get("BUNIT", "")).replace(" ", ""))
        if single and len(images) != before + 1:
            raise SolarsynthError(f"{path}: must hold one image, got {len(images) - before}")
    if not images:
        raise SolarsynthError(f"{paths[0]}: no image in it")
    if len(units) > 1:
        raise SolarsynthError(f"{paths[0]}: the images must have one BUNIT, got {shown(', '.join(sorted(units)))}")
    label = np.array(classes) if all(name in CLASSES for name in classes) else None
    unit = "DN/s" if units == {"DN/s"} else ""
    image = _stack([paths[0]] * len(images) if len(paths) == 1 else paths, images)
    return Found(image, label, f"{len(images)} FITS images", "GOESCLS" if label is not None else "", unit=unit)


def _stack(paths: list[Path], images: list[np.ndarray]) -> np.ndarray:
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise SolarsynthError(
                f"{path}: must have the shape {images[0].shape} of the first image, got {image.shape}"
            )
    return np.stack(images)
