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
# # 4 · Sampling: how few steps are enough
#
# The paper samples as its Eqs. 3 and 4 say, by every step of the reverse process, 999 of them in its code lineage. This page compares its sampler with two fast ones on the same
# trained model, and finds the fewest steps that nobody can tell from the longest run, on a scale of what real images differ among themselves.
#
# | sampler | steps | noise |
# | --- | --- | --- |
# | `ancestral`, the paper's: Eqs. 3 and 4, variance $\beta_t$ | all, $T - 1$ | in every step |
# | `ddim` ({cite:t}`song2021`) | any | none at $\eta = 0$, up to the posterior's at 1 |
# | `dpm-solver++`, second order, multistep ({cite:t}`lu2022`) | any | none |
#
# All have one signature, draw from one random stream per image, and a test compares each with the `diffusers` scheduler of its
# name step by step. Guidance may be kept inside an interval of noise levels ({cite:t}`kynkaanniemi2024`, `guidance_low`,
# `guidance_high`): outside it a step costs half.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
components: int = 16  # principal components of the ceVAE embeddings in which distances are measured
quality_images: int = None  # images drawn per sampler and number of steps
quality_steps: int = None  # largest number of steps; 999 adds the paper's sampler

# %% tags=["hide-input"]
import json

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from solarsynth import figures, page
from solarsynth.experiments import progress_line
from solarsynth.metrics.frechet import frechet_distance, frechet_floor

this = page.begin("04_sampling", globals(), own=("components",))
run, s = this.run, this.run.settings
print(this.source_note)

# %% [markdown]
# The rule for the default: the fewest steps of `dpm-solver++` whose distance exceeds neither its own longest run nor the paper's sampler, where
# that was run, by more than the spread of real sets. `laptop` uses the number that the published run found, a longer training than `laptop`'s on real
# frames, with 250 and 999 steps compared; a profile whose `quality_steps` is smaller compares less. Distances from the real sets' band that remain
# with many steps are the model's, not the sampler's.
#
# ## The scale
#
# The yardstick is the Fréchet distance ({cite:t}`heusel2017`) of drawn images from the training images in one fixed feature space, the
# first principal components of the ceVAE's embeddings. It is no FID, whose features are another network's. Its value depends on
# how many images are drawn; so the grey band shows real images in sets of the same size. Images are drawn in the data's
# proportions, without guidance, which departs from the distribution on purpose, and from the same noise for every row.

# %% tags=["hide-output", "remove-stderr"]
print(run.model_entry("discrete", report=progress_line("training")))
labelled = run.dataset
embedded = run.feature_space(labelled.image[~labelled.test])
dimension = min(components, len(embedded) // 2, embedded.shape[1])
axes = PCA(dimension, random_state=0).fit(embedded)
real = axes.transform(embedded)
counts = run.proportional_counts(s.quality_images)
floor = frechet_floor(real, min(s.quality_images, len(real) // 2), s.floor_draws)

longest = s.n_steps - 1
plan = [(name, n) for name in ("dpm-solver++", "ddim") for n in (5, 10, 15, 20, 50, 250) if n <= s.quality_steps]
plan += [("ancestral", longest)] if s.quality_steps >= longest else []
rows = []
for sampler, steps in plan:
    variant = run.variant(sampler=sampler, sampling_steps=steps, guidance=0.0)
    entry = variant.samples_entry(counts, seed=4000 + seed, report=progress_line(f"{sampler}, {steps} steps"))
    with np.load(entry.path / "samples.npz") as file:
        drawn, seconds = file["image"], json.loads(str(file["settings"]))["seconds"]
    distance = frechet_distance(axes.transform(run.feature_space(drawn)), real)
    rows.append((sampler, steps, distance, seconds / len(drawn)))
table = pd.DataFrame(rows, columns=["sampler", "steps", "distance", "seconds"])

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-sampling", "caption": "Fréchet distance from the training images against sampling steps and against wall time; grey: real images in sets of the same size."}, "image": {"alt": "Two panels with one curve per sampler falling onto a grey band"}}
this.figure(figures.sampling_quality(table, tuple(np.percentile(floor, [5, 95]))))

# %% tags=["hide-input"]
# No worse than the longest run of the same solver, nor than the paper's sampler where it was run.
longest_of = table.groupby("sampler", sort=False).tail(1).set_index("sampler")
longest_runs = longest_of.loc[[name for name in ("dpm-solver++", "ancestral") if name in longest_of.index]]
within = table["distance"] <= longest_runs["distance"].min() + floor.std()
fewest = int(table[within & (table["sampler"] == "dpm-solver++")]["steps"].min())
print(f"{len(drawn)} images each, {dimension} components; real sets: {floor.mean():.3g} ± {floor.std():.2g}")
for name, last in longest_runs.iterrows():
    print(f"the longest run of {name}, {last['steps']:.0f} steps: {last['distance']:.3g}")
print(
    f"the fewest steps of dpm-solver++ within the real sets' spread of the longest runs: {fewest} (this profile uses {s.sampling_steps})"
)
table.assign(within=within).round({"distance": 3, "seconds": 4})

# %% tags=["hide-cell"]
assert (table["distance"] > 0).all() and (table["seconds"] > 0).all()
assert within.any()

# %% [markdown]
# ## Takeaways
#
# - A fast sampler needs no other model: the same weights, fewer steps.
# - *Good enough* is measured against real images, at one number of images, with the same noise.
#
# **Next:** {doc}`05_metrics`, how to tell whether the samples are any good.
