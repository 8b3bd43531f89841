"""Active regions found from a list of events, against the regions of the simulated Sun, which are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from solarsynth.dataset.regions import NO_REGION, active_regions
from solarsynth.observations.locations import location_text, parse_locations, rotation_rate
from solarsynth.observations.simulated.cycle import emerge
from solarsynth.observations.simulated.flaring import flare
from solarsynth.times import DAY, NO_TIME, parse_times


def listed(days, locations, noaa):
    return pd.DataFrame({"peak": (np.array(days) * DAY).astype(np.int64), "location": locations, "noaa": noaa})


def test_locations_and_back():
    latitude, longitude = parse_locations(["N18W33", "S05E102"])
    assert [location_text(*place) for place in zip(latitude, longitude, strict=True)] == ["N18W33", "S05E102"]


def test_one_number_is_one_region():
    assert active_regions(listed([0, 1, 5], ["", "", ""], [11158, 11159, 11158])).tolist() == [0, 1, 0]


def test_an_unnumbered_flare_joins_the_region_at_its_place():
    turned = location_text(15, -40 + 3 * rotation_rate(15))
    events = listed([0, 3, 3], ["N15E40", turned, "S15W00"], [11158, 0, 0])
    assert active_regions(events).tolist() == [0, 0, 1]


def test_a_region_that_comes_back_is_the_same_one():
    period = 360 / rotation_rate(15)
    events = listed([0, 6, 12, period + 3], ["N15E80", "N15E01", "N15W79", "N15E40"], [11158, 11158, 11158, 11170])
    assert active_regions(events).tolist() == [0, 0, 0, 0]
    events = listed([0, 6, 12, period + 1], ["N15E80", "N15E01", "N15W79", "N15E40"], [11158, 11158, 11158, 11170])
    assert active_regions(events).tolist() == [0, 0, 0, 1]


def test_neighbours_with_two_numbers_are_two_regions():
    assert active_regions(listed([0, 0.5], ["N15E40", "N15E36"], [11158, 11159])).tolist() == [0, 1]


def test_an_event_without_number_and_place_has_no_region():
    events = pd.DataFrame({"peak": [0, NO_TIME], "goes_class": ["C1.0", "C1.0"]})
    assert active_regions(events).tolist() == [NO_REGION, NO_REGION]


@pytest.mark.parametrize("numbered", [False, True])
def test_simulated_regions_are_found_again(numbered):
    start, end = parse_times(["2016-01-01", "2018-01-01"])  # few regions at a time
    rng = np.random.default_rng(3)
    flares = flare(rng, emerge(rng, start, end), start, end)
    flares = flares[flares["flux"] > 3e-7].reset_index(drop=True)
    flares["noaa"] = np.where(rng.uniform(size=len(flares)) < 0.7, flares["region"] + 1, 0) if numbered else 0
    found = active_regions(flares)
    assert adjusted_rand_score(flares["region"], found) > (0.9 if numbered else 0.6)
