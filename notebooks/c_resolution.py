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
# # C · 128 pixels
#
# Appendix C of the paper draws Suns of 128 × 128 px with a network that has two attention blocks fewer, trained on an A100 since the
# smaller card's memory did not suffice, and finds no artefacts at first sight.
#
# | Paper | Here |
# | --- | --- |
# | Fig. C.1, images of 128 px | missing |
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

this = page.begin("c_resolution", globals())

# %% tags=["hide-input"]
this.record("figure-c.1", status="missing", why="no model of 128 px is trained yet")

# %% [markdown]
# **Next:** {doc}`d_class_scores`.
