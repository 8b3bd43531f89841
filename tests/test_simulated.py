"""The simulated Sun against the laws that it follows."""

import numpy as np
import pandas as pd
import pytest

from solarsynth.dataset.labelling import labelled_frames
from solarsynth.errors import SolarsynthError
from solarsynth.metrics import physics
from solarsynth.metrics.physics import power_law_slope
from solarsynth.observations.archive import Archive
from solarsynth.observations.locations import parse_locations
from solarsynth.observations.simulated import SimulatedSun, simulate
from solarsynth.observations.simulated.cycle import activity, decimal_year, emerge, place, strength
from solarsynth.observations.simulated.flaring import FLARE_SLOPE, flare, x_ray_flux
from solarsynth.observations.simulated.rendering import render
from solarsynth.pixels import DISK_RADIUS
from solarsynth.times import DAY, HOUR, MINUTE, SECOND, parse_times

START, END = parse_times(["2011-01-01", "2020-01-01"])


@pytest.fixture(scope="module")
def regions():
    return emerge(np.random.default_rng(0), START, END)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("sun") / "archive"
    counts = simulate(path, SimulatedSun(images=300, xrs_cadence=5 * MINUTE, image_size=32))
    return Archive(path), counts


def test_the_cycle_peaks_in_2014_and_ends_quiet():
    time = np.arange(START, END, DAY)
    level = activity(time)
    assert 2013 < decimal_year(time[level.argmax()]) < 2015
    assert level.max() == pytest.approx(1, abs=0.01) and level[-1] < 0.15


def test_regions_lie_in_two_belts_that_drift_to_the_equator(regions):
    assert regions["latitude"].abs().max() <= 42
    assert 0.45 < (regions["latitude"] > 0).mean() < 0.55
    year = decimal_year(regions["birth"].to_numpy())
    by_year = regions["latitude"].abs().groupby(year.astype(int)).mean()
    assert by_year[2011] > by_year[2014] > by_year[2018]
    # Hathaway 2011, Eq. 4, at the middle of 2014.
    expected = 28 * np.exp(-(2014.5 - 2008.9) * 12 / 90)
    assert by_year[2014] == pytest.approx(expected, abs=1.5)


def test_tilt_grows_with_latitude_like_joys_law(regions):
    slope = np.polyfit(np.sin(np.radians(regions["latitude"])), regions["tilt"], 1)[0]
    assert slope == pytest.approx(32.1, rel=0.15)


def test_a_region_rises_within_a_fifth_of_its_life():
    region = {"birth": np.array([0]), "life_days": np.array([10.0]), "size": np.array([2.0])}
    values = [strength(region, int(day * DAY))[0] for day in (-1, 0.001, 2, 6, 10, 11)]
    assert values[0] == values[4] == values[5] == 0
    assert values[2] == pytest.approx(2.0) and values[1] < values[3] < values[2]


@pytest.mark.parametrize("latitude, rate", [(0, 14.713), (30, 14.713 - 2.396 / 4 - 1.787 / 16)])
def test_regions_turn_with_the_sun(latitude, rate):
    time = int(parse_times(["2014-06-06T00:00:00Z"])[0])  # the Earth passes the Sun's equator
    angles = []
    for t in (time, time + DAY):
        x, _, mu = place(np.array([latitude]), np.array([0.0]), t)
        angles.append(np.degrees(np.arctan2(x, mu))[0])
    turned = (angles[1] - angles[0]) % 360
    assert turned == pytest.approx(rate - 0.9856, abs=0.3)


def test_flares_follow_the_power_law(regions):
    flux = flare(np.random.default_rng(1), regions, START, END)["flux"].to_numpy()
    slope, error = power_law_slope(flux, 1e-7, 1e-5)
    assert abs(slope - FLARE_SLOPE) < 4 * error + 0.02  # the taper steepens it by about 0.02 even there


def test_nine_years_have_as_many_large_flares_as_the_real_ones(regions):
    """SWPC lists 731 M and 49 X flares in 2011 to 2019."""
    flux = flare(np.random.default_rng(1), regions, START, END)["flux"].to_numpy()
    assert 400 < ((flux >= 1e-5) & (flux < 1e-4)).sum() < 1300
    assert 20 < (flux >= 1e-4).sum() < 110


def test_the_archive_is_whole_and_has_the_faults(archive):
    archive, counts = archive
    frames = archive.frames()
    assert frames.duplicates and frames.unsorted and frames.without_time == 1
    assert frames.stored == counts["frames"]
    image = archive.read(frames, np.arange(len(frames)))
    assert 0 < np.isnan(image).any(axis=(1, 2)).sum() < 0.02 * len(frames)
    xrs = archive.xrs()
    assert (xrs["flux"] > 0).all() and xrs["time"].is_monotonic_increasing
    assert (archive.events()["goes_class"] == "").any()


def test_classes_come_out_in_the_papers_order(archive):
    archive, _ = archive
    table, _, funnel, _ = labelled_frames(archive, 32)
    counts = np.bincount(table["label"], minlength=5)
    assert counts[1] + counts[2] > 0.8 * counts.sum()
    assert counts[4] < counts[3] < counts[2]
    assert funnel["events"] > funnel["with a class in the list"]


def test_class_a_is_the_quiet_sun(tmp_path):
    simulate(tmp_path / "a", SimulatedSun(images=1500, xrs_cadence=5 * MINUTE, image_size=16))
    table, *_ = labelled_frames(Archive(tmp_path / "a"), 16)
    year = decimal_year(table["frame_time"].to_numpy())
    level = pd.Series(activity(table["frame_time"].to_numpy()))
    assert level[table["label"] == 0].mean() < 0.5 * level[table["label"] == 2].mean()
    assert np.median(year[table["label"] == 0]) > 2016


