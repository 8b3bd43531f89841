"""Quick-look: SDO browse images, 512 px JPEGs of 171 Å, day by day: real frames over an ordinary line.

They show an 8-bit display intensity through a colour table; the table is inverted, the time stamp and the
border are cut away, and what is left is an archive of unit ``display``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.observations import web
from solarsynth.observations.goes import days
from solarsynth.observations.times import DAY, MINUTE, format_times, parse_times

URL = "https://sdo.gsfc.nasa.gov/assets/img/browse"
#: What a frame costs, for the page that says what a year costs (the mean size of the 512 px browse images).
BYTES_PER_FRAME = 60_000

BORDER = 20  # pixels of 512 on every side: the time stamp lies there
_NAME = re.compile(r"\b(\d{8})_(\d{6})_512_0171\.jpg\b")


def day_index(day: int, *, url: str = URL, **retry) -> dict[int, str]:
    """Return the frames of a day: time (ms) to address.

    Parameters
    ----------
    day : int
        Midnight, ms.
    url : str
    **retry
        As for `solarsynth.observations.web.get`.
    """
    stamp = np.datetime64(day, "ms").astype("datetime64[D]")
    folder = f"{url}/{str(stamp).replace('-', '/')}/"
    try:
        body = web.get(folder, check=lambda b: None if b.strip() else "the answer is empty", **retry)
    except web.NotThere:
        return {}
    names = sorted(set(m.group(0) for m in _NAME.finditer(body.decode("utf-8", errors="replace"))))
    times = parse_times([f"{n[:4]}-{n[4:6]}-{n[6:8]}T{n[9:11]}:{n[11:13]}:{n[13:15]}Z" for n in names])
    return dict(zip(times.tolist(), (folder + n for n in names), strict=True))


def choose(times: np.ndarray, cadence: float) -> np.ndarray:
    """Return one time (ms) per slot of `cadence` minutes: the nearest to the slot, within half of it."""
    times = np.asarray(times)
    if not len(times):
        return times
    step = int(cadence * MINUTE)
    slot = np.round(times / step).astype(np.int64)
    distance = np.abs(times - slot * step)
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
    SolarsynthError
        If it is no JPEG of 512 px.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
            rgb = np.asarray(picture.convert("RGB"), np.int16)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise SolarsynthError(f"not a readable JPEG, perhaps cut off ({str(error).splitlines()[0]})") from None
    if rgb.shape[:2] != (512, 512):
        raise SolarsynthError(f"a picture of {rgb.shape[1]} × {rgb.shape[0]} px, not 512")
    return invert_colours(rgb)[BORDER:-BORDER, BORDER:-BORDER][::-1]


def invert_colours(rgb: np.ndarray) -> np.ndarray:
    """Return the index of the nearest colour of the 171 Å table, (H, W, 3) to (H, W) uint8.

    JPEG blurs colours, so no pixel is exactly in the table; nearest is exact for colours that are.
    """
    import sunpy.visualization.colormaps as maps

    table = np.round(np.array(maps.cm.sdoaia171(np.arange(256)))[:, :3] * 255).astype(np.int64)
    colours, back = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True)
    nearest = np.empty(len(colours), np.uint8)
    for first in range(0, len(colours), 4096):
        block = colours[first : first + 4096].astype(np.int64)
        nearest[first : first + 4096] = ((block[:, None] - table[None]) ** 2).sum(2).argmin(1)
    return nearest[back.reshape(-1)].reshape(rgb.shape[:2])


def fetch(
    start: int,
    end: int,
    folder: Path,
    *,
    cadence: float = 60.0,
    size: int = 64,
    url: str = URL,
    polite: float = 0.1,
    report: Callable[[int, int], None] | None = None,
    **retry,
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Fetch frames of a period, one per `cadence`; finished days are kept and not fetched again.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970, the end excluded.
    folder : Path
        Keeps one ``.npz`` per day and ``manifest.json`` with the address and SHA-256 of every frame.
    cadence : float
        Minutes.
    size : int
        Side in pixels.
    url : str
    polite : float
        Seconds between two requests.
    report : callable, optional
        Called with (days done, days in all).
    **retry
        As for `solarsynth.observations.web.get`.

    Returns
    -------
    image : ndarray of uint8, shape (n, size, size)
    time : ndarray of int64, shape (n,)
    counts : dict of str to int
    """
    folder = Path(folder)
    asked = days(start, end)
    manifest_path = folder / "manifest.json"
    manifest: dict[str, dict] = {}
    if manifest_path.is_file():
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        except ValueError:
            manifest = {}
    images, times = [], []
    counts = {"days": len(asked), "days without a frame": 0, "frames": 0, "frames that did not decode": 0}
    for done, day in enumerate(asked.tolist(), start=1):
        name = str(np.datetime64(day, "ms").astype("datetime64[D]"))
        kept = folder / f"{name}-{cadence:g}min-{size}px.npz"
        held = _read_day(kept)
        if held is None:
            held = _fetch_day(day, cadence, size, url, polite, manifest, retry)
            packed = io.BytesIO()
            np.savez_compressed(packed, image=held[0], time=held[1], bad=held[2])
            web.save(manifest_path, json.dumps(manifest, indent=0).encode())
            web.save(kept, packed.getvalue())
        images.append(held[0])
        times.append(held[1])
        counts["frames"] += len(held[1])
        counts["frames that did not decode"] += int(held[2])
        counts["days without a frame"] += not len(held[1])
        if report:
            report(done, len(asked))
    image, time_ = np.concatenate(images), np.concatenate(times)
    inside = (time_ >= start) & (time_ < end)
    return image[inside], time_[inside], counts


def _read_day(path: Path):
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return file["image"], file["time"], int(file["bad"])
    except (OSError, ValueError, KeyError):
        return None


def _fetch_day(day, cadence, size, url, polite, manifest, retry):
    index = day_index(day, url=url, **retry)
    images, times, bad = [], [], 0
    chosen = choose(np.array(sorted(index), np.int64), cadence)
    # The last minutes of a day are nearest to a slot of the next day, which has frames of its own for it.
    chosen = chosen[np.round(chosen / (cadence * MINUTE)) * cadence * MINUTE < day + DAY]
    for stamp in chosen.tolist():
        time.sleep(polite)
        try:
            body = web.get(
                index[stamp], check=lambda b: "a web page, not a picture" if web.looks_like_html(b) else None, **retry
            )
            picture = decode(body)
        except web.NotThere:
            continue
        except SolarsynthError as error:
            if "JPEG" not in str(error) and "px, not" not in str(error):
                raise
            bad += 1
            continue
        manifest[index[stamp].rsplit("/", 1)[-1]] = {
            "url": index[stamp],
            "sha256": hashlib.sha256(body).hexdigest(),
            "t_obs": format_times(np.array([stamp]))[0],
        }
        images.append(_resize(picture, size))
        times.append(stamp)
    image = np.stack(images) if images else np.empty((0, size, size), np.uint8)
    return image, np.array(times, np.int64), bad


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    """Average down by area; the border leaves 472 px, which 64 does not divide."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BOX))


def cost(days_: float, cadence: float) -> tuple[float, float]:
    """Return (MB, minutes) that so many days cost at one frame per `cadence` minutes and three frames a second."""
    frames = days_ * 24 * 60 / cadence
    return frames * BYTES_PER_FRAME / 1e6, frames / 3 / 60
