import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from solarsynth.diffusion.training import CHECKPOINT, EMA, LOG, TrainingConfig, train
from solarsynth.errors import SolarsynthError
from solarsynth.generator import build

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


def images(n=20):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 16, 16)).astype(np.uint8), rng.integers(0, 5, (n, 1))


def settings(**changes):
    return TrainingConfig(
        **{"train_images": 240, "batch_size": 8, "ema_start": 2, "ema_decay": 0.9, "log_every": 16} | changes
    )


@pytest.mark.parametrize("parameterisation", ["eps", "preconditioned"])
def test_training_lowers_the_loss(tmp_path, parameterisation):
    image = np.repeat(np.linspace(0, 255, 16)[None, :, None], 16, axis=2).repeat(20, axis=0).astype(np.uint8)
    denoiser = build(ARCHITECTURE | {"parameterisation": parameterisation}, seed=0)
    config = settings(train_images=800, learning_rate=2e-3)
    train(denoiser, image, np.zeros((20, 1)), config, tmp_path)
    log = pd.read_csv(tmp_path / LOG)
    assert log["loss"].iloc[-5:].mean() < 0.7 * log["loss"].iloc[0]
    assert log["psnr"].iloc[-5:].mean() > log["psnr"].iloc[0]


def test_interrupted_training_ends_with_the_same_weights(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    image, label = images()
    one = train(build(ARCHITECTURE, 0), image, label, settings(), whole).average

    class Stop(Exception):
        pass

    def stop(progress):
        if progress.images >= 100:
            raise Stop

    config = settings(checkpoint_every=0.0)
    with pytest.raises(Stop):
        # Reports come about once a second; a slow clock makes every step report.
        with pytest.MonkeyPatch.context() as patch:
            ticks = iter(range(10**6))
            patch.setattr(time, "perf_counter", lambda: 2.0 * next(ticks))
            train(build(ARCHITECTURE, 0), image, label, config, parts, report=stop)
    assert (parts / CHECKPOINT).is_file()
    two = train(build(ARCHITECTURE, 0), image, label, config, parts).average
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name
    assert (whole / LOG).read_text() == (parts / LOG).read_text()


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import *
image, label = images()
config = settings(train_images=1600, checkpoint_every=0.0)
train(build(ARCHITECTURE, 0), image, label, config, Path({folder!r}))
"""


def test_killed_training_ends_with_the_same_weights(tmp_path):
    """A process that is killed without warning, again and again."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    image, label = images()
    config = settings(train_images=1600, checkpoint_every=0.0)
    torch_threads = torch.get_num_threads()  # sums in another order end in other bits
    one = train(build(ARCHITECTURE, 0), image, label, config, whole).average
    code = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(parts))
    kills = 0
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": str(torch_threads)}
        )
        before = (parts / CHECKPOINT).stat().st_mtime_ns if (parts / CHECKPOINT).is_file() else 0
        for _ in range(6000):
            if process.poll() is not None:
                break
            if (parts / CHECKPOINT).is_file() and (parts / CHECKPOINT).stat().st_mtime_ns > before:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        process.wait()
    assert kills, "the training was never interrupted"
    two = train(build(ARCHITECTURE, 0), image, label, config, parts).average
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name


def test_half_a_checkpoint_is_none(tmp_path):
    image, label = images()
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    seen = []
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path, report=seen.append)
    assert seen[-1].images == 240 and seen[-1].images_per_second > 0


def test_a_checkpoint_of_another_run_is_not_continued(tmp_path):
    image, label = images()
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    one = train(build(ARCHITECTURE, 0), image, label, settings(learning_rate=1e-3), fresh).average
    two = train(build(ARCHITECTURE, 0), image, label, settings(learning_rate=1e-3), tmp_path).average
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_ema_by_hand():
    module = nn.Linear(1, 1, bias=False)
    module.register_buffer("count", torch.zeros(1))
    module.weight.data.fill_(0.0)
    ema = EMA(module, decay=0.9, start=2)
    expected = None
    for step in range(1, 7):
        module.weight.data.fill_(float(step))
        module.count.fill_(step)
        ema.update(module, step)
        expected = float(step) if step <= 2 else 0.9 * expected + 0.1 * step
        assert ema.average.weight.item() == pytest.approx(expected)
        assert ema.average.count.item() == step


def test_a_loss_that_is_not_finite_stops_training(tmp_path):
    image, label = images()
    with pytest.raises(SolarsynthError, match=r"not finite after [\d,]+ images; lower the learning rate"):
        train(build(ARCHITECTURE, 0), image, label, settings(learning_rate=1e20, train_images=2000), tmp_path)


def test_condition_dropout_of_one_never_shows_a_class(tmp_path):
    image, label = images()
    denoiser = build(ARCHITECTURE, 0)
    before = denoiser.network.condition.embedding.weight.detach().clone()
    train(denoiser, image, label, settings(condition_dropout=1.0, weight_decay=0.0), tmp_path)
    assert torch.equal(denoiser.network.condition.embedding.weight, before)


def test_no_images(tmp_path):
    with pytest.raises(SolarsynthError, match="no images to train on"):
        train(build(ARCHITECTURE, 0), np.empty((0, 16, 16), np.uint8), np.empty((0, 1)), settings(), tmp_path)
