"""Every figure against a stored picture, and what the figures show against the numbers that went in.

The pictures lie in ``tests/baseline_figures``. After a change that is meant, look at the new pictures before you keep
them. This command makes them anew::

    pytest tests/test_figures.py -k picture --mpl-generate-path=tests/baseline_figures
"""

import matplotlib

matplotlib.use("Agg")

import functools
import inspect
from collections import Counter
from pathlib import Path

import figure_cases as cases
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from figure_cases import CASES
from matplotlib.colors import to_rgba

from solarsynth import figures
from solarsynth.diffusion.schedule import Schedule
from solarsynth.errors import SolarsynthError
from solarsynth.figures.networks import block_shapes
from solarsynth.metrics.physics import columns_of

BASELINES = Path(__file__).parent / "baseline_figures"

PICTURE = {"baseline_dir": BASELINES.name, "style": "default", "tolerance": 1, "savefig_kwargs": {"dpi": 50}}


@functools.cache
def drawn(name):
    """The figure of a case, for tests that only read it."""
    return CASES[name]()


def panels(figure):
    """Axes of a figure that hold data: without colour bars."""
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def line(ax, label):
    """The data (n, 2) of the curve with a label."""
    return next(curve.get_xydata() for curve in ax.lines if curve.get_label() == label)


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def marked(name):
    picture = pytest.mark.mpl_image_compare(filename=f"{name}.png", **PICTURE)
    return pytest.param(name, marks=picture, id=name)


@pytest.mark.parametrize("name", [marked(name) for name in CASES])
def test_picture(name):
    return CASES[name]()


def test_every_public_figure_has_a_picture_that_is_compared(pytestconfig):
    public = {name: getattr(figures, name) for name in figures.__all__ if inspect.isfunction(getattr(figures, name))}
    returning = {name for name, function in public.items() if inspect.signature(function).return_annotation == "Figure"}
    assert returning == set(CASES) == {path.stem for path in BASELINES.iterdir()}
    compared = pytestconfig.getoption("mpl") or pytestconfig.getoption("mpl_generate_path")
    assert compared, "without --mpl no picture is compared; it belongs to addopts in pyproject.toml"


@pytest.mark.parametrize("name", CASES)
def test_axes_have_labels(name):
    """Every axis with numbers has a label; panels side by side may share the one at the left."""
    figure = drawn(name)
    left = {ax.get_subplotspec().rowspan.start: ax for ax in reversed(panels(figure)) if ax.axison}
    for ax in figure.axes:
        if not ax.axison:
            continue
        if ax in panels(figure) and len(ax.get_yticks()):
            assert ax.get_ylabel() or left[ax.get_subplotspec().rowspan.start].get_ylabel()
        if len(ax.get_xticks()):
            assert ax.get_xlabel()


@pytest.mark.parametrize(
    "name, unit",
    [
        ("butterfly", "/ °"),
        ("figure_a_1", "/ min"),
        ("figure_4", "/ 8-bit steps"),
        ("control_curve", "/ W m$^{-2}$"),
        ("flare_sizes", "/ W m$^{-2}$"),
        ("physics_of_class", "/ DN/s"),
        ("steps_against_quality", "/ real std"),
        ("training_curves", "/ dB"),
        ("x_ray_and_frames", "/ W m$^{-2}$"),
    ],
)
def test_quantities_have_units(name, unit):
    assert any(unit in label for ax in drawn(name).axes for label in (ax.get_xlabel(), ax.get_ylabel()))


def test_a_figure_is_closed_and_leaves_the_settings_alone():
    before, size = dict(plt.rcParams), plt.rcParams["figure.dpi"]
    figure = CASES["figure_1"]()
    assert plt.get_fignums() == [] and dict(plt.rcParams) == before
    assert figure.dpi == figures.STYLE["figure.dpi"] != size


def test_north_is_up_and_the_scale_is_fixed():
    """Row 0 is shown at the bottom; 0 and 255 are the ends of the scale, whatever the frame holds."""
    _, ax = plt.subplots()
    frame = np.full((8, 8), 100, np.uint8)
    frame[0] = 200
    figures.show_sun(ax, frame)
    shown = ax.images[0]
    assert shown.origin == "lower" and ax.get_ylim()[0] < ax.get_ylim()[1] and shown.get_clim() == (0, 255)
    # In 171 Å gold the red channel leads and the blue one trails.
    red, green, blue, _ = shown.to_rgba(frame)[4, 4]
    assert red > green > blue
    plt.close("all")


