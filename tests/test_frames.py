"""Frames through every door: drawn Suns with a known place, stores of every layout, and real files where they are."""

import functools
import gzip
import io
import itertools
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest
import zarr
from click.testing import CliRunner
from PIL import Image
from suns import RADIUS, brightness, write_browse, write_fits, write_jpeg2000

from solarsynth import cli
from solarsynth.dataset.labelling import label_events
from solarsynth.errors import SolarsynthError
from solarsynth.observations import ephemeris, quicklook
from solarsynth.observations.archive import Archive
from solarsynth.observations.frames import (
    browse,
    collect,
    disk,
    fits,
    headers,
    jpeg2000,
    lite,
    reading,
    scratch,
    sources,
)
from solarsynth.observations.frames import store as stores
from solarsynth.observations.importing import import_archive
from solarsynth.pixels import DISK_RADIUS
from solarsynth.times import DAY, HOUR, NO_TIME, format_times, parse_times

SIZE = 32
EVENTS = "start,peak,end,goes_class\n2014-02-03T04:00:00Z,2014-02-03T04:01:00Z,2014-02-03T04:03:00Z,C2.0\n"


@functools.cache
def expected(size=SIZE):
    """The drawn Sun on the archive's grid, by the mean of 256 points in each pixel."""
    half = RADIUS / DISK_RADIUS["DN/s"] / 2
    axis = (np.arange(16 * size) + 0.5) / (16 * size) * 2 * half - half
    return brightness(*np.meshgrid(axis, axis)).reshape(size, 16, size, 16).mean(axis=(1, 3))


def assert_is_the_drawn_sun(image, tolerance=0.02):
    """The spot is the sharpest feature; errors are in units of its height."""
    assert np.abs(image - expected(len(image))).max() < tolerance * 900


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"CRPIX1": 120.25, "CRPIX2": 133.5},
        {"CRVAL1": 40.0, "CRVAL2": -25.0},
        {"CROTA2": 0.03},
        {"CROTA2": 30.0},
        {"CROTA2": 180.0, "CRPIX1": 120.0},
        {"CROTA2": None, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
        {"EXPTIME": 0.3},
        {"PIXLUNIT": "DN/s", "EXPTIME": 1.0},
    ],
    ids=str,
)
def test_fits_at_any_pointing_shows_the_same_sun(tmp_path, changes):
    picture = fits.read(write_fits(tmp_path / "a.fits", **changes))
    assert_is_the_drawn_sun(disk.place(picture, SIZE))
    assert picture.time == parse_times(["2014-02-03T04:05:06.7Z"])[0]


def test_a_rate_is_not_divided_by_the_exposure(tmp_path):
    header = {"EXPTIME": 2.0, "PIXLUNIT": None, "BUNIT": "DN / s"}
    path = write_fits(tmp_path / "a.fits", **header)  # the file holds twice the rate
    np.testing.assert_allclose(disk.place(fits.read(path), SIZE), 2 * expected(), atol=36)


def test_fits_compressed_inside_or_as_a_whole(tmp_path):
    inside = disk.place(fits.read(write_fits(tmp_path / "a.fits", packed=True)), SIZE)
    assert_is_the_drawn_sun(inside)
    plain = write_fits(tmp_path / "b.fits")
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert sources.kind_of(tmp_path / "b.fits.gz") == "fits"
    whole = disk.place(fits.read(tmp_path / "b.fits.gz"), SIZE)
    np.testing.assert_allclose(whole, disk.place(fits.read(plain), SIZE))


@pytest.mark.parametrize("radius", [944.0, 976.0])
def test_the_distance_to_the_sun_does_not_change_the_disk(tmp_path, radius):
    from suns import draw, pointing

    header = pointing(512, RSUN_OBS=radius, CDELT1=4.8 * radius / RADIUS, CDELT2=4.8 * radius / RADIUS)
    image = draw(pointing(512, CDELT1=4.8, CDELT2=4.8), 512) * 2
    path = write_fits(tmp_path / "a.fits", 512, image=image, **header)
    assert_is_the_drawn_sun(disk.place(fits.read(path), 64))


def test_jpeg2000_shows_the_same_sun(tmp_path):
    picture = jpeg2000.read(write_jpeg2000(tmp_path / "a.jp2", side=512))
    assert_is_the_drawn_sun(disk.place(picture, SIZE))


