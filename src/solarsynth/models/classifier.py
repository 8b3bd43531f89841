"""The paper's classifier: a distilled data-efficient image transformer (Touvron et al. 2021) from timm (Sect. 5)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solarsynth import paths
from solarsynth.errors import SolarsynthError, did_you_mean

#: What timm calls the sizes of DeiT.
ARCHITECTURES = {
    "tiny": "deit_tiny_distilled_patch16_224",
    "small": "deit_small_distilled_patch16_224",
    "base": "deit_base_distilled_patch16_224",
}
DEPTH = 12  # transformer blocks of all of them


@dataclass(frozen=True)
class ClassifierConfig:
    """Everything that shapes the network.

    Attributes
    ----------
    image_size : int
        Side of the images in pixels.
    size : {"tiny", "small", "base"}
        Of DeiT; the paper does not say which.
    patch : int
        Side of a token in pixels.
    n_classes : int
    depth : int
        Number of transformer blocks; 12 is DeiT's.
    """

    image_size: int = 64
    size: str = "tiny"
    patch: int = 16
    n_classes: int = 5
    depth: int = 12

    def __post_init__(self) -> None:
        if self.size not in ARCHITECTURES:
            raise SolarsynthError(f"unknown size of DeiT {self.size!r}{did_you_mean(self.size, ARCHITECTURES)}")
        if self.image_size % self.patch:
            raise SolarsynthError(
                f"image_size must be divisible by the classifier's patch of {self.patch}, got {self.image_size}"
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        return dataclasses.asdict(self)


def starts_pretrained(config: ClassifierConfig, wanted: str) -> bool:
    """Say whether a network starts from timm's ImageNet weights, and fetch them if that is allowed.

    Parameters
    ----------
    config : ClassifierConfig
    wanted : {"never", "auto", "always"}
        ``auto``: where they are on this machine, or ``SOLARSYNTH_WEIGHTS=download`` lets them be fetched, and the
        network has all of their blocks.

    Raises
    ------
    SolarsynthError
        With ``always``, if the weights cannot be used.
    """
    if wanted == "never":
        return False
    name = ARCHITECTURES[config.size]
    if config.depth != DEPTH:
        if wanted == "auto":
            return False
        raise SolarsynthError(
            f"the weights of {name} need {DEPTH} blocks, got {config.depth}; set classifier_depth and "
            f"trial_depth to {DEPTH}, or classifier_pretrained to auto"
        )
    failure = _fetch(name)
    if failure and wanted == "always":
        raise SolarsynthError(f"the weights of {name} {failure}; set classifier_pretrained to auto or never")
    return not failure


def _fetch(name: str) -> str:
    """Return why a model's weights are not on this machine, "" if they are; fetch them if that is allowed."""
    from huggingface_hub import hf_hub_download

    if paths.in_timm_cache(name):
        return ""
    if not paths.may_fetch():
        return "are not in timm's cache, and SOLARSYNTH_WEIGHTS=download, which fetches them, is not set"
    try:
        repository = paths.repository_of(name)
        hf_hub_download(repository, "model.safetensors", revision=paths.REVISIONS.get(repository))
    except Exception as error:  # whatever the network or the hub says
        return f"could not be fetched ({type(error).__name__})"
    return ""


class Classifier(nn.Module):
    """DeiT on one channel. Calling it computes the training objective: cross-entropy, and which images are correct.

    Parameters
    ----------
    config : ClassifierConfig
    pretrained : bool
        Start from timm's ImageNet weights: see `starts_pretrained`.
    class_weight : sequence of float, optional
        Weights of the classes in the cross-entropy.

    Attributes
    ----------
    mean, std : Tensor of float32, shape ()
        Of the training images' values, set by `fit`.
    """

    score_name = "accuracy"
    mean: Tensor
    std: Tensor

    def __init__(
        self, config: ClassifierConfig, pretrained: bool = False, class_weight: tuple[float, ...] | None = None
    ) -> None:
        super().__init__()
        import timm

        self.config = config
        self.network = timm.create_model(
            ARCHITECTURES[config.size],
            pretrained=pretrained,
            pretrained_cfg_overlay={"hf_hub_id": paths.pinned(ARCHITECTURES[config.size])} if pretrained else None,
            img_size=config.image_size,
            patch_size=config.patch,
            in_chans=1,
            num_classes=config.n_classes,
            depth=config.depth,
        )
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        weight = torch.tensor(class_weight) if class_weight is not None else torch.ones(config.n_classes)
        self.register_buffer("class_weight", weight)

    @torch.no_grad()
    def fit(self, x_0: Tensor, condition: Tensor) -> None:
        """Take mean and standard deviation of all values from the training images (n, 1, H, W)."""
        self.mean.copy_(x_0.mean())
        self.std.copy_(x_0.std().clamp(min=1e-3))

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return no tensors: the loss needs no random numbers."""
        return ()

    def describe(self) -> dict[str, Any]:
        """Return what defines it, as JSON types."""
        return {"classifier": self.config.as_dict(), "class_weight": self.class_weight.tolist()}

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (B, n_classes) of images (B, 1, H, W) in [-1, 1]."""
        return self.network((x - self.mean) / self.std)

    def embed(self, x: Tensor) -> Tensor:
        """Return what the heads see (B, d): the mean of the class and the distillation token."""
        features = self.network.forward_features((x - self.mean) / self.std)
        return self.network.forward_head(features, pre_logits=True)

    def forward(self, x_0: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy (B,) of images (B, 1, H, W) with classes (B, 1), and which are correct (B,)."""
        logits, label = self.logits(x_0), condition[:, 0].long()
        loss = F.cross_entropy(logits, label, weight=self.class_weight, reduction="none")
        return loss, (logits.argmax(1) == label).float()
