"""Build archives from the network: the paper's (SDOMLv2, GOES, HEK) and the quick-look one.

What was made of the downloads stays in a folder of its own, so that a build that was interrupted goes on, and another
build downloads nothing twice unless it wants frames of another size.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError
from solarsynth.observations import goes, hek, quicklook, sdoml, web
from solarsynth.observations.archive import write_archive

#: Which satellites' files are fetched, the most believed first.
SATELLITES = (15, 13, 14, 16)

Report = Callable[[str, int, int], None]


def parse_years(text: str) -> list[int]:
    """Read ``2011-2019``, ``2012`` or ``2011,2013-2014`` as years."""
    years: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{4})(?:\s*-\s*(\d{4}))?\s*", part)
        if not match:
            raise SolarsynthError(f"years {text!r} are not written like 2011-2019, 2012 or 2011,2013")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise SolarsynthError(f"years {text!r}: {last} comes before {first}")
        years += range(first, last + 1)
    return sorted(set(years))


def parse_period(text: str) -> tuple[int, int]:
    """Read ``2012-01-01/2012-03-01`` as a period (ms, ms), the end excluded."""
    parts = text.split("/")
    try:
        if len(parts) != 2:
            raise ValueError
        start, end = (int(np.datetime64(part.strip(), "ms").astype(np.int64)) for part in parts)
    except ValueError:
        raise SolarsynthError(f"period {text!r} is not written like 2012-01-01/2012-03-01") from None
    if end <= start:
        raise SolarsynthError(f"period {text!r} ends before it begins")
    return start, end


def x_ray_months(
    start: int,
    end: int,
    downloads: Path,
    *,
    satellites: Sequence[int] = SATELLITES,
    resolution: str = "flx1s",
    report: Report | None = None,
) -> Iterator[pd.DataFrame]:
    """Give the joined X-ray flux (science scale) month by month; joined months are kept.

    Yields
    ------
    DataFrame
        ``time`` (ms), ``flux`` (W/m²), ``quality``, ``satellite``; good samples only.
    """
    asked = goes.months(start, end)
    for done, (year, month) in enumerate(asked, start=1):
        kept = downloads / "goes" / f"joined-{resolution}-{year:04d}-{month:02d}.npz"
        table = _read_table(kept)
        if table is None:
            paths = goes.fetch_month(year, month, downloads / "goes", satellites=satellites, resolution=resolution)
            table = goes.join((goes.read_file(path)[0] for path in paths), satellites)
            packed = io.BytesIO()
            np.savez_compressed(packed, **{name: table[name].to_numpy() for name in goes.COLUMNS})
            web.save(kept, packed.getvalue())
        if report:
            report("X-ray flux, months", done, len(asked))
        if len(table):
            yield table[(table["time"] >= start) & (table["time"] < end)]


def _read_table(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return pd.DataFrame({name: file[name] for name in goes.COLUMNS})
    except (OSError, ValueError, KeyError):
        return None  # damaged: join anew


def build_sdoml(
    target: Path,
    years: Sequence[int],
    downloads: Path,
    choose: Callable[[pd.DataFrame, Iterator[pd.DataFrame], np.ndarray], np.ndarray],
    *,
    image_size: int = 64,
    downsampling: str = "block-mean",
    frame_tolerance_minutes: float = 7.0,
    flux_tolerance_seconds: float = 6.0,
    resolution: str = "flx1s",
    satellites: Sequence[int] = SATELLITES,
    dask: str = "",
    remote: sdoml.Remote | None = None,
    hek_url: str = "",
    report: Report | None = None,
) -> dict[str, int]:
    """Build the paper's archive: those frames of SDOMLv2 that are chosen, with flux and events.

    Parameters
    ----------
    target : Path
        Folder to make.
    years : sequence of int
    downloads : Path
        Keeps what is downloaded.
    choose : callable
        ``choose(events, xrs_parts, frame_time)`` returns the indices of the frames to read.
    image_size : int
    downsampling : {"block-mean", "bilinear-no-antialias"}
    frame_tolerance_minutes, flux_tolerance_seconds : float
        Recorded in the archive for the labelling (the paper: 7 and 6).
    resolution : {"flx1s", "avg1m"}
    satellites : sequence of int
    dask : str
        Address of a dask scheduler for the reads.
    remote : sdoml.Remote, optional
        The store; ``SOLARSYNTH_SDOML_URL`` and ``SOLARSYNTH_S3_ENDPOINT`` replace the public one.
    hek_url : str
        HEK's endpoint; ``SOLARSYNTH_HEK_URL`` replaces the public one.
    report : callable, optional
        Called with (what, done, in all).

    Returns
    -------
    dict of str to int
        Counts of what was read and left out.
    """
    if Path(target).exists():
        raise SolarsynthError(f"{target} exists; choose another name or remove it")
    remote = remote or sdoml.Remote(
        url=os.environ.get("SOLARSYNTH_SDOML_URL") or sdoml.URL,
        endpoint_url=os.environ.get("SOLARSYNTH_S3_ENDPOINT", ""),
    )
    hek_url = hek_url or os.environ.get("SOLARSYNTH_HEK_URL") or hek.URL
    say = report or (lambda *_: None)
    index = {}
    for done, year in enumerate(years, start=1):
        index[year] = sdoml.read_index(remote, year, downloads / "sdoml")
        say("index, years", done, len(years))
    rows = {year: sdoml.usable(index[year]) for year in years}
    time = np.concatenate([index[year].time[rows[year]] for year in years])
    where = np.concatenate([np.stack([np.full(len(r), year), r], 1) for year, r in rows.items()])
    order = np.argsort(time, kind="stable")
    time, where = time[order], where[order]
    start, end = (int(np.datetime64(str(y), "ms").astype(np.int64)) for y in (min(years), max(years) + 1))
    events = hek.fetch(start, end, downloads / "hek", url=hek_url, report=lambda d, n: say("events, months", d, n))

    def flux() -> Iterator[pd.DataFrame]:
        return x_ray_months(start, end, downloads, satellites=satellites, resolution=resolution, report=report)

    wanted = where[np.unique(choose(events, flux(), time))]
    images, stamps, missing, dark = [], [], 0, 0
    for year in years:
        got = sdoml.read_frames(
            remote,
            year,
            wanted[wanted[:, 0] == year, 1],
            index[year],
            downloads / "sdoml",
            size=image_size,
            downsampling=downsampling,
            dask=dask,
            report=lambda d, n, year=year: say(f"frames of {year}, chunks", d, n),
        )
        images.append(got.image)
        stamps.append(index[year].time[got.row])
        missing, dark = missing + got.missing, dark + got.dark
    image, stamp = np.concatenate(images), np.concatenate(stamps)
    if not len(image):
        raise SolarsynthError(f"{remote.url}: no frame of {min(years)} to {max(years)} follows an event")
    order = np.argsort(stamp, kind="stable")
    write_archive(
        Path(target),
        image=image[order],
        time=stamp[order],
        unit="DN/s",
        xrs=flux(),
        events=events,
        xrs_scale="science",
        attributes={
            "source": "sdoml",
            "years": list(years),
            "downsampling": downsampling,
            "frame_tolerance_minutes": frame_tolerance_minutes,
            "flux_tolerance_seconds": flux_tolerance_seconds,
        },
    )
    stored = sum(len(i.time) for i in index.values())
    return {
        "frames in the store": stored,
        "frames without a time or repeated": stored - len(time),
        "events": len(events),
        "frames wanted": len(wanted),
        "frames in a missing chunk": missing,
        "frames dark or with NaN": dark,
        "frames kept": len(image),
    }


def build_quicklook(
    target: Path,
    period: tuple[int, int],
    downloads: Path,
    *,
    image_size: int = 64,
    cadence: float = 60.0,
    satellites: Sequence[int] = SATELLITES,
    url: str = "",
    hek_url: str = "",
    polite: float = 0.1,
    report: Report | None = None,
) -> dict[str, int]:
    """Build an archive of SDO browse images with one-minute GOES flux and HEK events.

    Parameters
    ----------
    target : Path
        Folder to make.
    period : (int, int)
        Milliseconds since 1970, the end excluded.
    downloads : Path
        Keeps what is downloaded, with the manifest of addresses and SHA-256.
    image_size : int
    cadence : float
        Minutes between two frames; also the tolerance of the labelling.
    satellites : sequence of int
    url : str
        Where the browse images are; ``SOLARSYNTH_QUICKLOOK_URL`` replaces the public one.
    hek_url : str
    polite : float
        Seconds between two requests for an image.
    report : callable, optional
        Called with (what, done, in all).

    Returns
    -------
    dict of str to int
    """
    if Path(target).exists():
        raise SolarsynthError(f"{target} exists; choose another name or remove it")
    url = url or os.environ.get("SOLARSYNTH_QUICKLOOK_URL") or quicklook.URL
    hek_url = hek_url or os.environ.get("SOLARSYNTH_HEK_URL") or hek.URL
    say = report or (lambda *_: None)
    start, end = period
    image, time, counts = quicklook.fetch(
        start,
        end,
        downloads / "quicklook",
        cadence=cadence,
        size=image_size,
        url=url,
        polite=polite,
        report=lambda d, n: say("frames, days", d, n),
    )
    if not len(image):
        raise SolarsynthError(f"{url}: no frame of that period")
    events = hek.fetch(start, end, downloads / "hek", url=hek_url, report=lambda d, n: say("events, months", d, n))
    write_archive(
        Path(target),
        image=image,
        time=time,
        unit="display",
        xrs=x_ray_months(start, end, downloads, satellites=satellites, resolution="avg1m", report=report),
        events=events,
        xrs_scale="science",
        attributes={
            "source": "quicklook",
            "frame_tolerance_minutes": cadence,
            "flux_tolerance_seconds": 60.0,
        },
    )
    return counts | {"events": len(events)}
