"""The arrays of an archive, read chunk by chunk; what is missing, damaged or not as it was written is an error."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from solarsynth.errors import SolarsynthError, reading
from solarsynth.observations.chunks import read_chunk, rows_of_chunks

#: Name of the attribute with the digests of all files of an archive, and of its other attributes under "".
DIGESTS = "blake2b"

#: Columns of an archive of others in which a chunk that is not stored may stand for its fill value.
MAY_BE_ABSENT = {
    *("xrs/quality", "xrs/satellite", "events/ar_noaanum", "events/hgs_location", "events/frm_name"),
    *("events/event_starttime", "events/event_endtime", "events/goes_satellite"),
}

#: The column of times of each table, which has all of its chunks.
TIME = {"xrs": "time", "events": "event_peaktime"}

LARGEST_SHAPE = 1 << 40  # rows, or rows of a chunk

REPAIR = "restore it from a copy, or make the archive again"


class MissingChunk(SolarsynthError):
    """A chunk of an archive is not there."""


class Arrays:
    """Reads the arrays of a zarr group.

    Parameters
    ----------
    path : Path
        The group's folder.
    group : zarr.Group

    Raises
    ------
    ValueError
        If the group's attributes are not as they were written.
    """

    def __init__(self, path: Path, group: Any) -> None:
        self.path, self.group = path, group
        self.written = digests_of(dict(group.attrs))
        self._known: dict[str, Any] = {}

    def array(self, name: str):
        """Return an array by its path in the archive, looked up once."""
        if name not in self._known:
            with reading(self.path / name, "its description is damaged"):
                array = self.group[name]
                if not array.shape or min(array.chunks) < 1 or max(*array.shape, *array.chunks) > LARGEST_SHAPE:
                    raise ValueError("its shape or its chunks cannot be")
                if self._may_lack_chunks(name):
                    # None of its chunks need be stored, but it can be no longer than its table.
                    part = name.split("/")[0]
                    longest = self.array(f"{part}/{TIME[part]}").shape[0]
                    if array.shape[0] > longest:
                        raise ValueError(f"{array.shape[0]} rows, but {longest} times")
                else:
                    rows, files = rows_of_chunks(array), len(os.listdir(self.path / name))
                    if rows > 10 * files + 10:  # before anything loops over them
                        raise ValueError(f"{rows} chunks, but {files} files")
            self._known[name] = array
        return self._known[name]

    def _may_lack_chunks(self, name: str) -> bool:
        """Return whether a chunk that is not stored stands for its fill value: in some columns of others' archives.

        zarr does not store a chunk of fill values. Columns that labels need may not lack one.
        """
        return self.written is None and name in MAY_BE_ABSENT

    def verify(self, name: str) -> None:
        """Raise if a file of the archive is not as it was written; one of an archive of others is not known."""
        if self.written is None:
            return
        with reading(self.path / name, "missing or unreadable", REPAIR):
            self._compare(name, (self.path / name).read_bytes())

    def _compare(self, name: str, raw: bytes) -> None:
        if self.written is not None and self.written.get(name) != digest(raw):
            raise SolarsynthError(f"{self.path / name}: not as it was written (its digest differs); {REPAIR}")

    def chunk(self, name: str, number: int) -> np.ndarray:
        """Read the rows of an array that lie in one chunk.

        Parameters
        ----------
        name : str
            Path of the array in the archive, such as ``2012/171A`` or ``xrs/flux``.
        number : int
            Of the chunk along the first axis.

        Raises
        ------
        MissingChunk
            If it is not there.
        SolarsynthError
            If it is damaged.
        """
        array, place = self.array(name), self.path / name
        with reading(f"{place}, chunk {number}", "damaged", REPAIR):
            try:
                return read_chunk(
                    array,
                    number,
                    check=lambda key, raw: self._compare(f"{name}/{key}", raw),
                    absent_is_fill=self._may_lack_chunks(name),
                )
            except FileNotFoundError as error:
                raise MissingChunk(f"{place / str(error)}: missing; {REPAIR}") from None

    def rows(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Read rows (m,) of an array, in any order; see `chunk`."""
        array = self.array(name)
        rows = np.asarray(rows, np.int64)
        number, found = rows // array.chunks[0], None
        for n in np.unique(number):
            here = number == n
            part = self.chunk(name, int(n))[rows[here] - n * array.chunks[0]]
            if found is None:  # not before a chunk was there: a damaged shape may ask for more than all memory
                found = np.empty((len(rows), *array.shape[1:]), array.dtype)
            found[here] = part
        return np.empty((0, *array.shape[1:]), array.dtype) if found is None else found

    def numbers(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Read rows of a column of numbers."""
        if self.array(name).dtype.kind not in "iuf":
            raise SolarsynthError(f"{self.path / name}: must hold numbers, got {self.array(name).dtype}")
        return self.rows(name, rows)

    def texts(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Read rows of a column of texts; a missing text is ""."""
        values = self.rows(name, rows)
        with reading(self.path / name, "must hold texts"):
            if values.dtype.kind not in "USTO":
                raise TypeError(f"got {values.dtype}")
            texts = [v.decode("utf-8", errors="replace") if isinstance(v, bytes) else v for v in values.tolist()]
            return np.array(["" if v is None else str(v) for v in texts], np.str_) if texts else np.empty(0, np.str_)

    def columns(self, part: str, required: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
        """Return the columns that a table has, after checking that all have one length and are as they were written."""
        self.table(part, required)
        listed = {name.split("/")[1] for name in self.written or () if name.startswith(f"{part}/")}
        columns = [n for n in dict.fromkeys((*required, *others)) if (self.path / part / n).exists() or n in listed]
        lengths = {name: self.array(f"{part}/{name}").shape for name in columns}
        if len(set(lengths.values())) > 1 or any(len(shape) != 1 for shape in lengths.values()):
            shapes = ", ".join(f"{name} {shape}" for name, shape in lengths.items())
            raise SolarsynthError(f"{self.path}/{part}: its columns must have one length, got {shapes}")
        for name in columns:
            self.verify(f"{part}/{name}/.zarray")
        self.verify(f"{part}/.zattrs")
        return columns

    def table(self, name: str, columns: tuple[str, ...]):
        """Return the group of a table, which must have some columns."""
        if not (self.path / name).exists():
            raise SolarsynthError(
                f"{self.path}: no '{name}' in it; import the archive with --{'flux' if name == 'xrs' else name}"
            )
        with reading(self.path / name, "its description is damaged"):
            group = self.group[name]
            _ = dict(group.attrs)
        for column in columns:
            if not (self.path / name / column).exists():
                raise SolarsynthError(f"{self.path}/{name}: the column {column!r} is missing")
        return group


def digest(raw: bytes) -> str:
    """Return the digest of a file as the archive's attributes hold it: 32 hexadecimal digits of BLAKE2b."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def digests_of(attributes: dict) -> dict[str, str] | None:
    """Return the digests among an archive's attributes; None for an archive that was not written by this package."""
    held = attributes.get(DIGESTS)
    if held is None:
        return None
    rest = {name: value for name, value in attributes.items() if name != DIGESTS}
    if not isinstance(held, dict) or held.get("") != digest(json.dumps(rest, sort_keys=True).encode()):
        raise ValueError("its attributes are not as they were written")
    return held
