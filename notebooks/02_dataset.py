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
# # 2 · The data set
#
# The paper needs frames of the Sun that each show a flare of a known class. It finds them in three steps
# ({cite:t}`ramunno2024`, Sect. 2.4): a list of events says *when* something flared, the X-ray flux says *how strongly*,
# and the first frame after the peak shows *what it looked like*. This page repeats the three steps, counts what is
# lost at each, and draws what remains.
#
# | Paper | Here |
# | --- | --- |
# | 107,709 events → 20,420 images | {ref}`the funnel <funnel>` |
# | Fig. 1, images per class | {numref}`figure-1` |
# | Fig. A.1, delay of the images | {numref}`figure-a-1` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
scale: str = None  # flux scale of the classes: operational, science, or paper (mixed); None: as the profile says
frame_tolerance: float = None  # minutes a frame may follow the peak; 0: as the archive says
flux_tolerance: float = None  # seconds a flux sample may follow the peak; 0: as the archive says
split: str = None  # blocked or random; None: as the profile says
block_days: float = None  # length of a block in days

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import CLASSES, figures, labelling, page, paper, tables
from solarsynth.observations.times import to_datetime

this = page.begin("02_dataset", globals())
run = this.run
print(this.source_note)

# %% [markdown]
# ## From events to images
#
# A GOES class is the peak of the 1–8 Å X-ray flux on a logarithmic scale: A below $10^{-7}\,\mathrm{W\,m^{-2}}$, then B, C, M
# and, from $10^{-4}$, X. Where the event list gives a class we take it; else we take the first good X-ray sample
# after the peak, since the flux falls more slowly than it rose. The frame must *follow* the peak within a tolerance: 7 minutes
# in the paper, where frames come every 6. Several events on one frame become one image with the highest class.

# %% tags=["hide-output", "remove-stderr"]
print(run.dataset_entry)
labelled = run.dataset

# %% [markdown]
# (funnel)=
# What is left after each step:

# %% tags=["hide-input"]
tables.funnel(labelled.funnel)

# %% [markdown]
# The paper's counts are for nine years of the full SDOMLv2 archive and HEK's whole list; ours are for this
# run's archive. They are set side by side to show where each step bites, not to agree.
#
# ## Two scales of flux
#
# NOAA's reprocessed *science* flux of GOES 8 to 15 lacks the factor 0.7 that the *operational* classes in the lists contain: an
# X1.0 of the lists is an X1.43 there. The paper takes 15,696 classes from lists and 35,678 from science flux, so it mixes both. Here one scale
# holds for a whole set (`scale`), and this is what choosing the other would change, event by event:

# %% tags=["hide-input"]
archive = run.archive()
confusion = labelling.scale_confusion(
    archive.events(),
    archive.xrs_parts,
    flux_tolerance=labelled.about["flux_tolerance_seconds"],
    xrs_scale=archive.xrs_scale,
)
moved = 1 - np.trace(confusion.to_numpy()) / max(confusion.to_numpy().sum(), 1)
print(f"scale of this set: {labelled.about['scale']}; {moved:.1%} of the events change class between the scales")
confusion

# %% [markdown]
# ## Classes
#
# A label says as much about the phase of the solar cycle as about the flare: near the minimum every flux lies in A, near
# the maximum the background alone is B or C. Class A is therefore *the quiet Sun*, and X is rare everywhere.

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-1", "caption": "Images per flare class (the paper's Fig. 1), training and held-out part. The paper labels 20,420 images; the shares are ours."}, "image": {"alt": "Bar chart of the number of images in the classes A, B, C, M and X"}}
parts = {"training": labelled.counts(test=False), "held out": labelled.counts(test=True)}
this.figure(figures.figure_1(parts), "figure-1")

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-flux", "caption": "X-ray flux over the archive's period and the labelled peaks, coloured by class. Dotted lines bound the classes."}, "image": {"alt": "X-ray flux against time on a logarithmic axis with coloured dots at labelled flares"}}
daily = pd.concat(p["flux"].groupby(p["time"] // 86_400_000).max() for p in archive.xrs_parts()).groupby(level=0).max()
daily = daily.loc[labelled.frame_time[0] // 86_400_000 - 1 : labelled.frame_time[-1] // 86_400_000]
this.figure(figures.x_ray_and_frames(to_datetime(daily.index.to_numpy() * 86_400_000), daily.to_numpy(), labelled))

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-frames", "caption": "Labelled frames of each class, drawn at random, with their dates; north is up, west is right."}, "image": {"alt": "Grid of full-disk Suns in 171 Å, a row per flare class"}}
this.figure(figures.real_frames(labelled), "figure-frames")

# %% [markdown]
# ## How late the images are
#
# The frame follows the peak by up to the tolerance (Sect. 2.5 and Appendix A of the paper): the flare may have faded by then.
# Dashed lines mark the medians.

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-a-1", "caption": "Delay of the image behind the peak of its flare, per class (the paper's Fig. A.1)."}, "image": {"alt": "Histograms of the delay in minutes, one per class"}}
this.figure(figures.figure_a_1(labelled))

# %% [markdown]
# ## Training and test
#
# Neighbouring frames are nearly the same picture. A random split, which the paper presumably used, lets the test images peep
# into training; a *blocked* split keeps whole blocks of days (27: one rotation of the Sun) on one side. This run's split:

# %% tags=["hide-input"]
print(f"split: {labelled.about['split']}, {len(set(labelled.block))} blocks of {run.settings.block_days:g} days")
pd.DataFrame(parts).T[list(CLASSES)]

# %% tags=["hide-cell"]
assert labelled.image.shape[1:] == (run.settings.image_size,) * 2
assert (labelled.delay >= 0).all() and labelled.delay.max() <= labelled.about["frame_tolerance_seconds"]
assert (labelling.class_of_flux(labelled.flux) == labelled.label).all()
if labelled.about["split"] == "blocked":
    assert not set(labelled.block[labelled.test]) & set(labelled.block[~labelled.test])

other = f"computed as in Sect. 2.4, {this.on_archive}"
this.record("funnel", status="not-comparable", why=other, published=paper.FUNNEL, ours=labelled.funnel)
this.record("figure-1", status="not-comparable", why=other, ours=labelled.counts())
median = {
    name: round(float(pd.Series(labelled.delay[labelled.label == i]).median() / 60), 1)
    for i, name in enumerate(CLASSES)
    if labelled.counts()[name]
}
this.record("figure-a.1", status="not-comparable", why=other, ours={"median delay / min": median})

# %% [markdown]
# ## Takeaways
#
# - Each step loses events: in HEK's whole list most detections have no class of their own, and several share a frame.
# - The set is as unbalanced as the Sun. That imbalance is the paper's reason to draw synthetic flares.
# - A split at random leaks; every page's first line of output says which split it used.
#
# **Next:** {doc}`02_simulated_sun`, the Sun that needs no data.
