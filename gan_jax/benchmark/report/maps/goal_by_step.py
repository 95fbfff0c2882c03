"""How many runs of the maps meet their goal at each evaluation, by steps and cost.

The area under a map counts runs that hold their goal over the last quarter. Here a run
counts at an evaluation if it meets its goal there, whatever it meets before and after.
Runs that exploded, diverged or crashed count at no step. So this shows whether methods
still improve at the end, and what they have reached when all have cost the same.
Learning rates that decay are still higher at early evaluations.
"""

import math

import numpy as np

from gan_jax.benchmark.outcome import Goal, meets_goal, read_goal
from gan_jax.benchmark.report.maps.success_grid import Point, SuccessGrid
from gan_jax.benchmark.report.results import Results, Row, has_failed

GoalByStep = dict[int, float]
"""The share of runs that meet their goal, by the step of the evaluation."""
ROUNDING = 1 + 1e-9
"""A quotient of costs may be this much below the step that it stands for."""


def measure_goal_by_step(
    grids: list[SuccessGrid],
    seeds: list[int],
    points: dict[str, list[Point]],
    goals: dict[str, Goal],
    steps: list[int],
) -> GoalByStep:
    """Return the share of a method's runs that meet their goal, at each of the steps.

    It is the mean over tasks of the mean over seeds and points of 1 if the run meets
    its goal at the step, and 0 if not. So each task has the same weight, as in the
    area. A run that stopped before a step does not meet its goal there.
    """
    if not steps:
        return {}
    met_by_task = [
        [
            steps_that_meet(grid.runs[seed][point], goals[grid.task])
            for seed in seeds
            for point in points[grid.task]
        ]
        for grid in grids
    ]
    return {
        step: float(
            np.mean([np.mean([step in m for m in runs]) for runs in met_by_task])
        )
        for step in steps
    }


def planned_goals(results: Results, tasks: list[str]) -> dict[str, Goal]:
    """Return the goals of the tasks in the metrics' own units; {} if one has none."""
    limits = results.plan.get("thresholds", {})
    if not all("success" in limits.get(task, {}) for task in tasks):
        return {}
    return {task: read_goal(limits[task]) for task in tasks}


def common_steps(results: Results, goals: dict[str, Goal]) -> list[int]:
    """Return the steps at which some run was evaluated on each of the tasks."""
    found: dict[str, set[int]] = {task: set() for task in goals}
    for row in results.rows:
        if row["task"] in found:
            found[row["task"]].update(row["series"]["step"])
    return sorted(set.intersection(*found.values())) if found else []


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
    known = [value for at, value in shares.items() if at <= step * ROUNDING]
    return known[-1] if known else math.nan
