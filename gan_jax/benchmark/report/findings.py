"""All findings of a report, and the sentences that open it."""

from typing import NamedTuple

from gan_jax.benchmark.report.maps.map_wording import describe_ranking_by_area
from gan_jax.benchmark.report.maps.ranking import Ranking, rank_methods
from gan_jax.benchmark.report.maps.stability_map import (
    StabilityMap,
    make_stability_maps,
)
from gan_jax.benchmark.report.published import PublishedComparison, compare_published
from gan_jax.benchmark.report.questions.contrasts import NO_ANSWER
from gan_jax.benchmark.report.questions.hypotheses import Answer, answer_questions
from gan_jax.benchmark.report.results import (
    Results,
    Row,
    count_successes,
    has_failed,
    is_exact,
)
from gan_jax.benchmark.report.stats import Interval, mean_rate
from gan_jax.benchmark.report.summary import (
    OverallSummary,
    TaskSummary,
    summarize_overall,
    summarize_tasks,
)
from gan_jax.benchmark.report.wording import (
    count_noun,
    describe_interval,
    join_names,
    name_some,
    spoken_name,
)


class Findings(NamedTuple):
    """Everything that a report says about the rows of a folder.

    ranking: None without stability maps. With one, the methods of `results` and
    everything else stand in its order.
    """

    results: Results
    entries: list[TaskSummary]
    overall: list[OverallSummary]
    ranking: Ranking | None
    maps: list[StabilityMap]
    published: list[PublishedComparison]
    answers: list[Answer]


def collect_findings(results: Results) -> Findings:
    """Return all findings of a results folder."""
    ranking = rank_methods(results)
    if ranking is not None:
        ranked = [one.method for one in ranking.methods]
        others = [method for method in results.methods if method not in ranked]
        results = results._replace(methods=[*ranked, *others])
    return Findings(
        results,
        summarize_tasks(results),
        summarize_overall(results),
        ranking,
        make_stability_maps(results, ranking),
        compare_published(results),
        answer_questions(results),
    )


EXACT_NOTE = (
    "These games are computed exactly and have no seeds: a run is one step size, rates "
    "are shares of the step sizes, and intervals mean nothing here."
)
COUNT_NOTE = "Every run counts, and a run that diverged counts as the worst."


def select_answered(answers: list[Answer]) -> list[Answer]:
    """Return the answers to the questions that these runs answer."""
    return [one for one in answers if one.answer != NO_ANSWER]


def describe_unanswered(answers: list[Answer]) -> str:
    """Return a sentence on the questions that need other runs; "" if there are none."""
    others = len(answers) - len(select_answered(answers))
    verb = "needs" if others == 1 else "need"
    words = f"{count_noun(others, 'other question')} {verb} other runs than these."
    return words if others else ""


class Tally(NamedTuple):
    """How often a method succeeded; rate: the mean of its rates on the tasks."""

    method: str
    won: int
    runs: int
    rate: Interval


def tally_methods(findings: Findings) -> tuple[list[Tally], list[str]]:
    """Return the methods with runs on every task by success, and the others' names."""
    ranked, others = [], []
    for method in findings.results.methods:
        mine = [one for one in findings.entries if one.method == method]
        if len(mine) < len(findings.results.tasks):
            others.append(method)
            continue
        counts = [count_successes(one.rows) for one in mine]
        won, runs = map(sum, zip(*counts, strict=True))
        rate = mean_rate(counts)
        rate = rate._replace(value=round(rate.value, 12))  # equal counts tie
        ranked.append(Tally(method, won, runs, rate))
    return sorted(ranked, key=lambda one: -one.rate.value), others


def summarize_findings(findings: Findings) -> str:
    """Return the first sentences of a report.

    They say what a run is, and which methods succeed most and least often: over the
    stability maps where there are any, and else at the methods' own rates.
    """
    if findings.maps:
        return summarize_maps(findings)
    exact = is_exact(findings.results)
    ranked, others = tally_methods(findings)
    words = [
        EXACT_NOTE if exact else describe_runs(findings),
        describe_ranking(ranked, exact),
    ]
    if others and ranked:
        words.append(
            f"{join_names(others)} did not run on every task, and "
            f"{'is' if len(others) == 1 else 'are'} not ranked here."
        )
    return " ".join([*filter(None, words), *describe_failures(findings.results.main)])


def summarize_maps(findings: Findings) -> str:
    """Return the first sentences of a report of stability maps."""
    results, ranking = findings.results, findings.ranking
    words = (
        "No method has a seed at every pair of learning rates of every task yet, so "
        "there is no ranking."
        if ranking is None
        else describe_ranking_by_area(ranking)
    )
    parts = [describe_success(results), COUNT_NOTE, words]
    return " ".join([*filter(None, parts), *describe_failures(results.rows)])


