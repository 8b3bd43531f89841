import numpy as np
import pandas as pd
import pytest
from conftest import make_tables

from solarsynth.dataset.daily import daily_labels
from solarsynth.dataset.labelling import (
    event_flux,
    label_events,
    labelled_frames,
    normalised_frames,
    period,
    scale_confusion,
    usable_frames,
)
from solarsynth.errors import SolarsynthError
from solarsynth.flares import class_of_flux
from solarsynth.observations.archive import Archive
from solarsynth.observations.writing import write_archive
from solarsynth.times import DAY, HOUR, MINUTE, NO_TIME, SECOND, parse_times


def brute_force(events, xrs, frame_time, frame_tolerance, flux_tolerance):
    """Section 2.4, one event at a time."""
    bounds, found = [1e-7, 1e-6, 1e-5, 1e-4], {}
    for event in events.itertuples():
        if event.goes_class:
            flux = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}[event.goes_class[0]] * float(
                event.goes_class[1:]
            )
        else:
            later = [(t, f) for t, f in zip(xrs.time, xrs.flux, strict=True) if t >= event.peak]
            if not later or later[0][0] - event.peak > flux_tolerance:
                continue
            flux = later[0][1]
        frames = [i for i, t in enumerate(frame_time) if 0 <= t - event.peak <= frame_tolerance]
        if not frames:
            continue
        label = sum(flux >= b * (1 - 1e-9) for b in bounds)
        best = found.get(frames[0])
        if best is None or flux > best[1]:
            found[frames[0]] = (label, flux)
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("flux_tolerance", [6 * SECOND, MINUTE])
def test_equals_brute_force(seed, flux_tolerance):
    _, time, xrs, events = make_tables(24, seed)
    table, funnel = label_events(events, xrs, time, frame_tolerance=HOUR, flux_tolerance=flux_tolerance)
    expected = brute_force(events, xrs, time, HOUR, flux_tolerance)
    assert dict(zip(table["frame"], table["label"], strict=True)) == {k: v[0] for k, v in expected.items()}
    assert funnel["labelled frames"] == len(expected)
    assert table["events"].sum() == funnel["followed by a frame"]


def test_the_frame_follows_the_peak_within_the_tolerance():
    first = parse_times(["2012-01-01T00:00:00Z"])[0]
    frames = first + np.array([0, 6, 12]) * MINUTE
    peak = first + np.array([0, 1, 0, 12 * MINUTE + 1])
    events = pd.DataFrame({"peak": peak, "goes_class": "C1.0"})
    xrs = pd.DataFrame({"time": [], "flux": []}, dtype=float)
    table, _ = label_events(events, xrs, frames, frame_tolerance=7 * MINUTE)
    assert table["frame"].tolist() == [0, 1]
    assert table["delay"].tolist() == [0, 6 * MINUTE - 1] and table["delay"].dtype == np.int64


def test_the_strongest_event_labels_the_frame():
    events = pd.DataFrame({"peak": [10, 20, 30], "goes_class": ["C9.9", "M1.0", "B1.0"]})
    table, funnel = label_events(events, pd.DataFrame({"time": [], "flux": []}), np.array([1000]))
    assert table["label"].tolist() == [3] and table["peak"].tolist() == [20] and table["events"].tolist() == [3]
    assert funnel["followed by a frame"] == 3 and funnel["labelled frames"] == 1


def test_events_without_a_peak_are_counted_out():
    events = pd.DataFrame({"peak": [NO_TIME, 20], "goes_class": ["C9.9", "M1.0"]})
    _, funnel = label_events(events, pd.DataFrame({"time": [], "flux": []}), np.array([1000]))
    assert funnel["events"] == 2 and funnel["with a peak time while frames were taken"] == 1


def test_set_of_an_archive(shared_archive):
    table, image, funnel, about = labelled_frames(Archive(shared_archive), 8)
    assert image.shape == (len(table), 8, 8) and image.dtype == np.uint8
    assert funnel["with a sound image"] == len(table) and about["frame_tolerance"] == HOUR
    assert about["flux_tolerance"] == MINUTE and about["source"] == "archive"
    assert (table["frame_time"] - table["peak"] == table["delay"]).all() and table["delay"].between(0, HOUR).all()


def archive_of(folder, image, time, xrs, events, flux_tolerance=MINUTE, xrs_scale="operational"):
    """An hourly archive of tables as from `make_tables`."""
    attributes = {"frame_tolerance_minutes": 60.0, "flux_tolerance_seconds": flux_tolerance / SECOND}
    tables = {"xrs": xrs, "events": events, "xrs_scale": xrs_scale}
    write_archive(folder, image=image, time=time, unit="display", attributes=attributes, **tables)
    return Archive(folder)


