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
# # 3 · Background: diffusion on one page
#
# A diffusion model learns to remove noise ({cite:t}`sohldickstein2015`, {cite:t}`ho2020`). The *forward process* adds
# noise to an image in many small steps, until almost nothing but noise is left. A network learns to undo one such step.
# Sampling starts from pure noise and undoes the steps one after the other. The result is a new image.
#
# This page follows Sect. 3 of {cite:t}`ramunno2024` with its symbols; {doc}`../notation` lists them. Each equation is
# computed here in a few lines, on this run's own images and with its own model, and compared with the library's result.
#
# | Paper | Here |
# | --- | --- |
# | Eq. 1, the forward process | {eq}`eq-forward` and {eq}`eq-closed`, {numref}`figure-forward` |
# | Eq. 5, the loss | {eq}`eq-loss` |
# | Eqs. 2 to 4, the reverse process | {eq}`eq-reverse` and {eq}`eq-mean`, {numref}`figure-walk-back` |
# | Eq. 6, classifier-free guidance | {eq}`eq-guidance` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
n_steps: int = None  # T; None: as the profile says (1000)
beta_start: float = None  # first variance (1e-4)
beta_end: float = None  # last variance (0.02)

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch

from solarsynth import figures, stages
from solarsynth.book import page
from solarsynth.diffusion.guidance import Guidance, guided_eps
from solarsynth.diffusion.parameterisations import Eps
from solarsynth.diffusion.samplers import NoiseStreams, ancestral, solver_steps
from solarsynth.diffusion.schedule import Schedule
from solarsynth.pixels import to_uint8, to_unit

this = page.begin("03_background", globals())
print(this.source_note)

# %% [markdown]
# ## The images
#
# The network works on pixel values between −1 and 1. The example images are the training frames with the four strongest
# flares. `c` is their condition: the number of the flare's class, from 0 (A) to 4 (X).

# %%
lab, settings = this.lab, this.lab.settings
labelled = stages.labelled_set(lab)
train = np.flatnonzero(~labelled.test)
chosen = train[np.argsort(labelled.flux[train])[-4:]]
x_0 = to_unit(torch.from_numpy(labelled.image[chosen]))[:, None]  # (4, 1, H, W)
c = torch.from_numpy(labelled.label[chosen]).float()[:, None]  # (4, 1)
random = torch.Generator().manual_seed(sample_seed)

# %% [markdown]
# ## The forward process
#
# Each of $T$ steps shrinks the image a little and adds a little Gaussian noise,
#
# $$
# q(x_t \mid x_{t-1}) = \mathcal{N}\!\left(x_t;\ \sqrt{1-\beta_t}\,x_{t-1},\ \beta_t \mathbf{I}\right) .
# $$ (eq-forward)
#
# A sum of Gaussian variables is Gaussian. Any $x_t$ can therefore be drawn directly from $x_0$: with
# $\alpha_t = 1-\beta_t$ and $\bar\alpha_t = \prod_{s\le t}\alpha_s$,
#
# $$
# x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon, \qquad \epsilon \sim \mathcal{N}(0, \mathbf{I}) .
# $$ (eq-closed)
#
# The factors depend on the *schedule*, the list of the variances $\beta_t$. The paper does not state its schedule. In the
# code that the paper builds on, $\beta_t$ rises linearly from $10^{-4}$ to $0.02$ over $T = 1000$ steps. The noise level
# relative to the image is $\sigma_t = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$.

# %%
beta = torch.linspace(settings.beta_start, settings.beta_end, settings.n_steps, dtype=torch.float64)
alpha = 1 - beta
alpha_bar = alpha.cumprod(0)
sigma = ((1 - alpha_bar) / alpha_bar).sqrt()

schedule = Schedule(settings.n_steps, settings.beta_start, settings.beta_end)
for name, values in {"beta": beta, "alpha": alpha, "alpha_bar": alpha_bar, "sigma": sigma}.items():
    assert torch.equal(getattr(schedule, name), values)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-forward", "caption": "The forward process on the frame with the strongest flare of the set. At t = 0 the frame is almost unchanged. At the last step almost nothing of it is left."}, "image": {"alt": "Seven copies of one Sun with increasing noise"}}
last = schedule.n_steps - 1
steps = [0, *(int(last * f) for f in (0.05, 0.1, 0.2, 0.4, 0.6)), last]
this.figure(figures.forward_process(schedule, labelled.image[np.argmax(labelled.flux)], steps), "figure-forward")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-schedule", "caption": "The schedule: the variance that a step adds, the share of the image's variance that is left, and the noise level relative to the image."}, "image": {"alt": "Three curves against the time step"}}
figures.schedule_curves(schedule)

# %% [markdown]
# Is the closed form {eq}`eq-closed` really the result of all the single steps {eq}`eq-forward`? The next cell takes the
# steps one by one. It also applies the same noise to an empty image, which gives the accumulated noise alone. Divided by
# $\sqrt{1-\bar\alpha_t}$, the accumulated noise is $\epsilon$. It must have a standard deviation of 1. The closed form
# with this $\epsilon$ must give the same $x_t$ as the single steps.

