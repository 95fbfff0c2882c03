"""The columns of the tables: their texts for people, and keys for sorting."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from gan_jax.benchmark.report.results import (
    Results,
    metric_title,
    success_bounds,
    task_floor,
    task_metrics,
)
from gan_jax.benchmark.report.summary import TaskSummary
from gan_jax.benchmark.report.wording import (
    count_noun,
    format_difference,
    format_interval,
    format_probability,
    format_short,
    join_names,
)


class Column(NamedTuple):
    """A column of a table.

    explain: one sentence. cell: returns `(text, sort key)` of a TaskSummary or an
    OverallSummary.
    """

    name: str
    explain: str
    cell: Callable[..., tuple[str, float | str]]


UNINFORMATIVE = ("–", "baseline", "1.00x", "1.0 [1.0, 1.0]")
"""Texts of cells that say nothing if a whole column has no others."""


def select_informative(columns: tuple[Column, ...], found: list) -> tuple[Column, ...]:
    """Return the columns that say something about any of these summaries."""
    return tuple(
        column
        for column in columns
        if any(column.cell(one)[0] not in UNINFORMATIVE for one in found)
    )


def success_cell(entry: TaskSummary) -> tuple[str, float]:
    """Return how many runs succeeded, with the interval of the rate."""
    won, runs = entry.outcomes["converged"], len(entry.rows)
    return (
        f"{won}/{runs} [{entry.rate.low:.2f}, {entry.rate.high:.2f}]",
        entry.rate.value,
    )


def sort_key(value: float | None, other: float = math.inf) -> float:
    """Return the value, or `other` where there is none."""
    return other if value is None or math.isnan(value) else value


def main_metric(entry: TaskSummary) -> str | None:
    """Return the metric that scores the task."""
    return next(iter(entry.finals), None)


def metric_cell(entry: TaskSummary, part: str) -> tuple[str, float]:
    """Return the IQM of the metric that scores the task; part: "finals" or "bests"."""
    name = main_metric(entry)
    if name is None:
        return "–", math.inf
    found = getattr(entry, part)[name]
    return format_interval(found), found.value


def decline_cell(entry: TaskSummary) -> tuple[str, float]:
    """Return how many times worse the end of a run is than its best."""
    name = main_metric(entry)
    value = math.nan if name is None else entry.decline[name]
    known = "failed" if math.isinf(value) else f"{value:.2f}"
    return ("–" if math.isnan(value) else known), sort_key(value)


def step_time_cell(entry: TaskSummary) -> tuple[str, float]:
    """Return the time of a step over the baseline's."""
    ratio = entry.step_ratio
    return ("–" if math.isnan(ratio) else f"{ratio:.2f}x"), sort_key(ratio)


def modes_cell(entry: TaskSummary) -> tuple[str, float]:
    """Return robust modes and, as the literature counts, modes with one hit."""
    both = [entry.finals.get(name) for name in ("robust_modes", "modes")]
    if both[0] is None and both[1] is None:
        return "–", -1.0
    shown = [format_short(found.value) if found else "–" for found in both]
    return " / ".join(shown), next(found.value for found in both if found)


def equal_cost_cell(kind: str) -> Callable[[TaskSummary], tuple[str, float]]:
    """Return a cell that shows the task's metric at equal cost."""

    def cell(entry: TaskSummary) -> tuple[str, float]:
        found = entry.equal.get(kind)
        return format_interval(found), sort_key(found and found.value)

    return cell


def time_to_success_cell(entry: TaskSummary) -> tuple[str, float]:
    """Return the step from which half of the runs succeed."""
    median = entry.survival.median
    return ("not reached" if math.isinf(median) else f"{median:.0f}"), median


METHOD_EXPLANATION = "The method's name, as `--methods` of benchmarks.compare takes it."

