import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import ARCHITECTURE
from torch import nn

from solarsynth.diffusion.checkpoints import CHECKPOINT, LOG
from solarsynth.diffusion.ema import EMA
from solarsynth.diffusion.snapshots import FOLDER
from solarsynth.diffusion.training import TrainingConfig, train
from solarsynth.errors import SolarsynthError
from solarsynth.networks import build


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
    one = train(build(ARCHITECTURE, 0), image, label, settings(ema_snapshots=3), whole).average

    class Stop(Exception):
        pass

    model, config = build(ARCHITECTURE, 0), settings(checkpoint_every=0.0, ema_snapshots=3)
    draw, calls = model.draw, []

    def stop(*args):
        calls.append(1)
        if len(calls) == 14:
            raise Stop
        return draw(*args)

    model.draw = stop
    with pytest.raises(Stop):
        train(model, image, label, config, parts)
    assert (parts / CHECKPOINT).is_file()
    two = train(build(ARCHITECTURE, 0), image, label, config, parts).average
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name
    assert (whole / LOG).read_text() == (parts / LOG).read_text()
    stored = [{file.name: file.read_bytes() for file in (folder / FOLDER).iterdir()} for folder in (whole, parts)]
    assert stored[0] == stored[1] and len(stored[0]) == 3, "the averages behind the snapshots go on, too"


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import *
image, label = images()
config = settings(train_images=640, checkpoint_every=0.0)
train(build(ARCHITECTURE, 0), image, label, config, Path({folder!r}))
"""


def test_killed_training_ends_with_the_same_weights(tmp_path):
    """A process that is killed without warning, again and again."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    image, label = images()
    config = settings(train_images=640, checkpoint_every=0.0)
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


def test_a_training_killed_before_its_last_line_of_the_log_still_writes_it(tmp_path, monkeypatch):
    from solarsynth.diffusion import training

    def killed(*_):
        raise KeyboardInterrupt

    image, label = images()
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_log", killed)
        with pytest.raises(KeyboardInterrupt):
            train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path)
    assert not (tmp_path / LOG).exists()
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path)
    assert pd.read_csv(tmp_path / LOG)["images"].iloc[-1] == 240


def test_dropout_is_part_of_the_exact_resume(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    image, label = images()
    architecture, config = ARCHITECTURE | {"dropout": 0.3}, settings(checkpoint_every=0.0, train_images=80)
    before = torch.get_rng_state()
    one = train(build(architecture, 0), image, label, config, whole).average
    assert torch.equal(torch.get_rng_state(), before), "training disturbs the caller's random state"

    class Stop(Exception):
        pass

    model = build(architecture, 0)
    draw, calls = model.draw, []

    def stop(*args):
        calls.append(1)
        if len(calls) == 6:
            raise Stop
        return draw(*args)

    model.draw = stop
    with pytest.raises(Stop):
        train(model, image, label, config, parts)
    two = train(build(architecture, 0), image, label, config, parts).average
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert not torch.equal(
        next(one.parameters()), next(train(build(ARCHITECTURE, 0), image, label, config, whole).average.parameters())
    )


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_too_little_memory_halves_what_is_computed_at_once_and_says_so(tmp_path, capsys, error):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    image, label = images()
    enough = train(build(ARCHITECTURE, 0), image, label, settings(), one).average
    model, seen = build(ARCHITECTURE, 0), []
    forward = model.network.forward

    def small(x, t, condition):
        if len(x) > 3:
            raise error
        seen.append(len(x))
        return forward(x, t, condition)

    model.network.forward = small
    little = train(model, image, label, settings(), two).average
    assert set(seen) == {2}
    printed = capsys.readouterr().err
    assert "4 images at a time" in printed and "2 images at a time" in printed
    for name, value in enough.state_dict().items():
        torch.testing.assert_close(value, little.state_dict()[name], atol=2e-4, rtol=1e-3)


def test_other_errors_are_not_taken_for_too_little_memory(tmp_path):
    image, label = images()
    model = build(ARCHITECTURE, 0)
    model.network.forward = lambda *args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(model, image, label, settings(), tmp_path)


@pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="torch.compile needs a C compiler")
@pytest.mark.filterwarnings("ignore")  # what inductor warns of on a CPU
def test_compiling_changes_rounding_only(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    # The prior: an MLP compiles in seconds, convolutions in minutes.
    schedule = {"n_steps": 100, "beta_start": 1e-4, "beta_end": 0.05}
    architecture = {"kind": "prior", "latent": 4, "width": 16, "depth": 1, "n_classes": 5} | schedule
    z, label = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32), np.zeros((20, 1))
    config = settings(train_images=80)
    plain = train(build(architecture, 0), z, label, config, one).average
    compiled = train(build(architecture, 0), z, label, config, two, compiled=True).average
    assert plain.state_dict().keys() == compiled.state_dict().keys()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(value, compiled.state_dict()[name], atol=1e-3, rtol=1e-2)


