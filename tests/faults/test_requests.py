"""Requests that cannot be met: one line before any work."""

import numpy as np
import pytest
from click.testing import CliRunner

from solarsynth.cli import main, size
from solarsynth.errors import LONGEST_ECHO, SolarsynthError, did_you_mean, shown
from solarsynth.flares import flux_of_class, parse_request, tidy_class
from solarsynth.settings import load_settings


def call(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a training began")

    monkeypatch.setattr("solarsynth.stages.generator", refuse)


SAMPLE = ("sample", "M", "1", "--profile", "smoke")


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (("sample", "M", 100_000_000, "--profile", "laptop"), 1, "insist with --anyway"),
        ((*SAMPLE, "--guidance", "nan"), 1, "guidance must be a finite number"),
        ((*SAMPLE, "--guidance", "inf"), 1, "guidance must be a finite number"),
        ((*SAMPLE, "--guidance", "-5"), 1, "guidance must be a finite number of at least -1"),
        ((*SAMPLE, "--model", "cevae"), 1, "unknown model 'cevae'"),
        ((*SAMPLE, "--seed", 2**64), 2, "is not in the range"),
        ((*SAMPLE, "-s", "block_days=.inf"), 1, "block_days must be at least 0.001 and finite"),
        ((*SAMPLE, "-s", "guidance=[1"), 2, "--set takes a value in YAML"),
        ((*SAMPLE, "-s", "image_size=65536"), 1, "image_size must be from 1 to 2048"),
        ((*SAMPLE, "-s", "n_steps=2000000000"), 1, "n_steps must be from 2 to 100000"),
        ((*SAMPLE, "-s", "train_images=2147483648"), 1, "train_images must be at least 1 and finite, at most 1e+09"),
        (("dataset", "--profile", "smoke", "--source", "labelled", "--data", "/"), 1, "/: cannot be read"),
        (("sample", "X" * 5000, "1"), 1, "must be"),
    ],
)
def test_it_is_said_in_one_line(tmp_path, monkeypatch, fresh_store, no_training, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == code and said in done.stderr, (done.output, done.exception)
    lines = [line for line in done.stderr.splitlines() if line.startswith(("solarsynth:", "Error:"))]
    assert len(lines[-1]) < 400 and not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("name, value", [("--tolerance", "nan"), ("--tolerance", -1), ("--flux-tolerance", "inf")])
def test_tolerances_that_cannot_be(tmp_path, name, value):
    files = [part for each in ("--frames", "--flux", "--events") for part in (each, tmp_path / "none")]
    done = call("archive", "import", tmp_path / "made", *files, name, value)
    assert done.exit_code == 1 and "tolerance must be from 0 to" in done.stderr


def test_a_huge_request_is_drawn_if_the_user_insists(tmp_path, capsys):
    with pytest.raises(SolarsynthError, match=r"100,000,000 images of 64 px take up to .* but .* are free"):
        size.check_samples(100_000_000, 64, tmp_path / "x.npz", insist=False)
    size.check_samples(100_000_000, 64, tmp_path / "x.npz", insist=True)
    size.check_samples(16, 64, tmp_path / "x.npz", insist=False)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2, "few images need no words"


def test_free_memory_is_below_the_machines():
    import os

    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < size.available_memory() <= whole


def test_a_yaml_bomb_is_shown_in_short(tmp_path):
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{b}: &{b} [{','.join(['*' + a] * 9)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    (tmp_path / "bomb.yml").write_text("\n".join([*lines, "image_size: *h"]))
    for text in ("image_size: *h", "*h : 3"):
        (tmp_path / "bomb.yml").write_text("\n".join([*lines, text]))
        with pytest.raises(SolarsynthError) as error:
            load_settings(tmp_path / "bomb.yml")
        assert len(str(error.value)) < 400 + len(str(tmp_path))


LONG = ("x" * 10**6, list(range(10**5)), {"a": ["x" * 10**5]}, 10**5000, b"x" * 10**6, 1.5)


@pytest.mark.parametrize("value", LONG, ids=lambda value: type(value).__name__)
def test_messages_repeat_at_most_80_characters(value):
    assert len(shown(value)) <= LONGEST_ECHO
    assert len(did_you_mean(value, ["known"])) < 40


def test_classes_that_are_none():
    names = ["X0", "M-1", "C1_0", "X99999", "B1e3", "Xnan", "M1.5", "c2"]
    flux = flux_of_class(names)
    assert np.isnan(flux[:6]).all()
    np.testing.assert_allclose(flux[6:], [1.5e-5, 2e-6])
    assert [tidy_class(name) for name in (*names[:6], "> X28+")] == [""] * 6 + ["X28"]
    for name in (*names[:6], "X28+", "M+"):
        with pytest.raises(SolarsynthError):
            parse_request(name)
