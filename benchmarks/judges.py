"""Do the judges decide? Planted sets of images through `solarsynth.evaluation`, one JSON line.

    python benchmarks/judges.py --profile laptop --images 200
    python benchmarks/judges.py --source archive --data suns-2012
    python benchmarks/judges.py --set simulated_contrast=36 --set classifier_patch=8 --set classifier_images=4000

A perfect generator must be accepted, and every planted fault rejected. Swapped classes can be rejected only if the
classifiers beat the majority class on held-out blocks; the line says whether they do. The perfect generator is the Sun
itself: every fourth run of blocks is kept from the archive that the judges get. Its frames within 14 days of the
others, and those of a region that the others show, are left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from solarsynth import stages
from solarsynth.dataset.images import ImageSet
from solarsynth.dataset.splits import purged, time_blocks
from solarsynth.evaluation import Reference, evaluate, verdict
from solarsynth.flares import CLASSES
from solarsynth.observations.archive import Archive
from solarsynth.observations.writing import write_archive
from solarsynth.stages import Lab

#: Random subsets of the fresh images that play the perfect generator.
PERFECT = 5

SWAPPED = "classes swapped"

#: One in so many runs of blocks is kept from the judges.
FRESH_EVERY = 4


def divided(lab: Lab, folder: Path) -> tuple[Lab, ImageSet]:
    """Return a lab whose archive lacks every fourth run of blocks, and the labelled images of these blocks.

    Parameters
    ----------
    lab : Lab
    folder : Path
        For the two archives; those of an earlier call are used again.
    """
    s = lab.settings
    parts = {}
    for name in ("judges", "fresh"):
        path = folder / name
        if not path.exists():
            _write_part(stages.archive(lab), path, s, fresh=name == "fresh")
        parts[name] = Lab(s, "archive", str(path), overrides=None if name == "judges" else {"test_fraction": 0.0})
    seen, fresh = (stages.labelled_set(parts[name]) for name in ("judges", "fresh"))
    unseen = ~np.isin(fresh.region, seen.region[seen.region >= 0])
    return parts["judges"], ImageSet.of(fresh.image[unseen], fresh.label[unseen])


def _write_part(whole: Archive, path: Path, settings, *, fresh: bool) -> None:
    frames = whole.frames()
    block = time_blocks(frames.time, settings.block_days)
    kept = block // settings.fold_blocks % FRESH_EVERY != FRESH_EVERY - 1
    no_region = np.full(len(frames), -1)
    near = purged(frames.time, block, no_region, kept, settings.block_days, settings.purge_days)
    chosen = np.flatnonzero(~kept & ~near if fresh else kept)
    write_archive(
        path,
        image=whole.read(frames, chosen),
        time=frames.time[chosen],
        unit=whole.unit,
        xrs=whole.xrs(),
        events=whole.events(),
        attributes=whole.attributes,
        xrs_scale=whole.xrs_scale,
    )


def some(images: ImageSet, count: int, seed: int = 0) -> ImageSet:
    """Return `count` of the images at random, or all."""
    order = np.random.default_rng(seed).permutation(len(images))[:count]
    return ImageSet.of(images.image[order], images.label[order])


def in_proportion(images: ImageSet, counts: dict[str, int], seed: int) -> ImageSet:
    """Return images at random, as many per class as a generator is asked for, or all that there are."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.permutation(np.flatnonzero(images.label == i))[: counts.get(name, 0)] for i, name in enumerate(CLASSES)
    ]
    order = np.concatenate(parts)
    return ImageSet.of(images.image[order], images.label[order])