def test_a_set_is_labelled_on_the_chosen_scale(tmp_path):
    """Flux on the science scale, events without a class: 1.2e-5 W/m² there is a C8.4 on the operational one."""
    image, time, xrs, events = make_tables()
    xrs["flux"] = 1.2e-5
    events["goes_class"] = ""
    xrs["satellite"] = 15
    archive = archive_of(tmp_path / "a", image, time, xrs, events, flux_tolerance=HOUR, xrs_scale="science")
    for scale, factor, label in (("operational", 0.7, 2), ("science", 1, 3), ("paper", 1, 3)):
        table, *_ = labelled_frames(archive, 16, scale)
        assert len(table) and not table["from_list"].any()
        np.testing.assert_allclose(table["flux"], 1.2e-5 * factor, rtol=1e-5)
        assert (table["label"] == label).all()
    assert labelled_frames(archive, 16)[0]["label"].eq(2).all()


def test_dark_and_nan_frames_are_counted_out(tmp_path):
    image, time, xrs, events = make_tables()
    image = image.astype(np.float32)
    table, _ = label_events(events, xrs, time, frame_tolerance=HOUR, flux_tolerance=MINUTE)
    image[table["frame"].iloc[0]] = np.nan
    image[table["frame"].iloc[1]] = 0
    left, frames, funnel, _ = labelled_frames(archive_of(tmp_path / "a", image, time, xrs, events), 16)
    assert funnel["with a sound image"] == funnel["labelled frames"] - 2 == len(left) == len(frames)


def test_an_archive_without_any_match(tmp_path):
    image, time, xrs, events = make_tables()
    events["peak"] = time[-1] + 3 * HOUR
    write_archive(tmp_path / "a", image=image, time=time, unit="display", xrs=xrs, events=events, attributes={})
    with pytest.raises(SolarsynthError, match=r"no frame gets a label.* within 7 min"):
        labelled_frames(Archive(tmp_path / "a"), 16)


@pytest.mark.parametrize("rows", [7, 100, 10_000])
@pytest.mark.parametrize("seed", range(3))
def test_flux_in_parts_gives_the_same_labels(seed, rows):
    _, time, xrs, events = make_tables(24, seed)
    whole, _ = label_events(events, xrs, time, frame_tolerance=HOUR, flux_tolerance=MINUTE)
    parts = (xrs.iloc[i : i + rows] for i in range(0, len(xrs), rows))
    in_parts, _ = label_events(events, parts, time, frame_tolerance=HOUR, flux_tolerance=MINUTE)
    pd.testing.assert_frame_equal(whole, in_parts)


def test_the_archive_gives_its_flux_in_parts(shared_archive):
    archive = Archive(shared_archive)
    parts = list(archive.xrs_parts(rows=500))
    assert len(parts) == 6
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), archive.xrs())


def test_scales_by_hand():
    events = pd.DataFrame({"peak": [0, 1000], "goes_class": ["X1.0", ""]})
    xrs = pd.DataFrame({"time": [1000], "flux": [1.2e-4], "satellite": [15]})
    flux = {
        scale: event_flux(events, xrs, flux_tolerance=6 * SECOND, scale=scale, xrs_scale="science")[0]
        for scale in ("operational", "science", "paper")
    }
    np.testing.assert_allclose(flux["operational"], [1e-4, 0.84e-4])
    np.testing.assert_allclose(flux["science"], [1e-4 / 0.7, 1.2e-4])
    np.testing.assert_allclose(flux["paper"], [1e-4, 1.2e-4])
    with pytest.raises(SolarsynthError, match="unknown scale 'papal'; did you mean 'paper'"):
        event_flux(events, xrs, flux_tolerance=6 * SECOND, scale="papal")


def test_classes_from_goes_16_on_have_one_scale():
    peak = parse_times(["2012-03-07T00:24", "2019-12-08T23:59", "2019-12-09T00:00", "2024-05-14T16:51", "2020-02-01"])
    events = pd.DataFrame({"peak": peak, "goes_class": "X1.0"})
    none = pd.DataFrame({"time": [], "flux": []}, dtype=float)

    def flux(scale, **columns):
        return event_flux(events.assign(**columns), none, flux_tolerance=SECOND, scale=scale)[0] * 1e4

    np.testing.assert_allclose(flux("science"), [1 / 0.7, 1 / 0.7, 1, 1, 1])
    np.testing.assert_allclose(flux("operational"), 1)
    # SWPC's own list names GOES-16 from 2017 on, with classes that equal GOES-15's until the change.
    np.testing.assert_allclose(flux("science", satellite=16), [1 / 0.7, 1 / 0.7, 1, 1, 1])
    np.testing.assert_allclose(flux("science", satellite=[15, 15, 16, 18, 15]), [1 / 0.7, 1 / 0.7, 1, 1, 1 / 0.7])


