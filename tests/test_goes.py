"""GOES flux: real files as the archives serve them, sunpy's client against a local server, the joining."""

import asyncio
import os
import shutil
import signal
import time

import numpy as np
import pandas as pd
import pytest
from servers import Answer, serving

from solarsynth.errors import SolarsynthError
from solarsynth.observations import goes
from solarsynth.observations.periods import days, months, period_of_years
from solarsynth.times import SECOND, parse_times


@pytest.fixture(scope="session")
def goes_files(real_folder):
    return real_folder / "goes-files"


EXPECTED = {  # file: satellite, samples, seconds between two
    "sci_gxrs-l2-irrad_g13_d20170901_truncated.nc": (13, 601, 2.048),
    "sci_gxrs-l2-irrad_g15_d20131028_truncated.nc": (15, 601, 2.048),
    "sci_gxrs-l2-irrad_g15_d20131109_v0-0-0.nc": (15, 42_188, 2.048),
    "sci_gxrs-l2-irrad_g15_d20140128_v0-0-0.nc": (15, 41_182, 2.048),
    "sci_gxrs-l2-irrad_g15_d20170910_v0-0-0_truncated.nc": (15, 3_517, 2.048),
    "sci_xrsf-l2-avg1m_g13_d20140128_v1-0-0.nc": (13, 1_440, 60),
    "sci_xrsf-l2-avg1m_g14_d20100612_v1-0-0.nc": (14, 1_440, 60),
    "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc": (15, 51, 60),
    "sci_xrsf-l2-flx1s_g16_d20170910_v2-1-0_truncated.nc": (16, 7_200, 1),
    "go1520110607.fits": (15, None, 2.048),
    "go1520120601.fits.gz": (15, None, 2.048),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_file(goes_files, tmp_path, name):
    shutil.copy(goes_files / name, tmp_path / name)  # reading must not need a writable source, but gz unpacks beside
    table, scale = goes.read_file(tmp_path / name)
    satellite, samples, cadence = EXPECTED[name]
    assert (table["satellite"] == satellite).all() and scale == ("science" if name.endswith(".nc") else "operational")
    assert samples is None or len(table) == samples
    assert np.median(np.diff(table["time"])) / SECOND == pytest.approx(cadence, abs=0.01)
    day = name.split("_d")[1][:8] if "_d" in name else name[4:12]
    assert str(np.datetime64(int(table["time"].iloc[100 if len(table) > 100 else 5]), "ms")).replace("-", "")[:8] == day
    good = table[table["quality"] == 0]
    assert len(good) > 0.5 * len(table) and good["flux"].between(1e-9, 1e-2).all()


@pytest.mark.parametrize("name", [n for n in EXPECTED if n.endswith(".nc")])
def test_flux_equals_what_sunpy_reads(goes_files, name):
    import warnings

    from sunpy.timeseries import TimeSeries

    table, _ = goes.read_file(goes_files / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = TimeSeries(goes_files / name, source="XRS").to_dataframe()
    stamps = theirs.index.to_numpy().astype("datetime64[ms]").astype(np.int64)
    good = table[table["quality"] == 0]
    at = np.clip(np.searchsorted(stamps, good["time"]), 0, len(stamps) - 1)
    # sunpy may floor a time by a millisecond.
    near = np.where(np.abs(stamps[at] - good["time"]) <= 1, at, np.maximum(at - 1, 0))
    assert (np.abs(stamps[near] - good["time"]) <= 1).mean() > 0.999
    np.testing.assert_allclose(good["flux"], theirs["xrsb"].to_numpy()[near], rtol=1e-5)


def test_one_minute_flags_are_masked_not_compared(goes_files):
    """quality == 0 would drop minutes that the file calls good."""
    import h5netcdf

    path = goes_files / "sci_xrsf-l2-avg1m_g13_d20140128_v1-0-0.nc"
    table, _ = goes.read_file(path)
    with h5netcdf.File(path, "r") as file:
        flag = file["xrsb_flag"][:]
    assert (table["quality"] == 0).sum() > (flag == 0).sum()
    assert ((flag & 7)[table["quality"] == 0] == 0).all()


@pytest.mark.parametrize(
    "name", ["sci_gxrs-l2-irrad_g15_d20131109_v0-0-0.nc", "go1520110607.fits", "go1520120601.fits.gz"]
)
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_files_cut_off(goes_files, tmp_path, name, share):
    whole = (goes_files / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SolarsynthError, match=f"{name}: .*perhaps cut off.*fetch it again") as error:
        goes.read_file(tmp_path / name)
    assert "\n" not in str(error.value) and len(list(tmp_path.iterdir())) == 1


def test_a_web_page_in_disguise(tmp_path):
    path = tmp_path / "sci_gxrs-l2-irrad_g15_d20131109_v0-0-0.nc"
    path.write_bytes(b"<!DOCTYPE html><html>Too many requests</html>")
    with pytest.raises(SolarsynthError, match="a web page, not a data file"):
        goes.read_file(path)


def test_scales():
    flux, satellite = np.array([1.43e-4, 1e-4]), np.array([15, 16])
    np.testing.assert_allclose(goes.to_scale(flux, satellite, "science", "operational"), [1.001e-4, 1e-4])
    back = goes.to_scale(goes.to_scale(flux, satellite, "science", "operational"), satellite, "operational", "science")
    np.testing.assert_allclose(back, flux)
    with pytest.raises(SolarsynthError, match="a flux scale must be operational or science, got"):
        goes.to_scale(flux, satellite, "science", "papal")


def table(satellite, seconds, flux=1e-6, bad=()):
    seconds = np.asarray(seconds)
    return pd.DataFrame(
        {
            "time": (seconds * SECOND).astype(np.int64),
            "flux": np.full(len(seconds), flux),
            "quality": np.isin(seconds, bad).astype(int),
            "satellite": satellite,
        }
    )


def test_gaps_of_the_preferred_satellite_are_filled():
    first = table(15, [*range(0, 600, 2), *range(1200, 1800, 2)])
    second = table(13, range(0, 1800, 2), 2e-6)
    joined = goes.join([second, first], (15, 13))
    assert joined["time"].is_monotonic_increasing and joined["time"].is_unique
    here = joined["satellite"].to_numpy()
    assert (here[joined["time"] < 598_000] == 15).all()
    filled = joined[(joined["time"] > 640_000) & (joined["time"] < 1_160_000)]
    assert (filled["satellite"] == 13).all() and len(filled) == 259
    assert np.diff(joined["time"]).max() <= 62_000


def test_the_gap_is_in_milliseconds():
    first, second = table(15, range(0, 600, 40)), table(13, range(0, 562, 2), 2e-6)
    assert (goes.join([first, second], (15, 13))["satellite"] == 15).all()  # 40 s are no gap
    joined = goes.join([first, second], (15, 13), gap=30 * SECOND)
    filled = joined.loc[joined["satellite"] == 13, "time"].to_numpy()
    expected = [t for t in range(0, 560, 2) if 15 < t % 40 < 25]  # at least half a gap from both samples
    assert (filled // SECOND).tolist() == expected


def test_bad_samples_are_gaps():
    first = table(15, range(0, 600, 2), bad=range(200, 400))
    joined = goes.join([first, table(14, range(0, 600, 2))], (15, 13, 14))
    assert (joined.loc[(joined["time"] > 235_000) & (joined["time"] < 365_000), "satellite"] == 14).all()


def test_nothing_good_at_all():
    assert len(goes.join([])) == 0 and len(goes.join([table(15, range(5), bad=range(5))])) == 0


def test_months():
    start, end = parse_times(["2011-12-15", "2012-02-01"])
    assert months(start, end) == [(2011, 12), (2012, 1)]
    assert months(start, start) == [(2011, 12)]


def test_days_and_years():
    start, end = parse_times(["2011-12-31T18:00:00Z", "2012-01-02"])
    assert days(start, end).tolist() == parse_times(["2011-12-31", "2012-01-01"]).tolist()
    assert period_of_years(2012, 2013) == tuple(parse_times(["2012-01-01", "2014-01-01"]))
    assert len(days(*period_of_years(2012, 2012))) == 366


class TestSunpysClient:
    """Fido searches and fetches from a local server that answers as NOAA's does."""

    @pytest.fixture
    def noaa(self, goes_files, monkeypatch):
        from sunpy.net.dataretriever.sources.goes import XRSClient

        names = [n for n in EXPECTED if n.startswith("sci_gxrs") and "v0-0-0.nc" in n]
        state = {"html": 0}

        def answer(path, headers):
            name = path.rsplit("/", 1)[-1]
            if not name:
                wanted = "d" + "".join(path.strip("/").split("/")[-2:])
                links = [n for n in names if wanted in n]
                return Answer(
                    "".join(f'<a href="{n}">{n}</a>' for n in links).encode(), headers={"Content-Type": "text/html"}
                )
            if name in names:
                if state.pop("interrupt", False):
                    os.kill(os.getpid(), signal.SIGINT)  # as Ctrl+C in the middle of a file
                    time.sleep(0.5)
                if state["html"] > 0:
                    state["html"] -= 1
                    return Answer(
                        b"<html><body>Rate limit exceeded</body></html>", headers={"Content-Type": "text/html"}
                    )
                return Answer((goes_files / name).read_bytes(), headers={"Content-Type": "application/x-netcdf"})
            return Answer(b"not found", 404)

        with serving(answer) as server:
            noaas = "https://www.ncei.noaa.gov"
            monkeypatch.setattr(XRSClient, "pattern_new", XRSClient.pattern_new.replace(noaas, server.url))
            yield server, state

    def test_a_month(self, noaa, tmp_path):
        server, _ = noaa
        paths = goes.fetch_month(2013, 11, tmp_path, satellites=(15,))
        assert [p.name for p in paths] == ["sci_gxrs-l2-irrad_g15_d20131109_v0-0-0.nc"]
        requests = len(server.requests)
        assert goes.fetch_month(2013, 11, tmp_path, satellites=(15,)) == paths
        assert len(server.requests) == requests, "a complete month is not requested again"

    def test_a_web_page_saved_as_data_is_fetched_again(self, noaa, tmp_path):
        _, state = noaa
        state["html"] = 1
        paths = goes.fetch_month(2014, 1, tmp_path, satellites=(15,), pause=0.01)
        assert len(paths) == 1 and len(goes.read_file(paths[0])[0]) == 41_182

    def test_web_pages_for_ever(self, noaa, tmp_path):
        _, state = noaa
        state["html"] = 1000
        with pytest.raises(SolarsynthError, match="still missing or damaged, tried 2 times"):
            goes.fetch_month(2014, 1, tmp_path, satellites=(15,), tries=2, pause=0.01)
        state["html"] = 0
        assert len(goes.fetch_month(2014, 1, tmp_path, satellites=(15,), pause=0.01)) == 1

    def test_a_fetch_leaves_no_handler_and_no_open_loop(self, noaa, tmp_path):
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        opened = []
        policy = asyncio.get_event_loop_policy()
        make = policy.new_event_loop
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(policy, "new_event_loop", lambda: opened.append(make()) or opened[-1])
            goes.fetch_month(2013, 11, tmp_path, satellites=(15,))
        assert opened and all(loop.is_closed() for loop in opened)
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

    @pytest.fixture
    def as_in_a_terminal(self):
        """SIGINT raises KeyboardInterrupt; it is ignored if the tests were started in a shell's background."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_an_interrupt_ends_the_fetch_and_the_next_goes_on(self, noaa, as_in_a_terminal, tmp_path):
        _, state = noaa
        state["interrupt"] = True
        with pytest.raises(KeyboardInterrupt):
            goes.fetch_month(2013, 11, tmp_path, satellites=(15,))
        assert not list(tmp_path.rglob(".complete"))
        assert len(goes.fetch_month(2013, 11, tmp_path, satellites=(15,))) == 1

    def test_a_fetch_inside_a_running_loop(self, noaa, tmp_path):
        async def kernel():
            return goes.fetch_month(2013, 11, tmp_path, satellites=(15,))

        assert len(asyncio.run(kernel())) == 1

    def test_a_month_without_files(self, noaa, tmp_path):
        assert goes.fetch_month(2013, 12, tmp_path, satellites=(15,)) == []
