"""The one exception a user may meet, and the hint that its messages end with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SolarsynthError(Exception):
    """Something the user can put right: one line that says what was wrong and what to do.

    The command line prints the line and exits with 1; notebooks show it as the last line of the traceback.
    """


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word closest to `word`, or the list of known words.

    Parameters
    ----------
    word : object
        What the user wrote.
    known : iterable of str
        The words that are accepted.

    Returns
    -------
    str
        A clause to append to an error message.
    """
    known = sorted(known)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
