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
# # 5 · Metrics and what they are worth
#
# The paper judges samples by cluster metrics, by Fréchet distances and by the scores of a classifier. This page defines
# them and computes each one on a small example whose result is derived by hand. Then it compares *real* images with other
# real images. The result is the *floor*, the range of values of real Suns.
#
# | Paper | Here |
# | --- | --- |
# | Sect. 5, cluster metrics ({cite:t}`hackstein2023`) | {eq}`eq-error` to {eq}`eq-std`, {numref}`figure-floor` |
# | Sect. 5, FID | {eq}`eq-frechet` |
# | Sect. 5, F1, precision and recall | {eq}`eq-scores` |
# | Table 1, ground-truth row | the last table |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
clusters_k: int = 5  # clusters of K-means; the paper has one per GOES class
clusters_seed: int = 0  # seed of K-means
space: str = "cevae"  # feature space: cevae (the paper), classifier, clip or inception
floor_draws: int = None  # repetitions of the noise floor

# %% tags=["hide-input"]
from dataclasses import astuple

import numpy as np
import pandas as pd

from solarsynth import figures, stages
from solarsynth.book import page
from solarsynth.evaluation import Reference
from solarsynth.evaluation.rows import cluster_floor
from solarsynth.metrics.clusters import Clusters
from solarsynth.metrics.coverage import coverage
from solarsynth.metrics.floors import floor_range, same_weeks_floor
from solarsynth.metrics.frechet import frechet_distance
from solarsynth.metrics.kernel import kernel_distance
from solarsynth.metrics.skill import at_mix, class_scores, confusion

this = page.begin("05_metrics", globals(), own=("clusters_k", "clusters_seed", "space"))
print(this.source_note)

# %% [markdown]
# ## Cluster metrics
#
# K-means with five clusters is fitted to the features of real images. Every image, real or generated, then belongs to
# the nearest cluster centre. With the fraction $f_k$ of images in cluster $k$ and the distance $d_i$ of image $i$ from
# its own centre,
#
# $$
# \text{error} = \sum_k \left(\frac{f_k^\text{gen} - f_k^\text{ref}}{f_k^\text{ref}}\right)^{\!2}
# $$ (eq-error)
#
# $$
# \text{distance} = \sqrt{\langle d^2\rangle_\text{gen}} \Big/ \sqrt{\langle d^2\rangle_\text{ref}}
# $$ (eq-distance)
#
# $$
# \text{std} = \operatorname{std}(d)_\text{gen} \big/ \operatorname{std}(d)_\text{ref} .
# $$ (eq-std)
#
# An error of 0 means that generated images fall into each cluster as often as real ones do. A cluster without generated
# images adds 1 to the error. Distance and std are **ratios whose target is 1**. A distance below 1 means that the samples
# lie closer to the centres than real images do. A distance above 1 means that they lie farther out. The paper marks all
# three as "lower is better", which is right only for the error.
#
# **By hand.** Take images with a single feature. The real ones form two clusters of four, around 0 and around 100, at
# distances 1 and 3 from their centres. So $f^\text{ref} = (\tfrac12, \tfrac12)$, $\langle d^2\rangle = (1 + 9)/2 = 5$,
# and the distances deviate from their mean 2 by 1. Of the eight generated images, six lie near 0 and two near 100. Half
# of the eight are at distance 2 and half at distance 4. So $f^\text{gen} = (\tfrac34, \tfrac14)$,
# $\langle d^2\rangle = (4 + 16)/2 = 10$, and the distances again deviate from their mean by 1. The error is
# $(\tfrac12)^2 + (\tfrac12)^2 = \tfrac12$, the distance $\sqrt{10/5} = \sqrt2$ and the std 1.

# %%
real = np.array([-3.0, -1, 1, 3, 97, 99, 101, 103])[:, None]  # (n, 1): n images with one feature
generated = np.array([-4.0, -4, -2, -2, 2, 4, 96, 102])[:, None]
centres = np.array([[0.0], [100.0]])  # those that K-means finds


