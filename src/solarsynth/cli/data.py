"""The command that makes the labelled set."""

from __future__ import annotations

from pathlib import Path

import click

from solarsynth.cli.common import (
    NO_FLUX,
    check_npz,
    data_option,
    open_lab,
    profile_option,
    settings_option,
    source_option,
)


@click.command("dataset")
@profile_option
@source_option
@data_option
@settings_option
@click.option("--years", default="", help="The same as --data with --source sdoml, such as 2011-2019.")
@click.option(
    "--dask", default="", metavar="ADDRESS", help="Read frames of sdoml on a running dask.distributed cluster."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the set as one .npz, for --source labelled.")
def dataset_command(
    profile: str, source: str, data: str, settings: tuple[str, ...], years: str, dask: str, out: Path | None
) -> None:
    """Make the labelled set and print its funnel and class counts.

    \b
    Examples:
      solarsynth dataset --profile smoke
      solarsynth dataset --source sdoml --years 2011-2019
      solarsynth dataset --source quicklook --data 2012-01-01/2012-04-01
      solarsynth dataset --profile gpu --out set.npz
    """
    from solarsynth import stages

    if years and source != "sdoml":
        raise click.UsageError(f"--years needs --source sdoml, got --source {source}")
    check_npz(out)
    lab = open_lab(profile, source, data or years, settings, dask=dask)
    labelled = stages.labelled_set(lab)
    for step, count in labelled.funnel.items():
        click.echo(f"{count:>10,}  {step}")
    for test, part in ((False, "training"), (True, "held out")):
        counts = labelled.counts(test=test)
        click.echo(f"{part}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if not labelled.has_flux:
        click.echo(NO_FLUX)
    if source != "labelled":
        entry = lab.entry(stages.DATASET)
        click.echo(f"{entry}\n{entry.path / 'set.zarr'}")
    if out:
        labelled.write(out)
        click.echo(f"wrote {out}")
