"""The ceVAE and the prior."""

import dataclasses
import functools
import itertools
import json

import numpy as np
import pytest
import torch
from tiny import TINY

from solarsynth import stages
from solarsynth.devices import in_batches
from solarsynth.diffusion.checkpoints import CHECKPOINT, LOG
from solarsynth.diffusion.ema import EMA
from solarsynth.diffusion.parameterisations import X0
from solarsynth.diffusion.samplers import NoiseStreams, dpm_solver_pp, image_seeds
from solarsynth.diffusion.selection import BEST, HeldOutLoss
from solarsynth.diffusion.training import TrainingConfig, train
from solarsynth.errors import SolarsynthError
from solarsynth.models.cevae import MASK_PROBABILITY, CeVAE, CeVAEConfig, hide
from solarsynth.models.unet import count_parameters
from solarsynth.networks import ABOUT_FILE, build, draw_baseline, embed_images, masked_and_restored
from solarsynth.pixels import to_unit
from solarsynth.stages.training import log_lines

CEVAE = {"kind": "cevae", "image_size": 32, "latent": 8, "width": 2, "kl": "mean"}


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


@pytest.mark.parametrize("term", ["mean", "sum"])
def test_the_loss_by_hand(term):
    cevae = build(CEVAE | {"kl": term}, 0)
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    square, eps = cevae.draw(x.shape, torch.Generator().manual_seed(1))
    loss, score = cevae(x, None, square, eps)
    mu, log_variance = cevae.encode(x)
    posterior = torch.distributions.Normal(mu, (log_variance / 2).exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))  # (3, 8)
    restored = cevae.decode(mu + posterior.scale * eps)
    torch.testing.assert_close(score, 10 * (4 / ((restored.clamp(-1, 1) - x) ** 2).mean((1, 2, 3))).log10())
    l1 = (restored - x).abs()
    context = (cevae.decode(cevae.encode(hide(x, square))[0]) - x).abs()
    if term == "mean":  # sdo-cli's
        expected = 0.5 * (0.01 * kl.mean(1) + l1.mean((1, 2, 3))) + 0.5 * context.mean((1, 2, 3))
    else:  # Zimmerer's sums, divided by the pixels
        expected = (0.5 * (0.01 * kl.sum(1) + l1.sum((1, 2, 3))) + 0.5 * context.sum((1, 2, 3))) / 1024
    torch.testing.assert_close(loss, expected)


def test_the_papers_kl_is_eight_times_weaker_as_a_sum():
    x, gradient = torch.rand(2, 1, 64, 64) * 2 - 1, {}
    for term in ("mean", "sum"):
        cevae = build({"kind": "cevae", "image_size": 64, "latent": 512, "width": 1, "kl": term}, 0)
        square, eps = cevae.draw(x.shape, torch.Generator().manual_seed(1))
        cevae(x, None, square, 0 * eps)[0].sum().backward()
        gradient[term] = cevae.encoder[-1].bias.grad[512:]  # of the log variances: without eps the KL alone sees them
    torch.testing.assert_close(gradient["mean"], 8 * gradient["sum"])


def test_the_held_out_loss_is_a_weighted_mean_with_the_same_masks_every_time():
    cevae, image = build(CEVAE, 0), blobs(10)
    weight = np.arange(1, 11.0)
    watch = HeldOutLoss(image, np.zeros((10, 1)), weight, batch=4)
    before = torch.get_rng_state()
    found = [watch(EMA(cevae, 0.9, 0), images) for images in (0, 100)]
    assert found[0] == found[1] and torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():
        x = to_unit(torch.from_numpy(image)[:, None])
        each = cevae(x, None, *cevae.draw(x.shape, torch.Generator().manual_seed(0)))[0].numpy()
    assert found[0] == pytest.approx(np.average(each, weights=weight), rel=1e-6)


def overfitted(folder, watch, **changes):
    """Train on eight images for long."""
    config = TrainingConfig(3200, 8, 3e-3, 0.0, ema_decay=0.9, ema_start=10, log_every=160)
    return train(
        build(CEVAE, 0), blobs(8), np.zeros((8, 1)), dataclasses.replace(config, **changes), folder, watch=watch
    )


