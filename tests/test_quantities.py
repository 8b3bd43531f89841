"""Physical quantities of planted Suns, whose limb, corona, regions and tilt are known."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from sunpy.coordinates import HeliographicStonyhurst, Helioprojective

from solarsynth.errors import SolarsynthError
from solarsynth.metrics import physics
from solarsynth.pixels import to_dn

SIZE, RADIUS = 64, 25.0
AXIS = np.arange(SIZE) + 0.5 - SIZE / 2
X, Y = np.meshgrid(AXIS, AXIS)


def sun(dx=0.0, dy=0.0, radius=RADIUS, quiet=100.0, limb=200.0, scale=0.08, spots=(), north=1.0):
    """Return a Sun (64, 64) in DN/s: a flat disk, a ring at the limb, an exponential corona, and Gaussian spots.

    Spots are (latitude, longitude, contrast, width in radii); `north` is a factor on the northern hemisphere.
    """
    x, y = (X - dx) / radius, (Y - dy) / radius
    r = np.hypot(x, y)
    image = np.where(r < 1, quiet + limb * np.exp(-(((r - 1) / 0.05) ** 2)), (quiet + limb) * np.exp(-(r - 1) / scale))
    for latitude, longitude, contrast, width in spots:
        b, west = np.radians([latitude, longitude])
        image += quiet * contrast * np.exp(-((x - np.cos(b) * np.sin(west)) ** 2 + (y - np.sin(b)) ** 2) / width**2)
    return np.where(y > 0, north, 1.0) * image


def encoded(dn):
    """Return images in DN/s on the 8-bit scale of an archive in DN/s, without rounding."""
    low, high = np.log10([5, 3500])
    return 255 * (np.log10(np.clip(dn, 5, 3500)) - low) / (high - low)


def measured(*suns, **kwargs):
    """Return the quantities of Suns in DN/s by column, (n,) each."""
    found = physics.quantities(encoded(np.stack(suns)), RADIUS, "DN/s", **kwargs)
    return dict(zip(physics.COLUMNS, found.T, strict=True))


SPOTS = ((22, -30, 6, 0.11), (-18, 10, 8, 0.13), (12, 45, 7, 0.1), (-25, -45, 6, 0.12))


class TestIntensity:
    def test_browse_images_follow_the_square_root(self):
        v = np.array([0, 84, 168, 200, 255], np.uint8)
        np.testing.assert_allclose(to_dn(v, "display"), [0, 100, 400, (200 / 8.4) ** 2, (200 / 8.4) ** 2], rtol=1e-6)
        np.testing.assert_allclose(to_dn(np.array([42.0, 42.5]), "display"), [25, 25.6], rtol=1e-3)

    def test_archives_in_dn_are_inverted(self):
        dn = np.array([5.0, 70, 900, 3500])
        np.testing.assert_allclose(to_dn(encoded(dn), "DN/s"), dn, rtol=1e-3)
        np.testing.assert_allclose(to_dn(np.round(encoded(dn)).astype(np.uint8), "DN/s"), dn, rtol=0.02)

    def test_brightness_and_percentiles_of_a_flat_disk(self):
        found = measured(sun(limb=0.0), sun(limb=0.0, quiet=200.0))
        np.testing.assert_allclose(found["Brightness"], [100, 200], rtol=2e-3)
        np.testing.assert_allclose(found["5 %"], found["95 %"], rtol=1e-3)
        np.testing.assert_allclose(found["to 0.2 radii"], [100, 200], rtol=2e-3)


class TestLimb:
    @pytest.mark.parametrize("scale", [0.05, 0.08, 0.15])
    def test_the_coronas_scale(self, scale):
        dn = np.stack([sun(scale=scale, quiet=900.0, limb=1500.0)])
        assert physics.off_limb_scale(dn, RADIUS)[0] == pytest.approx(scale, rel=0.03)

    def test_a_corona_that_does_not_fall_has_no_scale(self):
        r = np.hypot(X, Y) / RADIUS
        dn = np.stack([np.full((SIZE, SIZE), 90.0), np.exp(r), np.exp(-r / 3)])
        np.testing.assert_allclose(physics.off_limb_scale(dn, RADIUS), [np.nan, np.nan, 3], rtol=1e-3)

    @pytest.mark.parametrize("place", [0.94, 0.97, 1.0])
    def test_the_peak_is_where_it_was_put(self, place):
        r = np.hypot(X, Y) / RADIUS
        dn = 100 + 200 * np.exp(-(((r - place) / 0.06) ** 2))
        position, brightening = physics.limb_peak(dn[None], RADIUS)
        assert position[0] == pytest.approx(place, abs=0.01) and brightening[0] == pytest.approx(2.8, abs=0.2)

    def test_a_disk_that_only_darkens_has_no_peak(self):
        r = np.hypot(X, Y) / RADIUS
        position, _ = physics.limb_peak((200 * np.exp(-r))[None], RADIUS)
        assert np.isnan(position[0])

    @pytest.mark.parametrize("dx, dy, radius", [(0, 0, 25), (1.3, -0.7, 25), (-2, 3, 24), (0.5, 0.5, 26)])
    def test_the_circle(self, dx, dy, radius):
        """The steepest fall is at the edge of a flat disk that is blurred by the pixels."""
        image = 200 / (1 + np.exp((np.hypot(X - dx, Y - dy) - radius) / 0.7))
        found = physics.fit_disk(image[None], RADIUS)[0]
        np.testing.assert_allclose(found, [dx, dy, radius], atol=0.15)

    def test_a_disk_that_touches_the_images_side(self):
        """Browse images leave 15 % of the radius around the disk, so that a shift of 3 px hides a part of its edge."""
        image = 200 / (1 + np.exp((np.hypot(X - 3, Y) - 28.3) / 0.7))
        np.testing.assert_allclose(physics.fit_disk(image[None], 27.2)[0], [3, 0, 28.3], atol=0.3)

    def test_a_bright_loop_beyond_the_limb_does_not_move_the_circle(self):
        image = 200 / (1 + np.exp((np.hypot(X, Y) - RADIUS) / 0.7))
        image[30:36, 55:60] = 250
        np.testing.assert_allclose(physics.fit_disk(image[None], RADIUS)[0], [0, 0, RADIUS], atol=0.2)

    def test_noise_and_constant_images_have_no_disk(self):
        noise = np.random.default_rng(0).uniform(0, 255, (50, SIZE, SIZE))
        flat = np.full((3, SIZE, SIZE), 100.0)
        assert np.isnan(physics.fit_disk(np.concatenate([noise, flat]), RADIUS)).all()

    def test_ring_means_are_the_radial_profile(self):
        image = np.random.default_rng(0).uniform(0, 9, (4, SIZE, SIZE))
        edges = np.array([0, 0.3, 1.1, 5, 6])
        expected = [physics.radial_profile(one[None], RADIUS, edges) for one in image]
        np.testing.assert_allclose(physics.ring_means(image, RADIUS, edges), expected, rtol=1e-5)


class TestSpectrum:
    @pytest.mark.parametrize("size", [16, 33, 64])
    def test_the_power_is_the_variance(self, size):
        image = np.random.default_rng(0).normal(0, 3, (2, size, size))
        share = physics.band_shares(image, ((0.5, 5), (5, size)))
        by_hand = []
        for one in image:
            power = np.abs(np.fft.fft2(one - one.mean())) ** 2
            f = np.fft.fftfreq(size, 1 / size)
            k = np.hypot(f[:, None], f)
            assert power.sum() / size**4 == pytest.approx(one.var())
            by_hand.append([power[(k >= a) & (k < b)].sum() / power.sum() for a, b in ((0.5, 5), (5, size))])
        np.testing.assert_allclose(share, by_hand, rtol=1e-4)

    def test_white_noise_is_flat(self):
        image = np.random.default_rng(1).normal(0, 2, (400, SIZE, SIZE))
        np.testing.assert_allclose(physics.azimuthal_power(image).mean(0), 4 / SIZE**2, rtol=0.06)

    def test_a_wave_is_where_it_is(self):
        wave = np.cos(2 * np.pi * 11 * np.arange(SIZE) / SIZE) * np.ones((SIZE, 1))
        assert physics.azimuthal_power(wave[None])[0].argmax() == 10
        np.testing.assert_allclose(physics.band_shares(wave[None])[0], [0, 1, 0], atol=1e-6)

    def test_bands_that_are_not_there(self):
        image = np.random.default_rng(0).normal(size=(2, 16, 16))
        assert np.isnan(physics.band_shares(image)[:, 2]).all()
        assert np.isnan(physics.band_shares(np.full((1, 64, 64), 77.0))).all()


class TestRegions:
    def test_planted_regions_are_found_where_they_are(self):
        found = physics.active_regions(np.stack([sun(), sun(spots=SPOTS)]), RADIUS)
        assert found.image.tolist() == [1] * 4
        order = np.argsort(found.longitude)
        planted = sorted(SPOTS, key=lambda spot: spot[1])
        np.testing.assert_allclose(found.latitude[order], [s[0] for s in planted], atol=2)
        np.testing.assert_allclose(found.longitude[order], [s[1] for s in planted], atol=3)

    @pytest.mark.parametrize("width", [0.12, 0.2, 0.3])
    def test_the_area_of_a_patch(self, width):
        """A flat patch at the centre; its area is π w² / (2π), and smoothing moves no straight edge of contrast 2."""
        dn = 100.0 * (1 + 2 * (np.hypot(X, Y) < width * RADIUS))
        found = physics.active_regions(dn[None], RADIUS)
        assert found.area[0] == pytest.approx(1e6 * width**2 / 2, rel=0.3 if width < 0.2 else 0.15)
        assert found.bright[0] == pytest.approx(width**2 / 0.81, rel=0.3)

    def test_foreshortening_is_undone(self):
        """The same cap at the centre and at 45°: the number of pixels differs, the area does not."""
        z = np.sqrt(np.maximum(1 - (X**2 + Y**2) / RADIUS**2, 0))
        caps = []
        for longitude in (0, 45):
            west = np.radians(longitude)
            towards = X / RADIUS * np.sin(west) + z * np.cos(west)
            caps.append(100.0 * (1 + 2 * ((towards > np.cos(np.radians(18))) & (np.hypot(X, Y) < RADIUS))))
        found = physics.active_regions(np.stack(caps), RADIUS)
        assert found.image.tolist() == [0, 1]
        assert found.area[1] == pytest.approx(found.area[0], rel=0.1)

    def test_no_image_lends_a_region_to_the_next(self):
        """The same bright pixels in neighbouring images are two regions, and diagonal pixels are one."""
        found = physics.active_regions(np.stack([sun(spots=SPOTS)] * 3), RADIUS)
        assert np.bincount(found.image).tolist() == [4, 4, 4]

    def test_small_patches_and_dark_disks(self):
        dot = np.full((SIZE, SIZE), 100.0)
        dot[32, 32] = 900
        found = physics.active_regions(np.stack([dot, np.zeros((SIZE, SIZE))]), RADIUS)
        assert len(found.image) == 0 and np.isnan(found.bright[1])


class TestTilt:
    @pytest.mark.parametrize("tilt", [-7.2, 0.0, 5.0])
    def test_latitudes_are_sunpys(self, tilt):
        """Points of known latitude, seen by sunpy from the Earth's distance at a latitude B0."""
        earth = SkyCoord(0 * u.deg, tilt * u.deg, 1 * u.au, frame=HeliographicStonyhurst, obstime="2012-06-01")
        latitude, longitude = np.meshgrid([-60, -20, 0, 15, 50], [-50, -10, 0, 30, 60])
        points = SkyCoord(longitude * u.deg, latitude * u.deg, frame=HeliographicStonyhurst, obstime="2012-06-01")
        seen = points.transform_to(Helioprojective(observer=earth, obstime="2012-06-01"))
        rim = np.arcsin((1 * u.R_sun / (1 * u.au)).to_value(""))
        x, y = (angle.to_value("rad") / rim for angle in (seen.Tx, seen.Ty))
        np.testing.assert_allclose(physics.tilted_latitude(x, y, tilt), latitude, atol=0.35)

    def test_a_known_tilt_moves_latitudes_and_poles(self):
        """Neglecting the tilt makes an error of its size at the central meridian, as the docstring says."""
        spot = sun(spots=((20, 0, 6, 0.12),))
        found = measured(spot, spot, spot, tilt=np.array([0.0, 7.0, -7.0]))
        np.testing.assert_allclose(np.diff(found["Region latitude"][[2, 0, 1]]), 7, atol=0.1)


