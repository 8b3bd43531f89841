"""The simulated Sun: a physical toy model that writes a whole archive, anywhere, offline.

Not noise with labels: regions emerge with the cycle, in two belts, tilted, and rotate across the disk;
they flare with a tapered power law; the X-ray flux and the frames both follow from them, and the classes of
the labelled set come out as they do because of that. Its frames are in DN/s, like SDOMLv2's.

Sources of the numbers: cycle shape, Hathaway, Wilson & Reichmann 1994 (doi:10.1007/BF00654090); latitude of
emergence, Hathaway 2011 (doi:10.1007/s11207-011-9837-z); tilt, Stenflo & Kosovichev 2012
(doi:10.1088/0004-637X/745/2/129); rotation, Snodgrass & Ulrich 1990 (doi:10.1086/168467); flare sizes,
Sakurai 2022 (doi:10.3390/physics5010002).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from solarsynth.observations.archive import write_archive
from solarsynth.observations.times import DAY, MINUTE, NO_TIME, parse_times

VERSION = 3  # raised when the Sun it draws changes

#: Radius of the disk in units of the image's width: SDOMLv2 has 203.3 px of 512 (976″ at 4.8″/px).
DISK_RADIUS = 203.3 / 512

CYCLE_START = 2008.9  # minimum before cycle 24, as a decimal year
CYCLE_RISE = 4.6  # years; Hathaway's b, stretched to the slow and late cycle 24
REGIONS_PER_DAY = 1.15  # at the maximum
LONGEST_LIFE = 60.0  # days
FLARE_SLOPE = 1.9  # α of the peak-flux distribution N(>F) ∝ F^(1 - α) exp(-F / F_taper)
FLARE_LOWEST, FLARE_TAPER = 3e-8, 4e-4  # W/m²
FLARES_PER_DAY = 210.0  # above FLARE_LOWEST at the maximum, all round the Sun: nine a day of class C and more
BACKGROUND_LOWEST = 1.2e-8  # W/m², the X-ray flux of a spotless Sun
SOLAR_TILT = 7.25  # degrees between the Sun's axis and the ecliptic's pole


@dataclass(frozen=True)
class SimulatedSun:
    """What to simulate.

    Attributes
    ----------
    images : int
        About how many labelled images the archive should yield; events are thinned evenly to that end.
    image_size : int
        Side of the frames in pixels.
    start, end : str
        Period, ISO 8601.
    xrs_cadence : float
        Seconds between two samples of the X-ray flux.
    regular_days : int
        Days between two frames at 00:00 UT, taken without regard to flares; 1 fills the daily set.
    faults : bool
        Whether the archive has the faults of real ones: days out of order, repeats, NaN frames.
    seed : int
        The default's is one whose archive, thinned to 2000 images, still has flares of class X.
    """

    images: int = 2000
    image_size: int = 64
    start: str = "2011-01-01"
    end: str = "2020-01-01"
    xrs_cadence: float = 60.0
    regular_days: int = 10
    faults: bool = True
    seed: int = 5


def simulate(path: Path, sun: SimulatedSun) -> dict[str, int]:
    """Write an archive of the simulated Sun.

    Parameters
    ----------
    path : Path
        Folder to make.
    sun : SimulatedSun

    Returns
    -------
    dict of str to int
        Counts: regions, flares, events, frames.
    """
    rng = np.random.default_rng(sun.seed)
    start, end = parse_times([sun.start, sun.end])
    regions = emerge(rng, start, end)
    flares = flare(rng, regions, start, end)
    xrs = x_ray_flux(rng, regions, flares, start, end, sun.xrs_cadence)
    events = observe_events(rng, flares, xrs, sun.images)
    times = frame_times(rng, events, start, end, sun)
    image = render(regions, flares, times, sun.image_size, np.random.default_rng([sun.seed, 1]))
    if sun.faults:
        image, times = add_faults(rng, image, times)
    write_archive(
        path,
        image=image,
        time=times,
        unit="DN/s",
        xrs=xrs,
        events=events,
        attributes={
            "source": "simulated",
            "simulated": asdict(sun) | {"version": VERSION},
            "frame_tolerance_minutes": 7.0,
            "flux_tolerance_seconds": max(6.0, sun.xrs_cadence),
        },
    )
    return {"regions": len(regions), "flares": len(flares), "events": len(events), "frames": len(times)}


def decimal_year(time: np.ndarray) -> np.ndarray:
    """Return milliseconds since 1970 as decimal years (Julian)."""
    return 1970 + np.asarray(time) / DAY / 365.25


def activity(time: np.ndarray) -> np.ndarray:
    """Return the cycle's activity, 1 at its maximum (Hathaway et al. 1994, Eq. 1)."""
    x = np.clip((decimal_year(time) - CYCLE_START) / CYCLE_RISE, 0, None)
    shape = x**3 / (np.exp(x**2) - 0.71)
    return 0.97 * shape / 0.5038 + 0.03  # the shape's maximum, and the few regions of a minimum


