"""Progress of long work, by tqdm: a live bar in a terminal, one line now and then in a log or on a page."""

from __future__ import annotations

import re
import sys
from typing import Any

#: Seconds between two lines where there is no terminal.
SECONDS_BETWEEN_LINES = 10.0

LINE = "{desc}: {n_fmt} of {total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left{postfix}"


class _Lines:
    """Turn the bar's carriage returns into lines, for a stream that is not a terminal."""

    def write(self, text: str) -> None:
        # At the beginning neither rate nor time left is known; what follows them is kept.
        line = re.sub(r",\s*\?[^,]*", "", text.strip("\r\n "))
        if line:
            sys.stderr.write(line + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def bar(description: str, total: int, unit: str = "images", done: int = 0) -> Any:
    """Return a progress bar on standard error.

    Parameters
    ----------
    description : str
        Such as ``discrete: training``.
    total : int
    unit : str
        What is counted, in the plural.
    done : int
        How many were done before, by an earlier run.

    Returns
    -------
    tqdm.tqdm
        ``update(n)`` counts; it is a context manager.
    """
    from tqdm import tqdm

    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        desc=description,
        unit=f" {unit}",
        file=sys.stderr if live else _Lines(),
        dynamic_ncols=live,
        mininterval=0.1 if live else SECONDS_BETWEEN_LINES,
        miniters=None if live else 1,
        maxinterval=SECONDS_BETWEEN_LINES if live else 86_400.0,  # no line beside those of `mininterval`
        bar_format=None if live else LINE,
    )
