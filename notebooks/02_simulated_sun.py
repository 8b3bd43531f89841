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
# Every page of this book also runs without data and without a network, on a Sun that a program draws. It is a model, not
# noise with labels: regions emerge with the activity cycle ({cite:t}`hathaway1994`), in two belts that drift towards the equator
# ({cite:t}`hathaway2011`), tilted ({cite:t}`stenflo2012`), and turn with the Sun ({cite:t}`snodgrass1990`); they flare with a tapered power law
# ({cite:t}`sakurai2022`); X-ray flux, events and frames all follow from them. Class proportions come out as they do because of that, not because they are drawn.
#
# This page shows it beside the frames of this run, with the physics both should share.

# %% tags=["parameters", "hide-input"]
profile: str = "smoke"  # smoke, laptop, gpu, paper, or the path of a YAML file
source: str = "simulated"  # simulated, archive, quicklook or sdoml
data: str = ""  # an archive folder, a period (quicklook) or years (sdoml)
seed: int = 0  # seed of training and sampling
simulated_images: int = None  # labelled images the simulated archive is made for

# %% tags=["hide-input"]
import numpy as np

from solarsynth import figures, labelling, page
from solarsynth.experiments import Run
from solarsynth.metrics import physics
from solarsynth.observations.archive import normalise, to_uint8
from solarsynth.observations.simulated import DISK_RADIUS
from solarsynth.observations.times import to_datetime

this = page.begin("02_simulated_sun", globals())
run = this.run
print(this.source_note)

# %% tags=["hide-output", "remove-stderr"]
simulated = run if run.source == "simulated" else Run(run.settings, "simulated")
print(simulated.simulated_entry)
suns = {"simulated": simulated.archive()}
radius = {"simulated": DISK_RADIUS}
if run.source != "simulated":
    suns["this run"] = run.archive()
    radius["this run"] = DISK_RADIUS if suns["this run"].unit == "DN/s" else 0.425  # the limb of browse images

# %% [markdown]
# ## Side by side

# %% tags=["hide-input"]
frames, image, picture = {}, {}, {}
for name, archive in suns.items():
    frames[name] = archive.frames()
    at = np.linspace(0, len(frames[name]) - 1, min(400, len(frames[name]))).astype(int)
    raw = archive.read(frames[name], at).astype(np.float32)
    sound = np.isfinite(raw).all(axis=(1, 2)) & (raw.max(axis=(1, 2)) > 0)
    image[name] = raw[sound]
    picture[name] = to_uint8(normalise(raw[sound], archive.unit))
    print(f"{name}: {len(frames[name]):,} frames, {labelling.period(frames[name].time)}, {archive.unit}")

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-suns", "caption": "Frames of the simulated Sun, from the first to the last, and, where this run has them, of its own archive."}, "image": {"alt": "Rows of full-disk Suns in 171 Å, simulated and of this run"}}
shown = {name: p[np.linspace(0, len(p) - 1, 7).astype(int)] for name, p in picture.items()}
figures.suns_side_by_side(shown)

# %% [markdown]
# ## The disk and its limb
#
# In an optically thin line the limb is bright, since the line of sight passes through more corona there, and beyond it the light
# falls off with the scale height. Brightness is given relative to the middle of the disk; display intensity saturates, DN/s do not.

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-radial", "caption": "Mean brightness in rings around the centre, relative to the inner half of the disk."}, "image": {"alt": "Curves of brightness against distance from the centre: flat, a rise at one solar radius, then a steep fall"}}
edges = np.linspace(0, 1.24, 32)
middle = (edges[1:] + edges[:-1]) / 2
radial = {}
for name, frames_ in image.items():
    profile_ = physics.radial_profile(frames_, radius[name] * frames_.shape[-1], edges)
    radial[name] = (middle, profile_ / np.nanmean(profile_[middle < 0.5]))
figures.shared_physics(radial, "distance from the centre / solar radii", "brightness")

# %% [markdown]
# ## Two belts
#
# Active regions lie in two belts. A band's value says how often its pixels are among the brightest twentieth of the disk.

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-belts", "caption": "How often a band of latitude is among the brightest twentieth of the disk; 1 is the average."}, "image": {"alt": "Curves against latitude with a maximum on each side of the equator"}}
edges = np.linspace(-60, 60, 25)
belts = {
    name: ((edges[1:] + edges[:-1]) / 2, physics.latitude_activity(f, radius[name] * f.shape[-1], edges))
    for name, f in image.items()
}
figures.shared_physics(belts, "latitude / °", "bright pixels, relative")

# %% [markdown]
# ## The butterfly
#
# Over a cycle the belts drift towards the equator (Spörer's law). The simulated period is nine years, as the paper's.

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-butterfly", "caption": "Latitude of listed flares against time."}, "image": {"alt": "Scatter of flare latitudes against time, two wings closing towards the equator"}}
wings = {}
for name, archive in suns.items():
    events = archive.events()
    located = events["location"].str.len() > 0 if "location" in events else np.zeros(len(events), bool)
    latitude, _ = physics.parse_locations(events.loc[located, "location"] if located.any() else [])
    wings[name] = (to_datetime(events.loc[located, "peak"].to_numpy()), latitude)
figures.butterfly(wings)

# %% [markdown]
# ## Flare sizes
#
# Peak fluxes follow a power law that tapers off at the strongest. The slope is fitted by maximum likelihood between C2 and X1, where lists
# are nearly complete; what is put into the simulation is 1.9, for the flare alone, while a class also contains the
# background, which steepens what is fitted.

# %% tags=["hide-input"]
low, high = 2e-6, 1e-4
sizes, slopes = {}, {}
for name, archive in suns.items():
    flux = labelling.flux_of_class(archive.events()["goes_class"])
    sizes[name] = flux[np.isfinite(flux)]
    inside = ((sizes[name] >= low) & (sizes[name] <= high)).sum()
    slopes[name] = physics.power_law_slope(sizes[name], low, high) if inside >= 10 else (np.nan, np.nan)
    print(f"{name}: slope {slopes[name][0]:.2f} ± {slopes[name][1]:.2f} from {inside:,} flares between C2 and X1")

# %% tags=["remove-input"] mystnb={"figure": {"name": "figure-sizes", "caption": "Cumulative number of listed flares against peak flux, with the fitted power laws (dashed)."}, "image": {"alt": "Falling staircase curves on logarithmic axes with dashed fitted lines"}}
figures.flare_sizes(sizes, slopes, low, high)

# %% tags=["hide-cell"]
r, b = radial["simulated"][1], belts["simulated"][1]
assert 0.85 < radial["simulated"][0][np.nanargmax(r)] < 1.1
assert np.nanmax(b) > 1.2 and b[[0, -1]].max() < 1

# %% [markdown]
# ## Takeaways
#
# - The simulated Sun has a disk, a bright limb, two drifting belts and a power law of flares, by the same laws as the real one.
# - It is simpler than the real one: no filaments, no sheared arcades, no memory of old fields. Results on it show that a method
#   runs, not that it works on the Sun.
#
# **Next:** {doc}`03_background`, what a diffusion model is.
