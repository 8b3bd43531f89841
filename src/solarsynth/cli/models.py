"""Commands that train models and draw samples."""

from __future__ import annotations

from pathlib import Path

import click

from solarsynth.cli.common import (
    check_npz,
    data_option,
    open_lab,
    profile_option,
    sample_seed_option,
    seed_option,
    settings_option,
    source_option,
)
from solarsynth.flares import CLASSES, parse_request


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


@click.command("sample")
@click.argument("flare_class")
@click.argument("count", type=click.IntRange(1), default=16)
@click.option("--model", default="discrete", show_default=True, help="discrete, continuous or embedding.")
@click.option("--guidance", type=float, help="w of Eq. 6 [default: the profile's].")
@click.option("--steps", type=click.IntRange(1), help="Sampling steps [default: the profile's].")
@click.option("--sampler", help="ancestral, ddim or dpm-solver++ [default: the profile's].")
@click.option("--out", type=click.Path(path_type=Path), default=Path("samples.npz"), show_default=True)
@click.option("--anyway", is_flag=True, help="Draw more images than memory and disk seem to hold.")
@profile_option
@source_option
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
    """Draw COUNT Suns with a flare of FLARE_CLASS into an .npz of image and label.

    FLARE_CLASS is A, B, C, M or X; the continuous model takes a flux such as M2.5 as well.

    \b
    Examples:
      solarsynth sample X 16 --guidance 2 --out suns.npz
      solarsynth sample X 16 --sample-seed 11 --out others.npz
      solarsynth sample M2.5 4 --model continuous
    """
    import numpy as np

    from solarsynth import stages
    from solarsynth.cli.size import check_samples
    from solarsynth.diffusion.sampling import Sampling
    from solarsynth.files import write_npz
    from solarsynth.kinds import check_request, kind

    label, flux = parse_request(flare_class)
    check_npz(out)
    lab = open_lab(profile, source, data, settings, seed)
    # What cannot be drawn is said before a model is trained for it.
    check_request(flare_class, flux, kind(model))
    changes = {"guidance": guidance, "steps": steps, "sampler": sampler}
    sampling = Sampling.of(lab.settings).replace(**changes)
    check_samples(count, lab.settings.image_size, out, anyway)
    generator = stages.generator(lab, model, sampling)
    image = generator.sample(flare_class, count, seed=sample_seed, steps=steps)
    requests = {"label": np.full(count, CLASSES[label]), "condition": np.full(count, flare_class)}
    write_npz(out, image=image, **requests)
    click.echo(f"wrote {out}: image {image.shape} uint8, label")
