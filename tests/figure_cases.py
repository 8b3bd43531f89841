"""One small fixed input for each public figure: `CASES` maps a figure's name to a call that draws it."""

import numpy as np
import pandas as pd
import torch

from solarsynth import figures
from solarsynth.dataset.labelled import LabelledSet
from solarsynth.diffusion.conditioning import DiscreteLabel
from solarsynth.diffusion.parameterisations import Eps
from solarsynth.diffusion.schedule import Schedule
from solarsynth.evaluation.control import Control
from solarsynth.evaluation.memorisation import Twins
from solarsynth.evaluation.physics import ClassPhysics, Difference
from solarsynth.evaluation.values import Value
from solarsynth.flares import CLASSES, UNIT_FLUX
from solarsynth.metrics.intervals import Interval
from solarsynth.metrics.physics import COLUMNS, QUANTITIES, columns_of
from solarsynth.models.unet import UNet, UNetConfig
from solarsynth.stages import Stage
from solarsynth.times import DAY, MINUTE, parse_times

#: Images per class of `labelled_set`; one class has none.
PER_CLASS = {"A": 9, "B": 20, "C": 14, "M": 5, "X": 0}

COUNTS = {
    "training": {"A": 120, "B": 300, "C": 240, "M": 60, "X": 8},
    "held out": {"A": 30, "B": 80, "C": 60, "M": 12, "X": 2},
}
TASKS = {"A": {0: [0.2, 0.3], 50: [0.4, 0.6], 100: [0.7, 0.75]}, "M": {0: [0.1, 0.1], 50: [0.3, 0.2], 100: [0.2, 0.4]}}
SCENARIOS = {
    "none": {"A": [0.2, 0.3, 0.25], "M": [0.1, 0.0, 0.05]},
    "classical": {"A": [0.4, 0.5, 0.45], "M": [0.2, 0.1, 0.3]},
    "synthetic": {"A": [0.7, 0.8, 0.9], "M": [0.3, 0.35, 0.25]},
    "duplicates": {"A": [0.3, 0.4, 0.5], "M": [0.2, 0.2, 0.2]},
    "weights": {"A": [0.35, 0.45, 0.4], "M": [0.2, 0.3, 0.1]},
    "withheld": {"A": [0.1, 0.2, 0.3], "M": [0.0, 0.1, 0.05]},
}
SKILL = {
    "none": [0.20, 0.24, 0.22],
    "classical 50": [0.25, 0.27, 0.20],
    "classical 100": [0.24, 0.26, 0.31],
    "synthetic 50": [0.30, 0.33, 0.27],
    "synthetic 100": [0.36, 0.34, np.nan],
    "weights 100": [0.24, 0.28, 0.29],
    "withheld 20": [0.16, 0.19, 0.10],
}
BASELINES = {
    "persistence": Interval(0.29, 0.2, 0.38, 0.01, 30, 1),
    "climatology": Interval(0.0, np.nan, np.nan, np.nan, 30, 1),
}
DAILY = {"paper": [0] * 4 + [1] * 30 + [2] * 40 + [3] * 9 + [4], "all-days": [-1] * 25 + [1] * 30 + [2] * 40 + [3] * 9}
FIT = (2e-6, 1e-4)
ALPHA = 2.1


