"""Run the notebooks into a folder of their own and build the book from them.

A run is in ``runs/<source>-<profile>/``: a copy of the book's pages, its chapters, its ledger, its HTML.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from solarsynth import paths, stages
from solarsynth.book import ledger
from solarsynth.book.notebooks import PAGES, parameters
from solarsynth.book.publish import (
    build_book,
    complete,
    copy_pages,
    publish,
    recover_book,
    write_generated,
    write_provenance,
)
from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.files import DAMAGED, write_text
from solarsynth.settings import load_settings
from solarsynth.stages import Lab

if TYPE_CHECKING:
    import nbformat


def reproduce(
    *,
    profile: str = "laptop",
    source: str = "simulated",
    data: str = "",
    seed: int = 0,
    sample_seed: int = 0,
    pages: Sequence[str] = (),
    settings: dict[str, Any] | None = None,
    publish_it: bool = False,
    build: bool = True,
) -> Path:
    """Execute the notebooks with papermill and build the book.

    Parameters
    ----------
    profile, source, data, seed, sample_seed
        As for `solarsynth.stages.Lab`.
    pages : sequence of str
        Notebooks to run; all by default.
    settings : dict, optional
        Settings that replace the profile's in every notebook.
    publish_it : bool
        Whether to replace the published run once every notebook has succeeded.
    build : bool
        Whether to build the HTML. A run of some pages builds it only if its folder holds all chapters.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    SolarsynthError
        For unknown pages or settings, or when a notebook fails (the others still run).
    """
    for name in pages:
        if name not in PAGES:
            raise SolarsynthError(f"unknown page {shown(name)}{did_you_mean(name, PAGES)}")
    if publish_it and pages:
        raise SolarsynthError("only a run of all pages can be published; leave out the page names")
    recover_book()
    lab = Lab(profile=profile, source=source, data=data, seed=seed, overrides=settings, sample_seed=sample_seed)
    stages.archive(lab)  # a wrong folder fails here, before any notebook starts
    profile = _profile_file(lab, profile) if settings else profile
    full_path = str(Path(data).resolve()) if source == "archive" else data
    values = {"profile": profile, "source": source, "data": full_path, "seed": seed, "sample_seed": sample_seed}
    folder = paths.run_folder(source, profile)
    with _alone_in(folder):
        failures = _run(folder, lab, pages, values)
        if failures:
            raise SolarsynthError(
                f"{len(failures)} of {len(pages or PAGES)} notebooks failed: "
                + "; ".join(f"{name}: {why}" for name, why in failures.items())
                + f" (the executed copies are in {folder / 'chapters'})"
            )
        if build and complete(folder):
            build_book(folder)
        if publish_it:
            publish(folder)
    return folder


def _profile_file(lab: Lab, profile: str) -> str:
    """Write the lab's settings as a new profile, so that the notebooks get all of them by one name."""
    import yaml

    name = f"{Path(profile).stem}-custom"
    path = paths.run_folder(lab.source, name) / f"{name}.yml"
    write_text(path, yaml.safe_dump(lab.settings.as_dict(), sort_keys=False))
    load_settings(path)
    return str(path)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(str(folder / ".lock")).acquire(timeout=0)
    except Timeout:
        raise SolarsynthError(f"{folder}: another run is writing there; wait for it") from None
    with held:
        yield


def _run(folder: Path, lab: Lab, pages: Sequence[str], values: dict[str, Any]) -> dict[str, str]:
    """Execute notebooks and write the ledger, the provenance and the generated pages; return the failures."""
    started = time.perf_counter()
    copy_pages(folder)
    if not pages:
        (folder / ledger.NAME).unlink(missing_ok=True)
    failures = _execute_all(folder, pages or PAGES, values)
    ledger.write(folder, ledger.read(folder))  # with the items that no page has computed
    write_provenance(folder, lab, values, round(time.perf_counter() - started, 1))
    write_generated(folder)
    return failures


