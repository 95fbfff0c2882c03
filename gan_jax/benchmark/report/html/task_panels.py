"""The panels of a task: every seed at the end, and curves over training."""

import html
import math
from collections.abc import Iterable

import numpy as np

from gan_jax.benchmark.report import aggregate
from gan_jax.benchmark.report.html.charts import (
    Frame,
    band_path,
    draw_axes,
    draw_strip,
    draw_strip_axis,
    make_panel,
    polyline_path,
)
from gan_jax.benchmark.report.html.markers import (
    draw_marker,
    label_method,
    make_outcome_legend,
)
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    Scale,
    element,
    make_scale,
)
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.results import (
    METRIC_INFO,
    Results,
    Row,
    has_failed,
    last_step,
    lower_is_better,
    metric_title,
    metric_value,
    shown_metrics,
    task_floor,
    task_noise,
    worst_value,
)
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes
from gan_jax.benchmark.report.wording import explain_not_drawn, format_short

MetricCurves = dict[str, tuple[np.ndarray, np.ndarray]]
"""The steps `[E]` and the values `[runs, E]` of each method."""


def describe_direction(metric: str) -> str:
    """Return which way a metric is better."""
    return "Lower is better" if lower_is_better(metric) else "Higher is better"


def describe_floor(results: Results, task: str, metric: str) -> str:
    """Return a sentence on the floor, what real data reach; "" without one."""
    value = task_floor(results, task, metric)
    if value is None:
        return ""
    words = f" ({METRIC_INFO[metric].floor_text})" if metric in METRIC_INFO else ""
    floor = f"{format_short(value)}{words}"
    return f"The floor is {floor}: no generator is expected to do better."


DOTS_NOTE = (
    "Each dot is one run; its colour says how the run ended. The bar under the dots is "
    "the 95% interval of the IQM (the mean of the middle half of the runs)."
)
LINES_NOTE = (
    "Each thin line is one run, the thick line is their IQM, and the band is its 95% "
    "interval. Where the band reaches the upper edge, some runs had diverged."
)
REFERENCE_NOTES = {
    "floor": "The dashed line is the floor.",
    "noise": "The dotted line is what noise scores.",
}
"""What the lines at floor and noise are."""


def make_note(words: str) -> str:
    """Return a paragraph in small print."""
    return element("p", words, class_="note")


def make_caption(results: Results, task: str, metric: str) -> str:
    """Return which way the metric is better, and its floor."""
    parts = (f"{describe_direction(metric)}.", describe_floor(results, task, metric))
    return element("p", html.escape(" ".join(filter(None, parts))), class_="note")


def make_metric_chooser(task: str, metrics: list[str]) -> str:
    """Return a choice of the metric that a task's panels show, if there are several."""
    if len(metrics) < 2:
        return ""
    options = [element("option", metric_title(m), value=m) for m in metrics]
    choice = element("select", *options, data_metric_of=task)
    return element("label", "Metric ", choice, class_="chooser")


def make_metric_block(
    metric: str, first: bool, *parts: str, **attributes: object
) -> str:
    """Return a block that shows while its metric is chosen."""
    hidden = None if first else "hidden"
    return element("div", *parts, data_metric=metric, hidden=hidden, **attributes)


def draw_seed_strips(results: Results, task: str, entries: list[TaskSummary]) -> str:
    """Return the end of every seed, a row for each method."""
    blocks = []
    for index, metric in enumerate(shown_metrics(results, task)):
        ends = reference_values(results, task, metric)
        values = [metric_value(row, metric) for e in entries for row in e.rows]
        if not np.isfinite(values).any():
            blocks.append(
                make_metric_block(
                    metric, index == 0, make_note(explain_all_failed(metric))
                )
            )
            continue
        scale = make_scale([*values, *ends.values()], lower_is_better(metric))
        styles = results.styles
        rows = [
            draw_strip_row(e, metric, scale, ends, styles[e.method]) for e in entries
        ]
        under = draw_strip_axis(scale, ends, not np.isfinite(values).all())
        rows.append(element("div", element("span"), under, class_="strip-row"))
        words = " ".join([DOTS_NOTE, *(REFERENCE_NOTES[name] for name in ends)])
        key = make_outcome_legend(list_outcomes(entries))
        notes = [key, make_note(words), make_caption(results, task, metric)]
        blocks.append(make_metric_block(metric, index == 0, *rows, *notes))
    return "".join(blocks)


def reference_values(results: Results, task: str, metric: str) -> dict[str, float]:
    """Return `{"floor", "noise"}`, as far as the plan has them: they score 1 and 0."""
    known = {
        "floor": task_floor(results, task, metric),
        "noise": task_noise(results, task, metric),
    }
    return {name: value for name, value in known.items() if value is not None}


def explain_all_failed(metric: str) -> str:
    """Return a sentence on a metric that no run has."""
    title = metric_title(metric)
    return f"{title}: every run diverged or crashed, so none has a number here."


