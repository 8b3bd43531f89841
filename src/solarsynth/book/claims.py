"""The paper's claims, each with its test, the rule that gives the verdict, and the paper's own effect.

A row is written before the run. A page records values with intervals (`solarsynth.book.records.claim`); the rule does
the rest. Each claim is tested at 5 % by itself, so of forty true nulls about two would be decided by chance.
"""

from __future__ import annotations

from solarsynth.book import paper
from solarsynth.book.claims_of_use import USES
from solarsynth.book.rules import BIGGER_SUN, NEGATIVE, POSITIVE, Claim, Rule, tested, untested
from solarsynth.errors import SolarsynthError, did_you_mean

#: The two channels of the GOES X-ray sensor: shortest and longest wavelength in Å (NOAA).
XRS_BANDS = {"A": (0.5, 4.0), "B": (1.0, 8.0)}

#: Minutes of the nine years 2011 to 2019, with two leap days.
NINE_YEARS = (9 * 365 + 2) * 24 * 60


def _gap(metric: str, better: str, worse: str, target: float = 0.0) -> float:
    """Return how much nearer to the target one model is than another in the paper's Table 1."""
    row = paper.TABLE_1[metric]
    return abs(row[worse][0] - target) - abs(row[better][0] - target)


_SEEDS = "differences over trainings with the same seed (Student's t)"

_DATA = (
    tested(
        1,
        "2.2",
        "The channel of 1–8 Å, which gives flares their class, is XRS-A.",
        "longest wavelength of XRS-A in Å, against 8",
        Rule(7.5, 8.5),
        "02_dataset",
        8.0,
    ),
    untested(
        2,
        "2.4",
        "107,709 events become 20,420 images.",
        "the same query of HEK, and the share that is left after each step",
        "needs the whole list of HEK and all frames of 2011 to 2019",
        paper.FUNNEL["labelled frames"] / paper.FUNNEL["events"],
    ),
    tested(
        3,
        "2.4",
        "X-ray flux falls more slowly than it rises.",
        "decay time over rise time of listed flares in the X-ray flux, both at half of the peak, geometric mean; "
        "interval over blocks of weeks",
        Rule(lowest=1),
        "02_dataset",
    ),
    untested(
        4,
        "2.4",
        "A tolerance of 7 minutes keeps labels accurate.",
        "simulated Sun: the true class against the label as the tolerance grows",
        BIGGER_SUN,
    ),
    untested(
        5,
        "4",
        "The class shares come from background and threshold, not from the selection.",
        "simulated Sun: remove each cause",
        BIGGER_SUN,
    ),
    untested(
        6,
        "2.1, 6",
        "64 px suffice to model activity.",
        "probe and control at 64 and 128 px",
        "no page compares probes of both sizes",
    ),
)

_SPACES = (
    tested(
        7,
        "6",
        "Only the ceVAE's space shows clusters by class.",
        "purity of held-out images among images of other blocks: the ceVAE's above chance, and above each other "
        "space's; interval over blocks",
        POSITIVE,
        "06_results",
    ),
    tested(
        8,
        "6",
        "Filaments on the map of the ceVAE's space are images that are close in time.",
        "probability that an image's nearest neighbour in the ceVAE's space is nearer in time than a random image, "
        "minus 1/2; interval over blocks",
        POSITIVE,
        "06_results",
    ),
    tested(
        9,
        "6",
        "An unsupervised space separates the classes better than the supervised one.",
        "purity of held-out images, the ceVAE's minus the classifier's; interval over blocks",
        POSITIVE,
        "06_results",
    ),
)

