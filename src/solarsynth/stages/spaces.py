"""Feature spaces: they turn images into vectors whose distances mean something.

The ceVAE and the classifier are trained on the lab's archive. The weights of the others are published. Those of VGG16
come with a package, so that every machine has one network that was not trained on the Sun. CLIP and InceptionV3 are
used where timm and clean-fid keep them on this machine; with ``SOLARSYNTH_WEIGHTS=download`` they are fetched.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from solarsynth import paths
from solarsynth.devices import device, in_batches
from solarsynth.errors import SolarsynthError
from solarsynth.models.vgg import VGG16
from solarsynth.networks import embed_images
from solarsynth.pixels import to_unit

#: OpenAI's image tower as timm keeps it; the name without quickgelu gives other values.
CLIP = "vit_base_patch32_clip_quickgelu_224.openai"
INCEPTION_FILE = "inception-2015-12-05.pt"
VGG_PACKAGE, VGG_FILE = "stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth"


class WeightsMissing(SolarsynthError):
    """Published weights are not on this machine."""


@dataclass(frozen=True)
class Space:
    """A feature space.

    Attributes
    ----------
    name : str
        ``cevae``, ``vgg``, ``classifier``, ``clip`` or ``inception``.
    key : str
        Identifies the network's weights.
    embed : callable
        Maps images (n, H, W) uint8 to features (n, d) float32; in batches, whatever n is.
    """

    name: str
    key: str
    embed: Callable[[np.ndarray], np.ndarray]


def trained(name: str, key: str, network: Any) -> Space:
    """Return the space of a network of this lab: ``cevae`` or ``classifier``."""
    if name == "cevae":
        return Space(name, key, functools.partial(embed_images, network))
    return Space(name, key, lambda image: in_batches(lambda x: network.embed(to_unit(x[:, None])), image))


def inception_file() -> Path:
    """Return where clean-fid keeps InceptionV3's weights; ``SOLARSYNTH_INCEPTION`` names another folder."""
    return Path(os.environ.get("SOLARSYNTH_INCEPTION") or tempfile.gettempdir()) / INCEPTION_FILE


def vgg_file() -> Path:
    """Return where the package stlpips-pytorch keeps VGG16's weights.

    Raises
    ------
    WeightsMissing
        If the package is not installed.
    """
    found = importlib.util.find_spec(VGG_PACKAGE)  # it is not imported: it needs packages that it does not name
    file = Path(next(iter(found.submodule_search_locations)), VGG_FILE) if found else None
    if not file or not file.is_file():
        raise WeightsMissing("weights not available: VGG16 comes with stlpips-pytorch, which is not installed")
    return file


def published_key(name: str) -> str:
    """Return what identifies the published weights of ``vgg``, ``clip`` or ``inception``, without loading them.

    Raises
    ------
    WeightsMissing
        If they are not on this machine and cannot be fetched.
    """
    if name == "vgg":
        return _digest(vgg_file())
    if name == "clip":
        if not paths.in_timm_cache(CLIP) and not paths.may_fetch():
            raise WeightsMissing("weights not available: CLIP ViT-B/32 is not in timm's cache")
        return CLIP
    file = inception_file()
    if not file.is_file():
        if not paths.may_fetch():
            raise WeightsMissing(f"weights not available: clean-fid's {INCEPTION_FILE} is not on this machine")
        return INCEPTION_FILE  # it will be fetched; clean-fid checks the download
    return _digest(file)


def _digest(file: Path) -> str:
    found = file.stat()
    return _digest_of(file, found.st_size, found.st_mtime_ns)


@functools.cache
def _digest_of(file: Path, size: int, changed: int) -> str:
    """Return the hash of a file; the key of every set of features asks for it again."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:16]


def vgg() -> Space:
    """Return the space of VGG16 as ST-LPIPS trained it: 1472 values, see `solarsynth.models.vgg`.

    Raises
    ------
    WeightsMissing
        If the package with the weights is not installed.
    """
    model = VGG16(torch.load(vgg_file(), map_location="cpu", weights_only=True))
    model = model.to(device(), memory_format=torch.channels_last)

    def embed(image: np.ndarray) -> np.ndarray:
        return in_batches(lambda x: model.embed(to_unit(x[:, None])), image, 64)

    return Space("vgg", published_key("vgg"), embed)


def clip() -> Space:
    """Return the space of CLIP's image tower: 512 values, 224 px, bicubic, one channel repeated to three.

    Raises
    ------
    WeightsMissing
        If the weights are not in timm's cache and cannot be fetched.
    """
    import timm
    from PIL import Image

    published_key("clip")
    try:
        source = {"hf_hub_id": paths.pinned(CLIP)}
        model = timm.create_model(CLIP, pretrained=True, pretrained_cfg_overlay=source).to(device()).eval()
    except Exception as error:  # whatever the network or the hub says, the other metrics go on
        raise WeightsMissing(f"weights not available: CLIP could not be fetched ({type(error).__name__})") from None
    settings = timm.data.resolve_model_data_config(model) | {"crop_pct": 1.0}
    transform = timm.data.create_transform(**settings, is_training=False)

    def prepare(image: np.ndarray) -> torch.Tensor:
        return torch.stack([transform(Image.fromarray(frame).convert("RGB")) for frame in image])

    def embed(image: np.ndarray) -> np.ndarray:
        return in_batches(model, image, 64, prepare)

    return Space("clip", CLIP, embed)


def inception() -> Space:
    """Return clean-fid's space in its ``clean`` mode: 2048 values, 299 px, one channel repeated to three, 8 bit.

    Raises
    ------
    WeightsMissing
        If the weights are not where clean-fid keeps them (``SOLARSYNTH_INCEPTION`` names another folder) and cannot
        be fetched.
    """
    from cleanfid.fid import get_batch_features
    from cleanfid.inception_torchscript import InceptionV3W
    from cleanfid.resize import build_resizer

    key = published_key("inception")
    folder = str(inception_file().parent)
    try:
        model = InceptionV3W(folder, download=paths.may_fetch(), resize_inside=False).to(device()).eval()
    except Exception as error:
        raise WeightsMissing(f"weights not available: InceptionV3 cannot be read ({type(error).__name__})") from None
    resize = build_resizer("clean")

    def embed(image: np.ndarray) -> np.ndarray:
        parts = [np.empty((0, 2048), np.float32)]
        for first in range(0, len(image), 32):
            frames = [resize(np.repeat(frame[..., None], 3, axis=2)) for frame in image[first : first + 32]]
            batch = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float()
            parts.append(get_batch_features(batch, model, device()).astype(np.float32))
        return np.concatenate(parts)

    return Space("inception", key, embed)
