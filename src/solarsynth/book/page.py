"""How every notebook begins: it checks its parameters, opens its lab and prints one line that says what runs."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solarsynth import paths, stages
from solarsynth.devices import describe_device
from solarsynth.errors import SolarsynthError, did_you_mean, reading, shown
from solarsynth.settings import profiles
from solarsynth.stages import Lab
from solarsynth.store import commit
from solarsynth.times import MINUTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THUMBNAIL_WIDTH = 480  # pixels

#: Parameters that every page has and that are not settings of the profile.
COMMON = ("profile", "source", "data", "seed", "sample_seed")


@dataclass
class Page:
    """A notebook while it runs.

    Attributes
    ----------
    name : str
        Such as ``06_results``.
    lab : Lab
        Its settings, source, seeds and store.
    folder : Path
        The run's folder, with its ledger.
    """

    name: str
    lab: Lab
    folder: Path

    def figure(self, figure: Figure, thumbnail: str = "", lab: Lab | None = None) -> Figure:
        """Write the source note under a figure, and save the figure as a small picture if a name is given.

        Parameters
        ----------
        figure : Figure
        thumbnail : str
            Name of the PNG for the front page.
        lab : Lab, optional
            Whose images the figure shows; the page's own by default.
        """
        note = source_note(lab or self.lab).replace("\n", " ")
        figure.supxlabel(note, fontsize=7, color="0.45", x=0.99, ha="right")
        if thumbnail:
            path = self.folder / "_static" / "figures" / f"{thumbnail}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=THUMBNAIL_WIDTH / figure.get_figwidth())
        return figure

    @property
    def on_archive(self) -> str:
        """A clause for the ledger: whether the archive is the paper's."""
        the_papers = (self.lab.source, self.lab.data) == ("sdoml", "2011-2019")
        return "on the paper's archive" if the_papers else "on another archive than the paper's"

    @property
    def source_note(self) -> str:
        """A sentence for captions: which Sun this is."""
        return source_note(self.lab)


def source_note(lab: Lab) -> str:
    """Return a sentence for captions: which Sun a lab's images show."""
    if lab.source == "simulated":
        return "Simulated Sun, not observations."
    data = stages.labelled_set(lab)
    if data.about["source"] == "simulated":
        return "Simulated Sun, not observations."
    unit = "browse-image display intensity" if data.unit == "display" else "DN/s"
    late = data.about["frame_tolerance"] / MINUTE
    note = f"Real SDO/AIA 171 Å frames ({unit})"
    return f"{note},\nup to {late:g} min after the peak (the paper: 7)." if late > 7 else f"{note}."


def begin(name: str, namespace: dict[str, Any], own: tuple[str, ...] = ()) -> Page:
    """Open the page's lab from its parameters.

    Parameters
    ----------
    name : str
        The notebook's name.
    namespace : dict
        Its ``globals()``. The page's parameters are the names that its parameters cell annotates
        (``guidance: float = None``). Of them ``profile``, ``source``, ``data``, ``seed`` (of training) and
        ``sample_seed`` choose the lab. The others are settings that replace the profile's; None leaves a setting as it
        is.
    own : tuple of str
        Parameters that are the page's own and not settings of the profile. Their values are checked by their
        annotations and put back into `namespace`: the text ``false`` as False, 64.0 as 64.

    Returns
    -------
    Page

    Raises
    ------
    SolarsynthError
        If papermill passed a parameter that the notebook does not have, or a value of another type.
    """
    _one_line_errors()
    # Importing papermill to inspect the notebook costs 0.7 s a page; Python itself keeps the annotated names.
    known = list(namespace.get("__annotations__", {}))
    for injected in _injected(namespace):
        if injected not in known:
            raise SolarsynthError(f"{name} has no parameter {shown(injected)}{did_you_mean(injected, known)}")
    for key in ("seed", "sample_seed", *own):
        namespace[key] = _own_value(key, namespace["__annotations__"][key], namespace[key])
    values = {key: namespace[key] for key in known}
    changes = {key: values[key] for key in known if key not in (*COMMON, *own)}
    _check_is_here(name, values)
    lab = Lab(
        profile=values["profile"],
        source=values["source"],
        data=str(values["data"] or ""),
        seed=values["seed"],
        sample_seed=values["sample_seed"],
        overrides=changes,
    )
    s = lab.settings
    print(
        f"profile {lab.profile} · source {lab.source} · split {s.split} · {s.parameterisation} · "
        f"device {describe_device()} · seed {lab.seed} · sampling seed {lab.sample_seed} · commit {commit()}"
    )
    changed = [f"{key} = {value}" for key, value in changes.items() if value is not None]
    if changed:
        print(f"changed: {', '.join(changed)}")
    return Page(name, lab, paths.run_folder(lab.source, lab.profile))


def _own_value(name: str, kind: type, value: Any) -> Any:
    """Return a page's own parameter as its annotation says; settings of the profile are checked elsewhere."""
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"  # papermill takes only True and False for truth values, others for texts
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    lowest = 0 if name.endswith("seed") else 1
    if kind is int and (not is_right or value < lowest):
        raise SolarsynthError(f"{name} must be a whole number of at least {lowest}, got {shown(value)}")
    if not is_right:
        wanted = {bool: "True or False", str: "a text"}.get(kind, f"a {kind.__name__}")
        raise SolarsynthError(f"{name} must be {wanted}, got {shown(value)}")
    return value


def _check_is_here(name: str, values: dict[str, Any]) -> None:
    """Raise if a page asks for a profile or an archive that only the machine of its last run had.

    A published chapter asks for those of its run: a reader who downloads it learns at once what to change.
    """
    missing = []
    profile, data = str(values["profile"]), str(values["data"] or "")
    if profile.endswith("-custom") and profile not in profiles():
        missing.append(f"no profile {shown(profile)} (set profile to {', '.join(profiles())} or a YAML file)")
    if values["source"] == "archive" and data and not Path(data).exists():
        missing.append(f"no such archive {shown(data)} (set data to an archive's folder, or source to 'simulated')")
    if missing:
        raise SolarsynthError(f"{name}: {' and '.join(missing)}; the page's parameters ask for it")


def _injected(namespace: dict[str, Any]) -> list[str]:
    """Return the names that papermill assigns, in a separate cell that begins with '# Parameters'."""
    cells = [source for source in namespace.get("In", ()) if source.startswith("# Parameters")]
    with reading("the page's parameters", "not 'name = value' lines"):
        return [node.targets[0].id for source in cells for node in ast.parse(source).body]


def _one_line_errors() -> None:
    """Show a user's mistake as one line, not as a traceback through the library."""
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
