"""Browse JPEG and PNG: display intensity in the colours of 171 Å, with the time in the file's name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from solarsynth.observations import quicklook
from solarsynth.observations.ephemeris import solar_radius
from solarsynth.observations.frames import disk
from solarsynth.observations.frames.headers import OTHER_OBSERVATORY, OTHER_WAVELENGTH, WITHOUT_TIME
from solarsynth.observations.frames.picture import LeftOut, Picture
from solarsynth.pixels import DISPLAY_TRUSTED, display_to_dn
from solarsynth.times import NO_TIME, parse_times

NOT_SQUARE = "pictures that are not square"
OTHER_COLOURS = "pictures in other colours than those of 171 Å"

#: Width of a browse image in arcseconds: 4096 px of 0.6″, at every size.
FIELD = 4096 * 0.6

#: Mean distance per channel from the colour table, above which a picture was drawn with another one.
COLOUR_ERROR = 16.0

_TIMES = (
    re.compile(r"(?<!\d)(\d{4})[-_.](\d\d)[-_.](\d\d)[T_ -]+(\d\d)[-_:.]?(\d\d)(?:[-_:.]?(\d\d))?(?!\d)"),
    re.compile(r"(?<!\d)(\d{4})(\d\d)(\d\d)[T_-]?(\d\d)(\d\d)(\d\d)?(?!\d)"),
)
_OTHER_BANDS = re.compile(r"(?<!\d)0{0,2}(94|131|193|211|304|335|1600|1700|4500)(?:[aå])?(?![\da-z])", re.IGNORECASE)
_OTHER_INSTRUMENTS = re.compile(r"HMI|EIT|EUVI|SECCHI|STEREO|SUVI|SWAP|PROBA|TRACE|LASCO", re.IGNORECASE)


def time_of_name(name: str) -> int:
    """Return the UTC time in a file's name in milliseconds since 1970, or `NO_TIME`.

    Such as ``20251220_000658_1024_0171.jpg``, ``test_171_20191124_095558.jpg``, ``2012-07-19T073001Z.png``,
    ``2012_01_01__00_00_00_34__AIA_171.png`` and ``AIA20120101_0006_0171.png``.
    """
    for pattern in _TIMES:
        for found in pattern.finditer(name):
            year, month, day, hour, minute, second = found.groups(default="00")
            time = int(parse_times([f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"])[0])
            if time != NO_TIME:
                return time
    return NO_TIME


def check_name(name: str) -> int:
    """Return the time in the name; raise `LeftOut` if there is none, or the name says that it is another picture."""
    time = time_of_name(name)
    rest = name
    for pattern in _TIMES:
        rest = pattern.sub("_", rest)
    if _OTHER_INSTRUMENTS.search(rest):
        raise LeftOut(OTHER_OBSERVATORY)
    if _OTHER_BANDS.search(rest) and not re.search(r"(?<!\d)0?171(?!\d)", rest):
        raise LeftOut(OTHER_WAVELENGTH)
    if time == NO_TIME:
        raise LeftOut(WITHOUT_TIME)
    return time


def read(path: Path, size: int) -> tuple[np.ndarray, int]:
    """Read a browse image as display intensity, in the same way as the source ``quicklook``.

    Parameters
    ----------
    path : Path
    size : int
        Side in pixels.

    Returns
    -------
    image : ndarray of uint8, shape (size, size)
        Row 0 in the south. The border with the time stamp is cut away; the plate scale is that of the browse images.
    time : int
        Milliseconds since 1970.

    Raises
    ------
    LeftOut
        If it is not a browse image of 171 Å.
    """
    time = check_name(Path(path).name)
    inner = _inner(path)
    if len(inner) < size:
        raise LeftOut(disk.COARSE)
    image = quicklook.shrink(inner, size)
    disk.check_limb(image, solar_radius(time) / (FIELD * len(inner) / _whole(len(inner))))
    return image, time


def read_dn(path: Path) -> tuple[Picture, float]:
    """Read a browse image in DN/s by `solarsynth.pixels.display_to_dn`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    picture : Picture
    saturated : float
        Share of the pixels, of those within the border, that are above 200 and so are too low in DN/s.
    """
    time = check_name(Path(path).name)
    inner = _inner(path)
    border = quicklook.border(_whole(len(inner)))
    image = np.pad(inner, border, mode="edge")  # the time stamp is not the sky
    side = len(image)
    table = display_to_dn(np.arange(256))
    middle = (side - 1) / 2
    picture = Picture(image, table, time, (middle, middle), FIELD / side * np.eye(2), solar_radius(time))
    return picture, float((inner > DISPLAY_TRUSTED).mean())


def stack_in_dn(image: np.ndarray, time: np.ndarray, size: int) -> np.ndarray:
    """Bring display frames without their border to DN/s by `display_to_dn`, on the disk that frames in DN/s have.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
        Row 0 in the south.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970; the Sun's size on the pictures follows from it.
    size : int
        Side in pixels.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
        Or (n, H, W) with the disk as it was, if the frames are no browse pictures: if the limb is elsewhere.
    """
    dn = display_to_dn(image)
    n, height, width = image.shape
    if not n or height != width or height < max(size, disk.SMALLEST):
        return dn
    scale = FIELD * (quicklook.SIZE - 2 * quicklook.BORDER) / quicklook.SIZE / height
    chosen = np.linspace(0, n - 1, min(n, 50)).astype(int)
    radii = np.array([disk.limb(image[i])[0] * height * scale / solar_radius(int(time[i])) for i in chosen])
    if not abs(np.median(radii) - disk.LIMB) <= disk.TOLERANCE:
        return dn
    middle = (height - 1) / 2
    pictures = (
        Picture(frame, 1.0, int(stamp), (middle, middle), scale * np.eye(2), solar_radius(int(stamp)))
        for frame, stamp in zip(dn, time, strict=True)
    )
    return np.stack([disk.place(picture, size) for picture in pictures])


def _whole(inner: int) -> int:
    """Return the side of the picture whose border was cut away."""
    return round(inner * quicklook.SIZE / (quicklook.SIZE - 2 * quicklook.BORDER))


def _inner(path: Path) -> np.ndarray:
    """Return the display intensity without the border, row 0 in the south."""
    from PIL import Image

    with Image.open(path) as picture:
        if picture.width != picture.height:
            raise LeftOut(NOT_SQUARE)
        if picture.mode in ("L", "I;16", "I"):
            values = np.asarray(picture.convert("L"))
        else:
            rgb = np.asarray(picture.convert("RGB"), np.int16)
            values = quicklook.invert_colours(rgb)
            if np.abs(quicklook.colours()[values] - rgb).mean() > COLOUR_ERROR:
                raise LeftOut(OTHER_COLOURS)
    return quicklook.without_border(values)[::-1]
