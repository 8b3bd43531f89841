"""The stages together, at a size that takes seconds."""

import shutil

import numpy as np
import pytest

import solarsynth
from solarsynth import CLASSES
from solarsynth.diffusion.denoiser import Guidance
from solarsynth.errors import SolarsynthError
from solarsynth.experiments import MODELS, Run
from solarsynth.generator import Generator

TINY = {
    "image_size": 16,
    "patch": 1,
    "base_width": 4,
    "train_images": 64,
    "finetune_images": 16,
    "latent": 4,
    "cevae_width": 2,
    "cevae_images": 64,
    "prior_images": 64,
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


@pytest.mark.parametrize("model", MODELS)
def test_every_model_draws_by_the_same_interface(run, model):
    generator = run().generator(model)
    assert generator.kind == model
    name = run().classes_to_draw()[0]
    image = generator.sample(name, 3, seed=5)
    assert image.shape == (3, 16, 16) and image.dtype == np.uint8
    assert np.abs(image[:2].astype(int) - generator.sample(name, 2, seed=5)).max() <= 1  # rounding, at most
    # Guidance has something to guide: the condition is heard.
    assert not np.array_equal(image, generator.sample(name, 3, seed=5, guidance=-1.0))


def test_the_baseline_is_asked_for_nothing(run):
    image, label = run().samples({"B": 3, "C": 2}, seed=4, model="cevae")
    assert image.shape == (5, 16, 16) and set(label) == {-1}


def test_two_models_start_from_the_first_if_told_to(run):
    import torch

    weights = {name: run().generator(name).denoiser.state_dict() for name in ("discrete", "continuous")}
    far = run(finetune_images=0).generator("continuous").denoiser.state_dict()
    names = [n for n in weights["discrete"] if n.startswith("network.down.0") and n.endswith("weight")]
    distance = lambda a, b: sum(torch.dist(a[n], b[n]).item() for n in names)  # noqa: E731
    assert distance(weights["discrete"], weights["continuous"]) < distance(weights["discrete"], far)
    assert run().model_entry("continuous").manifest["upstream"]["start"] == run().model_entry("discrete").key
    assert "start" not in run(finetune_images=0).model_entry("continuous").manifest["upstream"]


def test_a_class_becomes_a_flux_of_its_training_images(run):
    generator = run().generator("continuous")
    data = run().dataset
    label = np.repeat(np.unique(data.label), 4)
    flux = generator.conditions(label, np.arange(len(label))).numpy()[:, 0]
    for i, value in zip(label, flux, strict=True):
        assert np.isclose(data.flux[(data.label == i) & ~data.test], value, rtol=1e-6).any()
    assert np.array_equal(generator.conditions(label[3:5], np.arange(3, 5)).numpy()[:, 0], flux[3:5])


def test_a_flux_is_asked_for_exactly(run, monkeypatch):
    generator = run().generator("continuous")
    asked = []
    conditions = generator.conditions
    monkeypatch.setattr(generator, "conditions", lambda *a: asked.append(conditions(*a)) or asked[-1])
    image = generator.sample("M2.5", 2)
    assert image.shape == (2, 16, 16) and np.allclose(asked[-1].numpy(), 2.5e-5)


@pytest.mark.parametrize(
    "model, text, match",
    [
        ("continuous", "M0", "a flux must be a positive number"),
        ("continuous", "Mnan", "a flux must be a positive number"),
        ("continuous", "Mx", "no class 'Mx'; write X, or X2.5"),
        ("discrete", "M2.5", "the discrete model knows classes, not M2.5; ask for M"),
        ("discrete", "", "no class ''"),
    ],
)
def test_what_cannot_be_asked_for(run, model, text, match):
    with pytest.raises(SolarsynthError, match=match):
        run().generator(model).sample(text)


def test_too_little_memory_halves_the_batch_and_says_so(run, capsys, monkeypatch):
    import torch

    generator = run(sampling_batch=8).generator()
    label = np.full(8, 1)
    settings = {"guidance": 1.0, "steps": 4, "sampler": "dpm-solver++", "seed": 1}
    whole = generator.draw(label, batch=8, **settings)
    forward = generator.denoiser.network.forward

    def small(x, *rest):
        if len(x) > 4:  # two branches of guidance
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(x, *rest)

    monkeypatch.setattr(generator.denoiser.network, "forward", small)
    parts = generator.draw(label, batch=8, **settings)
    assert "2 images at a time from here" in capsys.readouterr().err
    assert np.abs(whole.astype(int) - parts).max() <= 1
    assert generator.fastest_batch(Guidance(1.0), 100) == 8


def test_the_fastest_batch_is_measured(run, monkeypatch):
    """Where a call costs most, a larger batch is faster until the set ends; where images do, it gains nothing."""
    generator, clock = run().generator(), [0.0]
    forward = generator.denoiser.network.forward

    def costly(x, *rest):
        clock[0] += cost(len(x))
        return forward(x, *rest)

    monkeypatch.setattr(generator.denoiser.network, "forward", costly)
    monkeypatch.setattr("solarsynth.generator.time.perf_counter", lambda: clock[0])
    cost = lambda n: 1 + 0.0001 * n  # noqa: E731
    assert generator.fastest_batch(Guidance(0.0), 16) == 16
    assert generator.fastest_batch(Guidance(0.0), 64) == 64  # the first measurement went only as far as it had to
    before = clock[0]
    assert generator.fastest_batch(Guidance(0.0), 40) == 40 and clock[0] == before
    cost = lambda n: n  # noqa: E731
    assert generator.fastest_batch(Guidance(1.0), 64) == 8
    assert generator.fastest_batch(Guidance(1.0), 3) == 3


def test_parts_of_a_set_are_found_again_whatever_their_size(run, tmp_path):
    generator = run().generator()
    label, settings = np.full(7, 1), {"guidance": 0.0, "steps": 3, "sampler": "ddim", "seed": 1}
    whole = generator.draw(label, batch=7, **settings)
    np.save(tmp_path / "batch-0000000-3.npy", whole[:3])
    asked = []
    again = generator.draw(label, batch=2, folder=tmp_path, report=lambda done, n: asked.append(done), **settings)
    assert asked == [3, 5, 7] and np.abs(whole.astype(int) - again).max() <= 1


@pytest.mark.parametrize("device, match", [("cuda", "torch sees no GPU"), ("tpu", "may be cpu or cuda")])
def test_a_device_that_is_not_there(run, monkeypatch, device, match):
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setenv("SOLARSYNTH_DEVICE", device)
    with pytest.raises(SolarsynthError, match=match):
        run(train_images=80).model_entry()


def test_weights_of_another_architecture_are_refused(run, tmp_path):
    small, large = run().model_entry().path, run(base_width=8).model_entry().path
    shutil.copy(large / "model.safetensors", tmp_path)
    shutil.copy(small / "model.json", tmp_path)
    with pytest.raises(SolarsynthError, match=r"no readable model in it.*train it again"):
        Generator.read(tmp_path, run().settings)


def test_a_labelled_set_in_one_file(run, tmp_path):
    data = run().dataset
    file = tmp_path / "set.npz"
    data.write(file)
    other = Run("smoke", "labelled", str(file), overrides=TINY)
    for name in data.ARRAYS:
        assert np.array_equal(getattr(other.dataset, name), getattr(data, name)), name
    assert other.dataset.funnel == data.funnel and other.dataset.about == data.about
    assert other.generator().sample(other.classes_to_draw()[0], 1).shape == (1, 16, 16)
    with pytest.raises(SolarsynthError, match="has no archive"):
        other.archive()
    with pytest.raises(SolarsynthError, match="its images have 16 px, the profile asks for 64; set image_size"):
        Run("smoke", "labelled", str(file)).conditions("discrete")
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(SolarsynthError, match="no labelled set"):
        Run("smoke", "labelled", str(file), overrides=TINY).conditions("discrete")


def test_a_set_holds_its_class_seed_and_settings(run):
    import json

    with np.load(run().samples_entry({"B": 2, "C": 1}, seed=7, model="continuous").path / "samples.npz") as file:
        image, label, settings = file["image"], file["label"], json.loads(str(file["settings"]))
    assert image.shape == (3, 16, 16) and label.tolist() == [1, 1, 2]
    assert settings["model"] == "continuous" and settings["seed"] == 7 and settings["counts"] == {"B": 2, "C": 1}
    assert {"sampler", "steps", "guidance", "seconds"} <= set(settings)


def test_the_embedding_model_samples_with_every_step(run):
    """The prior takes all steps too, whatever sampling_steps says."""
    slow = run(sampler="ancestral", n_steps=30)
    assert slow.generator("embedding").sample(slow.classes_to_draw()[0], 1).shape == (1, 16, 16)


def test_guidance_below_all_noise_levels_is_none(run):
    """An interval in which no step lies."""
    generator = run().generator()
    label = np.full(12, 1)
    settings = {"steps": 3, "sampler": "dpm-solver++", "seed": 1}
    nowhere = generator.draw(label, guidance=2.0, interval=(0.0, 1e-3), **settings)
    assert np.abs(nowhere.astype(int) - generator.draw(label, guidance=0.0, batch=12, **settings)).max() <= 1


def test_samples_of_a_flux_carry_their_class(small_archive, store_folder, tmp_path):
    """What `sample` writes, `evaluate` reads."""
    from click.testing import CliRunner

    from solarsynth.cli import main
    from solarsynth.evaluation import read_samples

    out = tmp_path / "suns.npz"
    command = ["sample", "B20", "2", "--model", "continuous", "--out", str(out), "--profile", "smoke"]
    command += ["--source", "archive", "--data", str(small_archive)]
    command += [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    image, label = read_samples(out, 16)
    assert len(image) == 2 and [CLASSES[i] for i in label] == ["C", "C"]  # B20 is C2


def test_sets_of_classes_alike_add_up(run):
    names = run().classes_to_draw()
    for size in (5, 20, 37):
        counts = run().uniform_counts(size)
        assert sum(counts.values()) == size and set(counts) == set(names)
        assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("kind", ["discret", "prio"])
def test_a_network_that_does_not_exist(run, kind):
    with pytest.raises(SolarsynthError, match=f"no model '{kind}'; did you mean"):
        run().entry(kind)


LIGHT = """
import sys
for name in ("zarr", "pandas", "sunpy", "click", "cleanfid", "papermill", "sklearn", "matplotlib", "dask", "scipy"):
    sys.modules[name] = None
import os
os.environ["SOLARSYNTH_ARTIFACTS"] = {store!r}
from solarsynth.experiments import Run
run = Run("smoke", "labelled", {file!r}, overrides={tiny!r})
for name in ("cevae", "prior", "discrete", "embedding"):
    run.entry(name)
print(run.samples({{run.classes_to_draw()[0]: 2}}, seed=0, model="embedding")[0].shape)
"""


def test_training_from_one_file_needs_little_more_than_torch(run, tmp_path):
    """A borrowed GPU seldom has zarr, pandas or click."""
    import subprocess
    import sys

    run().dataset.write(tmp_path / "set.npz")
    code = LIGHT.format(store=str(tmp_path / "store"), file=str(tmp_path / "set.npz"), tiny=TINY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("(2, 16, 16)")


def test_the_gpu_jobs_train_sample_and_go_on(run, tmp_path):
    """The script as a borrowed machine runs it, on this CPU."""
    import subprocess
    import sys

    from solarsynth import paths

    run().dataset.write(tmp_path / "set.npz")
    out = tmp_path / "out"
    gpu = {"sets": 1, "set_size": 5, "classifier_patch": 8, "classifier_images": 64, "classifier_seeds": 1}
    settings = " ".join(f"{key}={value}" for key, value in (TINY | gpu).items())
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHON": sys.executable}
    environment |= {"OUT": str(out), "DATA": str(tmp_path / "set.npz"), "PROFILE": "smoke", "SETTINGS": settings}
    environment |= {"SOLARSYNTH_ARTIFACTS": str(tmp_path / "store")}
    command = ["bash", str(paths.root() / "scripts" / "gpu_jobs.sh")]
    done = subprocess.run(
        [*command, "info", "train", "sample", "weights"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    written = {path.name for path in out.iterdir()}
    assert {"device.json", "sets.jsonl", "embedding-gallery.npz", "cevae-training.csv"} <= written
    assert {"prior-half.safetensors.000", "discrete-half.safetensors.000", "classifier-0-training.csv"} <= written
    slice_over = subprocess.run(
        [*command, "train"], env=environment | {"SECONDS_LIMIT": "3"}, capture_output=True, text=True
    )
    assert slice_over.returncode == 75 and "run the same again" in slice_over.stdout
    wrong = subprocess.run([*command, "trian"], env=environment, capture_output=True, text=True)
    assert wrong.returncode == 2 and "no step 'trian'" in wrong.stderr
    environment["DATA"] = str(tmp_path / "nowhere.npz")
    missing = subprocess.run([*command, "train"], env=environment, capture_output=True, text=True)
    assert missing.returncode == 1 and "nowhere.npz is not there; make it where zarr is" in missing.stdout
