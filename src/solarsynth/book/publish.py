"""After a run: write its generated pages, build its HTML, publish it.

The published run, ``book/chapters`` and ``book/results.json``, is replaced only by `publish`, all at once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solarsynth import paths, stages
from solarsynth.book import claims_page, front, ledger
from solarsynth.book.notebooks import PAGES
from solarsynth.book.swapping import recover, replace_folder
from solarsynth.dataset.splits import fold_count
from solarsynth.devices import describe_device
from solarsynth.errors import SolarsynthError
from solarsynth.figures.stages import stage_graph
from solarsynth.files import DAMAGED, write_json, write_text
from solarsynth.settings import Settings, load_settings, profiles
from solarsynth.store import environment

if TYPE_CHECKING:
    from solarsynth.stages import Lab

#: What a run writes and a publication carries over.
PRODUCTS = ("chapters", "_static/figures", "_generated")
PROVENANCE = "run.json"
REBUILT = ("_build",)  # what a build makes inside the book
STAGES_PICTURE = "_static/figures/stages.png"
CONFIGURATION = ("_config.yml", "_toc.yml")  # links to the files at the top of the repository


def complete(folder: Path) -> bool:
    """Return whether a run's folder holds every chapter, each finished: only then can the book be built."""
    return all(finished(folder / "chapters" / f"{name}.ipynb") for name in PAGES)