def test_figure_1_stacks_the_counts():
    ax = drawn("figure_1").axes[0]
    by_hand = [cases.COUNTS[part][name] for part in ("training", "held out") for name in "ABCMX"]
    assert heights(ax) == by_hand
    assert [bar.get_y() for bar in ax.patches] == [0] * 5 + by_hand[:5]
    assert texts(ax) == ["150\n16.4%", "380\n41.7%", "300\n32.9%", "72\n7.9%", "10\n1.1%"]  # of 912
    assert legend_texts(ax) == ["training", "held out"]
    assert ax.patches[0].get_facecolor()[:3] == ax.patches[5].get_facecolor()[:3] == figures.COLOURS["A"]


def test_figure_9_counts_days():
    paper, all_days = drawn("figure_9").axes
    assert heights(paper) == [4, 30, 40, 9, 1] and heights(all_days) == [25, 0, 30, 40, 9, 0]
    assert [tick.get_text() for tick in all_days.get_xticklabels()] == ["none", *"ABCMX"]
    assert "84 days" in paper.get_title() and "104 days" in all_days.get_title()


def test_figure_a_1_counts_delays_in_minutes():
    data = cases.labelled_set()
    figure = figures.figure_a_1(data)
    assert len(figure.axes) == 4  # no panel for class X, which has no image
    for ax, label in zip(figure.axes, range(4), strict=True):
        seconds = (data.frame_time - data.peak_time)[data.label == label] / 1000
        assert sum(heights(ax)) == list(cases.PER_CLASS.values())[label] == len(seconds)
        assert ax.lines[0].get_xdata()[0] == pytest.approx(np.median(seconds) / 60)
        ends = ax.patches[0].get_x(), ax.patches[-1].get_x() + ax.patches[-1].get_width()
        assert ends == pytest.approx((0, 12))


def test_real_frames_are_of_their_class_and_dated():
    data = cases.labelled_set()
    axes = np.array(panels(figures.real_frames(data, per_class=6))).reshape(5, 6)
    for label, row in enumerate(axes):
        shown = [ax for ax in row if ax.images]
        assert len(shown) == min(6, list(cases.PER_CLASS.values())[label])
        for ax in shown:
            date = np.datetime64(ax.get_title())
            frame = np.flatnonzero(data.frame_time.astype("datetime64[ms]").astype("datetime64[D]") == date)
            assert data.label[frame].tolist() == [label]
            assert np.array_equal(ax.images[0].get_array(), data.image[frame[0]])
    assert texts(axes[4, 0]) == ["no frame"]


def test_x_ray_peaks_lie_in_their_class():
    data = cases.labelled_set()
    ax = drawn("x_ray_and_frames").axes[0]
    bounds = [curve.get_ydata()[0] for curve in ax.lines if curve.get_linestyle() == ":"]
    assert bounds == [1e-7, 1e-6, 1e-5, 1e-4] and ax.get_yscale() == "log"
    for (name, n), low in zip(cases.PER_CLASS.items(), (1e-8, *bounds), strict=True):
        flux = line(ax, name)[:, 1]
        assert len(flux) == n and np.all((low <= flux) & (flux < 10 * low))
    assert ax.lines[1].get_xdata()[0] == data.peak_time[data.label == 0][0].astype("datetime64[ms]")


def test_butterfly_shows_every_flare():
    figure = drawn("butterfly")
    for ax, seed in zip(figure.axes, (0, 1), strict=True):
        time, latitude = cases.wings(seed)
        assert np.array_equal(ax.lines[0].get_xdata(), time) and np.array_equal(ax.lines[0].get_ydata(), latitude)


