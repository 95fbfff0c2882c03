"""The rows of a results folder: read, checked and grouped."""

import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.benchmark.metric_info import METRIC_INFO
from gan_jax.benchmark.outcome import ERROR, OUTCOMES
from gan_jax.benchmark.plan import read_plan
from gan_jax.benchmark.report.method_styles import MethodStyle, assign_styles
from gan_jax.benchmark.report.stats import Interval, difference_of_mean_rates
from gan_jax.benchmark.results_io import (
    ROWS_FILE,
    read_result_rows,
    require_comparable,
    require_rows_of_plan,
)

Row = dict[str, Any]

ORDERED_OUTCOMES = (*reversed(OUTCOMES), ERROR)
"""The outcomes from the best to the worst."""
FAILED_OUTCOMES = ("exploded", "nonfinite", "error")
"""Outcomes of runs that count as the worst in every metric, whatever they end at."""
BASELINES = ("ns_gan", "minimax")
"""Plain GANs, of which the first that ran is the baseline."""
RATE_AXES = ("g_lr", "d_lr")
"""The axes of the stability map."""
POOLED_AXES = (*RATE_AXES, "h")
"""Axes whose points are runs of one method. The points of any other axis are methods of
their own."""


class Results(NamedTuple):
    """What a results folder holds.

    rows: all of them. main: those of the tables, at unchanged learning rates where
    there are such rows. styles: how each method is drawn in every chart and figure.
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
    """Return what a results folder holds.

    Raises a ValueError of one line for a folder that cannot be reported: no folder, no
    plan or no rows; a broken line before the last one (a last line that a kill cut off
    is left out); rows of another plan or twice the same; rows of one task with mixed
    fingerprints; a baseline that is not among the methods.
    """
    folder = Path(folder)
    plan, rows = read_plan(folder), read_result_rows(folder)
    if not rows:
        raise ValueError(
            f"{folder / ROWS_FILE}: holds no rows; run {plan['command']} until a cell "
            "is finished"
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
    """Return the plain GAN at the first point of its axes, or else the first method."""
    plain = [m for b in BASELINES for m in methods if m.partition(",")[0] == b]
    return [*plain, methods[0]][0]


def order_names(known: list[str], found: list[str]) -> list[str]:
    """Return the names that are present: those of a known order first."""
    present = dict.fromkeys(found)
    return [n for n in known if n in present] + [n for n in present if n not in known]


def list_planned_labels(plan: dict[str, Any]) -> list[str]:
    """Return the labels of all cells, even unfinished: new rows change no style."""
    return list(dict.fromkeys(row_label(cell) for cell in plan["cells"]))


def row_label(row: Row) -> str:
    """Return the label of a row or of a cell: `r1`, or `r1, b1 0.9` with a stress axis.

    The axes of POOLED_AXES are not named.
    """
    axes = row.get("axes") or {}
    others = [f"{k} {v}" for k, v in axes.items() if k not in POOLED_AXES]
    return ", ".join([row["method"], *others])


def select_main_rows(rows: list[Row]) -> list[Row]:
    """Return the rows at unchanged learning rates.

    A method that has no such rows on a task keeps all of its rows there.
    """
    by_cell = group_rows(rows)
    kept = []
    for group in by_cell.values():
        plain = [
            r for r in group if all(r["axes"].get(a, 1.0) == 1.0 for a in RATE_AXES)
        ]
        kept += plain or group
    return kept


def group_rows(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each `(task, label)`, by seed."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["seed"]):
        found[row["task"], row["label"]].append(row)
    return dict(found)


def is_exact(results: Results) -> bool:
    """Return whether the rows are games played exactly, at several step sizes."""
    return all("h" in row["axes"] for row in results.rows)


def has_failed(row: Row) -> bool:
    """Return whether a run counts as the worst in every metric."""
    return row["outcome"] in FAILED_OUTCOMES or row["verdict"] == "diverged"


def lower_is_better(metric: str) -> bool:
    """Return whether a metric is better the lower it is; so are unknown ones."""
    known = METRIC_INFO.get(metric)
    return known is None or known.lower_is_better


def worst_value(metric: str) -> float:
    """Return the worst value that a metric can have."""
    return math.inf if lower_is_better(metric) else -math.inf


def metric_value(row: Row, metric: str, part: str = "final") -> float:
    """Return a run's number; the worst there is for a run that failed or has none."""
    value = None if has_failed(row) else row[part].get(metric)
    return worst_value(metric) if value is None else float(value)


