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
# number of steps after which more steps change nothing.
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
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
components: int = 16  # principal components of the ceVAE embeddings in which distances are measured
quality_seeds: int = 3  # sampling seeds per sampler and number of steps, each for a set of its own
guidance: float = None  # w of Eq. 6, with which the book draws; None: as the profile says
quality_images: int = None  # images drawn per sampler and number of steps, all seeds together
quality_steps: int = None  # largest number of steps; the paper's sampler needs 999

# %% tags=["hide-input"]
import numpy as np
import torch
from sklearn.decomposition import PCA

from solarsynth import figures, stages
from solarsynth.book import page
from solarsynth.diffusion.schedule import Schedule
from solarsynth.diffusion.start import start_shift
from solarsynth.evaluation.steps import Yardstick, fewest_steps, over_seeds, sampling_plan, sampling_quality
from solarsynth.metrics.floors import same_weeks_floor
from solarsynth.metrics.frechet import frechet_distance
from solarsynth.pixels import to_unit

this = page.begin("04_sampling", globals(), own=("components", "quality_seeds"))
print(this.source_note)

# %% [markdown]
# ## The scale
#
# Every drawn set is measured by its Fréchet distance ({cite:t}`heusel2017`) from the training images, which
# {doc}`05_metrics` defines. It is measured in one fixed feature space, the first principal components of the ceVAE's
# embeddings. It is not the FID, because the FID uses the features of another network. The kernel distance in the same
# space stands beside it. It does not depend on the number of images, and is 0 on average for two sets from one
# distribution. The third number is the mean brightness of the set, integrated over the frame. It is given as the
# difference from the training images, in standard deviations of a real image. A distance alone can hide two errors that
# cancel.
#
# The Fréchet distance depends on the number of images. The grey bands in the figure therefore show sets of real images of the
# same size. These images are drawn one by one from the *same weeks* as those they are compared with. They resemble them
# more than images of other weeks would. The bands are the scale of the comparison of samplers. They do not say how far
# two honest sets of different weeks are apart; {doc}`05_metrics` does.

