# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6 · Results: the samples and their numbers
#
# The paper draws 20 sets of 1000 images per model and measures them. Ten sets have the same number of images in every class,
# and ten have the classes in the proportions of the data. This page draws such sets from all three models and from the
# baseline, shows them beside real frames, and fills Table 1.
#
# | Paper | Here |
# | --- | --- |
# | Fig. 3, t-SNE of three feature spaces | {numref}`figure-3` |
# | Fig. 5, samples by model and class | {numref}`figure-5` |
# | Table 1, eleven rows, four models | {ref}`the table <table-1>`, {numref}`figure-clusters` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
guidance: float = None  # w of Eq. 6; None: as the profile says
sampler: str = None  # ancestral (the paper), ddim or dpm-solver++; None: as the profile says
sampling_steps: int = None  # network evaluations per image
sets: int = None  # sets per model in the proportions of the data, and as many with equal class counts
set_size: int = None  # images in a set
show_nearest: bool = True  # whether Fig. 5 shows the nearest training image under each sample
neighbours: int = 10  # nearest neighbours in the purity of Fig. 3
clusters_k: int = 5  # clusters of K-means; the paper has one per GOES class
clusters_seed: int = 0  # seed of K-means
space: str = "cevae"  # feature space of cluster metrics and coverage: cevae (the paper), classifier, clip or inception

# %% tags=["hide-input"]
from dataclasses import astuple

import numpy as np
import pandas as pd

from solarsynth import CLASSES, figures, stages, tables
from solarsynth.book import page, records
from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import Reference, evaluate_trainings, evidence, verdict
from solarsynth.evaluation.separations import distinct, separations
from solarsynth.kinds import BASELINE, MODELS
from solarsynth.metrics import separation

this = page.begin("06_results", globals(), own=("show_nearest", "neighbours", "clusters_k", "clusters_seed", "space"))
lab, s = this.lab, this.lab.settings
print(this.source_note)

# %% [markdown]
# ## Drawing
#
# The models are taken from the store, or trained. Every set has its own seed, and every image has its own stream of noise, so
# an image does not depend on the others in its batch. Each model draws sets in the proportions of the data and sets with equal
# class counts. The baseline is the ceVAE, which decodes $z \sim N(0, I)$. It has no condition, so its images have no class.

# %% tags=["hide-output", "remove-stderr"]
for name in MODELS:
    print(f"{name}: {lab.entry(stages.MODEL, model=name)}")
drawable = stages.drawable_classes(lab)
a_few = dict.fromkeys(drawable, s.figure_images)
gallery = {name: stages.sample_set(lab, a_few, seed=0, model=name) for name in MODELS}

# %% tags=["hide-output", "remove-stderr"]
proportional, uniform = stages.proportional_counts(lab, s.set_size), stages.uniform_counts(lab, s.set_size)
trainings = stages.trainings(lab)


def draw(name, counts, first=1000):
    """Return the sets of every training of a model."""
    seeds = stages.set_seeds(s.sets, first)
    return [[stages.sample_set(there, counts, seed=n, model=name) for n in seeds] for there in trainings]


drawn = {name: draw(name, proportional) for name in (*MODELS, BASELINE)}
alike = {name: draw(name, uniform, first=2000) for name in MODELS}
print(f"trainings of each model: {len(trainings)}, with the seeds {', '.join(str(there.seed) for there in trainings)}")
print(f"{s.sets} sets of {s.set_size} per training in the proportions {proportional}, and as many with {uniform}")

# %% [markdown]
# ## Real and generated, by class
#
# Below each sample is its nearest training image in the ceVAE's feature space. If a model merely copied its training images,
# the two would look the same.

# %%
training = stages.training_images(lab)
training_features = stages.training_features(lab, "cevae")


def nearest_training_images(image):
    features = stages.space(lab, "cevae").embed(image)
    return training.image[separation.nearest(features, training_features)]


# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-5", "caption": "Samples by class in the paper's arrangement (Fig. 5): two rows of the discrete, two of the continuous and one of the embedding model. The samples are the first that were drawn, not a selection. Below each row is the nearest training image of each sample in the ceVAE's space."}, "image": {"alt": "Grid of full-disk Suns: rows of generated frames and their nearest real frames, a column per flare class"}}
images = {}
for model, count in (("discrete", 2), ("continuous", 2), ("embedding", 1)):
    image, label = gallery[model].image, gallery[model].label
    for k in range(min(count, s.figure_images)):
        # The titles must differ; trailing blanks are invisible.
        samples = {c: image[label == CLASSES.index(c)][k : k + 1] for c in drawable}
        images[model if k == 0 else " " * len(images)] = samples
        if show_nearest:
            neighbour = {c: nearest_training_images(frame) for c, frame in samples.items()}
            images["nearest" + " " * len(images)] = neighbour
this.figure(figures.figure_5(images, dict.fromkeys(images, 1)), "figure-5")

# %% [markdown]
# The column of a class without a training image stays empty: a model cannot generate a class that it has not seen. For
# comparison, the next figure shows real frames of the training set above samples of the discrete model:

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-5-real", "caption": "Training images by class, drawn at random (top), and the discrete model's first samples (bottom)."}, "image": {"alt": "Two rows of real and two of generated full-disk Suns, a column per flare class"}}
rng = np.random.default_rng(seed)
real = {c: training.image[rng.permutation(np.flatnonzero(training.label == i))[:2]] for i, c in enumerate(CLASSES)}
image, label = gallery["discrete"].image, gallery["discrete"].label
shown = {"real": real, "generated": {c: image[label == CLASSES.index(c)][:2] for c in drawable}}
this.figure(figures.figure_5(shown, {"real": 2, "generated": 2}), "suns")

# %% [markdown]
# ## Which space separates the classes?
#
# The paper shows t-SNE maps of three feature spaces. It finds clusters in the ceVAE's space alone, with filaments of images
# that are close in time. A t-SNE map distorts distances, so this page adds two numbers that are measured in the space itself.
# The *purity* is the share of an image's nearest neighbours that have the same class as the image; every class has the same
# weight in the mean. The *silhouette* compares distances within a class with distances to the nearest other class.
#
# Frames of one week are neighbours in any space, and they share their class. A high purity of the training images may mean no
# more than that. The purity is therefore also measured on held-out images, with neighbours of other blocks only, and has a 95 %
# interval over blocks. VGG16 is added as a space that has seen no Sun. CLIP is shown only on machines that have its weights.

# %% tags=["hide-output", "remove-stderr"]
labelled = stages.labelled_set(lab)
chosen = np.sort(np.random.default_rng(0).permutation(len(training))[: s.tsne_images])
label, time = training.label[chosen], labelled.frame_time[labelled.train][chosen]
held_out, unit = stages.held_out_images(lab), labelled.group[labelled.test]
maps, separated = {}, {}
for name in ("clip", "classifier", "cevae", "vgg"):
    title = stages.SPACES[name]
    try:
        features = stages.training_features(lab, name)[chosen]
        maps[title] = stages.tsne_map(lab, name, chosen)
        separated[title] = separations(
            features, label, stages.held_out_features(lab, name), held_out.label, unit, neighbours
        )
    except SolarsynthError as error:
        maps[title] = str(error).replace(": ", ":\n")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-3", "caption": "t-SNE of training images in the paper's three feature spaces (Fig. 3) and in VGG16's, coloured by class (top) and by time (bottom)."}, "image": {"alt": "Scatter plots in two rows, one column per feature space"}}
this.figure(figures.figure_3(maps, label, time), "figure-3")

# %% [markdown]
# The table gives the numbers of each space, with the purity expected by chance:

# %%
purity = pd.DataFrame(separated).T
pd.DataFrame({title: tables.separation(row) for title, row in separated.items()}).T

# %% tags=["hide-input"]
for title, row in separated.items():
    low, high, chance = row["held out, low"], row["held out, high"], row["held out, chance"]
    word = "above chance" if low > chance else "below chance" if high < chance else "not told apart from chance"
    print(f"{title}: purity of held-out images {word}")

# %% [markdown]
# A purity above chance means that neighbours of other weeks tend to share their class. A silhouette below 0 means that the
# classes overlap. The classifier was trained on the classes of the training images, so its purity there says nothing.

