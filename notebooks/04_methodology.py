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
# # 4 · Methodology: one network, three conditions
#
# The paper trains one network three times, each time with a different condition. The *discrete* model gets the class of the
# flare, the *continuous* model its X-ray flux, and the *embedding* model the class and an autoencoder's embedding of
# the image. This page first trains a small diffusion model in plain sight. Then it builds the paper's network, the
# three conditions, the autoencoder (ceVAE) and the prior that draws embeddings. All are trained with the same loop.
#
# | Paper | Here |
# | --- | --- |
# | Fig. B.1, architecture | {numref}`figure-b-1`, drawn from the module itself |
# | Fig. 2, labels and embeddings | {numref}`figure-2`, with the sizes that the modules report |
# | Sect. 4, the ceVAE and the prior | {eq}`eq-cevae`, {numref}`figure-reconstructions`, {numref}`figure-prior` |
# | Sect. 4, training: 500 epochs, batch 12, AdamW, PSNR | {numref}`figure-training` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
parameterisation: str = None  # eps (the paper), preconditioned or wiener; None: as the profile says
base_width: int = None  # channels of the first stage; 64 in the paper
train_images: int = None  # length of the training in images
finetune_images: int = None  # the same for the other two models, started from the discrete one; 0: from scratch
batch_size: int = None  # images per step; 12 in the paper
learning_rate: float = None  # of AdamW; 3e-4 in the paper

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch

from solarsynth import figures, networks, stages, tables
from solarsynth.book import page, paper, records
from solarsynth.devices import device
from solarsynth.figures.style import COLOURS, legend, panel, styled
from solarsynth.flares import CLASSES
from solarsynth.kinds import MODELS
from solarsynth.metrics.embedding import energy_distance, linear_probe
from solarsynth.metrics.intervals import unit_interval
from solarsynth.models.pixels import psnr
from solarsynth.pixels import to_unit

this = page.begin("04_methodology", globals())
print(this.source_note)

# %% [markdown]
# ## A training loop
#
# A diffusion model can be trained in seconds if the images are small enough. Here an image has two pixels and belongs
# to one of two classes. In each class the pixels are Gaussian with known means and standard deviations, so that the
# result can be checked. These parts come from the library:

# %%
from torch import nn

from solarsynth.diffusion.conditioning import DiscreteLabel, drop, null_like
from solarsynth.diffusion.ema import EMA
from solarsynth.diffusion.parameterisations import Eps, Preconditioned
from solarsynth.diffusion.samplers import NoiseStreams, ancestral, image_seeds
from solarsynth.diffusion.schedule import Schedule
from solarsynth.diffusion.wiener import Wiener
from solarsynth.models.unet import UNet, UNetConfig, count_parameters, time_embedding

# %% [markdown]
# Any module can be the network if it takes a noisy image, a time step and a condition, and returns an array of the
# image's shape. This small network maps the three to vectors of the same length and adds them. The paper's network treats
# the time step and the condition in the same way.


# %%
class SmallNetwork(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.condition = DiscreteLabel(2, width)  # a vector per class, zeros if unconditional
        self.time, self.enter = nn.Linear(width, width), nn.Linear(2, width)
        self.leave = nn.Sequential(
            nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
        )

    def forward(self, x_t, t, condition):
        time = self.time(time_embedding(t, self.time.in_features))
        return self.leave(self.enter(x_t) + time + self.condition(condition))


torch.manual_seed(0)
small = Eps(SmallNetwork(), Schedule(100, 1e-3, 0.1), shape=(2,))

# %% [markdown]
# The loop draws a batch, drops one condition in ten, adds noise, and lowers the loss of Eq. 5 ({eq}`eq-loss`). AdamW
# updates the weights at a falling learning rate. Samples are drawn with an exponential moving average (EMA) of the
# weights, which fluctuates less than the weights themselves.

# %%
true_mean = torch.tensor([[-0.6, -0.4], [0.5, 0.3]])  # class, pixel
true_std = torch.tensor([[0.10, 0.20], [0.25, 0.15]])
random, n_updates = torch.Generator().manual_seed(0), 600
optimiser, average = torch.optim.AdamW(small.parameters(), lr=8e-3), EMA(small, decay=0.99, start=100)
falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=n_updates)
for update in range(1, n_updates + 1):
    label = torch.randint(0, 2, (256,), generator=random)
    x_0 = true_mean[label] + true_std[label] * torch.randn(256, 2, generator=random)
    condition = drop(label[:, None].float(), torch.rand(256, generator=random) < 0.1)
    t, eps = small.draw(x_0.shape, random)
    loss = (small.network(small.schedule.add_noise(x_0, t, eps), t, condition) - eps).square().mean()  # Eq. 5
    loss.backward()
    optimiser.step(), falling.step(), optimiser.zero_grad()
    average.update(small, update)

