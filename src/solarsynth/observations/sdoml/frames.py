"""Read frames of a year, chunk by chunk, many at a time, in threads or on a dask cluster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth import files
from solarsynth.errors import SolarsynthError
from solarsynth.observations import chunks
from solarsynth.observations.archive import CHANNEL
from solarsynth.observations.downloads import read_array
from solarsynth.observations.sdoml.downsampling import downsample
from solarsynth.observations.sdoml.index import YearIndex, stored_chunks
from solarsynth.observations.sdoml.remote import Remote, opened
from solarsynth.progress import bar

# A decoded chunk has 15.7 MB; this many at a time stay below 1 GB and keep an ordinary connection busy.
WORKERS = 16


@dataclass(frozen=True)
class YearFrames:
    """Frames of a year that were read.

    Attributes
    ----------
    image : ndarray of float32, shape (n, size, size)
        DN/s.
    row : ndarray of int, shape (n,)
        Rows of the store, increasing.
    missing, dark : int
        Wanted frames that are left out: their chunk does not exist, or they hold NaN or only zeros.
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
) -> YearFrames:
    """Read frames of a year; what `folder` holds is not read again.

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
        Side in pixels to which the frames are made smaller.
    downsampling : {"block-mean", "bilinear-no-antialias"}
    dask : str
        Address of a dask scheduler; "" reads in threads of this process.
    threads : int
    group : int
        Chunks per part.

    Returns
    -------
    YearFrames
    """
    if downsampling == "block-mean" and index.size % size:
        raise SolarsynthError(
            f"frames of {index.size} px cannot be averaged to {size} px; {index.size} must be divisible by the size"
        )
    rows = np.unique(rows)
    number = rows // index.chunk
    exists = np.isin(number, list(stored_chunks(remote, year)))
    wanted = np.unique(number[exists])
    images, found = [np.empty((0, size, size), np.float32)], [np.empty(0, int)]
    with workers(dask, threads) as pool, bar(f"frames of {year}", len(wanted), "chunks") as progress:
        for first in range(0, len(wanted), group):
            part = rows[exists & np.isin(number, wanted[first : first + group])]
            images.append(_part(remote, year, part, index, folder, size, downsampling, pool, progress.update))
            found.append(part)
    image, row = np.concatenate(images), np.concatenate(found)
    sound = np.isfinite(image).all(axis=(1, 2))
    sound &= np.where(sound[:, None, None], image, 0).max(axis=(1, 2), initial=0) > 0
    return YearFrames(image[sound], row[sound], int((~exists).sum()), int((~sound).sum()))


def _part(
    remote: Remote,
    year: int,
    rows: np.ndarray,
    index: YearIndex,
    folder: Path,
    size: int,
    downsampling: str,
    pool: Executor,
    count: Callable[[int], object],
) -> np.ndarray:
    """Return the frames of some chunks, from `folder` or from the store; `count` is called with chunks done."""
    number = rows // index.chunk
    request = f"{remote.url} {year} {size} {downsampling} {rows.tolist()}"
    digest = hashlib.sha256(request.encode()).hexdigest()[:12]
    kept = Path(folder) / f"part-{year}-{number[0]:06d}-{digest}.npy"

    def read(path: Path) -> np.ndarray:
        image = read_array(path)
        count(len(np.unique(number)))
        return image

    def make() -> np.ndarray:
        image = np.empty((len(rows), size, size), np.float32)
        place = {}
        for chunk in np.unique(number):
            here = np.flatnonzero(number == chunk)
            inside = rows[here] - chunk * index.chunk
            job = pool.submit(read_chunk, remote, year, index.layout, int(chunk), inside, size, downsampling)
            place[job] = here
        for job in as_completed(place):
            image[place[job]] = job.result()
            count(1)
        files.write_npy(kept, image)
        return image

    return files.cached(kept, read, make)


def read_chunk(
    remote: Remote, year: int, layout: str, number: int, rows: np.ndarray, size: int, downsampling: str
) -> np.ndarray:
    """Read one chunk, keep some of its frames and make them smaller.

    Parameters
    ----------
    remote : Remote
    year : int
    layout : str
        Of the year's index.
    number : int
        Of the chunk.
    rows : ndarray of int
        Rows inside the chunk.
    size : int
        Side in pixels.
    downsampling : {"block-mean", "bilinear-no-antialias"}

    Returns
    -------
    ndarray of float32, shape (len(rows), size, size)
        DN/s.
    """
    place = opened(remote).store_path / f"{year}/{CHANNEL}/{number}.0.0"

    def attempt() -> np.ndarray:
        return chunks.decode_chunk(chunks.fetch(place), json.loads(layout), number)

    block = remote.retry(attempt, f"{remote.url}/{year}/{CHANNEL}/{number}.0.0")
    return downsample(block[rows], size, downsampling)


@contextmanager
def workers(dask: str = "", threads: int = WORKERS) -> Iterator[Executor]:
    """Give an executor for the reads: local threads, or a running dask.distributed cluster.

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
