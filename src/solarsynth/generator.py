"""A trained model, ready to sample: a class or a flux goes in, Suns come out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from solarsynth.devices import device, within_memory
from solarsynth.diffusion.batches import FastestBatch
from solarsynth.diffusion.parameterisations import Denoiser
from solarsynth.diffusion.samplers import NoiseStreams, image_seeds
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.files import write_npy
from solarsynth.flares import CLASSES, parse_request
from solarsynth.kinds import Request, check_request, kind
from solarsynth.networks import read_network
from solarsynth.pixels import to_uint8
from solarsynth.progress import bar

# The prior is so small that more steps cost nothing.
PRIOR_STEPS = 20


class Generator:
    """A trained model to sample from.

    Attributes
    ----------
    denoiser : Denoiser
    kind : str
        A row of `solarsynth.kinds.KINDS`.
    classes_seen : dict of str to int
        Training images per class.
    unit, about : str, dict
        Unit of its archive, and the description stored with the weights. Its ``origin`` tells the model from others:
        the key in the store, or the SHA-256 of weights that come with the package.
    sampling : Sampling
        Used where a call does not choose its own.
    prior : Denoiser or None
        Draws embeddings for the embedding model.
    """

    def __init__(
        self, denoiser: Denoiser, about: dict[str, Any], sampling: Sampling, prior: Denoiser | None = None
    ) -> None:
        self.denoiser = denoiser
        self.about = about
        self.kind: str = about["architecture"]["kind"]
        self.classes_seen: dict[str, int] = about["classes_seen"]
        self.unit: str = about["unit"]
        self.sampling = sampling
        self.prior = prior
        self.fastest_batch = FastestBatch(denoiser)

    @classmethod
    def read(cls, folder: Path, sampling: Sampling, prior: Path | None = None) -> Generator:
        """Read a model from its folder in the store, and the prior that the embedding model needs.

        Raises
        ------
        SolarsynthError
            If a file is missing or damaged.
        """
        denoiser, about = read_network(folder)
        origin = {"shipped": False, "key": folder.name} | ({"prior": prior.name} if prior else {})
        return cls(denoiser, about | {"origin": origin}, sampling, read_network(prior)[0] if prior else None)

    def sample(
        self, request: Any, n: int = 1, *, seed: int = 0, sampling: Sampling | None = None, **changes: Any
    ) -> np.ndarray:
        """Draw Suns with a flare.

        Parameters
        ----------
        request : str or astropy.units.Quantity
            A class, ``A`` to ``X``. The continuous model also takes a class with a number (``M2.5``) and a flux.
        n : int
            How many.
        seed : int
            Of sampling: which images are drawn. The first n images of a seed do not depend on n.
        sampling : Sampling, optional
            The model's own by default.
        **changes
            Fields of the sampling that are replaced: ``guidance=2.0``, ``steps=20``, ``sampler="ddim"``.

        Returns
        -------
        ndarray of uint8, shape (n, H, W)
            0 to 255 over the normalised range; row 0 is the southern one.

        Raises
        ------
        SolarsynthError
            For a class that does not exist or that the model never saw.
        """
        label, flux = self.parse(request)
        if n < 1:
            raise SolarsynthError(f"the number of images must be at least 1, got {n}")
        fluxes = None if flux is None else np.full(n, flux)
        sampling = _choose(sampling or self.sampling, changes, self.denoiser.schedule.n_steps)
        return self.draw(np.full(n, label), seed=seed, sampling=sampling, flux=fluxes)

    def trace(
        self,
        request: Any,
        *,
        seed: int = 0,
        pictures: int = 8,
        sampling: Sampling | None = None,
        **changes: Any,
    ) -> list[tuple[int, np.ndarray]]:
        """Follow one image from noise to Sun, with the chosen sampler.

        The parameters are those of `sample`; `pictures` is how many states are returned at most.

        Returns
        -------
        list of (int, ndarray)
            Steps done so far and the state (H, W) float32; a Sun lies in [-1, 1].
        """
        label, flux = self.parse(request)
        sampling = _choose(sampling or self.sampling, changes, self.denoiser.schedule.n_steps)
        seeds = image_seeds(seed, 1)
        noise = NoiseStreams(seeds, self.denoiser.shape)
        condition = self.conditions(np.array([label]), seeds, None if flux is None else np.array([flux]))
        x_T = self.denoiser.start(noise.draw().to(device()))
        states = [(0, x_T[0, 0].cpu().numpy())]

        def keep(done: int, steps: int, x: Tensor) -> None:
            states.append((done, x[0, 0].float().cpu().numpy()))

        sampling.run(self.denoiser, x_T, condition, noise, keep)
        # Closer together towards the end, where the Sun takes shape.
        chosen = np.unique(((1 - np.linspace(1, 0, pictures) ** 1.6) * (len(states) - 1)).round().astype(int))
        return [states[i] for i in chosen]

    def parse(self, request: Any) -> tuple[int, float | None]:
        """Return the class and the flux of a request, see `solarsynth.flares.parse_request`.

        Raises
        ------
        SolarsynthError
            If it names a flux and the model takes classes only.
        """
        label, flux = parse_request(request)
        check_request(request, flux, kind(self.kind))
        return label, flux

    def draw(
        self,
        label: np.ndarray,
        *,
        seed: int,
        sampling: Sampling,
        flux: np.ndarray | None = None,
        folder: Path | None = None,
        description: str = "",
    ) -> np.ndarray:
        """Draw one image per label.

        Parameters
        ----------
        label : ndarray of int, shape (n,)
            Class, 0 (A) to 4 (X).
        seed : int
        sampling : Sampling
        flux : ndarray of float, shape (n,), optional
            Fluxes requested of the continuous model in W/m²; by default those of the class's training images.
        folder : Path, optional
            Finished batches are kept there and are not drawn again.
        description : str
            Names the progress bar; no bar without it.

        Returns
        -------
        ndarray of uint8, shape (n, H, W)
        """
        _check_seen(label, self.classes_seen)
        seeds = image_seeds(seed, len(label))

        def draw(here: slice) -> np.ndarray:
            return self._draw_batch(label[here], seeds[here], sampling, None if flux is None else flux[here])

        def batch() -> int:
            return sampling.batch or self.fastest_batch(sampling.guide, len(label), self._any_condition())

        return _in_parts(draw, (len(label), *self.denoiser.shape[1:]), batch, folder, description)

    def _draw_batch(self, label: np.ndarray, seeds: np.ndarray, sampling: Sampling, flux) -> np.ndarray:
        noise = NoiseStreams(seeds, self.denoiser.shape)
        where = device()
        with torch.autocast(where, torch.bfloat16, enabled=where == "cuda"):
            condition = self.conditions(label, seeds, flux)
            x_0 = sampling.run(self.denoiser, self.denoiser.start(noise.draw().to(where)), condition, noise)
        return to_uint8(x_0[:, 0])

    def _any_condition(self) -> Tensor:
        """Return the condition (1, d) of some class, for measuring speed."""
        seen = next(i for i, name in enumerate(CLASSES) if self.classes_seen[name])
        return self.conditions(np.array([seen]), image_seeds(0, 1))

    def conditions(self, label: np.ndarray, seeds: np.ndarray, flux: np.ndarray | None = None) -> Tensor:
        """Turn classes into the conditions that the model takes.

        Parameters
        ----------
        label, seeds : ndarray of int, shape (n,)
            What is drawn for an image depends on its own seed only.
        flux : ndarray of float, shape (n,), optional
            W/m².

        Returns
        -------
        Tensor of float32, shape (n, d), on the device
        """
        request = Request(label, seeds, flux, self.about.get("training_flux", {}), self.embeddings)
        return torch.from_numpy(kind(self.kind).ask(request).astype(np.float32)).to(device())

    def embeddings(self, label: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Draw standardised embeddings from the prior p(z | y), (n, latent) float32, one random stream each."""
        if self.prior is None:
            raise SolarsynthError(f"the {self.kind} model has no prior; only 'embedding' draws embeddings")
        return _draw_embeddings(self.prior, self.sampling, label, seeds)


