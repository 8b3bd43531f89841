"""The models that come with the package: trained on real frames of 2012, ready to sample without a network.

A model is one file of weights in half precision, with its description in the metadata. ``weights.json`` holds the
SHA-256 of every file; a file that does not have it is not used. ``MODEL_CARD.md`` says what the models are good for.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solarsynth.errors import SolarsynthError, did_you_mean, reading, shown

if TYPE_CHECKING:
    from torch import nn

    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.generator import Generator

FOLDER = Path(__file__).parent / "weights"
INDEX = "weights.json"

#: How the models draw unless a call says otherwise: the published run's sampling.
SAMPLING = {"sampler": "dpm-solver++", "steps": 20, "guidance": 2.0}


def available() -> dict[str, dict[str, Any]]:
    """Return the files that come with the package: per name its file, size in bytes and SHA-256."""
    path = FOLDER / INDEX
    if not path.is_file():
        return {}
    with reading(path, "not the index of the package's weights", "install the package again"):
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {name: row | {"file": str(row["file"])} for name, row in files.items()}


def load_shipped(model: str = "discrete", sampling: Sampling | None = None) -> Generator:
    """Return a model that comes with the package.

    Parameters
    ----------
    model : {"discrete", "continuous", "embedding"}
    sampling : Sampling, optional
        By default that of the published run, `SAMPLING`.

    Raises
    ------
    SolarsynthError
        If there is no such model, or its file is damaged.
    """
    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.generator import Generator
    from solarsynth.kinds import kind

    row = kind(model)
    denoiser, about = read_weights(model)
    prior, files = None, available()
    origin = {"shipped": True, "sha256": files[model]["sha256"]}
    if "prior" in row.sampled_with:
        prior = read_weights("prior")[0]
        origin["prior"] = files["prior"]["sha256"]
    return Generator(denoiser, about | {"origin": origin}, sampling or Sampling(**SAMPLING), prior)


def read_weights(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network that comes with the package, in single precision on the device, and its description.

    Parameters
    ----------
    name : str
        A name of `available`.
    """
    from safetensors.torch import load

    from solarsynth.devices import device
    from solarsynth.networks import build

    files = available()
    if name not in files:
        hint = did_you_mean(name, files)
        raise SolarsynthError(f"no weights of {shown(name)} come with this package{hint}; train a model with --profile")
    path = FOLDER / files[name]["file"]
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SolarsynthError(f"{path}: cannot be read ({error.strerror}); install the package again") from None
    if hashlib.sha256(raw).hexdigest() != files[name].get("sha256"):
        raise SolarsynthError(f"{path}: not the weights that came with the package (SHA-256); install it again")
    about = json.loads(_metadata(raw)["about"])
    network = build(about["architecture"] | {"pretrained": False}, seed=0)
    network.load_state_dict(load(raw))
    return network.to(device()).eval(), about


def write_weights(name: str, network: nn.Module, about: dict[str, Any], folder: Path = FOLDER) -> dict[str, Any]:
    """Write a network in half precision, and return its row of the index; see ``scripts/ship_weights.py``.

    Buffers keep their precision: they are few, and pixel statistics are needed exactly.
    """
    import torch
    from safetensors.torch import save

    halved = {parameter for parameter, _ in network.named_parameters()}
    tensors = {
        key: value.detach().cpu().to(torch.float16 if key in halved else value.dtype).contiguous()
        for key, value in network.state_dict().items()
    }
    raw = save(tensors, metadata={"about": json.dumps(about)})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(raw)
    return {"file": f"{name}.safetensors", "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def _metadata(raw: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: its header is JSON behind a length of 8 bytes."""
    length = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + length])["__metadata__"]
