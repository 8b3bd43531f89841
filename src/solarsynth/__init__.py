"""solarsynth: the reproducible companion to Ramunno et al. 2024 (A&A 686, A285).

Data flows one way through the package: ``observations`` → ``dataset`` → ``models`` → ``diffusion`` → ``kinds``,
``networks``, ``generator`` → ``metrics`` → ``stages`` → ``evaluation`` → ``downstream`` → ``book``, ``cli``. A module
imports only from packages to its left, and from the base modules (``flares``, ``settings``, ``store``, ``files`` ...).
Importing the package is cheap: torch, zarr and sunpy load when they are first used.
"""

from __future__ import annotations

import os

# OpenMP's threads spin while they wait for one another, which is slow as soon as another process uses the machine.
# The policy must be set before torch loads OpenMP. Every door imports this package first: the command, a notebook's
# kernel, the tests and torchrun's processes.
if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solarsynth.flares import CLASSES, class_text, peak_flux
    from solarsynth.generator import Generator

__version__ = "0.1.0"

__all__ = ["CLASSES", "__version__", "class_text", "load", "peak_flux"]


def __getattr__(name: str) -> Any:
    """Return a public name of `solarsynth.flares`, which loads numpy; loaded here, it would delay the command."""
    if name not in __all__:
        raise AttributeError(f"module 'solarsynth' has no attribute {name!r}")
    from solarsynth import flares

    return getattr(flares, name)


def load(
    model: str = "discrete",
    *,
    profile: str = "",
    source: str = "",
    data: str = "",
    seed: int = 0,
) -> Generator:
    """Load a trained generator: one that comes with the package, or one of your own.

    Without profile, source and seed it is the model that comes with the package, trained on real frames of 2012. Else
    it is taken from the store, or trained first.

    Parameters
    ----------
    model : {"discrete", "continuous", "embedding"}
        Which of the paper's models (Sect. 4).
    profile : str
        ``smoke``, ``laptop``, ``gpu``, ``paper`` or the path of a YAML file with settings; laptop if only a source is
        given.
    source : {"simulated", "archive", "quicklook", "sdoml", "labelled"}
        Where the observations come from; simulated if only a profile is given.
    data : str
        What the source needs: a folder, a period, years or a file; see `solarsynth.stages.graph.Lab`.
    seed : int
        Seed of the training.

    Returns
    -------
    Generator
        ``.sample("X", 16, guidance=2.0, seed=0)`` returns frames ``(16, H, W)`` uint8 in display units.
    """
    if not (profile or source or data or seed):
        from solarsynth.shipped import load_shipped

        return load_shipped(model)
    from solarsynth import stages

    return stages.generator(stages.Lab(profile or "laptop", source or "simulated", data, seed), model)
