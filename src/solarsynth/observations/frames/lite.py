"""SDOML-lite (https://github.com/oxai4science/sdoml-lite): tar files with a ``.npy`` per time and channel.

A member is named ``2024/03/08/2345.aia_0171.npy``, and row 0 is the northern one. The disk is that of SDOMLv2. A value
is √(x / maximum), where x is the sum of DN/s over the pixels of a 1024 px image that the stored pixel covers, corrected
for degradation. The maximum is that of the whole data set, whose files do not hold it.
"""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.observations.frames import disk
from solarsynth.observations.frames.picture import LeftOut
from solarsynth.pixels import DISK_RADIUS, block_mean
from solarsynth.times import parse_times

#: Side of the images that a data set is made from.
SIDE = 1024

_NAME = re.compile(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)(\d\d)\.aia_0171\.npy", re.IGNORECASE)

NONE = "tar files without a frame of 171 Å as in SDOML-lite"
DAMAGED = "frames that cannot be decoded"
OTHER_SIDE = "frames whose side is not divisible by that of the archive"
OTHER_VALUES = "frames that are not (H, H) from 0 to 1, as in SDOML-lite"

Read = list[tuple[str, int, np.ndarray | LeftOut]]


def read(path: Path, size: int, maximum: float) -> Read:
    """Read the frames of a tar file.

    Parameters
    ----------
    path : Path
    size : int
        Side in pixels.
    maximum : float
        The maximum by which the data set was scaled.

    Returns
    -------
    list of (str, int, ndarray or LeftOut)
        Name, time (ms), and the frame (size, size) in DN/s, row 0 in the south, or why it is left out.

    Raises
    ------
    tarfile.TarError
        If the file is damaged.
    """
    found: Read = []
    with tarfile.open(path) as members:
        for member in members:
            match = _NAME.fullmatch(member.name.removeprefix("./"))
            if match and member.isfile():
                time = int(parse_times(["{}-{}-{}T{}:{}:00Z".format(*match.groups())])[0])
                try:
                    image = _frame(members.extractfile(member).read(), size, maximum)
                except LeftOut as left:
                    image = left
                found.append((f"{path.name}/{member.name}", time, image))
    return found or [(path.name, 0, LeftOut(NONE))]


def _frame(body: bytes, size: int, maximum: float) -> np.ndarray:
    """Return a frame (size, size) in DN/s, row 0 in the south, from the bytes of its ``.npy``."""
    try:
        value = np.load(io.BytesIO(body), allow_pickle=False)
    except Exception:  # numpy has several errors for a damaged file
        raise LeftOut(DAMAGED) from None
    if value.dtype.kind != "f" or value.ndim != 2 or value.shape[0] != value.shape[1] or SIDE % len(value):
        raise LeftOut(OTHER_VALUES)
    if not np.isfinite(value).all():
        raise LeftOut(disk.NAN)
    if value.min() < 0 or value.max() > 1:
        raise LeftOut(OTHER_VALUES)
    rate = value.astype(np.float32) ** 2 * np.float32(maximum * (len(value) / SIDE) ** 2)
    try:
        image = block_mean(rate[None, ::-1], size)[0]
    except SolarsynthError:
        raise LeftOut(OTHER_SIDE) from None
    if image.max() > image.min():
        disk.check_limb(image, DISK_RADIUS["DN/s"])
    return image


def check_maximum(path: Path, maximum: float | None) -> None:
    """Raise `SolarsynthError` if the maximum of a data set is not given, or cannot be one."""
    if maximum is None:
        raise SolarsynthError(
            f"{path}: SDOML-lite does not hold the maximum by which it was scaled; give that of 171 Å with "
            "--lite-maximum (its process_aia.py prints it under 'Max values')"
        )
    if not 0 < maximum < 1e9:
        raise SolarsynthError(f"the maximum of SDOML-lite must be above 0 and finite, got {maximum:g}")
