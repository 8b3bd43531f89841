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
# from classical augmentation. It uses one split and three sets per amount. It gives no interval.
#
# This page repeats the experiment with blocks of weeks held out in turn, with controls, and with intervals. The answer stands
# right after the trials.
#
# | Paper | Here |
# | --- | --- |
# | Fig. 6, accuracy with synthetic images | {numref}`figure-6` |
# | Fig. 7, accuracy with classical augmentation | {numref}`figure-7` |
# | Fig. 8, the three side by side | {numref}`figure-8`, with three controls |
# | Accuracy of A and M with 600 images | {ref}`the table <differences>` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
downstream_scale: float = None  # factor on the paper's 200, 400 and 600 images per class
downstream_sets: int = None  # disjoint sets per amount, three in the paper
trial_steps: int = None  # longest training of each classifier in optimiser steps; about 2400 in the paper
fold_generators: int = None  # 1: every fold gets a generator and synthetic trials; 0: only this run's own fold
leak_synthetic: int = None  # 1: the random split gets generators and synthetic trials of its own; 0: it does not

# %% tags=["hide-input"]
import pandas as pd

from solarsynth import figures, stages
from solarsynth.book import page, paper, records
from solarsynth.downstream import classification, comparisons, leak, plan, pooled, scores
from solarsynth.stages.trials import SCENARIOS

this = page.begin("08_1_classification", globals())
lab = this.lab
print(this.source_note)

# %% [markdown]
# ## The trials
#
# A trial trains one classifier. The scenarios differ in what they do with the rare classes A, M and X:

# %% tags=["hide-input"]
with pd.option_context("display.max_colwidth", None):
    display(pd.Series(SCENARIOS, name="what is done").to_frame())

# %% [markdown]
# The last three are controls. *Duplicates* and *weights* raise the share of the rare classes without a new image. *Withheld*
# takes real images away. What it loses is what as many real images more are worth.
#
# All trials take the same number of optimiser steps. They look at validation blocks equally often and keep their best state.
#
# Each fold holds out other blocks of weeks. Over all folds every image is tested once. A synthetic trial needs a generator that
# has not seen the test images of its fold. It learns from the same images as the classifiers, so no arm has more of them. With `fold_generators: 0` only one fold has a generator. Then synthetic trials, and
# classical trials with smaller amounts, run in this fold only. A comparison uses the test images that both sides have.

# %%
folds, notes = plan.cross_validation(lab, stages.classes_task)
data = pooled.pool([fold.task for fold in folds])
absent = [name for name in stages.RARE if name not in data.rare]
print("classes with added images:", ", ".join(data.rare) or "none")
print("rare classes without a training image:", ", ".join(absent) or "none")
print(plan.withheld_note(folds))
pd.DataFrame(plan.counts(folds)).T

# %% tags=["hide-output", "remove-stderr"]
trials = plan.planned(folds, lab.settings.downstream_sets)
predictions, failures = plan.run(folds, trials)
for line in [*notes, *(f"{count} trials could not run: {reason}" for reason, count in failures.items())]:
    print(line)
amounts = stages.amounts(lab, folds[0].task)
most = amounts[-1]
print(f"amounts per class {amounts} (the paper: 200, 400, 600); {lab.settings.trial_steps} steps per trial")

# %% [markdown]
# ## The answer
#
# The accuracy of a class is the share of its test images that a trial classifies correctly. Macro recall is the mean accuracy of
# the classes with test images of at least five active regions. Without skill nothing can help or hurt. So this page gives no
# verdict if the macro recall of the classifiers without added images does not exceed chance.

# %%
tested = classification.tested_classes(data, data.rare)
differences, skill = classification.differences(data, predictions, folds, tested)
for line in comparisons.answer(differences, skill):
    print(line)
never = classification.never_given(predictions, tested)
if never:
    print(f"No trial gives these classes to any test image, so their accuracy is 0 throughout: {', '.join(never)}")

# %% [markdown]
# | Verdict | When it is given |
# | --- | --- |
# | *helped*, *hurt* | The difference is above 0, or below 0, with p below 0.05 after Holm's correction. |
# | *can't be told apart* | It is not. |
# | *too few to tell* | Fewer than five active regions or five blocks decide it, or fewer than two pairs of trials. |
# | *cannot be tested here* | The classifier without added images has no skill. |
#
# (differences)=
# ## Comparisons
#
# The table gives paired differences between trials of the same seed, with 95 % intervals. The intervals resample what is
# independent: active regions, blocks of weeks, and trainings. The p-values are corrected for the number of rows (Holm 1979).
# *Helped* is said of the arm. In the rows against *withheld* it means that the real images help.

