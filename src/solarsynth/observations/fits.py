"""Suns as FITS files that sunpy opens: pointing, scale, wavelength, and a mark on images that are not observed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from solarsynth.pixels import DISK_RADIUS

#: Radius of the disk in arcsec, to which SDOMLv2 scales every frame, and of the Sun in metres.
RADIUS_ARCSEC, RADIUS_METRES = 976.0, 695.7e6

#: A drawn Sun has no time of observation, but sunpy needs one.
NO_DATE = "2000-01-01T12:00:00.000"

_COMMENT = "SYNTHETIC: this image was computed. It is not an observation of the Sun."


def header(size: int, unit: str, *, date: str = NO_DATE, latitude: float = 0.0, synthetic: bool) -> fits.Header:
    """Return the header of a full-disk image in 171 Å, centred, with the Sun's north up.

    Parameters
    ----------
    size : int
        Side in pixels.
    unit : {"DN/s", "display"}
        Of the pixels; it also says how much of the width the disk fills, see `solarsynth.pixels.DISK_RADIUS`.
    date : str
        ISO 8601 UTC, without the ``Z``.
    latitude : float
        Heliographic latitude of the observer (B0) in degrees.
    synthetic : bool
        Mark the image as computed: in the instrument's names, which sunpy shows in its title, in ``SYNTH`` and in a
        comment.
    """
    made = fits.Header()
    scale = RADIUS_ARCSEC / (DISK_RADIUS[unit] * size)
    for axis, kind in (("1", "HPLN-TAN"), ("2", "HPLT-TAN")):
        made[f"CTYPE{axis}"], made[f"CUNIT{axis}"], made[f"CRVAL{axis}"] = kind, "arcsec", 0.0
        made[f"CRPIX{axis}"], made[f"CDELT{axis}"] = (size + 1) / 2, (scale, "arcsec per pixel")
    made["DATE-OBS"] = (date, "none: a computed image has no date" if date == NO_DATE else "UTC")
    made["T_OBS"] = date
    made["WAVELNTH"], made["WAVEUNIT"] = 171, "angstrom"
    made["BUNIT"] = ("DN / s", "") if unit == "DN/s" else ("", "8-bit display intensity, 0 to 255")
    made["RSUN_OBS"], made["RSUN_REF"] = (RADIUS_ARCSEC, "arcsec"), (RADIUS_METRES, "m")
    made["DSUN_OBS"] = (RADIUS_METRES / np.sin(np.radians(RADIUS_ARCSEC / 3600)), "m, from RSUN_OBS")
    made["HGLN_OBS"], made["HGLT_OBS"] = 0.0, float(latitude)
    made["SYNTH"] = (synthetic, "computed, not observed" if synthetic else "observed")
    if synthetic:
        for name in ("TELESCOP", "OBSRVTRY", "INSTRUME", "DETECTOR"):
            made[name] = "SYNTHETIC"
        made["ORIGIN"] = "solarsynth"
        made["COMMENT"] = _COMMENT
    else:
        made["TELESCOP"], made["OBSRVTRY"], made["INSTRUME"], made["DETECTOR"] = "SDO/AIA", "SDO", "AIA_3", "AIA"
    return made


def pack(images: np.ndarray, headers: Sequence[fits.Header]) -> bytes:
    """Return a FITS file with one image per header, the first in the primary unit.

    Parameters
    ----------
    images : ndarray, shape (n, H, W)
        Row 0 in the south, as FITS has it.
    headers : sequence of astropy.io.fits.Header, length n
    """
    units: list[Any] = []
    for image, made in zip(images, headers, strict=True):
        kind = fits.ImageHDU if units else fits.PrimaryHDU
        units.append(kind(np.ascontiguousarray(image), made))
    body = io.BytesIO()
    fits.HDUList(units).writeto(body, checksum=True)
    return body.getvalue()
