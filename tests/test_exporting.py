"""Frames that leave an archive are those that went in, also for sunpy and for our own import."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_tables
from PIL import Image

from solarsynth.errors import SolarsynthError
from solarsynth.observations.archive import Archive
from solarsynth.observations.exporting import export_archive
from solarsynth.observations.importing import import_archive
from solarsynth.observations.lists import read_events, read_flux
from solarsynth.observations.writing import write_archive
from solarsynth.pixels import normalise, to_uint8
from solarsynth.times import format_times, parse_times

MARCH = ("2012-03-01T06:00", "2012-03-02")  # 18 of the 48 hourly frames
SOUND = np.delete(np.arange(6, 24), [2, 3])  # of these, without the faulty ones


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Frames in DN/s, of which one is empty and one holds NaN, with gaps in flux and list."""
    image, time, xrs, events = make_tables()
    image = image.astype(np.float32) * 10 + 1
    image[8], image[9, 3, 3] = 0, np.nan
    events.loc[0, "end"] = np.iinfo(np.int64).min
    path = tmp_path_factory.mktemp("archive") / "a"
    attributes = {"source": "archive", "frame_tolerance_minutes": 60.0}
    write_archive(path, image=image, time=time, unit="DN/s", xrs=xrs, events=events, attributes=attributes)
    return Archive(path), image, time


def test_an_npz_is_imported_again_as_it_was(archive, tmp_path):
    source, image, time = archive
    counts = export_archive(source, tmp_path / "march.npz", "npz", MARCH)
    assert counts == {"frames": 16, "frames that are empty or hold NaN": 2}
    with np.load(tmp_path / "march.npz") as file:
        assert np.array_equal(file["image"], image[SOUND, ::-1]) and str(file["unit"]) == "DN/s"
        assert file["t_obs"].tolist() == format_times(time[SOUND])
    export_archive(source, tmp_path / "folder", "png", MARCH)
    import_archive(
        tmp_path / "again",
        frames=tmp_path / "march.npz",
        flux=tmp_path / "folder" / "flux.csv",
        events=[tmp_path / "folder" / "events.csv"],
        unit="DN/s",
    )
    again = Archive(tmp_path / "again")
    assert np.array_equal(again.read(again.frames(), np.arange(16)), image[SOUND])
    assert np.array_equal(again.frames().time, time[SOUND])


def test_flux_and_events_of_the_period(archive, tmp_path):
    source, *_ = archive
    counts = export_archive(source, tmp_path / "f", "png", MARCH)
    first, last = parse_times(MARCH)
    flux, events = source.xrs(), source.events()
    flux = flux[flux["time"].between(first, last - 1)]
    events = events[events["peak"].between(first, last - 1)].reset_index(drop=True)
    table, *_ = read_flux(tmp_path / "f" / "flux.csv")
    assert table["time"].tolist() == flux["time"].tolist() and counts["flux samples"] == len(flux) == 1080
    np.testing.assert_allclose(table["flux"], flux["flux"], rtol=1e-6)
    listed, _ = read_events(tmp_path / "f" / "events.csv")
    for name in ("peak", "start", "end", "goes_class"):
        assert listed[name].tolist() == events[name].tolist(), name
    assert counts["events"] == len(events)


def test_pictures_have_north_at_the_top(archive, tmp_path):
    source, image, time = archive
    export_archive(source, tmp_path / "f", "png", MARCH)
    paths = sorted((tmp_path / "f" / "frames").iterdir())
    expected = to_uint8(normalise(image[SOUND], "DN/s"))[:, ::-1]
    assert np.array_equal([np.asarray(Image.open(path)) for path in paths], expected)
    stamps = [path.stem.removeprefix("aia171_") for path in paths]
    assert stamps == [t.replace("-", "").replace(":", "").replace(".", "_") for t in format_times(time[SOUND])]


def test_fits_files_open_in_sunpy(archive, tmp_path):
    pytest.importorskip("reproject", reason="sunpy.map needs reproject, an extra of sunpy's")
    import astropy.units as u
    import sunpy.map
    from sunpy.coordinates import sun

    source, image, time = archive
    export_archive(source, tmp_path / "f", "fits", MARCH)
    paths = sorted((tmp_path / "f" / "frames").iterdir())
    assert len(paths) == 16
    for path, number in zip(paths[:3], SOUND, strict=False):
        one = sunpy.map.Map(path)
        assert np.array_equal(one.data, image[number]) and one.unit == u.Unit("DN/s")
        assert one.observatory == "SDO" and one.detector == "AIA" and not one.meta["synth"]
        assert one.date.isot == format_times(time[[number]])[0].removesuffix("Z")
        assert one.observer_coordinate.lat.deg == pytest.approx(sun.B0(one.date).deg, abs=1e-6)
        assert one.pixel_to_world(0 * u.pix, 0 * u.pix).Ty < 0 * u.arcsec


