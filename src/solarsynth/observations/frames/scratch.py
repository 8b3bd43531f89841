"""What an import has read so far, kept beside its target until the archive is written.

The folder is ``.<target>.import-<digest>``; the digest is of the target's path and of how frames are read. Only an
import with the same target and the same reading finds it, and only files that it wrote are removed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from solarsynth import files
from solarsynth.errors import SolarsynthError

#: Marks a folder of this module; a folder without it is not touched.
MARKER = "solarsynth-import.json"
LOCK = "lock"
PARTS = "part-*.npz"


def folder_of(target: Path, recipe: str) -> Path:
    """Return the folder that an import into `target`, reading by `recipe`, keeps its parts in."""
    target = Path(target).absolute()
    digest = hashlib.sha256(f"{target}\n{recipe}".encode()).hexdigest()[:12]
    return target.with_name(f".{target.name}.import-{digest}")


@contextmanager
def kept(target: Path, recipe: str) -> Iterator[Path]:
    """Give the folder of an import, made if it is not there; after an interruption it stays.

    Raises
    ------
    SolarsynthError
        If the folder cannot be made, is not of this module, or another process is importing to the same target.
    """
    import filelock

    folder = folder_of(target, recipe)
    try:
        if folder.exists():
            if not (folder / MARKER).is_file():
                raise SolarsynthError(
                    f"{folder}: not a folder of an import, so it is left as it is; remove or rename it"
                )
        else:
            folder.mkdir(parents=True)
            files.write_json(folder / MARKER, {"target": str(target), "recipe": recipe})
        lock = filelock.FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise SolarsynthError(f"{target}: another process is importing to it; wait for it to end") from None
    except OSError as error:
        raise SolarsynthError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        yield folder
    finally:
        lock.release()


def part_of(folder: Path, members: list) -> Path:
    """Return the file for what is read of some members: each a JSON value that changes if the member does."""
    return folder / f"part-{hashlib.sha256(json.dumps(members).encode()).hexdigest()[:16]}.npz"


def remove(folder: Path) -> None:
    """Remove the folder's own files, and the folder if nothing else is in it."""
    for path in [*folder.glob(PARTS), folder / MARKER, folder / LOCK]:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
