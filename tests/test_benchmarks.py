"""The benchmarks measure two networks that say the same."""

import sys

from solarsynth import paths


def test_the_plain_network_has_our_outputs(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(paths.root() / "benchmarks"), *sys.path])
    import train_step

    assert train_step.difference() < 1e-4
    assert abs(train_step.flops_per_image() / 3 / (2 * 9.36e9) - 1) < 0.01  # 9.36 GMAC a forward pass
