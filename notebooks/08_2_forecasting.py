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
# # 8.2 · Use: forecasting
#
# Will there be a flare of class M or X within 24 hours? The paper answers from one frame a day. With synthetic images among the
# training images it reaches a true skill statistic (TSS) of 0.35 ± 0.02 and a Heidke skill score (HSS) of 0.18 ± 0.02 (Sect.
# 8.2). Its error bars span amounts of augmentation, not seeds, and it compares the forecast with no baseline.
#
# Here blocks of weeks are held out in turn, every set-up has several seeds, and the forecast is compared with persistence and
# climatology. The answer stands right after the trials.
#
# | Paper | Here |
# | --- | --- |
# | Fig. 9, days per class | {numref}`figure-9` |
# | Fig. 10, true skill statistic | {numref}`figure-10`, with three controls |
# | Fig. 11, Heidke skill score | {numref}`figure-11`, with three controls |
# | TSS and HSS with synthetic images | {ref}`the table <skills>` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
downstream_scale: float = None  # factor on the paper's 50 to 500 images per class
forecast_seeds: int = None  # classifiers per set-up
trial_steps: int = None  # longest training of each classifier in optimiser steps; about 2400 in the paper
daily_images: int = None  # length of the diffusion model's training in images
fold_generators: int = None  # 1: every fold gets a generator and synthetic trials; 0: only this run's own fold
leak_synthetic: int = None  # 1: the random split gets generators and synthetic trials of its own; 0: it does not
days: str = "paper"  # paper: days with a listed flare only; all-days: a day without one is a quiet day

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import figures, stages
from solarsynth.book import page, records
from solarsynth.downstream import baselines, comparisons, forecasting, leak, plan, pooled, scores
from solarsynth.errors import SolarsynthError
from solarsynth.times import DAY

this = page.begin("08_2_forecasting", globals(), own=("days",))
lab = this.lab
print(this.source_note)

# %% [markdown]
# ## One frame a day
#
# The paper takes the frame at 00:00 UT of each day and labels it with the strongest flare of the 24 hours that follow. This page
# takes the last frame before 00:00 UT, at most two hours old. A later frame could show a flare that it is meant to forecast. The
# paper keeps 2282 of 3287 days. It drops days without a listed flare, although a forecast has to be made on every day. The counts
# below are given without those days (`paper`) and with them (`all-days`).

# %%
daily = {mode: stages.daily_table(lab, mode) for mode in ("paper", "all-days")}
for mode, (_, counts) in daily.items():
    print(f"{mode}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-9", "caption": "Days per class of the strongest flare in the following 24 hours (the paper's Fig. 9), without and with the days that have no listed flare."}, "image": {"alt": "Two bar charts of the number of days per class"}}
this.figure(figures.figure_9({mode: table["label"].to_numpy() for mode, (table, _) in daily.items()}))

# %% [markdown]
# ## The trials
#
# A diffusion model is trained on the training days alone, with five classes. The classifier answers yes or no. Its cross-entropy
# gives *yes* the weight 0.9 and *no* the weight 0.1, and its learning rate follows a cosine, as in the paper. Classical copies
# are flipped top to bottom and rotated by up to 10°. The scenarios and controls are those of {doc}`08_1_classification`, and so
# are the folds: all trials take the same number of steps, and with `fold_generators: 0` only one fold has synthetic trials.
#
# The forecast needs days with and without a strong flare (M or X) in all parts of a fold. A fold without them is left out. If no
# fold is left, the rest of this page says *not computed*.

# %% tags=["hide-output", "remove-stderr"]
folds, why, amounts, predictions = [], "", (0,), {}
try:
    folds, notes = plan.cross_validation(lab, lambda there: stages.days_task(there, days))
    data = pooled.pool([fold.task for fold in folds])
    amounts = stages.amounts(lab, folds[0].task)
    predictions, failures = plan.run(folds, plan.planned(folds, lab.settings.forecast_seeds))
    for line in [*notes, *(f"{count} trials could not run: {reason}" for reason, count in failures.items())]:
        print(line)
    print(f"amounts per class {amounts} (the paper: 50, 100, 200, 300, 400, 500); {lab.settings.trial_steps} steps")
