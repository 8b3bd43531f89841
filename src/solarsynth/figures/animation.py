"""A short film of Suns for a page: closed until it is opened, and not larger than a picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np

from solarsynth.figures.suns import solar_colours


def webp(frames: Sequence[np.ndarray], milliseconds: int = 120, scale: int = 4) -> bytes:
    """Return frames (H, W) of uint8, row 0 in the south, as an animated WebP in sunpy's 171 Å colours.

    Parameters
    ----------
    frames : sequence of ndarray
    milliseconds : int
        Per frame; the last one stays ten times as long.
    scale : int
        Pixels of the picture per pixel of a frame.
    """
    from PIL import Image

    colours = solar_colours()
    pictures = []
    for frame in frames:
        rgb = (colours(np.asarray(frame)[::-1])[..., :3] * 255).round().astype(np.uint8)
        pictures.append(Image.fromarray(rgb.repeat(scale, 0).repeat(scale, 1)))
    buffer = io.BytesIO()
    times = [milliseconds] * (len(pictures) - 1) + [10 * milliseconds]
    pictures[0].save(buffer, "WEBP", save_all=True, append_images=pictures[1:], duration=times, loop=0, quality=70)
    return buffer.getvalue()


class Film(str):
    """HTML that a notebook shows as a page does."""

    def _repr_html_(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        printer.text(f"a film of {len(self):,} characters")


def film(frames: Sequence[np.ndarray], title: str, alt: str, milliseconds: int = 120) -> Film:
    """Return HTML with a film that starts when a reader opens it; see `webp`.

    Parameters
    ----------
    frames : sequence of ndarray
    title : str
        What a reader clicks on.
    alt : str
        What is seen, for those who do not see it.
    milliseconds : int
    """
    data = base64.b64encode(webp(frames, milliseconds)).decode()
    picture = f'<img src="data:image/webp;base64,{data}" alt="{html.escape(alt)}" style="max-width:100%">'
    return Film(f"<details><summary>{html.escape(title)}</summary>{picture}</details>")
