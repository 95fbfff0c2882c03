"""All that the report tells of a folder's rows."""

from typing import NamedTuple

from benchmarks import summary
from benchmarks.hypotheses import Answer, answers
from benchmarks.maps import Map, maps
from benchmarks.published import Compared, compared
from benchmarks.rows import Results, is_exact
from benchmarks.summary import Entry, Overall


class Findings(NamedTuple):
    results: Results
    entries: list[Entry]
    overall: list[Overall]
    maps: list[Map]
    published: list[Compared]
    answers: list[Answer]


def findings(results: Results) -> Findings:
    return Findings(
        results,
        summary.entries(results),
        summary.overall(results),
        maps(results),
        compared(results),
        answers(results),
    )


EXACT = (
    "Exact: there are no seeds. A run is a step size, rates count step sizes, and "
    "intervals mean nothing here."
)


def held_in(ranked: list[Overall], rate: float, exact: bool) -> str:
    """Who succeeds at this rate: one name, or how many of them do."""
    tied = [one for one in ranked if one.successes.value == rate]
    value, low, high = tied[0].successes
    names = tied[0].method if len(tied) == 1 else f"{len(tied)} of {len(ranked)}"
    words = f"{names} in {value:.0%} of runs"
    return words if exact else f"{words} [{low:.0%}, {high:.0%}]"


def gist(found: Findings) -> str:
    """The first sentence: who succeeds most and least often, and that seeds decide."""
    ranked = sorted(found.overall, key=lambda one: -one.successes.value)
    start = "Seeds are the sample: every run counts, one that diverged as the worst."
    exact = is_exact(found.results)
    start = EXACT if exact else start
    if len(ranked) < 2:
        return start
    best, last = (one.successes.value for one in (ranked[0], ranked[-1]))
    if best == last:
        return f"{start} All succeed equally often, in {best:.0%}."
    ends = [held_in(ranked, rate, exact) for rate in (best, last)]
    return f"{start} Most often success is held by {ends[0]}, least often by {ends[1]}."
