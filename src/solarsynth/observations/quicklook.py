"""Quick-look: SDO browse images, JPEGs of 171 Å with 512 px, day by day, as real frames over an ordinary connection.

The images show an 8-bit display intensity through a colour table. This module inverts the table and cuts away the
border with the time stamp. The result is an archive of unit ``display``.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth import files
from solarsynth.errors import SolarsynthError, first_line
from solarsynth.observations import web
from solarsynth.observations.downloads import read_arrays
from solarsynth.observations.periods import days
from solarsynth.progress import bar
from solarsynth.times import DAY, HOUR, MINUTE, SECOND, format_times, parse_times

URL = "https://sdo.gsfc.nasa.gov/assets/img/browse"
#: Mean size of a 512 px browse image, for `cost`.
BYTES_PER_FRAME = 60_000
#: Frames that a polite client fetches in a second, for `cost`.
FRAMES_PER_SECOND = 3

SIZE = 512  # pixels
BORDER = 20  # pixels on every side: they hold the time stamp
_NAME = re.compile(r"\b(\d{8})_(\d{6})_512_0171\.jpg\b")


class BadPicture(SolarsynthError):
    """A file is not a picture, or not one that this module can use."""


@dataclass(frozen=True)
class Day:
    """The frames of a day.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, size, size)
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    bad : int
        Pictures that did not decode.
    """

    image: np.ndarray
    time: np.ndarray
    bad: int


def fetch(
    start: int,
    end: int,
    folder: Path,
    *,
    cadence: int = HOUR,
    size: int = 64,
    url: str = URL,
    polite: float = 0.1,
    **retries,
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Fetch frames of a period, one per `cadence`; finished days are kept and not fetched again.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970; the end is excluded.
    folder : Path
        Keeps one ``.npz`` per day and ``manifest.json`` with the address and SHA-256 of every frame.
    cadence : int
        Milliseconds.
    size : int
        Side in pixels.
    url : str
    polite : float
        Seconds between two requests.
    **retries
        As for `solarsynth.observations.web.get`.

    Returns
    -------
    image : ndarray of uint8, shape (n, size, size)
    time : ndarray of int64, shape (n,)
    counts : dict of str to int
    """
    folder = Path(folder)
    wanted = days(start, end).tolist()
    manifest_path = folder / "manifest.json"
    manifest = files.cached(manifest_path, _read_manifest, dict)

    def held(midnight: int) -> Day:
        date = np.datetime64(midnight, "ms").astype("datetime64[D]")
        kept = folder / f"{date}-{cadence / MINUTE:g}min-{size}px.npz"

        def make() -> Day:
            day = _fetch_day(midnight, cadence, size, url, polite, manifest, retries)
            files.write_json(manifest_path, manifest)
            files.write_npz(kept, **vars(day))
            return day

        return files.cached(kept, _read_day, make)

    found = []
    with bar("browse images", len(wanted), "days") as progress:
        for midnight in wanted:
            found.append(held(midnight))
            progress.update(1)
    counts = {
        "days": len(wanted),
        "days without a frame": sum(not len(day.time) for day in found),
        "frames": sum(len(day.time) for day in found),
        "frames that did not decode": sum(day.bad for day in found),
    }
    image, stamp = np.concatenate([day.image for day in found]), np.concatenate([day.time for day in found])
    inside = (stamp >= start) & (stamp < end)
    return image[inside], stamp[inside], counts


def _read_manifest(path: Path) -> dict[str, dict] | None:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    return manifest if isinstance(manifest, dict) else None


def _read_day(path: Path) -> Day:
    arrays = read_arrays(path)
    return Day(arrays["image"], arrays["time"], int(arrays["bad"]))


def _fetch_day(
    midnight: int, cadence: int, size: int, url: str, polite: float, manifest: dict[str, dict], retries: dict
) -> Day:
    """Fetch the frames of one day and enter them into the manifest."""
    index = day_index(midnight, url=url, **retries)
    images, times, bad = [], [], 0
    chosen = choose(np.array(sorted(index), np.int64), cadence)
    # The last minutes of a day are closest to a slot of the next day, which has frames of its own for it.
    chosen = chosen[np.round(chosen / cadence) * cadence < midnight + DAY]
    for stamp in chosen.tolist():
        time.sleep(polite)
        try:
            body = web.get(index[stamp], check=_fault, **retries)
            picture = decode(body)
        except web.NotThere:
            continue
        except BadPicture:
            bad += 1
            continue
        manifest[index[stamp].rsplit("/", 1)[-1]] = {
            "url": index[stamp],
            "sha256": hashlib.sha256(body).hexdigest(),
            "t_obs": format_times(np.array([stamp]))[0],
        }
        images.append(shrink(picture, size))
        times.append(stamp)
    image = np.stack(images) if images else np.empty((0, size, size), np.uint8)
    return Day(image, np.array(times, np.int64), bad)