def suns(n: int, size: int = 24, seed: int = 0) -> np.ndarray:
    """Return (n, size, size) uint8 disks with a bright limb and a few bright regions."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / (size / 2) - 1 + 1 / size
    r = np.hypot(x, y)
    disk = 70 * (r < 0.8) + 90 * np.exp(-((np.abs(r - 0.8) / 0.09) ** 2))
    image = np.repeat(disk[None], n, axis=0)
    for i in range(n):
        for _ in range(3):
            x_0, y_0 = rng.uniform(-0.5, 0.5), rng.choice([-1, 1]) * rng.uniform(0.15, 0.4)
            image[i] += 130 * np.exp(-((x - x_0) ** 2 + (y - y_0) ** 2) / 0.012)
    return image.clip(0, 255).astype(np.uint8)


def labelled_set() -> LabelledSet:
    """Return frames every three days of 2012, `PER_CLASS` of each class in random order."""
    rng = np.random.default_rng(1)
    label = rng.permutation(np.repeat(np.arange(len(CLASSES)), list(PER_CLASS.values())))
    n = len(label)
    peak = parse_times(["2012-03-01T00:00:00Z"])[0] + np.arange(n) * 3 * DAY
    delay = rng.integers(0, 12 * MINUTE, n)
    test, validation = np.arange(n) % 4 == 0, np.arange(n) % 4 == 1
    return LabelledSet(
        image=suns(n),
        label=label,
        flux=np.array(UNIT_FLUX)[label] * rng.uniform(1, 9, n),
        peak_time=peak,
        frame_time=peak + delay,
        delay=delay,
        block=np.arange(n) // 10,
        region=np.arange(n) // 3,
        test=test,
        train=~test,
        validation=validation,
        fit=~(test | validation),
        unit="display",
        funnel={},
        about={"frame_tolerance": 12 * MINUTE},
    )


def daily_maxima() -> tuple[np.ndarray, np.ndarray]:
    """Return 150 days of 2012 and their largest flux in W/m², at least that of the labelled peaks."""
    data, days = labelled_set(), np.datetime64("2012-02-25", "ms") + np.arange(150) * np.timedelta64(1, "D")
    flux = 10 ** np.random.default_rng(2).uniform(-7.2, -5.2, 150)
    day = (data.peak_time - days[0].astype(np.int64)) // DAY
    flux[day] = np.maximum(flux[day], data.flux)
    return days, flux


def wings(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return times and latitudes of 300 flares whose belts drift towards the equator."""
    rng = np.random.default_rng(seed)
    share = np.sort(rng.uniform(0, 1, 300))
    time = np.datetime64("2010-01-01", "ms") + (share * 3000 * DAY).astype("timedelta64[ms]")
    return time, rng.choice([-1, 1], 300) * (28 - 18 * share) + rng.normal(0, 3, 300)


def peak_fluxes(n: int, seed: int) -> np.ndarray:
    """Return peak fluxes (n,) of a power law with the exponent `ALPHA` above 1e-6 W/m²."""
    return 1e-6 * (1 - np.random.default_rng(seed).uniform(0, 1, n)) ** (1 / (1 - ALPHA))


def logs() -> dict[str, pd.DataFrame]:
    """Return the logs of two trainings."""
    rng, tables = np.random.default_rng(3), {}
    for k, name in enumerate(("discrete", "continuous")):
        images = np.arange(1, 61) * 100
        loss = 0.3 / (1 + images / 800) + 0.02 * (1 + k) + rng.normal(0, 0.01, 60)
        psnr = 12 + 3 * np.log10(images) - k + rng.normal(0, 0.4, 60)
        tables[name] = pd.DataFrame({"images": images, "loss": loss, "psnr": psnr, "gradient_norm": 1.0})
    return tables


def prior_table() -> pd.DataFrame:
    """Return energy distances of three classes; the last one is too small for a range."""
    return pd.DataFrame(
        {
            "distance": [0.05, 0.09, 0.2],
            "floor low": [-0.02, -0.03, np.nan],
            "floor high": [0.04, 0.07, np.nan],
            "no class": [0.6, 0.3, 0.8],
        },
        index=["A", "B", "C"],
    )


def sampler_table() -> pd.DataFrame:
    """Return distance and brightness of one sampler with guidance, and of another without."""
    return pd.DataFrame(
        {
            "guidance": [2.0] * 3 + [0.0] * 3,
            "sampler": ["dpm-solver++"] * 3 + ["ddim"] * 3,
            "steps": [5, 10, 20] * 2,
            "distance": [3.0, 1.4, 1.1, 6.0, 2.9, 1.6],
            "distance ±": [0.5, 0.3, np.nan, 1.0, 0.4, 0.2],
            "brightness": [0.3, 0.2, 0.1, -0.4, -0.1, 0.0],
            "brightness ±": [0.1, 0.05, 0.05, 0.1, 0.1, np.nan],
        }
    )


def cluster_sets() -> tuple[dict[int, np.ndarray], dict[str, tuple[int, np.ndarray]], dict[int, np.ndarray]]:
    """Return cluster metrics of real sets of four sizes, of two kinds of other sets, and of sets of the same weeks."""
    rng = np.random.default_rng(4)
    floor = {
        n: np.column_stack([rng.uniform(0.5, 2, 40) / n, rng.normal(1, 1 / n**0.5, 40), rng.normal(1, 2 / n**0.5, 40)])
        for n in (500, 20, 50, 200)
    }
    same_weeks = {n: np.array([0, 1, 1]) + (values - [0, 1, 1]) / 2 for n, values in floor.items()}
    drawn = np.array([[0.02, 0.9, 1.2], [0.03, 0.95, 1.1], [0.025, 0.85, 1.3]])
    return floor, {"discrete": (100, drawn), "held out": (300, np.array([[0.006, 1.02, 0.98]]))}, same_weeks


