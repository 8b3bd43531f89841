"""The settings of a run: each declared once, with its default, its bounds and what it means.

The defaults are the paper's, or what its code lineage and its authors' later code say where the paper is silent. A
profile in ``params/`` is a YAML file that names only the settings in which it departs from them. attrs validates the
values, because it is installed even on machines with little more than torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import yaml

from solarsynth import paths
from solarsynth.errors import LONGEST_LIST, SolarsynthError, did_you_mean, reading, shown

#: Bound of every number that has none of its own: larger ones overflow in the libraries, or fill the memory.
LARGEST = 1_000_000_000

WORDS = {int: "a whole number", float: "a number", str: "a word"}


def number(default: float, text: str, low: float = 1, high: float | None = None) -> Any:
    """Declare a number with inclusive bounds; its annotation says whether it must be whole."""
    limits = [attrs.validators.ge(low), attrs.validators.le(LARGEST if high is None else high)]
    return attrs.field(
        default=default, validator=[_typed, *limits], metadata={"text": text, "bounds": (low, high), "choices": None}
    )


def word(default: str, text: str, *choices: str) -> Any:
    """Declare a word that is one of several."""
    return attrs.field(
        default=default,
        validator=[_typed, attrs.validators.in_(choices)],
        metadata={"text": text, "bounds": None, "choices": choices},
    )


def _typed(instance: Any, field: attrs.Attribute, value: Any) -> None:
    # `True` is an int to Python, but no one who writes it means 1. NaN and infinity fail the comparison.
    if type(value) is not field.type or (field.type is float and not abs(value) < float("inf")):
        raise TypeError


@attrs.frozen(kw_only=True)
class Settings:
    """Every size and choice that a run has; see ``Settings.describe()`` for what each one means."""

    simulated_images: int = number(20_420, "labelled images that the simulated archive should yield")
    simulated_contrast: float = number(
        1.0, "factor on the light of flares in simulated frames; a larger one makes labels readable", 0
    )
    image_size: int = number(64, "side of the images in pixels", 1, 2048)
    quicklook_cadence: float = number(60.0, "minutes between two browse images of source quicklook", 1, 1440)
    downsampling: str = word(
        "bilinear-no-antialias",
        "how frames of SDOMLv2 are made smaller; bilinear-no-antialias is exactly the paper's",
        "block-mean",
        "bilinear-no-antialias",
    )
    frame_tolerance: float = number(
        0.0, "minutes a frame may follow the peak of its flare; 0 takes the archive's own (the paper: 7)", 0, 1440
    )
    flux_tolerance: float = number(
        0.0, "seconds an X-ray sample may follow the peak; 0 takes the archive's own (the paper: 6)", 0, 3600
    )
    scale: str = word(
        "paper",
        "flux scale of the classes; paper mixes the other two, as the paper does",
        "operational",
        "science",
        "paper",
    )
    split: str = word(
        "random", "whole blocks of days on one side, or the paper's presumable random split", "blocked", "random"
    )
    block_days: float = number(27.0, "length of a block in days; 27 is one solar rotation", 1e-3)
    fold_blocks: int = number(3, "consecutive blocks that are held out together", 1, 1000000)
    purge_days: float = number(14.0, "days on either side of a held-out block in which no frame is trained on", 0)
    test_fraction: float = number(0.3, "share of the labelled images that is held out; 0 holds out none", 0, 0.5)
    fold: int = number(0, "which of the 1 / test_fraction parts is held out; cross-validation takes all in turn", 0)
    parameterisation: str = word(
        "eps",
        "what the network predicts: the noise (Eq. 5), the preconditioned image of Karras et al. 2022, or what the "
        "Wiener filter of the images misses",
        "eps",
        "preconditioned",
        "wiener",
    )
    patch: int = number(1, "space-to-depth factor at the U-Net's entrance; 1 is the paper's", 1, 64)
    base_width: int = number(64, "channels of the U-Net's first stage; every other width scales with it", 1, 4096)
    attention: str = word(
        "all",
        "stages of the U-Net with self-attention; inner leaves out the two with most pixels",
        "all",
        "inner",
        "none",
    )
    dropout: float = number(0.0, "dropout inside the U-Net's convolutions; the paper has none", 0, 0.9)
    n_steps: int = number(1000, "T, the length of the forward process", 2, 100_000)
    beta_start: float = number(1e-4, "first variance of the linear schedule", 0, 1)
    beta_end: float = number(0.02, "last variance of the linear schedule", 0, 1)
    batch_size: int = number(12, "images per optimiser step", 1, 1000000)
    train_images: int = number(10_210_000, "length of a training in images; the paper: 500 passes over 20,420")
    learning_rate: float = number(3e-4, "AdamW's learning rate", 0)
    weight_decay: float = number(0.01, "AdamW's weight decay", 0)
    cooldown: float = number(
        0.0, "share of the training over which the learning rate falls to zero at the end; the paper has none", 0, 1
    )
    ema_decay: float = number(0.995, "decay of the moving average of the weights, per step", 0, 1)
    ema_start: int = number(2000, "step at which averaging begins; until then the average is a copy", 0)
    ema_snapshots: int = number(
        0, "times that a training stores averages, to choose their length later (16 or more); the paper: 0", 0, 1000
    )
    ema_length: float = number(
        0.0, "sigma_rel of the average to draw with, made of the stored ones; 0: that of ema_decay", 0, 0.25
    )
    condition_dropout: float = number(0.1, "probability, per sample, of training without the condition", 0, 1)
    gradient_clip: float = number(0.0, "largest norm of the gradient; 0, as in the paper, does not clip", 0)
    unlabelled: str = word(
        "none",
        "use of the frames that no listed flare precedes: none, as in the paper; pretrain on all frames without a "
        "condition first; or mixed with the labelled ones, half of a batch each",
        "none",
        "pretrain",
        "mixed",
    )
    pretrain_images: int = number(1_000_000, "length of the training that unlabelled: pretrain puts first, in images")
    mirror: float = number(
        0.0, "probability of mirroring a training image north-south; the network is told; the paper has none", 0, 1
    )
    coordinates: int = number(
        0, "1: the U-Net sees two more channels, the position in x and y; the paper has none", 0, 1
    )
    min_snr: float = number(0.0, "gamma of the Min-SNR weighting of the loss; 0, as in the paper, does not weight", 0)
    finetune_images: int = number(
        0,
        "training images of the continuous and the embedding model when they start from the discrete model's weights; "
        "0, as in the paper, trains each from scratch",
        0,
    )
    twin_images: int = number(
        200_000, "length of the trainings of two models on disjoint weeks, which show what is memorised, in images"
    )
    choices_images: int = number(
        200_000, "length of each training of the page that compares ways of training, in images"
    )
    large_images: int = number(10_210_000, "length of the training of Appendix C's model of 128 px, in images")
    generator_seeds: int = number(
        1, "trainings of each model, each with its own seed, that Table 1 averages over", 1, 1000
    )
    latent: int = number(512, "dimension of the ceVAE's latent space", 1, 65536)
    cevae_width: int = number(16, "channels of the ceVAE's first convolution; 16 in its published code", 1, 1024)
    cevae_images: int = number(1_000_000, "length of the ceVAE's training in images; its best state is kept")
    cevae_kl: str = word(
        "mean",
        "KL term of the ceVAE's loss: its mean over the latents, as sdo-cli runs it, or its sum divided by the pixels",
        "mean",
        "sum",
    )
    prior_width: int = number(1024, "width of the prior's hidden layers", 1, 65536)
    prior_images: int = number(5_000_000, "length of the prior's training in embeddings")
    classifier: str = word("tiny", "size of DeiT; the paper does not say which", "tiny", "small", "base")
    classifier_patch: int = number(8, "side of the classifier's tokens in pixels", 1, 1024)
    classifier_depth: int = number(12, "transformer blocks of the classifier; 12 is DeiT's", 1, 1000)
    classifier_pretrained: str = word(
        "auto",
        "whether the classifier starts from ImageNet weights; auto: where they are on the machine",
        "never",
        "auto",
        "always",
    )
    classifier_images: int = number(400_000, "length of the classifier's training in images")
    classifier_seeds: int = number(5, "number of classifiers over which scores are averaged", 1, 1000)
    trial_depth: int = number(12, "transformer blocks of the classifiers of Section 8", 1, 1000)
    trial_steps: int = number(
        2400, "longest training of each classifier of Section 8, in optimiser steps; the same in every arm"
    )
    downstream_scale: float = number(
        1.0, "factor on the amounts of added images; 1 for the paper's 200 to 600 and 50 to 500", 0, 100
    )
    downstream_sets: int = number(3, "disjoint sets per amount in Section 8.1, and classifiers per set-up", 1, 1000)
    forecast_seeds: int = number(5, "classifiers per set-up in Section 8.2", 1, 1000)
    fold_generators: int = number(
        1, "1: every fold of Section 8 gets a generator; 0: synthetic images are tested in the own fold only", 0, 1
    )
    leak_synthetic: int = number(
        1, "1: the random split of Section 8 gets generators of its own, for synthetic trials without a leak", 0, 1
    )
    daily_images: int = number(1_141_000, "length of the training of Section 8.2's diffusion model, in images")
    consistency_images: int = number(
        200_000, "length of the tuning after which one or two evaluations draw an image, in images"
    )
    sampler: str = word(
        "ancestral",
        "the paper's sampler, or a fast one; consistency takes one or two steps and tunes the model for it first",
        "ancestral",
        "ddim",
        "dpm-solver++",
        "consistency",
    )
    eta: float = number(0.0, "of ddim: 0 is deterministic, 1 as noisy as the ancestral sampler", 0, 1)
    sampling_steps: int = number(999, "network evaluations per image, twice as many with guidance", 1, 100000)
    guidance: float = number(2.0, "w of Eq. 6; the code lineage's cfg_scale = 3 is w = 2", -1)
    guidance_low: float = number(0.0, "lower end of the noise levels sigma between which guidance acts", 0)
    guidance_high: float = number(0.0, "upper end of these noise levels; 0 sets no upper end", 0)
    sampling_batch: int = number(0, "images sampled together; 0: the number drawn fastest, found by measuring", 0)
    sets: int = number(10, "sets per model in the data's proportions, and as many with all classes alike")
    set_size: int = number(1000, "images in a set", 5)
    figure_images: int = number(5, "images drawn per class for the figures")
    map_images: int = number(1000, "images drawn per class for the standard-deviation maps", 2)
    quality_images: int = number(
        1000, "images drawn for each number of sampling steps that is compared, all seeds together", 6
    )
    quality_steps: int = number(999, "largest number of sampling steps compared; 999 is the paper's", 10)
    tsne_images: int = number(20_000, "images, at most, of the t-SNE maps")
    floor_draws: int = number(500, "repetitions of the real-against-real noise floor")

    def __attrs_post_init__(self) -> None:
        """Check what no setting alone can break."""
        if not self.beta_start < self.beta_end:
            raise ValueError(f"beta_start must be below beta_end = {self.beta_end:g}, got {self.beta_start:g}")
        if self.guidance_high and not self.guidance_low < self.guidance_high:
            raise ValueError(
                f"guidance_low must be below guidance_high = {self.guidance_high:g}, got {self.guidance_low:g}"
            )
        if self.ema_length and not self.ema_snapshots:
            raise ValueError(f"ema_length must be 0 without ema_snapshots, got {self.ema_length:g}")
        if self.min_snr and self.parameterisation != "eps":
            raise ValueError(f"min_snr must be 0 with parameterisation {self.parameterisation}, got {self.min_snr:g}")

    def replace(self, **changes: Any) -> Settings:
        """Return a copy with other values, checked; a change of None leaves the value as it is."""
        return _checked(attrs.asdict(self) | {k: v for k, v in changes.items() if v is not None}, "settings")

    def as_dict(self) -> dict[str, Any]:
        """Return all settings as JSON types, in the order of their declaration."""
        return attrs.asdict(self)

    @classmethod
    def describe(cls) -> Iterator[tuple[str, Any, str, str]]:
        """Yield the name, the default, the permitted values and the meaning of every setting."""
        for field in attrs.fields(cls):
            yield field.name, field.default, _permitted(field), field.metadata["text"]


def profiles() -> list[str]:
    """Return the names of the profiles in ``params/``."""
    return sorted(path.stem for path in paths.params().glob("*.yml"))


def load_settings(profile: str | Path = "smoke", **overrides: Any) -> Settings:
    """Read a profile and apply overrides.

    Parameters
    ----------
    profile : str or Path
        A name (``smoke``, ``laptop``, ``gpu``, ``paper``) or the path of a YAML file with settings.
    **overrides
        Settings that replace the profile's; None leaves the profile's value.

    Returns
    -------
    Settings

    Raises
    ------
    SolarsynthError
        For an unknown profile, an unknown setting (with the closest known name), or a value of the wrong type or out
        of bounds.
    """
    if not isinstance(profile, str | Path) or "\0" in str(profile):
        raise SolarsynthError(f"a profile must be a name or the path of a YAML file, got {shown(profile)}")
    path = Path(profile)
    if path.suffix not in (".yml", ".yaml"):
        path = paths.params() / f"{profile}.yml"
        if not is_file(path):
            raise SolarsynthError(f"unknown profile {shown(str(profile))}{did_you_mean(str(profile), profiles())}")
    if not is_file(path):
        place = str(path) if len(str(path)) <= LONGEST_LIST and str(path).isprintable() else shown(str(path))
        raise SolarsynthError(f"{place}: no such profile file")
    with reading(path, "not YAML"):
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if values is None:
        values = {}  # only comments: the defaults
    if not isinstance(values, dict):
        raise SolarsynthError(f"{path}: a profile must be a list of 'setting: value' lines, got {shown(values)}")
    return _checked(values, str(path)).replace(**overrides)


def is_file(path: Path) -> bool:
    """Return whether there is a file; there is none whose name the system does not take."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _checked(values: dict[str, Any], where: str) -> Settings:
    """Build the settings; every fault becomes one line that names the value it got and the value it wants."""
    fields, numbers = attrs.fields_dict(Settings), {}
    for name, value in values.items():
        if name not in fields:
            raise SolarsynthError(f"{where}: unknown setting {shown(name)}{did_you_mean(name, fields)}")
        numbers[name] = _as_number(value) if fields[name].type is float else value
        try:
            fields[name].validator(None, fields[name], numbers[name])
        except (TypeError, ValueError):
            raise SolarsynthError(f"{where}: {_fault(fields[name], numbers[name])}") from None
    try:
        return Settings(**numbers)
    except ValueError as error:
        raise SolarsynthError(f"{where}: {error}") from None


def _as_number(value: Any) -> Any:
    """Return a whole number, or a text such as 1e-4 that YAML 1.1 does not take for a number, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return value
    try:
        return float(value)
    except (ValueError, OverflowError):
        return value


def _fault(field: attrs.Attribute, value: Any) -> str:
    if type(value) is not field.type:
        return f"{field.name} must be {WORDS[field.type]}, got {shown(value)}"
    if field.metadata["choices"]:
        return f"{field.name} cannot be {shown(value)}{did_you_mean(value, field.metadata['choices'])}"
    return f"{field.name} must be {_permitted(field)}, got {shown(value)}"


def _permitted(field: attrs.Attribute) -> str:
    if field.metadata["choices"]:
        return ", ".join(field.metadata["choices"])
    low, high = field.metadata["bounds"]
    return f"from {low:g} to {high:g}" if high is not None else f"at least {low:g} and finite, at most {LARGEST:g}"


attrs.resolve_types(Settings)  # the validators compare types, not the texts of annotations
