"""Commands about the book and what it is made with: reproduce, status, verify, bundle, notebooks, profiles, stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solarsynth.cli.common import (
    data_option,
    lab_options,
    open_lab,
    parse_settings,
    profile_option,
    seed_option,
    settings_option,
    source_option,
)
from solarsynth.errors import SolarsynthError

if TYPE_CHECKING:
    from rich.console import Console


@click.command("reproduce")
@click.argument("pages", nargs=-1)
@lab_options
@click.option("--publish", is_flag=True, help="Replace the published run, once every notebook has succeeded.")
@click.option("--no-build", is_flag=True, help="Run the notebooks only.")
def reproduce_command(
    pages: tuple[str, ...],
    profile: str,
    source: str,
    data: str,
    seed: int,
    sample_seed: int,
    settings: tuple[str, ...],
    publish: bool,
    no_build: bool,
) -> None:
    """Run the notebooks (PAGES, or all) and build the book.

    \b
    Examples:
      solarsynth reproduce --profile smoke
      solarsynth reproduce 06_results --profile laptop --set guidance=0.5
      solarsynth reproduce --source archive --data my-archive
    """
    from solarsynth.book.publish import complete
    from solarsynth.book.reproduce import reproduce

    folder = reproduce(
        profile=profile,
        source=source,
        data=data,
        seed=seed,
        sample_seed=sample_seed,
        pages=pages,
        settings=parse_settings(settings),
        publish_it=publish,
        build=not no_build,
    )
    if no_build or not complete(folder):
        click.echo(f"the chapters are in {folder / 'chapters'}; the book is built once every page has run there")
    else:
        click.echo(f"open {folder / '_build' / 'html' / 'index.html'}")


@click.command("status")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def status_command(folder: Path | None) -> None:
    """Print the ledger of a run FOLDER, or of the published run."""
    from rich.table import Table

    from solarsynth import paths
    from solarsynth.book import cells, claims_page, ledger, paper
    from solarsynth.book.publish import recover_book

    recover_book()
    folder = folder or paths.book()
    if not (folder / ledger.NAME).is_file():
        raise SolarsynthError(f"{folder}: no {ledger.NAME} in it; give a folder below runs/")
    table = Table("paper", "item", "method", "value", "why")
    for entry in ledger.read(folder).values():
        outcome = cells.method_of(entry), cells.value_of(entry)
        table.add_row(paper.item(entry["id"]).place, entry["title"], *outcome, entry["why"])
    console().print(table)
    click.echo(claims_page.sentence(ledger.read_claims(folder)).replace("**", ""))


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("pages", nargs=-1, required=True)
@click.option("--data", default="", help="Where the observations of the run are, if it was not on the simulated Sun.")
@click.option(
    "--tolerance",
    default=0.05,
    show_default=True,
    help="Share by which numbers may differ; the ledger's error is always allowed.",
)
def verify_command(folder: Path, pages: tuple[str, ...], data: str, tolerance: float) -> None:
    """Run PAGES again with the settings of the run in FOLDER, and compare what they record.

    \b
    Examples:
      solarsynth verify runs/simulated-smoke 06_results
      solarsynth verify book 02_dataset --data suns-2012
    """
    from solarsynth.book.verify import verify

    found = verify(folder, pages, data=data, tolerance=tolerance)
    for line in found:
        click.echo(line)
    if found:
        raise SolarsynthError(f"{len(found)} values differ from those of {folder}")
    click.echo(f"{', '.join(pages)}: as in {folder}, within {tolerance:.0%} or the error")


@click.command("bundle")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--run", type=click.Path(path_type=Path), help="Folder of a run whose HTML is built; the published book.")
def bundle_command(out: Path, run: Path | None) -> None:
    """Write a release to OUT, a .zip: the HTML, the ledger, the package's weights and their SHA-256.

    \b
    Examples:
      solarsynth bundle release.zip
      solarsynth bundle release.zip --run runs/simulated-laptop
    """
    from solarsynth import paths
    from solarsynth.book.bundle import write_bundle

    click.echo(f"wrote {out}: {write_bundle(run or paths.book(), out):,} files")


@click.command("notebooks")
@click.option("--overwrite", is_flag=True, help="Drop what was edited in an .ipynb after its .py.")
def notebooks_command(overwrite: bool) -> None:
    """Regenerate every .ipynb from its .py source.

    Nothing is written if the cells of an .ipynb were edited after its .py.
    """
    from solarsynth.book.notebooks import pair_all

    changed = pair_all(overwrite=overwrite)
    click.echo("\n".join(f"wrote {path.name}" for path in changed) or "every .ipynb is up to date")


@click.command("profiles")
@click.argument("name", required=False)
def profiles_command(name: str | None) -> None:
    """Print the settings of all profiles as JSON, or those of the profile NAME as a table with their meaning."""
    import json

    from rich.table import Table

    from solarsynth.settings import load_settings, profiles

    if name is None:
        click.echo(json.dumps({each: load_settings(each).as_dict() for each in profiles()}, indent=1))
        return
    settings = load_settings(name)
    table = Table("setting", "value", "paper", "permitted", "meaning", title=f"profile {name}")
    for setting, default, permitted, meaning in settings.describe():
        table.add_row(setting, _text(getattr(settings, setting)), _text(default), permitted, meaning)
    console().print(table)


@click.command("stages")
@profile_option
@source_option
@data_option
@seed_option
@settings_option
def stages_command(profile: str, source: str, data: str, seed: int, settings: tuple[str, ...]) -> None:
    """Print the stages, what each is made from, and what the store holds of it.

    `made`, `size` and `age` count the results in the store that were made with these settings; the age is that of the
    newest. The last column counts results that were made with other settings.

    \b
    Examples:
      solarsynth stages
      solarsynth stages --profile smoke --set guidance=0.5
    """
    from rich.table import Table

    from solarsynth import stages

    lab = open_lab(profile, source, data, settings, seed)
    table = Table("stage", "what", "made from", "asked for", "settings in its key", "made", "size", "age", "others")
    for row in stages.overview(lab):
        size, age = (readable_size(row.bytes), readable_age(row.age)) if row.made else ("", "")
        counts = (str(row.made), size, age, str(row.others or ""))
        table.add_row(row.stage, row.title, ", ".join(row.above), ", ".join(row.asked), ", ".join(row.reads), *counts)
    console().print(table)


def readable_size(count: int) -> str:
    """Write a number of bytes with a unit: ``512 B``, ``1.5 MiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def readable_age(seconds: float) -> str:
    """Write an age in the largest unit that fits into it at least once: ``45 s``, ``3 min``, ``2 h``, ``5 days``."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {'day' if unit == 'days' and count == 1 else unit}"
    return f"{seconds:.0f} s"


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def console() -> Console:
    """Return the console for tables; lines are not wrapped if the output is not a terminal."""
    import sys

    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200)