def assign(features):
    """Return the fraction of images in each cluster, and each image's distance from its centre."""
    distance = np.linalg.norm(features[:, None] - centres, axis=2)  # (n, k)
    return np.bincount(distance.argmin(1), minlength=2) / len(features), distance.min(1)


# %%
(f_ref, d_ref), (f_gen, d_gen) = assign(real), assign(generated)
error = (((f_gen - f_ref) / f_ref) ** 2).sum()
distance = np.sqrt((d_gen**2).mean()) / np.sqrt((d_ref**2).mean())
std = d_gen.std() / d_ref.std()
assert np.allclose((error, distance, std), (1 / 2, np.sqrt(2), 1))
assert np.allclose(astuple(Clusters(real, k=2).compare(generated)), (error, distance, std))
print(f"cluster error {error:.3f}, distance {distance:.3f}, std {std:.3f}")

# %% [markdown]
# ## Fréchet distance
#
# The Fréchet distance ({cite:t}`heusel2017`) treats two sets of features as Gaussians with means $\mu$ and covariances
# $\Sigma$,
#
# $$
# d^2 = |\mu_1-\mu_2|^2 + \operatorname{Tr}\left(\Sigma_1 + \Sigma_2 - 2\,(\Sigma_1\Sigma_2)^{1/2}\right) .
# $$ (eq-frechet)
#
# **By hand.** Four real images have the two features $(\pm1, 0)$ and $(0, \pm1)$. Their mean is 0 and their covariance
# $\tfrac23\mathbf{I}$. The generated images are twice as far apart, around $(3, 4)$: their mean is $(3, 4)$ and their
# covariance $\tfrac83\mathbf{I}$. The first term is $3^2 + 4^2 = 25$. Each of the two dimensions adds
# $\left(\sqrt{8/3} - \sqrt{2/3}\right)^2 = \tfrac23$ to the second term. In total $d^2 = 25 + \tfrac43$.

# %%
from scipy.linalg import sqrtm

real = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
generated = np.array([3.0, 4]) + 2 * real
covariance_1, covariance_2 = np.cov(real.T), np.cov(generated.T)
means_apart = ((real.mean(0) - generated.mean(0)) ** 2).sum()
d_squared = means_apart + np.trace(covariance_1 + covariance_2 - 2 * sqrtm(covariance_1 @ covariance_2).real)
assert np.isclose(d_squared, 25 + 4 / 3)
assert np.isclose(frechet_distance(real, generated), d_squared)
print(f"Fréchet distance {d_squared:.3f}")

# %% [markdown]
# With the features of InceptionV3 the Fréchet distance is called FID. InceptionV3 takes three channels of 299 px. The
# image's one channel is therefore repeated three times in 8 bit, and clean-fid's `clean` mode resizes it. The paper also
# uses the features of CLIP's ViT-B/32. For these, the images are resized to 224 px by bicubic interpolation and
# standardised by CLIP's own mean and standard deviation.
#
# Both networks need published weights. They are used if clean-fid and timm have them on this machine. With
# `SOLARSYNTH_WEIGHTS=download` they are fetched. Without weights, the result says that they are missing. The book also
# gives the Fréchet distance in the spaces of the ceVAE and of the classifier. It does not call these distances FID.
#
# The distance between two samples of one distribution falls with the number of images. The distance of generated images
# is therefore measured over all sets together, and compared with the distance of equally many real images.
#
# ## Kernel distance
#
# With fewer images than dimensions a covariance is singular, and the Fréchet distance is mostly bias. The *kernel distance*
# ({cite:t}`binkowski2018`) has no bias at any number of images. With the kernel $k(x, y) = (x^{\mathsf T} y / d + 1)^3$ in $d$
# dimensions, real images $x$ and samples $y$, it is the mean of $k(x_i, x_j)$ over all pairs $i \ne j$, plus the mean of
# $k(y_i, y_j)$, minus twice the mean of $k(x_i, y_j)$. Its mean is 0 for two sets from one distribution, so a single value
# may be negative. It is called KID in the space of InceptionV3 only.
#
# **By hand.** With one feature, two real images at 0 and 1 and two samples at 2 and 3, $k(0, 1) = 1$ and $k(2, 3) = 7^3 = 343$.
# The pairs across have $k = 1, 1, 27$ and $64$, with the mean 23¼. The distance is $1 + 343 - 46\tfrac12 = 297\tfrac12$.

