"""The graph of stages: a stage is data, and a lab makes results on request.

A `Stage` says what it makes, from which settings and from which other stages. A `Lab` binds settings, a source of
observations, a seed and the store, and knows no stage. The key of a result follows from the row alone: the stage's
name and version, the settings it reads, the request, and the keys of the stages it needs. So a key is known before
anything is made, and a changed setting makes anew only what depends on it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.settings import Settings, load_settings
from solarsynth.store import Entry, Store, readable_duration, stage_key

Ask = Mapping[str, Any]

# What `data` is for each source that needs it.
_DATA = {
    "archive": "the folder of an archive",
    "quicklook": "a period such as 2012-01-01/2012-03-01",
    "sdoml": "years such as 2011-2019",
    "labelled": "the .npz of a labelled set that `solarsynth dataset --out` wrote",
}
SOURCES = ("simulated", *_DATA)


class Need(NamedTuple):
    """A stage above, and the request to it."""

    stage: Stage
    ask: Ask = MappingProxyType({})


@dataclass(frozen=True)
class Stage:
    """One kind of result.

    Attributes
    ----------
    name : str
        Folder of its results in the store.
    title : str
        What it makes, for people.
    make : callable
        ``make(job)`` fills ``job.folder``. The folder is kept if the call is killed and handed over again, so that
        long work can go on from what lies there.
    load : callable
        ``load(lab, entry)`` returns the value.
    reads : tuple of str, or callable
        Settings in the key, and ``seed`` if it depends on the lab's; a callable maps lab and request to them. A job can
        read no other setting.
    fills : tuple of str
        Settings that fill in what was not asked. The key holds what they give, by way of `identity`.
    above : tuple of str
        Names of the stages that `needs` may return: the edges of the graph.
    needs : callable
        ``needs(lab, ask)`` returns, by name, the `Need`s of a request, or keys of data that no stage made.
    ask : mapping
        Parameters of a request, with defaults.
    identity : callable
        ``identity(lab, ask)`` returns the request as JSON types, for the key.
    given : callable
        ``given(lab)`` returns an entry that the user provides in the stage's place, or None.
    version : int
        Increased when the code of the stage changes its result.
    on_device : bool
        Whether it computes on the GPU, if there is one.
    together : bool
        Whether it trains a network that takes long: all processes that torchrun started make it together, and the lab
        says so before it begins.
    keep : bool
        Whether the lab keeps the loaded value in memory.
    """

    name: str
    title: str
    make: Callable[[Job], None]
    load: Callable[[Lab, Entry], Any]
    reads: tuple[str, ...] | Callable[[Lab, Ask], tuple[str, ...]] = ()
    fills: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    needs: Callable[[Lab, Ask], Mapping[str, Need | str]] = lambda lab, ask: {}
    ask: Ask = field(default_factory=dict)
    identity: Callable[[Lab, Ask], dict[str, Any]] = lambda lab, ask: dict(ask)
    given: Callable[[Lab], Entry | None] = lambda lab: None
    version: int = 1
    on_device: bool = False
    together: bool = False
    keep: bool = False

    def settings_of(self, lab: Lab, ask: Ask) -> tuple[str, ...]:
        """Return the settings that a request depends on."""
        return self.reads(lab, ask) if callable(self.reads) else self.reads


class _Declared:
    """The settings that a stage declared; reading another one is a fault of the stage."""

    def __init__(self, lab: Lab, stage: Stage, ask: Ask) -> None:
        self._lab, self._stage, self._names = lab, stage, (*stage.settings_of(lab, ask), *stage.fills)

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise RuntimeError(f"stage {self._stage.name!r} reads the setting {shown(name)} without declaring it")
        return self._lab.seed if name == "seed" else getattr(self._lab.settings, name)


@dataclass(frozen=True)
class Job:
    """The making of one result.

    Attributes
    ----------
    lab : Lab
    stage : Stage
    ask : mapping
        The request, with defaults filled in.
    folder : Path
        Where it is made.
    """

    lab: Lab
    stage: Stage
    ask: Ask
    folder: Path

    @property
    def settings(self) -> Any:
        """The settings that the stage declared, and ``seed`` if it did."""
        return _Declared(self.lab, self.stage, self.ask)

    def need(self, name: str) -> Any:
        """Return the loaded value of a stage above, by the name that `Stage.needs` gives it."""
        stage, ask = self.stage.needs(self.lab, self.ask)[name]
        return self.lab.load(stage, **ask)

    def entry(self, name: str) -> Entry:
        """Return the entry of a stage above."""
        stage, ask = self.stage.needs(self.lab, self.ask)[name]
        return self.lab.entry(stage, **ask)


#: torch takes no larger seed.
LARGEST_SEED = 2**63 - 1


@dataclass
class Lab:
    """Settings, a source of observations, two seeds and the store.

    Parameters
    ----------
    profile : str or Settings
        Name of a profile, path of a YAML file, or settings.
    source : {"simulated", "archive", "quicklook", "sdoml", "labelled"}
    data : str
        With ``archive`` its folder, with ``sdoml`` years (``2011-2019``), with ``quicklook`` a period
        (``2012-01-01/2012-03-01``), with ``labelled`` the file of a labelled set.
    seed : int
        Seed of training: which model. The split has its own, fixed one.
    overrides : dict, optional
        Settings that replace the profile's; None leaves the profile's value.
    dask : str
        Address of a dask scheduler that reads the frames of ``sdoml``; threads of this process without it.
    compiled : bool
        Whether networks are trained with torch.compile, which changes results by rounding only.
    sample_seed : int
        Seed of sampling: which images are drawn. No training depends on it, except one on drawn images (Sect. 8).
    """

    profile: str | Settings = "smoke"
    source: str = "simulated"
    data: str = ""
    seed: int = 0
    overrides: dict[str, Any] | None = None
    dask: str = ""
    compiled: bool = False
    sample_seed: int = 0

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise SolarsynthError(f"unknown source {shown(self.source)}{did_you_mean(self.source, SOURCES)}")
        if self.source in _DATA and not self.data:
            raise SolarsynthError(f"source {shown(self.source)} needs data: {_DATA[self.source]} (DATA=… or -p data …)")
        if self.source == "simulated" and self.data:
            got = shown(self.data)
            raise SolarsynthError(f"source 'simulated' takes no data, got {got}; choose source 'archive' for it")
        for name in ("seed", "sample_seed"):
            seed = getattr(self, name)
            if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
                raise SolarsynthError(f"{name} must be a whole number from 0 to 2**63 - 1, got {shown(seed)}")
        if isinstance(self.profile, Settings):
            self.settings = self.profile.replace(**(self.overrides or {}))
            self.profile = "custom"
        else:
            self.settings = load_settings(self.profile, **(self.overrides or {}))
            self.profile = Path(self.profile).stem
        self.store = Store()
        self._entries: dict[tuple[str, str], Entry] = {}
        self._values: dict[tuple[str, str], Any] = {}
        self._making: list[Stage] = []  # the stages that are being made, each for the one before it

    def variant(self, *, source: str = "", seed: int | None = None, **changes: Any) -> Lab:
        """Return a lab with other settings, another source (one that needs no data) or another seed of training."""
        data = "" if source and source != self.source else self.data
        seed = self.seed if seed is None else seed
        lab = replace(
            self, profile=self.settings, source=source or self.source, data=data, seed=seed, overrides=changes
        )
        lab.profile = self.profile
        return lab

    def key(self, stage: Stage, **ask: Any) -> str:
        """Return the key of a result without making it.

        Some keys need the observations: which classes a trial of Section 8 adds depends on the labelled set.
        """
        given = stage.given(self)
        if given is not None:
            return given.key
        return stage_key(stage.name, stage.version, self._params(stage, ask), self._upstream(stage, ask))

    def entry(self, stage: Stage, **ask: Any) -> Entry:
        """Return a result's entry in the store, made with all that it needs if the store does not hold it."""
        if self._making and stage.name not in (*self._making[-1].above, self._making[-1].name):
            raise RuntimeError(f"stage {self._making[-1].name!r} uses {stage.name!r} without declaring it")
        given = stage.given(self)
        if given is not None:
            return given
        ask = {**stage.ask, **ask}
        params, upstream = self._params(stage, ask), self._upstream(stage, ask)
        found = (stage.name, stage_key(stage.name, stage.version, params, upstream))
        if found not in self._entries:
            several = stage.together and int(os.environ.get("WORLD_SIZE", "1")) > 1
            make = _make_together if several else Store.make
            self._entries[found] = make(
                self.store,
                stage.name,
                lambda folder: self._run(Job(self, stage, ask, folder)),
                params=params,
                upstream=upstream,
                stage_version=stage.version,
                device=_device_name if stage.on_device else lambda: "cpu",
            )
        return self._entries[found]

    def _run(self, job: Job) -> None:
        if job.stage.together:
            self._announce(job)
        self._making.append(job.stage)
        try:
            job.stage.make(job)
        finally:
            self._making.pop()

    def _announce(self, job: Job) -> None:
        """Say on standard error that a training begins, and how long the last one with these settings took."""
        stage, ask = job.stage, job.ask
        if int(os.environ.get("RANK", "0")):
            return
        before = self.store.last_made(stage.name, self._params(stage, ask))
        unusual = [f"{k} {v}, " for k, v in ask.items() if k not in ("model", "seed") and v != stage.ask[k]]
        details = "".join(unusual) + f"seed {ask.get('seed', self.seed)}"
        last = "no earlier one with these settings to judge by"
        if before is not None:
            last = f"the last one took {readable_duration(before['seconds'])} on {before['device']}"
        print(f"solarsynth: training {ask.get('model', stage.name)} ({details}); {last}", file=sys.stderr, flush=True)

    def load(self, stage: Stage, **ask: Any) -> Any:
        """Return a result's value; see `entry`."""
        entry = self.entry(stage, **ask)
        if not stage.keep:
            return stage.load(self, entry)
        return self.remember((stage.name, entry.key), lambda: stage.load(self, entry))

    def remember(self, name: tuple[str, str], compute: Callable[[], Any]) -> Any:
        """Return a value that is computed once in the life of this lab."""
        if name not in self._values:
            self._values[name] = compute()
        return self._values[name]

    def _params(self, stage: Stage, ask: Ask) -> dict[str, Any]:
        ask = {**stage.ask, **ask}
        for name in ask:
            if name not in stage.ask:
                raise TypeError(f"stage {stage.name!r} takes no parameter {shown(name)}")
        declared = _Declared(self, stage, ask)
        settings = {name: getattr(declared, name) for name in stage.settings_of(self, ask)}
        return {"settings": settings, "ask": stage.identity(self, ask)}

    def _upstream(self, stage: Stage, ask: Ask) -> dict[str, str]:
        upstream = {}
        for name, need in stage.needs(self, {**stage.ask, **ask}).items():
            if isinstance(need, str):
                upstream[name] = need
                continue
            if need.stage.name not in stage.above:
                raise RuntimeError(f"stage {stage.name!r} needs {need.stage.name!r} without declaring it")
            upstream[name] = self.key(need.stage, **need.ask)
        return upstream


def _device_name() -> str:
    from solarsynth.devices import describe_device

    return describe_device()


def _make_together(store: Store, stage: str, make: Callable[[Path], None], **arguments: Any) -> Entry:
    """Make an entry with all processes that torchrun started.

    Process 0 holds the lock. It tells the others in which folder to work, or that there is nothing to do.
    """
    from solarsynth.diffusion import distributed

    if distributed.world() == 1:
        return store.make(stage, make, **arguments)
    if distributed.rank():
        folder = distributed.from_first()
        if folder:
            make(Path(folder))
        distributed.barrier()  # until process 0 has finished the entry
        return store.make(stage, make, **arguments)
    announced = []

    def together(folder: Path) -> None:
        announced.append(distributed.from_first(str(folder)))
        make(folder)

    entry = store.make(stage, together, **arguments)
    if not announced:
        distributed.from_first("")
    distributed.barrier()
    return entry
