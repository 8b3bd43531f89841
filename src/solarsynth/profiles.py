"""Profiles: how large a run is. One YAML file each in ``params/``, the same keys in all of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from solarsynth import paths
from solarsynth.errors import SolarsynthError, nearest


@dataclass(frozen=True)
class Profile:
    """Every size and setting a run has. The comments in ``params/*.yml`` say what each one costs.

    Attributes
    ----------
    simulated_images : int
        Labelled images the simulated archive is made for (its nine years are thinned to about so many).
    image_size : int
        Side of the images in pixels.
    quicklook_cadence : float
        Minutes between two browse images of ``quicklook``.
    downsampling : {"block-mean", "bilinear-no-antialias"}
        How frames of SDOMLv2 are made smaller; the second is the paper's to the letter.
    frame_tolerance : float
        Minutes a frame may follow the peak of its flare; 0 leaves the archive's own (the paper: 7).
    flux_tolerance : float
        Seconds an X-ray sample may follow the peak; 0 leaves the archive's own (the paper: 6).
    scale : {"operational", "science", "paper"}
        Flux scale of the classes; ``paper`` mixes the other two, as the paper does.
    split : {"blocked", "random"}
        Whole blocks of days, or the paper's presumable random split.
    block_days : float
        Length of a block in days (27: one solar rotation).
    test_fraction : float
        Share of the labelled images held out.
    parameterisation : {"eps", "preconditioned"}
        The paper's ε-prediction (Eq. 5), or the preconditioning of Karras et al. 2022 on the same schedule.
    patch : int
        Space-to-depth factor at the U-Net's door; 1 is the paper's.
    base_width : int
        Channels of the first stage; 64 is the paper's, every other width scales with it.
    attention : {"all", "inner", "none"}
        Which stages of the U-Net have self-attention; ``inner`` leaves out the two that see most pixels.
    dropout : float
        Inside the U-Net's convolutions; the paper has none.
    n_steps : int
        T, the length of the forward process.
    beta_start, beta_end : float
        The linear variance schedule.
    batch_size : int
        Images per optimiser step.
    train_images : int
        Length of the training, counted in images.
    learning_rate, weight_decay : float
        AdamW's.
    cooldown : float
        Share of the training over which the learning rate falls to zero at the end; the paper has none.
    ema_decay : float
        Decay of the exponential moving average of the weights, per step.
    ema_start : int
        Step at which averaging begins; until then the average is a copy.
    condition_dropout : float
        Probability, per sample, of training without the condition (Ho & Salimans 2022).
    gradient_clip : float
        Largest norm of the gradient; 0, as in the paper: not clipped.
    min_snr : float
        γ of the Min-SNR weighting of the loss; 0, as in the paper: none.
    finetune_images : int
        Training images of the continuous and the embedding model when they start from the discrete model's
        weights; 0, as in the paper: each is trained from scratch for `train_images`.
    large_images : int
        Length of the training of Appendix C's model of 128 px, in images.
    latent : int
        Dimension of the ceVAE's latent space.
    cevae_width : int
        Channels of the ceVAE's first convolution; 16 in the published code.
    cevae_images : int
        Length of its training.
    prior_width : int
        Width of the prior's hidden layers.
    prior_images : int
        Length of its training, in embeddings.
    classifier : {"tiny", "small", "base"}
        Size of DeiT; the paper does not say which.
    classifier_patch : int
        Side of its tokens in pixels.
    classifier_depth : int
        Its number of transformer blocks; 12 is DeiT's.
    classifier_pretrained : {"never", "auto", "always"}
        Whether it starts from timm's ImageNet weights; ``auto``: where they are on the machine.
    classifier_images : int
        Length of its training, in images.
    classifier_seeds : int
        Number of classifiers, over which scores are averaged.
    trial_depth : int
        Transformer blocks of the classifiers of Section 8.
    trial_epochs : float
        Length of each of their trainings, in passes over the images it is given; 18 in Sect. 8.2.
    usage_scale : float
        By what the amounts of added images are multiplied; 1 for the paper's 200 to 600 and 50 to 500.
    usage_sets : int
        Disjoint sets per amount in Section 8.1, three in the paper, and classifiers per set-up.
    forecast_seeds : int
        Classifiers per set-up in Section 8.2.
    leak_synthetic : int
        1: the random split of Section 8 gets generators of its own, for synthetic trials without a leak; 0: it has
        none.
    daily_images : int
        Length of the training of Section 8.2's diffusion model, in images.
    sampler : {"ancestral", "ddim", "dpm-solver++"}
        The paper's sampler, or a fast one.
    eta : float
        Of ``ddim``: 0 deterministic, 1 as noisy as the ancestral sampler.
    sampling_steps : int
        Network evaluations per image (twice as many with guidance).
    guidance : float
        w of Eq. 6.
    guidance_low, guidance_high : float
        Noise levels σ between which guidance acts; 0 as upper bound: no bound.
    sampling_batch : int
        Images sampled together; 0: as many as are drawn fastest, found by measuring.
    sets : int
        Number of sets per model in the data's proportions, and as many with all classes alike.
    set_size : int
        Images in a set.
    figure_images : int
        Images drawn per class for the figures.
    map_images : int
        Images drawn per class for the standard-deviation maps.
    quality_images : int
        Images drawn for each number of sampling steps whose quality is compared.
    quality_steps : int
        Largest number of steps compared; 999 is the paper's.
    tsne_images : int
        Images, at most, of the t-SNE maps.
    floor_draws : int
        Repetitions of the real-against-real noise floor.
    """

    simulated_images: int
    image_size: int
    quicklook_cadence: float
    downsampling: str
    frame_tolerance: float
    flux_tolerance: float
    scale: str
    split: str
    block_days: float
    test_fraction: float
    parameterisation: str
    patch: int
    base_width: int
    attention: str
    dropout: float
    n_steps: int
    beta_start: float
    beta_end: float
    batch_size: int
    train_images: int
    learning_rate: float
    weight_decay: float
    cooldown: float
    ema_decay: float
    ema_start: int
    condition_dropout: float
    gradient_clip: float
    min_snr: float
    finetune_images: int
    large_images: int
    latent: int
    cevae_width: int
    cevae_images: int
    prior_width: int
    prior_images: int
    classifier: str
    classifier_patch: int
    classifier_depth: int
    classifier_pretrained: str
    classifier_images: int
    classifier_seeds: int
    trial_depth: int
    trial_epochs: float
    usage_scale: float
    usage_sets: int
    forecast_seeds: int
    leak_synthetic: int
    daily_images: int
    sampler: str
    eta: float
    sampling_steps: int
    guidance: float
    guidance_low: float
    guidance_high: float
    sampling_batch: int
    sets: int
    set_size: int
    figure_images: int
    map_images: int
    quality_images: int
    quality_steps: int
    tsne_images: int
    floor_draws: int

    def replace(self, **changes: Any) -> Profile:
        """Return a copy with the given settings, checked; a change of None leaves the profile's value."""
        changes = {key: value for key, value in changes.items() if value is not None}
        return _checked({**dataclasses.asdict(self), **changes}, "override")


_CHOICES = {
    "downsampling": ("block-mean", "bilinear-no-antialias"),
    "scale": ("operational", "science", "paper"),
    "split": ("blocked", "random"),
    "parameterisation": ("eps", "preconditioned"),
    "classifier": ("tiny", "small", "base"),
    "classifier_pretrained": ("never", "auto", "always"),
    "attention": ("all", "inner", "none"),
    "sampler": ("ancestral", "ddim", "dpm-solver++"),
}

# Bounds outside which a value has no meaning (inclusive). They catch slips, not bad taste.
_BOUNDS = {
    "quicklook_cadence": (1.0, 1440.0),
    "frame_tolerance": (0.0, 1440.0),
    "flux_tolerance": (0.0, 3600.0),
    "test_fraction": (0.0, 0.9),
    "condition_dropout": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "gradient_clip": (0.0, float("inf")),
    "leak_synthetic": (0, 1),
    "min_snr": (0.0, float("inf")),
    "finetune_images": (0, float("inf")),
    "usage_scale": (0.0, 100.0),
    "trial_epochs": (0.01, float("inf")),
    "eta": (0.0, 1.0),
    "guidance_low": (0.0, float("inf")),
    "guidance_high": (0.0, float("inf")),
    "sampling_batch": (0, float("inf")),
    "quality_images": (4, float("inf")),
    "cooldown": (0.0, 1.0),
    "ema_decay": (0.0, 1.0),
    "beta_start": (0.0, 1.0),
    "beta_end": (0.0, 1.0),
    "weight_decay": (0.0, float("inf")),
    "ema_start": (0, float("inf")),
    "guidance": (-1.0, float("inf")),
    "learning_rate": (0.0, float("inf")),
    "block_days": (1e-3, float("inf")),
    "n_steps": (2, float("inf")),
    "map_images": (2, float("inf")),
    "set_size": (5, float("inf")),
}


def names() -> list[str]:
    """Return the names of the profiles in ``params/``."""
    return sorted(path.stem for path in paths.params().glob("*.yml"))


def load_profile(profile: str | Path = "smoke", **overrides: Any) -> Profile:
    """Read a profile and apply overrides.

    Parameters
    ----------
    profile : str or Path
        A name (``smoke``, ``laptop``, ``gpu``, ``paper``) or the path of a YAML file with the same keys.
    **overrides
        Settings that replace the profile's; None leaves the profile's value.

    Returns
    -------
    Profile

    Raises
    ------
    SolarsynthError
        For an unknown name, an unknown or missing key (naming the nearest known one), a value of the wrong
        type or out of bounds.
    """
    path = Path(profile)
    if path.suffix not in (".yml", ".yaml"):
        path = paths.params() / f"{profile}.yml"
        if not path.is_file():
            raise SolarsynthError(f"no profile {str(profile)!r}{nearest(str(profile), names())}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SolarsynthError(f"{path}: no such profile file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SolarsynthError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise SolarsynthError(f"{path}: a profile is a list of 'key: value' lines")
    return _checked(values, str(path)).replace(**overrides)


def _checked(values: dict[str, Any], where: str) -> Profile:
    fields = {field.name: field.type for field in dataclasses.fields(Profile)}
    for key in values:
        if key not in fields:
            raise SolarsynthError(f"{where}: unknown setting {key!r}{nearest(str(key), fields)}")
    for key in fields:
        if key not in values:
            raise SolarsynthError(f"{where}: the setting {key!r} is missing")
    return Profile(**{key: _value(key, values[key], kind, where) for key, kind in fields.items()})


def _value(key: str, value: Any, kind: str, where: str) -> Any:
    wants = {"int": "a whole number", "float": "a number", "str": "a word"}[kind]
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind == "float" and isinstance(value, str):  # YAML 1.1 reads 1e-4 as a word
        try:
            value = float(value)
        except ValueError:
            pass
    if type(value).__name__ != kind:
        raise SolarsynthError(f"{where}: {key} must be {wants}, not {value!r}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise SolarsynthError(f"{where}: {key}: no choice {value!r}{nearest(value, _CHOICES[key])}")
    if kind != "str":
        low, high = _BOUNDS.get(key, (1, float("inf")))
        if not low <= value <= high:
            raise SolarsynthError(f"{where}: {key} must lie in [{low:g}, {high:g}], not {value!r}")
    return value
