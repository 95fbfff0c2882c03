"""What the figures of the report share: panels, axes, colours, legends."""

import math
from typing import Any

import numpy as np

from gan_jax.benchmark.report.findings import Findings
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    OUTLINE,
    Scale,
    format_short,
    format_tick,
    round_ticks,
)
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes

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
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, high), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def grid_shape(count: int, most: int = 4) -> tuple[int, int]:
    columns = min(count, most)
    return math.ceil(count / columns), columns


def hide_unused_axes(axes: np.ndarray, used: int) -> None:
    for axis in axes.flat[used:]:
        axis.set_visible(False)


def task_entries(findings: Findings, task: str) -> list[TaskSummary]:
    return [one for one in findings.entries if one.task == task]


def make_square(corner: tuple[float, float], fill: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 0.94, 0.94, color=fill, linewidth=0)


def add_outcome_legend(figure: Any, entries: list[TaskSummary]) -> None:
    """What the colours mean, below the figure."""
    seen = list_outcomes(entries)
    marks = [make_square((0, 0), OUTCOME_COLOURS[name]) for name in seen]
    names = [name.replace("_", " ") for name in seen]
    figure.legend(marks, names, loc="outside lower center", ncols=min(len(seen), 5))


def line_style(findings: Findings, method: str) -> dict[str, Any]:
    """How a method's line is drawn, in every figure and as on the page."""
    own = findings.results.styles[method]
    style = (0, tuple(map(float, own.dash.split()))) if own.dash else "solid"
    line = {"label": method, "color": own.colour, "linestyle": style, "linewidth": 1.5}
    return line | marker_style(findings, method)


def marker_style(findings: Findings, method: str) -> dict[str, Any]:
    """A method's marker, with an outline, since some colours are faint on paper."""
    own = findings.results.styles[method]
    edge = {"markeredgecolor": OUTLINE, "markeredgewidth": 0.5, "markersize": 5}
    return {"color": own.colour, "marker": own.marker} | edge


def add_method_labels(
    axis: Any, findings: Findings, methods: list[str], at: float
) -> None:
    """The methods along the y axis, each with its marker at this x of the axis."""
    for y, method in enumerate(methods):
        own = marker_style(findings, method) | {"linestyle": "none", "clip_on": False}
        axis.plot([at], [y], transform=axis.get_yaxis_transform(), **own)
    axis.set_yticks(range(len(methods)), methods)
    axis.tick_params(axis="y", length=0, pad=14)


def describe_ends(ends: dict[str, float]) -> str:
    """What the lines across a figure are: `dashed: floor 0.02, dotted: noise 0.2`."""
    told = [
        f"{ENDS[name][0]}: {name} {format_short(value)}" for name, value in ends.items()
    ]
    return ", ".join(told)


def finish_axis(axis: Any, which: str, edges: Scale, ends: dict[str, float]) -> None:
    """A logarithmic axis where it is one, with the page's ticks, and the ends."""
    own = axis.xaxis if which == "x" else axis.yaxis
    if edges.log:
        axis.set(**{f"{which}scale": "log"})
        set_round_ticks(own, edges)
        own.set_ticks([], minor=True)
    line = axis.axvline if which == "x" else axis.axhline
    for name, value in ends.items():
        line(value, **ENDS[name][1])


def set_round_ticks(axis: Any, edges: Scale) -> None:
    """The page's ticks, `15k`."""
    at = round_ticks(edges)
    axis.set_ticks(at, [format_tick(value) for value in at])