def test_flux_of_an_unknown_satellite_is_on_the_scale_of_its_time():
    peak = parse_times(["2012-03-07", "2024-05-14"])
    events = pd.DataFrame({"peak": peak, "goes_class": ""})
    xrs = pd.DataFrame({"time": peak, "flux": [1e-5, 1e-5]})
    flux, _ = event_flux(events, xrs, flux_tolerance=SECOND, scale="science")
    np.testing.assert_allclose(flux, [1e-5 / 0.7, 1e-5])


def test_confusion_between_scales():
    events = pd.DataFrame({"peak": [0] * 4, "goes_class": ["B6.9", "B7.1", "M7.0", "X1.0"]})
    xrs = pd.DataFrame({"time": [], "flux": []}, dtype=float)
    matrix = scale_confusion(events, lambda: [xrs], flux_tolerance=6 * SECOND, xrs_scale="science")
    assert matrix.loc["B", "B"] == 1 and matrix.loc["B", "C"] == 1 and matrix.loc["M", "X"] == 1
    assert matrix.loc["X", "X"] == 1 and matrix.to_numpy().sum() == 4


@pytest.mark.parametrize("tolerance, frames", [(1_999, [0]), (2_000, [0, 1])])
def test_the_tolerance_of_frames_is_in_milliseconds(tolerance, frames):
    events = pd.DataFrame({"peak": [1_000, 8_000], "goes_class": "C1.0"})
    xrs = pd.DataFrame({"time": [], "flux": []}, dtype=float)
    table, _ = label_events(events, xrs, np.array([1_000, 10_000]), frame_tolerance=tolerance)
    assert table["frame"].tolist() == frames


@pytest.mark.parametrize("tolerance, known", [(1_999, [True, False]), (2_000, [True, True])])
def test_the_tolerance_of_the_flux_is_in_milliseconds(tolerance, known):
    events = pd.DataFrame({"peak": [1_000, 8_000], "goes_class": ""})
    xrs = pd.DataFrame({"time": [1_500, 10_000], "flux": [1e-5, 2e-5]})
    flux, from_list = event_flux(events, xrs, flux_tolerance=tolerance)
    assert np.isfinite(flux).tolist() == known and not from_list.any()


def test_given_tolerances_replace_the_archives_own(shared_archive):
    archive = Archive(shared_archive)
    own, *_ = labelled_frames(archive, 16)
    table, _, _, about = labelled_frames(archive, 16, "operational", 20 * MINUTE, 30 * SECOND)
    expected, _ = label_events(
        archive.events(), archive.xrs(), archive.frames().time, frame_tolerance=20 * MINUTE, flux_tolerance=30 * SECOND
    )
    assert table["frame"].tolist() == expected["frame"].tolist() and len(table) < len(own)
    assert (about["frame_tolerance"], about["flux_tolerance"]) == (20 * MINUTE, 30 * SECOND)


def test_usable_frames_are_the_labelled_and_the_midnight_ones():
    _, time, xrs, events = make_tables()
    rules = {"frame_tolerance": HOUR, "flux_tolerance": MINUTE}
    table, _ = label_events(events, xrs, time, **rules)
    midnight = np.flatnonzero(time % DAY == 0)
    expected = sorted({*table["frame"], *midnight})
    assert usable_frames(events, xrs, time, xrs_scale="operational", **rules).tolist() == expected
    assert len(midnight) == 2


def test_normalised_frames_by_hand(shared_archive):
    archive = Archive(shared_archive)
    index = np.array([5, 0])
    image, sound = normalised_frames(archive, index, 8)
    raw = archive.read(archive.frames(), index).astype(float)
    assert sound.all() and np.abs(image - raw.reshape(2, 8, 2, 8, 2).mean(axis=(2, 4))).max() <= 0.5


def test_the_period_of_frames():
    assert period(parse_times(["2012-03-07T00:24:00Z", "2011-01-01T23:59:59Z"])) == "2011-01-01 to 2012-03-07"