# %% [markdown]
# (table-1)=
# ## Table 1
#
# The table compares held-out real images (the paper's *GT*) and the generated sets with the training images.
#
# - **Targets.** Cluster error and the distances have the target 0, the ratios the target 1. The arrows in the paper's table are
#   wrong for cluster distance and std.
# - **Scores.** F1, precision and recall are ratios. The denominator is the score of the same classifiers on held-out real
#   images of all folds, weighted to the samples' mix of classes. Classifiers that do not beat the majority class on real images
#   judge nothing. Their rows say so.
# - **Real sets** are real images of other weeks, from blocks that were left out ({doc}`05_metrics`). Every set has as many
#   images as a set of samples, and every reference has the same size. *Held out* is the part that no network has seen.
# - **Copies** is the share of samples that are nearer to a training image than 99 % of the held-out images are. Its test finds
#   2 % of near-exact copies, also mirrored, shifted and slightly brighter ones. *AuthPct* describes, and does not test
#   ({doc}`06_memorisation`). The rows below it look for gross faults.
# - **Physics** rows are distances between the distributions of a physical quantity, in standard deviations of real images
#   ({doc}`07_physics`).
# - **A star** marks our best value if its lead is larger than the sum of both errors, with three trainings of each model or more.
#   Blur raises precision and density, so these have a star only with a recall, or a coverage, that is not below real sets.
# - **FID and KID** are names for the space of InceptionV3 only; *FID CLIP* is the paper's. Without published weights these rows
#   have no value. VGG16 is a published network, too: it was trained on photographs and has seen no Sun. The ceVAE has seen the
#   training images, so its space favours them.
#
# | Quantity | What ± means |
# | --- | --- |
# | all, with several trainings of a model | standard deviation over the trainings |
# | cluster metrics, with one training | standard deviation over the sets |
# | distances, kNN metrics, density, coverage, with one training | standard error over the sets (jackknife) |
# | F1, precision, recall, with one training | standard deviation over the classifiers |

# %% tags=["remove-stderr"]
reference = Reference(lab, clusters_k, clusters_seed, space)
pooled = {name: [ImageSet.pool(sets) for sets in by_training] for name, by_training in alike.items()}
found = {
    name: evaluate_trainings(reference, drawn[name], pooled.get(name), description=name) for name in (BASELINE, *MODELS)
}
tables.table_1(found)

# %% tags=["hide-input"]
print("one training: the scatter between trainings is unknown" if len(trainings) == 1 else "")
judge = reference.held_out_scores
for title, value, chance in (("macro recall", judge.recall, judge.chance), ("AUC", judge.auc, 0.5)):
    print(
        f"classifiers on held-out blocks: {title} {value.mean:.3f} ({value.low:.3f} to {value.high:.3f}); majority {chance:.3f}"
    )

# %% tags=["hide-input"]
notes = {}
for model, values in found.items():
    for v in values:
        if v.note:
            notes.setdefault((v.metric, v.note), []).append(model)
for (metric, note), models in notes.items():
    whose = "" if len(models) == len(found) else f" ({', '.join(models)})"
    print(f"{metric}{whose}: {note}")

# %% [markdown]
# The cluster metrics depend on the size of a set, even for real images. The next figure shows the range of real sets in grey
# for several sizes.


# %%
from solarsynth.evaluation.rows import cluster_floor
from solarsynth.metrics.clusters import Clusters


def cluster_metrics(sets):
    return np.array([astuple(fitted.compare(stages.features(lab, space, one))) for one in sets])


fitted = Clusters(stages.training_features(lab, space), clusters_k, clusters_seed)
measured = {
    name: (s.set_size, cluster_metrics([one for sets in by_training for one in sets]))
    for name, by_training in drawn.items()
}
held_out = stages.held_out_images(lab)
if len(held_out):
    measured["held out"] = (len(held_out), cluster_metrics([held_out]))
sizes = {20, 50, 100, 200, 500, s.set_size}
floors = {n: cluster_floor(reference, n) for n in sorted(sizes) if n == reference.pool.size_for(n)}

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-clusters", "caption": "Cluster metrics of the generated sets and of all held-out images (dots, standard deviation over sets) against real sets by their size (grey)."}, "image": {"alt": "Three panels comparing generated sets with the range of real sets"}}
this.figure(figures.cluster_floor(floors, measured))

