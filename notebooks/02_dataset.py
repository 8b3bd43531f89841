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
# ({cite:t}`ramunno2024`, Sect. 2.4): a list of events gives the *time* of each flare, the X-ray flux gives its *strength*, and
# the first frame after the peak gives the *picture*. This page repeats the three steps, counts the events that remain after
# each, and shows some of the frames.
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
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
scale: str = None  # flux scale of the classes: operational, science, or paper (mixed); None: as the profile says
frame_tolerance: float = None  # minutes a frame may follow the peak; 0: as the archive says
flux_tolerance: float = None  # seconds a flux sample may follow the peak; 0: as the archive says
split: str = None  # blocked or random; None: as the profile says
block_days: float = None  # length of a block in days
purge_days: float = None  # days around a held-out block from which nothing is trained on
fold: int = None  # which part is held out

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import CLASSES, figures, stages, tables
from solarsynth.book import claims, page, records
from solarsynth.dataset import label_choices, labelling
from solarsynth.dataset.splits import time_blocks
from solarsynth.evaluation import evidence, flare_times
from solarsynth.flares import class_of_flux
from solarsynth.times import DAY, to_datetime

this = page.begin("02_dataset", globals())
lab = this.lab
print(this.source_note)

# %% [markdown]
# ## From events to images
#
# A GOES class is the peak of the 1–8 Å X-ray flux on a logarithmic scale: A below $10^{-7}\,\mathrm{W\,m^{-2}}$, then B, C, M
# and, from $10^{-4}$, X. Where the event list gives a class, that class is used. Otherwise the first good X-ray sample after
# the peak gives the class; it is close to the peak value, because the flux falls more slowly than it rises. The frame must
# *follow* the peak within a tolerance. In the paper this is 7 minutes, and frames come every 6. If several events share a
# frame, they become one image with the highest class.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.DATASET))
labelled = stages.labelled_set(lab)

# %% [markdown]
# (funnel)=
# The table shows how many remain after each step:

# %%
tables.funnel(labelled.funnel)

# %% [markdown]
# The paper's counts are for nine years of the full SDOMLv2 archive and the whole list of HEK. Ours are for the archive of this
# run, so the numbers cannot agree. What can be compared is which step loses the most.
#
# ## Two scales of flux
#
# The *operational* classes in the lists contain a factor of 0.7 that NOAA's reprocessed *science* flux of GOES 8 to 15 does
# not: an X1.0 of the lists is an X1.43 on the science scale. The paper takes 15,696 classes from lists and 35,678 from science
# flux, so it mixes both scales. Here the setting `scale` chooses one scale for the whole set. The matrix below counts the
# events by their class on each of the two scales. Events off the diagonal change class with the scale.

# %%
archive = stages.archive(lab)
confusion = labelling.scale_confusion(
    archive.events(),
    archive.xrs_parts,
    flux_tolerance=labelled.about["flux_tolerance"],
    xrs_scale=archive.xrs_scale,
)
moved = 1 - np.trace(confusion.to_numpy()) / max(confusion.to_numpy().sum(), 1)
print(f"scale of this set: {labelled.about['scale']}; {moved:.1%} of the events change class between the scales")
confusion

# %% [markdown]
# ## The price of a label
#
# The scale is one choice of several. The table labels the same frames by other rules: on either scale, with 7 minutes from the
# peak to the frame (the paper) and with 60 (an hourly archive), and by each list alone if the archive has several. *Shared* are
# the images that the run's own rule labels, too; *changed* is the share of these that get another class. *Regions* are the active
# regions that are known; they are what is independent. What a rule does to Table 1 and to the forecast is not shown: each would
# need models and classifiers of its own.

# %%
compared = label_choices.rules(archive.events(), labelled.about["scale"], labelled.about["frame_tolerance"])
labels = label_choices.compare_labels(archive, compared, labelled.about["flux_tolerance"])
print(label_choices.sentence(labels))
label_choices.shown(labels)

