"""The plan of a run against what its pages really leave in a store."""

import itertools
import json
from collections import Counter

import pytest
import yaml

from solarsynth import paths
from solarsynth.book import planning, requests
from solarsynth.book.notebooks import PAGES
from solarsynth.diffusion.batches import FastestBatch
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.generator import Generator
from solarsynth.models.unet import UNet
from solarsynth.settings import load_settings
from solarsynth.stages import timing
from solarsynth.stages.recording import Network, Recorder, Work, evaluations_per_image

#: The smoke profile, with the shortest trainings.
SHORTEST = {"floor_draws": 5, "tsne_images": 60, "quality_images": 6, "classifier_seeds": 1}
SHORTEST |= {"sets": 1, "set_size": 10, "trial_steps": 2, "downstream_sets": 1, "forecast_seeds": 1}
SHORTEST |= {f"{name}_images": 64 for name in ("cevae", "prior", "classifier")}
SHORTEST |= {f"{name}_images": 16 for name in ("pretrain", "finetune", "twin", "choices", "large", "daily")}
SHORTEST |= {"train_images": 40, "consistency_images": 16}

TRAINED, NOTED = ("model", "cevae", "prior", "classifier"), ("average", "samples", "trial")


@pytest.fixture(scope="module")
def shortest(tmp_path_factory):
    """A profile, and a store of this module that pages fill."""
    folder = tmp_path_factory.mktemp("planned")
    profile = folder / "shortest.yml"
    profile.write_text(yaml.safe_dump(load_settings("smoke", **SHORTEST).as_dict()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOLARSYNTH_ARTIFACTS", str(folder / "store"))
        patch.setenv("SOLARSYNTH_RUN", str(folder / "run"))
        patch.setenv("MPLBACKEND", "Agg")
        yield profile


def run_page(name, profile):
    """Run the code of a page in this process, where its networks can be counted."""
    from matplotlib import pyplot

    namespace = {"__name__": name, "display": lambda *shown: None}
    for cell in json.loads((paths.notebooks() / f"{name}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), name, "exec"), namespace)
            if "parameters" in cell["metadata"].get("tags", ()):
                namespace["profile"] = str(profile)
    pyplot.close("all")


def in_store():
    """Return the folders of what takes long, by stage and key."""
    found = {
        (path.parent.parent.name, path.parent.name): path.parent for path in paths.artifacts().glob("*/*/manifest.json")
    }
    return {name: folder for name, folder in found.items() if name[0] in (*TRAINED, *NOTED)}


def below(keys):
    """Return keys and those of everything in the store that they were made from."""
    manifests = {path.parent.name: json.loads(path.read_text()) for path in paths.artifacts().glob("*/*/manifest.json")}
    found, new = set(), set(keys)
    while new:
        found |= new
        new = {k for key in new if key in manifests for k in manifests[key]["upstream"].values()} - found
    return found


@pytest.fixture
def evaluated(monkeypatch):
    """Count what U-Nets evaluate while sample sets are drawn; no batch is measured, which would evaluate, too."""
    monkeypatch.setattr(FastestBatch, "_measure", lambda self, guidance, most, condition: most)
    count, forward, draw = Counter(), UNet.forward, Generator.draw

    def drawing(self, *args, folder=None, **kwargs):
        count["sets"] += folder is not None
        try:
            return draw(self, *args, folder=folder, **kwargs)
        finally:
            count["sets"] -= folder is not None

    def counted(self, x, *args):
        count["images"] += len(x) if count["sets"] else 0
        return forward(self, x, *args)

    monkeypatch.setattr(Generator, "draw", drawing)
    monkeypatch.setattr(UNet, "forward", counted)
    return count


@pytest.mark.filterwarnings("ignore")  # the pages' own: sets of ten images are too small for most of what they measure
@pytest.mark.parametrize("page", requests.PAGES)
def test_a_page_makes_what_the_plan_says_to_the_key(page, shortest, evaluated, capsys):
    lab = Recorder(str(shortest))
    (row,) = planning.plan(lab, [page])
    before = in_store()
    run_page(page, shortest)
    made = {name: folder for name, folder in in_store().items() if name not in before}
    wanted = {(work.stage, work.key) for work in row.work if work.stage in (*TRAINED, *NOTED)}
    if page == "04_choices":  # the length of the average is chosen by the run; it is in the keys of two averages
        assert Counter(stage for stage, _ in made) == Counter(stage for stage, _ in wanted)
        assert len(wanted - set(made)) <= 4
    else:
        assert set(made) == wanted
    logs = [folder / "training.csv" for (stage, _), folder in made.items() if stage in (*TRAINED, "trial")]
    seen = sum(int(log.read_text().splitlines()[-1].split(",")[0]) for log in logs)
    assert row.count("seen") == seen
    assert row.count("evaluations") == evaluated["images"]
    assert not row.why
    if page != "04_choices":
        second = Recorder(str(shortest))
        (again,) = planning.plan(second, [page])
        asked = {name for name in second.found if name[0] in (*TRAINED, *NOTED)}
        assert not again.work and again.stored == len(asked)
        # What the store holds is not looked below, so the rest of the first plan lies below what is asked for.
        needed = {name for name in lab.found if name[0] in (*TRAINED, *NOTED)} & set(in_store())
        assert asked <= set(in_store()) and {key for _, key in needed} <= below({key for _, key in asked})


def test_pages_without_requests_make_nothing():
    silent = set(PAGES) - set(requests.PAGES)
    assert silent == {"02_dataset", "02_simulated_sun", "09_conclusions"}
    for name in silent:
        text = (paths.notebooks() / f"{name}.py").read_text()
        assert not any(word in text for word in ("stages.MODEL", "sample_set", "stages.cevae", "probabilities("))


@pytest.mark.parametrize(
    "sampling, expected",
    [
        (Sampling("ancestral", guidance=0.0), 99),
        (Sampling("ancestral", guidance=2.0), 198),
        (Sampling("ddim", 7, guidance=2.0), 14),
        (Sampling("dpm-solver++", 7, guidance=-1.0), 7),
        (Sampling("consistency", 2, guidance=1.0), 4),
    ],
)
def test_evaluations_of_a_sampler(sampling, expected):
    assert evaluations_per_image(sampling, 100, 1e-4, 0.02) == expected


def test_guidance_costs_only_where_it_acts():
    half = Sampling("ddim", 20, guidance=2.0, interval=(0.05, 1.0))
    assert 20 < evaluations_per_image(half, 1000, 1e-4, 0.02) < 40


NETWORK = Network.of("small", {"kind": "discrete"}, 8)


def test_a_page_is_the_sum_of_its_work():
    work = (
        Work("model", "a", False, NETWORK, seen=100, watched=20.0),
        Work("samples", "b", False, NETWORK, drawn=10, evaluations=400),
        Work("average", "c", False),
    )
    row = planning.PagePlan("page", work, stored=3)
    assert (row.count("seen"), row.count("drawn"), row.results("model", "cevae")) == (100, 10, 1)
    assert row.seconds({NETWORK: planning.Speed(train=2.0, evaluate=0.5)}) == 120 * 2 + 400 * 0.5


@pytest.mark.parametrize("kind", ["discrete", "continuous", "embedding", "prior", "cevae", "classifier"])
def test_every_kind_of_network_can_be_timed(kind, monkeypatch):
    """With a clock that ticks at every look, an evaluation of 16 images takes a second; training looks at it, too."""
    from solarsynth.stages.encoders import cevae_architecture, classifier_architecture
    from solarsynth.stages.models import denoiser_architecture
    from solarsynth.stages.prior import prior_architecture

    s = load_settings("smoke")
    architecture = {
        "prior": lambda: prior_architecture(s),
        "cevae": lambda: cevae_architecture(s),
        "classifier": lambda: classifier_architecture(s, 1, 5),
    }.get(kind, lambda: denoiser_architecture(s, {"model": kind, "on": "frames"}))()
    ticks = itertools.count()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(ticks)))
    network = Network.of(kind, architecture, 8)
    per_step = 8 * timing.seconds_per_trained_image(network, budget=1.0)
    assert per_step == round(per_step) >= 1
    if kind in ("discrete", "continuous", "embedding"):
        assert timing.seconds_per_evaluation(network, budget=1.0) == pytest.approx(1 / 16)


def test_an_unknown_page_is_one_line():
    with pytest.raises(SolarsynthError, match="unknown page '06_result'; did you mean '06_results'"):
        planning.plan(Recorder("smoke"), ["06_result"])
