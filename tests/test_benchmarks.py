"""What the benchmarks measure is the package's own, and two networks that they compare say the same."""

import importlib
import sys

import numpy as np
import pytest

from solarsynth import paths, pixels
from solarsynth.diffusion import training
from solarsynth.settings import load_settings


def fresh(name, monkeypatch):
    """Import a benchmark anew, as a process of its own would."""
    monkeypatch.setattr(sys, "path", [str(paths.root() / "benchmarks"), *sys.path])
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


@pytest.mark.parametrize("radius", [pixels.DISK_RADIUS["display"], 0.3])
def test_the_suns_that_are_measured_have_the_packages_radius(monkeypatch, radius):
    monkeypatch.setitem(pixels.DISK_RADIUS, "display", radius)
    size = 128
    row = fresh("physics", monkeypatch).suns(8, size)[:, size // 2].mean(0)
    limb = np.flatnonzero(row > 110)  # halfway from the disk's 90 to the limb's 150, and less far out
    found = (limb[-1] - limb[0] + 1) / 2 / size
    assert found == pytest.approx(radius * (1 - 0.15 * np.log(110 / 150)), abs=0.03)


def test_contention_trains_the_network_of_the_profile(monkeypatch):
    contention, seen = fresh("contention", monkeypatch), []

    def stop(network, image, label, config, folder, device):
        seen.append((network, image, config))
        raise RuntimeError("seen")

    monkeypatch.setattr(training, "train", stop)
    settings = load_settings("laptop").replace(image_size=32, batch_size=7, base_width=16)
    monkeypatch.setattr("solarsynth.settings.load_settings", lambda name: settings)
    with pytest.raises(RuntimeError, match="seen"):
        contention.rate(1)
    network, image, config = seen[0]
    assert image.shape[1:] == network.shape[1:] == (32, 32) and config.batch_size == 7
    assert network.network.config.base_width == 16


def test_the_plain_network_has_our_outputs(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(paths.root() / "benchmarks"), *sys.path])
    import train_step

    assert train_step.difference() < 1e-4
    assert abs(train_step.flops_per_image() / 3 / (2 * 9.36e9) - 1) < 0.01  # 9.36 GMAC a forward pass
