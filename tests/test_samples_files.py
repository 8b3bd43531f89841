"""Files of images that anyone may have made: what is read, what is refused, and the warning about the scale."""

import json

import numpy as np
import pytest
from PIL import Image

from solarsynth.errors import SolarsynthError
from solarsynth.evaluation.samples import open_samples, range_warning, read_samples
from solarsynth.evaluation.writing import check_target, form_of, write_samples
from solarsynth.figures.suns import png, solar_colours, sun_grid
from solarsynth.pixels import denormalise, to_unit

GOOD = np.full((4, 16, 16), 7, np.uint8)


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "arrays, match",
    [
        ({"picture": GOOD}, "must have an array 'image', got 'picture'"),
        ({}, "must have an array 'image', got no array"),
        ({"image": GOOD[0]}, r"must have the shape \(n, H, W\) with n ≥ 1, got \(16, 16\)"),
        ({"image": GOOD[:0]}, r"with n ≥ 1, got \(0, 16, 16\)"),
        ({"image": np.zeros((2, 8, 8), np.uint8)}, "must be 16 × 16 px as the reference's are, got 8 × 8 px"),
        ({"image": np.full((4, 16, 16), np.nan)}, "finite, got NaN or infinity in 4 of 4 images"),
        ({"image": np.full((4, 16, 16), 200.0)}, r"uint8, or float in \[-1, 1\].*, got 200 to 200"),
        ({"image": GOOD.astype(np.int32)}, r"uint8, or float in \[-1, 1\].*, got int32"),
        ({"image": GOOD, "label": np.zeros(3, int)}, r"the shape \(4,\), one per image, got \(3,\)"),
        ({"image": GOOD, "label": np.array(["A", "B", "Q", "M"])}, "GOES classes, A, B, C, M, X, got 'Q'"),
        ({"image": GOOD, "label": np.array([0, 1, 2, 5])}, r"whole numbers from 0 \(A\) to 4 \(X\), got 5"),
        ({"image": GOOD, "label": np.zeros(4)}, "whole numbers.*, got float64"),
        ({"image": GOOD, "label": np.array([b"A", b"Q", b"M", b"M"])}, "GOES classes, A, B, C, M, X, got 'Q'"),
    ],
)
def test_files_that_cannot_be_evaluated(tmp_path, arrays, match):
    with pytest.raises(SolarsynthError, match=match):
        read_samples(write(tmp_path / "s.npz", **arrays), 16)


def test_labels_as_names_numbers_or_not_at_all(tmp_path):
    def label_of(**arrays):
        image, label = read_samples(write(tmp_path / "a.npz", image=GOOD, **arrays), 16)
        assert np.array_equal(image, GOOD)
        return None if label is None else label.tolist()

    assert label_of(label=np.array(["A", "X", "M", "M"])) == [0, 4, 3, 3]
    assert label_of(label=np.array([b"A", b"X", b"M", b"M"])) == [0, 4, 3, 3]
    assert label_of(label=np.array([2, -1, 0, 4], np.int8)) == [2, -1, 0, 4]
    assert label_of(label=np.full(4, -1)) is None and label_of() is None


def test_floats_are_scaled_to_uint8(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    image, _ = read_samples(write(tmp_path / "a.npz", image=grey / 127.5 - 1), 16)
    assert image.dtype == np.uint8 and np.array_equal(image, grey)
    beyond = np.linspace(-1.0005, 1.0005, 256, dtype=np.float32).reshape(1, 16, 16)  # by rounding
    image, _ = read_samples(write(tmp_path / "b.npz", image=beyond), 16)
    assert (image.min(), image.max()) == (0, 255)


def test_files_that_are_not_npz(tmp_path):
    whole = write(tmp_path / "whole.npz", image=GOOD).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[:100])
    for name, match in (("half.npz", r"not a readable \.npz"), ("missing.npz", "no such file")):
        with pytest.raises(SolarsynthError, match=match):
            read_samples(tmp_path / name, 16)


RNG = np.random.default_rng(3)
SUNS = RNG.integers(0, 256, (6, 16, 16)).astype(np.uint8)
NAMES = ["A", "B", "C", "M", "X", "X"]


def rgb(image):
    return np.repeat(image[..., None], 3, axis=3)