def confusions() -> dict[str, np.ndarray]:
    """Return three confusion matrices; the first holds no image of class X."""
    rng = np.random.default_rng(5)
    matrices = {
        name: rng.integers(0, 9, (5, 5)) + 20 * np.eye(5, dtype=int) for name in ("real", "discrete", "embedding")
    }
    matrices["real"][4] = 0
    return matrices


def forecasts() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return forecasts that are as often right as they say (none) and that promise too much (synthetic)."""
    rng = np.random.default_rng(6)
    probability = rng.beta(1, 3, 4000)
    y_true = rng.uniform(0, 1, 4000) < probability
    return {"none": (probability, y_true), "synthetic 100": (probability**0.5, y_true)}


def feature_maps() -> tuple[dict[str, np.ndarray | str], np.ndarray, np.ndarray]:
    """Return positions in two spaces, one of them without weights, with classes and times."""
    rng = np.random.default_rng(7)
    label = rng.integers(0, 4, 80)
    time = parse_times(["2011-01-01T00:00:00Z"])[0] + np.sort(rng.integers(0, 900, 80)) * DAY
    position = rng.normal(0, 1, (80, 2)) + 3 * np.column_stack([np.cos(label), np.sin(label)])
    return {"ceVAE": position, "CLIP": "weights not available:\nCLIP"}, label, time


def deviation_maps() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pairs of maps of three classes."""
    return {name: tuple(suns(12, seed=2 * k + j).std(0) for j in (0, 1)) for k, name in enumerate("ABC")}


def strips() -> dict[str, list[tuple[int, np.ndarray]]]:
    """Return two rows of five images that turn from noise into a Sun."""
    rng, rows = np.random.default_rng(8), {}
    for k, name in enumerate(("discrete: M", "embedding: M")):
        x_0 = suns(1, seed=k)[0] / 127.5 - 1
        noise = rng.normal(0, 1, x_0.shape)
        rows[name] = [(5 * j, (1 - j / 4) * noise + j / 4 * x_0) for j in range(5)]
    return rows


def denoiser(attention: str = "all", multipliers: tuple[int, ...] = (1, 2, 4, 4), patch: int = 1) -> Eps:
    """Return the model whose U-Net Fig. B.1 shows, of a base width of 8."""
    torch.manual_seed(0)
    config = UNetConfig(image_size=64, base_width=8, patch=patch, attention=attention, multipliers=multipliers)
    return Eps(UNet(config, DiscreteLabel(5, config.time_width)), Schedule(), shape=(1, 64, 64))


def arrays(nested: dict) -> dict:
    """Return a dictionary whose innermost lists have become arrays."""
    return {key: arrays(value) if isinstance(value, dict) else np.array(value) for key, value in nested.items()}


def small_graph():
    """Four stages; the last one needs the first only by way of the third, and also itself."""
    above = {"archive": (), "dataset": ("archive",), "model": ("dataset", "model"), "samples": ("archive", "model")}
    return [
        Stage(name, "", make=lambda job: None, load=lambda lab, entry: None, above=names)
        for name, names in above.items()
    ]


def guided():
    """Rows of a study of guidance: a parabola per number of steps."""
    rows = []
    for steps, interval in ((10, "everywhere"), (20, "everywhere"), (20, "0.05 < σ < 5")):
        for w in (0.0, 1.0, 2.0, 5.0):
            values = {"train": 2 + (w - 1) ** 2 / steps, "power": 1 - w / 20, "brightness": -w / 5, "copies": w / 100}
            values |= {"coverage": 0.7 - w / 10, "obeys": 0.1 + w / 8 - (interval != "everywhere") * w / 20}
            errors = {f"{name} ±": 0.1 for name in values} | {"copies ±": 0.005}
            rows.append({"guidance": w, "steps": steps, "interval": interval, **values, **errors})
    return pd.DataFrame(rows)


