"""Data walks one way: a room imports only rooms to its left, and the shared ground."""

import ast

import pytest

from solarsynth import paths

SOURCE = paths.root() / "src" / "solarsynth"
GROUND = {"errors", "paths", "profiles", "store"}
ALLOWED = {
    "observations": {"observations"},
    "labelled": set(),
    "labelling": {"observations", "labelled"},
    "splits": {"observations"},
    "models": {"models"},
    "diffusion": {"diffusion", "models"},
    "generator": {"models", "diffusion", "labelled"},
    "augmentation": set(),
    "features": {"generator"},
    "metrics": {"metrics"},
}


def imports(path):
    """Names of the modules a file imports, those inside its functions too, without those for type checkers."""
    tree = ast.parse(path.read_text())
    checking = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)]
    skipped = {id(inner) for node in checking for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def files(room):
    return sorted((SOURCE / room).glob("*.py")) or [SOURCE / f"{room}.py"]


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_lies_to_its_left(room):
    for path in files(room):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "solarsynth" and len(parts) > 1 and (SOURCE / parts[1]).with_suffix("").exists():
                assert parts[1] in ALLOWED[room] | GROUND, f"{path.name} imports {name}"
            elif parts[0] == "solarsynth" and (SOURCE / f"{parts[1]}.py").is_file():
                assert parts[1] in ALLOWED[room] | GROUND, f"{path.name} imports {name}"


@pytest.mark.parametrize("room, stranger", [("observations", "torch"), ("metrics", "torch"), ("diffusion", "sunpy")])
def test_a_room_does_not_know_what_is_not_its_business(room, stranger):
    for path in files(room):
        assert stranger not in {name.split(".")[0] for name in imports(path)}, path.name
