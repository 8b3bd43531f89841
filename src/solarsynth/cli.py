"""The ``solarsynth`` command."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from solarsynth import CLASSES, __version__
from solarsynth.errors import SolarsynthError


class _OneLine(click.Group):
    """Print a user's mistake as one line and exit with 1; usage errors exit with 2."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except SolarsynthError as error:
            click.echo(f"solarsynth: {error}", err=True)
            context.exit(1)
        except KeyboardInterrupt:
            click.echo("solarsynth: interrupted; what is finished is kept, run the same again to go on", err=True)
            context.exit(130)


_profile = click.option(
    "--profile", default="laptop", show_default=True, help="smoke, laptop, gpu, paper, or a YAML file."
)
_source = click.option(
    "--source",
    default="simulated",
    show_default=True,
    help="simulated, archive, quicklook, sdoml or labelled; all but the first need --data.",
)
_data = click.option(
    "--data",
    default="",
    help="An archive's folder; a period 2012-01-01/2012-03-01 (quicklook); years 2011-2019 (sdoml); a .npz (labelled).",
)
_seed = click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of training and sampling."
)
_settings = click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a setting of the profile; repeatable.",
)


def _parse(settings: tuple[str, ...]) -> dict:
    import yaml

    values = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes KEY=VALUE, not {text!r}")
        values[key.strip()] = yaml.safe_load(value)
    return values


def _run(profile: str, source: str, data: str, seed: int, settings: tuple[str, ...]):
    from solarsynth.experiments import Run

    return Run(profile=profile, source=source, data=data, seed=seed, overrides=_parse(settings))


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """The reproducible companion to Ramunno et al. 2024: Suns in 171 Å with a flare of a chosen class.

    \b
    Examples:
      solarsynth reproduce --profile smoke
      solarsynth archive import my-archive --frames frames.npz --flux xrs.csv --events flares.csv
      solarsynth sample X 16 --guidance 2 --out suns.npz
    """


@main.command("reproduce")
@click.argument("pages", nargs=-1)
@_profile
@_source
@_data
@_seed
@_settings
@click.option("--publish", is_flag=True, help="Replace the published run, once every notebook has succeeded.")
@click.option("--no-build", is_flag=True, help="Run the notebooks only.")
def reproduce_command(pages, profile, source, data, seed, settings, publish, no_build) -> None:
    """Run the notebooks (PAGES, or all) and build the book.

    \b
    Examples:
      solarsynth reproduce --profile smoke
      solarsynth reproduce 06_results --profile laptop --set guidance=0.5
      solarsynth reproduce --source archive --data my-archive
    """
    from solarsynth.reproduce import complete, reproduce

    folder = reproduce(
        profile=profile,
        source=source,
        data=data,
        seed=seed,
        pages=pages,
        settings=_parse(settings),
        publish_it=publish,
        build=not no_build,
    )
    if no_build or not complete(folder):
        click.echo(f"ran into {folder / 'chapters'}; the book is built once every page has run there")
    else:
        click.echo(f"open {folder / '_build' / 'html' / 'index.html'}")


@main.command("status")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def status_command(folder) -> None:
    """Print the ledger of a run FOLDER, or of the published run."""
    from rich.console import Console
    from rich.table import Table

    from solarsynth import ledger, paper, paths

    folder = folder or paths.book()
    if not (folder / ledger.NAME).is_file():
        raise SolarsynthError(f"{folder}: no {ledger.NAME} in it; give a folder below runs/")
    table = Table("paper", "item", "status", "why")
    for entry in ledger.read(folder).values():
        table.add_row(paper.item(entry["id"]).place, entry["title"], entry["status"], entry["why"])
    Console().print(table)


@main.group("archive")
def archive_group() -> None:
    """Make and inspect archives of observations."""


@archive_group.command("import")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--frames", required=True, type=click.Path(path_type=Path), help=".npz with image (n, H, W) and t_obs.")
@click.option("--flux", required=True, type=click.Path(path_type=Path), help="CSV of the 1–8 Å flux in W/m².")
@click.option(
    "--events",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="CSV list of flares; repeatable.",
)
@click.option(
    "--unit",
    type=click.Choice(["display", "DN/s"]),
    default="display",
    show_default=True,
    help="Of the frames.",
)
@click.option(
    "--origin",
    type=click.Choice(["upper", "lower"]),
    default="upper",
    show_default=True,
    help="Whether row 0 of a frame is its northern (upper) or southern one.",
)
@click.option("--tolerance", default=7.0, show_default=True, help="Minutes a frame may follow its flare's peak.")
@click.option(
    "--flux-tolerance",
    type=float,
    help="Seconds a flux sample may follow the peak [default: the flux's cadence].",
)
def import_command(target, frames, flux, events, unit, origin, tolerance, flux_tolerance) -> None:
    """Turn frames, flux and flare lists into an archive TARGET.

    \b
    Example:
      solarsynth archive import suns-2012 --frames frames-64.npz --flux goes-xrs-5min.csv.gz \\
          --events goes-flares.csv --tolerance 60
    """
    from solarsynth.observations.importing import import_archive

    counts = import_archive(
        target,
        frames=frames,
        flux=flux,
        events=list(events),
        unit=unit,
        origin=origin,
        tolerance_minutes=tolerance,
        flux_tolerance_seconds=flux_tolerance,
    )
    for name, count in counts.items():
        click.echo(f"{count:>10,}  {name}")
    click.echo(f"wrote {target}")


