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
# # 3 · Background: diffusion in one page
#
# A diffusion model learns to undo noise ({cite:t}`sohldickstein2015`, {cite:t}`ho2020`). Noise is added to an image in many
# small steps until nothing is left of it; a network learns to take one step back. Started from pure noise and asked again
# and again, it arrives at an image nobody took. This page follows Sect. 3 of {cite:t}`ramunno2024` with its
# symbols; {doc}`../notation` lists them.
#
# | Paper | Here |
# | --- | --- |
# | Eqs. 1 to 5, forward and reverse process | {eq}`eq-forward` to {eq}`eq-loss`, {numref}`figure-forward` |
# | Eq. 6, classifier-free guidance | {eq}`eq-guidance` |

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
n_steps: int = None  # T; None: as the profile says (1000)
beta_start: float = None  # first variance (1e-4)
beta_end: float = None  # last variance (0.02)

# %% tags=["hide-input"]
import numpy as np
import torch

from solarsynth import figures, page
from solarsynth.diffusion.samplers import solver_steps
from solarsynth.diffusion.schedule import Schedule

this = page.begin("03_background", globals())
run = this.run
print(this.source_note)

# %% [markdown]
# ## The forward process
#
# Each of $T$ steps shrinks the image a little and adds a little Gaussian noise,
#
# $$
# q(x_t \mid x_{t-1}) = \mathcal{N}\!\left(x_t;\ \sqrt{1-\beta_t}\,x_{t-1},\ \beta_t \mathbf{I}\right) .
# $$ (eq-forward)
#
# Steps of Gaussians are a Gaussian, so any $x_t$ is reached at once: with $\alpha_t = 1-\beta_t$ and
# $\bar\alpha_t = \prod_{s\le t}\alpha_s$,
#
# $$
# x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon, \qquad \epsilon \sim \mathcal{N}(0, \mathbf{I}) .
# $$ (eq-closed)
#
# The paper leaves the variances open; its code lineage has $\beta$ rise linearly from $10^{-4}$ to $0.02$ over $T = 1000$ steps.

# %% tags=["hide-input"]
settings = run.settings
schedule = Schedule(settings.n_steps, settings.beta_start, settings.beta_end)
last = schedule.n_steps - 1
steps = [0, *(int(last * f) for f in (0.05, 0.1, 0.2, 0.4, 0.6)), last]
brightest = int(np.argmax(run.dataset.flux))

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-forward", "caption": "The forward process on the frame with the strongest flare of the set: almost untouched at t = 0, almost nothing left of it at the last step."}, "image": {"alt": "Seven copies of one Sun with increasing noise"}}
this.figure(figures.forward_process(schedule, run.dataset.image[brightest], steps), "figure-forward")

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-schedule", "caption": "The schedule: variance of a step, share of the image that is left, and noise level relative to the image."}, "image": {"alt": "Three curves against the time step"}}
figures.schedule_curves(schedule)

# %% [markdown]
# What is left of the image at the end matters here: brightness is physical, and a trace of the mean brightness in $x_T$ that
# training sees and sampling does not would shift it. The schedule leaves this share:

# %% tags=["hide-input"]
print(f"share of the image in the last step: sqrt(alpha_bar) = {schedule.alpha_bar[-1].sqrt():.2e}")
print(f"noise level there: sigma = {schedule.sigma[-1]:.1f}, against a spread of the images of about 0.5")

# %% [markdown]
# ## The reverse process
#
# One step back is a Gaussian too, with a fixed variance $\beta_t$ and a mean that the network provides through its estimate
# $\epsilon_\theta$ of the noise,
#
# $$
# \mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}}\left(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\epsilon_\theta(x_t, t)\right) ,
# $$ (eq-mean)
#
# and the network learns from the simplest of losses, with $t$ drawn at random,
#
# $$
# L(\theta) = \mathbb{E}\left[\,\lVert \epsilon_\theta(\sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon,\ t) - \epsilon \rVert^2\,\right] .
# $$ (eq-loss)
#
# ## Guidance
#
# To ask for a class $c$, the network is trained with the class and, one time in ten, without it. When sampling, the difference
# is exaggerated ({cite:t}`ho2022`),
#
# $$
# \hat\epsilon_\theta(x_t, c) = (1 + w)\,\epsilon_\theta(x_t, c) - w\,\epsilon_\theta(x_t) .
# $$ (eq-guidance)
#
# $w = 0$ asks plainly; the code lineage's `cfg_scale = 3` interpolates and equals $w = 2$ here.
#
# ## Fewer steps
#
# The ancestral sampler walks back every step, 999 of them. The reverse process also has a deterministic twin, an ordinary differential
# equation, that a good solver follows in 15 to 20 steps: DPM-Solver++ ({cite:t}`lu2022`). Its time steps are spaced evenly in
# $\sigma^{1/7}$ ({cite:t}`karras2022`), so most of them lie where the image takes shape:

# %% tags=["hide-input"]
print(solver_steps(schedule.sigma, min(15, last)))

# %% tags=["hide-cell"]
# The closed form and the chain of single steps agree: same mean factor, same variance.
mean, variance = 1.0, 0.0
for beta in schedule.beta.numpy():
    mean, variance = mean * np.sqrt(1 - beta), variance * (1 - beta) + beta
assert np.isclose(mean, schedule.alpha_bar[-1].sqrt()) and np.isclose(variance, 1 - schedule.alpha_bar[-1])
assert torch.all(schedule.sigma.diff() > 0)

# %% [markdown]
# ## Takeaways
#
# - Forward is fixed and closed-form, backward is learned; Eq. 5 is all there is to training.
# - Guidance trades diversity for obedience with one number, $w$.
# - At the last step a trace of the image is left; training sees it and sampling does not, which may shift the brightness. This book does not measure by how much.
#
# **Next:** {doc}`04_methodology`, the network and its training.
