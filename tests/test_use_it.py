"""The recipes of the page *Use it on your data*, run as they are printed."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from test_frames import expected, make_store

from solarsynth import cli, paths
from solarsynth.times import HOUR, MINUTE, format_times, parse_times

PAGE = paths.book() / "use-it.md"


def recipes(text):
    """Return the console blocks under each heading of level 2."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {
        heading: re.findall(r"^```console\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL)
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


RECIPES = recipes(PAGE.read_text(encoding="utf-8"))

#: Names on the page that stand for real files, and where these are among the real ones.
REAL = {
    "aia": ("aia-files/*.fits", "aia-files/*.jp2"),
    "browse": ("aia-files/*.jpg",),
    "august-2017.npz": ("frames-2017-08-64.npz",),
    "frames-2012.npz": ("frames-64.npz",),
    "flares.csv": ("goes-flares-2010-2019.csv",),
}


def lay_out(folder, block):
    """Make the files that a block names: links to real ones, or drawn ones. Skip the test if real ones are missing."""
    for name, patterns in REAL.items():
        if not re.search(rf"(?<![\w./-])'?{re.escape(name)}(?![\w-])", block):
            continue
        real = paths.real()
        found = [path for pattern in patterns for path in sorted(real.glob(pattern))] if real else []
        if not found:
            pytest.skip(f"no {patterns[0]} here: set SOLARSYNTH_REAL to a folder of real files")
        if "." in name:
            (folder / name).symlink_to(found[0])
            continue
        (folder / name).mkdir()
        for path in found:
            (folder / name / path.name).symlink_to(path)
    if "sdomlv2.zarr" in block:
        make_store(folder / "sdomlv2.zarr", np.stack([expected(64) * (1 + 0.1 * i) for i in range(8)]))
        minutes = parse_times(["2014-02-03"])[0] + np.arange(8 * HOUR // MINUTE) * MINUTE
        pd.DataFrame({"time": format_times(minutes), "flux": 2e-6}).to_csv(folder / "flux.csv", index=False)


def steps(block):
    """Return the commands of a block, each with the lines that it is said to print."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line[2:]), []))
        else:
            found[-1][1].append(line)
    return found


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_does_what_is_printed(heading, tmp_path, fresh_store, monkeypatch):
    assert RECIPES[heading], "a recipe has a console block"
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, "\n".join(RECIPES[heading]))
    for block in RECIPES[heading]:
        for (program, *arguments), lines in steps(block):
            assert program == "solarsynth"
            done = CliRunner().invoke(cli.main, arguments)
            assert done.exit_code == 0, done.output
            for line in lines:
                assert line in done.output, f"{line!r} is not in:\n{done.output}"


def test_blocks_are_found_under_their_headings():
    text = "## One\n\ntext\n\n```console\n$ solarsynth a 'b c'\nsays\n```\n\n## Two\n"
    assert recipes(text) == {"One": ["$ solarsynth a 'b c'\nsays\n"], "Two": []}
    assert steps(recipes(text)["One"][0]) == [(["solarsynth", "a", "b c"], ["says"])]
