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
# # 8.1 · Use: classification
#
# The paper's classifier, trained on classes as unequal as the Sun makes them, recognises 30.1 % of the A images and 7.1 % of the
# M images. With 600 synthetic images per rare class it recognises 81.9 % and 29.1 % (Sect. 8.1). The paper finds no such gain
# from classical augmentation. It uses one split and three sets per amount, and it gives no interval.
#
# Here every trial with synthetic images has two rivals with the same test images and the same seed: one with nothing added, and
# one with as many classical copies. The differences are paired, and their bootstrap intervals resample both the test images and
# the trials. Each comparison ends in one of four verdicts:
#
# | Verdict | When it is given |
# | --- | --- |
# | *helped*, *hurt* | The interval lies above 0, or below 0. |
# | *can't be told apart* | The interval includes 0. |
# | *too few to tell* | There are fewer than five test images of the class, or fewer than two pairs of trials. |
#
# | Paper | Here |
# | --- | --- |
# | Fig. 6, accuracy with synthetic images | {numref}`figure-6` |
# | Fig. 7, accuracy with classical augmentation | {numref}`figure-7` |
# | Fig. 8, the three side by side | {numref}`figure-8` |
# | Accuracy of A and M with 600 images | {ref}`the table <differences>` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
downstream_scale: float = None  # factor on the paper's 200, 400 and 600 images per class
downstream_sets: int = None  # disjoint sets per amount, three in the paper
trial_epochs: float = None  # length of each classifier's training in passes over its images
leak_synthetic: int = None  # 1: the random split gets a generator and synthetic trials of its own; 0: it does not

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import figures, stages, tables
from solarsynth.book import page, paper, records
from solarsynth.downstream import classification, comparisons, plan
from solarsynth.metrics.skill import sample_std

this = page.begin("08_1_classification", globals())
lab = this.lab
print(this.source_note)

# %% [markdown]
# ## The trials
#
# All training images are kept, with their imbalance. The rare classes A, M and X get additional images. *Synthetic* images come
# from the discrete model, which has seen the training images only. *Classical* images are flipped, rotated, shifted and sheared
# copies of real training images. A class without a training image is left out.

# %%
labelled, task = stages.labelled_set(lab), stages.classes_task(lab)
absent = [name for name in stages.RARE if name not in task.rare]
print("classes with added images:", ", ".join(task.rare) or "none")
print("rare classes without a training image:", ", ".join(absent) or "none")
pd.DataFrame({"training": labelled.counts(test=False), "test": labelled.counts(test=True)}).T

# %% [markdown]
# A trial trains one classifier. The plan has a trial for every scenario, amount and seed. A trial that is already in the store
# is read instead of run.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
amounts = stages.amounts(lab, task)
trials = plan.trials(stages.SCENARIOS, amounts, lab.settings.downstream_sets)
probabilities, failures = plan.run_all(lab, task, trials)
for reason, failed in failures.items():
    print(f"{len(failed)} trials could not run: {reason}")
print(f"{len(probabilities)} trials; amounts per class {amounts} (the paper: 200, 400, 600)")

# %% [markdown]
# The accuracy of a class is the share of its test images that a trial classifies correctly.

# %%
tested = classification.tested_classes(task, task.rare)
by_amount = {
    scenario: classification.accuracy_by_amount(task, probabilities, scenario, amounts, tested)
    for scenario in ("synthetic", "classical")
}
most = amounts[-1]
by_scenario = classification.accuracy_by_scenario(task, probabilities, most, tested)

# %% [markdown]
# ## Accuracy against images added

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-6", "caption": "Accuracy of the rare classes against the number of synthetic images added per class (the paper's Fig. 6). The line is the mean; the band spans all trials."}, "image": {"alt": "A panel per class with a line and a band"}}
nothing = "no rare class has both training and held-out images"
drawing = figures.figure_6(by_amount["synthetic"], "synthetic") if tested else figures.not_computed(nothing)
this.figure(drawing, "figure-6")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-7", "caption": "Accuracy of the rare classes with classical augmentation in the same amounts (the paper's Fig. 7)."}, "image": {"alt": "A panel per class with a line and a band"}}
drawing = figures.figure_6(by_amount["classical"], "classical") if tested else figures.not_computed(nothing)
this.figure(drawing, "figure-7")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-8", "caption": "Accuracy of the rare classes with the largest amount added (the paper's Fig. 8). Bars are means; dots are trials."}, "image": {"alt": "Grouped bars per class: nothing added, classical, synthetic"}}
this.figure(figures.figure_8(by_scenario) if tested else figures.not_computed(nothing), "figure-8")

# %% [markdown]
# A rising line suggests a gain. With few test images a line may also rise by chance, so the paired differences below decide.

# %% tags=["hide-input"]
untested = [name for name in task.rare if name not in tested]
if untested:
    print(f"no accuracy, because no image is held out: {', '.join(untested)}")
if tested and not any(np.nan_to_num(v).any() for row in by_scenario.values() for v in row.values()):
    print("No trial recognises a rare class. Raise trial_epochs: short trainings learn only the common classes.")

# %% [markdown]
# (differences)=
# ## Did synthetic images help?
#
# The paper says yes. The table gives paired differences of accuracy at the largest amount, with 95 % bootstrap intervals. A
# class with few test images has a wide interval. More trials narrow it little; only more test images help.

# %%
differences = classification.differences(task, probabilities, most, tested)
gain = {name: f"{after - before:+.3f}" for name, (before, after) in paper.ACCURACY_8_1.items()}
shown = comparisons.with_intervals(differences).rename(columns={"rival": "synthetic against"})
against_none = differences["rival"] == "none"
shown.insert(3, "paper", differences["class"].map(gain).where(against_none).fillna(""))
shown.set_index("class").rename_axis(None)

# %% [markdown]
# The common classes may lose accuracy in exchange. This table gives the accuracy of every class, as the mean ± the standard
# deviation over the trials.


# %%
def over_trials(values):
    return tables.number(np.mean(values), sample_std(values))


cost = classification.accuracy_by_scenario(task, probabilities, most, classification.tested_classes(task))
pd.DataFrame(cost).map(over_trials).rename(columns={"none": "nothing added"})

# %% [markdown]
# ## What the split is worth
#
# In a random split the same active region appears in both the training and the test images, hours or days apart. Here the same
# trials are run on a random and on a blocked split. Any gain from the random split is due to leakage, not to skill. Synthetic
# trials on a random split need a generator that has not seen the test images of that split; `leak_synthetic: 1` trains one. The
# table gives means ± standard deviations over the trials. A dash means that the class has no held-out image.

# %% tags=["remove-stderr"]
worth, notes = classification.split_worth(lab, most)
for line in notes:
    print(line)
pd.DataFrame(worth).T.map(over_trials, na_action="ignore").fillna("–")

# %% tags=["hide-cell"]
shares = [values for row in by_scenario.values() for values in row.values()]
assert all(((values >= 0) & (values <= 1) | np.isnan(values)).all() for values in shares)
records.figure_6_and_7(this, by_amount, most)
records.figure_8(this, by_scenario, most)
records.accuracy(this, differences, most, absent)

# %% [markdown]
# ## Takeaways
#
# - The paper claims that synthetic images raise the accuracy of rare classes. {ref}`The table <differences>` shows what this run
#   finds, with intervals.
# - An accuracy from few test images needs an interval. An accuracy on a random split includes leakage.
#
# **Next:** {doc}`08_2_forecasting` tests whether synthetic images help a forecast.
