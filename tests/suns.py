"""Suns with a known place, drawn at any pointing and written as the files that people have."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

RADIUS = 960.0  # arcseconds
HEADER = {
    "TELESCOP": "SDO/AIA",
    "INSTRUME": "AIA_3",
    "WAVELNTH": 171,
    "WAVEUNIT": "angstrom",
    "T_OBS": "2014-02-03T04:05:06.70Z",
    "DATE-OBS": "2014-02-03T04:05:05.70",
    "EXPTIME": 2.0,
    "QUALITY": 0,
    "LVL_NUM": 1.0,
    "CTYPE1": "HPLN-TAN",
    "CTYPE2": "HPLT-TAN",
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CRVAL1": 0.0,
    "CRVAL2": 0.0,
    "RSUN_OBS": RADIUS,
    "PIXLUNIT": "DN",
    "ACS_ECLP": "NO",
}


def brightness(x: np.ndarray, y: np.ndarray, radius: float = RADIUS) -> np.ndarray:
    """Return DN/s at places in arcseconds: a disk with a fading corona and a spot in the north-west."""
    r = np.hypot(x, y)
    disk = np.where(r < 1.03 * radius, 100.0, 100 * np.exp(-(r / radius - 1.03) / 0.04)) + 6
    return disk + 900 * np.exp(-((x - 0.5 * radius) ** 2 + (y - 0.3 * radius) ** 2) / 2 / (0.08 * radius) ** 2)


def draw(header: dict, side: int) -> np.ndarray:
    """Return the picture (side, side) in DN/s that a header with CRPIX, CDELT, CRVAL and CROTA2 or PC describes."""
    if "PC1_1" in header:
        turn = np.array([[header["PC1_1"], header["PC1_2"]], [header["PC2_1"], header["PC2_2"]]])
    else:
        angle = np.radians(header.get("CROTA2", 0.0))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    column, row = np.meshgrid(np.arange(1, side + 1) - header["CRPIX1"], np.arange(1, side + 1) - header["CRPIX2"])
    x, y = (turn @ np.stack([column.ravel(), row.ravel()])).reshape(2, side, side)
    return brightness(header["CDELT1"] * x + header["CRVAL1"], header["CDELT2"] * y + header["CRVAL2"])


def pointing(side: int, **changes) -> dict:
    """Return a header for a picture of the full disk, as AIA takes them, with changes; None removes a keyword."""
    scale = 2457.6 / side
    header = HEADER | {
        "CRPIX1": (side + 1) / 2,
        "CRPIX2": (side + 1) / 2,
        "CDELT1": scale,
        "CDELT2": scale,
        "CROTA2": 0.0,
    }
    return {name: value for name, value in (header | changes).items() if value is not None}


def write_fits(path: Path, side: int = 256, packed: bool = False, image: np.ndarray | None = None, **changes) -> Path:
    """Write an AIA FITS of counts; `packed` compresses it inside, as JSOC does."""
    from astropy.io import fits

    header = pointing(side, **changes)
    counts = draw(header, side) * header.get("EXPTIME", 1.0) if image is None else image
    cards = fits.Header(list(header.items()))
    if packed:
        unit = fits.CompImageHDU(np.round(counts).astype(np.int16), cards, compression_type="RICE_1")
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)
    else:
        fits.PrimaryHDU(counts.astype(np.float32), cards).writeto(path)
    return path


def write_jpeg2000(path: Path, side: int = 256, **changes) -> Path:
    """Write a picture as Helioviewer does: √(DN/s - 5) from 1 to 40 as bytes, the header in an XML box."""
    from PIL import Image

    header = pointing(side, NAXIS1=side, NAXIS2=side, QUALITY=1 << 30, LVL_NUM=1.5) | changes
    rate = draw(header, side)
    shown = np.round((np.clip(np.sqrt(np.maximum(rate - 5, 0)), 1, 40) - 1) / 39 * 255).astype(np.uint8)
    packed = io.BytesIO()
    Image.fromarray(shown[::-1]).save(packed, "JPEG2000", irreversible=False)
    cards = "".join(f"<{name}>{value}</{name}>" for name, value in header.items())
    box = f'<?xml version="1.0" encoding="UTF-8"?><meta><fits>{cards}</fits></meta>'.encode()
    body = packed.getvalue()
    place = body.index(b"jp2c") - 4
    path.write_bytes(body[:place] + (len(box) + 8).to_bytes(4, "big") + b"xml " + box + body[place:])
    return path


def write_browse(path: Path, side: int = 512, radius: float = 974.0, grey: bool = False) -> Path:
    """Write a browse image: 8.4 √(DN/s) in sunpy's colours, with letters in the border."""
    import sunpy.visualization.colormaps as maps
    from PIL import Image

    axis = (np.arange(side) + 0.5 - side / 2) * 2457.6 / side
    x, y = np.meshgrid(axis, axis[::-1])
    shown = np.clip(8.4 * np.sqrt(brightness(x, y, radius)), 0, 255).astype(np.uint8)
    rgb = np.round(np.array(maps.cm.sdoaia171(shown))[..., :3] * 255).astype(np.uint8)
    letters = slice(side - side // 30, side - side // 80)
    rgb[letters, : side // 3] = 255
    shown[letters, : side // 3] = 255
    Image.fromarray(shown if grey else rgb).save(path, **({"quality": 92} if path.suffix == ".jpg" else {}))
    return path
