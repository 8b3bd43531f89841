"""Frames without a flare, from which a generator can learn what the Sun looks like."""

from __future__ import annotations

from solarsynth.dataset.unlabelled import UnlabelledSet
from solarsynth.errors import SolarsynthError
from solarsynth.stages.archive import ARCHIVE
from solarsynth.stages.graph import Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET, SPLIT, SPLIT_SEED, split_rules
from solarsynth.times import SECOND, milliseconds

FILE = "frames.npz"


def _make_unlabelled_set(job: Job) -> None:
    from solarsynth.dataset.unlabelled import unlabelled_frames

    s = job.settings
    found = unlabelled_frames(
        job.need("archive"),
        job.need("dataset"),
        split_rules(s),
        scale=s.scale,
        flux_tolerance=milliseconds(s.flux_tolerance, SECOND),
    )
    if not found.train.any():
        raise SolarsynthError(
            "no frame without a flare is left to train on; every one is labelled, held out or purged (set unlabelled "
            "to none)"
        )
    found.write(job.folder / FILE)


def _needs(lab: Lab) -> dict[str, Need]:
    if lab.source == "labelled":
        raise SolarsynthError("source 'labelled' has no frames without a flare; set unlabelled to none")
    return {"archive": Need(ARCHIVE), "dataset": Need(DATASET)}


UNLABELLED = Stage(
    "unlabelled",
    "the frames that no listed flare precedes, with the flux at their time",
    make=_make_unlabelled_set,
    version=2,  # frames keep away from held-out blocks that only labelled images are in
    load=lambda lab, entry: UnlabelledSet.read(entry.path / FILE),
    reads=("scale", "flux_tolerance", "split", *SPLIT),
    above=("archive", "dataset"),
    needs=lambda lab, ask: _needs(lab),
    identity=lambda lab, ask: {"split_seed": SPLIT_SEED},
    keep=True,
)


def unlabelled_set(lab: Lab) -> UnlabelledSet:
    """Return the frames without a label."""
    return lab.load(UNLABELLED)
