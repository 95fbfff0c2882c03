"""Contrasts of success: two groups of runs on the same seeds, tested by pairs."""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.maps.ranks import correct_p_values
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
