"""AIA FITS of level 1 and 1.5: counts become DN/s, and the header says where the Sun is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solarsynth.observations.frames import headers
from solarsynth.observations.frames.picture import LeftOut, Picture

NO_IMAGE = "FITS files without one image"


def read(path: Path) -> Picture:
    """Read a FITS file, also one that is compressed inside or as a whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Picture

    Raises
    ------
    LeftOut
        If its header says that it is of no use here.
    """
    from astropy.io import fits

    with fits.open(path, memmap=False) as units:
        images = [unit for unit in units if unit.is_image and unit.header.get("NAXIS", 0) > 0]
        if len(images) != 1 or images[0].header["NAXIS"] != 2:
            raise LeftOut(NO_IMAGE)
        header = dict(images[0].header)
        headers.check(header)
        seconds, time = headers.exposure(header), headers.time_of(header)
        data = np.asarray(images[0].data)
    centre, matrix, radius = headers.pointing(header, time)
    return Picture(data, 1 / seconds, time, centre, matrix, radius)
