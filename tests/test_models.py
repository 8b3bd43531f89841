"""The ceVAE and the prior."""

import functools
import itertools

import numpy as np
import pytest
import torch

from solarsynth.devices import in_batches
from solarsynth.diffusion.checkpoints import LOG
from solarsynth.diffusion.parameterisations import X0
from solarsynth.diffusion.samplers import NoiseStreams, dpm_solver_pp, image_seeds
from solarsynth.diffusion.training import TrainingConfig, train
from solarsynth.errors import SolarsynthError
from solarsynth.models.cevae import MASK_PROBABILITY, CeVAE, CeVAEConfig, hide
from solarsynth.models.unet import count_parameters
from solarsynth.networks import build, draw_baseline, embed_images, masked_and_restored
from solarsynth.pixels import to_unit

CEVAE = {"kind": "cevae", "image_size": 32, "latent": 8, "width": 2}


def blobs(n, seed=0, size=32):
    """Images with one bright blob each, at a place of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    centre = rng.uniform(6, size - 6, (n, 2, 1, 1))
    image = np.exp(-((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2) / 20)
    return (40 + 200 * image).astype(np.uint8)


@functools.cache
def trained(tmp):
    config = TrainingConfig(4800, 32, 3e-3, 0.0, 0.5, 0.9, 10)
    image = blobs(300)
    cevae = train(build(CEVAE, 0), image, np.zeros((300, 1)), config, tmp).average
    cevae.fit_embeddings(torch.from_numpy(embed_images(cevae, image, standardised=False)))
    return cevae


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cevae")


def test_the_papers_cevae():
    cevae = CeVAE(CeVAEConfig())
    x = torch.randn(2, 1, 64, 64)
    mu, log_variance = cevae.encode(x)
    assert mu.shape == log_variance.shape == (2, 512) and cevae.decode(mu).shape == x.shape
    widths = [1, 16, 64, 256, 1024]
    convolutions = [(9 * a * b) for a, b in itertools.pairwise(widths)]
    down = sum(c + b for c, b in zip(convolutions, widths[1:], strict=True)) + 16 * 1024 * 1024 + 1024
    up = sum(c + b for c, b in zip(convolutions, widths[:-1], strict=True)) + 16 * 512 * 1024 + 1024
    assert count_parameters(cevae) == down + up
    for size, latent in ((32, 8), (128, 16)):
        assert CeVAE(CeVAEConfig(size, latent, 2)).decode(torch.zeros(1, latent)).shape[-1] == size
    with pytest.raises(SolarsynthError, match="divisible by 16 for the ceVAE, got 40"):
        CeVAEConfig(40)


def test_the_squares_that_are_hidden():
    cevae = build(CEVAE, 0)
    square, eps = cevae.draw((6000, 1, 32, 32), torch.Generator().manual_seed(0))
    row, column, side, value = square.unbind(1)
    assert eps.shape == (6000, 8)
    assert abs((side > 0).float().mean() - MASK_PROBABILITY) < 0.02
    assert side.max() == 16 and set(side.unique().tolist()) == set(range(17))
    assert row.min() == 0 and column.min() == 0 and (row + side).max() == 32 and (column + side).max() == 32
    assert -1 <= value.min() < -0.95 and 0.95 < value.max() <= 1
    x = torch.randn(20, 1, 32, 32)
    hidden = hide(x, square[:20])
    for i in range(20):  # by brute force
        expected = x[i, 0].clone()
        r, c, n = (int(v) for v in square[i, :3])
        expected[r : r + n, c : c + n] = square[i, 3]
        assert torch.equal(hidden[i, 0], expected)


def test_the_loss_by_hand():
    cevae = build(CEVAE, 0)
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    square, eps = cevae.draw(x.shape, torch.Generator().manual_seed(1))
    loss, score = cevae(x, None, square, eps)
    mu, log_variance = cevae.encode(x)
    posterior = torch.distributions.Normal(mu, (log_variance / 2).exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    restored = cevae.decode(mu + posterior.scale * eps)
    torch.testing.assert_close(score, 10 * (4 / ((restored.clamp(-1, 1) - x) ** 2).mean((1, 2, 3))).log10())
    l1 = (restored - x).abs().sum((1, 2, 3))
    context = (cevae.decode(cevae.encode(hide(x, square))[0]) - x).abs().sum((1, 2, 3))
    torch.testing.assert_close(loss, (0.5 * (0.01 * kl + l1) + 0.5 * context) / 1024)


def test_it_learns_to_see_and_to_restore(folder):
    cevae, image = trained(folder), blobs(20, seed=1)
    shown = masked_and_restored(cevae, image)
    mean_error = np.abs(image - blobs(300).mean(0)).mean()
    assert np.abs(shown["reconstructed"].astype(float) - image).mean() < 0.8 * mean_error
    hidden = shown["masked"] != image
    errors = {name: np.abs(shown[name].astype(float) - image)[hidden].mean() for name in ("masked", "restored")}
    assert errors["restored"] < 0.6 * errors["masked"]
    log = np.genfromtxt(folder / LOG, delimiter=",", names=True)
    assert log["loss"][-1] < 0.85 * log["loss"][0]  # an L1: it need not raise the PSNR


def test_embeddings_are_standardised_and_independent_of_the_batch(folder):
    cevae, image = trained(folder), blobs(300)
    z = embed_images(cevae, image)
    assert np.allclose(z.mean(0), 0, atol=1e-4) and (z.std(0) < 1 + 1e-3).all() and z.std(0).max() > 0.99
    assert np.allclose(in_batches(lambda x: cevae.embed(to_unit(x[:, None])), image, 7), z, atol=1e-4)
    assert embed_images(cevae, image[:0]).shape == (0, 8)


def test_the_baseline_draws_what_its_seed_says(folder):
    cevae = trained(folder)
    image = draw_baseline(cevae, 6, seed=3)
    assert image.shape == (6, 32, 32) and image.dtype == np.uint8
    assert np.array_equal(draw_baseline(cevae, 4, seed=3, batch=2), image[:4])
    z = torch.stack([torch.randn(8, generator=torch.Generator().manual_seed(int(s))) for s in image_seeds(3, 2)])
    expected = ((cevae.decode(z)[:, 0].clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    assert np.array_equal(image[:2], expected)


def test_the_prior_learns_which_class_lies_where(tmp_path):
    """Two classes, each a Gaussian in a corner of its own: drawn vectors have their means and standard deviations."""
    architecture = {"kind": "prior", "latent": 4, "width": 64, "depth": 2, "n_classes": 5}
    architecture |= {"n_steps": 1000, "beta_start": 1e-4, "beta_end": 0.02}
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 2000) * 4
    centre = np.where(label[:, None] == 0, [1.0, 0, 0, 0], [0, -1.0, 0, 0])
    z = (centre + 0.3 * rng.normal(size=(2000, 4))).astype(np.float32)
    config = TrainingConfig(60_000, 64, 2e-3, cooldown=0.5, ema_decay=0.99, ema_start=20)
    prior = train(build(architecture, 0), z, label[:, None], config, tmp_path).average
    assert isinstance(prior, X0)
    for number, mean in ((0, [1.0, 0, 0, 0]), (4, [0, -1.0, 0, 0])):
        noise = NoiseStreams(image_seeds(number, 500), (4,))
        drawn = dpm_solver_pp(prior, noise.draw(), torch.full((500, 1), float(number)), 0.0, 20)
        assert np.allclose(drawn.mean(0), mean, atol=0.1)
        assert np.allclose(drawn.std(0), 0.3, atol=0.08)
