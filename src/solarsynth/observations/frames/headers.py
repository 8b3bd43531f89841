"""What a FITS header must say before a frame is used, and where it says that the Sun is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from solarsynth.observations.ephemeris import solar_radius
from solarsynth.observations.frames.picture import LeftOut
from solarsynth.times import NO_TIME

WAVELENGTH = 171

#: QUALITY's bit of near-real-time data, from which Helioviewer makes all its pictures.
NEAR_REAL_TIME = 1 << 30

OTHER_WAVELENGTH = "frames of another wavelength"
OTHER_OBSERVATORY = "frames of another observatory or instrument"
NO_EXPOSURE = "frames without an exposure time"
FLAGGED = "frames with QUALITY other than 0"
ECLIPSE = "frames of an eclipse, an off-point or a dark image"
BELOW_LEVEL_1 = "frames below level 1"
WITHOUT_TIME = "frames without a time"
NO_POINTING = "frames without a pointing (CRPIX, CDELT)"

# What these keywords say of a frame of the Sun, taken while the spacecraft pointed at it.
_SOUND = {"ACS_ECLP": "NO", "ACS_SUNP": "YES", "ACS_MODE": "SCIENCE", "IMG_TYPE": "LIGHT"}

# What places the image on the sky; the other keywords of old files may be wrong in ways that do not matter here.
_POINTING = re.compile(r"CRPIX[12]|CDELT[12]|CRVAL[12]|CROTA2|PC[12]_[12]|LONPOLE|LATPOLE")


def check(header: Mapping[str, Any], *, allowed: int = 0) -> None:
    """Raise `LeftOut` if a header tells that its frame is of no use here.

    Parameters
    ----------
    header : mapping
        FITS keywords.
    allowed : int
        Bits of QUALITY that do not matter.
    """
    if "AIA" not in f"{header.get('INSTRUME', '')} {header.get('TELESCOP', '')}".upper():
        raise LeftOut(OTHER_OBSERVATORY)
    if number(header, "WAVELNTH") != WAVELENGTH:
        raise LeftOut(OTHER_WAVELENGTH)
    if number(header, "LVL_NUM", 1.0) < 1:
        raise LeftOut(BELOW_LEVEL_1)
    if any(str(header.get(name, sound)).strip() != sound for name, sound in _SOUND.items()):
        raise LeftOut(ECLIPSE)
    if int(number(header, "QUALITY", 0)) & ~allowed:
        raise LeftOut(FLAGGED)


def exposure(header: Mapping[str, Any]) -> float:
    """Return the seconds by which counts are divided: 1 if the unit is a rate already.

    Raises
    ------
    LeftOut
        If there is no positive exposure time.
    """
    unit = str(header.get("BUNIT") or header.get("PIXLUNIT") or "").replace(" ", "").lower()
    if unit.endswith("/s") or "s-1" in unit or "s^-1" in unit or "s**-1" in unit:
        return 1.0
    seconds = number(header, "EXPTIME", np.nan)
    if not (np.isfinite(seconds) and seconds > 0):
        raise LeftOut(NO_EXPOSURE)
    return seconds


def number(header: Mapping[str, Any], name: str, missing: float = np.nan) -> float:
    """Return a keyword as a number; `missing` if there is none, or it is none."""
    try:
        return float(header[name])
    except (KeyError, TypeError, ValueError):
        return missing


def time_of(header: Mapping[str, Any]) -> int:
    """Return the time of the middle of the exposure (``T_OBS``), else of its beginning, in milliseconds since 1970.

    UTC, or TAI where the text says so, as JSOC's do.

    Raises
    ------
    LeftOut
        If there is no readable time.
    """
    for name in ("T_OBS", "DATE-OBS", "DATE_OBS"):
        time = parse_time(header.get(name))
        if time != NO_TIME:
            return time
    raise LeftOut(WITHOUT_TIME)


def parse_time(text: Any) -> int:
    """Return a FITS or JSOC time in milliseconds since 1970, or `NO_TIME`."""
    from sunpy.time import parse_time as read

    text = str(text).strip()
    try:
        if text.endswith("_TAI") and "-" in text:  # sunpy knows JSOC's own form, with dots, alone
            return round(read(text.removesuffix("_TAI"), scale="tai").utc.unix * 1000)
        return round(read(text.removesuffix("Z")).utc.unix * 1000)
    except (ValueError, TypeError, OverflowError):
        return NO_TIME


def pointing(header: Mapping[str, Any], time: int) -> tuple[tuple[float, float], np.ndarray, float]:
    """Return where the Sun is in an image, by astropy's coordinates of it.

    Parameters
    ----------
    header : mapping
        With CRPIX, CDELT, CRVAL and CROTA2 or PC, of helioprojective coordinates.
    time : int
        Milliseconds since 1970; gives the Sun's radius where the header does not.

    Returns
    -------
    centre, matrix, radius
        As in `solarsynth.observations.frames.picture.Picture`.

    Raises
    ------
    LeftOut
        If the header lacks the pointing.
    """
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    if not all(np.isfinite(number(header, name)) and number(header, name) for name in ("CDELT1", "CDELT2", "CRPIX1")):
        raise LeftOut(NO_POINTING)
    cards = Header()
    for name, value in header.items():
        if _POINTING.fullmatch(name):
            cards[name] = value
    for axis, kind in ((1, "HPLN-TAN"), (2, "HPLT-TAN")):
        cards[f"CTYPE{axis}"] = kind  # early headers say solar_x, which is no projection
        cards[f"CUNIT{axis}"] = header.get(f"CUNIT{axis}") or "arcsec"
    wcs = WCS(cards)
    column, row = wcs.world_to_pixel_values(0.0, 0.0)
    radius = number(header, "RSUN_OBS", number(header, "RSUN_ARC"))
    return (float(column), float(row)), wcs.pixel_scale_matrix * 3600, radius if radius > 0 else solar_radius(time)
