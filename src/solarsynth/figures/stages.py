"""The graph of the stages: what is made from what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from solarsynth.figures.style import panel, styled

if TYPE_CHECKING:
    from solarsynth.stages import Stage

WIDTH, HEIGHT, GAP = 1.7, 0.62, 0.75  # of a box, and between two columns


def depths(stages: Sequence[Stage]) -> dict[str, int]:
    """Return the column of every stage: one more than the rightmost stage that it needs.

    Parameters
    ----------
    stages : sequence of Stage
        Each needs only stages before it, or itself.
    """
    found: dict[str, int] = {}
    for stage in stages:
        found[stage.name] = 1 + max((found[name] for name in stage.above if name != stage.name), default=-1)
    return found


@styled
def stage_graph(stages: Sequence[Stage]) -> Figure:
    """Draw the stages from left to right, with an arrow from each stage to those that need it.

    Parameters
    ----------
    stages : sequence of Stage
        In an order in which they can be made: `solarsynth.stages.STAGES`.
    """
    column = depths(stages)
    rows = [[s.name for s in stages if column[s.name] == c] for c in range(max(column.values()) + 1)]
    tallest = max(map(len, rows))
    figure, ax = panel(1.35 * len(rows) + 0.3, 0.72 * tallest + 0.3)
    ax.set(xlim=(-0.1, len(rows) * (WIDTH + GAP) - GAP + 0.1), ylim=(-0.2, tallest + 0.1))
    ax.axis("off")
    place = {}
    for c, names in enumerate(rows):
        for r, name in enumerate(names):
            place[name] = (c * (WIDTH + GAP), tallest / 2 + (len(names) / 2 - r) - 0.5 - HEIGHT / 2)
    for stage in stages:
        x, y = place[stage.name]
        ax.add_patch(
            FancyBboxPatch((x, y), WIDTH, HEIGHT, "round,pad=0.03,rounding_size=0.1", fc="#dbe7f3", ec="0.5", lw=0.8)
        )
        ax.text(x + WIDTH / 2, y + HEIGHT / 2, stage.name, ha="center", va="center", fontsize=9, color="0.15")
        for name in stage.above:
            if name != stage.name and not _through(name, stage, stages):
                start = (place[name][0] + WIDTH, place[name][1] + HEIGHT / 2)
                arrow = FancyArrowPatch(
                    start, (x, y + HEIGHT / 2), arrowstyle="-|>", mutation_scale=9, lw=0.9, color="0.4", shrinkB=2
                )
                ax.add_patch(arrow)
    return figure


def _through(name: str, stage: Stage, stages: Sequence[Stage]) -> bool:
    """Return whether `stage` needs a stage by way of another one: an arrow of its own would only add clutter."""
    by_name = {s.name: s for s in stages}

    def reaches(start: str) -> bool:
        return any(above == name or (above != start and reaches(above)) for above in by_name[start].above)

    return any(reaches(other) for other in stage.above if other not in (name, stage.name))
