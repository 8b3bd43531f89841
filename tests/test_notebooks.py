"""The notebooks as papermill and nbval meet them."""

import ast
import json
import re

import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from solarsynth import paths
from solarsynth.errors import SolarsynthError
from solarsynth.notebooks import PAGES, paired
from solarsynth.page import COMMON, parameters

SOURCES = sorted(paths.notebooks().glob("*.py"))


def test_every_page_has_its_notebook():
    assert sorted(PAGES) == [source.stem for source in SOURCES]
    toc = (paths.root() / "_toc.yml").read_text()
    assert re.findall(r"chapters/(\w+)", toc) == [
        *[p for p in PAGES if p[0] == "0"],
        *[p for p in PAGES if p[0] != "0"],
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_source_and_pair_are_in_step(source):
    assert source.with_suffix(".ipynb").read_text() == paired(source), "run 'make notebooks'"


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_parameters_are_explained_and_smoke_is_the_default(source):
    notebook = source.with_suffix(".ipynb")
    known = parameters(notebook)
    assert known[:4] == list(COMMON)
    inferred = papermill.inspect_notebook(notebook)
    assert set(inferred) == set(known)
    for name, parameter in inferred.items():
        assert parameter["inferred_type_name"] in ("str", "int", "float", "bool"), name
        assert parameter["help"], f"{name} has no comment"
    assert ast.literal_eval(inferred["profile"]["default"]) == "smoke"


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_cells_are_short_and_prose_comes_first(source):
    cells = json.loads(source.with_suffix(".ipynb").read_text())["cells"]
    assert cells[0]["cell_type"] == "markdown" and "".join(cells[0]["source"]).startswith("# ")
    for cell in cells:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            figure = cell["metadata"].get("mystnb")
            if figure:
                assert figure["figure"]["caption"] and cell["metadata"]["mystnb"]["image"]["alt"]


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
        ({"guidance": "strong"}, "guidance must be a number, not 'strong'"),
        ({"profile": "laptpo"}, "no profile 'laptpo'; did you mean 'laptop'?"),
        ({"source": "archive", "data": "nowhere/at/all"}, "no such archive"),
    ],
)
def test_a_bad_parameter_stops_the_page_with_one_line(tmp_path, store_folder, values, line):
    with pytest.raises(PapermillExecutionError) as error:
        run(tmp_path, "06_results", **values)
    assert error.value.ename == "SolarsynthError" and line in error.value.evalue
    assert len(error.value.traceback) == 1


def test_unknown_parameters_without_a_notebook(tmp_path):
    with pytest.raises(SolarsynthError, match="no readable notebook"):
        parameters(tmp_path / "none.ipynb")
