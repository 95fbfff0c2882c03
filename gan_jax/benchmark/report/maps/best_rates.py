"""What a method reaches at its own best learning rates, chosen on other seeds."""

from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report.maps.success_grid import Point, SuccessGrid, stack_success
from gan_jax.benchmark.report.results import (
    Results,
    Row,
    lower_is_better,
    metric_value,
    success_bounds,
    task_floor,
    task_metrics,
)
from gan_jax.benchmark.report.stats import Interval, extended_median, mean_rate

QUALITY_METRIC = "high_quality"
"""The metric of how sharp samples are: the share of samples that are near a mode."""


class BestRates(NamedTuple):
    """A method at its best learning rates, over all tasks.

    success: the mean of its rates on the tasks, with `mean_rate`'s interval. distance:
    the median of the tasks' main metric in multiples of the floor, inf where half of
    the runs failed. quality: the median of QUALITY_METRIC. Both are over the tasks that
    have the number, and nan without any.
    """

    success: Interval
    distance: float
    quality: float


def choose_best_points(won: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return for each seed the point `[seeds]` that the other half of the seeds likes.

    won, distance: `[seeds, points]`. The halves are every other seed. A half chooses
    the point with the most successes; of several the one with the lowest median
    distance, and of those the first. Two or more seeds.
    """
    seeds = len(won)
    chosen = np.empty(seeds, int)
    for start in (0, 1):
        judged = np.arange(seeds) % 2 == start
        medians = [extended_median(list(column)) for column in distance[~judged].T]
        chosen[judged] = np.lexsort((medians, -won[~judged].sum(axis=0)))[0]
    return chosen


def judge_best_rates(
    results: Results, grids: list[SuccessGrid], seeds: list[int], points: dict
) -> BestRates | None:
    """Return what a method reaches at its best rates; None with a single seed.

    grids: the method's on each task. points: those of each task.
    """
    if len(seeds) < 2:
        return None
    picked = {
        grid.task: pick_runs(results, grid, seeds, points[grid.task]) for grid in grids
    }
    counts = [(sum(row["success"] for row in r), len(r)) for r in picked.values()]
    judge = (floor_ratios, qualities)
    distance, quality = (
        pool_median([of(results, t, rows) for t, rows in picked.items()])
        for of in judge
    )
    return BestRates(mean_rate(counts), distance, quality)


def pick_runs(
    results: Results, grid: SuccessGrid, seeds: list[int], points: list[Point]
) -> list[Row]:
    """Return each seed's run at the point that the other half of the seeds chose."""
    metrics = task_metrics(results, grid.task)
    distance = np.zeros((len(seeds), len(points)))
    if metrics:
        sign = 1.0 if lower_is_better(metrics[0]) else -1.0
        distance = sign * np.array(
            [[metric_value(grid.runs[s][p], metrics[0]) for p in points] for s in seeds]
        )
    chosen = choose_best_points(stack_success(grid, seeds, points), distance)
    return [grid.runs[s][points[c]] for s, c in zip(seeds, chosen, strict=True)]


def floor_ratios(results: Results, task: str, rows: list[Row]) -> list[float]:
    """Return the task's main metric in multiples of its floor; [] where it has none.

    A metric of which more is better has no such ratio.
    """
    metrics = task_metrics(results, task)
    floor = task_floor(results, task, metrics[0]) if metrics else None
    if floor is None or floor <= 0 or not lower_is_better(metrics[0]):
        return []
    return [metric_value(row, metrics[0]) / floor for row in rows]


def qualities(results: Results, task: str, rows: list[Row]) -> list[float]:
    """Return QUALITY_METRIC of the rows; [] where the task has none or judges by it."""
    judged = {bound["metric"] for bound in success_bounds(results, task)}
    if QUALITY_METRIC in judged or QUALITY_METRIC not in task_metrics(results, task):
        return []
    return [metric_value(row, QUALITY_METRIC) for row in rows]


def pool_median(parts: list[list[float]]) -> float:
    """Return the median over the runs of the tasks that have numbers, or nan."""
    return extended_median([value for part in parts for value in part])