def test_the_state_with_the_lowest_held_out_loss_is_kept(tmp_path):
    watch, seen = HeldOutLoss(blobs(30, seed=1), np.zeros((30, 1))), {}

    def spy(ema, images):
        seen[images] = ({k: v.clone() for k, v in ema.average.state_dict().items()}, watch(ema, images))
        return seen[images][1]

    ema = overfitted(tmp_path, spy)
    losses = {images: loss for images, (_, loss) in seen.items()}
    best = min(losses, key=losses.get)
    assert best < 3200 and losses[3200] > 1.02 * losses[best]  # it does overfit
    assert (ema.chosen.images, ema.chosen.loss) == (best, losses[best])
    for name, value in ema.average.state_dict().items():
        assert torch.equal(value, seen[best][0][name])
    log = np.genfromtxt(tmp_path / LOG, delimiter=",", names=True)
    assert log["images"].tolist() == list(losses) and len(log) == 20
    assert np.allclose(log["held_out_loss"], list(losses.values()), rtol=1e-5)


def test_looking_does_not_disturb_a_training(tmp_path):
    watched, alone = tmp_path / "watched", tmp_path / "alone"
    for folder in (watched, alone):
        folder.mkdir()
    overfitted(watched, HeldOutLoss(blobs(5, seed=1), np.zeros((5, 1))), train_images=320)
    overfitted(alone, None, train_images=320)
    first, second = (np.genfromtxt(folder / LOG, delimiter=",", names=True) for folder in (watched, alone))
    assert first.dtype.names[-1] == "held_out_loss" and second.dtype.names[-1] == "gradient_norm"
    assert np.array_equal(first["loss"], second["loss"]) and not (alone / BEST).exists()


@pytest.mark.parametrize("best", [320, 640])
def test_the_best_state_survives_a_kill(tmp_path, best):
    """Killed after 480 images; the best state, planted, lies before or after that."""

    def watch(ema, images):
        if images == killed_at:
            raise KeyboardInterrupt
        return abs(images - best)

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    killed_at = None
    one = overfitted(whole, watch, train_images=960)
    killed_at = 480
    with pytest.raises(KeyboardInterrupt):
        overfitted(parts, watch, train_images=960, checkpoint_every=0.0)
    assert (parts / CHECKPOINT).exists()
    killed_at = None
    two = overfitted(parts, watch, train_images=960)
    assert one.chosen == two.chosen and one.chosen.images == best
    for a, b in zip(one.average.parameters(), two.average.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (whole / LOG).read_text() == (parts / LOG).read_text()


def test_the_stage_keeps_the_best_ceVAE_and_says_which(shared_archive, store_folder):
    lab = stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY | {"cevae_images": 640})
    data, entry = stages.labelled_set(lab), lab.entry(stages.CEVAE)
    about = json.loads((entry.path / ABOUT_FILE).read_text())
    log = np.genfromtxt(entry.path / LOG, delimiter=",", names=True)
    lowest = np.argmin(log["held_out_loss"])
    assert about["chosen"]["images"] == log["images"][lowest]
    assert about["chosen"]["held_out_images"] == data.validation.sum()
    watch = HeldOutLoss(data.image[data.validation], np.zeros((data.validation.sum(), 1)))
    assert watch(EMA(stages.cevae(lab), 0.9, 0), 0) == pytest.approx(log["held_out_loss"][lowest], rel=1e-4)
    assert not list(entry.path.glob(BEST)) and not list(entry.path.glob(CHECKPOINT))


def test_a_set_without_validation_trains_to_the_end(shared_archive, fresh_store):
    data = stages.labelled_set(stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY))
    none = np.zeros(len(data), bool)
    dataclasses.replace(data, validation=none, fit=data.train).write(fresh_store / "small.npz")
    lab = stages.Lab("smoke", "labelled", str(fresh_store / "small.npz"), overrides=TINY)
    entry = lab.entry(stages.CEVAE)
    assert json.loads((entry.path / ABOUT_FILE).read_text())["chosen"] is None
    assert "held_out_loss" not in (entry.path / LOG).read_text()


def test_looking_takes_less_than_a_fifth_of_a_training():
    """A look is a forward pass, a third of a training step, over all held-out images."""
    for train_images, held_out in ((5000, 120), (400_000, 1500), (1_000_000, 3000)):
        lines = log_lines(train_images, HeldOutLoss(np.zeros((held_out, 1, 1), np.uint8), np.zeros((held_out, 1))))
        assert 10 <= lines <= 100 and lines * held_out / 3 < 0.2 * train_images
    assert log_lines(1000, None) == 100


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
