"""The models that come with the package."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tiny import ARCHITECTURE, TINY, as_options

import solarsynth
from solarsynth import CLASSES, shipped, stages
from solarsynth.cli import main
from solarsynth.errors import SolarsynthError
from solarsynth.generator import Generator
from solarsynth.kinds import MODELS
from solarsynth.networks import build
from solarsynth.shipped import FOLDER, available, load_shipped, read_weights, write_weights
from solarsynth.stages import Lab

LARGEST = 16 << 20  # bytes of a single file


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


def card_of(tmp_path, *arguments):
    """Return the description that `sample` writes beside its pictures, and the header of the same image in FITS."""
    from astropy.io import fits

    for out in ("card", "suns.fits"):
        done = CliRunner().invoke(main, ["sample", "X", "1", "--out", str(tmp_path / out), *map(str, arguments)])
        assert done.exit_code == 0, done.output
    header = fits.getheader(tmp_path / "suns.fits")
    card = json.loads((tmp_path / "card" / "datacard.json").read_text())
    shutil.rmtree(tmp_path / "card")
    return card, header


def test_a_file_says_that_the_packages_model_drew_it(tmp_path, fresh_store):
    files = available()
    card, header = card_of(tmp_path, "--steps", 2)
    assert card["shipped"] is True and card["sha256"] == files["discrete"]["sha256"] and "prior" not in card
    assert header["SHIPPED"] is True and header["SHA256"] == files["discrete"]["sha256"] and "KEY" not in header
    card, header = card_of(tmp_path, "--steps", 2, "--model", "embedding")
    assert card["prior"] == header["PRIOR"] == files["prior"]["sha256"]
    assert card["sha256"] == header["SHA256"] == files["embedding"]["sha256"]


def test_a_file_says_which_model_of_ones_own_drew_it(tmp_path, shared_archive, store_folder):
    lab = Lab("smoke", "archive", str(shared_archive), overrides=TINY)
    where = ("--profile", "smoke", "--source", "archive", "--data", shared_archive, *as_options(TINY))
    card, header = card_of(tmp_path, "--model", "embedding", *where)
    assert card["shipped"] is False and header["SHIPPED"] is False and "sha256" not in card and "SHA256" not in header
    assert card["key"] == header["KEY"] == lab.key(stages.MODEL, model="embedding")
    assert card["prior"] == header["PRIOR"] == lab.key(stages.PRIOR)


def test_help_names_the_defaults_that_hold():
    options = {option.name: option.help for option in main.commands["sample"].params if hasattr(option, "help")}
    for name, value in shipped.SAMPLING.items():
        assert f"[default: {value}; for a model of your own its profile's]" in options[name]
    for name, value in (("profile", "laptop"), ("source", "simulated")):
        assert "model of your own" in options[name]
        assert f"[default: {value}, if another option asks for such a model]" in options[name]
    assert "[default: laptop]" in " ".join(CliRunner().invoke(main, ["train", "--help"]).output.split())


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


def test_an_index_whose_file_is_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    (tmp_path / "weights.json").write_text(json.dumps({"files": {"prior": {"file": 7, "sha256": "0"}}}))
    assert available()["prior"]["file"] == "7"
    with pytest.raises(SolarsynthError, match="7: cannot be read"):
        read_weights("prior")


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
