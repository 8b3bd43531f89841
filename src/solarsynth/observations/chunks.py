"""Chunks of frames, read and decoded one by one.

zarr reads a missing chunk as zeros without an error, and blosc can decode half of one without an error. These functions
report both.
"""

from __future__ import annotations

import numpy as np

from solarsynth.errors import SolarsynthError


def read_chunk(array, number: int) -> np.ndarray:
    """Read one chunk of an array of frames.

    Parameters
    ----------
    array : zarr.Array
        Frames (n, H, W), chunked along the first axis.
    number : int
        Of the chunk along the first axis.

    Returns
    -------
    ndarray, shape (k, H, W)

    Raises
    ------
    FileNotFoundError
        If the chunk is missing.
    OSError
        If it is truncated.
    SolarsynthError
        If it is stored with filters or in Fortran order.
    """
    raw = fetch(array.store_path / f"{number}.0.0")
    compressors = [codec.get_config() for codec in array.compressors]
    layout = {
        "shape": array.shape,
        "chunks": array.chunks,
        "dtype": array.dtype.str,
        "compressor": compressors[0] if compressors else None,
        "filters": [codec.get_config() for codec in array.filters],
        "order": array.order,
    }
    return decode_chunk(raw, layout, number)


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
        If it is stored with filters or in Fortran order.
    """
    import numcodecs

    if layout.get("filters") or layout.get("order", "C") != "C":
        raise SolarsynthError(
            "frames with filters, or in Fortran order, cannot be read; write the archive without them"
        )
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
    return frames.reshape(layout["chunks"])[: layout["shape"][0] - number * layout["chunks"][0]]
