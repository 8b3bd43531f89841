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
# # Is it new?
#
# A model that has seen few images for many passes may learn them by heart. The paper does not test this. The question decides
# what the samples are worth: copies of five X flares add nothing to a training set. This page asks it in three ways. Are samples
# nearer to the training images than other real images are? Which pairs are the most suspicious? And do two models that saw
# different weeks draw the same Sun from the same noise?
#
# | Question | Here |
# | --- | --- |
# | distance to the nearest training image, per class | {numref}`figure-nearest` |
# | the most suspicious pairs | {numref}`figure-suspects` |
# | two models, disjoint weeks, the same noise | {numref}`figure-twins`, {numref}`figure-twin-similarity` |
# | the same along their training | {numref}`figure-twin-growth` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
guidance: float = None  # w of Eq. 6; None: as the profile says
sampling_steps: int = None  # network evaluations per image
twin_images: int = None  # length of the trainings of the twins, in images
pairs: int = 6  # suspicious pairs that are shown
twins_drawn: int = 40  # images that each twin draws

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from solarsynth import CLASSES, figures, stages
from solarsynth.book import page, records
from solarsynth.dataset.images import ImageSet
from solarsynth.diffusion.sampling import Sampling
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import evidence
from solarsynth.evaluation.memorisation import Memorisation, compare_twins, similarity
from solarsynth.stages.examples import twin_parts

this = page.begin("06_memorisation", globals(), own=("pairs", "twins_drawn"))
lab, s = this.lab, this.lab.settings
print(this.source_note)

# %% [markdown]
# ## Nearer than the Sun itself?
#
# The distance of two images is their root mean square difference in grey levels, at the best shift of up to 2 px, the best of
# the four mirrors, and whatever the brightness. So a shifted, mirrored or brighter copy is still a copy. Held-out images come
# from other weeks and other active regions than the training images. They show how near honest images come.
#
# *AuthPct* (Alaa et al. 2022, [doi:10.48550/arXiv.2102.08921](https://doi.org/10.48550/arXiv.2102.08921)) is the share of images that
# are farther from their nearest training image than that image is from *its* nearest neighbour of another week and region.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
memory = Memorisation(lab)
sets = [stages.sample_set(lab, stages.uniform_counts(lab, s.set_size), seed=n) for n in stages.set_seeds(s.sets, 2000)]
drawn = ImageSet.pool(sets)
near = memory.of(drawn.image, drawn.label)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-nearest", "caption": "Share of images that are nearer to a training image than a distance: generated images, held-out real images, and training images with their nearest neighbour of another week and region. Copies would rise at the left of the dotted line."}, "image": {"alt": "Three rising curves, with a vertical dotted line at the nearest hundredth of held-out images"}}
curves = {"generated": near.distance, "held-out real": memory.held_out.distance, "training, other weeks": memory.own}
this.figure(figures.nearest_distances(curves, memory.threshold))

# %% [markdown]
# The table has a row per class. A perfect generator has about 1 % *below*. Its *p* is the chance that honest images lie as near
# (a bound, over independent weeks). The intervals of AuthPct are over images for samples, and over weeks for real ones.


# %%
def interval(value):
    low, high = max(value.low, 0), min(value.high, 1)  # of a share
    return f"{value.mean:.2f}" + (f" ({low:.2f} to {high:.2f})" if np.isfinite(value.low) else "")


rows = pd.DataFrame(memory.rows(near)).set_index("class")
for name in ("authentic", "authentic, held out"):
    rows[name] = [interval(value) for value in rows[name]]
rows.round({"nearest": 2, "nearest, held out": 2, "below": 3, "p": 3})

# %% tags=["hide-input"]
suspicious = rows.loc["all", "p"] < 0.05
print(
    f"generated images: median distance {rows.loc['all', 'nearest']:.1f} grey levels, held-out real images "
    f"{rows.loc['all', 'nearest, held out']:.1f}; {rows.loc['all', 'below']:.1%} are nearer than 99 % of held-out images"
)
print(f"copies: {'found' if suspicious else 'none found'} (p = {rows.loc['all', 'p']:.2f})")

# %% [markdown]
# Small generated distances alone do not prove a copy: an average Sun is near to every Sun. So look at the pairs.
#
# ## The most suspicious pairs

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-suspects", "caption": "The generated images that lie nearest to a training image, the training images, and the differences. The number is the distance in grey levels at the best shift and mirror; the pictures are not shifted."}, "image": {"alt": "Three rows: generated Suns, their nearest real frames, and the signed differences in red and blue"}}
order = np.argsort(near.distance)[:pairs]
titles = [f"{CLASSES[near.label[i]]}, {near.distance[i]:.1f}" for i in order]
this.figure(figures.suspicious_pairs(near.image[order], memory.train[near.index[order]], titles))

# %% [markdown]
# A copy would leave nothing but noise in the lowest row. Active regions in it are regions that one picture has and the other has
# not.
#
# ## Two models, disjoint weeks, the same noise
#
# Two models are trained with the same seed on the first and on the last blocks of the training weeks. They share no week. Then
# both draw from the same noise. If a model has learnt the distribution of Suns, its twin has learnt the same one, and the two
# images agree (Kadkhodaie et al. 2024, [doi:10.48550/arXiv.2310.02557](https://doi.org/10.48550/arXiv.2310.02557); others find it for
# galaxies of 64 px). If a model has learnt its images by heart, each image resembles its own training set, and the two differ.
#
# Similarity is the cosine of two images after the mean image is taken away: 1 for equal, about 0 for unrelated ones.

