"""What a store holds: finished, unfinished, damaged and moved-aside results, with their sizes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from solarsynth.errors import SolarsynthError
from solarsynth.integrity import examine
from solarsynth.store import ASIDE, PARTIAL

#: What a folder of the store can be. Of an unreadable one nobody knows whether it is finished, so it stays.
STATES = ("finished", "damaged", "unreadable", "running", "unfinished", "moved aside")

#: What no run will use: it can be made again, and no finished work is lost with it.
REMOVABLE = ("damaged", "unfinished", "moved aside")

#: The names that the store gives: a key, alone or with an ending. Any other folder is not the store's to judge.
_NAME = re.compile(rf"(?P<key>[0-9a-f]{{16}})({re.escape(PARTIAL)}|{re.escape(ASIDE)}-[0-9]+)?")


@dataclass(frozen=True)
class Item:
    """A folder of the store.

    Attributes
    ----------
    stage, name : str
    path : Path
    state : str
        One of `STATES`.
    why : str
        What is wrong with a damaged or an unreadable one.
    bytes : int
        Size of its files.
    changed : float
        When it was last changed, in seconds since 1970.
    """

    stage: str
    name: str
    path: Path
    state: str
    why: str
    bytes: int
    changed: float


def inventory(store: Path) -> Iterator[Item]:
    """Yield every result of a store, finished or not; each file of a finished one is compared with its digest.

    Folders whose names the store does not give, such as downloads and what others put there, are skipped.

    Parameters
    ----------
    store : Path
    """
    stages = sorted(path for path in store.iterdir() if path.is_dir()) if store.is_dir() else []
    for stage in stages:
        for path in sorted(path for path in stage.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()):
            state, why = _state(path)
            yield Item(stage.name, path.name, path, state, why, *_size(path))


def _state(path: Path) -> tuple[str, str]:
    if ASIDE in path.name:
        return "moved aside", ""
    if path.name.endswith(PARTIAL):
        return ("running" if _locked(path.with_name(path.name.removesuffix(PARTIAL))) else "unfinished"), ""
    try:
        _, fault = examine(path, {"stage": path.parent.name, "key": path.name})
    except SolarsynthError as error:
        return "unreadable", str(error)
    return ("damaged", fault) if fault else ("finished", "")


def _locked(final: Path) -> bool:
    """Return whether a run holds the lock of a result."""
    if not Path(f"{final}.lock").exists():
        return False
    try:
        with FileLock(f"{final}.lock").acquire(timeout=0):
            return False
    except (Timeout, OSError):
        return True


def _size(path: Path) -> tuple[int, float]:
    total, changed = 0, 0.0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                stat = os.stat(Path(folder) / name, follow_symlinks=False)
            except OSError:
                continue  # it was removed meanwhile
            total, changed = total + stat.st_size, max(changed, stat.st_mtime)
    return total, changed


def removable(store: Path) -> list[Item]:
    """Return what can go: what is damaged, moved aside, or left by a killed run. No finished result is among it."""
    return [item for item in inventory(store) if item.state in REMOVABLE]


def remove(item: Item) -> bool:
    """Remove what `removable` returned, unless a run has taken it up meanwhile; return whether it is gone."""
    if item.state == "moved aside":  # no run takes it up, so it has no lock
        shutil.rmtree(item.path, ignore_errors=True)
        return not item.path.exists()
    final = item.path.with_name(_NAME.fullmatch(item.name)["key"])
    try:
        with FileLock(f"{final}.lock").acquire(timeout=0):
            # While this process holds the lock, an unfinished one looks like one that runs.
            if item.path.exists() and _state(item.path)[0] not in ("finished", "unreadable"):
                shutil.rmtree(item.path, ignore_errors=True)
            return not item.path.exists()
    except Timeout:
        return False