_MODELS = (
    tested(
        10,
        "6",
        "The discrete model has the lowest cluster error.",
        f"cluster error of each other model minus the discrete one's; {_SEEDS}",
        POSITIVE,
        "06_results",
        _gap("Cluster error", "discrete", "embedding"),
    ),
    tested(
        11,
        "6",
        "The continuous model has the best cluster distance.",
        f"distance from the target 1, each other model's minus the continuous one's; {_SEEDS}",
        POSITIVE,
        "06_results",
        _gap("Cluster distance", "continuous", "discrete", 1),
    ),
    tested(
        12,
        "6",
        "The continuous model has the best cluster std.",
        f"distance from the target 1, each other model's minus the continuous one's; {_SEEDS}",
        POSITIVE,
        "06_results",
        _gap("Cluster std", "continuous", "discrete", 1),
    ),
    tested(
        13,
        "6, Table 1",
        "The continuous model has the lowest FID.",
        f"Fréchet and kernel distances in published networks, each other model's minus the continuous one's; {_SEEDS}",
        POSITIVE,
        "06_results",  # the paper's effect is in the space of CLIP, and ours in others
    ),
    tested(
        14,
        "Table 1",
        "The embedding model has the worst FID of the three.",
        f"Fréchet and kernel distances in published networks, the embedding model's minus each other's; {_SEEDS}",
        POSITIVE,
        "06_results",
    ),
    tested(
        15,
        "Table 1",
        "All three models beat the ceVAE.",
        f"cluster metrics and Fréchet distances, the ceVAE's distance from the target minus each model's; {_SEEDS}",
        POSITIVE,
        "06_results",
    ),
    tested(
        16,
        "Table 1",
        "Lower cluster distance and std are better.",
        "value of the training images themselves, which are perfect, minus that of images that all lie at the centres",
        NEGATIVE,
        "06_results",
    ),
    tested(
        17,
        "6",
        "F1: discrete above embedding above continuous.",
        f"F1 ratios, by classifiers that beat the majority class; {_SEEDS}",
        POSITIVE,
        "06_results",
        paper.TABLE_1["F1"]["discrete"][0] - paper.TABLE_1["F1"]["embedding"][0],
    ),
)

_IMAGES = (
    tested(
        18,
        "6",
        "The continuous model cannot draw extreme activity.",
        "rise of an independent regressor's reading from the lowest to the highest class with enough held-out images, "
        "as a share of the rise in real images; interval over blocks and samples",
        Rule(highest=0.5),
        "07_physics",
    ),
    tested(
        19,
        "9",
        "Generated X images are very similar to real ones.",
        "the paper's own Tables D.1 and D.2: recall of X in generated minus that in real images",
        Rule(-0.1, 0.1),
        "d_class_scores",
    ),
    untested(
        20,
        "1",
        "No mode collapse in rare classes.",
        "recall and coverage per class against floors of whole blocks",
        "no page measures the coverage of a rare class with an interval",
    ),
    tested(
        21,
        "7",
        "The class controls the flare that is drawn.",
        "rank correlation of request and an independent regressor's reading, minus that of a regressor that learnt "
        "labels permuted within days; interval over blocks, samples and permutations",
        POSITIVE,
        "07_physics",
    ),
    tested(
        22,
        "7",
        "Samples are not copies.",
        "share of samples nearer to a training image than 99 % of held-out images are; interval over blocks and "
        "samples; p of near-exact copies",
        Rule(highest=0.02, level=0.05),
        "06_memorisation",
    ),
    tested(
        23,
        "7",
        "There are no active regions at the poles.",
        "share of the variance beyond 60°, of samples minus real images, relative to that of a map that varies "
        "everywhere alike, each class; interval over blocks and samples",
        Rule(highest=0.5),
        "07_image_analysis",
    ),
    tested(
        24,
        "7",
        "Active regions lie where real ones lie.",
        "agreement of the standard-deviation maps, each class, minus the lower end of what real images of other weeks "
        "reach, where these agree at all; interval over samples",
        POSITIVE,
        "07_image_analysis",
    ),
    untested(
        25,
        "7",
        "Generated A images vary too little.",
        "standard deviation of a pixel, samples and real images of class A",
        f"2012 has no image of class A: it {BIGGER_SUN}",
    ),
)

#: Claims by what they are about.
GROUPS = {
    "the data": _DATA,
    "the feature spaces": _SPACES,
    "the three models": _MODELS,
    "the images": _IMAGES,
    "what the images are good for": USES,
}

CLAIMS = tuple(claim for group in GROUPS.values() for claim in group)

_BY_ID = {claim.id: claim for claim in CLAIMS}


def claim(name: str) -> Claim:
    """Return a claim by its id.

    Raises
    ------
    SolarsynthError
        If there is none.
    """
    if name not in _BY_ID:
        raise SolarsynthError(f"no claim {name!r}{did_you_mean(name, _BY_ID)}")
    return _BY_ID[name]


def mean_gap() -> float:
    """Return the mean time between the paper's images in minutes, from its own counts."""
    return NINE_YEARS / paper.FUNNEL["labelled frames"]


def recall_drop() -> float:
    """Return the paper's recall of class X in generated images (Table D.2) minus that in real ones (D.1)."""
    return paper.TABLES_D["table-d.2"]["X"][2] - paper.TABLES_D["table-d.1"]["X"][2]
