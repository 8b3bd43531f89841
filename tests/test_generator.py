"""Generators: from a class or a flux to Suns."""

import json

import astropy.units as u
import numpy as np
import pytest
import torch
from tiny import TINY, as_options

import solarsynth
from solarsynth import CLASSES, stages
from solarsynth.diffusion.guidance import Guidance
from solarsynth.diffusion.samplers import NoiseStreams, image_seeds
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.generator import Generator, walk
from solarsynth.kinds import MODELS
from solarsynth.pixels import to_uint8
from solarsynth.stages import Lab


@pytest.fixture
def lab(shared_archive, store_folder):
    return lambda **changes: Lab("smoke", "archive", str(shared_archive), overrides=TINY | changes)


@pytest.fixture
def discrete(lab):
    return stages.generator(lab())


FAST = Sampling("dpm-solver++", 4, guidance=1.0)


def test_samples_are_frames_of_the_requested_class(lab, discrete):
    name = stages.drawable_classes(lab())[-1]
    image = discrete.sample(name, 3, guidance=1.0, seed=5)
    assert image.shape == (3, 16, 16) and image.dtype == np.uint8
    assert np.array_equal(image[:2], discrete.sample(name, 2, guidance=1.0, seed=5))
    assert not np.array_equal(image, discrete.sample(name, 3, guidance=1.0, seed=6))


def test_a_walk_goes_from_one_seed_to_another(lab, discrete):
    name = stages.drawable_classes(lab())[-1]
    way = walk(discrete, name, (5, 6), 5, guidance=1.0)
    assert way.shape == (5, 16, 16)
    for image, seed in ((way[0], 5), (way[-1], 6)):
        np.testing.assert_array_equal(image, discrete.sample(name, 1, guidance=1.0, seed=seed)[0])
    steps = np.abs(np.diff(way.astype(float), axis=0)).mean((1, 2))
    assert steps.max() < np.abs(way[-1].astype(float) - way[0]).mean() + 1e-9, "no step is as long as the whole walk"
    still = walk(discrete, name, (5, 5), 3)
    assert (still == still[0]).all()
    for wrong, match in ((dict(n=1), "at least 2"), (dict(sampler="ancestral"), "adds no noise")):
        with pytest.raises(SolarsynthError, match=match):
            walk(discrete, name, **wrong)


def test_a_film_is_a_picture_that_moves():
    import io

    from PIL import Image

    from solarsynth.figures.animation import film, webp

    frames = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4) * 5
    picture = Image.open(io.BytesIO(webp(frames, scale=8)))
    assert picture.n_frames == 3 and picture.size == (32, 32)
    page = film(frames, "Play <it>", 'A "Sun"')
    assert page.startswith("<details><summary>Play &lt;it&gt;</summary>") and "&quot;Sun&quot;" in page


def test_a_class_the_model_never_saw(discrete):
    missing = [name for name in CLASSES if not discrete.classes_seen[name]]
    assert missing
    with pytest.raises(SolarsynthError, match=f"never saw an image of class {missing[0]}"):
        discrete.sample(missing[0])


@pytest.mark.parametrize("name, match", [("Z", "a class must be one of A, B, C, M, X, got 'Z'"), ("c", "got 'c'")])
def test_a_class_that_does_not_exist(discrete, name, match):
    with pytest.raises(SolarsynthError, match=match):
        discrete.sample(name)


def test_loading_from_python(shared_archive, store_folder, tmp_path):
    profile = tmp_path / "tiny.yml"
    settings = Lab("smoke", "archive", str(shared_archive), overrides=TINY).settings
    profile.write_text(json.dumps(settings.as_dict()))
    where = {"profile": str(profile), "source": "archive", "data": str(shared_archive)}
    model = solarsynth.load("discrete", **where)
    assert isinstance(model, Generator) and model.sample("C", 2).shape == (2, 16, 16)
    with pytest.raises(SolarsynthError, match="unknown model 'discret'; did you mean 'discrete'"):
        solarsynth.load("discret", **where)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_draws_by_the_same_interface(lab, model):
    generator = stages.generator(lab(), model)
    assert generator.kind == model
    name = stages.drawable_classes(lab())[0]
    image = generator.sample(name, 3, seed=5)
    assert image.shape == (3, 16, 16) and image.dtype == np.uint8
    assert np.abs(image[:2].astype(int) - generator.sample(name, 2, seed=5)).max() <= 1  # rounding, at most
    # Guidance has something to guide: the condition has an effect.
    assert not np.array_equal(image, generator.sample(name, 3, seed=5, guidance=-1.0))


def test_two_models_start_from_the_first_if_told_to(lab):
    weights = {name: stages.generator(lab(), name).denoiser.state_dict() for name in ("discrete", "continuous")}
    far = stages.generator(lab(finetune_images=0), "continuous").denoiser.state_dict()
    names = [n for n in weights["discrete"] if n.startswith("network.down.0") and n.endswith("weight")]
    distance = lambda a, b: sum(torch.dist(a[n], b[n]).item() for n in names)  # noqa: E731
    assert distance(weights["discrete"], weights["continuous"]) < distance(weights["discrete"], far)
    tuned = lab().entry(stages.MODEL, model="continuous").manifest
    assert tuned["upstream"]["start"] == lab().key(stages.MODEL)
    assert "start" not in lab(finetune_images=0).entry(stages.MODEL, model="continuous").manifest["upstream"]