def emerge(rng: np.random.Generator, start: int, end: int) -> pd.DataFrame:
    """Let active regions emerge.

    Parameters
    ----------
    rng : Generator
    start, end : int
        Milliseconds since 1970.

    Returns
    -------
    DataFrame
        Per region, by birth: ``birth`` (ms), ``life`` (days), ``latitude``, ``longitude`` (at the
        epoch 1970, see `place`) and ``tilt`` (degrees), ``size`` (relative flux, lognormal), ``extent`` (degrees
        between its poles), ``complexity`` (how readily it flares).
    """
    first = start - int(LONGEST_LIFE * DAY)  # some regions are there when the period begins
    days = np.arange(first, end, DAY)
    count = rng.poisson(REGIONS_PER_DAY * activity(days))
    birth = np.sort(np.repeat(days, count) + rng.integers(0, DAY, count.sum()))
    n = len(birth)
    # Spörer's law: the belts start at 28° and drift to the equator (Hathaway 2011, Eq. 4).
    years = decimal_year(birth) - CYCLE_START
    centre = 28 * np.exp(-years * 12 / 90)
    latitude = np.clip(rng.normal(centre, 2.0 + 0.16 * centre), 1, 42) * rng.choice([-1, 1], n)
    size = np.clip(rng.lognormal(0.0, 0.8, n), 0.1, 8)
    # Joy's law: 32.1° sin(latitude), and a scatter that shrinks with size.
    tilt = 32.1 * np.sin(np.radians(latitude)) + rng.normal(0, 16 / np.sqrt(size + 0.5), n)
    return pd.DataFrame(
        {
            "birth": birth,
            "life": np.minimum(6 + 16 * np.sqrt(size) * rng.uniform(0.7, 1.3, n), LONGEST_LIFE),
            "latitude": latitude,
            "longitude": rng.uniform(0, 360, n),
            "tilt": tilt,
            "size": size,
            "extent": 3.5 + 3.5 * np.sqrt(size),
            "complexity": size**1.6 * rng.lognormal(0, 0.7, n),
        }
    )


def alive(regions: pd.DataFrame, time: int) -> dict[str, np.ndarray]:
    """Return the columns of the regions that may be alive at `time` (ms), and their ``number``."""
    oldest = time - int(LONGEST_LIFE * DAY)
    first, last = np.searchsorted(regions["birth"].to_numpy(), [oldest, time])
    columns = {name: regions[name].to_numpy()[first:last] for name in regions}
    return columns | {"number": np.arange(first, last)}


def strength(region: dict[str, np.ndarray], time: int) -> np.ndarray:
    """Return the flux of each region at `time`: up within a fifth of its life, then slowly down.

    It is the region's ``size`` at its maximum and 0 before its birth and after its death.
    """
    age = np.clip((time - region["birth"]) / DAY / region["life"], 0, 1)
    return region["size"] * np.minimum(age / 0.2, (1 - age) / 0.8) ** 0.7