@archive_group.command("info")
@click.argument("path", type=click.Path(path_type=Path))
def info_command(path) -> None:
    """Print what the archive at PATH holds, its gaps and faults; exit with 1 if it is damaged."""
    from solarsynth.labelling import period
    from solarsynth.observations.archive import Archive
    from solarsynth.observations.inspection import inspect
    from solarsynth.observations.times import format_times

    archive = Archive(path)
    found = inspect(archive)
    click.echo(f"{path}: {archive.shape[0]} × {archive.shape[1]} px, {archive.unit}, flux {archive.xrs_scale}")
    if found.counts["frames usable"]:
        click.echo(f"{period(archive.frames().time)}, a frame every {found.cadence:.3g} min (median)")
    for name, count in found.counts.items():
        click.echo(f"{count:>12,}  {name}")
    listed = ", ".join(f"{n} {found.classes.get(n, 0):,}" for n in CLASSES)
    click.echo(f"events by class: {listed}, none {found.classes.get('', 0):,}")
    for start, end in found.gaps:
        first, last = format_times([start, end])
        click.echo(f"gap of {(end - start) / 86_400_000:.2f} days: {first[:16]} to {last[:16]}")
    for damage in found.damages:
        click.echo(f"damaged: {damage}", err=True)
    if found.damages:
        raise SystemExit(1)


