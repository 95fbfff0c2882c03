"""The ranking of methods by the area under their stability maps, over all tasks."""

import math
from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report.maps.areas import (
    compare_areas,
    estimate_areas,
    seed_scores,
)
from gan_jax.benchmark.report.maps.best_rates import BestRates, judge_best_rates
from gan_jax.benchmark.report.maps.goal_by_step import (
    GoalByStep,
    common_steps,
    measure_goal_by_step,
    planned_goals,
)
from gan_jax.benchmark.report.maps.ranks import (
    correct_p_values,
    find_better,
    limit_ranks,
    rank_scores,
    split_half_correlation,
)
from gan_jax.benchmark.report.maps.success_grid import (
    Point,
    SuccessGrid,
    collect_grids,
    stack_success,
)
from gan_jax.benchmark.report.results import Results, Row
from gan_jax.benchmark.report.stats import Interval, extended_median
from gan_jax.benchmark.report.summary import STEP_COSTS

Grids = dict[tuple[str, str], SuccessGrid]


class RankedMethod(NamedTuple):
    """A method of the ranking.

    rank: 1 plus the number of methods with a larger area; shared: whether another one
    has the same area. low_rank, high_rank: the set of ranks it may have. area: the mean
    over tasks, with its interval; areas: on each task. difference, p: against the
    baseline, p corrected by Holm; None if it is the baseline or that is not ranked.
    ties: the methods that are not shown to differ from it. gradients: gradient
    evaluations a step; examples: real examples a step; step_ratio: the time of a step
    over the baseline's. goal_by_step: the share of runs that meet their goal at each
    evaluation.
    """

    method: str
    rank: int
    shared: bool
    low_rank: int
    high_rank: int
    area: Interval
    areas: dict[str, float]
    difference: Interval | None
    p: float | None
    ties: list[str]
    best: BestRates | None
    gradients: float
    examples: float
    step_ratio: float
    goal_by_step: GoalByStep

    @property
    def place(self) -> str:
        """The rank in words: `2`, or `1=` if another method has the same area."""
        return f"{self.rank}{'=' if self.shared else ''}"


class Ranking(NamedTuple):
    """Methods by area, the largest first.

    Every method ran with these seeds at every point of every task. points: of each
    task. left_out: runs of ranked methods with other seeds. correlation: Spearman's rho
    between halves of the seeds, nan without two of them.
    """

    methods: list[RankedMethod]
    tasks: list[str]
    seeds: list[int]
    points: dict[str, list[Point]]
    left_out: int
    unranked: list[str]
    correlation: float


def rank_methods(results: Results) -> Ranking | None:
    """Return the ranking by area, or None if no method can be ranked.

    A method is ranked if it has at least half as many complete seeds as the method that
    has most; a seed is complete if it ran at every point of every task. So a plan that
    stops in a round of seeds leaves out seeds, and not methods. The points of a task
    are those at which any method ran.
    """
    grids = collect_grids(results)
    points = task_points(grids, results.tasks)
    seeds = complete_seeds(results, grids, points)
    most = max(map(len, seeds.values()), default=0)
    methods = [m for m, own in seeds.items() if own and 2 * len(own) >= most]
    shared = sorted(set.intersection(*(seeds[m] for m in methods))) if methods else []
    if not shared:
        return None
    tried = {method for _, method in grids}
    won, weights = stack_methods(grids, points, shared, methods)
    return Ranking(
        make_ranked_methods(results, grids, points, shared, methods),
        list(points),
        shared,
        points,
        sum(
            len(runs)
            for (_, method), grid in grids.items()
            for seed, runs in grid.runs.items()
            if method in methods and seed not in shared
        ),
        [m for m in results.methods if m in tried and m not in methods],
        split_half_correlation(seed_scores(won, weights)),
    )


def task_points(grids: Grids, tasks: list[str]) -> dict[str, list[Point]]:
    """Return the points of each task that has any, in order."""
    found = {
        task: sorted(
            {p for (t, _), g in grids.items() if t == task for p in g.points()}
        )
        for task in tasks
    }
    return {task: points for task, points in found.items() if points}


def complete_seeds(
    results: Results, grids: Grids, points: dict[str, list[Point]]
) -> dict[str, set[int]]:
    """Return the seeds of each method that ran at every point of every task."""
    found = {}
    for method in results.methods:
        mine = {task: grids.get((task, method)) for task in points}
        if points and None not in mine.values():
            found[method] = set.intersection(
                *(g.complete_seeds(set(points[task])) for task, g in mine.items() if g)
            )
    return found