def grey(image: np.ndarray) -> np.ndarray:
    """Return values as uint8."""
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def planted(lab: Lab, fresh: ImageSet, count: int) -> Iterator[tuple[str, bool, ImageSet]]:
    """Yield the name of each set, whether it must be accepted, and its images."""
    rng = np.random.default_rng(0)
    train, counts = stages.training_images(lab), stages.proportional_counts(lab, count)
    honest = [in_proportion(fresh, counts, seed) for seed in range(PERFECT)]
    yield from ((f"fresh blocks {number}", True, images) for number, images in enumerate(honest))
    yield "held-out blocks", True, some(stages.held_out_images(lab), count)
    image, label = honest[0].image, honest[0].label
    yield "training set", False, some(train, count)
    few = rng.permutation(len(image))[: max(1, round(0.05 * len(image)))]
    copied = train.image[rng.permutation(len(train))[: len(few)]]
    variants = {
        "5 % copies": copied,
        "5 % copies, 2 grey levels brighter": grey(copied.astype(float) + 2),
        "5 % copies, shifted by a pixel": np.roll(copied, 1, axis=2),
        "5 % copies, shifted by two pixels": np.roll(copied, (2, -1), axis=(1, 2)),
        "5 % copies, mirrored": copied[:, :, ::-1],
    }
    for name, copy in variants.items():
        mixed = image.copy()
        mixed[few] = copy
        yield name, False, ImageSet.of(mixed, label)
    ten = np.resize(np.arange(10), len(image))
    yield "ten images repeated", False, ImageSet.of(image[ten], label[ten])
    yield "one image repeated", False, ImageSet.of(np.resize(image[:1], image.shape), label)
    yield "one image", False, ImageSet.of(image[:1], label[:1])
    yield "a constant image", False, ImageSet.of(np.full_like(image, int(image.mean())), label)
    yield "another scale", False, ImageSet.of(grey(image * 0.5), label)
    yield "inverted", False, ImageSet.of(255 - image, label)
    yield "blurred", False, ImageSet.of(grey(gaussian_filter(image.astype(float), (0, 1.5, 1.5))), label)
    yield "shifted by three pixels", False, ImageSet.of(np.roll(image, 3, axis=2), label)
    yield "brightened", False, ImageSet.of(grey(image.astype(float) + 15), label)
    swap = np.roll(np.arange(len(CLASSES)), 1)
    yield SWAPPED, False, ImageSet.of(image, swap[label])


def main() -> None:
    """Judge every planted set and print what was decided."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--source", default="simulated")
    parser.add_argument("--data", default="")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    parser.add_argument("--folder", type=Path, help="keeps the divided archives for the next call")
    arguments = parser.parse_args()
    overrides = {name: json.loads(value) for name, value in (one.split("=", 1) for one in arguments.settings)}
    whole = Lab(arguments.profile, arguments.source, arguments.data, overrides=overrides)
    with tempfile.TemporaryDirectory() as scratch:
        lab, fresh = divided(whole, arguments.folder or Path(scratch))
        reference = Reference(lab)
        found = judge_all(reference, fresh, arguments.images)
        skill = reference.held_out_scores
    wrong = [name for name, one in found.items() if one["accepted"] != (one["intended"] == "accepted")]
    line = {"source": whole.source, "images": arguments.images, "fresh": len(fresh), "wrong": wrong, "sets": found}
    line["classifiers"] = {"judge": skill.judges, "macro recall": asdict(skill.recall), "majority": skill.chance}
    print(json.dumps(line, ensure_ascii=False))


def judge_all(reference: Reference, fresh: ImageSet, count: int) -> dict[str, dict]:
    """Return per set what was intended, what was decided, why, and how long it took."""
    found = {}
    for name, intended, images in planted(reference.lab, fresh, count):
        if name == SWAPPED:  # nobody else can see it
            intended = not reference.held_out_scores.judges
        started = time.perf_counter()
        accepted, why = verdict(evaluate(reference, [images], images))
        found[name] = {
            "intended": "accepted" if intended else "rejected",
            "accepted": accepted,
            "why": why,
            "seconds": round(time.perf_counter() - started, 2),
        }
    return found


if __name__ == "__main__":
    main()
