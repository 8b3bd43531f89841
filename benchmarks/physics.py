"""Measure every physical quantity of 10,000 images of 64 px. The aim is 60 s on one core.

The last line is JSON: ``seconds``, ``images_per_second``, ``images``, ``size``.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from solarsynth.metrics.physics import quantities
from solarsynth.pixels import DISK_RADIUS

UNIT = "display"


def suns(count: int, size: int) -> np.ndarray:
    """Return disks (count, size, size) uint8 with a bright limb, a corona, noise and four bright regions each."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*2 * [(np.arange(size) + 0.5 - size / 2) / (DISK_RADIUS[UNIT] * size)])
    r = np.hypot(x, y).astype(np.float32)
    disk = np.where(r < 1, 90 + 60 * r**8, 150 * np.exp(-(r - 1) / 0.15)).astype(np.float32)
    image = np.empty((count, size, size), np.uint8)
    for one in image:
        found = disk * (1 + 0.1 * rng.standard_normal(disk.shape, np.float32))
        for east, north in rng.uniform(-0.6, 0.6, (4, 2)):
            found += 100 * np.exp(-((x - east) ** 2 + (y - north) ** 2) / 0.01)
        one[:] = np.clip(found, 0, 255)
    return image


def main() -> None:
    """Make the images, measure them, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()
    image = suns(args.images, args.size)
    before = time.perf_counter()
    found = quantities(image, DISK_RADIUS[UNIT] * args.size, UNIT)
    seconds = time.perf_counter() - before
    assert np.isfinite(found[:, 0]).all() and found.shape[0] == args.images
    about = {"images": args.images, "size": args.size}
    print(json.dumps({"seconds": round(seconds, 2), "images_per_second": round(args.images / seconds)} | about))


if __name__ == "__main__":
    main()