def walk(
    generator: Generator,
    request: Any,
    seeds: tuple[int, int] = (0, 1),
    n: int = 9,
    *,
    sampling: Sampling | None = None,
    **changes: Any,
) -> np.ndarray:
    """Walk from the image of one seed to that of another, through the noise that sampling starts from.

    Parameters
    ----------
    generator : Generator
    request : str or astropy.units.Quantity
        As for `Generator.sample`.
    seeds : tuple of int
        Where the walk begins and ends: the first images of these seeds.
    n : int
        Images on the way, both ends among them; at least 2.
    sampling, **changes
        As for `Generator.sample`. The sampler must add no noise.

    Returns
    -------
    ndarray of uint8, shape (n, H, W)
        The noise between the ends is interpolated on the sphere, so that each is normal noise of the same norm.
    """
    label, flux = generator.parse(request)
    if n < 2:
        raise SolarsynthError(f"a walk needs at least 2 images, got {n}")
    sampling = _choose(sampling or generator.sampling, changes, generator.denoiser.schedule.n_steps)
    if sampling.sampler in ("ancestral", "consistency") or sampling.eta > 0:
        raise SolarsynthError(f"a walk needs a sampler that adds no noise, got {sampling.sampler}")
    of_image = [int(image_seeds(seed, 1)[0]) for seed in seeds]
    a, b = NoiseStreams(of_image, generator.denoiser.shape).draw()
    share = torch.linspace(0, 1, n).view(-1, *[1] * a.ndim)
    angle = torch.arccos((a.flatten() @ b.flatten() / (a.norm() * b.norm())).clamp(-1, 1))
    mixed = (a * torch.sin((1 - share) * angle) + b * torch.sin(share * angle)) / torch.sin(angle)
    x_T = mixed if angle > 0 else a.expand(n, *a.shape)
    # One condition for all: only the noise changes.
    condition = generator.conditions(
        np.full(n, label), np.full(n, of_image[0]), None if flux is None else np.full(n, flux)
    )
    return to_uint8(sampling.run(generator.denoiser, generator.denoiser.start(x_T.to(device())), condition)[:, 0])