def test_a_class_becomes_a_flux_of_its_training_images(lab):
    generator, data = stages.generator(lab(), "continuous"), stages.labelled_set(lab())
    label = np.repeat(np.unique(data.label[data.train]), 4)
    flux = generator.conditions(label, np.arange(len(label))).numpy()[:, 0]
    for i, value in zip(label, flux, strict=True):
        assert np.isclose(data.flux[(data.label == i) & data.train], value, rtol=1e-6).any()
    assert np.array_equal(generator.conditions(label[3:5], np.arange(3, 5)).numpy()[:, 0], flux[3:5])


def test_the_conditions_of_a_sample_set_are_those_that_it_was_drawn_with(lab, monkeypatch):
    there, seen = lab(sampling_batch=64), []
    real = Generator.conditions
    monkeypatch.setattr(Generator, "conditions", lambda self, *a: seen.append(real(self, *a)) or seen[-1])
    counts = dict.fromkeys(stages.drawable_classes(there), 2)
    stages.sample_set(there, counts, seed=77, model="continuous")
    drawn = torch.cat(seen).cpu().numpy()
    np.testing.assert_array_equal(stages.conditions_of(there, counts, seed=77, model="continuous"), drawn)
    assert len(np.unique(drawn)) > len(counts), "a flux per image, not per class"


@pytest.mark.parametrize("request_", ["M2.5", 2.5e-5 * u.W / u.m**2, 2.5e-2 * u.erg / u.s / u.cm**2])
def test_a_flux_is_asked_for_exactly(lab, monkeypatch, request_):
    generator, seen = stages.generator(lab(), "continuous"), []
    conditions = generator.conditions
    monkeypatch.setattr(generator, "conditions", lambda *a: seen.append(conditions(*a)) or seen[-1])
    assert generator.sample(request_, 2).shape == (2, 16, 16)
    assert np.allclose(seen[-1].numpy(), 2.5e-5)


@pytest.mark.parametrize(
    "model, request_, match",
    [
        ("continuous", "M0", "a class must be written like X or X2.5, got 'M0'"),
        ("continuous", "Mnan", "a class must be written like X or X2.5, got 'Mnan'"),
        ("continuous", "Mx", "a class must be written like X or X2.5, got 'Mx'"),
        ("continuous", 3 * u.m, "must have a unit that converts to W/m²"),
        ("discrete", "M2.5", "the discrete model takes a class, got M2.5; ask for M"),
        ("discrete", "", "a class must be one of .*, got ''"),
    ],
)
def test_what_cannot_be_asked_for(lab, model, request_, match):
    with pytest.raises(SolarsynthError, match=match):
        stages.generator(lab(), model).sample(request_)


def test_a_trace_follows_the_chosen_sampler(discrete):
    """Its last state is the sample of the same seed, with every sampler and with guidance."""
    for changes in ({"sampler": "dpm-solver++", "steps": 4}, {"sampler": "ddim", "steps": 6, "eta": 1.0}):
        states = discrete.trace("C", seed=3, pictures=50, guidance=1.5, **changes)
        assert [done for done, _ in states] == list(range(changes["steps"] + 1))
        drawn = discrete.sample("C", 1, seed=3, guidance=1.5, **changes)[0]
        last = np.round((states[-1][1].clip(-1, 1) + 1) * 127.5)
        assert np.abs(last - drawn).max() <= 1
    assert len(discrete.trace("C", pictures=3, steps=9)) == 3


def test_sampling_starts_where_the_model_says(discrete, monkeypatch):
    """What the generator draws is what its sampler draws from the start of its denoiser, not from pure noise."""
    monkeypatch.setattr(discrete.denoiser, "start", lambda eps: 0.5 * eps + 0.7)
    sampling, seeds = FAST.replace(batch=3), image_seeds(4, 3)

    def drawn(start):
        noise = NoiseStreams(seeds, discrete.denoiser.shape)
        condition = discrete.conditions(np.full(3, 1), seeds)
        return to_uint8(sampling.run(discrete.denoiser, start(noise.draw()), condition, noise)[:, 0]).astype(int)

    found = discrete.draw(np.full(3, 1), seed=4, sampling=sampling)
    assert np.abs(found - drawn(discrete.denoiser.start)).max() <= 1
    assert np.abs(found - drawn(lambda eps: eps)).max() > 20
    first = discrete.trace("B", seed=4, sampling=FAST)[0][1]
    noise = NoiseStreams(seeds[:1], discrete.denoiser.shape).draw()
    np.testing.assert_allclose(first, 0.5 * noise[0, 0] + 0.7, atol=1e-6)


def test_the_ancestral_sampler_refuses_a_number_of_steps(discrete):
    with pytest.raises(SolarsynthError, match="takes all 999 steps, got 20; use sampler 'dpm-solver"):
        discrete.sample("C", sampler="ancestral", steps=20)
    with pytest.raises(SolarsynthError, match="takes all 999 steps, got 20"):
        discrete.trace("C", sampler="ancestral", steps=20)


