"""Read many files at once, one part after another, so that an import that was killed goes on where it was."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from solarsynth import files
from solarsynth.errors import SolarsynthError
from solarsynth.observations import quicklook
from solarsynth.observations.downloads import read_arrays
from solarsynth.observations.frames import browse, disk, fits, jpeg2000, lite, ranges, scratch, store
from solarsynth.observations.frames.picture import LeftOut
from solarsynth.observations.frames.sources import Source
from solarsynth.pixels import DISK_RADIUS
from solarsynth.progress import bar
from solarsynth.times import NO_TIME

#: Files per part: what a killed import reads again, at most.
PART = 16
#: Files that are read at once: a process that decodes 4096 px has 0.28 GB, and all together stay below 2 GB.
WORKERS = min(os.cpu_count() or 1, 6)
#: Files that are read without starting processes.
FEW = 8
#: Version of the reading; a part that was read in another way is not used.
VERSION = 2

UNREADABLE = "files that cannot be decoded"


@dataclass(frozen=True)
class Recipe:
    """How frames are read.

    Attributes
    ----------
    size : int
        Side in pixels.
    to_dn : bool
        Whether display intensity is brought to DN/s.
    lite_maximum : float
        The maximum by which SDOML-lite was scaled; 0 without such files.
    """

    size: int
    to_dn: bool = False
    lite_maximum: float = 0.0


@dataclass(frozen=True)
class Task:
    """What one worker reads at once: a file, or the rows of a chunk of a store (year, first, end)."""

    source: Source
    rows: tuple[int, int, int] | None = None

    @property
    def identity(self) -> list:
        """What changes if the file does; a store's rows are known by its attributes."""
        path = self.source.path
        if self.rows:
            path = path / str(self.rows[0]) / "171A" / ".zattrs"
        stat = path.stat()
        return [str(path.absolute()), stat.st_size, stat.st_mtime_ns, self.rows]


@dataclass
class Frames:
    """Frames that were read, in the order of their files.

    Attributes
    ----------
    image : ndarray, shape (n, size, size)
        Row 0 in the south.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    left_out : dict of str to list of str
        Reason to names of the frames that are left out for it.
    saturated : ndarray of float, shape (n,)
        Share of the pixels that are too bright for the conversion to DN/s; 0 if there was none.
    """

    image: np.ndarray
    time: np.ndarray
    left_out: dict[str, list[str]] = field(default_factory=dict)
    saturated: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class _Outcome:
    name: str
    time: int
    image: np.ndarray | None
    reason: str = ""
    saturated: float = 0.0


def read(tasks: Sequence[Task], recipe: Recipe, target: Path) -> tuple[Frames, Callable[[], None]]:
    """Read files and stores on all cores, with progress; what an earlier, killed import read is not read again.

    Parameters
    ----------
    tasks : sequence of Task
    recipe : Recipe
    target : Path
        Folder of the archive that the frames are for; the parts are kept beside it.

    Returns
    -------
    frames : Frames
    forget : callable
        Removes the parts; for when the archive is written.

    Raises
    ------
    SolarsynthError
        If the parts cannot be kept, or another process imports to the same target.
    """
    groups = [tasks[first : first + PART] for first in range(0, len(tasks), PART)]
    with scratch.kept(target, f"{recipe} {VERSION}") as folder:
        paths = [scratch.part_of(folder, [task.identity for task in group]) for group in groups]
        found = {path: part for path in paths if (part := files.cached(path, read_arrays, lambda: None))}
        missing = [(path, group) for path, group in zip(paths, groups, strict=True) if path not in found]
        left = sum(len(group) for _, group in missing)
        with bar("frames", len(tasks), "files", done=len(tasks) - left) as progress, _pools(missing) as pool_of:
            jobs = [[pool_of(task).submit(outcomes, task, recipe) for task in group] for _, group in missing]
            for (path, _), group in zip(missing, jobs, strict=True):
                several = []
                for job in group:
                    several += job.result()
                    progress.update(1)
                found[path] = _arrays(several, recipe)
                files.write_npz(path, **found[path])
    return _join([found[path] for path in paths], recipe), lambda: scratch.remove(folder)


