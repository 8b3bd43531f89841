"""The graph: keys, what is made anew, and the stages together at a size that takes seconds."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tiny import TINY

from solarsynth import CLASSES, stages
from solarsynth.dataset.images import ImageSet
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.generator import Generator
from solarsynth.networks import read_network
from solarsynth.settings import Settings
from solarsynth.stages import MODEL, SAMPLES, STAGES, Lab, Need, Stage
from solarsynth.stages.overview import all_reads


@pytest.fixture
def lab(shared_archive, store_folder):
    return lambda **changes: Lab("smoke", "archive", str(shared_archive), overrides=TINY | changes)


# --- the graph itself, on three stages that count


def counting(calls):
    """Return three stages: numbers → their sum → a text; each notes that it was made."""

    def numbers(job):
        calls.append("numbers")
        (job.folder / "n.json").write_text(json.dumps(list(range(job.settings.sets))))

    def total(job):
        calls.append("total")
        (job.folder / "n.json").write_text(json.dumps(sum(job.need("numbers")) * job.ask["factor"]))

    def text(job):
        calls.append("text")
        (job.folder / "n.json").write_text(json.dumps(f"{job.need('total')} {job.settings.guidance}"))

    load = lambda lab, entry: json.loads((entry.path / "n.json").read_text())  # noqa: E731
    one = Stage("numbers", "", numbers, load, reads=("sets",))
    two = Stage(
        "total",
        "",
        total,
        load,
        above=("numbers",),
        needs=lambda lab, ask: {"numbers": Need(one)},
        ask={"factor": 1},
    )
    three = Stage(
        "text",
        "",
        text,
        load,
        reads=("guidance",),
        above=("total",),
        needs=lambda lab, ask: {"total": Need(two, {"factor": 2})},
    )
    return one, two, three


def test_a_changed_setting_makes_anew_only_what_depends_on_it(fresh_store):
    calls = []
    _, two, three = counting(calls)
    assert Lab(overrides={"sets": 4}).load(three) == "12 2.0" and calls == ["text", "total", "numbers"]
    calls.clear()
    assert Lab(overrides={"sets": 4}).load(three) == "12 2.0" and calls == []
    assert Lab(overrides={"sets": 4, "guidance": 3.0}).load(three) == "12 3.0" and calls == ["text"]
    calls.clear()
    assert Lab(overrides={"sets": 4, "batch_size": 3}).load(two, factor=2) == 12 and calls == []
    assert Lab(overrides={"sets": 5}).load(three) == "20 2.0" and calls == ["text", "total", "numbers"]


def test_a_key_is_known_before_anything_is_made(fresh_store):
    calls = []
    *_, three = counting(calls)
    lab = Lab()
    key = lab.key(three)
    assert not calls and lab.entry(three).key == key
    assert lab.key(counting([])[1], factor=3) != lab.key(counting([])[1], factor=2)


def test_a_stage_reads_and_needs_only_what_it_declares(fresh_store):
    greedy = Stage("greedy", "", lambda job: job.settings.guidance, lambda lab, entry: None, reads=("sets",))
    with pytest.raises(RuntimeError, match="stage 'greedy' reads the setting 'guidance' without declaring it"):
        Lab().entry(greedy)
    one = counting([])[0]
    sly = Stage("sly", "", lambda job: None, lambda lab, entry: None, needs=lambda lab, ask: {"numbers": Need(one)})
    with pytest.raises(RuntimeError, match="stage 'sly' needs 'numbers' without declaring it"):
        Lab().entry(sly)
    with pytest.raises(TypeError, match="stage 'numbers' takes no parameter 'colour'"):
        Lab().entry(one, colour="red")


def test_the_table_of_stages_has_no_circle():
    """Every stage needs stages before it only; `model` may start from another model's weights."""
    before = set()
    for stage in STAGES:
        assert set(stage.above) - {stage.name} <= before, stage.name
        before.add(stage.name)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_reads_settings_that_exist(stage):
    """A misspelt name stops here, not in the middle of a run."""
    names = ["seed", *(name for name, *_ in Settings.describe())]
    assert list(all_reads(stage)) == [name for name in names if name in all_reads(stage)]