@pytest.mark.parametrize("steps", [3, 20])
def test_the_consistency_sampler_says_which_steps_it_takes(discrete, steps):
    match = f"the consistency sampler takes 1 or 2 steps, got {steps}; use sampler 'dpm-solver"
    for draw in (discrete.sample, discrete.trace):
        with pytest.raises(SolarsynthError, match=match):
            draw("C", sampler="consistency", steps=steps)


def test_no_images(discrete):
    assert discrete.draw(np.empty(0, int), seed=1, sampling=FAST).shape == (0, 16, 16)
    with pytest.raises(SolarsynthError, match="the number of images must be at least 1, got 0"):
        discrete.sample("C", 0)


def test_too_little_memory_halves_the_batch_and_says_so(discrete, capsys, monkeypatch):
    label = np.full(8, 1)
    whole = discrete.draw(label, seed=1, sampling=FAST.replace(batch=8))
    forward = discrete.denoiser.network.forward

    def small(x, *rest):
        if len(x) > 4:  # two terms of guidance
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(x, *rest)

    monkeypatch.setattr(discrete.denoiser.network, "forward", small)
    parts = discrete.draw(label, seed=1, sampling=FAST.replace(batch=8))
    assert "going on with 2 images at a time" in capsys.readouterr().err
    assert np.abs(whole.astype(int) - parts).max() <= 1
    assert discrete.fastest_batch(Guidance(1.0), 100, discrete._any_condition()) == 8


def test_the_fastest_batch_is_measured(discrete, monkeypatch):
    """Where a call costs most, a larger batch is faster until the set ends; where images do, it gains nothing."""
    clock, forward = [0.0], discrete.denoiser.network.forward

    def costly(x, *rest):
        clock[0] += cost(len(x))
        return forward(x, *rest)

    monkeypatch.setattr(discrete.denoiser.network, "forward", costly)
    monkeypatch.setattr("solarsynth.diffusion.batches.time.perf_counter", lambda: clock[0])
    condition = discrete._any_condition()
    cost = lambda n: 1 + 0.0001 * n  # noqa: E731
    assert discrete.fastest_batch(Guidance(0.0), 16, condition) == 16
    assert discrete.fastest_batch(Guidance(0.0), 64, condition) == 64  # the first went only as far as it had to
    before = clock[0]
    assert discrete.fastest_batch(Guidance(0.0), 40, condition) == 40 and clock[0] == before
    cost = lambda n: n  # noqa: E731
    assert discrete.fastest_batch(Guidance(1.0), 64, condition) == 8
    assert discrete.fastest_batch(Guidance(1.0), 3, condition) == 3


def test_parts_of_a_set_are_found_again_whatever_their_size(discrete, tmp_path, monkeypatch):
    label, sampling = np.full(7, 1), Sampling("ddim", 3)
    whole = discrete.draw(label, seed=1, sampling=sampling.replace(batch=7))
    np.save(tmp_path / "batch-0000000-3.npy", whole[:3])
    drawn, one_batch = [], discrete._draw_batch
    monkeypatch.setattr(
        discrete, "_draw_batch", lambda label, *rest: drawn.append(len(label)) or one_batch(label, *rest)
    )
    again = discrete.draw(label, seed=1, sampling=sampling.replace(batch=2), folder=tmp_path)
    assert drawn == [2, 2] and np.abs(whole.astype(int) - again).max() <= 1
    # A damaged part is drawn again.
    (tmp_path / "batch-0000000-3.npy").write_bytes(b"half")
    assert np.abs(discrete.draw(label, seed=1, sampling=sampling, folder=tmp_path).astype(int) - whole).max() <= 1


def test_the_embedding_model_samples_with_every_step(lab):
    """The prior takes all steps too, whatever sampling_steps says."""
    slow = lab(sampler="ancestral", n_steps=30)
    assert stages.generator(slow, "embedding").sample(stages.drawable_classes(slow)[0], 1).shape == (1, 16, 16)


def test_guidance_below_all_noise_levels_is_none(discrete):
    label = np.full(12, 1)
    below = discrete.draw(label, seed=1, sampling=FAST.replace(guidance=2.0, interval=(0.0, 1e-3)))
    without = discrete.draw(label, seed=1, sampling=FAST.replace(guidance=0.0, batch=12))
    assert np.abs(below.astype(int) - without).max() <= 1


def test_samples_of_a_flux_carry_their_class(shared_archive, store_folder, tmp_path):
    """What `sample` writes, `evaluate` reads."""
    from click.testing import CliRunner

    from solarsynth.cli import main
    from solarsynth.evaluation.samples import read_samples

    out = tmp_path / "suns.npz"
    command = ["sample", "B20", "2", "--model", "continuous", "--out", str(out), "--profile", "smoke"]
    command += ["--source", "archive", "--data", str(shared_archive), *as_options(TINY)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    image, label = read_samples(out, 16)
    assert len(image) == 2 and [CLASSES[i] for i in label] == ["C", "C"]  # B20 is C2
