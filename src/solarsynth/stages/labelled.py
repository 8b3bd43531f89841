"""The labelled set: frames that follow a flare, with its class and flux, split in two (Sect. 2.4)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from solarsynth.dataset.images import ImageSet
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.errors import SolarsynthError
from solarsynth.stages.archive import ARCHIVE
from solarsynth.stages.graph import Job, Lab, Need, Stage
from solarsynth.store import Entry
from solarsynth.times import MINUTE, SECOND, milliseconds

#: Settings of the split.
SPLIT = ("test_fraction", "fold", "block_days", "fold_blocks", "purge_days")
SPLIT_SEED = 42  # the same split for every seed of a model


def _make_labelled_set(job: Job) -> None:
    from solarsynth.dataset.labelling import labelled_frames
    from solarsynth.dataset.splits import split, time_blocks

    s, source = job.settings, job.need("archive")
    table, image, funnel, about = labelled_frames(
        source,
        s.image_size,
        s.scale,
        milliseconds(s.frame_tolerance, MINUTE),
        milliseconds(s.flux_tolerance, SECOND),
    )
    frame_time, region = table["frame_time"].to_numpy(), table["region"].to_numpy()
    parts = split(frame_time, region, **split_rules(s))
    if not parts.train.any():
        raise SolarsynthError(
            f"no image is left to train on: {int(parts.test.sum())} are held out and the others are within "
            f"{s.purge_days:g} days of them; choose a smaller purge_days or a larger fold_blocks"
        )
    LabelledSet(
        image=image,
        label=table["label"].to_numpy(),
        flux=table["flux"].to_numpy(),
        peak_time=table["peak"].to_numpy(),
        frame_time=frame_time,
        delay=table["delay"].to_numpy(),
        block=time_blocks(frame_time, s.block_days),
        region=region,
        **vars(parts),
        unit=source.unit,
        funnel=funnel,
        about=about | {"split": s.split, "fold": s.fold, "from_list": int(table["from_list"].sum())},
    ).write(job.folder / "set.zarr")


def split_rules(settings: Any) -> dict[str, Any]:
    """Return the arguments of `solarsynth.dataset.splits.split` that settings give."""
    return {"method": settings.split, "seed": SPLIT_SEED} | {name: getattr(settings, name) for name in SPLIT}


def _given_labelled_set(lab: Lab) -> Entry | None:
    if lab.source != "labelled":
        return None

    def key() -> str:
        try:
            return hashlib.sha256(Path(lab.data).read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise SolarsynthError(f"{lab.data}: cannot be read ({error.strerror})") from None

    return Entry("dataset", lab.remember(("given", "dataset"), key), Path(lab.data), {}, reused=True)


def _read_labelled_set(lab: Lab, entry: Entry) -> LabelledSet:
    if lab.source != "labelled":
        return LabelledSet.read(entry.path / "set.zarr")
    data = LabelledSet.read(entry.path)
    if data.image.shape[1] != lab.settings.image_size:
        raise SolarsynthError(
            f"{entry.path}: image_size must be {data.image.shape[1]} for its images, got {lab.settings.image_size}"
        )
    return data


DATASET = Stage(
    "dataset",
    "labelled frames, split in two",
    make=_make_labelled_set,
    load=_read_labelled_set,
    reads=(
        "image_size",
        "scale",
        "frame_tolerance",
        "flux_tolerance",
        "split",
        *SPLIT,
    ),
    above=("archive",),
    needs=lambda lab, ask: {"archive": Need(ARCHIVE)},
    identity=lambda lab, ask: {"split_seed": SPLIT_SEED},
    given=_given_labelled_set,
    version=3,
    keep=True,
)


def labelled_set(lab: Lab) -> LabelledSet:
    """Return the labelled set."""
    return lab.load(DATASET)


def all_images(lab: Lab) -> ImageSet:
    """Return all labelled images with their classes, in the order of the labelled set."""
    data = labelled_set(lab)
    # All folds have the same images, and so the same key.
    return lab.remember(("images", "all"), lambda: ImageSet.of(data.image, data.label))


def training_images(lab: Lab) -> ImageSet:
    """Return the training images with their classes."""
    return _part(lab, "train")


def held_out_images(lab: Lab) -> ImageSet:
    """Return the held-out images with their classes."""
    return _part(lab, "test")


def fit_images(lab: Lab) -> ImageSet:
    """Return the training images from which encoders and classifiers learn."""
    return _part(lab, "fit")


def validation_images(lab: Lab) -> ImageSet:
    """Return the training images by which encoders and classifiers stop."""
    return _part(lab, "validation")


def fold_labs(lab: Lab) -> list[Lab]:
    """Return the lab once per fold of the cross-validation, itself among them."""
    from solarsynth.dataset.splits import fold_count

    if lab.source == "labelled":
        return [lab]  # a finished set brings its own split
    folds = range(fold_count(lab.settings.test_fraction))
    return lab.remember(
        ("labs", "folds"), lambda: [lab if k == lab.settings.fold else lab.variant(fold=k) for k in folds]
    )


def _part(lab: Lab, name: str) -> ImageSet:
    def take() -> ImageSet:
        data = labelled_set(lab)
        part = getattr(data, name)
        return ImageSet(data.image[part], f"{lab.key(DATASET)}-{name}", data.label[part])

    return lab.remember(("images", name), take)
