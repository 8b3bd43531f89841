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
    test, validation : ndarray of bool, shape (n,)
        Held out; the classifier is trained on the rest.
    rare : tuple of str
        Classes that get more images: those of the paper that occur in the training part.
    day : ndarray of int64, shape (n,), optional
        Milliseconds since 1970, for ``days``.
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
    validation: np.ndarray
    rare: tuple[str, ...]
    day: np.ndarray | None = None
    mode: str = ""
    key: str = field(kw_only=True)

    @property
    def train(self) -> np.ndarray:
        """The training part, (n,) bool."""
        return ~(self.test | self.validation)
