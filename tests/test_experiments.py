"""The stages together, at a size that takes seconds."""

import shutil

import numpy as np
import pytest

import solarsynth
from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError
from solarsynth.experiments import Generator, Run

TINY = {
    "image_size": 16,
    "patch": 1,
    "base_width": 4,
    "train_images": 64,
    "batch_size": 8,
    "sampling_steps": 4,
    "test_fraction": 0.0,
}


@pytest.fixture
def run(small_archive, store_folder):
    return lambda **changes: Run("smoke", "archive", str(small_archive), overrides=TINY | changes)


def test_changing_a_setting_makes_anew_only_what_depends_on_it(run):
    counts = {name: 1 for name in run().classes_to_draw()}
    first = run().samples_entry(counts, seed=1)
    again = run().samples_entry(counts, seed=1)
    assert not first.reused and again.reused
    guided = run(guidance=0.5)
    assert guided.model_entry().reused and not guided.samples_entry(counts, seed=1).reused
    longer = run(train_images=72)
    assert longer.dataset_entry.reused and not longer.model_entry().reused


def test_samples_are_frames_of_the_class_asked_for(run):
    generator = run().generator()
    name = run().classes_to_draw()[-1]
    image = generator.sample(name, 3, guidance=1.0, seed=5)
    assert image.shape == (3, 16, 16) and image.dtype == np.uint8
    assert np.array_equal(image[:2], generator.sample(name, 2, guidance=1.0, seed=5))
    assert not np.array_equal(image, generator.sample(name, 3, guidance=1.0, seed=6))


def test_an_interrupted_set_goes_on(run, monkeypatch):
    counts = {name: 3 for name in run(sampling_batch=2).classes_to_draw()}
    whole = run(sampling_batch=2).samples(counts, seed=2)[0]
    shutil.rmtree(run().store.folder / "samples")

    class Stop(Exception):
        pass

    def stop(done, total):
        if done >= 4:
            raise Stop

    with pytest.raises(Stop):
        run(sampling_batch=2).samples_entry(counts, seed=2, report=stop)
    drawn = []
    entry = run(sampling_batch=2).samples_entry(counts, seed=2, report=lambda done, total: drawn.append(done))
    assert np.array_equal(np.load(entry.path / "samples.npz")["image"], whole)
    assert sorted(p.name for p in entry.path.iterdir()) == ["manifest.json", "samples.npz"]


def test_a_class_the_model_never_saw(run):
    generator = run().generator()
    missing = [name for name in CLASSES if not generator.classes_seen[name]]
    assert missing
    with pytest.raises(SolarsynthError, match=f"never saw an image of class {missing[0]}"):
        generator.sample(missing[0])


@pytest.mark.parametrize("name, match", [("Z", "no class 'Z'; the GOES classes are A, B, C, M, X"), ("c", "no class")])
def test_a_class_that_does_not_exist(run, name, match):
    with pytest.raises(SolarsynthError, match=match):
        run().generator().sample(name)


def test_a_damaged_model(run):
    folder = run().model_entry().path
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SolarsynthError, match="no readable model in it"):
        Generator.read(folder, run().settings)
    assert not run().model_entry().reused  # the store makes it anew


def test_proportions_add_up(run):
    for size in (5, 20, 37, 1000):
        counts, have = run().proportional_counts(size), run().dataset.counts(test=False)
        assert sum(counts.values()) == size
        total = sum(have.values())
        assert all(abs(counts[n] - size * have[n] / total) <= 1 for n in CLASSES)
        assert not any(counts[n] for n in CLASSES if not have[n])


def test_a_changed_archive_is_read_again(run, small_archive):
    before = run().dataset_entry.key
    attributes = small_archive / ".zattrs"
    attributes.write_text(attributes.read_text() + " ")
    assert run().dataset_entry.key != before


def test_loading_from_python(small_archive, store_folder, monkeypatch):
    monkeypatch.setattr("solarsynth.experiments.load_profile", lambda name, **o: _tiny(o))
    model = solarsynth.load("discrete", profile="smoke", source="archive", data=str(small_archive))
    assert isinstance(model, Generator)
    with pytest.raises(SolarsynthError, match="no model 'discret'; did you mean 'discrete'"):
        solarsynth.load("discret", profile="smoke", source="archive", data=str(small_archive))


def _tiny(overrides):
    from solarsynth.profiles import load_profile

    return load_profile("smoke", **TINY | overrides)


@pytest.mark.parametrize(
    "arguments, match",
    [
        ({"source": "archiv"}, "no source 'archiv'; did you mean 'archive'"),
        ({"source": "archive"}, "needs data"),
        ({"source": "simulated", "data": "x"}, "takes no data"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_runs_that_cannot_be(arguments, match):
    with pytest.raises(SolarsynthError, match=match):
        Run(**arguments)


def test_the_network_sources_are_asked_by_the_rules_of_the_labelling(store_folder, monkeypatch):
    """A wider tolerance reads more frames, and an archive left by a build killed at its end is replaced."""
    asked = {}

    def build(target, years, downloads, choose, **given):
        assert not target.exists()
        target.mkdir()
        asked.update(given, choose=choose.keywords)

    monkeypatch.setattr("solarsynth.observations.building.build_sdoml", build)
    first = Run("smoke", "sdoml", "2012").fetched_entry
    assert asked["choose"] == {"frame_tolerance": 420.0, "flux_tolerance": 6.0}
    wide = Run("smoke", "sdoml", "2012", overrides={"frame_tolerance": 30.0})
    key = wide.fetched_entry.key
    assert key != first.key and asked["choose"]["frame_tolerance"] == 1800 and asked["frame_tolerance_minutes"] == 30
    shutil.rmtree(wide.fetched_entry.path)
    (store_folder / "archive" / f"{key}.partial" / "archive").mkdir(parents=True)
    assert Run("smoke", "sdoml", "2012", overrides={"frame_tolerance": 30.0}).fetched_entry.key == key


def test_the_cadence_of_browse_images_is_chosen(store_folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "solarsynth.observations.building.build_quicklook",
        lambda target, *rest, **given: (target.mkdir(), asked.append(given["cadence"])),
    )
    for cadence in (60.0, 15.0):
        run = Run("smoke", "quicklook", "2012-01-01/2012-01-02", overrides={"quicklook_cadence": cadence})
        assert not run.fetched_entry.reused
    assert asked == [60.0, 15.0]
