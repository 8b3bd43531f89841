"""Write drawn Suns so that others open them: npz, FITS that sunpy plots, a folder of pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from solarsynth.errors import SolarsynthError
from solarsynth.files import check_folder, new_folder, write_bytes, write_npz
from solarsynth.pixels import denormalise, to_unit

#: How a target's name says its form; a name without one of these endings is a folder.
FORMS = (".npz", ".png", ".fits")


def form_of(path: Path) -> str | None:
    """Return the form that a target's name asks for: an entry of `FORMS`, ``folder``, or None if it is unknown."""
    if path.suffix in FORMS:
        return path.suffix
    return "folder" if not path.suffix else None


def check_target(path: Path) -> None:
    """Raise if a target cannot be written: before the work, not after it.

    Raises
    ------
    SolarsynthError
        If its folder does not exist or cannot be written, or something other than a file of the same form stands there.
    """
    path = Path(path)
    check_folder(path)
    if form_of(path) == "folder":
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise SolarsynthError(f"{path} exists; choose another name or remove it")
    elif path.is_dir():
        raise SolarsynthError(f"{path} is a folder; choose another name")


def write_samples(
    path: Path,
    image: np.ndarray,
    label: list[str],
    *,
    unit: str,
    about: dict[str, Any],
    condition: list[str] | None = None,
    grid: Callable[[np.ndarray, list[str]], bytes] | None = None,
) -> None:
    """Write drawn Suns, whole or not at all.

    Parameters
    ----------
    path : Path
        ``.npz``: ``image``, ``label``, ``condition``. ``.fits``: one image per unit. ``.png``: a picture of all. Any
        other name: a folder with a grey PNG per image in a sub-folder per class, which ``evaluate`` reads, and a
        ``datacard.json``.
    image : ndarray of uint8, shape (n, H, W)
        0 to 255 over the normalised range, row 0 in the south.
    label : list of str, length n
        Class of each image.
    unit : {"DN/s", "display"}
        Of the model's archive.
    about : dict
        What the images were drawn with: ``model``, ``seed``, ``guidance`` and so on. JSON types. Names differ in their
        first eight letters, which are the keywords of FITS.
    condition : list of str, length n
        What was asked for, such as ``M2.5``; the class by default.
    grid : callable
        Draws ``(image, names)`` as the bytes of a PNG.
    """
    condition = condition or label
    form = form_of(path)
    if form == ".npz":
        write_npz(path, image=image, label=np.array(label), condition=np.array(condition))
    elif form == ".fits":
        write_bytes(path, fits_body(image, label, condition, unit, about))
    elif form == ".png":
        write_bytes(path, grid(image, condition))
    else:
        _write_folder(path, image, label, unit, about)


def fits_body(image: np.ndarray, label: list[str], condition: list[str], unit: str, about: dict[str, Any]) -> bytes:
    """Return drawn Suns as a FITS file; the parameters are those of `write_samples`."""
    from solarsynth.observations import fits

    headers = []
    for number, (name, asked) in enumerate(zip(label, condition, strict=True)):
        made = fits.header(image.shape[1], unit, synthetic=True)
        made["GOESCLS"], made["GOESASK"] = (name, "class of the flare"), (asked, "what was asked for")
        made["SAMPLE"] = (number, "number among the images of the seed")
        for key, value in about.items():
            made[key[:8].upper()] = value
        made["HISTORY"] = "drawn by solarsynth: " + ", ".join(f"{key} {value}" for key, value in about.items())
        headers.append(made)
    pixels = image if unit == "display" else denormalise(to_unit(image), unit)
    return fits.pack(pixels, headers)


def _write_folder(path: Path, image: np.ndarray, label: list[str], unit: str, about: dict[str, Any]) -> None:
    from PIL import Image

    card = {
        "what": "SYNTHETIC images of the Sun in 171 Å, drawn by a diffusion model; not observations",
        "pixels": "8-bit grey, 0 to 255 over the normalised range; the first row is the northernmost",
        "unit of the model's archive": unit,
        "images": len(image),
        **about,
    }
    with new_folder(path) as partial:
        for number, (name, pixels) in enumerate(zip(label, image, strict=True)):
            (partial / name).mkdir(exist_ok=True)
            Image.fromarray(np.ascontiguousarray(pixels[::-1])).save(partial / name / f"{number:05d}.png")
        (partial / "datacard.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