class TestChanges:
    """What a change of the image changes, and what it must leave alone."""

    BASE = measured(sun(spots=SPOTS, north=1.1))

    def changed(self, image):
        found, spread = measured(image), 0.01
        return {
            name
            for name in physics.COLUMNS
            if not abs(found[name][0] - self.BASE[name][0]) <= spread * max(abs(self.BASE[name][0]), 0.3)
        }

    def test_mirrors(self):
        image = sun(spots=SPOTS, north=1.1)
        assert self.changed(image[:, ::-1]) == set()
        assert self.changed(image[::-1]) == {"Asymmetry"}
        assert measured(image[::-1])["Asymmetry"][0] == pytest.approx(-self.BASE["Asymmetry"][0], abs=1e-4)

    def test_a_quarter_turn_changes_latitudes_and_hemispheres_only(self):
        got = self.changed(np.rot90(sun(spots=SPOTS, north=1.1)))
        assert {"Region latitude", "Asymmetry"} <= got <= {"Region latitude", "Asymmetry", "Poles"}

    def test_a_known_asymmetry(self):
        found = measured(sun(north=1.1), sun(north=1.0), sun(north=0.8))
        np.testing.assert_allclose(found["Asymmetry"], [0.1 / 2.1, 0, -0.2 / 1.8], atol=2e-3)

    def test_a_brighter_copy(self):
        got = self.changed(1.3 * sun(spots=SPOTS, north=1.1))
        assert {"Brightness", "50 %", "to 0.6 radii"} <= got
        assert not got & {"Asymmetry", "Region number", "Bright area", "Limb position", "centre, west", "Poles"}

    def test_a_shifted_copy(self):
        image = sun(dx=2, dy=-1, spots=SPOTS, north=1.1)
        found = measured(image)
        np.testing.assert_allclose(found["centre, west"], 2 / RADIUS, atol=0.01)
        np.testing.assert_allclose(found["centre, north"], -1 / RADIUS, atol=0.01)
        assert abs(found["Disk radius"][0] - self.BASE["Disk radius"][0]) < 0.01

    def test_a_blurred_copy_loses_fine_structure(self):
        from scipy.ndimage import gaussian_filter

        rng = np.random.default_rng(0)
        image = sun(spots=SPOTS) * np.exp(rng.normal(0, 0.2, (SIZE, SIZE)))
        sharp, blurred = measured(image), measured(gaussian_filter(image, 0.8))
        assert blurred["Fine structure"][0] < sharp["Fine structure"][0] - 0.3
        assert blurred["20–32 cycles"][0] < 0.6 * sharp["20–32 cycles"][0]
        assert blurred["Brightness"][0] == pytest.approx(sharp["Brightness"][0], rel=0.03)

    def test_a_sun_without_regions(self):
        found = measured(sun())
        assert found["Region number"][0] == found["Bright area"][0] == 0
        assert np.isnan(found["Region latitude"][0]) and np.isnan(found["Region size"][0])

    def test_poles(self):
        latitude = physics.tilted_latitude(X / RADIUS, Y / RADIUS)
        image = np.where(np.abs(np.nan_to_num(latitude)) > 60, 50.0, 100.0)
        assert measured(image)["Poles"][0] == pytest.approx(0.5, abs=0.01)