# %%
real, generated = np.array([[0.0], [1]]), np.array([[2.0], [3]])
k = (np.concatenate([real, generated]) @ np.concatenate([real, generated]).T / 1 + 1) ** 3
kernel = k[0, 1] + k[2, 3] - 2 * k[:2, 2:].mean()
assert kernel == 297.5 and np.isclose(kernel_distance(real, generated), kernel)
print(f"kernel distance {kernel}")

# %% [markdown]
# ## Precision, recall, density and coverage
#
# These four ask whether samples lie among the real images, and real images among the samples ({cite:t}`naeem2020`).
# Around each image lies a ball that reaches to its $k$-th nearest neighbour in its own set. *Precision* is the share of
# samples that lie in the ball of some real image. *Recall* is the share of real images that lie in the ball of some
# sample. *Density* is the mean number of real balls that hold a sample, divided by $k$. *Coverage* is the share of real
# balls that hold a sample.
#
# **By hand.** Take one feature and $k = 1$. The real images lie at 0, 1, 10 and 11, so each of their balls has radius
# 1. The samples lie at 0.25, 0.75, 1.5 and 30, and their balls have radii 0.5, 0.5, 0.75 and 28.5. The first three
# samples lie in a real ball, the last in none: precision ¾. The first two lie in two real balls each and the third in
# one: density (2 + 2 + 1 + 0)/4 = 1¼. Only the balls of 0 and 1 hold a sample: coverage ½. Yet each real image lies in
# the ball of a sample, because the outlier's ball reaches from 1.5 to 58.5: recall 1. A single outlier can raise the
# recall. It does not raise the coverage.
#
# A sample on the edge of a ball lies in it. A sample that equals a real image therefore always counts, and copies of the
# training images have the best precision, density and coverage that there is. Blurred samples lie in the middle of the real
# images, so they are precise, too. Precision alone says little: it needs the recall beside it.

# %%
real = np.array([0.0, 1, 10, 11])[:, None]
generated = np.array([0.25, 0.75, 1.5, 30])[:, None]
apart = np.abs(generated - real.T)  # (samples, real images)
real_radius = np.sort(np.abs(real - real.T), axis=1)[:, 1]  # column 0 is the image itself
sample_radius = np.sort(np.abs(generated - generated.T), axis=1)[:, 1]
in_real_ball, in_sample_ball = apart <= real_radius, apart <= sample_radius[:, None]
precision, recall = in_real_ball.any(axis=1).mean(), in_sample_ball.any(axis=0).mean()
density, covered = in_real_ball.sum(axis=1).mean(), in_real_ball.any(axis=0).mean()
assert (precision, recall, density, covered) == (3 / 4, 1, 5 / 4, 1 / 2)
assert astuple(coverage(real, generated, k=1)) == (precision, recall, density, covered)
print(f"precision {precision}, recall {recall}, density {density}, coverage {covered}")

# %% [markdown]
# ## F1, precision and recall
#
# A classifier is trained on real images and tested on generated ones. Does it recognise the class that was the model's
# condition? For each class, with the numbers of true positives TP, false positives FP and false negatives FN,
#
# $$
# \text{precision} = \frac{\text{TP}}{\text{TP} + \text{FP}}, \qquad
# \text{recall} = \frac{\text{TP}}{\text{TP} + \text{FN}}, \qquad
# \text{F1} = \frac{2\,\text{TP}}{2\,\text{TP} + \text{FP} + \text{FN}} .
# $$ (eq-scores)
#
# The *macro* score is the mean over the classes.
#
# **By hand.** The first class has six images, and the classifier recognises four of them. The second class has four
# images, and the classifier recognises three. The first class has TP = 4, FP = 1, FN = 2: precision 4/5, recall 2/3, F1
# 8/11. The second class has TP = 3, FP = 2, FN = 1: precision 3/5, recall 3/4, F1 2/3. The macro precision is 7/10, the
# macro recall 17/24 and the macro F1 23/33.

