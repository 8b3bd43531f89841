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
# Appendix C of the paper draws Suns of 128 × 128 px with a network that has two attention blocks fewer, trained on an A100 since the
# smaller card's memory did not suffice, and finds no artefacts at first sight.
#
# | Paper | Here |
# | --- | --- |
# | Fig. C.1, images of 128 px by level of activity | {numref}`figure-c-1` |
#
# The network here is the same but for its size: `image_size` is 128, and `attention: inner` leaves out the first self-attention on the
# way down and the last on the way up, at 64 and at 128 px, which see most pixels. A profile that works on blocks of pixels
# (`patch`) takes blocks twice as wide, so that an image costs no more than one of 64 px.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
large_size: int = 128  # side of the images in pixels
large_images: int = None  # length of the training in images

# %% tags=["hide-input"]
import numpy as np

from solarsynth import CLASSES, figures, page
from solarsynth.diffusion.conditioning import DiscreteLabel
from solarsynth.experiments import progress_line
from solarsynth.models.unet import UNet, UNetConfig, count_parameters

this = page.begin("c_resolution", globals(), own=("large_size",))
run = this.run
print(this.source_note)

# %% [markdown]
# ## Data
#
# An archive with smaller frames cannot show what larger ones would be, and one that was fetched is made at the size of the run. Then this
# page goes to the simulated Sun, says so under the figure, and the ledger holds it.

# %% tags=["hide-input", "remove-stderr"]
s = run.settings
factor = large_size // s.image_size
changes = {
    "image_size": large_size,
    "attention": "inner",
    "patch": s.patch * factor if s.patch > 1 else 1,
    "train_images": s.large_images,
}
if run.source != "labelled" and (run.source == "simulated" or min(run.archive().shape) >= large_size):
    large = run.variant(**changes)
else:
    print(f"the frames of this run's archive are smaller than {large_size} px: the simulated Sun instead")
    large = run.variant(source="simulated", **changes)
print(f"{len(large.dataset):,} labelled images of {large_size} px, source {large.source}")

# %% [markdown]
# ## Network
#
# At the paper's widths, 64 px with all six attention blocks against 128 px with four:

# %% tags=["hide-input"]
for size, attention in ((64, "all"), (128, "inner")):
    config = UNetConfig(image_size=size, attention=attention)
    print(f"{size} px: {count_parameters(UNet(config, DiscreteLabel(5, config.time_width))):,} parameters")

# %% tags=["hide-output", "remove-stderr"]
entry = large.model_entry("discrete", report=progress_line("training"))
print(entry)
generator = large.generator("discrete")
seen = large.classes_to_draw()
levels = {"low: A": "A", "medium: B": "B", "high: C, M, X": "".join(n for n in "CMX" if n in seen)}
image, label = large.samples({name: 4 for name in seen}, seed=seed)

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-c-1", "caption": "Samples of 128 px by level of activity (the paper's Fig. C.1); the first drawn, not chosen."}, "image": {"alt": "Three rows of full-disk Suns in 171 Å, from quiet to active"}}
frames = {}
for title, names in levels.items():
    drawn = [image[label == CLASSES.index(name)] for name in names if name in seen]
    # One of each class in turn.
    frames[title] = np.stack([f for group in zip(*drawn, strict=True) for f in group])[:4] if drawn else image[:0]
this.figure(figures.figure_c_1(frames), "figure-c-1", run=large)

# %% tags=["hide-cell"]
assert image.shape[1:] == (large_size, large_size)
assert image.std() > 0
this.record(
    "figure-c.1",
    status="not-comparable",
    why=f"drawn by a network of {large_size} px trained on the {large.source} source with "
    f"{large.settings.train_images:,} images; the paper gives pictures without a number",
    ours={"size": large_size, "images": len(image), "source": large.source},
)

# %% [markdown]
# ## Takeaways
#
# - The resolution is a number; what grows is the price of attention, so the outermost blocks go.
# - Fine structure needs more training than this profile affords at either size.
#
# **Next:** {doc}`d_class_scores`.
