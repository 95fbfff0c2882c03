"""Contrasts of two groups of runs on the same seeds, tested by pairs."""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.maps.ranks import correct_p_values
from gan_jax.benchmark.report.published import end_value
from gan_jax.benchmark.report.results import (
    Results,
    Row,
    count_successes,
    split_rows,
    success_gap,
)
from gan_jax.benchmark.report.stats import Interval
from gan_jax.benchmark.report.wording import (
    describe_rate,
    format_difference,
    format_p,
    make_sentence,
)

NO_ANSWER = "These runs do not answer it."
"""The answer where the rows say nothing about a question."""
Tests = dict[str, Callable[[Any], bool]]
"""Tests of a value, by the names of the values that pass them."""


class Contrast(NamedTuple):
    """Two groups of runs that differ in one thing.

    sides: the names of the groups with their rows, one row a seed. place: what the
    groups share, such as method and task.
    """

    sides: dict[str, list[Row]]
    place: tuple[str, ...]


def answer_by_contrasts(contrasts: list[Contrast]) -> dict:
    """Return the fields of an Answer: every contrast in words, the first as figure.

    A contrast whose sides share no seed is left out. The verdict of each is that of
    McNemar's exact two-sided test over its seeds, whose p Holm's correction adjusts for
    the number of contrasts. So no test takes runs that share a seed for independent.
    """
    known = [one for one in contrasts if pair_success(one)]
    if not known:
        return {"answer": NO_ANSWER}
    gaps = [success_gap(*one.sides.values()) for one in known]
    pairs = [zip(*pair_success(one), strict=True) for one in known]
    p = correct_p_values(np.array([stats.mcnemar(*map(list, one)) for one in pairs]))
    several = len({one.place for one in known}) > 1
    words = [
        (f"for {', '.join(one.place)}: " if several else "")
        + describe_contrast(one, gap, float(own))
        for one, gap, own in zip(known, gaps, p, strict=True)
    ]
    holm = f"p corrected by Holm for {len(p)} comparisons, " if len(p) > 1 else ""
    place = f", {', '.join(known[0].place)}" if several else ""
    below = f"the number below: {' minus '.join(known[0].sides)}{place}"
    return {
        "answer": f"{'; '.join(words)} ({holm}{below})",
        "figure": gaps[0],
        "runs": sum(map(len, known[0].sides.values())),
    }


def answer_by_modes(contrasts: list[Contrast]) -> dict:
    """Return the fields of an Answer: differences of modes, the first as figure.

    They are differences at the end, on the same seeds. Holm's correction adjusts the p
    of `stats.sign_flip_test` for the number of contrasts. A contrast with fewer than
    two shared seeds, or with a difference that is not finite, is left out.
    """
    pairs = [
        (one, pair)
        for one in contrasts
        if (pair := stats.compare_pairs(seed_gaps(*one.sides.values(), metric="modes")))
    ]
    if not pairs:
        return {"answer": NO_ANSWER}
    p = correct_p_values(np.array([pair.p for _, pair in pairs]))
    found = {"more modes": [], "fewer modes": [], "no difference shown": []}
    for (one, pair), own in zip(pairs, p, strict=True):
        sign = "more modes" if pair.figure.value > 0 else "fewer modes"
        verdict = sign if own < 1 - stats.LEVEL else "no difference shown"
        found[verdict].append(
            f"{' minus '.join(one.sides)} ({', '.join(one.place)}) "
            f"{format_difference(pair.figure)}, {format_p(float(own))}"
        )
    words = [
        make_sentence(f"{verdict}: {'; '.join(gaps)}")
        for verdict, gaps in found.items()
        if gaps
    ]
    first, pair = pairs[0]
    below = f"{' minus '.join(first.sides)}, {', '.join(first.place)}"
    return {
        "answer": f"{' '.join(words)} Modes at the end by seed, p by sign flips, "
        f"corrected by Holm for {len(p)} comparisons; the number below: {below}",
        "figure": pair.figure,
        "runs": sum(map(len, first.sides.values())),
    }


def seed_gaps(one: list[Row], other: list[Row], metric: str) -> np.ndarray:
    """Return `one - other` at the end, `[seeds]`, of seeds that both groups have."""
    mine, theirs = ({r["seed"]: end_value(r, metric) for r in g} for g in (one, other))
    shared = sorted(mine.keys() & theirs.keys())
    return np.array([mine[seed] - theirs[seed] for seed in shared])


def describe_contrast(contrast: Contrast, gap: Interval, p: float) -> str:
    """Return which side succeeds more often, both rates, their difference and p."""
    one, other = contrast.sides
    winner = one if gap.value > 0 else other
    differs = p < 1 - stats.LEVEL
    verdict = f"{winner} succeeds more often" if differs else "no difference shown"
    rates = [
        describe_rate(name, *count_successes(rows))
        for name, rows in contrast.sides.items()
    ]
    return (
        f"{verdict} ({', '.join(rates)}), difference {format_difference(gap)}, "
        f"McNemar's {format_p(p)}"
    )


def compare_values(
    results: Results, field: str, values: Tests, references: Tests
) -> dict:
    """Compare success at each value of a field with that at each reference.

    Every method is compared by itself on every task.
    """
    contrasts = []
    for (one, is_one), (other, is_other) in product(values.items(), references.items()):
        first, second = split_rows(results, field, is_one, is_other)
        for place in dict.fromkeys(map(place_of, first)):
            sides = {
                name: [row for row in rows if place_of(row) == place]
                for name, rows in ((one, first), (other, second))
            }
            contrasts.append(Contrast(sides, place))
    return answer_by_contrasts(contrasts)


def place_of(row: Row) -> tuple[str, str]:
    """Return the method and the task of a row."""
    return row["method"], row["task"]


def pair_success(contrast: Contrast) -> list[tuple[bool, bool]]:
    """Return the success of both sides on each seed that both ran."""
    mine, theirs = (
        {row["seed"]: row["success"] for row in rows}
        for rows in contrast.sides.values()
    )
    return [(mine[seed], theirs[seed]) for seed in sorted(mine.keys() & theirs.keys())]
