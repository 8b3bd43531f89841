"""Published numbers, each with its place in the paper (Ramunno et al. 2024, A&A 686, A285)."""

from __future__ import annotations

from dataclasses import dataclass

DOI = "10.1051/0004-6361/202347860"


@dataclass(frozen=True)
class Item:
    """One thing the paper shows or counts.

    Attributes
    ----------
    id : str
        As in the ledger.
    title : str
    place : str
        Section or appendix of the paper.
    chapter : str
        Page of the book that regenerates it.
    """

    id: str
    title: str
    place: str
    chapter: str


ITEMS = (
    Item("funnel", "Counts from events to labelled images", "Sect. 2.4", "02_dataset"),
    Item("figure-1", "Images per flare class", "Fig. 1", "02_dataset"),
    Item("figure-2", "Sketch of the network with labels and embeddings", "Fig. 2", "04_methodology"),
    Item("figure-3", "t-SNE of three feature spaces", "Fig. 3", "06_results"),
    Item("figure-4", "Standard-deviation maps", "Fig. 4", "07_image_analysis"),
    Item("figure-5", "Samples by model and class", "Fig. 5", "06_results"),
    Item("figure-6", "Accuracy against synthetic images added", "Fig. 6", "08_1_classification"),
    Item("figure-7", "Accuracy against augmented images added", "Fig. 7", "08_1_classification"),
    Item("figure-8", "Accuracy of the rare classes", "Fig. 8", "08_1_classification"),
    Item("figure-9", "Days per flare class", "Fig. 9", "08_2_forecasting"),
    Item("figure-10", "True skill statistic of the forecast", "Fig. 10", "08_2_forecasting"),
    Item("figure-11", "Heidke skill score of the forecast", "Fig. 11", "08_2_forecasting"),
    Item("figure-a.1", "Delay of the image behind the peak", "Fig. A.1", "02_dataset"),
    Item("figure-b.1", "Architecture of the U-Net", "Fig. B.1", "04_methodology"),
    Item("figure-c.1", "Images of 128 px", "Fig. C.1", "c_resolution"),
    Item("sample-counts", "Sets and images drawn per model", "Sect. 6", "06_results"),
    Item("table-1", "Cluster metrics, Fréchet distances and scores", "Table 1", "06_results"),
    Item("table-d.1", "Classifier on real images", "Table D.1", "d_class_scores"),
    Item("table-d.2", "Classifier on images of the discrete model", "Table D.2", "d_class_scores"),
    Item("table-d.3", "Classifier on images of the embedding model", "Table D.3", "d_class_scores"),
    Item("table-d.4", "Classifier on images of the continuous model", "Table D.4", "d_class_scores"),
    Item("accuracy-8.1", "Accuracy of A and M with and without 600 images", "Sect. 8.1", "08_1_classification"),
    Item("skill-8.2", "TSS and HSS with synthetic images", "Sect. 8.2", "08_2_forecasting"),
)

#: Section 2.4. The paper counts 15,696 of the HEK events with a class; 51,374 have a class or a flux.
FUNNEL = {
    "events": 107_709,
    "with a class in the list": 15_696,
    "with a class or a flux": 51_374,
    "labelled frames": 20_420,
}

#: Section 4 and Appendix B; the parameters are those of the code lineage's sizes, for the paper gives none.
TRAINING = {"epochs": 500, "batch size": 12, "learning rate": 3e-4, "parameters": 23_332_737}

#: Table 1: mean and ± (None where the paper gives none).
TABLE_1 = {
    "Cluster error": {
        "ground truth": (0.00197, None),
        "ceVAE": (7.9478, 0.9137),
        "discrete": (0.1294, 0.0358),
        "continuous": (1.5031, 0.1476),
        "embedding": (0.2073, 0.0361),
    },
    "Cluster distance": {
        "ground truth": (1.00104, None),
        "ceVAE": (2.2057, 0.0096),
        "discrete": (0.9212, 0.0037),
        "continuous": (0.9342, 0.0023),
        "embedding": (0.8377, 0.0055),
    },
    "Cluster std": {
        "ground truth": (0.99816, None),
        "ceVAE": (3.2382, 0.0096),
        "discrete": (1.2107, 0.0037),
        "continuous": (1.0976, 0.0023),
        "embedding": (1.4801, 0.0055),
    },
    "FID CLIP": {
        "ceVAE": (5.05, None),
        "discrete": (0.122, None),
        "continuous": (0.057, None),
        "embedding": (0.39, None),
    },
    "FID InceptionV3": {
        "ceVAE": (215.933, None),
        "discrete": (3.693, None),
        "continuous": (2.703, None),
        "embedding": (12.264, None),
    },
    "F1": {"discrete": (0.7, None), "continuous": (0.34, None), "embedding": (0.6, None)},
    "Precision": {"discrete": (0.73, None), "continuous": (0.35, None), "embedding": (0.6, None)},
    "Recall": {"discrete": (0.74, None), "continuous": (0.37, None), "embedding": (0.7, None)},
}

#: Appendix D: F1, precision and recall per class A to X of the classifier trained on real images, tested on real
#: ones (D.1), on the discrete model's (D.2), the embedding model's (D.3) and the continuous model's (D.4).
TABLES_D = {
    "table-d.1": {
        "A": (0.80, 0.76, 0.83),
        "B": (0.26, 0.50, 0.17),
        "C": (0.55, 0.54, 0.56),
        "M": (0.70, 0.74, 0.65),
        "X": (0.42, 0.35, 0.51),
    },
    "table-d.2": {
        "A": (0.77, 0.70, 0.85),
        "B": (0.24, 0.40, 0.17),
        "C": (0.28, 0.23, 0.35),
        "M": (0.37, 0.30, 0.47),
        "X": (0.26, 0.46, 0.18),
    },
    "table-d.3": {
        "A": (0.67, 0.58, 0.79),
        "B": (0.23, 0.34, 0.18),
        "C": (0.32, 0.27, 0.39),
        "M": (0.45, 0.38, 0.56),
        "X": (0.04, 0.13, 0.02),
    },
    "table-d.4": {
        "A": (0.19, 0.21, 0.17),
        "B": (0.16, 0.19, 0.14),
        "C": (0.24, 0.20, 0.32),
        "M": (0.23, 0.19, 0.27),
        "X": (0.12, 0.19, 0.09),
    },
}


def macro(table: str) -> dict[str, float]:
    """Return the means over the classes of a table of Appendix D."""
    rows = TABLES_D[table].values()
    return {name: sum(row[i] for row in rows) / len(rows) for i, name in enumerate(("f1", "precision", "recall"))}


#: Section 8.1: accuracy of a class without and with 600 synthetic images.
ACCURACY_8_1 = {"A": (0.301, 0.819), "M": (0.071, 0.291)}

#: Section 8.2: skill with synthetic images; the ± spans amounts of augmentation, not seeds.
SKILL_8_2 = {"TSS": (0.35, 0.02), "HSS": (0.18, 0.02)}

#: Fig. 9: days with a frame and a listed flare.
DAYS = 2282

#: Section 6: models, sets per model (half uniform, half in the data's proportions), images per set.
SAMPLE_COUNTS = {"models": 3, "sets per model": 20, "images per set": 1000, "images": 60_000}


def item(name: str) -> Item:
    """Return an item by its id."""
    return next(i for i in ITEMS if i.id == name)
