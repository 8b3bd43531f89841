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
# | Fig. 9, days per class | {numref}`figure-9` |
# | Figs. 10 and 11, TSS and HSS | missing |
#
# :::{admonition} The forecast itself is not computed yet
# :class: warning
# This page has the daily set; for the skill scores the ledger says `missing`.
# :::

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling

# %% tags=["hide-input"]
from solarsynth import figures, page

this = page.begin("08_2_forecasting", globals())
run = this.run
print(this.source_note)

# %% [markdown]
# ## One frame a day
#
# The paper takes the frame at 00:00 UT of each day and labels it with the strongest flare of the 24 hours that follow. It has 2282 of
# 3287 days: those without a listed flare were dropped, though a forecast has to be made on every day. Both sets:

# %% tags=["hide-input"]
daily = {mode: run.daily(mode) for mode in ("paper", "all-days")}
for mode, (_, counts) in daily.items():
    print(f"{mode}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-9", "caption": "Days per class of the strongest flare in the following 24 hours (the paper's Fig. 9), without and with the days that have no listed flare."}, "image": {"alt": "Two bar charts of the number of days per class"}}
this.figure(figures.figure_9({mode: table["label"].to_numpy() for mode, (table, _) in daily.items()}))

# %% tags=["hide-cell"]
table, counts = daily["paper"]
assert (table["label"] >= 0).all() and counts["days kept"] <= counts["days with a frame"] <= counts["days"]
assert table["day"].is_unique and (table["day"] % 86_400_000 == 0).all()

this.record(
    "figure-9",
    status="not-comparable",
    why="made as in Sect. 8.2, on another archive than the paper's",
    published={"days": 2282},
    ours={"days": counts["days kept"]},
)
for item in ("figure-10", "figure-11", "skill-8.2"):
    this.record(item, status="missing", why="the forecasting experiment has not been run yet")

# %% [markdown]
# **Next:** {doc}`09_conclusions`.