def test_clipping_bounds_the_step_of_a_plain_gradient(tmp_path):
    """With a clipped gradient AdamW's first moments are as small as the bound says."""
    image, label = images()
    moments = {}
    for clip in (0.0, 1e-3):
        folder = tmp_path / str(clip)
        folder.mkdir()
        train(build(ARCHITECTURE, 0), image, label, settings(train_images=8, gradient_clip=clip), folder)
        from safetensors.torch import load_file

        state = load_file(folder / CHECKPOINT)
        norm = sum(v.square().sum() for k, v in state.items() if k.endswith("exp_avg")).sqrt().item()
        moments[clip] = norm
        logged = pd.read_csv(folder / LOG)["gradient_norm"].iloc[0]
        assert norm == pytest.approx(0.1 * (min(clip, logged) if clip else logged), rel=1e-3)
    assert moments[1e-3] < moments[0.0]


def test_half_a_checkpoint_is_none(tmp_path, capsys):
    image, label = images()
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path, description="discrete: training")
    printed = capsys.readouterr().err
    assert "checkpoint.safetensors: damaged; starting from the beginning" in printed
    assert "discrete: training: 240 of 240 images" in printed and "psnr" in printed


def test_a_checkpoint_of_another_run_is_not_continued(tmp_path, capsys):
    image, label = images()
    train(build(ARCHITECTURE, 0), image, label, settings(), tmp_path)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    one = train(build(ARCHITECTURE, 0), image, label, settings(learning_rate=1e-3), fresh).average
    two = train(build(ARCHITECTURE, 0), image, label, settings(learning_rate=1e-3), tmp_path).average
    assert "a checkpoint of another training; starting from the beginning" in capsys.readouterr().err
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
    with pytest.raises(SolarsynthError, match=r"not finite after [\d,]+ images; lower learning_rate, got 1e\+20"):
        train(build(ARCHITECTURE, 0), image, label, settings(learning_rate=1e20, train_images=2000), tmp_path)
    assert (tmp_path / LOG).is_file(), "what led there is worth a look"


def test_condition_dropout_of_one_never_shows_a_class(tmp_path):
    image, label = images()
    denoiser = build(ARCHITECTURE, 0)
    before = denoiser.network.condition.embedding.weight.detach().clone()
    train(denoiser, image, label, settings(condition_dropout=1.0, weight_decay=0.0), tmp_path)
    assert torch.equal(denoiser.network.condition.embedding.weight, before)


def test_conditions_are_dropped_per_sample_at_their_rate(tmp_path):
    image, label = images()
    model, seen = build(ARCHITECTURE, 0), []
    forward = model.network.forward
    model.network.forward = lambda x, t, c: seen.append(c[:, 0].isnan()) or forward(x, t, c)
    train(model, image, label, settings(condition_dropout=0.3, train_images=1600), tmp_path)
    dropped = torch.stack(seen).float()
    assert abs(dropped.mean() - 0.3) < 0.04
    assert sum(0 < row.sum() < 8 for row in dropped) > len(dropped) / 2, "all of a batch or none: dropped per batch"


