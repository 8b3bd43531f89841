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
# # D · Scores per class
#
# A classifier trained on real images is tested on real and on generated images (Sect. 6, Appendix D). The paper contradicts
# itself here. The captions of Tables D.2 to D.4 say *trained and tested on generated data*. The text of Sect. 6 says that the
# classifier is trained on real data. This page follows the text, because the ratios in Table 1 need a classifier trained on real
# data. They divide by the macro averages of Table D.1: 0.546, 0.578 and 0.544 for F1, precision and recall.
#
# | Paper | Here |
# | --- | --- |
# | Table D.1, real images | {ref}`real <table-d-1>` |
# | Tables D.2, D.3, D.4: discrete, embedding, continuous | {ref}`discrete <table-d-2>`, {ref}`embedding <table-d-3>`, {ref}`continuous <table-d-4>` |
# | confusion matrices (not in the paper) | {numref}`figure-confusion` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
classifier: str = None  # size of DeiT: tiny, small or base
classifier_images: int = None  # length of the classifier's training in images
classifier_seeds: int = None  # classifiers over which scores are averaged

# %% tags=["hide-input"]
import pandas as pd

from solarsynth import CLASSES, figures, stages, tables
from solarsynth.book import claims, page, records
from solarsynth.dataset.images import ImageSet
from solarsynth.evaluation import cross_validated
from solarsynth.metrics.skill import class_scores, confusion

this = page.begin("d_class_scores", globals())
lab, s = this.lab, this.lab.settings
print(this.source_note)

# %% [markdown]
# ## The classifier
#
# The classifier is DeiT, a distilled vision transformer, on one channel. The paper does not state its size, nor whether it
# starts from ImageNet weights. Here it is trained on this run's training images. The images of rare classes are repeated until
# all classes are equally frequent. Several classifiers are trained with different seeds. They stop by validation blocks, and
# they see neither generated nor held-out images in training.
#
# Real images are tested in all folds: the classifiers of a fold judge its held-out blocks, so every real image is judged once
# by every seed, and by none that has seen its weeks. Generated images are judged by the classifiers of the fold in which their
# model was trained.

# %% tags=["hide-output", "remove-stderr"]
judge = cross_validated(lab)
uniform = stages.uniform_counts(lab, s.set_size)
tested = {}
for model in ("discrete", "embedding", "continuous"):
    seeds = stages.set_seeds(s.sets, first=2000)
    sets = [stages.sample_set(there, uniform, seed=n, model=model) for there in stages.trainings(lab) for n in seeds]
    tested[model] = ImageSet.pool(sets)
print({"real": len(judge.y_true)} | {name: len(images) for name, images in tested.items()})

# %% [markdown]
# ## Is it fit to judge?
#
# A classifier that always names the commonest class has a macro recall of one over the number of classes, and an area under the
# ROC curve (AUC) of ½. One that does not beat it on held-out real images cannot judge generated ones. The intervals are over
# blocks and classifiers (95 %). Classes with fewer than five held-out images are left out of both means.

# %%
rows = {
    "macro recall": (judge.recall, judge.chance),
    "AUC, one class against the others": (judge.auc, 0.5),
    "accuracy above that of the majority class": (judge.accuracy, 0.0),
}
table = {
    name: {"classifiers": f"{i.mean:.3f} ({i.low:.3f} to {i.high:.3f})", "majority class": f"{chance:.3f}"}
    for name, (i, chance) in rows.items()
}
print(judge.why_not() or "the classifiers beat the majority class on held-out blocks: they may judge")
pd.DataFrame(table).T

# %% [markdown]
# The predicted class is the most probable one. Precision, recall and F1 follow from the confusion matrix of each classifier.


# %% tags=["remove-stderr"]
def confusions(images):
    predicted = [stages.predictions(lab, images, seed=number).argmax(1) for number in range(s.classifier_seeds)]
    return [confusion(images.label, y_pred, len(CLASSES)) for y_pred in predicted]


counts = {"real": list(judge.confusions())} | {name: confusions(images) for name, images in tested.items()}
scores = {name: [class_scores(one) for one in matrices] for name, matrices in counts.items()}
few = judge.few

# %% [markdown]
# (table-d-1)=
# ## D.1: real images, held out

# %%
tables.table_d("table-d.1", scores["real"], few)

# %% [markdown]
# (table-d-2)=
# ## D.2: the discrete model
#
# The generated sets have the same number of images in every class, as in the paper. The tables of the three models can therefore
# be compared with each other.

# %%
tables.table_d("table-d.2", scores["discrete"], few)

# %% [markdown]
# (table-d-3)=
# ## D.3: the embedding model

# %%
tables.table_d("table-d.3", scores["embedding"], few)

# %% [markdown]
# (table-d-4)=
# ## D.4: the continuous model

# %%
tables.table_d("table-d.4", scores["continuous"], few)

# %% [markdown]
# The last row leaves out the classes with fewer than five held-out images, because one image decides their scores. A dash marks
# a class without a tested image. Real images are tested in their natural proportions, generated images with equal
# class counts. Precision and F1 depend on these proportions, so they cannot be compared between D.1 and the other tables. For
# the ratios in Table 1, the real images are weighted to the samples' mix of classes.

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-confusion", "caption": "Confusion matrices of all classifiers together, in per cent of each row. Rows are the true class of real images and the requested class of generated ones."}, "image": {"alt": "Four matrices of five classes by five classes"}}
this.figure(figures.confusion_matrices({name: sum(matrices) for name, matrices in counts.items()}))

# %% [markdown]
# The diagonal holds the correct predictions. A dark column is a class that the classifiers predict for almost every image.

# %% tags=["hide-cell"]
labels = {"real": judge.y_true} | {name: images.label for name, images in tested.items()}
for name, label in labels.items():
    assert all((0 <= value) and (value <= 1) for one in scores[name] for value in one.macro().values())
    records.table_d(this, name, scores[name], label, judge)
unknown = "the paper gives no error, nor how many X images were tested"
records.claim(this, "claim-19", claims.recall_drop(), why=unknown, source="the paper's Tables D.1 and D.2")

# %% [markdown]
# ## Takeaways
#
# - The second table says whether the classifiers may judge at all. If they do not beat the majority class, no row of the other
#   tables says anything about the generated images.
# - The ± is the standard deviation over classifiers that judge the same images. It does not hold the scatter between trainings of
#   a generator, so these tables cannot order the models. Table 1 in {doc}`06_results` has that scatter.
#
# **Next:** {doc}`../deviations` lists where this companion departs from the paper.
