"""Feature spaces: CLIP's and InceptionV3's preprocessing against other code, and features and maps that are kept."""

import hashlib
import warnings

import numpy as np
import pytest
import torch
from tiny import TINY
from torch import nn
from weights import put_weights

from solarsynth import stages
from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import Reference
from solarsynth.evaluation.rows import FRECHET
from solarsynth.metrics.frechet import frechet_distance
from solarsynth.stages import spaces

CLEAN_FID = pytest.mark.filterwarnings("ignore:.torch.jit", "ignore:The `disp` argument")  # warnings of clean-fid


@pytest.fixture
def lab(shared_archive, store_folder, monkeypatch, tmp_path):
    # Weights that happen to be on this machine must not decide what is tested.
    monkeypatch.setenv("SOLARSYNTH_INCEPTION", str(tmp_path / "no-weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY)


class Layers(nn.Module):
    """The part of clean-fid's file that is called: layers that turn (B, 3, 299, 299) into 2048 values."""

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
def stand_in(lab, tmp_path, monkeypatch):
    """A folder with a network of random weights in place of InceptionV3."""
    torch.manual_seed(0)
    folder = tmp_path / "weights"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, but clean-fid's file is a torch.jit file
        torch.jit.script(Inception()).save(str(folder / spaces.INCEPTION_FILE))
    monkeypatch.setenv("SOLARSYNTH_INCEPTION", str(folder))
    return folder


@CLEAN_FID
def test_the_inception_path_equals_clean_fid_on_png_files(lab, stand_in, tmp_path):
    from cleanfid import fid
    from cleanfid.inception_torchscript import InceptionV3W
    from PIL import Image

    rng = np.random.default_rng(0)
    training = stages.training_images(lab)
    drawn = ImageSet.of((training.image[:12] // 2 + rng.integers(0, 40, (12, 16, 16))).astype(np.uint8))
    theirs = {}
    model = InceptionV3W(str(stand_in), download=False, resize_inside=False)
    for name, images in {"real": training, "drawn": drawn}.items():
        folder = tmp_path / name
        folder.mkdir()
        for i, frame in enumerate(images.image):
            Image.fromarray(frame).convert("RGB").save(folder / f"{i:03d}.png")
        theirs[name] = fid.get_folder_features(
            str(folder), model=model, num_workers=0, device=torch.device("cpu"), mode="clean", verbose=False
        )
        np.testing.assert_allclose(stages.features(lab, "inception", images), theirs[name], atol=1e-4)
    found = frechet_distance(*(stages.features(lab, "inception", images) for images in (drawn, training)))
    # All features lie in a space of few dimensions. The distance is the same there, and clean-fid's matrix root fast.
    everything = np.concatenate(list(theirs.values()))
    basis = np.linalg.svd(everything - everything.mean(0), full_matrices=False)[2].T
    moments = [m for x in (theirs["drawn"] @ basis, theirs["real"] @ basis) for m in (x.mean(0), np.cov(x.T))]
    assert found == pytest.approx(fid.frechet_distance(*moments), rel=1e-2)


@CLEAN_FID
def test_the_clip_path(lab, tmp_path, monkeypatch):
    """Random weights where timm looks for its own, read by timm: preprocessing and shape are CLIP's."""
    import timm
    from PIL import Image

    network = timm.create_model(spaces.CLIP, pretrained=False).eval()
    # Known from the hub: both activations share one repository.
    file = put_weights(tmp_path, monkeypatch, "timm/vit_base_patch32_clip_224.openai", network)
    image = stages.training_images(lab).image[:2]
    found = stages.space(lab, "clip").embed(image)
    file.unlink()  # 350 MB
    assert found.shape == (2, 512)
    # By hand: 224 px bicubic, three channels, CLIP's mean and standard deviation.
    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    large = [np.array(Image.fromarray(f).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)) for f in image]
    x = torch.from_numpy(((np.stack(large) / 255 - mean) / std).transpose(0, 3, 1, 2)).float()
    with torch.no_grad():
        expected = network(x).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


@CLEAN_FID
@pytest.mark.parametrize("name, size", [("inception", 2048), ("clip", 512)])
def test_the_true_weights_where_they_are(name, size):
    """Two images of a disk are closer to each other than to noise."""
    try:
        space = {"inception": spaces.inception, "clip": spaces.clip}[name]()
    except spaces.WeightsMissing as error:
        pytest.skip(str(error))
    y, x = np.mgrid[:64, :64] - 31.5
    sun = ((x**2 + y**2 < 25**2) * 150).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    found = space.embed(np.stack([sun, np.roll(sun, 1, axis=1), noise]))
    assert found.shape == (3, size)
    assert np.linalg.norm(found[0] - found[1]) < np.linalg.norm(found[0] - found[2])


def pooled(x):
    """Halve the resolution in numpy: the largest of 2×2 pixels at every place, blurred, every second pixel."""
    largest = np.max([x[..., i : x.shape[-2] - 1 + i, j : x.shape[-1] - 1 + j] for i in (0, 1) for j in (0, 1)], axis=0)
    padded = np.pad(largest, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    height, width = padded.shape[-2] - 2, padded.shape[-1] - 2
    binomial = np.outer([1, 2, 1], [1, 2, 1]) / 16
    blurred = sum(binomial[i, j] * padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3))
    return blurred[..., ::2, ::2]


def test_vgg16_equals_torchvisions_with_blurred_pooling():
    from torchvision.models import vgg

    published = torch.load(spaces.vgg_file(), map_location="cpu", weights_only=True)
    layers = vgg.make_layers(vgg.cfgs["D"])  # of torchvision: it ends with a pooling
    numbers = [n for n in published if n.startswith("net.") and n.endswith(("weight", "bias"))]
    layers.load_state_dict(dict(zip(layers.state_dict(), (published[n] for n in numbers), strict=True)))
    image = np.random.default_rng(0).integers(0, 256, (2, 32, 32)).astype(np.uint8)
    # The published scaling is the usual one, 0.485 and 0.229 and so on, for values from -1 to 1, rounded.
    mean, std = (np.array(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x, expected = torch.from_numpy((image[:, None] / 255 - mean) / std).float(), []
    for layer in layers:
        if isinstance(layer, nn.MaxPool2d):
            length = np.sqrt((x.numpy() ** 2).sum(1, keepdims=True))
            share = published[f"lin{len(expected)}.model.1.weight"].numpy().ravel()
            expected.append(100 * np.sqrt(share) * (x.numpy() / (length + 1e-10)).mean((2, 3)))
            x = torch.from_numpy(pooled(x.numpy())).float()
        else:
            with torch.no_grad():
                x = layer(x)
    found = spaces.vgg().embed(image)
    assert found.shape == (2, 64 + 128 + 256 + 512 + 512)
    np.testing.assert_allclose(found, np.concatenate(expected, 1), rtol=1e-2, atol=1e-3)


def test_vgg16_tells_suns_from_noise(lab):
    """Planted: disks, each with three bright regions, and the same pixels in another order."""
    y, x = np.mgrid[:64, :64] - 31.5
    centre = np.random.default_rng(1).uniform(-18, 18, (10, 3, 2, 1, 1))
    regions = np.exp(-((y - centre[:, :, 0]) ** 2 + (x - centre[:, :, 1]) ** 2) / 8).sum(1)
    image = (np.hypot(x, y) < 26) * (60 + np.minimum(150 * regions, 190))
    image = image.astype(np.uint8)
    noise = np.random.default_rng(0).permuted(image.reshape(10, -1), axis=1).reshape(image.shape)
    z, z_noise = (stages.features(lab, "vgg", ImageSet.of(x)) for x in (image, noise))
    distance = np.linalg.norm(z[:, None] - z, axis=2)
    assert distance.max() < np.linalg.norm(z[:, None] - z_noise, axis=2).min()
    np.testing.assert_allclose(stages.space(lab, "vgg").embed(image[3:4]), z[3:4], atol=1e-4)  # whatever the batch
    assert spaces.published_key("vgg") == hashlib.sha256(spaces.vgg_file().read_bytes()).hexdigest()[:16]


def test_other_weights_are_not_vgg16s(tmp_path, monkeypatch):
    torch.save({"net.slice1.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    monkeypatch.setattr(spaces, "vgg_file", lambda: tmp_path / "other.pth")
    with pytest.raises(SolarsynthError, match="not the weights of ST-LPIPS' VGG16"):
        spaces.vgg()


def test_weights_that_are_missing_are_named(lab, monkeypatch):
    with pytest.raises(spaces.WeightsMissing, match="weights not available: CLIP"):
        stages.space(lab, "clip")
    with pytest.raises(spaces.WeightsMissing, match="weights not available: clean-fid's inception"):
        stages.space(lab, "inception")
    monkeypatch.setattr(spaces, "VGG_PACKAGE", "no_such_package")
    with pytest.raises(spaces.WeightsMissing, match="VGG16 comes with stlpips-pytorch, which is not installed"):
        stages.space(lab, "vgg")


def test_the_ceVAEs_space_is_standardised_over_the_training_images(lab):
    images, cevae = stages.training_images(lab), stages.cevae(lab)
    with torch.no_grad():
        mean, _ = cevae.encode(torch.from_numpy(images.image)[:, None].float() / 127.5 - 1)
    mean = mean.numpy()
    # A dimension that the decoder does not use varies by less than 0.01 and must not be blown up.
    expected = (mean - mean.mean(0)) / np.maximum(mean.std(0), 0.01)
    np.testing.assert_allclose(stages.training_features(lab, "cevae"), expected, atol=1e-3)


def test_features_are_kept(lab, monkeypatch):
    images = ImageSet.of(stages.training_images(lab).image[:5])
    first = stages.features(lab, "cevae", images)
    again = stages.Lab("smoke", "archive", lab.data, overrides=TINY)
    monkeypatch.setattr("solarsynth.stages.spaces.embed_images", lambda *a, **k: 1 / 0)
    assert np.array_equal(stages.features(again, "cevae", ImageSet.of(images.image)), first)
    with pytest.raises(ZeroDivisionError):  # other images are embedded
        stages.features(again, "cevae", ImageSet.of(images.image[:4]))


def test_a_map_is_kept(lab, monkeypatch):
    chosen = np.arange(8)
    first = stages.tsne_map(lab, "cevae", chosen)
    assert first.shape == (8, 2)
    monkeypatch.setattr("solarsynth.metrics.separation.tsne", lambda *a, **k: 1 / 0)
    assert np.array_equal(stages.tsne_map(lab, "cevae", chosen), first)
    with pytest.raises(ZeroDivisionError):
        stages.tsne_map(lab, "cevae", chosen + 1)


def test_a_misspelt_space_is_noticed_at_once(lab):
    for call in (
        lambda: stages.space(lab, "cvae"),
        lambda: stages.features(lab, "cvae", stages.training_images(lab)),
        lambda: Reference(lab, space="cvae"),
    ):
        with pytest.raises(SolarsynthError, match="unknown feature space 'cvae'; did you mean 'cevae'"):
            call()


def test_every_space_has_a_row_in_table_1():
    assert set(FRECHET) == set(stages.SPACES)
