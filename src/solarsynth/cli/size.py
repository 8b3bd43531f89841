"""What a request would take, said before the work, and refused if it does not fit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from solarsynth.cli.book import readable_size
from solarsynth.errors import SolarsynthError

#: From this many images on, what they take is said before the work.
MANY = 10_000
#: Share of the memory that is free, or of the disk, that a request may take.
USABLE = 0.8
# Besides its pixels, which are held once as drawn and once packed, an image has a seed, a class and a condition.
OTHER_BYTES = 64


def check_samples(count: int, image_size: int, out: Path, insist: bool) -> None:
    """Say what `count` images take, and refuse them if they do not fit.

    Parameters
    ----------
    count, image_size : int
    out : Path
        File that will hold them.
    insist : bool
        Whether to draw them all the same.

    Raises
    ------
    SolarsynthError
        If memory or disk is too small, unless the user insists.
    """
    memory, disk = count * (2 * image_size**2 + OTHER_BYTES), count * image_size**2
    free_memory, free_disk = available_memory(), shutil.disk_usage(out.resolve().parent).free
    needs = f"{count:,} images of {image_size} px take up to {readable_size(memory)} of memory and "
    needs += f"{readable_size(disk)} of disk"
    if count >= MANY:
        click.echo(f"solarsynth: {needs}; the bar shows the time once the first are drawn", err=True)
    for need, free, what in ((memory, free_memory, "memory"), (disk, free_disk, "disk")):
        if need > USABLE * free and not insist:
            raise SolarsynthError(
                f"{needs}, but {readable_size(free)} of {what} are free; ask for fewer, several times with another "
                "--sample-seed, or insist with --anyway"
            )


def available_memory() -> int:
    """Return the bytes of memory that are free, or all of the machine's where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
