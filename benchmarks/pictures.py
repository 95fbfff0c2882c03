"""The pictures of a task: every seed at the end, curves over training."""

import html
import math
from collections.abc import Iterable

import numpy as np

from benchmarks import aggregate
from benchmarks.charts import (
    Frame,
    axes,
    band,
    panel,
    polyline,
    strip,
    strip_axis,
)
from benchmarks.rows import (
    METRICS,
    Results,
    Row,
    failed,
    floor_of,
    lower_is_better,
    noise_of,
    shown_metrics,
    title,
    value_of,
    worst,
)
from benchmarks.summary import Entry, last_step
from benchmarks.svg import (
    OUTCOME_COLOURS,
    Scale,
    element,
    scale_of,
    short,
)


def direction(metric: str) -> str:
    return "Lower is better" if lower_is_better(metric) else "Higher is better"


def floor_words(results: Results, task: str, metric: str) -> str:
    """`floor .021 (reals against reals)`."""
    value = floor_of(results, task, metric)
    if value is None:
        return "no floor in the plan"
    words = METRICS[metric].floor_text if metric in METRICS else "the plan's"
    return f"floor {short(value)} ({words})"


DOTS = (
    "A dot is a seed, its colour how the run ended; the bar is the IQM (the mean of "
    "the middle half) and its 95% interval; dashed is the floor"
)
LINES = (
    "Thin lines are seeds, the thick one their IQM, the band its 95% interval; dashed "
    "is the floor. A band up to the edge has runs that diverged in it."
)


def key_line(words: str) -> str:
    return element("p", words, class_="note")


def caption(results: Results, task: str, metric: str) -> str:
    parts = (direction(metric), floor_words(results, task, metric))
    return element("p", "; ".join(parts) + ".", class_="note")


def chooser(task: str, metrics: list[str]) -> str:
    """Which metric the pictures of a task show."""
    options = [element("option", title(m), value=m) for m in metrics]
    choice = element("select", *options, data_metric_of=task)
    return element("label", "Metric ", choice, class_="chooser")


def per_metric(metric: str, first: bool, *parts: str, **attributes: object) -> str:
    """A block that is shown while its metric is chosen."""
    hidden = None if first else "hidden"
    return element("div", *parts, data_metric=metric, hidden=hidden, **attributes)


def strips(results: Results, task: str, found: list[Entry]) -> str:
    """The end of every seed, a row for each method."""
    blocks = []
    for index, metric in enumerate(shown_metrics(results, task)):
        ends = ends_of(results, task, metric)
        values = [value_of(row, metric) for e in found for row in e.rows]
        scale = scale_of([*values, *ends.values()], lower_is_better(metric))
        rows = [strip_row(e, metric, scale, ends) for e in found]
        under = strip_axis(scale, ends, not np.isfinite(values).all())
        rows.append(element("div", element("span"), under, class_="strip-row"))
        words = DOTS + (", dotted noise." if "noise" in ends else ".")
        notes = [key_line(words), caption(results, task, metric)]
        blocks.append(per_metric(metric, index == 0, *rows, *notes))
    return "".join(blocks)


def ends_of(results: Results, task: str, metric: str) -> dict[str, float]:
    """`{"floor", "noise"}`, those that the plan has: what scores 1 and 0."""
    known = {
        "floor": floor_of(results, task, metric),
        "noise": noise_of(results, task, metric),
    }
    return {name: value for name, value in known.items() if value is not None}


def strip_row(found: Entry, metric: str, scale: Scale, ends: dict[str, float]) -> str:
    dots = []
    for row in found.rows:
        value = value_of(row, metric)
        words = f"{found.method}, seed {row['seed']}: {short(value)}, {row['outcome']}"
        dots.append((value, OUTCOME_COLOURS[row["outcome"]], words))
    drawn = strip(scale, dots, ends, found.finals.get(metric), "#23282d")
    name = element("span", html.escape(found.method), class_="name")
    return element("div", name, drawn, class_="strip-row", data_method=found.method)


def matrix(rows: list[Row], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """`(steps [E], values [runs, E])`; after a failed run's end the worst there is."""
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
            elif failed(row) and step >= end:
                line[index] = worst(metric)
    return np.array(steps, float), values


def middles(values: np.ndarray) -> np.ndarray:
    """`[3, E]`: IQM, low and high over runs at each evaluation."""
    columns = [column[~np.isnan(column)] for column in values.T]
    found = [aggregate.iqm_of(c) if len(c) else (math.nan,) * 3 for c in columns]
    return np.array(found, float).reshape(-1, 3).T


def curves(results: Results, task: str, found: list[Entry]) -> str:
    """A panel for each method: every seed thin, the IQM and its interval."""
    blocks = []
    for index, metric in enumerate(shown_metrics(results, task)):
        lines = {e.method: matrix(e.rows, metric) for e in found}
        floor = floor_of(results, task, metric)
        y = scale_of(finite_values(lines.values(), floor), lower_is_better(metric))
        ends = [float(steps.max(initial=0.0)) for steps, _ in lines.values()]
        x = Scale(0.0, max(ends, default=0.0) or 1.0, False)
        frame = Frame(260, 176, 40, 32, x, y)
        panels = [
            curve_panel(frame, method, *line, floor) for method, line in lines.items()
        ]
        notes = [key_line(LINES), caption(results, task, metric)]
        grid = element("div", *panels, class_="panels")
        blocks.append(per_metric(metric, index == 0, grid, *notes))
    return "".join(blocks)


def finite_values(
    lines: Iterable, floor: float | None, cut: float = 0.01
) -> list[float]:
    """What an axis must hold: all values but a share at either end, and the floor."""
    known = np.concatenate([v[np.isfinite(v)] for _, v in lines] or [np.zeros(1)])
    edges = list(np.quantile(known, [cut, 1 - cut])) if len(known) else []
    return [*map(float, edges), *([] if floor is None else [floor])]


def curve_panel(
    frame: Frame,
    method: str,
    steps: np.ndarray,
    values: np.ndarray,
    floor: float | None,
) -> str:
    parts = axes(frame, "step", floor)
    middle_line, low, high = middles(values)
    parts.append(element("path", d=band(frame, steps, low, high), class_="band"))
    parts += [
        element("path", d=polyline(frame, steps, line), class_="seed")
        for line in values
    ]
    parts.append(
        element("path", d=polyline(frame, steps, middle_line), class_="middle")
    )
    drawn = panel(frame, parts, aria_label=f"{method} over steps")
    head = element("figcaption", html.escape(method))
    return element("figure", head, drawn, data_method=method)