def describe_runs(findings: Findings) -> str:
    """Return what success means and how many runs a method has on a task."""
    goal = describe_success(findings.results)
    if {len(one.rows) for one in findings.entries} != {1}:
        return f"{goal} {COUNT_NOTE}".strip()
    several = ", so a difference between methods may be chance"
    once = several if len(findings.results.methods) > 1 else ", which shows no spread"
    return f"{goal} Each method was trained once on each task{once}.".strip()


def describe_success(results: Results) -> str:
    """Return what makes a run a success; "" where the plan does not say."""
    judged = list((results.plan.get("thresholds") or {}).values())
    late = next((one["late_share"] for one in judged if "late_share" in one), None)
    if late is None:
        return ""
    return (
        "A run succeeds if it meets the goal of its task at every evaluation in the "
        f"last {late:.0%} of its steps."
    )


def describe_failures(rows: list[Row]) -> list[str]:
    """Return what a reader must know before reading anything into a failure of runs."""
    crashed = sum(row["error"] is not None for row in rows)
    if crashed == len(rows):
        return ["Every run crashed, which says nothing of the methods."]
    if crashed:
        count = "counts" if crashed == 1 else "count"
        return [f"{crashed} of the {len(rows)} runs crashed and {count} as the worst."]
    return ["Every run diverged."] if all(map(has_failed, rows)) else []


def describe_ranking(ranked: list[Tally], exact: bool) -> str:
    """Return which methods succeeded most and least often."""
    if not ranked:
        return "No method has runs on every task yet, so there is no ranking over all."
    if len(ranked) == 1:
        return describe_only_method(ranked[0], exact)
    best, last = ranked[0].rate.value, ranked[-1].rate.value
    if best == last:
        return describe_tie(ranked)
    top = [one for one in ranked if one.rate.value == best]
    rest = [one for one in ranked if one.rate.value == last]
    winners, losers = name_tallied(top, ranked), name_tallied(rest, ranked)
    if all(one.runs == 1 for one in ranked):
        return f"{winners} succeeded; {losers} did not."
    first = f"{winners} succeeded most often, {describe_frequency(top, exact)}"
    if last == 0:
        return f"{first}; {losers} never succeeded."
    return f"{first}; {losers} least often, {describe_frequency(rest, exact)}."


def describe_only_method(one: Tally, exact: bool) -> str:
    """Return how often the only method succeeded."""
    name = spoken_name(one.method)
    if one.runs == 1:
        verb = "succeeded" if one.won else "did not succeed"
        return f"The only run of {name} {verb}."
    if one.won == 0:
        return f"{name} succeeded in none of its {one.runs} runs."
    if one.won == one.runs:
        return f"{name} succeeded in all of its {one.runs} runs."
    return f"{name} succeeded {describe_frequency([one], exact)}."


def describe_tie(ranked: list[Tally]) -> str:
    """Return how often all methods succeeded, which have equal rates."""
    rate, sizes = ranked[0].rate.value, {one.runs for one in ranked}
    runs = f"{ranked[0].runs}" if len(sizes) == 1 else None
    each = f": {ranked[0].won} of {count_noun(ranked[0].runs, 'run')} each"
    if rate == 0:
        return f"No method succeeded{each if runs else ' in any of its runs'}."
    if rate == 1:
        return f"Every method succeeded in every run{each if runs else ''}."
    often = each if runs else f": in {rate:.0%} of the runs of each"
    return f"All {len(ranked)} methods succeeded equally often{often}."


def name_tallied(some: list[Tally], ranked: list[Tally]) -> str:
    """Return the names of these methods, or how many of the ranked ones they are."""
    return name_some([one.method for one in some], len(ranked), "method")


def describe_frequency(some: list[Tally], exact: bool) -> str:
    """Return how often these methods succeeded, which have equal rates.

    For example `in 7 of 20 runs (95% interval 20% to 52%)`.
    """
    sizes = {(one.won, one.runs) for one in some}
    won, runs = some[0].won, some[0].runs
    limits = "" if exact else f" ({describe_interval(some[0].rate)})"
    if len(sizes) > 1:
        share = some[0].rate.value
        return "in all of their runs" if share == 1 else f"in {share:.0%} of their runs"
    if runs == 1:
        return "in its only run" if len(some) == 1 else "each in its only run"
    each = " each" if len(some) > 1 else ""
    return f"in {won} of {runs} runs{each}{limits}"
