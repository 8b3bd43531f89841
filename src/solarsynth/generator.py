"""Trained models, ready to sample: what a class is turned into for each of them, and Suns out of it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from solarsynth import CLASSES
from solarsynth.diffusion.conditioning import DiscreteLabel, LabelAndEmbedding, XRayFlux
from solarsynth.diffusion.denoiser import Denoiser, Guidance, guided_eps
from solarsynth.diffusion.samplers import NoiseStreams, dpm_solver_pp, image_seeds
from solarsynth.diffusion.samplers import sampler as pick_sampler
from solarsynth.diffusion.schedule import Schedule
from solarsynth.diffusion.training import out_of_memory
from solarsynth.errors import SolarsynthError
from solarsynth.labelled import CLASS_BOUNDS, class_of_flux
from solarsynth.models.cevae import CeVAE, CeVAEConfig, hide
from solarsynth.models.classifier import Classifier, ClassifierConfig
from solarsynth.models.prior import PriorConfig, PriorNetwork
from solarsynth.models.unet import UNet, UNetConfig
from solarsynth.profiles import Profile
from solarsynth.store import write_json

MODEL_FILE = "model.safetensors"
ABOUT_FILE = "model.json"

# A larger batch must draw so much faster to be worth its memory.
WORTHWHILE = 1.05
LARGEST_BATCH = 1024
SMALLEST_BATCH = 8

# The prior is so small that more steps cost nothing.
PRIOR_STEPS = 20


def build(architecture: dict[str, Any], seed: int) -> nn.Module:
    """Build a model with weights drawn from `seed`.

    Parameters
    ----------
    architecture : dict
        ``kind`` is ``discrete``, ``continuous``, ``embedding``, ``prior``, ``cevae`` or ``classifier``; the other
        entries are what that kind needs, see `Run.architecture` in `solarsynth.experiments`.
    seed : int

    Returns
    -------
    Denoiser, CeVAE or Classifier
    """
    a = architecture
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if a["kind"] == "cevae":
            return CeVAE(CeVAEConfig(a["image_size"], a["latent"], a["width"])).to(memory_format=torch.channels_last)
        if a["kind"] == "classifier":
            config = ClassifierConfig(a["image_size"], a["size"], a["patch"], a["n_classes"], a["depth"])
            return Classifier(config, a.get("pretrained", False), a.get("class_weight"))
        schedule = Schedule(a["n_steps"], a["beta_start"], a["beta_end"])
        if a["kind"] == "prior":
            config = PriorConfig(a["latent"], a["width"], a["depth"])
            return Denoiser(PriorNetwork(config, DiscreteLabel(a["n_classes"], config.width)), schedule, "x0", ())
        config = UNetConfig(
            image_size=a["image_size"],
            base_width=a["base_width"],
            patch=a["patch"],
            attention=a["attention"],
            dropout=a["dropout"],
        )
        condition = {
            "discrete": lambda: DiscreteLabel(a["n_classes"], config.time_width),
            "continuous": lambda: XRayFlux(config.time_width),
            "embedding": lambda: LabelAndEmbedding(a["n_classes"], a["latent"], config.time_width),
        }[a["kind"]]()
        network = UNet(config, condition).to(memory_format=torch.channels_last)
    shape = (a["image_size"], a["image_size"])
    return Denoiser(network, schedule, a["parameterisation"], shape, a["min_snr"])


def write_model(folder: Path, model: nn.Module, about: dict[str, Any]) -> None:
    """Write weights and description of a model; ``about["architecture"]`` must be what it was built from."""
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, folder / MODEL_FILE)
    write_json(folder / ABOUT_FILE, about)


def read_model(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read a model and its description.

    Raises
    ------
    SolarsynthError
        If a file is missing or damaged, or the weights are those of another architecture.
    """
    try:
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        # Its weights come from the file, not from where a training started.
        model = build(about["architecture"] | {"pretrained": False}, seed=0)
        model.load_state_dict(load_file(folder / MODEL_FILE))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise SolarsynthError(
            f"{folder}: no readable model in it ({str(error).splitlines()[0]}); train it again"
        ) from None
    return model.to(device()).eval(), about