def metric_title(metric: str) -> str:
    """Return the title of a metric."""
    return (
        METRIC_INFO[metric].title if metric in METRIC_INFO else metric.replace("_", " ")
    )


def task_metrics(results: Results, task: str) -> list[str]:
    """Return the metrics of a task in METRIC_INFO's order; the first one scores it."""
    found = {
        m for r in results.rows if r["task"] == task for m in r["series"] if m != "step"
    }
    return order_names(list(METRIC_INFO), sorted(found))


def success_bounds(results: Results, task: str) -> list[dict[str, Any]]:
    """Return the bounds that all hold in a success: `{"metric", "at_least", ...}`."""
    judged = results.plan.get("thresholds", {}).get(task) or {}
    return judged.get("success", [])


def shown_metrics(results: Results, task: str, most: int = 5) -> list[str]:
    """Return the metrics worth a picture: the score's, then those of the thresholds."""
    found = task_metrics(results, task)
    judged = {bound["metric"] for bound in success_bounds(results, task)}
    return order_names(found[:1] + [m for m in found if m in judged], found)[:most]


def task_floor(results: Results, task: str, metric: str) -> float | None:
    """Return what real data (or a perfect sampler) reach, if the plan has it."""
    value = (results.plan.get("floors", {}).get(task) or {}).get(metric)
    return None if value is None else float(value)


def task_noise(results: Results, task: str, metric: str) -> float | None:
    """Return what noise reaches, if the plan has it."""
    value = (results.plan.get("noise", {}).get(task) or {}).get(metric)
    return None if value is None else float(value)


def planned_steps(row: Row) -> float:
    """Return how many steps a run was to make; its gradient evaluations are of them."""
    return row["config"].get("steps") or last_step(row)


def last_step(row: Row) -> float:
    """Return the step of a run's last evaluation."""
    return max(row["series"]["step"], default=1) or 1


def count_successes(rows: list[Row]) -> tuple[int, int]:
    """Return the numbers of successes and of runs."""
    return sum(row["success"] for row in rows), len(rows)


def value_at_step(row: Row, metric: str, step: float) -> float:
    """Return a run's number at its last evaluation up to a step."""
    pairs = zip(row["series"]["step"], row["series"].get(metric, []), strict=False)
    known = [v for s, v in pairs if v is not None and s <= step * (1 + 1e-9)]
    return worst_value(metric) if has_failed(row) or not known else float(known[-1])


def select_by_config(
    results: Results, tasks: tuple[str, ...], **fields: object
) -> list[Row]:
    """Return the main rows of these tasks whose config has these values.

    In the names of the fields, `__` stands for a dot. Without tasks, all tasks count.
    """
    wanted = {name.replace("__", "."): value for name, value in fields.items()}
    return [
        row
        for row in results.main
        if (not tasks or row["task"] in tasks)
        and all(row["config"].get(name) == value for name, value in wanted.items())
    ]


def select_rows(results: Results, task: str, method: str) -> list[Row]:
    """Return the main rows of a method on a task."""
    return [r for r in results.main if (r["task"], r["method"]) == (task, method)]


def success_by_seed(rows: list[Row], seeds: list[int]) -> np.ndarray:
    """Return success `[seeds, cells]`, with nan where there is no run."""
    cells = sorted({(row["task"], row["label"]) for row in rows})
    won = np.full((len(seeds), len(cells)), np.nan)
    for row in rows:
        cell = row["task"], row["label"]
        won[seeds.index(row["seed"]), cells.index(cell)] = row["success"]
    return won


def success_gap(one: list[Row], other: list[Row]) -> Interval:
    """Return the difference of two success rates.

    Each rate is the mean over its own cells, whose seeds the two sides share.
    """
    seeds = sorted({row["seed"] for row in one + other})
    return difference_of_mean_rates(
        success_by_seed(one, seeds), success_by_seed(other, seeds)
    )


def split_rows(
    results: Results, field: str, one: Callable[[Any], bool], other: Callable
) -> tuple[list[Row], list[Row]]:
    """Return the main rows whose field passes one test, and those that pass the other.

    Only tasks and methods that have rows of both kinds count.
    """
    groups: list[dict[tuple[str, str], list[Row]]] = [{}, {}]
    for row in results.main:
        for group, wanted in zip(groups, (one, other), strict=True):
            if wanted(row["config"].get(field)):
                group.setdefault((row["task"], row["method"]), []).append(row)
    both = sorted(groups[0].keys() & groups[1].keys())
    first, second = ([row for key in both for row in g[key]] for g in groups)
    return first, second
