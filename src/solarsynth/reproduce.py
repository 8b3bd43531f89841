"""Run the notebooks into a folder of their own and build the book from them.

A run lies in ``runs/<source>-<profile>/``: a copy of the book's pages, its chapters, its ledger, its HTML.
The published run, ``book/chapters`` and ``book/results.json``, is replaced only by `publish`, all at once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from solarsynth import ledger, paths
from solarsynth.errors import SolarsynthError, nearest
from solarsynth.notebooks import PAGES
from solarsynth.page import parameters
from solarsynth.profiles import load_profile
from solarsynth.store import environment, write_json

#: What a run writes and a publication carries over.
PRODUCTS = ("chapters", "_static/figures", "_generated")
PROVENANCE = "run.json"


def reproduce(
    *,
    profile: str = "laptop",
    source: str = "simulated",
    data: str = "",
    seed: int = 0,
    pages: Sequence[str] = (),
    settings: dict[str, Any] | None = None,
    publish_it: bool = False,
    build: bool = True,
) -> Path:
    """Execute the notebooks with papermill and build the book.

    Parameters
    ----------
    profile, source, data, seed
        As for `solarsynth.experiments.Run`.
    pages : sequence of str
        Notebooks to run; all by default.
    settings : dict, optional
        Settings that replace the profile's in every notebook.
    publish_it : bool
        Whether to replace the published run once every notebook has succeeded.
    build : bool
        Whether to build the HTML; a run of some pages builds it once its folder holds all of them.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    SolarsynthError
        For unknown pages or settings, or when a notebook fails (the others still run).
    """
    from solarsynth.experiments import Run

    for name in pages:
        if name not in PAGES:
            raise SolarsynthError(f"no page {name!r}{nearest(name, PAGES)}")
    if publish_it and pages:
        raise SolarsynthError("only a run of all pages can be published; leave out the page names")
    run = Run(profile=profile, source=source, data=data, seed=seed, overrides=settings)
    run.archive()  # a wrong folder is said before any notebook starts
    profile = _profile_file(run, profile, settings)
    folder = paths.run_folder(source, profile)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(folder / ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SolarsynthError(f"{folder}: another run is writing there; wait for it") from None
    with lock:
        started = time.perf_counter()
        _copy_pages(folder)
        if not pages:
            (folder / ledger.NAME).unlink(missing_ok=True)
        values = {
            "profile": profile,
            "source": source,
            "data": str(Path(data).resolve()) if source == "archive" else data,
            "seed": seed,
        }
        failed = _execute(folder, pages or PAGES, values)
        entries = ledger.read(folder)
        ledger.write(folder, entries)
        seconds = round(time.perf_counter() - started, 1)
        _write_provenance(folder, run, values, seconds)
        _write_generated(folder)
        if failed:
            raise SolarsynthError(
                f"{len(failed)} of {len(pages or PAGES)} notebooks failed: "
                + "; ".join(f"{name}: {why}" for name, why in failed.items())
                + f" (the executed copies lie in {folder / 'chapters'})"
            )
        if build and complete(folder):
            build_book(folder)
        if publish_it:
            publish(folder)
    return folder


def complete(folder: Path) -> bool:
    """Return whether a run's folder holds every chapter: only then is there a book to build."""
    return all((folder / "chapters" / f"{name}.ipynb").is_file() for name in PAGES)


def _profile_file(run, profile: str, settings: dict[str, Any] | None) -> str:
    """Write a profile with settings replaced, so that the notebooks get one name for all of them."""
    import yaml

    if not settings:
        return profile
    name = f"{Path(profile).stem}-custom"
    path = paths.run_folder(run.source, name) / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(vars(run.settings), sort_keys=False), encoding="utf-8")
    load_profile(path)
    return str(path)


