"""The labelled set, from which all models learn; numpy alone suffices to read it from one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from solarsynth.dataset.regions import independent_units
from solarsynth.errors import SolarsynthError, reading
from solarsynth.files import write_npz
from solarsynth.flares import CLASSES, LARGEST_FLUX
from solarsynth.pixels import UNITS


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
            write_npz(path, **{name: getattr(self, name) for name in self.ARRAYS}, attributes=np.array(about))
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
            with reading(path, "not a labelled set"):
                with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                    arrays = {name: file[name] for name in cls.ARRAYS}
                    attributes = json.loads(str(file["attributes"]))
                    attributes = {name: attributes[name] for name in ("unit", "funnel", "about")}
                return _checked(path, cls(**arrays, **attributes))
        with reading(path, "not a labelled set"):
            import zarr

            group = zarr.open_group(str(path), mode="r", zarr_format=2)
            arrays = {name: group[name][:] for name in cls.ARRAYS}
            found = cls(**arrays, unit=group.attrs["unit"], funnel=group.attrs["funnel"], about=group.attrs["about"])
            return _checked(path, found)


def _checked(path: Path, data: LabelledSet) -> LabelledSet:
    """Return a set that was read, or raise `SolarsynthError` if its parts do not fit one another."""
    n = len(data.image) if data.image.ndim == 3 else 0
    if not n or data.image.dtype != np.uint8 or data.image.shape[1] != data.image.shape[2] or not data.image.shape[1]:
        shape = f"{data.image.shape} {data.image.dtype}"
        raise SolarsynthError(f"{path}: image must be (n, H, H) uint8 with n ≥ 1, got {shape}")
    kinds = dict.fromkeys(LabelledSet.ARRAYS, "iu") | {"flux": "f"} | dict.fromkeys(LabelledSet.PARTS, "b")
    for name in LabelledSet.ARRAYS[1:]:
        values = getattr(data, name)
        if values.shape != (n,) or values.dtype.kind not in kinds[name]:
            shape = f"{values.shape} {values.dtype}"
            raise SolarsynthError(f"{path}: {name} must have one value per image of kind {kinds[name]!r}, got {shape}")
    if not np.isin(data.label, np.arange(len(CLASSES))).all():
        raise SolarsynthError(f"{path}: label must be from 0 (A) to {len(CLASSES) - 1} (X), got {data.label.max()}")
    if not ((data.flux > 0) & (data.flux <= LARGEST_FLUX)).all():
        raise SolarsynthError(f"{path}: a flux must be above 0 and at most {LARGEST_FLUX:g} W/m²")
    if (data.test & data.train).any() or (data.fit & ~data.train).any() or (data.validation & ~data.train).any():
        raise SolarsynthError(f"{path}: an image is held out and trained on at once; make the set again")
    about = data.about if isinstance(data.about, dict) else {}
    known = data.unit in UNITS and isinstance(about.get("source"), str) and isinstance(data.funnel, dict)
    if not known or not all(type(count) is int for count in data.funnel.values()):
        raise SolarsynthError(f"{path}: its attributes must hold a unit ({', '.join(UNITS)}), a funnel and a source")
    if not all(type(about.get(name, 0)) in (int, float) for name in ("frame_tolerance", "flux_tolerance")):
        raise SolarsynthError(f"{path}: its tolerances must be numbers of milliseconds")
    return data
