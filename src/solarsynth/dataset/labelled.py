"""The labelled set, from which all models learn; numpy alone suffices to read it from one file."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from solarsynth.dataset.regions import independent_units
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES


@dataclass(frozen=True)
class LabelledSet:
    """Frames with the class of their flare, in order of time.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
        0..255 stands for the normalised range [-1, 1]; row 0 in the south.
    label : ndarray of int64, shape (n,)
        0 (A) to 4 (X).
    flux : ndarray of float64, shape (n,)
        W/m², 1–8 Å.
    peak_time, frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    delay : ndarray of int64, shape (n,)
        Milliseconds from the peak to the frame.
    block : ndarray of int64, shape (n,)
        Number of the frame's block of time.
    region : ndarray of int64, shape (n,)
        Number of the active region of the flare; -1 if it is not known.
    test, train, validation, fit : ndarray of bool, shape (n,)
        The parts of `solarsynth.dataset.splits.Split`. An image in none of them is purged.
    unit : str
        Unit of the archive: ``DN/s`` or ``display``.
    funnel : dict of str to int
        How many events and images are left after each step of the labelling.
    about : dict
        ``source``, ``frame_tolerance`` and ``flux_tolerance`` (ms), ``scale``, ``frames``, ``split``, ``fold``;
        ``xrs`` is ``none`` if the fluxes are those of the listed classes, for lack of a measured one.
    """

    image: np.ndarray
    label: np.ndarray
    flux: np.ndarray
    peak_time: np.ndarray
    frame_time: np.ndarray
    delay: np.ndarray
    block: np.ndarray
    region: np.ndarray
    test: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    fit: np.ndarray
    unit: str
    funnel: dict[str, int]
    about: dict = field(default_factory=dict)

    PARTS = ("test", "train", "validation", "fit")
    ARRAYS = ("image", "label", "flux", "peak_time", "frame_time", "delay", "block", "region", *PARTS)

    def __len__(self) -> int:
        return len(self.label)

    def counts(self, test: bool | None = None) -> dict[str, int]:
        """Return the number of images per class, in all or, with `test`, in the test or the training part."""
        label = self.label if test is None else self.label[self.test if test else self.train]
        return dict(zip(CLASSES, np.bincount(label, minlength=len(CLASSES)).tolist(), strict=True))

    @property
    def has_flux(self) -> bool:
        """Whether the archive had X-ray flux; if not, `flux` is that of the class in the list."""
        return self.about.get("xrs") != "none"

    @property
    def purged(self) -> np.ndarray:
        """The images (n,) bool that are left out: too close to the held-out ones, or of one of their regions."""
        return ~(self.test | self.train)

    @property
    def group(self) -> np.ndarray:
        """The independent unit (n,) of each image; see `solarsynth.dataset.regions.independent_units`."""
        return independent_units(self.block, self.region)

    def write(self, path: Path) -> None:
        """Write the set as a zarr store, or as one compressed file if the name ends in .npz."""
        if path.suffix == ".npz":
            about = json.dumps({"unit": self.unit, "funnel": self.funnel, "about": self.about})
            np.savez_compressed(path, **{name: getattr(self, name) for name in self.ARRAYS}, attributes=np.array(about))
            return
        import zarr

        group = zarr.open_group(str(path), mode="w", zarr_format=2)
        for name in self.ARRAYS:
            values = getattr(self, name)
            chunks = (min(len(values), 256 if values.ndim > 1 else 1 << 16), *values.shape[1:])
            group.create_array(name, data=values, chunks=chunks)
        group.attrs.update(
            {
                "unit": self.unit,
                "classes": list(CLASSES),
                "funnel": self.funnel,
                "about": self.about,
                "times": "milliseconds since 1970-01-01T00:00:00Z; delay: milliseconds",
                "image": "uint8, 0..255 stands for the normalised range [-1, 1]",
            }
        )

    @classmethod
    def read(cls, path: Path) -> LabelledSet:
        """Read a set that was written by `write`.

        Raises
        ------
        SolarsynthError
            If a file is missing, damaged, or not a labelled set.
        """
        if path.suffix == ".npz":
            try:
                with np.load(path, allow_pickle=False) as file:
                    arrays = {name: file[name] for name in cls.ARRAYS}
                    attributes = json.loads(str(file["attributes"]))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise SolarsynthError(f"{path}: not a labelled set ({str(error).splitlines()[0]})") from None
            return cls(**arrays, **attributes)
        import zarr

        group = zarr.open_group(str(path), mode="r", zarr_format=2)
        arrays = {name: group[name][:] for name in cls.ARRAYS}
        return cls(**arrays, unit=group.attrs["unit"], funnel=group.attrs["funnel"], about=group.attrs["about"])
