"""From events to labelled frames: Section 2.4 of the paper, each rule a named parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError
from solarsynth.observations.archive import Archive, normalise, to_uint8
from solarsynth.observations.times import NO_TIME, to_datetime

#: Lower bounds of the classes B, C, M and X in W/m² (Sect. 2.2); what is below is A.
CLASS_BOUNDS = (1e-7, 1e-6, 1e-5, 1e-4)


def class_of_flux(flux: np.ndarray) -> np.ndarray:
    """Return the class, 0 (A) to 4 (X), of 1–8 Å fluxes in W/m²; a bound belongs to the class above it."""
    # In single precision 1e-6 can lie a hair below the bound that it names.
    return np.searchsorted(CLASS_BOUNDS, np.asarray(flux, np.float64) * (1 + 1e-6), side="right")


def flux_of_class(text: pd.Series) -> np.ndarray:
    """Return the flux in W/m² that class names such as ``M2.5`` stand for; NaN where a text is none."""
    parts = text.str.upper().str.extract(r"^\s*([ABCMX])\s*(\d+(?:\.\d*)?)?\s*$")
    scale = parts[0].map({"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}).astype(float)
    return (scale * parts[1].astype(float).fillna(1.0)).to_numpy()


def label_events(
    events: pd.DataFrame,
    xrs: pd.DataFrame,
    frame_time: np.ndarray,
    *,
    frame_tolerance: float = 420.0,
    flux_tolerance: float = 6.0,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give frames the class of the flare they follow.

    Parameters
    ----------
    events : DataFrame
        ``peak`` (ms, `NO_TIME` if unknown) and ``goes_class`` ("" if none).
    xrs : DataFrame
        ``time`` (ms, increasing) and ``flux`` (W/m²), good samples only.
    frame_time : ndarray of int64, shape (n,)
        Milliseconds since 1970, increasing.
    frame_tolerance : float
        Seconds a frame may follow the peak (the paper: 7 minutes).
    flux_tolerance : float
        Seconds an X-ray sample may follow the peak (the paper: 6).

    Returns
    -------
    table : DataFrame
        One row per labelled frame: ``frame`` (index into `frame_time`), ``label`` (0 to 4), ``flux`` (W/m²),
        ``peak`` (ms), ``delay`` (s), ``from_list`` (class from the list, not the flux), ``events`` (merged).
    funnel : dict of str to int
        How many events and images are left after each step.
    """
    funnel = {"events": len(events)}
    inside = events["peak"] != NO_TIME
    if len(frame_time):
        first, last = frame_time[0] - int(frame_tolerance * 1000), frame_time[-1]
        inside &= (events["peak"] >= first) & (events["peak"] <= last)
    events = events[inside]
    funnel["with a peak time while frames were taken"] = len(events)
    peak = events["peak"].to_numpy()
    flux = flux_of_class(events["goes_class"].fillna("").astype(str))
    from_list = np.isfinite(flux)
    funnel["with a class in the list"] = int(from_list.sum())
    sample, found = _first_after(xrs["time"].to_numpy(), peak, flux_tolerance)
    measured = np.where(found, xrs["flux"].to_numpy(np.float64)[sample] if len(xrs) else np.nan, np.nan)
    flux = np.where(from_list, flux, measured)
    funnel["with a class or a flux"] = int(np.isfinite(flux).sum())
    frame, shown = _first_after(frame_time, peak, frame_tolerance)
    keep = np.isfinite(flux) & shown
    funnel["followed by a frame"] = int(keep.sum())
    table = pd.DataFrame(
        {
            "frame": frame[keep],
            "label": class_of_flux(flux[keep]),
            "flux": flux[keep],
            "peak": peak[keep],
            "delay": (frame_time[frame[keep]] - peak[keep]) / 1000 if len(frame_time) else [],
            "from_list": from_list[keep],
        }
    )
    # Several detections on one frame are one flare, or one that outshines the rest: the strongest labels it.
    table["events"] = table.groupby("frame")["frame"].transform("size")
    table = table.sort_values(["frame", "flux"], kind="stable").drop_duplicates("frame", keep="last")
    funnel["labelled frames"] = len(table)
    return table.reset_index(drop=True), funnel