def test_the_table_shows_the_settings_of_a_sample_set():
    rows = {row.stage: row for row in stages.overview(Lab())}
    assert {"sampler", "sampling_steps", "guidance", "n_steps"} <= set(rows["samples"].reads)
    assert {"finetune_images", "daily_images", "latent"} <= set(rows["model"].reads)
    assert "train_images" not in rows["dataset"].reads and "features" in rows["tsne"].above


def test_the_overview_counts_what_was_made_with_these_settings(lab, fresh_store):
    one, other = lab(), lab(train_images=72)
    one.entry(MODEL)
    rows = {row.stage: row for row in stages.overview(one)}
    assert rows["model"].made == 1 and rows["model"].bytes > 1000 and 0 <= rows["model"].age < 600
    assert rows["dataset"].made == 1 and rows["samples"].made == 0 and np.isnan(rows["samples"].age)
    other.entry(MODEL)
    rows = {row.stage: row for row in stages.overview(one)}
    assert (rows["model"].made, rows["model"].others, rows["dataset"].made) == (1, 1, 1)
    assert {row.stage: row for row in stages.overview(other)}["model"].made == 1
    stages.sample_set(one, {"C": 2}, seed=1)
    stages.features(one, "cevae", stages.training_images(one))

    def made(lab):
        return {row.stage: row.made for row in stages.overview(lab) if row.made}

    counts = {"dataset": 1, "model": 1, "samples": 1, "cevae": 1, "features": 1}
    assert made(one) == counts
    assert made(other) == {name: count for name, count in counts.items() if name != "samples"}
    guided = made(Lab("smoke", "archive", one.data, overrides=TINY | {"guidance": 0.7}))
    assert "samples" not in guided and guided["model"] == 1, "sets of another guidance are others"
    assert made(Lab("smoke", "archive", one.data, overrides=TINY | {"test_fraction": 0.5})) == {}
    assert made(Lab("smoke", overrides=TINY)) == {}, "another source"


def test_a_job_uses_only_stages_that_it_declares(fresh_store):
    one = counting([])[0]
    sly = Stage("sly", "", lambda job: job.lab.load(one), lambda lab, entry: None)
    with pytest.raises(RuntimeError, match="stage 'sly' uses 'numbers' without declaring it"):
        Lab().entry(sly)


@pytest.mark.parametrize(
    "stage, name",
    [
        (stages.CEVAE, "solarsynth.stages.encoders.CEVAE_TRAINING"),
        (stages.PRIOR, "solarsynth.stages.prior.PRIOR_TRAINING"),
        (stages.CLASSIFIER, "solarsynth.stages.encoders.CLASSIFIER_TRAINING"),
        (stages.DATASET, "solarsynth.stages.labelled.SPLIT_SEED"),
        (stages.DAYS, "solarsynth.stages.days.STRONG"),
    ],
)
def test_a_changed_constant_is_another_key(lab, monkeypatch, stage, name):
    before = lab().key(stage)
    monkeypatch.setattr(name, {"learning_rate": 1.0} if name.endswith("TRAINING") else 7)
    assert lab().key(stage) != before


def test_keys_of_published_weights_load_nothing(lab, monkeypatch):
    monkeypatch.setattr("solarsynth.paths.in_timm_cache", lambda name: True)
    monkeypatch.setattr("solarsynth.stages.spaces.clip", lambda: pytest.fail("CLIP was loaded for a key"))
    assert len(lab().key(stages.FEATURES, space="clip", images=stages.held_out_images(lab()))) == 16


