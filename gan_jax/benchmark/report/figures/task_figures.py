"""The figures of a task: every seed at the end, curves, and cost against quality."""

import math
from typing import Any

import numpy as np

from gan_jax.benchmark.report.figures.canvas import (
    add_method_labels,
    add_outcome_legend,
    describe_ends,
    finish_axis,
    grid_shape,
    hide_unused_axes,
    line_style,
    make_figure,
    set_round_ticks,
    task_entries,
)
from gan_jax.benchmark.report.findings import Findings
from gan_jax.benchmark.report.html.line_charts import (
    MARKERS_PER_LINE,
    Lines,
    make_cost_lines,
    select_drawable,
)
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    OUTLINE,
    Scale,
    make_scale,
)
from gan_jax.benchmark.report.html.task_panels import (
    axis_values,
    evaluation_matrix,
    iqm_curve,
    reference_values,
)
from gan_jax.benchmark.report.results import (
    lower_is_better,
    metric_title,
    metric_value,
    shown_metrics,
    task_floor,
)
from gan_jax.benchmark.report.summary import STEP_COSTS, TaskSummary

BUDGET = {"color": "#646b73", "linewidth": 0.8, "linestyle": ":"}


def draw_seeds(findings: Findings, task: str) -> Any:
    """Return every run at the end, the IQM's interval, floor and noise; x: what failed.

    Returns None if every run failed.
    """
    mine, metric = (
        task_entries(findings, task),
        shown_metrics(findings.results, task)[0],
    )
    values = [metric_value(row, metric) for one in mine for row in one.rows]
    if not np.isfinite(values).any():
        return None
    figure, axes = make_figure(5.2, 1.3 + 0.28 * len(mine))
    axis, ends = axes.flat[0], reference_values(findings.results, task, metric)
    edges = make_scale([*values, *ends.values()], lower_is_better(metric))
    span = (edges.high / edges.low) ** 0.06 if edges.log else 0.06
    lane = (
        edges.high * span if edges.log else edges.high + span * (edges.high - edges.low)
    )
    for y, one in enumerate(mine):
        draw_dots(
            axis, y, one, metric, lane, findings.results.styles[one.method].colour
        )
    add_method_labels(axis, findings, [one.method for one in mine], -0.03)
    axis.set_ylim(len(mine) - 0.5, -0.7)
    axis.set(title=f"{task}, every run")
    failures = "" if np.isfinite(values).all() else "x: diverged or crashed"
    below = ", ".join(filter(None, (describe_ends(ends), failures)))
    axis.set_xlabel(append_line(f"{metric_title(metric)} at the end", below))
    finish_axis(axis, "x", edges, ends)
    add_outcome_legend(figure, mine)
    return figure


def draw_dots(
    axis: Any, y: int, entry: TaskSummary, metric: str, lane: float, colour: str
) -> None:
    """Draw a method's runs, and below them the interval of their IQM in its colour."""
    for index, row in enumerate(entry.rows):
        value, high = metric_value(row, metric), y - 0.12 * (index % 3)
        fill = OUTCOME_COLOURS[row["outcome"]]
        if math.isfinite(value):
            edge = {"markeredgecolor": OUTLINE, "markeredgewidth": 0.5}
            axis.plot(value, high, "o", color=fill, markersize=4.5, **edge)
        else:
            axis.plot(lane, high, "x", color=fill, markersize=4)
    limits = [v if math.isfinite(v) else lane for v in entry.finals[metric][1:]]
    axis.plot(limits, [y + 0.25] * 2, color=colour, linewidth=2)


