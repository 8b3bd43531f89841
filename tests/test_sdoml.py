"""SDOMLv2 from a real S3 server over HTTP, with the faults of the store and of the line."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr
from numcodecs import Blosc
from servers import Answer, in_front_of, s3_server, upload

from solarsynth import files
from solarsynth.errors import SolarsynthError
from solarsynth.observations import sdoml
from solarsynth.observations.frames import collect
from solarsynth.observations.sdoml import Remote, downsample, read_frames, read_index, stored_chunks, usable
from solarsynth.times import MINUTE, NO_TIME, format_times, parse_times

N, SIZE, CHUNK = 60, 64, 15
MISSING_CHUNK, NAN_ROW = 2, 5


def make_store(path):
    """A store in SDOMLv2's layout, with its traps: days out of order, a duplicate, NaN, odd attributes."""
    rng = np.random.default_rng(0)
    first = parse_times(["2012-03-01T00:00:00Z"])[0]
    time = first + np.arange(N) * 6 * MINUTE
    time = np.concatenate([time[30:], time[:30]])  # the second half is stored first
    time[41] = time[40]
    image = rng.uniform(5, 3000, (N, SIZE, SIZE)).astype(np.float32)
    image[NAN_ROW] = np.nan
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    array = group.create_array(
        "2012/171A",
        shape=image.shape,
        dtype="<f4",
        chunks=(CHUNK, SIZE, SIZE),
        compressors=Blosc("zstd", clevel=5, shuffle=Blosc.BITSHUFFLE),
    )
    array[:] = image
    array.attrs.update(
        {
            "T_OBS": [None if i == 50 else text for i, text in enumerate(format_times(time))],
            "QUALITY": [0] * (N - 1) + [None],
            "EXPTIME": [2.0] * N,
            "PIXLUNIT": ["DN/s"] * N,
            "DRMS_ID": ["x"] * (N - 3),
            "LONGSTRN": None,
        }
    )
    (path / "2012" / "171A" / f"{MISSING_CHUNK}.0.0").unlink()
    return image, time


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """The store in a public bucket."""
    folder = tmp_path_factory.mktemp("sdoml") / "sdomlv2.zarr"
    image, time = make_store(folder)
    with s3_server() as address:
        upload(address, folder)
        yield address, image, time


def remote(address, **changes):
    settings = {"tries": 3, "pause": 0.01, "timeout": 10.0} | changes
    return Remote("s3://sun/sdomlv2.zarr", address, **settings)


def test_index(s3, tmp_path):
    address, _, time = s3
    index = read_index(remote(address), 2012, tmp_path)
    assert index.time[50] == NO_TIME and np.array_equal(np.delete(index.time, 50), np.delete(time, 50))
    assert np.isnan(index.quality[-1]) and (index.exposure == 2.0).all() and index.chunk == CHUNK
    rows = usable(index)
    assert (np.diff(index.time[rows]) > 0).all() and len(rows) == N - 2
    # The second time no server is needed.
    again = read_index(remote("http://127.0.0.1:9"), 2012, tmp_path)
    assert np.array_equal(again.time, index.time)


def test_frames_are_block_means_and_faults_are_counted(s3, tmp_path):
    address, image, _ = s3
    index = read_index(remote(address), 2012, tmp_path)
    rows = np.arange(N)
    got = read_frames(remote(address), 2012, rows, index, tmp_path, size=8)
    expected = [i for i in range(N) if i // CHUNK != MISSING_CHUNK and i != NAN_ROW]
    assert got.row.tolist() == expected and got.missing == CHUNK and got.dark == 1
    by_hand = image[expected].reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4))
    np.testing.assert_allclose(got.image, by_hand, rtol=1e-5)


def test_zarr_alone_would_have_read_zeros(s3):
    """Why the chunks are listed: zarr reads a missing one as zeros."""
    address, *_ = s3
    array = remote(address).open()["2012/171A"]
    assert (array.blocks[MISSING_CHUNK] == 0).all()
    assert stored_chunks(remote(address), 2012) == {0, 1, 3}


