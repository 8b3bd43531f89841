"""The recipes for lists, samples and export, run as they are printed."""

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from solarsynth import paths
from solarsynth.cli import main
from solarsynth.dataset.labelling import labelled_frames
from solarsynth.observations.archive import Archive
from solarsynth.times import HOUR, MINUTE, format_times, parse_times

PAGE = (paths.book() / "use-it-lists.md").read_text(encoding="utf-8")
RECIPES = {
    title: [line.removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines()]
    for title, block in re.findall(r"^## (.+?)\n(?:(?!^## ).)*?```console\n(.+?)```", PAGE, re.MULTILINE | re.DOTALL)
}
FIRST = int(parse_times(["2015-03-01"])[0])


@pytest.fixture
def at_home(tmp_path, monkeypatch, store_folder):
    """A folder with the files that the page names, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:64, :64]
    disk = np.where(np.hypot(yy - 31.5, xx - 31.5) < 26, 90, 10) + rng.integers(0, 9, (48, 64, 64))
    stamps = format_times(FIRST + np.arange(48) * HOUR // 2)
    np.savez("frames.npz", image=disk.astype(np.uint8), t_obs=np.array(stamps))
    time = FIRST + np.arange(1440) * MINUTE
    rows = [
        {"time_tag": t, "satellite": 15, "flux": f, "energy": energy}
        for t in format_times(time)
        for energy, f in (("0.05-0.4nm", 1e-8), ("0.1-0.8nm", 3e-7))
    ]
    (tmp_path / "xrays-7-day.json").write_text(json.dumps(rows))
    flux = np.where(np.arange(1440) == 910, 1.2e-5, 3e-7)
    pd.DataFrame({"time": format_times(time), "flux": flux, "satellite": 15}).to_csv("science-goes15.csv", index=False)
    (tmp_path / "20150301events.txt").write_text(
        ":Product: 20150301events.txt\n:Date: 2015 03 01\n#Event    Begin    Max       End\n"
        "4080       0358   0410      0432  G15  5   XRA  1-8A      C2.0    1.9E-03   2290\n"
        "4090       0858   0910      0932  G15  5   XRA  1-8A      M1.0    1.9E-03   2290\n"
    )
    hhmm = {"date": 20150301, "start": ["0358", "0858", "1455"], "peak": ["0410", "0910", "1510"]}
    lists = pd.DataFrame(hhmm | {"goes_class": ["C2.0", "M1.0", ""]})
    lists.to_csv("hhmm.csv", index=False, sep=";")
    whole = {k: [f"2015-03-01T{t[:2]}:{t[2:]}:00" for t in hhmm[k]] for k in ("start", "peak")}
    pd.DataFrame(whole | {"goes_class": lists["goes_class"]}).to_csv("flares.csv", index=False)
    hek = {"event_starttime": "2015-03-01T20:00:00", "event_peaktime": "2015-03-01T20:05:00", "fl_goescls": "X1.1"}
    (tmp_path / "hek.json").write_text(json.dumps({"result": [hek | {"frm_name": "SWPC"}]}))
    for name in "BCM":
        (tmp_path / "theirs" / name).mkdir(parents=True)
        for number in range(8):
            picture = rng.integers(0, 256, (64, 64)).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "theirs" / name / f"{number}.png")
    return tmp_path


def run(title):
    """Run a recipe's commands, which must succeed, and return what the last one printed."""
    for line in RECIPES[title]:
        program, *arguments = shlex.split(line)
        assert program == "solarsynth"
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
    return done.output


def labels(archive):
    table, *_ = labelled_frames(Archive(archive), 64)
    return table["label"].tolist()


def test_every_recipe_has_a_test():
    assert list(RECIPES) == [
        "Flux and flares from SWPC",
        "Flux on the science scale",
        "A list by hand, HEK's answer, and days without a flare",
        "Samples of another generator",
        "Suns for sunpy, for a slide, for another program",
        "Frames out of an archive",
    ]


def test_flux_and_flares_from_swpc(at_home):
    output = run("Flux and flares from SWPC")
    assert "took the 1,440 rows of 0.1-0.8 nm of 2,880" in output and labels("suns-swpc") == [2, 3]


def test_flux_on_the_science_scale(at_home):
    run("Flux on the science scale")
    assert labels("suns-science") == [2, 3, 2]


def test_lists_and_export(at_home):
    run("A list by hand, HEK's answer, and days without a flare")
    assert labels("suns-lists") == [2, 3, 3, 4]  # as operational flux, 1.2e-5 W/m² is an M1.2
    assert Archive("suns-lists").events_period == tuple(parse_times(["2015-02-28", "2015-03-03"]))
    assert "12  frames" in run("Frames out of an archive")
    assert len(list((at_home / "march" / "frames").glob("*.fits"))) == 12
    with np.load("march.npz") as file:
        assert len(file["image"]) == 12


def test_samples_of_another_generator(at_home):
    output = run("Samples of another generator").replace("\n", "")
    assert "theirs: read 24 pictures (24, 64, 64) uint8" in output and "classes from the sub-folders" in output
    assert "rejected: " in output and json.loads((at_home / "table.json").read_text())


def test_suns_for_others(at_home):
    run("Suns for sunpy, for a slide, for another program")
    assert sorted(path.name for path in (at_home / "suns-folder" / "M").iterdir()) == [f"{n:05d}.png" for n in range(4)]
    assert (at_home / "suns.fits").is_file() and (at_home / "suns.png").is_file()
