"""Two processes that torchrun starts train as one does."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import *
from solarsynth.diffusion import distributed
distributed.start("cpu")
image, label = images()
config = settings({settings})
print(distributed.world(), distributed.mean(torch.tensor(float(distributed.rank()))).item())
train(build(ARCHITECTURE, 0), image, label, config, Path({folder!r}))
distributed.stop()
"""


def torchrun(code, tmp_path, processes=2):
    script = tmp_path / "script.py"
    script.write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", str(script)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_same_global_batch_gives_the_same_loss_curve(tmp_path):
    from test_training import ARCHITECTURE, LOG, build, images, settings, train

    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    image, label = images()
    alone = train(build(ARCHITECTURE, 0), image, label, settings(), one).average
    code = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(two), settings="")
    done = torchrun(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    # Two lines, whose characters may come in any order: both write at once.
    assert sorted(done.stdout.split()) == ["0.5", "0.5", "2", "2"] or sorted(done.stdout) == sorted("2 0.5\n" * 2)
    a, b = pd.read_csv(one / LOG), pd.read_csv(two / LOG)
    np.testing.assert_array_equal(a["images"], b["images"])
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-4)
    np.testing.assert_allclose(a["gradient_norm"], b["gradient_norm"], rtol=1e-3)
    from safetensors.torch import load_file

    together = load_file(two / "checkpoint.safetensors")
    for name, value in alone.state_dict().items():
        np.testing.assert_allclose(value, together[f"average.{name}"], atol=2e-4, err_msg=name)


def test_a_batch_that_is_not_divisible(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    code = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(folder), settings="batch_size=9")
    done = torchrun(code, tmp_path)
    assert done.returncode != 0 and "batch_size must be divisible by the 2 processes, got 9" in done.stderr


@pytest.mark.parametrize("model", ["embedding"])
def test_the_command_trains_together(tmp_path, small_archive, model):
    """Store, locks and stages with two processes: the entry is made once, and found again."""
    command = ["-m", "solarsynth.cli", "train", model, "--profile", "smoke", "--source", "archive"]
    command += ["--data", str(small_archive)]
    tiny = "image_size=16 patch=1 base_width=4 train_images=32 finetune_images=16 batch_size=8 test_fraction=0"
    for pair in (tiny + " latent=4 cevae_width=2 cevae_images=64 prior_images=64").split():
        command += ["--set", pair]
    environment = os.environ | {"SOLARSYNTH_ARTIFACTS": str(tmp_path / "store"), "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *command]
    first = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stderr[-3000:]
    assert first.stdout.count(str(tmp_path / "store" / "model")) == 1
    again = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0 and "found in the store" in again.stdout
    assert not list((tmp_path / "store").glob("*/*.partial"))
