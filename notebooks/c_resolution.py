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
# # C · 128 pixels
#
# Appendix C of the paper generates images of 128 × 128 px. Its network has two attention blocks fewer than the one for 64 px. It
# was trained on an A100, because the smaller card did not have enough memory. The paper finds no artefacts at first sight.
#
# | Paper | Here |
# | --- | --- |
# | Fig. C.1, images of 128 px by level of activity | {numref}`figure-c-1` |
#
# The network on this page differs in its size, `image_size: 128`, and in its attention. With `attention: inner` it leaves out the
# first self-attention of the encoder, at 64 px, and the last of the decoder, at 128 px. These two have the most pixels. Some
# profiles work on blocks of pixels (`patch`). There the blocks are twice as wide here, so that an image costs no more than one
# of 64 px.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
large_size: int = 128  # side of the images in pixels
large_images: int = None  # length of the training in images

# %% tags=["hide-input"]
import numpy as np

from solarsynth import CLASSES, figures, stages
from solarsynth.book import page, records
from solarsynth.diffusion.conditioning import DiscreteLabel
from solarsynth.evaluation import evidence
from solarsynth.models.unet import UNet, UNetConfig, count_parameters

this = page.begin("c_resolution", globals(), own=("large_size",))
lab, s = this.lab, this.lab.settings
print(this.source_note)

# %% [markdown]
# ## Data
#
# This page needs frames of 128 px. If the archive has none, it uses the simulated Sun. The line under the figure and the ledger
# name the source.

# %% tags=["remove-stderr"]
large = {
    "image_size": large_size,
    "attention": "inner",
    "patch": s.patch * (large_size // s.image_size) if s.patch > 1 else 1,
    "train_images": s.large_images,
}
wide_enough = lab.source == "simulated" or (lab.source != "labelled" and min(stages.archive(lab).shape) >= large_size)
large_lab = lab.variant(source="" if wide_enough else "simulated", **large)
print(f"{len(stages.labelled_set(large_lab)):,} labelled images of {large_size} px, source {large_lab.source}")

# %% [markdown]
# ## Network
#
# The next lines give the number of parameters at the paper's widths: for 64 px with all six attention blocks, and for 128 px
# with four.

# %%
for size, attention in ((64, "all"), (128, "inner")):
    config = UNetConfig(image_size=size, attention=attention)
    print(f"{size} px: {count_parameters(UNet(config, DiscreteLabel(5, config.time_width))):,} parameters")

# %% [markdown]
# The next cell trains the discrete model at this size and draws four images of every class.

# %% tags=["hide-output", "remove-stderr"]
print(large_lab.entry(stages.MODEL, model="discrete"))
seen = stages.drawable_classes(large_lab)
drawn = stages.sample_set(large_lab, dict.fromkeys(seen, 4), seed=0)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-c-1", "caption": "Samples of 128 px by level of activity (the paper's Fig. C.1). They are the first that were drawn, not a selection."}, "image": {"alt": "Three rows of full-disk Suns in 171 Å, from quiet to active"}}
frames = {}
for title, names in {"low: A": "A", "medium: B": "B", "high: C, M, X": "CMX"}.items():
    by_class = [drawn.image[drawn.label == CLASSES.index(name)] for name in names if name in seen]
    # One of each class in turn.
    in_turn = [frame for group in zip(*by_class, strict=True) for frame in group]
    frames[title] = np.stack(in_turn)[:4] if in_turn else drawn.image[:0]
this.figure(figures.figure_c_1(frames), "figure-c-1", lab=large_lab)

# %% tags=["hide-cell"]
assert drawn.image.shape[1:] == (large_size, large_size)
assert drawn.image.std() > 0
records.figure_c_1(this, large_lab, drawn.image)
real = stages.labelled_set(large_lab)
sharper = evidence.sharper(drawn.image, real.image[real.train], real.group[real.train])
why = f"{large_lab.settings.train_images:,} images of training"
if not wide_enough:
    why = f"the archive has no frames of {large_size} px, and the simulated Sun does not stand for them"
records.claim(this, "claim-35", sharper if wide_enough else float("nan"), why=why)

# %% [markdown]
# ## Takeaways
#
# - The resolution is a setting. The cost of attention grows with it, so the outermost attention blocks are left out.
# - Fine structure needs a longer training than the small profiles have, at either size.
#
# **Next:** {doc}`d_class_scores` tests classifiers on real and on generated images.
