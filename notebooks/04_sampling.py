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
# The paper samples by Eqs. 3 and 4. Its sampler takes every step of the reverse process, 999 of them in the code that
# the paper builds on. This page compares it with two fast samplers on the same trained model. It looks for the smallest
# number of steps whose images are as good as those of many steps. The differences among real images set the scale.
#
# | sampler | steps | noise |
# | --- | --- | --- |
# | `ancestral`, the paper's: Eqs. 3 and 4, variance $\beta_t$ | all, $T - 1$ | in every step but the last |
# | `ddim` ({cite:t}`song2021`) | any number | none at $\eta = 0$, the posterior's variance at $\eta = 1$ |
# | `dpm-solver++`, second order, multistep ({cite:t}`lu2022`) | any number | none |
#
# All three have the same signature and use one random stream per image. The tests compare each of them, step by step,
# with the corresponding scheduler of the library `diffusers`. Guidance can be restricted to an interval of noise levels
# ({cite:t}`kynkaanniemi2024`; settings `guidance_low` and `guidance_high`). A step outside the interval costs half as
# much as one inside.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
components: int = 16  # principal components of the ceVAE embeddings in which distances are measured
quality_images: int = None  # images drawn per sampler and number of steps
quality_steps: int = None  # largest number of steps; the paper's sampler needs 999

# %% tags=["hide-input"]
import numpy as np
from sklearn.decomposition import PCA

from solarsynth import figures, stages
from solarsynth.book import page
from solarsynth.evaluation.steps import fewest_steps, sampling_distances, sampling_plan
from solarsynth.metrics.frechet import frechet_floor

this = page.begin("04_sampling", globals(), own=("components",))
print(this.source_note)

# %% [markdown]
# ## The scale
#
# The yardstick is the Fréchet distance ({cite:t}`heusel2017`) of drawn images from the training images;
# {doc}`05_metrics` defines it. It is measured in one fixed feature space, the first principal components of the ceVAE's
# embeddings. It is not the FID, because the FID uses the features of another network.
#
# The value depends on the number of images. The grey band in the figure therefore shows the distance of sets of real
# images of the same size. The standard deviation of these distances is the tolerance of the comparison.

# %% tags=["remove-stderr"]
lab, settings = this.lab, this.lab.settings
embedded = stages.training_features(lab, "cevae")
dimension = min(components, len(embedded) // 2, embedded.shape[1])
pca = PCA(dimension, random_state=0).fit(embedded)
real = pca.transform(embedded)
size = min(settings.quality_images, len(real) // 2)
floor = frechet_floor(real, size, settings.floor_draws)
share = pca.explained_variance_ratio_.sum()
print(f"{dimension} of {embedded.shape[1]} dimensions, with {share:.0%} of the variance of {len(real):,} real images")

# %% [markdown]
# ## The comparison
#
# Every set starts from the same noise and contains the classes in the proportions of the training images. Guidance is
# off, because it deliberately departs from the distribution of the training images.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
counts = stages.proportional_counts(lab, settings.quality_images)
plan = sampling_plan(settings.n_steps, settings.quality_steps)
table = sampling_distances(lab, plan, counts, 4000 + seed, real, pca.transform)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-sampling", "caption": "Fréchet distance from the training images against sampling steps and against wall time; grey: sets of real images of the same size."}, "image": {"alt": "Two panels with one curve per sampler falling onto a grey band"}}
this.figure(figures.sampling_quality(table, tuple(np.percentile(floor, [5, 95]))))

# %% [markdown]
# If a gap to the grey band remains even with many steps, it comes from the model and not from the sampler.
#
# ## The rule
#
# The reference is the longest run of `dpm-solver++` or the run of the paper's sampler, whichever has the smaller
# distance. A number of steps is enough if its distance exceeds the reference by at most the standard deviation over real
# sets. Profiles with a small `quality_steps` do not run the paper's sampler. Their reference is `dpm-solver++` alone.

# %%
found = fewest_steps(table, tolerance=floor.std())
print(f"{sum(counts.values())} images a set, {dimension} components; real sets: {floor.mean():.3g} ± {floor.std():.2g}")
for name, run in found.longest.iterrows():
    print(f"the longest run of {name}, {run['steps']:.0f} steps: {run['distance']:.3g}")
print(f"fewest steps of dpm-solver++ that suffice: {found.steps} (this profile uses {settings.sampling_steps})")
table.assign(within=found.within).round({"distance": 3, "seconds": 4})

# %% [markdown]
# The profile `laptop` uses the number of steps that the published run found. The published run used real frames and
# trained longer than `laptop` does. It compared up to 250 steps of the fast samplers with the paper's 999.

# %% tags=["hide-cell"]
assert (table["distance"] > 0).all() and (table["seconds"] > 0).all()
assert found.steps in table["steps"].to_numpy()

# %% [markdown]
# ## Takeaways
#
# - A fast sampler uses the same trained model and takes fewer steps.
# - *Enough* is judged on the scale of real images. It holds for one number of images, one model and one set of noise.
#
# **Next:** {doc}`05_metrics`, how to tell whether the samples are good.
