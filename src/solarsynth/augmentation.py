"""Classical augmentation (Sect. 8): every image is flipped, rotated, shifted and sheared by amounts drawn at random.

The images are moved in batches, on the GPU if there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How far images may be moved. All amounts are drawn from uniform distributions.

    Attributes
    ----------
    horizontal, vertical : float
        Probability of a flip left-right and up-down.
    degrees : float
        Largest rotation in either direction.
    translate : float
        Largest shift in either direction along each axis, as a share of the side.
    shear : float
        Largest shear in either direction along the rows, in degrees.
    """

    horizontal: float = 0.0
    vertical: float = 0.0
    degrees: float = 0.0
    translate: float = 0.0
    shear: float = 0.0


#: Sect. 8.1 lists flips, rotation, affine, translation and shear, but not how large they are. These sizes are common.
CLASSIFICATION = Augmentation(horizontal=0.5, vertical=0.5, degrees=30.0, translate=0.05, shear=10.0)
#: Sect. 8.2: vertical flips, and rotations of up to 10 degrees.
FORECAST = Augmentation(vertical=0.5, degrees=10.0)


def augment(image: np.ndarray, how: Augmentation, seed: int, device: str = "cpu", batch: int = 1024) -> np.ndarray:
    """Return moved copies of images. Pixels that come in from outside the image are 0, the dark sky.

    Parameters
    ----------
    image : ndarray of uint8, shape (n, H, W)
    how : Augmentation
    seed : int
        The copy of image i depends only on the image, on the seed and on i.
    device : str
        Where torch computes.
    batch : int
        Number of images that are moved together; it does not change the result.

    Returns
    -------
    ndarray of uint8, shape (n, H, W)
    """
    u = torch.from_numpy(np.random.default_rng([seed, 4]).uniform(-1, 1, (len(image), 6))).float()
    u_flip = (u[:, :2] + 1) / 2
    flip = torch.where(u_flip < torch.tensor([how.horizontal, how.vertical]), -1.0, 1.0)
    matrix = affine(flip, u[:, 2] * how.degrees, u[:, 3:5] * how.translate, u[:, 5] * how.shear)
    parts = [np.empty((0, *image.shape[1:]), np.uint8)]
    for first in range(0, len(image), batch):
        x = torch.from_numpy(np.ascontiguousarray(image[first : first + batch])).to(device)[:, None].float()
        parts.append(move(x, matrix[first : first + batch].to(device))[:, 0].round().byte().cpu().numpy())
    return np.concatenate(parts)


def affine(flip: Tensor, degrees: Tensor, shift: Tensor, shear: Tensor) -> Tensor:
    """Return matrices that map a position in the result to a position in the image.

    Parameters
    ----------
    flip : Tensor, shape (n, 2)
        -1 to flip left-right or up-down, else 1.
    degrees, shear : Tensor, shape (n,)
        In degrees.
    shift : Tensor, shape (n, 2)
        As a share of the side, towards larger column and row numbers.

    Returns
    -------
    Tensor, shape (n, 2, 3)
        For coordinates (x, y, 1) with x and y in [-1, 1].
    """
    angle, slope = degrees * math.pi / 180, (shear * math.pi / 180).tan()
    cos, sin = angle.cos(), angle.sin()
    rotation = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    sheared = torch.stack([torch.stack([one, slope], 1), torch.stack([zero, one], 1)], 1)
    linear = torch.diag_embed(flip) @ rotation @ sheared
    return torch.cat([linear, -2 * (linear @ shift[:, :, None])], dim=2)


def move(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply matrices (n, 2, 3) to images (n, 1, H, W), with bilinear interpolation and zeros outside the images."""
    grid = torch.nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