class TestBadInput:
    def test_images_without_a_disk_keep_the_other_quantities(self):
        constant = physics.quantities(np.full((2, SIZE, SIZE), 90, np.uint8), RADIUS, "display")
        found = dict(zip(physics.COLUMNS, constant.T, strict=True))
        assert found["Brightness"] == pytest.approx((90 / 8.4) ** 2)
        for name in ("centre, west", "Disk radius", "Fine structure", "2–8 cycles", "Off-limb scale"):
            assert np.isnan(found[name]).all()
        radius = next(q for q in physics.QUANTITIES if q.name == "Disk radius")
        assert physics.missing(constant, radius) == "2 of 2 images without a disk"
        assert physics.missing(constant, physics.QUANTITIES[0]) == ""

    def test_rounding_is_no_limb(self):
        """Means of equal numbers differ in the last digit, which must not be taken for an edge."""
        image = np.broadcast_to(np.arange(1, 256, dtype=np.uint8)[:, None, None], (255, SIZE, SIZE))
        found = dict(zip(physics.COLUMNS, physics.quantities(image, RADIUS, "display").T, strict=True))
        for name in ("Limb position", "centre, west", "Disk radius", "Off-limb scale", "Fine structure"):
            assert np.isnan(found[name]).all(), name

    def test_black_images(self):
        found = physics.quantities(np.zeros((1, SIZE, SIZE), np.uint8), RADIUS, "display")[0]
        known = {name for name, value in zip(physics.COLUMNS, found, strict=True) if np.isfinite(value)}
        assert {"Brightness", "50 %", "to 0.2 radii"} <= known
        assert not known & {"Asymmetry", "Poles", "Bright area", "Limb brightening", "Disk radius"}

    def test_small_images_lack_what_they_cannot_show(self):
        image = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
        found = physics.quantities(image, 6.8, "display")
        assert found.shape == (3, len(physics.COLUMNS)) and np.isfinite(found[:, 0]).all()
        assert np.isnan(found[:, physics.columns_of("Fine structure")]).all()

    def test_one_line_per_fault(self):
        image = np.zeros((2, 8, 8), np.uint8)
        for args, said in (
            ((image[:, :4], 3.0, "display"), r"square images .n, H, H., got shape .2, 4, 8."),
            ((image, 5.0, "display"), "radius must be from 2 px to half of 8 px, got 5"),
            ((image, 3.0, "Kelvin"), "unit must be DN/s or display, got 'Kelvin'"),
        ):
            with pytest.raises(SolarsynthError, match=said):
                physics.quantities(*args)
        with pytest.raises(SolarsynthError, match="unknown quantity 'Colour'"):
            physics.columns_of("Colour")

    def test_no_image(self):
        assert physics.quantities(np.zeros((0, 8, 8), np.uint8), 3.0, "DN/s").shape == (0, len(physics.COLUMNS))

    def test_batches_do_not_matter(self, monkeypatch):
        image = np.random.default_rng(0).integers(0, 256, (7, 32, 32)).astype(np.uint8)
        whole = physics.quantities(image, 13.0, "display")
        monkeypatch.setattr("solarsynth.metrics.physics.table.BATCH", 3)
        np.testing.assert_allclose(physics.quantities(image, 13.0, "display"), whole, rtol=1e-5)


def test_real_frames(real_folder):
    """Frames of 2012: the limb where the archive's description puts it, belts at 10 to 30°, a Sun in every frame."""
    with np.load(real_folder / "frames-64.npz") as file:
        image = file["image"][::40, ::-1]
    found = dict(zip(physics.COLUMNS, physics.quantities(image, 0.425 * 64, "display").T, strict=True))
    assert np.isfinite(np.stack(list(found.values()))).all()
    assert np.median(found["Limb position"]) == pytest.approx(1, abs=0.02)
    assert 12 < np.median(found["Region latitude"]) < 25 and 2 <= np.median(found["Region number"]) <= 7
    assert 0.03 < np.median(found["Off-limb scale"]) < 0.12
    assert np.abs(found["centre, west"]).max() < 0.03 and np.abs(found["centre, north"]).max() < 0.03
