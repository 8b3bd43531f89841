"""The one exception a user may meet, the hint that its messages end with, and faults of the machine in one line."""

from __future__ import annotations

import difflib
import errno
import os
import reprlib
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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
    text = word[:LONGEST_ECHO] if isinstance(word, str) else shown(word)
    close = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {textwrap.shorten(', '.join(known), LONGEST_LIST, placeholder=' …')}"


#: Faults of the machine that the user can put right, and how.
_SYSTEM_FAULTS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder, then run the same command again",
    errno.EDQUOT: "your quota of the disk is used up; free some space, then run the same command again",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "no permission; choose another folder, or change its permissions",
    errno.EPERM: "not permitted; choose another folder, or change its permissions",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EMFILE: "too many open files; raise the limit with 'ulimit -n 4096'",
    errno.EIO: "the disk reports an error",
}


def system_fault(error: BaseException) -> str | None:
    """Return a fault of the machine, such as a full disk, in one line; None for every other error.

    Parameters
    ----------
    error : BaseException
        An OSError with a known number, or an error that was raised from one. An OSError or a RuntimeError that was
        raised while one was handled counts too, unless it was raised ``from None``: libraries wrap faults so. Any
        other error, such as a KeyError, is a fault of its own.

    Returns
    -------
    str or None
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _SYSTEM_FAULTS:
            place = f"{os.fsdecode(seen.filename)}: " if isinstance(seen.filename, str | bytes) else ""
            return place + _SYSTEM_FAULTS[seen.errno]
        wraps = isinstance(seen, OSError | RuntimeError) and not seen.__suppress_context__
        seen = seen.__cause__ or (seen.__context__ if wraps else None)
    return None


#: Characters of a user's or a file's own text that a message repeats.
LONGEST_ECHO = 80
LONGEST_LIST = 200  # characters of a list of known words

# A few lines of YAML can stand for a list of a thousand million items.
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
_SHORT.maxlong = _SHORT.maxother = _SHORT.maxstring = LONGEST_ECHO


def shown(value: object) -> str:
    """Return a value as a message may repeat it: in one line of at most 80 characters.

    Parameters
    ----------
    value : object
        A text is shown with its quotes, as every other value is by its ``repr``.
    """
    if isinstance(value, str | bytes):
        value = value[: LONGEST_ECHO + 1]  # a repr may be four times as long
    try:
        text = repr(value) if isinstance(value, str | bytes) else _SHORT.repr(value)
    except Exception:  # such as a whole number of more digits than Python writes
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST_ECHO else f"{text[: LONGEST_ECHO - 1]}…"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, at most 80 characters; its class if it has no text."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= LONGEST_ECHO else f"{text[: LONGEST_ECHO - 1]}…"


@contextmanager
def reading(place: object, fault: str, advice: str = "") -> Iterator[None]:
    """Turn whatever the reader of a file raises into one line that names the file.

    Readers of outside bytes have many errors for a damaged file, some of them surprising. None of them is the user's.

    Parameters
    ----------
    place : object
        The file, or the part of it.
    fault : str
        What an error means: ``not a readable .npz``.
    advice : str
        What to do.

    Raises
    ------
    SolarsynthError
        For every error but a SolarsynthError, which is raised as it is.
    """
    try:
        yield
    except SolarsynthError:
        raise
    except Exception as error:
        if isinstance(error, FileNotFoundError) and str(error.filename) == str(place):
            raise SolarsynthError(f"{place}: no such file") from error
        if isinstance(error, PermissionError):
            fault = f"cannot be read ({error.strerror})"
        else:
            fault = f"{fault} ({type(error).__name__}: {first_line(error)})"
        raise SolarsynthError(f"{place}: {fault}{f'; {advice}' if advice else ''}") from error
