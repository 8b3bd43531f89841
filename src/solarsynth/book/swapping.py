"""Replace a folder by another in one step, and put right what a crash left half done."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from solarsynth.errors import SolarsynthError

READY = ".ready"  # in a staged folder: it is whole
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def replace_folder(folder: Path, fill: Callable[[Path], None], keep: tuple[str, ...] = ()) -> None:
    """Replace a folder by one that `fill` makes, all at once.

    A crash leaves the old folder or the new one, never a mixture. Where the system cannot exchange two folders in one
    step, a crash between two renames leaves none; `recover` puts that right.

    Parameters
    ----------
    folder : Path
    fill : callable
        Gets an empty folder beside it.
    keep : tuple of str
        Names in the old folder that are moved into the new one afterwards, such as what can be built again.

    Raises
    ------
    SolarsynthError
        If another process is replacing the folder.
    """
    try:
        lock = FileLock(str(folder.with_name(f".{folder.name}.lock"))).acquire(timeout=0)
    except Timeout:
        raise SolarsynthError(f"{folder}: another process is replacing it; wait for it") from None
    with lock:
        _recover(folder, keep)
        staged = staged_of(folder)
        staged.mkdir()
        fill(staged)
        (staged / READY).touch()
        _sync(staged)
        _swap(folder, staged)
        _recover(folder, keep)


def recover(folder: Path, keep: tuple[str, ...] = ()) -> None:
    """Finish or undo what a crash in `replace_folder` left; do nothing while another process is at it."""
    if not any(place.exists() for place in (staged_of(folder), old_of(folder), folder / READY)):
        return
    try:
        with FileLock(str(folder.with_name(f".{folder.name}.lock"))).acquire(timeout=0):
            _recover(folder, keep)
    except (Timeout, OSError):
        return


def staged_of(folder: Path) -> Path:
    """Return where the new folder is made."""
    return folder.with_name(f".{folder.name}-staged")


def old_of(folder: Path) -> Path:
    """Return where the old folder is for a moment, on systems that cannot exchange two folders."""
    return folder.with_name(f".{folder.name}-old")


def _recover(folder: Path, keep: tuple[str, ...]) -> None:
    staged, old = staged_of(folder), old_of(folder)
    if not folder.exists():
        if (staged / READY).exists():
            os.rename(staged, folder)  # the crash was between the two renames
        elif old.exists():
            os.rename(old, folder)
    if (folder / READY).exists():  # the new folder is in its place; the old one is beside it
        for past in (staged, old):
            for name in keep:
                if (past / name).exists() and not (folder / name).exists():
                    os.rename(past / name, folder / name)
            shutil.rmtree(past, ignore_errors=True)
        (folder / READY).unlink()
    for rest in (staged, old):
        shutil.rmtree(rest, ignore_errors=True)


def _swap(folder: Path, staged: Path) -> None:
    """Exchange two folders in one step; where the system cannot, with two renames."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        rename = getattr(libc, "renameat2", None)
        names = (os.fsencode(folder), os.fsencode(staged))
        if rename and rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            return
    os.rename(folder, old_of(folder))
    os.rename(staged, folder)


def _sync(folder: Path) -> None:
    """Have the system write a folder to the disk before it takes the place of another."""
    if hasattr(os, "sync"):
        os.sync()