# %% [markdown]
# ## Classes
#
# A label depends on the phase of the solar cycle as much as on the flare. Near the minimum the flux stays in class A; near the
# maximum the background alone is B or C. Class A therefore shows *the quiet Sun*. Class X is rare at all times.

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-1", "caption": "Images per flare class (the paper's Fig. 1), for the training and the held-out part. The paper labels 20,420 images; the counts shown are this run's."}, "image": {"alt": "Bar chart of the number of images in the classes A, B, C, M and X"}}
parts = {"training": labelled.counts(test=False), "held out": labelled.counts(test=True)}
this.figure(figures.figure_1(parts), "figure-1")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-flux", "caption": "Daily maximum of the X-ray flux over the archive's period. Dots are the labelled peaks, coloured by class. Dotted lines bound the classes."}, "image": {"alt": "X-ray flux against time on a logarithmic axis with coloured dots at labelled flares"}}
daily = (
    pd.concat(part["flux"].groupby(part["time"] // DAY).max() for part in archive.xrs_parts()).groupby(level=0).max()
)
daily = daily.loc[labelled.frame_time[0] // DAY - 1 : labelled.frame_time[-1] // DAY]
this.figure(figures.x_ray_and_frames(to_datetime(daily.index.to_numpy() * DAY), daily.to_numpy(), labelled))

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-frames", "caption": "Labelled frames of each class, drawn at random, with their dates; north is up, west is right."}, "image": {"alt": "Grid of full-disk Suns in 171 Å, a row per flare class"}}
this.figure(figures.real_frames(labelled), "figure-frames")

# %% [markdown]
# ## How late the images are
#
# The frame may follow the peak by up to the tolerance (Sect. 2.5 and Appendix A of the paper). By then the flare may have
# faded. Dashed lines mark the medians.

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-a-1", "caption": "Delay of the image behind the peak of its flare, per class (the paper's Fig. A.1)."}, "image": {"alt": "Histograms of the delay in minutes, one per class"}}
this.figure(figures.figure_a_1(labelled))

# %% [markdown]
# ## Training and test
#
# Neighbouring frames are nearly the same picture. A random split, which the paper presumably used, puts neighbours of the test
# images into the training part, so the test is no longer independent. This is called *leakage*. A *blocked* split holds out
# whole blocks of days. A block of 27 days is one rotation of the Sun, and three blocks in a row are held out together.
#
# Whole blocks are not enough. An active region crosses the disk in two weeks, so it can stand on both sides of an edge, and a
# long-lived region comes back after a rotation. The blocked split therefore *purges* the training part. It drops every frame
# within 14 days of a held-out block, and every frame whose active region is also in the held-out part. A region is known by
# its NOAA number, or by its place, rotated with the Sun to the same time.

# %%
regions = labelled.region[labelled.region >= 0]
print(f"split: {labelled.about['split']}, {len(set(labelled.block))} blocks of {lab.settings.block_days:g} days")
print(
    f"{len(set(regions))} active regions in {len(regions):,} of {len(labelled):,} images; the others have no known region"
)
named = {"held out": labelled.test, "training": labelled.train, "purged": labelled.purged}
pd.DataFrame({name: np.bincount(labelled.label[part], minlength=5) for name, part in named.items()}, CLASSES).T

# %% [markdown]
# Images of one region are not independent. The next table counts the regions instead of the images. A comparison on held-out
# images can decide little about a class that comes from a few regions.


# %%
def regions_per_class(part):
    return [len(set(labelled.region[part & (labelled.label == i)]) - {-1}) for i in range(len(CLASSES))]


pd.DataFrame({name: regions_per_class(part) for name, part in named.items()}, CLASSES).T

# %% [markdown]
# **Cross-validation.** One held-out part is a small part of the Sun's year. The blocks are therefore held out in turn: every
# image is held out in one *fold*, and each fold has its own training part, purged for it. Scores of classifiers and forecasts
# in this book are taken over all folds. The samples of chapters 6 and 7 come from models of one fold, because each fold needs
# its own models. The next table gives the cost of the purge in every fold. The last column shows what a split without a purge
# would share: the held-out images of classes M and X whose region is also among the other images.


# %%
def cost(there):
    data = stages.labelled_set(there)
    strong = data.test & (data.label >= CLASSES.index("M"))
    shared = np.isin(data.region[strong], np.setdiff1d(data.region[~data.test], [-1]))
    return {
        "held out": data.test.sum(),
        "training": data.train.sum(),
        "purged": f"{data.purged.sum()} ({data.purged.sum() / (~data.test).sum():.0%} of the others)",
        "M and X held out": strong.sum(),
        "of a shared region": shared.sum(),
    }


pd.DataFrame({f"fold {there.settings.fold}": cost(there) for there in stages.fold_labs(lab)}).T

# %% [markdown]
# A quarter of the training blocks is set aside for *validation*. The ceVAE and the classifiers stop by it. Nothing in this book
# is reported on validation images.

# %% tags=["hide-cell"]
assert labelled.image.shape[1:] == (lab.settings.image_size,) * 2
assert (labelled.delay >= 0).all() and labelled.delay.max() <= labelled.about["frame_tolerance"]
assert (class_of_flux(labelled.flux) == labelled.label).all()
assert labels["images"].iloc[0] == labelled.funnel["labelled frames"] and labels["changed"].iloc[0] == 0
if labelled.about["split"] == "blocked":
    assert not set(labelled.block[labelled.test]) & set(labelled.block[~labelled.test])
    assert not set(labelled.region[labelled.test]) & set(labelled.region[labelled.train]) - {-1}
records.funnel(this, labelled.funnel)
records.figure_1(this, labelled.counts())
records.figure_a_1(this, labelled.label, labelled.delay)

# %% tags=["hide-cell"]
events = archive.events()
unit = time_blocks(events["peak"].to_numpy(), lab.settings.block_days)
decay = flare_times.decay_over_rise(events, *flare_times.per_minute(archive.xrs_parts()), unit)
records.claim(this, "claim-01", evidence.exact(claims.XRS_BANDS["A"][1]), source="definition")
records.claim(this, "claim-03", decay)
records.claim(this, "claim-36", evidence.exact(claims.mean_gap()), source="the paper's counts")

# %% [markdown]
# ## Takeaways
#
# - Events are lost between the list and the images. In HEK's whole list most detections carry no class, and several
#   events can share a frame.
# - The classes are unbalanced. That imbalance is the paper's reason to generate synthetic flares.
# - A random split leaks, and so does a split into blocks without a gap. The purge costs training images, and the table above
#   says how many. The first line of output on every page names the split that was used.
# - Images are many, regions are few. What is independent is a region or a block, not an image.
#
# **Next:** {doc}`02_simulated_sun`, the simulated Sun, which needs no data.
