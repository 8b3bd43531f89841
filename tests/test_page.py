"""A page's own parameters: papermill passes texts and numbers, and the page gets what its annotation says."""

import pytest

from solarsynth.book.page import begin
from solarsynth.errors import SolarsynthError

ANNOTATIONS = {"profile": str, "source": str, "data": str, "seed": int, "sample_seed": int, "guidance": float}
OWN = {"show_nearest": bool, "clusters_k": int, "space": str}


def opened(**values):
    """Begin a page with some values replaced, and return its names."""
    namespace = {"__annotations__": ANNOTATIONS | OWN, "profile": "smoke", "source": "simulated", "data": ""}
    namespace |= {
        "seed": 0,
        "sample_seed": 0,
        "guidance": None,
        "show_nearest": True,
        "clusters_k": 5,
        "space": "cevae",
    }
    namespace |= values
    begin("06_results", namespace, own=tuple(OWN))
    return namespace


@pytest.mark.parametrize(
    "name, given, expected",
    [
        ("show_nearest", "false", False),
        ("show_nearest", "True", True),
        ("show_nearest", False, False),
        ("clusters_k", 5.0, 5),
        ("clusters_k", 7, 7),
        ("seed", 3.0, 3),
        ("space", "vgg", "vgg"),
    ],
)
def test_values_are_taken_as_annotated(name, given, expected):
    value = opened(**{name: given})[name]
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize(
    "asked, message",
    [
        (
            {"profile": "laptop-custom", "source": "archive", "data": "suns-2012"},
            "06_results: no profile 'laptop-custom' (set profile to gpu, laptop, paper, smoke or a YAML file) and no "
            "such archive 'suns-2012' (set data to an archive's folder, or source to 'simulated'); the page's "
            "parameters ask for it",
        ),
        ({"profile": "laptop", "source": "archive", "data": "suns-2012"}, "06_results: no such archive 'suns-2012' ("),
        ({"profile": "laptop-custom"}, "06_results: no profile 'laptop-custom' ("),
    ],
)
def test_a_chapter_of_another_machine_says_what_to_change(asked, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SolarsynthError) as error:
        opened(**asked)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "name, given, message",
    [
        ("show_nearest", "no", "show_nearest must be True or False, got 'no'"),
        ("show_nearest", 0, "show_nearest must be True or False, got 0"),
        ("clusters_k", 5.5, "clusters_k must be a whole number of at least 1, got 5.5"),
        ("clusters_k", 0, "clusters_k must be a whole number of at least 1, got 0"),
        ("clusters_k", "five", "clusters_k must be a whole number of at least 1, got 'five'"),
        ("clusters_k", True, "clusters_k must be a whole number of at least 1, got True"),
        ("seed", -1, "seed must be a whole number of at least 0, got -1"),
        ("space", 3, "space must be a text, got 3"),
    ],
)
def test_other_values_get_one_line(name, given, message):
    with pytest.raises(SolarsynthError) as error:
        opened(**{name: given})
    assert str(error.value) == message
