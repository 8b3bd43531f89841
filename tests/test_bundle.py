"""A release is one file whose contents can be checked without this package."""

import hashlib
import zipfile

import pytest
from click.testing import CliRunner

from solarsynth import cli, paths, shipped
from solarsynth.book import bundle
from solarsynth.errors import SolarsynthError


@pytest.fixture
def run(tmp_path):
    """The folder of a small run whose HTML is built."""
    folder = tmp_path / "run"
    (folder / "_build" / "html" / "chapters").mkdir(parents=True)
    for name in ("index.html", "chapters/a.html"):
        (folder / "_build" / "html" / name).write_text(f"page {name}")
    (folder / "results.json").write_text("{}")
    (folder / "run.json").write_text("{}")
    return folder


def test_what_it_holds_and_what_the_sums_say(run, tmp_path):
    done = CliRunner().invoke(cli.main, ["bundle", str(tmp_path / "release.zip"), "--run", str(run)])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "release.zip") as packed:
        names = set(packed.namelist())
        sums = dict(reversed(line.split("  ")) for line in packed.read(bundle.SUMS).decode().splitlines())
        assert set(sums) == names - {bundle.SUMS}
        assert all(hashlib.sha256(packed.read(name)).hexdigest() == digest for name, digest in sums.items())
    assert f"{len(names)} files" in done.output
    assert names >= {"html/index.html", "html/chapters/a.html", "results.json", "run.json", "LICENSE"}
    assert sums["weights/discrete.safetensors"] == shipped.available()["discrete"]["sha256"]


def test_the_same_contents_make_the_same_file(run, tmp_path):
    for name in ("a.zip", "b.zip"):
        bundle.write_bundle(run, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    "gone, line", [("_build/html/index.html", "the book is not built"), ("results.json", "results.json is missing")]
)
def test_nothing_is_written_of_an_incomplete_run(run, tmp_path, gone, line):
    (run / gone).unlink()
    with pytest.raises(SolarsynthError, match=line):
        bundle.write_bundle(run, tmp_path / "out.zip")
    assert not list(tmp_path.glob("*.zip*"))


def test_a_bundle_is_a_zip_in_a_folder_that_is_there(run, tmp_path):
    with pytest.raises(SolarsynthError, match=r"a bundle is a \.zip, got out\.tar"):
        bundle.write_bundle(run, tmp_path / "out.tar")
    with pytest.raises(SolarsynthError, match="nowhere"):
        bundle.write_bundle(run, tmp_path / "nowhere" / "out.zip")


def test_every_paper_of_a_release_is_in_the_repository():
    assert all((paths.root() / name).is_file() for name in bundle.PAPERS)
