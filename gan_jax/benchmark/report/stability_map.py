"""Stability maps: success over learning rates of D and G, and the area under it."""

from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.results import RATE_AXES, Results, Row, group_rows
from gan_jax.benchmark.report.stats import Interval


class StabilityMap(NamedTuple):
    """The stability map of a method on a task.

    rates[i][j]: (successes, runs) at d_lr[i] and g_lr[j]. area: with its interval.
    """

    task: str
    method: str
    g_lr: list[float]
    d_lr: list[float]
    rates: list[list[tuple[int, int]]]
    area: Interval


def make_stability_maps(results: Results) -> list[StabilityMap]:
    """Return the map of each method on each task that has both learning-rate axes."""
    rows = [
        row for row in results.rows if all(axis in row["axes"] for axis in RATE_AXES)
    ]
    return [
        make_stability_map(*key, group) for key, group in order_groups(results, rows)
    ]


def order_groups(
    results: Results, rows: list[Row]
) -> list[tuple[tuple[str, str], list[Row]]]:
    """Return the groups of rows in the order of the tasks and methods."""
    groups = group_rows(rows)
    keys = [(t, m) for t in results.tasks for m in results.methods]
    return [(key, groups[key]) for key in keys if key in groups]


def make_stability_map(task: str, method: str, rows: list[Row]) -> StabilityMap:
    """Return the map of one method on one task."""
    g_lr, d_lr = (sorted({row["axes"][a] for row in rows}) for a in RATE_AXES)
    seeds = sorted({row["seed"] for row in rows})
    won = np.full((len(seeds), len(d_lr), len(g_lr)), np.nan)
    for row in rows:
        point = d_lr.index(row["axes"]["d_lr"]), g_lr.index(row["axes"]["g_lr"])
        won[seeds.index(row["seed"]), *point] = row["success"]
    wins, runs = np.nansum(won, axis=0), np.isfinite(won).sum(axis=0)
    counts = [
        [(int(k), int(n)) for k, n in zip(*pair, strict=True)]
        for pair in zip(wins, runs, strict=True)
    ]
    area = stats.area_under_map(won.reshape(len(seeds), -1))
    return StabilityMap(task, method, g_lr, d_lr, counts, area)