def draw_strip_row(
    entry: TaskSummary,
    metric: str,
    scale: Scale,
    ends: dict[str, float],
    style: MethodStyle,
) -> str:
    """Return the strip of one method behind its name."""
    dots = []
    for row in entry.rows:
        value = metric_value(row, metric)
        ended = row["outcome"].replace("_", " ")
        words = f"{entry.method}, seed {row['seed']}: {format_short(value)}, {ended}"
        dots.append((value, OUTCOME_COLOURS[row["outcome"]], words))
    drawn = draw_strip(scale, dots, ends, entry.finals.get(metric), style.colour)
    name = element("span", label_method(entry.method, style), class_="name")
    return element("div", name, drawn, class_="strip-row", data_method=entry.method)


def evaluation_matrix(rows: list[Row], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return `(steps [E], values [runs, E])` of a metric.

    After the end of a failed run its values are the worst there are.
    """
    steps = sorted({step for row in rows for step in row["series"]["step"]})
    values = np.full((len(rows), len(steps)), math.nan)
    for row, line in zip(rows, values, strict=True):
        known = dict(
            zip(row["series"]["step"], row["series"].get(metric, []), strict=False)
        )
        end = last_step(row)
        for index, step in enumerate(steps):
            value = known.get(step)
            if value is not None:
                line[index] = value
            elif has_failed(row) and step >= end:
                line[index] = worst_value(metric)
    return np.array(steps, float), values


def iqm_curve(values: np.ndarray) -> np.ndarray:
    """Return `[3, E]`: the IQM over runs at each evaluation, with its low and high."""
    columns = [column[~np.isnan(column)] for column in values.T]
    found = [aggregate.bootstrap_iqm(c) if len(c) else (math.nan,) * 3 for c in columns]
    return np.array(found, float).reshape(-1, 3).T


def draw_training_curves(
    results: Results, task: str, entries: list[TaskSummary]
) -> str:
    """Return a panel for each method: every seed thin, the IQM and its interval."""
    blocks = []
    for index, metric in enumerate(shown_metrics(results, task)):
        every = {e.method: evaluation_matrix(e.rows, metric) for e in entries}
        lines = {m: line for m, line in every.items() if np.isfinite(line[1]).any()}
        why = make_note(explain_not_drawn([m for m in every if m not in lines]))
        parts = [why] if len(lines) < len(every) else []
        if lines:
            parts = draw_curve_panels(results, task, metric, lines) + parts
        blocks.append(make_metric_block(metric, index == 0, *parts))
    return "".join(blocks)


def draw_curve_panels(
    results: Results, task: str, metric: str, lines: MetricCurves
) -> list[str]:
    """Return the panels of a metric on axes of one scale, and what they show."""
    floor = task_floor(results, task, metric)
    y = make_scale(axis_values(lines.values(), floor), lower_is_better(metric))
    ends = [float(steps.max(initial=0.0)) for steps, _ in lines.values()]
    x = Scale(0.0, max(ends, default=0.0) or 1.0, False)
    frame = Frame(260, 176, 40, 32, x, y)
    panels = [
        draw_curve_panel(frame, method, results.styles[method], *line, floor)
        for method, line in lines.items()
    ]
    words = LINES_NOTE if floor is None else f"{LINES_NOTE} {REFERENCE_NOTES['floor']}"
    grid = element("div", *panels, class_="panels")
    return [grid, make_note(words), make_caption(results, task, metric)]


def axis_values(lines: Iterable, floor: float | None, cut: float = 0.01) -> list[float]:
    """Return what an axis must hold: the floor, and values but a share at each end."""
    known = np.concatenate([v[np.isfinite(v)] for _, v in lines] or [np.zeros(1)])
    edges = list(np.quantile(known, [cut, 1 - cut])) if len(known) else []
    return [*map(float, edges), *([] if floor is None else [floor])]


def draw_curve_panel(
    frame: Frame,
    method: str,
    style: MethodStyle,
    steps: np.ndarray,
    values: np.ndarray,
    floor: float | None,
) -> str:
    """Return the panel of one method."""
    parts = draw_axes(frame, "step", floor)
    centre, low, high = iqm_curve(values)
    own = {"fill": style.colour, "class_": "band"}
    parts.append(element("path", d=band_path(frame, steps, low, high), **own))
    paths = [polyline_path(frame, steps, line) for line in values]
    parts += [element("path", d=path, class_="seed") for path in paths if path]
    if path := polyline_path(frame, steps, centre):
        drawn = {"stroke": style.colour, "class_": "middle"}
        parts.append(element("path", d=path, **drawn))
    parts += [
        draw_marker(style, *frame.position(x, y), 2.6)
        for x, y in list(zip(steps, centre, strict=True))[:: max(1, len(steps) // 4)]
        if math.isfinite(y)
    ]
    drawn = make_panel(frame, parts, aria_label=f"{method} over steps")
    head = element("figcaption", label_method(method, style))
    return element("figure", head, drawn, data_method=method)