def test_overlap_is_the_mean_over_areas():
    rng = np.random.default_rng(0)
    edges, values = np.sort(rng.uniform(-0.5, 9.5, 6)), rng.normal(size=10)
    fine = np.repeat(values, 10_000)
    where = (np.arange(100_000) + 0.5) / 10_000 - 0.5
    means = [fine[(where >= a) & (where < b)].mean() for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(disk.overlap(10, edges) @ values, means, atol=2e-3)
    beyond = disk.overlap(10, np.array([-5.0, -3.0, 2.0, 12.0, 15.0]))
    np.testing.assert_allclose(beyond.sum(axis=1), 1, rtol=1e-6)
    assert beyond[0, 0] == beyond[3, 9] == 1


def test_nan_off_the_disk_is_dark_and_on_it_is_left_out(tmp_path):
    path = write_fits(tmp_path / "a.fits")
    picture = fits.read(path)
    corner = picture.image.copy()
    corner[:5, :5] = np.nan
    on = picture.image.copy()
    on[128, 128] = np.nan
    made = disk.place(disk.replace(picture, image=corner), SIZE)
    assert np.isfinite(made).all() and made[0, 0] < expected()[0, 0]
    with pytest.raises(disk.LeftOut, match="NaN"):
        disk.place(disk.replace(picture, image=on), SIZE)


def test_the_limb_of_a_drawn_disk():
    side, radius = 64, 0.42
    x, y = np.meshgrid(*[(np.arange(side) + 0.5) / side - 0.5] * 2)
    image = 100.0 * (np.hypot(x - 0.01, y + 0.005) < radius) + 5
    np.testing.assert_allclose(disk.limb(image), (radius, 0.01, -0.005), atol=0.005)
    assert np.isnan(disk.limb(np.random.default_rng(0).uniform(size=(side, side)))[0])


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"WAVELNTH": 193}, headers.OTHER_WAVELENGTH),
        ({"TELESCOP": "STEREO_A", "INSTRUME": "EUVI"}, headers.OTHER_OBSERVATORY),
        ({"QUALITY": 131072}, headers.FLAGGED),
        ({"QUALITY": -2147483648}, headers.FLAGGED),
        ({"QUALITY": 1 << 30}, headers.FLAGGED),
        ({"EXPTIME": None}, headers.NO_EXPOSURE),
        ({"EXPTIME": 0.0}, headers.NO_EXPOSURE),
        ({"ACS_ECLP": "YES"}, headers.ECLIPSE),
        ({"IMG_TYPE": "DARK"}, headers.ECLIPSE),
        ({"LVL_NUM": 0.5}, headers.BELOW_LEVEL_1),
        ({"T_OBS": "never", "DATE-OBS": None}, headers.WITHOUT_TIME),
        ({"CDELT1": None}, headers.NO_POINTING),
        ({"CRPIX1": -400.0}, disk.NOT_WHOLE),
        ({"CRPIX1": 180.0}, disk.NOT_WHOLE),
        ({"CDELT1": 100.0, "CDELT2": 100.0}, disk.COARSE),
        ({"RSUN_OBS": 880.0}, disk.WRONG_LIMB),
    ],
    ids=str,
)
def test_frames_of_no_use_are_left_out_for_a_reason(tmp_path, changes, reason):
    drawn = {} if all(changes.values()) else {"image": np.ones((256, 256))}
    path = write_fits(tmp_path / "a.fits", **changes, **drawn)
    (outcome,) = reading.outcomes(reading.Task(sources.Source(path, "fits")), reading.Recipe(SIZE))
    assert outcome.reason == reason and outcome.image is None


def test_another_disk_than_the_header_says_is_left_out(tmp_path):
    path = write_fits(tmp_path / "a.fits", image=np.random.default_rng(0).uniform(0, 900, (256, 256)))
    constant = write_fits(tmp_path / "b.fits", image=np.full((256, 256), 7.0))
    reasons = [
        reading.outcomes(reading.Task(sources.Source(p, "fits")), reading.Recipe(SIZE))[0].reason
        for p in (path, constant)
    ]
    assert reasons == [disk.WRONG_LIMB, "frames of one value"]


@pytest.mark.parametrize(
    "name, time",
    [
        ("20251220_000658_1024_0171.jpg", "2025-12-20T00:06:58"),
        ("test_171_20191124_095558.jpg", "2019-11-24T09:55:58"),
        ("2012_01_01__00_00_00_34__SDO_AIA_AIA_171.png", "2012-01-01T00:00:00"),
        ("aia.lev1_euv_12s.2012-07-19T073001Z.171.image.png", "2012-07-19T07:30:01"),
        ("AIA20120101_0006_0171.png", "2012-01-01T00:06:00"),
        ("sun_20120101123456.png", "2012-01-01T12:34:56"),
        ("2012-01-01 12.34.56.png", "2012-01-01T12:34:56"),
    ],
)
def test_times_in_names(name, time):
    assert browse.check_name(name) == parse_times([time])[0]


@pytest.mark.parametrize(
    "name, reason",
    [
        ("20251220_000658_1024_0193.jpg", headers.OTHER_WAVELENGTH),
        ("20251220_000658_1024_211193171.jpg", ""),
        ("20251220_000658_1024_HMIB.jpg", headers.OTHER_OBSERVATORY),
        ("2012_01_01__00_00_00__SOHO_EIT_EIT_171.png", headers.OTHER_OBSERVATORY),
        ("sun-171.jpg", headers.WITHOUT_TIME),
        ("20251340_000658_1024_0171.jpg", headers.WITHOUT_TIME),
    ],
)
def test_names_of_other_pictures(name, reason):
    if not reason:  # a composite has a time and no wavelength; its colours tell
        assert browse.check_name(name) != NO_TIME
        return
    with pytest.raises(disk.LeftOut, match=reason):
        browse.check_name(name)


@pytest.mark.parametrize("side", [512, 1024])
def test_a_browse_picture_is_read_as_the_quicklook_source_reads_it(tmp_path, side):
    path = write_browse(tmp_path / "20140103_040506_171.jpg", side)
    image, time = browse.read(path, 64)
    assert time == parse_times(["2014-01-03T04:05:06"])[0]
    body = path.read_bytes() if side == 512 else write_browse(tmp_path / "small.jpg").read_bytes()
    other = quicklook.shrink(quicklook.decode(body), 64)
    assert np.abs(image.astype(int) - other).max() <= (0 if side == 512 else 12)


def test_a_grey_picture_holds_the_intensity_itself(tmp_path):
    grey, _ = browse.read(write_browse(tmp_path / "20140103_040506.png", grey=True), 64)
    coloured, _ = browse.read(write_browse(tmp_path / "20140103_040506_171.png"), 64)
    assert np.array_equal(grey, coloured)


