"""Nearest of 20,000 training images for each of 10,000 images of 64 px. The aim is 60 s and 2 GiB on two cores.

    python benchmarks/neighbours.py
    python benchmarks/neighbours.py --aligned --images 1000

The plain search is exact; with ``--aligned`` the best shift, mirror and brightness are searched, too, as memorisation
needs it. One image in ten is a planted near-copy. The last line is JSON: ``seconds``, ``peak_gib`` and ``wrong``, the
planted copies that were not found.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
from physics import suns

from solarsynth.metrics.copies import nearest_distances, nearest_pairs


def main() -> None:
    """Plant copies, search, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--reference", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--aligned", action="store_true", help="also over shifts, mirrors and brightness")
    args = parser.parse_args()
    every = suns(args.images + args.reference, args.size)
    image, reference = every[: args.images].copy(), every[args.images :]
    copies = np.arange(0, args.images, 10)
    image[copies] = np.clip(reference[copies].astype(int) + 1, 0, 255)
    before = time.perf_counter()
    if args.aligned:
        distance, index = nearest_pairs(image, reference)
        wrong = int((index[copies] != copies).sum())
    else:
        distance = nearest_distances(*(one.reshape(len(one), -1) for one in (image, reference)))
        wrong = int((distance[copies] > 1.5 * args.size).sum())  # one grey level in every pixel is a distance of `size`
    seconds = time.perf_counter() - before
    assert np.isfinite(distance).all()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    about = {"images": args.images, "reference": args.reference, "size": args.size, "aligned": args.aligned}
    print(json.dumps({"seconds": round(seconds, 1), "peak_gib": round(peak, 2), "wrong": wrong} | about))


if __name__ == "__main__":
    main()