def test_a_model_of_the_daily_set_takes_a_class_alone(lab):
    for model in ("continuous", "embedding"):
        with pytest.raises(SolarsynthError, match=f"must be asked for a class alone, got '{model}'"):
            lab().key(MODEL, model=model, on="days")


def trained():
    """Return a stage that stands for a training, and one that does not."""
    make, load = (lambda job: (job.folder / "n").write_text("")), (lambda lab, entry: None)
    common = {"reads": ("seed", "sets"), "ask": {"model": "discrete", "on": "frames"}}
    return Stage("network", "", make, load, together=True, **common), Stage("quick", "", make, load, **common)


def test_a_training_is_announced_with_the_time_of_the_last(fresh_store, capsys):
    network, quick = trained()
    Lab().entry(network)
    first = capsys.readouterr().err
    assert first.count("\n") == 1 and "training discrete (seed 0)" in first and "no earlier one" in first
    Lab().entry(network), Lab(seed=11).entry(quick), Lab(seed=11, sample_seed=3).key(network)
    assert capsys.readouterr().err == "", "nothing was trained"
    path = Lab().entry(network).path / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"seconds": 1180.4, "device": "a GPU"}))
    Lab(seed=11).entry(network)
    assert "training discrete (seed 11); the last one took 19 min 40 s on a GPU" in capsys.readouterr().err
    Lab(overrides={"sets": 5}).entry(network)
    assert "no earlier one" in capsys.readouterr().err, "a training of other settings takes another time"
    Lab().entry(network, model="continuous", on="days")
    assert "training continuous (on days, seed 0); no earlier one" in capsys.readouterr().err


def test_what_trains_a_network_is_announced():
    assert {stage.name for stage in STAGES if stage.together} == {"model", "prior", "cevae", "classifier"}


def test_a_sampling_seed_draws_other_images_of_the_same_model(lab):
    one, other = lab(), lab()
    other.sample_seed = 2
    assert one.variant(seed=1).seed == 1 and other.variant(guidance=1.0).sample_seed == 2
    for stage in (stages.DATASET, MODEL, stages.PRIOR, stages.CEVAE, stages.CLASSIFIER):
        assert one.key(stage) == other.key(stage)
    for model in ("discrete", "cevae"):
        drawn = [stages.sample_set(each, {"C": 3}, seed=1, model=model).image for each in (one, other)]
        assert (drawn[0] != drawn[1]).any()
    # The sets of one lab are not those of another, whatever their seeds.
    keys = [each.key(SAMPLES, counts={"C": 3}, seed=seed) for each in (one, other) for seed in (0, 1000, 2001, 8003)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["seed", "sample_seed"])
@pytest.mark.parametrize("value", [-1, 1.5, True, "a"])
def test_seeds_that_cannot_be(name, value):
    with pytest.raises(SolarsynthError, match=f"{name} must be a whole number from 0 to 2..63 - 1, got"):
        Lab(**{name: value})


def test_what_the_user_gave_is_printed_as_such(lab):
    assert str(lab().entry(stages.ARCHIVE)).endswith("given by the user")


# --- the package's stages


def test_only_what_depends_on_a_setting_is_trained_again(lab, fresh_store):
    counts = {name: 1 for name in stages.drawable_classes(lab())}
    first = lab().entry(SAMPLES, counts=counts, seed=1)
    assert not first.reused and lab().entry(SAMPLES, counts=counts, seed=1).reused
    guided = lab(guidance=0.5)
    assert guided.entry(MODEL).reused and not guided.entry(SAMPLES, counts=counts, seed=1).reused
    longer = lab(train_images=72)
    assert longer.entry(stages.DATASET).reused and not longer.entry(MODEL).reused
    assert lab(latent=6).entry(MODEL).reused, "the discrete model does not know the ceVAE"
    assert lab(sampling_batch=3).entry(SAMPLES, counts=counts, seed=1).reused, "a batch changes nothing"


