"""``scripts/gpu_jobs.sh`` as a borrowed machine runs it: on this CPU, with the packages that its header names."""

import re
import subprocess
import sys
from importlib import metadata

import pytest
from tiny import TINY

from solarsynth import paths, stages
from solarsynth.kinds import MODELS
from solarsynth.stages import Lab

SCRIPT = paths.root() / "scripts" / "gpu_jobs.sh"

#: Placed on the path of every Python that the script starts.
SITE = """
import sys
from importlib.machinery import PathFinder
class Present(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent!r} else super().find_spec(name, path, target)
sys.meta_path[:] = [Present if finder is PathFinder else finder for finder in sys.meta_path]
"""


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def named_in_the_header():
    """Return the packages that the script says it needs."""
    text = " ".join(line.lstrip("# ") for line in SCRIPT.read_text().splitlines() if line.startswith("#"))
    return re.split(r", | and ", re.search(r"It needs (.*?)\. ", text).group(1))


def with_what_they_require(roots):
    """Return distributions with those that they require, without extras."""
    found, waiting = set(), [canonical(root) for root in roots]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        waiting += [canonical(re.match(r"[\w.-]+", line).group()) for line in required if "extra ==" not in line]
    return found


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory):
    """A folder for PYTHONPATH that hides all packages but those."""
    there = with_what_they_require(named_in_the_header())
    absent = {
        module
        for module, owners in metadata.packages_distributions().items()
        if not {canonical(owner) for owner in owners} & there
    } - {"solarsynth", "pip", "setuptools"}
    absent |= {"click"}  # the hub's own command needs it, but not the hub's library
    assert {"zarr", "sunpy", "cleanfid", "papermill", "pandas", "astropy", "dask"} <= absent
    assert not {"torch", "timm", "numpy", "attrs", "yaml", "filelock", "tqdm", "safetensors"} & absent
    folder = tmp_path_factory.mktemp("borrowed")
    (folder / "sitecustomize.py").write_text(SITE.format(absent=absent))
    return folder


def test_the_header_names_what_is_needed():
    assert set(named_in_the_header()) >= {"torch", "timm", "numpy", "safetensors"}


def test_a_package_that_is_not_named_is_not_there(borrowed):
    done = subprocess.run(
        [sys.executable, "-c", "import torch, timm\nimport zarr"],
        env={"PYTHONPATH": str(borrowed), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.rstrip().endswith("No module named 'zarr'")


def test_the_benchmarks_of_the_script_load(borrowed):
    folders = [str(borrowed), str(paths.root() / "benchmarks"), str(paths.root() / "src")]
    done = subprocess.run(
        [sys.executable, "-c", "import train_step, sampling"],
        env={"PYTHONPATH": ":".join(folders), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_gpu_jobs_train_sample_and_go_on(borrowed, shared_archive, store_folder, tmp_path):
    lab = Lab("smoke", "archive", str(shared_archive), overrides=TINY)
    stages.labelled_set(lab).write(tmp_path / "set.npz")
    out = tmp_path / "out"
    gpu = {"sets": 1, "set_size": 5, "classifier_images": 64, "classifier_seeds": 1}
    settings = " ".join(f"{key}={value}" for key, value in (TINY | gpu).items())
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHON": sys.executable}
    environment |= {"OUT": str(out), "DATA": str(tmp_path / "set.npz"), "PROFILE": "smoke", "SETTINGS": settings}
    environment |= {"SOLARSYNTH_ARTIFACTS": str(tmp_path / "store"), "PYTHONPATH": str(borrowed)}

    def call(*steps, **more):
        return subprocess.run(["bash", str(SCRIPT), *steps], env=environment | more, capture_output=True, text=True)

    done = call("info", "train", "sample", "weights")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    written = {path.name for path in out.iterdir()}
    assert {"device.json", "sets.jsonl", "embedding-gallery.npz", "cevae-training.csv"} <= written
    assert {"prior-half.safetensors.000", "discrete-half.safetensors.000", "classifier-0-training.csv"} <= written
    assert {f"{model}-gallery.npz" for model in MODELS} <= written
    slice_over = call("train", SECONDS_LIMIT="3")
    assert slice_over.returncode == 75 and "run the same again" in slice_over.stdout
    wrong = call("trian")
    assert wrong.returncode == 2 and "no step 'trian'" in wrong.stderr
    missing = call("train", DATA=str(tmp_path / "nowhere.npz"))
    assert missing.returncode == 1 and "nowhere.npz is not there; make it where zarr is" in missing.stdout
