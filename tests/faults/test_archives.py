"""Archives with missing, damaged or hostile parts: an error that names the file, never other labels."""

import json
import os
import shutil
import subprocess
import sys

import numcodecs
import numpy as np
import pytest
import zarr
from conftest import make_tables

from solarsynth.cli import main
from solarsynth.dataset.labelling import labelled_frames
from solarsynth.errors import SolarsynthError
from solarsynth.observations.archive import Archive
from solarsynth.observations.checked import DIGESTS
from solarsynth.observations.inspection import inspect
from solarsynth.observations.writing import write_archive


def as_of_others(path):
    """Remove what only archives of this package have."""
    attributes = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps({k: v for k, v in attributes.items() if k != DIGESTS}))


def stored(path):
    """Return the files of an archive that hold values, without those that only describe them."""
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file() and p.name[0] != ".")


NEEDED = (
    *("2012/171A/0.0.0", "2012/171A/3.0.0", "xrs/time/0", "xrs/flux/0"),
    *("events/event_peaktime/0", "events/fl_goescls/0"),
)


def label(path):
    return labelled_frames(Archive(path), 16)


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_chunk_is_named_and_not_zeros(small_archive, name, foreign):
    if foreign:
        as_of_others(small_archive)
    label(small_archive)
    (small_archive / name).unlink()
    with pytest.raises(SolarsynthError, match=name) as error:
        label(small_archive)
    assert "missing" in str(error.value) and "\n" not in str(error.value)
    assert inspect(Archive(small_archive)).damages


def test_every_missing_file_of_our_archives_is_noticed(shared_archive, tmp_path):
    for number, name in enumerate(stored(shared_archive)):
        path = shutil.copytree(shared_archive, tmp_path / str(number))
        (path / name).unlink()
        assert inspect(Archive(path)).damages, name


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_bit_of_our_archives_is_noticed_or_changes_no_label(shared_archive, small_archive, seed):
    rng = np.random.default_rng(seed)
    files = sorted(p for p in small_archive.rglob("*") if p.is_file())
    file = files[rng.integers(len(files))]
    raw = bytearray(file.read_bytes())
    raw[rng.integers(len(raw))] ^= 1 << rng.integers(8)
    file.write_bytes(raw)
    try:
        damages = inspect(Archive(small_archive)).damages
        table, images, funnel, about = label(small_archive)
    except SolarsynthError as error:
        assert "\n" not in str(error)
        return
    expected, wanted, same_funnel, same_about = label(shared_archive)
    assert not damages and table.equals(expected) and np.array_equal(images, wanted)
    assert (funnel, about) == (same_funnel, same_about)
    assert file.name == ".zgroup" or file.parent.name in (small_archive.name, "2012"), "its digest must tell"


def test_a_shortened_table_is_noticed(small_archive):
    for name in ("event_peaktime", "event_starttime", "event_endtime", "fl_goescls", "frm_name"):
        file = small_archive / "events" / name / ".zarray"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"shape": [7]}))
    with pytest.raises(SolarsynthError, match=r"events/event_peaktime/\.zarray: not as it was written"):
        label(small_archive)


def test_columns_of_different_lengths(small_archive):
    as_of_others(small_archive)
    file = small_archive / "events" / "fl_goescls" / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"shape": [7]}))
    with pytest.raises(SolarsynthError, match="its columns must have one length"):
        label(small_archive)


@pytest.mark.parametrize("name", ["xrs/flux/0", "events/event_peaktime/0", "2012/171A/1.0.0"])
def test_a_damaged_blosc_header_ends_no_process(small_archive, name):
    # In a process of its own, since blosc would end it with a signal.
    as_of_others(small_archive)
    code = f"""
import sys
from pathlib import Path
from solarsynth.errors import SolarsynthError
from solarsynth.observations.archive import Archive
from solarsynth.observations.inspection import inspect
file = Path({str(small_archive / name)!r})
whole = file.read_bytes()
for place in range(16):
    for value in (0, 1, 127, 255):
        raw = bytearray(whole)
        raw[place] = value
        file.write_bytes(raw)
        try:
            inspect(Archive({str(small_archive)!r}))
        except SolarsynthError:
            pass
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "alive\n", (done.returncode, done.stderr[-500:])


def test_no_code_of_an_archive_runs(small_archive, tmp_path):
    """numcodecs' pickle codec would run what it is given."""
    as_of_others(small_archive)

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    folder = small_archive / "events" / "fl_goescls"
    about = json.loads((folder / ".zarray").read_text())
    values = np.array([Evil()] * 30, dtype=object)
    about |= {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}], "compressor": None, "chunks": [30]}
    about |= {"fill_value": ""}
    (folder / ".zarray").write_text(json.dumps(about))
    (folder / "0").write_bytes(numcodecs.Pickle().encode(values))
    with pytest.raises(SolarsynthError, match="fl_goescls"):
        label(small_archive)
    assert not (tmp_path / "ran").exists()