def test_flare_sizes_count_and_fit():
    """The staircase by brute force; the fitted curve's density falls with the planted exponent."""
    flux, low = cases.peak_fluxes(3000, 0), cases.FIT[0]
    ax = drawn("flare_sizes").axes[0]
    x, number = ax.lines[0].get_xydata().T
    for i in (0, 10, 500, 2999):
        assert number[i] == (flux >= x[i]).sum()
    fitted, rows = ax.lines[1], ax.lines[1].get_xydata()
    assert fitted.get_linestyle() == "--" and rows[0] == pytest.approx([low, (flux >= low).sum()])
    density = -np.diff(rows[:, 1]) / np.diff(rows[:, 0])
    middle = np.sqrt(rows[1:, 0] * rows[:-1, 0])
    slope = np.polyfit(np.log(middle), np.log(density), 1)[0]
    assert slope == pytest.approx(-cases.ALPHA, abs=0.01)
    # Where the sample is large the curve follows the staircase.
    np.testing.assert_allclose(rows[:20, 1], [(flux >= value).sum() for value in rows[:20, 0]], rtol=0.1)
    assert legend_texts(ax) == ["simulated: α = 2.10 ± 0.04", "archive: too few flares for a fit"]
    assert len(ax.lines) == 3  # nothing is fitted to the second source


def test_forward_process_by_hand():
    image = cases.suns(1)[0]
    steps = (0, 99, 399, 999)
    figure = drawn("forward_process")
    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    eps = torch.randn(1, 1, 24, 24, generator=torch.Generator().manual_seed(0)).numpy()[0, 0]
    for ax, t in zip(figure.axes, steps, strict=True):
        x_t = np.sqrt(alpha_bar[t]) * (image / 127.5 - 1) + np.sqrt(1 - alpha_bar[t]) * eps
        np.testing.assert_allclose(ax.images[0].get_array(), ((x_t + 1) * 127.5).clip(0, 255), atol=0.51)
        assert ax.get_title() == f"t = {t}\nᾱ = {alpha_bar[t]:.3g}"


def test_schedule_curves_in_closed_form():
    beta, alpha_bar, sigma = (ax.lines[0].get_ydata() for ax in drawn("schedule_curves").axes)
    np.testing.assert_allclose(beta, np.linspace(1e-4, 0.02, 1000))
    np.testing.assert_allclose(alpha_bar, np.cumprod(1 - np.linspace(1e-4, 0.02, 1000)))
    np.testing.assert_allclose(sigma, np.sqrt(1 / alpha_bar - 1))


def test_training_curves_are_running_means():
    log = cases.logs()["discrete"]
    loss = drawn("training_curves").axes[0]
    faint, bold = loss.lines[:2]
    assert np.array_equal(faint.get_ydata(), log["loss"]) and np.array_equal(bold.get_xdata(), log["images"])
    # 60 entries in 12 parts: means of five.
    expected = np.convolve(log["loss"], np.full(5, 0.2), mode="valid")
    np.testing.assert_allclose(bold.get_ydata()[4:], expected)
    assert bold.get_ydata()[0] == pytest.approx(log["loss"][0])


def test_figure_2_names_the_sizes():
    shown = "\n".join(texts(figures.figure_2({"image_size": 48, "classes": 4, "latent": 7, "time": 20}).axes[0]))
    for part in ("1 × 48 × 48", "one of 4", "7 values", "20 values", "27 → 20"):
        assert part in shown


def test_figure_b_1_has_the_shapes_of_the_paper_s_u_net():
    """Widths 1, 2, 4 and 4 times the base width; each level halves the side."""
    model = cases.denoiser()
    w = 8
    expected = {
        "enter": (w, 64, 64),
        "down 1": (2 * w, 32, 32),
        "down 2": (4 * w, 16, 16),
        "down 3": (4 * w, 8, 8),
        "bottleneck": (4 * w, 8, 8),
        "up 1": (2 * w, 16, 16),
        "up 2": (w, 32, 32),
        "up 3": (w, 64, 64),
        "leave": (1, 64, 64),
    }
    assert block_shapes(model) == expected
    assert not any(module._forward_hooks for module in model.modules())
    shown = texts(figures.figure_b_1(model).axes[0])
    for name, (channels, height, width) in expected.items():
        assert f"{name}\n{channels} × {height} × {width}" in shown
    assert "time t and condition, 32 values,\nadded in every down and up stage" in shown
    assert block_shapes(cases.denoiser(patch=2))["enter"] == (w, 32, 32)


