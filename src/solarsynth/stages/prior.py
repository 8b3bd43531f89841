"""The prior of the embedding model (Sect. 4): which embeddings of the ceVAE a class has."""

from __future__ import annotations

from typing import Any

import numpy as np

from solarsynth.flares import CLASSES
from solarsynth.stages.encoders import CEVAE, read_network_of
from solarsynth.stages.features import space
from solarsynth.stages.graph import Job, Need, Stage
from solarsynth.stages.labelled import DATASET, training_images
from solarsynth.stages.training import train_network

SCHEDULE = ("n_steps", "beta_start", "beta_end")
PRIOR_TRAINING = {"batch_size": 64, "learning_rate": 1e-3, "cooldown": 0.5, "ema_decay": 0.99, "ema_start": 20}
PRIOR_DEPTH = 4


def prior_architecture(s: Any) -> dict[str, Any]:
    """Return the description of the prior; see `solarsynth.networks.build`."""
    architecture = {"kind": "prior", "n_classes": len(CLASSES), "latent": s.latent, "width": s.prior_width}
    return architecture | {"depth": PRIOR_DEPTH} | {name: getattr(s, name) for name in SCHEDULE}


def _train_prior(job: Job) -> None:
    s, data = job.settings, job.need("dataset")
    images = training_images(job.lab)
    train_network(
        job,
        prior_architecture(s),
        {"train_images": s.prior_images, "condition_dropout": s.condition_dropout, **PRIOR_TRAINING},
        space(job.lab, "cevae").embed(images.image),
        images.label[:, None].astype(np.float32),
        {"unit": data.unit, "source": data.about["source"]},
        seed=s.seed,
        description="prior",
    )


PRIOR = Stage(
    "prior",
    "the diffusion of ceVAE embeddings given a class",
    make=_train_prior,
    load=read_network_of,
    reads=("seed", "latent", "prior_width", "prior_images", "condition_dropout", *SCHEDULE),
    above=("dataset", "cevae"),
    needs=lambda lab, ask: {"dataset": Need(DATASET), "cevae": Need(CEVAE)},
    identity=lambda lab, ask: {"training": PRIOR_TRAINING, "depth": PRIOR_DEPTH},
    version=3,
    on_device=True,
    together=True,
)