def test_texts_and_tiles_of_other_writers_are_read(shared_archive, small_archive):
    """Others store texts as objects, and frames in tiles; zarr itself is the reference."""
    as_of_others(small_archive)
    group = zarr.open_group(str(small_archive), mode="r+", zarr_format=2)
    image, texts = group["2012/171A"][:], group["events/fl_goescls"][:]
    attributes = dict(group["2012/171A"].attrs)
    del group["2012/171A"], group["events/fl_goescls"]
    tiled = group.create_array("2012/171A", shape=image.shape, dtype=image.dtype, chunks=(7, 5, 16))
    tiled[:] = image
    tiled.attrs.update(attributes)
    column = group["events"].create_array(
        "fl_goescls", shape=texts.shape, dtype=str, chunks=(11,), filters=[numcodecs.VLenUTF8()]
    )
    column[:] = texts
    table, images, _, _ = label(small_archive)
    expected, wanted, _, _ = label(shared_archive)
    assert np.array_equal(images, wanted) and table.equals(expected)


def test_a_flux_or_pixels_in_another_unit_are_refused(small_archive, tmp_path):
    image, time, xrs, events = make_tables()
    given = {"time": time, "unit": "display", "events": events, "attributes": {}}
    with pytest.raises(SolarsynthError, match="at most 1, got 25"):
        write_archive(tmp_path / "a", image=image, xrs=xrs.assign(flux=25.0), **given)
    for factor in (-1.0, 2.0):
        with pytest.raises(SolarsynthError, match="display pixels must be from 0 to 255"):
            write_archive(tmp_path / "a", image=image * factor, xrs=xrs, **given)
    assert not list(tmp_path.glob("*a"))
    as_of_others(small_archive)
    zarr.open_group(str(small_archive), mode="r+", zarr_format=2)["xrs/flux"][5] = 25.0
    with pytest.raises(SolarsynthError, match="at most 1, got 25"):
        Archive(small_archive).xrs()


@pytest.mark.parametrize("value", [7, "2012-03-01", ["2012-03-01"], ["x", "y"], ["2012-03-02", "2012-03-01"]])
def test_a_period_of_lists_that_cannot_be(small_archive, value):
    as_of_others(small_archive)
    attributes = json.loads((small_archive / ".zattrs").read_text())
    (small_archive / ".zattrs").write_text(json.dumps(attributes | {"events_period": value}))
    with pytest.raises(SolarsynthError, match="its attribute events_period must be two texts of times"):
        _ = Archive(small_archive).events_period


def test_an_archive_without_flux_is_checked_too(tmp_path):
    image, time, _, events = make_tables()
    path = tmp_path / "a"
    events["satellite"] = 15
    write_archive(
        path, image=image, time=time, unit="display", xrs=None, events=events, attributes={"source": "archive"}
    )
    archive = Archive(path)
    assert not archive.has_flux and archive.xrs_scale == "operational" and archive.xrs().empty
    assert archive.events()["satellite"].tolist() == [15] * len(events) and not inspect(archive).damages
    (path / "events" / "goes_satellite" / "0").unlink()
    with pytest.raises(SolarsynthError, match="events/goes_satellite/0: missing"):
        Archive(path).events()


def write(path):
    image, time, xrs, events = make_tables()
    write_archive(path, image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})


def test_a_folder_of_the_user_is_not_touched(tmp_path):
    (tmp_path / "mine.partial").mkdir()
    (tmp_path / "mine.partial" / "thesis.txt").write_text("three years")
    write(tmp_path / "mine")
    assert (tmp_path / "mine.partial" / "thesis.txt").read_text() == "three years"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "mine.partial"]


def test_what_a_killed_import_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".mine.0123abcd.solarsynth-partial" / "xrs").mkdir(parents=True)
    (tmp_path / ".other.0123abcd.solarsynth-partial").mkdir()
    write(tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other.0123abcd.solarsynth-partial", "mine"]


def test_of_two_imports_to_one_target_one_wins_and_the_other_says_so(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(os.path.dirname(os.path.dirname(__file__)))!r})
from pathlib import Path
from conftest import make_tables
from solarsynth.errors import SolarsynthError
from solarsynth.observations.writing import write_archive
image, time, xrs, events = make_tables()
print("ready", flush=True)
sys.stdin.readline()
try:
    write_archive(Path(sys.argv[1]), image=image, time=time, unit="display", xrs=xrs, events=events, attributes={{}})
    print("won")
except SolarsynthError as error:
    print(error)
"""
    for pair in range(3):
        target = tmp_path / f"mine-{pair}"
        runs = [
            subprocess.Popen([sys.executable, "-c", code, str(target)], stdin=-1, stdout=-1, stderr=-1, text=True)
            for _ in range(2)
        ]
        for run in runs:
            assert run.stdout.readline() == "ready\n"
        for run in runs:
            run.stdin.write("\n")
            run.stdin.flush()
        said = sorted((run.communicate(timeout=60)[0] for run in runs), key=lambda text: text == "won\n")
        assert said[1] == "won\n" and ("exists" in said[0] or "another process is writing it" in said[0]), said
        assert not inspect(Archive(target)).damages
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine-0", "mine-1", "mine-2"]


def test_archive_info_names_every_fault_in_one_line(small_archive):
    from click.testing import CliRunner

    (small_archive / "xrs" / "flux" / "0").unlink()
    done = CliRunner().invoke(main, ["archive", "info", str(small_archive)])
    assert done.exit_code == 1 and "damaged: xrs cannot be read" in done.stderr and "xrs/flux/0: missing" in done.stderr
