"""Read a list of flares in several forms; the last line is JSON (``seconds`` per form, for ``events`` events)."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from solarsynth.observations.lists import read_events
from solarsynth.times import MINUTE, format_times, parse_times


def write_lists(folder: Path, events: int) -> None:
    """Write one list of made-up flares in the forms that are read in different ways."""
    rng = np.random.default_rng(0)
    start, end = parse_times(["2011-01-01", "2024-01-01"])
    times = np.sort(rng.integers(start, end, events)) // MINUTE * MINUTE
    columns = {"start": times, "peak": times + 10 * MINUTE, "end": times + 20 * MINUTE}
    table = pd.DataFrame({name: format_times(column) for name, column in columns.items()})
    table["goes_class"] = [f"{letter}{rng.uniform(1, 9.9):.1f}" for letter in rng.choice(list("BCMX"), events)]
    table.to_csv(folder / "iso.csv", index=False)
    stamps = {name: pd.Series(pd.to_datetime(column, unit="ms")) for name, column in columns.items()}
    hhmm = {name: column.dt.strftime("%H%M") for name, column in stamps.items()}
    table.assign(date=stamps["start"].dt.strftime("%Y%m%d"), **hhmm).to_csv(folder / "hhmm.csv", index=False)
    for name, form in (("months", "%d-%b-%Y %H:%M:%S"), ("tai", "%Y.%m.%d_%H:%M:%S_TAI")):
        texts = {key: column.dt.strftime(form) for key, column in stamps.items()}
        table.assign(**texts).to_csv(folder / f"{name}.csv", index=False)
    names = {"start": "event_starttime", "peak": "event_peaktime", "end": "event_endtime", "goes_class": "fl_goescls"}
    rows = table.rename(columns=names).assign(hgs_coord="POINT(3.1 15.3)", frm_name="SWPC")
    (folder / "hek.json").write_text(json.dumps({"result": rows.to_dict("records")}))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    events = parser.parse_args().events
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        write_lists(Path(folder), events)
        for path in sorted(Path(folder).iterdir()):
            started = time.perf_counter()
            table, _ = read_events(path)
            seconds[path.name] = round(time.perf_counter() - started, 2)
            assert len(table) == events
    print(
        json.dumps({"benchmark": "event_lists", "events": events, "seconds": seconds, "slowest": max(seconds.values())})
    )


if __name__ == "__main__":
    main()
