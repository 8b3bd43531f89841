"""The classifier: it learns what can be seen, from all classes alike, and starts from published weights if it can."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import TINY
from torch import nn
from weights import put_weights

from solarsynth import paths, stages
from solarsynth.errors import SolarsynthError
from solarsynth.models.classifier import Classifier, ClassifierConfig, starts_pretrained
from solarsynth.stages import encoders


@pytest.fixture
def lab(shared_archive, store_folder, monkeypatch, tmp_path):
    # Weights that happen to be on this machine must not decide what is tested.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY)


def test_the_classifier_learns_what_can_be_seen(tmp_path):
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


class Captured(Exception):
    """Ends a training before it starts."""


@pytest.fixture
def planted(shared_archive, fresh_store, monkeypatch):
    """Train a classifier on planted labels, up to the call of the training, and return what it was given."""

    def given(label, test, validation):
        data = stages.labelled_set(stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY))
        n, seen = len(label), {}
        image = np.tile(np.arange(n, dtype=np.uint8)[:, None, None], (1, 16, 16))  # an image's number is its value
        names = ("flux", "peak_time", "frame_time", "delay", "block", "region")
        columns = {name: getattr(data, name)[np.arange(n) % len(data)] for name in names}
        columns |= {"test": test, "train": ~test, "validation": validation, "fit": ~test & ~validation}
        dataclasses.replace(data, image=image, label=label, **columns).write(fresh_store / "planted.npz")

        def capture(job, architecture, config, image, condition, about, **how):
            seen.update(image=image[:, 0, 0], label=condition[:, 0], config=config, held_out=how["held_out"])
            raise Captured

        monkeypatch.setattr(encoders, "train_network", capture)
        with pytest.raises(Captured):
            stages.Lab("smoke", "labelled", str(fresh_store / "planted.npz"), overrides=TINY).entry(stages.CLASSIFIER)
        return seen

    return given


def test_every_class_is_trained_on_as_often_as_the_largest(planted):
    """Planted: 9 training images of B, 3 of C and 1 of X, and others held out."""
    label = np.repeat([1, 2, 4, 1, 2, 4], [9, 3, 1, 4, 4, 4])
    seen = planted(label, np.arange(25) >= 13, np.zeros(25, bool))
    assert np.bincount(seen["label"], minlength=5).tolist() == [0, 9, 9, 0, 9]
    # Images of a class are repeated equally often, keep their class, and none is held out.
    assert np.bincount(seen["image"], minlength=25).tolist() == [1] * 9 + [3] * 3 + [9] + [0] * 12
    assert np.array_equal(label[seen["image"]], seen["label"])
    assert seen["config"]["condition_dropout"] == 0  # the condition is the class that it must predict
    assert seen["held_out"] is None  # no image is kept back to choose by


def test_it_is_chosen_by_images_that_it_does_not_learn_from(planted):
    """Planted: 6 images of B and 2 of C to learn from; 4 of B, 1 of C and 2 of X kept back; the rest held out."""
    label = np.repeat([1, 2, 1, 2, 4, 1], [6, 2, 4, 1, 2, 5])
    number = np.arange(20)
    seen = planted(label, number >= 15, (number >= 8) & (number < 15))
    assert set(seen["image"]) == set(range(8))
    watch = seen["held_out"]
    assert watch.image[:, 0, 0, 0].tolist() == [8, 9, 10, 11, 12]  # no X: nothing can be learnt of it
    assert watch.condition[:, 0].tolist() == [1, 1, 1, 1, 2]
    np.testing.assert_allclose(watch.weight, [1 / 8] * 4 + [1 / 2])  # both classes alike


def test_each_seed_is_another_classifier(lab):
    images = stages.held_out_images(lab)
    first, second = (stages.predictions(lab, images, seed) for seed in (0, 1))
    assert first.shape == (len(images), 5) and not np.allclose(first, second)
    np.testing.assert_allclose(first.sum(1), 1, atol=1e-5)
    network = lab.load(stages.CLASSIFIER, seed=1)
    x = torch.from_numpy(images.image)[:, None].float() / 127.5 - 1
    with torch.no_grad():
        expected = network.logits(x).softmax(1).numpy()
    np.testing.assert_allclose(second, expected, atol=1e-5)


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"size": "huge"}, "unknown size of DeiT 'huge'"),
        ({"patch": 24}, "divisible by the classifier's patch of 24, got 64"),
    ],
)
def test_classifiers_that_cannot_be(settings, match):
    with pytest.raises(SolarsynthError, match=match):
        ClassifierConfig(**settings)


def test_pretrained_weights_that_are_not_there(lab):
    with pytest.raises(SolarsynthError, match="need 12 blocks, got 1; set classifier_depth and trial_depth to 12"):
        lab.variant(classifier_pretrained="always").entry(stages.CLASSIFIER)
    with pytest.raises(SolarsynthError, match=r"not in timm's cache.*; set classifier_pretrained to auto or never"):
        lab.variant(classifier_pretrained="always", classifier_depth=12).entry(stages.CLASSIFIER)


def test_weights_that_cannot_be_fetched_leave_auto_without_them(lab, monkeypatch):
    monkeypatch.setenv("SOLARSYNTH_WEIGHTS", "download")
    config = ClassifierConfig(64, "tiny", 16, 5, 12)
    assert not starts_pretrained(config, "auto")
    with pytest.raises(SolarsynthError, match="could not be fetched"):
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


def test_what_is_fetched_is_pinned_to_a_revision(tmp_path, monkeypatch):
    """The hub is asked for one revision, and timm then reads that one; weights that were there before are used."""
    import timm

    name, asked = "deit_tiny_distilled_patch16_224", []
    repository, revision = f"timm/{name}.fb_in1k", paths.REVISIONS[f"timm/{name}.fb_in1k"]
    network = timm.create_model(name, pretrained=False)
    monkeypatch.setenv("SOLARSYNTH_WEIGHTS", "download")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "one"))

    def fetch(*which, revision):
        asked.append((*which, revision))
        put_weights(tmp_path / "one", monkeypatch, repository, network, revision)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    config = ClassifierConfig(64, "tiny", 16, 5, 12)
    assert starts_pretrained(config, "always")
    assert asked == [(repository, "model.safetensors", revision)]
    assert paths.pinned(name) == f"{repository}@{revision}"
    monkeypatch.undo()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "one"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    found = Classifier(config, pretrained=True).network.state_dict()
    torch.testing.assert_close(found["blocks.11.mlp.fc2.weight"], network.state_dict()["blocks.11.mlp.fc2.weight"])
    put_weights(tmp_path / "two", monkeypatch, repository, network)
    assert paths.pinned(name) == repository and starts_pretrained(config, "always")
