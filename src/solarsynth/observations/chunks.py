"""Chunks of frames, read and decoded one by one.

zarr reads a missing chunk as zeros without an error, and blosc can decode half of one without an error. These functions
report both.
"""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def read_chunk(array, number: int) -> np.ndarray:
    """Read the frames of one row of chunks, whatever the chunks' shape, order and keys.

    Parameters
    ----------
    array : zarr.Array
        Frames (n, H, W), in one chunk along the other axes as in SDOMLv2, or in tiles.
    number : int
        Of the chunk along the first axis.

    Returns
    -------
    ndarray, shape (k, H, W)

    Raises
    ------
    FileNotFoundError
        If a chunk is missing.
    OSError
        If one is truncated.
    SolarsynthError
        If they are stored with filters.
    """
    compressors = [codec.get_config() for codec in array.compressors]
    layout = {
        "shape": array.shape,
        "chunks": array.chunks,
        "dtype": array.dtype.str,
        "compressor": compressors[0] if compressors else None,
        "filters": [codec.get_config() for codec in array.filters],
        "order": array.order,
    }
    height, width = array.chunks[1:]
    frames = np.empty((min(array.chunks[0], array.shape[0] - number * array.chunks[0]), *array.shape[1:]), array.dtype)
    for row in range(-(-array.shape[1] // height)):
        for column in range(-(-array.shape[2] // width)):
            raw = fetch(array.store_path / array.metadata.encode_chunk_key((number, row, column)))
            place = frames[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
            place[:] = decode_chunk(raw, layout, number)[:, : place.shape[1], : place.shape[2]]
    return frames


def rows_of_chunks(array) -> int:
    """Return the number of chunks of an array of frames along the first axis; see `read_chunk`."""
    return -(-array.shape[0] // array.chunks[0])


def fetch(place) -> bytes:
    """Return the bytes at a zarr `StorePath`; raise FileNotFoundError if there are none."""
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    value = sync(place.get(prototype=default_buffer_prototype()))
    if value is None:
        raise FileNotFoundError(str(place))
    return value.to_bytes()


def decode_chunk(raw: bytes, layout: dict, number: int) -> np.ndarray:
    """Decode a chunk of frames and check that it is whole.

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
    ndarray, shape (k, H, W)

    Raises
    ------
    OSError
        If it is truncated.
    SolarsynthError
        If it is stored with filters.
    """
    import numcodecs

    if layout.get("filters"):
        raise SolarsynthError("frames with filters cannot be read; write the archive without them")
    compressor = layout["compressor"]
    if compressor and compressor["id"] == "blosc":
        # Blosc decodes a truncated chunk without an error if its data did not compress; its header holds the length.
        if len(raw) < 16 or int.from_bytes(raw[12:16], "little") != len(raw):
            raise OSError(f"chunk {number} is cut off: {len(raw)} bytes")
    if compressor:
        raw = numcodecs.get_codec(dict(compressor)).decode(raw)
    frames = np.frombuffer(raw, layout["dtype"])
    if frames.size != np.prod(layout["chunks"]):
        raise OSError(f"chunk {number} is cut off: {frames.size} values instead of {np.prod(layout['chunks'])}")
    left = layout["shape"][0] - number * layout["chunks"][0]
    return frames.reshape(layout["chunks"], order=layout.get("order", "C"))[:left]