class Generator:
    """A trained model to sample from.

    Attributes
    ----------
    denoiser : solarsynth.diffusion.denoiser.Denoiser
    kind : {"discrete", "continuous", "embedding"}
    classes_seen : dict of str to int
        Training images per class.
    unit : str
    about : dict
        What was written beside the weights.
    defaults : Profile
        Settings of sampling that a call does not name.
    prior : solarsynth.diffusion.denoiser.Denoiser or None
        Draws embeddings for the embedding model.
    """

    def __init__(self, denoiser: Denoiser, about: dict[str, Any], defaults: Profile, prior: Denoiser | None) -> None:
        self.denoiser = denoiser
        self.about = about
        self.kind: str = about["architecture"]["kind"]
        self.classes_seen: dict[str, int] = about["classes_seen"]
        self.unit: str = about["unit"]
        self.defaults = defaults
        self.prior = prior
        self._fastest: dict[float, tuple[int, int]] = {}  # by guidance: the batch, and how large ones were tried

    @classmethod
    def read(cls, folder: Path, defaults: Profile, prior: Path | None = None) -> Generator:
        """Read a model that the store holds, and the prior that the embedding model needs.

        Raises
        ------
        SolarsynthError
            If a file is missing or damaged.
        """
        denoiser, about = read_model(folder)
        return cls(denoiser, about, defaults, read_model(prior)[0] if prior else None)

    def sample(
        self,
        flare_class: str,
        n: int = 1,
        *,
        guidance: float | None = None,
        seed: int = 0,
        steps: int | None = None,
        sampler: str | None = None,
    ) -> np.ndarray:
        """Draw Suns with a flare of a class.

        Parameters
        ----------
        flare_class : str
            ``A``, ``B``, ``C``, ``M`` or ``X``; the continuous model takes ``M2.5`` as well.
        n : int
            How many.
        guidance : float, optional
            w of Eq. 6; the profile's by default.
        seed : int
            The first n images of a seed do not depend on n.
        steps : int, optional
            Sampling steps.
        sampler : {"ancestral", "ddim", "dpm-solver++"}, optional

        Returns
        -------
        ndarray of uint8, shape (n, H, W)
            Display units (0..255 over the normalised range), row 0 in the south.

        Raises
        ------
        SolarsynthError
            For a class that does not exist or that the model never saw.
        """
        label, flux = self.parse(flare_class)
        if n < 1:
            raise SolarsynthError(f"the number of images must be at least 1, not {n}")
        d = self.defaults
        sampler = sampler or d.sampler
        if steps is None:
            steps = steps_of(sampler, d.sampling_steps, self.denoiser.schedule.n_steps)
        return self.draw(
            np.full(n, label),
            guidance=d.guidance if guidance is None else guidance,
            interval=(d.guidance_low, d.guidance_high),
            steps=steps,
            sampler=sampler,
            eta=d.eta,
            seed=seed,
            batch=d.sampling_batch,
            flux=None if flux is None else np.full(n, flux),
        )

    def trace(self, flare_class: str, steps: int, pictures: int = 8, seed: int = 0) -> list[tuple[int, np.ndarray]]:
        """Follow one image from noise to Sun with DPM-Solver++(2M).

        Returns
        -------
        list of tuple
            `pictures` times the steps done so far and the frame (H, W) float32, [-1, 1] once it is a Sun.
        """
        label, flux = self.parse(flare_class)
        d = self.defaults
        seeds = image_seeds(seed, 1)
        noise = NoiseStreams(seeds, (1, *self.denoiser.mean.shape[1:]))
        asked = self.conditions(np.array([label]), seeds, None if flux is None else np.array([flux]))
        x_T = noise.draw().to(device())
        strip = [(0, x_T[0, 0].cpu().numpy())]

        def keep(done: int, steps: int, x: Tensor) -> None:
            strip.append((done, x[0, 0].float().cpu().numpy()))

        guidance = interval_guidance(d.guidance, d.guidance_low, d.guidance_high)
        dpm_solver_pp(self.denoiser, x_T, asked, guidance, steps, noise, keep)
        # Closer together towards the end, where the Sun takes shape.
        picked = np.unique(((1 - np.linspace(1, 0, pictures) ** 1.6) * (len(strip) - 1)).round().astype(int))
        return [strip[i] for i in picked]

    def parse(self, text: str) -> tuple[int, float | None]:
        """Return the class 0 (A) to 4 (X) of a text such as ``M`` or ``M2.5``, and the flux it names, if any."""
        letter, number = text[:1], text[1:]
        if letter not in CLASSES:
            raise SolarsynthError(f"no class {text!r}; the GOES classes are {', '.join(CLASSES)}")
        if not number:
            return CLASSES.index(letter), None
        try:
            flux = float(number) * (1e-8, *CLASS_BOUNDS)[CLASSES.index(letter)]
        except ValueError:
            raise SolarsynthError(f"no class {text!r}; write X, or X2.5 with the continuous model") from None
        if self.kind != "continuous":
            raise SolarsynthError(f"the {self.kind} model knows classes, not {text}; ask for {letter}, or 'continuous'")
        if not (np.isfinite(flux) and flux > 0):
            raise SolarsynthError(f"a flux must be a positive number in W/m², not {flux:g}")
        return int(class_of_flux(flux)), flux

    def draw(
        self,
        label: np.ndarray,
        *,
        guidance: float,
        steps: int,
        sampler: str,
        seed: int,
        batch: int = 0,
        interval: tuple[float, float] = (0.0, 0.0),
        eta: float = 0.0,
        flux: np.ndarray | None = None,
        folder: Path | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Draw one image per label.

        Parameters
        ----------
        label : ndarray of int, shape (n,)
        guidance : float
        steps : int
        sampler : {"ancestral", "ddim", "dpm-solver++"}
        seed : int
        batch : int
            Images drawn together; 0: as many as draw fastest, found by measuring. Where memory is too small it
            is halved.
        interval : tuple of float
            Noise levels σ between which guidance acts; an upper bound of 0 is none.
        eta : float
            Of ``ddim``.
        flux : ndarray of float, shape (n,), optional
            What the continuous model is asked for, W/m²; by default fluxes of the class's training images.
        folder : Path, optional
            Finished batches are kept there and found again.
        report : callable, optional
            Called with (images done, images in all).

        Returns
        -------
        ndarray of uint8, shape (n, H, W)
        """
        for number in np.unique(label):
            if not self.classes_seen[CLASSES[number]]:
                seen = ", ".join(name for name, count in self.classes_seen.items() if count)
                raise SolarsynthError(
                    f"the model never saw an image of class {CLASSES[number]}, so it cannot draw one; it saw {seen}"
                )
        ask = interval_guidance(guidance, *interval)
        options = {"eta": eta} if sampler == "ddim" else {}
        run = pick_sampler(sampler)
        shape = (1, *self.denoiser.mean.shape[1:])
        seeds = image_seeds(seed, len(label))
        image = np.empty((len(label), *shape[1:]), np.uint8)
        where = device()
        first = 0
        while first < len(label):
            kept = next(iter(sorted(folder.glob(f"batch-{first:07d}-*.npy"))), None) if folder else None
            if kept:
                part = np.load(kept, allow_pickle=False)
                image[first : first + len(part)] = part
                first += len(part)
            else:
                batch = batch or self.fastest_batch(ask, len(label))
                here = slice(first, first + batch)
                try:
                    noise = NoiseStreams(seeds[here], shape)
                    with torch.autocast(where, torch.bfloat16, enabled=where == "cuda"):
                        asked = self.conditions(label[here], seeds[here], flux[here] if flux is not None else None)
                        x_0 = run(self.denoiser, noise.draw().to(where), asked, ask, steps, noise, **options)
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error) or batch == 1:
                        raise
                    x_0 = None
                if x_0 is None:
                    batch //= 2
                    torch.cuda.empty_cache()
                    print(f"too little memory for the batch: {batch} images at a time from here", file=sys.stderr)
                    continue
                image[here] = to_display(x_0)
                first += len(x_0)
                if folder:
                    temporary = folder / "batch.tmp"
                    with temporary.open("wb") as file:
                        np.save(file, image[here])
                    temporary.replace(folder / f"batch-{here.start:07d}-{len(x_0)}.npy")
            if report:
                report(first, len(label))
        return image

    def conditions(self, label: np.ndarray, seeds: np.ndarray, flux: np.ndarray | None = None) -> Tensor:
        """Turn classes into what the model understands.

        Parameters
        ----------
        label : ndarray of int, shape (n,)
        seeds : ndarray of int, shape (n,)
            One per image; what is drawn for an image depends on its own seed only.
        flux : ndarray of float, shape (n,), optional

        Returns
        -------
        Tensor of float32, shape (n, d)
        """
        if self.kind == "discrete":
            values = label[:, None]
        elif self.kind == "continuous":
            if flux is None:
                by_class = self.about["training_flux"]
                flux = [
                    np.random.default_rng([int(seed), 1]).choice(by_class[CLASSES[number]])
                    for number, seed in zip(label, seeds, strict=True)
                ]
            values = np.asarray(flux)[:, None]
        else:
            values = np.concatenate([label[:, None], self.embeddings(label, seeds)], axis=1)
        return torch.from_numpy(values.astype(np.float32)).to(device())

    def embeddings(self, label: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Draw standardised embeddings from the prior p(z | y), (n, latent) float32, one random stream each."""
        if self.prior is None:
            raise SolarsynthError(f"the {self.kind} model has no prior; only 'embedding' draws embeddings")
        seeds = [int(np.random.SeedSequence([int(seed), 2]).generate_state(1, np.uint64)[0] >> 1) for seed in seeds]
        noise = NoiseStreams(seeds, (self.prior.network.config.latent,))
        name = "ancestral" if self.defaults.sampler == "ancestral" else "dpm-solver++"
        longest = self.prior.schedule.n_steps - 1
        steps = steps_of(name, min(longest, max(self.defaults.sampling_steps, PRIOR_STEPS)), longest + 1)
        asked = torch.from_numpy(label[:, None].astype(np.float32)).to(device())
        draw = pick_sampler(name)
        return draw(self.prior, noise.draw().to(device()), asked, 0.0, steps, noise).float().cpu().numpy()

    def fastest_batch(self, guidance: Guidance, most: int) -> int:
        """Measure one network evaluation at growing batches; return the smallest that is nearly the fastest.

        Parameters
        ----------
        guidance : Guidance
        most : int
            Images that are wanted; a larger batch is not tried.
        """
        if most <= SMALLEST_BATCH:
            return most
        best, tried = self._fastest.get(guidance.weight, (0, 0))
        if not tried or (most > tried and 2 * best > tried):  # never measured, or only as far as fewer images needed
            best, tried = self._fastest[guidance.weight] = self._measure_batches(guidance, most), most
        return min(best, most)

    def _measure_batches(self, guidance: Guidance, most: int) -> int:
        where = device()
        sigma = self.denoiser.schedule.sigma
        # A step at which guidance acts, as it costs most; the first one where it acts nowhere.
        t = int(((sigma > guidance.low) & (sigma <= guidance.high)).long().argmax())
        any_class = next(i for i, name in enumerate(CLASSES) if self.classes_seen[name])
        condition = self.conditions(np.array([any_class]), image_seeds(0, 1))
        best, best_rate, batch = SMALLEST_BATCH, 0.0, SMALLEST_BATCH
        while batch <= min(LARGEST_BATCH, most):
            try:
                x = torch.zeros(batch, 1, *self.denoiser.mean.shape[1:], device=where)
                with torch.no_grad(), torch.autocast(where, torch.bfloat16, enabled=where == "cuda"):
                    for _ in range(2):  # the first is warming up
                        started = time.perf_counter()
                        guided_eps(self.denoiser, x, t, condition.expand(batch, -1), guidance).sum().item()
                        seconds = time.perf_counter() - started
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                break
            if batch / seconds < WORTHWHILE * best_rate:
                break
            best, best_rate, batch = batch, batch / seconds, 2 * batch
        return best


def steps_of(sampler: str, steps: int, n_steps: int) -> int:
    """Return the steps a sampler takes: all of them if it leaves none out, else `steps`."""
    return n_steps - 1 if sampler == "ancestral" else steps


def interval_guidance(weight: float, low: float, high: float) -> Guidance:
    """Return guidance as a profile states it: an upper bound of 0 is none."""
    return Guidance(weight, low, high or float("inf"))


def to_unit(image: Tensor) -> Tensor:
    """Return images (n, H, W) uint8 as networks see them: (n, 1, H, W) float32 in [-1, 1]."""
    return image[:, None].float() / 127.5 - 1


def to_display(x_0: Tensor) -> np.ndarray:
    """Return images (B, 1, H, W) in [-1, 1], clipped, as (B, H, W) uint8."""
    return ((x_0[:, 0].float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()


@torch.no_grad()
def in_batches(
    network: Callable[[Tensor], Tensor],
    image: np.ndarray,
    batch: int = 256,
    prepare: Callable[[np.ndarray], Tensor] = torch.from_numpy,
) -> np.ndarray:
    """Apply a network to images (n, H, W) in batches; where memory is too small the batch is halved.

    Parameters
    ----------
    network : callable
        Maps what `prepare` returns, on the device, to (k, d).
    image : ndarray of uint8, shape (n, H, W)
    batch : int
    prepare : callable
        Maps images (k, H, W) to a tensor.

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    parts, first = [], 0
    while first < len(image) or not parts:  # once without images, for the number of features
        part = np.ascontiguousarray(image[first : first + batch])
        try:
            parts.append(network(prepare(part).to(device())).float().cpu().numpy())
            first += batch
            continue
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or batch == 1:
                raise
        batch //= 2
        torch.cuda.empty_cache()
        print(f"too little memory for the batch: {batch} images at a time from here", file=sys.stderr)
    return np.concatenate(parts)


def embed_images(cevae: CeVAE, image: np.ndarray, *, standardised: bool = True) -> np.ndarray:
    """Return ceVAE embeddings (n, latent) float32 of images (n, H, W) uint8."""
    embed = cevae.embed if standardised else lambda x: cevae.encode(x)[0]
    return in_batches(lambda x: embed(to_unit(x)), image)


def classify(classifier: Classifier, image: np.ndarray) -> np.ndarray:
    """Return a classifier's probabilities (n, classes) float32 for images (n, H, W) uint8."""
    return in_batches(lambda x: classifier.logits(to_unit(x)).softmax(1), image)


@torch.no_grad()
def masked_and_restored(cevae: CeVAE, image: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Show what the ceVAE makes of images (n, H, W) uint8: rows of images by what was done to them."""
    where = next(cevae.parameters()).device
    x = to_unit(torch.from_numpy(np.ascontiguousarray(image)).to(where))
    square = cevae.draw(x.shape, torch.Generator().manual_seed(seed))[0].to(where)
    # For the picture every image has its square, a quarter of the side at least.
    square[:, 2] = square[:, 2].clamp(min=x.shape[-1] // 4)
    square[:, :2] = torch.minimum(square[:, :2], x.shape[-1] - square[:, 2:3])
    masked = hide(x, square)
    return {
        "image": image,
        "reconstructed": to_display(cevae.decode(cevae.encode(x)[0])),
        "masked": to_display(masked),
        "restored": to_display(cevae.decode(cevae.encode(masked)[0])),
    }


@torch.no_grad()
def draw_baseline(cevae: CeVAE, count: int, seed: int, batch: int = 256) -> np.ndarray:
    """Decode z ~ N(0, I): the paper's baseline. Returns (count, H, W) uint8; nothing is asked for."""
    where = next(cevae.parameters()).device
    seeds = image_seeds(seed, count)
    parts = []
    for first in range(0, count, batch):
        z = NoiseStreams(seeds[first : first + batch], (cevae.config.latent,)).draw()
        parts.append(to_display(cevae.decode(z.to(where))))
    return np.concatenate(parts)


def device() -> str:
    """Return ``cuda`` where there is one, else ``cpu``.

    Raises
    ------
    SolarsynthError
        If SOLARSYNTH_DEVICE names a device that is not there.
    """
    asked = os.environ.get("SOLARSYNTH_DEVICE", "")
    if asked not in ("", "cpu", "cuda"):
        raise SolarsynthError(f"SOLARSYNTH_DEVICE is {asked!r}; it may be cpu or cuda")
    if asked == "cuda" and not torch.cuda.is_available():
        raise SolarsynthError("SOLARSYNTH_DEVICE asks for cuda, but torch sees no GPU; unset it or set it to cpu")
    return asked or ("cuda" if torch.cuda.is_available() else "cpu")