# %%
t = min(300, last)
x, noise = x_0, torch.zeros_like(x_0)
for b in beta[: t + 1]:
    z = torch.randn(x_0.shape, generator=random)
    x = (1 - b).sqrt() * x + b.sqrt() * z  # one step
    noise = (1 - b).sqrt() * noise + b.sqrt() * z  # the same step without the image
eps = noise / (1 - alpha_bar[t]).sqrt()
x_t = alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * eps  # the closed form
torch.testing.assert_close(x, x_t, atol=1e-4, rtol=1e-4)
torch.testing.assert_close(x_t, schedule.add_noise(x_0, torch.full((4,), t), eps))
assert abs(eps.std() - 1) < 5 / (2 * eps.numel()) ** 0.5  # five standard errors
print(f"the noise of {t + 1} steps: mean {eps.mean():.3f}, standard deviation {eps.std():.3f}")

# %% [markdown]
# Brightness is a physical quantity, so it matters how much of the image is left at the last step. In training, $x_T$
# still holds a trace of the mean image. The paper's sampling starts from pure noise, which holds none. A sampler without
# noise then shifts the brightness of the samples; {doc}`04_sampling` computes by how much, and where a preconditioned
# model starts instead. The next cell prints how much is left:

# %%
print(f"factor of the image at the last step: sqrt(alpha_bar) = {alpha_bar[-1].sqrt():.2e}")
print(f"noise level there: sigma = {sigma[-1]:.1f}; standard deviation of the images' pixels: {x_0.std():.2f}")

# %% [markdown]
# ## The loss
#
# The network $\epsilon_\theta$ gets a noisy image and its time step, and has to estimate the noise. Its loss is the
# mean squared error, with $t$ drawn at random,
#
# $$
# L(\theta) = \mathbb{E}\left[\,\lVert
# \epsilon_\theta(\sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon,\ t) - \epsilon \rVert^2\,\right] .
# $$ (eq-loss)
#
# The code averages the squares over the pixels instead of summing them. This only rescales the loss. The model below is
# the run's *discrete* model. It is loaded from the store, or trained now if the store does not hold it.
# {doc}`04_methodology` describes its network and its training. `denoiser.eps` returns $\epsilon_\theta$ for every
# parameterisation.

# %% tags=["remove-stderr"]
print(lab.entry(stages.MODEL, model="discrete"))
denoiser = stages.generator(lab).denoiser.cpu().requires_grad_(False)

# %%
t = torch.randint(1, settings.n_steps, (4,), generator=random)
eps = torch.randn(x_0.shape, generator=random)
share = alpha_bar[t].float().view(-1, 1, 1, 1)
x_t = share.sqrt() * x_0 + (1 - share).sqrt() * eps
loss = (denoiser.eps(x_t, t, c) - eps).square().mean(dim=(1, 2, 3))  # Eq. 5, per image

objective = Eps(denoiser.eps, schedule, denoiser.shape)  # the library's loss
loss_of_library, psnr = objective(x_0, c, t, eps)
torch.testing.assert_close(loss, loss_of_library)
columns = {"t": t, "sigma": sigma[t], "loss": loss.double(), "PSNR of the estimated x_0 / dB": psnr.double()}
pd.DataFrame(columns).sort_values("t").round({"sigma": 3, "loss": 5, "PSNR of the estimated x_0 / dB": 1})

# %% [markdown]
# The loss of one batch says little, because it depends on the noise levels that were drawn. At a high noise level the
# input is nearly pure noise. Noise is then easy to estimate, and the loss of a trained model is small. The image itself
# is estimated well only at low noise levels, where the peak signal-to-noise ratio (PSNR) is high.
#
# ## The reverse process
#
# The model's images follow the distribution
#
# $$
# p_\theta(x_0) = \int p(x_T) \prod_{t} p_\theta(x_{t-1} \mid x_t)\,dx_{1:T}, \qquad
# p_\theta(x_{t-1} \mid x_t) = \mathcal{N}\!\left(x_{t-1};\ \mu_\theta(x_t, t),\ \beta_t \mathbf{I}\right) .
# $$ (eq-reverse)
#
# To draw from it, we draw $x_T$, then $x_{T-1}$, and so on. The variance of a step is fixed. The mean of a step follows
# from the estimated noise,
#
# $$
# \mu_\theta(x_t, t) =
# \frac{1}{\sqrt{\alpha_t}}\left(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\epsilon_\theta(x_t, t)\right) .
# $$ (eq-mean)


# %%
def step_back(x_t, t, z):
    """Draw x_{t-1} from x_t; z is standard normal noise."""
    eps = denoiser.eps(x_t, torch.full((len(x_t),), t), c)
    mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / alpha[t].sqrt()  # Eq. 4
    return mean + beta[t].sqrt() * z if t > 1 else mean  # the last step adds no noise


