"""Table 1 for a file of samples, and the feature spaces it needs."""

import dataclasses
import json
import math
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from solarsynth import features
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import (
    Reference,
    Value,
    as_table,
    class_values,
    evaluate,
    jackknife,
    range_warning,
    read_samples,
    scores,
    span,
)
from solarsynth.experiments import Run
from solarsynth.metrics import separation
from solarsynth.metrics.skill import class_scores, confusion
from solarsynth.models.classifier import Classifier, ClassifierConfig, starts_pretrained
from solarsynth.tables import evaluation_table, number, table_1, table_d

TINY = {
    "image_size": 16,
    "latent": 4,
    "cevae_width": 2,
    "cevae_images": 64,
    "classifier_patch": 8,
    "classifier_depth": 1,
    "classifier_images": 128,
    "classifier_seeds": 2,
    "test_fraction": 0.3,
    "split": "random",
    "floor_draws": 10,
}


@pytest.fixture
def run(small_archive, store_folder, monkeypatch, tmp_path):
    # Neither a cache nor a network of this machine decides what is tested.
    monkeypatch.setenv("SOLARSYNTH_INCEPTION", str(tmp_path / "no-weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return Run("smoke", "archive", str(small_archive), overrides=TINY)


def by_name(values):
    return {value.metric: value for value in values}


def test_the_training_images_themselves_are_perfect(run):
    data = run.dataset
    training = data.image[~data.test]
    run.classify = lambda image, seed=0: image[:, 0, seed] % 5  # right now and then, as on any image
    found = by_name(evaluate(Reference(run), [training], (data.image[data.test], data.label[data.test])))
    assert found["Cluster error"].value == pytest.approx(0, abs=1e-9)
    assert found["Cluster distance"].value == pytest.approx(1, abs=1e-4)
    assert found["Fréchet, ceVAE space"].value == pytest.approx(0, abs=1e-6)
    assert found["kNN precision"].value == found["Coverage"].value == 1
    for name in ("F1", "Precision", "Recall"):  # the held-out images judged against themselves
        assert found[name].value == pytest.approx(1)


def test_noise_is_told_from_suns(run):
    rng = np.random.default_rng(0)
    flat = np.full((20, 16, 16), 128, np.uint8) + rng.integers(0, 3, (20, 16, 16)).astype(np.uint8)
    found = by_name(evaluate(Reference(run), [flat], None))
    assert found["Fréchet, ceVAE space"].value > found["Fréchet, ceVAE space"].high
    assert found["kNN recall"].value < found["kNN recall"].low
    assert math.isnan(found["F1"].value) and found["F1"].note == "the samples carry no class"


def test_what_cannot_be_computed_says_why_and_the_others_still_are(run):
    data = run.dataset
    found = by_name(evaluate(Reference(run), [data.image[:3]], (data.image[:3], np.zeros(3, int))))
    assert "needs more than 5 images" in found["Coverage"].note and math.isnan(found["Coverage"].value)
    assert found["F1"].note == "scores need samples of two classes or more"
    assert "singular: 3 images span 2 of 4 dimensions" in found["Fréchet, ceVAE space"].note
    assert found["FID CLIP"].note.startswith("weights not available: CLIP")
    assert found["FID InceptionV3"].note.startswith("weights not available: clean-fid's inception")
    assert math.isfinite(found["Cluster error"].value)
    one = by_name(evaluate(Reference(run), [data.image[:1]], None))
    assert "needs two images in each set, not 1" in one["Fréchet, ceVAE space"].note


def test_singular_features_give_a_number(run):
    """The same image over and over has no covariance at all."""
    same = np.repeat(run.dataset.image[:1], 12, axis=0)
    found = by_name(evaluate(Reference(run), [same], None))
    assert math.isfinite(found["Fréchet, ceVAE space"].value) and found["Cluster std"].value == pytest.approx(
        0, abs=1e-3
    )


class Layers(nn.Module):
    """What clean-fid's file offers: layers that turn (B, 3, 299, 299) into 2048 values."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 23 * 23, 2048)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(nn.functional.avg_pool2d(x, 13).flatten(1))


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = Layers()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    torch.manual_seed(0)
    folder = tmp_path / "weights"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out; clean-fid's file is one of its
        torch.jit.script(Inception()).save(str(folder / features.INCEPTION_FILE))
    monkeypatch.setenv("SOLARSYNTH_INCEPTION", str(folder))
    return folder


@pytest.mark.filterwarnings("ignore:.torch.jit", "ignore:The `disp` argument")  # clean-fid's
def test_the_inception_path_equals_clean_fid_on_png_files(run, stand_in, tmp_path):
    from cleanfid import fid
    from cleanfid.inception_torchscript import InceptionV3W
    from PIL import Image

    rng = np.random.default_rng(0)
    data = run.dataset
    drawn = (data.image[:12] // 2 + rng.integers(0, 40, (12, 16, 16))).astype(np.uint8)
    sets = {"real": data.image[~data.test], "drawn": drawn}
    theirs = {}
    model = InceptionV3W(str(stand_in), download=False, resize_inside=False)
    for name, image in sets.items():
        folder = tmp_path / name
        folder.mkdir()
        for i, frame in enumerate(image):
            Image.fromarray(frame).convert("RGB").save(folder / f"{i:03d}.png")
        theirs[name] = fid.get_folder_features(
            str(folder), model=model, num_workers=0, device=torch.device("cpu"), mode="clean", verbose=False
        )
        np.testing.assert_allclose(run.features("inception", image), theirs[name], atol=1e-4)
    found = by_name(evaluate(Reference(run), [drawn], None))["FID InceptionV3"]
    moments = [m for x in (theirs["drawn"], theirs["real"]) for m in (x.mean(0), np.cov(x.T))]
    assert found.value == pytest.approx(fid.frechet_distance(*moments), rel=1e-2)
    assert "12 images span 11 of 2048 dimensions" in found.note


def put_weights(folder, monkeypatch, repository, network):
    """Put a network's weights where timm keeps those of a repository, without a network connection."""
    from huggingface_hub import constants
    from safetensors.torch import save_file

    cached = folder / f"models--{repository.replace('/', '--')}"
    (cached / "snapshots" / "0").mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0")
    file = cached / "snapshots" / "0" / "model.safetensors"
    save_file(network.state_dict(), file)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return file


@pytest.mark.filterwarnings("ignore:.torch.jit", "ignore:The `disp` argument")
def test_the_clip_path(run, tmp_path, monkeypatch):
    """Random weights where timm looks for its own, read by timm: preprocessing and shape are CLIP's."""
    import timm

    network = timm.create_model(features.CLIP, pretrained=False).eval()
    # Known from the hub: both activations share one repository.
    file = put_weights(tmp_path, monkeypatch, "timm/vit_base_patch32_clip_224.openai", network)
    image = run.dataset.image[:2]
    found = run.features("clip", image)
    file.unlink()  # 350 MB
    assert found.shape == (2, 512)
    # By hand: 224 px bicubic, three channels, CLIP's mean and spread.
    from PIL import Image

    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    large = [np.array(Image.fromarray(f).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)) for f in image]
    x = torch.from_numpy(((np.stack(large) / 255 - mean) / std).transpose(0, 3, 1, 2)).float()
    with torch.no_grad():
        expected = network(x).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.filterwarnings("ignore:.torch.jit", "ignore:The `disp` argument")
@pytest.mark.parametrize("name, size", [("inception", 2048), ("clip", 512)])
def test_the_true_weights_where_they_are(name, size):
    """Two Suns lie nearer to each other than to noise."""
    try:
        space = {"inception": features.inception, "clip": features.clip}[name]()
    except features.WeightsMissing as error:
        pytest.skip(str(error))
    y, x = np.mgrid[:64, :64] - 31.5
    sun = ((x**2 + y**2 < 25**2) * 150).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    found = space.embed(np.stack([sun, np.roll(sun, 1, axis=1), noise]))
    assert found.shape == (3, size)
    assert np.linalg.norm(found[0] - found[1]) < np.linalg.norm(found[0] - found[2])


def test_features_are_kept(run, monkeypatch):
    image = run.dataset.image[:5]
    first = run.features("cevae", image)
    again = Run("smoke", "archive", run.data, overrides=TINY)
    monkeypatch.setattr("solarsynth.features.embed_images", lambda *a: 1 / 0)
    assert np.array_equal(again.features("cevae", image), first)
    with pytest.raises(SolarsynthError, match="no feature space 'cvae'; did you mean 'cevae'"):
        run.space("cvae")


def test_a_map_is_kept(run, monkeypatch):
    chosen = np.arange(8)
    first = run.tsne("cevae", chosen)
    assert first.shape == (8, 2)
    monkeypatch.setattr("solarsynth.metrics.separation.tsne", lambda *a, **k: 1 / 0)
    assert np.array_equal(run.tsne("cevae", chosen), first)


def test_the_classifier_learns_what_can_be_seen(run, tmp_path):
    from solarsynth.diffusion.training import TrainingConfig, train

    rng = np.random.default_rng(0)
    label = rng.integers(0, 5, 200)
    image = (rng.integers(0, 60, (200, 16, 16)) + 40 * label[:, None, None]).astype(np.uint8)
    torch.manual_seed(0)
    model = Classifier(ClassifierConfig(16, patch=8, depth=1))
    config = TrainingConfig(9600, 32, 1e-3, ema_decay=0.9, ema_start=5, condition_dropout=0.0)
    trained = train(model, image, label[:, None], config, tmp_path).average
    x = torch.from_numpy(image)[:, None].float() / 127.5 - 1
    with torch.no_grad():
        assert (trained.logits(x).argmax(1).numpy() == label).mean() > 0.9
        assert trained.embed(x[:3]).shape == (3, 192)
        loss, right = trained(x, torch.from_numpy(label)[:, None].float())
    expected = nn.functional.cross_entropy(trained.logits(x), torch.from_numpy(label), reduction="none")
    torch.testing.assert_close(loss, expected)
    log = pd.read_csv(tmp_path / "training.csv")
    assert list(log.columns) == ["images", "loss", "accuracy", "gradient_norm"] and log["accuracy"].iloc[-1] > 0.9
    assert set(right.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "settings, match",
    [({"size": "huge"}, "no DeiT of size 'huge'"), ({"patch": 24}, "64 does not divide by the patch 24")],
)
def test_classifiers_that_cannot_be(settings, match):
    with pytest.raises(SolarsynthError, match=match):
        ClassifierConfig(**settings)


def test_pretrained_weights_that_are_not_there(run):
    wanted = {"classifier_pretrained": "always"}
    with pytest.raises(SolarsynthError, match="those of 12 blocks, not 1; set classifier_depth and trial_depth to 12"):
        Run("smoke", "archive", run.data, overrides=TINY | wanted).classifier_entry()
    wanted["classifier_depth"] = 12
    with pytest.raises(SolarsynthError, match=r"not in timm's cache.*; set classifier_pretrained to auto or never"):
        Run("smoke", "archive", run.data, overrides=TINY | wanted).classifier_entry()


def test_weights_that_cannot_be_fetched_leave_auto_without_them(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("SOLARSYNTH_WEIGHTS", "download")
    config = ClassifierConfig(64, "tiny", 16, 5, 12)
    assert not starts_pretrained(config, "auto")
    with pytest.raises(SolarsynthError, match="not to be fetched"):
        starts_pretrained(config, "always")


def test_classifiers_start_from_published_weights_where_they_are(tmp_path, monkeypatch):
    """With a file of random weights where timm keeps its own: patches of 16 px, three channels, a thousand classes."""
    import timm

    name = "deit_tiny_distilled_patch16_224"
    config = ClassifierConfig(64, "tiny", 16, 5, 12)
    network = timm.create_model(name, pretrained=False)
    published = network.state_dict()
    put_weights(tmp_path, monkeypatch, f"timm/{name}.fb_in1k", network)
    assert starts_pretrained(config, "auto") and starts_pretrained(config, "always")
    assert not starts_pretrained(config, "never")
    assert not starts_pretrained(dataclasses.replace(config, depth=6), "auto")
    found = Classifier(config, pretrained=True).network.state_dict()
    torch.testing.assert_close(found["blocks.11.mlp.fc2.weight"], published["blocks.11.mlp.fc2.weight"])
    one_channel = published["patch_embed.proj.weight"].sum(1, keepdim=True)
    torch.testing.assert_close(found["patch_embed.proj.weight"], one_channel)
    assert found["head.weight"].shape == (5, 192)


def test_a_misspelt_space_is_noticed_at_once(run):
    with pytest.raises(SolarsynthError, match="no feature space 'cevea'; did you mean 'cevae'"):
        Reference(run, space="cevea")


def test_every_class_is_trained_on_as_often(run):
    entry = run.classifier_entry()
    assert entry.manifest["params"]["training"]["condition_dropout"] == 0
    found = Reference(run).confusions(run.dataset.image, run.dataset.label)
    assert len(found) == 2  # one per seed
    by_hand = confusion(run.dataset.label, run.classify(run.dataset.image, 1), 5)
    np.testing.assert_array_equal(found[1], by_hand)


def test_scores_compare_the_classes_that_both_sides_hold(run):
    """A class that was not drawn lowers neither side."""
    data = run.dataset
    run.classify = lambda image, seed=0: image[:, 0, seed] % 5
    here = data.test & (data.label > 0)
    several = len(np.unique(data.label[here])) < len(np.unique(data.label[data.test]))
    found = by_name(evaluate(Reference(run), [data.image[here]], (data.image[here], data.label[here])))
    assert found["Recall"].value == pytest.approx(1)
    assert not several or "without class A" in found["Recall"].note
    assert found["F1"].low <= 1 <= found["F1"].high  # what resampling the held-out images spans
    rows = class_values(Reference(run), data.image[here], data.label[here])
    assert len(rows) == 15 and rows[0].metric == "F1, class A"


class Told:
    """A run whose classifiers say what is written in the images' first row: 0.7 right, the rest a class too low."""

    def __init__(self, counts, classifiers):
        self.settings = SimpleNamespace(classifier_seeds=classifiers, floor_draws=200)
        image, label = self.draw(counts, 0)
        self.dataset = SimpleNamespace(image=image, label=label, test=np.ones(len(label), bool))

    @staticmethod
    def draw(counts, seed):
        rng, label = np.random.default_rng(seed), np.repeat(np.arange(5), counts)
        said = np.where(rng.random((3, len(label))) < 0.7, label, np.maximum(label - 1, 0))
        return said.T[:, None].astype(np.uint8), label

    def classify(self, image, seed=0):
        return image[:, 0, 0].astype(int)  # all of them agree


def test_a_perfect_generator_has_the_scores_of_real_images_in_any_mix():
    """Precision depends on how common classes are: 50 held-out images of X among 4000, but a fifth of the samples."""
    run = Told([100, 1000, 2500, 350, 50], 3)
    values = scores(Reference(run), *run.draw([400] * 5, 1))
    assert [v.value for v in values] == pytest.approx([1, 1, 1], abs=0.05)
    assert all(v.within for v in values) and values[0].floor_images == values[0].images == 2000
    width = [v.high - v.low for v in scores(Reference(run), *run.draw([400] * 5, 1))]
    alone = Told([100, 1000, 2500, 350, 50], 1)
    assert width == pytest.approx([v.high - v.low for v in scores(Reference(alone), *run.draw([400] * 5, 1))])
    worse, label = run.draw([400] * 5, 1)
    values = scores(Reference(run), np.roll(worse, 300, 0), label)
    assert not any(v.within for v in values)


def test_a_classifier_that_is_never_right_gives_no_floor():
    run = Told([20] * 5, 1)
    run.classify = lambda image, seed=0: np.full(len(image), 0)
    image, label = run.draw([0, 10, 10, 10, 10], 1)
    assert all(
        math.isnan(v.value) and math.isnan(v.low) and v.within is None for v in scores(Reference(run), image, label)
    )


def test_scores_in_another_mix_are_weighted_ones():
    from sklearn.metrics import precision_recall_fscore_support

    run, mix = Told([20, 200, 500, 70, 10], 1), np.array([5, 0, 100, 30, 60])
    label, said = run.dataset.label, run.classify(run.dataset.image)
    ours = Reference(run).real_scores(mix)[0]
    weight = (mix / np.bincount(label))[label]
    theirs = precision_recall_fscore_support(label, said, sample_weight=weight, labels=range(5), zero_division=0)
    here = mix > 0
    for found, expected in zip((ours.precision, ours.recall, ours.f1), theirs, strict=False):
        np.testing.assert_allclose(found[here], expected[here])
        assert np.isnan(found[~here]).all()


def test_the_jackknife_of_a_mean_is_its_standard_error():
    parts = list(np.random.default_rng(0).normal(size=(8, 40)))
    mean = lambda some: np.array([np.concatenate(some).mean()])  # noqa: E731
    error = jackknife(parts, mean, mean(parts))[0]
    means = [part.mean() for part in parts]
    assert error == pytest.approx(np.std(means, ddof=1) / np.sqrt(8))

    def refuses(some):
        raise SolarsynthError("too few")

    # One set is not measured again, and a value outlives an error that cannot be had.
    assert np.isnan(jackknife(parts[:1], refuses, np.array([1.0, 2.0]))).all()
    assert np.isnan(jackknife(parts, refuses, np.array([1.0]))).all()


def test_the_extremes_of_few_draws_are_called_so():
    low, high, note = span(np.array([3.0, 1.0, 2.0]))
    assert (low, high) == (1, 3) and note == "real sets: lowest and highest of 3"
    low, high, note = span(np.arange(101.0))
    assert (low, high) == (5, 95) and not note


def test_images_on_another_scale_are_noticed():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (20, 16, 16)).astype(np.uint8)
    assert range_warning(real[:5], real) == ""
    assert "from 128 to 255" in range_warning((real // 2 + 128).astype(np.uint8), real)  # [0, 1] taken for [-1, 1]
    assert "another scale" in range_warning(real // 32, real)


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


GOOD = np.full((4, 16, 16), 7, np.uint8)


@pytest.mark.parametrize(
    "arrays, match",
    [
        ({"picture": GOOD}, "it holds picture, but no 'image'"),
        ({"image": GOOD[0]}, r"must have the shape \(n, H, W\), not \(16, 16\)"),
        ({"image": np.zeros((2, 8, 8), np.uint8)}, "images of 8 × 8 px, but the reference's have 16 × 16"),
        ({"image": np.full((4, 16, 16), np.nan)}, "4 of 4 images hold NaN"),
        ({"image": np.full((4, 16, 16), 200.0)}, r"pixels from 200 to 200; give uint8, or float in \[-1, 1\]"),
        ({"image": GOOD.astype(np.int32)}, "pixels of type int32"),
        ({"image": GOOD, "label": np.zeros(3, int)}, r"4 images, but labels of shape \(3,\)"),
        ({"image": GOOD, "label": np.array(["A", "B", "Q", "M"])}, "label 'Q' is no GOES class"),
        ({"image": GOOD, "label": np.array([0, 1, 2, 5])}, r"whole numbers from 0 \(A\) to 4 \(X\)"),
        ({"image": GOOD, "label": np.zeros(4)}, "whole numbers"),
        ({"image": GOOD, "label": np.array([b"A", b"Q", b"M", b"M"])}, "label 'Q' is no GOES class"),
    ],
)
def test_files_that_cannot_be_evaluated(tmp_path, arrays, match):
    with pytest.raises(SolarsynthError, match=match):
        read_samples(write(tmp_path / "s.npz", **arrays), 16)


def test_files_that_can(tmp_path):
    image, label = read_samples(write(tmp_path / "a.npz", image=GOOD, label=np.array(["A", "X", "M", "M"])), 16)
    assert np.array_equal(image, GOOD) and label.tolist() == [0, 4, 3, 3]
    as_float = GOOD / 127.5 - 1
    image, label = read_samples(write(tmp_path / "b.npz", image=as_float), 16)
    assert np.array_equal(image, GOOD) and label is None
    assert read_samples(write(tmp_path / "c.npz", image=GOOD, label=np.full(4, -1)), 16)[1] is None
    in_bytes = np.array([b"A", b"X", b"M", b"M"])
    assert read_samples(write(tmp_path / "e.npz", image=GOOD, label=in_bytes), 16)[1].tolist() == [0, 4, 3, 3]
    np.save(tmp_path / "f.npy", GOOD)
    with pytest.raises(SolarsynthError, match=r"one array; give an \.npz"):
        read_samples(tmp_path / "f.npy", 16)
    (tmp_path / "d.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(SolarsynthError, match=r"no readable \.npz"):
        read_samples(tmp_path / "d.npz", 16)


def test_the_command(run, tmp_path, monkeypatch):
    """As a user calls it, on samples that somebody else made."""
    data = run.dataset
    write(tmp_path / "samples.npz", image=data.image[:20], label=np.array(list("ABCMX"))[data.label[:20]])
    command = [sys.executable, "-m", "solarsynth.cli", "evaluate", str(tmp_path / "samples.npz")]
    command += ["--reference", run.data, "--profile", "smoke"]
    command += [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    outputs = ["--csv", str(tmp_path / "t.csv"), "--json", str(tmp_path / "t.json")]
    done = subprocess.run([*command, *outputs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Cluster error" in done.stdout
    table = pd.read_csv(tmp_path / "t.csv")
    rows = json.loads((tmp_path / "t.json").read_text())
    assert table["metric"].tolist() == [row["metric"] for row in rows]
    assert table["value"].notna().sum() >= 9
    assert table["note"].str.startswith("weights not available").sum() == 2
    wrong = subprocess.run([*command[:-2], "--set", "image_size=64"], capture_output=True, text=True)
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "px" in wrong.stderr


def test_table_1_marks_a_best_value_only_beyond_the_spreads():
    def rows(value, spread):
        return [
            Value("Cluster distance", 1, value, spread, 0.9, 1.1, 50),
            Value("FID CLIP", 0, note="weights not available: none"),
        ]

    far = {
        "cevae": rows(2.0, 0.1),
        "discrete": rows(1.1, 0.05),
        "continuous": rows(1.5, 0.05),
        "embedding": rows(3, 0.1),
    }
    table = table_1(far, {"Cluster distance": 1.02})
    ours, published = table.loc["Cluster distance → 1", "ours, N = 50"], table.loc["Cluster distance → 1", "paper"]
    assert ours["discrete"] == "1.1 ± 0.05 *" and published["discrete"] == "0.921 ± 0.0037"
    assert ours["real, held out"] == "1.02" and published["real, held out"] == "1" and ours["real sets"] == "0.9 to 1.1"
    assert (
        table.loc["FID CLIP → 0", "ours"]["ceVAE"] == "weights not available"
        and table.loc["FID CLIP → 0", "paper"]["ceVAE"] == "5.05"
    )
    near = far | {"continuous": rows(0.88, 0.05)}
    assert "*" not in "".join(map(str, table_1(near, {"Cluster distance": 1.02}).to_numpy().ravel()))


def test_numbers_as_they_are_written():
    third = np.full(3, 1 / 3) + np.array([0, 1e-17, 6e-17])
    assert number(1 / 3, float(third.std(ddof=1))) == "0.333 ± 0" and number(0.5, 0.123) == "0.5 ± 0.12"
    assert number(2.0, math.nan) == "2" and number(math.nan, 1.0) == "–"


def test_tables_by_hand():
    scores = [
        class_scores(confusion([0, 0, 1, 1], [0, 1, 1, 1], 5)),
        class_scores(confusion([0, 0, 1, 1], [0, 0, 1, 1], 5)),
    ]
    table = table_d("table-d.1", scores)
    assert table.loc["A", ("recall", "ours")] == "0.75 ± 0.35" and table.loc["X", ("recall", "ours")] == "–"
    assert table.loc["M", ("F1", "paper")] == "0.70" and table.loc["macro", ("F1", "paper")] == "0.55"
    values = [Value("F1", 1, 0.5, 0.1, images=7, note="why")]
    assert evaluation_table(values, "t").row_count == 1 and as_table(values)["note"].tolist() == ["why"]


def test_purity_by_brute_force():
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    distance = ((x[:, None] - x[None]) ** 2).sum(2)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1)[:, :5]
    same = np.array([(label[near[i]] == label[i]).mean() for i in range(60)])
    share, chance = separation.purity(x, label, 5)
    assert share == pytest.approx(np.mean([same[label == c].mean() for c in range(3)]))
    assert chance == pytest.approx(np.mean([((label == c).sum() - 1) / 59 for c in range(3)]))
    assert separation.nearest(x[:5], x).tolist() == [0, 1, 2, 3, 4]


def test_separation_of_what_is_apart():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 30)
    x = rng.normal(size=(90, 8)) + 30 * np.eye(8)[label]
    assert separation.purity(x, label, 10)[0] == 1 and separation.silhouette(x, label) > 0.8
    mapped = separation.tsne(x)
    assert mapped.shape == (90, 2) and separation.purity(mapped, label, 10)[0] > 0.95
    assert np.array_equal(mapped, separation.tsne(x))
    for call, match in (
        (lambda: separation.tsne(x[:3]), "at least 4"),
        (lambda: separation.purity(x[:5], label[:5], 10), "more than 10 images"),
        (lambda: separation.silhouette(x[:9], label[:9]), "two classes"),
    ):
        with pytest.raises(SolarsynthError, match=match):
            call()
