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
seed: int = 0  # seed of training and sampling
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
from solarsynth.evaluation import Reference, evaluate
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
gallery = {name: stages.sample_set(lab, a_few, seed=seed, model=name) for name in MODELS}

# %% tags=["hide-output", "remove-stderr"]
proportional, uniform = stages.proportional_counts(lab, s.set_size), stages.uniform_counts(lab, s.set_size)
drawn = {
    name: [stages.sample_set(lab, proportional, seed=number, model=name) for number in stages.set_seeds(s.sets)]
    for name in (*MODELS, BASELINE)
}
alike = {
    name: [stages.sample_set(lab, uniform, seed=number, model=name) for number in stages.set_seeds(s.sets, first=2000)]
    for name in MODELS
}
print(f"{s.sets} sets of {s.set_size} per model in the proportions {proportional}, and as many with {uniform}")

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
# weight in the mean. The *silhouette* compares distances within a class with distances to the nearest other class. The space of
# CLIP is shown only on machines that have its weights.

# %% tags=["hide-output", "remove-stderr"]
labelled = stages.labelled_set(lab)
chosen = np.sort(np.random.default_rng(0).permutation(len(training))[: s.tsne_images])
label, time = training.label[chosen], labelled.frame_time[~labelled.test][chosen]
maps, separated = {}, {}
for name in ("clip", "classifier", "cevae"):
    title = stages.SPACES[name]
    try:
        features = stages.training_features(lab, name)[chosen]
        maps[title] = stages.tsne_map(lab, name, chosen)
        share, chance = separation.purity(features, label, min(neighbours, len(features) - 1))
        separated[title] = (share, chance, separation.silhouette(features, label))
    except SolarsynthError as error:
        maps[title] = str(error).replace(": ", ":\n")
purity = pd.DataFrame(separated, index=["purity", "chance", "silhouette"]).T

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-3", "caption": "t-SNE of training images in three feature spaces (the paper's Fig. 3), coloured by class (top) and by time (bottom)."}, "image": {"alt": "Scatter plots in two rows, one column per feature space"}}
this.figure(figures.figure_3(maps, label, time), "figure-3")

# %% [markdown]
# The table gives purity and silhouette of each space, with the purity expected by chance:

# %%
most = purity["purity"].idxmax()
print(f"the space with the highest purity: {most}; the classifier was trained on the classes of these images")
purity.round(3)

# %% [markdown]
# A purity above chance means that neighbours tend to share their class. A silhouette below 0 means that the classes overlap.

# %% [markdown]
# (table-1)=
# ## Table 1
#
# The table compares held-out real images (the paper's *GT*) and the generated sets with the training images.
#
# - **Targets.** Cluster error and the Fréchet distances have the target 0, all other rows the target 1. The arrows in the
#   paper's table are wrong for cluster distance and std.
# - **Scores.** F1, precision and recall are ratios. The denominator is the score of the same classifiers on held-out real
#   images, weighted to the samples' mix of classes.
# - **N** is the number of images behind a value; for the cluster metrics it is the size of one set. The column of held-out
#   images always uses all of them.
# - **A star** marks our best value if its lead is larger than the sum of both errors.
# - **Fréchet distances** are called FID only in the spaces of InceptionV3 and CLIP. These rows need published weights. The rows
#   in the spaces of the ceVAE and of the classifier need none. The ceVAE is trained on this run's images, so its distances
#   cannot be compared with the paper's. Compare them with the range of real sets.
#
# | Quantity | What ± means | Over what |
# | --- | --- | --- |
# | cluster error, distance and std | standard deviation | the sets |
# | Fréchet distances; kNN metrics, density, coverage | standard error (jackknife) | all sets pooled, leaving out one at a time |
# | F1, precision, recall | standard deviation | the classifiers |
#
# The last column gives the range of the same quantity for sets of real images: the 5th to the 95th percentile, or the extremes
# if there are few draws.
#
# | Quantity | Sets of real images | Compared with |
# | --- | --- | --- |
# | cluster error, distance and std | as many images, from a quarter of the training images | clusters of the other quarters |
# | Fréchet distances; kNN metrics, density, coverage | N training images, at most half of them | the other training images |
# | F1, precision, recall | held-out images, resampled | held-out images, resampled independently |
#
# Training images that are close in time are nearly the same. Sets of them therefore closely resemble the training images that
# they are compared with. With a blocked split the held-out images come from other weeks. A model that generalises would score
# like the held-out images.

# %% tags=["remove-stderr"]
reference = Reference(lab, clusters_k, clusters_seed, space)
found = {name: evaluate(reference, drawn[name], description=name) for name in [BASELINE]}
found |= {name: evaluate(reference, drawn[name], ImageSet.pool(alike[name]), description=name) for name in MODELS}
held_out = stages.held_out_images(lab)
truth = {v.metric: v.value for v in evaluate(reference, [held_out], held_out)} if len(held_out) else {}
tables.table_1(found, truth)

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
def cluster_metrics(sets):
    return np.array([astuple(reference.clusters.compare(stages.features(lab, space, one))) for one in sets])


measured = {name: (s.set_size, cluster_metrics(sets_of)) for name, sets_of in drawn.items()}
if len(held_out):
    measured["held out"] = (len(held_out), cluster_metrics([held_out]))
floors = {n: reference.cluster_floor(n) for n in sorted({20, 50, 100, 200, 500, 1000, s.set_size})}

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-clusters", "caption": "Cluster metrics of the generated sets and of all held-out images (dots, standard deviation over sets) against real sets by their size (grey)."}, "image": {"alt": "Three panels comparing generated sets with the range of real sets"}}
this.figure(figures.cluster_floor(floors, measured))

# %% [markdown]
# This metric cannot distinguish a dot inside the grey range from real sets of that size.
#
# The next table says whether a value lies within the range of real sets with the same number of images. A dash means that there
# is no value, or no range for that number.

# %%
words = {True: "within", False: "outside", None: "–"}
pd.DataFrame({model: {v.metric: words[v.within] for v in values} for model, values in found.items()})

# %% tags=["hide-cell"]
shape = (s.set_size, s.image_size, s.image_size)
assert all(one.image.shape == shape for sets_of in (*drawn.values(), *alike.values()) for one in sets_of)
assert all(np.isfinite(values).all() for _, values in measured.values())
records.table_1(this, found, truth)
records.figure_3(this, purity)
records.figure_5(this, sum(map(len, gallery.values())), drawable)
records.sample_counts(this)

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
# **Next:** {doc}`07_image_analysis` shows where on the Sun the samples vary.
