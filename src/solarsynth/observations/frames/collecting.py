"""One door for frames: any mixture of files and stores becomes one stack of frames in one unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solarsynth.errors import SolarsynthError, shown
from solarsynth.observations.frames import arrays, browse, disk, lite, ranges, reading, sources, store
from solarsynth.observations.frames.headers import WITHOUT_TIME
from solarsynth.pixels import DISK_RADIUS, DISPLAY_SCALE, DISPLAY_SCATTER, DISPLAY_TRUSTED, UNITS, block_mean
from solarsynth.times import NO_TIME, format_times

#: Side of the archive's frames where the caller does not say.
SIZE = 64

REPEATED = "frames that repeat a time"

#: Frames that are named, of those left out for one reason.
NAMED = 3

#: Relative difference from the limb's usual place that is worth a word.
LIMB_DIFFERENCE = 0.03


@dataclass
class Collected:
    """The frames for an archive.

    Attributes
    ----------
    image : ndarray, shape (n, size, size)
        Row 0 in the south; every frame has a time and no NaN.
    time : ndarray of int64, shape (n,)
        Milliseconds since 1970; each once, increasing.
    unit : {"DN/s", "display"}
    counts : dict of str to int
        Frames that are left out, by reason.
    notes : list of str
        Lines on how the frames were read and which are left out.
    forget : callable
        Removes what was kept for an interrupted import; for when the archive is written.
    """

    image: np.ndarray
    time: np.ndarray
    unit: str
    counts: dict[str, int]
    notes: list[str]
    forget: Callable[[], None]


def collect(
    given: Sequence[str | Path],
    target: Path,
    *,
    size: int | None = None,
    unit: str | None = None,
    to_dn: bool = False,
    origin: str = "upper",
    lite_maximum: float | None = None,
    found: tuple[list[sources.Source], list[Path]] | None = None,
) -> Collected:
    """Read all frames that paths stand for.

    Parameters
    ----------
    given : sequence of str or Path
        Files, folders, patterns and stores; see `solarsynth.observations.frames.sources.find`.
    target : Path
        Folder of the archive to make: what is read is kept beside it until then.
    size : int, optional
        Side in pixels; 64 by default, and for ``.npz`` alone that of its frames.
    unit : {"DN/s", "display"}, optional
        Unit of the frames of an ``.npz``; other files say theirs.
    to_dn : bool
        Bring display intensity to DN/s; see `solarsynth.pixels.display_to_dn`.
    origin : {"upper", "lower"}
        Where the north is in the frames of an ``.npz``; other files say it.
    lite_maximum : float, optional
        The maximum by which SDOML-lite was scaled; its files do not hold it. See `solarsynth.observations.frames.lite`.
    found : (list of Source, list of Path), optional
        What `find` gives for `given`, if it was called before: it opens every file.

    Returns
    -------
    Collected

    Raises
    ------
    SolarsynthError
        If nothing is usable, the units differ, or values cannot be in their unit.
    """
    if unit not in (None, *UNITS):
        raise SolarsynthError(f"unit must be one of {', '.join(UNITS)}, got {shown(unit)}")
    every, others = sources.find(given) if found is None else found
    _check_options(origin, lite_maximum, every)
    packed = [(source.path, *arrays.read(source.path, unit)) for source in every if source.kind == "npz"]
    files = [source for source in every if source.kind != "npz"]
    if size is None:
        size = _usual_size([image for _, image, *_ in packed], bool(files))
    final = _one_unit([(path, its) for path, _, _, its, _ in packed], files, unit, to_dn)
    notes = [_how(path, its, name, origin) for path, _, _, its, name in packed] + _how_files(files)
    notes += [
        f"{path.name}: {name!r} holds 8-bit values, as display intensity does; leave --unit out if it is that"
        for path, image, _, its, name in packed
        if its == "DN/s" and image.dtype == np.uint8
    ]
    stacks = [
        _from_array(path, image, time, its, given=unit is not None, to_dn=to_dn, origin=origin, size=size)
        for path, image, time, its, _ in packed
    ]
    forget: Callable[[], None] = _nothing
    if files:
        stack, forget = reading.read(_tasks(files, size), reading.Recipe(size, to_dn, lite_maximum or 0.0), target)
        ranges.check(stack.image, final, True, files[0].path)
        stacks.append(stack)
    if to_dn:
        notes.append(_how_converted(stacks))
    if final == "DN/s":
        notes.append("no correction for the degradation of AIA: compare with SDOMLv2, which is corrected, with care")
    left_out: dict[str, list[str]] = {sources.OTHER_KIND: [path.name for path in others]} if others else {}
    for stack in stacks:
        for reason, names in stack.left_out.items():
            left_out[reason] = left_out.get(reason, []) + names
    image, time = _joined(stacks, left_out)
    if not len(image):
        forget()
        raise reading.without_any(given, left_out)
    counts = dict.fromkeys((WITHOUT_TIME, disk.NAN, REPEATED), 0) | {name: len(v) for name, v in left_out.items()}
    notes += [_left_out_line(reason, names) for reason, names in left_out.items() if names]
    return Collected(image, time, final, counts, [*notes, *_limb_note(image, final)], forget)


def _nothing() -> None:
    """Forget nothing: arrays in one file are read at once."""


def _check_options(origin: str, lite_maximum: float | None, every: list[sources.Source]) -> None:
    """Raise if there is no such origin, no file needs to be told it, or a maximum that files need is missing."""
    packed = [source.path for source in every if source.kind == "lite"]
    if packed or lite_maximum is not None:
        lite.check_maximum(packed[0] if packed else every[0].path, lite_maximum)
    if origin not in ("upper", "lower"):
        raise SolarsynthError(f"origin must be upper or lower, got {shown(origin)}")
    if origin == "lower" and all(source.kind != "npz" for source in every):
        kind = sources.KINDS[every[0].kind]
        raise SolarsynthError(f"{every[0].path}: --origin is for .npz; {kind} says itself where north is")


def _usual_size(images: list[np.ndarray], any_files: bool) -> int | None:
    """Return the side of the frames where the caller names none; None leaves them as they are."""
    shapes = {image.shape[1:] for image in images}
    return None if len(shapes) == 1 and not any_files else SIZE


def _one_unit(packed: list[tuple[Path, str]], files: list[sources.Source], unit: str | None, to_dn: bool) -> str:
    """Return the unit of the archive; raise if frames are in different ones, or in another than the caller says."""
    units = list(packed)
    for source in files:
        its = sources.UNIT_OF_KIND.get(source.kind) or store.opened(source.path).unit
        if unit not in (None, its):
            way = "add --to-dn to bring display intensity to DN/s" if its == "display" else "leave --unit out"
            raise SolarsynthError(f"{source.path}: {sources.KINDS[source.kind]} is read as {its}, not {unit}; {way}")
        units.append((source.path, its))
        if to_dn and source.kind == "store" and its == "display":
            raise SolarsynthError(f"{source.path}: --to-dn is for arrays and pictures, and this store is in display")
    if to_dn:
        return "DN/s"
    first, others = units[0], [other for other in units if other[1] != units[0][1]]
    if others:
        raise SolarsynthError(
            f"an archive has one unit: {first[0]} is in {first[1]}, {others[0][0]} in {others[0][1]}; "
            "import them one by one, or add --to-dn"
        )
    return first[1]


def _tasks(files: list[sources.Source], size: int) -> list[reading.Task]:
    tasks = []
    for source in files:
        if source.kind == "store":
            tasks += [reading.Task(source, rows) for rows in store.parts(source.path, size)]
        else:
            tasks.append(reading.Task(source))
    return tasks


def _from_array(
    path: Path,
    image: np.ndarray,
    time: np.ndarray,
    unit: str,
    *,
    given: bool,
    to_dn: bool,
    origin: str,
    size: int | None,
) -> reading.Frames:
    """Return the usable frames of an ``.npz``, row 0 in the south, and the others by reason."""
    ranges.check(image, unit, given, path)
    finite = np.isfinite(image).all(axis=(1, 2)) if image.dtype.kind == "f" else np.ones(len(image), bool)
    reason = np.full(len(image), "", dtype=object)
    reason[ranges.constant(image)] = ranges.CONSTANT
    reason[~finite] = disk.NAN
    reason[time == NO_TIME] = WITHOUT_TIME
    keep = reason == ""
    left_out: dict[str, list[str]] = {}
    for i in np.flatnonzero(~keep):
        left_out.setdefault(reason[i], []).append(f"{path.name}[{i}]")
    image, time, saturated = image[keep], time[keep], np.zeros(int(keep.sum()))
    if origin == "upper":
        image = image[:, ::-1]
    if to_dn and unit == "display":
        saturated = (image > DISPLAY_TRUSTED).mean(axis=(1, 2))
        image = browse.stack_in_dn(image, time, size or image.shape[1])
    if size is not None:
        image = block_mean(image, size, path)
    return reading.Frames(image, time, left_out, saturated)


def _joined(stacks: list[reading.Frames], left_out: dict[str, list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return all frames by time, each time once; the first frame of a time is kept."""
    full = [stack for stack in stacks if len(stack.image)] or stacks[:1]
    image, time = np.concatenate([s.image for s in full]), np.concatenate([s.time for s in full])
    unique, first = np.unique(time, return_index=True)
    repeated = np.setdiff1d(np.arange(len(time)), first)
    if len(repeated):
        left_out[REPEATED] = format_times(time[repeated])
    return image[first], unique


