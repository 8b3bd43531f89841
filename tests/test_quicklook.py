"""Browse images from a local server that gives a day's index and pictures drawn with sunpy's colours."""

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from servers import Answer, serving

from solarsynth.errors import SolarsynthError
from solarsynth.observations import quicklook
from solarsynth.times import DAY, HOUR, MINUTE, SECOND, parse_times

QUICK = {"polite": 0.0, "tries": 2, "pause": 0.01, "timeout": 5.0}
START = int(parse_times(["2012-06-01"])[0])


def sun(seed=0):
    """Display intensity, (512, 512) uint8, row 0 in the north: a disk with a bright spot in the north-west."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:512, :512]
    r = np.hypot(x - 255.5, y - 255.5)
    image = np.where(r < 200, 90.0, 90 * np.exp(-np.maximum(r - 200, 0) / 25))
    image += 150 * np.exp(-((x - 340) ** 2 + (y - 170) ** 2) / 2 / 15**2) + 8 * rng.normal(size=x.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def picture(image, kind="JPEG"):
    """Colour it as the browse images are coloured, with their time stamp in the border."""
    import sunpy.visualization.colormaps as maps

    rgb = np.round(np.array(maps.cm.sdoaia171(image))[..., :3] * 255).astype(np.uint8)
    rgb[496:508, 8:200] = 255
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, kind, **({"quality": 92} if kind == "JPEG" else {}))
    return out.getvalue()


NAMES = [f"20120601_{h:02d}{m:02d}08_512_0171.jpg" for h in range(24) for m in (0, 15, 30, 45)]
BODY = picture(sun())


def nasa(path, headers, names=NAMES, bodies=None):
    name = path.rsplit("/", 1)[-1]
    if not name:
        if "/2012/06/01/" not in path:
            return Answer(b"not found", 404)
        other = '<a href="20120601_000008_512_0193.jpg">x</a><a href="20120601_000008_1024_0171.jpg">x</a>'
        return Answer((other + "".join(f'<a href="{n}">{n}</a> ' for n in names)).encode())
    return (bodies or {}).get(name) or Answer(BODY, headers={"Content-Type": "image/jpeg"})


def fetch(server, folder, **more):
    return quicklook.fetch(START, START + DAY, folder, url=server.url, **QUICK | more)


def test_a_day(tmp_path):
    with serving(nasa) as server:
        image, time, counts = fetch(server, tmp_path)
        assert counts == {"days": 1, "days without a frame": 0, "frames": 24, "frames that did not decode": 0}
        assert image.shape == (24, 64, 64) and image.dtype == np.uint8
        assert (np.diff(time) == 60 * MINUTE).all() and time[0] == START + 8 * SECOND
        requests = len(server.requests)
        again, *_ = fetch(server, tmp_path)
        assert np.array_equal(again, image) and len(server.requests) == requests
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(manifest) == 24
    assert manifest[NAMES[0]]["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert manifest[NAMES[0]]["t_obs"] == "2012-06-01T00:00:08.000Z"


def test_colours_are_inverted_exactly_without_jpeg():
    import sunpy.visualization.colormaps as maps

    ramp = np.arange(256, dtype=np.uint8)[None].repeat(2, 0)
    rgb = np.round(np.array(maps.cm.sdoaia171(ramp))[..., :3] * 255).astype(np.int16)
    back = quicklook.invert_colours(rgb)
    # Colours that the table repeats cannot be told apart; all others come back.
    table = np.round(np.array(maps.cm.sdoaia171(ramp))[..., :3] * 255)
    assert np.array_equal(table, np.round(np.array(maps.cm.sdoaia171(back))[..., :3] * 255))
    assert np.abs(back.astype(int) - ramp).max() <= 1


def test_jpeg_costs_little_and_north_ends_up():
    image = sun()
    got = quicklook.decode(picture(image))
    expected = image[20:-20, 20:-20][::-1]
    assert got.shape == (472, 472)
    inner = np.abs(got.astype(int) - expected)
    assert inner.mean() < 4
    rows, columns = np.unravel_index(got[200:].argmax(), got[200:].shape)
    assert rows + 200 > 236 and columns > 236  # the spot in the north-west: high row, high column


def test_the_time_stamp_is_cut_away():
    assert quicklook.decode(picture(np.zeros((512, 512), np.uint8), "PNG")).max() < 30


def test_one_frame_per_slot_the_closest():
    times = START + np.array([-5, 1, 9, 29, 31, 58, 100]) * MINUTE
    assert ((quicklook.choose(times, HOUR) - START) // MINUTE).tolist() == [1, 58, 100]
    assert len(quicklook.choose(np.array([], int), HOUR)) == 0


def test_an_interrupted_fetch_goes_on(tmp_path):
    def dies(path, headers):
        return Answer(b"", 500) if "/02/" in path else nasa(path, headers)

    with serving(dies) as server:
        with pytest.raises(SolarsynthError, match="run the same command again to go on"):
            quicklook.fetch(START, START + 2 * DAY, tmp_path, url=server.url, **QUICK)
    with serving(nasa) as server:
        image, _, counts = quicklook.fetch(START, START + 2 * DAY, tmp_path, url=server.url, **QUICK)
        assert all("/01/" not in path for path in server.requests)
    assert len(image) == 24 and counts["days without a frame"] == 1


def test_pictures_that_do_not_decode_are_counted(tmp_path):
    small = io.BytesIO()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(small, "JPEG")
    bodies = {NAMES[0]: Answer(BODY[: len(BODY) // 3]), NAMES[4]: Answer(small.getvalue()), NAMES[8]: Answer(b"", 404)}
    with serving(lambda path, headers: nasa(path, headers, bodies=bodies)) as server:
        image, _, counts = fetch(server, tmp_path)
    assert counts["frames that did not decode"] == 2 and len(image) == counts["frames"] == 21


def test_a_server_that_drops_a_picture(tmp_path):
    count = {"n": 0}

    def flaky(path, headers):
        if path.endswith(NAMES[0]):
            count["n"] += 1
            if count["n"] == 1:
                return Answer(BODY, cut=1000)
        return nasa(path, headers)

    with serving(flaky) as server:
        assert len(fetch(server, tmp_path)[0]) == 24


def test_real_browse_frames_look_the_same(real_folder):
    """Frames of the same source, prepared elsewhere: limb at 0.425 of the width, as ours would be."""
    with np.load(real_folder / "frames-64.npz") as file:
        real = file["image"][::500].mean(0)
    ours = quicklook.shrink(quicklook.decode(BODY), 64)

    def limb(image):
        axis = np.arange(64) + 0.5 - 32
        r = np.hypot(*np.meshgrid(axis, axis)) / 64
        profile = np.array([image[(r > a) & (r <= a + 0.02)].mean() for a in np.arange(0.3, 0.5, 0.01)])
        return 0.31 + 0.01 * np.argmin(np.diff(profile))

    assert limb(ours) == pytest.approx(limb(real), abs=0.03)


def test_what_a_year_costs():
    megabytes, duration = quicklook.cost(365 * DAY, HOUR)
    assert megabytes == pytest.approx(8760 * 0.06) and duration == 8760 / 180 * MINUTE


def test_a_finer_cadence_and_a_damaged_day(tmp_path):
    """One frame in 15 minutes for two hours; the kept file of the day is cut off and made again."""
    with serving(lambda path, headers: nasa(path, headers, names=NAMES[:8])) as server:
        image, time, _ = fetch(server, tmp_path, cadence=15 * MINUTE)
        assert len(image) == 8 and (np.diff(time) == 15 * MINUTE).all()
        kept = tmp_path / "2012-06-01-15min-64px.npz"
        kept.write_bytes(kept.read_bytes()[:1000])
        again, *_ = fetch(server, tmp_path, cadence=15 * MINUTE)
        assert np.array_equal(again, image)


def test_a_server_that_always_answers_with_a_page(tmp_path):
    bodies = {NAMES[0]: Answer(b"<html>Rate limit</html>")}
    with serving(lambda path, headers: nasa(path, headers, bodies=bodies)) as server:
        with pytest.raises(SolarsynthError, match="a web page, not a picture, tried 2 times"):
            fetch(server, tmp_path)
