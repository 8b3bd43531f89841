"""Frames in one ``.npz``: an array of images and an array of times."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError, first_line, reading, shown
from solarsynth.times import parse_times

#: Names of the array of images, and the unit that each stands for.
ARRAYS = {"dn_per_s": "DN/s", "image": "display"}


def read(path: Path, unit: str | None) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Read the frames of an ``.npz``.

    Parameters
    ----------
    path : Path
        With ``image`` or ``dn_per_s`` (n, H, W), and ``t_obs`` (n,): ISO 8601 UTC texts or datetime64.
    unit : {"DN/s", "display"} or None
        As the caller says. Of two arrays, the one in this unit is taken; by default, the one in DN/s.

    Returns
    -------
    image : ndarray, shape (n, H, W)
        As stored, in the machine's byte order.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    unit : str
        The caller's, else that of the array's name.
    name : str
        Of the array that was read.

    Raises
    ------
    SolarsynthError
        If the file is unusable.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = [name for name in ARRAYS if name in file]
            name = next((n for n in names if ARRAYS[n] == unit), names[0] if names else "image")
            for wanted in (name, "t_obs"):
                if wanted not in file:
                    has = shown(", ".join(file.files)) if file.files else "none"
                    raise SolarsynthError(
                        f"{path}: no array {wanted!r} in it (has {has}); "
                        "it must hold 'image' or 'dn_per_s' (n, H, W) and 't_obs' (n,)"
                    )
            image, stamps = _array(file, name, path), _array(file, "t_obs", path)
    except SolarsynthError:
        raise
    except FileNotFoundError:
        raise SolarsynthError(f"{path}: no such file") from None
    except Exception as error:  # numpy's readers have many for a damaged file
        why = first_line(error)
        raise SolarsynthError(f"{path}: not a readable .npz, perhaps truncated ({why}); fetch it again") from None
    if image.ndim != 3 or stamps.ndim != 1 or len(image) != len(stamps):
        raise SolarsynthError(
            f"{path}: {name!r} must be (n, H, W) with one 't_obs' per frame, got {image.shape} with {stamps.size} times"
        )
    if image.dtype.kind not in "uif":
        raise SolarsynthError(f"{path}: {name!r} must hold numbers, got {image.dtype}")
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    with reading(path, "'t_obs' must hold texts of times"):
        time = parse_times(stamps.astype(str))
    return image, time, unit or ARRAYS[name], name


def _array(file, name: str, path: Path) -> np.ndarray:
    try:
        return file[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        advice = "text: t_obs.astype('U24')" if name == "t_obs" else "numbers: image.astype('float32')"
        raise SolarsynthError(
            f"{path}: {name!r} is an array of Python objects, which is not read; save it as {advice}"
        ) from None
