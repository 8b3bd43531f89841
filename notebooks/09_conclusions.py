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
# The paper concludes that a diffusion model draws the Sun with a flare of a chosen class, and that such images make up for the rarity of
# large flares. What of that this companion confirms stands in {doc}`../status`, item by item, with the value of each
# side; this page will draw it together once Sections 7 and 8 are computed.
#
# How the items stand in this run:

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling

# %% tags=["hide-input"]
from solarsynth import ledger, page

this = page.begin("09_conclusions", globals())

# %% tags=["hide-input"]
entries = ledger.read(this.folder)
for status in ledger.STATUSES:
    print(f"{status:>15}: {sum(entry['status'] == status for entry in entries.values())}")

# %% [markdown]
# **Next:** {doc}`c_resolution` and {doc}`d_class_scores`, the appendices.
