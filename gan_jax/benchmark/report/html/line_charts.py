"""Charts with a line for each method: costs, performance profiles, time to success."""

import html
from collections.abc import Sequence

import numpy as np

from gan_jax.benchmark.report.html.charts import (
    Frame,
    band_path,
    draw_axes,
    make_panel,
    polyline_path,
)
from gan_jax.benchmark.report.html.markers import draw_method_line, make_legend
from gan_jax.benchmark.report.html.svg import Scale, element, make_scale
from gan_jax.benchmark.report.html.task_panels import (
    axis_values,
    evaluation_matrix,
    iqm_curve,
    make_caption,
    make_note,
)
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.results import (
    Results,
    last_step,
    lower_is_better,
    metric_title,
    shown_metrics,
    task_floor,
)
from gan_jax.benchmark.report.stats import extended_median
from gan_jax.benchmark.report.summary import (
    PROFILE_TAUS,
    STEP_COSTS,
    OverallSummary,
    TaskSummary,
)
from gan_jax.benchmark.report.wording import explain_not_drawn, join_names

CHART_WIDTH, CHART_HEIGHT = 430, 280
MARKERS_PER_LINE = 5
"""Markers of a line."""

Lines = dict[str, tuple[np.ndarray, np.ndarray]]
"""The x and y of each method, some of which may not be finite."""


def select_drawable(lines: Lines) -> Lines:
    """Return the lines with at least one point to draw."""
    known = {m: np.isfinite(x) & np.isfinite(y) for m, (x, y) in lines.items()}
    return {m: lines[m] for m, points in known.items() if points.any()}


def make_cost_lines(entries: list[TaskSummary], metric: str, kind: str) -> Lines:
    """Return the IQM over seeds against what it has cost."""
    lines = {}
    for one in entries:
        steps, values = evaluation_matrix(one.rows, metric)
        each = extended_median([STEP_COSTS[kind](row) for row in one.rows])
        lines[one.method] = steps * each, iqm_curve(values)[0]
    return lines


def make_cost_charts(results: Results, task: str, entries: list[TaskSummary]) -> str:
    """Return quality against its cost in gradient evaluations and in wall time."""
    metric = shown_metrics(results, task)[0]
    panels, missing = [], {}
    for kind in STEP_COSTS:
        lines = make_cost_lines(entries, metric, kind)
        drawn = select_drawable(lines)
        missing |= {m: None for m in lines if m not in drawn}
        if drawn:
            panels.append(draw_cost_chart(results, task, metric, kind, drawn))
    why = make_note(explain_not_drawn(list(missing))) if missing else ""
    if not panels:
        return why
    words = (
        "Each line is the IQM over seeds (the mean of the middle half). The dotted "
        "upright line is the cost of the cheapest method's whole run; the table "
        "compares all methods there. The dashed line is the floor."
    )
    notes = make_note(words) + why + make_caption(results, task, metric)
    return element("div", *panels, class_="panels two") + notes


def draw_cost_chart(
    results: Results, task: str, metric: str, kind: str, lines: Lines
) -> str:
    """Return quality against one kind of cost."""
    floor = task_floor(results, task, metric)
    y = make_scale(axis_values(lines.values(), floor, cut=0), lower_is_better(metric))
    ends = [float(x.max()) for x, _ in lines.values() if x.max() > 0] or [1.0]
    frame = Frame(
        CHART_WIDTH, CHART_HEIGHT, 46, 34, Scale(0.0, max(ends) * 1.02, False), y
    )
    parts = draw_axes(frame, kind, floor, 5)
    at, base = frame.position(min(ends), y.low)
    parts.append(element("line", x1=at, x2=at, y1=8, y2=base, class_="budget"))
    parts += draw_lines(frame, lines, results.styles)
    return make_chart_figure(
        f"{metric_title(metric)} over {kind}", frame, parts, lines, results.styles
    )


def make_chart_figure(
    head: str,
    frame: Frame,
    parts: Sequence[str],
    methods: Sequence[str] | Lines,
    styles: dict[str, MethodStyle],
    **attributes: object,
) -> str:
    """Return a chart under its heading, with a legend of the methods below."""
    shown = element("figcaption", html.escape(head))
    drawn = make_panel(frame, parts, aria_label=head)
    key = make_legend(list(methods), styles)
    return element("figure", shown, drawn, key, class_="chart", **attributes)