# %%
shown = comparisons.shown(differences)
gain = {f"accuracy of {name}": f"{after - before:+.2f}" for name, (before, after) in paper.ACCURACY_8_1.items()}
row = (differences["arm"] == "synthetic") & (differences["against"] == "none")
shown.insert(3, "paper", differences["score"].map(gain).where(row).fillna("").to_numpy())
shown

# %% [markdown]
# ## Scores
#
# The table gives every set-up on all test images that it has. *AUC* is the probability that an image of the class gets a higher
# score for it than an image of another class; chance is 0.5. The *majority class* always gives the commonest class.

# %%
print("accuracy above the majority class:", scores.text(classification.above_majority(data, predictions), "+"))
scores.shown_table(classification.table_of_scores(data, predictions))

# %% [markdown]
# ## Accuracy against images added
#
# All lines and bars use the same test images: those that every set-up has. A line may rise by chance. The comparisons above
# decide.

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-6", "caption": "Accuracy of the rare classes against the number of synthetic images added per class (the paper's Fig. 6). The line is the mean; the band spans all trials."}, "image": {"alt": "A panel per class with a line and a band"}}
by_amount = {s: classification.accuracy_by_amount(data, predictions, s, tested) for s in ("synthetic", "classical")}
nothing = "no rare class has both training and held-out images"
drawing = figures.figure_6(by_amount["synthetic"], "synthetic") if tested else figures.not_computed(nothing)
this.figure(drawing, "figure-6")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-7", "caption": "Accuracy of the rare classes with classical augmentation in the same amounts (the paper's Fig. 7)."}, "image": {"alt": "A panel per class with a line and a band"}}
drawing = figures.figure_6(by_amount["classical"], "classical") if tested else figures.not_computed(nothing)
this.figure(drawing, "figure-7")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-8", "caption": "Accuracy of the rare classes with the largest amount (the paper's Fig. 8), and with the controls. Bars are means; dots are trials."}, "image": {"alt": "Grouped bars per class, a bar per scenario"}}
by_scenario = classification.accuracy_by_scenario(data, predictions, tested)
this.figure(figures.figure_8(by_scenario) if tested else figures.not_computed(nothing), "figure-8")

# %% [markdown]
# The common classes may lose accuracy in exchange. This table gives the accuracy of every class on the same test images, with
# its 95 % interval.

# %%
every = classification.tested_classes(data)
cost = classification.accuracy_by_scenario(data, predictions, every, of=scores.measure)
pd.DataFrame(cost).map(scores.text)

# %% [markdown]
# ## What the split is worth
#
# In a random split the same active region appears in both the training and the test images, hours or days apart. Here the same
# trials are run on a blocked and on a random split, each with its own cross-validation. The interval of the difference takes the
# two as independent. They share the archive, so the true interval is narrower. The random split has no purge and more images to
# learn from. A higher score on it is leakage, or what these images are worth.

# %% tags=["remove-stderr"]
worth, notes = leak.split_worth(lab, stages.classes_task, classification.split_scores, lab.settings.downstream_sets)
for line in [*notes, *leak.answer(worth)]:
    print(line)
leak.shown(worth)

# %% tags=["hide-cell"]
shares = [values for row in by_scenario.values() for values in row.values()]
assert all(((values >= 0) & (values <= 1) | (values != values)).all() for values in shares)
measured = {s: classification.accuracy_by_amount(data, predictions, s, tested, scores.measure) for s in by_amount}
records.figure_6_and_7(this, measured, most)
records.figure_8(this, classification.accuracy_by_scenario(data, predictions, tested, scores.measure), most)
records.accuracy(this, differences, most, absent)

# %% tags=["hide-cell"]
can = {"skill": skill.interval, "chance": skill.chance, "why": f"{most} images instead of 600"}
of_m, macro = scores.recall_of(data, "M"), scores.macro_recall(data)
worth_of_real = comparisons.against_real(data, predictions, "synthetic", macro)
for claim, arm, against in (
    ("claim-27", "synthetic", "none"),
    ("claim-30", "classical", "none"),
    ("claim-31", "synthetic", "classical"),
):
    records.claim(this, claim, comparisons.compared(differences, "accuracy of M", arm, against), **can)
records.claim(this, "claim-28", comparisons.trend(data, predictions, "synthetic", of_m), **can)
taken = max((trial.amount for trial in predictions if trial.scenario == "withheld"), default=0)
unfit = "" if taken == most else f"{most} synthetic images per class against {taken} real ones"
records.claim(this, "claim-32", worth_of_real, unfit=unfit, **can)

# %% [markdown]
# ## Takeaways
#
# - The paper claims that synthetic images raise the accuracy of rare classes. {ref}`The table <differences>` shows what this run
#   finds, beside what duplicates, weights and as many real images do.
# - An accuracy needs an interval over regions and trainings. A classifier without skill cannot judge what is added to it.
#
# **Next:** {doc}`08_2_forecasting` tests whether synthetic images help a forecast.