except SolarsynthError as error:
    why = str(error)
    print(f"not computed: {why}")

# %%
print(plan.withheld_note(folds) if folds else "no fold can be used")
pd.DataFrame(plan.counts(folds)).T

# %% [markdown]
# ## The answer
#
# *AUC* is the probability that a strong day gets a higher forecast than a quiet day of the same fold; chance is 0.5. It needs no
# threshold. Without skill nothing can help or hurt. So this page gives no verdict if the AUC of the classifiers without added
# images does not exceed chance.

# %%
differences, skill = forecasting.differences(data, predictions) if folds else (None, None)
for line in comparisons.answer(differences, skill) if folds else [f"Not computed: {why}"]:
    print(line)
for line in forecasting.silent(predictions) if folds else []:
    print(line)

# %% [markdown]
# A trial that flags no day has a TSS and an HSS of 0 because it says nothing. The lines above name such trials.
#
# ## Comparisons
#
# The table gives paired differences between trials of the same seed on the test days that both have, with 95 % intervals. The
# intervals resample active regions, blocks of weeks and trainings. The p-values are corrected for the number of rows (Holm 1979).
# The verdicts are those of {doc}`08_1_classification`.

# %%
comparisons.shown(differences) if folds else why

# %% [markdown]
# (skills)=
# ## Skill
#
# *Persistence* forecasts a strong flare if one was listed in the 24 hours before 00:00 UT. It uses the flare list and no frame.
# A model that does not beat persistence is of little use. *Climatology* forecasts the same probability every day: the share of
# training days with a strong flare. It flags no day, so its TSS and HSS are 0 by definition. Its Brier score is the reference:
# the *Brier skill* is 1 − Brier score / that of climatology. *Flux history* is a logistic regression on two numbers: the largest
# X-ray flux of the 24 and of the 72 hours before 00:00 UT. It learns from the same days as the classifiers, and sees no frame.
#
# A trial gives a probability. Its forecast is *yes* from a threshold on. *TSS* and *HSS* use the threshold with the highest TSS
# on the validation days of the fold. *TSS at 0.5* uses 0.5. Each set-up is measured on all test days that it has.

# %%
rivals = baselines.all_baselines(data, folds) if folds else {}
scores.shown_table(forecasting.table_of_scores(data, predictions, rivals)) if folds else why

# %% [markdown]
# Is a classifier better than what needs no frame? The table gives paired differences on the same test days: every seed with the
# one baseline. Intervals, Holm's correction and what is too few are those of the comparisons above. The Brier skill is compared with
# the weights of the loss undone; they raise the probabilities on purpose, and in the table above they stand as they are.

# %%
judged = forecasting.compared_scores(data) if folds else ()
beaten = baselines.against(data, predictions, rivals, judged, forecasting.STRONG_WEIGHTS) if folds else None
for line in baselines.answer(beaten) if folds else [f"Not computed: {why}"]:
    print(line)
baselines.shown(beaten) if folds else why

