"""The notebooks as papermill and nbval meet them, and the rules of their cells."""

import ast
import inspect
import json
import re
from itertools import pairwise

import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from solarsynth import paths
from solarsynth.book import records
from solarsynth.book.notebooks import PAGES, paired, parameters
from solarsynth.book.page import COMMON
from solarsynth.errors import SolarsynthError

SOURCES = sorted(paths.notebooks().glob("*.py"))
HIDING = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
LONGEST = 15  # lines of code in a cell

each_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def cells_of(source):
    return json.loads(source.with_suffix(".ipynb").read_text())["cells"]


def text_of(cell):
    return "".join(cell["source"])


def tags_of(cell):
    return set(cell["metadata"].get("tags", ()))


def code_lines(cell):
    """Return the lines of a code cell that are neither blank nor only a comment."""
    return [line for line in text_of(cell).splitlines() if line.strip() and not line.strip().startswith("#")]


def is_visible_code(cell):
    return cell["cell_type"] == "code" and not tags_of(cell) & HIDING


def code_cells(source):
    """Return the code cells but the parameters cell."""
    return [cell for cell in cells_of(source) if cell["cell_type"] == "code" and "parameters" not in tags_of(cell)]


def test_every_page_has_its_notebook():
    assert sorted(PAGES) == [source.stem for source in SOURCES]
    toc = (paths.root() / "_toc.yml").read_text()
    assert re.findall(r"chapters/(\w+)", toc) == [
        *[p for p in PAGES if p[0] == "0"],
        *[p for p in PAGES if p[0] != "0"],
    ]


@each_notebook
def test_source_and_pair_are_in_step(source):
    assert source.with_suffix(".ipynb").read_text() == paired(source), "run 'make notebooks'"


@each_notebook
def test_parameters_are_explained_and_smoke_is_the_default(source):
    inferred = papermill.inspect_notebook(source.with_suffix(".ipynb"))
    assert list(inferred)[: len(COMMON)] == list(COMMON)
    for name, parameter in inferred.items():
        assert parameter["inferred_type_name"] in ("str", "int", "float", "bool"), name
        assert parameter["help"], f"{name} has no comment"
    assert ast.literal_eval(inferred["profile"]["default"]) == "smoke"


@each_notebook
def test_annotated_names_are_the_parameters(source):
    """`page.begin` takes the names that the page annotates for its parameters, without reading the notebook."""
    annotated = [
        node.target.id
        for cell in cells_of(source)
        if cell["cell_type"] == "code"
        for node in ast.parse(text_of(cell)).body
        if isinstance(node, ast.AnnAssign)
    ]
    assert annotated == parameters(source.with_suffix(".ipynb"))


@each_notebook
def test_cells_are_short_and_empty_of_outputs(source):
    for cell in code_cells(source):
        assert len(code_lines(cell)) <= LONGEST, text_of(cell)
    assert not any(cell.get("outputs") for cell in cells_of(source))


@each_notebook
def test_prose_comes_before_code(source):
    cells = cells_of(source)
    assert cells[0]["cell_type"] == "markdown"
    titles = [line for cell in cells if cell["cell_type"] == "markdown" for line in text_of(cell).splitlines()]
    assert [line for line in titles if line.startswith("# ")] == [titles[0]]
    for before, cell in pairwise(cells):
        if is_visible_code(cell) and not is_visible_code(before):
            assert before["cell_type"] == "markdown", f"no prose before:\n{text_of(cell)}"


@each_notebook
def test_there_is_one_folded_set_up_cell(source):
    set_up = [cell for cell in code_cells(source) if "page.begin(" in text_of(cell)]
    assert len(set_up) == 1 and "hide-input" in tags_of(set_up[0])
    assert "print(this.source_note)" in text_of(set_up[0])
    for cell in code_cells(source):
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(ast.parse(text_of(cell)))):
            assert cell == set_up[0] or is_visible_code(cell), f"a second set-up cell:\n{text_of(cell)}"


def draws(cell):
    """Return whether a cell's last statement is a figure."""
    body = ast.parse(text_of(cell)).body
    return bool(body) and re.match(r"(this\.figure|figures\.\w+)\(", ast.unparse(body[-1])) is not None


def test_every_figure_has_a_name_a_caption_and_words():
    names = []
    for source in SOURCES:
        for cell in code_cells(source):
            about = cell["metadata"].get("mystnb", {})
            assert draws(cell) == bool(about), text_of(cell)
            if about:
                assert len(about["figure"]["caption"]) > 20 and len(about["image"]["alt"]) > 20
                assert "remove-input" not in tags_of(cell), "a reader who opens the fold sees the call"
                names.append(about["figure"]["name"])
    assert all(name.startswith("figure-") for name in names)
    assert len(names) == len(set(names)) > 30


def test_a_third_of_the_code_is_visible():
    everything = [cell for source in SOURCES for cell in cells_of(source) if cell["cell_type"] == "code"]
    visible = sum(len(code_lines(cell)) for cell in everything if is_visible_code(cell))
    assert visible >= sum(len(code_lines(cell)) for cell in everything) / 3


def test_every_record_is_written_by_a_hidden_call():
    called = []
    for source in SOURCES:
        for cell in code_cells(source):
            found = re.findall(r"\brecords\.(\w+)\(", text_of(cell))
            assert not found or "hide-cell" in tags_of(cell), text_of(cell)
            called += found
    assert set(called) == set(records.__all__)
    assert all(inspect.isfunction(getattr(records, name)) for name in records.__all__)


def run(tmp_path, name="02_dataset", **values):
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        paths.notebooks() / f"{name}.ipynb", out, parameters=values, kernel_name="python3", progress_bar=False
    )
    return json.loads(out.read_text())


@pytest.mark.parametrize(
    "values, line",
    [
        ({"guidnce": 0.5}, "06_results has no parameter 'guidnce'; did you mean 'guidance'?"),
        ({"guidance": "strong"}, "guidance must be a number, got 'strong'"),
        ({"profile": "laptpo"}, "unknown profile 'laptpo'; did you mean 'laptop'?"),
        ({"source": "archive", "data": "nowhere/at/all"}, "no such archive"),
    ],
)
def test_a_bad_parameter_stops_the_page_with_one_line(tmp_path, store_folder, values, line):
    with pytest.raises(PapermillExecutionError) as error:
        run(tmp_path, "06_results", **values)
    assert error.value.ename == "SolarsynthError" and line in error.value.evalue
    assert len(error.value.traceback) == 1


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_parameters_of_no_notebook(tmp_path, text):
    path = tmp_path / "none.ipynb"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SolarsynthError, match="not a readable notebook"):
        parameters(path)


def test_parameters_of_a_notebook_without_any(tmp_path):
    path = tmp_path / "none.ipynb"
    path.write_text(
        '{"cells": [], "metadata": {"kernelspec": {"name": "python3", "language": "python"}}, '
        '"nbformat": 4, "nbformat_minor": 5}'
    )
    with pytest.raises(SolarsynthError, match="no cell tagged 'parameters'"):
        parameters(path)
