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
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
guidance: float = None  # w of Eq. 6; None: as the profile says
map_images: int = None  # images drawn per class

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import CLASSES, figures, stages, tables
from solarsynth.book import page, records
from solarsynth.evaluation import evidence
from solarsynth.evaluation import maps as maps_of
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
drawn = stages.sample_set(lab, dict.fromkeys(drawable, s.map_images), seed=2000)

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
# *Agreement* is the correlation of the map of the samples with the map of the training images, over the inner nine tenths of the
# disk's radius. Its *floor* shows what real images of other weeks reach. Whole blocks of the class are left out, and the map of
# their images is compared with the map of the others, with as many images as in the comparison. The ± is the error over parts of
# the samples. Samples mix all weeks, and left-out images come from a few. Samples may therefore agree better than they do. *Held out* is the map of held-out images.

# %%
radius = s.image_size * DISK_RADIUS[unit]  # of the disk, in pixels
drawn_images = {name: generated for name, (_, generated) in by_class.items()}
found = maps_of.agreements(stages.labelled_set(lab), drawn_images, radius, s.floor_draws)
rows = {
    name: {
        "agreement": tables.number(v.value, v.error),
        "held out": tables.number(v.held_out),
        "real sets, 9 in 10": f"{tables.number(v.low)} to {tables.number(v.high)}" if v.place else "–",
        "images": f"{v.floor_images} against {v.reference_images}",
    }
    for name, v in found.items()
}
pd.DataFrame(rows).T

# %% tags=["hide-input"]
words = {
    "below": "below what real images of other weeks reach",
    "within": "within what real images of other weeks reach",
    "above": "above what real images of a few other weeks reach, as a mix of all weeks may be",
}
for name, v in found.items():
    print(f"{name}: agreement {v.value:.2f}, {words.get(v.place) or 'no floor: ' + v.note}")

# %% [markdown]
# The next table gives the share of the disk's variance beyond 60° of latitude, where no active region should be, and the standard
# deviation of a pixel, averaged over all pixels. Real images have a 95 % interval over blocks in brackets. The ± of samples is a
# standard error over parts of the set.

# %%
varied = maps_of.variation(stages.labelled_set(lab), drawn_images, radius)
shown = {}
for title in ("beyond 60°", "mean std"):
    real = varied[[f"{title}, real", f"{title}, real, low", f"{title}, real, high"]].to_numpy()
    shown[f"{title}, real"] = [f"{mean:.3g} ({low:.3g} to {high:.3g})" for mean, low, high in real]
    drawn_values = varied[[f"{title}, drawn", f"{title}, drawn, error"]].to_numpy()
    shown[f"{title}, drawn"] = [tables.number(*row) for row in drawn_values]
pd.DataFrame(shown, varied.index)

# %% tags=["hide-cell"]
assert all(-1 <= v.value <= 1 for v in found.values())
assert varied[["beyond 60°, real", "beyond 60°, drawn"]].stack().between(0, 1).all()
records.figure_4(this, found)
uniform = physics.polar_share(np.ones((s.image_size, s.image_size)), radius)  # of a map that varies everywhere alike
poles = {f"class {name}": evidence.excess(row, "beyond 60°", uniform) for name, row in varied.to_dict("index").items()}
records.claim(this, "claim-23", poles)
few = [name for name, v in found.items() if not (v.low > 0 and v.error > 0)]  # real maps of few images do not agree
places = {f"class {name}": evidence.above_floor(v) for name, v in found.items() if name not in few}
records.claim(this, "claim-24", places, why=f"classes with too few images: {', '.join(few) or 'none'}")

# %% [markdown]
# ## Takeaways
#
# - A map shows where samples vary. The agreement says how well the map matches that of real images. The floor says what
#   agreement real images reach.
# - A class with fewer than two training images has no map and is left out.
#
# **Next:** {doc}`07_physics` asks whether the samples are physical, and whether they obey.
