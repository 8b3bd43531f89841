"""The ``solarsynth`` command: one module per family of commands. What a command needs is imported when it runs."""

from __future__ import annotations

import click

from solarsynth import __version__
from solarsynth.cli import archive, book, data, evaluate, models
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
            click.echo("solarsynth: interrupted; finished work is kept, run the same command again to go on", err=True)
            context.exit(130)


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


for command in (
    book.reproduce_command,
    book.status_command,
    book.notebooks_command,
    book.profiles_command,
    book.stages_command,
    archive.archive_group,
    data.dataset_command,
    models.train_command,
    models.sample_command,
    evaluate.evaluate_command,
):
    main.add_command(command)
