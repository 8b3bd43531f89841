"""The book builds from what is committed, without a warning, and a run writes only into its own folder."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from solarsynth import paths
from solarsynth.book.publish import build_book, copy_pages, publish
from solarsynth.book.reproduce import _kernels, reproduce
from solarsynth.errors import SolarsynthError


def test_the_published_book_builds_without_a_warning(built_book):
    toc = yaml.safe_load((paths.root() / "_toc.yml").read_text())
    pages = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    for page in pages:
        assert (built_book / f"{page}.html").is_file(), page


def test_pages_are_light(built_book):
    for page in built_book.rglob("*.html"):
        images = sum(
            (page.parent / name).resolve().stat().st_size
            for name in set(_sources(page.read_text()))
            if (page.parent / name).resolve().is_file()
        )
        assert page.stat().st_size + images < 2e6, page.name


def test_every_picture_has_words(built_book):
    for page in built_book.rglob("*.html"):
        for tag in re.findall(r"<img [^>]*>", page.read_text()):
            assert re.search(r'alt="[^"]{5,}"', tag), f"{page.name}: {tag}"


def test_equations_need_no_network(built_book):
    html = (built_book / "chapters" / "03_background.html").read_text()
    scripts = [line for line in html.split("<script")[1:] if "mathjax" in line.lower().split(">")[0]]
    assert scripts and not any("http" in s.split(">")[0] for s in scripts)


def _sources(html):
    # A film lies in the page itself, and counts with it.
    return re.findall(r'<img [^>]*src="(?!data:)([^"]+)"', html)


def test_the_plain_command_builds_the_published_book(tmp_path):
    copy = tmp_path / "repository"
    copy.mkdir()
    for name in ("_config.yml", "_toc.yml", "book"):
        source = paths.root() / name
        if source.is_dir():
            shutil.copytree(source, copy / name, symlinks=True, ignore=shutil.ignore_patterns("_build"))
        else:
            shutil.copy(source, copy / name)
    program = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run([program, "build", "book/"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (copy / "book" / "_build" / "html" / "index.html").is_file()


def only_two_pages(monkeypatch):
    for module in ("publish", "reproduce"):
        monkeypatch.setattr(f"solarsynth.book.{module}.PAGES", ("09_conclusions", "02_dataset"))


def test_a_failing_notebook_is_named_and_nothing_is_published(tmp_path, store_folder, monkeypatch):
    house = tmp_path / "house"
    for name in ("params", "notebooks", "book"):
        shutil.copytree(paths.root() / name, house / name, ignore=shutil.ignore_patterns("_build"))
    notebook = house / "notebooks" / "09_conclusions.ipynb"
    notebook.write_text(notebook.read_text().replace("this = page.begin(", "raise ValueError('broken') #"))
    monkeypatch.setenv("SOLARSYNTH_ROOT", str(house))
    only_two_pages(monkeypatch)
    before = (house / "book" / "results.json").read_bytes()
    with pytest.raises(SolarsynthError, match="1 of 2 notebooks failed: 09_conclusions: ValueError: broken"):
        reproduce(profile="smoke", publish_it=True, build=False)
    assert (house / "book" / "results.json").read_bytes() == before


def test_publishing_replaces_everything_at_once(tmp_path, monkeypatch):
    house = tmp_path / "house"
    (house / "params").mkdir(parents=True)
    monkeypatch.setenv("SOLARSYNTH_ROOT", str(house))
    for folder, text in ((house / "book", "old"), (tmp_path / "run", "new")):
        for name in ("chapters/a.ipynb", "_static/figures/a.png", "_generated/status.md", "results.json", "run.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    (house / "book" / "chapters" / "gone.ipynb").write_text("old")
    (house / "book" / "index.md").write_text("kept")
    publish(tmp_path / "run")
    texts = {
        p.relative_to(house / "book").as_posix(): p.read_text() for p in (house / "book").rglob("*") if p.is_file()
    }
    assert texts.pop("index.md") == "kept"
    assert len(texts) == 5 and set(texts.values()) == {"new"}


def test_published_chapters_name_no_folder_of_the_machine(tmp_path):
    import nbformat

    from solarsynth.book.reproduce import _tidy

    given = {"profile": "/a/b/laptop-custom.yml", "source": "quicklook", "data": "2012-01-01/2012-02-01"}
    source = "# Parameters\n" + "\n".join(f'{name} = "{value}"' for name, value in given.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"], "papermill": {"duration": 1}})
    noisy = nbformat.v4.new_code_cell("run()", metadata={"tags": ["remove-stderr"]})
    noisy["outputs"] = [
        nbformat.v4.new_output("stream", name=name, text=text)
        for name, text in (("stderr", "/a/lib/tqdm.py: warning"), ("stdout", "kept"))
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[cell, noisy], metadata={"papermill": {"parameters": given, "input_path": "/a"}}
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")
    _tidy(tmp_path / "n.ipynb", 1.0)
    text = (tmp_path / "n.ipynb").read_text()
    assert (
        "kept" in text
        and "/a" not in text
        and "laptop-custom" in text
        and "2012-01-01/2012-02-01" in text
        and "hide-input" in text
    )


def test_one_page_runs_without_a_book_and_the_last_one_builds_it(tmp_path, store_folder, monkeypatch):
    built = []
    only_two_pages(monkeypatch)
    monkeypatch.setattr("solarsynth.book.reproduce.build_book", built.append)
    folder = reproduce(profile="smoke", pages=("09_conclusions",), settings={"guidance": 0.5})
    assert not built and (folder / "chapters" / "09_conclusions.ipynb").is_file()
    reproduce(profile="smoke", pages=("02_dataset",), settings={"guidance": 0.5})
    assert built == [folder]


def test_a_page_runs_in_this_environment_whatever_kernels_are_found(tmp_path, monkeypatch):
    import nbformat
    import papermill

    other = tmp_path / "share" / "kernels" / "python3"
    other.mkdir(parents=True)
    spec = {"argv": ["false", "-f", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    cell = nbformat.v4.new_code_cell("import sys; print(sys.executable)")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), tmp_path / "a.ipynb")
    done = papermill.execute_notebook(
        tmp_path / "a.ipynb",
        tmp_path / "b.ipynb",
        kernel_name="python3",
        progress_bar=False,
        kernel_manager_class=_kernels(tmp_path / "log"),
    )
    assert done.cells[0].outputs[0].text.strip() == sys.executable


def test_links_that_git_wrote_as_texts_are_noticed_and_followed(tmp_path, monkeypatch):
    """A clone with core.symlinks=false, the default on Windows, holds the name of a link's target as a text."""
    house = tmp_path / "house"
    (house / "params").mkdir(parents=True)
    (house / "book").mkdir()
    monkeypatch.setenv("SOLARSYNTH_ROOT", str(house))
    for name in ("_config.yml", "_toc.yml"):
        (house / name).write_text(f"# the real {name}\n")
        (house / "book" / name).write_text(f"../{name}")
    with pytest.raises(SolarsynthError, match=r"_config\.yml: should be a link to .*/house/_config\.yml and is a text"):
        build_book(house / "book")
    assert sorted(path.name for path in (house / "book").iterdir()) == ["_config.yml", "_toc.yml"]
    copy_pages(tmp_path / "run")
    for name in ("_config.yml", "_toc.yml"):
        assert (tmp_path / "run" / name).read_text() == f"# the real {name}\n"


def test_two_runs_do_not_write_into_one_folder(fresh_store, shared_archive, tmp_path):
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with FileLock(str(tmp_path / "run" / ".lock")):
        with pytest.raises(SolarsynthError, match="another run is writing there"):
            reproduce(profile="smoke", source="archive", data=str(shared_archive), build=False)
    assert not (tmp_path / "run" / "results.json").exists()