def _first_after(times: np.ndarray, wanted: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return, per wanted time, the index of the first time not before it, and whether it is near enough."""
    index = np.searchsorted(times, wanted, side="left")
    found = index < len(times)
    index = np.minimum(index, max(len(times) - 1, 0))
    if len(times):
        found &= times[index] - wanted <= tolerance * 1000
    return index, found


@dataclass(frozen=True)
class LabelledSet:
    """Frames with the class of their flare, by time.

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
    delay : ndarray of float64, shape (n,)
        Seconds from the peak to the frame.
    block : ndarray of int64, shape (n,)
        Number of the time block a frame lies in.
    test : ndarray of bool, shape (n,)
        Held out from training.
    unit : str
        Unit of the archive: ``DN/s`` or ``display``.
    funnel : dict of str to int
    about : dict
        Source, tolerances and split.
    """

    image: np.ndarray
    label: np.ndarray
    flux: np.ndarray
    peak_time: np.ndarray
    frame_time: np.ndarray
    delay: np.ndarray
    block: np.ndarray
    test: np.ndarray
    unit: str
    funnel: dict[str, int]
    about: dict = field(default_factory=dict)

    ARRAYS = ("image", "label", "flux", "peak_time", "frame_time", "delay", "block", "test")

    def __len__(self) -> int:
        return len(self.label)

    def counts(self, test: bool | None = None) -> dict[str, int]:
        """Return the number of images per class, of one part or of all."""
        label = self.label if test is None else self.label[self.test == test]
        return dict(zip(CLASSES, np.bincount(label, minlength=len(CLASSES)).tolist(), strict=True))

    def write(self, path: Path) -> None:
        """Write the set as a zarr store."""
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
                "times": "milliseconds since 1970-01-01T00:00:00Z",
                "image": "uint8, 0..255 stands for the normalised range [-1, 1]",
            }
        )

    @classmethod
    def read(cls, path: Path) -> LabelledSet:
        """Read a set that `write` wrote."""
        import zarr

        group = zarr.open_group(str(path), mode="r", zarr_format=2)
        arrays = {name: group[name][:] for name in cls.ARRAYS}
        return cls(**arrays, unit=group.attrs["unit"], funnel=group.attrs["funnel"], about=group.attrs["about"])


def labelled_frames(archive: Archive, image_size: int) -> tuple[pd.DataFrame, np.ndarray, dict[str, int], dict]:
    """Label an archive's frames and read those that have a label.

    Parameters
    ----------
    archive : Archive
    image_size : int
        Side in pixels; the archive's frames are averaged down to it.

    Returns
    -------
    table : DataFrame
        As from `label_events`, with ``frame_time`` (ms).
    image : ndarray of uint8, shape (n, image_size, image_size)
    funnel : dict of str to int
    about : dict

    Raises
    ------
    SolarsynthError
        If no frame gets a label, or the frames cannot be averaged to the size.
    """
    frames = archive.frames()
    rules = archive.attributes
    frame_tolerance = 60 * float(rules.get("frame_tolerance_minutes", 7.0))
    flux_tolerance = float(rules.get("flux_tolerance_seconds", 6.0))
    table, funnel = label_events(
        archive.events(),
        archive.xrs(),
        frames.time,
        frame_tolerance=frame_tolerance,
        flux_tolerance=flux_tolerance,
    )
    if table.empty:
        raise SolarsynthError(
            f"{archive.path}: no frame gets a label: of {funnel['events']} events {funnel['with a class or a flux']} "
            f"have a class or a flux and none is followed by a frame within {frame_tolerance / 60:g} min"
        )
    table["frame_time"] = frames.time[table["frame"].to_numpy()]
    image, good = [], []
    for index in np.array_split(table["frame"].to_numpy(), max(1, len(table) // 1024)):
        raw = archive.read(frames, index)
        # A missing chunk reads as zeros, silently; a dark frame is no Sun.
        sound = np.isfinite(raw).all(axis=(1, 2)) & (raw.max(axis=(1, 2)) > 0)
        raw[~sound] = 0
        good.append(sound)
        image.append(to_uint8(normalise(block_mean(raw, image_size, archive.path), archive.unit)))
    keep = np.concatenate(good)
    funnel["with a sound image"] = int(keep.sum())
    if not keep.any():
        raise SolarsynthError(
            f"{archive.path}: every labelled frame is empty or holds NaN; run 'solarsynth archive info'"
        )
    about = {
        "source": rules.get("source", "archive"),
        "frame_tolerance_seconds": frame_tolerance,
        "flux_tolerance_seconds": flux_tolerance,
        "frames": {
            "stored": frames.stored,
            "usable": len(frames),
            "without a time": frames.without_time,
            "repeated": frames.duplicates,
            "out of order": frames.unsorted,
        },
    }
    return table[keep].reset_index(drop=True), np.concatenate(image)[keep], funnel, about


def block_mean(image: np.ndarray, size: int, where: object = "") -> np.ndarray:
    """Average blocks of pixels down to `size`, in the frames' own unit.

    Parameters
    ----------
    image : ndarray, shape (n, H, W)
    size : int
        Must divide H and W.
    where : object
        Named in the error.

    Returns
    -------
    ndarray, shape (n, size, size)
        float32, or the input where nothing is to be averaged.
    """
    _, height, width = image.shape
    if height != width or height % size:
        raise SolarsynthError(f"{where}: frames of {height}×{width} px cannot be averaged to {size} px")
    if height == size:
        return image
    k = height // size
    return image.reshape(-1, size, k, size, k).mean(axis=(2, 4), dtype=np.float32)


def period(frame_time: np.ndarray) -> str:
    """Return the days of the first and the last frame, for captions."""
    first, last = to_datetime(np.array([frame_time.min(), frame_time.max()])).astype("datetime64[D]")
    return f"{first} to {last}"