# %%
y_true = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
y_pred = np.array([0, 0, 0, 0, 1, 1, 0, 1, 1, 1])
rows = []
for i in (0, 1):
    tp = ((y_true == i) & (y_pred == i)).sum()
    fp, fn = ((y_true != i) & (y_pred == i)).sum(), ((y_true == i) & (y_pred != i)).sum()
    rows.append({"precision": tp / (tp + fp), "recall": tp / (tp + fn), "f1": 2 * tp / (2 * tp + fp + fn)})
macro = pd.DataFrame(rows).mean()
counts = confusion(y_true, y_pred, 2)  # rows: true classes, columns: predicted ones
for name, by_hand in {"precision": 7 / 10, "recall": 17 / 24, "f1": 23 / 33}.items():
    assert np.isclose(macro[name], by_hand) and np.isclose(class_scores(counts).macro()[name], by_hand)
print(f"macro precision {macro['precision']:.3f}, recall {macro['recall']:.3f}, F1 {macro['f1']:.3f}")

# %% [markdown]
# Table 1 of the paper gives a *ratio*: the macro score on generated images, divided by the same classifier's macro score
# on real images. The macro F1, precision and recall on real images are 0.55, 0.57 and 0.54 in the paper's text, and
# 0.546, 0.578 and 0.544 by its Table D.1. {doc}`d_class_scores` has the scores per class.
#
# Precision and F1 depend on how common a class is, and generated sets contain all classes equally often. The held-out
# real images are therefore weighted to the samples' mix of classes. Without these weights the ratios of a perfect
# generator would differ from 1. In the example, 2/3 of the first class and 1/4 of the second are assigned to the first
# class. If both classes are equally common, its precision is not 4/5 but $\tfrac23 / (\tfrac23 + \tfrac14) = 8/11$.

# %%
weighted = at_mix(counts, mix=np.array([1, 1]))
first_column = weighted[:, 0]
assert np.allclose(first_column, (2 / 3, 1 / 4))
assert np.isclose(class_scores(weighted).precision[0], 8 / 11)
print(f"precision of the first class: {class_scores(counts).precision[0]:.3f}, with equal classes {8 / 11:.3f}")

# %% [markdown]
# ## The feature space
#
# From here on the images are those of this run. The paper measures in the latent space of a ceVAE that was pretrained
# on SDO data and is not published in this size. Ours is the ceVAE of {doc}`04_methodology`, trained on this run's
# training images. Each of its dimensions is standardised. The formulas are the paper's, but the space is not. A value
# here must therefore be compared with its own floor, and not directly with the paper's value.

# %% tags=["remove-stderr"]
lab, settings = this.lab, this.lab.settings
reference = stages.training_features(lab, space)
held_out = stages.held_out_features(lab, space)
clusters = Clusters(reference, k=clusters_k, seed=clusters_seed)
judge = Reference(lab, clusters_k, clusters_seed, space)
print(
    f"{stages.SPACES[space]} space of {reference.shape[1]} dimensions; "
    f"{len(reference):,} reference and {len(held_out):,} held-out images"
)

# %% [markdown]
# ## The floor of one distribution
#
# Of $n$ images against a reference of $N$ images from the same distribution, the cluster error has the expected value
# $(1/n + 1/N) \sum_k (1 - f_k) / f_k$. Rare clusters raise it:


# %%
def expected_error(f, n=1000, N=20_420):
    return (1 / n + 1 / N) * ((1 - f) / f).sum()


def simulated_errors(f, n=1000, draws=20_000):
    fractions = np.random.default_rng(0).multinomial(n, f, draws) / n
    return (((fractions - f) / f) ** 2).sum(1)


# %% [markdown]
# The next lines give the expected value, and the mean and the 95th percentile of simulated sets of 1000 images:

