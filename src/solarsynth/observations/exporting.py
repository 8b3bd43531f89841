"""Take frames out of an archive for others: one npz, or a folder of FITS files or pictures with its description."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from solarsynth.errors import SolarsynthError, shown
from solarsynth.files import check_folder, new_folder, write_npz
from solarsynth.observations.archive import Archive, Frames
from solarsynth.observations.ephemeris import solar_tilt
from solarsynth.observations.writing import refuse_existing
from solarsynth.pixels import normalise, to_uint8
from solarsynth.progress import bar
from solarsynth.times import NO_TIME, format_times, parse_times

FORMS = ("npz", "fits", "png")

#: Frames in memory at once.
_PART = 256


def check_target(target: Path, form: str) -> None:
    """Raise if `target` cannot be written, or is there already, before the work."""
    if form not in FORMS:
        raise SolarsynthError(f"an archive is exported as {', '.join(FORMS)}, got {shown(form)}")
    check_folder(target)
    refuse_existing(target)


def export_archive(
    archive: Archive, target: Path, form: str, period: tuple[str | None, str | None] = (None, None)
) -> dict[str, int]:
    """Write the usable frames of a period, whole or not at all.

    Parameters
    ----------
    archive : Archive
    target : Path
        File or new folder.
    form : {"npz", "fits", "png"}
        ``npz``: ``image`` (n, H, W) in the archive's unit with row 0 in the north, ``t_obs`` and ``unit``, as
        ``archive import --frames`` reads them. ``fits``: a folder with a FITS file per frame. ``png``: a folder with
        a grey picture per frame, 0 to 255 over the normalised range, north up. Folders hold the ``events.csv`` of the
        period as well, its ``flux.csv`` if the archive has a flux, and are described by a ``croissant.json``.
    period : (str, str)
        Beginning and end, ISO 8601 UTC; the end is excluded. None leaves a side open.

    Returns
    -------
    dict of str to int
        Counts of what was written and left out.

    Raises
    ------
    SolarsynthError
        If the target exists, or no frame is in the period.
    """
    target = Path(target)
    check_target(target, form)
    frames = archive.frames()
    index, limits = _inside(archive, frames, period)
    if form == "npz":
        image, sound = _read(archive, frames, index)
        times = np.array(format_times(frames.time[index][sound]))
        write_npz(target, image=image[sound][:, ::-1], t_obs=times, unit=np.array(archive.unit))
        return {"frames": int(sound.sum()), "frames that are empty or hold NaN": int((~sound).sum())}
    write = _write_fits if form == "fits" else _write_png
    counts = {"frames": 0, "frames that are empty or hold NaN": 0}
    with new_folder(target) as folder, bar("frames", len(index)) as progress:
        (folder / "frames").mkdir()
        for here in np.array_split(index, max(1, -(-len(index) // _PART))):
            image, sound = _read(archive, frames, here)
            write(folder / "frames", archive, image[sound], frames.time[here][sound])
            counts["frames"] += int(sound.sum())
            counts["frames that are empty or hold NaN"] += int((~sound).sum())
            progress.update(len(here))
        counts |= _write_tables(folder, archive, limits)
        _describe(folder, target.name, archive, form, counts)
    return counts


def _inside(archive: Archive, frames: Frames, period: tuple[str | None, str | None]) -> tuple[np.ndarray, tuple]:
    """Return the frames of a period, and its limits in ms."""
    limits = [NO_TIME, np.iinfo(np.int64).max]
    for side, text in enumerate(period):
        if text is not None:
            limits[side] = int(parse_times([text])[0])
            if limits[side] == NO_TIME:
                raise SolarsynthError(
                    f"a period's limits must be like 2012-03-01 or 2012-03-01T06:00, got {shown(text)}"
                )
    index = np.flatnonzero((frames.time >= limits[0]) & (frames.time < limits[1]))
    if not len(index):
        first, last = format_times(frames.time[[0, -1]])
        raise SolarsynthError(f"{archive.path}: no frame in the period; its frames are from {first} to {last}")
    return index, tuple(limits)


def _read(archive: Archive, frames: Frames, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frames, and which of them are neither empty nor hold NaN."""
    image = archive.read(frames, index)
    return image, np.isfinite(image).all(axis=(1, 2)) & (image != 0).any(axis=(1, 2))


def _stamps(time: np.ndarray) -> list[str]:
    """Return times as parts of file names."""
    return [text.replace("-", "").replace(":", "").replace(".", "_") for text in format_times(time)]


