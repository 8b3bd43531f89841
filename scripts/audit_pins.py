"""Check that every dependency is pinned, in one place, and that the files which name versions agree.

    python scripts/audit_pins.py [--installed]

`pyproject.toml` names the direct dependencies, `constraints.txt` the version of every package, `environment.yml` says
that both are used. With ``--installed``, the packages of this environment are compared with them, too. Prints one line
for each fault and exits with 1 if there is one. No network.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]

#: What `environment.yml` may name: all else comes from the constraints.
CONDA = {"python", "pip", "make"}
PIP = ["--constraint constraints.txt", "--editable .[test]"]

#: Packages that may be in an environment without a pin.
UNPINNED = {"pip", "setuptools", "wheel", "solarsynth"}


def direct(root: Path) -> tuple[list[Requirement], SpecifierSet]:
    """Return the dependencies that `pyproject.toml` names, optional ones too, and the versions of Python."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *(one for some in project["optional-dependencies"].values() for one in some)]
    return [Requirement(one) for one in named], SpecifierSet(project["requires-python"])


def pins(root: Path, faults: list[str]) -> dict[str, Version]:
    """Return the version of each package in `constraints.txt`; add its lines that pin nothing to `faults`."""
    found: dict[str, Version] = {}
    for number, line in enumerate((root / "constraints.txt").read_text(encoding="utf-8").splitlines(), start=1):
        text, where = line.partition("#")[0].strip(), f"constraints.txt, line {number}"
        if not text:
            continue
        try:
            pin = Requirement(text)
        except InvalidRequirement:
            faults.append(f"{where}: not a package and its version: {text}")
            continue
        exact = [one for one in pin.specifier if one.operator == "==" and "*" not in one.version]
        if pin.url or len(exact) != 1 or len(pin.specifier) != 1:
            faults.append(f"{where}: {text} is not one exact version; write {pin.name}==VERSION")
            continue
        name = canonicalize_name(pin.name)
        if name in found:
            faults.append(f"{where}: {pin.name} is pinned a second time")
        found[name] = Version(exact[0].version)
    return found


def of_direct(requirements: Iterable[Requirement], pinned: dict[str, Version]) -> Iterator[str]:
    """Yield the faults of the direct dependencies."""
    seen: set[str] = set()
    for one in requirements:
        name = canonicalize_name(one.name)
        if name in seen:
            yield f"pyproject.toml: {one.name} is named a second time"
        seen.add(name)
        if one.url:
            yield f"pyproject.toml: {one.name} comes from an address, which no version pins"
        elif name not in pinned:
            yield f"constraints.txt: no version of {one.name}, which pyproject.toml names"
        elif not one.specifier.contains(pinned[name], prereleases=True):
            yield f"constraints.txt: {one.name} is {pinned[name]}, but pyproject.toml asks for {one.specifier}"


def of_conda(root: Path, python: SpecifierSet) -> Iterator[str]:
    """Yield the faults of `environment.yml`."""
    listed = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    for one in listed:
        if isinstance(one, dict):
            for line in sorted(set(PIP) ^ set(one.get("pip", []))):
                yield f"environment.yml: under pip, {'missing' if line in PIP else 'not in the constraints'}: {line}"
            continue
        name, version = re.fullmatch(r"([\w.-]+)\W*(.*)", one).groups()
        if name not in CONDA:
            yield f"environment.yml: {one} belongs into pyproject.toml and constraints.txt"
        elif name == "python" and not python.contains(version):
            yield f"environment.yml: Python {version}, but pyproject.toml asks for {python}"
    if not any(isinstance(one, dict) for one in listed):
        yield f"environment.yml: nothing under pip; needed are {' and '.join(PIP)}"


def of_installed(versions: dict[str, str], pinned: dict[str, Version]) -> Iterator[str]:
    """Yield the faults of an environment, a dict of package to version."""
    for name, version in sorted(versions.items()):
        if name in UNPINNED:
            continue
        if name not in pinned:
            yield f"installed: {name} {version} has no version in constraints.txt"
        elif Version(version) != pinned[name]:
            yield f"installed: {name} {version}, but constraints.txt says {pinned[name]}"


def audit(root: Path, versions: dict[str, str] | None = None) -> list[str]:
    """Return all faults, a line each.

    Parameters
    ----------
    root : Path
        The folder of `pyproject.toml`, `constraints.txt` and `environment.yml`.
    versions : dict of str to str, optional
        Packages of an environment and their versions.
    """
    faults: list[str] = []
    pinned = pins(root, faults)
    requirements, python = direct(root)
    faults += [*of_direct(requirements, pinned), *of_conda(root, python), *of_installed(versions or {}, pinned)]
    return faults


def main() -> None:
    """Print the faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--installed", action="store_true", help="compare with this environment, too")
    given = parser.parse_args()
    here = {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    faults = audit(ROOT, here if given.installed else None)
    print("\n".join(faults) or "every dependency is pinned once, and the files agree")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