# %%
unequal, ours = np.array([0.47, 0.25, 0.15, 0.10, 0.03]), clusters.fractions
for title, f in {
    "equally full": np.full(5, 0.2),
    "47, 25, 15, 10 and 3 % full": unequal,
    "as this run's": ours,
}.items():
    errors = simulated_errors(f)
    most = np.percentile(errors, 95)
    print(
        f"clusters {title}: expected {expected_error(f):.3f}; 1000 images: mean {errors.mean():.3f}, 95 % below {most:.3f}"
    )

# %% [markdown]
# The paper's 0.1294 for the discrete model therefore differs from real images if its clusters are equally full, and might not
# if some of them are rare; the paper does not give the fractions. Its 0.00197 for real images is lower than a set of 1000
# images would have on average.
#
# ## Two floors: the same weeks, and other weeks
#
# Real images differ from other real images. By how much depends on which are compared. Frames of neighbouring hours are nearly
# the same picture. If a set is drawn at random from the real images, it has its near-duplicates among the others. This is the
# floor of the *same weeks*, and only a copy of the training images could reach it.
#
# A generator draws Suns that were never photographed. Its values must be compared with real Suns of *other weeks*. For this
# floor, whole blocks are left out, with the frames around them and the regions that they share with the rest. Sets from these
# blocks are compared with equally many real images as the generated sets are. The figure shows both.

# %%
sizes = sorted({n for n in (20, 50, 100, 200, settings.set_size) if n == judge.pool.size_for(n)})
floor = {n: cluster_floor(judge, n) for n in sizes}


def against_others(real, images):
    return astuple(Clusters(real, clusters_k, clusters_seed).compare(images))


most = len(reference) - max(sizes)  # the reference of every draw has as many images
same_weeks = {n: same_weeks_floor(reference, against_others, n, most, judge.pool.draws) for n in sizes}
truth = np.array(astuple(clusters.compare(held_out))) if len(held_out) else np.full(3, np.nan)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-floor", "caption": "Cluster metrics of sets of real images against the size of the set: from blocks that were left out (grey), and from the same weeks as the reference (lines). The dot shows the held-out images."}, "image": {"alt": "Three panels: the range of real sets of other weeks is wide, that of the same weeks is narrow"}}
held = {"held out": (max(len(held_out), 1), truth[None])}
this.figure(figures.cluster_floor(floor, held, same_weeks), "figure-floor")

# %% [markdown]
# The table gives both for one size of set:

# %%
n = max((n for n in sizes if n <= settings.set_size), default=sizes[-1])
columns = {"target": [0, 1, 1]}
for title, draws in {"same weeks": same_weeks[n], "other weeks": floor[n]}.items():
    low, high = floor_range(draws)
    columns[f"{title}, {n} images, 9 in 10"] = [f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)]
columns["held-out real images"] = truth.round(3)
pd.DataFrame(columns, index=["error", "distance", "std"])

# %% [markdown]
# From here on, *real sets* are sets of other weeks. A value has a *place*: below, within or above the range that holds nine in ten
# real sets. A row of the later tables *rejects* a set of samples if Student's t for one more real set, on as many degrees of
# freedom as there are blocks less one, has a probability below 5 % after Holm's correction for all rows of the table; the rows
# that look for copies are corrected by themselves. For most rows the test is one-sided: a distance can only be too large, a
# coverage only too small. Cluster distance and std are tested on both sides.
#
# If the range of other weeks does not hold the target, the space knows the training images too well: not even a real Sun that it
# has not seen reaches the target there. Then only the range says what is good.
#
# Real sets come from a few blocks. Samples mix all weeks and may come closer to the training images than real sets do. A
# distance below the range is therefore no fault, and a row can reject only what differs more than weeks of the Sun do.

# %% tags=["hide-cell"]
assert np.isfinite(reference).all()
itself = astuple(clusters.compare(reference))
assert np.allclose(itself, (0, 1, 1), atol=1e-5)

# %% [markdown]
# ## Takeaways
#
# - Distance and std have a target of 1, not of 0.
# - A value is meaningful only beside the floor for the same size of set.
# - A floor from images of the same weeks is too low. Real Suns of other weeks would fail it.
#
# **Next:** {doc}`06_results`, the samples and their numbers.
