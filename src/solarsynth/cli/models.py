"""Commands that train models and draw samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solarsynth.cli.common import (
    PROFILE,
    PROFILES,
    SOURCE,
    SOURCES,
    check_out,
    data_option,
    open_lab,
    profile_option,
    sample_seed_option,
    seed_option,
    settings_option,
    source_option,
)
from solarsynth.flares import CLASSES, parse_request
from solarsynth.shipped import SAMPLING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from solarsynth.generator import Generator
    from solarsynth.stages import Lab


@click.command("train")
@click.argument("model", default="discrete")
@profile_option
@source_option
@data_option
@seed_option
@settings_option
@click.option("--compile", "compiled", is_flag=True, help="Compile the network with torch.compile first.")
def train_command(
    model: str, profile: str, source: str, data: str, seed: int, settings: tuple[str, ...], compiled: bool
) -> None:
    """Train MODEL (discrete, continuous, embedding, cevae or prior), or go on where a killed training stopped.

    Started by torchrun, all processes train one model together.

    \b
    Examples:
      solarsynth train discrete --profile laptop --set train_images=20000
      torchrun --nproc-per-node=4 -m solarsynth.cli train continuous --profile gpu --compile
    """
    from solarsynth import stages
    from solarsynth.devices import device
    from solarsynth.diffusion import distributed

    try:
        distributed.start(device())
        lab = open_lab(profile, source, data, settings, seed, compiled=compiled)
        stage, ask = stages.network_stage(model)
        entry = lab.entry(stage, **ask)
        if not distributed.rank():
            click.echo(f"{entry}\n{entry.path}")
    finally:
        distributed.stop()


def _usual(name: str) -> str:
    """Return the default of a field of the sampling, as the help of `sample` states it."""
    return f"[default: {SAMPLING[name]}; for a model of your own its profile's]"


def _if_own(default: str) -> str:
    """Return the default of an option that `sample` reads for a model of one's own only."""
    return f"[default: {default}, if another option asks for such a model]"


@click.command("sample")
@click.argument("flare_class")
@click.argument("count", type=click.IntRange(1), default=16)
@click.option("--model", default="discrete", show_default=True, help="discrete, continuous or embedding.")
@click.option("--guidance", type=float, help=f"w of Eq. 6. {_usual('guidance')}")
@click.option("--steps", type=click.IntRange(1), help=f"Sampling steps. {_usual('steps')}")
@click.option(
    "--sampler",
    help=f"ancestral, ddim, dpm-solver++, or consistency (1 or 2 steps of a model of your own). {_usual('sampler')}",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("samples.npz"),
    show_default=True,
    help="A name that ends in .npz, .fits (opens in sunpy) or .png (a picture of all), or a new folder of pictures.",
)
@click.option("--anyway", is_flag=True, help="Draw more images than memory and disk seem to hold.")
@click.option("--profile", default=PROFILE, help=f"Of a model of your own: {PROFILES}. {_if_own(PROFILE)}")
@click.option("--source", default=SOURCE, help=f"Of a model of your own: {SOURCES}. {_if_own(SOURCE)}")
@data_option
@seed_option
@sample_seed_option
@settings_option
def sample_command(
    flare_class: str,
    count: int,
    model: str,
    guidance: float | None,
    steps: int | None,
    sampler: str | None,
    out: Path,
    anyway: bool,
    profile: str,
    source: str,
    data: str,
    seed: int,
    sample_seed: int,
    settings: tuple[str, ...],
) -> None:
    """Draw COUNT Suns with a flare of FLARE_CLASS and write them to a file or a folder.

    FLARE_CLASS is A, B, C, M or X; the continuous model takes a flux such as M2.5 as well. In .npz and .fits row 0 is
    the southern one; pictures have north at the top.

    The model comes with the package; it was trained on real frames of 2012. With --profile, --source, --data, --seed
    or --set it is one of your own, which is trained first if the store does not hold it.

    \b
    Examples:
      solarsynth sample X 16 --out suns.png
      solarsynth sample X 16 --profile laptop --out suns.npz
      solarsynth sample X 16 --sample-seed 11 --out suns.fits
      solarsynth sample M2.5 4 --model continuous
    """
    from solarsynth import __version__
    from solarsynth.cli.size import check_samples
    from solarsynth.evaluation.writing import form_of, write_samples
    from solarsynth.kinds import check_request, kind

    label, flux = parse_request(flare_class)
    check_out(out)
    # What cannot be drawn is said before a model is trained for it.
    check_request(flare_class, flux, kind(model))
    changes = {"guidance": guidance, "steps": steps, "sampler": sampler}
    own = _of_ones_own(click.get_current_context())
    lab = open_lab(profile, source, data, settings, seed) if own else None
    generator = _generator(model, lab, changes, lambda size: check_samples(count, size, out, anyway))
    sampling = generator.sampling
    image = generator.sample(flare_class, count, seed=sample_seed, steps=steps)
    about = {"model": model, "seed": sample_seed, "training_seed": seed, "guidance": sampling.guidance}
    about |= {
        "steps": sampling.steps_of(generator.denoiser.schedule.n_steps),
        "sampler": sampling.sampler,
        "version": __version__,
        **generator.about["origin"],
    }
    names, asked = [CLASSES[label]] * count, [flare_class] * count
    write_samples(out, image, names, unit=generator.unit, about=about, condition=asked, grid=_grid)
    click.echo(f"wrote {out}: {_content(form_of(out), image.shape)}")


def _generator(model: str, lab: Lab | None, changes: dict[str, Any], check: Callable[[int], None]) -> Generator:
    """Return the lab's model, or the one in the package; `check` gets the images' side, before a model is trained."""
    from solarsynth import stages
    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.shipped import SAMPLING, load_shipped

    if lab is None:
        generator = load_shipped(model, Sampling(**SAMPLING).replace(**changes))
        check(generator.denoiser.shape[-1])
        return generator
    sampling = Sampling.of(lab.settings).replace(**changes)
    check(lab.settings.image_size)
    return stages.generator(lab, model, sampling)


def _of_ones_own(context: click.Context) -> bool:
    """Return whether the user asks for a model of a profile, a source or a seed, not for the one in the package."""
    names = ("profile", "source", "data", "seed", "settings")
    return any(context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT for name in names)


def _grid(image: np.ndarray, names: list[str]) -> bytes:
    from solarsynth.figures.suns import png, sun_grid

    return png(sun_grid(image, names))


def _content(form: str, shape: tuple[int, ...]) -> str:
    """Say what a file of samples holds."""
    return {
        ".npz": f"image {shape} uint8, row 0 in the south, label",
        ".fits": f"{shape[0]} images with WCS, row 0 in the south, marked SYNTHETIC",
        ".png": f"a picture of {shape[0]} images, north up",
        "folder": f"{shape[0]} pictures in a folder per class, north up",
    }[form]
