"""The ``solarsynth`` command: one module per family of commands. What a command needs is imported when it runs."""

from __future__ import annotations

from solarsynth.cli import stopping

with stopping.stoppable():  # an interrupt while these load ends in one line, too
    import click

    from solarsynth import __version__
    from solarsynth.cli import archive, book, data, evaluate, models, plan, store
    from solarsynth.errors import SolarsynthError, system_fault


class _OneLine(click.Group):
    """Print a mistake, a fault of the machine or an interrupt as one line; exit with 1, 2 for usage, or 130."""

    stop = stopping.Stopping()

    def main(self, *args, **kwargs):
        with stopping.stoppable() as self.stop:
            return super().main(*args, **kwargs)

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo(stopping.MESSAGE, err=True)
            context.exit(stopping.INTERRUPTED)
        except Exception as error:
            line = str(error) if isinstance(error, SolarsynthError) else system_fault(error)
            if line is None or self.stop.code:
                raise
            click.echo(f"solarsynth: {line}", err=True)
            context.exit(1)


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
    plan.plan_command,
    book.status_command,
    book.verify_command,
    book.bundle_command,
    book.notebooks_command,
    book.profiles_command,
    book.stages_command,
    archive.archive_group,
    data.dataset_command,
    models.train_command,
    models.sample_command,
    evaluate.evaluate_command,
    store.store_command,
    store.clean_command,
):
    main.add_command(command)
