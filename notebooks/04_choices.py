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
# # What the choices are worth
#
# The paper leaves some choices open, and it does not measure those it makes: guidance w = 2, 999 steps, only frames that follow
# a flare. This page measures them on one scale, for one model. It also tries three ways to learn more from the same
# observations, which the paper does not have.
#
# | Choice | Here |
# | --- | --- |
# | guidance, number of steps, interval of guidance | {numref}`figure-guidance` |
# | the same against how well the model obeys | {numref}`figure-tradeoff` |
# | one or two steps after consistency tuning | {numref}`figure-jumps` |
# | frames without a flare, mirroring, coordinates, and choices of the network | {numref}`figure-trainings` |
# | the length of the average of the weights, chosen after the training | {numref}`figure-lengths` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
choices_images: int = None  # length of each training of the second part, in images; None: as the profile says
quality_images: int = None  # samples of each run, all seeds together
weights: str = "0, 1, 2, 5"  # guidance w that is tried
steps: str = "10, 20"  # numbers of sampling steps that are tried, up to quality_steps
training_seeds: int = 2  # trainings per variant

# %% tags=["hide-input"]
import numpy as np

from solarsynth import figures, stages
from solarsynth.book import page
from solarsynth.evaluation import choices
from solarsynth.evaluation.quality import SHARP, QualityReference

this = page.begin("04_choices", globals(), own=("weights", "steps", "training_seeds"))
lab, s = this.lab, this.lab.settings
print(this.source_note)

# %% [markdown]
# ## One scale for all choices
#
# A choice is judged by eight numbers:
#
# - **Training blocks:** the Fréchet distance to all frames of the training weeks, in the first 64 principal components of the
#   frames' pixels. Held-out frames have their own distance. It sees means and covariances alone: a random field that has
#   those of real frames is near, and no Sun ({doc}`04_methodology`, the Wiener filter).
# - **Kernel distance** in the same components, without pairs of frames from one block.
# - **Power:** the power at 20 to 32 cycles per image, relative to 2 to 8, and to the same of real images. Below 1 is blur.
# - **Copies:** the share of samples nearer to a training frame than 99 % of held-out frames are.
# - **Brightness:** the mean grey level minus that of the labelled training images, in their standard deviations.
# - **Coverage:** the share of labelled training images with a sample among their nearest neighbours. A copy
#   of the training set has 1; honest images have what held-out frames have, which is printed below.
# - **Obeys:** the rank correlation of the class asked for with what a regressor reads in the samples. It has learnt the X-ray flux
#   from held-out images.