# %% tags=["remove-stderr"]
lab, settings = this.lab, this.lab.settings
embedded = stages.training_features(lab, "cevae")
dimension = min(components, len(embedded) // 2, embedded.shape[1])
pca = PCA(dimension, random_state=0).fit(embedded)
projected, share = pca.transform(embedded), pca.explained_variance_ratio_.sum()
print(f"{dimension} of {embedded.shape[1]} dimensions with {share:.0%} of the variance, {len(embedded):,} real images")


# %%
def distance(real, images):
    return [frechet_distance(images, real)]


size = max(2, min(settings.quality_images // quality_seeds, len(embedded) // 2))  # images in a set
same_weeks = same_weeks_floor(projected, distance, size, len(projected) - size, settings.floor_draws)[:, 0]
tolerance = {"distance": same_weeks.std(), "brightness": 1 / np.sqrt(size)}
print(
    f"sets of {size} real images of the same weeks: distance {same_weeks.mean():.3g} ± {same_weeks.std():.2g}, "
    f"brightness 0 ± {tolerance['brightness']:.2g}"
)

# %% [markdown]
# ## Where sampling starts
#
# The forward process does not end at pure noise. Its last state $x_T$ keeps the mean image, times
# $\sqrt{\bar\alpha_T}$. The paper's sampling starts at $\mathcal{N}(0, \mathbf{I})$, where this trace is missing. The
# factor is small, but all pixels miss it in the same direction, and the brightness is their sum.
#
# How much this costs can be computed. If the images were Gaussian, the perfect denoiser would be known, and sampling with
# it would be linear. The next cell computes the shift of the mean brightness for this denoiser:

# %%
schedule = Schedule(settings.n_steps, settings.beta_start, settings.beta_end)
shift = start_shift(to_unit(torch.from_numpy(stages.training_images(lab).image)), schedule)
print(f"sqrt(alpha_bar_T) = {schedule.alpha_bar[-1].sqrt():.2e}")
print("a perfect denoiser that starts at N(0, I), in standard deviations of the brightness:")
print(f"  the fast samplers, which add no noise: {shift.solver:+.3f}; the ancestral sampler: {shift.ancestral:+.4f}")
corrected = settings.parameterisation != "eps"
print(
    f"this run ({settings.parameterisation}): " + ("starts at the mean image" if corrected else "starts as the paper")
)

# %% [markdown]
# The ancestral sampler forgets its start, because it adds noise at every step. The paper's brightness is therefore hardly
# shifted. The fast samplers remember it. A preconditioned model knows the mean $m$ and the standard deviation $s$ of every
# pixel. Here it starts from the exact Gaussian, $x_T = \sqrt{\bar\alpha_T}\,m + \sqrt{\bar\alpha_T s^2 + 1 -
# \bar\alpha_T}\;\epsilon$, and the shift is gone. With `parameterisation: eps` the start stays the paper's.
#
# ## The comparison
#
# Every set contains the classes in the proportions of the training images. Each run has several sets, one per sampling
# seed, and all runs use the same seeds. `dpm-solver++` is run with the guidance that the book draws with, and without
# guidance. Guidance departs from the distribution of the training images on purpose. With guidance, the distance
# therefore shows whether the sampler has converged, and not how good the images are. `ddim` is run without guidance.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
counts = stages.proportional_counts(lab, size)
plan = sampling_plan(settings.n_steps, settings.quality_steps, settings.guidance)
seeds = range(4000, 4000 + quality_seeds)
table = sampling_quality(lab, plan, counts, seeds, Yardstick.of(lab, pca.transform))
means = over_seeds(table)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-sampling", "caption": "Fréchet distance from the training images and mean brightness against sampling steps, with guidance (solid) and without (dashed). Dots are means over the sampling seeds, bars their 95 % intervals. Grey: sets of real images of the same size from the same weeks."}, "image": {"alt": "Two panels with one curve per sampler and guidance, on grey bands"}}
bands = {"distance": tuple(np.percentile(same_weeks, [5, 95])), "brightness": (-1.645 / size**0.5, 1.645 / size**0.5)}
this.figure(figures.steps_against_quality(means, bands))

# %% [markdown]
# The table gives each mean with half of its 95 % interval over the sampling seeds (Student's *t*), and the time per image.

# %%
means.round({"seconds": 4} | {name: 3 for name in means.columns if name != "seconds"})

# %% [markdown]
# If a gap to the grey band remains even with many steps and without guidance, it comes from the model and not from the
# sampler.
#
# ## The rule
#
# The sets of each number of steps are compared with those of the longest run of `dpm-solver++`. They start from the same
# noise, so the difference shows the sampler's error alone. A number of steps is enough if it and all larger numbers differ
# from the longest run by less than two sets of real images of the same weeks do. This must hold in distance *and* in
# brightness, and the error over the seeds counts against it. A *smaller* distance is a difference too. If the last number
# before the longest fails, nothing shows that the longest run has converged, and the rule names no number.

# %%
judged = {w: fewest_steps(table, w, tolerance) for w in dict.fromkeys((settings.guidance, 0.0))}
print(f"tolerance: distance {tolerance['distance']:.3g}, brightness {tolerance['brightness']:.2g}")
for w, result in judged.items():
    answer = (
        f"{result.steps} steps are enough" if result.steps else "not converged at any number of steps compared here"
    )
    print(f"w = {w:g}: {answer} ({sum(counts.values())} images a set, {quality_seeds} seeds)")
found = judged[settings.guidance]
print(f"this profile draws with {settings.sampling_steps} steps and w = {settings.guidance:g}")
found.difference.round(3)

# %% [markdown]
# The table holds the differences from the longest run at the guidance that the book draws with. The paper's sampler is
# run if `quality_steps` is at least 999. It draws other images from the same noise, so it stands in the first table only.

# %% tags=["hide-cell"]
assert (table["distance"] > 0).all() and (table["seconds"] > 0).all() and np.isfinite(table["brightness"]).all()
assert found.steps is None or found.steps in found.difference.index[:-1]
assert len(table) == len(plan) * quality_seeds

# %% [markdown]
# ## Takeaways
#
# - A fast sampler uses the same trained model and takes fewer steps.
# - *Enough* is judged with the guidance that the book draws with, on the scale of real images of the same weeks. It holds
#   for one model and one number of images.
# - Sampling without noise remembers where it started. It must start at the mean image, or the brightness is shifted.
#
# **Next:** {doc}`04_choices` measures guidance, steps and ways of training on one scale.
