"""The frames that no listed flare precedes: the paper leaves them out, a generator can learn from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.dataset.labelled import LabelledSet
from solarsynth.dataset.splits import VALIDATION_GAP, fold_count, fold_of, near_blocks, time_blocks

if TYPE_CHECKING:
    from solarsynth.observations.archive import Archive


@dataclass(frozen=True)
class UnlabelledSet:
    """Frames without a label, in order of time.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
        0..255 stands for the normalised range [-1, 1]; row 0 in the south.
    flux : ndarray of float64, shape (n,)
        W/m², 1–8 Å, at the time of the frame; NaN where no sample is near.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    train, fit, test : ndarray of bool, shape (n,)
        Parts of the split, as of the labelled set. An image in neither ``train`` nor ``test`` is purged.
    """

    image: np.ndarray
    flux: np.ndarray
    time: np.ndarray
    train: np.ndarray
    fit: np.ndarray
    test: np.ndarray

    ARRAYS = ("image", "flux", "time", "train", "fit", "test")

    def __len__(self) -> int:
        return len(self.time)

    def write(self, path: Path) -> None:
        """Write the set as one file."""
        np.savez(path, **{name: getattr(self, name) for name in self.ARRAYS})

    @classmethod
    def read(cls, path: Path) -> UnlabelledSet:
        """Read a set that `write` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in cls.ARRAYS})


def unlabelled_frames(
    archive: Archive, data: LabelledSet, rules: dict, *, scale: str = "operational", flux_tolerance: int = 0
) -> UnlabelledSet:
    """Read the frames of an archive that the labelled set leaves out, and split them as it is split.

    A frame of a held-out block is in ``test``. None within ``purge_days`` of a held-out block that has a labelled image
    or a frame is in ``train``. None of a block with labelled validation images, or within
    `solarsynth.dataset.splits.VALIDATION_GAP` days of it, is in ``fit``.

    Parameters
    ----------
    archive : Archive
    data : LabelledSet
        Made from the same archive.
    rules : dict
        Arguments of `solarsynth.dataset.splits.split`, those that `data` was split with.
    scale : {"operational", "science", "paper"}
        Scale of the flux, as in `solarsynth.dataset.labelling.label_events`.
    flux_tolerance : int
        Milliseconds that a flux sample may follow the frame; 0 takes the archive's own.

    Returns
    -------
    UnlabelledSet
        Frames that are empty or hold NaN are left out.
    """
    # Training from one file needs no pandas, and imports this module.
    import pandas as pd

    from solarsynth.dataset.labelling import event_flux, normalised_frames

    frames = archive.frames()
    index = np.flatnonzero(~np.isin(frames.time, data.frame_time))
    image, sound = normalised_frames(archive, index, data.image.shape[-1])
    time = frames.time[index[sound]]
    # A frame counts as an event without a class, whose flux is measured.
    measured = pd.DataFrame({"peak": time, "goes_class": np.full(len(time), "")})
    flux, _ = event_flux(
        measured,
        archive.xrs_parts(),
        flux_tolerance=flux_tolerance or archive.flux_tolerance,
        scale=scale,
        xrs_scale=archive.xrs_scale,
    )
    flux[~(flux > 0)] = np.nan
    train, fit, test = _parts(time, data, rules)
    return UnlabelledSet(image[sound], flux, time, train, fit, test)


def _parts(time: np.ndarray, data: LabelledSet, rules: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts ``train``, ``fit`` and ``test`` (n,) bool of frames at `time`."""
    if rules["method"] != "blocked":
        # A random split leaks anyway: what is not labelled cannot be held out.
        train = np.ones(len(time), bool)
        return train, train.copy(), ~train
    days, folds = rules["block_days"], fold_count(rules["test_fraction"])
    block = time_blocks(time, days)
    test = (fold_of(block, folds, rules["fold_blocks"]) == rules["fold"]) & (folds > 1)
    # A block is kept apart whether labelled images or frames are in it: each kind may have blocks of its own.
    held = np.concatenate([block[test], data.block[data.test]])
    train = ~test & ~near_blocks(time, held, days, rules["purge_days"])
    fit = train & ~near_blocks(time, data.block[data.validation], days, VALIDATION_GAP)
    return train, fit, test
