"""The store's address, and the rules of its requests: anonymous access, time limits and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from solarsynth.errors import SolarsynthError
from solarsynth.observations import web

Value = TypeVar("Value")

URL = "s3://gov-nasa-hdrl-data1/contrib/fdl-sdoml/fdl-sdoml-v2/sdomlv2.zarr"


@dataclass(frozen=True)
class Remote:
    """A store's address and the rules of its requests; small, so that it can be sent to other processes.

    Attributes
    ----------
    url : str
        ``s3://…``, or a local folder.
    endpoint_url : str
        S3 server other than Amazon's; "" for Amazon's.
    tries : int
        Number of attempts per read.
    pause : float
        Seconds before the second attempt; doubled before each further one.
    timeout : float
        Seconds without an answer after which an attempt has failed.
    """

    url: str = URL
    endpoint_url: str = ""
    tries: int = 5
    pause: float = 0.5
    timeout: float = 60.0

    @property
    def storage_options(self) -> dict | None:
        """Options for s3fs: anonymous access, and no listings from a cache."""
        if not self.url.startswith("s3://"):
            return None
        return {
            "anon": True,
            "use_listings_cache": False,
            "skip_instance_cache": True,
            "endpoint_url": self.endpoint_url or None,
            "config_kwargs": {
                "retries": {"max_attempts": 1},  # `retry` waits longer, and its message names the fault
                "connect_timeout": self.timeout,
                "read_timeout": self.timeout,
            },
        }

    def open(self):
        """Open the store's group.

        Raises
        ------
        SolarsynthError
            If there is no such store, or no connection.
        """
        import zarr

        def attempt():
            return zarr.open_group(
                self.url, mode="r", zarr_format=2, use_consolidated=False, storage_options=self.storage_options
            )

        return self.retry(attempt, f"{self.url}")

    def retry(self, attempt: Callable[[], Value], name: str) -> Value:
        """Call `attempt` until it succeeds; a missing store or chunk is not tried again.

        Raises
        ------
        SolarsynthError
            If the store or chunk is missing, or every attempt failed.
        """
        from zarr.errors import GroupNotFoundError

        def guarded() -> Value:
            try:
                return attempt()
            except (GroupNotFoundError, FileNotFoundError, PermissionError):
                raise SolarsynthError(f"{name}: no such zarr store or chunk, or it may not be read") from None
            except (KeyError, SolarsynthError):
                raise
            except Exception as error:  # every layer below has errors of its own for a broken connection
                raise web.TryAgain(f"{type(error).__name__} ({_first_line(error)})") from None

        return web.retry(guarded, name, tries=self.tries, pause=self.pause)


_groups: dict[Remote, object] = {}


def opened(remote: Remote):
    """Return the store's group, opened once per process, since a connection does not survive a fork."""
    if remote not in _groups:
        _groups[remote] = remote.open()
    return _groups[remote]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0][:120]
