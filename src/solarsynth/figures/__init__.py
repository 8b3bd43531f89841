"""The figures: ``figure_1()``, ``figure_5()`` and so on are the paper's, the others are ours.

Each function takes arrays and returns a `matplotlib.figure.Figure`. Frames are shown with north up, in sunpy's 171 Å
colours. The modules follow the chapters of the book: ``data``, ``networks``, ``training``, ``choices``, ``metrics``,
``samples``, ``memorisation``, ``physics`` and ``downstream``; ``style`` and ``suns`` hold what they share.
"""

from solarsynth.figures.animation import film
from solarsynth.figures.choices import average_lengths, guidance_frontier, guidance_tradeoff, training_effects
from solarsynth.figures.data import (
    butterfly,
    figure_1,
    figure_9,
    figure_a_1,
    flare_sizes,
    real_frames,
    shared_physics,
    suns_side_by_side,
    x_ray_and_frames,
)
from solarsynth.figures.downstream import figure_6, figure_8, figure_10, reliability
from solarsynth.figures.memorisation import nearest_distances, suspicious_pairs, twin_growth, twin_similarities
from solarsynth.figures.metrics import cluster_floor, confusion_matrices, embedding_distances
from solarsynth.figures.networks import figure_2, figure_b_1
from solarsynth.figures.physics import control_curve, flux_sweep, physics_of_class
from solarsynth.figures.samples import (
    figure_3,
    figure_4,
    figure_5,
    figure_c_1,
    reverse_process,
    steps_against_quality,
    sun_rows,
)
from solarsynth.figures.stages import stage_graph
from solarsynth.figures.style import COLOURS, SCENARIO_COLOURS, STYLE
from solarsynth.figures.suns import not_computed, show_sun, solar_colours
from solarsynth.figures.training import forward_process, schedule_curves, training_curves

__all__ = [
    "COLOURS",
    "SCENARIO_COLOURS",
    "STYLE",
    "average_lengths",
    "butterfly",
    "cluster_floor",
    "confusion_matrices",
    "control_curve",
    "embedding_distances",
    "figure_1",
    "figure_2",
    "figure_3",
    "figure_4",
    "figure_5",
    "figure_6",
    "figure_8",
    "figure_9",
    "figure_10",
    "figure_a_1",
    "figure_b_1",
    "figure_c_1",
    "film",
    "flare_sizes",
    "flux_sweep",
    "forward_process",
    "guidance_frontier",
    "guidance_tradeoff",
    "nearest_distances",
    "not_computed",
    "physics_of_class",
    "real_frames",
    "reliability",
    "reverse_process",
    "schedule_curves",
    "shared_physics",
    "show_sun",
    "solar_colours",
    "stage_graph",
    "steps_against_quality",
    "sun_rows",
    "suns_side_by_side",
    "suspicious_pairs",
    "training_curves",
    "training_effects",
    "twin_growth",
    "twin_similarities",
    "x_ray_and_frames",
]
