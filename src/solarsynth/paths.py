"""Where files are. All other modules take their folders from here, so that a test can move all of them."""

from __future__ import annotations

import os
from pathlib import Path

from solarsynth.errors import SolarsynthError


def root() -> Path:
    """Return the repository: ``$SOLARSYNTH_ROOT``, or the checkout this package was installed from."""
    if "SOLARSYNTH_ROOT" in os.environ:
        found = Path(os.environ["SOLARSYNTH_ROOT"])
    else:
        found = Path(__file__).resolve().parents[2]
    if not (found / "params").is_dir():
        raise SolarsynthError(
            f"{found} is not a solarsynth checkout (no params/); install with 'pip install -e .' or set SOLARSYNTH_ROOT"
        )
    return found


def artifacts() -> Path:
    """Return the store's folder: ``$SOLARSYNTH_ARTIFACTS`` or ``artifacts/``."""
    return Path(os.environ.get("SOLARSYNTH_ARTIFACTS") or root() / "artifacts")


def params() -> Path:
    """Return the folder of the profiles."""
    return root() / "params"


def notebooks() -> Path:
    """Return the folder of the notebooks."""
    return root() / "notebooks"


def book() -> Path:
    """Return the folder of the published book."""
    return root() / "book"


def run_folder(source: str, profile: str) -> Path:
    """Return the folder a run writes to: ``$SOLARSYNTH_RUN`` or ``runs/<source>-<profile>/``."""
    if os.environ.get("SOLARSYNTH_RUN"):
        return Path(os.environ["SOLARSYNTH_RUN"])
    return root() / "runs" / f"{source}-{Path(profile).stem}"


def real() -> Path | None:
    """Return the folder of real frames the tests use (``$SOLARSYNTH_REAL`` or ``../shared/real``), or None."""
    folder = Path(os.environ.get("SOLARSYNTH_REAL") or root().parent / "shared" / "real")
    return folder if (folder / "frames-64.npz").is_file() else None


def may_fetch() -> bool:
    """Return whether ``SOLARSYNTH_WEIGHTS=download`` allows downloads."""
    return os.environ.get("SOLARSYNTH_WEIGHTS") == "download"


def repository_of(name: str) -> str:
    """Return where on the Hugging Face hub timm takes a model's weights from; not always under the model's name."""
    import timm

    return timm.get_pretrained_cfg(name).hf_hub_id


def in_timm_cache(name: str) -> bool:
    """Return whether timm's weights of a model are on this machine: without a network timm would try for a minute."""
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")  # timm asks for them in this order
    return any(isinstance(try_to_load_from_cache(repository_of(name), file), str) for file in files)
