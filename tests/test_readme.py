"""The README: its commands as they stand there, what it says was found, its links and its length."""

import re
import shlex
import shutil
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner
from test_use_it import lay_out, steps

from solarsynth import cli, paths
from solarsynth.book import front, ledger
from solarsynth.book.rules import CONTRADICTED, SUPPORTED

README = (paths.root() / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```$", README, re.M | re.S)
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
MAKE = sorted(set(re.findall(r"^(make .*?)(?: +#.*)?$|`(make [^`]+)`", README, re.M)))


def test_every_block_is_of_a_kind_that_is_run():
    kinds = re.findall(r"^```(\w*)\n(?=.*?^```$)", README, re.M | re.S)
    assert kinds.count("console") == len(CONSOLE) == 2 and kinds.count("python") == len(PYTHON) == 1
    plain = re.findall(r"^```\n(make .*?)^```$", README, re.M | re.S)
    assert len(plain) == 1 and all(line.startswith("make ") for line in plain[0].splitlines())


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block.split()[2])
def test_the_commands_run(block, tmp_path, fresh_store, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, block)
    for (program, *arguments), _ in steps(block):
        done = CliRunner().invoke(cli.main, arguments)
        assert program == "solarsynth" and done.exit_code == 0, done.output
    assert "--out" not in block or (tmp_path / shlex.split(block)[-1]).stat().st_size > 10_000


def test_the_example_runs():
    scope = {}
    exec(PYTHON[0], scope)
    assert scope["suns"].shape == (4, 64, 64) and scope["suns"].dtype == np.uint8 and scope["suns"].std() > 10


@pytest.mark.parametrize("command", [line or quoted for line, quoted in MAKE])
def test_make_knows_what_it_is_asked_for(command):
    """The suite is itself `make test`; what `make book` would run is parsed, and the tests of the book run it."""
    if not shutil.which("make"):
        pytest.skip("no make on this machine")
    told = subprocess.run([*shlex.split(command), "-n"], cwd=paths.root(), capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    (line,) = [one for one in told.stdout.splitlines() if "solarsynth reproduce" in one or "-m pytest" in one]
    words = shlex.split(line)
    if "reproduce" in words:
        reproduce = cli.main.commands["reproduce"]
        asked = reproduce.make_context("reproduce", words[words.index("reproduce") + 1 :]).params
        given = dict(word.lower().split("=") for word in shlex.split(command)[2:])
        assert command == "make book" or (given and given.items() <= asked.items())


def test_it_says_what_the_published_run_found():
    claims = ledger.read_claims(paths.book())
    for title, verdict in (("What holds", SUPPORTED), ("What does not hold", CONTRADICTED)):
        assert front.listed(title, claims, verdict) in README


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(links) > 5 and all((paths.root() / link).exists() for link in links)


def test_it_fits_on_two_screens():
    assert len(README.splitlines()) <= 90 and len(README.split()) <= 700