def draw_lines(
    frame: Frame, lines: Lines, styles: dict[str, MethodStyle], stepped: bool = False
) -> list[str]:
    """Return the lines; the markers of one line stand between those of the others."""
    drawn = []
    for index, (method, (x, y)) in enumerate(lines.items()):
        places = marker_positions(frame, x, y, index / len(lines), stepped)
        path = polyline_path(frame, x, y)
        drawn.append(draw_method_line(method, styles[method], path, places))
    return drawn


def marker_positions(
    frame: Frame, x: np.ndarray, y: np.ndarray, shift: float, stepped: bool
) -> list[tuple[float, float]]:
    """Return where a line has its markers: evenly along its own width."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    at = (
        x[0] + (x[-1] - x[0]) * (np.arange(MARKERS_PER_LINE) + shift) / MARKERS_PER_LINE
    )
    if stepped:
        heights = y[np.searchsorted(x, at, side="right") - 1]
    elif frame.y.log:
        heights = 10 ** np.interp(at, x, np.log10(y))
    else:
        heights = np.interp(at, x, y)
    return [frame.position(*point) for point in zip(at, heights, strict=True)]


def draw_profile_chart(results: Results, summaries: list[OverallSummary]) -> str:
    """Return the share of runs above each score, a line for each method."""
    frame = Frame(
        CHART_WIDTH, CHART_HEIGHT, 40, 34, Scale(0, 1.02, False), Scale(0, 1, False)
    )
    parts = draw_axes(frame, "score (0: noise or diverged, 1: the floor)", None, 5)
    styles, lines = (
        results.styles,
        {one.method: (PROFILE_TAUS, one.profile[0]) for one in summaries},
    )
    for one in summaries:
        _, low, high = one.profile
        colour = styles[one.method].colour
        named = {"fill": colour, "class_": "profile-band", "data_method": one.method}
        parts.append(
            element("path", d=band_path(frame, PROFILE_TAUS, low, high), **named)
        )
    edge, top = frame.position(1, 1)
    base = frame.position(1, 0)[1]
    floor = element("line", x1=edge, x2=edge, y1=top, y2=base, class_="floor")
    parts += [*draw_lines(frame, lines, styles), floor]
    words = "Performance profiles: the share of runs above a score"
    return make_chart_figure(words, frame, parts, lines, styles)


def survival_stairs(entry: TaskSummary, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the stairs of a Kaplan-Meier curve."""
    steps = np.repeat([0.0, *entry.survival.steps, end], 2)[1:]
    share = np.repeat([1.0, *entry.survival.waiting], 2)
    return steps, np.append(share, share[-1])


def draw_waiting_chart(results: Results, entries: list[TaskSummary], task: str) -> str:
    """Return the share of runs without success after each step, by Kaplan and Meier."""
    mine = [one for one in entries if one.task == task]
    if not any(len(one.survival.steps) for one in mine):
        return ""
    end = max(last_step(row) for one in mine for row in one.rows)
    frame = Frame(
        CHART_WIDTH, CHART_HEIGHT, 40, 34, Scale(0, end, False), Scale(0, 1, False)
    )
    lines = {one.method: survival_stairs(one, end) for one in mine}
    drawn = draw_lines(frame, lines, results.styles, stepped=True)
    parts = [*draw_axes(frame, "step", None, 5), *drawn]
    head = f"Runs still without success: {task}"
    return make_chart_figure(head, frame, parts, lines, results.styles, data_task=task)


def draw_waiting_charts(
    results: Results, entries: list[TaskSummary]
) -> tuple[list[str], str]:
    """Return the charts of the tasks with a success, and a sentence on the others."""
    charts = {
        task: draw_waiting_chart(results, entries, task) for task in results.tasks
    }
    never = [task for task, chart in charts.items() if not chart]
    words = ""
    if never:
        words = make_note(
            f"No run of {join_names(never)} succeeded, so there is no curve of the "
            "time to success."
        )
    return [chart for chart in charts.values() if chart], words
