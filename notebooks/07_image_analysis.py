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
# # 7 · Image analysis: where on the Sun the samples vary
#
# For each class the paper shows how much every pixel varies, over real and over generated images ({cite:t}`ramunno2024`, Sect. 7), and reads
# three things from these maps: active regions are never in exactly the same place as in the training set, never at the poles, and
# generated A images hardly vary although real ones do. This page draws the maps and gives each of them a number.
#
# | Paper | Here |
# | --- | --- |
# | Fig. 4, standard-deviation maps | {numref}`figure-4`, {ref}`the table <maps>` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
guidance: float = None  # w of Eq. 6; None: as the profile says
map_images: int = None  # images drawn per class

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import CLASSES, figures, page
from solarsynth.experiments import progress_line
from solarsynth.metrics import physics
from solarsynth.observations.simulated import DISK_RADIUS

this = page.begin("07_image_analysis", globals())
run = this.run
print(this.source_note)

# %% tags=["hide-output", "remove-stderr"]
print(run.model_entry("discrete", report=progress_line("training")))
labelled, s = run.dataset, run.settings
drawable = [name for name in run.classes_to_draw() if labelled.counts(test=False)[name] > 1]
drawn, drawn_label = run.samples({name: s.map_images for name in drawable}, seed=2000 + seed)

# %% [markdown]
# ## The maps
#
# One scale per class, shared by its two maps. A map of few images is noisy: of a class with five training images the
# map shows five Suns.

# %% tags=["hide-input"]
radius = s.image_size * (DISK_RADIUS if labelled.unit == "DN/s" else 0.425)
maps, rows = {}, []
for name in drawable:
    real = labelled.image[(labelled.label == CLASSES.index(name)) & ~labelled.test]
    generated = drawn[drawn_label == CLASSES.index(name)]
    maps[name] = physics.std_map(real), physics.std_map(generated)
    size = min(len(generated), len(real) // 2)
    floor = physics.agreement_floor(real, radius, size, s.floor_draws) if size >= 2 else np.array([np.nan])
    rows.append(
        {
            "class": name,
            "real": len(real),
            "drawn": len(generated),
            "agreement": physics.map_agreement(*maps[name], radius),
            "floor, 5 %": np.percentile(floor, 5),
            "floor, 95 %": np.percentile(floor, 95),
            "beyond 60°, real": physics.polar_share(maps[name][0], radius),
            "beyond 60°, drawn": physics.polar_share(maps[name][1], radius),
            "mean spread, real": maps[name][0].mean(),
            "mean spread, drawn": maps[name][1].mean(),
        }
    )
table = pd.DataFrame(rows).set_index("class").rename_axis(None)

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-4", "caption": "Standard deviation of each pixel over real training images (top) and samples (bottom), per class, in units of the 8-bit range (the paper's Fig. 4)."}, "image": {"alt": "Two rows of full-disk maps, a column per class: bright where images vary"}}
this.figure(figures.figure_4(maps), "figure-4")

# %% [markdown]
# (maps)=
# *Agreement* is the correlation of the two maps over the inner nine tenths of the disk. Its floor is the agreement of as many real images (at most half of them)
# with the other real ones: a generator cannot be told from the Sun once it lies there. The last columns say how much of the disk's variance lies
# beyond 60° of latitude, where no active region should be, and how much an average pixel varies.

# %% tags=["hide-input"]
table.round(3)

# %% tags=["hide-input"]
for name, row in table.iterrows():
    if np.isnan(row["floor, 5 %"]):
        verdict = "too few real images for a floor"
    elif row["agreement"] >= row["floor, 5 %"]:
        verdict = "within what real images reach among themselves"
    else:
        verdict = "below what real images reach among themselves"
    print(f"{name}: agreement {row['agreement']:.2f}, {verdict}")

# %% tags=["hide-cell"]
assert table["agreement"].between(-1, 1).all()
assert table[["beyond 60°, real", "beyond 60°, drawn"]].stack().between(0, 1).all()

this.record(
    "figure-4",
    status="not-comparable",
    why=f"the paper shows maps without numbers; ours are {this.on_archive}, with the agreement's real-against-real floor",
    ours={"agreement": {name: round(float(v), 3) for name, v in table["agreement"].items()}},
    floor={
        name: [round(float(row["floor, 5 %"]), 3), round(float(row["floor, 95 %"]), 3)]
        for name, row in table.iterrows()
        if np.isfinite(row["floor, 5 %"])
    },
)

# %% [markdown]
# ## Takeaways
#
# - A map says where samples vary, a number how well that agrees with the Sun, and its floor what that number is worth.
# - A class without at least two training images has no map and is left out by rule.
#
# **Next:** {doc}`08_1_classification`, whether synthetic flares help a classifier.
