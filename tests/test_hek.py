"""HEK against a local server that answers as HEK does, and as it does on bad days."""

import json
import urllib.parse

import numpy as np
import pandas as pd
import pytest
from servers import Answer, serving

from solarsynth.errors import SolarsynthError
from solarsynth.observations import hek, web
from solarsynth.times import NO_TIME, parse_times

QUICK = {"tries": 3, "pause": 0.01, "timeout": 5.0}


def row(number, start="2012-03-05T12:00:00", method="SWPC", goes_class="C1.2", peak="2012-03-05T12:04:00"):
    return {
        "event_starttime": start,
        "event_peaktime": peak,
        "event_endtime": "2012-03-05T12:10:00",
        "fl_goescls": goes_class,
        "frm_name": method,
        "kb_archivid": f"ivo://helio-informatics.org/{number}",
    }


ROWS = [
    row(i, method="SWPC" if i % 3 else "Flare Detective - Trigger Module", goes_class="C1.2" if i % 3 else "")
    for i in range(25)
]


def pages(rows, limit=10, seen=None):
    """Page as HEK does: ``overmax`` is true while there is more."""

    def answer(path, headers):
        query = dict(urllib.parse.parse_qsl(path.partition("?")[2]))
        if seen is not None:
            seen.append(query)
        first = (int(query["page"]) - 1) * limit
        body = {"result": rows[first : first + limit], "overmax": first + limit < len(rows)}
        return Answer(json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    return answer


def month(server, folder, **more):
    return hek.fetch_month(2012, 3, folder, url=f"{server.url}/hek/her?", **QUICK | more)


def test_all_pages_and_the_cache(tmp_path):
    seen = []
    with serving(pages(ROWS, seen=seen)) as server:
        assert month(server, tmp_path) == ROWS
        assert [q["page"] for q in seen] == ["1", "2", "3"]
        assert seen[0]["event_type"] == "fl" and seen[0]["cosec"] == "2" and seen[0]["result_limit"] == "500"
        assert seen[0]["event_starttime"] == "2012-03-01T00:00:00" and "fl_goescls" in seen[0]["return"]
        assert month(server, tmp_path) == ROWS and len(seen) == 3


def test_rows_of_other_months_and_repeats_are_dropped(tmp_path):
    rows = [*ROWS, ROWS[3], row(99, start="2012-02-29T23:59:00"), row(98, start="2012-04-01T00:00:00")]
    with serving(pages(rows)) as server:
        assert month(server, tmp_path) == ROWS


def test_methods_are_filtered_here(tmp_path):
    start, end = parse_times(["2012-03-01", "2012-04-01"])
    with serving(pages(ROWS)) as server:
        url = f"{server.url}/hek/her?"
        table = hek.fetch(start, end, tmp_path, methods=("SWPC",), url=url, **QUICK)
        everything = hek.fetch(start, end, tmp_path, url=url, **QUICK)
    assert set(table["method"]) == {"SWPC"} and len(table) == 16 and len(everything) == 25
    assert (everything.loc[everything["method"] != "SWPC", "goes_class"] == "").all()


@pytest.mark.parametrize(
    "bad, reason",
    [
        (Answer(b"<!DOCTYPE html><html>Service unavailable</html>"), "a web page, not rows"),
        (Answer(b""), "the answer is empty"),
        (Answer(b'{"result": [{"a": 1}'), "not JSON, or cut off"),
        (Answer(b'{"answer": []}'), "no 'result'"),
        (Answer(b"busy", 503), "the server answers 503"),
        (Answer(b"slow", 429, {"Retry-After": "0"}), "the server answers 429"),
        (Answer(b'{"result": []}' * 50, cut=20), "it broke off"),
    ],
)
def test_bad_answers_are_requested_again_and_then_reported(tmp_path, bad, reason):
    count = {"n": 0}
    good = pages(ROWS)

    def twice(path, headers):
        count["n"] += 1
        return bad if count["n"] <= 2 else good(path, headers)

    with serving(twice) as server:
        assert month(server, tmp_path / "a") == ROWS
    with serving(lambda path, headers: bad) as server:
        with pytest.raises(SolarsynthError, match=f"{reason}.*tried 3 times") as error:
            month(server, tmp_path / "b")
    assert "\n" not in str(error.value) and not list((tmp_path / "b").glob("*"))


def test_a_refusal_is_not_requested_again(tmp_path):
    with serving(lambda path, headers: Answer(b"no", 403)) as server:
        with pytest.raises(SolarsynthError, match=r"403 .*not tried again"):
            month(server, tmp_path)
        assert len(server.requests) == 1


class TestWaits:
    """How long the one retry helper waits; the sleeps are recorded, not slept."""

    @pytest.fixture
    def slept(self, monkeypatch):
        import tenacity

        waits = []
        monkeypatch.setattr(tenacity.nap.time, "sleep", waits.append)
        return waits

    def test_the_wait_doubles(self, slept):
        with serving(lambda path, headers: Answer(b"", 503)) as server:
            with pytest.raises(SolarsynthError, match="tried 4 times"):
                web.get(server.url, tries=4, pause=0.5)
            assert len(server.requests) == 4
        assert slept == [0.5, 1.0, 2.0]

    @pytest.mark.parametrize("requested, wait", [("7", 7.0), ("3600", web.LONGEST_WAIT), ("0", 0.0), ("soon", 0.5)])
    def test_the_server_may_request_another_wait(self, slept, requested, wait):
        answers = iter([Answer(b"", 429, {"Retry-After": requested}), Answer(b"", 503), Answer(b"rows")])
        with serving(lambda path, headers: next(answers)) as server:
            assert web.get(server.url, tries=3, pause=0.5) == b"rows"
        assert slept == [wait, 1.0]

    def test_success_and_other_errors_end_the_attempts(self, slept):
        calls = []

        def attempt():
            calls.append(1)
            if len(calls) == 1:
                raise web.TryAgain("busy")
            raise KeyError("x")

        with pytest.raises(KeyError):
            web.retry(attempt, "it", tries=5, pause=1.0)
        assert len(calls) == 2 and slept == [1.0]


def test_bytes_that_are_no_utf8(tmp_path):
    body = json.dumps({"result": ROWS[:2], "overmax": False}).encode()
    body = body.replace(b'"C1.2"', b'"C1.2", "obs_note": "caf\xe9 \xff"', 1)
    with serving(lambda path, headers: Answer(body)) as server:
        rows = month(server, tmp_path)
    assert [r["kb_archivid"] for r in rows] == [r["kb_archivid"] for r in ROWS[:2]]


def test_endless_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(hek, "PAGE_LIMIT", 5)
    endless = Answer(json.dumps({"result": ROWS[:1], "overmax": True}).encode())
    with serving(lambda path, headers: endless) as server:
        with pytest.raises(SolarsynthError, match="more than 5 pages; the answer has no end"):
            month(server, tmp_path)
    empty = Answer(json.dumps({"result": [], "overmax": True}).encode())
    with serving(lambda path, headers: empty) as server:
        with pytest.raises(SolarsynthError, match="page 1 is empty but the server says there is more"):
            month(server, tmp_path)


def test_a_server_that_does_not_answer(tmp_path):
    import time

    def slow(path, headers):
        time.sleep(1.0)
        return Answer(b"{}")

    with serving(slow) as server:
        with pytest.raises(SolarsynthError, match="no answer in time, tried 2 times"):
            month(server, tmp_path, tries=2, timeout=0.2)


def test_an_interrupted_fetch_goes_on(tmp_path):
    start, end = parse_times(["2012-01-01", "2012-04-01"])
    first = {"result": [row(i, start=f"2012-01-0{i + 1}T00:00:00") for i in range(3)], "overmax": False}

    def answer(path, headers):
        return Answer(json.dumps(first).encode()) if "2012-01-01" in urllib.parse.unquote(path) else Answer(b"", 500)

    with serving(answer) as server:
        with pytest.raises(SolarsynthError, match="run the same command again to go on"):
            hek.fetch(start, end, tmp_path, url=f"{server.url}/her?", **QUICK)
    assert [p.name for p in tmp_path.glob("*.json")] == ["hek-2012-01.json"]
    with serving(pages(ROWS)) as server:
        table = hek.fetch(start, end, tmp_path, url=f"{server.url}/her?", **QUICK)
        assert len(server.requests) == 2 * 3  # February and March, three pages each; January is kept
    assert len(table) == 3 + len(ROWS)


def test_half_a_cache_file_is_none(tmp_path):
    (tmp_path / "hek-2012-03.json").write_text('[{"event_')
    with serving(pages(ROWS)) as server:
        assert month(server, tmp_path) == ROWS


def test_sunpys_client_reads_the_same_rows(tmp_path):
    """sunpy's own client, pointed at the local server, against ours."""
    from sunpy.net import attrs as a
    from sunpy.net.hek import HEKClient

    unit = {
        "event_coordsys": "UTC-HPC-TOPO",
        "event_coordunit": "arcsec",
        "event_coord1": 1.0,
        "event_coord2": 2.0,
        "event_coord3": None,
    }
    rows = [r | unit for r in ROWS]
    with serving(pages(rows)) as server:
        theirs = HEKClient(url=f"{server.url}/hek/her?").search(
            a.Time("2012-03-01", "2012-04-01"), a.hek.EventType("FL")
        )
        ours = hek.events(month(server, tmp_path))
    raw = theirs.raw
    assert list(raw["fl_goescls"]) == ours["goes_class"].tolist()
    assert parse_times(list(raw["event_peaktime"])).tolist() == ours["peak"].tolist()


def test_real_rows(real_folder):
    """17,003 real rows, in the form in which HEK gives them."""
    frames = [pd.read_csv(path) for path in sorted((real_folder / "hek").glob("*.csv"))]
    rows = pd.concat(frames, ignore_index=True).astype(object)
    rows = rows.where(rows.notna(), None).to_dict("records")
    table = hek.events(rows)
    assert len(table) == 17_003
    assert (table["peak"] == NO_TIME).all() and (table["start"] != NO_TIME).all()
    assert (table["end"] >= table["start"]).all()
    classed = table["goes_class"] != ""
    assert classed.sum() == sum(r["fl_goescls"] is not None for r in rows) and classed.mean() < 0.2
    assert set(table.loc[classed, "goes_class"].str[0]) <= set("ABCMX")
    year = table["start"].to_numpy().astype("datetime64[ms]").astype("datetime64[Y]").astype(int) + 1970
    assert set(np.unique(year)) == {2012}
