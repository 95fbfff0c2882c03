"""How many runs under the maps meet their goal at each evaluation, by steps and cost.

The area under a map counts runs that hold their goal over the last quarter. Here a run
counts at an evaluation if it meets its goal there, whatever comes before and after. So
this shows when methods have stopped improving, and what they have reached when all have
cost the same. Learning rates that decay are still higher at early evaluations.
"""

import math

import numpy as np

from gan_jax.benchmark.outcome import Bound, Goal, meets_goal
from gan_jax.benchmark.report.maps.success_grid import Point, SuccessGrid
from gan_jax.benchmark.report.results import Results, Row, has_failed

GoalByStep = dict[int, float]
"""The share of runs that meet their goal, by the step of the evaluation."""


def measure_goal_by_step(
    results: Results,
    grids: list[SuccessGrid],
    seeds: list[int],
    points: dict[str, list[Point]],
) -> GoalByStep:
    """Return a method's share of runs that meet the goal, at each evaluation.

    Each task has the same weight, as in the area. A run that failed, or stopped before
    a step, does not meet the goal there. Empty if a task of the plan has no bounds.
    """
    found = {grid.task: planned_goal(results, grid.task) for grid in grids}
    goals = {task: goal for task, goal in found.items() if goal is not None}
    if len(goals) < len(found):
        return {}
    met = [
        [
            steps_that_meet(grid.runs[seed][point], goals[grid.task])
            for seed in seeds
            for point in points[grid.task]
        ]
        for grid in grids
    ]
    return {
        step: float(np.mean([np.mean([step in run for run in task]) for task in met]))
        for step in common_steps(results, list(points))
    }


def common_steps(results: Results, tasks: list[str]) -> list[int]:
    """Return the steps at which some run was evaluated on each of the tasks."""
    found: dict[str, set[int]] = {task: set() for task in tasks}
    for row in results.rows:
        found.get(row["task"], set()).update(row["series"]["step"])
    return sorted(set.intersection(*found.values()))


def planned_goal(results: Results, task: str) -> Goal | None:
    """Return the goal of a task with its bounds in the metrics' own units."""
    limits = results.plan.get("thresholds", {}).get(task)
    if not limits:
        return None
    return Goal(
        tuple(Bound(**bound) for bound in limits["success"]), Bound(**limits["alive"])
    )


def steps_that_meet(row: Row, goal: Goal) -> set[int]:
    """Return the steps at which a run meets the goal; none for a run that failed."""
    if has_failed(row):
        return set()
    series = row["series"]
    each = zip(*series.values(), strict=True)
    evaluations = [dict(zip(series, values, strict=True)) for values in each]
    return {one["step"] for one in evaluations if meets_goal(one, goal)}


def share_at_step(shares: GoalByStep, step: float) -> float:
    """Return the share at the last evaluation up to a step; nan before the first."""
    known = [value for at, value in shares.items() if at <= step * (1 + 1e-9)]
    return known[-1] if known else math.nan
