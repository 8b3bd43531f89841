"""A sample of the long part in every run of the tests: some damaged inputs of each door."""

import pytest
from doors import DOORS
from fuzzing import fuzz

from solarsynth import paths

INPUTS = 25


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.filterwarnings("ignore")
def test_damaged_inputs_are_refused_in_one_line(door, monkeypatch):
    if door.name == "GOES file" and paths.real() is None:
        pytest.skip("no GOES files here: set SOLARSYNTH_REAL to a folder with goes-files")
    monkeypatch.setenv("SOLARSYNTH_ARTIFACTS", "unused")  # the command line's door sets its own
    found = fuzz(door.name, 0, max(4, int(INPUTS * door.share)))
    assert not found["findings"], found["findings"]
    assert found["refused"] or door.name in ("archive info", "checkpoint", "HEK answer", "manifest", "command line")


def test_a_door_that_leaks_an_error_is_a_finding():
    from fuzzing import outcome

    from solarsynth.errors import SolarsynthError

    def leaks(rng):
        raise KeyError("x")

    def long(rng):
        raise SolarsynthError("two\nlines")

    assert outcome(leaks, 0).startswith("KeyError at test_quick.py")
    assert outcome(long, 0) == "a message of 2 lines and 9 characters"
    assert outcome(lambda rng: None, 0) == "accepted"
