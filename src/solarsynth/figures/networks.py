"""Diagrams of the networks: the embedding model (Fig. 2) and the U-Net (Fig. B.1), with the sizes of the modules."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from solarsynth.errors import SolarsynthError
from solarsynth.figures.style import panel, styled

if TYPE_CHECKING:
    from torch import nn

    from solarsynth.diffusion.parameterisations import Denoiser

#: Fill colours of the boxes, by what a box stands for.
FILL = {"image": "#dff0e0", "vector": "#f4f4f4", "network": "#dbe7f3", "accent": "#f6e3c5"}

# Where the boxes of the U-Net lie: the left edges of both sides, the heights of the entrance and of the three
# resolution levels from the finest to the coarsest, and the size of a box.
LEFT, RIGHT = 0.2, 8.7
LEVELS = (5.2, 3.9, 2.6, 1.3)
WIDTH, HEIGHT, ATTENTION_WIDTH = 1.5, 0.72, 1.05


def _canvas(size: tuple[float, float], extent: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return an empty figure of a size in inches, with coordinates from 0 to `extent`."""
    figure, ax = panel(*size)
    ax.set(xlim=(0, extent[0]), ylim=(0, extent[1]))
    ax.axis("off")
    return figure, ax


def _box(
    ax: Axes, x: float, y: float, text: str, fill: str, width: float = 1.75, height: float = 0.8, fontsize: float = 7.5
) -> None:
    shape = "round,pad=0.03,rounding_size=0.08"
    ax.add_patch(FancyBboxPatch((x, y), width, height, shape, fc=FILL[fill], ec="0.5", lw=0.8))
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=fontsize, color="0.15")


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], dashed: bool = False) -> None:
    style = {"ls": "--", "color": "0.5"} if dashed else {"color": "0.3"}
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, lw=0.9, shrinkA=0, shrinkB=0, **style))


def _note(ax: Axes, x: float, y: float, text: str) -> None:
    ax.text(x, y, text, fontsize=7.5, color="0.4", ha="center")


@styled
def figure_2(shapes: dict[str, int]) -> Figure:
    """Sketch of the embedding model's guidance (the paper's Fig. 2).

    Parameters
    ----------
    shapes : dict of str to int
        Sizes that the modules report: ``image_size``, ``classes``, ``latent`` (length of z) and ``time`` (length of the
        time embedding).
    """
    figure, ax = _canvas((8.6, 3.9), (12.4, 5.4))
    box, arrow = functools.partial(_box, ax), functools.partial(_arrow, ax)
    size, latent, width = shapes["image_size"], shapes["latent"], shapes["time"]
    box(0.1, 3.9, f"image\n1 × {size} × {size}", "image")
    box(2.4, 3.9, "ceVAE encoder", "network")
    box(0.1, 1.2, f"class $y$\none of {shapes['classes']}", "vector")
    box(2.4, 2.45, "prior $p(z\\,|\\,y)$", "accent")
    box(4.7, 3.2, f"z\n{latent} values", "vector", 1.5)
    box(4.7, 1.2, f"embedding\n{width} values", "network", 1.5)
    box(6.8, 2.2, f"concatenate, linear\n{width + latent} → {width}", "network", 2.1)
    box(6.8, 0.1, f"time $t$, sines and cosines\n{width} values", "vector", 2.1)
    ax.add_patch(Circle((9.75, 1.55), 0.22, fc="white", ec="0.4"))
    ax.text(9.75, 1.54, "+", ha="center", va="center", fontsize=11)
    box(10.4, 1.15, "U-Net", "network", 1.8)
    box(10.4, 3.4, f"$x_t$\n1 × {size} × {size}", "image", 1.8)
    ax.text(11.3, 0.55, r"$\epsilon_\theta(x_t, t, z, y)$", ha="center", fontsize=9)
    arrow((1.88, 4.3), (2.37, 4.3))
    arrow((4.18, 4.3), (5.2, 4.03))
    arrow((0.97, 2.03), (2.37, 2.7), dashed=True)
    arrow((4.18, 2.95), (4.85, 3.17), dashed=True)
    arrow((1.88, 1.6), (4.67, 1.6))
    arrow((6.23, 3.45), (6.95, 3.03))
    arrow((6.23, 1.75), (6.95, 2.17))
    arrow((8.93, 2.4), (9.6, 1.72))
    arrow((8.93, 0.6), (9.6, 1.38))
    arrow((9.98, 1.55), (10.37, 1.55))
    arrow((11.3, 3.37), (11.3, 1.98))
    _note(ax, 3.3, 4.9, "while training")
    _note(ax, 3.3, 2.18, "while sampling")
    return figure