# %% [markdown]
# To see this at work, we add noise to the four images up to an early step, and step back from there. The library's
# `ancestral` sampler, which is the paper's, gets the same noise and must arrive at the same images. It always goes through
# a whole schedule, so we give it one that holds only the first part of the run's schedule.

# %%
first = min(100, last)
streams, same_streams = (NoiseStreams(range(4), denoiser.shape) for _ in range(2))
noisy = schedule.add_noise(x_0, torch.full((4,), first), streams.draw())
x = noisy
for t in range(first, 0, -1):
    x = step_back(x, t, streams.draw())

first_part = Schedule(first + 1, settings.beta_start, beta[first].item())
same_streams.draw()  # the noise that is already in the images
walk = Eps(denoiser.eps, first_part, denoiser.shape)
x_of_library = ancestral(walk, noisy, c, 0.0, first, same_streams)
torch.testing.assert_close(x, x_of_library, atol=1e-3, rtol=1e-3)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-walk-back", "caption": "Top: four training frames. Middle: the frames with noise. Bottom: the result of stepping back with the run's own model. A well-trained model fills in plausible detail where the noise hid the frame. This detail need not be that of the frame."}, "image": {"alt": "Three rows of four Suns: clear, noisy, and with the noise removed"}}
rows = {"frame": x_0, f"noise, t = {first}": noisy, "denoised": x}
this.figure(figures.sun_rows({name: to_uint8(image[:, 0]) for name, image in rows.items()}))

# %% [markdown]
# The denoised images should be closer to the frames than the noisy ones are:

# %%
for name, image in {"noisy": noisy / alpha_bar[first].sqrt(), "denoised": x}.items():
    print(f"{name}: root-mean-square distance from the frames {(image - x_0).square().mean().sqrt():.3f}")

# %% [markdown]
# ## Guidance
#
# The network also gets a condition $c$, here the class of the flare. In training the condition is left out one time in
# ten, so that the network learns to estimate the noise with and without it. In sampling, the difference between the two
# estimates is enlarged ({cite:t}`ho2022`),
#
# $$
# \hat\epsilon_\theta(x_t, c) = (1 + w)\,\epsilon_\theta(x_t, c) - w\,\epsilon_\theta(x_t) .
# $$ (eq-guidance)
#
# $w = 0$ is the conditional model without guidance, and $w = -1$ the unconditional model. A larger $w$ gives samples
# that are more typical of their class, and less diverse. The code that the paper builds on uses another convention: its
# `cfg_scale = 3` is $w = 2$ here. In this book, a condition of NaN means *unconditional*.

# %%
t, w = settings.n_steps // 2, 2.0
step = torch.full((4,), t)
x_t = schedule.add_noise(x_0, step, torch.randn(x_0.shape, generator=random))
conditional = denoiser.eps(x_t, step, c)
unconditional = denoiser.eps(x_t, step, torch.full_like(c, torch.nan))
guided = (1 + w) * conditional - w * unconditional  # Eq. 6

torch.testing.assert_close(guided, guided_eps(denoiser, x_t, t, c, Guidance(w)), atol=1e-4, rtol=1e-4)
torch.testing.assert_close(guided, unconditional + 3 * (conditional - unconditional), atol=1e-4, rtol=1e-4)  # cfg_scale
effect = (conditional - unconditional).square().mean().sqrt()
print(f"the class changes the estimated noise by {effect:.2g} (rms); with guidance it is {1 + w:g} times as much")

# %% [markdown]
# ## Fewer steps
#
# The paper's sampler takes every step, 999 of them. The reverse process also has a deterministic form, an ordinary
# differential equation. The solver DPM-Solver++ ({cite:t}`lu2022`) follows this equation in 15 to 20 steps. Here its
# time steps are spaced evenly in $\sigma^{1/7}$ ({cite:t}`karras2022`). Steps spaced evenly in $\sigma$ would nearly
# all lie at high noise levels. This spacing leaves enough of them for the low levels, at which the image takes shape:

# %%
ts = solver_steps(sigma, min(15, last))
print("time steps:  ", *ts)
print("noise levels:", *(f"{sigma[t]:.2g}" for t in ts))

# %% tags=["hide-cell"]
# Without images: the single steps multiply to the closed form's factor of the mean, and add up to its variance.
mean, variance = 1.0, 0.0
for b in beta.numpy():
    mean, variance = mean * np.sqrt(1 - b), variance * (1 - b) + b
assert np.isclose(mean, alpha_bar[-1].sqrt()) and np.isclose(variance, 1 - alpha_bar[-1])
assert torch.isfinite(x).all() and torch.isfinite(loss).all()

# %% [markdown]
# ## Takeaways
#
# - The forward process is fixed and has a closed form. The reverse process is learnt, and Eq. 5 is the whole training
#   objective.
# - One number, $w$, sets how typical of their class the samples are. A larger $w$ makes them less diverse.
# - At the last step a trace of the mean image is left. Sampling from pure noise misses it, which shifts the brightness if
#   the sampler adds no noise of its own. {doc}`04_sampling` gives the shift and the cure.
#
# **Next:** {doc}`04_methodology`, the network and its training.