LAYOUTS = {
    "ADM: arr_0 and numbers": lambda: {"arr_0": rgb(SUNS), "arr_1": np.arange(6) % 5},
    "channels first": lambda: {"image": SUNS[:, None]},
    "three channels first": lambda: {"images": np.moveaxis(rgb(SUNS), 3, 1)},
    "channels within 2": lambda: {"samples": np.stack([SUNS.clip(2) - 2, SUNS, SUNS.clip(1) - 1], 3)},
    "floats in [-1, 1]": lambda: {"image": (SUNS / 127.5 - 1)[:, None].astype(np.float32)},
    "floats in [0, 1]": lambda: {"image": (SUNS / 255)[..., None]},
    "big-endian floats": lambda: {"image": (SUNS / 127.5 - 1).astype(">f4")},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_other_generators(tmp_path, layout):
    samples = open_samples(write(tmp_path / "s.npz", **LAYOUTS[layout]()), 16)
    assert np.array_equal(samples.image, SUNS) and samples.image.dtype == np.uint8
    assert "row 0 is the southern one (assumed" in samples.how
    assert ("classes from arr_1" in samples.how) == (samples.label is not None) == ("ADM" in layout)
    assert ("taken as [0, 1] because no pixel is negative" in samples.how) == ("[0, 1]" in layout)


def test_a_single_array_and_the_origin(tmp_path):
    np.save(tmp_path / "s.npy", SUNS)
    assert np.array_equal(open_samples(tmp_path / "s.npy", 16).image, SUNS)
    upper = open_samples(tmp_path / "s.npy", 16, "upper")
    assert np.array_equal(upper.image, SUNS[:, ::-1]) and "row 0 is the northern one (as told)" in upper.how
    with pytest.raises(SolarsynthError, match="origin must be lower or upper, got 'north'"):
        open_samples(tmp_path / "s.npy", 16, "north")


def test_pictures_in_folders_of_classes(tmp_path):
    """The first row of a picture is the top, so it is the northern one."""
    for number, (name, image) in enumerate(zip(NAMES, SUNS, strict=True)):
        (tmp_path / "suns" / name).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(image if number % 2 else rgb(image[None])[0])
        picture.save(tmp_path / "suns" / name / f"{number}.png")
    (tmp_path / "suns" / "notes.txt").write_text("no picture")
    with pytest.raises(SolarsynthError, match=r"1\.png: must have the shape \(16, 16, 3\) of the first image"):
        open_samples(tmp_path / "suns", 16)
    for number in (1, 3, 5):
        Image.fromarray(rgb(SUNS[number][None])[0]).save(tmp_path / "suns" / NAMES[number] / f"{number}.png")
    samples = open_samples(tmp_path / "suns", 16)
    assert np.array_equal(samples.image, SUNS[:, ::-1]) and samples.label.tolist() == [0, 1, 2, 3, 4, 4]
    assert "row 0 is the northern one (assumed" in samples.how and "classes from the sub-folders" in samples.how
    assert np.array_equal(open_samples(tmp_path / "suns", 16, "lower").image, SUNS)


def damaged_deflate(path):
    np.savez_compressed(path, image=SUNS)
    body = bytearray(path.read_bytes())
    body[200:260] = bytes(60)
    path.write_bytes(body)


def cut_picture(path):
    path.mkdir()
    Image.fromarray(SUNS[0]).save(path / "a.png")
    (path / "a.png").write_bytes((path / "a.png").read_bytes()[:-60])


def coloured_picture(path):
    path.mkdir()
    Image.fromarray(np.stack([SUNS[0], SUNS[1], SUNS[2]], 2)).save(path / "a.png")


def deep_picture(path):
    (path / "run" / "X").mkdir(parents=True)
    Image.fromarray(SUNS[0]).save(path / "run" / "X" / "a.png")


def wrong_class(path):
    (path / "flare").mkdir(parents=True)
    Image.fromarray(SUNS[0]).save(path / "flare" / "a.png")


def sixteen_bits(path):
    path.mkdir()
    Image.fromarray(SUNS[0].astype(np.uint16)).save(path / "a.png")


FAULTS = {
    damaged_deflate: r"not a readable \.npz",
    cut_picture: r"a\.png: not a readable picture, perhaps cut off",
    coloured_picture: r"must be grey, but their three channels differ by up to \d+ of 255",
    deep_picture: r"a\.png: pictures must lie in .* or in sub-folders of it, one per class",
    wrong_class: r"a\.png: each picture must lie in a sub-folder named A, B, C, M, X",
    sixteen_bits: r"a\.png: must have 8 bits per channel, got mode I;16",
    lambda path: path.mkdir(): r"no \.png, \.jpg, \.jpeg, \.fits.* in it",
    lambda path: write(path, image=GOOD, label=np.array([b"A", b"\xe9", b"M", b"M"])): "GOES classes, .*, got '.'",
    lambda path: write(path, image=GOOD, label=np.array(["A", "é", "M", "M"])): "GOES classes, .*, got 'é'",
    lambda path: write(path, image=GOOD, label=np.array(["A"] * 4, object)): "'label' holds Python objects.*store",
    lambda path: write(path, image=np.array([{}], object)): "'image' holds Python objects, which only pickle can read",
    lambda path: write(path, image=np.zeros((4, 2, 16, 16), np.uint8)): r"or \(n, H, W, 3\), got \(4, 2, 16, 16\)",
    lambda path: path.write_bytes(b""): r"not a readable \.npz",
    lambda path: path.write_bytes(b"hello"): r"not a readable \.npz \(it is no file of numpy's\)",
}


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_faulty_files_get_one_line(tmp_path, number):
    spoil, match = list(FAULTS.items())[number]
    spoil(tmp_path / "s.npz")
    with pytest.raises(SolarsynthError, match=match) as error:
        open_samples(tmp_path / "s.npz", 16)
    assert "\n" not in str(error.value) and "s.npz" in str(error.value)


def test_a_picture_alone_and_a_broken_fits(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(SolarsynthError, match=r"a\.png: one picture; give the folder"):
        open_samples(tmp_path / "a.png", 16)
    write_samples(tmp_path / "a.fits", SUNS, NAMES, unit="DN/s", about=ABOUT)
    whole = (tmp_path / "a.fits").read_bytes()
    for body in (
        b"",
        b"SIMPLE  = nonsense",
        whole[: len(whole) // 2 + 4000],
        whole[:9000] + b"\xff" * 500 + whole[9500:],
    ):
        (tmp_path / "b.fits").write_bytes(body)
        with pytest.raises(SolarsynthError, match=r"b\.fits: (not a readable FITS file|no image in it)") as error:
            open_samples(tmp_path / "b.fits", 16)
        assert "\n" not in str(error.value)


ABOUT = {"model": "discrete", "seed": 3, "guidance": 2.0, "steps": 20}


@pytest.mark.parametrize("unit", ["DN/s", "display"])
@pytest.mark.parametrize("name", ["suns.npz", "suns.fits", "suns"])
def test_what_is_written_is_read_back(tmp_path, name, unit):
    write_samples(tmp_path / name, SUNS, NAMES, unit=unit, about=ABOUT)
    samples = open_samples(tmp_path / name, 16)
    assert np.array_equal(samples.image, SUNS) and samples.label.tolist() == [0, 1, 2, 3, 4, 4]
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing else is left"


def test_a_fits_file_with_a_cube_and_a_harmless_warning(tmp_path):
    from astropy.io import fits

    unit = fits.PrimaryHDU((SUNS / 255).astype(np.float32))
    unit.header["BLANK"] = -32768  # astropy warns that it has no meaning for floats
    unit.writeto(tmp_path / "cube.fits", output_verify="ignore")
    samples = open_samples(tmp_path / "cube.fits", 16)
    assert np.array_equal(samples.image, SUNS) and samples.label is None and "read 6 FITS images" in samples.how


def test_a_folder_has_a_card(tmp_path):
    write_samples(tmp_path / "suns", SUNS, NAMES, unit="DN/s", about=ABOUT)
    card = json.loads((tmp_path / "suns" / "datacard.json").read_text())
    assert card["what"].startswith("SYNTHETIC") and card["seed"] == 3 and card["images"] == 6
    top = np.asarray(Image.open(tmp_path / "suns" / "A" / "00000.png"))
    assert np.array_equal(top, SUNS[0, ::-1]), "north is at the top of a picture"


def test_fits_opens_in_sunpy_and_says_synthetic(tmp_path):
    pytest.importorskip("reproject", reason="sunpy.map needs reproject, an extra of sunpy's")
    import astropy.units as u
    import sunpy.map
    from matplotlib.figure import Figure

    write_samples(tmp_path / "s.fits", SUNS, NAMES, unit="DN/s", about=ABOUT, condition=[*NAMES[:5], "X2.5"])
    maps = sunpy.map.Map(tmp_path / "s.fits")
    assert len(maps) == 6
    last = maps[-1]
    np.testing.assert_allclose(last.data, denormalise(to_unit(SUNS[5]), "DN/s"))
    assert last.unit == u.Unit("DN/s") and last.wavelength == 171 * u.angstrom and last.rsun_obs == 976 * u.arcsec
    assert "SYNTHETIC" in last.name and last.observatory == "SYNTHETIC" and "SYNTHETIC" in last.meta["comment"]
    assert (last.meta["seed"], last.meta["model"], last.meta["guidance"]) == (3, "discrete", 2.0)
    assert (last.meta["goescls"], last.meta["goesask"]) == ("X", "X2.5")
    # SDOMLv2: a radius of 203.3 px of 512.
    assert 976 / last.scale.axis1.value * 32 == pytest.approx(203.3, abs=0.01)
    south, north = (last.pixel_to_world(7.5 * u.pix, row * u.pix).Ty for row in (0, 15))
    assert south < 0 * u.arcsec < north and south == -north
    figure = Figure()
    last.plot(axes=figure.add_subplot(projection=last))
    write_samples(tmp_path / "one.fits", SUNS[:1], NAMES[:1], unit="display", about=ABOUT)
    assert np.array_equal(sunpy.map.Map(tmp_path / "one.fits").data, SUNS[0])


def test_a_picture_of_all_has_north_up_and_the_class_under_it(tmp_path):
    suns = np.zeros((3, 16, 16), np.uint8)
    suns[:, 12:] = 150  # brighter in the north
    write_samples(
        tmp_path / "s.png", suns, ["A", "M", "X"], unit="DN/s", about=ABOUT, grid=lambda *of: png(sun_grid(*of))
    )
    picture = np.asarray(Image.open(tmp_path / "s.png").convert("L")).astype(int)
    figure = sun_grid(suns, ["A", "M", "X2.5"])
    assert [ax.get_xlabel() for ax in figure.axes if ax.images] == ["A", "M", "X2.5"]
    assert figure.axes[0].images[0].get_cmap() == solar_colours() and "synthetic" in figure.get_suptitle()
    column = picture[:, picture.shape[1] // 4]
    first_sun = column[np.argmax(column < 200) :]  # below the title
    assert first_sun[5] > 100 and first_sun[60] == 0


def test_targets_are_checked_before_the_work(tmp_path):
    assert [form_of(tmp_path / name) for name in ("a.npz", "a.png", "a.fits", "a", "a.gif")] == [
        *(".npz", ".png", ".fits", "folder", None)
    ]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    for name, match in (
        ("full", "exists; choose another name or remove it"),
        ("file", "exists; choose another name or remove it"),
        ("folder.npz", "is a folder; choose another name"),
        ("no/where", "its folder does not exist"),
    ):
        with pytest.raises(SolarsynthError, match=match):
            check_target(tmp_path / name)
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty")
    write_samples(tmp_path / "empty", SUNS, NAMES, unit="display", about=ABOUT)
    assert (tmp_path / "empty" / "datacard.json").is_file()


def test_a_folder_that_could_not_be_finished_is_not_left(tmp_path):
    with pytest.raises(ValueError):
        write_samples(tmp_path / "suns", SUNS, NAMES[:2], unit="display", about=ABOUT)
    assert not list(tmp_path.iterdir())


def test_images_on_another_scale_are_noticed():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (20, 16, 16)).astype(np.uint8)
    assert range_warning(real[:5], real) == ""
    assert "from 128 to 255" in range_warning((real // 2 + 128).astype(np.uint8), real)  # [0, 1] taken for [-1, 1]
    assert "another scale" in range_warning(real // 32, real)
