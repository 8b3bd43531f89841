"""Commands about the store: what is in it, and how it is cleaned."""

from __future__ import annotations

import time

import click

from solarsynth.cli.book import console, readable_age, readable_size


@click.command("store")
def store_command() -> None:
    """Print what the store holds that is not whole, and the size of all it holds; exit with 1 if anything is damaged.

    Every file of a finished result is compared with its digest.
    """
    from collections import Counter

    from rich.table import Table

    from solarsynth import paths
    from solarsynth.inventory import STATES, inventory

    folder, counts, sizes = paths.artifacts(), Counter(), Counter()
    table = Table("stage", "result", "state", "size", "age", "why")
    for item in inventory(folder):
        counts[item.state] += 1
        sizes[item.state] += item.bytes
        if item.state != "finished":
            age = readable_age(max(0.0, time.time() - item.changed)) if item.changed else ""
            table.add_row(item.stage, item.name, item.state, readable_size(item.bytes), age, item.why)
    if table.row_count:
        console().print(table)
    for state in STATES:
        if counts[state] or state == "finished":
            click.echo(f"{counts[state]:>8,}  {state}, {readable_size(sizes[state])}")
    click.echo(f"{folder}")
    if counts["damaged"] or counts["unreadable"]:
        raise SystemExit(1)


@click.command("clean")
@click.option("--yes", is_flag=True, help="Remove it; without this the command only says what it would remove.")
def clean_command(yes: bool) -> None:
    """Remove from the store what no run will use: damaged results, and what killed runs left. Nothing finished goes.

    A killed training that would go on from its checkpoint begins again afterwards.
    """
    from solarsynth import paths
    from solarsynth.inventory import removable, remove

    found = removable(paths.artifacts())
    for item in found:
        click.echo(f"{readable_size(item.bytes):>10}  {item.state:<12} {item.path}")
    if not found:
        click.echo(f"nothing to remove in {paths.artifacts()}")
    elif not yes:
        total = readable_size(sum(item.bytes for item in found))
        click.echo(f"would remove {len(found)} folders, {total}; run 'solarsynth clean --yes' to remove them")
    else:
        gone = [item for item in found if remove(item)]
        click.echo(f"removed {len(gone)} folders, {readable_size(sum(item.bytes for item in gone))}")
        if len(gone) < len(found):
            click.echo(f"{len(found) - len(gone)} are in use or cannot be removed", err=True)
            raise SystemExit(1)