def test_several_processes_do_not_halve_alone(tmp_path, monkeypatch):
    """The others would wait for gradients for ever."""
    image, label = images()
    model = build(ARCHITECTURE, 0)
    monkeypatch.setattr("solarsynth.diffusion.distributed.world", lambda: 2)
    monkeypatch.setattr(nn.parallel, "DistributedDataParallel", lambda module: module)

    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.network.forward = full
    with pytest.raises(SolarsynthError, match="too little memory for 4 images in a process; lower batch_size"):
        train(model, image, label, settings(), tmp_path)


def test_no_images(tmp_path):
    with pytest.raises(SolarsynthError, match="training needs at least one image, got none"):
        train(build(ARCHITECTURE, 0), np.empty((0, 16, 16), np.uint8), np.empty((0, 1)), settings(), tmp_path)


def test_weights_and_checkpoints_have_the_mode_of_the_users_umask(tmp_path):
    from solarsynth.diffusion.checkpoints import CHECKPOINT, Progress, save_checkpoint
    from solarsynth.networks import MODEL_FILE, write_network

    model = torch.nn.Linear(2, 2)
    before = os.umask(0o027)
    try:
        write_network(tmp_path, model, {"architecture": {}})
        save_checkpoint(
            tmp_path, {}, model, {"average": torch.nn.Linear(2, 2)}, torch.optim.AdamW(model.parameters()), Progress()
        )
    finally:
        os.umask(before)
    for name in (MODEL_FILE, CHECKPOINT):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640, name
    assert sorted(path.name for path in tmp_path.iterdir()) == [CHECKPOINT, "model.json", MODEL_FILE]


def test_mirrored_images_are_told_and_only_they(tmp_path):
    """A network that must draw what it is told to draws a Sun upside down, and without the word upright."""
    from solarsynth.diffusion.conditioning import Mirrored

    image = np.repeat(np.linspace(0, 255, 16)[None, :, None], 16, axis=2).repeat(20, axis=0).astype(np.uint8)
    shown = []

    class Watched(Mirrored):
        def forward(self, condition):
            shown.append(condition.clone())
            return super().forward(condition)

    denoiser = build(ARCHITECTURE | {"mirror": 0.5}, seed=0)
    denoiser.network.condition.__class__ = Watched
    train(denoiser, image, np.zeros((20, 1)), settings(mirror=0.5, train_images=960, learning_rate=3e-3), tmp_path)
    told = torch.cat(shown)
    assert told.shape[1] == 2 and 0.4 < told[:, 1].mean() < 0.6
    assert not told[:, 1].isnan().any(), "unconditional images are told too"
    assert denoiser.network.condition.mirrored.abs().max() > 0
    x_0 = torch.linspace(-1, 1, 16)[None, None, :, None].expand(1, 1, 16, 16)
    t = torch.tensor([60])
    noisy = denoiser.schedule.add_noise(
        x_0 * 0, t, torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    )

    @torch.no_grad()
    def slope(condition):
        drawn = denoiser.eval().x_0(noisy, t, condition)[0, 0]
        return float(drawn[8:].mean() - drawn[:8].mean())

    upright, turned = slope(torch.tensor([[0.0, 0.0]])), slope(torch.tensor([[0.0, 1.0]]))
    assert upright > turned
    assert slope(torch.tensor([[0.0]])) == upright, "sampling leaves the column out, which means upright"


def test_coordinates_break_the_shift_symmetry():
    """A convolution alone gives a shifted image a shifted result; with coordinates it does not."""
    plain = build(ARCHITECTURE | {"attention": "none"}, seed=0).network
    placed = build(ARCHITECTURE | {"attention": "none", "coordinates": 1}, seed=0).network
    assert placed.enter.body[0].in_channels == plain.enter.body[0].in_channels + 2
    x, y = placed.position[0]
    assert x[0, 0] < x[0, -1] and y[0, 0] < y[-1, 0] and float(x.sum()) == pytest.approx(0, abs=1e-5)
    assert "position" not in placed.state_dict()