# %% [markdown]
# Has the network learnt the two distributions? We draw 500 images of each class with the paper's sampler and compare.

# %%
wanted = torch.arange(2).repeat_interleave(500)[:, None].float()
noise = NoiseStreams(image_seeds(0, len(wanted)), (2,))
drawn = ancestral(average.average, noise.draw(), wanted, 0.0, 99, noise).view(2, 500, 2)
learnt = {"mean": drawn.mean(1), "standard deviation": drawn.std(1)}
rows = {}
for name, truth in {"mean": true_mean, "standard deviation": true_std}.items():
    assert (learnt[name] - truth).abs().max() < 0.06
    rows |= {f"{name}, true": truth.flatten(), f"{name}, learnt": learnt[name].flatten()}
pd.DataFrame(rows, index=[f"class {i}, pixel {j}" for i in (1, 2) for j in (1, 2)]).astype(float).round(2)

# %% [markdown]
# The library's loop, `solarsynth.diffusion.training.train`, does the same. In addition it counts the images it has seen,
# keeps a log, writes checkpoints, resumes exactly where it was stopped, and runs on one device or many.
#
# ## The U-Net
#
# The paper's network is a U-Net. Its encoder halves the resolution three times; the decoder restores it. A
# self-attention block follows each halving and each doubling (Appendix B). The time step and the condition enter as one
# vector, which is added at every resolution. The paper's diagram gives no sizes. With the sizes of the code that the paper
# builds on, the network has this many parameters:

# %%
of_the_paper = UNet(UNetConfig(), DiscreteLabel(len(CLASSES), UNetConfig().time_width))
blocks = {name: count_parameters(module) for name, module in of_the_paper.named_children()}
tables.parameters_by_block(blocks)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-b-1", "caption": "Architecture of the U-Net at the paper's size (Fig. B.1): channels × height × width of each block's output, as the module reports them."}, "image": {"alt": "Diagram of a U-shaped network: three stages down, a bottleneck, three stages up, skip connections between them"}}
this.figure(figures.figure_b_1(Eps(of_the_paper, Schedule())), "figure-b-1")

# %% [markdown]
# A profile can make the network cheaper in three ways. It can be narrower (`base_width`). It can work on blocks of
# pixels (`patch`). It can also leave out the two attention blocks at the highest resolution (`attention: inner`). The
# paper leaves out two attention blocks at 128 px, but does not say which.
#
# ## The run's models
#
# The next cell takes each model of this run from the store, or trains it now if the store does not hold it.

# %% tags=["remove-stderr"]
lab, settings = this.lab, this.lab.settings
entries = {name: lab.entry(stages.MODEL, model=name) for name in MODELS}
entries |= {"ceVAE": lab.entry(stages.CEVAE), "prior": lab.entry(stages.PRIOR)}
for name, entry in entries.items():
    print(f"{name}: {entry}")

# %%
generators = {name: stages.generator(lab, name) for name in MODELS}
denoiser, cevae = generators["discrete"].denoiser, stages.cevae(lab)
print(
    f"{count_parameters(denoiser.network):,} parameters, base width {settings.base_width}, patch {settings.patch}, "
    f"attention {settings.attention}, {settings.parameterisation}"
)