# %% tags=["remove-stderr"]
reference = QualityReference(lab)
sampling_seeds = 2
size = max(10, s.quality_images // sampling_seeds)
real = np.array([reference.real(size, k) for k in range(10)])
print(f"{len(reference.train):,} frames of training blocks, {len(reference.held_out):,} of held-out blocks")
print(f"sets of {size} labelled training images: distance {real.mean():.3g} ± {real.std():.2g}")
print(f"the frames of the training blocks themselves, to those of the held-out blocks: {reference.between:.3g}")
covered = np.mean([reference.covered(size, k) for k in range(10)])
print(f"sets of {size} held-out frames: coverage {covered:.3g}")
print(f"the regressor's correlation with the flux of images that it has not seen: {reference.skill:.2f}")

# %% [markdown]
# ## Guidance against steps
#
# Guidance pushes a sample towards its class. It costs variety. The paper draws with w = 2. The *interval* is the range of noise
# levels in which guidance acts; Kynkäänniemi et al. 2024 ([doi:10.48550/arXiv.2404.07724](https://doi.org/10.48550/arXiv.2404.07724))
# find that guidance at high noise levels costs most of the variety.

# %% tags=["hide-output", "remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
tried = [float(w) for w in weights.split(",")]
counts = sorted({min(int(n), s.quality_steps) for n in steps.split(",")})
intervals = [(0.0, np.inf), (0.05, 5.0)]
guided = choices.guidance_study(lab, reference, tried, counts, intervals, size, range(7000, 7000 + sampling_seeds))

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-guidance", "caption": "Distance, sharpness, brightness and share of near-copies, coverage and obedience against the weight of guidance w. Dots are means over the sampling seeds, bars their 95 % intervals. Dotted: the paper's w = 2. Dashed: real images, and in the last panel no obedience."}, "image": {"alt": "Six panels with a line per number of sampling steps, against the weight of guidance"}}
this.figure(figures.guidance_frontier(guided, real.mean()))

# %% [markdown]
# A regressor whose own correlation is near 0 cannot show that a model obeys. Where it reads something, more guidance should move
# a model to the right. The question is what it pays:

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-tradeoff", "caption": "The frontier: distance and coverage against obedience, a line through the weights of guidance w per number of steps. Numbers: w. Rings: the paper's w = 2. Dashed: real sets on the left, held-out frames on the right."}, "image": {"alt": "Two panels with a line per number of sampling steps through the weights of guidance"}}
this.figure(figures.guidance_tradeoff(guided, real.mean(), covered))

# %% [markdown]
# The numbers of both figures, with those that it leaves out:

# %%
table = guided.drop(columns="distances").set_index(["guidance", "steps", "interval"])
table.map(lambda value: f"{value:.3g}")

# %% tags=["hide-input"]
best = guided.loc[guided["train"].idxmin()]
papers = guided[(guided["guidance"] == 2) & (guided["interval"] == "everywhere")]
print(
    f"nearest to the training blocks: w = {best['guidance']:g}, {best['steps']} steps, guidance {best['interval']}, "
    f"distance {best['train']:.3g} ± {best['train ±']:.2g} (real sets: {real.mean():.3g} ± {real.std():.2g}); "
    f"{choices.ties(guided)} of {len(guided) - 1} others are not told apart from it, in pairs by seed"
)
for row in papers.itertuples():
    print(
        f"the paper's w = 2 with {row.steps} steps: distance {row.train:.3g}, power {row.power:.2f}, brightness {row.brightness:+.2f}"
    )

# %% [markdown]
# The run was made with one model, and ± is over sampling seeds alone. Another training may give other dots.
#
# ## One or two steps
#
# A denoiser that must jump from pure noise draws the mean of all Suns. *Consistency tuning* (Geng et al. 2024,
# [doi:10.48550/arXiv.2406.14548](https://doi.org/10.48550/arXiv.2406.14548)) trains it on, until it gives the same image at two
# noise levels of one trajectory. Then one or two evaluations draw an image. The sampler `consistency` tunes the model first. All
# rows of the table start from the same noise, without guidance.

# %% tags=["hide-output", "remove-stderr"]
from solarsynth.diffusion.sampling import Sampling

most = min(20, s.quality_steps)
runs = {
    f"dpm-solver++, {most} steps": Sampling("dpm-solver++", most),
    "dpm-solver++, 2 steps": Sampling("dpm-solver++", 2),
}
if s.parameterisation != "eps":
    runs |= {"consistency, 2 steps": Sampling("consistency", 2), "consistency, 1 step": Sampling("consistency", 1)}
jumps, drawn = choices.compare_samplers(lab, reference, runs, size, range(7000, 7000 + sampling_seeds))

# %%
jumps.map(lambda value: f"{value:.3g}")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-jumps", "caption": "The same noise, drawn in many steps, in two steps without tuning, and in two steps and one step after consistency tuning. The images are evenly spaced in a set that is ordered by class, not selected."}, "image": {"alt": "Rows of full-disk Suns, a row per sampler"}}
columns = np.linspace(0, size - 1, 6).round().astype(int)
this.figure(figures.sun_rows({name.replace(", ", ",\n"): image[columns] for name, image in drawn.items()}))

# %% tags=["hide-input"]
sharp = jumps["power"] / jumps["power"].iloc[0]
for name, row in jumps.iloc[2:].iterrows():
    low, high = row["train Δ"] - row["train Δ ±"], row["train Δ"] + row["train Δ ±"]
    against = {
        "farther": low > 2 * real.std(),
        "near-copies": row["copies"] > 0.02,
        "another sharpness": abs(sharp[name] - 1) > SHARP,
    }
    why = [word for word, holds in against.items() if holds]
    word = "passes" if high < real.std() * 2 else "cannot be told from the many steps"
    word = f"does not pass ({', '.join(why)}): use dpm-solver++" if why else word
    print(f"{name}: {word}; distance {row['train Δ']:+.3g} ({low:+.3g} to {high:+.3g}), {row['ms']:.0f} ms an image")

# %% [markdown]
# *Passes* means that the interval of the growth lies below what two sets of real images differ by (twice their standard deviation), that no more
# than 2 % are near-copies, and that the power at fine scales is within 20 % of that of the many steps. A blurred image is near to
# every image, so it counts as a near-copy, too.
#
# ## Ways of training
#
# Each variant changes one thing in the plain training, and sees as many images. The plain training has the profile's network
# and none of the three additions:
#
# - **Frames without a flare.** The paper uses only frames that follow a listed flare. The others show the same Sun. They carry no
#   condition. *Mixed*: half of each batch is such frames. *First*: half of the training is on all frames, without a condition.
# - **Mirrored north–south.** A mirrored Sun keeps its belts and Joy's law. The network is told which images are mirrored, so
#   that it draws none unless asked.
# - **Coordinate channels.** A convolution cannot tell where on the Sun it is. Two more channels say so.

# %% tags=["hide-output", "remove-stderr"]
seeds = range(seed, seed + training_seeds)
trained = choices.compare_trainings(lab, reference, choices.VARIANTS, seeds, size)
print(f"sets of {size}, as above; real sets: distance {real.mean():.3g} ± {real.std():.2g}, power 1")
print(f"{len(trained)} trainings of {s.choices_images:,} images, {trained['seconds'].sum() / 60:.0f} min in all")

# %%
found = choices.effects(trained)
found[[*choices.MEASURES, "seconds"]].map(lambda value: f"{value:.3g}")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-trainings", "caption": "What each way of training changes against the plain training of the same length and seed: distance to the training blocks, sharpness, and share of near-copies. Bars are 95 % intervals over the trainings."}, "image": {"alt": "Three panels of dots with error bars, a row per way of training"}}
this.figure(figures.training_effects(found))

# %% tags=["hide-input"]
for name, row in found.iloc[1:].iterrows():
    low, high = row["train Δ"] - row["train Δ ±"], row["train Δ"] + row["train Δ ±"]
    word = "nearer" if high < 0 else "farther" if low > 0 else "no difference seen"
    print(
        f"{name}: {word} ({row['train Δ']:+.3g}, 95 % interval {low:+.3g} to {high:+.3g}, {training_seeds} trainings)"
    )

# %% [markdown]
# ## The length of the average
#
# Images are drawn with an average of the weights, which is less noisy than the weights of the last step. The paper's lineage fixes its
# decay before the training. Here 16 snapshots are stored instead, and averages of any length are made of them afterwards
# (Karras et al. 2024, [doi:10.48550/arXiv.2312.02696](https://doi.org/10.48550/arXiv.2312.02696)). σ_rel is the standard deviation
# of the steps in the average, as a share of the training. The length is chosen by samples of another seed than those that the
# table above judges.

# %% tags=["hide-output", "remove-stderr"]
stored = lab.variant(
    unlabelled="none", mirror=0.0, coordinates=0, train_images=s.choices_images, pretrain_images=1, ema_snapshots=16
)
lengths = choices.compare_lengths(stored, reference, size)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-lengths", "caption": "Distance, sharpness and share of near-copies against the length of the average, for one training. Dashed: averages of fixed decay, the mean of the plain trainings, judged by other samples."}, "image": {"alt": "Three panels with a line against the length of the average"}}
this.figure(figures.average_lengths(lengths, found.iloc[0]))

# %% tags=["hide-input"]
chosen = trained.loc[trained["ema_length"] > 0, "ema_length"]
print(f"nearest in this training: σ_rel = {choices.chosen_length(lengths):g}; chosen in each training: {list(chosen)}")

# %% [markdown]
# ## What the paper leaves open
#
# Every choice that the paper does not state can be switched. The table says where its effect is measured:
#
# | Choice | Setting | Effect |
# | --- | --- | --- |
# | the fast sampler, its steps, and w = 2 for `cfg_scale = 3` | `sampler`, `sampling_steps`, `guidance` | this page; all 999 steps: {doc}`04_sampling` |
# | what the network predicts, and the weights of its loss | `parameterisation`, `min_snr` | this page |
# | self-attention, cooldown, and the average of the weights | `attention`, `cooldown`, `ema_snapshots` | this page |
# | random or blocked split | `split` | {doc}`08_1_classification`: what the leak is worth |
# | days without a listed flare, left out or kept | `mode` | {doc}`08_2_forecasting` |
# | flux scale, tolerances, and how frames are made smaller | `scale`, `frame_tolerance`, `downsampling` | {doc}`02_dataset`: class counts; no model is trained per scale |
# | KL term of the ceVAE, and size of the classifier | `cevae_kl`, `classifier` | not measured: run the pages with each |

# %% tags=["hide-cell"]
judged = [name for name in choices.MEASURES if name != "obeys" or np.isfinite(reference.skill)]
assert np.isfinite(guided[judged].to_numpy()).all()
assert len(lengths) and np.isfinite(lengths[judged].to_numpy()).all()
assert len(trained) == trained["variant"].nunique() * training_seeds
assert guided["copies"].between(0, 1).all()

# %% [markdown]
# A power far above 1 is the noise of a network that is trained too briefly. Distances of such networks rank nothing.
#
# ## Takeaways
#
# - The distance alone does not choose: look at sharpness, brightness and copies beside it.
# - With few trainings the intervals are wide. *No difference seen* does not mean that there is none.
# - To try your own: `papermill notebooks/04_choices.ipynb out.ipynb -p profile laptop -p weights "0, 1.5"`.
#
# **Next:** {doc}`05_metrics`, how to tell whether the samples are good.
