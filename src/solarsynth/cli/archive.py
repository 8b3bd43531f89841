"""Commands that make and inspect archives of observations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from solarsynth.cli.common import NO_FLUX
from solarsynth.errors import shown
from solarsynth.flares import CLASSES
from solarsynth.pixels import DISPLAY_SCALE, DISPLAY_SCATTER, DISPLAY_TRUSTED


def read_period(context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, str] | None:
    """Return the beginning and the end of a period that is written FROM/TO."""
    if text is None:
        return None
    first, _, last = text.partition("/")
    if not first or not last:
        raise click.BadParameter(f"must be written FROM/TO, such as 2012-01-01/2012-10-01, got {shown(text)}")
    return first, last


def list_options(command: Callable) -> Callable:
    """Add the options that say where the flux and the flares are."""
    path = click.Path(path_type=Path)
    for option in (
        click.option(
            "--events-period",
            metavar="FROM/TO",
            callback=read_period,
            help="Period in which the lists hold every flare [default: from the first to the last]. "
            "Days outside it do not count as quiet.",
        ),
        click.option(
            "--events",
            required=True,
            multiple=True,
            type=path,
            help="List of flares: a table (CSV, JSON), HEK's answer, or SWPC's events text; repeatable.",
        ),
        click.option(
            "--flux-scale",
            type=click.Choice(["operational", "science"]),
            help="Scale of a flux table [default: operational]. Science flux of GOES-8 to 15 has no SWPC factor.",
        ),
        click.option(
            "--flux",
            type=path,
            help="1–8 Å flux in W/m²: a table (CSV, JSON), a GOES file (.nc, .fits) or a folder of GOES files; may be "
            "left out.",
        ),
    ):
        command = option(command)
    return command


@click.group("archive")
def archive_group() -> None:
    """Make and inspect archives of observations."""


@archive_group.command("import")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--frames",
    required=True,
    multiple=True,
    help=".npz with image or dn_per_s (n, H, W) and t_obs; AIA FITS; Helioviewer JPEG 2000; browse JPEG or PNG; a "
    "local SDOMLv2 store; tar files of SDOML-lite; a folder; a quoted pattern such as 'aia/*.jp2'. Repeatable.",
)
@list_options
@click.option(
    "--unit",
    type=click.Choice(["display", "DN/s"]),
    help="Of the frames of an .npz [default: DN/s for the array dn_per_s, display for image]. Other files say theirs.",
)
@click.option(
    "--to-dn",
    is_flag=True,
    help=f"Bring display intensity v to DN/s = (v/{DISPLAY_SCALE:g})²: fitted to one region on one day of 2012, "
    f"scatter {DISPLAY_SCATTER}, too low above v = {DISPLAY_TRUSTED:g}, where the pictures saturate. Fair for the "
    "quiet Sun, not for flares.",
)
@click.option(
    "--size",
    type=click.IntRange(1),
    help="Side of the archive's frames in pixels [default: 64; for .npz that of its frames].",
)
@click.option(
    "--origin",
    type=click.Choice(["upper", "lower"]),
    default="upper",
    show_default=True,
    help="Whether row 0 of a frame of an .npz is the northern (upper) or southern one. The frames do not show it.",
)
@click.option(
    "--lite-maximum",
    type=float,
    help="The maximum in 171 Å by which SDOML-lite was scaled, which its files do not hold.",
)
@click.option(
    "--tolerance",
    "tolerance_minutes",
    default=7.0,
    show_default=True,
    help="Minutes a frame may follow its flare's peak.",
)
@click.option(
    "--flux-tolerance",
    "flux_tolerance_seconds",
    type=float,
    help="Seconds a flux sample may follow the peak [default: the flux's cadence].",
)
def import_command(target: Path, **options: Any) -> None:
    """Turn frames, flare lists and flux into an archive TARGET.

    Frames of another wavelength or observatory, cutouts, eclipses, frames with QUALITY other than 0, without a time or
    an exposure, and disks that are not where they must be are left out, counted and named. An import that was stopped
    goes on where it was if the same command is run again; until then what it has read lies in a folder beside TARGET,
    .TARGET.import-….

    \b
    Examples:
      solarsynth archive import my-suns --frames 'aia/*.jp2' --events swpc-flares.csv --tolerance 60
      solarsynth archive import suns-2012 --frames frames-64.npz --flux goes-xrs-5min.csv.gz \\
          --events goes-flares.csv --tolerance 60
    """
    from solarsynth.observations.importing import import_archive

    counts = import_archive(target, **options, say=click.echo)
    for name, count in counts.items():
        click.echo(f"{count:>10,}  {name}")
    if options["flux"] is None:
        click.echo(NO_FLUX)
    click.echo(f"wrote {target}")


@archive_group.command("export")
@click.argument("archive", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--as", "form", type=click.Choice(["npz", "fits", "png"]), help="[default: npz if TARGET ends so, else fits]"
)
@click.option("--from", "first", metavar="TIME", help="Leave out frames before it.")
@click.option("--to", "last", metavar="TIME", help="Leave out frames from it on.")
def export_command(archive: Path, target: Path, form: str | None, first: str | None, last: str | None) -> None:
    """Write the frames of ARCHIVE to TARGET: a name that ends in .npz, or a new folder of FITS files or pictures.

    The .npz and the pictures have north at the top (row 0), FITS files have it at the bottom, as FITS wants. A folder
    holds events.csv, the flux as flux.csv if there is one, and a description, croissant.json, as well.

    \b
    Examples:
      solarsynth archive export suns-2012 march.npz --from 2012-03-01 --to 2012-04-01
      solarsynth archive export suns-2012 march --as fits --from 2012-03-01 --to 2012-04-01
    """
    from solarsynth.observations.archive import Archive
    from solarsynth.observations.exporting import export_archive

    form = form or ("npz" if target.suffix == ".npz" else "fits")
    for name, count in export_archive(Archive(archive), target, form, (first, last)).items():
        click.echo(f"{count:>10,}  {name}")
    click.echo(f"wrote {target}")


@archive_group.command("info")
@click.argument("path", type=click.Path(path_type=Path))
def info_command(path: Path) -> None:
    """Print what the archive at PATH holds, its gaps and faults; exit with 1 if it is damaged."""
    from solarsynth.dataset.labelling import period
    from solarsynth.observations.archive import Archive
    from solarsynth.observations.inspection import inspect
    from solarsynth.times import DAY, MINUTE, format_times

    archive = Archive(path)
    found = inspect(archive)
    click.echo(
        f"{path}: {archive.shape[0]} × {archive.shape[1]} px, {archive.unit}"
        + archive.has_flux * f", flux {archive.xrs_scale}"
    )
    if not archive.has_flux:
        click.echo(NO_FLUX)
    if found.counts["frames usable"]:
        click.echo(f"{period(archive.frames().time)}, a frame every {found.cadence / MINUTE:.3g} min (median)")
    for name, count in found.counts.items():
        click.echo(f"{count:>12,}  {name}")
    listed = ", ".join(f"{n} {found.classes.get(n, 0):,}" for n in CLASSES)
    click.echo(f"events by class: {listed}, none {found.classes.get('', 0):,}")
    for start, end in found.gaps:
        first, last = format_times([start, end])
        click.echo(f"gap of {(end - start) / DAY:.2f} days: {first[:16]} to {last[:16]}")
    for damage in found.damages:
        click.echo(f"damaged: {damage}", err=True)
    if found.damages:
        raise SystemExit(1)
