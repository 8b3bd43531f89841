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
# # 2 · The simulated Sun
#
# Every page of this book also runs without data and without an internet connection, on a simulated Sun. The simulation is a
# physical model, not noise with labels. Regions emerge with the activity cycle ({cite:t}`hathaway1994`), in two belts that
# drift towards the equator ({cite:t}`hathaway2011`). They are tilted ({cite:t}`stenflo2012`) and rotate with the Sun
# ({cite:t}`snodgrass1990`). Their flares follow a tapered power law ({cite:t}`sakurai2022`). X-ray flux, events, frames and the
# proportions of the classes all result from these laws; no proportion is set by hand.
#
# This page measures properties that the simulated Sun should share with the real one. If the run uses another source, the
# page compares the two.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training: which model
sample_seed: int = 0  # seed of sampling: which images are drawn
simulated_images: int = None  # labelled images the simulated archive is made for

# %% tags=["hide-input"]
import numpy as np

from solarsynth import figures, flares, stages
from solarsynth.book import page
from solarsynth.dataset import labelling
from solarsynth.metrics import physics
from solarsynth.observations.locations import parse_locations
from solarsynth.pixels import DISK_RADIUS, normalise, to_uint8
from solarsynth.times import to_datetime

this = page.begin("02_simulated_sun", globals())
lab = this.lab
print(this.source_note)

# %% [markdown]
# A run on another source shows its own archive beside the simulated one. The radius of the disk is a fraction of the image's
# side. It differs between calibrated frames and browse images.

# %% tags=["hide-output", "remove-stderr"]
simulated = lab if lab.source == "simulated" else lab.variant(source="simulated")
print(simulated.entry(stages.ARCHIVE))
suns = {"simulated": stages.archive(simulated)}
if lab.source != "simulated":
    suns["this run"] = stages.archive(lab)
radius = {name: DISK_RADIUS[archive.unit] for name, archive in suns.items()}

# %% [markdown]
# ## Side by side
#
# Up to 400 frames, evenly spaced over the archive, are read here. Frames with missing or empty pixels are left out.

# %%
image = {}
for name, archive in suns.items():
    frames = archive.frames()
    chosen = np.linspace(0, len(frames) - 1, min(400, len(frames))).astype(int)
    raw = archive.read(frames, chosen).astype(np.float32)
    image[name] = raw[np.isfinite(raw).all(axis=(1, 2)) & (raw.max(axis=(1, 2)) > 0)]
    print(f"{name}: {len(frames):,} frames, {labelling.period(frames.time)}, {archive.unit}")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-suns", "caption": "Frames of the simulated Sun, from the first to the last. If the run uses another source, a second row shows frames of its archive."}, "image": {"alt": "Full-disk Suns in 171 Å: a row of simulated frames and, on another source, a row of this run's frames"}}
shown = {name: raw[np.linspace(0, len(raw) - 1, 7).astype(int)] for name, raw in image.items()}
figures.suns_side_by_side({name: to_uint8(normalise(raw, suns[name].unit)) for name, raw in shown.items()})

# %% [markdown]
# ## The disk and its limb
#
# In an optically thin line the limb is bright, because the line of sight passes through more corona there. Beyond the limb the
# brightness falls off with the scale height of the corona. The curves are relative to the mean brightness inside half a
# solar radius. Display intensity saturates at bright regions; calibrated DN/s do not.

# %%
edges = np.linspace(0, 1.24, 32)
middle = (edges[1:] + edges[:-1]) / 2
radial = {}
for name, raw in image.items():
    brightness = physics.radial_profile(raw, radius[name] * raw.shape[-1], edges)
    radial[name] = (middle, brightness / np.nanmean(brightness[middle < 0.5]))

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-radial", "caption": "Mean brightness in rings around the centre, relative to the mean inside half a solar radius."}, "image": {"alt": "Curves of brightness against distance from the centre: flat, a rise at one solar radius, then a steep fall"}}
figures.shared_physics(radial, "distance from the centre / solar radii", "brightness")

# %% [markdown]
# ## Two belts
#
# Active regions lie in two belts. For each band of latitude the curve shows the fraction of its pixels that are among the
# brightest 5 % of the disk, relative to the average over all latitudes.

# %%
edges = np.linspace(-60, 60, 25)
middle = (edges[1:] + edges[:-1]) / 2
belts = {
    name: (middle, physics.latitude_activity(raw, radius[name] * raw.shape[-1], edges)) for name, raw in image.items()
}

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-belts", "caption": "Fraction of the pixels in a band of latitude that are among the brightest 5 % of the disk, relative to the average."}, "image": {"alt": "Curves against latitude with a maximum on each side of the equator"}}
figures.shared_physics(belts, "latitude / °", "bright pixels, relative")

# %% [markdown]
# ## The butterfly diagram
#
# Over a cycle the belts drift towards the equator (Spörer's law). The simulated period is nine years, as long as the paper's.

# %%
wings = {}
for name, archive in suns.items():
    events = archive.events()
    located = events["location"].str.len() > 0 if "location" in events else np.zeros(len(events), bool)
    latitude, _ = parse_locations(events.loc[located, "location"] if located.any() else [])
    wings[name] = (to_datetime(events.loc[located, "peak"].to_numpy()), latitude)

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-butterfly", "caption": "Latitude of listed flares against time."}, "image": {"alt": "Scatter of flare latitudes against time, two wings closing towards the equator"}}
figures.butterfly(wings)

# %% [markdown]
# ## Flare sizes
#
# Peak fluxes follow a power law that tapers off at the strongest flares. The slope is fitted by maximum likelihood between C2
# and X1, where lists are nearly complete. The simulation uses a slope of 1.9 for the flux of the flare alone. The class of a
# flare is set by the total flux, which includes the background. This makes the fitted slope steeper.

# %%
low, high = 2e-6, 1e-4
sizes, slopes = {}, {}
for name, archive in suns.items():
    flux = flares.flux_of_class(archive.events()["goes_class"])
    sizes[name] = flux[np.isfinite(flux)]
    inside = ((sizes[name] >= low) & (sizes[name] <= high)).sum()
    slopes[name] = physics.power_law_slope(sizes[name], low, high) if inside >= 10 else (np.nan, np.nan)
    print(f"{name}: slope {slopes[name][0]:.2f} ± {slopes[name][1]:.2f} from {inside:,} flares between C2 and X1")

# %% tags=["hide-input"] mystnb={"figure": {"name": "figure-sizes", "caption": "Cumulative number of listed flares against peak flux, with the fitted power laws (dashed)."}, "image": {"alt": "Falling staircase curves on logarithmic axes with dashed fitted lines"}}
figures.flare_sizes(sizes, slopes, low, high)

# %% tags=["hide-cell"]
r, b = radial["simulated"][1], belts["simulated"][1]
assert 0.85 < radial["simulated"][0][np.nanargmax(r)] < 1.1
assert np.nanmax(b) > 1.2 and b[[0, -1]].max() < 1

# %% [markdown]
# ## Takeaways
#
# - The simulated Sun has a disk, a bright limb, two drifting belts and a power law of flares. The laws behind them were
#   measured on the real Sun.
# - It is simpler than the real Sun: it has no filaments, no sheared arcades and no remnants of old fields. Results on it show
#   that a method runs, not that it works on the real Sun.
#
# **Next:** {doc}`03_background`, what a diffusion model is.
