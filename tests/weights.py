"""A file of weights in the place where timm looks for published ones, so that no test needs a network connection."""

from huggingface_hub import constants
from safetensors.torch import save_file


def put_weights(folder, monkeypatch, repository, network, revision=None):
    """Write a network's weights where timm keeps those of a repository, and return the file.

    With a revision they lie under it alone; the main branch then has none.
    """
    cached = folder / f"models--{repository.replace('/', '--')}"
    file = cached / "snapshots" / (revision or "0") / "model.safetensors"
    file.parent.mkdir(parents=True)
    if revision is None:
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text("0")
    save_file(network.state_dict(), file)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return file