def _fault(body: bytes) -> str | None:
    return "a web page, not a picture" if web.looks_like_html(body) else None


def day_index(midnight: int, *, url: str = URL, **retries) -> dict[int, str]:
    """Return the frames of a day: time (ms) to address.

    Parameters
    ----------
    midnight : int
        Milliseconds since 1970.
    url : str
    **retries
        As for `solarsynth.observations.web.get`.
    """
    date = np.datetime64(midnight, "ms").astype("datetime64[D]")
    folder = f"{url}/{str(date).replace('-', '/')}/"
    try:
        body = web.get(folder, check=lambda b: None if b.strip() else "the answer is empty", **retries)
    except web.NotThere:
        return {}
    names = sorted(set(m.group(0) for m in _NAME.finditer(body.decode("utf-8", errors="replace"))))
    times = parse_times([f"{n[:4]}-{n[4:6]}-{n[6:8]}T{n[9:11]}:{n[11:13]}:{n[13:15]}Z" for n in names])
    return dict(zip(times.tolist(), (folder + n for n in names), strict=True))


def choose(times: np.ndarray, cadence: int) -> np.ndarray:
    """Return one time (ms) per slot of `cadence` milliseconds: the closest to the slot, within half a cadence."""
    times = np.asarray(times)
    if not len(times):
        return times
    slot = np.round(times / cadence).astype(np.int64)
    distance = np.abs(times - slot * cadence)
    order = np.lexsort((distance, slot))
    _, first = np.unique(slot[order], return_index=True)
    return np.sort(times[order][first])


def decode(body: bytes) -> np.ndarray:
    """Turn a browse JPEG into intensity.

    Parameters
    ----------
    body : bytes

    Returns
    -------
    ndarray of uint8, shape (472, 472)
        Display intensity, border removed, row 0 in the south.

    Raises
    ------
    BadPicture
        If it is not a JPEG of 512 px.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(body), formats=("JPEG", "PNG")) as picture:
                if picture.size != (SIZE, SIZE):  # before it is decoded: a header may claim any size
                    got = f"{picture.size[0]} × {picture.size[1]}"
                    raise BadPicture(f"a picture must be {SIZE} × {SIZE} px, got {got}")
                picture.load()
                rgb = np.asarray(picture.convert("RGB"), np.int16)
    except BadPicture:
        raise
    except Exception as error:  # Pillow's decoders have many
        raise BadPicture(f"not a readable JPEG, perhaps cut off ({first_line(error)})") from None
    return without_border(invert_colours(rgb))[::-1]


def border(side: int) -> int:
    """Return the pixels on every side of a browse image of `side` px that hold the time stamp."""
    return round(side * BORDER / SIZE)


def without_border(picture: np.ndarray) -> np.ndarray:
    """Cut the border with the time stamp away."""
    width = border(len(picture))
    return picture[width:-width, width:-width]


@functools.cache
def colours() -> np.ndarray:
    """Return the colour table of 171 Å, (256, 3) float32 from 0 to 255."""
    import sunpy.visualization.colormaps as maps

    return np.round(np.array(maps.cm.sdoaia171(np.arange(256)))[:, :3] * 255).astype(np.float32)


def invert_colours(rgb: np.ndarray) -> np.ndarray:
    """Return the index of the closest colour of the 171 Å table, (H, W, 3) to (H, W) uint8.

    JPEG blurs colours, so that few pixels have a colour of the table; those that do are inverted exactly.
    """
    table = colours()
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    codes, back = np.unique((red << 16) + (green << 8) + blue, return_inverse=True)
    found = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.float32)
    # |c - t|² without |c|², which is the same for all t; all values are whole and below 2**24, exact in float32.
    distance = (table**2).sum(1) - 2 * found @ table.T
    return distance.argmin(1).astype(np.uint8)[back.reshape(rgb.shape[:2])]


def shrink(picture: np.ndarray, size: int) -> np.ndarray:
    """Average down by area, since the 472 px without the border are not divisible by the usual sizes."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BOX))


def cost(period: int, cadence: int) -> tuple[float, int]:
    """Return what a period costs at one frame per `cadence`: megabytes, and milliseconds of fetching.

    Parameters
    ----------
    period, cadence : int
        Milliseconds.
    """
    frames = period / cadence
    return frames * BYTES_PER_FRAME / 1e6, round(frames / FRAMES_PER_SECOND * SECOND)
