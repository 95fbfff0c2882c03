"""The tables: what each column says of a method, for people and for sorting."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.published import Compared
from benchmarks.rows import Results, bounds_of, floor_of, metrics_of, title
from benchmarks.stats import Interval
from benchmarks.summary import Entry
from benchmarks.svg import short


class Column(NamedTuple):
    """explain: one sentence. cell: `(text, sort key)` of an Entry or an Overall."""

    name: str
    explain: str
    cell: Callable[..., tuple[str, float | str]]


def ranged(found: Interval | None, digits: int | None = None) -> str:
    """`0.80 [0.49, 0.94]`."""
    if found is None:
        return "–"
    show = short if digits is None else lambda v: f"{v:.{digits}f}"
    return f"{show(found.value)} [{show(found.low)}, {show(found.high)}]"


def signed(found: Interval | None) -> str:
    if found is None:
        return "baseline"
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def probability(p: float | None) -> str:
    if p is None:
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def rate(entry: Entry) -> tuple[str, float]:
    won, runs = entry.outcomes["converged"], len(entry.rows)
    return (
        f"{won}/{runs} [{entry.rate.low:.2f}, {entry.rate.high:.2f}]",
        entry.rate.value,
    )


def key(value: float | None, other: float = math.inf) -> float:
    return other if value is None or math.isnan(value) else value


def main_metric(entry: Entry) -> str | None:
    return next(iter(entry.finals), None)


def of_metric(entry: Entry, part: str) -> tuple[str, float]:
    """The IQM of the metric that scores the task, at the end or at its best."""
    name = main_metric(entry)
    if name is None:
        return "–", math.inf
    found = getattr(entry, part)[name]
    return ranged(found), found.value


def decline(entry: Entry) -> tuple[str, float]:
    name = main_metric(entry)
    value = math.nan if name is None else entry.decline[name]
    return ("failed" if math.isinf(value) else f"{value:.2f}"), key(value)


def modes(entry: Entry) -> tuple[str, float]:
    """Robust modes and, as the literature counts, those with one hit."""
    both = [entry.finals.get(name) for name in ("robust_modes", "modes")]
    if both[0] is None and both[1] is None:
        return "–", -1.0
    shown = [short(found.value) if found else "–" for found in both]
    return " / ".join(shown), next(found.value for found in both if found)


def equal(kind: str) -> Callable[[Entry], tuple[str, float]]:
    def cell(entry: Entry) -> tuple[str, float]:
        found = entry.equal.get(kind)
        return ranged(found), key(found and found.value)

    return cell


def time_to(entry: Entry) -> tuple[str, float]:
    median = entry.survival.median
    return ("not reached" if math.isinf(median) else f"{median:.0f}"), median


ENTRY_COLUMNS: tuple[Column, ...] = (
    Column("task", "The data set.", lambda e: (e.task, e.task)),
    Column("method", "A name of METHODS.", lambda e: (e.method, e.method)),
    Column(
        "success",
        "Runs that held success over the last quarter of evaluations, of all, with "
        "Wilson's 95% interval.",
        rate,
    ),
    Column(
        "against baseline",
        "The difference of the success rates, with Newcombe's 95% interval.",
        lambda e: (signed(e.difference), key(e.difference and e.difference.value, 0.0)),
    ),
    Column(
        "p Fisher",
        "Fisher's exact test that both rates are equal, as if seeds were apart; like "
        "the next, not corrected for the number of methods.",
        lambda e: (probability(e.fisher_p), key(e.fisher_p)),
    ),
    Column(
        "p McNemar",
        "The exact test on seeds that both ran: only those on which they differ count.",
        lambda e: (probability(e.mcnemar_p), key(e.mcnemar_p)),
    ),
    Column(
        "modes",
        "Modes with a quarter of their fair share / modes with one hit, as the "
        "literature counts; IQM over seeds at the end.",
        modes,
    ),
    Column(
        "final",
        "The metric at the end: IQM over seeds and its bootstrap 95% interval; a "
        "run that diverged is the worst, never left out.",
        lambda e: of_metric(e, "finals"),
    ),
    Column(
        "best",
        "The same at each run's own best evaluation, which is what most tables report.",
        lambda e: of_metric(e, "bests"),
    ),
    Column(
        "final / best",
        "How many times worse the end is than the run's best, median over seeds: "
        "instability shows here.",
        decline,
    ),
    Column(
        "steps to success",
        "The median by Kaplan-Meier of the step from which success was held; runs "
        "without are censored at the end.",
        time_to,
    ),
    Column(
        "step time",
        "Wall time of a step over the baseline's.",
        lambda e: (f"{e.step_ratio:.2f}x", key(e.step_ratio)),
    ),
    Column(
        "at equal gradients",
        "The task's metric after as many gradient evaluations of both players as the "
        "cheapest method's run has. A method whose D judges packs of k sees k times as "
        "many examples in each.",
        equal("gradient evaluations"),
    ),
    Column(
        "at equal time",
        "The same after as much wall time as the fastest method's run takes.",
        equal("wall seconds"),
    ),
)

OVERALL_COLUMNS: tuple[Column, ...] = (
    Column("method", "A name of METHODS.", lambda o: (o.method, o.method)),
    Column("runs", "Runs over all tasks.", lambda o: (str(o.runs), o.runs)),
    Column(
        "success",
        "The mean over tasks of the share of runs that succeeded, with its 95% "
        "interval (MOVER of Wilson's).",
        lambda o: (ranged(o.successes, 2), o.successes.value),
    ),
    Column(
        "IQM score",
        "The mean of the middle half of all scores; 0 is noise or a run that diverged, "
        "1 the floor.",
        lambda o: (ranged(o.iqm), o.iqm.value),
    ),
    Column(
        "optimality gap",
        "How much all scores miss to 1, in mean.",
        lambda o: (ranged(o.gap), o.gap.value),
    ),
    Column(
        "beats baseline",
        "The probability that a run beats one of the baseline, averaged over tasks.",
        lambda o: (
            "baseline" if o.improvement is None else ranged(o.improvement, 2),
            key(o.improvement and o.improvement.value, 0.5),
        ),
    ),
    Column(
        "rank",
        "The mean over tasks of the rank by the IQM of a task; 1 is best.",
        lambda o: (ranged(o.rank, 1), o.rank.value),
    ),
)


def thresholds(results: Results, task: str) -> str:
    """What success on a task is, in words."""
    parts = []
    for bound in bounds_of(results, task):
        limits = {"≥": bound.get("at_least"), "≤": bound.get("at_most")}
        told = [f"{sign} {short(v)}" for sign, v in limits.items() if v is not None]
        parts.append(f"{title(bound['metric'])} {' and '.join(told)}")
    rule = (results.plan.get("thresholds", {}).get(task) or {}).get("rule")
    return ", ".join(parts) or f"by {rule or 'the plan'}"


def crashes(results: Results) -> list[str]:
    """What crashed: `grid, r1: 10 runs: RuntimeError: no memory`."""
    counts = Counter(
        (row["task"], row["label"], row["error"])
        for row in results.rows
        if row["error"] is not None
    )
    return [
        f"{task}, {method}: {count} {'run' if count == 1 else 'runs'}: {error}"
        for (task, method, error), count in counts.items()
    ]


def about(results: Results, task: str) -> str:
    """The line over a task: its metric, floor, runs, thresholds."""
    metrics = metrics_of(results, task)
    rows = [row for row in results.main if row["task"] == task]
    methods = {row["label"] for row in rows}
    parts = [f"{len(rows)} runs of {len(methods)} methods"]
    if metrics:
        floor = floor_of(results, task, metrics[0])
        ends = "" if floor is None else f", floor {short(floor)}"
        parts.append(f"metric: {title(metrics[0])}{ends}")
    parts.append(f"success: {thresholds(results, task)}")
    return "; ".join(parts)


PUBLISHED_HEADS = ("task", "method", "number", "published", "ours", "agree", "source")


def published_texts(one: Compared) -> tuple[str, ...]:
    """The cells of a published number, as text."""
    theirs = one.published
    value = "fails" if math.isnan(theirs.value) else short(theirs.value)
    if theirs.error is not None:
        value += f" ± {short(theirs.error)}"
    elif theirs.rate:
        value += f" of {theirs.runs}"
    number = f"P({theirs.modes} modes)" if theirs.rate else title(theirs.metric)
    ours = f"{ranged(one.ours)}, n = {one.runs}" if one.ours else "–"
    verdict = "–" if one.agrees is None else "yes" if one.agrees else "no"
    if one.agrees is not None and not one.same_protocol:
        verdict += ", other protocol"
    source = theirs.source
    return theirs.task, theirs.label, number, value, ours, verdict, source


def interval_words(found: Interval, runs: int) -> str:
    return f"{found.value:+.3g} [{found.low:+.3g}, {found.high:+.3g}], {runs} runs"
