"""Records of Section 4 and Appendix C: the networks, and images of 128 px."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.book.records.writing import write

if TYPE_CHECKING:
    from solarsynth.book.page import Page
    from solarsynth.stages import Lab

LATENT = 512  # dimensions of the paper's embeddings


def figure_b_1(this: Page, parameters: int, of_this_run: int) -> None:
    """Record the number of parameters of the U-Net, at the paper's size and of this run's network."""
    why = "drawn from the module; the paper's sketch has no sizes, those of its code lineage lead to this count"
    write(this, "figure-b.1", why, {"parameters": parameters, "this run": of_this_run})


def figure_2(this: Page, sizes: Mapping[str, int]) -> None:
    """Record the sizes in the sketch of the network; `sizes` holds image_size, classes, latent and time."""
    why = "the sketch is drawn from the trained modules: "
    why += "class embedding and z concatenated, one linear layer, added to t"
    why += "" if sizes["latent"] == LATENT else f"; this profile's z has {sizes['latent']} dimensions"
    write(this, "figure-2", why, dict(sizes), published={"latent": LATENT}, exact=True)


def figure_c_1(this: Page, large: Lab, image: np.ndarray) -> None:
    """Record the images of 128 px.

    Parameters
    ----------
    this : Page
    large : Lab
        With the settings of the larger images.
    image : ndarray of uint8, shape (n, H, W)
        The samples.
    """
    size = image.shape[1]
    why = (
        f"drawn by a network of {size} px trained on the {large.source} source with "
        f"{large.settings.train_images:,} images; the paper gives pictures without a number"
    )
    write(this, "figure-c.1", why, {"size": size, "images": len(image), "source": large.source})
