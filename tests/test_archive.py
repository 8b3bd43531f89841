import gzip
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import zarr
from conftest import make_tables

from solarsynth.errors import SolarsynthError
from solarsynth.observations import importing
from solarsynth.observations.archive import Archive
from solarsynth.observations.chunks import read_chunk
from solarsynth.observations.importing import import_archive
from solarsynth.observations.inspection import inspect
from solarsynth.observations.writing import tolerances, write_archive
from solarsynth.times import DAY, HOUR, MINUTE, NO_TIME, SECOND, format_times


@pytest.fixture
def files(tmp_path):
    """The three files a user has."""
    image, time, xrs, events = make_tables()
    np.savez(tmp_path / "frames.npz", image=image[:, ::-1], t_obs=np.array(format_times(time)))
    flux = pd.DataFrame({"time": format_times(xrs["time"]), "xrs_long": xrs["flux"], "gap_filled": 0})
    flux.to_csv(tmp_path / "flux.csv.gz", index=False)
    columns = {name: format_times(events[name]) for name in ("start", "peak", "end")}
    pd.DataFrame(columns | {"goes_class": events["goes_class"]}).to_csv(tmp_path / "events.csv", index=False)
    return tmp_path, image, time, xrs, events


def run(folder, **changes):
    arguments = {
        "frames": folder / "frames.npz",
        "flux": folder / "flux.csv.gz",
        "events": [folder / "events.csv"],
    } | changes
    return import_archive(folder / "archive", **arguments)


def test_import_keeps_everything_and_turns_north_up(files):
    folder, image, time, xrs, events = files
    counts = run(folder)
    archive = Archive(folder / "archive")
    frames = archive.frames()
    assert counts["frames"] == len(frames) == 48 and archive.unit == "display"
    assert np.array_equal(archive.read(frames, np.arange(48)), image)
    assert np.array_equal(frames.time, time)
    np.testing.assert_allclose(archive.xrs()["flux"], xrs["flux"], rtol=1e-6)
    assert archive.events()["goes_class"].tolist() == events["goes_class"].tolist()
    assert archive.events()["peak"].tolist() == events["peak"].tolist()


def test_the_layout_is_sdomls(files):
    folder, *_ = files
    run(folder)
    array = folder / "archive" / "2012" / "171A"
    meta, attributes = json.loads((array / ".zarray").read_text()), json.loads((array / ".zattrs").read_text())
    assert meta["zarr_format"] == 2 and meta["compressor"]["cname"] == "zstd" and meta["compressor"]["clevel"] == 5
    assert meta["chunks"][0] == 15 and len(attributes["T_OBS"]) == meta["shape"][0]
    assert attributes["T_OBS"][0].endswith("Z") and attributes["PIXLUNIT"][0] == "display"


def test_frames_are_read_in_the_order_of_the_indices(shared_archive):
    archive = Archive(shared_archive)
    frames = archive.frames()
    whole = archive.read(frames, np.arange(len(frames)))
    index = np.array([40, 3, 3, 17])
    assert np.array_equal(archive.read(frames, index), whole[index])


def test_faults_are_sorted_dropped_and_counted(tmp_path):
    image, time, xrs, events = make_tables()
    image = np.concatenate([image, image[:2]])
    time = np.concatenate([time[24:], time[:24], time[:2]])
    time[10] = NO_TIME
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    frames = Archive(tmp_path / "a").frames()
    assert (np.diff(frames.time) > 0).all()
    assert (frames.stored, frames.without_time, frames.duplicates, frames.unsorted) == (50, 1, 2, 2)
    assert len(frames) == 47


def test_several_years(tmp_path):
    image, time, xrs, events = make_tables()
    time = time + np.int64(306) * DAY + np.where(np.arange(48) > 20, np.int64(400) * DAY, 0)
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    archive = Archive(tmp_path / "a")
    assert len(archive.years) == 2
    assert np.array_equal(archive.read(archive.frames(), np.arange(48)), image)


def test_import_counts_what_it_leaves_out(files):
    folder, image, time, *_ = files
    image = image.astype(np.float32)
    image[5] = np.nan
    stamps = format_times(time)
    stamps[7] = stamps[6]
    stamps[9] = "never"
    np.savez(folder / "frames.npz", image=image[::-1], t_obs=np.array(stamps[::-1]))
    counts = run(folder)
    assert counts["frames with NaN"] == counts["frames that repeat a time"] == counts["frames without a time"] == 1
    assert counts["frames"] == 45
    assert Archive(folder / "archive").frames().unsorted == 0


