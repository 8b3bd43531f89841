"""solarsynth: the reproducible companion to Ramunno et al. 2024 (A&A 686, A285).

Data walks one way through the package: ``labelled``, ``observations`` → ``labelling``, ``splits`` → ``models`` →
``diffusion`` → ``generator``, ``features`` → ``metrics`` → ``experiments`` → ``evaluation``, ``uses``; a module
imports only what lies to its left. Importing the package is cheap: torch, zarr and sunpy load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from solarsynth.generator import Generator

__version__ = "0.1.0"

#: The GOES flare classes in the order of their peak flux, as the paper labels its images (Sect. 2.2).
CLASSES = ("A", "B", "C", "M", "X")


def load(
    model: str = "discrete",
    *,
    profile: str = "laptop",
    source: str = "simulated",
    data: str = "",
    seed: int = 0,
) -> Generator:
    """Load a trained generator; train it first if the store does not hold it.

    Parameters
    ----------
    model : {"discrete", "continuous", "embedding"}
        Which of the paper's models (Sect. 4).
    profile : str
        ``smoke``, ``laptop``, ``gpu``, ``paper`` or the path of a YAML file with the same keys.
    source : {"simulated", "archive", "quicklook", "sdoml", "labelled"}
        Where the observations come from.
    data : str
        What the source needs: a folder, a period, years or a file; see `solarsynth.experiments.Run`.
    seed : int
        Seed of the training run.

    Returns
    -------
    Generator
        ``.sample("X", 16, guidance=2.0, seed=0)`` returns frames ``(16, H, W)`` uint8 in display units.
    """
    from solarsynth.experiments import Run

    return Run(profile=profile, source=source, data=data, seed=seed).generator(model)
