"""The notebooks: ``.py`` is the source, ``.ipynb`` its paired copy without outputs."""

from __future__ import annotations

import ast
import logging
from pathlib import Path
from typing import Any

from solarsynth import paths
from solarsynth.errors import SolarsynthError
from solarsynth.files import write_text

#: Pages in reading order.
PAGES = (
    "02_dataset",
    "02_simulated_sun",
    "03_background",
    "04_methodology",
    "04_sampling",
    "04_choices",
    "05_metrics",
    "06_results",
    "06_memorisation",
    "07_image_analysis",
    "07_physics",
    "08_1_classification",
    "08_2_forecasting",
    "c_resolution",
    "d_class_scores",
    "09_conclusions",
)


def parameters(notebook: Path) -> list[str]:
    """Return the names of a notebook's parameters, as papermill finds them.

    Parameters
    ----------
    notebook : Path
        An ``.ipynb`` file.

    Raises
    ------
    SolarsynthError
        If the notebook cannot be read or has no parameters.
    """
    import nbformat
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        found = list(papermill.inspect_notebook(notebook))
    except (OSError, ValueError, nbformat.ValidationError):
        raise SolarsynthError(f"{notebook}: not a readable notebook; run 'make notebooks'") from None
    if not found:
        raise SolarsynthError(f"{notebook}: no cell tagged 'parameters'")
    return found


def defaults(name: str) -> dict[str, Any]:
    """Return the defaults of a page's parameters.

    Parameters
    ----------
    name : str
        Of the page, such as ``06_results``.
    """
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    found = papermill.inspect_notebook(paths.notebooks() / f"{name}.ipynb")
    return {key: ast.literal_eval(row["default"]) for key, row in found.items()}


def paired(source: Path) -> str:
    """Return the text of the ``.ipynb`` that belongs to a ``.py`` notebook.

    Parameters
    ----------
    source : Path
        In the percent format.

    Returns
    -------
    str
        JSON. It is the same for the same source: cell ids are numbers, not random.
    """
    import jupytext
    import nbformat

    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem.replace('_', '-')}-{number:02d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def pair_all() -> list[Path]:
    """Regenerate every ``.ipynb`` from its source; return those that changed."""
    changed = []
    for source in sorted(paths.notebooks().glob("*.py")):
        target, text = source.with_suffix(".ipynb"), paired(source)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            write_text(target, text)
            changed.append(target)
    return changed
