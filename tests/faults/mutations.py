"""Ways to damage bytes and JSON, each from a random generator, so that a finding can be made again from its seed."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np

#: Values that a JSON document may hold where something else is expected.
ODD = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**400, 1e308, -1e308, 0.5),
    *(float("nan"), float("inf")),
    *("", "x", "x" * 300, "2012-03-01T00:00:00Z", "300000-01-01", "∞\n\0", "M1.0", "X999999999", "../../etc/passwd"),
    *([], {}, [None], [[]], {"a": 1}, [1, 2, 3], [0], [10**12], {"": {"": []}}),
)


def damaged_bytes(raw: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes with one to four faults of a disk, a connection or an adversary."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        n = len(data)
        place = int(rng.integers(n + 1))
        length = int(min(n - place, rng.integers(1, 64)))
        what = rng.integers(7)
        if what == 0 and n:
            data[min(place, n - 1)] ^= 1 << rng.integers(8)
        elif what == 1:
            data[place : place + length] = rng.bytes(length)
        elif what == 2:
            del data[place:]
        elif what == 3:
            del data[place : place + length]
        elif what == 4:
            data[place:place] = rng.bytes(length)
        elif what == 5:
            data[place : place + length] = bytes([rng.choice([0, 255, 127, 32])]) * length
        else:
            data[:64] = bytes(data[place : place + 64])
    return bytes(data)


def places(value: Any) -> list[tuple]:
    """Return the path of every node of a JSON value."""
    found: list[tuple] = [()]
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            found += [(key, *rest) for rest in places(inner)]
            if len(found) > 400:
                break
    return found


def damaged_json(value: Any, rng: np.random.Generator) -> Any:
    """Return a JSON value in which one to three nodes are others, or are gone."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 4)):
        paths = places(value)
        path = paths[rng.integers(len(paths))]
        odd = copy.deepcopy(ODD[rng.integers(len(ODD))])
        if not path:
            if rng.random() < 0.2:
                value = odd
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.3:
            del parent[path[-1]]
        else:
            parent[path[-1]] = odd
    return value


def damaged_text(text: str, rng: np.random.Generator) -> bytes:
    """Return a JSON text whose values or whose bytes are damaged."""
    if rng.random() < 0.6:
        return json.dumps(damaged_json(json.loads(text), rng)).encode()
    return damaged_bytes(text.encode(), rng)


def damaged_arrays(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return arrays of which one has another shape, kind or value, or is gone."""
    arrays = dict(arrays)
    name = list(arrays)[rng.integers(len(arrays))]
    array = arrays[name]
    what = rng.integers(6)
    if what == 0:
        del arrays[name]
    elif what == 1:
        arrays[name] = array[: len(array) // 2] if array.ndim else np.zeros(3)
    elif what == 2:
        kind = [np.float64, np.complex64, "U9", "S3", bool, np.int8][rng.integers(6)]
        arrays[name] = np.zeros(array.shape, kind) if array.dtype.kind in "US" else array.astype(kind)
    elif what == 3:
        arrays[name] = array[None]
    elif what == 4 and array.dtype.kind in "iufb" and array.size:
        arrays[name] = array.astype(float)
        arrays[name].flat[rng.integers(array.size)] = [np.nan, np.inf, -1, 1e30, 25.0][rng.integers(5)]
    else:
        arrays[name] = np.array(ODD[rng.integers(12)], dtype=str)
    return arrays
