"""Draw the regions and flares as frames in 171 Å."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from solarsynth.observations.simulated.cycle import activity, alive, axis_tilt, place, strength
from solarsynth.pixels import DISK_RADIUS
from solarsynth.times import DAY, MINUTE


def render(
    regions: pd.DataFrame,
    flares: pd.DataFrame,
    times: np.ndarray,
    size: int,
    rng: np.random.Generator,
    *,
    flare_contrast: float = 1.0,
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
    flare_contrast : float
        Factor on the light of flares; their area grows with it, not their surface brightness.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
        DN/s, row 0 in the south.
    """
    canvas = _Canvas(size, rng)
    loops = _Loops(regions, rng)
    image = np.empty((len(times), size, size), np.float32)
    peak, flux = flares["peak"].to_numpy(), flares["flux"].to_numpy()
    host, decay = flares["region"].to_numpy(), flares["decay_minutes"].to_numpy()
    for i, time in enumerate(times):
        lit = slice(*np.searchsorted(peak, [time - 60 * MINUTE, time + 8 * MINUTE]))
        image[i] = canvas.quiet_sun(time) + loops.quiet(canvas, time)
        image[i] += loops.flaring(canvas, time, peak[lit], flux[lit], host[lit], decay[lit], flare_contrast)
    # Photon noise (about 1 photon per DN at this resolution, after the block mean) and read-out offset.
    image += np.sqrt(np.maximum(image, 1)) * 0.25 * rng.normal(size=image.shape).astype(np.float32)
    return np.maximum(image, 0)


class _Canvas:
    """The pixel grid, and the Sun without its active regions."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self.radius = DISK_RADIUS["DN/s"] * size
        axis = (np.arange(size) + 0.5 - size / 2) / self.radius
        self.axis = axis
        self.x, self.y = np.meshgrid(axis, axis)
        self.r = np.hypot(self.x, self.y)
        self.on_disk = self.r < 1
        self.mu = np.sqrt(np.clip(1 - self.r**2, 0, 1))
        # Limb brightening of an optically thin shell, with an upper bound. Beyond the limb the corona falls off with
        # the hydrostatic scale height at 0.8 MK (about 0.06 R).
        edge = np.clip((self.r - 1) / 0.05, -1, 1)
        disk = 62 + 55 * (1 / np.maximum(self.mu, 0.28) - 1) * 0.45
        corona = 95 * np.exp(-np.maximum(self.r - 1, 0) / 0.075) + 4
        blend = np.where(self.on_disk, 0.0, 1.0) if size > 256 else 0.5 * (1 + np.sin(np.pi * edge / 2))
        self.shell = disk * (1 - blend) + corona * blend
        # The network: cells of about 3° that rotate with the Sun.
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
        # The pattern lasts about a month: this month's copy of it fades into the next month's.
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
    """Loops over each bipole: points along arcs between its two poles, raised above the surface."""

    LOOPS, POINTS = 7, 9

    def __init__(self, regions: pd.DataFrame, rng: np.random.Generator) -> None:
        n = len(regions)
        self.regions = regions
        self.region_latitude, self.region_longitude = (regions[c].to_numpy() for c in ("latitude", "longitude"))
        along = np.linspace(0.06, 0.94, self.POINTS)
        tilt = np.radians(regions["tilt"].to_numpy())[:, None, None]
        extent = regions["extent"].to_numpy()[:, None, None]
        # Each loop joins a point near one pole to a point near the other; short loops are low.
        reach = rng.uniform(0.45, 1.35, (n, self.LOOPS, 1))
        fan = rng.normal(0, 0.28, (n, self.LOOPS, 1)) * extent
        bow = rng.normal(0, 0.25, (n, self.LOOPS, 1)) * extent
        u = (along - 0.5) * extent * reach
        v = fan + bow * np.sin(np.pi * along)
        # Joy's law: the leading (western) pole is closer to the equator.
        hemisphere = np.sign(regions["latitude"].to_numpy())[:, None, None]
        east_west = u * np.cos(tilt) + v * np.sin(np.abs(tilt))
        north_south = -hemisphere * np.abs(np.sin(tilt)) * u + v * np.cos(tilt)
        self.latitude = regions["latitude"].to_numpy()[:, None, None] + north_south
        self.longitude = east_west / np.cos(np.radians(regions["latitude"].to_numpy()))[:, None, None]
        self.height = np.radians(extent * reach) * 0.42 * np.sin(np.pi * along)
        # In 171 Å the feet and the lower legs of loops are brightest.
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
        # A diffuse glow surrounds the loops.
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
        contrast: float,
    ) -> np.ndarray:
        """Return the light of flares (DN/s): each brightens one loop of its region, which fades over tens of minutes.

        Parameters
        ----------
        canvas : _Canvas
        time : int
            Milliseconds since 1970.
        peak, flux, host, decay : ndarray, shape (k,)
            Time of the peak (ms), peak flux (W/m²), number of the region, and time of the decay (minutes).
        contrast : float
            Factor on the area.
        """
        after = (time - peak) / MINUTE
        fade = np.where(after < 0, np.exp(after / 3), np.exp(-after / (1.5 * decay)))
        amplitude = 900 * (flux / 1e-5) ** 0.55 * fade / 3
        px, py, visible = self._points(host, time)
        one = (np.arange(len(host)), self.flare_loop[host])
        px, py, visible = px[one], py[one], visible[one]
        if not contrast:
            return np.zeros((canvas.size, canvas.size), np.float32)
        width = contrast**0.5 * (0.010 + 0.006 * (flux / 1e-5) ** 0.25)[:, None] + 0 * px
        return canvas.splat(px.ravel(), py.ravel(), width.ravel(), (amplitude[:, None] * visible).ravel())

    def _points(self, number: np.ndarray, time: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Project the points of the regions' loops, and return which are not behind the disk.

        All points rotate at the rate of their region's centre, so that differential rotation does not tear loops apart.

        Returns
        -------
        x, y : ndarray, shape (n, LOOPS, POINTS)
            Solar radii.
        visible : ndarray of bool, shape (n, LOOPS, POINTS)
        """
        latitude = self.region_latitude[number][:, None, None]
        longitude = self.region_longitude[number][:, None, None] + self.longitude[number]
        x, y, mu = place(self.latitude[number], longitude, time, turning_at=latitude)
        above = 1 + self.height[number]
        x, y = x * above, y * above
        return x, y, (mu > 0) | (np.hypot(x, y) > 1)
