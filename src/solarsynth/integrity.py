"""Whether a result in the store is whole: its manifest lists every file with its size and digest."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from solarsynth.errors import SolarsynthError, shown

MANIFEST = "manifest.json"


def digests(folder: Path) -> dict[str, list]:
    """Return the size and the BLAKE2 digest of every file below a folder, except its manifest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            found[path.relative_to(folder).as_posix()] = _digest(path)
    return found


def _digest(path: Path) -> list:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16))
    return [path.stat().st_size, digest.hexdigest()]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the weights below a folder, by which others may know them; `digests` proves them."""
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*.safetensors"))}


def examine(folder: Path, wanted: Mapping[str, Any] | None = None) -> tuple[dict[str, Any] | None, str]:
    """Look at a finished result.

    Parameters
    ----------
    folder : Path
    wanted : mapping, optional
        ``stage``, ``key``, ``params`` and ``upstream`` that its manifest must hold.

    Returns
    -------
    manifest : dict or None
        None if there is no result, or its manifest is damaged.
    fault : str
        What proves that it is damaged; "" if it is whole or not there. Files that the manifest does not list, such as
        those that a file manager leaves, are no damage.

    Raises
    ------
    SolarsynthError
        If a file cannot be read: that proves no damage.
    """
    if not os.path.lexists(folder):
        return None, ""
    try:
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            listed = {str(name): list(about) for name, about in manifest["files"].items()}
        except (FileNotFoundError, NotADirectoryError):
            return None, "damaged (it has no manifest)"
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None, "damaged (its manifest is not readable)"
        for name, value in (wanted or {}).items():
            if manifest.get(name) != value:
                return manifest, f"another result (its manifest has another {name})"
        for name, about in listed.items():
            path = folder / name
            try:
                same = _digest(path) == about
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return manifest, f"damaged ({shown(name)} is missing)"
            if not same:
                return manifest, f"damaged ({shown(name)} has changed)"
    except OSError as error:
        raise SolarsynthError(
            f"{error.filename or folder}: cannot be read ({error.strerror}), so that nobody knows whether it is whole; "
            "mend that, or set SOLARSYNTH_ARTIFACTS to another store"
        ) from None
    return manifest, ""
