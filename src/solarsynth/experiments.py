"""The stages, in the paper's order: archive → dataset → model → samples → measures.

A `Run` binds a profile, a source and a seed; each stage is computed once and lies in the store. What a stage
reads of the profile is written in its own method, so that changing a setting makes anew only what depends
on it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.labelled import LabelledSet
from solarsynth.profiles import Profile, load_profile
from solarsynth.store import Entry, Store, array_key

# What reads observations loads pandas and zarr; training from a labelled set in one file must not need them.
if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.features import Space
    from solarsynth.generator import Generator
    from solarsynth.models.cevae import CeVAE
    from solarsynth.observations.archive import Archive

SOURCES = ("simulated", "archive", "quicklook", "sdoml", "labelled")
MODELS = ("discrete", "continuous", "embedding")  # the paper's, in its order
BASELINE = "cevae"

# What `data` is for each source that needs it.
_DATA = {
    "archive": "the folder of an archive",
    "quicklook": "a period such as 2012-01-01/2012-03-01",
    "sdoml": "years such as 2011-2019",
    "labelled": "the .npz of a labelled set that `solarsynth dataset --out` wrote",
}

# How the small networks are trained; their length is a setting.
CEVAE_TRAINING = {"batch_size": 32, "learning_rate": 2e-3, "weight_decay": 0.0, "cooldown": 0.5, "ema_decay": 0.99}
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
PRIOR_TRAINING = {"batch_size": 64, "learning_rate": 1e-3, "cooldown": 0.5, "ema_decay": 0.99}

SPLIT_SEED = 42  # one split for all seeds of a model, so that seeds differ in nothing else


@dataclass
class Run:
    """A profile, a source and a seed.

    Parameters
    ----------
    profile : str or Profile
        Name, path of a YAML file, or a profile already loaded.
    source : {"simulated", "archive", "quicklook", "sdoml", "labelled"}
    data : str
        With ``archive`` its folder, with ``sdoml`` years (``2011-2019``), with ``quicklook`` a period
        (``2012-01-01/2012-03-01``), with ``labelled`` the file of a labelled set.
    seed : int
        Seed of training; the split has its own, fixed one.
    overrides : dict, optional
        Settings that replace the profile's; None leaves the profile's value.
    dask : str
        Address of a dask scheduler that reads the frames of ``sdoml``; threads of this process without.
    """

    profile: str | Profile = "smoke"
    source: str = "simulated"
    data: str = ""
    seed: int = 0
    overrides: dict[str, Any] | None = None
    dask: str = ""

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise SolarsynthError(f"no source {self.source!r}{nearest(str(self.source), SOURCES)}")
        if self.source in _DATA and not self.data:
            raise SolarsynthError(f"source {self.source!r} needs data: {_DATA[self.source]} (DATA=… or -p data …)")
        if self.source == "simulated" and self.data:
            raise SolarsynthError(f"source 'simulated' takes no data; for {self.data} choose source 'archive'")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise SolarsynthError(f"seed must be a whole number from 0, not {self.seed!r}")
        if isinstance(self.profile, Profile):
            self.settings = self.profile.replace(**(self.overrides or {}))
            self.profile = "custom"
        else:
            self.settings = load_profile(self.profile, **(self.overrides or {}))
            self.profile = Path(self.profile).stem
        self.store = Store()

    def variant(self, *, source: str = "", **changes: Any) -> Run:
        """Return the same run with other settings, and with another source that needs no data if one is named."""
        data = "" if source and source != self.source else self.data
        run = Run(self.settings, source or self.source, data, self.seed, changes, self.dask)
        run.profile = self.profile
        return run

    # --- Section 2: the labelled set

    @functools.cached_property
    def simulated_entry(self) -> Entry:
        """The simulated archive in the store."""
        from solarsynth.observations.simulated import VERSION, SimulatedSun, simulate

        sun = SimulatedSun(
            images=self.settings.simulated_images,
            image_size=self.settings.image_size,
            # Coarser flux for a small archive: nine years at one minute take seconds to make and to read.
            xrs_cadence=60.0 if self.settings.simulated_images > 1000 else 300.0,
            regular_days=1 if self.settings.simulated_images > 1000 else 2,
        )

        def make(folder: Path) -> None:
            shutil.rmtree(folder / "archive", ignore_errors=True)
            simulate(folder / "archive", sun)

        return self.store.make("archive", make, params=vars(sun), stage_version=VERSION)

    @functools.cached_property
    def fetched_entry(self) -> Entry:
        """The archive of ``sdoml`` or ``quicklook`` in the store, downloaded and built if it is not there."""
        from solarsynth.labelling import usable_frames
        from solarsynth.observations import building

        s, downloads = self.settings, self.store.folder / "downloads"
        report = _count_line()

        def fresh(folder: Path) -> Path:
            shutil.rmtree(folder / "archive", ignore_errors=True)  # of a build killed in its last moment
            return folder / "archive"

        if self.source == "sdoml":
            years = building.parse_years(self.data)
            # The frames that are read are those that the labelling will ask for, by the same rules.
            rules = {"frame_tolerance": 60 * s.frame_tolerance or 420.0, "flux_tolerance": s.flux_tolerance or 6.0}
            params = {
                "source": "sdoml",
                "years": years,
                "size": s.image_size,
                "downsampling": s.downsampling,
                **rules,
            }

            def make(folder: Path) -> None:
                building.build_sdoml(
                    fresh(folder),
                    years,
                    downloads,
                    functools.partial(usable_frames, **rules),
                    frame_tolerance_minutes=rules["frame_tolerance"] / 60,
                    flux_tolerance_seconds=rules["flux_tolerance"],
                    image_size=s.image_size,
                    downsampling=s.downsampling,
                    dask=self.dask,
                    report=report,
                )
        else:
            period = building.parse_period(self.data)
            params = {
                "source": "quicklook",
                "period": list(period),
                "size": s.image_size,
                "cadence": s.quicklook_cadence,
            }

            def make(folder: Path) -> None:
                building.build_quicklook(
                    fresh(folder),
                    period,
                    downloads,
                    image_size=s.image_size,
                    cadence=s.quicklook_cadence,
                    report=report,
                )

        return self.store.make("archive", make, params=params)

    @functools.cached_property
    def archive_path(self) -> Path:
        """Folder of the archive, made if need be."""
        if self.source == "labelled":
            raise SolarsynthError("source 'labelled' has no archive, only its labelled set; choose another source")
        if self.source == "archive":
            return Path(self.data)
        entry = self.simulated_entry if self.source == "simulated" else self.fetched_entry
        return entry.path / "archive"

    def archive(self) -> Archive:
        """Open the archive."""
        from solarsynth.observations.archive import Archive

        return Archive(self.archive_path)

    @functools.cached_property
    def dataset_entry(self) -> Entry:
        """The labelled set in the store."""
        from solarsynth.labelling import labelled_frames
        from solarsynth.splits import split, time_blocks

        s = self.settings
        archive = self.archive()
        if self.source == "archive":
            upstream = {"archive": fingerprint(archive.path)}
        else:
            upstream = {"archive": archive.path.parent.name}  # the stage's key
        params = {
            "image_size": s.image_size,
            "scale": s.scale,
            "frame_tolerance": s.frame_tolerance,
            "flux_tolerance": s.flux_tolerance,
            "split": s.split,
            "block_days": s.block_days,
            "test_fraction": s.test_fraction,
            "split_seed": SPLIT_SEED,
        }

        def make(folder: Path) -> None:
            table, image, funnel, about = labelled_frames(
                archive, s.image_size, s.scale, 60 * s.frame_tolerance, s.flux_tolerance
            )
            frame_time, label = table["frame_time"].to_numpy(), table["label"].to_numpy()
            block = time_blocks(frame_time, s.block_days)
            test = split(
                label,
                block,
                method=s.split,
                test_fraction=s.test_fraction,
                n_classes=len(CLASSES),
                seed=SPLIT_SEED,
            )
            LabelledSet(
                image=image,
                label=label,
                flux=table["flux"].to_numpy(),
                peak_time=table["peak"].to_numpy(),
                frame_time=frame_time,
                delay=table["delay"].to_numpy(),
                block=block,
                test=test,
                unit=archive.unit,
                funnel=funnel,
                about=about | {"split": s.split, "from_list": int(table["from_list"].sum())},
            ).write(folder / "set.zarr")

        return self.store.make("dataset", make, params=params, upstream=upstream, stage_version=1)

    @functools.cached_property
    def dataset(self) -> LabelledSet:
        """The labelled set."""
        if self.source == "labelled":
            data = LabelledSet.read(Path(self.data))
            if data.image.shape[1] != self.settings.image_size:
                raise SolarsynthError(
                    f"{self.data}: its images have {data.image.shape[1]} px, the profile asks for "
                    f"{self.settings.image_size}; set image_size"
                )
            return data
        return LabelledSet.read(self.dataset_entry.path / "set.zarr")

    @functools.cached_property
    def dataset_key(self) -> str:
        """What names the labelled set in the keys of all that is made from it."""
        if self.source == "labelled":
            return hashlib.sha256(Path(self.data).read_bytes()).hexdigest()[:16]
        return self.dataset_entry.key

    def daily(self, mode: str = "paper") -> tuple[pd.DataFrame, dict[str, int]]:
        """Return the daily set of Section 8.2: per day its frame and the strongest class of the next 24 hours.

        Parameters
        ----------
        mode : {"paper", "all-days"}
            Without or with days that have no listed flare.
        """
        from solarsynth.labelling import daily_labels, event_flux

        archive = self.archive()
        events = archive.events()
        flux, _ = event_flux(
            events,
            archive.xrs_parts(),
            flux_tolerance=self.settings.flux_tolerance or float(archive.attributes.get("flux_tolerance_seconds", 6.0)),
            scale=self.settings.scale,
            xrs_scale=archive.xrs_scale,
        )
        return daily_labels(events, flux, archive.frames().time, mode=mode)

    # --- Section 4: models

    def architecture(self, kind: str) -> dict[str, Any]:
        """Return what `solarsynth.generator.build` needs for a model of this run.

        Parameters
        ----------
        kind : {"discrete", "continuous", "embedding", "cevae", "prior"}
        """
        s = self.settings
        if kind == BASELINE:
            return {"kind": kind, "image_size": s.image_size, "latent": s.latent, "width": s.cevae_width}
        schedule = {"n_steps": s.n_steps, "beta_start": s.beta_start, "beta_end": s.beta_end}
        if kind == "prior":
            sizes = {"latent": s.latent, "width": s.prior_width, "depth": 4}
            return {"kind": kind, "n_classes": len(CLASSES)} | sizes | schedule
        if kind not in MODELS:
            raise SolarsynthError(f"no model {kind!r}{nearest(kind, (*MODELS, BASELINE, 'prior'))}")
        return {
            "kind": kind,
            "image_size": s.image_size,
            "base_width": s.base_width,
            "patch": s.patch,
            "attention": s.attention,
            "dropout": s.dropout,
            "n_classes": len(CLASSES),
            "latent": s.latent if kind == "embedding" else 0,
            "parameterisation": s.parameterisation,
            "min_snr": s.min_snr,
        } | schedule

    def model_entry(self, model: str = "discrete", report: Callable | None = None, *, compiled: bool = False) -> Entry:
        """Return a trained model of the paper in the store; training goes on where a killed run stopped.

        Parameters
        ----------
        model : {"discrete", "continuous", "embedding"}
        report : callable, optional
            Called with a `solarsynth.diffusion.training.Progress` about once a second.
        compiled : bool
            Whether to train with torch.compile.
        """
        s = self.settings
        architecture = self.architecture(model)
        warm = bool(s.finetune_images) and model != "discrete"
        upstream = {}
        if warm:
            upstream["start"] = self.model_entry("discrete", report, compiled=compiled).key
        if model == "embedding":
            upstream["cevae"] = self.cevae_entry(report).key
        config = self._model_training(s.finetune_images if warm else s.train_images)

        def start(network) -> None:
            from solarsynth.generator import read_model

            if warm:
                weights = read_model(self.store.path("model", upstream["start"]))[0].state_dict()
                shared = {k: v for k, v in weights.items() if not k.startswith("network.condition.")}
                network.load_state_dict(shared, strict=False)

        data = self.dataset
        part = ~data.test
        about = {
            "classes_seen": data.counts(test=False),
            "unit": data.unit,
            "source": data.about["source"],
            "training_flux": {n: data.flux[part & (data.label == i)].tolist() for i, n in enumerate(CLASSES)},
        }
        return self._trained(
            "model",
            architecture,
            config,
            upstream,
            lambda: (data.image[part], self.conditions(model)),
            about,
            report,
            start=start,
            compiled=compiled,
        )

    def entry(self, name: str, report: Callable | None = None, *, compiled: bool = False) -> Entry:
        """Return any trained network in the store: one of the models, ``cevae`` or ``prior``."""
        if name == BASELINE:
            return self.cevae_entry(report)
        return self.prior_entry(report) if name == "prior" else self.model_entry(name, report, compiled=compiled)

    def daily_model_entry(self, image: np.ndarray, flare: np.ndarray, report: Callable | None = None) -> Entry:
        """Return the discrete model of Sect. 8.2 in the store, trained on one frame a day.

        Parameters
        ----------
        image : ndarray of uint8, shape (n, H, W)
            The training days.
        flare : ndarray of int, shape (n,)
            Class of the strongest flare that follows, 0 (A) to 4 (X).
        report : callable, optional
        """
        counts = np.bincount(flare, minlength=len(CLASSES)).tolist()
        return self._trained(
            "model",
            self.architecture("discrete"),
            self._model_training(self.settings.daily_images),
            {"days": hashlib.sha256(image.tobytes() + flare.astype(np.int64).tobytes()).hexdigest()[:16]},
            lambda: (image, flare[:, None].astype(np.float32)),
            {
                "classes_seen": dict(zip(CLASSES, counts, strict=True)),
                "unit": self.dataset.unit,
                "source": self.dataset.about["source"],
            },
            report,
        )

    def _model_training(self, train_images: int) -> dict[str, Any]:
        s = self.settings
        return {
            "train_images": train_images,
            "batch_size": s.batch_size,
            "learning_rate": s.learning_rate,
            "weight_decay": s.weight_decay,
            "cooldown": s.cooldown,
            "ema_decay": s.ema_decay,
            "ema_start": s.ema_start,
            "condition_dropout": s.condition_dropout,
            "gradient_clip": s.gradient_clip,
        }

    def conditions(self, model: str) -> np.ndarray:
        """Return what a model is told about each training image, (n, d) float32; see `Condition`."""
        data = self.dataset
        label, flux = data.label[~data.test], data.flux[~data.test]
        if model == "discrete":
            return label[:, None].astype(np.float32)
        if model == "continuous":
            return flux[:, None].astype(np.float32)
        z = self.feature_space(data.image[~data.test])
        return np.concatenate([label[:, None], z], axis=1).astype(np.float32)

    def cevae_entry(self, report: Callable | None = None) -> Entry:
        """Return the trained ceVAE in the store."""
        s = self.settings
        data = self.dataset
        image = data.image[~data.test]

        def finish(cevae) -> None:
            import torch

            from solarsynth.generator import embed_images

            cevae.fit_embeddings(torch.from_numpy(embed_images(cevae, image, standardised=False)))

        return self._trained(
            BASELINE,
            self.architecture(BASELINE),
            {"train_images": s.cevae_images, "ema_start": 20, "gradient_clip": 1.0, **CEVAE_TRAINING},
            {},
            lambda: (image, np.zeros((len(image), 1), np.float32)),
            {"unit": data.unit, "source": data.about["source"]},
            report,
            finish=finish,
        )

    def cevae(self, report: Callable | None = None) -> CeVAE:
        """Return the trained ceVAE."""
        from solarsynth.generator import read_model

        return read_model(self.cevae_entry(report).path)[0]

    def prior_entry(self, report: Callable | None = None) -> Entry:
        """Return the trained prior p(z | y) in the store."""
        s = self.settings
        data = self.dataset
        return self._trained(
            "prior",
            self.architecture("prior"),
            {
                "train_images": s.prior_images,
                "ema_start": 20,
                "condition_dropout": s.condition_dropout,
                **PRIOR_TRAINING,
            },
            {"cevae": self.cevae_entry(report).key},
            lambda: (self.feature_space(data.image[~data.test]), self.conditions("discrete")),
            {"unit": data.unit, "source": data.about["source"]},
            report,
        )

    # --- Section 5: classifier and feature spaces

    def classifier_entry(self, seed: int = 0, report: Callable | None = None) -> Entry:
        """Return the classifier of Sect. 5 in the store: trained on real images, every class as often as the others.

        Parameters
        ----------
        seed : int
            Of its training.
        report : callable, optional
        """
        s = self.settings
        data = self.dataset
        members = [np.flatnonzero(~data.test & (data.label == i)) for i in range(len(CLASSES))]
        members = [m for m in members if len(m)]
        if len(members) < 2:
            raise SolarsynthError("a classifier needs training images of two classes")
        # Repeating beats weighting: every batch then holds some images of a rare class.
        index = np.concatenate([np.resize(m, max(len(m) for m in members)) for m in members])
        return self._trained(
            "classifier",
            self._classifier(s.classifier_depth, len(CLASSES)),
            {"train_images": s.classifier_images, **CLASSIFIER_TRAINING},
            {},
            lambda: (data.image[index], data.label[index, None]),
            {"unit": data.unit, "source": data.about["source"]},
            report,
            seed=seed,
        )

    def _classifier(self, depth: int, n_classes: int) -> dict[str, Any]:
        from solarsynth.models.classifier import ClassifierConfig, starts_pretrained

        s = self.settings
        config = ClassifierConfig(s.image_size, s.classifier, s.classifier_patch, n_classes, depth)
        pretrained = starts_pretrained(config, s.classifier_pretrained)
        return {"kind": "classifier", "pretrained": pretrained} | config.as_dict()

    def trial_classifier(self, n_classes: int) -> dict[str, Any]:
        """Return the architecture of Section 8's classifiers."""
        return self._classifier(self.settings.trial_depth, n_classes)

    def classify(self, image: np.ndarray, seed: int = 0) -> np.ndarray:
        """Return the classes (n,) int that the classifier of a seed sees in images (n, H, W) uint8."""
        from solarsynth.generator import classify, read_model

        if seed not in self._classifiers:
            self._classifiers[seed] = read_model(self.classifier_entry(seed).path)[0]
        return classify(self._classifiers[seed], image).argmax(1)

    @functools.cached_property
    def _classifiers(self) -> dict[int, Any]:
        return {}

    def train_trial(
        self,
        image: np.ndarray,
        label: np.ndarray,
        n_classes: int,
        class_weight: tuple[float, ...] | None,
        seed: int,
        folder: Path,
    ):
        """Train a classifier of Section 8 in `folder`, where a killed training goes on, and return it.

        Parameters
        ----------
        image : ndarray of uint8, shape (n, H, W)
        label : ndarray of int, shape (n,)
        n_classes : int
        class_weight : tuple of float, optional
            Of the cross-entropy.
        seed : int
        folder : Path
        """
        from solarsynth.diffusion.training import TrainingConfig, train
        from solarsynth.generator import build, device

        architecture = self.trial_classifier(n_classes) | {"class_weight": class_weight}
        config = TrainingConfig(
            max(1, round(self.settings.trial_epochs * len(image))),
            **(CLASSIFIER_TRAINING | {"cosine": True}),
            seed=seed,
            log_every=max(64, len(image)),
        )
        model = build(architecture, seed=seed)
        return train(model, image, label[:, None], config, folder, device=device()).average.eval()

    def space(self, name: str) -> Space:
        """Return a feature space; trains what has to be trained.

        Parameters
        ----------
        name : {"cevae", "classifier", "clip", "inception"}

        Raises
        ------
        solarsynth.features.WeightsMissing
            If published weights are not on this machine.
        """
        from solarsynth import features

        if name in self._spaces:
            return self._spaces[name]
        if name == "cevae":
            entry = self.cevae_entry()
            found = features.trained(name, entry.key, entry.path)
        elif name == "classifier":
            entry = self.classifier_entry()
            found = features.trained(name, entry.key, entry.path)
        elif name in ("clip", "inception"):
            found = features.clip() if name == "clip" else features.inception()
        else:
            raise SolarsynthError(f"no feature space {name!r}{nearest(name, features.SPACES)}")
        self._spaces[name] = found
        return found

    @functools.cached_property
    def _spaces(self) -> dict[str, Space]:
        return {}

    @functools.cached_property
    def feature_space(self) -> Callable[[np.ndarray], np.ndarray]:
        """The ceVAE's latent space, in which the paper measures clusters (Sect. 5).

        Maps images (n, H, W) uint8 to embeddings (n, latent) float32, standardised over the training images.
        """
        return self.space(BASELINE).embed

    def features(self, name: str, image: np.ndarray) -> np.ndarray:
        """Return features (n, d) float32 of images (n, H, W) uint8; kept in the store, whoever made the images."""
        space = self.space(name)

        def make(folder: Path) -> None:
            np.save(folder / "features.npy", space.embed(image))

        upstream = {"network": space.key, "images": array_key(image)}
        params = {"space": name}
        entry = self.store.make("features", make, params=params, upstream=upstream, device=describe_device())
        return np.load(entry.path / "features.npy", allow_pickle=False)

    def training_features(self, name: str) -> np.ndarray:
        """Return the features of the training images, the reference of all comparisons."""
        return self.features(name, self.dataset.image[~self.dataset.test])

    def floor(self, space: str, params: dict[str, Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what sets of the training images reach by a metric; kept in the store.

        Parameters
        ----------
        space : str
            Feature space.
        params : dict
            The metric and all that its values depend on but data set and space.
        compute : callable
            Returns the values (draws, ...).
        """

        def make(folder: Path) -> None:
            np.save(folder / "floor.npy", compute())

        upstream = {"dataset": self.dataset_key, "network": self.space(space).key}
        entry = self.store.make("floor", make, params={"space": space} | params, upstream=upstream)
        return np.load(entry.path / "floor.npy", allow_pickle=False)

    def tsne(self, name: str, chosen: np.ndarray) -> np.ndarray:
        """Return the t-SNE map (m, 2) of the training images with the indices `chosen` (m,); kept in the store."""
        from solarsynth.metrics.separation import tsne

        space = self.space(name)

        def make(folder: Path) -> None:
            features = self.training_features(name)[chosen]
            np.save(folder / "map.npy", tsne(features, verbose=len(features) > 5000))

        digest = hashlib.sha256(chosen.tobytes()).hexdigest()[:16]
        upstream = {"dataset": self.dataset_key, "network": space.key, "chosen": digest}
        entry = self.store.make("tsne", make, params={"space": name}, upstream=upstream)
        return np.load(entry.path / "map.npy", allow_pickle=False)

    def _trained(
        self,
        stage: str,
        architecture: dict[str, Any],
        config: dict[str, Any],
        upstream: dict[str, str],
        examples: Callable[[], tuple[np.ndarray, np.ndarray]],
        about: dict[str, Any],
        report: Callable | None,
        *,
        start: Callable[[Any], None] | None = None,
        finish: Callable[[Any], None] | None = None,
        compiled: bool = False,
        seed: int | None = None,
    ) -> Entry:
        """Train a model as a stage of the store.

        Parameters
        ----------
        examples : callable
            Returns images or vectors, and conditions; called if there is something to train.
        start, finish : callable, optional
            Called with the fresh and with the trained model.
        seed : int, optional
            Of the training; the run's by default.
        """
        from solarsynth.diffusion import distributed
        from solarsynth.diffusion.training import CHECKPOINT, TrainingConfig, train
        from solarsynth.generator import build, device, write_model

        seed = self.seed if seed is None else seed
        training = TrainingConfig(
            **config, seed=seed, log_every=max(config["batch_size"], config["train_images"] // 100)
        )
        params = {"architecture": architecture, "training": config | {"seed": seed}}
        upstream = {"dataset": self.dataset_key} | upstream

        def make(folder: Path) -> None:
            model = build(architecture, seed=seed)
            if start:
                start(model)
            image, condition = examples()
            ema = train(model, image, condition, training, folder, device=device(), compiled=compiled, report=report)
            if distributed.rank():
                return
            if finish:
                finish(ema.average)
            write_model(folder, ema.average, about | {"architecture": architecture})
            (folder / CHECKPOINT).unlink()

        return self._make_together(
            stage, make, params=params, upstream=upstream, stage_version=2, device=describe_device()
        )

    def _make_together(self, stage: str, make: Callable[[Path], None], **settings: Any) -> Entry:
        """Make an entry of the store, with all processes that torchrun started if there are several.

        Process 0 holds the lock and says in which folder the work is done, or that there is none to do.
        """
        from solarsynth.diffusion import distributed

        if distributed.world() == 1:
            return self.store.make(stage, make, **settings)
        if distributed.rank():
            folder = distributed.from_first()
            if folder:
                make(Path(folder))
            distributed.barrier()  # until process 0 has finished the entry
            return self.store.make(stage, make, **settings)
        asked = []

        def together(folder: Path) -> None:
            asked.append(distributed.from_first(str(folder)))
            make(folder)

        entry = self.store.make(stage, together, **settings)
        if not asked:
            distributed.from_first("")
        distributed.barrier()
        return entry

    def generator(self, model: str = "discrete", report: Callable | None = None) -> Generator:
        """Return a trained model, ready to sample."""
        from solarsynth.generator import Generator

        prior = self.prior_entry(report).path if model == "embedding" else None
        return Generator.read(self.model_entry(model, report).path, defaults=self.settings, prior=prior)

    # --- Section 6: samples

    def samples_entry(
        self, counts: dict[str, int], *, seed: int, model: str = "discrete", report: Callable | None = None
    ) -> Entry:
        """Return samples in the store, so many per class; sampling goes on where a killed run stopped.

        Parameters
        ----------
        counts : dict of str to int
            Images per class.
        seed : int
            Seed of the set.
        model : {"discrete", "continuous", "embedding", "cevae"}
            The ceVAE is not asked for a class: it draws as many images as the counts add up to.
        report : callable, optional
            Called with (images done, images in all).
        """
        if model == BASELINE:
            return self._baseline_samples(sum(counts.values()), seed)
        prior = self.prior_entry() if model == "embedding" else None
        return self.drawn_by(self.model_entry(model), counts, seed=seed, model=model, prior=prior, report=report)

    def _baseline_samples(self, count: int, seed: int) -> Entry:
        cevae = self.cevae_entry()
        params = {"model": BASELINE, "count": count, "seed": seed}

        def make(folder: Path) -> None:
            from solarsynth.generator import draw_baseline, read_model

            started = time.perf_counter()
            image = draw_baseline(read_model(cevae.path)[0], count, seed)
            about = {"seconds": time.perf_counter() - started} | params
            np.savez(folder / "samples.npz", image=image, label=np.full(count, -1), settings=json.dumps(about))

        return self.store.make(
            "samples",
            make,
            params=params,
            upstream={BASELINE: cevae.key},
            stage_version=2,
            device=describe_device(),
        )

    def drawn_by(
        self,
        entry: Entry,
        counts: dict[str, int],
        *,
        seed: int,
        model: str = "discrete",
        prior: Entry | None = None,
        report: Callable | None = None,
    ) -> Entry:
        """Return samples of a trained model in the store, so many per class.

        Parameters
        ----------
        entry : Entry
            Of the model.
        counts : dict of str to int
        seed : int
        model : str
            What it is called in the set's description.
        prior : Entry, optional
            Of the prior, with an embedding model.
        report : callable, optional
            Called with (images done, images in all).
        """
        from solarsynth.generator import steps_of

        s = self.settings
        steps = steps_of(s.sampler, s.sampling_steps, s.n_steps)
        params: dict[str, Any] = {"model": model, "counts": counts, "seed": seed}
        params |= {"sampler": s.sampler, "steps": steps, "guidance": s.guidance}
        params |= {"interval": [s.guidance_low, s.guidance_high]} if s.guidance_low or s.guidance_high else {}
        params |= {"eta": s.eta} if s.sampler == "ddim" else {}

        def make(folder: Path) -> None:
            from solarsynth.generator import Generator

            generator = Generator.read(entry.path, defaults=s, prior=prior.path if prior else None)
            label = np.repeat(np.arange(len(CLASSES)), [counts.get(name, 0) for name in CLASSES])
            started = time.perf_counter()  # without reading the model
            image = generator.draw(
                label,
                guidance=s.guidance,
                interval=(s.guidance_low, s.guidance_high),
                steps=steps,
                sampler=s.sampler,
                eta=s.eta,
                seed=seed,
                batch=s.sampling_batch,
                folder=folder,
                report=report,
            )
            about = {"seconds": time.perf_counter() - started} | params
            np.savez(folder / "samples.npz", image=image, label=label, settings=json.dumps(about))
            for part in folder.glob("batch-*.npy"):
                part.unlink()

        return self.store.make(
            "samples",
            make,
            params=params,
            upstream={"model": entry.key} | ({"prior": prior.key} if prior else {}),
            stage_version=2,
            device=describe_device(),
        )

    def samples(self, counts: dict[str, int], *, seed: int, model: str = "discrete") -> tuple[np.ndarray, np.ndarray]:
        """Return samples: images (n, H, W) uint8 in [-1, 1] as 0..255, and labels (n,), -1 for the baseline's."""
        entry = self.samples_entry(counts, seed=seed, model=model, report=progress_line(f"{model}: sampling"))
        with np.load(entry.path / "samples.npz", allow_pickle=False) as file:
            return file["image"], file["label"]

    def classes_to_draw(self) -> list[str]:
        """Return the classes the model can be asked for: those with a training image."""
        return [name for name, count in self.dataset.counts(test=False).items() if count]

    def uniform_counts(self, size: int) -> dict[str, int]:
        """Return images per class for a set with all drawable classes alike (Sect. 6)."""
        names = self.classes_to_draw()
        each, more = divmod(size, len(names))
        return {name: each + (i < more) for i, name in enumerate(names)}

    def proportional_counts(self, size: int) -> dict[str, int]:
        """Return images per class for a set in the proportions of the training images (Sect. 6).

        Shares are rounded by largest remainder, so that the counts add up to `size`.
        """
        counts = self.dataset.counts(test=False)
        exact = np.array([counts[name] for name in CLASSES]) / sum(counts.values()) * size
        whole = np.floor(exact).astype(int)
        for i in np.argsort(exact - whole)[::-1][: size - whole.sum()]:
            whole[i] += 1
        return dict(zip(CLASSES, whole.tolist(), strict=True))


def describe_device() -> str:
    """Return the device of this run, a GPU with its name."""
    import torch

    from solarsynth.generator import device

    return torch.cuda.get_device_name() if device() == "cuda" else "cpu"


def fingerprint(folder: Path) -> str:
    """Return a hash of the names, sizes and times of an archive's files: what tells that it changed."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            digest.update(f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def progress_line(what: str, every: float = 0.1) -> Callable[..., None]:
    """Return a reporter that prints about ten lines in all: the progress of a long step on a page."""
    next_at = [0.0]

    def report(progress: Any, total: int | None = None) -> None:
        done, total = (progress.images, progress.total) if total is None else (progress, total)
        if done / total >= next_at[0] or done == total:
            next_at[0] = done / total + every
            print(
                f"{what}: {progress if hasattr(progress, 'total') else f'{done:,} of {total:,} images'}",
                file=sys.stderr,
                flush=True,
            )

    return report


def _count_line() -> Callable[[str, int, int], None]:
    """Return a reporter for downloads: a line every two seconds and at the end of each part."""
    last = [0.0]

    def report(what: str, done: int, total: int) -> None:
        if time.monotonic() - last[0] > 2 or done == total:
            last[0] = time.monotonic()
            print(f"{what}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return report


def set_seeds(count: int, first: int = 1000) -> Sequence[int]:
    """Return the seeds of the sets of Section 6; they are fixed so that a set can be named by its number."""
    return range(first, first + count)