def test_a_simulated_archive_is_marked(archive, tmp_path):
    from astropy.io import fits

    image, time, xrs, events = make_tables()
    attributes = {"source": "simulated"}
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes=attributes)
    export_archive(Archive(tmp_path / "a"), tmp_path / "f", "fits", MARCH)
    made = fits.getheader(next((tmp_path / "f" / "frames").iterdir()))
    assert made["OBSRVTRY"] == "SYNTHETIC" and made["SYNTH"] is True
    assert json.loads((tmp_path / "f" / "croissant.json").read_text())["description"].startswith("SYNTHETIC")


def test_the_description_names_what_is_there(archive, tmp_path):
    source, *_ = archive
    export_archive(source, tmp_path / "march", "png", MARCH)
    card = json.loads((tmp_path / "march" / "croissant.json").read_text())
    assert card["name"] == "march" and "16 frames" in card["description"] and card["@type"] == "sc:Dataset"
    frames, *files = card["distribution"]
    assert len(list((tmp_path / "march").glob(frames["includes"]))) == 16
    for file in files:
        body = (tmp_path / "march" / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
    for records in card["recordSet"]:
        columns = pd.read_csv(tmp_path / "march" / f"{records['name']}.csv").columns
        assert [field["source"]["extract"]["column"] for field in records["field"]] == columns.tolist()


@pytest.mark.parametrize("form", ["fits", "png"])
def test_without_flux_a_folder_has_none_and_claims_none(tmp_path, form):
    image, time, _, events = make_tables()
    attributes = {"source": "archive"}
    write_archive(
        tmp_path / "a", image=image, time=time, unit="display", xrs=None, events=events, attributes=attributes
    )
    counts = export_archive(Archive(tmp_path / "a"), tmp_path / "f", form, MARCH)
    first, last = parse_times(MARCH)
    assert counts["flux samples"] == 0 and counts["frames"] == 18
    assert (
        counts["events"]
        == len(read_events(tmp_path / "f" / "events.csv")[0])
        == events["peak"].between(first, last - 1).sum()
    )
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"frames", "events.csv", "croissant.json"}
    card = json.loads((tmp_path / "f" / "croissant.json").read_text())
    assert "flux" not in json.dumps(card) and "Flares. Source: archive." in card["description"]
    assert [file["name"] for file in card["distribution"]] == ["frames", "events.csv"]


@pytest.mark.parametrize(
    "target, form, period, match",
    [
        ("full", "fits", MARCH, "exists; choose another name or remove it"),
        ("full", "npz", MARCH, "exists; choose another name or remove it"),
        ("no/where", "fits", MARCH, "its folder does not exist"),
        ("x", "jpg", MARCH, "exported as npz, fits, png, got 'jpg'"),
        ("x", "fits", ("March", None), "limits must be like 2012-03-01 .*, got 'March'"),
        ("x", "fits", ("2013-01-01", None), "no frame in the period; its frames are from 2012-03-01T00:00:00.000Z to"),
        ("x.npz", "npz", (None, "2012-01-01"), "no frame in the period"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(archive, tmp_path, target, form, period, match):
    (tmp_path / "full").mkdir()
    with pytest.raises(SolarsynthError, match=match) as error:
        export_archive(archive[0], tmp_path / target, form, period)
    assert "\n" not in str(error.value) and [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_file_is_not_overwritten(archive, tmp_path):
    (tmp_path / "march.npz").write_text("mine")
    with pytest.raises(SolarsynthError, match=r"march\.npz exists; choose another name or remove it"):
        export_archive(archive[0], tmp_path / "march.npz", "npz", MARCH)
    assert (tmp_path / "march.npz").read_text() == "mine"


def test_a_killed_export_leaves_nothing(archive, tmp_path, monkeypatch):
    from solarsynth.observations import exporting

    monkeypatch.setattr(exporting, "_write_tables", lambda *of: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_archive(archive[0], tmp_path / "f", "png", MARCH)
    assert not list(tmp_path.iterdir())
