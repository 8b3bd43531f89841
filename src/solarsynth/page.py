"""What every notebook begins with: its parameters checked, its run opened, one line that says what ran."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solarsynth import ledger, paths
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.experiments import Run, describe_device
from solarsynth.store import commit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THUMBNAIL_WIDTH = 480  # pixels

#: Parameters every page has and that are not settings of the profile.
COMMON = ("profile", "source", "data", "seed")


@dataclass
class Page:
    """A notebook at work.

    Attributes
    ----------
    name : str
        Such as ``06_results``.
    run : Run
    folder : Path
        Where the run's ledger lies.
    """

    name: str
    run: Run
    folder: Path

    def record(self, item: str, **values: Any) -> None:
        """Write an item of the ledger; see `solarsynth.ledger.record`."""
        ledger.record(self.folder, item, profile=str(self.run.profile), source=self.run.source, **values)

    def figure(self, figure: Figure, thumbnail: str = "", run: Run | None = None) -> Figure:
        """Write the source under a figure, so that it goes where the figure goes; save it small if asked to.

        Parameters
        ----------
        figure : Figure
        thumbnail : str
            Name of the PNG for the front page.
        run : Run, optional
            Whose source it shows; the page's own by default.
        """
        figure.supxlabel(source_note(run or self.run).replace("\n", " "), fontsize=7, color="0.45", x=0.99, ha="right")
        if thumbnail:
            path = self.folder / "_static" / "figures" / f"{thumbnail}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=THUMBNAIL_WIDTH / figure.get_figwidth())
        return figure

    @property
    def on_archive(self) -> str:
        """On which archive, for the reasons in the ledger."""
        the_papers = (self.run.source, self.run.data) == ("sdoml", "2011-2019")
        return "on the paper's archive" if the_papers else "on another archive than the paper's"

    @property
    def source_note(self) -> str:
        """A sentence for captions: which Sun this is."""
        return source_note(self.run)


def source_note(run: Run) -> str:
    """Return a sentence for captions: which Sun a run shows."""
    if run.source == "simulated" or run.dataset.about["source"] == "simulated":
        return "Simulated Sun, not observations."
    data = run.dataset
    unit = "browse-image display intensity" if data.unit == "display" else "DN/s"
    late = data.about["frame_tolerance_seconds"] / 60
    note = f"Real SDO/AIA 171 Å frames ({unit})"
    return f"{note},\nup to {late:g} min after the peak (the paper: 7)." if late > 7 else f"{note}."


def begin(name: str, namespace: dict[str, Any], own: tuple[str, ...] = ()) -> Page:
    """Open the page's run from its parameters.

    Parameters
    ----------
    name : str
        The notebook's name.
    namespace : dict
        Its ``globals()``. Of the names in its parameters cell, ``profile``, ``source``, ``data`` and ``seed``
        choose the run; the others are settings that replace the profile's (None leaves them).
    own : tuple of str
        Parameters that are the page's own and no settings of the profile.

    Returns
    -------
    Page

    Raises
    ------
    SolarsynthError
        If papermill passed a parameter that the notebook does not have.
    """
    _one_line_errors()
    known = parameters(paths.notebooks() / f"{name}.ipynb")
    for injected in _injected(namespace):
        if injected not in known:
            raise SolarsynthError(f"{name} has no parameter {injected!r}{nearest(injected, known)}")
    values = {key: namespace[key] for key in known}
    data = str(values["data"] or "")
    run = Run(
        profile=values["profile"],
        source=values["source"],
        data=data,
        seed=values["seed"],
        overrides={key: value for key, value in values.items() if key not in (*COMMON, *own)},
    )
    changed = {key: value for key, value in (run.overrides or {}).items() if value is not None}
    print(
        f"profile {run.profile} · source {run.source} · split {run.settings.split} · {run.settings.parameterisation} · "
        f"device {describe_device()} · seed {run.seed} · commit {commit()}"
    )
    if changed:
        print("changed: " + ", ".join(f"{key} = {value}" for key, value in changed.items()))
    return Page(name, run, paths.run_folder(run.source, str(run.profile)))


def parameters(notebook: Path) -> list[str]:
    """Return the names assigned in a notebook's parameters cell.

    Parameters
    ----------
    notebook : Path
        An ``.ipynb`` file.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        raise SolarsynthError(f"{notebook}: no readable notebook; run 'make notebooks'") from None
    for cell in cells:
        if "parameters" in cell["metadata"].get("tags", ()):
            return _assigned("".join(cell["source"]))
    raise SolarsynthError(f"{notebook}: no cell tagged 'parameters'")


def _assigned(source: str) -> list[str]:
    names = []
    for node in ast.parse(source).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _injected(namespace: dict[str, Any]) -> list[str]:
    """Return the names papermill injected: it puts them in a cell of its own that begins '# Parameters'."""
    names = []
    for source in namespace.get("In", ()):
        if source.startswith("# Parameters"):
            names += _assigned(source)
    return names


def _one_line_errors() -> None:
    """Show a user's mistake as its one line, not as a traceback through the library."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((SolarsynthError,), _show)


def _show(shell, kind, error, trace, tb_offset=None):
    lines = [f"{kind.__name__}: {error}"]
    shell._showtraceback(kind, error, lines)
    return lines
