"""Sets of samples: given numbers of images per class, from one model and one seed (Sect. 6).

The seed of a set names it among the sets of a lab. `Lab.sample_seed` shifts all of them, so that another sampling seed
draws other images of the same models everywhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from solarsynth.dataset.images import ImageSet
from solarsynth.flares import CLASSES
from solarsynth.stages.encoders import CEVAE
from solarsynth.stages.graph import Ask, Job, Lab, Need, Stage
from solarsynth.stages.labelled import labelled_set
from solarsynth.stages.models import drawn_with, generator
from solarsynth.stages.prior import PRIOR
from solarsynth.store import Entry

if TYPE_CHECKING:
    from solarsynth.diffusion.sampling import Sampling


# The seeds of two labs' sets are this far apart for each step of `Lab.sample_seed`; those of one lab span less.
SEEDS_APART = 1_000_000


def _needs(lab: Lab, ask: Ask) -> Mapping[str, Need | str]:
    from solarsynth.kinds import BASELINE, kind

    if ask["model"] == BASELINE:
        return {"cevae": Need(CEVAE)}
    model = drawn_with(lab, sampling_of(lab, ask), ask)
    return {"model": model} | ({"prior": Need(PRIOR)} if "prior" in kind(ask["model"]).sampled_with else {})


def _identity(lab: Lab, ask: Ask) -> dict[str, Any]:
    from solarsynth.kinds import BASELINE

    seed = ask["seed"] + SEEDS_APART * lab.sample_seed
    if ask["model"] == BASELINE:  # it takes no class, only the number of images in all
        return {"model": BASELINE, "count": sum(ask["counts"].values()), "seed": seed}
    identity = {"model": ask["model"], "counts": ask["counts"], "seed": seed}
    return identity | sampling_of(lab, ask).identity(lab.settings.n_steps)


def sampling_of(lab: Lab, ask: Ask) -> Sampling:
    from solarsynth.diffusion.sampling import Sampling

    return ask["sampling"] or Sampling.of(lab.settings)


def _draw(job: Job) -> None:
    from solarsynth.kinds import BASELINE

    ask, about = job.ask, job.stage.identity(job.lab, job.ask)
    started = time.perf_counter()
    if ask["model"] == BASELINE:
        from solarsynth.networks import draw_baseline

        image = draw_baseline(job.need("cevae"), about["count"], about["seed"])
        label = np.full(len(image), -1)
    else:
        sampling = sampling_of(job.lab, ask)
        source = generator(job.lab, ask["model"], sampling, on=ask["on"], mode=ask["mode"])
        label = np.repeat(np.arange(len(CLASSES)), [ask["counts"].get(name, 0) for name in CLASSES])
        started = time.perf_counter()  # does not include reading the model
        image = source.draw(
            label, seed=about["seed"], sampling=sampling, folder=job.folder, description=f"{ask['model']}: sampling"
        )
    about = {"seconds": time.perf_counter() - started} | about
    np.savez(job.folder / "samples.npz", image=image, label=label, settings=json.dumps(about))
    for part in job.folder.glob("batch-*.npy"):
        part.unlink()


def _read(lab: Lab, entry: Entry) -> ImageSet:
    with np.load(entry.path / "samples.npz", allow_pickle=False) as file:
        return ImageSet(file["image"], entry.key, file["label"])


SAMPLES = Stage(
    "samples",
    "a set of samples of one model",
    make=_draw,
    load=_read,
    fills=("sampler", "sampling_steps", "eta", "guidance", "guidance_low", "guidance_high", "n_steps"),
    above=("model", "average", "prior", "cevae"),
    needs=_needs,
    ask={"model": "discrete", "counts": None, "seed": 0, "sampling": None, "on": "frames", "mode": "paper"},
    identity=_identity,
    version=4,  # sampling of preconditioned models starts from the mean of the images, see `Denoiser.start`
    on_device=True,
)


def sample_set(
    lab: Lab,
    counts: Mapping[str, int],
    *,
    seed: int,
    model: str = "discrete",
    sampling: Sampling | None = None,
    **ask: Any,
) -> ImageSet:
    """Return samples, as many per class as requested; a killed sampling goes on where it stopped.

    Sampling starts where `solarsynth.diffusion.parameterisations.Denoiser.start` says: a preconditioned model's x_T has
    the mean of the training images, the paper's is pure noise.

    Parameters
    ----------
    lab : Lab
    counts : mapping of str to int
        Images per class. The baseline takes no class: it draws as many images as the counts add up to.
    seed : int
        Seed of the set among those of the lab; the lab's ``sample_seed`` is added, times `SEEDS_APART`.
    model : {"discrete", "continuous", "embedding", "cevae"}
    sampling : Sampling, optional
        By default the lab's settings.
    **ask
        ``on="fit"`` and ``on="days"`` for the models of Sects. 8.1 and 8.2, and the ``mode`` of the latter.

    Returns
    -------
    ImageSet
        Labels are 0 (A) to 4 (X), -1 for the baseline's images.
    """
    return lab.load(SAMPLES, model=model, counts=dict(counts), seed=seed, sampling=sampling, **ask)


def conditions_of(lab: Lab, counts: Mapping[str, int], *, seed: int, model: str = "discrete") -> np.ndarray:
    """Return the conditions (n, d) float32 that a sample set of a model was drawn with; the arguments are its own.

    The continuous model is asked for a flux per image, not for a class: this is how to learn which.
    """
    from solarsynth.diffusion.samplers import image_seeds

    label = np.repeat(np.arange(len(CLASSES)), [counts.get(name, 0) for name in CLASSES])
    seeds = image_seeds(seed + SEEDS_APART * lab.sample_seed, len(label))
    return generator(lab, model).conditions(label, seeds).cpu().numpy()


def describe_samples(
    lab: Lab, counts: Mapping[str, int], *, seed: int, model: str = "discrete", sampling: Sampling | None = None
) -> dict[str, Any]:
    """Return how a set was drawn: model, counts, seed, sampler, steps, guidance, and the seconds it took."""
    entry = lab.entry(SAMPLES, model=model, counts=dict(counts), seed=seed, sampling=sampling)
    with np.load(entry.path / "samples.npz", allow_pickle=False) as file:
        return {"key": entry.key} | json.loads(str(file["settings"]))


def drawable_classes(lab: Lab) -> list[str]:
    """Return the classes that the models can draw: those with a training image."""
    return [name for name, count in labelled_set(lab).counts(test=False).items() if count]


def uniform_counts(lab: Lab, size: int) -> dict[str, int]:
    """Return images per class for a set of `size` images with all drawable classes alike (Sect. 6)."""
    names = drawable_classes(lab)
    each, more = divmod(size, len(names))
    return {name: each + (i < more) for i, name in enumerate(names)}


def proportional_counts(lab: Lab, size: int) -> dict[str, int]:
    """Return images per class for a set of `size` images in the proportions of the training images (Sect. 6).

    Shares are rounded by largest remainder, so that the counts add up to `size`.
    """
    counts = labelled_set(lab).counts(test=False)
    exact = np.array([counts[name] for name in CLASSES]) / sum(counts.values()) * size
    whole = np.floor(exact).astype(int)
    for i in np.argsort(exact - whole)[::-1][: size - whole.sum()]:
        whole[i] += 1
    return dict(zip(CLASSES, whole.tolist(), strict=True))


def set_seeds(count: int, first: int = 1000) -> Sequence[int]:
    """Return the seeds of the sets of Section 6; a set can be named by its number.

    They are the same in every lab. `sample_set` adds the lab's sampling seed, so each of these draws other sets.
    """
    return range(first, first + count)