def _draw_embeddings(prior: Denoiser, sampling: Sampling, label: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    seeds = [int(np.random.SeedSequence([int(seed), 2]).generate_state(1, np.uint64)[0] >> 1) for seed in seeds]
    noise = NoiseStreams(seeds, prior.shape)
    steps = min(prior.schedule.n_steps - 1, max(sampling.steps, PRIOR_STEPS))
    # Without guidance: it would narrow the distribution, and the paper names none for the prior.
    unguided = Sampling("ancestral" if sampling.sampler == "ancestral" else "dpm-solver++", steps)
    condition = torch.from_numpy(label[:, None].astype(np.float32)).to(device())
    return unguided.run(prior, prior.start(noise.draw().to(device())), condition, noise).float().cpu().numpy()


def _check_seen(label: np.ndarray, classes_seen: dict[str, int]) -> None:
    for number in np.unique(label):
        if not classes_seen[CLASSES[number]]:
            seen = ", ".join(name for name, count in classes_seen.items() if count)
            raise SolarsynthError(
                f"the model never saw an image of class {CLASSES[number]}, so it cannot draw one; it saw {seen}"
            )


def _choose(sampling: Sampling, changes: dict[str, Any], n_steps: int) -> Sampling:
    """Return a sampling with the changes of a call; a number of steps that the sampler would not take is an error."""
    chosen = sampling.replace(**changes)
    if changes.get("steps") not in (None, chosen.steps_of(n_steps)):
        takes = "1 or 2" if chosen.sampler == "consistency" else f"all {n_steps - 1}"
        raise SolarsynthError(
            f"the {chosen.sampler} sampler takes {takes} steps, got {changes['steps']}; "
            "use sampler 'dpm-solver++' or 'ddim' for another number"
        )
    return chosen


def _in_parts(
    draw: Callable[[slice], np.ndarray],
    shape: tuple[int, ...],
    batch: Callable[[], int],
    folder: Path | None,
    description: str,
) -> np.ndarray:
    """Draw images of `shape` in batches that fit into memory; those that lie in `folder` are not drawn again."""
    image, first, size = np.empty(shape, np.uint8), 0, 0
    with bar(description, len(image)) if description else contextlib.nullcontext() as progress:
        while first < len(image):
            part = _kept_batch(folder, first)
            if part is None:
                size = size or batch()
                part, size = within_memory(lambda n, first=first: draw(slice(first, first + n)), size)
                if folder:
                    write_npy(folder / f"batch-{first:07d}-{len(part)}.npy", part)
            image[first : first + len(part)] = part
            first += len(part)
            if progress is not None:
                progress.update(len(part))
    return image


def _kept_batch(folder: Path | None, first: int) -> np.ndarray | None:
    """Return the batch that begins at image `first` and that an earlier run left in `folder`, if there is one."""
    found = sorted(folder.glob(f"batch-{first:07d}-*.npy")) if folder else []
    try:
        return np.load(found[0], allow_pickle=False) if found else None
    except (OSError, ValueError):
        print(f"{found[0]}: damaged, drawing it again", file=sys.stderr)
        found[0].unlink()
        return None