def broken_npz(folder):
    whole = (folder / "frames.npz").read_bytes()
    (folder / "frames.npz").write_bytes(whole[: len(whole) // 2])


def npz_without_times(folder):
    np.savez(folder / "frames.npz", image=np.zeros((3, 4, 4)))


def npz_of_another_length(folder):
    np.savez(folder / "frames.npz", image=np.zeros((3, 4, 4)), t_obs=np.array(["2012-01-01T00:00:00Z"]))


def npz_of_nan(folder):
    np.savez(folder / "frames.npz", image=np.full((1, 4, 4), np.nan), t_obs=np.array(["2012-01-01T00:00:00Z"]))


def npz_with_pickle(folder):
    np.savez(folder / "frames.npz", image=np.zeros((1, 4, 4)), t_obs=np.array([{"a": 1}]))


def flux_without_flux(folder):
    with gzip.open(folder / "flux.csv.gz", "wt") as file:
        file.write("time,temperature\n2012-01-01,3\n")


def broken_gzip(folder):
    whole = (folder / "flux.csv.gz").read_bytes()
    (folder / "flux.csv.gz").write_bytes(whole[: len(whole) // 2])


def events_without_class(folder):
    (folder / "events.csv").write_text("start,peak\n2012-01-01,2012-01-01\n")


@pytest.mark.parametrize(
    "spoil, match",
    [
        (broken_npz, r"frames.npz: not a readable .npz, perhaps truncated"),
        (npz_without_times, r"frames.npz: no array 't_obs'"),
        (npz_of_another_length, r"frames.npz: 'image' must be"),
        (npz_of_nan, r"frames.npz: no usable frame"),
        (npz_with_pickle, r"frames.npz: 't_obs' is an array of Python objects.*astype\('U24'\)"),
        (lambda folder: (folder / "frames.npz").unlink(), r"frames.npz: no such file"),
        (flux_without_flux, r"flux.csv.gz: no column for the flux"),
        (broken_gzip, r"flux.csv.gz: not a readable CSV"),
        (events_without_class, r"events.csv: no column for the goes_class"),
        (lambda folder: (folder / "events.csv").write_text(""), r"events.csv: not a readable CSV"),
    ],
)
def test_bad_files_get_one_line_and_leave_nothing(files, spoil, match):
    folder, *_ = files
    spoil(folder)
    with pytest.raises(SolarsynthError, match=match) as error:
        run(folder)
    assert "\n" not in str(error.value)
    assert not list(folder.glob("archive*"))


def test_an_archive_is_not_overwritten(files):
    folder, *_ = files
    run(folder)
    with pytest.raises(SolarsynthError, match="exists; choose another name"):
        run(folder)


def test_killed_while_writing_leaves_no_archive(files, monkeypatch):
    folder, *_ = files
    monkeypatch.setattr("solarsynth.observations.writing._column", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    assert not list(folder.glob("archive*"))


def test_wrong_folders(tmp_path):
    with pytest.raises(SolarsynthError, match="no such archive"):
        Archive(tmp_path / "nowhere")
    with pytest.raises(SolarsynthError, match="not an archive"):
        Archive(tmp_path)
    zarr.open_group(str(tmp_path / "empty"), mode="w", zarr_format=2)
    with pytest.raises(SolarsynthError, match="no array <year>/171A"):
        Archive(tmp_path / "empty")


def attributes_of(path):
    file = path / "2012" / "171A" / ".zattrs"
    return file, json.loads(file.read_text())


def test_without_t_obs(small_archive):
    file, attributes = attributes_of(small_archive)
    del attributes["T_OBS"]
    file.write_text(json.dumps(attributes))
    with pytest.raises(SolarsynthError, match="2012/171A: no T_OBS among its attributes"):
        Archive(small_archive).frames()


def test_t_obs_of_another_length(small_archive):
    file, attributes = attributes_of(small_archive)
    attributes["T_OBS"] = attributes["T_OBS"][:-1]
    file.write_text(json.dumps(attributes))
    with pytest.raises(SolarsynthError, match="48 frames but 47 times"):
        Archive(small_archive).frames()


def test_unknown_unit(small_archive):
    file, attributes = attributes_of(small_archive)
    attributes["PIXLUNIT"] = "furlongs"
    file.write_text(json.dumps(attributes))
    with pytest.raises(SolarsynthError, match="furlongs"):
        Archive(small_archive)


@pytest.mark.parametrize("part", ["xrs", "events"])
def test_without_flux_or_events(small_archive, part):
    shutil.rmtree(small_archive / part)
    with pytest.raises(SolarsynthError, match=f"no '{part}' in it"):
        getattr(Archive(small_archive), part)()


def test_bad_flux_samples_are_not_used(tmp_path):
    image, time, xrs, events = make_tables()
    xrs["quality"] = 0
    xrs.loc[3, "flux"], xrs.loc[4, "flux"], xrs.loc[5, "quality"] = -9999, np.nan, 1
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    assert set(xrs["time"][3:6]).isdisjoint(Archive(tmp_path / "a").xrs()["time"])
    assert len(Archive(tmp_path / "a").xrs()) == len(xrs) - 3


def test_a_chunk_equals_what_zarr_reads_and_a_cut_one_is_noticed(small_archive):
    array = Archive(small_archive).array(2012)
    for number in range(array.nchunks):
        assert np.array_equal(read_chunk(array, number), array.blocks[number])
    file = small_archive / "2012" / "171A" / "1.0.0"
    whole = file.read_bytes()
    for length in (0, 10, 40, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(OSError, match="is cut off"):
            read_chunk(array, 1)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read_chunk(array, 1)


def of_others(path, lacking):
    """Turn an archive into one of others: no digests, short chunks, and columns of fill values without any chunk."""
    group = zarr.open_group(str(path), mode="a", zarr_format=2)
    attributes = {name: value for name, value in group.attrs.items() if name != "blake2b"}
    group.attrs.put(attributes)
    for part, columns in lacking.items():
        for name, value in columns.items():
            old = group[part][name]
            values = np.full(old.shape, value, old.dtype)
            group[part].create_array(
                name, shape=values.shape, dtype=values.dtype, chunks=(2,), fill_value=value, overwrite=True
            )[:] = values
            assert [file.name for file in (path / part / name).iterdir() if file.name[0] != "."] == []
    return group


LACKING = {"xrs": {"quality": 0, "satellite": 15}, "events": {"ar_noaanum": 0, "event_starttime": 0}}


@pytest.fixture
def foreign(tmp_path):
    """An archive of others in which columns of fill values have no chunk."""
    image, time, xrs, events = make_tables()
    xrs, events = xrs.assign(quality=0, satellite=15), events.assign(noaa=0)
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    of_others(tmp_path / "a", LACKING)
    return tmp_path / "a", xrs, events


def test_an_archive_of_others_need_not_store_chunks_of_fill_values(foreign):
    path, xrs, events = foreign
    archive = Archive(path)
    table, listed = archive.xrs(), archive.events()
    assert table["time"].tolist() == xrs["time"].tolist() and (table["satellite"] == 15).all()
    assert listed["peak"].tolist() == events["peak"].tolist() and (listed["noaa"] == 0).all()
    assert not inspect(archive).damages


@pytest.mark.parametrize("name", ["xrs/quality", "events/ar_noaanum"])
def test_a_column_of_others_is_no_longer_than_its_table(foreign, name):
    path, *_ = foreign
    meta = json.loads((path / name / ".zarray").read_text())
    (path / name / ".zarray").write_text(json.dumps(meta | {"shape": [1 << 39]}))
    archive = Archive(path)
    with pytest.raises(SolarsynthError, match=rf"{name}: .*{1 << 39} rows, but \d+ times"):
        archive.xrs() if name.startswith("xrs") else archive.events()


@pytest.mark.parametrize("name", ["xrs/time", "xrs/flux", "events/event_peaktime", "events/fl_goescls"])
def test_a_column_that_labels_need_has_all_chunks_in_an_archive_of_others_too(foreign, name):
    path, *_ = foreign
    (path / name / "0").unlink()
    archive = Archive(path)
    with pytest.raises(SolarsynthError, match="missing"):
        archive.xrs() if name.startswith("xrs") else archive.events()


def test_tolerances_are_stored_in_the_papers_units_and_read_in_milliseconds(tmp_path):
    image, time, xrs, events = make_tables()
    attributes = tolerances(90 * SECOND, 2_048)
    assert attributes == {"frame_tolerance_minutes": 1.5, "flux_tolerance_seconds": 2.048}
    for name, given, expected in (("a", attributes, (90_000, 2_048)), ("b", {}, (420_000, 6_000))):
        write_archive(tmp_path / name, image=image, time=time, unit="display", xrs=xrs, events=events, attributes=given)
        archive = Archive(tmp_path / name)
        assert (archive.frame_tolerance, archive.flux_tolerance) == expected
        assert isinstance(archive.frame_tolerance, int) and isinstance(archive.flux_tolerance, int)


def test_inspection_of_a_sound_archive(shared_archive):
    found = inspect(Archive(shared_archive))
    assert found.counts["frames stored"] == found.counts["frames usable"] == 48
    assert found.counts["good X-ray samples"] == 48 * 60 and found.counts["events"] == 30
    assert found.cadence == HOUR and not found.gaps and not found.damages
    assert sum(found.classes.values()) == 30


def test_inspection_finds_gaps_faulty_frames_and_damage(tmp_path):
    image, time, xrs, events = make_tables()
    image = image.astype(np.float32)
    image[3], image[20] = np.nan, 0
    time = np.where(np.arange(48) > 30, time + 15 * HOUR, time)
    time = np.where(np.arange(48) > 40, time + 20 * HOUR, time)
    path = tmp_path / "a"
    write_archive(path, image=image, time=time, unit="DN/s", xrs=xrs, events=events, attributes={})
    found = inspect(Archive(path))
    assert found.counts["frames with NaN"] == found.counts["frames all dark"] == 1
    assert found.gaps == [(time[40], time[41]), (time[30], time[31])]
    (path / "2012" / "171A" / "2.0.0").unlink()
    damaged = path / "2012" / "171A" / "1.0.0"
    damaged.write_bytes(damaged.read_bytes()[:50])
    (path / "events" / "fl_goescls" / "0").write_bytes(b"no blosc at all")
    (path / "xrs" / "flux" / "0").write_bytes(b"no blosc at all")
    found = inspect(Archive(path))
    assert len(found.damages) == 4 and found.counts["events"] == found.counts["good X-ray samples"] == 0
    for part in ("chunk 1 of 2012/171A cannot be decoded", "1 of 4 chunks", "events cannot be", "xrs cannot be"):
        assert any(part in damage for damage in found.damages), part


def test_inspection_of_a_single_frame(tmp_path):
    image, time, xrs, events = make_tables()
    write_archive(
        tmp_path / "a", image=image[:1], time=time[:1], unit="display", xrs=xrs, events=events[:0], attributes={}
    )
    found = inspect(Archive(tmp_path / "a"))
    assert np.isnan(found.cadence) and not found.gaps and found.classes == {}


def test_a_flux_too_coarse_to_be_its_own_tolerance(files, monkeypatch):
    folder, _, time, *_ = files
    stamps = format_times(time[0] + 2 * DAY * np.arange(3))
    pd.DataFrame({"time": stamps, "flux": 1e-6}).to_csv(folder / "flux.csv", index=False)
    with monkeypatch.context() as patched:
        patched.setattr(importing, "collect", lambda *_, **__: pytest.fail("the frames were read"))
        with pytest.raises(SolarsynthError, match=r"flux\.csv: its samples are 48 hours apart.*give --flux-tolerance"):
            run(folder, flux=folder / "flux.csv")
    assert not (folder / "archive").exists()
    run(folder, flux=folder / "flux.csv", flux_tolerance_seconds=3600.0)
    assert Archive(folder / "archive").flux_tolerance == HOUR


def test_a_daily_flux_is_its_own_tolerance(files):
    folder, _, time, *_ = files
    stamps = format_times(time[0] + DAY * np.arange(3))
    pd.DataFrame({"time": stamps, "flux": 1e-6}).to_csv(folder / "flux.csv", index=False)
    run(folder, flux=folder / "flux.csv")
    assert Archive(folder / "archive").flux_tolerance == DAY


def test_imported_tolerances(files):
    folder, *_ = files
    run(folder, tolerance_minutes=60)
    archive = Archive(folder / "archive")
    assert archive.frame_tolerance == HOUR
    assert archive.flux_tolerance == MINUTE  # the cadence of the flux
