"""Fetch GOES XRS files through sunpy, month by month, and keep the sound ones."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from solarsynth import files
from solarsynth.errors import SolarsynthError
from solarsynth.observations import web
from solarsynth.observations.goes.reading import read_file


def fetch_month(
    year: int,
    month: int,
    folder: Path,
    *,
    satellites: Sequence[int] = (15,),
    resolution: str = "flx1s",
    tries: int = 3,
    pause: float = 2.0,
) -> list[Path]:
    """Fetch a month of science files with sunpy; a sound file in `folder` is not fetched again.

    Parameters
    ----------
    year, month : int
    folder : Path
        Cache, one folder per satellite and month.
    satellites : sequence of int
    resolution : {"flx1s", "avg1m"}
        The paper's tolerance of 6 s needs ``flx1s``.
    tries : int
        Number of attempts to fetch what is missing or damaged.
    pause : float
        Seconds before the second attempt; doubled before each further one.

    Returns
    -------
    list of Path
        Sound files, by name.

    Raises
    ------
    SolarsynthError
        If the archive cannot be searched, or a file is still damaged after all attempts.
    """
    found: list[Path] = []
    stamp = np.datetime64(f"{year:04d}-{month:02d}")
    for satellite in satellites:
        target = Path(folder) / f"goes{satellite:02d}" / str(stamp)
        make = functools.partial(_fetch_files, satellite, stamp, target, resolution, tries, pause)
        found += files.cached(target / ".complete", _listed, make)
    return found


def _listed(complete: Path) -> list[Path] | None:
    """Return the files that a complete month lists, or None if one is gone."""
    paths = [complete.with_name(name) for name in complete.read_text().split()]
    return paths if all(path.is_file() for path in paths) else None


def _fetch_files(
    satellite: int, month: np.datetime64, target: Path, resolution: str, tries: int, pause: float
) -> list[Path]:
    """Fetch a satellite's month, and list it as complete if it has files."""
    from sunpy.net import Fido

    name = f"GOES-{satellite} {month}"
    answer = _search(name, satellite, month, resolution)
    names = sorted(str(row["url"]).rsplit("/", 1)[-1] for block in answer for row in block)
    missing = [file for file in names if not _is_sound(target / file)]

    def attempt() -> None:
        nonlocal missing
        if missing:
            target.mkdir(parents=True, exist_ok=True)
            Fido.fetch(answer, path=str(target / "{file}"), downloader=_downloader(max_conn=2))
            missing = [file for file in names if not _is_sound(target / file)]
        if missing:
            raise web.TryAgain(f"{missing[0]} is still missing or damaged")

    web.retry(attempt, name, tries=tries, pause=pause)
    if names:
        files.write_text(target / ".complete", "\n".join(names))
    return [target / file for file in names]


def _search(name: str, satellite: int, month: np.datetime64, resolution: str):
    """Return sunpy's list of a month's files."""
    from sunpy.net import Fido
    from sunpy.net import attrs as a

    first = month.astype("datetime64[s]")
    last = (month + 1).astype("datetime64[s]") - np.timedelta64(1, "s")
    try:
        return Fido.search(
            a.Time(str(first), str(last)),
            a.Instrument.xrs,
            a.goes.SatelliteNumber(satellite),
            a.Resolution(resolution),
        )
    except Exception as error:
        raise SolarsynthError(
            f"{name}: the archive cannot be searched ({type(error).__name__}); run the same command again to go on"
        ) from None


def _downloader(max_conn: int):
    """Return parfive's downloader with two repairs: it closes its event loop, and Ctrl+C ends it.

    parfive's own downloader leaves the loop open. The loop's handlers then swallow SIGINT and SIGTERM until it is
    collected. It also treats an interrupted download as a finished one.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import parfive

    class Downloader(parfive.Downloader):
        def download(self):
            async def whole():
                try:
                    return await self.run_download()
                finally:
                    if asyncio.current_task().cancelling():
                        raise asyncio.CancelledError

            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(whole())
            with ThreadPoolExecutor(1) as pool:  # a notebook's kernel runs a loop of its own
                return pool.submit(asyncio.run, whole()).result()

    return Downloader(max_conn=max_conn, progress=False, overwrite=False)


def _is_sound(path: Path) -> bool:
    """Return whether a file is there and whole; a damaged one is removed, so that it is fetched again."""
    if not path.is_file():
        return False
    try:
        read_file(path)
    except SolarsynthError:
        path.unlink()
        return False
    return True
