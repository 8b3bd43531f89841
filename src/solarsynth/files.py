"""How files are written and kept: whole or not at all, and made again if they cannot be read."""

from __future__ import annotations

import glob
import io
import json
import os
import secrets
import shutil
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from solarsynth.errors import SolarsynthError

Value = TypeVar("Value")

#: What readers raise for a file that is not what it should be.
DAMAGED = (
    *(OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, ArithmeticError, RecursionError),
    *(MemoryError, struct.error, zipfile.BadZipFile, zlib.error),
)


@contextmanager
def replacing(path: Path):
    """Give a temporary name beside `path` and rename it to `path` at the end.

    A reader sees the old file or the new one, never half of one. If the block fails, the old file stays and the
    temporary one is removed.

    Yields
    ------
    Path
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path):
    """Give a folder beside `path` and rename it to `path` at the end; if the block fails, nothing is left.

    There must be nothing at `path`, or an empty folder. While it is written, no other process writes to the same path.
    Folders that killed writers of the same path left are removed; only this package gives such names.

    Yields
    ------
    Path

    Raises
    ------
    SolarsynthError
        If another process is writing to `path`, or something has come to be there meanwhile.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(path.with_name(f".{path.name}.solarsynth.lock")))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SolarsynthError(f"{path}: another process is writing it; wait for that, or choose another name") from None
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.solarsynth-partial")
    try:
        for old in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.solarsynth-partial"):
            shutil.rmtree(old, ignore_errors=True)
        partial.mkdir()
        yield partial
        empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
        if os.path.lexists(path) and not empty:
            raise SolarsynthError(f"{path} exists; choose another name or remove it")
        partial.rename(path)  # takes the place of an empty folder
    finally:
        _remove(partial)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _remove(folder: Path) -> None:
    """Remove a folder, also if a library's threads still write to it: zarr's do, when one of them has failed."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def check_folder(path: Path) -> None:
    """Raise if nothing can be written at `path`: its folder is not there, or may not be written.

    Raises
    ------
    SolarsynthError
    """
    folder = Path(path).resolve().parent
    if not folder.is_dir():
        raise SolarsynthError(f"{path}: its folder does not exist")
    try:
        with tempfile.TemporaryFile(dir=folder):  # the only sure way to know, on network disks and in containers
            pass
    except OSError as error:
        raise SolarsynthError(f"{path}: its folder cannot be written ({error.strerror})") from None


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(body)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all; NaN, which JSON does not have, is an error."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed ``.npz``, whole or not at all."""
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_bytes(path, packed.getvalue())


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an ``.npy``, whole or not at all."""
    packed = io.BytesIO()
    np.save(packed, array)
    write_bytes(path, packed.getvalue())


def cached(path: Path, read: Callable[[Path], Value | None], make: Callable[[], Value]) -> Value:
    """Return the value stored at `path`, or make it if there is no readable file.

    Parameters
    ----------
    path : Path
    read : callable
        Reads the file. It returns None, or raises an error, if the file is damaged and must be made again.
    make : callable
        Makes the value and writes the file.
    """
    if path.is_file():
        try:
            kept = read(path)
        except DAMAGED:
            kept = None
        if kept is not None:
            return kept
    return make()
