"""The audit of the pins finds each fault that is planted, and none in this checkout."""

import re
import shutil
import subprocess
import sys

import pytest

from solarsynth import paths

sys.path.insert(0, str(paths.root() / "scripts"))
import audit_pins

FILES = ("pyproject.toml", "constraints.txt", "environment.yml")


@pytest.fixture
def copy(tmp_path):
    for name in FILES:
        shutil.copy(paths.root() / name, tmp_path)
    return tmp_path


def test_the_pins_of_this_checkout():
    done = subprocess.run(
        [sys.executable, str(paths.root() / "scripts" / "audit_pins.py")], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "every dependency is pinned once, and the files agree\n")


FAULTS = {
    "no pin": ("constraints.txt", r"zarr==.*\n", "", "no version of zarr, which pyproject.toml names"),
    "a range": ("constraints.txt", r"\bzarr==(.*)", r"zarr>=\1", "is not one exact version; write zarr=="),
    "any patch": ("constraints.txt", r"\bzarr==(\d+).*", r"zarr==\1.*", "is not one exact version; write zarr=="),
    "an address": ("constraints.txt", r"\bzarr==.*", "zarr @ https://example.org/z.whl", "is not one exact version"),
    "no package": (
        "constraints.txt",
        r"\bzarr==.*",
        "--index-url https://example.org",
        "not a package and its version",
    ),
    "twice": ("constraints.txt", r"(\bPyYAML==.*)", r"\1\npyyaml==1.0", "pyyaml is pinned a second time"),
    "too old": ("constraints.txt", r"\bzarr==.*", "zarr==2.18.0", "zarr is 2.18.0, but pyproject.toml asks for >=3"),
    "named twice": ("pyproject.toml", r'"numpy",', '"numpy", "NumPy<9",', "NumPy is named a second time"),
    "not exact": ("pyproject.toml", r'"numpy",', '"numpy @ https://example.org/n.whl",', "comes from an address"),
    "conda": ("environment.yml", r"  - make", "  - make\n  - zarr=3.0", "zarr=3.0 belongs into pyproject.toml"),
    "python": ("environment.yml", r"python=3.11", "python=3.10", "Python 3.10, but pyproject.toml asks for"),
    "pip": ("environment.yml", r"      - --constraint.*\n", "", "under pip, missing: --constraint constraints.txt"),
    "no pip": ("environment.yml", r"  - pip:\n(      .*\n?)+", "", "nothing under pip"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_one_line(copy, name):
    file, pattern, instead, said = FAULTS[name]
    text, count = re.subn(pattern, instead, (copy / file).read_text(), count=1)
    assert count == 1
    (copy / file).write_text(text)
    found = audit_pins.audit(copy)
    assert any(said in line for line in found), found
    assert all("\n" not in line and line.startswith((*FILES, "installed")) for line in found)


def test_an_environment_is_compared_with_the_pins(copy):
    pinned = audit_pins.pins(copy, [])
    there = {"numpy": str(pinned["numpy"]), "pip": "0.1", "zarr": "3.0.0", "left-pad": "1.0"}
    assert audit_pins.audit(copy, there) == [
        "installed: left-pad 1.0 has no version in constraints.txt",
        f"installed: zarr 3.0.0, but constraints.txt says {pinned['zarr']}",
    ]


def test_what_the_hub_gives_is_pinned_to_commits():
    assert paths.REVISIONS and all(re.fullmatch("[0-9a-f]{40}", one) for one in paths.REVISIONS.values())


def test_every_exception_from_a_rule_says_why():
    """A ``noqa`` in what is shipped has a reason beside it."""
    bare = []
    for folder in ("src", "scripts", "benchmarks"):
        for path in sorted((paths.root() / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                found = re.search(r"(#.*)?# noqa(: [A-Z]+\d+)?(.*)", line)
                if found and not (found[2] and re.search(r"# \w", (found[1] or "") + found[3])):
                    bare.append(f"{path.name}:{number}")
    assert not bare
