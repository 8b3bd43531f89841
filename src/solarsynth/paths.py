"""Where files are. All other modules take their folders from here, so that a test can move all of them."""

from __future__ import annotations

import os
from pathlib import Path

from solarsynth.errors import SolarsynthError

#: Revisions of repositories on the Hugging Face hub. What is fetched stays the same, whatever is put there later.
REVISIONS = {
    "timm/deit_tiny_distilled_patch16_224.fb_in1k": "4decab5416aad52836ffd48b5b7e5cfb78641d8d",
    "timm/deit_small_distilled_patch16_224.fb_in1k": "4150668d0839f2da591b2fc5659764c796148243",
    "timm/vit_base_patch32_clip_224.openai": "ab5b8ef490e86faa07d3523926b842c765de1de5",
}


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
    repository = repository_of(name)
    return _cached(repository, REVISIONS.get(repository)) or _cached(repository, None)


def pinned(name: str) -> str:
    """Return what timm is to load a model's weights from: ``repository@revision``.

    Weights that are on this machine already, without the pinned revision, are used as they are. So are those of a
    repository that `REVISIONS` does not name.
    """
    repository = repository_of(name)
    revision = REVISIONS.get(repository)
    if revision is None or (_cached(repository, None) and not _cached(repository, revision)):
        return repository
    return f"{repository}@{revision}"


def _cached(repository: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")  # timm asks for them in this order
    return any(isinstance(try_to_load_from_cache(repository, file, revision=revision), str) for file in files)
