"""A busy machine: every process that computes lets its threads wait without spinning, unless the user decided."""

import os
import subprocess
import sys

import pytest

POLICIES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def policy_of(code, **given):
    """Return OMP_WAIT_POLICY and whether torch was loaded before it was set, in a fresh process."""
    code += "; import os, sys; print(os.environ.get('OMP_WAIT_POLICY'))"
    environment = {name: value for name, value in os.environ.items() if name not in POLICIES} | given
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("door", ["solarsynth", "solarsynth.cli", "solarsynth.stages", "solarsynth.book.page"])
def test_every_door_lets_threads_wait(door):
    assert policy_of(f"import {door}") == "PASSIVE"


@pytest.mark.parametrize("given", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "1000"}, {"KMP_BLOCKTIME": "0"}])
def test_what_the_user_set_stays(given):
    assert policy_of("import solarsynth", **given) == given.get("OMP_WAIT_POLICY", "None")


def test_openmp_sees_the_policy_and_not_its_default():
    # OpenMP itself says which policy it took, when it loads with torch.
    code = "import solarsynth; import torch"
    environment = {name: value for name, value in os.environ.items() if name not in POLICIES}
    environment["OMP_DISPLAY_ENV"] = "true"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line]
    if not lines:
        pytest.skip("this torch's OpenMP does not print its settings")
    assert all("PASSIVE" in line for line in lines)


def test_the_tests_run_so_too():
    assert {name for name in POLICIES if name in os.environ}
