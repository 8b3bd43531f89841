"""The models that come with the package."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import solarsynth
from solarsynth import CLASSES, shipped
from solarsynth.cli import main
from solarsynth.errors import SolarsynthError
from solarsynth.generator import Generator
from solarsynth.kinds import MODELS
from solarsynth.networks import build
from solarsynth.shipped import FOLDER, available, load_shipped, read_weights, write_weights

LARGEST = 16 << 20  # bytes of a single file
ARCHITECTURE = {
    "kind": "discrete",
    "image_size": 16,
    "base_width": 4,
    "patch": 1,
    "attention": "all",
    "dropout": 0.0,
    "n_classes": 5,
    "parameterisation": "preconditioned",
    "min_snr": 0.0,
    "n_steps": 100,
    "beta_start": 1e-4,
    "beta_end": 0.05,
}


def test_every_model_is_there_and_small():
    files = available()
    assert set(files) == {*MODELS, "cevae", "prior"}
    for row in files.values():
        path = FOLDER / row["file"]
        assert path.stat().st_size == row["bytes"] < LARGEST
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
    assert {path.name for path in FOLDER.glob("*.safetensors")} == {row["file"] for row in files.values()}
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    for words in ("Data", "Intended use", "Limits", "synthetic", "memorisation"):
        assert words.lower() in card.lower()


@pytest.mark.parametrize("model", MODELS)
def test_a_model_draws_suns_without_training(model, fresh_store):
    generator = load_shipped(model)
    assert isinstance(generator, Generator) and sum(p.numel() for p in generator.denoiser.parameters()) < 8e6
    image = generator.sample("M", 2, seed=1, steps=6)
    assert image.shape == (2, 64, 64) and image.dtype == np.uint8
    y, x = np.mgrid[:64, :64] - 31.5
    r = np.hypot(y, x) / 64
    for one in image.astype(float):  # a bright disk on a dark sky, as in every frame
        assert one[r < 0.35].mean() > 1.5 * one[r > 0.6].mean()
    assert not fresh_store.exists() or not any(fresh_store.rglob("*.safetensors")), "nothing was trained"


def test_from_python_and_from_the_command_line(tmp_path, fresh_store):
    assert solarsynth.load("discrete").unit == "display"
    result = CliRunner().invoke(main, ["sample", "X", "2", "--steps", "4", "--out", str(tmp_path / "x.npz")])
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "x.npz") as file:
        assert set(file["label"]) == {"X"}
        np.testing.assert_array_equal(file["image"], load_shipped("discrete").sample("X", 2, seed=0, steps=4))


def test_a_class_that_the_models_have_not_seen(tmp_path):
    seen = load_shipped("discrete").classes_seen
    unseen = next(name for name in CLASSES if not seen[name])
    result = CliRunner().invoke(main, ["sample", unseen, "2", "--out", str(tmp_path / "x.npz")])
    assert result.exit_code == 1 and f"never saw an image of class {unseen}" in result.output


def test_half_precision_and_back(tmp_path, monkeypatch):
    network = build(ARCHITECTURE, seed=3)
    network.pixel_mean.fill_(0.123456789)
    about = {"architecture": ARCHITECTURE, "classes_seen": {"B": 1}, "unit": "display"}
    row = write_weights("discrete", network, about, tmp_path)
    (tmp_path / "weights.json").write_text(json.dumps({"files": {"discrete": row}}))
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    found, described = read_weights("discrete")
    assert described == about
    for name, value in network.state_dict().items():
        got = found.state_dict()[name].cpu()
        assert got.dtype == value.dtype
        exact = name not in dict(network.named_parameters())
        torch.testing.assert_close(got, value, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-7)


def test_damaged_and_missing_weights(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path / "weights")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "weights")
    path = tmp_path / "weights" / available()["prior"]["file"]
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(SolarsynthError, match="SHA-256"):
        read_weights("prior")
    path.unlink()
    with pytest.raises(SolarsynthError, match="cannot be read"):
        read_weights("prior")
    with pytest.raises(SolarsynthError, match=r"no weights of 'cevea'.*cevae"):
        read_weights("cevea")