def test_the_disk_has_sdomls_radius_and_a_bright_limb(archive):
    archive, _ = archive
    frames = archive.frames()
    mean = np.nanmedian(archive.read(frames, np.arange(len(frames))), axis=0)
    axis = np.arange(32) + 0.5 - 16
    r = np.hypot(*np.meshgrid(axis, axis)) / (DISK_RADIUS["DN/s"] * 32)
    profile = [mean[(r > a) & (r <= a + 0.1)].mean() for a in np.arange(0, 1.2, 0.1)]
    assert 0.8 <= np.argmax(profile) * 0.1 <= 1.05
    assert profile[-1] < 0.5 * max(profile)


def test_the_same_seed_gives_the_same_sun(tmp_path):
    sun = SimulatedSun(images=20, image_size=16, end="2012-01-01", xrs_cadence=10 * MINUTE)
    for name in "ab":
        simulate(tmp_path / name, sun)
    a, b = (Archive(tmp_path / name) for name in "ab")
    everything = np.arange(len(a.frames()))
    np.testing.assert_array_equal(a.read(a.frames(), everything), b.read(b.frames(), everything))
    pd.testing.assert_frame_equal(a.events(), b.events())


def test_the_physics_the_page_shows(archive):
    archive, _ = archive
    frames = archive.frames()
    image = archive.read(frames, np.arange(len(frames)))
    image = image[np.isfinite(image).all(axis=(1, 2))]
    edges = np.linspace(-60, 60, 13)
    belts = physics.latitude_activity(image, DISK_RADIUS["DN/s"] * 32, edges)
    assert np.argmax(belts[:6]) in (3, 4) and np.argmax(belts[6:]) in (1, 2)
    latitude, _ = parse_locations(archive.events()["location"])
    assert np.isfinite(latitude).all() and np.abs(latitude).max() <= 42


def test_the_archive_names_the_cadence_in_seconds_and_has_it_in_milliseconds(archive):
    archive, _ = archive
    assert archive.attributes["simulated"]["xrs_cadence"] == archive.attributes["flux_tolerance_seconds"] == 300.0
    assert archive.flux_tolerance == np.median(np.diff(archive.xrs()["time"])) == 5 * MINUTE
    assert archive.frame_tolerance == 7 * MINUTE
    with pytest.raises(SolarsynthError, match=r"xrs_cadence must be at least 1000 \(milliseconds\), got 60"):
        SimulatedSun(xrs_cadence=60)


@pytest.mark.parametrize("cadence", [10 * SECOND, MINUTE, 5 * MINUTE])
def test_a_flare_rises_and_decays_in_the_flux_at_any_cadence(cadence):
    """One flare of 1e-5 W/m² on a Sun without regions: its profile is known in closed form."""
    start, peak = (int(t) for t in parse_times(["2014-01-01T00:00:00Z", "2014-01-01T12:00:00Z"]))
    columns = {name: np.empty(0) for name in ("birth", "life_days", "latitude", "longitude", "size")}
    flares = pd.DataFrame({"start": [peak - 6 * MINUTE], "peak": [peak], "flux": [1e-5], "decay_minutes": [10.0]})
    # Two months before and after: the background varies slowly, in units of its own standard deviation.
    period = start - 60 * DAY, start + 60 * DAY
    xrs = x_ray_flux(np.random.default_rng(0), pd.DataFrame(columns), flares, *period, cadence)
    xrs = xrs[(xrs["quality"] == 0) & ((xrs["time"] - peak).abs() < HOUR // 2)]
    assert len(xrs) > 0.9 * HOUR / cadence and (np.diff(xrs["time"]) == cadence).all()
    after = (xrs["time"].to_numpy() - peak) / MINUTE
    expected = 1e-5 * np.where(after < 0, np.exp(-((after / 3.3) ** 2)), np.exp(-after / 10))
    np.testing.assert_allclose(xrs["flux"], expected, rtol=0.06, atol=5e-8)


def test_the_contrast_changes_flares_in_the_frames_and_nothing_else():
    """With 0 the frames are those of a Sun that does not flare; a larger contrast adds light where the flares are."""
    rng = np.random.default_rng(0)
    start, end = parse_times(["2014-01-01", "2014-03-01"])
    regions = emerge(rng, start, end)
    flares = flare(rng, regions, start, end)
    strong = flares.sort_values("flux").iloc[-20:].sort_values("peak")
    times = strong["peak"].to_numpy() + MINUTE

    def frames(flares, **contrast):
        return render(regions, flares, times, 64, np.random.default_rng(1), **contrast).astype(float)

    none = frames(flares.iloc[:0])
    np.testing.assert_array_equal(frames(flares, flare_contrast=0.0), none)
    np.testing.assert_array_equal(frames(flares, flare_contrast=1.0), frames(flares))
    light = [(frames(flares, flare_contrast=c) - none).sum() for c in (1.0, 4.0, 16.0)]
    assert 0 < light[0] < light[1] < light[2]
    # Where a flare covers many pixels, its light is proportional to the contrast.
    assert light[2] / light[1] == pytest.approx(4, rel=0.35)
    with pytest.raises(SolarsynthError, match="flare_contrast"):
        SimulatedSun(flare_contrast=-1.0)
