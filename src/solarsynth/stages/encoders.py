"""The encoders: the ceVAE, whose space the paper measures in, and the classifier that judges samples (Sects. 4, 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.stages.graph import Ask, Job, Lab, Need, Stage
from solarsynth.stages.labelled import DATASET
from solarsynth.stages.training import train_network
from solarsynth.store import Entry

if TYPE_CHECKING:
    from solarsynth.diffusion.selection import HeldOutLoss
    from solarsynth.models.cevae import CeVAE

# How the encoders are trained; their length is a setting.
CEVAE_TRAINING = {
    "batch_size": 32,
    "learning_rate": 2e-3,
    "weight_decay": 0.0,
    "cooldown": 0.5,
    "ema_decay": 0.99,
    "ema_start": 20,
    "gradient_clip": 1.0,
}
CLASSIFIER_TRAINING = {
    "batch_size": 64,
    "learning_rate": 5e-4,
    "weight_decay": 0.05,
    "cooldown": 0.5,
    "ema_decay": 0.9,
    "ema_start": 10,
    "condition_dropout": 0.0,
    "gradient_clip": 1.0,
}


def read_network_of(lab: Lab, entry: Entry) -> Any:
    """Return the network of a stage that trains one."""
    from solarsynth.networks import read_network

    return read_network(entry.path)[0]


def learning_parts(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return which images (n,) bool an encoder learns from, and by which it is chosen.

    A set with too few blocks keeps none back to choose by. The encoder then learns from all training images.
    """
    if data.validation.any() and data.fit.any():
        return data.fit, data.validation
    return data.train, np.zeros(len(data), bool)


def cevae_architecture(s: Any) -> dict[str, Any]:
    """Return the description of the ceVAE; see `solarsynth.networks.build`."""
    return {"kind": "cevae", "image_size": s.image_size, "latent": s.latent, "width": s.cevae_width, "kl": s.cevae_kl}


def _train_cevae(job: Job) -> None:
    import torch

    from solarsynth.diffusion.selection import HeldOutLoss
    from solarsynth.networks import embed_images

    s, data = job.settings, job.need("dataset")
    image, kept_back = (data.image[part] for part in learning_parts(data))

    def finish(cevae: CeVAE) -> None:
        mu = embed_images(cevae, data.image[data.train], standardised=False)
        cevae.fit_embeddings(torch.from_numpy(mu))

    train_network(
        job,
        cevae_architecture(s),
        {"train_images": s.cevae_images, **CEVAE_TRAINING},
        image,
        np.zeros((len(image), 1), np.float32),
        {"unit": data.unit, "source": data.about["source"]},
        seed=s.seed,
        description="ceVAE",
        finish=finish,
        held_out=HeldOutLoss(kept_back, np.zeros((len(kept_back), 1))) if len(kept_back) else None,
    )


CEVAE = Stage(
    "cevae",
    "the autoencoder of Sect. 4, in its state with the lowest held-out loss",
    make=_train_cevae,
    load=read_network_of,
    reads=("seed", "image_size", "latent", "cevae_width", "cevae_kl", "cevae_images"),
    above=("dataset",),
    needs=lambda lab, ask: {"dataset": Need(DATASET)},
    identity=lambda lab, ask: {"training": CEVAE_TRAINING},
    version=4,
    on_device=True,
    together=True,
    keep=True,
)


def cevae(lab: Lab) -> CeVAE:
    """Return the trained ceVAE."""
    return lab.load(CEVAE)


def classifier_architecture(settings: Any, depth: int, n_classes: int, **more: Any) -> dict[str, Any]:
    """Return the description of a DeiT of the settings' size; see `solarsynth.networks.build`."""
    from solarsynth.models.classifier import ClassifierConfig, starts_pretrained

    s = settings
    config = ClassifierConfig(s.image_size, s.classifier, s.classifier_patch, n_classes, depth)
    pretrained = starts_pretrained(config, s.classifier_pretrained)
    return {"kind": "classifier", "pretrained": pretrained} | config.as_dict() | more


def _train_classifier(job: Job) -> None:
    s, data = job.settings, job.need("dataset")
    learning, _ = learning_parts(data)
    members = [np.flatnonzero(learning & (data.label == i)) for i in range(len(CLASSES))]
    members = [m for m in members if len(m)]
    if len(members) < 2:
        raise SolarsynthError(f"a classifier needs training images of two classes or more, got {len(members)}")
    # Every class is repeated to the size of the largest. With weights instead, many batches would hold no rare class.
    index = np.concatenate([np.resize(m, max(len(m) for m in members)) for m in members])
    train_network(
        job,
        classifier_architecture(s, s.classifier_depth, len(CLASSES)),
        {"train_images": s.classifier_images, **CLASSIFIER_TRAINING},
        data.image[index],
        data.label[index, None],
        {"unit": data.unit, "source": data.about["source"]},
        seed=job.ask["seed"],
        description=f"classifier {job.ask['seed']}",
        held_out=_balanced_loss(data, np.unique(data.label[index])),
    )


def _balanced_loss(data: Any, learnt: np.ndarray) -> HeldOutLoss | None:
    """Return the loss on the validation images of the classes that are learnt, all classes alike; None without any."""
    from solarsynth.diffusion.selection import HeldOutLoss

    part = learning_parts(data)[1] & np.isin(data.label, learnt)  # nothing can be learnt of the other classes
    if not part.any():
        return None
    label = data.label[part]
    return HeldOutLoss(data.image[part], label[:, None], 1 / np.bincount(label)[label])


def _classifier_identity(lab: Lab, ask: Ask) -> dict[str, Any]:
    # Whether weights are on this machine decides what `auto` means.
    architecture = classifier_architecture(lab.settings, lab.settings.classifier_depth, len(CLASSES))
    return {"seed": ask["seed"], "pretrained": architecture["pretrained"], "training": CLASSIFIER_TRAINING}


CLASSIFIER = Stage(
    "classifier",
    "the DeiT of Sect. 5, trained on real images with all classes alike",
    make=_train_classifier,
    load=read_network_of,
    reads=(
        "image_size",
        "classifier",
        "classifier_patch",
        "classifier_depth",
        "classifier_pretrained",
        "classifier_images",
    ),
    above=("dataset",),
    needs=lambda lab, ask: {"dataset": Need(DATASET)},
    ask={"seed": 0},
    identity=_classifier_identity,
    version=4,
    on_device=True,
    together=True,
    keep=True,
)


def _predict(job: Job) -> None:
    from solarsynth.networks import classify

    np.save(job.folder / "probabilities.npy", classify(job.need("classifier"), job.ask["images"].image))


PREDICTIONS = Stage(
    "predictions",
    "the classifier's probabilities for a set of images",
    make=_predict,
    load=lambda lab, entry: np.load(entry.path / "probabilities.npy", allow_pickle=False),
    above=("classifier",),
    needs=lambda lab, ask: {"classifier": Need(CLASSIFIER, {"seed": ask["seed"]}), "images": ask["images"].key},
    ask={"images": None, "seed": 0},
    identity=lambda lab, ask: {"seed": ask["seed"]},
    on_device=True,
)


def predictions(lab: Lab, images: ImageSet, seed: int = 0) -> np.ndarray:
    """Return the probabilities (n, n_classes) float32 that the classifier of a seed gives to images."""
    return lab.load(PREDICTIONS, images=images, seed=seed)
