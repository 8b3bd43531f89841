"""The doors through which bytes from outside come in, each with a valid input and a way to damage it."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from conftest import make_tables
from mutations import damaged_arrays, damaged_bytes, damaged_json, damaged_text

from solarsynth import paths
from solarsynth.observations.checked import DIGESTS
from solarsynth.observations.writing import write_archive

Attempt = Callable[[np.random.Generator], None]


@dataclass(frozen=True)
class Door:
    """A door: `prepare` makes its valid input in a folder and returns the attempt that damages and opens it."""

    name: str
    prepare: Callable[[Path], Attempt]
    share: float = 1.0  # of the inputs that a usual door gets


def _archive(folder: Path) -> Path:
    image, time, xrs, events = make_tables()
    attributes = {"source": "archive", "frame_tolerance_minutes": 60.0, "flux_tolerance_seconds": 60.0}
    write_archive(folder / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes=attributes)
    return folder / "a"


def _with_damaged_file(folder: Path, use: Callable[[Path], None]) -> Attempt:
    """Damage one file of an archive, of ours or of others, use it, and put the file back."""
    ours = _archive(folder)
    theirs = shutil.copytree(ours, folder / "b")
    attributes = json.loads((theirs / ".zattrs").read_text())
    (theirs / ".zattrs").write_text(json.dumps({k: v for k, v in attributes.items() if k != DIGESTS}))
    files = {path: sorted(p for p in path.rglob("*") if p.is_file()) for path in (ours, theirs)}

    def attempt(rng: np.random.Generator) -> None:
        archive = (ours, theirs)[rng.integers(2)]
        file = files[archive][rng.integers(len(files[archive]))]
        whole = file.read_bytes()
        described = file.name in (".zarray", ".zattrs", ".zgroup")
        try:
            if rng.random() < 0.1:
                file.unlink()
            else:
                file.write_bytes(damaged_text(whole.decode(), rng) if described else damaged_bytes(whole, rng))
            use(archive)
        finally:
            file.write_bytes(whole)

    return attempt


def _dataset(folder: Path) -> Attempt:
    from solarsynth.dataset.labelling import labelled_frames
    from solarsynth.observations.archive import Archive

    return _with_damaged_file(folder, lambda path: labelled_frames(Archive(path), 16))


def _info(folder: Path) -> Attempt:
    from click.testing import CliRunner

    from solarsynth.cli import main

    def use(path: Path) -> None:
        done = CliRunner().invoke(main, ["archive", "info", str(path)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception

    return _with_damaged_file(folder, use)


def _npz(folder: Path, arrays: dict[str, np.ndarray], use: Callable[[Path], object]) -> Attempt:
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    file = folder / "input.npz"

    def attempt(rng: np.random.Generator) -> None:
        if rng.random() < 0.5:
            file.write_bytes(damaged_bytes(packed.getvalue(), rng))
        else:
            np.savez(file, **damaged_arrays(arrays, rng))
        use(file)

    return attempt


def _labelled(folder: Path) -> Attempt:
    from solarsynth.dataset.labelled import LabelledSet

    rng, n = np.random.default_rng(0), 12
    arrays = {name: np.arange(n) for name in LabelledSet.ARRAYS}
    arrays |= {"image": rng.integers(0, 256, (n, 8, 8)).astype(np.uint8), "label": np.arange(n) % 5}
    arrays |= {"flux": np.full(n, 1e-5), "test": np.arange(n) < 4, "train": np.arange(n) > 5}
    arrays |= {"fit": np.arange(n) > 7, "validation": np.arange(n) == 6}
    about = {"unit": "display", "funnel": {"events": 12}, "about": {"source": "archive", "frame_tolerance": 1}}

    def use(file: Path) -> None:
        data = LabelledSet.read(file)
        _ = data.counts(), data.counts(test=True), data.group, data.purged

    whole = _npz(folder, arrays | {"attributes": np.array(json.dumps(about))}, use)

    def attempt(rng: np.random.Generator) -> None:
        if rng.random() < 0.7:
            return whole(rng)
        text = damaged_text(json.dumps(about), rng).decode("utf-8", errors="replace")
        np.savez(folder / "input.npz", **arrays, attributes=np.array(text))
        return use(folder / "input.npz")

    return attempt


def _evaluate(folder: Path) -> Attempt:
    from solarsynth.evaluation.samples import read_samples

    image = np.random.default_rng(0).integers(0, 256, (6, 8, 8)).astype(np.uint8)
    arrays = {"image": image, "label": np.array(list("ABCMXX"))}
    return _npz(folder, arrays, lambda file: read_samples(file, 8))


def _samples(folder: Path) -> Attempt:
    """Samples in the other forms: FITS, a folder of pictures, and one array."""
    from solarsynth.evaluation.samples import read_samples
    from solarsynth.evaluation.writing import write_samples

    image = np.random.default_rng(0).integers(0, 256, (4, 8, 8)).astype(np.uint8)
    for name in ("suns.fits", "suns"):
        write_samples(folder / name, image, list("ABCM"), unit="display", about={"model": "discrete", "seed": 0})
    np.save(folder / "suns.npy", image)
    damaged = {folder / "suns.fits": folder / "suns.fits", folder / "suns.npy": folder / "suns.npy"}
    damaged[next((folder / "suns").rglob("*.png"))] = folder / "suns"
    wholes = {file: file.read_bytes() for file in damaged}

    def attempt(rng: np.random.Generator) -> None:
        file = list(damaged)[rng.integers(len(damaged))]
        raw = bytearray(wholes[file])
        if file.suffix == ".fits" and rng.random() < 0.5:  # only its header
            raw[rng.integers(2880)] = rng.integers(32, 127)
        else:
            raw = damaged_bytes(bytes(raw), rng)
        try:
            file.write_bytes(raw)
            read_samples(damaged[file], 8)
        finally:
            file.write_bytes(wholes[file])

    return attempt


_EVENTS_TEXT = """:Product: 20120307events.txt
:Date: 2012 03 07
#Event    Begin    Max       End  Obs  Q  Type  Loc/Frq   Particulars       Reg#
3450 +     0002   0024      0040  G15  5   XRA  1-8A      X5.4    9.4E-01   1429
3460       0105   0114      0123  G15  5   XRA  1-8A      X1.3    1.6E-01   1430
"""


def _lists(folder: Path) -> Attempt:
    """Lists of flares and tables of flux in JSON and text, as an import reads them."""
    from solarsynth.observations import importing

    row = {"begin_time": "2012-03-07T00:02:00Z", "max_time": "2012-03-07T00:24:00Z", "max_class": "X5.4"}
    hek = {"event_peaktime": "2012-03-07T00:24:00", "fl_goescls": "X5.4", "hgs_coord": "POINT(-31 17)"}
    hek |= {"ar_noaanum": 11429, "frm_name": "SWPC"}
    sample = {"satellite": 16, "energy": "0.1-0.8nm", "electron_contaminaton": False}
    flux = [sample | {"time_tag": f"2024-05-01T00:0{m}:00Z", "flux": 1e-6 * (m + 1)} for m in range(8)]
    texts = {
        "events.json": json.dumps([row | {"satellite": 15, "region": 11429}] * 3),
        "hek.json": json.dumps({"result": [hek] * 2}),
        "20120307events.txt": _EVENTS_TEXT,
        "flux.json": json.dumps(flux),
    }

    def attempt(rng: np.random.Generator) -> None:
        name = list(texts)[rng.integers(len(texts))]
        of_json = name.endswith(".json") and rng.random() < 0.7
        body = damaged_text(texts[name], rng) if of_json else damaged_bytes(texts[name].encode(), rng)
        (folder / name).write_bytes(body)
        if name == "flux.json":
            importing._read_flux(folder / name, None)
        else:
            importing._read_lists([folder / name], [])

    return attempt


def _store(folder: Path) -> Attempt:
    """A store of others, in tiles and in Fortran order, whose frames are imported."""
    import zarr

    from solarsynth.observations.frames import collect, store
    from solarsynth.times import HOUR, format_times, parse_times

    path = folder / "store"
    array = zarr.open_group(str(path), mode="w", zarr_format=2).create_array(
        "2014/171A", shape=(6, 32, 32), dtype="f4", chunks=(2, 16, 32), order="F"
    )
    array[:] = np.random.default_rng(0).uniform(10, 300, array.shape)
    time = format_times(parse_times(["2014-02-03"])[0] + HOUR * np.arange(6))
    array.attrs.update({"T_OBS": time, "QUALITY": [0] * 6, "EXPTIME": [2.0] * 6})
    # An archive that records its source may have its limb anywhere; this one has none.
    (path / ".zattrs").write_text(json.dumps({"source": "archive"}))

    def use(damaged: Path) -> None:
        store.opened.cache_clear(), store._year.cache_clear()
        collect([damaged], folder / "made", size=16).forget()

    files = sorted(p for p in path.rglob("*") if p.is_file())

    def attempt(rng: np.random.Generator) -> None:
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        try:
            file.write_bytes(
                damaged_text(whole.decode(), rng) if file.name.startswith(".") else damaged_bytes(whole, rng)
            )
            use(path)
        finally:
            file.write_bytes(whole)
            for kept in folder.glob(".made.import-*"):
                shutil.rmtree(kept)

    return attempt


def _ledger(folder: Path) -> Attempt:
    from solarsynth.book import ledger

    text = (paths.book() / ledger.NAME).read_text(encoding="utf-8")

    def attempt(rng: np.random.Generator) -> None:
        (folder / ledger.NAME).write_bytes(damaged_text(text, rng))
        entries = ledger.read(folder)
        ledger.status_page(entries)
        ledger.summary(entries)

    return attempt


def _model(folder: Path) -> Attempt:
    from solarsynth.networks import ABOUT_FILE, MODEL_FILE, build, read_network, write_network

    architecture = {"kind": "prior", "n_classes": 5, "latent": 4, "width": 8, "depth": 1}
    architecture |= {"n_steps": 10, "beta_start": 1e-4, "beta_end": 0.02}
    write_network(folder, build(architecture, 0), {"architecture": architecture, "classes_seen": {"A": 1}})
    files = {name: (folder / name).read_bytes() for name in (ABOUT_FILE, MODEL_FILE)}

    def attempt(rng: np.random.Generator) -> None:
        name = (ABOUT_FILE, MODEL_FILE)[rng.integers(2)]
        whole = files[name]
        (folder / name).write_bytes(
            damaged_text(whole.decode(), rng) if name == ABOUT_FILE else damaged_bytes(whole, rng)
        )
        try:
            read_network(folder)
        finally:
            (folder / name).write_bytes(whole)

    return attempt


def _browse(folder: Path) -> Attempt:
    from PIL import Image

    from solarsynth.observations.quicklook import decode

    packed = io.BytesIO()
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(rgb).resize((512, 512)).save(packed, "JPEG", quality=20)

    def attempt(rng: np.random.Generator) -> None:
        raw = bytearray(packed.getvalue())
        if rng.random() < 0.2:  # the size that the frame's header claims
            place = raw.index(b"\xff\xc0") + 5
            raw[place : place + 4] = rng.bytes(4)
        else:
            raw = damaged_bytes(bytes(raw), rng)
        decode(bytes(raw))

    return attempt


def _sdoml(folder: Path) -> Attempt:
    from solarsynth.observations.sdoml import Remote, read_index
    from solarsynth.observations.sdoml import remote as module

    path = _archive(folder)
    files = [path / "2012" / "171A" / name for name in (".zarray", ".zattrs")]

    def attempt(rng: np.random.Generator) -> None:
        file = files[rng.integers(2)]
        whole = file.read_text()
        file.write_bytes(damaged_text(whole, rng))
        module._groups.clear()
        try:
            index = read_index(Remote(str(path), tries=1, pause=0), 2012, folder / "kept")
            _ = index.chunk, index.size
        finally:
            file.write_text(whole)
            shutil.rmtree(folder / "kept", ignore_errors=True)

    return attempt


def _hek(folder: Path) -> Attempt:
    from solarsynth.observations import hek

    row = {"event_starttime": "2012-03-07T00:02:00", "event_peaktime": "2012-03-07T00:24:00", "fl_goescls": "X5.4"}
    row |= {"frm_name": "SWPC", "hgs_coord": "POINT(-31 17)", "ar_noaanum": 11429, "kb_archivid": "ivo://a"}
    text = json.dumps({"result": [row, row | {"kb_archivid": "ivo://b"}], "overmax": False})

    def attempt(rng: np.random.Generator) -> None:
        body = damaged_text(text, rng)
        if hek._fault(body) is None:  # as the fetch does; a fault is said in one line
            hek.events(hek._inside(hek._decode(body)["result"], np.datetime64("2012-03")))

    return attempt


def _parameters(folder: Path) -> Attempt:
    from solarsynth.stages import Lab

    good = {"profile": "smoke", "source": "simulated", "data": "", "seed": 0, "sample_seed": 0}
    good |= {"overrides": {"guidance": 2.0, "image_size": 16, "sampler": "ddim", "split": "blocked"}}

    def attempt(rng: np.random.Generator) -> None:
        values = damaged_json(good, rng)
        if not isinstance(values, dict) or not isinstance(values.get("overrides", {}), dict):
            values = good | {"overrides": {"guidance": values if not isinstance(values, dict) else None}}
        Lab(**{name: value for name, value in values.items() if name in good})

    return attempt


def _manifest(folder: Path) -> Attempt:
    from solarsynth.integrity import MANIFEST
    from solarsynth.stages.overview import _manifests
    from solarsynth.store import Store

    store = Store(folder)

    def make(unfinished: Path) -> None:
        (unfinished / "result").write_text("x")

    params = {"settings": {"a": 1}, "ask": {}}
    file = store.make("stage", make, params=params).path / MANIFEST
    text = file.read_text()

    def attempt(rng: np.random.Generator) -> None:
        file.write_bytes(damaged_text(text, rng))
        store.last_made("stage", params)
        list(_manifests(folder / "stage"))
        entry = store.make("stage", make, params=params)
        assert (entry.path / "result").read_text() == "x"
        for aside in folder.glob("stage/*.damaged-*"):
            shutil.rmtree(aside)

    return attempt


def _goes(folder: Path) -> Attempt:
    from solarsynth.observations.goes import read_file

    real = paths.real()
    files = sorted(p for p in (real / "goes-files").iterdir() if p.suffix in (".nc", ".gz", ".fits")) if real else []
    small = [file for file in files if file.stat().st_size < 400_000] or files[:1]
    if not small:
        raise RuntimeError("no GOES files here: set SOLARSYNTH_REAL")
    wholes = {file.name: file.read_bytes() for file in small}

    def attempt(rng: np.random.Generator) -> None:
        name = list(wholes)[rng.integers(len(wholes))]
        (folder / name).write_bytes(damaged_bytes(wholes[name], rng))
        read_file(folder / name)

    return attempt


def _profile(folder: Path) -> Attempt:
    import yaml

    from solarsynth.settings import load_settings

    text = (paths.params() / "smoke.yml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )

    def attempt(rng: np.random.Generator) -> None:
        file, what = folder / "profile.yml", rng.random()
        if what < 0.5:
            file.write_bytes(damaged_bytes(text.encode(), rng))
        elif what < 0.95:
            file.write_text(yaml.safe_dump(damaged_json(values, rng)))
        else:
            file.write_text(bomb + "image_size: *i\n")
        load_settings(file)

    return attempt


def _checkpoint(folder: Path) -> Attempt:
    import torch

    from solarsynth.diffusion.checkpoints import CHECKPOINT, Progress, load_checkpoint, save_checkpoint

    model, average = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    save_checkpoint(folder, {"seed": 0}, model, {"average": average}, optimiser, Progress(step=3))
    whole = (folder / CHECKPOINT).read_bytes()

    def attempt(rng: np.random.Generator) -> None:
        (folder / CHECKPOINT).write_bytes(damaged_bytes(whole, rng))
        load_checkpoint(folder, {"seed": 0}, model, {"average": average}, optimiser)

    return attempt


def _command(folder: Path) -> Attempt:
    from click.testing import CliRunner

    from solarsynth.cli import main

    os.environ["SOLARSYNTH_ARTIFACTS"] = str(folder / "store")
    lines = (
        ["stages", "--profile", "smoke", "--seed", "3", "--set", "guidance=0.5"],
        ["profiles", "smoke"],
        ["status", str(paths.book())],
        ["archive", "info", str(folder / "none")],
        ["evaluate", "none.npz", "--clusters", "5", "--cluster-seed", "1", "--space", "vgg", "--set", "image_size=[1"],
    )

    odd = ("", "-1", "nan", "inf", "1e400", "18446744073709551616", "[1", "a" * 300, "\udcff", "x=y", "=", "--", "..")

    def attempt(rng: np.random.Generator) -> None:
        arguments = list(lines[rng.integers(len(lines))])
        arguments[rng.integers(len(arguments))] = odd[rng.integers(len(odd))]
        done = CliRunner().invoke(main, arguments)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception

    return attempt


def _import(folder: Path) -> Attempt:
    from solarsynth.observations.importing import import_archive
    from solarsynth.times import format_times

    image, time, xrs, events = make_tables()
    arrays = {"image": image, "t_obs": np.array(format_times(time))}
    tables = {
        "flux.csv": xrs[::30].assign(time=format_times(xrs["time"].to_numpy()[::30])).to_csv(index=False),
        "events.csv": events.assign(
            **{name: format_times(events[name].to_numpy()) for name in ("peak", "start", "end")}
        ).to_csv(index=False),
    }
    for name, text in tables.items():
        (folder / name).write_text(text)
    np.savez(folder / "frames.npz", **arrays)
    whole = (folder / "frames.npz").read_bytes()

    def attempt(rng: np.random.Generator) -> None:
        what = rng.integers(4)
        if what == 0:
            np.savez(folder / "frames.npz", **damaged_arrays(arrays, rng))
        elif what == 1:
            (folder / "frames.npz").write_bytes(damaged_bytes(whole, rng))
        else:
            name = list(tables)[what - 2]
            (folder / name).write_bytes(damaged_bytes(tables[name].encode(), rng))
        try:
            import_archive(
                folder / "made",
                frames=folder / "frames.npz",
                flux=folder / "flux.csv",
                events=[folder / "events.csv"],
                tolerance_minutes=60,
            )
        finally:
            shutil.rmtree(folder / "made", ignore_errors=True)
            (folder / "frames.npz").write_bytes(whole)
            for each, text in tables.items():
                (folder / each).write_text(text)

    return attempt


DOORS = (
    Door("dataset from an archive", _dataset),
    Door("archive info", _info),
    Door("archive import", _import, 0.5),
    Door("labelled npz", _labelled),
    Door("evaluate", _evaluate),
    Door("samples in other forms", _samples),
    Door("lists of flares and flux", _lists),
    Door("store of frames", _store, 0.5),
    Door("ledger", _ledger, 0.5),
    Door("model folder", _model),
    Door("checkpoint", _checkpoint),
    Door("browse image", _browse),
    Door("SDOML metadata", _sdoml),
    Door("HEK answer", _hek),
    Door("page parameters", _parameters),
    Door("manifest", _manifest),
    Door("GOES file", _goes, 0.1),
    Door("profile", _profile),
    Door("command line", _command, 0.3),
)
