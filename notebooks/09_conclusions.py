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
# # 9 · Conclusions
#
# The paper draws three conclusions. A diffusion model can generate the Sun with a flare of a chosen class. Labels are a better
# condition than X-ray fluxes or embeddings. Synthetic images compensate for the rarity of large flares. Behind them stand 36
# claims. This page gives each of them a verdict. The earlier pages explain how each number was computed and how uncertain it is.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn

# %% tags=["hide-input"]
import pandas as pd

from solarsynth import tables
from solarsynth.book import claims_page, ledger, page
from solarsynth.tables.verdicts import verdicts

this = page.begin("09_conclusions", globals())
print(this.source_note)

# %% [markdown]
# ## Claim by claim
#
# Every page writes its values with their intervals into a file, the ledger of the run. A rule in the repository gives the verdict.
# Some claims are matters of definition, or of arithmetic with the paper's own numbers; their values have no error.
#
# | Verdict | When it is given |
# | --- | --- |
# | *supported* | The 95 % intervals of all values lie where the claim says. |
# | *contradicted* | The interval of one value lies wholly elsewhere, corrected for their number (Bonferroni). |
# | *cannot tell* | Neither, or the judge has no skill on real images. |
# | *not run* | No page has a value for it; the reason stands beside it. |
#
# *Could have seen* is the smallest distance from the claim's limit that the test would have found with 80 % power at two-sided 5 %.
# Where the paper has an effect in the same unit, compare the two: a test that could not have seen it says nothing. A claim about several
# values shows the one that is farthest from it. Intervals over trainings say how far trainings on the same images differ, and
# nothing about other images. Each claim is tested at 5 % by itself, so about one in forty would be supported by chance, and as
# many contradicted.

# %%
claims = ledger.read_claims(this.folder)
print(claims_page.sentence(claims).replace("**", ""))
for line in claims_page.interpretation(claims):
    print(line)

# %%
with pd.option_context("display.max_colwidth", None, "display.max_rows", None):
    display(verdicts(claims))

# %% [markdown]
# The tests, and where the value must lie for the claim to hold:

# %%
with pd.option_context("display.max_colwidth", None, "display.max_rows", None):
    display(pd.Series({name: one["test"] for name, one in claims.items()}, name="test").to_frame())

# %% [markdown]
# ## The paper's headlines
#
# This table puts the numbers of the paper's conclusions beside those of this run.

# %%
entries = ledger.read(this.folder)
with pd.option_context("display.max_colwidth", None):
    display(tables.claims(entries))

# %% [markdown]
# A different value on another archive, or with smaller networks, does not refute the paper. {doc}`../status` lists for every item
# how this run differs from the paper. To check a claim at full size, run the profile `gpu` or `paper` on the paper's data,
# `source: sdoml`.
#
# ## How the items stand in this run
#
# | Status | When it is given |
# | --- | --- |
# | `reproduced` | The item is a count or a size, and it equals the paper's. |
# | `differs` | The item is a count or a size, and it does not equal the paper's. |
# | `not-comparable` | The item is computed as in the paper, but on another archive, or the paper gives no number for it. |
# | `missing` | The item is not computed. |

# %%
for status in ledger.STATUSES:
    print(f"{status:>15}: {sum(entry['status'] == status for entry in entries.values())}")

# %% [markdown]
# ## What we recommend
#
# - **Compare every metric of generated images with the same metric of as many real images.** A value alone does not show what a
#   perfect generator would reach.
# - **Compare every forecast with persistence, and give every accuracy with an interval over the test images.** Rare classes are
#   rare in the test set, too.
# - **Split the data by blocks of time, not by single frames.** An active region crosses the disk in two weeks.
#
# **Next:** the appendices {doc}`c_resolution` and {doc}`d_class_scores`.