# %% [markdown]
# This metric cannot distinguish a dot inside the grey range from real sets of that size.
#
# The next table gives the place of every value: below, within or above real sets. *Rejects* means that this row tells the
# samples from real Suns of other weeks. It is a one-sided test, except for cluster distance and std, corrected for the number of
# rows within each model (Holm, 5 %). A distance below the range is no fault: samples mix all weeks, and real sets come from a few
# blocks. Only the rows for copies look for copies, and only for near-exact ones; their notes give the distance that would reject.

# %%
tables.places(found)

# %% tags=["hide-input"]
for name, values in found.items():
    print(f"{name}: {verdict(values)[1]}")

# %% tags=["hide-cell"]
shape = (s.set_size, s.image_size, s.image_size)
every = [one for by_training in (*drawn.values(), *alike.values()) for sets in by_training for one in sets]
assert all(one.image.shape == shape for one in every)
assert all(np.isfinite(values).all() for _, values in measured.values())
records.table_1(this, found)
records.figure_3(this, purity)
records.figure_5(this, sum(map(len, gallery.values())), drawable)
records.sample_counts(this)

# %% tags=["hide-cell"]
spaces = {name: stages.SPACES[name] for name in ("cevae", "classifier", "vgg", "clip")}
spaces = {
    title: stages.held_out_features(lab, name)
    for name, title in spaces.items()
    if name == "cevae" or title in separated
}
purer = distinct(spaces, held_out.label, unit, neighbours)
supervised = {name: one for name, one in purer.items() if name.endswith("above classifier")}
of_chosen = labelled.group[labelled.train][chosen]
near = separation.neighbours_in_time(stages.training_features(lab, "cevae")[chosen], time, of_chosen)
records.claim(this, "claim-07", purer)
records.claim(this, "claim-08", near)
records.claim(this, "claim-09", supervised)

# %% tags=["hide-cell"]
why = f"trainings of each model: {len(trainings)}"
published, others = evidence.PUBLISHED_SPACES, ["discrete", "embedding"]
error, distance, std = ([name] for name in evidence.CLUSTERS)
against = {one: evidence.leads(found, one, ["embedding"], published) for one in ("discrete", "continuous")}
beaten = [evidence.leads(found, one, [BASELINE], (*evidence.CLUSTERS, *published)) for one in MODELS]
records.claim(this, "claim-10", evidence.leads(found, "discrete", ["continuous", "embedding"], error), why=why)
records.claim(this, "claim-11", evidence.leads(found, "continuous", others, distance), why=why)
records.claim(this, "claim-12", evidence.leads(found, "continuous", others, std), why=why)
records.claim(this, "claim-13", evidence.leads(found, "continuous", others, published), why=why)
records.claim(this, "claim-14", against["discrete"] | against["continuous"], why=why)
records.claim(this, "claim-15", {name: one for rows in beaten for name, one in rows.items()}, why=why)

# %% tags=["hide-cell"]
perfect = fitted.compare(stages.training_features(lab, space))
collapsed = fitted.compare(fitted.means.cluster_centers_)
arrows = {name: evidence.exact(getattr(perfect, name) - getattr(collapsed, name)) for name in ("distance", "std")}
records.claim(
    this, "claim-16", arrows, why="the target is 1: images that all lie at the centres have 0", source="algebra"
)
order = evidence.order(found, ("discrete", "embedding", "continuous"), "F1")
records.claim(this, "claim-17", order, skill=judge.recall, chance=judge.chance, why=why)

# %% [markdown]
# ## Takeaways
#
# - Samples are shown in the order in which they were drawn, each with its nearest real image.
# - Every value that could be computed is shown with the range that real images reach.
# - To draw again with other settings: `papermill notebooks/06_results.ipynb out.ipynb -p profile laptop -p guidance 0.5`. The
#   trained models are reused. If they belong to another source, add its `source` and `data`.
# - To measure your own samples: `solarsynth evaluate samples.npz --reference ARCHIVE` prints this table for any file with
#   `image` and `label`.
#
# **Next:** {doc}`06_memorisation` asks whether the samples are new.
