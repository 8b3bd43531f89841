"""The command line: what each command prints and writes, and that a mistake is one line."""

import json
import os
import re
import subprocess
import sys

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import make_tables
from tiny import TINY, as_options

from solarsynth import paths
from solarsynth.book import ledger
from solarsynth.cli import main
from solarsynth.cli.book import readable_age, readable_size
from solarsynth.evaluation.samples import open_samples
from solarsynth.observations.writing import write_archive
from solarsynth.settings import Settings, load_settings
from solarsynth.times import DAY


def call(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def succeed(*arguments):
    """Run a command that must succeed, and return what it prints."""
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def where(archive):
    return ["--profile", "smoke", "--source", "archive", "--data", archive, *as_options(TINY)]


def loaded(code):
    """Return which heavy modules a fresh Python has loaded after running `code`."""
    heavy = ("torch", "zarr", "sunpy", "pandas", "papermill", "matplotlib")
    code += f"; import sys; print([m for m in {heavy} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()


def test_importing_the_package_and_the_commands_is_cheap():
    assert loaded("import solarsynth") == "[]"
    assert loaded("import solarsynth.cli") == "[]"


COMMANDS = (
    *("reproduce", "plan", "status", "notebooks", "profiles", "stages"),
    *("archive import", "archive info", "archive export"),
    *("dataset", "train", "sample", "evaluate", "store", "clean", "verify", "bundle"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    assert "Usage:" in succeed(*command.split(), "--help")


def test_all_commands_are_listed_and_run_as_a_module():
    done = subprocess.run([sys.executable, "-m", "solarsynth.cli", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("Usage: solarsynth ")
    listed = re.findall(r"^  (\w+) ", done.stdout.partition("Commands:")[2], re.MULTILINE)
    assert sorted(listed) == sorted({command.split()[0] for command in COMMANDS})


def test_dataset_train_sample_and_evaluate(shared_archive, store_folder, tmp_path):
    options = where(shared_archive)
    assert "labelled frames" in succeed("dataset", *options)
    assert re.search(r"^model [0-9a-f]{16}: ", succeed("train", *options), re.MULTILINE)
    assert re.search(r"^cevae [0-9a-f]{16}: ", succeed("train", "cevae", *options), re.MULTILINE)
    succeed("sample", "X", 2, "--out", tmp_path / "x.npz", *options)
    with np.load(tmp_path / "x.npz") as file:
        assert file["image"].shape == (2, 16, 16) and file["image"].dtype == np.uint8
        assert file["label"].tolist() == ["X", "X"]
    output = succeed("evaluate", tmp_path / "x.npz", "--json", tmp_path / "x.json", *options)
    table = json.loads((tmp_path / "x.json").read_text())
    assert {row["metric"] for row in table} >= {"Cluster error", "Coverage", "F1"} and "Cluster error" in output


@pytest.mark.parametrize("name", ["suns", "suns.fits", "suns.png"])
def test_samples_go_out_in_every_form_and_come_back(shared_archive, store_folder, tmp_path, name):
    options = where(shared_archive)
    said = succeed("sample", "M", 3, "--out", tmp_path / name, *options)
    assert f"wrote {tmp_path / name}: " in said and [path.name for path in tmp_path.iterdir()] == [name]
    assert ("north up" if name != "suns.fits" else "row 0 in the south") in said
    if name == "suns.png":
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        return
    succeed("sample", "M", 3, "--out", tmp_path / "same.npz", *options)
    with np.load(tmp_path / "same.npz") as file:
        read = open_samples(tmp_path / name, 16)
        assert np.array_equal(read.image, file["image"]) and read.label.tolist() == [3] * 3
    output = succeed("evaluate", tmp_path / name, "--json", tmp_path / "a.json", *options)
    assert f"{tmp_path / name}: read 3 " in output.replace("\n", "") and "row 0 is the " in output
    other = "lower" if name == "suns" else "upper"
    turned = succeed("evaluate", tmp_path / name, "--origin", other, "--json", tmp_path / "b.json", *options)
    assert "(as told)" in turned


def test_sample_refuses_a_target_before_it_trains(fresh_store, shared_archive, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    done = call("sample", "M", 1, "--out", tmp_path / "full", *where(shared_archive))
    assert done.exit_code == 1 and "exists; choose another name or remove it" in done.output
    assert not list(fresh_store.glob("model/*"))


def test_archive_export(shared_archive, tmp_path):
    output = succeed("archive", "export", shared_archive, tmp_path / "f", "--from", "2012-03-02", "--as", "png")
    assert "24  frames" in output and len(list((tmp_path / "f" / "frames").iterdir())) == 24
    succeed("archive", "export", shared_archive, tmp_path / "f.npz", "--to", "2012-03-02")
    with np.load(tmp_path / "f.npz") as file:
        assert file["image"].shape == (24, 16, 16)


def test_sample_takes_a_flux_and_the_sampling(shared_archive, store_folder, tmp_path):
    options = ["--model", "continuous", *where(shared_archive)]

    def drawn(request, *more):
        succeed("sample", request, 1, "--out", tmp_path / "x.npz", *more, *options)
        with np.load(tmp_path / "x.npz") as file:
            return file["image"], file["label"].tolist(), file["condition"].tolist()

    image, label, condition = drawn("M2.5")
    assert (label, condition) == (["M"], ["M2.5"])
    again, *_ = drawn("M2.5", "--steps", TINY["sampling_steps"])
    assert (again == image).all(), "the profile's steps are the default"
    for more in (["--steps", 2], ["--guidance", 3.5], ["--sampler", "ddim"]):
        assert (drawn("M2.5", *more)[0] != image).any(), more
    done = call("sample", "M2.5", 1, "--out", tmp_path / "y.npz", *where(shared_archive))
    assert done.exit_code == 1 and "the discrete model takes a class, got M2.5" in done.output


def test_another_sampling_seed_draws_other_images_and_trains_nothing(shared_archive, store_folder, tmp_path):
    options = ["--out", tmp_path / "x.npz", *where(shared_archive)]

    def drawn(*seeds):
        output = succeed("sample", "C", 2, *seeds, *options)
        with np.load(tmp_path / "x.npz") as file:
            return file["image"], output

    one, _ = drawn()
    models = sorted((store_folder / "model").iterdir())
    other, output = drawn("--sample-seed", 11)
    assert (one != other).any() and "training" not in output
    assert (drawn("--sample-seed", 0)[0] == one).all()
    assert sorted((store_folder / "model").iterdir()) == models
    trained, output = drawn("--seed", 11)
    assert (one != trained).any() and "training discrete (seed 11)" in output


def test_status_prints_the_ledger_of_a_run(tmp_path):
    ledger.record(
        tmp_path, "figure-9", status="not-comparable", why="made here", ours={"days": 3}, profile="p", source="s"
    )
    output = succeed("status", tmp_path)
    line = next(line for line in output.splitlines() if "Days per flare class" in line)
    assert [cell.strip() for cell in line.split("│")[1:-1]] == [
        *("Fig. 9", "Days per flare class", "computed", "no number", "made here")
    ]
    assert output.count("no page computes it yet") == len(ledger.empty()) - 1


def test_status_prints_the_published_run_by_default():
    output = succeed("status")
    assert all(entry["title"] in output for entry in ledger.read(paths.book()).values())


def test_a_plan_as_json_counts_and_trains_nothing(store_folder):
    options = ["03_background", "--profile", "smoke", "--set", "train_images=241", "--no-measure", "--json"]
    found = json.loads(succeed("plan", *options))
    assert [row["page"] for row in found["pages"]] == ["03_background"] and found["networks"] == []
    # 241 images are 31 batches of 8.
    assert (found["total"]["trainings"], found["total"]["images_seen"], found["total"]["seconds"]) == (1, 248, None)
    assert json.loads(succeed("plan", *options)) == found


def test_profiles_as_json():
    found = json.loads(succeed("profiles"))
    assert sorted(found) == ["gpu", "laptop", "paper", "smoke"]
    for name, settings in found.items():
        assert list(settings) == [field.name for field in attrs.fields(Settings)]
        assert settings == load_settings(name).as_dict()


def test_one_profile_as_a_table():
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in succeed("profiles", "laptop").splitlines()
        if line.startswith("│")
    ]
    table = {name: (value, default) for name, value, default, *_ in rows if name}
    assert set(table) == {field.name for field in attrs.fields(Settings)}
    assert table["image_size"] == ("64", "64") and table["guidance"][1] == "2.0"
    assert table["train_images"] == (f"{load_settings('laptop').train_images:,}", "10,210,000")
    assert any("ancestral, ddim, dpm-solver++" in cell for row in rows for cell in row)


def test_notebooks_writes_what_has_changed_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("SOLARSYNTH_ROOT", str(tmp_path))
    for name in ("a", "b"):
        (tmp_path / "notebooks" / f"{name}.py").write_text(f"# %% [markdown]\n# # {name}\n\n# %%\nx = 1\n")
    assert succeed("notebooks") == "wrote a.ipynb\nwrote b.ipynb\n"
    (tmp_path / "notebooks" / "b.py").write_text("# %%\nx = 2\n")
    assert succeed("notebooks") == "wrote b.ipynb\n"
    assert succeed("notebooks") == "every .ipynb is up to date\n"
    cells = json.loads((tmp_path / "notebooks" / "b.ipynb").read_text())["cells"]
    assert [("".join(cell["source"]), cell["id"]) for cell in cells] == [("x = 2", "b-00")]


def test_what_was_edited_in_a_notebook_is_not_overwritten(tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("SOLARSYNTH_ROOT", str(tmp_path))
    pairs = {name: [tmp_path / "notebooks" / f"{name}.{end}" for end in ("py", "ipynb")] for name in "ab"}
    for source, _ in pairs.values():
        source.write_text("# %% [markdown]\n# # A title\n\n# %%\nx = 1\n")
    succeed("notebooks")
    source, target = pairs["a"]
    changed = json.loads(target.read_text())
    changed["cells"][1]["source"] = "x = 2"
    target.write_text(json.dumps(changed))
    os.utime(target, ns=(0, source.stat().st_mtime_ns + 1))
    pairs["b"][0].write_text("# %%\ny = 1\n")
    before = [path.read_text() for pair in pairs.values() for path in pair]
    done = call("notebooks")
    assert done.exit_code == 1 and f"{target}: edited after the .py and not overwritten" in done.output
    assert [path.read_text() for pair in pairs.values() for path in pair] == before
    assert succeed("notebooks", "--overwrite") == "wrote a.ipynb\nwrote b.ipynb\n"
    # Outputs and a damaged copy are no edits; a source that is younger than its copy's edits wins, as always.
    for text in (json.dumps(json.loads(target.read_text()) | {"metadata": {"run": 1}}), "{"):
        target.write_text(text)
        os.utime(target, ns=(0, source.stat().st_mtime_ns + 1))
        assert succeed("notebooks") == "wrote a.ipynb\n"


def stages_table(output):
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]
    return {row[0]: row for row in rows if row[0]}


def test_stages_prints_the_graph_and_what_is_made(shared_archive, fresh_store):
    from solarsynth.stages import STAGES

    options = where(shared_archive)
    before = stages_table(succeed("stages", *options))
    assert list(before) == [stage.name for stage in STAGES]
    assert before["dataset"][5:8] == ["0", "", ""] and "archive" in before["dataset"][2]
    succeed("dataset", *options)
    *_, made, size, age, _ = stages_table(succeed("stages", *options))["dataset"]
    assert made == "1" and re.fullmatch(r"[\d.]+ (B|KiB|MiB)", size) and re.fullmatch(r"\d+ s", age)
    with_others = stages_table(succeed("stages", *options, "--set", "test_fraction=0.4"))["dataset"]
    assert with_others[5] == "0" and with_others[8] == "1"


@pytest.mark.parametrize(
    "count, text", [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 2**30, "3.0 GiB"), (2**41, "2.0 TiB")]
)
def test_sizes_are_readable(count, text):
    assert readable_size(count) == text


@pytest.mark.parametrize(
    "seconds, text", [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (86_400, "1 day"), (9e5, "10 days")]
)
def test_ages_are_readable(seconds, text):
    assert readable_age(seconds) == text


def test_archive_info(shared_archive):
    output = succeed("archive", "info", shared_archive)
    assert "48  frames usable" in output and "2012-03-01 to 2012-03-02" in output
    assert "a frame every 60 min" in output and "damaged" not in output


def missing_chunk(path):
    (path / "2012" / "171A" / "1.0.0").unlink()
    return "damaged: 1 of 4 chunks of 2012/171A are missing"


def cut_chunk(path):
    chunk = path / "2012" / "171A" / "2.0.0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    return "damaged: chunk 2 of 2012/171A cannot be decoded"


def cut_flux(path):
    chunk = path / "xrs" / "flux" / "0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    return "damaged: xrs cannot be read"


@pytest.mark.parametrize("spoil", [missing_chunk, cut_chunk, cut_flux])
def test_archive_info_says_damaged(small_archive, spoil):
    line = spoil(small_archive)
    done = call("archive", "info", small_archive)
    assert done.exit_code == 1 and line in done.output and "Traceback" not in done.output


def test_archive_info_counts_faults_and_gaps(tmp_path):
    image, time, xrs, events = make_tables()
    image = image.astype(np.float32)
    image[3], image[4] = np.nan, 0
    time[30:] += 5 * DAY
    time[7] = time[6]
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    output = succeed("archive", "info", tmp_path / "a")
    for line in (
        "1  frames with NaN",
        "1  frames all dark",
        "1  frames that repeat a time",
        "gap of 5.04 days: 2012-03-02T05:00",
    ):
        assert line in output, output


@pytest.mark.parametrize(
    "arguments, code, line",
    [
        (["sample", "Q"], 1, "a class must be one of A, B, C, M, X, got 'Q'"),
        (["sample", "Mx"], 1, "a class must be written like X or X2.5, got 'Mx'"),
        (["sample", "X", "--out", "x.gif"], 2, "--out must end in .npz, .png, .fits, or be a folder, got 'x.gif'"),
        (["sample", "X", "--out", "no/where/x.npz"], 1, "its folder does not exist"),
        (["sample", "X", "--model", "discret"], 1, "unknown model 'discret'; did you mean 'discrete'?"),
        (["train", "prio"], 1, "unknown model 'prio'; did you mean 'prior'?"),
        (["train", "--profile", "laptpo"], 1, "unknown profile 'laptpo'; did you mean 'laptop'?"),
        (["train", "--set", "guidnce=1"], 1, "unknown setting 'guidnce'; did you mean 'guidance'?"),
        (["train", "--set", "guidance"], 2, "--set takes KEY=VALUE, got 'guidance'"),
        (["dataset", "--source", "archive"], 1, "needs data"),
        (["dataset", "--years", "2011-2012"], 2, "--years needs --source sdoml, got --source simulated"),
        (["reproduce", "6_results"], 1, "unknown page '6_results'; did you mean '06_results'?"),
        (["reproduce", "06_results", "--publish"], 1, "only a run of all pages can be published"),
        (["archive", "info", "nowhere"], 1, "nowhere: no such archive"),
        (["archive", "import", "x", "--frames", "no.npz", "--flux", "n", "--events", "n"], 1, "no.npz: no such file"),
        (["status", "nowhere"], 1, "no results.json"),
        (["profiles", "laptpo"], 1, "unknown profile 'laptpo'; did you mean 'laptop'?"),
        (["stages", "--source", "archive"], 1, "needs data"),
        (["evaluate", "none.npz", "--reference", "a", "--source", "sdoml"], 2, "--reference names an archive"),
        (["fly"], 2, "No such command"),
    ],
)
def test_mistakes_get_one_line(store_folder, arguments, code, line):
    done = call(*arguments)
    assert done.exit_code == code and line in done.output
    assert "Traceback" not in done.output
    if code == 1:
        assert done.output.count("\n") == 1