def finished(chapter: Path) -> bool:
    """Return whether a notebook has run to its end: each of its code cells was executed and none failed."""
    try:
        notebook = json.loads(chapter.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        failed = any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
        return bool(cells) and not failed and all(cell["execution_count"] is not None for cell in cells)
    except DAMAGED:
        return False


def copy_pages(folder: Path) -> None:
    """Copy the book's own pages into a run's folder, without what the published run wrote.

    Chapters that are already in the folder stay.
    """
    book = paths.book()
    for path in sorted(book.rglob("*")):
        relative = path.relative_to(book)
        if path.is_dir() or relative.parts[0] in ("_build", "chapters", "_generated") or path.name == ledger.NAME:
            continue
        if relative.parts[:2] == ("_static", "figures") or relative.name == PROVENANCE:
            continue
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_text_link(path) or path, target)
    for name in ("chapters", "_static/figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)


def _text_link(path: Path) -> Path | None:
    """Return the target of a link that git checked out as a text (``core.symlinks=false``); None for other files."""
    if path.name not in CONFIGURATION or path.is_symlink() or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8").strip()
    linked = path.parent / text
    return linked if "\n" not in text and linked.name == path.name and linked.is_file() else None


def write_provenance(folder: Path, lab: Lab, values: dict[str, Any], seconds: float) -> None:
    """Write what a run was made with.

    Parameters
    ----------
    folder : Path
    lab : Lab
    values : dict
        ``profile``, ``source``, ``data``, ``seed`` and ``sample_seed``, as the notebooks got them.
    seconds : float
        Duration of the run.
    """
    labelled = stages.labelled_set(lab)
    about = {
        "profile": Path(values["profile"]).stem,
        "source": values["source"],
        "archive": Path(values["data"]).name if values["data"] else "simulated",
        "seed": values["seed"],
        "sample_seed": values["sample_seed"],
        "settings": lab.settings.as_dict(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "device": describe_device(),
        **environment(),
        "images": labelled.counts(),
        "training images": labelled.counts(test=False),
        "unit": labelled.unit,
    }
    write_json(folder / PROVENANCE, about)


def write_generated(folder: Path) -> None:
    """Write the generated parts of the pages: what was found, the claims, the status and the provenance."""
    generated, entries, claims = folder / "_generated", ledger.read(folder), ledger.read_claims(folder)
    run = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    write_text(generated / "found.md", front.found_page(claims, run))
    write_text(generated / "verdicts.md", claims_page.counts_page(claims))
    write_text(generated / "claims.md", claims_page.claims_page(claims))
    write_text(generated / "summary.md", ledger.summary(entries))
    write_text(generated / "status.md", ledger.status_page(entries))
    write_text(generated / "provenance.md", provenance_page(folder))
    write_text(generated / "dataset.md", dataset_page(run))
    write_text(generated / "stages.md", stages_page())
    picture = folder / STAGES_PICTURE
    picture.parent.mkdir(parents=True, exist_ok=True)
    stage_graph(stages.STAGES).savefig(picture, dpi=160)


def stages_page() -> str:
    """Return the graph of the stages as a picture and a table, as MyST Markdown."""
    lines = [
        "<!-- Written by solarsynth from its table of stages; do not edit. -->",
        "",
        f"```{{image}} {STAGES_PICTURE}",
        ":alt: Boxes for the stages, from the archive to the trials, with an arrow from each to those that need it",
        "```",
        "",
        "| stage | what it makes | from |",
        "| --- | --- | --- |",
    ]
    rows = (f"| `{s.name}` | {s.title} | {', '.join(f'`{name}`' for name in s.above) or '–'} |" for s in stages.STAGES)
    return "\n".join([*lines, *rows, ""])


def provenance_page(folder: Path) -> str:
    """Return what a run was made with, as MyST Markdown.

    Parameters
    ----------
    folder : Path
        Holds ``run.json``.
    """
    run = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    s = run["settings"]
    rows = {
        "Source": f"{run['source']} ({run['archive']}), unit {run['unit']}",
        "Profile": f"{run['profile']}, seed {run['seed']}, sampling seed {run['sample_seed']}",
        "Labelled images": ", ".join(f"{name} {count:,}" for name, count in run["images"].items()),
        "of them for training": ", ".join(f"{name} {count:,}" for name, count in run["training images"].items()),
        "Network": f"{s['parameterisation']}, base width {s['base_width']}, patch {s['patch']}, "
        f"{s['train_images']:,} training images",
        "Sampler": f"{s['sampler']}, {s['sampling_steps']} steps, w = {s['guidance']:g}",
        "Split": f"{s['split']}, fold {s['fold']} of {fold_count(s['test_fraction'])}, "
        f"purge of {s['purge_days']:g} days",
        "Device": f"{run['device']}, {run['platform']}",
        "Duration": f"{run['seconds'] / 60:.1f} min, finished {run['finished']}; "
        "what the store already held is not in it",
        "Commit": f"`{run['commit']}`",
        "Versions": ", ".join(f"{name} {v}" for name, v in run["versions"].items()) + f", Python {run['python']}",
    }
    lines = ["<!-- Written by solarsynth from run.json; do not edit. -->", "", "| | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join([*lines, "", *_differences(run), ""])


def dataset_page(run: dict[str, Any]) -> str:
    """Return what the labelled set of a run holds, as MyST Markdown.

    Parameters
    ----------
    run : dict
        The run's ``run.json``.
    """
    settings, every, training = run["settings"], run["images"], run["training images"]
    size = settings["image_size"]
    unit = "display intensity, 0 to 255" if run["unit"] == "display" else run["unit"]
    lines = [
        "<!-- Written by solarsynth from run.json; do not edit. -->",
        "",
        f"Archive `{run['archive']}` (source `{run['source']}`), {size} × {size} px, {unit}; "
        f"split `{settings['split']}`, fold {settings['fold']} of {fold_count(settings['test_fraction'])}.",
        "",
        "| class | labelled images | for training | held out or purged |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows = [(name, count, training[name]) for name, count in every.items()]
    rows.append(("all", sum(every.values()), sum(training.values())))
    lines += [f"| {name} | {n:,} | {trained:,} | {n - trained:,} |" for name, n, trained in rows]
    return "\n".join([*lines, ""])


def _differences(run: dict[str, Any]) -> list[str]:
    """Return the settings in which a run departs from its profile as lines of a table; none if it departs in none."""
    profile = run["profile"].removesuffix("-custom")
    if profile not in profiles():
        return []
    usual = load_settings(profile).as_dict()
    meaning = {name: text for name, _, _, text in Settings.describe()}
    other = {name: value for name, value in run["settings"].items() if name in usual and value != usual[name]}
    if not other:
        return []
    rows = [f"| `{name}` | {usual[name]} | {value} | {meaning[name]} |" for name, value in other.items()]
    return [f"| Setting | `{profile}` | this run | meaning |", "| --- | --- | --- | --- |", *rows]


def build_book(folder: Path) -> Path:
    """Build the HTML of a run; every warning is an error.

    Returns
    -------
    Path
        The front page.

    Raises
    ------
    SolarsynthError
        With the first warning, and where the others are; or if the configuration is the text of a link.
    """
    for name in CONFIGURATION:
        linked = _text_link(folder / name)
        if linked:
            raise SolarsynthError(
                f"{folder / name}: should be a link to {linked.resolve()} and is a text with its name; copy that file "
                "there, or clone with 'git clone -c core.symlinks=true'"
            )
    print("building the book", file=sys.stderr, flush=True)
    program = Path(sys.executable).with_name("jupyter-book")  # this environment's, activated or not
    command = [str(program), "build", "--all", "-W", "-n", "--keep-going", "-q", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    write_text(folder / "build.log", output)
    if done.returncode:
        faults = [
            line for line in output.splitlines() if any(word in line for word in ("WARNING", "ERROR", "CRITICAL"))
        ]
        first = faults[0] if faults else "no message"
        raise SolarsynthError(f"the book did not build: {first} (full log: {folder / 'build.log'})")
    return folder / "_build" / "html" / "index.html"


def publish(folder: Path) -> None:
    """Replace the published run by the run in `folder`, all at once; the book's own pages stay as they are."""
    book = paths.book()

    def fill(staged: Path) -> None:
        skipped = {book / name for name in (*PRODUCTS, ledger.NAME, PROVENANCE, *REBUILT)}

        def ignored(where: str, names: list[str]) -> list[str]:
            return [name for name in names if Path(where) / name in skipped]

        shutil.copytree(book, staged, ignore=ignored, symlinks=True, dirs_exist_ok=True)
        for name in PRODUCTS:
            shutil.copytree(folder / name, staged / name)
        for name in (ledger.NAME, PROVENANCE):
            shutil.copyfile(folder / name, staged / name)

    replace_folder(book, fill, keep=REBUILT)


def recover_book() -> None:
    """Put right what a crash in `publish` left."""
    recover(paths.book(), keep=REBUILT)