def flare(rng: np.random.Generator, regions: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """Let the regions on the near side flare, at a rate that follows their complexity.

    Returns
    -------
    DataFrame
        Per flare, by time: ``start``, ``peak``, ``end`` (ms), ``flux`` (peak excess, W/m²), ``region``,
        ``decay`` (minutes), ``location`` (as ``N18W33``).
    """
    share = regions["complexity"] * regions["life"]
    n = int(FLARES_PER_DAY * activity(np.arange(start, end, DAY)).sum())
    # Lifetimes begin before the period and end after it; what falls outside is cut.
    region = rng.choice(len(regions), n, p=share / share.sum())
    life = regions["life"].to_numpy()[region]
    peak = regions["birth"].to_numpy()[region] + (rng.beta(1.7, 2.5, n) * life * DAY).astype(np.int64)
    flux = FLARE_LOWEST * rng.uniform(1e-12, 1, n) ** (-1 / (FLARE_SLOPE - 1))
    keep = rng.uniform(size=n) < np.exp(-flux / FLARE_TAPER)  # the taper
    _, _, mu = place(regions["latitude"].to_numpy()[region], regions["longitude"].to_numpy()[region], peak)
    keep &= mu > 0
    rise = rng.lognormal(np.log(5), 0.5, n) * (flux / 1e-6) ** 0.1  # minutes
    decay = rng.lognormal(np.log(9), 0.5, n) * (flux / 1e-6) ** 0.2
    table = pd.DataFrame(
        {
            "start": peak - (rise * MINUTE).astype(np.int64),
            "peak": peak,
            "end": peak + (decay * 0.7 * MINUTE).astype(np.int64),
            "flux": flux,
            "region": region,
            "decay": decay,
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
    cadence: float,
) -> pd.DataFrame:
    """Return the 1–8 Å flux: a background that follows the regions in view, the flares, noise and gaps.

    Returns
    -------
    DataFrame
        ``time`` (ms), ``flux`` (W/m²), ``quality`` (0 is good), ``satellite``.
    """
    step = int(cadence * 1000)
    time = np.arange(start, end, step)
    nodes = np.arange(start, end + DAY, DAY // 2)
    in_view = np.empty(len(nodes))
    for i, node in enumerate(nodes):
        region = alive(regions, node)
        _, _, mu = place(region["latitude"], region["longitude"], node)
        in_view[i] = (strength(region, node) * (mu > -0.1)).sum()
    # Up to about 6e-7 at the maximum, with the slow scatter of real backgrounds.
    scatter = gaussian_filter(rng.normal(size=len(nodes)), 4)
    background = BACKGROUND_LOWEST * (1 + 1.4 * in_view) ** 1.5 * np.exp(0.25 * scatter / scatter.std())
    flux = np.interp(time, nodes, background)
    span = int(90 * 60 / cadence) + 2
    offsets = np.arange(-int(30 * 60 / cadence) - 1, span)
    # Smaller flares are what the background is made of.
    shown = flares[flares["flux"] > 1e-7]
    for first in range(0, len(shown), 2000):
        block = shown.iloc[first : first + 2000]
        at = (block["peak"].to_numpy()[:, None] - start) // step + offsets
        after = (start + at * step - block["peak"].to_numpy()[:, None]) / MINUTE
        rise = (block["peak"] - block["start"]).to_numpy()[:, None] / MINUTE
        shape = np.where(
            after < 0,
            np.exp(-((after / (0.55 * rise)) ** 2)),
            np.exp(-after / block["decay"].to_numpy()[:, None]),
        )
        inside = (at >= 0) & (at < len(time))
        np.add.at(flux, at[inside], (block["flux"].to_numpy()[:, None] * shape)[inside])
    flux = flux * (1 + 0.01 * rng.normal(size=len(flux))) + 5e-10 * rng.normal(size=len(flux))
    quality = np.zeros(len(time), np.int16)
    for _ in range(max(1, int((end - start) / DAY / 60))):  # eclipses and outages
        gap = rng.integers(0, len(time))
        quality[gap : gap + int(rng.uniform(10, 180) * 60 / cadence)] = 1
    flux[quality > 0] = -9999.0
    return pd.DataFrame({"time": time, "flux": flux.astype(np.float32), "quality": quality, "satellite": np.int16(0)})


def observe_events(rng: np.random.Generator, flares: pd.DataFrame, xrs: pd.DataFrame, images: int) -> pd.DataFrame:
    """List the flares as HEK does: a trigger module sees most and gives no class, SWPC gives some a class.

    Parameters
    ----------
    rng : Generator
    flares : DataFrame
    xrs : DataFrame
    images : int
        About how many events to keep; all are thinned with one probability, so proportions stay.

    Returns
    -------
    DataFrame
        ``peak``, ``start``, ``end`` (ms), ``goes_class``, ``method``, ``location``.
    """
    at = np.clip(np.searchsorted(xrs["time"].to_numpy(), flares["peak"].to_numpy()), 0, len(xrs) - 1)
    total = xrs["flux"].to_numpy()[at].astype(float)
    good = total > 0
    flux = flares["flux"].to_numpy()
    background = np.where(good, np.maximum(total - flux, BACKGROUND_LOWEST), 3e-7)
    # A trigger module misses small flares, fewer of them where little else is going on.
    faintest = 1e-6 * (background / 3e-7) ** 0.8
    triggered = rng.uniform(size=len(flares)) < np.minimum((flux / faintest) ** 1.3, 0.97)
    classed = good & (flux > 0.4 * background) & (total > 1e-7) & (rng.uniform(size=len(flares)) < 0.9)
    # A twentieth more than asked for: some fall together on one frame, some into a gap of the flux.
    thin = rng.uniform(size=len(flares)) < min(1.0, 1.05 * images / max(1, (triggered | classed).sum()))
    rows = []
    for picked, method in ((triggered & thin, "Flare Detective - Trigger Module"), (classed & thin, "SWPC")):
        table = flares.loc[picked, ["peak", "start", "end", "location"]].copy()
        table["goes_class"] = [goes_class(f) for f in total[picked]] if method == "SWPC" else ""
        table["method"] = method
        rows.append(table)
    return pd.concat(rows).sort_values("peak", kind="stable").reset_index(drop=True)


def goes_class(flux: float) -> str:
    """Write a peak flux in W/m² as a GOES class, such as ``M2.5``."""
    letter, scale = next(
        (pair for pair in (("X", 1e-4), ("M", 1e-5), ("C", 1e-6), ("B", 1e-7)) if flux >= pair[1]),
        ("A", 1e-8),
    )
    return f"{letter}{flux / scale:.1f}"


def frame_times(rng: np.random.Generator, events: pd.DataFrame, start: int, end: int, sun: SimulatedSun) -> np.ndarray:
    """Return when frames are kept: the 6-minute slot after each peak and one every `regular_days` days.

    SDOMLv2 has every slot; keeping those the labelled set can use makes a nine-year archive small.
    """
    slot = 6 * MINUTE
    after = -(-events["peak"].to_numpy() // slot) * slot
    # At 00:00 UT: what the daily set of Section 8.2 takes.
    regular = np.arange(start, end, sun.regular_days * DAY)
    times = np.unique(np.concatenate([after, regular]))
    times = times[(times >= start) & (times < end)]
    # Mid-exposure times are some seconds late, and 7 % of the slots are missing, as in SDOMLv2.
    times = times + rng.integers(1_000, 9_000, len(times))
    return times[rng.uniform(size=len(times)) < 0.93]


def axis_tilt(time: np.ndarray) -> np.ndarray:
    """Return B0, the heliographic latitude of the disk's centre, in radians: largest in early September."""
    return np.radians(SOLAR_TILT * np.sin(2 * np.pi * (decimal_year(time) - 0.436)))


def rotation_rate(latitude: np.ndarray) -> np.ndarray:
    """Return the rotation seen from the Earth in degrees a day (Snodgrass & Ulrich 1990)."""
    s2 = np.sin(np.radians(latitude)) ** 2
    return 14.713 - 2.396 * s2 - 1.787 * s2**2 - 0.9856


def place(
    latitude: np.ndarray, longitude: np.ndarray, time: np.ndarray, turning_at: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotate points of the surface with the Sun and project them.

    Parameters
    ----------
    latitude, longitude : ndarray
        Degrees; the longitude is that at the epoch 1970.
    time : int or ndarray of int64
        Milliseconds since 1970.
    turning_at : ndarray, optional
        Latitude whose rotation rate is taken, if not each point's own.

    Returns
    -------
    x, y, mu : ndarray
        Towards west and north in solar radii, and the cosine of the angle to the line of sight (negative
        on the far side).
    """
    rate = rotation_rate(latitude if turning_at is None else turning_at)
    lat = np.radians(latitude)
    lon = np.radians((longitude + rate * (np.asarray(time) / DAY)) % 360)
    b0 = axis_tilt(time)
    x = np.cos(lat) * np.sin(lon)
    y = np.sin(lat) * np.cos(b0) - np.cos(lat) * np.cos(lon) * np.sin(b0)
    mu = np.sin(lat) * np.sin(b0) + np.cos(lat) * np.cos(lon) * np.cos(b0)
    return x, y, mu


def render(
    regions: pd.DataFrame, flares: pd.DataFrame, times: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw frames in 171 Å.

    Parameters
    ----------
    regions, flares : DataFrame
    times : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    size : int
        Side in pixels.
    rng : Generator

    Returns
    -------
    ndarray of float32, shape (n, size, size)
        DN/s, row 0 in the south.
    """
    canvas = _Canvas(size, rng)
    loops = _Loops(regions, rng)
    image = np.empty((len(times), size, size), np.float32)
    peak, flux = flares["peak"].to_numpy(), flares["flux"].to_numpy()
    host, decay = flares["region"].to_numpy(), flares["decay"].to_numpy()
    for i, time in enumerate(times):
        lit = slice(*np.searchsorted(peak, [time - 60 * MINUTE, time + 8 * MINUTE]))
        image[i] = canvas.quiet_sun(time) + loops.quiet(canvas, time)
        image[i] += loops.flaring(canvas, time, peak[lit], flux[lit], host[lit], decay[lit])
    # Photon noise (about 1 photon per DN at this resolution, after the block mean) and read-out offset.
    image += np.sqrt(np.maximum(image, 1)) * 0.25 * rng.normal(size=image.shape).astype(np.float32)
    return np.maximum(image, 0)


class _Canvas:
    """The pixel grid, and all of the Sun that is not an active region."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self.radius = DISK_RADIUS * size
        axis = (np.arange(size) + 0.5 - size / 2) / self.radius
        self.axis = axis
        self.x, self.y = np.meshgrid(axis, axis)
        self.r = np.hypot(self.x, self.y)
        self.on_disk = self.r < 1
        self.mu = np.sqrt(np.clip(1 - self.r**2, 0, 1))
        # Limb brightening of an optically thin shell, kept finite; beyond the limb the corona falls off
        # with the hydrostatic scale height at 0.8 MK (about 0.06 R).
        edge = np.clip((self.r - 1) / 0.05, -1, 1)
        disk = 62 + 55 * (1 / np.maximum(self.mu, 0.28) - 1) * 0.45
        corona = 95 * np.exp(-np.maximum(self.r - 1, 0) / 0.075) + 4
        blend = np.where(self.on_disk, 0.0, 1.0) if size > 256 else 0.5 * (1 + np.sin(np.pi * edge / 2))
        self.shell = disk * (1 - blend) + corona * blend
        # The network: cells of about 3°, carried round by the rotation.
        texture = rng.normal(size=(180, 360))
        self.network = np.zeros_like(texture)
        for scale, weight in ((0.9, 0.5), (2.5, 1.0), (7.0, 1.2)):
            smooth = gaussian_filter(texture[:, ::-1] if scale > 5 else texture, scale, mode=("nearest", "wrap"))
            self.network += weight * smooth / smooth.std()
        self.network /= self.network.std()

    def quiet_sun(self, time: int) -> np.ndarray:
        """Return the shell with its network and, around the minimum, dark polar holes (DN/s)."""
        b0 = axis_tilt(time)
        sin_lat = np.clip(self.y * np.cos(b0) + self.mu * np.sin(b0), -1, 1)
        lat = np.degrees(np.arcsin(sin_lat))
        z = self.mu * np.cos(b0) - self.y * np.sin(b0)
        lon = np.degrees(np.arctan2(self.x, z)) - 13.2 * time / DAY  # undo the rotation
        # The pattern lives about a month: blend its copies of this month and the next.
        month, part = divmod(time / DAY / 30, 1)
        texture = 0.0
        for m, weight in ((month, 1 - part), (month + 1, part)):
            rows = np.clip(np.round(lat + 89.5).astype(int), 0, 179)
            columns = np.round(lon + 97.0 * m).astype(int) % 360
            texture = texture + np.sqrt(weight) * self.network[rows, columns]
        act = activity(time)
        level = 0.8 + 0.45 * act  # the diffuse corona follows the cycle
        hole_edge = 62 + 30 * np.clip(act, 0, 1) + 4 * np.sin(np.radians(2 * lon))
        hole = 1 / (1 + np.exp(-(np.abs(lat) - hole_edge) / 3))
        disk = level * self.shell * np.exp(0.30 * texture * self.on_disk) * (1 - 0.62 * hole * self.on_disk)
        plume = np.degrees(np.arctan2(np.abs(self.y), np.abs(self.x))) - hole_edge
        return np.where(self.on_disk, disk, disk * (1 - 0.45 / (1 + np.exp(-plume / 4))))

    def splat(self, x: np.ndarray, y: np.ndarray, width: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
        """Add up round Gaussians: positions and widths in radii, amplitudes in DN/s.

        A Gaussian is a product of one in x and one in y, so the sum over all is a matrix product.
        """
        width = np.sqrt(width**2 + (0.55 / self.radius) ** 2)[:, None]  # the pixel's own blur
        axis = self.axis.astype(np.float32)
        in_x = np.exp(-0.5 * ((axis - x[:, None].astype(np.float32)) / width.astype(np.float32)) ** 2)
        in_y = np.exp(-0.5 * ((axis - y[:, None].astype(np.float32)) / width.astype(np.float32)) ** 2)
        return (amplitude[:, None].astype(np.float32) * in_y).T @ in_x


class _Loops:
    """Loops over each bipole: points along arcs between its poles, raised above the surface."""

    LOOPS, POINTS = 7, 9

    def __init__(self, regions: pd.DataFrame, rng: np.random.Generator) -> None:
        n = len(regions)
        self.regions = regions
        self.region_latitude, self.region_longitude = (regions[c].to_numpy() for c in ("latitude", "longitude"))
        along = np.linspace(0.06, 0.94, self.POINTS)
        tilt = np.radians(regions["tilt"].to_numpy())[:, None, None]
        extent = regions["extent"].to_numpy()[:, None, None]
        # Each loop joins a point near one pole to a point near the other; small ones lie low.
        reach = rng.uniform(0.45, 1.35, (n, self.LOOPS, 1))
        fan = rng.normal(0, 0.28, (n, self.LOOPS, 1)) * extent
        bow = rng.normal(0, 0.25, (n, self.LOOPS, 1)) * extent
        u = (along - 0.5) * extent * reach
        v = fan + bow * np.sin(np.pi * along)
        # Joy: the leading (western) pole lies nearer to the equator.
        hemisphere = np.sign(regions["latitude"].to_numpy())[:, None, None]
        east_west = u * np.cos(tilt) + v * np.sin(np.abs(tilt))
        north_south = -hemisphere * np.abs(np.sin(tilt)) * u + v * np.cos(tilt)
        self.latitude = regions["latitude"].to_numpy()[:, None, None] + north_south
        self.longitude = east_west / np.cos(np.radians(regions["latitude"].to_numpy()))[:, None, None]
        self.height = np.radians(extent * reach) * 0.42 * np.sin(np.pi * along)
        # 171 Å shows the feet and the lower legs brightest.
        self.weight = rng.lognormal(0, 0.5, (n, self.LOOPS, 1)) * (0.55 + 0.9 * np.abs(2 * along - 1))
        self.width = 0.012 + 0.010 * rng.uniform(size=(n, self.LOOPS, 1)) + 0 * along
        self.flare_loop = rng.integers(0, self.LOOPS, n)

    def quiet(self, canvas: _Canvas, time: int) -> np.ndarray:
        """Return the light of the regions without their flares (DN/s)."""
        region = alive(self.regions, time)
        power = strength(region, time)
        x, y, mu = place(region["latitude"], region["longitude"], time)
        shown = np.flatnonzero((power > 0) & (mu > -0.45))
        number = region["number"][shown]
        px, py, visible = self._points(number, time)
        amplitude = (26 * power[shown] ** 0.55)[:, None, None] * self.weight[number] * visible
        light = canvas.splat(px.ravel(), py.ravel(), self.width[number].ravel(), amplitude.ravel())
        # A diffuse glow binds the loops together.
        front = shown[mu[shown] > 0]
        width = np.radians(0.45 * region["extent"][front])
        return light + canvas.splat(x[front], y[front], width, 34 * power[front] ** 0.5)

    def flaring(
        self,
        canvas: _Canvas,
        time: int,
        peak: np.ndarray,
        flux: np.ndarray,
        host: np.ndarray,
        decay: np.ndarray,
    ) -> np.ndarray:
        """Return the light of flares: each lights one loop of its region, which fades over tens of minutes."""
        after = (time - peak) / MINUTE
        fade = np.where(after < 0, np.exp(after / 3), np.exp(-after / (1.5 * decay)))
        amplitude = 900 * (flux / 1e-5) ** 0.55 * fade / 3
        px, py, visible = self._points(host, time)
        one = (np.arange(len(host)), self.flare_loop[host])
        px, py, visible = px[one], py[one], visible[one]
        width = (0.010 + 0.006 * (flux / 1e-5) ** 0.25)[:, None] + 0 * px
        return canvas.splat(px.ravel(), py.ravel(), width.ravel(), (amplitude[:, None] * visible).ravel())

    def _points(self, number: np.ndarray, time: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Project the loop points of regions; they turn with their region, so that they are not sheared apart.

        Returns x and y in radii and whether the point is not behind the disk, each (n, LOOPS, POINTS).
        """
        latitude = self.region_latitude[number][:, None, None]
        longitude = self.region_longitude[number][:, None, None] + self.longitude[number]
        x, y, mu = place(self.latitude[number], longitude, time, turning_at=latitude)
        above = 1 + self.height[number]
        x, y = x * above, y * above
        return x, y, (mu > 0) | (np.hypot(x, y) > 1)


def add_faults(rng: np.random.Generator, image: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the archive the faults of the real one: days out of order, repeats, NaN frames, a lost time."""
    n = len(times)
    repeats = np.sort(rng.choice(n, max(1, n // 400), replace=False))
    image, times = np.concatenate([image, image[repeats]]), np.concatenate([times, times[repeats]])
    order = np.argsort(times, kind="stable")
    day = times[order] // DAY
    starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    blocks = np.split(order, starts[1:])
    for _ in range(max(1, len(blocks) // 10)):  # SDOMLv2 stores days out of order
        i = rng.integers(0, len(blocks) - 1)
        blocks[i], blocks[i + 1] = blocks[i + 1], blocks[i]
    order = np.concatenate(blocks)
    image, times = image[order], times[order].copy()
    image[rng.choice(len(image), max(1, n // 500), replace=False)] = np.nan
    times[rng.choice(len(image), 1)] = NO_TIME
    return image, times