@pytest.mark.parametrize("attention, number", [("all", 6), ("inner", 4), ("none", 0)])
def test_figure_b_1_shows_which_levels_have_attention(attention, number):
    shown = Counter(texts(figures.figure_b_1(cases.denoiser(attention)).axes[0]))
    assert shown["attention"] == number and shown["no\nattention"] == 6 - number


def test_figure_b_1_refuses_other_depths():
    with pytest.raises(SolarsynthError, match="the figure supports three resolution levels, got 4"):
        figures.figure_b_1(cases.denoiser(multipliers=(1, 2, 2, 4, 4)))


def test_embedding_distances_span_the_range_of_real_ones():
    ax = drawn("embedding_distances").axes[0]
    ranges = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    np.testing.assert_allclose(ranges, [(-0.02, 0.04), (-0.03, 0.07), (np.nan, np.nan)])
    assert line(ax, "prior, class requested").tolist() == [[0, 0.05], [1, 0.09], [2, 0.2]]
    assert line(ax, "real images of all classes")[:, 1].tolist() == [0.6, 0.3, 0.8]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["A", "B", "C"]


def test_quality_against_steps_has_every_run_with_its_error():
    left, right = drawn("steps_against_quality").axes
    table = cases.sampler_table()
    for ax, name in ((left, "distance"), (right, "brightness")):
        for container, (_, rows) in zip(ax.containers, table.groupby("sampler", sort=False), strict=True):
            points, _, (bars,) = container.lines
            assert points.get_xydata().tolist() == rows[["steps", name]].to_numpy().tolist()
            drawn_bars = {s[0, 0]: (s[1, 1] - s[0, 1]) / 2 for s in bars.get_segments() if len(s)}
            known = rows.dropna(subset=f"{name} ±")  # a value without an error has no bar
            assert drawn_bars == pytest.approx(dict(zip(known["steps"], known[f"{name} ±"], strict=True)))
    assert [c.get_label() for c in left.containers] == ["dpm-solver++, w = 2", "ddim, w = 0"]
    band = left.patches[0]
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.8, 1.2))
    assert left.get_xscale() == right.get_xscale() == "log"
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["5", "10", "20"]


def test_cluster_floor_by_hand():
    floor, ours, same_weeks = cases.cluster_sets()
    figure = drawn("cluster_floor")
    for i, ax in enumerate(figure.axes):
        size, median = line(ax, "real, median").T
        assert size.tolist() == [20, 50, 200, 500]
        np.testing.assert_allclose(median, [np.sort(floor[n][:, i])[19:21].mean() for n in size.astype(int)])
        low, high = (curve.get_ydata() for curve in ax.lines if curve.get_linestyle() == "--")
        for n, *ends in zip(size, low, high, strict=True):  # by rank: 1.95 and 37.05 of 0 to 39
            ordered = np.sort(same_weeks[n][:, i])
            expected = [ordered[1] + 0.95 * (ordered[2] - ordered[1]), ordered[37] + 0.05 * (ordered[38] - ordered[37])]
            np.testing.assert_allclose(ends, expected)
        values = ours["discrete"][1][:, i]
        low, high = ax.containers[0].lines[2][0].get_segments()[0][:, 1]
        std = np.sqrt(((values - values.mean()) ** 2).sum() / 2)
        assert (low, high) == pytest.approx((values.mean() - std, values.mean() + std))
    assert figure.axes[0].get_yscale() == "log" and figure.axes[1].get_yscale() == "linear"
    real = ["real, 5 to 95 %", "real, median", "the same weeks"]
    assert legend_texts(figure.axes[2]) == [*real, "target", "discrete", "held out"]
    assert "target" not in [curve.get_label() for curve in figure.axes[0].lines]


def test_confusion_matrices_are_shares_of_rows():
    counts = cases.confusions()
    figure = drawn("confusion_matrices")
    real, discrete = figure.axes[:2]
    shown = np.array([float(text) for text in texts(discrete)]).reshape(5, 5)
    expected = [100 * row / sum(row) for row in counts["discrete"]]
    np.testing.assert_allclose(shown, expected, atol=0.5)
    assert len(texts(real)) == 20  # nothing is written into the row of class X, which was not tested
    assert real.get_ylabel() == "true class" and discrete.get_ylabel() == "requested class"
    assert discrete.get_xlabel() == "predicted class" and not figure.axes[3].axison


