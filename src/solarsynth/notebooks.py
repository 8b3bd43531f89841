"""The notebooks: ``.py`` is the source, ``.ipynb`` its paired copy without outputs."""

from __future__ import annotations

from pathlib import Path

from solarsynth import paths

#: Pages in reading order.
PAGES = (
    "02_dataset",
    "02_simulated_sun",
    "03_background",
    "04_methodology",
    "04_sampling",
    "05_metrics",
    "06_results",
    "07_image_analysis",
    "08_1_classification",
    "08_2_forecasting",
    "c_resolution",
    "d_class_scores",
    "09_conclusions",
)


def paired(source: Path) -> str:
    """Return the text of the ``.ipynb`` that belongs to a ``.py`` notebook.

    Parameters
    ----------
    source : Path
        In the percent format.

    Returns
    -------
    str
        JSON, the same for the same source: cell ids are counted, not drawn.
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
    """Write every ``.ipynb`` anew from its source; return those that changed."""
    changed = []
    for source in sorted(paths.notebooks().glob("*.py")):
        target, text = source.with_suffix(".ipynb"), paired(source)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            changed.append(target)
    return changed