# %% tags=["hide-output", "remove-stderr"]
labelled = stages.labelled_set(lab)
blocks = len(np.unique(labelled.block[labelled.train]))
sampling = Sampling.of(s).replace(guidance=0.0)
found, why = [], ""
for count in sorted({1, max(1, blocks // 4), blocks // 2}):
    try:
        found.append(compare_twins(lab, count, twins_drawn, sampling))
    except SolarsynthError as error:
        why = f"{count} blocks: {error}"
print(f"{blocks} training blocks; {why}")

# %% [markdown]
# The first row is what one model draws, the second what its twin draws from the same noise. The third is the training image of the
# first model that is most similar to its drawing:


# %%
def twin_rows(twins):
    first, second = twins.drawn
    shown = np.linspace(0, len(first) - 1, pairs).round().astype(int)
    mine = labelled.image[twin_parts(labelled, str(twins.blocks), s.purge_days)[0]]
    mean = labelled.image[labelled.train].mean(0)
    nearest = mine[similarity(first[shown], mine, mean).argmax(1)]
    return {"model A": first[shown], "model B,\nsame noise": second[shown], "nearest real\nof model A": nearest}


# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-twins", "caption": "What two models draw from the same noise (first and second row), trained on disjoint halves of the training weeks. Below, the training image of the first model that is most similar to its drawing."}, "image": {"alt": "Three rows of full-disk Suns"}}
this.figure(figures.sun_rows(twin_rows(found[-1])) if found else figures.not_computed(why))

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-twin-similarity", "caption": "Similarity of images from the same noise and models of other weeks; of each image and the most similar training image of its own model and of the other model; and of images from other noise. Boxes hold half of the images."}, "image": {"alt": "Box plots in groups, a group per number of training blocks"}}
this.figure(figures.twin_similarities(found) if found else figures.not_computed(why))

# %% [markdown]
# The medians of these similarities, by the number of blocks that each model was trained on:

# %%
pd.DataFrame(
    {
        f"{one.blocks} block(s) each": {
            "training images": f"{one.images[0]} and {one.images[1]}",
            "active regions": f"{one.regions[0]} and {one.regions[1]}",
            "same noise, other weeks": f"{np.median(one.alike):.2f}",
            "nearest of its own training set": f"{np.median(one.copied):.2f}",
            "nearest of the other's": f"{np.median(one.foreign):.2f}",
            "other noise, other weeks": f"{np.median(one.strangers):.2f}",
            "power at fine scales, real 1": f"{one.power:.2f}",
        }
        for one in found
    }
).rename_axis("median similarity")

# %% tags=["hide-input"]
for one in found:
    nearer = "their twin" if one.alike_more else "a training image"
    print(f"{one.blocks} block(s), {min(one.regions)} active regions: images resemble {nearer} more")
    if one.alike_more:
        word = "as of models that generalise" if one.generalises else "another sharpness, so this shows little"
        print(f"  power {one.power:.2f} at fine scales (real 1): {word}")
    more = np.median(one.copied) - np.median(one.foreign)
    print(f"  their own training set is {more:+.2f} more similar than the other one")

# %% [markdown]
# Agreement has a simpler cause, too. Both models start from the same weights, and a model that is trained briefly draws little more
# than what the noise shows through the mean image. Twins of such models agree without having learnt much. So agreement counts only
# if their images are as sharp as real ones: the power at 20 to 32 cycles per image, relative to that of real images, is the last
# row of the table. Even then it is no proof: a random field has that power, too. The pictures must be looked at.

# %% [markdown]
# ## Along the training
#
# Models may learn Suns first and their training images later. So twins of the largest number of blocks are also trained on a quarter
# and on half as many images. Memory would show as a growing gap between a model's own training set and the other one, and as
# images from the same noise that come to differ:

# %% tags=["hide-output", "remove-stderr"]
growth = {}
for share in (4, 2, 1) if found else ():
    seen = max(s.batch_size, s.twin_images // share)
    growth[seen] = compare_twins(lab.variant(twin_images=seen), found[-1].blocks, twins_drawn, sampling)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-twin-growth", "caption": "The similarities of {numref}`figure-twin-similarity` against the images that each model has seen: medians, and bands that hold half of the images. Right: the sharpness of what is drawn."}, "image": {"alt": "Left four lines with bands against the images seen, right a line of the power at fine scales"}}
this.figure(figures.twin_growth(growth) if growth else figures.not_computed(why))

# %% tags=["hide-input"]
for seen, one in growth.items():
    more, alike = np.median(one.copied) - np.median(one.foreign), np.median(one.alike)
    print(f"{seen:,} images seen: own training set {more:+.2f} nearer, twins alike {alike:.2f}, power {one.power:.2f}")

# %% tags=["hide-cell"]
assert np.isfinite(near.distance).all() and (near.distance >= 0).all()
assert all(-1.0001 <= one.alike.min() and one.alike.max() <= 1.0001 for one in found)
assert rows["below"].between(0, 1).all()
below = evidence.copied(near.distance, memory.held_out.distance, memory.held_out.unit)
records.claim(this, "claim-22", below, p=rows.loc["all", "p"], why=f"p of copies {rows.loc['all', 'p']:.2g}")

# %% [markdown]
# ## Takeaways
#
# - Copies are looked for up to shifts, mirrors and brightness, and against honest images of other weeks.
# - A small distance is no proof, and a large one is no proof of the contrary: the pairs and the twins are shown.
# - Twins that agree and are sharp have learnt more than their weeks. Twins that differ have learnt their weeks, or too little.
#
# **Next:** {doc}`07_image_analysis` shows where on the Sun the samples vary.