ENTRY_COLUMNS: tuple[Column, ...] = (
    Column("task", "The data set.", lambda e: (e.task, e.task)),
    Column("method", METHOD_EXPLANATION, lambda e: (e.method, e.method)),
    Column(
        "success",
        "How many of the runs succeeded: they met the task's goal at every evaluation "
        "of the last quarter of the training. With Wilson's 95% interval of the rate.",
        success_cell,
    ),
    Column(
        "against baseline",
        "The method's success rate minus the baseline's, with Newcombe's 95% interval.",
        lambda e: (
            format_difference(e.difference),
            sort_key(e.difference and e.difference.value, 0.0),
        ),
    ),
    Column(
        "p Fisher",
        "The p value of Fisher's exact test that both success rates are equal. It "
        "takes the runs of the two methods as independent, and is not corrected for "
        "the number of methods.",
        lambda e: (format_probability(e.fisher_p), sort_key(e.fisher_p)),
    ),
    Column(
        "p McNemar",
        "The p value of McNemar's exact test, on the seeds that both methods ran: only "
        "those seeds count on which one succeeded and the other did not. It is not "
        "corrected for the number of methods.",
        lambda e: (format_probability(e.mcnemar_p), sort_key(e.mcnemar_p)),
    ),
    Column(
        "modes",
        "Two counts of modes at the end, each the IQM over runs: robust modes, which "
        "get at least a quarter of their fair share of samples, and modes that get at "
        "least one sample, as the literature counts them.",
        modes_cell,
    ),
    Column(
        "final",
        "The task's metric at the end: the IQM over runs (the mean of the middle half) "
        "with its 95% bootstrap interval. A run that diverged counts as the worst and "
        "is never left out.",
        lambda e: metric_cell(e, "finals"),
    ),
    Column(
        "best",
        "The same at the best evaluation of each run, which is what most published "
        "tables report.",
        lambda e: metric_cell(e, "bests"),
    ),
    Column(
        "final / best",
        "How many times worse the end of a run is than its best evaluation: the median "
        "over runs. A number far above 1 shows instability.",
        decline_cell,
    ),
    Column(
        "steps to success",
        "The step from which half of the runs succeed (the Kaplan-Meier median, in "
        "which runs without success are censored at their end).",
        time_to_success_cell,
    ),
    Column(
        "step time",
        "The wall time of a step, divided by the baseline's.",
        step_time_cell,
    ),
    Column(
        "at equal gradients",
        "The task's metric after as many gradient evaluations of both players as the "
        "whole run of the cheapest method takes.",
        equal_cost_cell("gradient evaluations"),
    ),
    Column(
        "at equal data",
        "The task's metric after the discriminator has learned from as many real "
        "examples as in the whole run of the method that takes fewest. Each update of "
        "D takes a batch of them, and a batch of packs of k has k times as many.",
        equal_cost_cell("real examples"),
    ),
    Column(
        "at equal time",
        "The task's metric after as much wall time as the whole run of the fastest "
        "method takes.",
        equal_cost_cell("wall seconds"),
    ),
)

OVERALL_COLUMNS: tuple[Column, ...] = (
    Column("method", METHOD_EXPLANATION, lambda o: (o.method, o.method)),
    Column("runs", "The number of runs on all tasks.", lambda o: (str(o.runs), o.runs)),
    Column(
        "success",
        "The share of runs that succeeded, averaged over tasks, with its 95% interval "
        "(Wilson's intervals of the tasks, combined by MOVER).",
        lambda o: (format_interval(o.successes, 2), o.successes.value),
    ),
    Column(
        "IQM score",
        "The mean of the middle half of all scores. A score of 0 is noise, or a run "
        "that diverged; a score of 1 is the floor, the value of real data.",
        lambda o: (format_interval(o.iqm), o.iqm.value),
    ),
    Column(
        "optimality gap",
        "How far the scores are below 1, averaged over all runs.",
        lambda o: (format_interval(o.gap), o.gap.value),
    ),
    Column(
        "beats baseline",
        "The probability that a run of this method scores better than a run of the "
        "baseline, averaged over tasks.",
        lambda o: (
            "baseline" if o.improvement is None else format_interval(o.improvement, 2),
            sort_key(o.improvement and o.improvement.value, 0.5),
        ),
    ),
    Column(
        "rank",
        "The rank among the methods by the IQM on a task, averaged over tasks; 1 is "
        "the best.",
        lambda o: (format_interval(o.rank, 1), o.rank.value),
    ),
)


def describe_thresholds(results: Results, task: str) -> str:
    """Return what success on a task is, in words."""
    parts = []
    for bound in success_bounds(results, task):
        limits = {"≥": bound.get("at_least"), "≤": bound.get("at_most")}
        texts = [
            f"{sign} {format_short(v)}" for sign, v in limits.items() if v is not None
        ]
        parts.append(f"{metric_title(bound['metric'])} {', '.join(texts)}")
    rule = (results.plan.get("thresholds", {}).get(task) or {}).get("rule")
    return join_names(parts) if parts else f"judged by {rule or 'the plan'}"


def list_crashes(results: Results) -> list[str]:
    """Return what crashed, such as `grid, r1: 10 runs: RuntimeError: no memory`."""
    counts = Counter(
        (row["task"], row["label"], row["error"])
        for row in results.rows
        if row["error"] is not None
    )
    return [
        f"{task}, {method}: {count_noun(count, 'run')}: {error}"
        for (task, method, error), count in counts.items()
    ]


def describe_shown_rates(results: Results) -> str:
    """Return at which rates the runs of the tables are; "" where these are all runs."""
    if len(results.main) == len(results.rows):
        return ""
    return (
        "Apart from the ranking and the maps, the numbers are of the runs at the base "
        "learning rates (factor 1)."
    )


def describe_task(results: Results, task: str) -> str:
    """Return what is known of a task beforehand: its runs, metric, floor and goal."""
    metrics = task_metrics(results, task)
    rows = [row for row in results.main if row["task"] == task]
    methods = {row["label"] for row in rows}
    runs, tried = count_noun(len(rows), "run"), count_noun(len(methods), "method")
    parts = [f"{runs} of {tried}."]
    if metrics:
        floor = task_floor(results, task, metrics[0])
        ends = "" if floor is None else f" (floor {format_short(floor)})"
        parts.append(f"Metric: {metric_title(metrics[0])}{ends}.")
    parts.append(f"Success: {describe_thresholds(results, task)}.")
    return " ".join(parts)
