"""Stability maps: success over the learning rates of both players, and its area."""

import math
from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report.maps.areas import estimate_areas
from gan_jax.benchmark.report.maps.ranking import Ranking
from gan_jax.benchmark.report.maps.success_grid import (
    Point,
    SuccessGrid,
    base_rates,
    collect_grids,
    stack_success,
)
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.stats import Interval

ALL_TASKS = "all tasks"
"""What a map of the runs of all tasks has for its task."""


class StabilityMap(NamedTuple):
    """The stability map of a method on a task.

    g_rates, d_rates: learning rates; factors on them if `absolute` is False, where the
    rows do not say which rates they multiply. counts[i][j]: (successes, runs) at
    d_rates[i] and g_rates[j]. area: with its interval; nan where no seed ran at every
    point. In a ranked method's map are the seeds of the ranking only, so that the area
    is that of the ranking.
    """

    task: str
    method: str
    g_rates: list[float]
    d_rates: list[float]
    absolute: bool
    counts: list[list[tuple[int, int]]]
    area: Interval

    def axis_name(self, player: str) -> str:
        """Return the name of the axis of a player, "G" or "D"."""
        name = f"{player}'s learning rate"
        return name if self.absolute else f"factor on {name}"


def make_stability_maps(
    results: Results, ranking: Ranking | None
) -> list[StabilityMap]:
    """Return the map of each method on each task, in the order of `results`."""
    grids = collect_grids(results)
    seeds = (
        {} if ranking is None else {m.method: ranking.seeds for m in ranking.methods}
    )
    found = []
    for task in results.tasks:
        mine = [grids[task, m] for m in results.methods if (task, m) in grids]
        points = set().union(*(grid.points() for grid in mine))
        for grid in mine:
            found.append(make_map(grid, points, seeds.get(grid.method)))
    return found


def pool_tasks(maps: list[StabilityMap], ranking: Ranking | None) -> list[StabilityMap]:
    """Return each ranked method's map of the runs of all tasks, in order of rank.

    Its area is that of the ranking. There are none without a ranking over two or more
    tasks, or if the maps have different learning rates.
    """
    axes = {(tuple(m.g_rates), tuple(m.d_rates), m.absolute) for m in maps}
    if ranking is None or len(ranking.tasks) < 2 or len(axes) > 1:
        return []
    return [
        pool_counts([m for m in maps if m.method == one.method], one.area)
        for one in ranking.methods
    ]


def pool_counts(maps: list[StabilityMap], area: Interval) -> StabilityMap:
    """Return the map of the runs of several tasks."""
    counts = [
        [
            (sum(won for won, _ in squares), sum(runs for _, runs in squares))
            for squares in zip(*lines, strict=True)
        ]
        for lines in zip(*(one.counts for one in maps), strict=True)
    ]
    return maps[0]._replace(task=ALL_TASKS, counts=counts, area=area)


def make_map(
    grid: SuccessGrid, points: set[Point], seeds: list[int] | None
) -> StabilityMap:
    """Return the map of a grid; seeds: those of the ranking, or None."""
    complete = sorted(grid.complete_seeds(points)) if seeds is None else seeds
    g_factors, d_factors = (sorted(set(one)) for one in zip(*points, strict=True))
    kept = seeds or grid.runs
    counts = [
        [count_runs([grid.runs[seed] for seed in kept], (g, d)) for g in g_factors]
        for d in d_factors
    ]
    base = base_rates(grid)
    g_base, d_base = base or (1.0, 1.0)
    return StabilityMap(
        grid.task,
        grid.method,
        [round_rate(g_base * factor) for factor in g_factors],
        [round_rate(d_base * factor) for factor in d_factors],
        base is not None,
        counts,
        area_of_grid(grid, sorted(points), complete),
    )


def area_of_grid(grid: SuccessGrid, points: list[Point], seeds: list[int]) -> Interval:
    """Return the area under the map of these seeds; nan without seeds."""
    if not seeds:
        return Interval(math.nan, math.nan, math.nan)
    weights = np.full(len(points), 1 / len(points))
    area = estimate_areas(stack_success(grid, seeds, points), weights)
    return Interval(*(float(part) for part in area))


def count_runs(runs: list, point: Point) -> tuple[int, int]:
    """Return (successes, runs) at a point."""
    rows = [one[point] for one in runs if point in one]
    return sum(row["success"] for row in rows), len(rows)


def round_rate(rate: float) -> float:
    """Return a rate without the rounding of its product: 4e-05 of 0.001 x 0.04."""
    return float(f"{rate:.6g}")


MAX_TICKS = 3
"""Learning rates above which an axis has labels at both ends and in the middle only."""


def select_ticks(rates: int) -> list[int]:
    """Return which of a number of learning rates have a label on a narrow axis."""
    if rates <= MAX_TICKS:
        return list(range(rates))
    return sorted({0, (rates - 1) // 2, rates - 1})


def have_same_rates(maps: list[StabilityMap]) -> bool:
    """Return whether all maps on a task have the same axes."""
    axes = {(m.task, tuple(m.g_rates), tuple(m.d_rates), m.absolute) for m in maps}
    return len(axes) == len({m.task for m in maps})


def has_success(maps: list[StabilityMap]) -> bool:
    """Return whether any run of these maps succeeded."""
    return any(won for one in maps for line in one.counts for won, _ in line)