def stack_methods(
    grids: Grids, points: dict[str, list[Point]], seeds: list[int], methods: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return success `[methods, seeds, points of all tasks]` and the points' weights.

    Each task has the same weight, and each point the same within its task.
    """
    won = [
        np.concatenate(
            [stack_success(grids[t, m], seeds, own) for t, own in points.items()],
            axis=1,
        )
        for m in methods
    ]
    sizes = [len(own) for own in points.values()]
    weights = np.concatenate([np.full(n, 1 / (n * len(sizes))) for n in sizes])
    return np.array(won), weights


def make_ranked_methods(
    results: Results,
    grids: Grids,
    points: dict[str, list[Point]],
    seeds: list[int],
    methods: list[str],
) -> list[RankedMethod]:
    """Return the ranked methods, the largest area first."""
    won, weights = stack_methods(grids, points, seeds, methods)
    areas = estimate_areas(won, weights)
    ranks = rank_scores(areas.value)
    better = find_better(won, weights)
    low, high = limit_ranks(better)
    gaps = compare_with_baseline(won, weights, methods, results.baseline)
    goals = planned_goals(results, list(points))
    steps = common_steps(results, goals)
    found = []
    for index, method in enumerate(methods):
        mine = [grids[task, method] for task in points]
        difference, p = gaps.get(method, (None, None))
        found.append(
            RankedMethod(
                method,
                int(ranks[index]),
                bool((ranks == ranks[index]).sum() > 1),
                int(low[index]),
                int(high[index]),
                Interval(*(float(part[index]) for part in areas)),
                task_areas(mine, points, seeds),
                difference,
                p,
                list_ties(methods, index, better),
                judge_best_rates(results, mine, seeds, points),
                median_cost(mine, "gradient evaluations"),
                median_cost(mine, "real examples"),
                step_time_ratio(grids, mine, results.baseline),
                measure_goal_by_step(mine, seeds, points, goals, steps),
            )
        )
    return sorted(found, key=lambda one: one.rank)


def list_ties(methods: list[str], index: int, better: np.ndarray) -> list[str]:
    """Return the other methods that are not shown to differ from the one at `index`."""
    return [m for k, m in enumerate(methods) if k != index and not better[index, k]]


def compare_with_baseline(
    won: np.ndarray, weights: np.ndarray, methods: list[str], baseline: str
) -> dict[str, tuple[Interval, float]]:
    """Return the difference to the baseline and Holm's p of each other method."""
    if baseline not in methods:
        return {}
    others = [k for k, method in enumerate(methods) if method != baseline]
    gaps = compare_areas(won[others], won[methods.index(baseline)], weights)
    p = correct_p_values(gaps.p)
    limits = zip(gaps.value, gaps.low, gaps.high, strict=True)
    return {
        methods[k]: (Interval(*map(float, one)), float(own))
        for k, one, own in zip(others, limits, p, strict=True)
    }


def task_areas(
    grids: list[SuccessGrid], points: dict[str, list[Point]], seeds: list[int]
) -> dict[str, float]:
    """Return the area of a method on each task."""
    return {
        grid.task: float(stack_success(grid, seeds, points[grid.task]).mean())
        for grid in grids
    }


def grid_rows(grid: SuccessGrid) -> list[Row]:
    """Return all rows of a grid."""
    return [row for runs in grid.runs.values() for row in runs.values()]


def median_cost(grids: list[SuccessGrid], kind: str) -> float:
    """Return the median cost of a step over all runs of a method."""
    rows = [row for grid in grids for row in grid_rows(grid)]
    return extended_median([STEP_COSTS[kind](row) for row in rows])


def step_time_ratio(grids: Grids, mine: list[SuccessGrid], baseline: str) -> float:
    """Return the time of a step over the baseline's: the geometric mean over tasks.

    nan if the baseline did not run on all of them, or a time was not measured.
    """
    ratios = []
    for grid in mine:
        rival = grids.get((grid.task, baseline))
        if rival is None:
            return math.nan
        own, base = (median_cost([one], "wall seconds") for one in (grid, rival))
        ratios.append(own / base if base > 0 else math.nan)
    return float(np.exp(np.mean(np.log(ratios))))
