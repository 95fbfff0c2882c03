"""Summaries of each method: on a task, and over all tasks."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report import aggregate, stats
from gan_jax.benchmark.report.results import (
    ORDERED_OUTCOMES,
    POOLED_AXES,
    Results,
    Row,
    count_successes,
    group_rows,
    has_failed,
    last_step,
    lower_is_better,
    metric_value,
    planned_steps,
    task_floor,
    task_metrics,
    task_noise,
    value_at_step,
)
from gan_jax.benchmark.report.stats import Interval, Survival, extended_median


class TaskSummary(NamedTuple):
    """A method on a task.

    difference, fisher_p, mcnemar_p: success against the baseline's; None if it is the
    baseline. finals, bests: the IQM over seeds. decline: the median of how many times
    worse a run's end is than its best. step_ratio: the time of a step over the
    baseline's. gradients: evaluations of a run. equal: the IQM at equal cost, by kind
    of cost.
    """

    task: str
    method: str
    rows: list[Row]
    outcomes: Counter
    rate: Interval
    difference: Interval | None
    fisher_p: float | None
    mcnemar_p: float | None
    finals: dict[str, Interval]
    bests: dict[str, Interval]
    decline: dict[str, float]
    survival: Survival
    step_ratio: float
    gradients: float
    seconds: float
    equal: dict[str, Interval]


class OverallSummary(NamedTuple):
    """A method over all tasks, by scores: 0 is noise or diverged, 1 is the floor."""

    method: str
    runs: int
    successes: Interval
    iqm: Interval
    gap: Interval
    improvement: Interval | None
    rank: Interval
    profile: tuple[np.ndarray, np.ndarray, np.ndarray]


def list_outcomes(entries: list[TaskSummary]) -> list[str]:
    """Return the outcomes that runs of these entries have, in their order."""
    return [
        name for name in ORDERED_OUTCOMES if any(one.outcomes[name] for one in entries)
    ]


PROFILE_TAUS = np.linspace(0, 1, 51)
"""The scores at which performance profiles are computed."""
STEP_COSTS: dict[str, Callable[[Row], float]] = {
    "gradient evaluations": lambda row: (
        row["gradient_evaluations"] / planned_steps(row)
    ),
    "real examples": lambda row: row["config"]["batch_size"] * row["config"]["d_steps"],
    "wall seconds": lambda row: row["step_seconds"] or math.nan,
}
"""A step's cost by kind, or nan. Real examples are those that D's updates take."""


def summarize_tasks(results: Results) -> list[TaskSummary]:
    """Return every method on every task, in the order of the plan."""
    groups = group_rows(results.main)
    found = []
    for task in results.tasks:
        budgets = {
            kind: cheapest_cost(groups, task, cost) for kind, cost in STEP_COSTS.items()
        }
        base = groups.get((task, results.baseline), [])
        for method in results.methods:
            if rows := groups.get((task, method)):
                rival = None if method == results.baseline else base
                found.append(
                    summarize_task(results, task, method, rows, rival, base, budgets)
                )
    return found


def summarize_task(
    results: Results,
    task: str,
    method: str,
    rows: list[Row],
    rival: list[Row] | None,
    base: list[Row],
    budgets: dict[str, float],
) -> TaskSummary:
    """Return the summary of a method on a task.

    rival: the baseline's rows; None if the method is the baseline. base: the baseline's
    rows in any case. budgets: what is spent at equal cost, by kind of cost.
    """
    metrics = task_metrics(results, task)
    counts, steps = count_successes(rows), max(map(last_step, rows))
    difference, fisher_p, mcnemar_p = compare_success(rows, rival)
    times = [r["success_step"] if r["success"] else None for r in rows]
    own_time, base_time = median_step_seconds(rows), median_step_seconds(base)
    main = metrics[0] if metrics else None
    return TaskSummary(
        task,
        method,
        rows,
        Counter({o: sum(r["outcome"] == o for r in rows) for o in ORDERED_OUTCOMES}),
        stats.wilson(*counts),
        difference,
        fisher_p,
        mcnemar_p,
        {m: metric_iqm(rows, m, "final") for m in metrics},
        {m: metric_iqm(rows, m, "best") for m in metrics},
        {m: median_decline(rows, m) for m in metrics},
        stats.time_to_success(times, steps),
        own_time / base_time if base_time else math.nan,
        steps * extended_median([STEP_COSTS["gradient evaluations"](r) for r in rows]),
        steps * own_time,
        {k: iqm_at_cost(rows, main, k, b) for k, b in budgets.items()} if main else {},
    )


def compare_success(
    rows: list[Row], rival: list[Row] | None
) -> tuple[Interval | None, float | None, float | None]:
    """Return success against the baseline's: difference, Fisher's p, McNemar's p.

    McNemar's test takes the runs that both have of a seed, at the same learning rates
    or step size. The other axes tell entries apart: a seed is one key at all their
    points.
    """
    if not rival:
        return None, None, None
    one, other = count_successes(rows), count_successes(rival)
    mine, theirs = (
        {pairing_key(r): r["success"] for r in some} for some in (rows, rival)
    )
    shared = mine.keys() & theirs.keys()
    paired = (
        stats.mcnemar([mine[k] for k in shared], [theirs[k] for k in shared])
        if shared
        else None
    )
    return stats.newcombe(one, other), stats.fisher(one, other), paired


def pairing_key(row: Row) -> tuple[float | None, ...]:
    """Return what a run shares with its partner: seed and axes within an entry."""
    return row["seed"], *(row["axes"].get(axis) for axis in POOLED_AXES)


def metric_iqm(rows: list[Row], metric: str, part: str) -> Interval:
    """Return the IQM of a metric over runs."""
    return aggregate.bootstrap_iqm(
        np.array([metric_value(row, metric, part) for row in rows])
    )


def median_decline(rows: list[Row], metric: str) -> float:
    """Return the median over seeds of how many times worse the end is than the best."""
    ratios = []
    for row in rows:
        final, best = metric_value(row, metric), metric_value(row, metric, "best")
        over, under = (final, best) if lower_is_better(metric) else (best, final)
        if has_failed(row):
            ratios.append(math.inf)
        elif over == under:
            ratios.append(1.0)
        else:
            ratios.append(over / under if under > 0 else math.inf)
    return extended_median(ratios)


def median_step_seconds(rows: list[Row]) -> float:
    """Return the median seconds of a step."""
    return extended_median([STEP_COSTS["wall seconds"](row) for row in rows])


def cheapest_cost(groups: dict, task: str, cost: Callable[[Row], float]) -> float:
    """Return the cost of the cheapest method's whole run: all can be compared there."""
    costs = [
        max(map(last_step, rows)) * extended_median([cost(r) for r in rows])
        for (name, _), rows in groups.items()
        if name == task
    ]
    return min((c for c in costs if c > 0), default=math.nan)


