"""What several tests share: stores, small archives, and the real frames where they are."""

from __future__ import annotations

import os

# Tests run many small networks; one thread each keeps them from waiting on one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from solarsynth import paths
from solarsynth.observations.writing import write_archive
from solarsynth.times import HOUR, MINUTE, parse_times


@pytest.fixture(scope="session")
def session_store(tmp_path_factory, worker_id):
    """The store of the whole session: what one test trains, the others find under the same key.

    The processes of a parallel session share it; the store's locks keep them from making a result twice.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "store"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def store_folder(session_store, tmp_path, monkeypatch):
    """The session's store, and a run folder of this test's own."""
    monkeypatch.setenv("SOLARSYNTH_ARTIFACTS", str(session_store))
    monkeypatch.setenv("SOLARSYNTH_RUN", str(tmp_path / "run"))
    return session_store


@pytest.fixture
def fresh_store(tmp_path, monkeypatch):
    """An empty store and a run folder, both of this test's own."""
    monkeypatch.setenv("SOLARSYNTH_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("SOLARSYNTH_RUN", str(tmp_path / "run"))
    return tmp_path / "artifacts"


@pytest.fixture(scope="session")
def built_book(tmp_path_factory, worker_id):
    """The folder of the published book's HTML, built once in a copy; the processes of a parallel session share it."""
    from solarsynth.book.publish import build_book

    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "built" / "book"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(str(folder.parent / ".lock")):
        if not (folder / "_build").is_dir():
            shutil.copytree(paths.book(), folder, ignore=shutil.ignore_patterns("_build"), dirs_exist_ok=True)
            build_book(folder)
    return folder / "_build" / "html"


@pytest.fixture(scope="session")
def real_folder():
    """The folder of real frames; the test is skipped where there is none."""
    folder = paths.real()
    if folder is None:
        pytest.skip("no real frames here: set SOLARSYNTH_REAL to a folder with frames-64.npz")
    return folder


def make_tables(n_hours: int = 48, seed: int = 0):
    """Return hourly frames, one-minute flux and a few events over two days of 2012."""
    rng = np.random.default_rng(seed)
    first = parse_times(["2012-03-01T00:00:00Z"])[0]
    time = first + np.arange(n_hours) * HOUR
    image = rng.integers(0, 256, (n_hours, 16, 16)).astype(np.uint8)
    minutes = first + np.arange(n_hours * 60) * MINUTE
    xrs = pd.DataFrame({"time": minutes, "flux": 10 ** rng.uniform(-8, -4, len(minutes))})
    peak = np.sort(rng.integers(first, time[-1] - HOUR, 30))
    events = pd.DataFrame(
        {
            "peak": peak,
            "start": peak - MINUTE,
            "end": peak + MINUTE,
            "goes_class": rng.choice(["", "B2.0", "C3.3", "M1.0", "X2.1"], 30),
            "method": "SWPC",
        }
    )
    return image, time, xrs, events


@pytest.fixture(scope="session")
def shared_archive(tmp_path_factory):
    """A sound archive of 48 frames of 16 px that no test may change."""
    image, time, xrs, events = make_tables()
    path = tmp_path_factory.mktemp("archives") / "small"
    write_archive(
        path,
        image=image,
        time=time,
        unit="display",
        xrs=xrs,
        events=events,
        attributes={"source": "archive", "frame_tolerance_minutes": 60.0, "flux_tolerance_seconds": 60.0},
    )
    return path


@pytest.fixture
def small_archive(shared_archive, tmp_path):
    """A copy of the shared archive that the test may damage."""
    return shutil.copytree(shared_archive, tmp_path / "small")
