"""Helioviewer's JPEG 2000 of 171 Å: the FITS header lies in an XML box, and display values become DN/s."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from solarsynth.observations.frames import headers
from solarsynth.observations.frames.picture import LeftOut, Picture

NO_HEADER = "JPEG 2000 files without Helioviewer's header"

#: DN/s of each display value: a byte scale of √(DN/s - 5) from 1 to 40. Value 0 means 6 DN/s or less.
DN_PER_SECOND = ((1 + 39 * np.arange(256) / 255) ** 2 + 5).astype(np.float32)


def read(path: Path) -> Picture:
    """Read a JPEG 2000 file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Picture

    Raises
    ------
    LeftOut
        If it has no header, or the header says that it is of no use here.
    """
    from PIL import Image

    body = Path(path).read_bytes()
    header = read_header(body)
    headers.check(header, allowed=headers.NEAR_REAL_TIME)
    time = headers.time_of(header)
    with Image.open(io.BytesIO(body)) as stored:
        if stored.mode != "L":
            raise LeftOut(NO_HEADER)
        data = np.asarray(stored)[::-1]  # pictures begin in the north, FITS in the south
    centre, matrix, radius = headers.pointing(header, time)
    zoom = headers.number(header, "NAXIS1", len(data)) / len(data)  # 1, but for one made smaller that kept its header
    centre = ((centre[0] + 0.5) / zoom - 0.5, (centre[1] + 0.5) / zoom - 0.5)
    return Picture(data, DN_PER_SECOND, time, centre, matrix * zoom, radius)


def read_header(body: bytes) -> dict[str, str | float]:
    """Return the FITS keywords in the XML box of a JPEG 2000 file.

    Raises
    ------
    LeftOut
        If there is no such box, or it holds none.
    """
    for kind, content in boxes(body):
        if kind == b"xml ":
            try:
                parser = ElementTree.XMLParser(target=Plain())  # noqa: S314  # Plain refuses what is vulnerable
                parser.feed(content.strip(b"\0 \r\n\t"))
                root = parser.close()
            except ElementTree.ParseError:
                break
            found = root.find(".//fits")
            return {} if found is None else {card.tag: _value(card.text or "") for card in found if not len(card)}
    raise LeftOut(NO_HEADER)


class Plain(ElementTree.TreeBuilder):
    """XML without a document type, and so without entities, which a few bytes can expand to gigabytes."""

    def doctype(self, *_: str | None) -> None:
        """Refuse it; no FITS header has one."""
        raise ElementTree.ParseError("a document type")


def boxes(body: bytes):
    """Yield the boxes of a JPEG 2000 file (ISO/IEC 15444-1, Annex I): kind and content."""
    place = 0
    while place + 8 <= len(body):
        length, kind, head = int.from_bytes(body[place : place + 4], "big"), body[place + 4 : place + 8], 8
        if length == 1:
            length, head = int.from_bytes(body[place + 8 : place + 16], "big"), 16
        end = len(body) if length == 0 else place + length
        if end < place + head:
            return
        yield kind, body[place + head : end]
        place = end


def _value(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text.strip()
