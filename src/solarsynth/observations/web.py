"""Requests over a network: time limits, retries and back-off, written once for every source.

Waits and time limits are in seconds here, because the libraries that wait take seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from solarsynth.errors import SolarsynthError

Value = TypeVar("Value")

USER_AGENT = "solarsynth (https://doi.org/10.1051/0004-6361/202347860 companion)"

#: Longest wait, in seconds, that a server may ask for.
LONGEST_WAIT = 60.0

# Status codes that may change a moment later; 404 and 403 do not.
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class NotThere(SolarsynthError):
    """The server answered that there is no such thing (404)."""


class TryAgain(Exception):
    """An attempt failed, but the next one may succeed.

    Parameters
    ----------
    reason : str
    wait : float, optional
        Seconds to wait, as the server requests; they replace the back-off.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def retry(attempt: Callable[[], Value], name: str, *, tries: int, pause: float) -> Value:
    """Call `attempt` until it no longer raises `TryAgain`.

    Parameters
    ----------
    attempt : callable
        Raises `TryAgain` if it is worth another attempt; every other error ends the attempts.
    name : str
        What is attempted; the error message begins with it.
    tries : int
        Number of attempts.
    pause : float
        Seconds before the second attempt; doubled before each further one.

    Returns
    -------
    object
        What `attempt` returns.

    Raises
    ------
    SolarsynthError
        If every attempt failed, with the last reason.
    """
    import tenacity

    back_off = tenacity.wait_exponential(multiplier=pause)

    def wait(state: tenacity.RetryCallState) -> float:
        requested = state.outcome.exception().wait
        return back_off(state) if requested is None else min(LONGEST_WAIT, requested)

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TryAgain),
        stop=tenacity.stop_after_attempt(tries),
        wait=wait,
        reraise=True,
    )
    try:
        return attempts(attempt)
    except TryAgain as error:
        raise SolarsynthError(f"{name}: {error}, tried {tries} times; run the same command again to go on") from None


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
        Returns what is wrong with a body in a few words, or None. A wrong body is fetched again like a failed one.
    tries : int
        Number of attempts.
    timeout : float
        Seconds without a byte after which an attempt has failed.
    pause : float
        Seconds before the second attempt; doubled before each further one. A server's ``Retry-After`` replaces it.

    Returns
    -------
    bytes

    Raises
    ------
    NotThere
        For a 404.
    SolarsynthError
        If the server refuses, or every attempt failed, with the last reason.
    """
    import requests

    def attempt() -> bytes:
        try:
            answer = requests.get(url, timeout=timeout, headers={"User-Agent": USER_AGENT})
        except requests.RequestException as error:
            raise TryAgain(_reason(error)) from None
        if answer.status_code == 404:
            raise NotThere(f"{url}: not there (404)")
        if answer.status_code == 200:
            fault = check(answer.content)
            if fault is not None:
                raise TryAgain(fault)
            return answer.content
        reason = f"the server answers {answer.status_code} {answer.reason}"
        if answer.status_code not in _TRANSIENT:
            raise SolarsynthError(f"{url}: {reason}; it was not tried again, since this answer does not change")
        requested = answer.headers.get("Retry-After", "")
        raise TryAgain(reason, float(requested) if requested.isdigit() else None)

    return retry(attempt, url, tries=tries, pause=pause)


def looks_like_html(body: bytes) -> bool:
    """Return whether a body is a web page; error pages and notices of a rate limit are."""
    return body[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "no connection, or it broke off"
    return type(error).__name__