# %% [markdown]
# In the figures all set-ups use the same test days: those that every set-up has.

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-10", "caption": "True skill statistic on the test days (the paper's Fig. 10), with the controls: dots are seeds, bars are means, lines are the baselines with their 95 % intervals."}, "image": {"alt": "Dots per set-up and two horizontal lines"}}
nothing = {"TSS": {}, "HSS": {}}
values = forecasting.skills(data, predictions) if folds else nothing
lines = forecasting.baselines(data, predictions) if folds else nothing
drawing = figures.figure_10(values["TSS"], lines["TSS"], "TSS") if folds else figures.not_computed(why)
this.figure(drawing, "figure-10")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-11", "caption": "Heidke skill score on the test days (the paper's Fig. 11), with the controls: dots are seeds, bars are means, lines are the baselines with their 95 % intervals."}, "image": {"alt": "Dots per set-up and two horizontal lines"}}
drawing = figures.figure_10(values["HSS"], lines["HSS"], "HSS") if folds else figures.not_computed(why)
this.figure(drawing, "figure-11")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-reliability", "caption": "Reliability: observed frequency against forecast probability (left) and the number of forecasts by probability (right), all seeds together. The weights of the cross-entropy raise the probabilities of a strong flare. The threshold corrects the forecasts for that, but the probabilities stay biased."}, "image": {"alt": "Curves against a diagonal, and histograms"}}
by_setup = forecasting.reliability(data, predictions) if folds else {}
shown = {
    name: by_setup[name]
    for name in by_setup
    if name in ("none", *(f"{s} {amounts[-1]}" for s in ("classical", "synthetic")))
}
this.figure(figures.reliability(shown) if folds else figures.not_computed(why))

# %% [markdown]
# The weights of the loss are known, so they can be undone: they raise the odds of *yes* by a factor of 9. The table gives how often
# a strong flare follows where a probability was forecast, with 95 % intervals over regions and blocks. The forecast of a set-up is
# the mean of its seeds. It is contradicted where the interval excludes the probability. One of twenty intervals does so by chance, and a
# wide one contradicts nothing.

# %%
groups = forecasting.without_weights(predictions) | {name: [one] for name, one in rivals.items()}
groups.pop("persistence", None)  # it is certain
observed = baselines.reliability(data, groups) if folds else why
observed.assign(observed=observed["observed"].map(scores.text)).round({"probability": 3}) if folds else why

# %% [markdown]
# ## A column that looks ahead
#
# A table with a column *maximum flux* is easily off by one window: the maximum of the 24 hours that are to be forecast stands
# where that of the 24 hours before belongs. (One of the flare tables of SuryaBench has such a column.) The next table shows what
# that does, with a logistic model of this one column, on the days of this page. The first row is a forecast. In the second the
# column reaches 24 hours too far, in training and in the test. The third is the model of the second row in use: at 00:00 UT its
# column can only hold what has happened.

# %%
ahead, trap = {}, why
try:
    ahead = baselines.looking_ahead(folds) if folds else {}
    trap = scores.shown_table(forecasting.table_of_scores(data, {}, ahead)) if folds else why
except SolarsynthError as error:
    print(f"not computed: {error}")
trap

# %% [markdown]
# ## What the split is worth
#
# Here the same trials are run on a blocked and on a random split of the days, each with its own cross-validation. The interval of
# the difference takes the two as independent. They share the archive, so the true interval is narrower. The random split has no
# purge and more days to learn from. A higher score on it is leakage, or what these days are worth.

# %% tags=["remove-stderr"]
task_of, seeds = lambda there: stages.days_task(there, days), lab.settings.forecast_seeds
worth, notes = leak.split_worth(lab, task_of, forecasting.split_scores, seeds)
for line in [*notes, *leak.answer(worth)]:
    print(line)
leak.shown(worth)

# %% tags=["hide-cell"]
labels, counts = daily["paper"]
assert (labels["label"] >= 0).all() and counts["days kept"] <= counts["days with a frame"] <= counts["days"]
assert all(np.isfinite(one.probability).all() for one in (*rivals.values(), *ahead.values()))
assert labels["day"].is_unique and (labels["day"] % DAY == 0).all()
measured = forecasting.skills(data, predictions, scores.measure) if folds else nothing
records.figure_9(this, counts["days kept"])
records.figure_10_and_11(this, measured, lines, why)
records.skill(this, measured, lines, differences, amounts[-1], why)

# %% tags=["hide-cell"]
can = {"skill": skill.interval, "chance": skill.chance} if skill else {}
for claim, arm in (("claim-33", "synthetic"), ("claim-34", "classical")):
    both = {n: comparisons.compared(differences, n, arm, "none") for n in forecasting.SKILLS} if folds else {}
    records.claim(this, claim, both, why=why or f"{amounts[-1]} images per class instead of 500", **can)

# %% [markdown]
# ## Takeaways
#
# - The paper claims that synthetic images raise TSS and HSS. The tables show what this run finds, with intervals over days and
#   seeds.
# - A forecast should always be compared with persistence and with a model of the flux history. They need no frame and are hard to
#   beat.
# - A score near 1 is a reason to look for a column that looks ahead.
#
# **Next:** {doc}`09_conclusions` sets the paper's claims beside these results.
