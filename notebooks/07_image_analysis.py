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
# For each class the paper shows how much every pixel varies, over real and over generated images ({cite:t}`ramunno2024`, Sect.
# 7). It concludes three things from these maps. Active regions are never in exactly the same place as in the training set. They
# are never at the poles. Generated A images hardly vary, although real ones do. This page draws the maps and measures three
# things: how well they agree, how much of the variance lies near the poles, and how much an average pixel varies.
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

from solarsynth import CLASSES, figures, stages
from solarsynth.book import page, records
from solarsynth.metrics import physics
from solarsynth.pixels import DISK_RADIUS

this = page.begin("07_image_analysis", globals())
lab, s = this.lab, this.lab.settings
print(this.source_note)

# %% [markdown]
# The discrete model draws `map_images` images of every class that has at least two training images.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
training, unit = stages.training_images(lab), stages.labelled_set(lab).unit
drawable = [name for name in stages.drawable_classes(lab) if (training.label == CLASSES.index(name)).sum() > 1]
drawn = stages.sample_set(lab, dict.fromkeys(drawable, s.map_images), seed=2000 + seed)

# %% [markdown]
# ## The maps
#
# The two maps of a class share one scale. A map of few images is noisy: with five training images, the active regions of each
# single image are visible in it.

# %%
by_class = {name: [one.image[one.label == CLASSES.index(name)] for one in (training, drawn)] for name in drawable}
maps = {name: (physics.std_map(real), physics.std_map(generated)) for name, (real, generated) in by_class.items()}

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-4", "caption": "Standard deviation of each pixel over real training images (top) and samples (bottom), per class, in units of the 8-bit range (the paper's Fig. 4)."}, "image": {"alt": "Two rows of full-disk maps, a column per class: bright where images vary"}}
this.figure(figures.figure_4(maps), "figure-4")

# %% [markdown]
# Bright belts in the upper row are the latitudes at which active regions occur. A good generator shows the same belts.
#
# (maps)=
# *Agreement* is the correlation of the two maps over the inner nine tenths of the disk's radius. Its *floor* shows what real
# images reach: the map of some real images is compared with the map of all others. It uses as many real images as were drawn,
# but at most half of them. If the agreement lies within the floor, this number cannot distinguish the generator from the Sun.
# The last columns give the share of the disk's variance beyond 60° of latitude, where no active region should be, and the
# standard deviation averaged over all pixels.

# %%
radius = s.image_size * DISK_RADIUS[unit]  # of the disk, in pixels
rows = {}
for name, (real, generated) in by_class.items():
    size = min(len(generated), len(real) // 2)
    floor = physics.agreement_floor(real, radius, size, s.floor_draws) if size >= 2 else [np.nan]
    rows[name] = {"real": len(real), "drawn": len(generated)}
    rows[name] |= {"agreement": physics.map_agreement(*maps[name], radius)}
    rows[name] |= {f"floor, {q} %": np.percentile(floor, q) for q in (5, 95)}
    both = dict(zip(("real", "drawn"), maps[name], strict=True))
    rows[name] |= {f"beyond 60°, {title}": physics.polar_share(one, radius) for title, one in both.items()}
    rows[name] |= {f"mean std, {title}": one.mean() for title, one in both.items()}
table = pd.DataFrame.from_dict(rows, orient="index")
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
records.figure_4(this, table)

# %% [markdown]
# ## Takeaways
#
# - A map shows where samples vary. The agreement says how well the map matches that of real images. The floor says what
#   agreement real images reach.
# - A class with fewer than two training images has no map and is left out.
#
# **Next:** {doc}`08_1_classification` tests whether synthetic flares help a classifier.