def _execute_all(folder: Path, pages: Sequence[str], values: dict[str, Any]) -> dict[str, str]:
    """Execute notebooks one after the other; return the error line of each that failed."""
    failures = {}
    environment_before = dict(os.environ)
    os.environ["SOLARSYNTH_RUN"] = str(folder)
    try:
        for number, name in enumerate(pages, start=1):
            started = time.perf_counter()
            why = _execute(name, folder, values, f"[{number}/{len(pages)}] {name}")
            if why:
                failures[name] = why
                print(f"    failed: {why}", file=sys.stderr, flush=True)
            _tidy(folder / "chapters" / f"{name}.ipynb", time.perf_counter() - started)
    finally:
        os.environ.clear()
        os.environ.update(environment_before)
    return failures


_BAR = "{desc:<28} {bar} {n_fmt}/{total_fmt} cells, {elapsed}"


class _AboveTheBar:
    """Shows above the bar what a notebook writes to standard error, such as the progress of a training."""

    def write(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(f"    {text.rstrip()}", file=sys.stderr)

    def flush(self) -> None:
        pass


def _execute(name: str, folder: Path, values: dict[str, Any], title: str) -> str:
    """Execute one notebook; return its error in one line, or nothing."""
    import papermill

    notebook = paths.notebooks() / f"{name}.ipynb"
    known = parameters(notebook)
    try:
        papermill.execute_notebook(
            notebook,
            folder / "chapters" / f"{name}.ipynb",
            parameters={key: value for key, value in values.items() if key in known},
            kernel_name="python3",
            cwd=str(paths.root()),
            progress_bar={"desc": title, "bar_format": _BAR},
            stderr_file=_AboveTheBar(),
            extra_arguments=["--log-level=ERROR"],
            kernel_manager_class=_kernels(folder / "kernels.log"),
        )
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}".splitlines()[0]
    return ""


def _kernels(log: Path) -> type:
    """Return the class that starts kernels; what a kernel prints besides its cells' outputs goes to `log`.

    A kernel runs in this interpreter's environment: a ``python3`` that is found on JUPYTER_PATH may belong to another,
    without this package. A kernel that is ended with its run prints tracebacks of its own.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class Kernels(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())

        async def _async_launch_kernel(self, kernel_cmd, **options):
            with log.open("ab") as file:
                await super()._async_launch_kernel(kernel_cmd, stderr=file, **options)

    return Kernels


def _tidy(chapter: Path, seconds: float) -> None:
    """Remove the names of this machine's folders from an executed notebook, and hide the injected cell.

    A cell tagged ``remove-stderr`` writes progress and warnings there. No page shows them.
    """
    import nbformat

    if not chapter.is_file():
        return
    try:
        notebook = nbformat.read(chapter, as_version=4)
    except DAMAGED:
        return  # killed while it was written; it does not count as finished
    shorter = _shorten_metadata(notebook, seconds)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        tags = cell.metadata.get("tags", [])
        if "remove-stderr" in tags:
            cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "hide-input"]
            for full, short in shorter.items():
                cell["source"] = cell["source"].replace(f'"{full}"', f'"{short}"')
    write_text(chapter, nbformat.writes(notebook) + "\n")


def _shorten_metadata(notebook: nbformat.NotebookNode, seconds: float) -> dict[str, str]:
    """Remove the machine's folders from papermill's metadata, add the duration; return the paths and their stems."""
    about = notebook.metadata.get("papermill", {})
    for key in ("input_path", "output_path", "environment_variables"):
        about.pop(key, None)
    given = dict(about.get("parameters", {}))
    names = [name for name in ("profile", "data") if Path(given.get(name, "")).is_absolute()]
    about["parameters"] = given | {name: Path(given[name]).stem for name in names}
    about["seconds"] = round(seconds, 1)
    return {given[name]: about["parameters"][name] for name in names}
