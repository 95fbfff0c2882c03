"""The figures of a task: every seed at the end, curves, cost against quality."""

import math
from typing import Any

import numpy as np

from benchmarks.canvas import (
    blank,
    ends_words,
    finish,
    hide_rest,
    look,
    near_square,
    of_task,
    outcome_legend,
    rounded,
)
from benchmarks.findings import Findings
from benchmarks.pictures import ends_of, finite_values, matrix, middles
from benchmarks.rows import floor_of, lower_is_better, shown_metrics, title, value_of
from benchmarks.summary import COSTS, Entry, middle
from benchmarks.svg import OUTCOME_COLOURS, OUTLINE, Scale, scale_of

BUDGET = {"color": "#646b73", "linewidth": 0.8, "linestyle": ":"}


def seeds(found: Findings, task: str) -> Any:
    """Every seed at the end, its IQM's interval, floor, noise; x: what failed."""
    mine, metric = of_task(found, task), shown_metrics(found.results, task)[0]
    figure, axes = blank(5.2, 1.3 + 0.28 * len(mine))
    axis, ends = axes.flat[0], ends_of(found.results, task, metric)
    values = [value_of(row, metric) for one in mine for row in one.rows]
    edges = scale_of([*values, *ends.values()], lower_is_better(metric))
    span = (edges.high / edges.low) ** 0.06 if edges.log else 0.06
    lane = (
        edges.high * span if edges.log else edges.high + span * (edges.high - edges.low)
    )
    for y, one in enumerate(mine):
        dots(axis, y, one, metric, lane)
    axis.set_yticks(range(len(mine)), [one.method for one in mine])
    axis.set_ylim(len(mine) - 0.5, -0.7)
    axis.set(title=f"{task}, every seed")
    axis.set_xlabel(f"{title(metric)} at the end\n{ends_words(ends)}")
    finish(axis, "x", edges, ends)
    outcome_legend(figure, mine)
    return figure


def dots(axis: Any, y: int, one: Entry, metric: str, lane: float) -> None:
    """A method's seeds, and the interval of their IQM below."""
    for index, row in enumerate(one.rows):
        value, high = value_of(row, metric), y - 0.12 * (index % 3)
        fill = OUTCOME_COLOURS[row["outcome"]]
        if math.isfinite(value):
            edge = {"markeredgecolor": OUTLINE, "markeredgewidth": 0.5}
            axis.plot(value, high, "o", color=fill, markersize=4.5, **edge)
        else:
            axis.plot(lane, high, "x", color=fill, markersize=4)
    limits = [v if math.isfinite(v) else lane for v in one.finals[metric][1:]]
    axis.plot(limits, [y + 0.25] * 2, color="#23282d", linewidth=1.4)


def curves(found: Findings, task: str) -> Any:
    """A panel for each method: seeds thin, the IQM and its interval."""
    mine, metric = of_task(found, task), shown_metrics(found.results, task)[0]
    rows, columns = near_square(len(mine))
    size = (2.4 * columns, max(1.9 * rows, 2.6), rows, columns)
    figure, axes = blank(*size, sharex=True, sharey=True)
    floor = floor_of(found.results, task, metric)
    ends = {} if floor is None else {"floor": floor}
    lines = {one.method: matrix(one.rows, metric) for one in mine}
    edges = scale_of(finite_values(lines.values(), floor), lower_is_better(metric))
    for axis, one in zip(axes.flat, mine, strict=False):
        steps, values = lines[one.method]
        shown = np.where(np.isfinite(values), values, np.nan)
        center, low, high = middles(values)
        axis.plot(steps, shown.T, color="#9aaaae", linewidth=0.5, alpha=0.6)
        top = np.nanmax(shown, initial=0.0) if np.isfinite(shown).any() else 1.0
        capped = np.where(np.isfinite(high), high, top)
        axis.fill_between(steps, low, capped, color="#185c5c", alpha=0.15, lw=0)
        axis.plot(steps, center, color="#185c5c", linewidth=1.6)
        axis.set_title(one.method)
        finish(axis, "y", edges, ends)
        axis.set_ylim(edges.low, edges.high)
    figure.supxlabel(f"step\n{ends_words(ends)}", fontsize=9)
    figure.supylabel(f"{task}: {title(metric)}", fontsize=9)
    hide_rest(axes, len(mine))
    return figure


def cost(found: Findings, task: str) -> Any:
    """The IQM over gradient evaluations and over wall time."""
    mine, metric = of_task(found, task), shown_metrics(found.results, task)[0]
    figure, axes = blank(8.4, 3.2, 1, 2, sharey=True)
    curves = {one.method: matrix(one.rows, metric) for one in mine}
    middle_lines = {m: (x, middles(values)[0]) for m, (x, values) in curves.items()}
    floor = floor_of(found.results, task, metric)
    ends = {} if floor is None else {"floor": floor}
    seen = finite_values(middle_lines.values(), floor, cut=0)
    edges = scale_of(seen, lower_is_better(metric))
    for axis, (kind, price) in zip(axes.flat, COSTS.items(), strict=True):
        whole = []
        for one in mine:
            steps, y = middle_lines[one.method]
            x = steps * middle([price(row) for row in one.rows])
            axis.plot(x, np.where(np.isfinite(y), y, np.nan), **look(found, one.method))
            whole += [x.max()] if len(x) and x.max() > 0 else []
        axis.axvline(min(whole, default=0.0), **BUDGET)
        rounded(axis.xaxis, Scale(0.0, max(whole, default=1.0), False))
        axis.set_xlabel(kind)
        finish(axis, "y", edges, ends)
    words = "dotted: the cost of the cheapest method's whole run"
    figure.supxlabel(", ".join(filter(None, (words, ends_words(ends)))), fontsize=8)
    axes.flat[0].set(ylabel=f"{task}: {title(metric)}", ylim=(edges.low, edges.high))
    axes.flat[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7.5)
    return figure