def test_other_colours_and_shapes_are_left_out(tmp_path):
    rgb = np.zeros((512, 512, 3), np.uint8)
    rgb[..., 1] = 200
    Image.fromarray(rgb).save(tmp_path / "20140103_040506.png")
    Image.fromarray(rgb[:400]).save(tmp_path / "20140103_040507.png")
    for name, reason in (("20140103_040506.png", browse.OTHER_COLOURS), ("20140103_040507.png", browse.NOT_SQUARE)):
        with pytest.raises(disk.LeftOut, match=reason):
            browse.read(tmp_path / name, 64)


def test_browse_pictures_in_dn_show_the_drawn_sun(tmp_path):
    time = "20140103_040506"  # the Sun is large in January: the picture is drawn with that radius
    radius = ephemeris.solar_radius(int(parse_times(["2014-01-03T04:05:06"])[0]))
    picture, saturated = browse.read_dn(write_browse(tmp_path / f"{time}.png", 1024, radius))
    image = disk.place(picture, SIZE)
    below = expected() < 500  # above, the picture saturates at 255
    assert np.abs(image - expected())[below].max() < 0.02 * 900
    assert 0 < saturated < 0.05 and image.max() <= (255 / 8.4) ** 2


def collected(tmp_path, *paths, **options):
    return collect([str(path) for path in paths], tmp_path / "archive", **options)


@pytest.mark.parametrize("write, name", [(write_fits, "a.fits"), (write_jpeg2000, "a.jp2"), (write_browse, "a.png")])
def test_origin_is_refused_where_a_file_says_it_itself(tmp_path, write, name):
    write(tmp_path / name)
    with pytest.raises(SolarsynthError, match=r"--origin is for \.npz; .* says itself where north is"):
        collected(tmp_path, tmp_path / name, origin="lower")


def test_an_address_is_told_where_it_is_read():
    with pytest.raises(SolarsynthError, match=r"^s3://bucket/s\.zarr: frames are read from files; .*--source sdoml"):
        sources.find(["s3://bucket/s.zarr"])


