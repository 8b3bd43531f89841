"""The labelled set: frames that follow a flare, with its class and flux, split in two (Sect. 2.4)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from solarsynth.dataset.images import ImageSet
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.stages.archive import ARCHIVE
from solarsynth.stages.graph import Job, Lab, Need, Stage
from solarsynth.store import Entry
from solarsynth.times import MINUTE, SECOND, milliseconds

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
    frame_time, label = table["frame_time"].to_numpy(), table["label"].to_numpy()
    block = time_blocks(frame_time, s.block_days)
    test = split(label, block, method=s.split, test_fraction=s.test_fraction, n_classes=len(CLASSES), seed=SPLIT_SEED)
    LabelledSet(
        image=image,
        label=label,
        flux=table["flux"].to_numpy(),
        peak_time=table["peak"].to_numpy(),
        frame_time=frame_time,
        delay=table["delay"].to_numpy(),
        block=block,
        test=test,
        unit=source.unit,
        funnel=funnel,
        about=about | {"split": s.split, "from_list": int(table["from_list"].sum())},
    ).write(job.folder / "set.zarr")


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
        "block_days",
        "test_fraction",
    ),
    above=("archive",),
    needs=lambda lab, ask: {"archive": Need(ARCHIVE)},
    identity=lambda lab, ask: {"split_seed": SPLIT_SEED},
    given=_given_labelled_set,
    version=2,
    keep=True,
)


def labelled_set(lab: Lab) -> LabelledSet:
    """Return the labelled set."""
    return lab.load(DATASET)


def training_images(lab: Lab) -> ImageSet:
    """Return the training images with their classes."""
    return _part(lab, "training")


def held_out_images(lab: Lab) -> ImageSet:
    """Return the held-out images with their classes."""
    return _part(lab, "held-out")


def _part(lab: Lab, name: str) -> ImageSet:
    def take() -> ImageSet:
        data = labelled_set(lab)
        part = data.test if name == "held-out" else ~data.test
        return ImageSet(data.image[part], f"{lab.key(DATASET)}-{name}", data.label[part])

    return lab.remember(("images", name), take)