def trained():
    """What three ways of training change against a plain one."""
    names = ("plain", "mixed", "mirrored north-south", "no self-attention")
    columns = {}
    for i, measure in enumerate(("train", "power", "copies")):
        columns |= {f"{measure} Δ": np.linspace(0, 1, 4) - i / 3, f"{measure} Δ ±": [np.nan, 0.1, 0.3, 0.2]}
    return pd.DataFrame(columns, index=pd.Index(names, name="variant"))


def twins():
    """Twins that agree more, the more blocks they have seen."""
    rng = np.random.default_rng(0)
    made = []
    for blocks, alike in ((1, 0.2), (4, 0.7)):
        around = [np.tanh(rng.normal(center, 0.2, 20)) for center in (alike, 0.0, 1.1 - alike, 0.3)]
        made.append(Twins(blocks, (4 * blocks, 5 * blocks), (20, 30), (suns(2), suns(2)), *around, 1.1))
    return made


def class_physics() -> ClassPhysics:
    """Return 80 real and 50 generated images' quantities: generated ones are brighter, and none has a region."""
    rng = np.random.default_rng(9)
    middle = np.ones(len(COLUMNS))
    middle[0], middle[COLUMNS.index("Region size")] = 150, 3e4
    for name, low, high in (
        ("Brightness distribution", 45, 400),
        ("Radial profile", 90, 300),
        ("Power spectrum", 0.8, 0.03),
    ):
        columns = columns_of(name)
        middle[columns] = np.geomspace(low, high, len(columns))
    number = COLUMNS.index("Region number")

    def images(n: int, factor: float) -> np.ndarray:
        found = middle * factor * np.exp(rng.normal(0, 0.1, (n, len(COLUMNS))))
        found[:, number] = rng.poisson(4, n)
        return found

    real, drawn = images(80, 1.0), images(50, 1.15)
    drawn[:, [COLUMNS.index("Region latitude"), COLUMNS.index("Region size")]] = np.nan
    nothing = Interval(*[np.nan] * 4, 0, 0)
    differences = [
        Difference(q, np.zeros(1), np.zeros(1), nothing, Value(q.name, 0, 1.0, adjusted=0.01 if k == 0 else 1.0))
        for k, q in enumerate(QUANTITIES)
    ]
    floor = np.array([images(20, 1.0).mean(0) * np.exp(rng.normal(0, 0.03)) for _ in range(20)])
    return ClassPhysics(real, drawn, floor, differences)


def controls() -> dict[str, Control]:
    """Return a regressor that reads classes, one without skill, and one that reads continuous fluxes."""
    rng = np.random.default_rng(10)
    asked = np.array([-6.6, -5.6, -4.6])
    by_class = pd.DataFrame(
        {"requested": asked, "drawn": 0, "drawn error": 0, "real": [-6.0, -5.6, -5.2]}, index=list("BCM")
    )
    by_class["real low"], by_class["real high"] = by_class["real"] - 0.1, by_class["real"] + [0.1, 0.15, np.nan]
    requested = np.repeat(asked, 20)
    continuous = rng.uniform(-8, -3, 60)
    skill = {"skill": Interval(0.6, 0.4, 0.8, 0.001, 9, 1), "correlation": Interval(0.9, 0.7, 1.0, 0.001, 9, 1)}
    without = {"skill": Interval(0.1, -0.4, 0.6, 0.7, 9, 1), "correlation": Interval(0.1, -0.2, 0.4, 0.3, 9, 1)}

    def one(requested, scores, slope, table):
        reading = -5.6 + slope * (requested + 5.6) + rng.normal(0, 0.1, len(requested))
        null = {"skill_in_days": 0.01, "within_days": (0.4, 0.2, 0.5), "p_within_days": 0.01, "rising": (2, 2)}
        about = {"space": "", "slope": slope, "slope_real": 0.5, "penalty": 1.0, "units": 9, "images": 100}
        return Control(**scores, **null, **about, by_class=table, reading=reading, requested=requested)

    return {
        "physics": one(requested, skill, 0.4, by_class),
        "pixels": one(requested, without, 0.05, by_class),
        "VGG16": one(continuous, skill, 0.3, by_class.iloc[:0]),
    }


