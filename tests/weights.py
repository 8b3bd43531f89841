"""A file of weights in the place where timm looks for published ones, so that no test needs a network connection."""

from huggingface_hub import constants
from safetensors.torch import save_file


def put_weights(folder, monkeypatch, repository, network):
    """Write a network's weights where timm keeps those of a repository, and return the file."""
    cached = folder / f"models--{repository.replace('/', '--')}"
    (cached / "snapshots" / "0").mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0")
    file = cached / "snapshots" / "0" / "model.safetensors"
    save_file(network.state_dict(), file)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return file
