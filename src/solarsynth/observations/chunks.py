"""Chunks of zarr arrays, read and decoded one by one, and nothing decoded unchecked.

zarr reads a missing chunk as zeros without an error. blosc can decode half of one without an error, and a damaged
header can end the process. These functions look at a chunk before they decode it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from solarsynth.errors import SolarsynthError, shown

#: Codecs that this package decodes with. Others may run code of the archive, such as numcodecs' pickle.
COMPRESSORS = {"blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4"}
FILTERS = {"vlen-utf8", "delta", "shuffle", "fixedscaleoffset", "quantize", "astype"}

_BLOSC_HEADER = 16  # bytes: version, inner version, flags, item size, then three sizes of 4 bytes
_BLOSC_COPIED = 0x2  # flag: stored without compression


def read_chunk(
    array,
    number: int,
    *,
    check: Callable[[str, bytes], None] = lambda key, raw: None,
    absent_is_fill: bool = False,
) -> np.ndarray:
    """Read the rows of an array that lie in one chunk along its first axis, whatever the chunks' shape, order and keys.

    Parameters
    ----------
    array : zarr.Array
        Such as frames (n, H, W), in one chunk along the other axes as in SDOMLv2, or in tiles.
    number : int
        Of the chunk along the first axis.
    check : callable, optional
        Gets the name and the bytes of each chunk before they are decoded; raises if they are not what was written.
    absent_is_fill : bool
        Whether a chunk that is not stored stands for the array's fill value, as zarr has it.

    Returns
    -------
    ndarray, shape (k, ...)

    Raises
    ------
    FileNotFoundError
        If a chunk is missing; the message is its name.
    OSError
        If it is cut off or damaged.
    SolarsynthError
        If it is stored with a codec that this package does not decode.
    """
    layout = layout_of(array)
    first = number * array.chunks[0]
    rows = np.empty((min(array.chunks[0], array.shape[0] - first), *array.shape[1:]), array.dtype)
    # Frames are whole in a chunk as SDOMLv2 stores them; other archives may cut them into tiles.
    tiles = [range(-(-size // chunk)) for size, chunk in zip(array.shape[1:], array.chunks[1:], strict=True)]
    for tile in itertools.product(*tiles):
        key = array.metadata.encode_chunk_key((number, *tile))
        sizes = zip(tile, array.chunks[1:], array.shape[1:], strict=True)
        place = tuple(slice(i * chunk, min((i + 1) * chunk, size)) for i, chunk, size in sizes)
        try:
            raw = fetch(array.store_path / key)
        except FileNotFoundError:
            if not absent_is_fill:
                raise FileNotFoundError(key) from None
            rows[(slice(None), *place)] = array.fill_value
            continue
        check(key, raw)
        inside = tuple(slice(s.stop - s.start) for s in place)
        rows[(slice(None), *place)] = decode_chunk(raw, layout, number)[(slice(None), *inside)]
    return rows


def rows_of_chunks(array) -> int:
    """Return the number of chunks of an array along its first axis; see `read_chunk`."""
    return -(-array.shape[0] // array.chunks[0])


def layout_of(array) -> dict:
    """Return what `decode_chunk` needs to know of a zarr array, as in its ``.zarray``."""
    compressors = [codec.get_config() for codec in array.compressors]
    return {
        "shape": array.shape,
        "chunks": array.chunks,
        "dtype": array.dtype.str if array.dtype.kind != "T" else "|O",  # numpy's own texts are objects on disk
        "compressor": compressors[0] if compressors else None,
        "filters": [codec.get_config() for codec in array.filters],
        "order": array.order,
    }


def fetch(place) -> bytes:
    """Return the bytes at a zarr `StorePath`; raise FileNotFoundError if there are none."""
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    value = sync(place.get(prototype=default_buffer_prototype()))
    if value is None:
        raise FileNotFoundError(str(place))
    return value.to_bytes()


def decode_chunk(raw: bytes, layout: dict, number: int) -> np.ndarray:
    """Decode a chunk and check that it is whole.

    Parameters
    ----------
    raw : bytes
        As stored.
    layout : dict
        ``shape``, ``chunks``, ``dtype``, ``compressor``, ``filters`` and ``order``, as in ``.zarray``.
    number : int
        Of the chunk along the first axis.

    Returns
    -------
    ndarray, shape (k, ...)

    Raises
    ------
    OSError
        If it is cut off or damaged.
    SolarsynthError
        If it is stored with a codec that this package does not decode.
    """
    import numcodecs

    compressor, filters = layout["compressor"], layout.get("filters") or []
    for codec, known in [(compressor, COMPRESSORS)] * bool(compressor) + [(codec, FILTERS) for codec in filters]:
        if codec.get("id") not in known:
            raise SolarsynthError(
                f"the codec {shown(codec.get('id'))} cannot be read; known: {', '.join(sorted(known))}"
            )
    dtype, values = np.dtype(layout["dtype"]), math.prod(layout["chunks"])
    size = None if filters or dtype.hasobject else values * dtype.itemsize
    if compressor and compressor["id"] == "blosc":
        _check_blosc(raw, size, number)
    data = numcodecs.get_codec(dict(compressor)).decode(raw) if compressor else raw
    for codec in reversed(filters):
        data = numcodecs.get_codec(dict(codec)).decode(data)
    if dtype.hasobject and not filters:
        raise SolarsynthError("objects without a filter cannot be read; write the column as text")
    rows = np.asarray(data) if filters else np.frombuffer(data, dtype)
    if rows.size != values:
        raise OSError(f"chunk {number} is cut off: {rows.size} values instead of {values}")
    left = layout["shape"][0] - number * layout["chunks"][0]
    return rows.reshape(layout["chunks"], order=layout.get("order", "C"))[:left]


def _check_blosc(raw: bytes, size: int | None, number: int) -> None:
    """Raise OSError unless a blosc header fits the bytes that follow it, and their decoded size if that is known."""
    # Blosc decodes a truncated chunk without an error if its data did not compress; its header holds the length.
    if len(raw) < _BLOSC_HEADER or int.from_bytes(raw[12:16], "little") != len(raw):
        raise OSError(f"chunk {number} is cut off: {len(raw)} bytes")
    version, flags, item = raw[0], raw[2], raw[3]
    decoded, block = (int.from_bytes(raw[i : i + 4], "little") for i in (4, 8))
    blocks = -(-decoded // block) if block else 0
    copied = bool(flags & _BLOSC_COPIED)
    table = _BLOSC_HEADER + (decoded if copied else 4 * blocks)
    if (
        version != 2
        or not item
        or (size is not None and decoded != size)
        or (decoded and not 0 < block <= decoded)
        or (table != len(raw) if copied else table > len(raw))
    ):
        raise OSError(f"chunk {number} is damaged: its header does not fit its {len(raw)} bytes")