def test_figure_3_shows_every_image_twice():
    _, label, time = cases.feature_maps()
    figure = drawn("figure_3")
    classes, none_top, dates, none_bottom = panels(figure)
    sizes = {dots.get_label(): len(dots.get_offsets()) for dots in classes.collections}
    assert sizes == {name: (label == i).sum() for i, name in enumerate("ABCM")}
    strongest = classes.collections[-1]
    assert strongest.get_label() == "M" and np.allclose(strongest.get_facecolor()[0], to_rgba(figures.COLOURS["M"]))
    days = dates.collections[0].get_array()
    np.testing.assert_allclose(days, (time - time[0]) / 86_400_000)
    assert texts(none_top) == texts(none_bottom) == ["weights not available:\nCLIP"]


def test_figure_4_has_one_scale_per_class():
    axes = panels(drawn("figure_4"))
    for (name, pair), top, bottom in zip(cases.deviation_maps().items(), axes[:3], axes[3:], strict=True):
        assert top.get_title() == name
        assert top.images[0].get_clim() == bottom.images[0].get_clim() == (0, max(pair[0].max(), pair[1].max()))
        assert np.array_equal(top.images[0].get_array(), pair[0])
        assert np.array_equal(bottom.images[0].get_array(), pair[1])


def test_figure_5_leaves_classes_without_images_empty():
    axes = np.array(drawn("figure_5").axes).reshape(3, 5)
    shown = np.array([[bool(ax.images) for ax in row] for row in axes])
    assert shown.tolist() == [[True] * 4 + [False]] * 2 + [[False, True, False, False, False]]
    assert texts(axes[0, 4]) == texts(axes[2, 0]) == ["no training\nimage"] and texts(axes[1, 4]) == [""]
    assert np.array_equal(axes[1, 3].images[0].get_array(), cases.suns(2, seed=3)[1])
    assert [ax.get_title() for ax in axes[0]] == list("ABCMX")


def test_reverse_process_clips_to_the_range():
    axes = drawn("reverse_process").axes
    assert [ax.get_title() for ax in axes] == [f"step {done}" for done in (0, 5, 10, 15, 20)] + [""] * 5
    assert np.array_equal(axes[4].images[0].get_array(), cases.suns(1, seed=0)[0])
    first = axes[0].images[0].get_array()
    noise = cases.strips()["discrete: M"][0][1]
    assert np.array_equal(first == 255, noise > 1 - 1 / 255) and np.array_equal(first == 0, noise <= -1 + 1 / 255)


def test_figure_6_shows_mean_and_range_of_the_trials():
    first, second = drawn("figure_6").axes
    assert line(first, "mean").tolist() == [[0, 0.25], [50, 0.5], [100, 0.725]]
    band = second.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band} == {(0, 0.1), (50, 0.2), (50, 0.3), (100, 0.2), (100, 0.4)}
    assert first.get_title() == "class A" and second.get_title() == "class M"


def test_figure_8_shows_means_and_trials():
    ax = drawn("figure_8").axes[0]
    assert heights(ax) == pytest.approx([0.25, 0.05, 0.45, 0.2, 0.8, 0.3, 0.4, 0.2, 0.4, 0.2, 0.2, 0.05])
    dots = [curve.get_ydata().tolist() for curve in ax.lines]
    assert dots == [by_class[name] for by_class in cases.SCENARIOS.values() for name in "AM"]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    assert centres == pytest.approx([curve.get_xdata()[0] for curve in ax.lines])
    assert legend_texts(ax) == ["none", "classical", "synthetic", "duplicates", "weights", "withheld"]


def test_figure_10_leaves_missing_scores_out_of_the_mean():
    ax = drawn("figure_10").axes[0]
    means = [curve.get_ydata()[0] for curve in ax.lines if curve.get_linewidth() == 3]
    assert means == pytest.approx([0.22, 0.24, 0.27, 0.30, 0.35, 0.27, 0.15])
    assert [line(ax, name)[0, 1] for name in ("persistence", "climatology")] == [0.29, 0.0]
    band = ax.patches[0]  # of persistence; climatology is without an interval
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.2, 0.38)) and len(ax.patches) == 1
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "50", "100", "50", "100", "100", "−20"]
    arms = ["nothing added", "classical copies", "synthetic images", "weights in the loss", "real images withheld"]
    assert legend_texts(ax) == [*arms, "persistence", "climatology"] and ax.get_ylabel() == "TSS"


