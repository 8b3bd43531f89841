"""Memorisation: planted copies, planted twins, and the frames that no flare precedes."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_tables
from tiny import SHORT

from solarsynth import stages
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.dataset.regions import NO_REGION
from solarsynth.dataset.splits import split, time_blocks, twins
from solarsynth.dataset.unlabelled import unlabelled_frames
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import memorisation
from solarsynth.evaluation.memorisation import Memorisation, compare_twins, similarity
from solarsynth.metrics.copies import authenticity, nearest_images, nearest_pairs
from solarsynth.observations.archive import Archive
from solarsynth.observations.writing import write_archive
from solarsynth.stages import Lab
from solarsynth.times import DAY


@pytest.fixture
def lab(shared_archive, store_folder):
    return Lab("smoke", "archive", str(shared_archive), overrides=SHORT)


def test_pairs_say_which_image_is_nearest():
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 256, (30, 24, 24)).astype(np.uint8)
    chosen = rng.permutation(30)[:12]
    moved = np.roll(reference[chosen], (1, -1), (1, 2))[:, :, ::-1]
    distance, index = nearest_pairs(moved, reference)
    assert index.tolist() == chosen.tolist()
    np.testing.assert_array_equal(distance, nearest_images(moved, reference))
    unit = np.arange(30)
    alone, nobody = nearest_pairs(moved[:3], reference, chosen[:3], unit)
    assert (alone > distance[:3]).all() and not set(nobody) & set(chosen[:3])
    assert nearest_pairs(moved[:1], reference[:1], np.zeros(1), np.zeros(1))[1].tolist() == [-1]


def test_authenticity_by_hand_and_of_a_perfect_generator():
    assert authenticity(np.array([1.0, 3.0]), np.array([0, 1]), np.array([2.0, 2.0])).tolist() == [False, True]
    # On a circle: of the gap in which a fresh point falls, half is nearer to each end, and the end's other gap is as
    # long on average. The fresh point is authentic if it is farther away than that gap: one time in three.
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(40):
        train, fresh = rng.uniform(size=(2, 200))
        gap, to_train = (np.abs(x[:, None] - train) for x in (train, fresh))
        gap, to_train = np.minimum(gap, 1 - gap) + np.where(np.eye(200), np.inf, 0), np.minimum(to_train, 1 - to_train)
        shares.append(authenticity(to_train.min(1), to_train.argmin(1), gap.min(1)).mean())
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.03)
    assert not authenticity(np.zeros(200), np.arange(200), gap.min(1)).any()


def test_planted_copies_are_seen_and_held_out_images_pass(lab):
    memory = Memorisation(lab)
    n = len(memory.held_out.image)
    honest = memory.rows(memory.of(memory.held_out.image, memory.held_out.label))[0]
    copies = memory.rows(memory.of(memory.train[:n], memory.label[:n]))[0]
    assert copies["below"] == 1 and copies["authentic"].mean == 0 and copies["nearest"] == 0
    assert honest["below"] <= 2 / n and honest["authentic"].mean > 0.2
    assert copies["p"] < honest["p"]
    assert {row["class"] for row in memory.rows(memory.held_out)} >= {"all", "M"}


def test_similarity_is_a_cosine():
    rng = np.random.default_rng(0)
    a, mean = rng.integers(0, 256, (5, 8, 8)).astype(np.uint8), rng.normal(100, 5, (8, 8))
    found = similarity(a, a, mean)
    np.testing.assert_allclose(np.diag(found), 1)
    x, y = (a[0] - mean).ravel(), (a[1] - mean).ravel()
    assert found[0, 1] == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    assert similarity(a[:1], 2 * mean[None] - a[:1], mean)[0, 0] == pytest.approx(-1)


def test_twins_share_no_week_and_keep_their_distance():
    rng = np.random.default_rng(0)
    time = np.sort(rng.integers(0, 300 * DAY, 3000))
    block = time_blocks(time)
    train = ~np.isin(block, [3, 7])
    for count in (1, 3, 4):
        a, b = twins(time, block, train, count, 14.0)
        assert not (a & b).any() and not ((a | b) & ~train).any()
        assert len(np.unique(block[a])) <= count and len(np.unique(block[b])) <= count
        assert time[b].min() - time[a].max() >= 14 * DAY - 2
    with pytest.raises(SolarsynthError, match="got 10"):
        twins(time, block, train, 6, 14.0)


def test_compared_twins(lab, monkeypatch):
    """Twins that draw the same are alike; those that draw their training images are their copies."""
    found = compare_twins(lab, 2, 6, Sampling("dpm-solver++", 4))
    assert len(found.alike) == 6 and found.copied.shape == found.foreign.shape == (12,)
    data = stages.labelled_set(lab)
    parts = stages.examples.twin_parts(data, "2", lab.settings.purge_days)
    assert found.images == tuple(int(part.sum()) for part in parts)

    def of_their_own(lab, counts, *, on, **ask):
        part = parts[stages.examples.TWINS.index(on)]
        return type("Drawn", (), {"image": np.resize(data.image[part], (6, 16, 16))})

    monkeypatch.setattr(memorisation.stages, "sample_set", of_their_own)
    copied = compare_twins(lab, 2, 6, Sampling("dpm-solver++", 4))
    assert copied.copied.min() == pytest.approx(1) and not copied.alike_more
    monkeypatch.setattr(
        memorisation.stages, "sample_set", lambda lab, counts, **ask: stages.held_out_images(lab) and _first(lab)
    )
    alike = compare_twins(lab, 2, 6, Sampling("dpm-solver++", 4))
    assert alike.alike.min() == pytest.approx(1) and alike.alike_more
    sharp, blurred = (replace(alike, power=power) for power in (1.1, 0.6))
    assert sharp.generalises and not blurred.generalises and not replace(copied, power=1.0).generalises


def _first(lab):
    return type("Drawn", (), {"image": stages.held_out_images(lab).image[:6]})


def test_frames_without_a_flare_are_split_like_the_labelled(lab):
    data, frames = stages.labelled_set(lab), stages.unlabelled_set(lab)
    archive = stages.archive(lab)
    every = archive.frames().time
    assert len(frames) + len(data) == len(every)
    assert not set(frames.time) & set(data.frame_time)
    held = np.unique(data.block[data.test])
    block = time_blocks(frames.time, lab.settings.block_days)
    assert not set(block[frames.train]) & set(held) and not (frames.train & frames.test).any()
    assert not set(block[frames.fit]) & set(np.unique(data.block[data.validation]))
    assert not (frames.fit & ~frames.train).any()
    # The flux by brute force: the first sample not before the frame.
    xrs = archive.xrs()
    after = [xrs["flux"][xrs["time"] >= t].iloc[0] for t in frames.time]
    np.testing.assert_allclose(frames.flux, after)


RULES = {"method": "blocked", "test_fraction": 0.3, "fold": 0, "block_days": 27.0, "fold_blocks": 1, "purge_days": 14.0}
FIRST = 570  # the number of the first block; it is held out, as every third one


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """An archive of 16 blocks with a frame every other day."""
    time = FIRST * 27 * DAY + np.arange(0, 16 * 27, 2) * DAY
    path = tmp_path_factory.mktemp("year") / "a"
    image = np.random.default_rng(0).integers(1, 256, (len(time), 8, 8)).astype(np.uint8)
    events = make_tables()[3]
    write_archive(path, image=image, time=time, unit="display", xrs=None, events=events, attributes={})
    return Archive(path)


def frames_beside(archive, labelled, **rules):
    """The labelled set of some frames (n,) bool of an archive, split by the rules, and the set of the others."""
    time = archive.frames().time[labelled]
    n, nothing, rules = len(time), np.zeros(len(time), np.int64), RULES | rules
    parts = split(time, np.full(n, NO_REGION), **rules)
    data = LabelledSet(
        image=archive.read(archive.frames(), np.flatnonzero(labelled)),
        label=nothing,
        flux=np.full(n, 1e-8),
        peak_time=time,
        frame_time=time,
        delay=nothing,
        block=time_blocks(time),
        region=np.full(n, NO_REGION),
        **vars(parts),
        unit="display",
        funnel={},
    )
    return data, unlabelled_frames(archive, data, rules)


def distance(time, blocks):
    """Milliseconds (n,) from times to the nearest of some blocks, by looking at each; 0 inside."""
    found = np.full(len(time), np.inf)
    for first in np.unique(blocks) * 27 * DAY:
        found = np.minimum(found, [max(first - t, t - (first + 27 * DAY - 1), 0) for t in time])
    return found


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_every_held_out_block_is_kept_apart_from_the_frames(year, fold):
    """Blocks have labelled images, frames without a label, or both, at random; by distances to every block."""
    rng = np.random.default_rng(fold)
    block = time_blocks(year.frames().time)
    kinds = []
    for _ in range(8):
        share = rng.choice([0.0, 0.5, 1.0], FIRST + 16, p=[0.5, 0.2, 0.3])
        data, frames = frames_beside(year, rng.uniform(size=len(block)) < share[block], fold=fold)
        mine, validation = time_blocks(frames.time), np.unique(data.block[data.validation])
        held = np.union1d(data.block[data.test], mine[frames.test])
        assert np.array_equal(frames.test, mine % 3 == fold) and (held % 3 == fold).all()
        assert np.array_equal(frames.train, distance(frames.time, held) > 14 * DAY)
        near = distance(frames.time, validation) <= 7 * DAY
        assert np.array_equal(frames.fit, frames.train & ~near)
        kinds.append([not np.isin(held, mine).all(), not np.isin(validation, mine).all(), (frames.train & near).any()])
    assert np.any(kinds, axis=0).all(), "no layout had what this test is for"


@pytest.mark.parametrize("fold, part", [(0, "test"), (1, "train")])
def test_frames_of_one_block_are_no_error(year, fold, part):
    block = time_blocks(year.frames().time) - FIRST
    _, frames = frames_beside(year, block != 9, fold=fold, purge_days=0.0)
    assert len(frames) > 10 and getattr(frames, part).all()


def test_frames_where_nothing_is_held_out(year):
    _, frames = frames_beside(year, np.arange(len(year.frames())) % 2 == 0, test_fraction=0.0)
    assert frames.train.all() and not frames.test.any() and not frames.fit.all()


@pytest.mark.parametrize("use", ["mixed", "pretrain"])
def test_models_learn_from_frames_without_a_flare(lab, use, monkeypatch):
    seen = {}

    def watched(job, architecture, config, image, condition, about, **more):
        seen[job.ask["model"], job.ask["on"]] = (config["train_images"], image, condition)
        train_network(job, architecture, config, image, condition, about, **more)

    from solarsynth.stages.training import train_network

    monkeypatch.setattr(stages.models, "train_network", watched)
    there = lab.variant(unlabelled=use, mirror=0.5, coordinates=1, weight_decay=0.011)  # not in the session's store
    name = stages.drawable_classes(there)[0]
    assert stages.generator(there, "discrete").sample(name, 1).shape == (1, 16, 16)
    data, frames = stages.labelled_set(there), stages.unlabelled_set(there)
    labelled, others = int(data.train.sum()), int(frames.train.sum())
    if use == "mixed":
        length, image, condition = seen["discrete", "frames"]
        without = np.isnan(condition[:, 0])
        assert length == 64 and without.sum() == others
        assert len(image) - others == labelled * max(1, round(others / labelled))
        stages.generator(there.variant(finetune_images=0), "continuous")
        _, _, flux = seen["continuous", "frames"]
        np.testing.assert_allclose(np.sort(flux[-others:, 0]), np.sort(frames.flux[frames.train]), rtol=1e-6)
    else:
        length, image, condition = seen["discrete", "all"]
        assert length == 16 and len(image) == labelled + others and np.isnan(condition).all()
        assert len(seen["discrete", "frames"][1]) == labelled
        assert there.entry(stages.MODEL).manifest["upstream"]["start"] == there.key(stages.MODEL, on="all")


def test_a_file_of_labelled_images_has_no_other_frames(lab, tmp_path):
    stages.labelled_set(lab).write(tmp_path / "set.npz")
    there = Lab("smoke", "labelled", str(tmp_path / "set.npz"), overrides=SHORT | {"unlabelled": "mixed"})
    with pytest.raises(SolarsynthError, match="set unlabelled to none"):
        there.entry(stages.MODEL)


def test_the_row_of_authentic_images(lab):
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation import Reference
    from solarsynth.evaluation.faults import authentic

    reference, memory = Reference(lab), Memorisation(lab)
    (copied,) = authentic(reference, [ImageSet.of(memory.train)])
    assert copied.value == 0 and copied.p != copied.p
    (honest,) = authentic(reference, [ImageSet.of(memory.held_out.image)])
    assert honest.value == honest.held_out == pytest.approx(memory.held_out.authentic.mean())
