"""Build networks from a description, write and read them, and apply them to images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn

from solarsynth.devices import device, in_batches
from solarsynth.diffusion import consistency  # registers the parameterisations  # noqa: F401
from solarsynth.diffusion.conditioning import DiscreteLabel, Mirrored
from solarsynth.diffusion.parameterisations import PARAMETERISATIONS, X0, Denoiser
from solarsynth.diffusion.samplers import NoiseStreams, image_seeds
from solarsynth.diffusion.schedule import Schedule
from solarsynth.errors import reading, shown
from solarsynth.files import write_bytes, write_json
from solarsynth.kinds import Sizes, kind
from solarsynth.models.cevae import CeVAE, CeVAEConfig, hide
from solarsynth.models.classifier import Classifier, ClassifierConfig
from solarsynth.models.prior import PriorConfig, PriorNetwork
from solarsynth.models.unet import UNet, UNetConfig
from solarsynth.pixels import to_uint8, to_unit

MODEL_FILE = "model.safetensors"
ABOUT_FILE = "model.json"

#: Of a width, a depth or a number of steps in a description; a damaged one may ask for any.
LARGEST_SIZE = 100_000


def build(architecture: dict[str, Any], seed: int) -> nn.Module:
    """Build a network with weights drawn from `seed`.

    Parameters
    ----------
    architecture : dict
        ``kind`` is ``cevae``, ``classifier``, ``prior`` or a model of `solarsynth.kinds`. The other entries are what
        that kind needs; the stages that train it list them.
    seed : int

    Returns
    -------
    Denoiser, CeVAE or Classifier
    """
    builders = {"cevae": _cevae, "classifier": _classifier, "prior": _prior}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return builders.get(architecture["kind"], _denoiser)(architecture)


def _cevae(a: dict[str, Any]) -> CeVAE:
    config = CeVAEConfig(a["image_size"], a["latent"], a["width"], a["kl"])
    return CeVAE(config).to(memory_format=torch.channels_last)


def _classifier(a: dict[str, Any]) -> Classifier:
    config = ClassifierConfig(a["image_size"], a["size"], a["patch"], a["n_classes"], a["depth"])
    return Classifier(config, a.get("pretrained", False), a.get("class_weight"))


def _schedule(a: dict[str, Any]) -> Schedule:
    return Schedule(a["n_steps"], a["beta_start"], a["beta_end"])


def _prior(a: dict[str, Any]) -> Denoiser:
    config = PriorConfig(a["latent"], a["width"], a["depth"])
    network = PriorNetwork(config, DiscreteLabel(a["n_classes"], config.width))
    return X0(network, _schedule(a), (config.latent,))


def _denoiser(a: dict[str, Any]) -> Denoiser:
    config = UNetConfig(
        image_size=a["image_size"],
        base_width=a["base_width"],
        patch=a["patch"],
        attention=a["attention"],
        dropout=a["dropout"],
        coordinates=bool(a.get("coordinates")),
    )
    condition = kind(a["kind"]).condition(Sizes(a["n_classes"], a.get("latent", 0), config.time_width))
    if a.get("mirror"):
        condition = Mirrored(condition, config.time_width)
    network = UNet(config, condition).to(memory_format=torch.channels_last)
    shape = (1, a["image_size"], a["image_size"])
    return PARAMETERISATIONS[a["parameterisation"]](network, _schedule(a), shape, a["min_snr"])


def write_network(folder: Path, network: nn.Module, about: dict[str, Any]) -> None:
    """Write weights and description; ``about["architecture"]`` must be what the network was built from."""
    # As bytes: a file that safetensors writes itself can be read by its owner only.
    write_bytes(folder / MODEL_FILE, save({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}))
    write_json(folder / ABOUT_FILE, about)


def read_network(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read a network and its description.

    Returns
    -------
    network : nn.Module
        On the device, in evaluation mode.
    about : dict

    Raises
    ------
    SolarsynthError
        If a file is missing or damaged, or the weights are those of another architecture.
    """
    with reading(folder, "no readable model in it", "train it again"):
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        weights = load_file(folder / MODEL_FILE)
        # Its weights come from the file, not from where a training started. Without memory, since a damaged description
        # may ask for any amount of it; only then for real, if the file has the weights of such a network.
        architecture = about["architecture"] | {"pretrained": False}
        for name, value in architecture.items():
            if isinstance(value, int) and not 0 <= value <= LARGEST_SIZE:
                raise ValueError(f"{name} must be from 0 to {LARGEST_SIZE}, got {shown(value)}")
        with torch.device("meta"):
            shapes = {name: value.shape for name, value in build(architecture, seed=0).state_dict().items()}
        if shapes != {name: value.shape for name, value in weights.items()}:
            raise ValueError("the weights are those of another architecture")
        network = build(architecture, seed=0)
        network.load_state_dict(weights)
    return network.to(device()).eval(), about


def embed_images(cevae: CeVAE, image: np.ndarray, *, standardised: bool = True) -> np.ndarray:
    """Return ceVAE embeddings (n, latent) float32 of images (n, H, W) uint8."""
    embed = cevae.embed if standardised else lambda x: cevae.encode(x)[0]
    return in_batches(lambda x: embed(to_unit(x[:, None])), image)


def classify(classifier: Classifier, image: np.ndarray) -> np.ndarray:
    """Return a classifier's probabilities (n, n_classes) float32 for images (n, H, W) uint8."""
    return in_batches(lambda x: classifier.logits(to_unit(x[:, None])).softmax(1), image)


@torch.no_grad()
def masked_and_restored(cevae: CeVAE, image: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Show what the ceVAE makes of images.

    Parameters
    ----------
    cevae : CeVAE
    image : ndarray of uint8, shape (n, H, W)
    seed : int
        Of the squares that are hidden.

    Returns
    -------
    dict of str to ndarray of uint8, shape (n, H, W)
        ``image``, ``reconstructed``, ``masked`` and ``restored``.
    """
    where = next(cevae.parameters()).device
    x = to_unit(torch.from_numpy(np.ascontiguousarray(image))[:, None].to(where))
    square = cevae.draw(x.shape, torch.Generator().manual_seed(seed))[0].to(where)
    # For the picture every image has its square, a quarter of the side at least.
    square[:, 2] = square[:, 2].clamp(min=x.shape[-1] // 4)
    square[:, :2] = torch.minimum(square[:, :2], x.shape[-1] - square[:, 2:3])
    masked = hide(x, square)
    return {
        "image": image,
        "reconstructed": to_uint8(cevae.decode(cevae.encode(x)[0])[:, 0]),
        "masked": to_uint8(masked[:, 0]),
        "restored": to_uint8(cevae.decode(cevae.encode(masked)[0])[:, 0]),
    }


@torch.no_grad()
def draw_baseline(cevae: CeVAE, count: int, seed: int, batch: int = 256) -> np.ndarray:
    """Return images (count, H, W) uint8 decoded from z ~ N(0, I): the paper's baseline."""
    where = next(cevae.parameters()).device
    seeds = image_seeds(seed, count)
    parts = []
    for first in range(0, count, batch):
        z = NoiseStreams(seeds[first : first + batch], (cevae.config.latent,)).draw()
        parts.append(to_uint8(cevae.decode(z.to(where))[:, 0]))
    return np.concatenate(parts)
