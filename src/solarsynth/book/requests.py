"""What each page asks of the stages that take long: the same requests, in the same order, without the page.

They serve `solarsynth.book.planning`, whose test compares them with what pages really leave in a store. Whatever can be
taken from the functions that pages call is taken from there, and a page's own parameters from its notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from solarsynth import stages
from solarsynth.book.notebooks import defaults
from solarsynth.diffusion.sampling import Sampling
from solarsynth.downstream import leak, plan
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import Reference
from solarsynth.evaluation.choices import VARIANTS, compare_lengths, compare_trainings, guidance_study
from solarsynth.evaluation.memorisation import twin_counts
from solarsynth.evaluation.quality import Quality
from solarsynth.evaluation.steps import sampling_plan
from solarsynth.kinds import BASELINE, MODELS, kind
from solarsynth.stages import Lab
from solarsynth.stages.examples import TWINS, twin_parts
from solarsynth.stages.models import drawn_with


def ask(page: str, lab: Lab) -> None:
    """Make the requests of a page; those of a page that trains and draws nothing are none.

    Raises
    ------
    SolarsynthError
        If the observations do not allow them, as on the page.
    """
    if page in PAGES:
        PAGES[page](lab, defaults(page))


def _background(lab: Lab, own: dict[str, Any]) -> None:
    lab.entry(stages.MODEL, model="discrete")
    _generator(lab, "discrete")


def _generator(lab: Lab, model: str) -> None:
    """Ask for the networks of a generator, as `solarsynth.stages.generator` does."""
    if "prior" in kind(model).sampled_with:
        lab.entry(stages.PRIOR)
    need = drawn_with(lab, Sampling.of(lab.settings), {"model": model})
    lab.entry(need.stage, **need.ask)


def _methodology(lab: Lab, own: dict[str, Any]) -> None:
    for model in MODELS:
        lab.entry(stages.MODEL, model=model)
    lab.entry(stages.CEVAE)
    lab.entry(stages.PRIOR)
    for model in MODELS:
        _generator(lab, model)


def _sampling(lab: Lab, own: dict[str, Any]) -> None:
    s, count = lab.settings, int(stages.labelled_set(lab).train.sum())
    lab.entry(stages.CEVAE)
    lab.entry(stages.MODEL, model="discrete")
    size = max(2, min(s.quality_images // own["quality_seeds"], count // 2))
    counts = stages.proportional_counts(lab, size)
    for run in sampling_plan(s.n_steps, s.quality_steps, s.guidance):
        sampling = Sampling.of(s).replace(**run._asdict())
        for seed in range(4000, 4000 + own["quality_seeds"]):
            stages.sample_set(lab, counts, seed=seed, sampling=sampling)


class _Blind:
    """Stands for a `QualityReference`: it judges everything alike."""

    def judge(self, image: np.ndarray, label: np.ndarray) -> Quality:
        return Quality(*np.zeros(len(Quality.__dataclass_fields__)))


def _choices(lab: Lab, own: dict[str, Any]) -> None:
    s, blind, size = lab.settings, _Blind(), max(10, lab.settings.quality_images // 2)
    seeds = range(7000, 7002)
    lab.entry(stages.MODEL, model="discrete")
    weights = [float(w) for w in own["weights"].split(",")]
    steps = sorted({min(int(n), s.quality_steps) for n in own["steps"].split(",")})
    guidance_study(lab, blind, weights, steps, [(0.0, np.inf), (0.05, 5.0)], size, seeds)
    runs = [Sampling("dpm-solver++", min(20, s.quality_steps)), Sampling("dpm-solver++", 2)]
    if s.parameterisation != "eps":
        runs += [Sampling("consistency", 2), Sampling("consistency", 1)]
    for sampling in runs:
        for seed in seeds:
            stages.sample_set(lab, stages.proportional_counts(lab, size), seed=seed, sampling=sampling)
    # Which length of the average is chosen is known after the run; its samples take as long at every length.
    compare_trainings(lab, blind, VARIANTS, range(lab.seed, lab.seed + own["training_seeds"]), size)
    stored = {"unlabelled": "none", "mirror": 0.0, "coordinates": 0, "pretrain_images": 1, "ema_snapshots": 16}
    compare_lengths(lab.variant(train_images=s.choices_images, **stored), blind, size)


def _floors(lab: Lab, sizes: Iterable[int]) -> None:
    """Ask for the ceVAEs of the folds that the floors of sets of real images need."""
    reference = Reference(lab)
    for fold in sorted({draw.fold for n in sizes for draw in reference.comparisons(n).floor}):
        reference.folds[fold].entry(stages.CEVAE)


def _classifiers(lab: Lab) -> None:
    """Ask for the classifiers of all folds with held-out images."""
    for there in stages.fold_labs(lab):
        for seed in range(lab.settings.classifier_seeds) if stages.labelled_set(there).test.any() else ():
            there.entry(stages.CLASSIFIER, seed=seed)


def _metrics(lab: Lab, own: dict[str, Any]) -> None:
    lab.entry(stages.CEVAE)
    _floors(lab, (20, 50, 100, 200, lab.settings.set_size))


def _results(lab: Lab, own: dict[str, Any]) -> None:
    s = lab.settings
    for model in MODELS:
        lab.entry(stages.MODEL, model=model)
    few = dict.fromkeys(stages.drawable_classes(lab), s.figure_images)
    for model in MODELS:
        stages.sample_set(lab, few, seed=0, model=model)
    proportional, uniform = stages.proportional_counts(lab, s.set_size), stages.uniform_counts(lab, s.set_size)
    for model in (*MODELS, BASELINE):
        _sets(lab, model, proportional, 1000)
    for model in MODELS:
        _sets(lab, model, uniform, 2000)
    lab.entry(stages.CEVAE)
    lab.entry(stages.CLASSIFIER)
    for seed in range(s.classifier_seeds):
        lab.entry(stages.CLASSIFIER, seed=seed)
    _classifiers(lab)
    _floors(lab, (20, 50, 100, 200, 500, s.set_size, s.sets * s.set_size))


def _sets(lab: Lab, model: str, counts: dict[str, int], first: int, all_trainings: bool = True) -> None:
    for there in stages.trainings(lab) if all_trainings else [lab]:
        for seed in stages.set_seeds(lab.settings.sets, first):
            stages.sample_set(there, counts, seed=seed, model=model)


def _memorisation(lab: Lab, own: dict[str, Any]) -> None:
    s, data = lab.settings, stages.labelled_set(lab)
    lab.entry(stages.MODEL, model="discrete")
    _sets(lab, "discrete", stages.uniform_counts(lab, s.set_size), 2000, all_trainings=False)
    blocks, largest = len(np.unique(data.block[data.train])), 0
    for count in sorted({1, max(1, blocks // 4), blocks // 2}):
        try:
            _twins(lab, count, own["twins_drawn"])
        except SolarsynthError:
            continue  # too few blocks, or no class in common
        largest = count
    for share in (4, 2, 1) if largest else ():
        _twins(lab.variant(twin_images=max(s.batch_size, s.twin_images // share)), largest, own["twins_drawn"])


def _twins(lab: Lab, blocks: int, count: int) -> None:
    data = stages.labelled_set(lab)
    counts = twin_counts(data, twin_parts(data, str(blocks), lab.settings.purge_days), count)
    sampling = Sampling.of(lab.settings).replace(guidance=0.0)
    for on in TWINS:
        stages.sample_set(lab, counts, seed=0, sampling=sampling, on=on, mode=str(blocks))


def _image_analysis(lab: Lab, own: dict[str, Any]) -> None:
    lab.entry(stages.MODEL, model="discrete")
    several = [name for name, count in stages.labelled_set(lab).counts(test=False).items() if count > 1]
    stages.sample_set(lab, dict.fromkeys(several, lab.settings.map_images), seed=2000)


def _physics(lab: Lab, own: dict[str, Any]) -> None:
    for model in ("discrete", "continuous"):
        _sets(lab, model, stages.uniform_counts(lab, lab.settings.set_size), 2000, all_trainings=False)
    for model in ("continuous", "discrete"):
        _generator(lab, model)
    lab.entry(stages.CEVAE)


def _classification(lab: Lab, own: dict[str, Any]) -> None:
    _trials(lab, stages.classes_task, lab.settings.downstream_sets)


def _forecasting(lab: Lab, own: dict[str, Any]) -> None:
    _trials(lab, lambda there: stages.days_task(there, own["days"]), lab.settings.forecast_seeds)


def _trials(lab: Lab, task_of: Callable[[Lab], Any], numbers: int) -> None:
    folds, _ = plan.cross_validation(lab, task_of)
    _run(plan.planned(folds, numbers))
    for there in leak.both_splits(lab).values():
        try:
            folds, _ = plan.cross_validation(there, task_of)
        except SolarsynthError:
            continue  # no fold of this split can be used
        _run(leak.trials(folds, numbers))


def _run(trials: dict[stages.Trial, list[plan.Fold]]) -> None:
    for trial, where in trials.items():
        for fold in where:
            fold.lab.entry(stages.TRIAL, task=fold.task.name, mode=fold.task.mode or "paper", trial=trial)


def _resolution(lab: Lab, own: dict[str, Any]) -> None:
    s, size = lab.settings, own["large_size"]
    changes = {"image_size": size, "attention": "inner", "train_images": s.large_images}
    changes["patch"] = s.patch * (size // s.image_size) if s.patch > 1 else 1
    wide = lab.source == "simulated" or (lab.source != "labelled" and min(stages.archive(lab).shape) >= size)
    large = lab.variant(source="" if wide else "simulated", **changes)
    large.entry(stages.MODEL, model="discrete")
    stages.sample_set(large, dict.fromkeys(stages.drawable_classes(large), 4), seed=0)


def _class_scores(lab: Lab, own: dict[str, Any]) -> None:
    _classifiers(lab)
    for model in ("discrete", "embedding", "continuous"):
        _sets(lab, model, stages.uniform_counts(lab, lab.settings.set_size), 2000)
    for seed in range(lab.settings.classifier_seeds):
        lab.entry(stages.CLASSIFIER, seed=seed)


#: By page; the others only read what these make.
PAGES: dict[str, Callable[[Lab, dict[str, Any]], None]] = {
    "03_background": _background,
    "04_methodology": _methodology,
    "04_sampling": _sampling,
    "04_choices": _choices,
    "05_metrics": _metrics,
    "06_results": _results,
    "06_memorisation": _memorisation,
    "07_image_analysis": _image_analysis,
    "07_physics": _physics,
    "08_1_classification": _classification,
    "08_2_forecasting": _forecasting,
    "c_resolution": _resolution,
    "d_class_scores": _class_scores,
}
