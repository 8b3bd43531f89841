"""Flares: when they happen, the X-ray flux they make, how they are listed, and which frames are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from solarsynth.flares import class_text
from solarsynth.observations.simulated.cycle import activity, alive, place, strength
from solarsynth.times import DAY, MINUTE, SECOND

FLARE_SLOPE = 1.9  # α of the peak-flux distribution N(>F) ∝ F^(1 - α) exp(-F / F_taper)
FLARE_LOWEST, FLARE_TAPER = 3e-8, 4e-4  # W/m²
FLARES_PER_DAY = 210.0  # above FLARE_LOWEST at the maximum, on the whole Sun: nine a day of class C and above
BACKGROUND_LOWEST = 1.2e-8  # W/m², the X-ray flux of a spotless Sun


def flare(rng: np.random.Generator, regions: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """Let the regions on the near side flare, at a rate proportional to their complexity.

    Parameters
    ----------
    rng : Generator
    regions : DataFrame
        As from `emerge`.
    start, end : int
        Milliseconds since 1970.

    Returns
    -------
    DataFrame
        Per flare, in order of time: ``start``, ``peak``, ``end`` (ms), ``flux`` (peak above the background, W/m²),
        ``region``, ``decay_minutes``, ``location`` (such as ``N18W33``).
    """
    share = regions["complexity"] * regions["life_days"]
    n = int(FLARES_PER_DAY * activity(np.arange(start, end, DAY)).sum())
    # Some regions live before or after the period; their flares outside it are left out below.
    region = rng.choice(len(regions), n, p=share / share.sum())
    life = regions["life_days"].to_numpy()[region]
    peak = regions["birth"].to_numpy()[region] + (rng.beta(1.7, 2.5, n) * life * DAY).astype(np.int64)
    flux = FLARE_LOWEST * rng.uniform(1e-12, 1, n) ** (-1 / (FLARE_SLOPE - 1))
    keep = rng.uniform(size=n) < np.exp(-flux / FLARE_TAPER)  # the taper
    _, _, mu = place(regions["latitude"].to_numpy()[region], regions["longitude"].to_numpy()[region], peak)
    keep &= mu > 0
    rise = rng.lognormal(np.log(5), 0.5, n) * (flux / 1e-6) ** 0.1  # minutes
    decay = rng.lognormal(np.log(9), 0.5, n) * (flux / 1e-6) ** 0.2  # minutes
    table = pd.DataFrame(
        {
            "start": peak - (rise * MINUTE).astype(np.int64),
            "peak": peak,
            "end": peak + (decay * 0.7 * MINUTE).astype(np.int64),
            "flux": flux,
            "region": region,
            "decay_minutes": decay,
            "location": _locations(regions, region, peak),
        }
    )
    inside = keep & (table["start"] > start) & (table["end"] < end)
    return table[inside].sort_values("peak", kind="stable").reset_index(drop=True)


def _locations(regions: pd.DataFrame, region: np.ndarray, time: np.ndarray) -> np.ndarray:
    latitude = regions["latitude"].to_numpy()[region]
    x, _, _ = place(latitude, regions["longitude"].to_numpy()[region], time)
    with np.errstate(invalid="ignore"):
        longitude = np.degrees(np.arcsin(np.clip(x / np.cos(np.radians(latitude)), -1, 1)))
    north = np.where(latitude >= 0, "N", "S")
    west = np.where(longitude >= 0, "W", "E")
    digits = [np.char.zfill(np.abs(np.round(v)).astype(int).astype(str), 2) for v in (latitude, longitude)]
    return np.char.add(np.char.add(north, digits[0]), np.char.add(west, digits[1]))


def x_ray_flux(
    rng: np.random.Generator,
    regions: pd.DataFrame,
    flares: pd.DataFrame,
    start: int,
    end: int,
    cadence: int,
) -> pd.DataFrame:
    """Return the 1–8 Å flux: a background that follows the regions in view, the flares, noise and gaps.

    Parameters
    ----------
    rng : Generator
    regions, flares : DataFrame
    start, end : int
        Milliseconds since 1970.
    cadence : int
        Milliseconds between two samples.

    Returns
    -------
    DataFrame
        ``time`` (ms), ``flux`` (W/m²), ``quality`` (0 is good), ``satellite``.
    """
    time = np.arange(start, end, cadence)
    flux = _background(rng, regions, start, end, time)
    _add_flares(flux, flares, start, cadence)
    flux = flux * (1 + 0.01 * rng.normal(size=len(flux))) + 5e-10 * rng.normal(size=len(flux))
    quality = np.zeros(len(time), np.int16)
    for _ in range(max(1, int((end - start) / DAY / 60))):  # eclipses and outages
        gap = rng.integers(0, len(time))
        quality[gap : gap + int(rng.uniform(10, 180) * MINUTE / cadence)] = 1
    flux[quality > 0] = -9999.0
    return pd.DataFrame({"time": time, "flux": flux.astype(np.float32), "quality": quality, "satellite": np.int16(0)})


def _background(rng: np.random.Generator, regions: pd.DataFrame, start: int, end: int, time: np.ndarray) -> np.ndarray:
    """Return the flux of the regions in view, up to about 6e-7 W/m² at the maximum."""
    nodes = np.arange(start, end + DAY, DAY // 2)
    in_view = np.empty(len(nodes))
    for i, node in enumerate(nodes):
        region = alive(regions, node)
        _, _, mu = place(region["latitude"], region["longitude"], node)
        in_view[i] = (strength(region, node) * (mu > -0.1)).sum()
    # Real backgrounds vary slowly.
    variation = gaussian_filter(rng.normal(size=len(nodes)), 4)
    background = BACKGROUND_LOWEST * (1 + 1.4 * in_view) ** 1.5 * np.exp(0.25 * variation / variation.std())
    return np.interp(time, nodes, background)


def _add_flares(flux: np.ndarray, flares: pd.DataFrame, start: int, cadence: int) -> None:
    """Add the flares to the flux, in place."""
    offsets = np.arange(-int(30 * MINUTE / cadence) - 1, int(90 * MINUTE / cadence) + 2)
    shown = flares[flares["flux"] > 1e-7]  # smaller flares make up the background
    for first in range(0, len(shown), 2000):
        block = shown.iloc[first : first + 2000]
        at = (block["peak"].to_numpy()[:, None] - start) // cadence + offsets
        minutes = (start + at * cadence - block["peak"].to_numpy()[:, None]) / MINUTE  # after the peak
        rise = (block["peak"] - block["start"]).to_numpy()[:, None] / MINUTE
        shape = np.where(
            minutes < 0,
            np.exp(-((minutes / (0.55 * rise)) ** 2)),
            np.exp(-minutes / block["decay_minutes"].to_numpy()[:, None]),
        )
        inside = (at >= 0) & (at < len(flux))
        np.add.at(flux, at[inside], (block["flux"].to_numpy()[:, None] * shape)[inside])


def observe_events(rng: np.random.Generator, flares: pd.DataFrame, xrs: pd.DataFrame, images: int) -> pd.DataFrame:
    """List the flares as HEK does: a trigger module lists most without a class, SWPC lists some with a class.

    Parameters
    ----------
    rng : Generator
    flares : DataFrame
    xrs : DataFrame
    images : int
        About how many events to keep; all are thinned with one probability, so that the proportions stay.

    Returns
    -------
    DataFrame
        ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location``, ``noaa``: SWPC names the region.
    """
    at = np.clip(np.searchsorted(xrs["time"].to_numpy(), flares["peak"].to_numpy()), 0, len(xrs) - 1)
    total = xrs["flux"].to_numpy()[at].astype(float)
    good = total > 0
    flux = flares["flux"].to_numpy()
    background = np.where(good, np.maximum(total - flux, BACKGROUND_LOWEST), 3e-7)
    # A trigger module misses small flares, and fewer of them if the background is low.
    faintest = 1e-6 * (background / 3e-7) ** 0.8
    triggered = rng.uniform(size=len(flares)) < np.minimum((flux / faintest) ** 1.3, 0.97)
    classed = good & (flux > 0.4 * background) & (total > 1e-7) & (rng.uniform(size=len(flares)) < 0.9)
    # 5 % more than requested: some events share a frame, and some lie in a gap of the flux.
    thin = rng.uniform(size=len(flares)) < min(1.0, 1.05 * images / max(1, (triggered | classed).sum()))
    rows = []
    for picked, method in ((triggered & thin, "Flare Detective - Trigger Module"), (classed & thin, "SWPC")):
        table = flares.loc[picked, ["peak", "start", "end", "location"]].copy()
        table["noaa"] = flares.loc[picked, "region"].to_numpy() + 1 if method == "SWPC" else 0
        table["goes_class"] = [class_text(f) for f in total[picked]] if method == "SWPC" else ""
        table["method"] = method
        rows.append(table)
    return pd.concat(rows).sort_values("peak", kind="stable").reset_index(drop=True)


def frame_times(rng: np.random.Generator, events: pd.DataFrame, start: int, end: int, regular_days: int) -> np.ndarray:
    """Return the times (ms) of the frames: the 6-minute slot after each peak, and one every `regular_days` days.

    The daily set of Section 8.2 takes the last frame before 00:00 UT, so the regular frames are those of 23:54.

    SDOMLv2 has every slot. Only those that a labelled set can use are kept, so that nine years make a small archive.
    """
    slot = 6 * MINUTE
    after = -(-events["peak"].to_numpy() // slot) * slot
    regular = np.arange(start, end, regular_days * DAY) + DAY - slot
    times = np.unique(np.concatenate([after, regular]))
    times = times[(times >= start) & (times < end)]
    # Mid-exposure times are some seconds late, and 7 % of the slots are missing, as in SDOMLv2.
    times = times + rng.integers(1 * SECOND, 9 * SECOND, len(times))
    return times[rng.uniform(size=len(times)) < 0.93]
