"""Options that several commands share, and the lab that they describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solarsynth.errors import SolarsynthError, first_line, shown
from solarsynth.files import check_folder

if TYPE_CHECKING:
    from solarsynth.stages import Lab

#: What an archive without X-ray flux is told of.
NO_FLUX = "no X-ray flux: only events with a class in the list label frames, and the continuous model is not trained"

PROFILE, SOURCE = "laptop", "simulated"  # unless a command is told otherwise
PROFILES = "smoke, laptop, gpu, paper, or a YAML file"
SOURCES = "simulated, archive, quicklook, sdoml or labelled; all but the first need --data"

profile_option = click.option("--profile", default=PROFILE, show_default=True, help=f"{PROFILES}.")
source_option = click.option("--source", default=SOURCE, show_default=True, help=f"{SOURCES}.")
data_option = click.option(
    "--data",
    default="",
    help="An archive's folder; a period 2012-01-01/2012-03-01 (quicklook); years 2011-2019 (sdoml); a .npz (labelled).",
)
seed_option = click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Seed of training: which model."
)
sample_seed_option = click.option(
    "--sample-seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**63 - 1),
    help="Seed of sampling: which images are drawn. It trains no new model.",
)
settings_option = click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a setting of the profile; repeatable.",
)


def lab_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that describe a lab: profile, source, data, both seeds and settings."""
    options = (profile_option, source_option, data_option, seed_option, sample_seed_option, settings_option)
    for option in reversed(options):
        command = option(command)
    return command


def parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings given as KEY=VALUE; values are YAML."""
    import yaml

    values = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes KEY=VALUE, got {shown(text)}")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except Exception as error:  # YAML has several errors, and Python's for dates that do not exist
            raise click.UsageError(f"--set takes a value in YAML, got {shown(text)} ({first_line(error)})") from None
    return values


def open_lab(
    profile: str,
    source: str,
    data: str,
    settings: tuple[str, ...],
    seed: int = 0,
    *,
    dask: str = "",
    compiled: bool = False,
    sample_seed: int = 0,
) -> Lab:
    """Return the lab that a command's options describe."""
    from solarsynth.stages import Lab

    return Lab(profile, source, data, seed, parse_settings(settings), dask, compiled, sample_seed)


def check_target(path: Path | None) -> None:
    """Fail before the work begins if a file cannot be written: its folder is not there, or may not be written."""
    if path is None:
        return
    if path.is_dir():
        raise SolarsynthError(f"{path}: is a folder; give the name of a file")
    check_folder(path)


def check_out(path: Path) -> None:
    """Fail before the work begins if drawn Suns cannot be written to `path`."""
    from solarsynth.evaluation import writing

    if writing.form_of(path) is None:
        raise click.UsageError(f"--out must end in {', '.join(writing.FORMS)}, or be a folder, got {shown(str(path))}")
    writing.check_target(path)


def check_npz(path: Path | None) -> None:
    """Fail before the work begins if a file to be written is not an .npz, or cannot be written."""
    if path and path.suffix != ".npz":
        raise click.UsageError(f"--out must end in .npz, got {shown(str(path))}")
    check_target(path)