def _copy_pages(folder: Path) -> None:
    """Copy the book's own pages; chapters that a run of all pages will not overwrite stay."""
    book = paths.book()
    for path in sorted(book.rglob("*")):
        relative = path.relative_to(book)
        if path.is_dir() or relative.parts[0] in ("_build", "chapters", "_generated") or path.name == ledger.NAME:
            continue
        if relative.parts[:2] == ("_static", "figures") or relative.name == PROVENANCE:
            continue
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for name in ("chapters", "_static/figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)


_BAR = "{desc:<28} {bar} {n_fmt}/{total_fmt} cells, {elapsed}"


class _AboveTheBar:
    """Takes what a notebook reports while it runs (the progress of a training) and shows it above the bar."""

    def write(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(f"    {text.rstrip()}", file=sys.stderr)

    def flush(self) -> None:
        pass


def _execute(folder: Path, pages: Sequence[str], values: dict[str, Any]) -> dict[str, str]:
    """Run notebooks one after the other; return the error line of each that failed."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    failed = {}
    environment_before = dict(os.environ)
    os.environ["SOLARSYNTH_RUN"] = str(folder)
    try:
        for number, name in enumerate(pages, start=1):
            notebook = paths.notebooks() / f"{name}.ipynb"
            known = parameters(notebook)
            started = time.perf_counter()
            try:
                papermill.execute_notebook(
                    notebook,
                    folder / "chapters" / f"{name}.ipynb",
                    parameters={key: value for key, value in values.items() if key in known},
                    kernel_name="python3",
                    cwd=str(paths.root()),
                    progress_bar={"desc": f"[{number}/{len(pages)}] {name}", "bar_format": _BAR},
                    stderr_file=_AboveTheBar(),
                    extra_arguments=["--log-level=ERROR"],
                )
            except PapermillExecutionError as error:
                failed[name] = f"{error.ename}: {error.evalue}".splitlines()[0]
                print(f"    failed: {failed[name]}", file=sys.stderr, flush=True)
            _tidy(folder / "chapters" / f"{name}.ipynb", time.perf_counter() - started)
    finally:
        os.environ.clear()
        os.environ.update(environment_before)
    return failed


def _tidy(chapter: Path, seconds: float) -> None:
    """Drop from an executed notebook what differs without meaning: machine paths, and the injected cell's view.

    What a cell tagged ``remove-stderr`` wrote there is progress and warnings, which no page shows and which may name
    this machine's folders.
    """
    import nbformat

    if not chapter.is_file():
        return
    notebook = nbformat.read(chapter, as_version=4)
    meta = notebook.metadata.get("papermill", {})
    for key in ("input_path", "output_path", "environment_variables"):
        meta.pop(key, None)
    given = dict(meta.get("parameters", {}))
    shorter = {name: Path(given[name]).stem for name in ("profile", "data") if Path(given.get(name, "")).is_absolute()}
    meta["parameters"] = given | shorter
    meta["seconds"] = round(seconds, 1)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        tags = cell.metadata.get("tags", [])
        if "remove-stderr" in tags:
            cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "hide-input"]
            for name, value in shorter.items():
                cell["source"] = cell["source"].replace(f'"{given[name]}"', f'"{value}"')
    nbformat.write(notebook, chapter)


def _write_provenance(folder: Path, run, values: dict[str, Any], seconds: float) -> None:
    from solarsynth.experiments import describe_device

    data = run.dataset
    write_json(
        folder / PROVENANCE,
        {
            "profile": Path(values["profile"]).stem,
            "source": values["source"],
            "archive": Path(values["data"]).name if values["data"] else "simulated",
            "seed": values["seed"],
            "settings": vars(run.settings),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": seconds,
            "device": describe_device(),
            **environment(),
            "images": data.counts(),
            "training images": data.counts(test=False),
            "unit": data.unit,
        },
    )


def _write_generated(folder: Path) -> None:
    """Write the pages' generated parts: the status table and the provenance table."""
    generated = folder / "_generated"
    generated.mkdir(exist_ok=True)
    entries = ledger.read(folder)
    (generated / "summary.md").write_text(ledger.summary(entries), encoding="utf-8")
    (generated / "status.md").write_text(ledger.status_page(entries), encoding="utf-8")
    (generated / "provenance.md").write_text(provenance_page(folder), encoding="utf-8")


def provenance_page(folder: Path) -> str:
    """Return what a run was made with, as MyST Markdown.

    Parameters
    ----------
    folder : Path
        Holds ``run.json``.
    """
    run = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    rows = {
        "Source": f"{run['source']} ({run['archive']}), unit {run['unit']}",
        "Profile": f"{run['profile']}, seed {run['seed']}",
        "Labelled images": ", ".join(f"{name} {count:,}" for name, count in run["images"].items()),
        "of them for training": ", ".join(f"{name} {count:,}" for name, count in run["training images"].items()),
        "Network": f"{run['settings']['parameterisation']}, base width {run['settings']['base_width']}, "
        f"patch {run['settings']['patch']}, {run['settings']['train_images']:,} training images",
        "Sampler": f"{run['settings']['sampler']}, {run['settings']['sampling_steps']} steps, "
        f"w = {run['settings']['guidance']:g}",
        "Split": f"{run['settings']['split']}, {run['settings']['test_fraction']:.0%} held out",
        "Device": f"{run['device']}, {run['platform']}",
        "Duration": f"{run['seconds'] / 60:.1f} min, finished {run['finished']}; "
        "what the store already held is not in it (chapter 4 has the training's own)",
        "Commit": f"`{run['commit']}`",
        "Versions": ", ".join(f"{name} {v}" for name, v in run["versions"].items()) + f", Python {run['python']}",
    }
    lines = ["<!-- Written by solarsynth from run.json; do not edit. -->", "", "| | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {key} | {value} |" for key, value in rows.items()), ""])


def build_book(folder: Path) -> Path:
    """Build the HTML of a run, every warning an error.

    Returns
    -------
    Path
        The front page.
    """
    print("building the book", file=sys.stderr, flush=True)
    program = Path(sys.executable).with_name("jupyter-book")  # this environment's, activated or not
    command = [str(program), "build", "--all", "-W", "-n", "--keep-going", "-q", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (folder / "build.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if "WARNING" in line or "ERROR" in line]
        raise SolarsynthError(
            f"the book did not build: {words[0] if words else 'no message'} (all of it in {folder / 'build.log'})"
        )
    return folder / "_build" / "html" / "index.html"


def publish(folder: Path) -> None:
    """Replace the published run by the run in `folder`, all at once."""
    book = paths.book()
    staged = book.with_name(".book-staged")
    shutil.rmtree(staged, ignore_errors=True)
    for name in PRODUCTS:
        shutil.copytree(folder / name, staged / name)
    for name in (ledger.NAME, PROVENANCE):
        shutil.copyfile(folder / name, staged / name)
    for name in (*PRODUCTS, ledger.NAME, PROVENANCE):
        target = book / name
        old = target.with_name(f".{target.name}.old")
        if target.exists():
            target.rename(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        (staged / name).rename(target)
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    shutil.rmtree(staged)