def _how(path: Path, unit: str, name: str, origin: str) -> str:
    """Say how an ``.npz`` was read."""
    side = {"upper": "north", "lower": "south"}[origin]
    return f"{path.name}: {name!r} read as {unit}, its row 0 as the {side} of the Sun (--origin {origin})"


def _how_files(files: list[sources.Source]) -> list[str]:
    """Say how each kind of file was read."""
    words = {
        "fits": "FITS: counts divided by the exposure time, placed and turned north up by the header's pointing",
        "jpeg2000": "JPEG 2000: DN/s = (1 + 39 v / 255)² + 5, Helioviewer's rule for 171 Å; 6 stands for all below it; "
        "turned north up by the header's pointing",
        "browse": "JPEG and PNG: display intensity from the colours of 171 Å, time from the name, first row north",
        "store": "store: row 0 is the south, as in SDOMLv2",
        "lite": "SDOML-lite: DN/s = value² × --lite-maximum / (pixels of 1024 px in one), row 0 is the north, "
        "corrected for degradation, times as in its names: those of :15 and :45 were taken a minute before",
    }
    return [text for kind, text in words.items() if any(source.kind == kind for source in files)]


def _how_converted(stacks: list[reading.Frames]) -> str:
    saturated = np.concatenate([stack.saturated for stack in stacks])
    share = 100 * float(saturated.mean()) if len(saturated) else 0.0
    return (
        f"display v brought to DN/s = (v / {DISPLAY_SCALE:g})², fitted to one region on one day of 2012 (scatter "
        f"{DISPLAY_SCATTER}); {share:.2g} % of the pixels are above {DISPLAY_TRUSTED:g}, where it is too low"
    )


def _left_out_line(reason: str, names: list[str]) -> str:
    more = ", …" if len(names) > NAMED else ""
    return f"left out: {len(names):,} {reason}: {', '.join(names[:NAMED])}{more}"


def _limb_note(image: np.ndarray, unit: str) -> list[str]:
    """Say it if the frames' limb is not where that of the project's other frames in this unit is."""
    if image.shape[1] != image.shape[2] or image.shape[1] < disk.SMALLEST:
        return []
    chosen = image[np.linspace(0, len(image) - 1, min(len(image), 50)).astype(int)]
    radius = float(np.median([disk.limb(frame)[0] for frame in chosen])) / disk.LIMB
    usual = DISK_RADIUS[unit]
    if not abs(radius / usual - 1) > LIMB_DIFFERENCE:
        return []
    return [
        f"the disk's radius is {radius:.3f} of the width; in the project's other frames in {unit} it is {usual:.3f}, "
        "so do not mix them"
    ]