def _write_fits(folder: Path, archive: Archive, image: np.ndarray, time: np.ndarray) -> None:
    from solarsynth.observations import fits

    synthetic = archive.attributes.get("source") == "simulated"
    texts = [text.removesuffix("Z") for text in format_times(time)]
    for name, text, latitude, pixels in zip(_stamps(time), texts, solar_tilt(time), image, strict=True):
        made = fits.header(pixels.shape[0], archive.unit, date=text, latitude=latitude, synthetic=synthetic)
        (folder / f"aia171_{name}.fits").write_bytes(fits.pack(pixels[None], [made]))


def _write_png(folder: Path, archive: Archive, image: np.ndarray, time: np.ndarray) -> None:
    from PIL import Image

    for name, pixels in zip(_stamps(time), to_uint8(normalise(image, archive.unit)), strict=True):
        Image.fromarray(np.ascontiguousarray(pixels[::-1])).save(folder / f"aia171_{name}.png")


def _write_tables(folder: Path, archive: Archive, limits: tuple[int, int]) -> dict[str, int]:
    """Write the events and, if there is one, the flux of a period, and return how many there are."""
    samples, path = 0, folder / "flux.csv"
    for part in archive.xrs_parts():
        part = part[(part["time"] >= limits[0]) & (part["time"] < limits[1])]
        part.assign(time=format_times(part["time"])).to_csv(path, mode="a", index=False, header=not path.exists())
        samples += len(part)
    events = archive.events()
    events = events[(events["peak"] >= limits[0]) & (events["peak"] < limits[1]) & (events["peak"] != NO_TIME)]
    texts = {name: _texts(events[name]) for name in ("peak", "start", "end") if name in events}
    events.assign(**texts).to_csv(folder / "events.csv", index=False)
    return {"flux samples": samples, "events": len(events)}


def _texts(times: pd.Series) -> list[str]:
    known = times != NO_TIME
    texts = format_times(times.where(known, 0))
    return [text if there else "" for text, there in zip(texts, known, strict=True)]


def _describe(folder: Path, name: str, archive: Archive, form: str, counts: dict[str, int]) -> None:
    """Write a description of the folder in the Croissant format (mlcommons.org/croissant/1.0)."""
    source = archive.attributes.get("source", "archive")
    pixels = f"in {archive.unit}, row 0 south" if form == "fits" else "grey, 0 to 255, first row north"
    height, width = archive.shape
    text = "SYNTHETIC: frames of a simulated Sun, not observations. " if source == "simulated" else ""
    text += f"{counts['frames']} frames of the Sun in SDO/AIA 171 Å, {height} × {width} px, {pixels}. "
    text += f"GOES 1–8 Å flux on the {archive.xrs_scale} scale. " if archive.has_flux else ""
    text += f"Flares. Source: {source}."
    tables = [path for path in (folder / "flux.csv", folder / "events.csv") if path.exists()]
    card: dict[str, Any] = {
        "@context": {
            "@vocab": "https://schema.org/",
            "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/",
            "dct": "http://purl.org/dc/terms/",
            "conformsTo": "dct:conformsTo",
            "recordSet": "cr:recordSet",
            "field": "cr:field",
            "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "source": "cr:source",
            "fileObject": "cr:fileObject",
            "extract": "cr:extract",
            "column": "cr:column",
            "includes": "cr:includes",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": text,
        "license": archive.attributes.get("licence", "see the source of the archive"),
        "distribution": [
            {
                "@type": "cr:FileSet",
                "@id": "frames",
                "name": "frames",
                "encodingFormat": "application/fits" if form == "fits" else "image/png",
                "includes": f"frames/*.{form}",
            },
            *map(_file, tables),
        ],
        "recordSet": [_records(path) for path in tables],
    }
    (folder / "croissant.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _file(path: Path) -> dict[str, str]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "encodingFormat": "text/csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _records(path: Path) -> dict[str, Any]:
    numbers = {"flux": "sc:Float", "satellite": "sc:Integer", "noaa": "sc:Integer"}
    times = ("time", "peak", "start", "end")
    return {
        "@type": "cr:RecordSet",
        "@id": path.stem,
        "name": path.stem,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{path.stem}/{column}",
                "name": column,
                "dataType": "sc:DateTime" if column in times else numbers.get(column, "sc:Text"),
                "source": {"fileObject": {"@id": path.name}, "extract": {"column": column}},
            }
            for column in pd.read_csv(path, nrows=0).columns
        ],
    }