def draw_curves(findings: Findings, task: str) -> Any:
    """Return a panel for each method: seeds thin, the IQM and its interval.

    Returns None if no method has a number.
    """
    mine, metric = (
        task_entries(findings, task),
        shown_metrics(findings.results, task)[0],
    )
    every = {one.method: evaluation_matrix(one.rows, metric) for one in mine}
    lines = {m: line for m, line in every.items() if np.isfinite(line[1]).any()}
    if not lines:
        return None
    rows, columns = grid_shape(len(lines))
    size = (2.4 * columns, max(1.9 * rows, 2.6), rows, columns)
    figure, axes = make_figure(*size, sharex=True, sharey=True)
    floor = task_floor(findings.results, task, metric)
    ends = {} if floor is None else {"floor": floor}
    edges = make_scale(axis_values(lines.values(), floor), lower_is_better(metric))
    for axis, (method, (steps, values)) in zip(axes.flat, lines.items(), strict=False):
        draw_curve(axis, steps, values, line_style(findings, method))
        axis.set_title(method)
        finish_axis(axis, "y", edges, ends)
        axis.set_ylim(edges.low, edges.high)
    figure.supxlabel(append_line("step", describe_ends(ends)), fontsize=9)
    figure.supylabel(f"{task}: {metric_title(metric)}", fontsize=9)
    hide_unused_axes(axes, len(lines))
    return figure


def append_line(label: str, words: str) -> str:
    """Return a label, with what is drawn across the figure below it."""
    return f"{label}\n{words}" if words else label


def draw_curve(
    axis: Any, steps: np.ndarray, values: np.ndarray, style: dict[str, Any]
) -> None:
    """Draw a method's seeds, their IQM in the method's style, and its interval."""
    shown = np.where(np.isfinite(values), values, np.nan)
    centre, low, high = iqm_curve(values)
    axis.plot(steps, shown.T, color="#9aaaae", linewidth=0.5, alpha=0.6)
    capped = np.where(np.isfinite(high), high, np.nanmax(shown))
    axis.fill_between(steps, low, capped, color=style["color"], alpha=0.18, lw=0)
    axis.plot(steps, centre, markevery=max(1, len(steps) // 4), **style)


def draw_cost(findings: Findings, task: str) -> Any:
    """Return the IQM against gradient evaluations and wall time; None without lines."""
    mine, metric = (
        task_entries(findings, task),
        shown_metrics(findings.results, task)[0],
    )
    every = {
        kind: select_drawable(make_cost_lines(mine, metric, kind))
        for kind in STEP_COSTS
    }
    every = {kind: lines for kind, lines in every.items() if lines}
    if not every:
        return None
    figure, axes = make_figure(1.6 + 3.4 * len(every), 3.2, 1, len(every), sharey=True)
    floor = task_floor(findings.results, task, metric)
    ends = {} if floor is None else {"floor": floor}
    lines = [line for own in every.values() for line in own.values()]
    edges = make_scale(axis_values(lines, floor, cut=0), lower_is_better(metric))
    for axis, (kind, own) in zip(axes.flat, every.items(), strict=True):
        draw_cost_lines(axis, findings, own)
        axis.set_xlabel(kind)
        finish_axis(axis, "y", edges, ends)
    words = "dotted: the cost of the cheapest method's whole run"
    figure.supxlabel(", ".join(filter(None, (words, describe_ends(ends)))), fontsize=8)
    axes.flat[0].set(
        ylabel=f"{task}: {metric_title(metric)}", ylim=(edges.low, edges.high)
    )
    add_method_legend(figure, axes)
    return figure


def draw_cost_lines(axis: Any, findings: Findings, lines: Lines) -> None:
    """Draw the lines of one kind of cost, and the cost of the cheapest whole run."""
    whole = []
    for index, (method, (x, y)) in enumerate(lines.items()):
        shown = np.where(np.isfinite(y), y, np.nan)
        each = max(1, len(x) // MARKERS_PER_LINE)
        places = (index % each, each)
        axis.plot(x, shown, markevery=places, **line_style(findings, method))
        whole += [x.max()] if x.max() > 0 else []
    axis.axvline(min(whole, default=0.0), **BUDGET)
    set_round_ticks(axis.xaxis, Scale(0.0, max(whole, default=1.0), False))


def add_method_legend(figure: Any, axes: np.ndarray) -> None:
    """Name every method that any of the axes draws, right of them all."""
    known = [axis.get_legend_handles_labels() for axis in axes.flat]
    entries = {
        label: mark
        for marks, labels in known
        for mark, label in zip(marks, labels, strict=True)
    }
    place = {"loc": "outside right upper", "fontsize": 7.5, "handlelength": 3.2}
    figure.legend(list(entries.values()), list(entries), **place)