def test_a_folder_of_everything(tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    write_fits(folder / "a.fits")
    write_fits(folder / "deep" / "twice.fits")
    write_jpeg2000(folder / "b.jp2", side=512, T_OBS="2014-02-03T05:00:00Z")
    for i in range(4):
        write_fits(folder / f"other-{i}.fits", WAVELNTH=94)
    (folder / "notes.txt").write_text("read me")
    (folder / "page.jpg").write_text("<html>not found</html>")
    found = collected(tmp_path, folder, size=SIZE)
    assert found.unit == "DN/s" and format_times(found.time)[1] == "2014-02-03T05:00:00.000Z"
    assert found.counts == {
        "frames without a time": 0,
        "frames with NaN": 0,
        "frames that repeat a time": 1,
        "files of another kind": 2,
        headers.OTHER_WAVELENGTH: 4,
    }
    assert f"left out: 4 {headers.OTHER_WAVELENGTH}: other-0.fits, other-1.fits, other-2.fits, …" in found.notes
    for image in found.image:
        assert_is_the_drawn_sun(image)


def write_zip(path, *names):
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(name, "text")
    return path


def test_zip_files_of_other_kinds_do_not_stop_an_import(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    arrays(folder, WHOLE)
    write_zip(folder / "notes.docx", "word/document.xml", "[Content_Types].xml")
    write_zip(folder / "old.zip", "a.fits")
    write_zip(folder / "empty.zip")
    (folder / "cut.zip").write_bytes((folder / "old.zip").read_bytes()[:40])
    for path in (folder, folder / "*"):
        found = collected(tmp_path, path, unit="display")
        assert len(found.time) == len(WHOLE) and found.counts["files of another kind"] == 4
        assert "left out: 4 files of another kind: cut.zip, empty.zip, notes.docx, …" in found.notes


@pytest.mark.parametrize("name", ["notes.docx", "suns.npz"])
def test_a_zip_file_that_was_named_is_refused(tmp_path, name):
    with pytest.raises(SolarsynthError, match=rf"{name}: "):
        collected(tmp_path, write_zip(tmp_path / name, "word/document.xml"))


def test_a_cut_npz_in_a_folder_is_not_passed_over(tmp_path):
    (tmp_path / "in").mkdir()
    cut(arrays(tmp_path / "in", WHOLE))
    with pytest.raises(SolarsynthError, match=r"\.npz: "):
        collected(tmp_path, tmp_path / "in")


def test_patterns_and_single_files(tmp_path):
    write_fits(tmp_path / "a1.fits")
    write_fits(tmp_path / "a2.fits", T_OBS="2014-02-03T05:00:00Z")
    write_fits(tmp_path / "b.fits", T_OBS="2014-02-03T06:00:00Z")
    assert len(collected(tmp_path, tmp_path / "a*.fits", size=SIZE).time) == 2
    assert len(collected(tmp_path, tmp_path / "a*.fits", tmp_path / "a1.fits", tmp_path / "b.fits").time) == 3


def test_links_that_lead_back_and_links_to_nothing(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_fits(folder / "a.fits")
    (folder / "back").symlink_to(folder)
    (folder / "gone.fits").symlink_to(folder / "none.fits")
    assert [source.path.name for source in sources.find([folder])[0]] == ["a.fits"]


@pytest.mark.parametrize(
    "text, utc",
    [
        ("2011-02-15T00:00:01.34Z", "2011-02-15T00:00:01.340"),
        ("2011.02.15_00:00:34_TAI", "2011-02-15T00:00:00"),  # 34 s since 2009
        ("2017-08-01T00:00:37_TAI", "2017-08-01T00:00:00"),  # 37 s since 2017
        ("2012-06-30T23:59:60", "2012-06-30T23:59:59"),  # a leap second has no time of its own since 1970
    ],
)
def test_times_in_headers(text, utc):
    assert headers.time_of({"T_OBS": text}) == parse_times([utc])[0]


def cut(path, share=0.5):
    body = path.read_bytes()
    path.write_bytes(body[: int(len(body) * share)])
    return path


@pytest.mark.parametrize(
    "write, name",
    [
        (write_fits, "a.fits"),
        (functools.partial(write_fits, packed=True), "packed.fits"),
        (write_jpeg2000, "a.jp2"),
        (write_browse, "20140103_040506_171.jpg"),
        (write_browse, "20140103_040506_171.png"),
    ],
    ids=["fits", "packed", "jp2", "jpg", "png"],
)
def test_a_file_that_is_cut_off_is_named(tmp_path, write, name):
    cut(write(tmp_path / name))
    with pytest.raises(
        SolarsynthError, match=r"no usable frame in it: 1 files that cannot be decoded, first .*" + name
    ):
        collected(tmp_path, tmp_path / name, size=SIZE)
    assert not list(tmp_path.glob(".archive*"))


@pytest.mark.parametrize(
    "name, body, match",
    [
        ("nothing.fits", b"", "an empty file"),
        ("page.jpg", b"<!DOCTYPE html>", "a web page, not a picture"),
        ("a.tif", b"II*\0", "of no kind that is known; frames are read from"),
    ],
)
def test_a_named_file_of_another_kind(tmp_path, name, body, match):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(SolarsynthError, match=f"{name}: {match}"):
        collected(tmp_path, tmp_path / name)


@pytest.mark.parametrize("path", ["none.fits", "none*.fits", "empty"])
def test_nothing_there(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SolarsynthError, match=r"no (such )?file"):
        collected(tmp_path, tmp_path / path)


@pytest.mark.parametrize("path", ["in", "in/*", "in/*.txt"])
@pytest.mark.parametrize("options", [{}, {"to_dn": True}, {"size": SIZE, "unit": "display"}], ids=str)
def test_no_frames_among_the_files(tmp_path, path, options):
    (tmp_path / "in").mkdir()
    for name in ("list.txt", "notes.txt"):
        (tmp_path / "in" / name).write_text("read me")
    with pytest.raises(
        SolarsynthError, match=r"no frames there, 2 files of another kind, first list\.txt; frames are read from arrays"
    ) as error:
        collected(tmp_path, tmp_path / path, **options)
    assert str(error.value).startswith(f"{tmp_path / path}: ") and "\n" not in str(error.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_units_do_not_mix(tmp_path):
    a, b = write_fits(tmp_path / "a.fits"), write_browse(tmp_path / "20140103_040506_171.png")
    with pytest.raises(SolarsynthError, match=r"one unit: .*a.fits is in DN/s, .*171.png in display; .*--to-dn"):
        collected(tmp_path, a, b)
    with pytest.raises(SolarsynthError, match=r"a.fits: FITS is read as DN/s, not display; leave --unit out"):
        collected(tmp_path, a, unit="display")
    with pytest.raises(SolarsynthError, match=r"171.png: JPEG or PNG is read as display, not DN/s; add --to-dn"):
        collected(tmp_path, b, unit="DN/s")
    assert collected(tmp_path, a, b, to_dn=True).unit == "DN/s"


def arrays(tmp_path, image, name="image", time=None):
    time = format_times(parse_times(["2014-02-03"])[0] + HOUR * np.arange(len(image))) if time is None else time
    np.savez(tmp_path / "frames.npz", **{name: image, "t_obs": np.array(time)})
    return tmp_path / "frames.npz"


WHOLE = np.random.default_rng(0).integers(0, 256, (6, 16, 16))


@pytest.mark.parametrize(
    "image, unit, match",
    [
        (WHOLE / 255, None, r"from 0 to 1, as if scaled to 0..1; bring them to 0..255 \(display\) or to DN/s"),
        (WHOLE / 255, "DN/s", "as if scaled to 0..1"),
        (WHOLE / 127.5 - 1, "display", "from -1 to 1, as if scaled to -1..1"),
        ((WHOLE * 20).astype(np.uint16), None, "from 0 to 5100, but display intensity is 0..255; for DN/s pass --unit"),
        (WHOLE * 20.0, None, "from 0 to 5100, but"),
        (WHOLE - 9.0, "display", "from -9 to 246, but display intensity is 0..255"),
        (WHOLE * 0.9, None, "are not whole numbers; pass --unit DN/s, or --unit display"),
        (np.log10(WHOLE + 2.0), "DN/s", "but in DN/s all below 5 is black"),
    ],
)
def test_values_that_cannot_be_in_their_unit(tmp_path, image, unit, match):
    with pytest.raises(SolarsynthError, match=f"frames.npz: the values run .*{match}"):
        collected(tmp_path, arrays(tmp_path, image), unit=unit)


@pytest.mark.parametrize(
    "image, unit",
    [
        (WHOLE.astype(np.uint8), None),
        (WHOLE.astype(">f4"), None),
        (WHOLE.astype(np.uint16), None),
        (WHOLE * 0.9, "display"),
        ((WHOLE * 20).astype(np.uint16), "DN/s"),
    ],
)
def test_values_that_can(tmp_path, image, unit):
    found = collected(tmp_path, arrays(tmp_path, image), unit=unit)
    assert np.array_equal(found.image, image[:, ::-1]) and found.image.dtype.isnative
    assert found.unit == (unit or "display")
    south = collected(tmp_path, arrays(tmp_path, image), unit=unit, origin="lower")
    assert np.array_equal(south.image, image)
    assert "its row 0 as the south of the Sun (--origin lower)" in south.notes[0]


def test_frames_of_one_value_are_left_out(tmp_path):
    image = WHOLE.copy()
    image[2], image[4] = 0, 255
    found = collected(tmp_path, arrays(tmp_path, image))
    assert found.counts["frames of one value"] == 2 and len(found.time) == 4
    assert "left out: 2 frames of one value: frames.npz[2], frames.npz[4]" in found.notes


def test_the_name_of_the_array_is_its_unit(tmp_path):
    time = np.array(["2014-02-03T00:00", "2014-02-03T01:00"], "datetime64[m]")
    path = tmp_path / "frames.npz"
    np.savez(path, image=WHOLE[:2], dn_per_s=20.0 * WHOLE[:2], t_obs=time)
    assert collected(tmp_path, path).unit == "DN/s" and collected(tmp_path, path).image.max() > 255
    assert collected(tmp_path, path, unit="display").image.max() <= 255


def test_bytes_called_dn_are_mentioned(tmp_path):
    path = arrays(tmp_path, WHOLE.astype(np.uint8))
    mentioned = [
        any("8-bit values" in note for note in collected(tmp_path, path, unit=u).notes) for u in ("DN/s", None)
    ]
    assert mentioned == [True, False]


def test_display_values_are_brought_to_dn_by_the_square(tmp_path):
    found = collected(tmp_path, arrays(tmp_path, WHOLE.astype(np.uint8)), to_dn=True)
    np.testing.assert_allclose(found.image, (WHOLE[:, ::-1] / 8.4) ** 2, rtol=1e-5)
    share = 100 * (WHOLE > 200).mean()
    assert any(f"{share:.2g} % of the pixels are above 200" in note for note in found.notes)


def test_a_size_is_made_by_the_mean(tmp_path):
    found = collected(tmp_path, arrays(tmp_path, WHOLE), size=8)
    np.testing.assert_allclose(found.image, WHOLE[:, ::-1].reshape(6, 8, 2, 8, 2).mean(axis=(2, 4)))
    with pytest.raises(SolarsynthError, match="divisible by 5"):
        collected(tmp_path, arrays(tmp_path, WHOLE), size=5)


def make_store(path, image, chunks=(4, 64, 64), quality=None, exposure=None, **layout):
    """A year in SDOMLv2's layout, its frames hourly."""
    n = len(image)
    array = zarr.open_group(str(path), mode="w", zarr_format=2).create_array(
        "2014/171A", shape=image.shape, dtype="f4", chunks=chunks, **layout
    )
    array[:] = image
    time = format_times(parse_times(["2014-02-03"])[0] + HOUR * np.arange(n))
    array.attrs.update({"T_OBS": time, "QUALITY": quality or [0] * n, "EXPTIME": exposure or [2.0] * n})
    return path


LAYOUTS = {
    "plain": {},
    "nested": {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "tiled": {"chunks": (3, 32, 48)},
    "fortran": {"order": "F"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_stores_of_every_layout(tmp_path, layout):
    sun = np.stack([expected(64) * (1 + 0.1 * i) for i in range(10)])
    store = make_store(tmp_path / "sdomlv2.zarr", sun, **LAYOUTS[layout])
    found = collected(tmp_path, store, size=SIZE)
    np.testing.assert_allclose(found.image, sun.reshape(10, 32, 2, 32, 2).mean(axis=(2, 4)), rtol=1e-5)
    assert found.unit == "DN/s" and found.time[1] - found.time[0] == HOUR


def make_lite(path, sun, maximum, names, side=512, spoil=None):
    """A tar of SDOML-lite as its authors make it: the root of sums over 1024 px by the maximum, north first."""
    covered = (1024 // side) ** 2
    value = np.sqrt(np.minimum(sun * covered, maximum) / maximum)[::-1].astype(np.float32)
    with tarfile.open(path, "w") as tar:
        for name in names:
            packed = io.BytesIO()
            np.save(packed, value)
            body = (spoil or {}).get(name, packed.getvalue())
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return path


def npy(image):
    packed = io.BytesIO()
    np.save(packed, image)
    return packed.getvalue()


@pytest.mark.parametrize("side, channel", [(512, "aia_0171"), (256, "AIA_0171")])
def test_sdoml_lite_shows_the_same_sun(tmp_path, side, channel):
    names = [f"2014/02/03/04{minute}.{name}.npy" for minute in ("00", "15") for name in (channel, "hmi_m", "aia_0193")]
    path = make_lite(tmp_path / "sdoml-lite-001.tar", expected(side), 22816.0, names, side)
    found = collected(tmp_path, path, size=SIZE, lite_maximum=22816.0)
    assert format_times(found.time) == ["2014-02-03T04:00:00.000Z", "2014-02-03T04:15:00.000Z"]
    assert found.unit == "DN/s" and any("row 0 is the north" in note for note in found.notes)
    for image in found.image:
        np.testing.assert_allclose(image, expected(side).reshape(SIZE, side // SIZE, SIZE, -1).mean((1, 3)), rtol=1e-4)


def test_frames_of_sdoml_lite_of_no_use_are_counted(tmp_path):
    names = [f"2014/02/03/04{minute:02d}.aia_0171.npy" for minute in range(0, 60, 5)]
    nan = np.full((512, 512), 0.1, np.float32)
    nan[3, 3] = np.nan
    spoil = dict(zip(names[1:], (b"no array", npy(nan), npy(nan[:100]), npy(2 * nan[:256, :256])), strict=False))
    spoil[names[4]] = npy(np.full((512, 512), 2.0, np.float32))
    (tmp_path / "in").mkdir()
    make_lite(tmp_path / "in" / "a.tar", expected(512), 2e4, names, spoil=spoil)
    make_lite(tmp_path / "in" / "b.tar", expected(512), 2e4, ["2014/02/04/0400.hmi_m.npy"])
    whole = make_lite(tmp_path / "in" / "c.tar", expected(512), 2e4, ["2014/02/05/0400.aia_0171.npy"]).read_bytes()
    (tmp_path / "in" / "c.tar").write_bytes(whole[:200_000])
    found = collected(tmp_path, tmp_path / "in", size=SIZE, lite_maximum=2e4)
    assert len(found.time) == len(names) - 4
    for reason, count in ((lite.DAMAGED, 1), (disk.NAN, 1), (lite.OTHER_VALUES, 2), (lite.NONE, 1)):
        assert found.counts[reason] == count, reason
    assert found.counts[reading.UNREADABLE] == 1


@pytest.mark.parametrize(
    "maximum, message",
    [(None, "give that of 171 Å with --lite-maximum"), (0.0, "above 0 and finite"), (np.nan, "above 0 and finite")],
)
def test_sdoml_lite_needs_its_maximum(tmp_path, maximum, message):
    path = make_lite(tmp_path / "a.tar", expected(256), 2e4, ["2014/02/03/0400.aia_0171.npy"], 256)
    with pytest.raises(SolarsynthError, match=message):
        collected(tmp_path, path, lite_maximum=maximum)
    assert not list(tmp_path.glob(".archive*"))


def test_sdoml_lite_in_another_side(tmp_path):
    path = make_lite(tmp_path / "a.tar", expected(256), 2e4, ["2014/02/03/0400.aia_0171.npy"], 256)
    with pytest.raises(SolarsynthError, match="no usable frame in it: 1 frames whose side is not divisible"):
        collected(tmp_path, path, size=100, lite_maximum=2e4)


def test_a_stores_frames_of_no_use_are_counted(tmp_path):
    sun = np.stack([expected(64) * (1 + 0.1 * i) for i in range(16)])
    sun[2] = np.nan
    sun[3] = np.roll(sun[3], 12, axis=1)
    quality = [0, 131072] + [0] * 14
    store = make_store(tmp_path / "s", sun, quality=quality, exposure=[0.0] + [2.0] * 15)
    (store / "2014" / "171A" / "2.0.0").unlink()  # zarr reads a missing chunk as zeros
    cut = store / "2014" / "171A" / "1.0.0"
    cut.write_bytes(cut.read_bytes()[:-1])
    found = collected(tmp_path, store, size=SIZE)
    assert found.counts == {
        "frames without a time": 0,
        "frames with NaN": 1,
        "frames that repeat a time": 0,
        headers.NO_EXPOSURE: 1,
        headers.FLAGGED: 1,
        disk.WRONG_LIMB: 1,
        stores.DAMAGED: 4,
        stores.MISSING: 4,
    }
    assert len(found.time) == 4


@pytest.fixture
def many(tmp_path):
    """40 FITS, one an hour."""
    folder = tmp_path / "many"
    folder.mkdir()
    stamps = format_times(parse_times(["2014-02-03"])[0] + HOUR * np.arange(40))
    for i, stamp in enumerate(stamps):
        write_fits(folder / f"{i:02d}.fits", side=64, T_OBS=stamp)
    return folder


def test_an_interrupted_import_goes_on_where_it_was(many, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "WORKERS", 1)
    read, whole = [], reading.outcomes

    def interrupted(task, recipe):
        if len(read) == 20:
            raise KeyboardInterrupt
        read.append(task)
        return whole(task, recipe)

    monkeypatch.setattr(reading, "outcomes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collected(tmp_path, many, size=SIZE)
    folder = next(tmp_path.glob(".archive.import-*"))
    assert folder == scratch.folder_of(tmp_path / "archive", f"{reading.Recipe(SIZE)} {reading.VERSION}")
    again = []
    monkeypatch.setattr(reading, "outcomes", lambda task, recipe: again.append(task) or whole(task, recipe))
    found = collected(tmp_path, many, size=SIZE)
    assert len(again) == 40 - reading.PART and len(found.time) == 40
    write_fits(many / "00.fits.new", side=64, T_OBS="2014-03-03T00:00:00Z").replace(many / "00.fits")
    again.clear()
    changed = collected(tmp_path, many, size=SIZE)
    assert len(again) == reading.PART  # the part of the file that changed
    assert format_times(changed.time)[-1].startswith("2014-03-03")
    (folder / "mine").write_text("not the import's")
    changed.forget()
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_folder_that_is_not_an_imports_is_left_alone(many, tmp_path):
    folder = scratch.folder_of(tmp_path / "archive", f"{reading.Recipe(SIZE)} {reading.VERSION}")
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(SolarsynthError, match="not a folder of an import"):
        collected(tmp_path, many, size=SIZE)
    assert (folder / "mine").read_text() == "mine"


def test_two_imports_to_one_target(many, tmp_path):
    with scratch.kept(tmp_path / "archive", f"{reading.Recipe(SIZE)} {reading.VERSION}"):
        with pytest.raises(SolarsynthError, match="another process is importing to it"):
            collected(tmp_path, many, size=SIZE)


def test_processes_read_what_one_reads(many, tmp_path, monkeypatch):
    cut(many / "07.fits")
    monkeypatch.setattr(reading, "WORKERS", 2)
    several = collected(tmp_path, many, size=SIZE)
    several.forget()
    monkeypatch.setattr(reading, "FEW", 100)
    one = collected(tmp_path, many, size=SIZE)
    assert np.array_equal(several.image, one.image) and np.array_equal(several.time, one.time)
    assert several.counts == one.counts and several.counts[reading.UNREADABLE] == 1


def call(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_import_without_flux(tmp_path):
    image, time = np.repeat(WHOLE, 8, axis=0), parse_times(["2014-02-03"])[0] + HOUR * np.arange(48)
    path = arrays(tmp_path, image.astype(np.uint8), time=format_times(time))
    peak = time[::4] - HOUR // 2
    classes = ["B2.0", "C3.0", "", "M1.5"] * 3
    pd.DataFrame({"start": format_times(peak), "peak": format_times(peak), "goes_class": classes}).to_csv(
        tmp_path / "events.csv", index=False
    )
    target = tmp_path / "archive"
    done = call("archive", "import", target, "--frames", path, "--events", tmp_path / "events.csv", "--tolerance", 60)
    assert done.exit_code == 0, done.output
    assert "no X-ray flux" in done.output and not list(tmp_path.glob(".archive*"))
    archive = Archive(target)
    assert not archive.has_flux and archive.xrs().empty and archive.xrs_scale == "operational"
    info = call("archive", "info", target)
    assert info.exit_code == 0 and info.output.count("no X-ray flux") == 1
    assert archive.events()["goes_class"].tolist() == classes


def test_no_flux_in_dataset_and_the_continuous_model(tmp_path, fresh_store):
    from tiny import TINY, as_options

    image, time = np.tile(WHOLE, (80, 1, 1)), parse_times(["2014-02-03"])[0] + DAY // 4 * np.arange(480)
    path = arrays(tmp_path, image.astype(np.uint8), time=format_times(time))
    classes = np.resize(["B2.0", "C3.0", "", "M1.5", "X1.0"], len(time))
    stamps = format_times(time - HOUR // 2)
    pd.DataFrame({"start": stamps, "peak": stamps, "goes_class": classes}).to_csv(tmp_path / "e.csv", index=False)
    call("archive", "import", tmp_path / "a", "--frames", path, "--events", tmp_path / "e.csv", "--tolerance", 60)
    where = ["--profile", "smoke", "--source", "archive", "--data", tmp_path / "a", *as_options(TINY)]
    done = call("dataset", *where)
    assert done.exit_code == 0, done.output
    assert "no X-ray flux" in done.output and "384  labelled frames" in done.output  # all but those without a class
    refused = call("train", "continuous", *where)
    assert refused.exit_code == 1
    assert "learns from the X-ray flux" in refused.output and "import it with --flux" in refused.output


def test_a_fault_gets_one_line_and_leaves_no_archive(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    path = arrays(tmp_path, WHOLE / 255)
    done = call("archive", "import", tmp_path / "archive", "--frames", path, "--events", tmp_path / "events.csv")
    assert done.exit_code == 1 and len(done.output.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*archive*"))


def test_a_bad_table_is_found_before_the_frames_are_read(many, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "read", lambda *a: pytest.fail("the frames were read"))
    (tmp_path / "events.csv").write_text("nothing\n1\n")
    done = call("archive", "import", tmp_path / "archive", "--frames", many, "--events", tmp_path / "events.csv")
    assert done.exit_code == 1 and "events.csv: no column" in done.output


def test_an_import_looks_at_every_file_once_and_before_the_tables(many, tmp_path, monkeypatch):
    looked, kind_of = [], sources.kind_of
    monkeypatch.setattr(sources, "kind_of", lambda path: looked.append(path) or kind_of(path))
    (tmp_path / "events.csv").write_text("nothing\n1\n")
    with pytest.raises(SolarsynthError, match="no column"):
        import_archive(tmp_path / "archive", frames=many, events=[tmp_path / "events.csv"])
    files = sorted(path for path in many.rglob("*") if path.is_file())
    assert sorted(looked) == files
    (tmp_path / "events.csv").write_text(EVENTS)
    looked.clear()
    import_archive(tmp_path / "archive", frames=many, size=SIZE, events=[tmp_path / "events.csv"])
    assert sorted(looked) == files


# Real files.


@pytest.fixture(scope="module")
def aia_files(real_folder):
    folder = real_folder / "aia-files"
    if not folder.is_dir():
        pytest.skip("no aia-files among the real ones: they come with newer copies of that folder")
    return folder


def test_real_files_lie_on_the_same_disk(aia_files, tmp_path):
    found = collected(tmp_path, aia_files, to_dn=True)
    assert len(found.time) == 4 and found.counts[disk.NOT_WHOLE] == 1
    for image in found.image:
        radius, right, up = disk.limb(image)
        assert abs(radius / disk.LIMB / DISK_RADIUS["DN/s"] - 1) < 0.03
        assert np.hypot(right, up) < 0.01


def test_real_frames_of_2012_in_dn_lie_on_the_disk_of_frames_in_dn(real_folder, tmp_path):
    with np.load(real_folder / "frames-128.npz") as file:
        image, time = file["image"][::150], file["t_obs"][::150]
    found = collected(tmp_path, arrays(tmp_path, image, time=time), to_dn=True, size=64)
    limbs = np.array([disk.limb(frame)[0] for frame in found.image]) / disk.LIMB / DISK_RADIUS["DN/s"]
    assert np.abs(limbs - 1).max() < 0.03 and not any("do not mix" in note for note in found.notes)
    middle = slice(24, 40)  # the block means of the disk's middle, compared without any regridding
    plain = (image[:, ::-1].astype(float) / 8.4) ** 2
    zoom = 128 * 0.425 / (64 * DISK_RADIUS["DN/s"])
    inner = plain[:, round(64 - 8 * zoom) : round(64 + 8 * zoom), round(64 - 8 * zoom) : round(64 + 8 * zoom)]
    np.testing.assert_allclose(found.image[:, middle, middle].mean((1, 2)), inner.mean((1, 2)), rtol=0.05)


def test_a_real_jpeg2000_has_the_mean_and_median_that_its_header_states(aia_files):
    path = next(aia_files.glob("*.jp2"))
    header = jpeg2000.read_header(path.read_bytes())
    picture = jpeg2000.read(path)
    rate = picture.value[picture.image[::2, ::2]]
    assert abs(rate.mean() * header["EXPTIME"] / header["DATAMEAN"] - 1) < 0.01
    assert abs(np.median(rate) * header["EXPTIME"] / header["DATAMEDN"] - 1) < 0.02


def box(kind, content):
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def test_entities_in_a_header_are_refused():
    """A header of a kilobyte that would expand to gigabytes, and one that would read a file."""
    card = b"<meta><fits><DATE>2012-03-01</DATE></fits></meta>"
    assert jpeg2000.read_header(box(b"xml ", card)) == {"DATE": "2012-03-01"}
    nested = b"".join(b'<!ENTITY e%d "%s">' % (i, b"&e%d;" % (i - 1) * 10) for i in range(1, 10))
    bomb = b'<!DOCTYPE meta [<!ENTITY e0 "sun">' + nested + b"]>"
    file = b'<!DOCTYPE meta [<!ENTITY e9 SYSTEM "file:///etc/passwd">]>'
    for declared in (bomb, file, b"<!DOCTYPE meta>"):
        with pytest.raises(disk.LeftOut):
            jpeg2000.read_header(box(b"xml ", declared + card.replace(b"2012-03-01", b"&e9;")))


def test_real_browse_pictures_have_the_limb_of_the_frames_of_2012(aia_files, real_folder, tmp_path):
    found = collected(tmp_path, aia_files / "*.jpg")
    with np.load(real_folder / "frames-64.npz") as file:
        january = [disk.limb(frame[::-1])[0] for frame in file["image"][:48]]
    ours = [disk.limb(frame)[0] for frame in found.image]  # of November and December, so almost as large
    assert found.unit == "display" and np.abs(np.array(ours) / np.median(january) - 1).max() < 0.02


def test_real_frames_without_flux_get_the_labels_of_the_list(real_folder, tmp_path):
    events = real_folder / "goes-flares-2010-2019.csv"
    import_archive(tmp_path / "a", frames=real_folder / "frames-64.npz", events=[events], tolerance_minutes=60)
    archive = Archive(tmp_path / "a")
    table, _ = label_events(
        archive.events(), archive.xrs_parts(), archive.frames().time, frame_tolerance=archive.frame_tolerance
    )
    listed = pd.read_csv(events, parse_dates=["peak"])
    with np.load(real_folder / "frames-64.npz") as file:
        frames = pd.DataFrame({"frame": pd.to_datetime(file["t_obs"]).tz_localize(None)})
    frames["row"] = np.arange(len(frames))
    unit = listed["peak"].dtype
    merged = pd.merge_asof(
        listed.sort_values("peak"),
        frames.astype({"frame": unit}),
        left_on="peak",
        right_on="frame",
        direction="forward",
        tolerance=pd.Timedelta("60min"),
    ).dropna(subset="row")
    strongest = merged.assign(rank=merged["goes_class"].str[0].map("ABCMX".index)).groupby("row")["rank"].max()
    assert table["frame"].tolist() == strongest.index.astype(int).tolist()
    assert table["label"].tolist() == strongest.tolist()


def test_the_real_frames_of_2017_are_imported_without_flux(real_folder, tmp_path):
    path = real_folder / "frames-2017-08-64.npz"
    if not path.is_file():
        pytest.skip("no frames of 2017 among the real ones: they come with newer copies of that folder")
    found = collected(tmp_path, path)
    assert found.unit == "DN/s" and len(found.time) == 128
    (tmp_path / "events.csv").write_text(EVENTS.replace("2014-02-03T04:0", "2017-08-09T05:3"))
    options = ["--frames", path, "--events", tmp_path / "events.csv", "--tolerance", 60]
    assert call("archive", "import", tmp_path / "archive", *options).exit_code == 0
    archive = Archive(tmp_path / "archive")
    table, _ = label_events(
        archive.events(), archive.xrs_parts(), archive.frames().time, frame_tolerance=archive.frame_tolerance
    )
    assert table["label"].tolist() == [2]
    assert format_times(archive.frames().time[table["frame"]])[0].startswith("2017-08-09T05:59")
    assert any("the disk's radius is 0.4" in note for note in found.notes)  # browse geometry, and said


def test_a_scratch_folder_says_whose_it_is(tmp_path):
    with scratch.kept(tmp_path / "archive", "64") as folder:
        assert json.loads((folder / scratch.MARKER).read_text())["target"] == str(tmp_path / "archive")
    scratch.remove(folder)
    assert not folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
