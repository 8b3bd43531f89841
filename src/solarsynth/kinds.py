"""The paper's models, a row each: condition, what it is trained with, how it is sampled, what it needs (Sect. 4).

To add a model, write a `solarsynth.diffusion.conditioning.Condition` and a row of `KINDS`. Training, sampling, the
command line and `solarsynth.evaluation` then know it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solarsynth.diffusion.conditioning import Condition, DiscreteLabel, LabelAndEmbedding, XRayFlux
from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.flares import CLASSES, class_of_flux


@dataclass(frozen=True)
class Sizes:
    """The sizes that a condition module may depend on.

    Attributes
    ----------
    n_classes : int
    latent : int
        Dimension of the ceVAE's embedding.
    width : int
        Width of the time embedding, to which the condition is added.
    """

    n_classes: int
    latent: int
    width: int


@dataclass(frozen=True)
class Examples:
    """What is known of the training images.

    Attributes
    ----------
    label : ndarray of int, shape (n,)
        Class, 0 (A) to 4 (X).
    flux : ndarray of float, shape (n,)
        Peak flux in W/m².
    embed : callable
        Returns the standardised ceVAE embeddings (n, latent); called only by models that need them.
    """

    label: np.ndarray
    flux: np.ndarray
    embed: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Request:
    """The images that are requested.

    Attributes
    ----------
    label : ndarray of int, shape (n,)
        Class, 0 (A) to 4 (X).
    seeds : sequence of int
        One per image; what is drawn for an image depends on its own seed only.
    flux : ndarray of float, shape (n,), or None
        Flux in W/m² if the request gives one.
    training_flux : mapping of str to sequence of float
        Per class, the fluxes of the training images.
    draw_embeddings : callable
        Maps label and seeds to embeddings (n, latent) drawn from the prior.
    """

    label: np.ndarray
    seeds: Sequence[int]
    flux: np.ndarray | None
    training_flux: Mapping[str, Sequence[float]]
    draw_embeddings: Callable[[np.ndarray, Sequence[int]], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A model of the paper.

    Attributes
    ----------
    name : str
    condition : callable
        Maps `Sizes` to the condition module.
    training : callable
        Maps `Examples` to the conditions (n, d) that the model is trained with.
    ask : callable
        Maps a `Request` to the conditions (n, d) that the model is sampled with.
    unlabelled : callable
        Maps the fluxes (n,) of frames without a flare, at their time, to conditions (n, k) that are broadcast; NaN, the
        default, is unconditional.
    takes_flux : bool
        Whether a request may give a flux, not only a class.
    settings : tuple of str
        Settings that its architecture depends on beside those of the U-Net.
    trained_with, sampled_with : tuple of str
        Networks that must be trained before it is trained, and before it is sampled.
    """

    name: str
    condition: Callable[[Sizes], Condition]
    training: Callable[[Examples], np.ndarray]
    ask: Callable[[Request], np.ndarray]
    unlabelled: Callable[[np.ndarray], np.ndarray] = lambda flux: np.full((len(flux), 1), np.nan)
    takes_flux: bool = False
    settings: tuple[str, ...] = ()
    trained_with: tuple[str, ...] = ()
    sampled_with: tuple[str, ...] = ()


def requested_flux(request: Request) -> np.ndarray:
    """Return a flux (n,) for each image: the one requested, or that of a training image of the class."""
    if request.flux is not None:
        return np.asarray(request.flux)
    by_class = request.training_flux
    return np.array(
        [
            np.random.default_rng([int(seed), 1]).choice(by_class[CLASSES[number]])
            for number, seed in zip(request.label, request.seeds, strict=True)
        ]
    )


#: The paper's models in its order. Models that are fine-tuned start from the weights of the first.
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "discrete",
            condition=lambda sizes: DiscreteLabel(sizes.n_classes, sizes.width),
            training=lambda examples: examples.label[:, None],
            ask=lambda request: request.label[:, None],
        ),
        Kind(
            "continuous",
            condition=lambda sizes: XRayFlux(sizes.width),
            training=lambda examples: examples.flux[:, None],
            ask=lambda request: requested_flux(request)[:, None],
            unlabelled=lambda flux: flux[:, None],
            takes_flux=True,
        ),
        Kind(
            "embedding",
            condition=lambda sizes: LabelAndEmbedding(sizes.n_classes, sizes.latent, sizes.width),
            training=lambda examples: np.concatenate([examples.label[:, None], examples.embed()], axis=1),
            ask=lambda request: np.concatenate(
                [request.label[:, None], request.draw_embeddings(request.label, request.seeds)], axis=1
            ),
            settings=("latent",),
            trained_with=("cevae",),
            sampled_with=("prior",),
        ),
    )
}

MODELS = tuple(KINDS)

#: The paper's baseline: the ceVAE decodes z ~ N(0, I). It takes no condition.
BASELINE = "cevae"


def check_request(request: object, flux: float | None, row: Kind) -> None:
    """Raise `SolarsynthError` if a request names a flux and the model takes classes only."""
    if flux is not None and not row.takes_flux:
        letter = CLASSES[int(class_of_flux(flux))]
        raise SolarsynthError(
            f"the {row.name} model takes a class, got {request}; ask for {letter}, or use 'continuous'"
        )


def kind(name: str) -> Kind:
    """Return a row by its name.

    Raises
    ------
    SolarsynthError
        If there is no such model.
    """
    if name not in KINDS:
        raise SolarsynthError(f"unknown model {shown(name)}{did_you_mean(name, KINDS)}")
    return KINDS[name]
