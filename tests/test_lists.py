"""Flux tables and flare lists as people have them, against the same data in another form."""

import json

import numpy as np
import pandas as pd
import pytest

from solarsynth.errors import SolarsynthError
from solarsynth.observations.lists import read_events, read_flux
from solarsynth.times import DAY, MINUTE, NO_TIME, format_times, parse_times

FIRST = int(parse_times(["2015-03-01"])[0])
N = 120
STAMPS = FIRST + np.arange(N) * MINUTE
FLUX = 3e-7 * (1 + np.arange(N) / N)


def flux_table(**columns):
    return pd.DataFrame({"time": format_times(STAMPS), "flux": FLUX} | columns)


def check_flux(path, scale=None):
    """Read a table, which must hold FLUX at STAMPS, and return what else was found."""
    table, found, notes = read_flux(path, scale)
    assert table["time"].tolist() == STAMPS.tolist()
    np.testing.assert_allclose(table["flux"], FLUX, rtol=1e-6)
    return table, found, notes


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_separators(tmp_path, separator, packed):
    path = tmp_path / f"flux.csv{packed}"
    flux_table().to_csv(path, sep=separator, index=False)
    assert check_flux(path)[1:] == ("operational", [])


def test_a_decimal_comma(tmp_path):
    flux_table().to_csv(tmp_path / "flux.csv", sep=";", decimal=",", index=False)
    check_flux(tmp_path / "flux.csv")


TIMES = {
    "space": lambda t: [s[:19].replace("T", " ") for s in format_times(t)],
    "slashes": lambda t: [s[:19].replace("T", " ").replace("-", "/") for s in format_times(t)],
    "UTC": lambda t: [f"{s[:19]} UTC" for s in format_times(t)],
    "TAI": lambda t: [
        f"{s[:19].replace('-', '.').replace('T', '_')}_TAI"
        for s in format_times(t + 35_000)  # in 2015 TAI is 35 s ahead
    ],
    "month's name": lambda t: [f"{d:%d-%b-%Y %H:%M:%S}" for d in pd.to_datetime(t, unit="ms")],
    "epoch seconds": lambda t: t // 1000,
    "epoch milliseconds": lambda t: t,
    "pandas": lambda t: pd.to_datetime(t, unit="ms", utc=True),
}


@pytest.mark.parametrize("form", TIMES)
def test_forms_of_the_time(tmp_path, form):
    flux_table(time=TIMES[form](STAMPS)).to_csv(tmp_path / "flux.csv", index=False)
    check_flux(tmp_path / "flux.csv")


@pytest.mark.parametrize("name", ["time", "time_tag", "date"])
@pytest.mark.parametrize("rows", ["all", "some"])
def test_the_numbers_of_rows_that_pandas_writes_are_no_times(tmp_path, name, rows):
    table = flux_table().rename(columns={"time": name})
    if rows == "some":  # the index keeps the gaps of what was left out
        table = pd.concat([table, table]).reset_index(drop=True).iloc[N:]
    table.to_csv(tmp_path / "flux.csv")
    assert (tmp_path / "flux.csv").read_text().startswith(f",{name},flux")
    check_flux(tmp_path / "flux.csv")


