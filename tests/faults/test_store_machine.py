"""The store as a state machine: random makes, kills, damages, strays, cleanings and reads against a model of it."""

import json
import shutil

import numpy as np
import pytest

from solarsynth.files import write_text
from solarsynth.integrity import MANIFEST
from solarsynth.inventory import inventory, removable, remove
from solarsynth.store import Store

KEYS = 3
STEPS = 60


class Killed(BaseException):
    pass


class Machine:
    """A store, and a model of it: for each parameter whether it is finished, damaged, unfinished or absent."""

    def __init__(self, folder, seed):
        self.store, self.rng = Store(folder), np.random.default_rng(seed)
        self.finished: dict[int, str] = {}  # parameter to "whole" or "damaged"
        self.slices: dict[int, int] = {}  # parameter to slices that a killed making left
        self.made = 0

    def path(self, which):
        entry = next((p for p in self.store.folder.glob(f"s/*/{MANIFEST}") if self._is(p, which)), None)
        return entry and entry.parent

    @staticmethod
    def _is(manifest, which):
        return "." not in manifest.parent.name and (manifest.parent / "which").read_text() == str(which)

    def make(self, which, stop_at=4):
        """Make a result of four slices, or be killed before slice `stop_at`."""
        begun = []

        def work(folder):
            begun.append(sorted(p.name for p in folder.glob("slice-*")))
            write_text(folder / "which", str(which))
            for number in range(4):
                if number == stop_at:
                    (folder / f".slice-{number}.99.tmp").write_text("half")
                    raise Killed
                if not (folder / f"slice-{number}").exists():
                    write_text(folder / f"slice-{number}", f"{which} {number}")

        try:
            entry = self.store.make("s", work, params={"which": which})
        except Killed:
            assert self.finished.get(which) != "whole"
            if self.finished.pop(which, None):
                self.slices.setdefault(which, 0)
            assert len(begun[0]) == self.slices.get(which, 0), "only the last unsaved slice is lost"
            self.slices[which] = max(stop_at, self.slices.get(which, 0))
            return
        if self.finished.get(which) == "whole":
            assert entry.reused and not begun
        else:
            assert not entry.reused and len(begun[0]) == self.slices.pop(which, 0)
        self.finished[which] = "whole"
        texts = [(entry.path / f"slice-{number}").read_text() for number in range(4)]
        assert texts == [f"{which} {number}" for number in range(4)]
        assert not [name for name in entry.manifest["files"] if "tmp" in name]

    def step(self):
        which = int(self.rng.integers(KEYS))
        what = self.rng.integers(7)
        path = self.path(which) if self.finished.get(which) == "whole" else None
        if what <= 1:
            self.make(which)
        elif what == 2:
            self.make(which, stop_at=int(self.rng.integers(4))) if self.finished.get(which) != "whole" else None
        elif what == 3 and path:
            damage = self.rng.integers(4)
            if damage == 0:
                (path / "slice-2").write_text("other")
            elif damage == 1:
                (path / "slice-1").unlink()
            elif damage == 2:
                (path / MANIFEST).write_text((path / MANIFEST).read_text()[:50])
            else:
                manifest = json.loads((path / MANIFEST).read_text())
                (path / MANIFEST).write_text(json.dumps(manifest | {"params": {"which": -1}}))
            self.finished[which] = "damaged"
        elif what == 4 and path:
            (path / ".DS_Store").write_text("stray")
        elif what == 5 and self.rng.random() < 0.3:
            for item in removable(self.store.folder):
                assert remove(item)
            # A result with another's parameters has its own key in the manifest, and only `make` tells.
            whole = {name for name in self.finished if self.path(name)}
            self.finished = {name: state for name, state in self.finished.items() if state == "whole" or name in whole}
            self.slices = {}
        elif what == 6 and path and self.rng.random() < 0.2:
            shutil.rmtree(path)
            del self.finished[which]

    def check(self):
        states = [item.state for item in inventory(self.store.folder)]
        assert states.count("running") == 0
        assert states.count("finished") >= sum(state == "whole" for state in self.finished.values())
        for which, state in self.finished.items():
            if state == "whole":
                assert self.path(which) is not None, "a finished result is never removed"


@pytest.mark.parametrize("seed", range(12))
def test_random_walks_agree_with_the_model(tmp_path, seed, capsys):
    machine = Machine(tmp_path, seed)
    for _ in range(STEPS):
        machine.step()
        machine.check()
