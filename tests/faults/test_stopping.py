"""Ctrl+C and SIGTERM at chosen moments: one line, the signal's exit code, nothing left running."""

import os
import signal
import subprocess
import sys
import time

import pytest

from solarsynth.cli.stopping import MESSAGE


def started(code, **options):
    """Start Python with SIGINT as a terminal gives it, also if these tests run where it is ignored."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


def run_to(moment, then):
    """Return a program that runs `solarsynth stages`, says when it reaches a moment, and does something there."""
    return f"""
import sys, time
def here():
    print("here", flush=True)
    {then}
{moment}
from solarsynth.cli import main
sys.argv = ["solarsynth", "stages", "--profile", "smoke"]
main()
"""


WHILE_MODULES_LOAD = """
import importlib.abc
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "solarsynth.cli.models":
            here()
sys.meta_path.insert(0, Slow())
"""
WHILE_IT_WORKS = """
from solarsynth import stages
stages.overview = lambda lab: here() or []
"""
SLEEP = "time.sleep(30)"
# As zmq, asyncio and others do: the interrupt becomes an error of their own.
SWALLOW = """
    try:
        time.sleep(30)
    except BaseException:
        raise RuntimeError("lost") from None
"""


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", [WHILE_MODULES_LOAD, WHILE_IT_WORKS], ids=["loading", "working"])
@pytest.mark.parametrize("then", [SLEEP, SWALLOW], ids=["sleep", "swallow"])
def test_a_stopped_command_says_one_line(number, code, moment, then):
    run = started(run_to(moment, then))
    assert run.stdout.readline() == "here\n"
    run.send_signal(number)
    _, errors = run.communicate(timeout=30)
    assert (run.returncode, errors) == (code, f"{MESSAGE}\n")


def test_a_second_interrupt_ends_at_once():
    run = started(run_to(WHILE_IT_WORKS, "\n    try:\n        time.sleep(30)\n    finally:\n        time.sleep(30)"))
    assert run.stdout.readline() == "here\n"
    run.send_signal(signal.SIGINT)
    assert run.stderr.readline() == f"{MESSAGE}\n"
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=10)[1] == "" and run.returncode == 130


def test_an_interrupt_is_ignored_where_the_shell_ignores_it():
    code = run_to(WHILE_IT_WORKS, "time.sleep(1)")
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert run.stdout.readline() == "here\n"
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=30)[1] == "" and run.returncode == 0


def children(pid):
    """Return the processes below `pid` that run, as pid to command."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{entry}/cmdline") as file:
                    found[int(entry)] = (parent, file.read().replace("\0", " "))
            except (OSError, ValueError):
                continue  # it ended meanwhile
    below, wanted = {}, {pid}
    while wanted:
        wanted = {child for child, (parent, _) in found.items() if parent in wanted}
        below |= {child: found[child][1] for child in wanted}
    return below


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system has no /proc to look for kernels in")
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_reproduce_leaves_no_kernel(store, tmp_path, number, code):
    environment = os.environ | {"SOLARSYNTH_ARTIFACTS": str(store), "SOLARSYNTH_RUN": str(tmp_path)}
    program = """
import sys
from solarsynth.cli import main
sys.argv = ["solarsynth", "reproduce", "--profile", "smoke", "--no-build", "02_dataset"]
main()
"""
    run = started(program, env=environment)
    deadline = time.monotonic() + 120
    while not (kernels := {p for p, command in children(run.pid).items() if "ipykernel" in command}):
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()[1]
        time.sleep(0.1)
    time.sleep(1.5)  # while cells run
    run.send_signal(number)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == code and MESSAGE in errors and "Traceback" not in errors
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{kernel}") for kernel in kernels):
        assert time.monotonic() < deadline, "a kernel lives on"
        time.sleep(0.1)