@styled
def figure_b_1(denoiser: Denoiser) -> Figure:
    """Architecture of the U-Net (the paper's Fig. B.1): channels × height × width of each block's output.

    Parameters
    ----------
    denoiser : Denoiser
        With a U-Net of three resolution levels, conditioned on a class or a flux.

    Raises
    ------
    SolarsynthError
        If the U-Net has another number of resolution levels.
    """
    network = denoiser.network
    if len(network.down) != 3:
        raise SolarsynthError(f"the figure supports three resolution levels, got {len(network.down)}")
    shapes = block_shapes(denoiser)
    texts = {name: f"{name}\n" + " × ".join(map(str, shape)) for name, shape in shapes.items()}
    figure, ax = _canvas((8.6, 4.6), (12.2, 6.3))
    _draw_encoder(ax, texts, [_has_attention(module) for module in network.down_attention])
    _draw_decoder(ax, texts, [_has_attention(module) for module in network.up_attention])
    _draw_skips(ax)
    _note(ax, 5.3, LEVELS[0] + 0.62, "skip connections, concatenated")
    width = network.config.time_width
    _note(ax, 5.35, LEVELS[3] + 0.25, f"time t and condition, {width} values,\nadded in every down and up stage")
    return figure


def block_shapes(denoiser: Denoiser) -> dict[str, tuple[int, ...]]:
    """Return the shape (channels, height, width) of each block's output, from one pass of an empty image.

    Parameters
    ----------
    denoiser : Denoiser
        Its network takes conditions of one number.

    Returns
    -------
    dict
        Under ``enter``, ``down 1``, ..., ``bottleneck``, ``up 1``, ... and ``leave``.
    """
    import torch

    network, shapes = denoiser.network, {}
    blocks = {"enter": network.enter, "bottleneck": network.bottleneck, "leave": network.leave}
    blocks |= {f"down {i}": module for i, module in enumerate(network.down, start=1)}
    blocks |= {f"up {i}": module for i, module in enumerate(network.up, start=1)}

    def remember(name: str, module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        shapes[name] = tuple(output.shape[1:])

    hooks = [module.register_forward_hook(functools.partial(remember, name)) for name, module in blocks.items()]
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            x = torch.zeros(1, *denoiser.shape, device=device)
            t = torch.ones(1, dtype=torch.long, device=device)
            network(x, t, torch.full((1, 1), torch.nan, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def _has_attention(module: nn.Module) -> bool:
    # A level without self-attention holds a torch Identity, which has no parameters.
    return any(True for _ in module.parameters())


def _draw_stage(ax: Axes, x: float, x_attention: float, y: float, text: str, attention: bool) -> None:
    """Draw the convolutions of one level, the self-attention beside them, and the arrow between."""
    _box(ax, x, y, text, "network", WIDTH, HEIGHT)
    kind, fill = ("attention", "accent") if attention else ("no\nattention", "vector")
    _box(ax, x_attention, y, kind, fill, ATTENTION_WIDTH, HEIGHT)
    _arrow(ax, (x + WIDTH, y + HEIGHT / 2), (x_attention, y + HEIGHT / 2))


def _draw_encoder(ax: Axes, texts: dict[str, str], attention: list[bool]) -> None:
    """Draw the left side: the entrance, the levels on the way down, and the bottleneck."""
    _box(ax, LEFT, LEVELS[0], texts["enter"], "network", WIDTH, HEIGHT)
    for i in range(3):
        y = LEVELS[i + 1]
        _draw_stage(ax, LEFT, LEFT + 1.75, y, texts[f"down {i + 1}"], attention[i])
        source = LEFT + (0.75 if i == 0 else 2.27)
        _arrow(ax, (source, LEVELS[i]), (LEFT + (0.75 if i == 0 else 1.2), y + HEIGHT + 0.03))
    _box(ax, 4.9, 0.1, texts["bottleneck"], "network", 1.9, HEIGHT)
    _arrow(ax, (LEFT + 2.27, LEVELS[3]), (4.9, 0.46))


def _draw_decoder(ax: Axes, texts: dict[str, str], attention: list[bool]) -> None:
    """Draw the right side: the levels on the way up, one above the other, and the exit."""
    for i in range(3):
        y = LEVELS[2 - i]
        _draw_stage(ax, RIGHT - 1.55, RIGHT + 0.2, y, texts[f"up {i + 1}"], attention[i])
        start = (6.8, 0.46) if i == 0 else (RIGHT + 0.72, LEVELS[3 - i] + HEIGHT + 0.03)
        _arrow(ax, start, (RIGHT - 0.8, y - 0.03))
    _box(ax, RIGHT + 1.9, LEVELS[0], texts["leave"], "network", WIDTH, HEIGHT)
    _arrow(ax, (RIGHT + 1.25, LEVELS[0] + HEIGHT / 2), (RIGHT + 1.9, LEVELS[0] + HEIGHT / 2))


def _draw_skips(ax: Axes) -> None:
    """Draw the skip connections: from the entrance and the first two levels to the levels of equal size."""
    for y, source in zip(LEVELS[:3], (WIDTH + 0.03, 2.83, 2.83), strict=True):
        _arrow(ax, (LEFT + source, y + HEIGHT / 2), (RIGHT - 1.58, y + HEIGHT / 2), dashed=True)
