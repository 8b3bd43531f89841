"""What the caller's paths stand for: files and stores, each of a kind that its first bytes tell."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from solarsynth.errors import SolarsynthError
from solarsynth.observations.archive import CHANNEL
from solarsynth.observations.web import looks_like_html

#: Kinds of files, in words.
KINDS = {
    "npz": "arrays (.npz)",
    "fits": "FITS",
    "jpeg2000": "JPEG 2000",
    "browse": "JPEG or PNG",
    "store": "SDOMLv2 store (zarr)",
    "lite": "SDOML-lite (.tar)",
}

_ALL_KINDS = ", ".join(KINDS.values())

#: Units that kinds of files have by themselves; an ``.npz`` and a store say theirs.
UNIT_OF_KIND = {"fits": "DN/s", "jpeg2000": "DN/s", "browse": "display", "lite": "DN/s"}

OTHER_KIND = "files of another kind"

_MAGIC = (
    (b"SIMPLE  =", "fits"),
    (b"\x00\x00\x00\x0cjP  ", "jpeg2000"),
    (b"\xff\xd8\xff", "browse"),
    (b"\x89PNG\r\n\x1a\n", "browse"),
    (b"PK\x03\x04", "npz"),
    (b"PK\x05\x06", "npz"),
)


@dataclass(frozen=True)
class Source:
    """A file, or a store, and its kind: a key of `KINDS`."""

    path: Path
    kind: str


def find(given: Sequence[str | Path]) -> tuple[list[Source], list[Path]]:
    """Find the files and stores that paths stand for.

    Parameters
    ----------
    given : sequence of str or Path
        Files, folders (with all that is below them), stores, or patterns such as ``aia/*.jp2``.

    Returns
    -------
    sources : list of Source
        Each once, in the order of the paths; those of a folder or a pattern in the order of their names.
    others : list of Path
        Files of another kind in folders and among the matches of patterns.

    Raises
    ------
    SolarsynthError
        If there is nothing at a path, a file that was named is of another kind, or there are frames at none of the
        paths.
    """
    found: dict[Path, Source] = {}
    others = []
    for text in given:
        if "://" in str(text):
            raise SolarsynthError(
                f"{text}: frames are read from files; SDOMLv2 on S3 is read by 'solarsynth dataset --source sdoml "
                "--years 2014', other files must be downloaded first"
            )
        path = Path(text)
        members = list(_members(path, set()))
        if not members:
            raise SolarsynthError(f"{path}: no file there")
        for member in members:
            kind = "store" if member.is_dir() else kind_of(member)
            if kind == "npz" and member != path and not holds_arrays(member):
                kind = None
            if kind:
                found.setdefault(member.resolve(), Source(member, kind))
            elif member == path:
                raise SolarsynthError(f"{path}: {_what_it_is(path)}; frames are read from {_ALL_KINDS}")
            else:
                others.append(member)
    if not found:
        there = (
            f"{given[0]}: no frames there, {len(others)} {OTHER_KIND}, first {others[0].name}" if given else "no path"
        )
        raise SolarsynthError(f"{there}; frames are read from {_ALL_KINDS}")
    return list(found.values()), others


def kind_of(path: Path) -> str | None:
    """Return a file's kind by its first bytes, of those that gzip unpacks if it is packed; None if it is another."""
    import gzip
    import zlib

    try:
        start = _start(path)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path, "rb") as stream:
                return "fits" if stream.read(9) == b"SIMPLE  =" else None
    except (OSError, EOFError, zlib.error):
        return None
    if start[257:262] == b"ustar":
        return "lite"
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)


def holds_arrays(path: Path) -> bool:
    """Return whether a zip file lists arrays, as an ``.npz`` does; documents of office programs are zip files too.

    One that cannot be listed, such as a cut-off one, counts if its name says that it is an ``.npz``: its reader says
    what is wrong with it.
    """
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except Exception:  # zipfile has many errors for a file that is none
        return path.suffix == ".npz"


def is_store(path: Path) -> bool:
    """Return whether a folder is a zarr store with a year of frames."""
    return path.is_dir() and any((year / CHANNEL / ".zarray").is_file() for year in path.glob("[12][0-9][0-9][0-9]"))


def _members(path: Path, entered: set[Path]) -> Iterator[Path]:
    """Yield the files and stores that one path stands for; a folder once, although links may lead back to it."""
    if not path.exists() and glob.has_magic(str(path)):
        for match in sorted(glob.glob(str(path), recursive=True)):
            yield from _members(Path(match), entered)
    elif path.is_dir():
        if is_store(path):
            yield path
            return
        if path.resolve() in entered:
            return
        entered.add(path.resolve())
        for entry in sorted(path.iterdir()):
            if not entry.name.startswith(".") and entry.exists():
                yield from _members(entry, entered)
    elif path.exists():
        yield path
    else:
        raise SolarsynthError(f"{path}: no such file")


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(512)


def _what_it_is(path: Path) -> str:
    try:
        start = _start(path)
    except OSError as error:
        return f"cannot be read ({os.strerror(error.errno or 0)})"
    if not start:
        return "an empty file"
    return "a web page, not a picture" if looks_like_html(start) else "of no kind that is known"