# %% [markdown]
# ## Three conditions, one interface
#
# | model | condition | how it becomes a vector |
# | --- | --- | --- |
# | discrete | the class, A to X | one learnt vector per class |
# | continuous | the flux in W/m² | its standardised logarithm, through two linear layers with a SiLU between them |
# | embedding | the class, and z: 512 numbers of the ceVAE | the class's vector and z, concatenated, through a linear layer |
#
# The vector always has the length of the time embedding, and is added to it. A condition of NaN means *unconditional*,
# and its vector is zero. The training loop and the sampler see a condition only as a row of numbers. They are therefore
# the same for all three models. In training a tenth of the conditions is dropped, so that one network learns both terms
# of Eq. 6 ({eq}`eq-guidance`).
#
# The continuous model takes a flux, so a class must first be turned into one. We draw the flux from those of the
# training images of the class. A flux can also be given exactly, as in `solarsynth sample M2.5 4 --model continuous`.

# %%
drawable = stages.drawable_classes(lab)
strongest = np.array([CLASSES.index(drawable[-1])] * 2)  # two images of the strongest class in the training set
for name, generator in generators.items():
    values = generator.conditions(strongest, image_seeds(sample_seed, 2))
    module = generator.denoiser.network.condition
    assert module(values).shape == (2, generator.denoiser.network.config.time_width)
    assert (module(null_like(values)) == 0).all()  # unconditional
    first_values = ", ".join(f"{value:.3g}" for value in values[0, :3].tolist())
    print(f"{name}: conditions of shape {tuple(values.shape)}, the first begins with {first_values} ...")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-2", "caption": "The embedding model (the paper's Fig. 2). In training, z comes from the image; in sampling, from the prior."}, "image": {"alt": "Diagram: image to encoder to z, class to embedding, both joined, added to the time embedding and given to the U-Net"}}
condition = generators["embedding"].denoiser.network.condition
sizes = {
    "image_size": cevae.config.image_size,
    "classes": condition.embedding.num_embeddings,
    "latent": cevae.config.latent,
    "time": denoiser.network.config.time_width,
}
this.figure(figures.figure_2(sizes), "figure-2")

# %% [markdown]
# ## The ceVAE
#
# The ceVAE is an autoencoder that also learns to restore a hidden square of the image ({cite:t}`zimmerer2018`). Its
# loss is
#
# $$
# L = \tfrac12\left(\frac{0.01}{n_z}\,\mathrm{KL} + \frac1n\lVert \hat x - x\rVert_1\right)
# + \tfrac12\,\frac1n\lVert \hat x_\text{masked} - x\rVert_1 ,
# $$ (eq-cevae)
#
# where KL is the Kullback–Leibler divergence of the encoder's Gaussian from the standard normal distribution, $\hat x$
# the reconstruction, $\hat x_\text{masked}$ the reconstruction of the masked image, $n$ the number of pixels and $n_z$
# the number of latents. The paper measures clusters in the ceVAE's latent space. Its baseline images are decoded from
# $z \sim N(0, I)$. The paper's ceVAE was pretrained on SDO data. No published ceVAE has 512 dimensions at 64 px, so we
# train one on images of this run.
#
# Zimmerer et al. sum the KL over the latents and the L1 over the pixels. Divided by $n$, the KL then has the weight
# $0.01 / n$ in place of $0.01 / n_z$. The code that the paper's ceVAE comes from, sdo-cli, averages both, as
# {eq}`eq-cevae` does. The setting `cevae_kl` chooses: `mean` is sdo-cli's, `sum` is Zimmerer's. At the paper's size the
# KL of `mean` is stronger by
#
# $$
# \frac{0.01 / n_z}{0.01 / n} = \frac{n}{n_z} = \frac{64 \times 64}{512} = 8 .
# $$ (eq-kl-ratio)
#
# Two differences from sdo-cli remain. Its decoder has 4×4 kernels without bias; ours mirrors the 3×3 kernels of the
# encoder. Its encoder gives $\log\sigma$ of $z$; ours gives $\log\sigma^2$.
#
# An autoencoder can learn its training images by heart. Its space then fits them better than other Suns, and a comparison
# in it is unfair to new images. So whole blocks of the training images are kept back. The ceVAE does not learn from
# them. Their loss is measured at every line of the log, always with the same masks and the same $\epsilon$, and the
# weights with the lowest loss are kept. The next cell computes the loss by hand.

# %%
from solarsynth.models.cevae import hide

labelled = stages.labelled_set(lab)
held_out = stages.held_out_images(lab)
some = held_out.image[:: max(1, len(held_out) // 6)][:6]
with torch.no_grad():
    x = to_unit(torch.from_numpy(some))[:, None].to(device())
    square, eps = (drawn.to(device()) for drawn in cevae.draw(x.shape, torch.Generator().manual_seed(seed)))
    mu, log_variance = cevae.encode(x)
    n = {"mean": mu.shape[1], "sum": x[0].numel()}[settings.cevae_kl]  # what the KL is divided by
    kl = (mu**2 + log_variance.exp() - 1 - log_variance).sum(1) / 2 / n
    reconstructed = cevae.decode(mu + (log_variance / 2).exp() * eps)
    restored = cevae.decode(cevae.encode(hide(x, square))[0])
    l1, l1_masked = ((image - x).abs().mean((1, 2, 3)) for image in (reconstructed, restored))
    loss = 0.5 * (0.01 * kl + l1) + 0.5 * l1_masked
    torch.testing.assert_close(loss, cevae(x, None, square, eps)[0])

# %% [markdown]
# Which state was kept, and how well does it reconstruct Suns that it has never seen? The error of a mean over images is
# estimated by leaving out whole *units*: a block of 27 days with the active regions that were first seen in it. Images
# of one unit resemble each other, so counting images would make the error too small.

# %%
chosen = networks.read_network(entries["ceVAE"].path)[1]["chosen"]
if chosen:
    print(
        f"kept: the weights after {chosen['images']:,} of {settings.cevae_images:,} images, with a loss of "
        f"{chosen['loss']:.4f} on {chosen['held_out_images']} images that were kept back"
    )
else:
    print("no image was kept back to choose by: these are the weights at the end of the training")


# %%
def with_interval(found):
    if np.isnan(found.low):
        return f"{found.mean:.2f} (no interval from {found.units} units)"
    return f"{found.mean:.2f} (95 %: {found.low:.2f} to {found.high:.2f}; {found.units} units)"


for name, part in {"learnt from": labelled.fit, "held out": labelled.test}.items():
    some_of = np.flatnonzero(part)[:: max(1, part.sum() // 500)]  # at most about 500 images
    image, unit = labelled.image[some_of], labelled.group[some_of]
    back = networks.masked_and_restored(cevae, image)["reconstructed"]
    each = psnr(*(to_unit(torch.from_numpy(frames)) for frames in (back, image))).numpy()
    mean = unit_interval(lambda index, each=each: each[index].mean(), unit)
    print(f"PSNR of images {name}: {with_interval(mean)} dB; their standard deviation is {each.std():.1f} dB")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-reconstructions", "caption": "From top to bottom: held-out images, the ceVAE's reconstructions, the images with a hidden square, and the ceVAE's restoration of these."}, "image": {"alt": "Four rows of full-disk Suns: original, reconstructed, with a square missing, restored"}}
this.figure(figures.sun_rows(networks.masked_and_restored(cevae, some, seed=seed)))

# %% [markdown]
# ## The prior
#
# To sample from the embedding model, we need an embedding for the class. The *prior* draws it. The prior is a small
# diffusion model in the space of the embeddings (after {cite:t}`ramesh2022`). Its network estimates the clean $z_0$ from
# a noisy one, the time step and the class. It is trained by the same loop and sampled by the same sampler.
#
# Two checks follow. The first is the energy distance of each class's drawn embeddings from the real ones. The table
# compares it with the *floor*: the distances between real embeddings of left-out weeks and as many others. The mean of this
# estimate is 0 for two sets from the same distribution, so single values can be negative. The second check is a linear
# probe: a linear classifier is fitted to real embeddings and predicts the class of drawn ones.
#
# | number | its error |
# | --- | --- |
# | distance of drawn embeddings | standard error, leaving out a tenth of the drawn embeddings at a time |
# | distance of held-out embeddings, and the probe on them | 95 % interval, leaving out whole units of the held-out images |
# | the probe on drawn embeddings | 95 % interval, leaving out a tenth of them at a time |

# %%
from solarsynth.evaluation.prior import prior_check, prior_verdict

z, z_label = stages.training_features(lab, "cevae"), labelled.label[labelled.train]
drawn_label = np.repeat([CLASSES.index(name) for name in drawable], 100)
drawn = generators["embedding"].embeddings(drawn_label, np.arange(len(drawn_label)) + 10_000 * (sample_seed + 1))
z_unit = labelled.group[labelled.train]
check = prior_check(drawn, drawn_label, z, z_label, z_unit, draws=settings.floor_draws)
for name, row in check.iterrows():
    print(f"{name}: {row['distance']:.2f} ± {row['error']:.2f}, {prior_verdict(row)}")
check.round(3)

# %% [markdown]
# How far are real embeddings of other weeks from those that the prior learnt from?

# %%
z_held_out, unit = stages.held_out_features(lab, "cevae"), labelled.group[labelled.test]
for number, name in enumerate(CLASSES):
    z_class, z_new = z[z_label == number], z_held_out[held_out.label == number]
    if min(len(z_class), len(z_new)) < 2:
        print(f"{name}: too few held-out embeddings")
        continue

    def distance(index, z_class=z_class, z_new=z_new):
        return energy_distance(z_new[index], z_class) if len(index) > 1 else np.nan

    print(f"{name}: held out {with_interval(unit_interval(distance, unit[held_out.label == number]))}")

# %%
from solarsynth.metrics.skill import enough

kept = enough(held_out.label, unit)  # classes with five images in two units, or more
tests = {"drawn": (drawn, drawn_label, np.arange(len(drawn)) % 10)}
tests["held-out real"] = z_held_out[kept], held_out.label[kept], unit[kept]
for name, (features, label, part) in tests.items():

    def balanced_accuracy(index, features=features, label=label):
        return linear_probe(z, z_label, {"": (features[index], label[index])})[""]

    found, chance = unit_interval(balanced_accuracy, part, label), 1 / len(np.intersect1d(label, z_label))
    print(f"balanced accuracy of the linear probe, {name}: {with_interval(found)}; by chance {chance:.2f}")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-prior", "caption": "Energy distance of drawn embeddings from the real ones of their class. Grey: the distance of real embeddings of left-out weeks from others of their class. Crosses: the distance of the embeddings of all classes together. A prior that ignores the class would have this distance."}, "image": {"alt": "Per class a dot, a grey bar and a cross on a common scale of distance"}}
this.figure(figures.embedding_distances(check))

# %% [markdown]
# ## Three parameterisations
#
# The paper's network estimates the noise, Eq. 5 ({eq}`eq-loss`). This is easy at high noise levels and hard at low ones,
# at which the image takes shape. The paper's training sees millions of images. With `parameterisation: preconditioned` the
# network estimates what the best linear denoiser of each pixel misses. This target has the same size at every noise level
# ({cite:t}`karras2022`). With the noise level $\sigma^2 = (1-\bar\alpha_t)/\bar\alpha_t$, the mean $m$ and the standard
# deviation $s$ of each pixel over the training images, and $y = x_t/\sqrt{\bar\alpha_t} - m$,
#
# $$
# \hat x_0 = m + \frac{s^2}{\sigma^2+s^2}\,y +
# \frac{\sigma s}{\sqrt{\sigma^2+s^2}}\;F_\theta\!\left(\frac{y}{\sqrt{\sigma^2+s^2}},\, t\right) .
# $$ (eq-precondition)
#
# The schedule and the samplers stay the same, because $\epsilon_\theta$ follows from $\hat x_0$. The training is shorter.
# It draws the noise levels from another distribution and weights the loss accordingly. The first line that each page
# prints names the parameterisation of the run.

# %%
x_0 = to_unit(torch.from_numpy(labelled.image[labelled.train]))[:, None].to(device())
m, s = x_0.mean(0), x_0.std(0, correction=0).clamp(min=0.03)  # a lower limit: the dark sky hardly varies
c = torch.from_numpy(z_label).float()[:, None].to(device())
network, schedule = denoiser.network, denoiser.schedule
preconditioned = Preconditioned(network, schedule, denoiser.shape).to(device())
preconditioned.fit(x_0, c)

# %% [markdown]
# The next cell evaluates the formula for four noisy training images with the network of this run:

# %%
t, eps = preconditioned.draw(x_0[:4].shape, torch.Generator().manual_seed(seed))
t, eps = t.to(device()), eps.to(device())
x_t = schedule.add_noise(x_0[:4], t, eps)
alpha_bar, sigma = (schedule.at(name, t, x_t) for name in ("alpha_bar", "sigma"))
y, total = x_t / alpha_bar.sqrt() - m, (sigma**2 + s**2).sqrt()
with torch.no_grad():
    x_0_estimate = m + s**2 / total**2 * y + sigma * s / total * network(y / total, t, c[:4])
    torch.testing.assert_close(x_0_estimate, preconditioned.x_0(x_t, t, c[:4]), atol=1e-4, rtol=1e-4)

# %% [markdown]
# At high noise levels a pixel says nothing, but sums over many pixels do: how the belts lie, how large the disk is. A network
# learns to take such sums slowly, and until then it draws Suns that resemble each other too much. With
# `parameterisation: wiener` the pixels' linear denoiser is replaced by that of the whole image, the Wiener filter. With the first
# principal components $V$ of the training images, their variances $\lambda$, and the variance $r^2$ that they leave in each pixel,
# it estimates
#
# $$
# m + V^\top \frac{\lambda}{\lambda+\sigma^2}\,V y + \frac{r^2}{r^2+\sigma^2}\,(y - V^\top V y) .
# $$ (eq-wiener)
#
# The network estimates what this misses, in units of its error. The next cell computes the filter, and how much of the images
# each of the two linear denoisers recovers from noise of $\sigma = 1$:

# %%
wiener = Wiener(network, schedule, denoiser.shape).to(device())
wiener.fit(x_0, c)
V, variance, r = wiener.components, wiener.variance, wiener.rest
noise = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(seed)).to(device())
y = (x_0 - m + noise).flatten(1)  # sigma = 1
along = y @ V.T
whole = (along * variance / (variance + 1)) @ V + (r**2 / (r**2 + 1)).flatten() * (y - along @ V)
pixels = (s**2 / (s**2 + 1)).flatten() * y
torch.testing.assert_close(
    whole + m.flatten(), wiener.filter(y.view_as(x_0), torch.ones_like(noise[:, :, :1, :1]))[0].flatten(1)
)
for name, estimate in (("pixels", pixels), ("the whole image", whole)):
    left = (estimate - (x_0 - m).flatten(1)).square().mean() / (x_0 - m).square().mean()
    print(f"linear denoiser of {name}: {1 - left:.0%} of the variance recovered at sigma = 1")

# %% [markdown]
# The filter has a price. What it draws is a Gaussian field with the right mean and covariance, and a network that is trained briefly
# hardly changes that. With 16,000 training images of the real archive, the Fréchet distance of 160 samples in 64 components fell from 7.1
# to 3.2 (real sets: 2.6). The pictures became worse: dark spots and clouds in place of active regions. That
# distance compares means and covariances alone, which the filter has by construction. So no profile uses the filter, and no
# distance of second moments should choose a model by itself.

# %% [markdown]
# ## Training
#
# If `finetune_images` is above 0, the continuous and the embedding model start from the weights of the discrete model,
# except for those of the condition. They then train for that many images. The three models together then cost little more
# than one. With 0 each model is trained from scratch, as in the paper.

# %%
logs = {name: pd.read_csv(entry.path / "training.csv") for name, entry in entries.items()}
last = {name: log["psnr"].tail(10) for name, log in logs.items()}  # ±: their standard deviation
rows = {}
for name, entry in entries.items():
    images = int(logs[name]["images"].iloc[-1])
    rows[name] = {
        "images": f"{images:,}",
        "passes over the set": f"{images / (labelled.fit.sum() if name == 'ceVAE' else len(z)):.1f}",
        "seconds": f"{entry.manifest['seconds']:.0f}",
        "device": entry.manifest["device"],
        "final PSNR / dB": "" if name == "prior" else f"{last[name].mean():.1f} ± {last[name].std():.1f}",
    }
print(f"the paper: {500 * paper.FUNNEL['labelled frames']:,} images, 500 passes, for each of its three models")
pd.DataFrame.from_dict(rows, orient="index")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-training", "caption": "Loss and peak signal-to-noise ratio of the estimated image during training; faint: every entry of the log, bold: running mean. The ceVAE has another loss and is shown in the next figure."}, "image": {"alt": "Curves against the number of images seen, one per model: the loss falls, the PSNR rises"}}
this.figure(figures.training_curves({name: logs[name] for name in MODELS}), "figure-training")


# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-training-cevae", "caption": "Loss of the ceVAE during training, on the images that it learns from and on those that are kept back. The circle marks the state that is used. The curve of the training is a mean over the images since the line before, with the weights of the moment; the other is of the averaged weights."}, "image": {"alt": "Two falling curves against the number of images seen; a circle marks the lowest point of the held-out curve"}}
@styled
def cevae_losses(log):
    figure, ax = panel(6, 3)
    ax.plot(log["images"], log["loss"], color="0.6", label="learnt from")
    if chosen:
        ax.plot(log["images"], log["held_out_loss"], color=COLOURS["B"], lw=2, label="kept back")
        ax.plot(chosen["images"], chosen["loss"], "o", color=COLOURS["M"], ms=8, mfc="none", mew=2, label="used")
    ax.set(xlabel="images seen", ylabel="loss", yscale="log")
    legend(ax)
    return figure


this.figure(cevae_losses(logs["ceVAE"]))

# %% [markdown]
# ## From noise to Sun
#
# Each of the three models now draws one image of the strongest class in the training set. The sampler is `dpm-solver++`
# with few steps. All three start from the same noise.

# %%
n = min(15, max(settings.sampling_steps, 7))
strips = {
    f"{name}: {drawable[-1]}": generator.trace(drawable[-1], seed=sample_seed, sampler="dpm-solver++", steps=n)
    for name, generator in generators.items()
}

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-reverse", "caption": "The reverse process of the three models, from noise on the left to a synthetic Sun on the right."}, "image": {"alt": "Three rows of images from noise to a full-disk Sun"}}
this.figure(figures.reverse_process(strips))

# %% tags=["hide-cell"]
assert all(np.isfinite(x).all() for strip in strips.values() for _, x in strip)
assert np.isfinite(drawn).all() and len(drawn) == len(drawn_label)
records.figure_b_1(this, count_parameters(of_the_paper), count_parameters(denoiser.network))
records.figure_2(this, sizes)

# %% [markdown]
# ## Takeaways
#
# - A diffusion model is trained by a loop of a few lines: draw a batch, add noise, estimate the noise, lower the squared
#   error.
# - At the paper's size the network has 23,332,737 parameters.
# - Class, flux and embedding share one interface, one training loop and one sampler.
# - {numref}`figure-prior` shows whether the prior draws embeddings of the requested class. If the linear probe
#   recognises the classes of drawn embeddings better than those of real ones, the prior exaggerates the classes.
# - Preconditioning shortens the training. The setting `parameterisation: eps` chooses the paper's own parameterisation.
#
# **Next:** {doc}`04_sampling`, how few steps are enough.
