"""Averages of chosen length: against sums over every step, quadrature, and trainings that were killed."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.integrate import quad

from solarsynth import stages
from solarsynth.diffusion.snapshots import FOLDER, KEPT, Snapshots, average_of, exponent, mixture, products
from solarsynth.errors import SolarsynthError
from solarsynth.settings import Settings
from solarsynth.stages import Lab

STEPS, SNAPSHOTS = 600, 16


def weights_in_time(length: float, steps: int) -> np.ndarray:
    """Return the weight of every step in a discrete average, from its recursion."""
    weight = np.zeros(steps)
    for step in range(1, steps + 1):
        kept = (1 - 1 / step) ** (exponent(length) + 1)
        weight *= kept
        weight[step - 1] += 1 - kept
    return weight


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """Weights that move from a start to an end and tremble; the snapshots of this training."""
    folder, rng = tmp_path_factory.mktemp("walk"), np.random.default_rng(0)
    t = np.linspace(0, 1, STEPS)[:, None]
    path = (np.exp(-4 * t) + 0.2 * rng.standard_normal((STEPS, 50))).astype(np.float32)
    module = torch.nn.Linear(50, 1, bias=False)
    snapshots = Snapshots(module, folder, STEPS, SNAPSHOTS)
    for step, values in enumerate(path, 1):
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(values)[None])
        snapshots.update(module, step)
    return folder, path


@pytest.mark.parametrize("length", [0.01, 0.05, 0.1, 0.25])
def test_the_exponent_gives_the_length(length):
    gamma = exponent(length)
    mean, square = (quad(lambda u, k=k: u**k * (gamma + 1) * u**gamma, 0, 1)[0] for k in (1, 2))
    assert np.sqrt(square - mean**2) == pytest.approx(length, rel=1e-6)
    assert weights_in_time(length, 4000) @ np.arange(1, 4001) / 4000 == pytest.approx(mean, rel=2e-3)


def test_products_equal_a_quadrature():
    t, gamma = np.array([3.0, 7.0]), np.array([6.9, 16.9])
    found = products(t, gamma, t, gamma)
    for i in range(2):
        for j in range(2):
            end = min(t[i], t[j])

            def both(u, i=i, j=j):
                return np.prod([(gamma[k] + 1) * u ** gamma[k] / t[k] ** (gamma[k] + 1) for k in (i, j)])

            assert found[i, j] == pytest.approx(quad(both, 0, end)[0], rel=1e-6)
    assert np.isfinite(products([1e6], [16.9], [1e6], [900.0])).all(), "a long training with a short average"


@pytest.mark.parametrize("length", [0.03, 0.05, 0.07, 0.1, 0.15, 0.19])
def test_an_average_of_any_length_equals_the_sum_over_all_steps(walk, length):
    folder, path = walk
    made = average_of(folder, length)["weight"][0].numpy()
    exact = weights_in_time(length, STEPS) @ path
    other = weights_in_time(length * 1.3, STEPS) @ path
    error = np.abs(made - exact).mean()
    assert error < 0.3 * np.abs(other - exact).mean()
    if length in KEPT:
        assert error < 1e-3, "the kept ones are read as they were stored, in half precision"


@pytest.mark.parametrize(
    ("count", "length", "most"), [(16, 0.03, 0.04), (16, 0.07, 0.005), (16, 0.2, 0.03), (4, 0.03, 1)]
)
def test_the_share_of_the_weight_that_is_misplaced(count, length, most):
    """Short averages need many snapshots; the setting's text says how short 16 let one go."""
    steps = [round(STEPS * k / count) for k in range(1, count + 1)]
    found = sum(
        factor * np.pad(weights_in_time(kept, step), (0, STEPS - step))
        for step, factors in zip(steps, mixture(steps, length), strict=True)
        for kept, factor in zip(KEPT, factors, strict=True)
    )
    missing = float(np.abs(found - weights_in_time(length, STEPS)).sum())
    assert missing < most
    assert count == 16 or missing > 0.2


def test_what_cannot_be_made_is_said(tmp_path, walk):
    with pytest.raises(SolarsynthError, match="no snapshots in it"):
        average_of(tmp_path, 0.1)
    with pytest.raises(SolarsynthError, match=r"from 0.01 to 0.25, got 0.5"):
        average_of(walk[0], 0.5)
    with pytest.raises(SolarsynthError, match=r"from 0.01 to 0.25, got nan"):
        exponent(float("nan"))
    with pytest.raises(ValueError, match=r"ema_length must be 0 without ema_snapshots, got 0.1$"):
        Settings(ema_length=0.1)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "5.safetensors").write_bytes(b"nothing")
    with pytest.raises(SolarsynthError, match=r"5.safetensors: damaged"):
        average_of(tmp_path, 0.1)


def test_a_length_is_another_average_of_the_same_training(fresh_store):
    changes = {"train_images": 400, "ema_snapshots": 4}
    plain, short = (Lab("smoke", overrides=changes | more) for more in ({}, {"ema_length": 0.05}))
    entry = plain.entry(stages.MODEL, model="discrete")
    assert short.key(stages.MODEL, model="discrete") == entry.key
    files = sorted((entry.path / FOLDER).iterdir(), key=lambda path: int(path.stem))
    assert len(files) == 4
    made = stages.generator(short).denoiser.state_dict()
    stored = load_file(files[-1])
    for name, value in stored.items():
        if name.startswith("0."):  # the last snapshot of the average of this length
            torch.testing.assert_close(made[name.removeprefix("0.")].cpu(), value.float(), atol=2e-3, rtol=2e-3)
    one, other = (stages.sample_set(lab, {"C": 2}, seed=0).image.astype(int) for lab in (plain, short))
    assert np.abs(one - other).max() > 0
    # A training that stores nothing has the key that it always had.
    bare = Lab("smoke", overrides={"train_images": 400})
    assert bare.key(stages.MODEL, model="discrete") != entry.key
    assert "ema_snapshots" not in bare.entry(stages.MODEL, model="discrete").manifest["params"]["settings"]
