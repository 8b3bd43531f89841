"""Real frames, where they are at hand: from three files to a labelled set."""

import numpy as np
import pandas as pd
import pytest

from solarsynth.dataset.daily import daily_labels
from solarsynth.dataset.labelling import labelled_frames
from solarsynth.observations.archive import Archive
from solarsynth.observations.importing import import_archive
from solarsynth.times import parse_times


@pytest.fixture(scope="module")
def real_archive(real_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "suns-2012"
    import_archive(
        path,
        frames=real_folder / "frames-64.npz",
        flux=real_folder / "goes-xrs-5min.csv.gz",
        events=[real_folder / "goes-flares-2010-2019.csv"],
        tolerance_minutes=60,
    )
    return Archive(path)


def test_frames_are_those_of_the_file_with_north_up(real_archive, real_folder):
    with np.load(real_folder / "frames-64.npz") as file:
        image, time = file["image"], parse_times(file["t_obs"])
    frames = real_archive.frames()
    assert np.array_equal(frames.time, time)
    assert np.array_equal(real_archive.read(frames, np.arange(50)), image[:50, ::-1])


def test_labels_equal_a_join_by_pandas(real_archive, real_folder):
    table, _, funnel, _ = labelled_frames(real_archive, 64)
    flares = pd.read_csv(real_folder / "goes-flares-2010-2019.csv")
    flares["peak"] = pd.to_datetime(flares["peak"], utc=True)
    frames = pd.DataFrame({"t": pd.to_datetime(real_archive.frames().time, unit="ms", utc=True)})
    frames["t"] = frames["t"].astype(flares["peak"].dtype)
    frames["frame"] = frames.index
    flares = flares.dropna(subset=["goes_class", "peak"]).sort_values("peak")
    joined = pd.merge_asof(
        flares, frames, left_on="peak", right_on="t", direction="forward", tolerance=pd.Timedelta("60min")
    ).dropna(subset=["frame"])
    joined["label"] = joined["goes_class"].str[0].map({"A": 0, "B": 1, "C": 2, "M": 3, "X": 4})
    expected = joined.groupby("frame")["label"].max()
    assert np.array_equal(expected.index.to_numpy(int), table["frame"][table["frame"].isin(expected.index)].to_numpy())
    same = table.set_index("frame")["label"].reindex(expected.index) == expected
    assert same.mean() > 0.99  # the rest: a flare without a class, brighter in the flux
    assert funnel["labelled frames"] == len(table)


def test_the_science_scale_of_2012_divides_every_listed_class(real_archive):
    """Lists before GOES-16 hold the factor: the labels of 2012 do not depend on the rule for later ones."""
    from solarsynth.flares import class_of_flux, flux_of_class

    events = real_archive.events()
    listed = flux_of_class(events["goes_class"])
    table, *_ = labelled_frames(real_archive, 64, "science")
    table = table[table["from_list"]]
    expected = {(p, round(f / 0.7, 12)) for p, f in zip(events["peak"], listed, strict=True)}
    assert len(table) > 500
    assert all((p, round(f, 12)) in expected for p, f in zip(table["peak"], table["flux"], strict=True))
    assert np.array_equal(table["label"], class_of_flux(table["flux"]))


def test_the_list_covers_every_day_of_2012(real_archive):
    events = real_archive.events()
    for covered in (None, (0, 2**62)):
        table, counts = daily_labels(
            events, np.full(len(events), np.nan), real_archive.frames().time, mode="all-days", covered=covered
        )
        assert len(table) == counts["days with a frame"] == 263


def test_there_is_almost_no_a_class(real_archive):
    table, *_ = labelled_frames(real_archive, 64)
    counts = np.bincount(table["label"], minlength=5)
    assert counts[0] == 0 and counts[2] > counts[1] > counts[3] > counts[4] > 0


def test_the_limb_is_where_the_readme_says(real_archive):
    frames = real_archive.frames()
    mean = real_archive.read(frames, np.arange(0, len(frames), 20)).mean(0)
    axis = np.arange(64) + 0.5 - 32
    r = np.hypot(*np.meshgrid(axis, axis)) / 64
    profile = [mean[(r > a) & (r <= a + 0.01)].mean() for a in np.arange(0.3, 0.5, 0.01)]
    assert 0.3 + 0.01 * np.argmax(profile) == pytest.approx(0.425, abs=0.02)
