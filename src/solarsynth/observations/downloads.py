"""Reading what was kept of a download; a damaged file is an error that `solarsynth.files.cached` understands."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz``.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # numpy, zipfile and zlib each have several errors for a damaged file
        raise ValueError(f"{path}: damaged ({type(error).__name__})") from None


def read_array(path: Path) -> np.ndarray:
    """Return the array of an ``.npy``; raise ValueError if the file is damaged."""
    try:
        return np.load(path, allow_pickle=False)
    except Exception as error:  # as above
        raise ValueError(f"{path}: damaged ({type(error).__name__})") from None
