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
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from solarsynth import CLASSES
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.labelling import LabelledSet, daily_labels, event_flux, labelled_frames, usable_frames
from solarsynth.observations.archive import Archive
from solarsynth.observations.simulated import VERSION as SIMULATED_VERSION
from solarsynth.observations.simulated import SimulatedSun, simulate
from solarsynth.profiles import Profile, load_profile
from solarsynth.splits import split, time_blocks
from solarsynth.store import Entry, Store, write_json

SOURCES = ("simulated", "archive", "quicklook", "sdoml")
MODELS = ("discrete",)

# What `data` is for each source that needs it.
_DATA = {
    "archive": "the folder of an archive",
    "quicklook": "a period such as 2012-01-01/2012-03-01",
    "sdoml": "years such as 2011-2019",
}

SPLIT_SEED = 42  # one split for all seeds of a model, so that seeds differ in nothing else
MODEL_FILE = "model.safetensors"


@dataclass
class Run:
    """A profile, a source and a seed.

    Parameters
    ----------
    profile : str or Profile
        Name, path of a YAML file, or a profile already loaded.
    source : {"simulated", "archive", "quicklook", "sdoml"}
    data : str
        With ``archive`` its folder, with ``sdoml`` years (``2011-2019``), with ``quicklook`` a period
        (``2012-01-01/2012-03-01``).
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

    # --- Section 2: the labelled set

    @functools.cached_property
    def simulated_entry(self) -> Entry:
        """The simulated archive in the store."""
        sun = SimulatedSun(
            images=self.settings.simulated_images,
            image_size=self.settings.image_size,
            # Coarser flux for a small archive: nine years at one minute take seconds to make and to read.
            xrs_cadence=60.0 if self.settings.simulated_images > 1000 else 300.0,
            regular_days=1 if self.settings.simulated_images > 1000 else 10,
        )

        def make(folder: Path) -> None:
            shutil.rmtree(folder / "archive", ignore_errors=True)
            simulate(folder / "archive", sun)

        return self.store.make("archive", make, params=vars(sun), stage_version=SIMULATED_VERSION)

    @functools.cached_property
    def fetched_entry(self) -> Entry:
        """The archive of ``sdoml`` or ``quicklook`` in the store, downloaded and built if it is not there."""
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
        if self.source == "archive":
            return Path(self.data)
        entry = self.simulated_entry if self.source == "simulated" else self.fetched_entry
        return entry.path / "archive"

    def archive(self) -> Archive:
        """Open the archive."""
        return Archive(self.archive_path)

    @functools.cached_property
    def dataset_entry(self) -> Entry:
        """The labelled set in the store."""
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
        return LabelledSet.read(self.dataset_entry.path / "set.zarr")

    def daily(self, mode: str = "paper") -> tuple[pd.DataFrame, dict[str, int]]:
        """Return the daily set of Section 8.2: per day its frame and the strongest class of the next 24 hours.

        Parameters
        ----------
        mode : {"paper", "all-days"}
            Without or with days that have no listed flare.
        """
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

    def model_entry(self, model: str = "discrete", report: Callable | None = None) -> Entry:
        """Return the trained model in the store; training goes on where a killed run stopped.

        Parameters
        ----------
        model : {"discrete"}
        report : callable, optional
            Called with a `solarsynth.diffusion.training.Progress` about once a second.
        """
        from safetensors.torch import save_file

        from solarsynth.diffusion.training import CHECKPOINT, TrainingConfig, train

        if model not in MODELS:
            raise SolarsynthError(f"no model {model!r}{nearest(model, MODELS)}")
        s = self.settings
        config = TrainingConfig(
            train_images=s.train_images,
            batch_size=s.batch_size,
            learning_rate=s.learning_rate,
            weight_decay=s.weight_decay,
            cooldown=s.cooldown,
            ema_decay=s.ema_decay,
            ema_start=s.ema_start,
            condition_dropout=s.condition_dropout,
            seed=self.seed,
            log_every=max(s.batch_size, s.train_images // 100),
        )
        architecture = self._architecture()
        params = architecture | {"model": model} | {k: v for k, v in vars(config).items() if k != "checkpoint_every"}

        def make(folder: Path) -> None:
            data = self.dataset
            part = ~data.test
            denoiser = build_denoiser(architecture, seed=self.seed)
            ema = train(denoiser, data.image[part], data.label[part], config, folder, device=device(), report=report)
            weights = {k: v.detach().cpu().contiguous() for k, v in ema.average.state_dict().items()}
            save_file(weights, folder / MODEL_FILE)
            write_json(
                folder / "model.json",
                {
                    "model": model,
                    "architecture": architecture,
                    "classes_seen": data.counts(test=False),
                    "unit": data.unit,
                    "source": data.about["source"],
                },
            )
            (folder / CHECKPOINT).unlink()

        return self.store.make(
            "model",
            make,
            params=params,
            upstream={"dataset": self.dataset_entry.key},
            stage_version=1,
            device=device(),
        )

    def _architecture(self) -> dict[str, Any]:
        s = self.settings
        return {
            "image_size": s.image_size,
            "base_width": s.base_width,
            "patch": s.patch,
            "n_classes": len(CLASSES),
            "parameterisation": s.parameterisation,
            "n_steps": s.n_steps,
            "beta_start": s.beta_start,
            "beta_end": s.beta_end,
        }

    def generator(self, model: str = "discrete", report: Callable | None = None) -> Generator:
        """Return the trained model, ready to sample."""
        return Generator.read(self.model_entry(model, report).path, defaults=self.settings)

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
        model : {"discrete"}
        report : callable, optional
            Called with (images done, images in all).
        """
        s = self.settings
        model_entry = self.model_entry(model)
        steps = s.n_steps - 1 if s.sampler == "ancestral" else s.sampling_steps
        params = {
            "counts": counts,
            "sampler": s.sampler,
            "steps": steps,
            "guidance": s.guidance,
            "seed": seed,
        }

        def make(folder: Path) -> None:
            generator = Generator.read(model_entry.path, defaults=s)
            label = np.repeat(np.arange(len(CLASSES)), [counts.get(name, 0) for name in CLASSES])
            image = generator.draw(
                label,
                guidance=s.guidance,
                steps=steps,
                sampler=s.sampler,
                seed=seed,
                batch=s.sampling_batch,
                folder=folder,
                report=report,
            )
            np.savez(folder / "samples.npz", image=image, label=label)
            for part in folder.glob("batch-*.npy"):
                part.unlink()

        return self.store.make(
            "samples",
            make,
            params=params,
            upstream={"model": model_entry.key},
            stage_version=1,
            device=device(),
        )

    def samples(self, counts: dict[str, int], *, seed: int, model: str = "discrete") -> tuple[np.ndarray, np.ndarray]:
        """Return samples: images (n, H, W) uint8 in [-1, 1] as 0..255, and labels (n,)."""
        entry = self.samples_entry(counts, seed=seed, model=model, report=progress_line("sampling"))
        with np.load(entry.path / "samples.npz", allow_pickle=False) as file:
            return file["image"], file["label"]

    def classes_to_draw(self) -> list[str]:
        """Return the classes the model can be asked for: those with a training image."""
        return [name for name, count in self.dataset.counts(test=False).items() if count]

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

    # --- Section 5: features

    @functools.cached_property
    def feature_space(self) -> Callable[[np.ndarray], np.ndarray]:
        """PCA of the training images, in which the cluster metrics are computed until the ceVAE stands.

        Maps images (n, H, W) uint8 to features (n, d) float32.
        """
        from sklearn.decomposition import PCA

        reference = _flat(self.dataset.image[~self.dataset.test])
        dimension = min(self.settings.features, len(reference) - 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            pca = PCA(dimension, svd_solver="randomized", random_state=0).fit(reference)
        return lambda image: pca.transform(_flat(image)).astype(np.float32)


class Generator:
    """A trained model to sample from.

    Attributes
    ----------
    denoiser : solarsynth.diffusion.denoiser.Denoiser
    classes_seen : dict of str to int
        Training images per class.
    unit : str
    """

    def __init__(self, denoiser, about: dict[str, Any], defaults: Profile) -> None:
        self.denoiser = denoiser
        self.about = about
        self.classes_seen: dict[str, int] = about["classes_seen"]
        self.unit: str = about["unit"]
        self.defaults = defaults

    @classmethod
    def read(cls, folder: Path, defaults: Profile) -> Generator:
        """Read a model that the store holds.

        Raises
        ------
        SolarsynthError
            If a file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            denoiser = build_denoiser(about["architecture"], seed=0)
            denoiser.load_state_dict(load_file(folder / MODEL_FILE))
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise SolarsynthError(
                f"{folder}: no readable model in it ({str(error).splitlines()[0]}); train it again"
            ) from None
        return cls(denoiser.to(device()).eval(), about, defaults)

    def sample(
        self,
        flare_class: str,
        n: int = 1,
        *,
        guidance: float | None = None,
        seed: int = 0,
        steps: int | None = None,
        sampler: str | None = None,
    ) -> np.ndarray:
        """Draw Suns with a flare of a class.

        Parameters
        ----------
        flare_class : {"A", "B", "C", "M", "X"}
        n : int
            How many.
        guidance : float, optional
            w of Eq. 6; the profile's by default.
        seed : int
            The first n images of a seed do not depend on n.
        steps : int, optional
            Sampling steps.
        sampler : {"ancestral", "dpm-solver++"}, optional

        Returns
        -------
        ndarray of uint8, shape (n, H, W)
            Display units (0..255 over the normalised range), row 0 in the south.

        Raises
        ------
        SolarsynthError
            For a class that does not exist or that the model never saw.
        """
        if flare_class not in CLASSES:
            raise SolarsynthError(f"no class {flare_class!r}; the GOES classes are {', '.join(CLASSES)}")
        if n < 1:
            raise SolarsynthError(f"the number of images must be at least 1, not {n}")
        d = self.defaults
        sampler = sampler or d.sampler
        if steps is None:
            steps = self.denoiser.schedule.n_steps - 1 if sampler == "ancestral" else d.sampling_steps
        return self.draw(
            np.full(n, CLASSES.index(flare_class)),
            guidance=d.guidance if guidance is None else guidance,
            steps=steps,
            sampler=sampler,
            seed=seed,
            batch=d.sampling_batch,
        )

    def draw(
        self,
        label: np.ndarray,
        *,
        guidance: float,
        steps: int,
        sampler: str,
        seed: int,
        batch: int,
        folder: Path | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Draw one image per label (n,); finished batches are kept in `folder`, if given, and found again."""
        import torch

        from solarsynth.diffusion.samplers import NoiseStreams, image_seeds
        from solarsynth.diffusion.samplers import sampler as pick

        for number in np.unique(label):
            if not self.classes_seen[CLASSES[number]]:
                seen = ", ".join(name for name, count in self.classes_seen.items() if count)
                raise SolarsynthError(
                    f"the model never saw an image of class {CLASSES[number]}, so it cannot draw one; it saw {seen}"
                )
        draw = pick(sampler)
        where = next(self.denoiser.parameters()).device
        shape = (1, *self.denoiser.mean.shape[1:])
        seeds = image_seeds(seed, len(label))
        image = np.empty((len(label), *shape[1:]), np.uint8)
        for first in range(0, len(label), batch):
            here = slice(first, first + batch)
            kept = folder / f"batch-{first:06d}-{batch}.npy" if folder else None
            if kept and kept.is_file():
                image[here] = np.load(kept, allow_pickle=False)
            else:
                noise = NoiseStreams(seeds[here], shape)
                asked = torch.from_numpy(label[here].astype(np.int64)).to(where)
                x_0 = draw(self.denoiser, noise.draw().to(where), asked, guidance, steps, noise)
                image[here] = ((x_0[:, 0].clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()
                if kept:
                    temporary = kept.with_suffix(".tmp")
                    with temporary.open("wb") as file:
                        np.save(file, image[here])
                    temporary.replace(kept)
            if report:
                report(min(first + batch, len(label)), len(label))
        return image


def build_denoiser(architecture: dict[str, Any], seed: int):
    """Build a denoiser with weights drawn from `seed`.

    Parameters
    ----------
    architecture : dict
        ``image_size``, ``base_width``, ``patch``, ``n_classes``, ``parameterisation``, ``n_steps``,
        ``beta_start``, ``beta_end``.
    seed : int

    Returns
    -------
    solarsynth.diffusion.denoiser.Denoiser
    """
    import torch

    from solarsynth.diffusion.conditioning import DiscreteLabel
    from solarsynth.diffusion.denoiser import Denoiser
    from solarsynth.diffusion.schedule import Schedule
    from solarsynth.models.unet import UNet, UNetConfig

    a = architecture
    config = UNetConfig(image_size=a["image_size"], base_width=a["base_width"], patch=a["patch"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(config, DiscreteLabel(a["n_classes"], config.time_width))
    return Denoiser(
        network.to(memory_format=torch.channels_last),
        Schedule(a["n_steps"], a["beta_start"], a["beta_end"]),
        a["parameterisation"],
        (a["image_size"], a["image_size"]),
    )


def device() -> str:
    """Return ``cuda`` where there is one, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


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
    import time

    last = [0.0]

    def report(what: str, done: int, total: int) -> None:
        if time.monotonic() - last[0] > 2 or done == total:
            last[0] = time.monotonic()
            print(f"{what}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return report


def set_seeds(count: int, first: int = 1000) -> Sequence[int]:
    """Return the seeds of the sets of Section 6; they are fixed so that a set can be named by its number."""
    return range(first, first + count)


def _flat(image: np.ndarray) -> np.ndarray:
    return image.reshape(len(image), -1).astype(np.float32) / 127.5 - 1
