"""What the figures of a report share: panels, axes, colours and legends."""

import math
from typing import Any

import numpy as np

from gan_jax.benchmark.report.findings import Findings
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    OUTLINE,
    Scale,
    format_tick,
    round_ticks,
)
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes
from gan_jax.benchmark.report.wording import format_short

STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f94",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "svg.hashsalt": "gan_jax",
    "svg.fonttype": "none",
    "legend.frameon": False,
}
FLOOR = {"color": "#b4552d", "linewidth": 1, "linestyle": (0, (4, 3))}
NOISE = {"color": "#646b73", "linewidth": 1.2, "linestyle": (0, (1.2, 2.4))}
ENDS = {"floor": ("dashed", FLOOR), "noise": ("dotted", NOISE)}


def make_figure(
    wide: float, high: float, rows: int = 1, columns: int = 1, **options: Any
):
    """Return an empty figure of a size in inches, and its axes `[rows, columns]`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, high), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def grid_shape(count: int, most: int = 4) -> tuple[int, int]:
    """Return rows and columns for a number of panels."""
    columns = min(count, most)
    return math.ceil(count / columns), columns


def hide_unused_axes(axes: np.ndarray, used: int) -> None:
    """Hide the axes after the first `used` ones."""
    for axis in axes.flat[used:]:
        axis.set_visible(False)


def task_entries(findings: Findings, task: str) -> list[TaskSummary]:
    """Return the summaries of the methods on a task."""
    return [one for one in findings.entries if one.task == task]


def make_square(corner: tuple[float, float], fill: str) -> Any:
    """Return a square of a map at its lower left corner."""
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 0.94, 0.94, color=fill, linewidth=0)


def add_outcome_legend(figure: Any, entries: list[TaskSummary]) -> None:
    """Say below the figure what the colours mean."""
    seen = list_outcomes(entries)
    marks = [make_square((0, 0), OUTCOME_COLOURS[name]) for name in seen]
    names = [name.replace("_", " ") for name in seen]
    figure.legend(marks, names, loc="outside lower center", ncols=min(len(seen), 5))


def line_style(findings: Findings, method: str) -> dict[str, Any]:
    """Return how a method's line is drawn, in every figure and as on the page."""
    own = findings.results.styles[method]
    style = (0, tuple(map(float, own.dash.split()))) if own.dash else "solid"
    line = {"label": method, "color": own.colour, "linestyle": style, "linewidth": 1.5}
    return line | marker_style(findings, method)


def marker_style(findings: Findings, method: str) -> dict[str, Any]:
    """Return a method's marker; its outline shows where colours are faint on paper."""
    own = findings.results.styles[method]
    edge = {"markeredgecolor": OUTLINE, "markeredgewidth": 0.5, "markersize": 5}
    return {"color": own.colour, "marker": own.marker} | edge


def add_method_labels(
    axis: Any, findings: Findings, methods: list[str], at: float
) -> None:
    """Name the methods along the y axis, each with its marker at `x` of the axis."""
    for y, method in enumerate(methods):
        own = marker_style(findings, method) | {"linestyle": "none", "clip_on": False}
        axis.plot([at], [y], transform=axis.get_yaxis_transform(), **own)
    axis.set_yticks(range(len(methods)), methods)
    axis.tick_params(axis="y", length=0, pad=14)


def describe_ends(ends: dict[str, float]) -> str:
    """Return what the lines across a figure are, such as `dashed: floor 0.02`."""
    texts = [
        f"{ENDS[name][0]}: {name} {format_short(value)}" for name, value in ends.items()
    ]
    return ", ".join(texts)


def finish_axis(axis: Any, which: str, edges: Scale, ends: dict[str, float]) -> None:
    """Make an axis logarithmic if its scale is, with round ticks, and draw the ends."""
    own = axis.xaxis if which == "x" else axis.yaxis
    if edges.log:
        axis.set(**{f"{which}scale": "log"})
        set_round_ticks(own, edges)
        own.set_ticks([], minor=True)
    line = axis.axvline if which == "x" else axis.axhline
    for name, value in ends.items():
        line(value, **ENDS[name][1])


def set_round_ticks(axis: Any, edges: Scale) -> None:
    """Set the page's ticks, such as `15k`."""
    at = round_ticks(edges)
    axis.set_ticks(at, [format_tick(value) for value in at])
