"""Machines that are not as one expects: each is caused, and the results are those of an ordinary one."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from tiny import TINY, as_options

GIB = 1 << 30
SAMPLE = ["sample", "C", "3", "--profile", "smoke", "--source", "archive"]

#: A C locale without the UTF-8 mode that Python would choose by itself.
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def call(arguments, folder, machine=(), before=None, **options):
    """Run a command in a process without a terminal, with a store in `folder`."""
    environment = os.environ | {"SOLARSYNTH_ARTIFACTS": str(folder / "store"), "SOLARSYNTH_RUN": str(folder / "run")}
    environment |= {"OMP_NUM_THREADS": "1"} | dict(machine)
    return subprocess.run(
        [sys.executable, "-m", "solarsynth.cli", *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,  # no terminal that /dev/tty could open
        preexec_fn=before,
        **options,
    )


def sample(archive, folder, out="suns.npz", **machine):
    """Make a set, train a model and draw three images; return what was printed and where the images are."""
    folder.mkdir(exist_ok=True, parents=True)
    out = folder / out
    arguments = [*SAMPLE, "--data", str(archive), "--out", str(out), *as_options(TINY)]
    done = call(arguments, folder, **machine)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    assert b"Traceback" not in done.stderr
    return done, out


def images(path):
    with np.load(path, allow_pickle=False) as file:
        return file["image"]


@pytest.fixture(scope="module")
def ordinary(shared_archive, tmp_path_factory):
    """The images of an ordinary machine."""
    return images(sample(shared_archive, tmp_path_factory.mktemp("ordinary"))[1])


def test_spaces_and_umlauts_in_every_path_and_a_c_locale(shared_archive, tmp_path, ordinary):
    folder = tmp_path / "Große Sonnen – 171 Å"
    folder.mkdir()
    archive = folder / "Fläche 1"
    archive.symlink_to(shared_archive)
    done, out = sample(archive, folder, "Süd ist unten.npz", machine=C_LOCALE)
    np.testing.assert_array_equal(images(out), ordinary)
    assert b"wrote " in done.stdout  # letters that this locale lacks are printed as question marks


def test_a_home_that_cannot_be_written_and_another_time_zone(shared_archive, tmp_path, ordinary):
    """No folder can be made under /proc, not even by root. In Kathmandu the clock is 5:45 h ahead."""
    nowhere = {"HOME": "/proc/no/home", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "", "MPLCONFIGDIR": ""}
    unset = {name: value for name, value in nowhere.items() if value}
    _, out = sample(shared_archive, tmp_path / "one", machine=unset | {"TZ": "Asia/Kathmandu"})
    np.testing.assert_array_equal(images(out), ordinary)
    with pytest.raises(OSError):
        os.makedirs("/proc/no/home")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to one core")
def test_one_core_and_four_gibibytes(shared_archive, tmp_path, ordinary):
    """The limit is on what a process may write (RLIMIT_DATA): torch maps far more addresses than it uses."""

    def small():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        resource.setrlimit(resource.RLIMIT_DATA, (4 * GIB, 4 * GIB))

    _, out = sample(shared_archive, tmp_path / "one", before=small)
    np.testing.assert_array_equal(images(out), ordinary)


def test_the_limit_of_memory_is_a_limit():
    def tiny():
        resource.setrlimit(resource.RLIMIT_DATA, (GIB // 4, GIB // 4))

    code = "import numpy; numpy.ones(1 << 27)"
    done = subprocess.run([sys.executable, "-c", code], preexec_fn=tiny, capture_output=True, text=True)
    assert done.returncode and "MemoryError" in done.stderr


@pytest.mark.parametrize("command", ["--help", "profiles smoke", "store", "sample --help"])
def test_a_terminal_of_forty_columns_that_knows_ascii_only(tmp_path, command):
    done = call(command.split(), tmp_path, {"COLUMNS": "40", "PYTHONIOENCODING": "ascii"} | C_LOCALE)
    assert done.returncode == 0 and done.stdout and b"Traceback" not in done.stderr


def test_a_mistake_is_one_line_where_no_letter_but_ascii_is_known(tmp_path):
    done = call(["sample", "Größe"], tmp_path, C_LOCALE)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"solarsynth: a class")


def test_a_reader_that_goes_away(tmp_path):
    """As in ``solarsynth profiles smoke | head -1``."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as closed:
        environment = os.environ | {"SOLARSYNTH_ARTIFACTS": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "solarsynth.cli", "profiles", "smoke"],
            env=environment,
            stdout=closed,
            stderr=subprocess.PIPE,
        )
    assert b"Traceback" not in done.stderr
