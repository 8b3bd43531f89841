"""The GPU path where there is no GPU: every model, loss and sampler on a GPU without values.

A tensor that is left on the CPU fails, and so does a matrix product that is not in bfloat16 where it should be.
Numbers are not checked here: those of the CPU are, in the other tests.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_cuda import fake_cuda

from solarsynth.augmentation import FORECAST, augment
from solarsynth.devices import device, in_batches
from solarsynth.diffusion.sampling import Sampling
from solarsynth.diffusion.selection import HeldOutLoss
from solarsynth.diffusion.training import TrainingConfig, _gradients, train
from solarsynth.generator import Generator, walk
from solarsynth.models.vgg import BLOCKS, VGG16
from solarsynth.networks import (
    build,
    classify,
    draw_baseline,
    embed_images,
    masked_and_restored,
    read_network,
    write_network,
)
from solarsynth.pixels import to_unit

BF16 = torch.bfloat16

# A copy of a module asks each tensor for its address, which a tensor without values does not have.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor:UserWarning")

SCHEDULE = {"n_steps": 6, "beta_start": 1e-4, "beta_end": 0.05}
U_NET = SCHEDULE | {
    "kind": "discrete",
    "image_size": 16,
    "base_width": 4,
    "patch": 1,
    "attention": "inner",
    "dropout": 0.1,
    "n_classes": 5,
    "latent": 4,
    "parameterisation": "preconditioned",
    "min_snr": 0.0,
}
PRIOR = SCHEDULE | {"kind": "prior", "latent": 4, "width": 16, "depth": 1, "n_classes": 5}
CEVAE = {"kind": "cevae", "image_size": 16, "latent": 4, "width": 2, "kl": "mean"}
CLASSIFIER = {"kind": "classifier", "image_size": 16, "size": "tiny", "patch": 8, "n_classes": 5, "depth": 1}

DENOISERS = {
    "eps": U_NET | {"parameterisation": "eps", "min_snr": 5.0},
    "x0": U_NET | {"parameterisation": "x0"},
    "preconditioned": U_NET,
    "wiener": U_NET | {"parameterisation": "wiener"},
    "consistency": U_NET | {"parameterisation": "consistency"},
    "continuous": U_NET | {"kind": "continuous"},
    "embedding": U_NET | {"kind": "embedding"},
    "mirrored": U_NET | {"mirror": 0.5},
    "coordinates, patches": U_NET | {"coordinates": 1, "patch": 2, "attention": "all"},
}
NETWORKS = DENOISERS | {"prior": PRIOR, "cevae": CEVAE, "classifier": CLASSIFIER}


def expected_types(name):
    """Return the types in which a network multiplies; noise would drown the sums of the Wiener filter in bfloat16."""
    return {BF16, torch.float32} if name == "wiener" else {BF16}


SAMPLINGS = {
    "ancestral": Sampling("ancestral", 5),
    "ddim": Sampling("ddim", 3, eta=0.5),
    "dpm-solver++": Sampling("dpm-solver++", 3),
    "consistency": Sampling("consistency", 2),
}
GUIDANCES = {"none": {}, "everywhere": {"guidance": 2.0}, "inside": {"guidance": 2.0, "interval": (0.05, 0.2)}}


@pytest.fixture
def gpu(monkeypatch):
    with fake_cuda(monkeypatch) as gpu:
        assert device() == "cuda"
        yield gpu


def images(n=10, size=16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, size, size)).astype(np.uint8)


def examples(architecture, n=10):
    """Return what a network learns from: images or embeddings, and conditions."""
    label = np.arange(n)[:, None] % 5
    embedding = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    kind = architecture["kind"]
    condition = {"continuous": 10.0 ** (label - 8.0), "embedding": np.concatenate([label, embedding], axis=1)}
    return embedding if kind == "prior" else images(n), condition.get(kind, label)


def generator(architecture, sampling=SAMPLINGS["dpm-solver++"]):
    prior = build(PRIOR, seed=0).to("cuda").eval() if architecture["kind"] == "embedding" else None
    about = {"architecture": architecture, "unit": "display", "classes_seen": dict.fromkeys("ABCMX", 4)}
    about["training_flux"] = {name: [1e-6] for name in "ABCMX"}
    return Generator(build(architecture, seed=0).to("cuda").eval(), about, sampling, prior)


class TestTheFakeGPU:
    """It must notice what a real one would."""

    def test_a_buffer_left_on_the_cpu_fails(self, gpu):
        model = generator(U_NET)
        model.denoiser.network.position_of_nothing = torch.ones(1, 16, 16)  # no buffer: it does not move
        model.denoiser.start = lambda eps: eps * model.denoiser.network.position_of_nothing
        with pytest.raises(RuntimeError, match="on the same device"):
            model.sample("X", 2)

    def test_a_network_left_on_the_cpu_fails(self, gpu, tmp_path):
        model = generator(U_NET)
        model.denoiser.cpu()
        with pytest.raises(RuntimeError, match="on the same device"):
            model.sample("X", 2)

    def test_noise_left_on_the_cpu_fails_in_training(self, gpu, tmp_path, monkeypatch):
        monkeypatch.setattr("solarsynth.diffusion.training._to", lambda values, device: values)
        with pytest.raises(RuntimeError, match="on the same device"):
            train(build(U_NET, 0), *examples(U_NET), TrainingConfig(8, 4), tmp_path, device="cuda")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_and_its_gradients(gpu, name):
    architecture = NETWORKS[name]
    network = build(architecture, seed=0)
    data, condition = (torch.from_numpy(array) for array in examples(architecture, n=2))
    x_0 = data if name == "prior" else to_unit(data[:, None])
    network.fit(x_0, condition.float())  # on the CPU, as a training does
    network.to("cuda")
    x_0, condition = x_0.to("cuda"), condition.float().to("cuda")
    if architecture.get("mirror"):
        condition = torch.cat([condition, torch.ones_like(condition)], dim=1)
    network.done = 0.5
    drawn = [values.to("cuda") for values in network.draw(tuple(x_0.shape), torch.Generator().manual_seed(0))]
    loss, score = _gradients(network, x_0, condition, drawn, micro=2)
    assert loss.device.type == score.device.type == "cuda"
    assert {p.grad.device.type for p in network.parameters() if p.requires_grad} == {"cuda"}
    assert gpu.ran == expected_types(name), "all of it in bfloat16, but a filter of the whole image"


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", ["preconditioned", "prior", "cevae", "classifier"])
def test_training(gpu, tmp_path, name):
    """The optimiser, the averages, the held-out loss, a checkpoint, and going on from it."""
    architecture = NETWORKS[name]
    data, condition = examples(architecture)
    config = TrainingConfig(8, 4, ema_start=1, gradient_clip=1.0, log_every=4, checkpoint_every=0.0)
    config = replace(config, ema_snapshots=int(name == "prior"))
    watch = HeldOutLoss(images(4), condition[:4]) if name != "prior" else None
    stopped = build(architecture, seed=0)
    draw, drawn = stopped.draw, []

    def stop(shape, generator):
        drawn.append(shape)
        if len(drawn) - bool(watch) == 2:
            raise Stop
        return draw(shape, generator)

    stopped.draw = stop
    with pytest.raises(Stop):
        train(stopped, data, condition, config, tmp_path, device="cuda", watch=watch)
    network = build(architecture, seed=0)
    ema = train(network, data, condition, config, tmp_path, device="cuda", watch=watch)
    held = [*network.parameters(), *ema.average.parameters(), *ema.average.buffers()]
    assert {tensor.device.type for tensor in held} == {"cuda"}
    assert [line.split(",")[0] for line in (tmp_path / "training.csv").read_text().splitlines()[1:]] == ["4", "8"]
    write_network(tmp_path, ema.average, {"architecture": architecture})
    again, _ = read_network(tmp_path)
    assert {p.device.type for p in again.parameters()} == {"cuda"}


@pytest.mark.parametrize("guidance", GUIDANCES)
@pytest.mark.parametrize("sampler", SAMPLINGS)
def test_sampling(gpu, sampler, guidance):
    architecture = DENOISERS["consistency" if sampler == "consistency" else "preconditioned"]
    model = generator(architecture, SAMPLINGS[sampler].replace(**GUIDANCES[guidance]))
    assert model.sample("X", 3).shape == (3, 16, 16)
    assert gpu.ran == {BF16}, "all of it in bfloat16"


def test_sampling_with_the_filter_of_the_whole_image(gpu):
    assert generator(DENOISERS["wiener"], SAMPLINGS["dpm-solver++"]).sample("X", 3).shape == (3, 16, 16)
    assert gpu.ran == expected_types("wiener")


def test_an_image_is_followed_from_noise_to_sun(gpu):
    assert len(generator(U_NET).trace("M", pictures=3)) == 3


@pytest.mark.parametrize("name", ["eps", "continuous", "embedding", "coordinates, patches"])
def test_a_model_draws(gpu, name):
    model = generator(DENOISERS[name])
    assert model.sample("X", 9).shape == (9, 16, 16)  # more than 8: the batch is found by measuring
    assert walk(model, "C", n=3).shape == (3, 16, 16)


def test_the_cevae_on_its_own(gpu):
    cevae = build(CEVAE, seed=0).to("cuda").eval()
    assert embed_images(cevae, images()).shape == (10, 4)
    assert embed_images(cevae, images(), standardised=False).shape == (10, 4)
    assert draw_baseline(cevae, 5, seed=0, batch=2).shape == (5, 16, 16)
    assert masked_and_restored(cevae, images())["restored"].shape == (10, 16, 16)


def test_the_classifier_on_its_own(gpu):
    classifier = build(CLASSIFIER, seed=0).to("cuda").eval()
    assert classify(classifier, images()).shape == (10, 5)
    assert in_batches(lambda x: classifier.embed(to_unit(x[:, None])), images(), 4).shape == (10, 192)


def vgg_weights():
    """Return weights with the names and shapes that `VGG16` reads."""
    weights, channels = (
        {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "scaling_layer.scale": torch.ones(1, 3, 1, 1)},
        3,
    )
    for block, (width, count) in enumerate(BLOCKS):
        for layer in range(count):
            weights[f"net.slice{block + 1}.{layer}.weight"] = torch.zeros(width, channels, 3, 3)
            weights[f"net.slice{block + 1}.{layer}.bias"] = torch.zeros(width)
            channels = width
        weights[f"lin{block}.model.1.weight"] = torch.ones(1, width, 1, 1)
    return weights


def test_published_networks(gpu):
    """VGG16, and the tower of CLIP's size that timm builds; InceptionV3 is TorchScript, which no mode can look into."""
    import timm

    vgg = VGG16(vgg_weights()).to("cuda", memory_format=torch.channels_last)
    assert in_batches(lambda x: vgg.embed(to_unit(x[:, None])), images(size=24), 4).shape == (10, 1472)
    tower = timm.create_model("vit_base_patch32_clip_quickgelu_224", depth=1).to("cuda").eval()
    assert in_batches(tower, images(4), 2, lambda frames: torch.zeros(len(frames), 3, 224, 224)).shape[0] == 4


def test_classical_augmentation(gpu):
    assert augment(images(), FORECAST, 0, device()).shape == (10, 16, 16)


@pytest.mark.parametrize("name", ["preconditioned", "cevae", "classifier"])
def test_bfloat16_changes_the_loss_by_rounding_only(name):
    """On the CPU, with numbers: what autocast does to the loss and to the direction of its gradient."""
    network = build(NETWORKS[name], seed=0).eval()
    data, condition = (torch.from_numpy(array) for array in examples(NETWORKS[name]))
    drawn = network.draw((10, 1, 16, 16), torch.Generator().manual_seed(0))
    found = {}
    for half in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", BF16, enabled=half):
            loss, _ = network(to_unit(data[:, None]), condition.float(), *drawn)
        loss.mean().backward()
        gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
        found[half] = loss.detach(), gradient
    (loss, gradient), (loss_half, gradient_half) = found[False], found[True]
    assert loss_half.dtype == torch.float32 and not torch.equal(loss, loss_half)
    torch.testing.assert_close(loss_half, loss, rtol=0.02, atol=0.02)
    assert torch.cosine_similarity(gradient, gradient_half, dim=0) > 0.99
