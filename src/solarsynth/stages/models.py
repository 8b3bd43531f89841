"""The denoisers of the paper (Sect. 4), each trained from the rows of `solarsynth.kinds`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.flares import CLASSES
from solarsynth.stages.days import DAYS
from solarsynth.stages.encoders import CEVAE, read_network_of
from solarsynth.stages.examples import (
    ALL,
    ON,
    TUNED,
    TWINS,
    days_examples,
    frames_examples,
    training_conditions,
    with_unlabelled,
)
from solarsynth.stages.graph import Ask, Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET
from solarsynth.stages.prior import PRIOR, SCHEDULE
from solarsynth.stages.training import train_network
from solarsynth.stages.unlabelled import UNLABELLED

if TYPE_CHECKING:
    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.generator import Generator

U_NET = (
    "image_size",
    "base_width",
    "patch",
    "attention",
    "dropout",
    "coordinates",
    "mirror",
    "parameterisation",
    "min_snr",
)
OPTIMISER = (
    "batch_size",
    "learning_rate",
    "weight_decay",
    "cooldown",
    "ema_decay",
    "ema_start",
    "condition_dropout",
    "gradient_clip",
    "mirror",
)


def _fine_tuned(settings: Any, model: str) -> bool:
    """Return whether a model starts from the weights of the first model."""
    from solarsynth.kinds import MODELS

    return bool(settings.finetune_images) and model != MODELS[0]


def _stores(lab: Lab, on: str) -> bool:
    """Return whether averages are stored during a training, to choose their length after it."""
    return bool(lab.settings.ema_snapshots) and on not in (*ALL.values(), TUNED)


def _reads(lab: Lab, ask: Ask) -> tuple[str, ...]:
    from solarsynth.kinds import MODELS, kind

    common = tuple(dict.fromkeys(("seed", *U_NET, *SCHEDULE, *OPTIMISER, *kind(ask["model"]).settings)))
    if _stores(lab, ask["on"]):  # else not: a setting that changes nothing needs no other model
        common = (*common, "ema_snapshots")
    if ask["on"] == "days":
        return (*common, "daily_images")
    if ask["on"] in ALL.values():
        return (*common, "pretrain_images")
    if ask["on"] in TWINS:
        return (*common, "twin_images", "purge_days")
    if ask["on"] == TUNED:
        return (*common, "consistency_images", "unlabelled")
    # A model that starts from scratch reads `train_images`, a fine-tuned one `finetune_images`; 0 decides which.
    return (*common, "train_images", "unlabelled") + (() if ask["model"] == MODELS[0] else ("finetune_images",))


def _needs(lab: Lab, ask: Ask) -> Mapping[str, Need | str]:
    from solarsynth.kinds import MODELS, kind

    row = kind(ask["model"])
    if ask["on"] not in ON:
        raise SolarsynthError(f"unknown images {ask['on']!r}{did_you_mean(ask['on'], ON)}")
    if ask["on"] == "days":
        if row.takes_flux or row.trained_with:
            raise SolarsynthError(f"a model of the daily set must be asked for a class alone, got {ask['model']!r}")
        return {"images": Need(DAYS, {"mode": ask["mode"]})}
    needs: dict[str, Need | str] = {"images": Need(DATASET)}
    if ask["on"] in TWINS:
        return needs | {name: Need(NETWORKS[name]) for name in row.trained_with}
    if ask["on"] in ALL.values():
        return needs | {"unlabelled": Need(UNLABELLED)}
    if ask["on"] == TUNED:
        needs["start"] = Need(MODEL, {"model": ask["model"]})
    if lab.settings.unlabelled == "mixed":
        needs["unlabelled"] = Need(UNLABELLED)
    if ask["on"] == TUNED:
        return needs | {name: Need(NETWORKS[name]) for name in row.trained_with}
    if _fine_tuned(lab.settings, ask["model"]):
        needs["start"] = Need(MODEL, {"model": MODELS[0]})
    elif lab.settings.unlabelled == "pretrain":
        needs["start"] = Need(MODEL, {"model": MODELS[0], "on": ALL[ask["on"]]})
    return needs | {name: Need(NETWORKS[name]) for name in row.trained_with}


def training_length(lab: Lab, ask: Ask, s: Any) -> int:
    """Return the length of a training in images; `s` are the settings that it may read."""
    on = ask["on"]
    if on in ALL.values():
        return s.pretrain_images
    if on == "days":
        return s.daily_images
    if on in TWINS:
        return s.twin_images
    if on == TUNED:
        return s.consistency_images
    return s.finetune_images if _fine_tuned(lab.settings, ask["model"]) else s.train_images


def denoiser_architecture(s: Any, ask: Ask) -> dict[str, Any]:
    """Return the description of a denoiser; see `solarsynth.networks.build`."""
    from solarsynth.kinds import kind

    model, names = ask["model"], (*U_NET, *SCHEDULE, *kind(ask["model"]).settings)
    architecture = {"kind": model, "n_classes": len(CLASSES)} | {name: getattr(s, name) for name in names}
    if ask["on"] == TUNED:
        from solarsynth.diffusion.consistency import TUNED as TUNED_TO

        if s.parameterisation not in TUNED_TO:
            names = " or ".join(TUNED_TO)
            raise SolarsynthError(f"consistency tuning needs parameterisation {names}, got {s.parameterisation}")
        architecture["parameterisation"] = TUNED_TO[s.parameterisation]
    return architecture


def _train_model(job: Job) -> None:
    s, model = job.settings, job.ask["model"]
    image, label, flux, about = days_examples(job) if job.ask["on"] == "days" else frames_examples(job)
    condition = training_conditions(job.lab, model, label, flux, image)
    needs = job.stage.needs(job.lab, job.ask)
    if job.ask["on"] in ALL.values():
        condition = np.full_like(condition, np.nan)
    if "unlabelled" in needs:
        image, condition = with_unlabelled(job, image, condition)
    start = _start_from(job.need("start"), whole=job.ask["on"] == TUNED) if "start" in needs else None
    training = {"train_images": training_length(job.lab, job.ask, s)} | {name: getattr(s, name) for name in OPTIMISER}
    if _stores(job.lab, job.ask["on"]):
        training["ema_snapshots"] = s.ema_snapshots
    train_network(
        job,
        denoiser_architecture(s, job.ask),
        training,
        image,
        condition,
        about,
        seed=s.seed,
        description=model if job.ask["on"] == "frames" else f"{model} on {job.ask['on']}",
        start=start,
    )


def _start_from(trained: Any, whole: bool = False) -> Any:
    """Return a function that gives a fresh network the weights of a trained one, except those of its condition.

    Whether an image is mirrored means the same to every model. With `whole` the condition is taken over, too.
    """

    def start(network: Any) -> None:
        own, told = "network.condition.", "network.condition.mirrored"
        shared = {k: v for k, v in trained.state_dict().items() if whole or k == told or not k.startswith(own)}
        network.load_state_dict(shared, strict=False)

    return start


MODEL = Stage(
    "model",
    "a denoiser: a model of Sect. 4, or one of Sect. 8, which learns from no more images than the classifiers there",
    make=_train_model,
    load=read_network_of,
    reads=_reads,
    above=("dataset", "unlabelled", "days", "cevae", "prior", "model"),
    needs=_needs,
    ask={"model": "discrete", "on": "frames", "mode": "paper"},
    identity=lambda lab, ask: (
        {k: v for k, v in ask.items() if k != "mode" or ask["on"] in ("days", *TWINS)}
        | ({"part": "fit"} if ask["on"] == "days" else {})
        | ({"tuning": 2} if ask["on"] == TUNED else {})  # its stages follow the share of the training that is over
    ),
    version=5,
    on_device=True,
    together=True,
)


def _average(job: Job) -> None:
    from solarsynth.diffusion.snapshots import average_of
    from solarsynth.networks import read_network, write_network

    trained = job.entry("model").path
    network, about = read_network(trained)
    network.load_state_dict(average_of(trained, job.settings.ema_length), strict=False)  # without buffers
    write_network(job.folder, network, about | {"ema_length": job.settings.ema_length})


AVERAGE = Stage(
    "average",
    "a denoiser whose weights are averaged over another part of its training",
    make=_average,
    load=read_network_of,
    reads=("ema_length",),
    above=("model",),
    needs=lambda lab, ask: {"model": Need(MODEL, ask)},
    ask=MODEL.ask,
    identity=lambda lab, ask: {},  # all that it depends on is in the model's key
)


#: Networks that a model may need, by the names that `solarsynth.kinds` uses.
NETWORKS = {"cevae": CEVAE, "prior": PRIOR}


def network_stage(name: str) -> Need:
    """Return the stage that trains a network by the name users give it: a model, ``cevae`` or ``prior``.

    Raises
    ------
    SolarsynthError
        If there is no such network.
    """
    from solarsynth.kinds import KINDS

    if name in KINDS:
        return Need(MODEL, {"model": name})
    if name not in NETWORKS:
        raise SolarsynthError(f"unknown model {shown(name)}{did_you_mean(name, (*KINDS, *NETWORKS))}")
    return Need(NETWORKS[name])


def generator(lab: Lab, model: str = "discrete", sampling: Sampling | None = None, **ask: Any) -> Generator:
    """Return a trained model, ready to sample.

    Parameters
    ----------
    lab : Lab
    model : str
        A row of `solarsynth.kinds.KINDS`.
    sampling : Sampling, optional
        Used where a call does not choose its own; by default the lab's settings.
    **ask
        ``on="fit"`` and ``on="days"`` for the models of Sects. 8.1 and 8.2, and the ``mode`` of the latter;
        ``on="twin-a"`` and ``on="twin-b"`` for two models on disjoint weeks, with their number of blocks as ``mode``.
    """
    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.generator import Generator
    from solarsynth.kinds import kind

    sampling = sampling or Sampling.of(lab.settings)
    prior = lab.entry(PRIOR).path if "prior" in kind(model).sampled_with else None
    stage, asked = drawn_with(lab, sampling, {"model": model, **ask})
    return Generator.read(lab.entry(stage, **asked).path, sampling, prior)


def drawn_with(lab: Lab, sampling: Sampling, ask: Ask) -> Need:
    """Return the network that a sampler draws with.

    That is the model as its training leaves it, its average of another length if the setting ``ema_length`` asks for
    one, or for the sampler ``consistency`` the model that is tuned for it.

    Raises
    ------
    SolarsynthError
        If there is no tuned model of these images.
    """
    asked = {name: ask.get(name, MODEL.ask[name]) for name in MODEL.ask}
    if sampling.sampler == TUNED:
        if asked["on"] not in ("frames", TUNED):
            raise SolarsynthError(
                f"sampler consistency is for models of all training images, got those on {asked['on']!r}"
            )
        return Need(MODEL, asked | {"on": TUNED})
    return Need(AVERAGE if lab.settings.ema_length else MODEL, asked)


def trainings(lab: Lab) -> list[Lab]:
    """Return the lab once per training of the models: with its own seed first, then with the seeds that follow.

    The setting ``generator_seeds`` says how many. A single training does not show how far trainings differ.
    """

    def make() -> list[Lab]:
        others = range(lab.seed + 1, lab.seed + lab.settings.generator_seeds)
        return [replace(lab, profile=lab.settings, overrides=None, seed=seed) for seed in others]

    return [lab, *lab.remember(("labs", "trainings"), make)]
