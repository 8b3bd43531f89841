"""Labels by other rules, against a loop over frames and against classes whose change is known."""

import numpy as np
import pandas as pd
import pytest

from solarsynth.dataset.label_choices import Rule, compare_labels, rules, sentence, shown
from solarsynth.flares import CLASSES, class_of_flux, flux_of_class
from solarsynth.observations.archive import Archive
from solarsynth.observations.writing import write_archive
from solarsynth.times import MINUTE, NO_TIME, SECOND, parse_times

OWN = Rule("operational", 60 * MINUTE)


def archive_of(folder, goes_class, minutes, method, frames=48):
    """Write an archive of hourly frames; flares peak so many minutes before the hours 1, 2, 3 and so on."""
    first = parse_times(["2012-03-01T00:00:00Z"])[0]
    time = first + np.arange(frames) * 60 * MINUTE
    peak = time[1 : len(minutes) + 1] - np.array(minutes) * MINUTE
    events = pd.DataFrame(
        {"peak": peak, "start": peak - MINUTE, "end": peak + MINUTE, "goes_class": goes_class, "method": method}
    )
    events["noaa"] = 11400 + np.arange(len(events)) // 2
    write_archive(
        folder,
        image=np.full((frames, 16, 16), 100, np.uint8),
        time=time,
        unit="display",
        xrs=pd.DataFrame({"time": time, "flux": np.full(frames, 1e-7)}),
        events=events,
        attributes={"source": "archive"},
    )
    return Archive(folder)


def test_classes_that_the_scale_moves(tmp_path):
    """GOES-15's list holds 0.7 of the flux: M7.5 is X1.07 on the science scale, M6.9 stays M, and so on."""
    archive = archive_of(tmp_path / "a", ["M7.5", "M6.9", "C6.9", "C7.1", "B1.0"], [5, 5, 30, 30, 5], "SWPC")
    table = compare_labels(archive, rules(archive.events(), *OWN[:2]), 6 * SECOND)
    assert list(table.index) == [
        *("operational, 60 min", "operational, 7 min", "science, 7 min", "science, 60 min"),
    ]
    science = table.loc["science, 60 min"]
    assert list(table.loc["operational, 60 min", list(CLASSES)]) == [0, 1, 2, 2, 0]
    assert list(science[list(CLASSES)]) == [0, 1, 1, 2, 1]
    assert science["changed"] == pytest.approx(2 / 5) and science["shared"] == 5
    assert (table.loc["operational, 7 min", "images"], table.loc["operational, 7 min", "changed"]) == (3, 0)
    assert table.loc["science, 7 min", "changed"] == pytest.approx(1 / 3)
    assert list(table["regions"]) == [3, 2, 2, 3] and list(table["M and X regions"]) == [1, 1, 1, 2]
    assert "'science, 60 min' changes the largest share of classes: 40.0% of the 5 images" in sentence(table)
    assert shown(table).loc["science, 60 min", "changed"] == "40.0%"


def brute(archive, rule):
    """Label every frame by looking at every event."""
    events, found = archive.events(), {}
    for index, time in enumerate(archive.frames().time):
        shown_here = []
        for row in events.itertuples():
            first_after = min((t for t in archive.frames().time if t >= row.peak), default=None)
            listed = not rule.method or row.method == rule.method
            if row.peak != NO_TIME and listed and first_after == time and time - row.peak <= rule.tolerance:
                factor = 1 / 0.7 if rule.scale == "science" else 1
                shown_here.append(float(flux_of_class([row.goes_class])[0]) * factor)
        if shown_here:
            found[index] = int(class_of_flux(np.array([max(shown_here)]))[0])
    return found


def test_every_rule_against_a_loop(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{rng.choice(list('BCM'))}{rng.uniform(1, 9.9):.1f}" for _ in range(40)]
    archive = archive_of(tmp_path / "b", names, rng.integers(0, 110, 40).tolist(), rng.choice(["SWPC", "SSW"], 40))
    compared = rules(archive.events(), *OWN[:2])
    assert compared[-2:] == [OWN._replace(method="SSW"), OWN._replace(method="SWPC")]
    table = compare_labels(archive, compared, 6 * SECOND)
    own = brute(archive, OWN)
    for rule in compared:
        found, row = brute(archive, rule), table.loc[str(rule)]
        assert list(row[list(CLASSES)]) == np.bincount(list(found.values()), minlength=5).tolist()
        both = found.keys() & own.keys()
        assert row["shared"] == len(both)
        assert row["changed"] == pytest.approx(np.mean([found[i] != own[i] for i in both]))


def test_a_list_with_nothing_in_time_is_said(tmp_path):
    archive = archive_of(tmp_path / "c", ["C1.0", "C2.0"], [30, 40], "SWPC")
    table = compare_labels(archive, [OWN, Rule("operational", 7 * MINUTE)], 6 * SECOND)
    assert list(table["images"]) == [2, 0] and np.isnan(table["changed"].iloc[1])
    assert "no other rule labels any of its 2 images" in sentence(table)