@pytest.mark.parametrize(
    "index", [pd.to_datetime(STAMPS, unit="ms"), STAMPS, STAMPS // 1000], ids=["pandas", "ms", "s"]
)
def test_times_that_are_the_index_alone(tmp_path, index):
    pd.DataFrame({"flux": FLUX}, index=index).to_csv(tmp_path / "flux.csv")
    check_flux(tmp_path / "flux.csv")


def swpc_rows():
    """Rows as SWPC's xrays-7-day.json has them: both channels in turn."""
    rows = []
    for t, f in zip(format_times(STAMPS), FLUX.tolist(), strict=True):
        both = {"time_tag": f"{t[:19]}Z", "satellite": 18, "electron_correction": 0.0}
        rows.append(
            both | {"flux": f / 20, "observed_flux": f / 20, "electron_contaminaton": False, "energy": "0.05-0.4nm"}
        )
        rows.append(
            both | {"flux": f, "observed_flux": f, "electron_contaminaton": bool(f > 5.9e-7), "energy": "0.1-0.8nm"}
        )
    return rows


def test_swpc_json_and_csv_hold_both_channels(tmp_path):
    (tmp_path / "xrays.json").write_text(json.dumps(swpc_rows()))
    pd.DataFrame(swpc_rows()).to_csv(tmp_path / "xrays.csv", index=False)
    for name in ("xrays.json", "xrays.csv"):
        table, _, notes = check_flux(tmp_path / name)
        assert (table["satellite"] == 18).all() and table["quality"].tolist() == (FLUX > 5.9e-7).astype(int).tolist()
        assert notes == ["took the 120 rows of 0.1-0.8 nm of 240"]
    only_short = [row for row in swpc_rows() if row["energy"] != "0.1-0.8nm"]
    (tmp_path / "short.json").write_text(json.dumps(only_short))
    with pytest.raises(SolarsynthError, match=r"'energy' must be 0.1-0.8nm in some, got '0.05-0.4nm'"):
        read_flux(tmp_path / "short.json")


def test_a_table_of_a_primary_and_a_secondary_satellite(tmp_path):
    primary, secondary = flux_table(satellite=16), flux_table(satellite=18, flux=FLUX * 1.1)
    both = pd.concat([secondary, primary.drop(index=range(40, 60))])
    both.to_csv(tmp_path / "flux.csv", index=False)
    table, _, notes = read_flux(tmp_path / "flux.csv")
    assert notes == ["several satellites: GOES-16 is taken, and in its gaps GOES-18"]
    filled = table["satellite"] == 18
    assert np.array_equal(table["time"][filled], STAMPS[40:60]) and table["time"].tolist() == STAMPS.tolist()
    np.testing.assert_allclose(table["flux"], np.where(filled, FLUX * 1.1, FLUX), rtol=1e-6)


def test_a_table_of_sunpys_time_series(tmp_path):
    from astropy import units as u
    from sunpy.timeseries import TimeSeries

    index = pd.DatetimeIndex(pd.to_datetime(STAMPS, unit="ms"))
    data = pd.DataFrame({"xrsa": FLUX / 20, "xrsb": FLUX, "xrsb_quality": 0}, index=index)
    data.iloc[7, 2] = 16
    series = TimeSeries(
        data, {}, {"xrsa": u.W / u.m**2, "xrsb": u.W / u.m**2, "xrsb_quality": u.dimensionless_unscaled}
    )
    series.to_dataframe().to_csv(tmp_path / "sunpy.csv")
    table, *_ = check_flux(tmp_path / "sunpy.csv")
    assert np.flatnonzero(table["quality"]).tolist() == [7]


def test_real_files_by_way_of_sunpys_time_series(real_folder, tmp_path):
    """sunpy drops the masks of the flags; as good must count what the file calls good."""
    import warnings

    from sunpy.timeseries import TimeSeries

    for path in sorted((real_folder / "goes-files").glob("*.nc")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TimeSeries(path, source="XRS").to_dataframe().to_csv(tmp_path / "flux.csv")
        by_sunpy, _, notes = read_flux(tmp_path / "flux.csv")
        direct, *_ = read_flux(path)
        assert not notes and (by_sunpy["quality"] == 0).sum() == (direct["quality"] == 0).sum(), path.name
        medians = [t["flux"][t["quality"] == 0].median() for t in (by_sunpy, direct)]
        assert medians[0] == pytest.approx(medians[1], rel=1e-5)


def test_goes_files_are_taken_as_they_are(real_folder):
    from solarsynth.observations import goes

    folder = real_folder / "goes-files"
    for path in sorted(folder.iterdir()):
        theirs, scale = goes.read_file(path)
        ours, found, _ = read_flux(path)
        assert found == scale and ours["time"].is_monotonic_increasing and ours["time"].is_unique
        np.testing.assert_allclose(ours["flux"].median(), theirs["flux"].median(), rtol=1e-3)
    with pytest.raises(SolarsynthError, match="on the science scale; leave out --flux-scale operational"):
        read_flux(folder / "sci_gxrs-l2-irrad_g15_d20131109_v0-0-0.nc", "operational")


def test_a_folder_of_goes_files_is_joined_on_one_scale(real_folder, tmp_path):
    import shutil

    names = (
        "go1520110607.fits",
        "sci_gxrs-l2-irrad_g15_d20131109_v0-0-0.nc",
        "sci_xrsf-l2-avg1m_g13_d20140128_v1-0-0.nc",
    )
    for name in names:
        shutil.copy(real_folder / "goes-files" / name, tmp_path)
    table, scale, notes = read_flux(tmp_path)
    assert scale == "science" and len(notes) == 2
    alone, _, _ = read_flux(tmp_path / names[0])
    same = table[table["time"].isin(alone["time"])]
    np.testing.assert_allclose(same["flux"].median(), alone["flux"][alone["flux"] > 0].median() / 0.7, rtol=1e-3)
    assert set(table["satellite"]) == {13, 15}


@pytest.mark.parametrize("satellite", [18, 19])
@pytest.mark.parametrize("flag", ["xrsb_flags", "xrsb_flag", "xrsb_quality"])
def test_newer_satellites_and_names_of_flags(tmp_path, satellite, flag):
    import h5netcdf

    path = tmp_path / f"dn_xrsf-l2-avg1m_g{satellite}_d20250101_v2-2-1.nc"
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": 4}
        file.attrs["platform"] = f"g{satellite}"
        seconds = file.create_variable("time", ("time",), float, data=np.arange(4) * 60.0)
        seconds.attrs["units"] = "seconds since 2000-01-01 12:00:00"
        file.create_variable("xrsb_flux", ("time",), "f4", data=np.full(4, 2e-6, "f4"))
        flags = file.create_variable(flag, ("time",), "u2", data=np.array([0, 1, 8, 65535], "u2"))
        flags.attrs["flag_masks"], flags.attrs["_FillValue"] = np.array([7, 8], "u2"), np.uint16(65535)
    table, scale, _ = read_flux(path)
    assert scale == "science" and (table["satellite"] == satellite).all()
    assert table["quality"].tolist() == [0, 1, 0, 1]  # 8 is not among the bits that mean bad


FAULTY_FLUX = {
    "text in quality": (
        lambda: flux_table(quality="good"),
        r"column 'quality' must hold numbers.*got 'good' in row 1 \(120",
    ),
    "text in satellite": (
        lambda: flux_table(satellite="GOES-15"),
        "column 'satellite' must hold numbers.*got 'GOES-15'",
    ),
    "a satellite that is none": (lambda: flux_table(satellite=3000), "must hold the number of the GOES, got 3000"),
    "an empty cell": (
        lambda: flux_table(gap_filled=["False"] * 3 + [""] + ["True"] * (N - 4)),
        r"column 'gap_filled' must hold.*got an empty cell in row 4 \(1 of 120",
    ),
    "µW/m²": (lambda: flux_table(flux=FLUX * 1e6), r"must be in W/m², got a median of 0\.4.*1 µW/m² is 1e-6 W/m²"),
    "one huge value": (lambda: flux_table(flux=np.where(np.arange(N) == 5, 2.0, FLUX)), "a largest of 2 "),
    "logarithms": (lambda: flux_table(flux=np.log10(FLUX)), "no flux in it is a positive number"),
    "no time": (
        lambda: flux_table(time="noon"),
        "must have a time, got 0; the first unreadable one is 'noon'; times may be",
    ),
    "no column": (lambda: flux_table().drop(columns="flux"), "no column for the flux .*; has 'time'"),
}


@pytest.mark.parametrize("fault", FAULTY_FLUX)
def test_faulty_flux_gets_one_line(tmp_path, fault):
    make, match = FAULTY_FLUX[fault]
    make().to_csv(tmp_path / "flux.csv", index=False)
    with pytest.raises(SolarsynthError, match=match) as error:
        read_flux(tmp_path / "flux.csv")
    assert "\n" not in str(error.value) and str(tmp_path / "flux.csv") in str(error.value)


@pytest.mark.parametrize(
    "body, match",
    [
        (b"", "not a readable CSV"),
        (b"<!DOCTYPE html><html>busy</html>", "a web page, not a table"),
        (b'[{"time_tag": "2015-01-01T00:00:00Z", ', "not readable JSON, perhaps cut off"),
        (b"[]", "holds no rows"),
        (b"PK\x03\x04\x00\x00", "it is no text"),
        (b"time,flux,flux \n1,2,3\n", "the column 'flux' stands in it more than once"),
    ],
)
def test_files_that_are_no_tables(tmp_path, body, match):
    (tmp_path / "flux.csv").write_bytes(body)
    for read in (read_flux, read_events):
        with pytest.raises(SolarsynthError, match=match) as error:
            read(tmp_path / "flux.csv")
        assert "\n" not in str(error.value)


def test_good_samples_among_bad_ones_and_unread_times_are_said(tmp_path):
    stamps = format_times(STAMPS)
    stamps[3] = "soon"
    flux_table(time=stamps, quality=np.arange(N) % 4 > 0).to_csv(tmp_path / "flux.csv", index=False)
    table, _, notes = read_flux(tmp_path / "flux.csv")
    assert len(table) == N - 1
    assert notes[0] == "1 samples without a readable time are left out, the first is 'soon'"
    assert notes[1].startswith("75% of the samples are marked as bad by quality")


EVENTS = pd.DataFrame(
    {
        "start": ["2015-03-01T01:58:00Z", "2015-03-01T05:04:00Z", "2015-03-01T23:50:00Z"],
        "peak": ["2015-03-01T02:10:00Z", "2015-03-01T05:13:00Z", "2015-03-02T00:10:00Z"],
        "end": ["2015-03-01T02:32:00Z", "2015-03-01T05:21:00Z", "2015-03-02T00:31:00Z"],
        "goes_class": ["C1.0", "C3.7", "M1.2"],
        "noaa_ar": [12290, 12290, 0],
    }
)

DAILY = """:Product: 20150301events.txt
:Created: 2015 Mar 04 0357 UT
:Date: 2015 03 01
# Missing data: ////
#                            Edited Events for 2015 Mar 01
#
#Event    Begin    Max       End  Obs  Q  Type  Loc/Frq   Particulars       Reg#
#-------------------------------------------------------------------------------

4080       0158   0210      0232  G15  5   XRA  1-8A      C1.0    1.9E-03   2290
4080       0158   0159      0211  LEA  3   FLA  N19W66    SF                2290

4110 +     0504   0513      0521  G15  5   XRA  1-8A      C3.7    2.6E-03   2290
4110       0508   ////      0509  LEA  C   RSP  027-047   III/1             2290

4120      B2350   0010     A0031  G15  5   XRA  1-8A      M1.2    8.8E-03
"""


def check_events(path):
    table, notes = read_events(path)
    for name in ("peak", "start", "end"):
        assert format_times(table[name]) == format_times(parse_times(EVENTS[name])), name
    assert table["goes_class"].tolist() == EVENTS["goes_class"].tolist()
    assert table["noaa"].tolist() == EVENTS["noaa_ar"].tolist()
    return table, notes


def test_swpcs_daily_text(tmp_path):
    (tmp_path / "20150301events.txt").write_text(DAILY)
    table, notes = check_events(tmp_path / "20150301events.txt")
    assert table["satellite"].tolist() == [15] * 3 and not notes
    (tmp_path / "quiet.txt").write_text("\n".join(DAILY.splitlines()[:8]) + "\nNO EVENT REPORTS.\n")
    with pytest.raises(SolarsynthError, match=r"quiet\.txt: no X-ray flare in it"):
        read_events(tmp_path / "quiet.txt")


def hhmm(texts):
    return [text[11:13] + text[14:16] for text in texts]


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("written", [str, int])
def test_a_date_beside_hours_and_minutes_rolls_over_midnight(tmp_path, written, packed):
    table = EVENTS.assign(
        date="20150301", **{k: [written(v) for v in hhmm(EVENTS[k])] for k in ("start", "peak", "end")}
    )
    table.to_csv(tmp_path / f"list.csv{packed}", index=False, sep=";")
    check_events(tmp_path / f"list.csv{packed}")


def test_the_real_swpc_list_against_pandas(real_folder):
    table, notes = read_events(real_folder / "swpc-flares-2017-2026.csv")
    raw = pd.read_csv(real_folder / "swpc-flares-2017-2026.csv", dtype=str)
    peak = pd.to_datetime(raw["peak"]).dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)
    assert np.array_equal(table["peak"], peak)
    start = (
        pd.to_datetime(raw["date"] + raw["start"], format="%Y%m%d%H%M")
        .to_numpy()
        .astype("datetime64[ms]")
        .astype(np.int64)
    )
    assert np.array_equal(table["start"], start)
    # A flare ends after it peaks and within a day; a few lines of the list contradict themselves.
    assert ((table["end"] >= table["peak"]) & (table["end"] - table["start"] < DAY)).mean() > 0.999
    assert len(notes) == 1 and "2 of 19,170 classes are unreadable ('A0.0', 'S" in notes[0]
    counts = table["goes_class"].str[:1].value_counts()
    assert counts.to_dict() == {"C": 12243, "B": 4732, "M": 1986, "X": 112, "A": 95, "": 2}
    assert (table["satellite"] == 16).all()


def test_a_real_hek_answer_as_it_comes(real_folder):
    from solarsynth.observations import hek

    path = real_folder / "hek" / "hek-answer-2011-08-09.json"
    table, notes = read_events(path)
    expected = hek.events(json.loads(path.read_text())["result"])
    for name in expected:
        assert table[name].tolist() == expected[name].tolist(), name
    assert "X6.9" in set(table["goes_class"]) and not notes


def test_a_hek_table_of_sunpys_as_csv_and_ecsv(tmp_path):
    from astropy.table import Table

    rows = {
        "event_starttime": [t.replace("T", " ").replace("Z", ".000") for t in EVENTS["start"]],
        "event_peaktime": [t.replace("T", " ").replace("Z", ".000") for t in EVENTS["peak"]],
        "event_endtime": [t.replace("T", " ").replace("Z", ".000") for t in EVENTS["end"]],
        "fl_goescls": EVENTS["goes_class"].tolist(),
        "ar_noaanum": EVENTS["noaa_ar"].tolist(),
        "frm_name": ["SWPC", "SSW Latest Events", "SWPC"],
        "hgs_coord": ["POINT(3.19 15.36)", "POINT(-66 -19)", ""],
    }
    Table(rows).write(tmp_path / "hek.ecsv", format="ascii.ecsv")
    Table(rows).write(tmp_path / "hek.csv", format="ascii.csv")
    for name in ("hek.ecsv", "hek.csv"):
        table, _ = check_events(tmp_path / name)
        assert table["method"].tolist() == rows["frm_name"]
        assert table["location"].tolist() == ["N15W03", "S19E66", ""]


def test_swpcs_and_donkis_json(tmp_path):
    swpc = EVENTS.rename(
        columns={"start": "begin_time", "peak": "max_time", "end": "end_time", "goes_class": "max_class"}
    )
    edited = EVENTS.rename(
        columns={"start": "begin_datetime", "peak": "max_datetime", "end": "end_datetime", "goes_class": "particulars1"}
    ).rename(columns={"noaa_ar": "region"})
    other = edited.iloc[:1].assign(type="RSP", particulars1="III/1")
    names = {"start": "beginTime", "peak": "peakTime", "end": "endTime", "goes_class": "classType"}
    donki = EVENTS.rename(columns=names | {"noaa_ar": "activeRegionNum"})
    for name, table in {"swpc": swpc, "edited": pd.concat([edited.assign(type="XRA"), other]), "donki": donki}.items():
        table.to_json(tmp_path / f"{name}.json", orient="records")
        check_events(tmp_path / f"{name}.json")


def test_class_texts_that_are_read_and_that_are_not(tmp_path):
    texts = [">X17.2", "X28+", "m2.1", "C10.0", " M1 ", "S", "SF", "Q3", "?", "", "M1"]
    table = pd.DataFrame({"start": "2015-03-01", "peak": "2015-03-01", "goes_class": texts})
    table.to_csv(tmp_path / "list.csv", index=False)
    read, notes = read_events(tmp_path / "list.csv")
    assert read["goes_class"].tolist() == ["X17.2", "X28", "M2.1", "C10.0", "M1", "", "", "", "", "", "M1"]
    assert notes == [
        "list.csv: 4 of 11 classes are unreadable ('S', 'SF', 'Q3'); these events take their class from the flux"
    ]


@pytest.mark.parametrize(
    "columns, match",
    [
        ({"peak": "noon"}, r"no event has a readable peak, the first is 'noon'; times may be written as 2012-03-07T"),
        ({"peak": "0210"}, r"no event has a readable peak, the first is '210'.*or hhmm beside a column 'date'"),
        ({"peak": ""}, "no event has a readable peak, the first is ''"),
        ({"start": "2015-03-01"}, r"no column for the peak \(looked for peak, event_peaktime"),
        ({"finish": 1}, r"no column for the start \(looked for start"),
    ],
)
def test_lists_that_could_label_nothing(tmp_path, columns, match):
    pd.DataFrame({"goes_class": ["C1.0"] * 3} | columns).to_csv(tmp_path / "list.csv", index=False)
    with pytest.raises(SolarsynthError, match=match) as error:
        read_events(tmp_path / "list.csv")
    assert "\n" not in str(error.value)


def test_a_few_unreadable_peaks_are_counted(tmp_path):
    EVENTS.assign(peak=["never", *EVENTS["peak"][1:]]).to_csv(tmp_path / "list.csv", index=False)
    table, notes = read_events(tmp_path / "list.csv")
    assert table["peak"].tolist() == [NO_TIME, *parse_times(EVENTS["peak"][1:])]
    assert notes == ["list.csv: 1 of 3 events have no readable peak and label no frame"]


def test_an_import_says_what_it_assumed_and_left_out(tmp_path):
    """From files to an archive: scale, period, notes, and classes that nothing loses."""
    from solarsynth.observations.archive import Archive
    from solarsynth.observations.importing import import_archive
    from solarsynth.observations.inspection import inspect

    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "frames.npz", image=frames, t_obs=np.array(format_times(STAMPS[[30, 60, 90]])))
    flux_table(satellite=15).to_csv(tmp_path / "flux.csv", index=False)
    peaks = format_times(STAMPS[[20, 50, 80, 85]])
    table = pd.DataFrame({"start": peaks, "peak": peaks, "goes_class": [">X17.2", "m2.1", "S", ""]})
    table.to_csv(tmp_path / "list.csv", index=False)
    said = []

    def run(name, **options):
        import_archive(
            tmp_path / name,
            frames=tmp_path / "frames.npz",
            flux=tmp_path / "flux.csv",
            events=[tmp_path / "list.csv"],
            say=lambda lines: said.extend(lines.splitlines()),
            **options,
        )
        return Archive(tmp_path / name)

    archive = run("a", flux_scale="science", events_period=("2015-02-01", "2015-04-01"))
    assert archive.xrs_scale == "science"
    assert archive.events_period == tuple(parse_times(["2015-02-01", "2015-04-01"]))
    assert said == [
        "frames.npz: 'image' read as display, its row 0 as the north of the Sun (--origin upper)",
        "list.csv: 1 of 4 classes are unreadable ('S'); these events take their class from the flux",
        "frames 2015-03-01T00:30 to 2015-03-01T01:30; flux 2015-03-01T00:00 to 2015-03-01T01:59; "
        "events 2015-03-01T00:20 to 2015-03-01T01:25",
    ]
    assert inspect(archive).classes == {"X": 1, "M": 1, "": 2}
    assert run("b").events_period is None and Archive(tmp_path / "b").xrs_scale == "operational"
    said.clear()
    flux_table(time=format_times(STAMPS + 365 * DAY)).to_csv(tmp_path / "flux.csv", index=False)
    run("c")
    assert said[-1].startswith("nothing in the flux falls into the time of the frames")
    with pytest.raises(SolarsynthError, match="a period must be like 2012-01-01/2012-10-01, got '2015/x'"):
        run("d", events_period=("2015", "x"))
    assert not (tmp_path / "d").exists()