def test_reliability_of_a_calibrated_forecast_lies_on_the_diagonal():
    left, right = drawn("reliability").axes
    forecast, observed = line(left, "none").T
    assert len(forecast) == 5 and np.abs(forecast - observed).max() < 0.05
    too_high, observed = line(left, "synthetic 100").T
    assert (too_high - observed > 0.05).all()
    # The outline of a histogram: the areas of both forecasts are equal, since both hold 4000 days.
    tops = [patch.get_xy()[1:-1:2, 1] for patch in right.patches]
    assert [top.sum() for top in tops] == [4000, 4000]


def test_a_page_without_a_result_says_why():
    ax = figures.not_computed("word " * 40).axes[0]
    assert texts(ax)[0].startswith("not computed: word") and max(map(len, texts(ax)[0].split("\n"))) <= 80


def test_the_forward_process_follows_its_seed():
    frames = [
        figures.forward_process(Schedule(), cases.suns(1)[0], (500,), seed=seed).axes[0].images[0].get_array()
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(frames[0], frames[1]) and not np.array_equal(frames[0], frames[2])


def test_the_stages_are_drawn_from_left_to_right_without_needless_arrows():
    from solarsynth.figures.stages import depths

    stages = cases.small_graph()
    assert depths(stages) == {"archive": 0, "dataset": 1, "model": 2, "samples": 3}
    patches = [type(patch).__name__ for patch in drawn("stage_graph").axes[0].patches]
    assert Counter(patches) == {"FancyBboxPatch": 4, "FancyArrowPatch": 3}, "archive → samples goes through model"


def test_the_physics_of_a_class_shows_what_went_in():
    """Means of generated images, the range of real sets, curves, and the reason for an empty panel."""
    one, figure = cases.class_physics(), drawn("physics_of_class")
    by_label = {ax.get_xlabel(): ax for ax in panels(figure)}
    brightness, curve = by_label["Brightness / DN/s"], by_label["distance from the centre / radii"]
    mean = brightness.lines[-1].get_xdata()[0]
    assert mean == pytest.approx(one.drawn[:, 0].mean())
    assert brightness.xaxis.label.get_fontweight() == "bold" != curve.xaxis.label.get_fontweight()
    columns = columns_of("Radial profile")
    expected = 10 ** np.log10(one.drawn[:, columns]).mean(0)
    np.testing.assert_allclose(curve.lines[0].get_ydata(), expected)
    assert texts(by_label["Region latitude / °"]) == ["generated images\nwithout an active region"]
    total = sum(bar.get_height() for bar in brightness.patches if hasattr(bar, "get_height") and bar.get_width() > 0)
    assert total >= 1


def test_the_control_curve_says_what_judges_nothing():
    figure, found = drawn("control_curve"), cases.controls()
    titles = [ax.get_title() for ax in panels(figure) if ax.axison]
    assert titles[:2] == ["physics: correlation 0.90, days 0.40", "pixels: no skill, judges nothing"]
    dots = panels(figure)[0].lines[1].get_xydata()
    reading = found["physics"].reading.reshape(3, 20).mean(1)
    np.testing.assert_allclose(np.log10(dots), np.column_stack([[-6.6, -5.6, -4.6], reading]))
    assert len(panels(figure)[2].lines[1].get_xdata()) == 8  # many fluxes in bins


def test_the_sweep_names_class_and_flux():
    titles = [ax.get_title() for ax in panels(drawn("flux_sweep")) if ax.axison]
    assert titles[0] == "A1.0\n1.0e-8" and titles[3] == "M1.0\n1.0e-5" and titles[5] == "X10.0\n1.0e-3"
    with pytest.raises(SolarsynthError, match="got 6 images and 2 fluxes"):
        figures.flux_sweep(cases.suns(6), np.array([1e-8, 1e-3]))
