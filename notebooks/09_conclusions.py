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
# The paper concludes that a diffusion model draws the Sun with a flare of a chosen class, that labels ask better than fluxes or embeddings, and that
# such images make up for the rarity of large flares. This page sets each claim beside what this run found; the pages before it
# say how, and what each number is worth.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling

# %% tags=["hide-input"]
import pandas as pd

from solarsynth import ledger, page, tables

this = page.begin("09_conclusions", globals())
print(this.source_note)

# %% [markdown]
# ## Claim by claim

# %% tags=["hide-input"]
entries = ledger.read(this.folder)
with pd.option_context("display.max_colwidth", None):
    display(tables.claims(entries))

# %% [markdown]
# A value that differs on another archive, at another size, refutes nothing: {doc}`../status` says for every item on what the two differ. What a claim needs to be checked at full size is a profile away, `gpu` or `paper`, and the paper's data, `sdoml`.
#
# ## How the items stand in this run

# %% tags=["hide-input"]
for status in ledger.STATUSES:
    print(f"{status:>15}: {sum(entry['status'] == status for entry in entries.values())}")

# %% tags=["hide-cell"]
assert sum(entry["status"] in ledger.STATUSES for entry in entries.values()) == len(entries)

# %% [markdown]
# ## What we would keep
#
# - **No value without the value of real images at the same size.** Most published metrics of generators have none.
# - **No skill without persistence, no accuracy without the interval of its test images.** Rare classes are rare in the test set, too.
# - **Blocks of time, not single frames, on either side of a split.** An active region crosses the disk in two weeks.
#
# **Next:** {doc}`c_resolution` and {doc}`d_class_scores`, the appendices.