def test_a_sampling_can_be_chosen_for_one_set(lab):
    counts, sampling = {"C": 2}, Sampling.of(lab().settings).replace(sampler="ddim", steps=3)
    drawn = stages.sample_set(lab(), counts, seed=1, sampling=sampling)
    same = stages.sample_set(lab(sampler="ddim", sampling_steps=3), counts, seed=1)
    assert drawn.key == same.key != stages.sample_set(lab(), counts, seed=1).key
    about = stages.describe_samples(lab(), counts, seed=1, sampling=sampling)
    assert about["sampler"] == "ddim" and about["steps"] == 3 and about["seconds"] > 0


def test_an_interrupted_set_goes_on(lab, fresh_store, monkeypatch):
    small = lab(sampling_batch=2)
    counts = {name: 3 for name in stages.drawable_classes(small)}
    whole = stages.sample_set(small, counts, seed=2).image
    shutil.rmtree(small.store.folder / "samples")
    one_batch, calls = Generator._draw_batch, []

    def stop(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return one_batch(self, *arguments)

    monkeypatch.setattr(Generator, "_draw_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        stages.sample_set(lab(sampling_batch=2), counts, seed=2)
    calls.clear()
    monkeypatch.setattr(Generator, "_draw_batch", lambda self, *a: calls.append(1) or one_batch(self, *a))
    again = lab(sampling_batch=2)
    assert np.array_equal(stages.sample_set(again, counts, seed=2).image, whole)
    assert len(calls) == -(-len(whole) // 2) - 2, "two batches were kept"
    folder = again.entry(SAMPLES, counts=counts, seed=2).path
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "samples.npz"]


def test_a_damaged_model(lab, fresh_store):
    folder = lab().entry(MODEL).path
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SolarsynthError, match="no readable model in it"):
        Generator.read(folder, Sampling())
    assert not lab().entry(MODEL).reused  # the store makes it again


def test_weights_of_another_architecture_are_refused(lab, tmp_path):
    small, large = lab().entry(MODEL).path, lab(base_width=8).entry(MODEL).path
    shutil.copy(large / "model.safetensors", tmp_path)
    shutil.copy(small / "model.json", tmp_path)
    with pytest.raises(SolarsynthError, match=r"no readable model in it.*train it again"):
        read_network(tmp_path)


def test_proportions_add_up(lab):
    for size in (5, 20, 37, 1000):
        counts = stages.proportional_counts(lab(), size)
        have = stages.labelled_set(lab()).counts(test=False)
        assert sum(counts.values()) == size
        total = sum(have.values())
        assert all(abs(counts[n] - size * have[n] / total) <= 1 for n in CLASSES)
        assert not any(counts[n] for n in CLASSES if not have[n])


def test_sets_of_classes_alike_add_up(lab):
    names = stages.drawable_classes(lab())
    for size in (5, 20, 37):
        counts = stages.uniform_counts(lab(), size)
        assert sum(counts.values()) == size and set(counts) == set(names)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_changed_archive_is_read_again(small_archive, store_folder):
    lab = Lab("smoke", "archive", str(small_archive), overrides=TINY)
    before = lab.key(stages.DATASET)
    attributes = small_archive / ".zattrs"
    attributes.write_text(attributes.read_text() + " ")
    assert Lab("smoke", "archive", str(small_archive), overrides=TINY).key(stages.DATASET) != before


@pytest.mark.parametrize(
    "arguments, match",
    [
        ({"source": "archiv"}, "unknown source 'archiv'; did you mean 'archive'"),
        ({"source": "archive"}, "needs data"),
        ({"source": "simulated", "data": "x"}, "takes no data, got 'x'; choose source 'archive'"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2..63 - 1, got -1"),
        ({"source": "labelled", "data": "nowhere.npz"}, r"nowhere\.npz: cannot be read"),
    ],
)
def test_labs_that_cannot_be(arguments, match):
    with pytest.raises(SolarsynthError, match=match):
        Lab(**arguments).key(stages.DATASET)


def test_the_network_sources_are_asked_by_the_rules_of_the_labelling(fresh_store, monkeypatch):
    """A wider tolerance reads more frames, and an archive left by a build killed at its end is replaced."""
    requests = {}

    def build(target, years, downloads, choose, **given):
        assert not target.exists()
        target.mkdir()
        requests.update(given, choose=choose.keywords)

    monkeypatch.setattr("solarsynth.observations.building.build_sdoml", build)
    first = Lab("smoke", "sdoml", "2012").entry(stages.ARCHIVE)
    assert requests["choose"] == {"frame_tolerance": 420_000, "flux_tolerance": 6_000}
    wide = {"frame_tolerance": 30.0}
    entry = Lab("smoke", "sdoml", "2012", overrides=wide).entry(stages.ARCHIVE)
    assert entry.key != first.key and requests["choose"]["frame_tolerance"] == 1_800_000
    assert requests["frame_tolerance"] == 1_800_000
    shutil.rmtree(entry.path)
    (fresh_store / "archive" / f"{entry.key}.partial" / "archive").mkdir(parents=True)
    assert Lab("smoke", "sdoml", "2012", overrides=wide).entry(stages.ARCHIVE).key == entry.key
    # 0 is the paper's 7 minutes.
    seven = Lab("smoke", "sdoml", "2012", overrides={"frame_tolerance": 7.0})
    assert seven.key(stages.ARCHIVE) == first.key != Lab("smoke").key(stages.ARCHIVE)


def test_the_cadence_of_browse_images_is_chosen(fresh_store, monkeypatch):
    cadences = []
    monkeypatch.setattr(
        "solarsynth.observations.building.build_quicklook",
        lambda target, *rest, **given: (target.mkdir(), cadences.append(given["cadence"])),
    )
    for minutes in (60.0, 15.0):
        lab = Lab("smoke", "quicklook", "2012-01-01/2012-01-02", overrides={"quicklook_cadence": minutes})
        assert not lab.entry(stages.ARCHIVE).reused
    assert cadences == [3_600_000, 900_000]


def test_the_baseline_takes_no_class(lab):
    drawn = stages.sample_set(lab(), {"B": 3, "C": 2}, seed=4, model="cevae")
    assert drawn.image.shape == (5, 16, 16) and set(drawn.label) == {-1}
    assert stages.sample_set(lab(), {"M": 5}, seed=4, model="cevae").key == drawn.key


@pytest.mark.parametrize("device, match", [("cuda", "torch sees no GPU"), ("tpu", "must be cpu or cuda, got 'tpu'")])
def test_a_device_that_is_not_there(lab, monkeypatch, device, match):
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setenv("SOLARSYNTH_DEVICE", device)
    with pytest.raises(SolarsynthError, match=match):
        lab(train_images=80).entry(MODEL)


def test_a_labelled_set_in_one_file(lab, tmp_path):
    data = stages.labelled_set(lab())
    file = tmp_path / "set.npz"
    data.write(file)
    other = Lab("smoke", "labelled", str(file), overrides=TINY)
    read = stages.labelled_set(other)
    for name in data.ARRAYS:
        assert np.array_equal(getattr(read, name), getattr(data, name)), name
    assert read.funnel == data.funnel and read.about == data.about
    assert stages.generator(other).sample(stages.drawable_classes(other)[0], 1).shape == (1, 16, 16)
    with pytest.raises(SolarsynthError, match="has no archive"):
        stages.archive(other)
    with pytest.raises(SolarsynthError, match="image_size must be 16 for its images, got 64"):
        stages.labelled_set(Lab("smoke", "labelled", str(file)))
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(SolarsynthError, match="not a labelled set"):
        stages.labelled_set(Lab("smoke", "labelled", str(file), overrides=TINY))


def test_a_set_holds_its_class_seed_and_settings(lab):
    drawn = stages.sample_set(lab(), {"B": 2, "C": 1}, seed=7, model="continuous")
    about = stages.describe_samples(lab(), {"B": 2, "C": 1}, seed=7, model="continuous")
    assert drawn.image.shape == (3, 16, 16) and drawn.label.tolist() == [1, 1, 2]
    assert about["model"] == "continuous" and about["seed"] == 7 and about["counts"] == {"B": 2, "C": 1}
    assert {"sampler", "steps", "guidance", "seconds"} <= set(about) and about["key"] == drawn.key


def test_features_are_named_by_what_they_are_made_from(lab):
    """Their key follows from that of the images and of the network, and nothing is hashed."""
    images = stages.training_images(lab())
    found = stages.features(lab(), "cevae", images)
    np.testing.assert_allclose(found, stages.space(lab(), "cevae").embed(images.image), atol=1e-5)
    entry = lab().entry(stages.FEATURES, space="cevae", images=images)
    assert entry.reused and entry.manifest["upstream"]["images"] == images.key
    assert entry.manifest["upstream"]["network"] == lab().key(stages.CEVAE)
    other = ImageSet.of(images.image[:3])
    assert lab().key(stages.FEATURES, space="cevae", images=other) != entry.key


def test_predictions_are_those_of_the_classifier(lab):
    images = stages.held_out_images(lab())
    one, two = (stages.predictions(lab(), images, seed) for seed in (0, 1))
    assert one.shape == (len(images), 5) and np.allclose(one.sum(1), 1, atol=1e-5)
    assert not np.allclose(one, two), "classifiers of other seeds"


def test_every_class_is_shown_to_the_classifier_as_often(lab, fresh_store, monkeypatch):
    """What the training loop is given: the training images of each class, repeated to the size of the largest."""
    seen = {}

    def spy(job, architecture, config, image, condition, about, **rest):
        seen.update(image=image, label=condition[:, 0].astype(int))
        raise KeyboardInterrupt

    monkeypatch.setattr("solarsynth.stages.encoders.train_network", spy)
    with pytest.raises(KeyboardInterrupt):
        lab().entry(stages.CLASSIFIER)
    data = stages.labelled_set(lab())
    counts = np.bincount(data.label[data.fit], minlength=5)
    assert np.bincount(seen["label"], minlength=5).tolist() == np.where(counts, counts.max(), 0).tolist()
    for i in np.flatnonzero(counts):
        shown = {frame.tobytes() for frame in seen["image"][seen["label"] == i]}
        assert shown == {frame.tobytes() for frame in data.image[data.fit & (data.label == i)]}


@pytest.mark.parametrize("name", ["discret", "prio"])
def test_a_network_that_does_not_exist(name):
    with pytest.raises(SolarsynthError, match=f"unknown model '{name}'; did you mean"):
        stages.network_stage(name)


LIGHT = """
import sys
for name in ("zarr", "pandas", "sunpy", "click", "cleanfid", "papermill", "sklearn", "matplotlib", "dask", "scipy"):
    sys.modules[name] = None
import os
os.environ["SOLARSYNTH_ARTIFACTS"] = {store!r}
from solarsynth import stages
lab = stages.Lab("smoke", "labelled", {file!r}, overrides={tiny!r})
for name in ("cevae", "prior", "discrete", "embedding"):
    stage, ask = stages.network_stage(name)
    lab.entry(stage, **ask)
drawn = stages.sample_set(lab, {{stages.drawable_classes(lab)[0]: 2}}, seed=0, model="embedding")
print(drawn.image.shape)
"""


def test_training_from_one_file_needs_little_more_than_torch(lab, tmp_path):
    """A borrowed GPU seldom has zarr, pandas or click."""
    stages.labelled_set(lab()).write(tmp_path / "set.npz")
    code = LIGHT.format(store=str(tmp_path / "store"), file=str(tmp_path / "set.npz"), tiny=TINY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("(2, 16, 16)")
