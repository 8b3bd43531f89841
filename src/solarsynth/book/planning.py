"""What a run would take, said before it: images seen, trials, samples, network evaluations, and hours here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from solarsynth import stages
from solarsynth.book import requests
from solarsynth.book.notebooks import PAGES
from solarsynth.devices import describe_device
from solarsynth.errors import SolarsynthError, did_you_mean, shown
from solarsynth.stages.recording import Network, Recorder, Work


@dataclass(frozen=True)
class PagePlan:
    """What a page is the first to ask for.

    Attributes
    ----------
    page : str
    work : tuple of Work
        Results that the store lacks.
    stored : int
        Results that it holds.
    why : str
        Why the observations do not allow all that the page asks for; empty if they do.
    """

    page: str
    work: tuple[Work, ...]
    stored: int
    why: str = ""

    def count(self, name: str) -> int:
        """Return the sum of an attribute of the work: ``seen``, ``drawn`` or ``evaluations``."""
        return sum(getattr(one, name) for one in self.work)

    def results(self, *names: str) -> int:
        """Return how many results of these stages are to be made."""
        return sum(one.stage in names for one in self.work)

    def seconds(self, speeds: Mapping[Network, Speed]) -> float:
        """Return how long the work takes."""
        return sum(
            (one.seen + one.watched) * speeds[one.network].train + one.evaluations * speeds[one.network].evaluate
            for one in self.work
            if one.network is not None
        )


@dataclass(frozen=True)
class Speed:
    """Seconds that a network takes on this machine.

    Attributes
    ----------
    train : float
        Per image that it sees in training.
    evaluate : float
        Per evaluation of an image in drawing.
    """

    train: float = 0.0
    evaluate: float = 0.0


def plan(lab: Recorder, pages: Sequence[str] = ()) -> list[PagePlan]:
    """Return what a run would make, by the page that asks for it first.

    Parameters
    ----------
    lab : Recorder
        The run's settings, source and seeds. Its observations and data sets are made if the store lacks them.
    pages : sequence of str
        All by default.

    Raises
    ------
    SolarsynthError
        For an unknown page.
    """
    for name in pages:
        if name not in PAGES:
            raise SolarsynthError(f"unknown page {shown(name)}{did_you_mean(name, PAGES)}")
    stages.archive(lab)  # a wrong folder fails here, once
    rows = []
    for name in pages or PAGES:
        before, why = len(lab.found), ""
        try:
            requests.ask(name, lab)
        except SolarsynthError as error:
            why = str(error)
        new = list(lab.found.values())[before:]
        rows.append(PagePlan(name, tuple(one for one in new if not one.stored), sum(one.stored for one in new), why))
    return rows


def measure(
    rows: Sequence[PagePlan], budget: float = 2.0, told: Callable[[str], None] = lambda text: None
) -> dict[Network, Speed]:
    """Time a few steps of every network of a plan on this machine.

    Parameters
    ----------
    rows : sequence of PagePlan
    budget : float
        Seconds for each network and task; a slow network takes longer.
    told : callable
        Called with the name of each network before it is timed.
    """
    from solarsynth.stages.timing import seconds_per_evaluation, seconds_per_trained_image

    work = [one for row in rows for one in row.work if one.network is not None]
    speeds = {}
    for network in dict.fromkeys(one.network for one in work):
        told(network.name)
        trains, draws = (any(getattr(one, n) for one in work if one.network == network) for n in ("seen", "drawn"))
        speeds[network] = Speed(
            seconds_per_trained_image(network, budget) if trains else 0.0,
            seconds_per_evaluation(network, budget) if draws else 0.0,
        )
    return speeds


#: Columns of the table: title, and the number of a page.
COLUMNS: dict[str, Callable[[PagePlan], int]] = {
    "trainings": lambda row: row.results("model", "cevae", "prior", "classifier"),
    "trials": lambda row: row.results("trial"),
    "images seen": lambda row: row.count("seen"),
    "samples": lambda row: row.count("drawn"),
    "evaluations": lambda row: row.count("evaluations"),
}


def as_json(lab: Recorder, rows: Sequence[PagePlan], speeds: Mapping[Network, Speed] | None) -> dict[str, Any]:
    """Return a plan as JSON types; ``seconds`` is None where nothing was measured."""

    def numbers(several: Sequence[PagePlan]) -> dict[str, Any]:
        found = {title.replace(" ", "_"): sum(map(count, several)) for title, count in COLUMNS.items()}
        seconds = None if speeds is None else round(sum(row.seconds(speeds) for row in several), 1)
        return found | {"stored": sum(row.stored for row in several), "seconds": seconds}

    return {
        "profile": lab.profile,
        "source": lab.source,
        "seed": lab.seed,
        "sample_seed": lab.sample_seed,
        "device": describe_device(),
        "pages": [{"page": row.page, "why": row.why} | numbers([row]) for row in rows],
        "total": numbers(rows),
        "networks": [
            {"network": network.name, "architecture": network.architecture, "training": network.training}
            | {f"seconds_to_{name}": value for name, value in asdict(speed).items()}
            for network, speed in (speeds or {}).items()
        ],
    }
