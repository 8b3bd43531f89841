"""The command that says before a run how much it is."""

from __future__ import annotations

import json

import click

from solarsynth.cli.common import (
    lab_options,
    parse_settings,
)


@click.command("plan")
@click.argument("pages", nargs=-1)
@lab_options
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.option("--no-measure", is_flag=True, help="Count only; time no network on this machine.")
def plan_command(
    pages: tuple[str, ...],
    profile: str,
    source: str,
    data: str,
    seed: int,
    sample_seed: int,
    settings: tuple[str, ...],
    as_json: bool,
    no_measure: bool,
) -> None:
    """Say how much work `reproduce` would be with the same options (PAGES, or all), and train nothing.

    A page's row holds what it is the first to ask for and the store lacks. The hours follow from a few steps of every
    network, timed on this machine. Observations and data sets are made if the store lacks them, because the counts
    depend on them. Their time, and that of features, metrics and figures, is not in the hours.

    \b
    Examples:
      solarsynth plan --profile laptop
      solarsynth plan 08_1_classification --profile gpu --set fold_generators=1 --json
    """
    from solarsynth.book import planning
    from solarsynth.stages.recording import Recorder

    lab = Recorder(profile, source, data, seed, parse_settings(settings), sample_seed=sample_seed)
    rows = planning.plan(lab, pages)
    speeds = None
    if not no_measure:
        speeds = planning.measure(rows, told=lambda name: click.echo(f"solarsynth: timing {name}", err=True))
    found = planning.as_json(lab, rows, speeds)
    click.echo(json.dumps(found, indent=1)) if as_json else _print(found)


def _print(found: dict) -> None:
    """Print a plan as a table, with what the pages cannot do."""
    from rich.table import Table

    from solarsynth.book.planning import COLUMNS
    from solarsynth.cli.book import console
    from solarsynth.store import readable_duration

    def cells(row: dict) -> list[str]:
        time = "not measured" if row["seconds"] is None else readable_duration(row["seconds"])
        return [*(f"{row[title.replace(' ', '_')]:,}" for title in COLUMNS), time]

    table = Table("page", *COLUMNS, "time")
    for row in found["pages"]:
        if row["images_seen"] or row["samples"]:
            table.add_row(row["page"], *cells(row))
    table.add_section()
    table.add_row("in all", *cells(found["total"]))
    console().print(table)
    for row in found["pages"]:
        if row["why"]:
            click.echo(f"{row['page']}: not all of it can run: {row['why']}")
    click.echo(f"device {found['device']}; {found['total']['stored']:,} results are in the store and are no work")
