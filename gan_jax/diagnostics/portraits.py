"""Phase portraits of two-parameter games, side by side in one figure."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.logs.files import write_atomically

COLUMNS = 5
EXTENT = 2.2
"""Every panel shows theta and psi from -EXTENT to EXTENT."""
ARROWS = 13
"""The number of arrows on a side of their grid."""
INK = {"converges": "#1a7f37", "cycles": "#9a6700", "diverges": "#cf222e"}
PALE, FRAME = "#b6bec8", "#d0d7de"
LARGEST = 1e3
"""The size of an eigenvalue from which the field has a kink, and no derivative."""
# Lengths in inches of 100 pixels; a figure is 1,280 pixels wide.
SIDE, GAP, TITLE, LEFT, TOP, BOTTOM = 2.16, 0.26, 0.52, 0.72, 0.52, 1.15


class Portrait(NamedTuple):
    """What one panel shows of a game.

    points: the path, `[steps + 1, 2]`. arrows: the field at `arrow_positions()`,
    `[ARROWS, ARROWS, 2]`. eigenvalues: those of the plain game's Jacobian at 0, `[2]`.
    factor: the factor by which a step contracts near 0. verdict: what became of the
    path, as `phase.verdict` says it.
    """

    title: str
    points: np.ndarray
    arrows: np.ndarray
    eigenvalues: np.ndarray
    factor: float
    verdict: str


def arrow_positions() -> np.ndarray:
    """Return the points at which the arrows stand, `[ARROWS, ARROWS, 2]`."""
    side = EXTENT * (1 - 1 / ARROWS) * np.linspace(-1, 1, ARROWS)
    return np.stack(np.meshgrid(side, side), axis=-1)


def final_distance(portrait: Portrait) -> float:
    """Return the distance of the path's end to the solution."""
    return float(np.linalg.norm(portrait.points[-1]))


def format_number(x: float) -> str:
    """Return a number with two decimals, zero without a sign."""
    return f"{round(x, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def has_derivative(portrait: Portrait) -> bool:
    """Return whether the field has a derivative at 0, rather than a kink."""
    return bool(np.all(np.abs(portrait.eigenvalues) < LARGEST))


def format_eigenvalues(portrait: Portrait) -> str:
    """Return `-0.15 +- 0.48i`, or two real numbers, or that the field has a kink."""
    if not has_derivative(portrait):
        return "none (kink)"
    low, high = sorted(portrait.eigenvalues, key=lambda value: value.imag)
    if round(high.imag, 2) == 0:
        return ", ".join(format_number(x) for x in sorted((low.real, high.real)))
    imaginary = f"\N{PLUS-MINUS SIGN}{format_number(high.imag)}i"
    if round(high.real, 2) == 0:
        return imaginary
    return f"{format_number(high.real)} {imaginary}"


def format_factor(portrait: Portrait) -> str:
    """Return the contraction factor in four decimals, or that there is none."""
    return f"{portrait.factor:.4f}" if has_derivative(portrait) else "none"


def write_portraits(path: Path, portraits: list[Portrait], heading: str) -> None:
    """Write all portraits as one figure, 1,280 pixels wide, to a file."""
    from matplotlib.figure import Figure

    rows = -(-len(portraits) // COLUMNS)
    pitch = SIDE + TITLE + GAP / 2
    width, height = 12.8, TOP + rows * pitch + BOTTOM
    figure = Figure(figsize=(width, height), dpi=100)
    figure.text(LEFT / width, 1 - 0.14 / height, heading, fontsize=12, va="top")
    line: Any = None
    for index, portrait in enumerate(portraits):
        row, column = divmod(index, COLUMNS)
        x, y = LEFT + column * (SIDE + GAP), height - TOP - (row + 1) * pitch
        axis = figure.add_axes((x / width, y / height, SIDE / width, SIDE / height))
        line = draw_portrait(axis, portrait)
        lowest = index + COLUMNS >= len(portraits)
        axis.tick_params(labelbottom=lowest, labelleft=column == 0)
        axis.set_xlabel(r"$\theta$ (generator)" if lowest else "", fontsize=9)
        axis.set_ylabel("" if column else r"$\psi$ (discriminator)", fontsize=9)
    bar = figure.add_axes((0.3, 0.42 / height, 0.4, 0.1 / height))
    figure.colorbar(line, cax=bar, orientation="horizontal").outline.set_visible(False)
    bar.set_xlabel("step", fontsize=9)
    bar.tick_params(labelsize=8)
    write_atomically(path, figure.savefig)


def draw_portrait(axis: Any, portrait: Portrait) -> Any:
    """Draw a panel: arrows, the path coloured by time, its numbers and its verdict.

    Returns the path as drawn, for a colour bar.
    """
    line = draw_path_over_arrows(axis, portrait)
    axis.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT))
    axis.set(xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    axis.tick_params(labelsize=8, color=FRAME, length=2)
    for spine in axis.spines.values():
        spine.set_color(FRAME)
    axis.set_title(portrait.title, fontsize=10, fontweight="bold", pad=18)
    known = rf"$\lambda$ = {format_eigenvalues(portrait)}"
    known += (
        rf"    $\rho$ = {format_factor(portrait)}" if has_derivative(portrait) else ""
    )
    place = {"fontsize": 8.5, "transform": axis.transAxes, "va": "bottom"}
    axis.text(0.5, 1.02, known, ha="center", **place)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
    outcome = f"{portrait.verdict}: {final_distance(portrait):.3g}"
    ink = INK[portrait.verdict]
    axis.text(0.03, 0.03, outcome, color=ink, bbox=box, zorder=5, **place)
    return line


def draw_path_over_arrows(axis: Any, portrait: Portrait) -> Any:
    """Draw the arrows of the field and the path with its start and its end.

    Returns the path as drawn.
    """
    from matplotlib.collections import LineCollection

    length = np.linalg.norm(portrait.arrows, axis=-1, keepdims=True)
    # At their true lengths the outer arrows would leave nothing of the inner ones.
    shown = portrait.arrows / np.maximum(length, 1e-12) * np.tanh(length) ** 0.5
    feet_and_arrows = (
        *np.moveaxis(arrow_positions(), -1, 0),
        *np.moveaxis(shown, -1, 0),
    )
    reach = ARROWS * 1.25
    axis.quiver(*feet_and_arrows, color=PALE, scale=reach, width=0.006, pivot="mid")
    points = np.clip(np.nan_to_num(portrait.points), -1e6, 1e6)
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    line = LineCollection(list(pieces), cmap="plasma", linewidths=1.1, zorder=2)
    line.set_array(np.arange(1, len(points)))
    axis.add_collection(line)
    axis.plot(0, 0, "+", color="black", ms=8, zorder=3)
    axis.plot(*points[0], "o", color="white", mec="black", ms=4.5, zorder=4)
    ink = INK[portrait.verdict]
    axis.plot(*points[-1], "o", color=ink, mec="white", ms=6, zorder=4)
    return line
