"""Whole builds from local servers: S3 for the frames, HEK's answers, sunpy's client for the flux."""

import json
import urllib.parse

import numpy as np
import pandas as pd
import pytest
import zarr
from click.testing import CliRunner
from numcodecs import Blosc
from servers import Answer, s3_server, serving, upload
from test_quicklook import BODY

from solarsynth.cli import main
from solarsynth.errors import SolarsynthError
from solarsynth.observations import building
from solarsynth.observations.archive import Archive
from solarsynth.observations.building import build_quicklook, parse_period, parse_years, x_ray_months
from solarsynth.times import HOUR, MINUTE, SECOND, format_times, parse_times

DAY = int(parse_times(["2014-01-28"])[0])
GOES = "sci_gxrs-l2-irrad_g15_d20140128_v0-0-0.nc"
GOES_1M = "sci_xrsf-l2-avg1m_g13_d20140128_v1-0-0.nc"


def hek(path, headers):
    """A classed and an unclassed event in January 2014, nothing else."""
    query = dict(urllib.parse.parse_qsl(path.partition("?")[2]))
    rows = []
    if query["event_starttime"].startswith("2014-01"):
        for number, (hour, name, method) in enumerate(
            ((15, "M1.3", "SWPC"), (19, "", "Flare Detective"), (19, "", "x"))
        ):
            peak = format_times(np.array([DAY + hour * HOUR + 30 * SECOND * number]))[0][:-1]
            rows.append(
                {
                    "event_starttime": peak,
                    "event_peaktime": peak,
                    "event_endtime": peak,
                    "fl_goescls": name,
                    "frm_name": method,
                    "kb_archivid": str(number),
                }
            )
    return Answer(json.dumps({"result": rows, "overmax": False}).encode())


@pytest.fixture
def noaa(real_folder, monkeypatch):
    """NOAA's archive as sunpy's client sees it, with one day in it."""
    from sunpy.net.dataretriever.sources.goes import XRSClient

    def answer(path, headers):
        name = path.rsplit("/", 1)[-1]
        if name:
            return Answer((real_folder / "goes-files" / name).read_bytes())
        wanted = {"irrad": GOES, "avg1m": GOES_1M}["irrad" if "irrad" in path else "avg1m"]
        there = "/2014/01/" in path and f"goes{wanted.split('_g')[-1][:2]}" in path
        return Answer(f'<a href="{wanted}">{wanted}</a>'.encode() if there else b"<html></html>")

    with serving(answer) as server:
        for name in ("pattern_new", "pattern_r"):
            pattern = getattr(XRSClient, name)
            host = pattern.split("/")[2]
            monkeypatch.setattr(XRSClient, name, pattern.replace(f"https://{host}", server.url))
        yield server


@pytest.fixture
def s3(tmp_path):
    folder = tmp_path / "s3" / "sdomlv2.zarr"
    time = DAY + np.arange(240) * 6 * MINUTE + 5000
    image = np.random.default_rng(0).uniform(20, 900, (240, 128, 128)).astype("<f4")
    array = zarr.open_group(str(folder), mode="w", zarr_format=2).create_array(
        "2014/171A",
        shape=image.shape,
        dtype="<f4",
        chunks=(15, 128, 128),
        compressors=Blosc("zstd", clevel=5, shuffle=Blosc.BITSHUFFLE),
    )
    array[:] = image
    array.attrs.update({"T_OBS": format_times(time), "PIXLUNIT": ["DN/s"] * 240})
    with s3_server() as address:
        upload(address, folder)
        yield address, image


