"""Panels with a line for each method: costs, performance profiles, time to success."""

import numpy as np

from benchmarks.charts import Frame, axes, band, panel, polyline
from benchmarks.pictures import (
    caption,
    finite_values,
    key_line,
    matrix,
    middles,
)
from benchmarks.rows import Results, floor_of, lower_is_better, shown_metrics, title
from benchmarks.summary import COSTS, Entry, last_step, middle
from benchmarks.svg import Scale, colour, dash, element, scale_of, tip


def cost(results: Results, task: str, found: list[Entry]) -> str:
    """Quality over what it costs: gradient evaluations, wall time."""
    metric = next(iter(shown_metrics(results, task)), None)
    if metric is None:
        return ""
    panels = [cost_panel(results, task, found, metric, kind) for kind in COSTS]
    words = (
        "Lines are IQM over seeds. Dotted upright: the cost of the cheapest method's "
        "whole run, at which the table compares all."
    )
    notes = key_line(words) + caption(results, task, metric)
    return element("div", *panels, class_="panels two") + notes


def cost_panel(
    results: Results, task: str, found: list[Entry], metric: str, kind: str
) -> str:
    lines = {}
    for e in found:
        steps, values = matrix(e.rows, metric)
        each = middle([COSTS[kind](row) for row in e.rows])
        lines[e.method] = steps * each, middles(values)[0]
    floor = floor_of(results, task, metric)
    y = scale_of(finite_values(lines.values(), floor, cut=0), lower_is_better(metric))
    ends = [float(x.max()) for x, _ in lines.values() if len(x) and x.max() > 0] or [
        1.0
    ]
    frame = Frame(430, 280, 46, 34, Scale(0.0, max(ends) * 1.02, False), y)
    parts = axes(frame, kind, floor, 5)
    at, base = frame.at(min(ends), y.low)
    parts.append(element("line", x1=at, x2=at, y1=8, y2=base, class_="budget"))
    for method, (x, values) in lines.items():
        index = results.methods.index(method)
        parts.append(line_of(frame, method, index, x, values))
    head = element("figcaption", f"{title(metric)} over {kind}")
    return element("figure", head, panel(frame, parts))


def line_of(frame: Frame, method: str, index: int, x: np.ndarray, y: np.ndarray) -> str:
    return element(
        "path",
        tip(method),
        d=polyline(frame, x, y),
        class_="method-line",
        stroke=colour(index),
        stroke_dasharray=dash(index),
        data_method=method,
    )


def profiles(found: list, methods: list[str], taus: np.ndarray) -> str:
    """The share of runs above each score, a line for each method."""
    frame = Frame(430, 280, 40, 34, Scale(0, 1.02, False), Scale(0, 1, False))
    parts = axes(frame, "score (0 noise or diverged, 1 the floor)", None, 5)
    for one in found:
        index = methods.index(one.method)
        share, low, high = one.profile
        shape = band(frame, taus, low, high)
        parts.append(
            element(
                "path",
                d=shape,
                fill=colour(index),
                class_="profile-band",
                data_method=one.method,
            )
        )
        parts.append(line_of(frame, one.method, index, taus, share))
    edge, top = frame.at(1, 1)
    base = frame.at(1, 0)[1]
    floor = element("line", x1=edge, x2=edge, y1=top, y2=base, class_="floor")
    words = "Performance profiles: the share of runs above a score"
    head = element("figcaption", words)
    return element("figure", head, panel(frame, [*parts, floor]))


def waiting(found: list[Entry], methods: list[str], task: str) -> str:
    """The share of runs without success after each step, by Kaplan and Meier."""
    mine = [one for one in found if one.task == task]
    end = max(last_step(row) for one in mine for row in one.rows)
    frame = Frame(430, 280, 40, 34, Scale(0, end, False), Scale(0, 1, False))
    parts = axes(frame, "step", None, 5)
    for one in mine:
        steps = np.repeat([0.0, *one.survival.steps, end], 2)[1:]
        share = np.repeat([1.0, *one.survival.waiting], 2)
        share = np.append(share, share[-1])
        index = methods.index(one.method)
        parts.append(line_of(frame, one.method, index, steps, share))
    head = element("figcaption", f"Runs still without success: {task}")
    return element("figure", head, panel(frame, parts), data_task=task)
