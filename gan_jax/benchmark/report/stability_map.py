"""The stability map: success over learning rates of D and G, the area under it."""

from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.results import RATES, Results, Row, grouped
from gan_jax.benchmark.report.stats import Interval


class Map(NamedTuple):
    """rates[i][j]: (successes, runs) at d_lr[i], g_lr[j]; area: with its interval."""

    task: str
    method: str
    g_lr: list[float]
    d_lr: list[float]
    rates: list[list[tuple[int, int]]]
    area: Interval


def maps(results: Results) -> list[Map]:
    """The stability maps: of each method on each task with both learning-rate axes."""
    rows = [row for row in results.rows if all(axis in row["axes"] for axis in RATES)]
    return [stability_map(*key, group) for key, group in ordered(results, rows)]


def ordered(
    results: Results, rows: list[Row]
) -> list[tuple[tuple[str, str], list[Row]]]:
    groups = grouped(rows)
    keys = [(t, m) for t in results.tasks for m in results.methods]
    return [(key, groups[key]) for key in keys if key in groups]


def stability_map(task: str, method: str, rows: list[Row]) -> Map:
    g_lr, d_lr = (sorted({row["axes"][a] for row in rows}) for a in RATES)
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
    return Map(task, method, g_lr, d_lr, counts, area)
