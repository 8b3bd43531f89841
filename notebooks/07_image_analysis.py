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
# # 7 · Image analysis
#
# The paper shows, for each class, how much every pixel varies over real and over generated images (Fig. 4), and reads two things from
# these maps: active regions are never in exactly the same place as in the training set, and never at the poles. It also finds
# that generated A images hardly vary, although real ones do ({cite:t}`ramunno2024`, Sect. 7).
#
# This page will draw the maps with one shared scale per class, give a number for their agreement with its real-against-real
# floor, and the share of the variance beyond 60° of latitude.
#
# | Paper | Here |
# | --- | --- |
# | Fig. 4, standard-deviation maps | missing |
#
# :::{admonition} Not computed yet
# :class: warning
# This page states what it will reproduce; the ledger says `missing` for each item until it does.
# :::

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling

# %% tags=["hide-input"]
from solarsynth import page

this = page.begin("07_image_analysis", globals())

# %% tags=["hide-input"]
this.record("figure-4", status="missing", why="the maps are not computed yet")

# %% [markdown]
# **Next:** {doc}`08_1_classification`, whether synthetic flares help a classifier.
