"""How files are written and kept: whole or not at all, and made again if they cannot be read."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

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
