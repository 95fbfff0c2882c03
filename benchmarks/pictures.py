"""The pictures of a task: every seed, curves, cost against quality, samples."""

import base64
import html
import math
from collections.abc import Iterable
from pathlib import Path

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
    shown_metrics,
    title,
    value_of,
    worst,
)
from benchmarks.summary import COSTS, Entry, last_step, middle
from benchmarks.svg import (
    OUTCOME_COLOURS,
    Scale,
    colour,
    dash,
    element,
    scale_of,
    short,
    text,
    tip,
)


def direction(metric: str) -> str:
    return "lower is better" if lower_is_better(metric) else "higher is better"


def floor_words(results: Results, task: str, metric: str) -> str:
    """`floor .021 (reals against reals)`."""
    value = floor_of(results, task, metric)
    if value is None:
        return "no floor in the plan"
    words = METRICS[metric].floor_text if metric in METRICS else "the plan's"
    return f"floor {short(value)} ({words})"


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
        floor = floor_of(results, task, metric)
        values = [value_of(row, metric) for e in found for row in e.rows]
        scale = scale_of([*values, *([] if floor is None else [floor])])
        rows = [strip_row(e, metric, scale, floor) for e in found]
        under = strip_axis(scale, floor, not np.isfinite(values).all())
        rows.append(element("div", element("span"), under, class_="strip-row"))
        note = caption(results, task, metric)
        blocks.append(per_metric(metric, index == 0, *rows, note))
    return "".join(blocks)


def strip_row(found: Entry, metric: str, scale: Scale, floor: float | None) -> str:
    dots = []
    for row in found.rows:
        value = value_of(row, metric)
        words = f"{found.method}, seed {row['seed']}: {short(value)}, {row['outcome']}"
        dots.append((value, OUTCOME_COLOURS[row["outcome"]], words))
    drawn = strip(scale, dots, floor, found.finals.get(metric), "#23282d")
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
        y = scale_of(finite_values(lines.values(), floor))
        x = Scale(
            0.0, max((float(s.max()) for s, _ in lines.values()), default=1), False
        )
        frame = Frame(260, 176, 40, 32, x, y)
        panels = [
            curve_panel(frame, method, *line, floor) for method, line in lines.items()
        ]
        note = caption(results, task, metric)
        grid = element("div", *panels, class_="panels")
        blocks.append(per_metric(metric, index == 0, grid, note))
    return "".join(blocks)


def finite_values(lines: Iterable, floor: float | None) -> list[float]:
    """What an axis must hold: the middle 98% of all values, and the floor."""
    known = np.concatenate([v[np.isfinite(v)] for _, v in lines] or [np.zeros(1)])
    edges = list(np.quantile(known, [0.01, 0.99])) if len(known) else []
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


def cost(results: Results, task: str, found: list[Entry]) -> str:
    """Quality over what it costs: gradient evaluations, wall time."""
    metric = next(iter(shown_metrics(results, task)), None)
    if metric is None:
        return ""
    panels = [cost_panel(results, task, found, metric, kind) for kind in COSTS]
    note = caption(results, task, metric)
    words = "Dashed upright: the cost of the cheapest method's whole run, at which the "
    words += "table compares all. Lines are IQM over seeds. "
    return (
        element("div", *panels, class_="panels two")
        + element("p", words, class_="note")
        + note
    )


def cost_panel(
    results: Results, task: str, found: list[Entry], metric: str, kind: str
) -> str:
    lines = {}
    for e in found:
        steps, values = matrix(e.rows, metric)
        each = middle([COSTS[kind](row) for row in e.rows])
        lines[e.method] = steps * each, middles(values)[0]
    floor = floor_of(results, task, metric)
    y = scale_of(finite_values([(x, v) for x, v in lines.values()], floor))
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


def samples(results: Results, task: str, found: list[Entry]) -> str:
    """Pictures of the median and the worst seed, where the folder has them."""
    figures = []
    for e in found:
        for kind, row in chosen_seeds(e).items():
            path = picture_path(results, row)
            if path.is_file():
                figures.append(picture(e.method, kind, row, path))
    if not figures:
        words = "No samples in the cells' folders."
        return element("p", words, class_="note")
    return element("div", *figures, class_="panels pictures")


def chosen_seeds(found: Entry) -> dict[str, Row]:
    """The rows of the median and of the worst seed, by the task's metric."""
    metric = next(iter(found.finals), None)
    if metric is None:
        return {}
    sign = 1 if lower_is_better(metric) else -1
    ordered = sorted(found.rows, key=lambda row: sign * value_of(row, metric))
    return {"median": ordered[(len(ordered) - 1) // 2], "worst": ordered[-1]}


def picture_path(results: Results, row: Row) -> Path:
    """`samples/ring-r1-3.png`, made by benchmarks.samples."""
    name = f"{row['task']}-{row['label']}-{row['seed']}.png".replace(", ", "-")
    return results.folder / "samples" / name.replace(" ", "-")


def picture(method: str, kind: str, row: Row, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    words = f"{method}, {kind} seed ({row['seed']}): {row['outcome']}"
    image = element("img", src=f"data:image/png;base64,{data}", alt=words)
    return element(
        "figure", element("figcaption", html.escape(words)), image, data_method=method
    )


def profiles(found: list, methods: list[str], taus: np.ndarray) -> str:
    """The share of runs above each score, a line for each method."""
    frame = Frame(430, 280, 40, 34, Scale(0, 1, False), Scale(0, 1, False))
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
    parts.append(text(48, 20, "share of runs above the score", class_="axis"))
    return element(
        "figure", element("figcaption", "Performance profiles"), panel(frame, parts)
    )
