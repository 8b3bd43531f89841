"""The store: finished results on disk.

A stage's result lies in ``artifacts/<stage>/<key>/`` with a ``manifest.json``. The key is a hash of the
stage's version, the parameters it read and the keys of what it was made from, so a changed parameter
remakes what depends on it and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from solarsynth import paths
from solarsynth.errors import SolarsynthError, system_fault
from solarsynth.files import DAMAGED, write_json
from solarsynth.integrity import MANIFEST, digests, examine, weights

PARTIAL = ".partial"  # ends the name of an unfinished result's folder
ASIDE = ".damaged"  # is in the name of a folder that was moved aside


@dataclass(frozen=True)
class Entry:
    """One finished result in the store.

    Attributes
    ----------
    stage, key : str
        What it is and the hash that names it.
    path : Path
        Its folder.
    manifest : dict
        Parameters, upstream keys, commit, versions, device, seconds, files with their digests, SHA-256 of weights.
    reused : bool
        True if it was found, False if this call made it.
    """

    stage: str
    key: str
    path: Path
    manifest: dict[str, Any]
    reused: bool

    def __str__(self) -> str:
        """Return one line for a page: what, whether it was found or made, and how long making it took."""
        if not self.manifest:
            return f"{self.stage} {self.key}: given by the user"
        done = "found in the store, made" if self.reused else "made"
        return f"{self.stage} {self.key}: {done} in {self.manifest['seconds']:.1f} s on {self.manifest['device']}"


def stage_key(stage: str, stage_version: int, params: Mapping[str, Any], upstream: Mapping[str, str]) -> str:
    """Return the key of a result: 16 hex digits over its stage, version, parameters and upstream keys."""
    text = json.dumps([stage, stage_version, dict(params), dict(upstream)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def array_key(*arrays: np.ndarray) -> str:
    """Return 16 hexadecimal digits that stand for arrays: for their shapes and all of their values."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


class Store:
    """A folder of finished results, safe against kills and against two runs at once.

    Parameters
    ----------
    folder : Path, optional
        Where it lies; ``paths.artifacts()`` by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = Path(folder or paths.artifacts())

    def make(
        self,
        stage: str,
        make: Callable[[Path], None],
        *,
        params: Mapping[str, Any],
        upstream: Mapping[str, str] | None = None,
        stage_version: int = 1,
        device: Callable[[], str] = lambda: "cpu",
        wait: float = -1,
    ) -> Entry:
        """Return the result, making it if the store does not hold it whole.

        Parameters
        ----------
        stage : str
            Name of the stage, a noun: ``dataset``, ``model``.
        make : callable
            ``make(folder)`` fills an unfinished folder. It is kept if the call is killed and handed over
            again next time, so that long work can go on from what lies there.
        params : mapping
            All parameters the result depends on; JSON types.
        upstream : mapping of str to str, optional
            Keys of the results it is made from.
        stage_version : int
            Increased when the code of the stage changes its result.
        device : callable
            Returns the device, for the manifest; called after the making.
        wait : float
            Seconds to wait for another run that is making the same; negative waits without end.

        Returns
        -------
        Entry

        Raises
        ------
        SolarsynthError
            If the store cannot be written and does not hold the result, the result cannot be read, or another run holds
            it for longer than `wait`. A damaged result is moved aside, never removed.
        """
        upstream = dict(upstream or {})
        key = stage_key(stage, stage_version, params, upstream)
        final = self.path(stage, key)
        wanted = json.loads(json.dumps({"stage": stage, "key": key, "params": dict(params), "upstream": upstream}))
        try:
            lock = self._lock(final, wait)
        except OSError as error:
            manifest, fault = examine(final, wanted)
            if manifest is not None and not fault:  # a store that may only be read
                return Entry(stage, key, final, manifest, reused=True)
            raise SolarsynthError(
                f"{self.folder}: the store cannot be written ({error.strerror}); set SOLARSYNTH_ARTIFACTS"
            ) from None
        with lock:
            manifest, fault = examine(final, wanted)
            if manifest is not None and not fault:
                return Entry(stage, key, final, manifest, reused=True)
            if fault:
                aside = _move_aside(final)
                print(f"{stage} {key}: {fault}; moved to {aside.name}, making it again", file=sys.stderr)
            try:
                manifest = _make(make, final, wanted | {"stage_version": stage_version}, device)
            except OSError as error:
                line = system_fault(error)
                if line is None:
                    raise
                raise SolarsynthError(f"{stage} {key}: {line}") from error
        return Entry(stage, key, final, manifest, reused=False)

    def _lock(self, final: Path, wait: float) -> FileLock:
        """Return the lock of a result, held; say so if another run holds it. Raise OSError if it cannot be written."""
        final.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{final}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"{final.parent.name} {final.name}: another run is making it, waiting", file=sys.stderr)
            try:
                lock.acquire(timeout=wait)
            except Timeout:
                raise SolarsynthError(f"{final}: another run has been making it for over {wait:g} s") from None
        return lock

    def path(self, stage: str, key: str) -> Path:
        """Return the folder of a result."""
        return self.folder / stage / key

    def last_made(self, stage: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the manifest of the newest result of a stage with these parameters, whatever its seeds.

        Parameters
        ----------
        stage : str
        params : mapping
            As for `make`. Seeds in it do not count, because they do not change how long the making takes.

        Returns
        -------
        dict or None
            None if the store holds no such result.
        """
        wanted, newest = _without_seeds(params), None
        for path in self.path(stage, "").glob(f"*/{MANIFEST}"):
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
                alike = _without_seeds(manifest["params"]) == wanted
                if alike and (newest is None or manifest["made"] > newest["made"]):
                    newest = manifest
            except DAMAGED:
                continue  # damaged: it says nothing
        return newest


