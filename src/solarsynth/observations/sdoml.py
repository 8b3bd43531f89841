"""SDOMLv2 on S3 (Galvez et al. 2019): its index once, then only the chunks that hold wanted frames.

The store is 766 GB for the nine years; a labelled set touches up to 20,000 of its 50,000 chunks and keeps
64 px of 512. A build lies in a folder of parts, one per year and group of chunks, and goes on from there.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.observations import archive, web
from solarsynth.observations.archive import CHANNEL
from solarsynth.observations.times import NO_TIME, parse_times

URL = "s3://gov-nasa-hdrl-data1/contrib/fdl-sdoml/fdl-sdoml-v2/sdomlv2.zarr"

DOWNSAMPLING = ("block-mean", "bilinear-no-antialias")

# A chunk is decoded to 15.7 MB; so many in flight stay below 1 GB and keep an ordinary line busy.
WORKERS = 16


@dataclass(frozen=True)
class Remote:
    """Where the store is and how to ask for it; small, so that it travels to other processes.

    Attributes
    ----------
    url : str
        ``s3://…``, or a local folder.
    endpoint_url : str
        S3 server other than Amazon's; "" for Amazon's.
    tries : int
        Attempts per read.
    pause : float
        Seconds before the second attempt; doubled before each further one.
    timeout : float
        Seconds without an answer before an attempt is given up.
    """

    url: str = URL
    endpoint_url: str = ""
    tries: int = 5
    pause: float = 0.5
    timeout: float = 60.0

    @property
    def storage_options(self) -> dict | None:
        """What s3fs is told: anonymous, and never to trust a listing from before."""
        if not self.url.startswith("s3://"):
            return None
        return {
            "anon": True,
            "use_listings_cache": False,
            "skip_instance_cache": True,
            "endpoint_url": self.endpoint_url or None,
            "config_kwargs": {
                "retries": {"max_attempts": 1},  # ours back off, and say what happened
                "connect_timeout": self.timeout,
                "read_timeout": self.timeout,
            },
        }

    def open(self):
        """Open the store's group.

        Raises
        ------
        SolarsynthError
            If there is no such store, or no connection.
        """
        import zarr

        def attempt():
            return zarr.open_group(
                self.url, mode="r", zarr_format=2, use_consolidated=False, storage_options=self.storage_options
            )

        return self.retry(attempt, f"{self.url}")

    def retry(self, attempt: Callable, what: str):
        """Call until it succeeds; what will not change (no such key) is not tried again."""
        from zarr.errors import GroupNotFoundError

        for number in range(1, self.tries + 1):
            try:
                return attempt()
            except (GroupNotFoundError, FileNotFoundError, PermissionError):
                raise SolarsynthError(f"{what}: no such zarr store or chunk, or it may not be read") from None
            except KeyError:
                raise
            except Exception as error:  # every layer below has errors of its own for a line that breaks
                if number == self.tries:
                    raise SolarsynthError(
                        f"{what}: {type(error).__name__} ({_first_line(error)}), tried {number} times; "
                        "run the same again to go on"
                    ) from None
                time.sleep(self.pause * 2 ** (number - 1))
        raise AssertionError("unreachable")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0][:120]


@dataclass(frozen=True)
class YearIndex:
    """What a year's attributes say, in stored order.

    Attributes
    ----------
    time : ndarray of int64, shape (n,)
        ``T_OBS`` in ms, `NO_TIME` where there is none.
    quality : ndarray of int64, shape (n,)
        ``QUALITY``; -1 where there is none.
    exposure : ndarray of float64, shape (n,)
        ``EXPTIME`` in s; NaN where there is none.
    layout : str
        The array's ``.zarray``, JSON: with it a chunk is decoded without opening the array, which would read the
        221 MB of attributes again.
    """

    time: np.ndarray
    quality: np.ndarray
    exposure: np.ndarray
    layout: str

    @functools.cached_property
    def _layout(self) -> dict:
        return json.loads(self.layout)

    @property
    def chunk(self) -> int:
        """Frames per chunk."""
        return self._layout["chunks"][0]

    @property
    def size(self) -> int:
        """Side of the frames in pixels."""
        return self._layout["shape"][1]


def read_index(remote: Remote, year: int, folder: Path) -> YearIndex:
    """Return a year's index, from `folder` or, once, from the store (221 MB of JSON for a whole year).

    Parameters
    ----------
    remote : Remote
    year : int
    folder : Path
        Keeps ``index-<year>.npz``.

    Returns
    -------
    YearIndex

    Raises
    ------
    SolarsynthError
        If the store lacks the year, or its times do not fit its frames.
    """
    kept = Path(folder) / f"index-{year}.npz"
    if kept.is_file():
        try:
            with kept.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return YearIndex(file["time"], file["quality"], file["exposure"], str(file["layout"]))
        except (OSError, ValueError, KeyError):
            pass  # damaged: ask the store again
    place = _opened(remote).store_path / f"{year}/{CHANNEL}"

    def part(name: str) -> str | None:
        try:
            return archive.fetch(place / name).decode()
        except FileNotFoundError:
            return None

    layout = remote.retry(lambda: part(".zarray"), f"{place}")
    if layout is None:
        raise SolarsynthError(f"{remote.url}: no {year}/{CHANNEL} in it; SDOMLv2 has 2010 to 2023")
    attributes = json.loads(remote.retry(lambda: part(".zattrs"), f"{place}") or "{}")
    n = json.loads(layout)["shape"][0]
    time = parse_times(attributes.get("T_OBS") or [])
    if len(time) != n:
        raise SolarsynthError(f"{remote.url}/{year}/{CHANNEL}: {n} frames but {len(time)} times in T_OBS")
    index = YearIndex(
        time=time,
        quality=_numbers(attributes.get("QUALITY"), n, -1).astype(np.int64),
        exposure=_numbers(attributes.get("EXPTIME"), n, np.nan),
        layout=layout,
    )
    packed = io.BytesIO()
    np.savez_compressed(packed, **vars(index))
    web.save(kept, packed.getvalue())
    return index


def _numbers(values: list | None, n: int, missing: float) -> np.ndarray:
    """Some attributes have another length, some hold None: they say nothing then."""
    if not isinstance(values, list) or len(values) != n:
        return np.full(n, missing, float)
    return np.array([missing if v is None or isinstance(v, str) else float(v) for v in values])


def usable(index: YearIndex) -> np.ndarray:
    """Return rows in order of time, without those that lack a time or repeat one."""
    known = np.flatnonzero(index.time != NO_TIME)
    _, first = np.unique(index.time[known], return_index=True)
    return known[first]


def stored_chunks(remote: Remote, year: int) -> set[int]:
    """Return which chunks of a year are there: zarr reads a missing one as zeros, silently."""
    from zarr.core.sync import sync

    place = _opened(remote).store_path / f"{year}/{CHANNEL}"

    async def listed() -> list[str]:
        return [key async for key in place.store.list_dir(place.path)]

    names = remote.retry(lambda: sync(listed()), f"{remote.url}/{year}/{CHANNEL}")
    return {int(name.split(".")[0]) for name in names if name.count(".") == 2 and name.replace(".", "").isdigit()}


def read_chunk(
    remote: Remote, year: int, layout: str, number: int, rows: np.ndarray, size: int, downsampling: str
) -> np.ndarray:
    """Read one chunk and keep some of its frames, made small.

    Parameters
    ----------
    remote : Remote
    year : int
    layout : str
        Of the year's index.
    number : int
        Which chunk.
    rows : ndarray of int
        Rows inside the chunk.
    size : int
        Side in pixels to keep.
    downsampling : {"block-mean", "bilinear-no-antialias"}

    Returns
    -------
    ndarray of float32, shape (len(rows), size, size)
        DN/s.
    """
    place = _opened(remote).store_path / f"{year}/{CHANNEL}/{number}.0.0"

    def attempt() -> np.ndarray:
        return archive.decode_chunk(archive.fetch(place), json.loads(layout), number)

    block = remote.retry(attempt, f"{remote.url}/{year}/{CHANNEL}/{number}.0.0")
    return downsample(block[rows], size, downsampling)


_groups: dict[Remote, object] = {}


def _opened(remote: Remote):
    """Open a store once per process: a connection does not survive a fork."""
    if remote not in _groups:
        _groups[remote] = remote.open()
    return _groups[remote]


def downsample(image: np.ndarray, size: int, method: str) -> np.ndarray:
    """Make frames smaller, in DN/s, before any logarithm.

    Parameters
    ----------
    image : ndarray, shape (n, H, H)
    size : int
        Must divide H for the block mean.
    method : {"block-mean", "bilinear-no-antialias"}
        The mean keeps the light; the other is what the paper's torchvision resize did then, and looks at four
        pixels of each block of 64.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
    """
    if method not in DOWNSAMPLING:
        raise SolarsynthError(f"no downsampling {method!r}; known: {', '.join(DOWNSAMPLING)}")
    height = image.shape[1]
    if height == size or method == "block-mean":
        return archive.block_mean(image, size).astype(np.float32, copy=False)
    centre = (np.arange(size) + 0.5) * height / size - 0.5
    low = np.clip(np.floor(centre).astype(int), 0, height - 2)
    part = np.clip(centre - low, 0, 1).astype(np.float32)
    rows = image[:, low] * (1 - part)[None, :, None] + image[:, low + 1] * part[None, :, None]
    return (rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part).astype(np.float32)


@contextmanager
def workers(dask: str = "", threads: int = WORKERS) -> Iterator[Executor]:
    """Give what runs the reads: local threads, or a running dask.distributed cluster.

    Parameters
    ----------
    dask : str
        Address of a scheduler, such as ``tcp://127.0.0.1:8786``.
    threads : int
    """
    if not dask:
        with ThreadPoolExecutor(threads) as pool:
            yield pool
        return
    from distributed import Client

    try:
        client = Client(dask, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise SolarsynthError(f"{dask}: no dask scheduler answers there ({type(error).__name__})") from None
    with client:
        yield client.get_executor()


@dataclass(frozen=True)
class Read:
    """Frames that were read.

    Attributes
    ----------
    image : ndarray of float32, shape (n, size, size)
    row : ndarray of int, shape (n,)
        Rows of the store, increasing.
    missing, dark : int
        Wanted frames whose chunk is not there, and those that hold NaN or nothing but zeros.
    """

    image: np.ndarray
    row: np.ndarray
    missing: int
    dark: int


def read_frames(
    remote: Remote,
    year: int,
    rows: np.ndarray,
    index: YearIndex,
    folder: Path,
    *,
    size: int = 64,
    downsampling: str = "block-mean",
    dask: str = "",
    threads: int = WORKERS,
    group: int = 64,
    report: Callable[[int, int], None] | None = None,
) -> Read:
    """Read frames of a year, chunk by chunk, many at a time; what lies in `folder` is not read again.

    Parameters
    ----------
    remote : Remote
    year : int
    rows : ndarray of int
        Rows of the store.
    index : YearIndex
    folder : Path
        Keeps the parts, one per `group` chunks.
    size : int
    downsampling : {"block-mean", "bilinear-no-antialias"}
    dask : str
        Address of a dask scheduler; local threads without.
    threads : int
    group : int
        Chunks per part.
    report : callable, optional
        Called with (chunks done, chunks in all).

    Returns
    -------
    Read
    """
    if downsampling == "block-mean" and index.size % size:
        raise SolarsynthError(f"frames of {index.size} px cannot be averaged to {size} px; choose a size that divides")
    rows = np.unique(rows)
    there = stored_chunks(remote, year)
    number = rows // index.chunk
    have = np.isin(number, list(there))
    wanted = np.unique(number[have])
    parts = [wanted[i : i + group] for i in range(0, len(wanted), group)]
    images, kept_rows, done = [], [], 0
    with workers(dask, threads) as pool:
        for chunks in parts:
            in_part = rows[have & np.isin(number, chunks)]
            image, done = _part(
                remote, year, chunks, in_part, index, folder, size, downsampling, pool, report, done, len(wanted)
            )
            images.append(image)
            kept_rows.append(in_part)
    image = np.concatenate(images) if images else np.empty((0, size, size), np.float32)
    row = np.concatenate(kept_rows) if kept_rows else np.empty(0, int)
    good = np.isfinite(image).all(axis=(1, 2))
    good &= np.where(good[:, None, None], image, 0).max(axis=(1, 2), initial=0) > 0
    return Read(image[good], row[good], int((~have).sum()), int((~good).sum()))


def _part(remote, year, chunks, rows, index, folder, size, downsampling, pool, report, done, total):
    asked = f"{remote.url} {year} {size} {downsampling} {rows.tolist()}"
    kept = Path(folder) / f"part-{year}-{chunks[0]:06d}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.npy"
    if kept.is_file():
        try:
            return np.load(kept, allow_pickle=False), done + len(chunks)
        except (OSError, ValueError):
            kept.unlink()
    image = np.empty((len(rows), size, size), np.float32)
    at = {}
    for chunk in chunks:
        here = np.flatnonzero(rows // index.chunk == chunk)
        inside = rows[here] - chunk * index.chunk
        at[pool.submit(read_chunk, remote, year, index.layout, int(chunk), inside, size, downsampling)] = here
    for future in as_completed(at):
        image[at[future]] = future.result()
        done += 1
        if report:
            report(done, total)
    packed = io.BytesIO()
    np.save(packed, image)
    web.save(kept, packed.getvalue())
    return image, done