class TestDaily:
    """One frame a day, the strongest flare of the next 24 hours."""

    first = int(parse_times(["2012-03-01"])[0])

    def frames(self):
        hours = np.arange(0, 24 * 5 + 1)
        return self.first + np.delete(hours, [23, 24, 25]) * HOUR  # no frame close to 2 March, 00:00

    def days(self, peaks, flux, **more):
        more = {"tolerance": HOUR} | more
        events = pd.DataFrame({"peak": self.first + (np.array(peaks) * HOUR).astype(np.int64)})
        more = {"covered": (self.first, self.first + 100 * DAY)} | more
        table, counts = daily_labels(events, np.array(flux), self.frames(), **more)
        return {int((d - self.first) // DAY): int(n) for d, n in zip(table["day"], table["label"], strict=True)}, counts

    def test_the_highest_class_wins(self):
        labels, counts = self.days([3, 5, 50, 60, 73], [2e-6, 3e-5, 1e-6, np.nan, 2e-4])
        assert labels == {0: 3, 2: 2, 3: 4}
        assert counts == {"days": 6, "days with a frame": 5, "days kept": 3}

    def test_all_days(self):
        labels, _ = self.days([3], [2e-6], mode="all-days")
        assert labels == {0: 2, 2: -1, 3: -1, 4: -1, 5: -1}

    def test_days_outside_the_list_are_left_out(self):
        peaks = np.arange(12, 120, 24)  # noon of the first five days of ten
        events = pd.DataFrame({"peak": self.first + peaks * HOUR})
        frame_time = self.first + np.arange(10) * DAY
        for mode in ("all-days", "paper"):
            table, counts = daily_labels(events, np.full(5, 1e-5), frame_time, mode=mode)
            assert table["label"].tolist() == [3] * 5 and counts["days kept"] == 5
            assert counts["days with a frame that the flare list does not cover"] == 5
        stated = (self.first, self.first + 8 * DAY)
        table, counts = daily_labels(events, np.full(5, 1e-5), frame_time, mode="all-days", covered=stated)
        assert table["label"].tolist() == [3] * 5 + [-1] * 3
        none, _ = daily_labels(events.iloc[:0], np.empty(0), frame_time, mode="all-days")
        assert none.empty

    def test_a_quiet_day_between_two_flares_is_covered(self):
        labels, counts = self.days([3, 123], [2e-6, 2e-6], mode="all-days", covered=None)
        assert labels == {0: 2, 2: -1, 3: -1, 4: -1, 5: 2} and "days with a frame that" not in " ".join(counts)

    def test_the_window_is_open_at_its_start_and_closed_at_its_end(self):
        labels, _ = self.days([48, 72], [1e-5, 1e-4], mode="all-days")
        assert labels[2] == 4 and labels[3] == -1

    def test_equals_brute_force(self):
        rng = np.random.default_rng(0)
        peaks, flux = rng.uniform(0, 120, 60), 10 ** rng.uniform(-8, -4, 60)
        labels, _ = self.days(peaks, flux, mode="all-days")
        for day, label in labels.items():
            inside = (peaks > 24 * day) & (peaks <= 24 * (day + 1))
            assert label == (class_of_flux(flux[inside].max()) if inside.any() else -1)

    def test_the_tolerance_is_in_milliseconds(self):
        assert self.days([3], [2e-6], mode="all-days", tolerance=2 * HOUR)[1]["days with a frame"] == 6
        assert self.days([3], [2e-6], mode="all-days", tolerance=2 * HOUR - 1)[1]["days with a frame"] == 5

    def test_no_frame_after_midnight_is_taken(self):
        # A frame 5 minutes after midnight may show the flare of its own window; one 40 minutes before cannot.
        frame_time = self.first + np.array([-40, 5, 24 * 60 + 39]) * MINUTE
        events = pd.DataFrame({"peak": [self.first + 3 * MINUTE]})
        table, _ = daily_labels(events, np.array([2e-5]), frame_time)
        assert frame_time[table["frame"]].tolist() == [self.first - 40 * MINUTE]
        assert (frame_time[table["frame"]] <= table["day"]).all() and table["label"].tolist() == [3]

    def test_the_day_before_is_known_from_the_list_even_without_a_frame(self):
        events = pd.DataFrame({"peak": self.first + np.array([30, 49]) * HOUR})
        table, _ = daily_labels(
            events, np.array([2e-5, 3e-6]), self.frames(), mode="all-days", tolerance=HOUR, covered=(0, 2 * self.first)
        )
        before = {int((d - self.first) // DAY): int(b) for d, b in zip(table["day"], table["before"], strict=True)}
        assert 1 not in before  # no frame close to 2 March
        assert before == {0: -1, 2: 3, 3: 2, 4: -1, 5: -1}

    def test_the_region_is_that_of_the_strongest_flare(self):
        events = pd.DataFrame({"peak": self.first + np.array([3, 5, 50]) * HOUR, "noaa": [11, 12, 11], "location": ""})
        table, _ = daily_labels(events, np.array([2e-6, 3e-5, 1e-6]), self.frames())
        assert table["region"].tolist() == [1, 0]

    def test_an_unknown_mode(self):
        with pytest.raises(SolarsynthError, match="unknown mode 'all'; did you mean 'all-days'"):
            self.days([3], [2e-6], mode="all")
