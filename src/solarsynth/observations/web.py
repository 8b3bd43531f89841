"""Fetching over HTTP: one polite door with time limits, retries and back-off, for every source."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from solarsynth.errors import SolarsynthError

USER_AGENT = "solarsynth (https://doi.org/10.1051/0004-6361/202347860 companion)"

# What may be different a moment later; a 404 or a 403 will not be.
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class NotThere(SolarsynthError):
    """The server says that there is no such thing (404)."""


def get(
    url: str,
    *,
    check: Callable[[bytes], str | None] = lambda body: None,
    tries: int = 4,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> bytes:
    """Fetch a URL.

    Parameters
    ----------
    url : str
    check : callable, optional
        Says in a few words what is wrong with a body, or None; a wrong body is fetched again like a failed one.
    tries : int
        Attempts in all.
    timeout : float
        Seconds without a byte before an attempt is given up.
    pause : float
        Seconds before the second attempt; doubled before each further one, or what the server asks for.

    Returns
    -------
    bytes

    Raises
    ------
    NotThere
        For a 404.
    SolarsynthError
        If every attempt failed, with the last reason.
    """
    import requests

    reason = "no attempt"
    for attempt in range(tries):
        wait = pause * 2**attempt
        try:
            answer = requests.get(url, timeout=timeout, headers={"User-Agent": USER_AGENT})
            if answer.status_code == 404:
                raise NotThere(f"{url}: not there (404)")
            if answer.status_code == 200:
                reason = check(answer.content)
                if reason is None:
                    return answer.content
            else:
                reason = f"the server answers {answer.status_code} {answer.reason}"
                if answer.status_code not in _TRANSIENT:
                    break
                if answer.headers.get("Retry-After", "").isdigit():
                    wait = min(60.0, float(answer.headers["Retry-After"]))
        except requests.RequestException as error:
            reason = _words(error)
        if attempt + 1 < tries:
            time.sleep(wait)
    raise SolarsynthError(f"{url}: {reason}, tried {attempt + 1} times; run the same again to go on")


def save(path: Path, body: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(body)
    os.replace(temporary, path)


def looks_like_html(body: bytes) -> bool:
    """Return whether a body is a web page: what rate limits and error pages are."""
    return body[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def _words(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "no connection, or it broke off"
    return type(error).__name__
