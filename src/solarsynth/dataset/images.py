"""Sets of images with a key that stands for their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.store import array_key

#: Label of an image without a class.
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that are measured, or trained on, together.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
        0..255 stands for the normalised range [-1, 1]; row 0 in the south.
    key : str
        Stands for the pixels in the store, so that they are hashed at most once.
    label : ndarray of int64, shape (n,), optional
        0 (A) to 4 (X); `NO_CLASS` for an image without a class.
    """

    image: np.ndarray
    key: str
    label: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def of(cls, image: np.ndarray, label: np.ndarray | None = None) -> ImageSet:
        """Return images from outside the store as a set; its key is a hash of the pixels and the labels.

        Parameters
        ----------
        image : ndarray of uint8, shape (n, H, W)
        label : ndarray of int, shape (n,), optional

        Raises
        ------
        SolarsynthError
            If the images are not uint8 of three dimensions, or their number is not that of the labels.
        """
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3:
            raise SolarsynthError(f"images must be uint8 of shape (n, H, W), got {image.dtype} of shape {image.shape}")
        if label is None:
            return cls(image, array_key(image))
        label = np.asarray(label, np.int64)
        if label.shape != (len(image),):
            raise SolarsynthError(f"labels must have the shape ({len(image)},), got {label.shape}")
        return cls(image, array_key(image, label), label)

    @classmethod
    def pool(cls, sets: Sequence[ImageSet]) -> ImageSet:
        """Return several sets as one; its key is a hash of their keys.

        Parameters
        ----------
        sets : sequence of ImageSet
            At least one. If only some have labels, the images of the others get `NO_CLASS`.
        """
        digest = hashlib.sha256(" ".join(part.key for part in sets).encode()).hexdigest()[:16]
        image = np.concatenate([part.image for part in sets])
        if all(part.label is None for part in sets):
            return cls(image, digest)
        labels = [np.full(len(part), NO_CLASS) if part.label is None else part.label for part in sets]
        return cls(image, digest, np.concatenate(labels))

    def of_class(self, index: int) -> np.ndarray:
        """Return the images (k, H, W) of a class, 0 (A) to 4 (X)."""
        if self.label is None:
            raise SolarsynthError("images must have labels to be chosen by class, got no labels")
        return self.image[self.label == index]