def test_the_papers_data_set_end_to_end(s3, noaa, fresh_store, monkeypatch):
    address, image = s3
    with serving(hek) as server:
        monkeypatch.setenv("SOLARSYNTH_S3_ENDPOINT", address)
        monkeypatch.setenv("SOLARSYNTH_SDOML_URL", "s3://sun/sdomlv2.zarr")
        monkeypatch.setenv("SOLARSYNTH_HEK_URL", f"{server.url}/her?")
        command = ["dataset", "--source", "sdoml", "--years", "2014", "--profile", "smoke"]
        done = CliRunner().invoke(main, [*command, "--set", "test_fraction=0"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        requests = len(server.requests) + len(noaa.requests)
        again = CliRunner().invoke(main, [*command, "--set", "test_fraction=0", "--set", "scale=paper"])
        assert again.exit_code == 0
        assert len(server.requests) + len(noaa.requests) == requests, "nothing is downloaded twice"
    for line in ("3  events", "1  with a class in the list", "3  with a class or a flux", "2  labelled frames"):
        assert line in done.output
    assert "M 1" in done.output
    archive = Archive(next((fresh_store / "archive").glob("*/archive")))
    frames = archive.frames()
    # Two labelled frames. The store begins after one midnight and ends before the next: the daily set has no frame.
    wanted = [150, 191]  # the event at 19:00:30 is followed by the frame of 19:06:05
    assert ((frames.time - DAY) // (6 * MINUTE)).tolist() == wanted
    by_hand = image[wanted].reshape(2, 64, 2, 64, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(archive.read(frames, np.arange(2)), by_hand, rtol=1e-5)
    assert archive.xrs_scale == "science" and len(archive.xrs()) > 40_000


def test_a_quick_look_archive_end_to_end(noaa, tmp_path):
    def pictures(path, headers):
        name = path.rsplit("/", 1)[-1]
        if name:
            return Answer(BODY)
        links = "".join(f"20140128_{h:02d}0008_512_0171.jpg " for h in range(24))
        return Answer(links.encode()) if "/2014/01/28/" in path else Answer(b"", 404)

    with serving(hek) as events, serving(pictures) as nasa_server:
        counts = build_quicklook(
            tmp_path / "a",
            parse_period("2014-01-28/2014-01-29"),
            tmp_path / "downloads",
            url=nasa_server.url,
            hek_url=f"{events.url}/her?",
            polite=0.0,
        )
    archive = Archive(tmp_path / "a")
    assert counts["frames"] == 24 and archive.unit == "display" and len(archive.frames()) == 24
    assert len(archive.events()) == 3 and len(archive.xrs()) > 1000


@pytest.mark.parametrize(
    "text, years",
    [("2012", [2012]), ("2011-2013", [2011, 2012, 2013]), ("2011, 2013-2014", [2011, 2013, 2014])],
)
def test_years(text, years):
    assert parse_years(text) == years


@pytest.mark.parametrize("text", ["12", "2013-2011", "2011-", "x"])
def test_years_that_are_none(text):
    with pytest.raises(SolarsynthError, match="years"):
        parse_years(text)


@pytest.mark.parametrize("text", ["2012-01-01", "2012-02-01/2012-01-01", "a/b", ""])
def test_periods_that_are_none(text):
    with pytest.raises(SolarsynthError, match="period"):
        parse_period(text)


def test_a_joined_month_is_kept_and_a_damaged_one_is_joined_again(noaa, tmp_path, monkeypatch):
    period = parse_period("2014-01-28/2014-01-29")
    whole = list(x_ray_months(*period, tmp_path, resolution="avg1m"))
    kept = tmp_path / "goes" / "joined-avg1m-2014-01.npz"
    kept.write_bytes(kept.read_bytes()[:500])
    again = list(x_ray_months(*period, tmp_path, resolution="avg1m"))
    pd.testing.assert_frame_equal(whole[0], again[0])
    monkeypatch.setattr(building.goes, "fetch_month", None)  # would fail if it were called
    pd.testing.assert_frame_equal(whole[0], next(x_ray_months(*period, tmp_path, resolution="avg1m")))


def test_an_existing_archive_is_not_replaced(shared_archive, tmp_path):
    for build in (
        lambda: build_quicklook(shared_archive, (0, DAY), tmp_path),
        lambda: building.build_sdoml(shared_archive, [2014], tmp_path, None),
    ):
        with pytest.raises(SolarsynthError, match="exists; choose another name"):
            build()
    assert not list(tmp_path.iterdir())
