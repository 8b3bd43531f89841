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
# Will there be a flare of class M or X within 24 hours? The paper answers from one frame a day and reaches a true skill statistic of 0.35 ± 0.02
# and a Heidke score of 0.18 ± 0.02 with synthetic images in training (Sect. 8.2). Its error bars span amounts of augmentation, not seeds, and it compares with no
# baseline.
#
# This page will add seeds, the persistence and climatology forecasts that any forecast has to beat, a reliability diagram, and
# the days without a flare that the paper's daily set leaves out.
#
# | Paper | Here |
# | --- | --- |
# | Fig. 9, days per class | missing |
# | Figs. 10 and 11, TSS and HSS | missing |
#
# :::{admonition} Not computed yet
# :class: warning
# This page states what it will reproduce; the ledger says `missing` for each item until it does.
# :::

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, or archive (then set data)
data: str = ""  # folder of an archive, with source "archive"
seed: int = 0  # seed of training and sampling

# %% tags=["hide-input"]
from solarsynth import page

this = page.begin("08_2_forecasting", globals())

# %% tags=["hide-input"]
for item in ("figure-9", "figure-10", "figure-11", "skill-8.2"):
    this.record(item, status="missing", why="the forecasting experiment has not been run yet")

# %% [markdown]
# **Next:** {doc}`09_conclusions`.