def _without_seeds(params: Mapping[str, Any]) -> str:
    def seedless(value: Any) -> Any:
        return {k: seedless(v) for k, v in value.items() if k != "seed"} if isinstance(value, Mapping) else value

    return json.dumps(seedless(params), sort_keys=True)


def readable_duration(seconds: float) -> str:
    """Return a duration in its two largest units: ``42 s``, ``19 min 40 s``, ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


@functools.cache
def environment() -> dict[str, Any]:
    """Return what a number depends on besides its parameters: commit, Python, platform, versions."""
    versions = {}
    for package in ("solarsynth", "torch", "numpy", "scipy", "scikit-learn", "zarr", "timm"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": versions,
    }


@functools.cache
def commit() -> str:
    """Return the checkout's commit, with ``+`` if files differ from it, or ``unknown`` outside git."""
    try:
        git = ["git", "-C", str(paths.root())]
        head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        # What a run itself writes does not change what it computes.
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "--", "src", "notebooks", "params"],
            capture_output=True,
            text=True,
            check=True,
        )
        return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _make(
    make: Callable[[Path], None], final: Path, about: dict[str, Any], device: Callable[[], str]
) -> dict[str, Any]:
    """Make a result in its unfinished folder, write its manifest, and give the folder its final name."""
    partial = final.with_name(f"{final.name}{PARTIAL}")
    partial.mkdir(exist_ok=True)
    _remove_temporary(partial)
    started = time.perf_counter()
    make(partial)
    manifest = about | {
        "seconds": round(time.perf_counter() - started, 3),
        "device": device(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **environment(),
        "files": digests(partial),
        "sha256": weights(partial),
    }
    write_json(partial / MANIFEST, manifest)
    os.replace(partial, final)
    return manifest


def _move_aside(folder: Path) -> Path:
    """Rename what lies at a result's place, so that nothing is lost; return its new name."""
    for number in itertools.count(1):
        aside = folder.with_name(f"{folder.name}{ASIDE}-{number}")
        if not os.path.lexists(aside):
            os.rename(folder, aside)
            return aside
    raise AssertionError


def _remove_temporary(partial: Path) -> None:
    """Remove the temporary files that a killed run left in its unfinished folder; the lock is held."""
    for path in partial.rglob(".*tmp*"):
        if path.is_file():
            path.unlink()