@contextmanager
def _pools(missing: list[tuple[Path, Sequence[Task]]]) -> Iterator[Callable[[Task], Executor]]:
    """Give the executor for each task: processes for files, since Pillow and astropy decode one at a time in threads.

    A store is read in threads: its attributes, up to 221 MB a year, are then in memory once. So are a few files, which
    would be read before the processes have started.
    """
    n_files = sum(not task.rows for _, group in missing for task in group)
    with ExitStack() as stack:
        # Old files break rules of FITS in ways that do not matter here, and astropy warns of each.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        threads = stack.enter_context(ThreadPoolExecutor(WORKERS))
        pools: list[Executor] = [threads]
        if n_files > FEW and WORKERS > 1:
            context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
            context.set_forkserver_preload([__name__])
            processes = ProcessPoolExecutor(min(WORKERS, n_files), context, initializer=_begin_worker)
            pools.append(stack.enter_context(processes))
        elif n_files:
            _import_decoders()
        try:
            yield lambda task: threads if task.rows else pools[-1]
        except BrokenProcessPool:
            raise SolarsynthError(
                "a process that reads frames was ended, perhaps for lack of memory; run the same command again to "
                "go on (a script must import under 'if __name__ == \"__main__\":')"
            ) from None
        finally:
            for pool in pools:
                pool.shutdown(wait=False, cancel_futures=True)


def _begin_worker() -> None:
    """Prepare a process: it leaves Ctrl+C to its parent, and ends if the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    _import_decoders()


def _import_decoders() -> None:
    """Import what the readers use, once: two threads that import a package at the same time can see half of it."""
    import astropy.io.fits
    import astropy.wcs  # noqa: F401  # only to have it loaded
    import sunpy.coordinates.sun
    import sunpy.time  # noqa: F401  # only to have it loaded
    from PIL import Image

    Image.init()
    quicklook.colours()


def outcomes(task: Task, recipe: Recipe) -> list[_Outcome]:
    """Read what a task names; what is wrong with a frame is a part of the answer."""
    source = task.source
    if task.rows:
        rows = store.read(source.path, *task.rows, recipe.size)
        return [_outcome(name, time, found) for name, time, found in rows]
    saturated = 0.0
    try:
        if source.kind == "lite":
            members = lite.read(source.path, recipe.size, recipe.lite_maximum)
            return [_outcome(name, time, found) for name, time, found in members]
        if source.kind == "browse" and not recipe.to_dn:
            image, time = browse.read(source.path, recipe.size)
        else:
            if source.kind == "browse":
                picture, saturated = browse.read_dn(source.path)
            else:
                picture = {"fits": fits, "jpeg2000": jpeg2000}[source.kind].read(source.path)
            image, time = disk.place(picture, recipe.size), picture.time
            if not ranges.constant(image[None])[0]:
                disk.check_limb(image, DISK_RADIUS["DN/s"])
    except LeftOut as left:
        return [_outcome(source.path.name, NO_TIME, left)]
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # every decoder has errors of its own for a damaged file
        said = (str(error).splitlines() or [""])[0][:80]
        return [_Outcome(f"{source.path.name} ({said or type(error).__name__})", NO_TIME, None, UNREADABLE)]
    return [_outcome(source.path.name, time, image, saturated)]


def _outcome(name: str, time: int, found: np.ndarray | LeftOut, saturated: float = 0.0) -> _Outcome:
    if isinstance(found, LeftOut):
        return _Outcome(name, time, None, str(found))
    if ranges.constant(found[None])[0]:
        return _Outcome(name, time, None, ranges.CONSTANT)
    return _Outcome(name, time, found, "", saturated)


def _arrays(found: list[_Outcome], recipe: Recipe) -> dict[str, np.ndarray]:
    images = [outcome.image for outcome in found if outcome.image is not None]
    return {
        "image": np.stack(images) if images else np.empty((0, recipe.size, recipe.size), np.uint8),
        "time": np.array([o.time for o in found if o.image is not None], np.int64),
        "saturated": np.array([o.saturated for o in found if o.image is not None], float),
        "name": np.array([o.name for o in found if o.image is None], np.str_),
        "reason": np.array([o.reason for o in found if o.image is None], np.str_),
    }


def _join(parts: list[dict[str, np.ndarray]], recipe: Recipe) -> Frames:
    left_out: dict[str, list[str]] = {}
    for part in parts:
        for name, reason in zip(part["name"].tolist(), part["reason"].tolist(), strict=True):
            left_out.setdefault(reason, []).append(name)
    filled = [part for part in parts if len(part["image"])] or [_arrays([], recipe)]
    joined = {name: np.concatenate([part[name] for part in filled]) for name in ("image", "time", "saturated")}
    return Frames(joined["image"], joined["time"], left_out, joined["saturated"])


def without_any(given: Sequence[str | Path], left_out: dict[str, list[str]]) -> SolarsynthError:
    """Return the error for an import in which no frame is usable: the reasons, and the first frame of each."""
    reasons = "; ".join(f"{len(names)} {reason}, first {names[0]}" for reason, names in left_out.items())
    return SolarsynthError(f"{given[0]}: no usable frame in it: {reasons or 'it holds none'}")
