"""The pictures of a task: every seed at the end, curves over training."""

import html
import math
from collections.abc import Iterable

import numpy as np

from gan_jax.benchmark.report import aggregate
from gan_jax.benchmark.report.html.charts import (
    Frame,
    axes,
    band,
    panel,
    polyline,
    strip,
    strip_axis,
)
from gan_jax.benchmark.report.html.marks import mark, named, outcome_legend
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    Scale,
    element,
    scale_of,
    short,
)
from gan_jax.benchmark.report.looks import Look
from gan_jax.benchmark.report.results import (
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
from gan_jax.benchmark.report.summary import Entry, last_step, seen_in
from gan_jax.benchmark.report.wording import not_drawn

Curves = dict[str, tuple[np.ndarray, np.ndarray]]
"""Of each method the steps `[E]` and the values `[runs, E]`."""


def direction(metric: str) -> str:
    return "Lower is better" if lower_is_better(metric) else "Higher is better"


def floor_words(results: Results, task: str, metric: str) -> str:
    """`The floor, what real data reach, is .021 (held-out reals)`; "" without one."""
    value = floor_of(results, task, metric)
    if value is None:
        return ""
    words = f" ({METRICS[metric].floor_text})" if metric in METRICS else ""
    return f"The floor is {short(value)}{words}: no generator is expected to do better."


DOTS = (
    "Each dot is one run; its colour says how the run ended. The bar under the dots is "
    "the 95% interval of the IQM (the mean of the middle half of the runs)."
)
LINES = (
    "Each thin line is one run, the thick line is their IQM, and the band is its 95% "
    "interval. Where the band reaches the upper edge, some runs had diverged."
)
ENDS = {
    "floor": "The dashed line is the floor.",
    "noise": "The dotted line is what noise scores.",
}


def key_line(words: str) -> str:
    return element("p", words, class_="note")


def caption(results: Results, task: str, metric: str) -> str:
    parts = (f"{direction(metric)}.", floor_words(results, task, metric))
    return element("p", html.escape(" ".join(filter(None, parts))), class_="note")


def chooser(task: str, metrics: list[str]) -> str:
    """Which metric the pictures of a task show; nothing where there is one alone."""
    if len(metrics) < 2:
        return ""
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
        if not np.isfinite(values).any():
            blocks.append(per_metric(metric, index == 0, key_line(all_failed(metric))))
            continue
        scale = scale_of([*values, *ends.values()], lower_is_better(metric))
        looks = results.looks
        rows = [strip_row(e, metric, scale, ends, looks[e.method]) for e in found]
        under = strip_axis(scale, ends, not np.isfinite(values).all())
        rows.append(element("div", element("span"), under, class_="strip-row"))
        words = " ".join([DOTS, *(ENDS[name] for name in ends)])
        key = outcome_legend(seen_in(found))
        notes = [key, key_line(words), caption(results, task, metric)]
        blocks.append(per_metric(metric, index == 0, *rows, *notes))
    return "".join(blocks)


def ends_of(results: Results, task: str, metric: str) -> dict[str, float]:
    """`{"floor", "noise"}`, those that the plan has: what scores 1 and 0."""
    known = {
        "floor": floor_of(results, task, metric),
        "noise": noise_of(results, task, metric),
    }
    return {name: value for name, value in known.items() if value is not None}


def all_failed(metric: str) -> str:
    return f"{title(metric)}: every run diverged or crashed, so none has a number here."


def strip_row(
    found: Entry, metric: str, scale: Scale, ends: dict[str, float], look: Look
) -> str:
    dots = []
    for row in found.rows:
        value = value_of(row, metric)
        ended = row["outcome"].replace("_", " ")
        words = f"{found.method}, seed {row['seed']}: {short(value)}, {ended}"
        dots.append((value, OUTCOME_COLOURS[row["outcome"]], words))
    drawn = strip(scale, dots, ends, found.finals.get(metric), look.colour)
    name = element("span", named(found.method, look), class_="name")
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
        every = {e.method: matrix(e.rows, metric) for e in found}
        lines = {m: line for m, line in every.items() if np.isfinite(line[1]).any()}
        why = key_line(not_drawn([m for m in every if m not in lines]))
        parts = [why] if len(lines) < len(every) else []
        if lines:
            parts = curve_panels(results, task, metric, lines) + parts
        blocks.append(per_metric(metric, index == 0, *parts))
    return "".join(blocks)


def curve_panels(results: Results, task: str, metric: str, lines: Curves) -> list[str]:
    """The panels of a metric on axes of one scale, and what they show."""
    floor = floor_of(results, task, metric)
    y = scale_of(finite_values(lines.values(), floor), lower_is_better(metric))
    ends = [float(steps.max(initial=0.0)) for steps, _ in lines.values()]
    x = Scale(0.0, max(ends, default=0.0) or 1.0, False)
    frame = Frame(260, 176, 40, 32, x, y)
    panels = [
        curve_panel(frame, method, results.looks[method], *line, floor)
        for method, line in lines.items()
    ]
    words = LINES if floor is None else f"{LINES} {ENDS['floor']}"
    grid = element("div", *panels, class_="panels")
    return [grid, key_line(words), caption(results, task, metric)]


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
    look: Look,
    steps: np.ndarray,
    values: np.ndarray,
    floor: float | None,
) -> str:
    parts = axes(frame, "step", floor)
    centre, low, high = middles(values)
    own = {"fill": look.colour, "class_": "band"}
    parts.append(element("path", d=band(frame, steps, low, high), **own))
    paths = [polyline(frame, steps, line) for line in values]
    parts += [element("path", d=path, class_="seed") for path in paths if path]
    if path := polyline(frame, steps, centre):
        drawn = {"stroke": look.colour, "class_": "middle"}
        parts.append(element("path", d=path, **drawn))
    parts += [
        mark(look, *frame.at(x, y), 2.6)
        for x, y in list(zip(steps, centre, strict=True))[:: max(1, len(steps) // 4)]
        if math.isfinite(y)
    ]
    drawn = panel(frame, parts, aria_label=f"{method} over steps")
    head = element("figcaption", named(method, look))
    return element("figure", head, drawn, data_method=method)