def iqm_at_cost(rows: list[Row], metric: str, kind: str, limit: float) -> Interval:
    """Return the IQM at the last evaluation within the cost; failures are the worst."""
    values = [value_at_step(row, metric, limit / STEP_COSTS[kind](row)) for row in rows]
    return aggregate.bootstrap_iqm(np.array(values))


def score_scale(results: Results, task: str, metric: str) -> tuple[float, float]:
    """Return the values of a metric that score 0 and 1.

    0 is the plan's `noise`; without it, the worst end of a run that did not fail. 1 is
    the floor; without it, the best of all runs.
    """
    rows = [r for r in results.main if r["task"] == task]
    ends = [v for r in rows if math.isfinite(v := metric_value(r, metric))]
    bests = [v for r in rows if math.isfinite(v := metric_value(r, metric, "best"))]
    lower = lower_is_better(metric)
    noise = task_noise(results, task, metric)
    if noise is None:
        noise = (max if lower else min)(ends, default=1.0)
    top = task_floor(results, task, metric)
    if top is None:
        top = (min if lower else max)(bests, default=0.0)
    return float(noise), float(top)


WORST_SCORE = -1e9
"""The score of a run that failed: below any other, and finite."""


def scale_score(value: float, zero: float, one: float) -> float:
    """Return `(value - zero) / (one - zero)`, or WORST_SCORE if it is not finite."""
    if not math.isfinite(value):
        return WORST_SCORE
    return 0.0 if zero == one else (value - zero) / (one - zero)


def score_matrix(results: Results, method: str) -> np.ndarray:
    """Return the scores `[runs, tasks]` of a method, runs by seed.

    Tasks on which the method has no runs are left out. If tasks have unequal numbers of
    runs (in a plan that is not finished), the first runs are taken.
    """
    groups, columns = group_rows(results.main), []
    for task in results.tasks:
        rows, metrics = groups.get((task, method)), task_metrics(results, task)
        if rows and metrics:
            zero, one = score_scale(results, task, metrics[0])
            columns.append(
                [scale_score(metric_value(r, metrics[0]), zero, one) for r in rows]
            )
    runs = min(map(len, columns), default=0)
    return np.array([column[:runs] for column in columns]).T


def summarize_overall(results: Results) -> list[OverallSummary]:
    """Return the methods with runs on every task, compared over all of them.

    The scores decide which method is better. Before they are averaged, scores below 0
    are raised to 0, so that a run which ends far worse than noise counts as one that
    ends as noise.
    """
    matrices = {m: score_matrix(results, m) for m in results.methods}
    full = {m: s for m, s in matrices.items() if s.shape[-1:] == (len(results.tasks),)}
    ranked = aggregate.bootstrap_ranks(full) if full else {}
    base = full.get(results.baseline)
    found = []
    for method, scores in full.items():
        rival = None if method == results.baseline else base
        compare = aggregate.bootstrap_improvement
        better = None if rival is None else compare(scores, rival)
        mine = [row for row in results.main if row["label"] == method]
        rates = [[r for r in mine if r["task"] == task] for task in results.tasks]
        clipped = np.maximum(scores, 0)
        found.append(
            OverallSummary(
                method,
                len(mine),
                stats.mean_rate([count_successes(rows) for rows in rates]),
                aggregate.bootstrap_interval(clipped, aggregate.iqm),
                aggregate.bootstrap_interval(clipped, aggregate.optimality_gap),
                better,
                ranked[method],
                aggregate.bootstrap_profile(clipped, PROFILE_TAUS),
            )
        )
    return found
