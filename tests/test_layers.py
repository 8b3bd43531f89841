"""Data walks one way: a room imports only rooms to its left, and the ground. Rooms are small."""

import ast

import pytest

from solarsynth import paths

SOURCE = paths.root() / "src" / "solarsynth"

#: What every room may import.
GROUND = (
    *("errors", "files", "flares", "integrity", "inventory", "paths", "pixels", "progress", "settings", "store"),
    "times",
)

#: The rooms from left to right. A room imports itself, rooms to its left, and the ground.
ROOMS = (
    "observations",
    "dataset",
    "models",
    "devices",
    "diffusion",
    "kinds",
    "networks",
    "generator",
    "shipped",
    "augmentation",
    "metrics",
    "stages",
    "evaluation",
    "downstream",
    "figures",
    "book",
    "tables",
    "cli",
)

#: Rooms that know even less than what lies to their left.
ALONE = {"observations": (), "models": (), "metrics": (), "diffusion": ("models", "devices")}

#: Other packages that a room must not import.
STRANGERS = {
    "observations": {"torch"},
    "dataset": {"torch", "sunpy"},
    "metrics": {"torch", "zarr", "sunpy"},
    "diffusion": {"zarr", "sunpy", "pandas"},
    "models": {"zarr", "sunpy", "pandas"},
}

FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path):
    """Return the room or the ground module that a file belongs to."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imports(tree):
    """Yield the modules that a file imports, also inside its functions, but not for type checkers."""
    for_checkers = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)]
    skipped = {id(inner) for node in for_checkers for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_imported(path):
    """Yield the rooms and ground modules of this package that a file imports."""
    names = {room_of(file) for file in FILES}
    for name in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "solarsynth" and parts[1] in names:
            yield parts[1]


def test_every_module_is_in_a_room_or_in_the_ground():
    assert {room_of(path) for path in FILES} == {*ROOMS, *GROUND, "__init__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_lies_to_its_left(path):
    room = room_of(path)
    if room == "__init__":
        pytest.skip("the package's public face may open every room")
    left = () if room in GROUND else ALONE.get(room, ROOMS[: ROOMS.index(room)])
    for imported in rooms_imported(path):
        assert imported in (*left, room, *GROUND), f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_function_imports_a_name_that_its_module_defines(path):
    tree = ast.parse(path.read_text())
    own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not own & {alias.asname or alias.name for alias in node.names}, f"{path.name}:{node.lineno}"


def test_the_check_sees_an_import_to_the_right(tmp_path):
    tree = ast.parse(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from solarsynth.cli import main\n"
        "def f():\n    from solarsynth import stages\n    import solarsynth.book.page\n"
    )
    assert list(imports(tree)) == ["typing.TYPE_CHECKING", "solarsynth.stages", "solarsynth.book.page"]


@pytest.mark.parametrize("room", STRANGERS)
def test_a_room_does_not_know_what_is_not_its_business(room):
    for path in FILES:
        if room_of(path) == room:
            known = {name.split(".")[0] for name in imports(ast.parse(path.read_text()))}
            assert not known & STRANGERS[room], path.name


def lines_of(node):
    """Return the number of lines of a function or a class, with its decorators."""
    return node.end_lineno - min([node.lineno, *(d.lineno for d in node.decorator_list)]) + 1


def test_no_module_class_or_function_is_too_long():
    too_long = []
    for path in FILES:
        text = path.read_text()
        if len(text.splitlines()) > 350:
            too_long.append(path.name)
        for node in ast.walk(ast.parse(text)):
            limit = {ast.ClassDef: 200, ast.FunctionDef: 80, ast.AsyncFunctionDef: 80}.get(type(node))
            if limit and lines_of(node) > limit:
                too_long.append(f"{path.name}: {node.name}")
    assert not too_long
