"""The rows of a benchmark's folder: read, checked, grouped."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.benchmark.metric_info import METRIC_INFO
from gan_jax.benchmark.outcome import ERROR, OUTCOMES
from gan_jax.benchmark.plan import read_plan
from gan_jax.benchmark.report.method_styles import MethodStyle, assign_styles
from gan_jax.benchmark.results_io import (
    ROWS_FILE,
    read_rows,
    require_comparable,
    require_rows_of_plan,
)

Row = dict[str, Any]

ORDERED_OUTCOMES = (*reversed(OUTCOMES), ERROR)
"""From the best to the worst."""
FAILED_OUTCOMES = ("exploded", "nonfinite", "error")
"""Outcomes of runs that count as the worst in every metric, whatever they end at."""
BASELINES = ("ns_gan", "minimax")
RATE_AXES = ("g_lr", "d_lr")
"""The axes of the stability map."""
POOLED_AXES = (*RATE_AXES, "h")
"""Axes whose points are runs of one method; of any other, methods of their own."""


class Results(NamedTuple):
    """What a results folder holds.

    rows: all; main: those of the tables, at unchanged learning rates where there are
    such. styles: how each method is drawn, in every chart and figure.
    """

    folder: Path
    plan: dict[str, Any]
    rows: list[Row]
    main: list[Row]
    tasks: list[str]
    methods: list[str]
    baseline: str
    styles: dict[str, MethodStyle]


def read_results(folder: str | Path, baseline: str | None = None) -> Results:
    """A results folder. Raises ValueError, one line, for one that cannot be reported.

    That is: no folder, plan or rows; a broken line before the last (a last one cut off
    by a kill is left out); rows of another plan, twice the same, or, within a task,
    of mixed fingerprints; a baseline that is not among the methods.
    """
    folder = Path(folder)
    plan, rows = read_plan(folder), read_rows(folder)
    if not rows:
        raise ValueError(
            f"{folder / ROWS_FILE}: holds no rows; run {plan['command']} until a cell is "
            "finished"
        )
    require_rows_of_plan(folder, plan, rows)
    tasks = order_names(plan["tasks"], [row["task"] for row in rows])
    require_comparable(rows)
    rows = [row | {"label": row_label(row)} for row in rows]
    methods = order_names(plan["methods"], [row["label"] for row in rows])
    chosen = baseline or choose_baseline(methods)
    if chosen not in methods:
        raise ValueError(
            f"baseline {chosen!r} is not in these rows; choose of: {', '.join(methods)}"
        )
    drawn = assign_styles([*list_planned_labels(plan), *methods])
    return Results(
        folder, plan, rows, select_main_rows(rows), tasks, methods, chosen, drawn
    )


def choose_baseline(methods: list[str]) -> str:
    """The plain GAN, at the first point of its axes; else the first method."""
    plain = [m for b in BASELINES for m in methods if m.partition(",")[0] == b]
    return [*plain, methods[0]][0]


def order_names(known: list[str], found: list[str]) -> list[str]:
    """The names found, those of a known order first."""
    present = dict.fromkeys(found)
    return [n for n in known if n in present] + [n for n in present if n not in known]


def list_planned_labels(plan: dict[str, Any]) -> list[str]:
    """The names of all cells, finished or not: so a new row changes no look."""
    return list(dict.fromkeys(row_label(cell) for cell in plan["cells"]))


def row_label(row: Row) -> str:
    """`r1`; with another axis than learning rates, `r1, b1 0.9`. Of a cell too."""
    axes = row.get("axes") or {}
    others = [f"{k} {v}" for k, v in axes.items() if k not in POOLED_AXES]
    return ", ".join([row["method"], *others])


def select_main_rows(rows: list[Row]) -> list[Row]:
    """Those at no changed learning rate; of a method without such, all it has."""
    by_cell = group_rows(rows)
    kept = []
    for group in by_cell.values():
        plain = [
            r for r in group if all(r["axes"].get(a, 1.0) == 1.0 for a in RATE_AXES)
        ]
        kept += plain or group
    return kept


def group_rows(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """`(task, method)` to its rows, by seed."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["seed"]):
        found[row["task"], row["label"]].append(row)
    return dict(found)


def is_exact(results: Results) -> bool:
    """Whether the rows are games played exactly, at several step sizes."""
    return all("h" in row["axes"] for row in results.rows)


def has_failed(row: Row) -> bool:
    return row["outcome"] in FAILED_OUTCOMES or row["verdict"] == "diverged"


def lower_is_better(metric: str) -> bool:
    known = METRIC_INFO.get(metric)
    return known is None or known.lower_is_better


def worst_value(metric: str) -> float:
    return math.inf if lower_is_better(metric) else -math.inf


def metric_value(row: Row, metric: str, part: str = "final") -> float:
    """A run's number; of one that failed, or has none, the worst there is."""
    value = None if has_failed(row) else row[part].get(metric)
    return worst_value(metric) if value is None else float(value)


def metric_title(metric: str) -> str:
    return (
        METRIC_INFO[metric].title if metric in METRIC_INFO else metric.replace("_", " ")
    )


def task_metrics(results: Results, task: str) -> list[str]:
    """A task's metrics, in the order of METRICS: the first is that of its scores."""
    found = {
        m for r in results.rows if r["task"] == task for m in r["series"] if m != "step"
    }
    return order_names(list(METRIC_INFO), sorted(found))


def success_bounds(results: Results, task: str) -> list[dict[str, Any]]:
    """What success is: `{"metric", "at_least" or "at_most"}`, all must hold."""
    judged = results.plan.get("thresholds", {}).get(task) or {}
    return judged.get("success", [])


def shown_metrics(results: Results, task: str, most: int = 5) -> list[str]:
    """The metrics worth a picture: the score's, then those of the thresholds."""
    found = task_metrics(results, task)
    judged = {bound["metric"] for bound in success_bounds(results, task)}
    return order_names(found[:1] + [m for m in found if m in judged], found)[:most]


def task_floor(results: Results, task: str, metric: str) -> float | None:
    """What real data (or a perfect sampler) reach, if the plan has it."""
    value = (results.plan.get("floors", {}).get(task) or {}).get(metric)
    return None if value is None else float(value)


def task_noise(results: Results, task: str, metric: str) -> float | None:
    """What noise reaches, if the plan has it."""
    value = (results.plan.get("noise", {}).get(task) or {}).get(metric)
    return None if value is None else float(value)