CASES = {
    "butterfly": lambda: figures.butterfly({"simulated": wings(0), "archive": wings(1)}),
    "cluster_floor": lambda: figures.cluster_floor(*cluster_sets()),
    "confusion_matrices": lambda: figures.confusion_matrices(confusions()),
    "control_curve": lambda: figures.control_curve(controls()),
    "embedding_distances": lambda: figures.embedding_distances(prior_table()),
    "figure_1": lambda: figures.figure_1(COUNTS),
    "figure_2": lambda: figures.figure_2({"image_size": 64, "classes": 5, "latent": 512, "time": 256}),
    "figure_3": lambda: figures.figure_3(*feature_maps()),
    "figure_4": lambda: figures.figure_4(deviation_maps()),
    "figure_5": lambda: figures.figure_5(
        {"real": {name: suns(2, seed=i) for i, name in enumerate("ABCM")}, "discrete": {"B": suns(1, seed=9)}},
        {"real": 2, "discrete": 1},
    ),
    "figure_6": lambda: figures.figure_6(arrays(TASKS), "synthetic"),
    "figure_8": lambda: figures.figure_8(arrays(SCENARIOS)),
    "figure_9": lambda: figures.figure_9(arrays(DAILY)),
    "figure_10": lambda: figures.figure_10(arrays(SKILL), BASELINES, "TSS"),
    "figure_a_1": lambda: figures.figure_a_1(labelled_set()),
    "figure_b_1": lambda: figures.figure_b_1(denoiser()),
    "figure_c_1": lambda: figures.figure_c_1({"low: A": suns(3, 48), "high: C, M, X": suns(0, 48)}),
    "flare_sizes": lambda: figures.flare_sizes(
        {"simulated": peak_fluxes(3000, 0), "archive": peak_fluxes(30, 1)},
        {"simulated": (ALPHA, 0.04), "archive": (np.nan, np.nan)},
        *FIT,
    ),
    "flux_sweep": lambda: figures.flux_sweep(suns(6), np.geomspace(1e-8, 1e-3, 6)),
    "forward_process": lambda: figures.forward_process(Schedule(), suns(1)[0], (0, 99, 399, 999)),
    "average_lengths": lambda: figures.average_lengths(
        pd.DataFrame(
            {"train": [3.0, 2.2, 2.5], "power": [1.1, 1.0, 0.9], "copies": [0.0, 0.01, 0.02]}, [0.03, 0.1, 0.2]
        ),
        {"train": 2.4, "power": 1.02, "copies": 0.01},
    ),
    "guidance_frontier": lambda: figures.guidance_frontier(guided(), 1.8),
    "guidance_tradeoff": lambda: figures.guidance_tradeoff(guided(), 1.8, 0.6),
    "nearest_distances": lambda: figures.nearest_distances(
        {"generated": np.linspace(8, 20, 50), "held-out real": np.linspace(7, 22, 80), "training": np.full(3, np.inf)},
        7.5,
    ),
    "not_computed": lambda: figures.not_computed("no rare class has both training and held-out images"),
    "physics_of_class": lambda: figures.physics_of_class(class_physics(), "M"),
    "real_frames": lambda: figures.real_frames(labelled_set()),
    "sun_rows": lambda: figures.sun_rows({"image": suns(4), "reconstruction": suns(4, seed=1)}),
    "reliability": lambda: figures.reliability(forecasts()),
    "reverse_process": lambda: figures.reverse_process(strips()),
    "schedule_curves": lambda: figures.schedule_curves(Schedule()),
    "shared_physics": lambda: figures.shared_physics(
        {"simulated": (np.arange(9.0), np.arange(9.0) ** 2), "archive": (np.arange(9.0), 60 - np.arange(9.0))},
        "latitude / °",
        "bright pixels, relative",
    ),
    "stage_graph": lambda: figures.stage_graph(small_graph()),
    "steps_against_quality": lambda: figures.steps_against_quality(
        sampler_table(), {"distance": (0.8, 1.2), "brightness": (-0.1, 0.1)}
    ),
    "suns_side_by_side": lambda: figures.suns_side_by_side({"simulated": suns(7), "archive": suns(4, seed=1)}),
    "suspicious_pairs": lambda: figures.suspicious_pairs(suns(3), suns(3, seed=4), ["B, 7.1", "M, 7.4", "X, 7.9"]),
    "training_effects": lambda: figures.training_effects(trained()),
    "twin_growth": lambda: figures.twin_growth(dict(zip((1000, 8000), twins(), strict=True))),
    "twin_similarities": lambda: figures.twin_similarities(twins()),
    "training_curves": lambda: figures.training_curves(logs()),
    "x_ray_and_frames": lambda: figures.x_ray_and_frames(*daily_maxima(), labelled_set()),
}