def test_only_the_wanted_chunks_are_read(s3, tmp_path):
    address, *_ = s3
    with in_front_of(address, lambda path, nth: None) as proxy:
        index = read_index(remote(proxy.url), 2012, tmp_path)
        got = read_frames(remote(proxy.url), 2012, np.array([1, 3, 14]), index, tmp_path, size=8)
        chunks = {path.rsplit("/", 1)[-1] for path in proxy.requests if path.endswith(".0.0")}
    assert chunks == {"0.0.0"} and len(got.row) == 3


def dropped(path, nth):
    """Break the connection off in the middle of a chunk, at its first request."""
    if path.endswith("1.0.0") and nth == 1:
        return lambda reply: Answer(reply.body, reply.status, reply.headers, cut=len(reply.body) // 2)


def busy(path, nth):
    """Answer 503 the first two times."""
    if path.endswith(".0.0") and nth <= 2:
        return Answer(b"<Error><Code>SlowDown</Code></Error>", 503, {"Content-Type": "application/xml"})


def cut(path, nth):
    """Give half a chunk as if it were whole, once."""
    if path.endswith("0.0.0") and nth == 1:
        return lambda reply: Answer(reply.body[: len(reply.body) // 2], reply.status, reply.headers)


@pytest.mark.parametrize("fault", [dropped, busy, cut])
def test_a_line_that_fails_is_tried_again(s3, tmp_path, fault):
    address, image, _ = s3
    with in_front_of(address, fault) as proxy:
        where = remote(proxy.url, tries=5)
        index = read_index(where, 2012, tmp_path)
        got = read_frames(where, 2012, np.arange(15, 30), index, tmp_path / fault.__name__, size=64)
        more = read_frames(where, 2012, np.arange(5), index, tmp_path / fault.__name__, size=64)
    np.testing.assert_array_equal(got.image, image[15:30])
    np.testing.assert_array_equal(more.image, image[:5])


def test_a_server_that_stays_busy_gets_one_line_and_a_build_goes_on(s3, tmp_path):
    address, *_ = s3
    with in_front_of(address, lambda path, nth: Answer(b"", 503) if path.endswith("3.0.0") else None) as proxy:
        where = remote(proxy.url)
        index = read_index(where, 2012, tmp_path)
        with pytest.raises(
            SolarsynthError, match=r"3\.0\.0: .*tried 3 times; run the same command again to go on"
        ) as error:
            read_frames(where, 2012, np.arange(N), index, tmp_path, size=8, group=1)
    assert "\n" not in str(error.value)
    with in_front_of(address, lambda path, nth: None) as proxy:
        got = read_frames(remote(proxy.url), 2012, np.arange(N), index, tmp_path, size=8, group=1)
        chunks = [path for path in proxy.requests if path.endswith(".0.0")]
    assert {path[-5:] for path in chunks} == {"3.0.0"}, "finished parts are not read again"
    assert len(got.row) == N - CHUNK - 1


def test_a_year_that_does_not_exist(s3, tmp_path):
    with pytest.raises(SolarsynthError, match="no 1999/171A in it; SDOMLv2 has 2010 to 2023"):
        read_index(remote(s3[0]), 1999, tmp_path)


@pytest.mark.parametrize("url", ["s3://sun/nothing.zarr", "s3://moon/sdomlv2.zarr"])
def test_a_store_that_does_not_exist(s3, tmp_path, url):
    with pytest.raises(SolarsynthError, match="no such zarr store"):
        Remote(url, s3[0], tries=2, pause=0.01).open()


def test_no_network(tmp_path):
    with pytest.raises(SolarsynthError, match="tried 2 times") as error:
        Remote("s3://sun/sdomlv2.zarr", "http://127.0.0.1:9", tries=2, pause=0.01, timeout=2.0).open()
    assert "\n" not in str(error.value)


def test_a_damaged_part_is_read_again(s3, tmp_path):
    address, *_ = s3
    index = read_index(remote(address), 2012, tmp_path)
    whole = read_frames(remote(address), 2012, np.arange(30), index, tmp_path, size=8)
    part = next(tmp_path.glob("part-*.npy"))
    part.write_bytes(part.read_bytes()[:100])
    again = read_frames(remote(address), 2012, np.arange(30), index, tmp_path, size=8)
    np.testing.assert_array_equal(whole.image, again.image)


def test_a_damaged_index_is_read_again(s3, tmp_path):
    address, *_ = s3
    index = read_index(remote(address), 2012, tmp_path)
    kept = tmp_path / "index-2012.npz"
    whole = kept.read_bytes()
    for body in (whole[: len(whole) // 2], b"", whole[:200] + bytes(60) + whole[260:]):
        kept.write_bytes(body)
        np.testing.assert_array_equal(read_index(remote(address), 2012, tmp_path).time, index.time)
        assert len(kept.read_bytes()) == len(whole)


def test_a_dask_cluster_gives_the_same_bytes(s3, tmp_path):
    from distributed import LocalCluster

    address, *_ = s3
    index = read_index(remote(address), 2012, tmp_path)
    here = read_frames(remote(address), 2012, np.arange(N), index, tmp_path / "here", size=8)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        there = read_frames(
            remote(address), 2012, np.arange(N), index, tmp_path / "there", size=8, dask=cluster.scheduler_address
        )
    assert here.image.tobytes() == there.image.tobytes() and np.array_equal(here.row, there.row)


def test_no_dask_cluster(s3, tmp_path):
    with pytest.raises(SolarsynthError, match="no dask scheduler answers there"):
        with sdoml.workers("tcp://127.0.0.1:9"):
            pass


def test_bilinear_equals_torchs_without_antialiasing():
    import torch

    image = np.random.default_rng(0).uniform(0, 1, (2, 64, 64)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(image)[None], size=8, mode="bilinear", antialias=False)
    np.testing.assert_allclose(downsample(image, 8, "bilinear-no-antialias"), theirs[0].numpy(), atol=1e-6)


def test_the_two_downsamplings_differ_and_the_mean_keeps_the_light():
    image = np.random.default_rng(0).uniform(0, 1, (2, 64, 64)).astype(np.float32)
    mean, literal = (downsample(image, 8, method) for method in sdoml.DOWNSAMPLING)
    np.testing.assert_allclose(mean.mean(axis=(1, 2)), image.mean(axis=(1, 2)), rtol=1e-5)
    assert literal.std() > 2 * mean.std()


@pytest.mark.parametrize(
    "size, method, match",
    [(60, "block-mean", "cannot be averaged"), (8, "nearest", "downsampling must be one of .*, got 'nearest'")],
)
def test_downsampling_that_cannot_be(size, method, match):
    with pytest.raises(SolarsynthError, match=match):
        downsample(np.zeros((1, 64, 64)), size, method)


def test_the_layout_is_what_another_library_reads(tmp_path):
    """The store of these tests is format 2 to the letter: here it is read without zarr."""
    image, _ = make_store(tmp_path / "s.zarr")
    folder = tmp_path / "s.zarr" / "2012" / "171A"
    meta = json.loads((folder / ".zarray").read_text())
    assert meta["compressor"] == {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 2, "blocksize": 0}
    chunk = np.frombuffer(Blosc().decode((folder / "1.0.0").read_bytes()), "<f4").reshape(meta["chunks"])
    np.testing.assert_array_equal(chunk, image[15:30])


def test_the_attributes_are_read_once(s3, tmp_path):
    """They are 221 MB a year in the real store."""
    with in_front_of(s3[0], lambda path, nth: None) as proxy:
        where = remote(proxy.url)
        index = read_index(where, 2012, tmp_path)
        read_frames(where, 2012, np.arange(N), index, tmp_path, size=8)
        read_frames(where, 2012, np.arange(N), read_index(where, 2012, tmp_path), tmp_path, size=16)
        assert sum(path.endswith("171A/.zattrs") for path in proxy.requests) <= 2  # a HEAD and a GET


def test_opening_does_not_depend_on_this_process(s3, tmp_path):
    """A process that was forked or spawned opens the store itself."""
    layout = read_index(remote(s3[0]), 2012, tmp_path).layout
    code = (
        "from solarsynth.observations.sdoml import Remote, read_chunk; import numpy as np;"
        f"r = Remote('s3://sun/sdomlv2.zarr', {s3[0]!r});"
        f"print(read_chunk(r, 2012, {layout!r}, 0, np.array([0]), 8, 'block-mean').shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 8, 8)", done.stderr


def test_flagged_frames_are_not_usable(tmp_path):
    n = 30
    array = zarr.open_group(str(tmp_path / "s"), mode="w", zarr_format=2).create_array(
        "2014/171A", shape=(n, 8, 8), dtype="f4", chunks=(15, 8, 8)
    )
    quality, exposure = [0] * n, [2.0] * n
    quality[5], quality[6], quality[7], exposure[9] = 131072, -2147483648, 1 << 30, 0.0
    time = [f"2014-01-01T{h:02d}:{m:02d}:00Z" for h in range(3) for m in range(0, 60, 6)]
    for known in (True, False):  # a store that says nothing keeps all
        array.attrs.put({"T_OBS": time} | ({"QUALITY": quality, "EXPTIME": exposure} if known else {}))
        index = sdoml.read_index(sdoml.Remote(url=str(tmp_path / "s")), 2014, tmp_path / f"index-{known}")
        expected = np.setdiff1d(np.arange(n), [5, 6, 7, 9]) if known else np.arange(n)
        assert sdoml.usable(index).tolist() == expected.tolist()


#: What a store may hold for a frame, and whether the frame is used: what is unknown speaks against none.
SAID = {
    "QUALITY": {"used": [0, 0.0, None, float("nan"), "0"], "left out": [-1, 1 << 30, -(1 << 31), 10**400]},
    "EXPTIME": {"used": [2.0, 2, None, float("nan"), "?"], "left out": [0, 0.0, -0.5]},
}


@pytest.mark.parametrize("name", SAID)
def test_both_doors_of_a_store_use_the_same_frames(tmp_path, name):
    """The source sdoml and `archive import` read the same QUALITY and EXPTIME, also what no number is."""
    used, said = len(SAID[name]["used"]), [value for values in SAID[name].values() for value in values]
    n = len(said)
    image = np.random.default_rng(0).uniform(5, 3000, (n, 8, 8)).astype(np.float32)
    array = zarr.open_group(str(tmp_path / "s"), mode="w", zarr_format=2).create_array(
        "2014/171A", shape=(n, 8, 8), dtype="f4", chunks=(15, 8, 8)
    )
    array[:] = image
    time = format_times(parse_times(["2014-01-01"])[0] + 6 * MINUTE * np.arange(n))
    (tmp_path / "s" / "2014" / "171A" / ".zattrs").write_text(json.dumps({"T_OBS": time, name: said}))
    index = sdoml.read_index(sdoml.Remote(url=str(tmp_path / "s")), 2014, tmp_path / "index")
    assert sdoml.usable(index).tolist() == list(range(used))
    found = collect([tmp_path / "s"], tmp_path / "archive", size=8)
    assert format_times(found.time) == time[:used]


def test_an_index_that_an_earlier_version_kept_is_read_anew(s3, tmp_path):
    address, *_ = s3
    index = read_index(remote(address), 2012, tmp_path)
    old = np.where(np.isnan(index.quality), -1, index.quality).astype(np.int64)
    files.write_npz(
        tmp_path / "index-2012.npz",
        time=index.time,
        quality=old,
        exposure=index.exposure,
        layout=np.array(index.layout),
    )
    assert np.isnan(read_index(remote(address), 2012, tmp_path).quality[-1])
