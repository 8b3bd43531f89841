"""What a classifier of Section 8 is given: images, labels, and which of them are held out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Task:
    """Images, labels, and which of them are held out.

    Attributes
    ----------
    name : {"classes", "days"}
    image : ndarray of uint8, shape (n, H, W)
    label : ndarray of int, shape (n,)
        What the classifier predicts: the class, or 1 for a day with a flare of class M or X.
    flare : ndarray of int, shape (n,)
        The class, 0 (A) to 4 (X), or -1 on a day without a flare.
    test, train, validation, fit : ndarray of bool, shape (n,)
        The parts of `solarsynth.dataset.splits.Split`. A classifier learns from ``fit``, stops by ``validation`` and
        is tested on ``test``. The generator of synthetic images learns from ``train``.
    unit, region : ndarray of int64, shape (n,)
        The independent unit and the active region of each image; see `solarsynth.dataset.regions`.
    rare : tuple of str
        Classes that get more images: those of the paper that occur among the images to learn from.
    day : ndarray of int64, shape (n,), optional
        Milliseconds since 1970, for ``days``.
    before : ndarray of bool, shape (n,), optional
        Whether a flare of class M or X was listed in the 24 hours before the day, for ``days``.
    mode : str
        Mode of `solarsynth.dataset.daily.daily_labels`, for ``days``.
    key : str
        Stands for the images and the parts in the store.
    """

    name: str
    image: np.ndarray
    label: np.ndarray
    flare: np.ndarray
    test: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    fit: np.ndarray
    unit: np.ndarray
    region: np.ndarray
    rare: tuple[str, ...]
    day: np.ndarray | None = None
    before: np.ndarray | None = None
    mode: str = ""
    key: str = field(kw_only=True)