@main.command("dataset")
@_profile
@_source
@_data
@_settings
@click.option("--years", default="", help="The same as --data with --source sdoml, such as 2011-2019.")
@click.option(
    "--dask", default="", metavar="ADDRESS", help="Read frames of sdoml on a running dask.distributed cluster."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the set as one .npz, for --source labelled.")
def dataset_command(profile, source, data, settings, years, dask, out) -> None:
    """Make the labelled set and print its funnel and class counts.

    \b
    Examples:
      solarsynth dataset --profile smoke
      solarsynth dataset --source sdoml --years 2011-2019
      solarsynth dataset --source quicklook --data 2012-01-01/2012-04-01
      solarsynth dataset --profile gpu --out set.npz
    """
    from solarsynth.experiments import Run

    if years and source != "sdoml":
        raise click.UsageError(f"--years goes with --source sdoml, not {source}")
    if out and out.suffix != ".npz":
        raise click.UsageError(f"--out must end in .npz, not {out}")
    if out and not out.resolve().parent.is_dir():
        raise SolarsynthError(f"{out}: its folder does not exist")
    run = Run(profile=profile, source=source, data=data or years, overrides=_parse(settings), dask=dask)
    for step, count in run.dataset.funnel.items():
        click.echo(f"{count:>10,}  {step}")
    for test, part in ((False, "training"), (True, "held out")):
        counts = run.dataset.counts(test=test)
        click.echo(f"{part}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if source != "labelled":
        click.echo(f"{run.dataset_entry}\n{run.dataset_entry.path / 'set.zarr'}")
    if out:
        run.dataset.write(out)
        click.echo(f"wrote {out}")


@main.command("train")
@click.argument("model", default="discrete")
@_profile
@_source
@_data
@_seed
@_settings
@click.option("--compile", "compiled", is_flag=True, help="Make the network faster with torch.compile first.")
def train_command(model, profile, source, data, seed, settings, compiled) -> None:
    """Train MODEL (discrete, continuous, embedding, cevae or prior), or go on where a killed training stopped.

    Started by torchrun, all processes train one model together.

    \b
    Examples:
      solarsynth train discrete --profile laptop --set train_images=20000
      torchrun --nproc-per-node=4 -m solarsynth.cli train continuous --profile gpu --compile
    """
    from solarsynth.diffusion import distributed
    from solarsynth.generator import device

    live = sys.stderr.isatty()
    last = [0.0]

    def report(progress) -> None:
        if live or time.monotonic() - last[0] > 10 or progress.images >= progress.total:  # a log needs fewer lines
            last[0] = time.monotonic()
            click.echo(f"\r{progress}  " if live else str(progress), err=True, nl=not live)

    try:
        distributed.start(device())
        entry = _run(profile, source, data, seed, settings).entry(model, report, compiled=compiled)
        if live:
            click.echo(err=True)
        if not distributed.rank():
            click.echo(f"{entry}\n{entry.path}")
    finally:
        distributed.stop()


@main.command("sample")
@click.argument("flare_class")
@click.argument("count", type=click.IntRange(1), default=16)
@click.option("--model", default="discrete", show_default=True, help="discrete, continuous or embedding.")
@click.option("--guidance", type=float, help="w of Eq. 6 [default: the profile's].")
@click.option("--steps", type=click.IntRange(1), help="Sampling steps [default: the profile's].")
@click.option("--sampler", help="ancestral, ddim or dpm-solver++ [default: the profile's].")
@click.option("--out", type=click.Path(path_type=Path), default=Path("samples.npz"), show_default=True)
@_profile
@_source
@_data
@_seed
@_settings
def sample_command(
    flare_class, count, model, guidance, steps, sampler, out, profile, source, data, seed, settings
) -> None:
    """Draw COUNT Suns with a flare of FLARE_CLASS into an .npz of image and label.

    FLARE_CLASS is A, B, C, M or X; the continuous model takes a flux such as M2.5 as well.

    \b
    Examples:
      solarsynth sample X 16 --guidance 2 --out suns.npz
      solarsynth sample M2.5 4 --model continuous
    """
    import numpy as np

    if flare_class[:1] not in CLASSES:
        raise SolarsynthError(f"no class {flare_class!r}; the GOES classes are {', '.join(CLASSES)}")
    if out.suffix != ".npz":
        raise click.UsageError(f"--out must end in .npz, not {out}")
    if not out.resolve().parent.is_dir():
        raise SolarsynthError(f"{out}: its folder does not exist")
    generator = _run(profile, source, data, seed, settings).generator(model)
    image = generator.sample(flare_class, count, guidance=guidance, seed=seed, steps=steps, sampler=sampler)
    label, _ = generator.parse(flare_class)
    np.savez(out, image=image, label=np.full(count, CLASSES[label]), asked=np.full(count, flare_class))
    click.echo(f"wrote {out}: image {image.shape} uint8, label")


@main.command("evaluate")
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Archive whose training images are the reference [default: the source's].",
)
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the table as CSV.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table as JSON.")
@_profile
@_source
@_data
@_settings
@click.option("--clusters", default=5, show_default=True, type=click.IntRange(2), help="K of the cluster metrics.")
@click.option("--cluster-seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of K-means.")
@click.option(
    "--space", default="cevae", show_default=True, help="Of clusters and coverage; or classifier, clip, inception."
)
def evaluate_command(
    samples, reference, csv_path, json_path, profile, source, data, settings, clusters, cluster_seed, space
) -> None:
    """Measure SAMPLES, an .npz of image and label by any model, against real images: Table 1 and Appendix D.

    \b
    Examples:
      solarsynth evaluate suns.npz --reference suns-2012 --json table.json
      solarsynth evaluate suns.npz --profile smoke
    """
    from rich.console import Console

    from solarsynth.evaluation import Reference, as_table, class_values, evaluate, range_warning, read_samples
    from solarsynth.experiments import Run
    from solarsynth.tables import evaluation_table

    if reference and source not in ("simulated", "archive"):
        raise click.UsageError(f"--reference names an archive; it does not go with --source {source}")
    for path in (csv_path, json_path):
        if path and not path.resolve().parent.is_dir():
            raise SolarsynthError(f"{path}: its folder does not exist")
    if reference:
        source, data = "archive", str(reference)
    run = Run(profile, source, data, overrides=_parse(settings))
    against = Reference(run, clusters, cluster_seed, space)
    image, label = read_samples(samples, run.settings.image_size)
    scored = None if label is None else (image[label >= 0], label[label >= 0])
    warning = range_warning(image, run.dataset.image)
    if warning:
        click.echo(f"solarsynth: {warning}", err=True)
    values = evaluate(against, [image], scored, report=lambda what: click.echo(what, err=True))
    if scored:
        values += class_values(against, *scored)
    Console().print(evaluation_table(values, title=f"{samples.name}: {len(image):,} images"))
    table = as_table(values)
    if csv_path:
        table.to_csv(csv_path, index=False)
    if json_path:
        json_path.write_text(table.to_json(orient="records", indent=1, force_ascii=False) + "\n", encoding="utf-8")


@main.command("notebooks")
def notebooks_command() -> None:
    """Write every .ipynb anew from its .py source."""
    from solarsynth.notebooks import pair_all

    changed = pair_all()
    click.echo("\n".join(f"wrote {path.name}" for path in changed) or "all in step")


@main.command("profiles")
def profiles_command() -> None:
    """Print the profiles and their settings as JSON."""
    from solarsynth.profiles import load_profile, names

    click.echo(json.dumps({name: vars(load_profile(name)) for name in names()}, indent=1))


if __name__ == "__main__":
    main()
