"""The sentences on a ranking by area."""

import math

from gan_jax.benchmark.report.maps.ranking import RankedMethod, Ranking
from gan_jax.benchmark.report.maps.ranks import STABLE_CORRELATION
from gan_jax.benchmark.report.maps.stability_map import StabilityMap, have_same_rates
from gan_jax.benchmark.report.stats import Interval
from gan_jax.benchmark.report.wording import (
    count_noun,
    join_names,
    name_some,
    spoken_name,
)

MANY_TIES = 4
"""Methods above which a sentence on ties counts them and names none."""


def describe_ranking_by_area(ranking: Ranking) -> str:
    """Return the sentences that say what was run and how the methods rank."""
    parts = [
        describe_grid(ranking),
        describe_areas(ranking.methods),
        describe_ties(ranking),
        describe_stability(ranking),
        describe_left_out(ranking),
    ]
    return " ".join(filter(None, parts))


def describe_grid(ranking: Ranking) -> str:
    """Return what the area under a map is, with the sizes of the grid."""
    sizes = sorted({len(points) for points in ranking.points.values()})
    pairs = f"{' or '.join(map(str, sizes))} pairs of learning rates"
    over = "" if len(ranking.tasks) == 1 else ", averaged over the tasks"
    each = "Each method" if len(ranking.methods) > 1 else "The method"
    return (
        f"{each} ran at {pairs} with {count_noun(len(ranking.seeds), 'seed')}. The "
        "area under its stability map is the share of these runs that succeeded"
        f"{over}."
    )


def format_area(area: Interval) -> str:
    """Return `0.81 (95% interval 0.65 to 0.89)`, or the area alone without one."""
    if math.isnan(area.low):
        return f"{area.value:.2f}"
    return f"{area.value:.2f} (95% interval {area.low:.2f} to {area.high:.2f})"


def format_common_area(methods: list[RankedMethod]) -> str:
    """Return the area that these methods have, with the interval if it is common."""
    area = methods[0].area
    if any(one.area != area for one in methods):
        return f"{area.value:.2f}"
    return format_area(area)


def describe_areas(methods: list[RankedMethod]) -> str:
    """Return which methods have the largest and the smallest area."""
    first, last = methods[0], methods[-1]
    if len(methods) == 1:
        return describe_only_area(first)
    if first.rank == last.rank:
        return describe_equal_areas(methods)
    top = [one for one in methods if one.rank == first.rank]
    rest = [one for one in methods if one.rank == last.rank]
    have, each = ("have", " each") if len(top) > 1 else ("has", "")
    words = (
        f"{name_methods(top, methods)} {have} the largest area, "
        f"{format_common_area(top)}{each}"
    )
    if last.area.value == 0:
        return f"{words}; {name_methods(rest, methods)} never succeeded."
    each = " each" if len(rest) > 1 else ""
    return (
        f"{words}; {name_methods(rest, methods)} the smallest, "
        f"{format_common_area(rest)}{each}."
    )


def describe_only_area(one: RankedMethod) -> str:
    """Return the area of the only method."""
    name = spoken_name(one.method)
    if one.area.value == 0:
        return f"{name} succeeded at no pair of learning rates."
    if one.area.value == 1:
        return f"{name} succeeded in every run at every pair of learning rates."
    return f"The area of {name} is {format_area(one.area)}."


def describe_equal_areas(methods: list[RankedMethod]) -> str:
    """Return the area that all methods share."""
    value = methods[0].area.value
    if value == 0:
        return "No method succeeded at any pair of learning rates."
    if value == 1:
        return "Every method succeeded in every run at every pair of learning rates."
    return f"All {len(methods)} methods have the same area, {value:.2f}."


def name_methods(some: list[RankedMethod], every: list[RankedMethod]) -> str:
    """Return the names of these methods, or how many of the ranked ones they are."""
    return name_some([one.method for one in some], len(every), "method")


def describe_ties(ranking: Ranking) -> str:
    """Return which methods are not told apart from the first one; "" without tests."""
    methods = ranking.methods
    top = [one for one in methods if one.rank == 1]
    lower = [one for one in methods if one.rank > 1]
    if len(ranking.seeds) < 2 or not lower:
        return ""
    tied = [one for one in lower if any(one.method in first.ties for first in top)]
    best = name_methods(top, methods)
    if not tied:
        return f"The tests show that every other method differs from {best}."
    if all(one.method in first.ties for first in top for one in lower):
        return f"No test shows a difference between {best} and any other method."
    names, verb = join_names([one.method for one in tied]), "tie"
    if len(tied) > MANY_TIES:
        names = f"{len(tied)} other methods"
    elif len(tied) == 1:
        verb = "ties"
    some = "at least one of " if len(top) > 1 else ""
    return f"{names} {verb} with {some}{best}: no test shows a difference."


def describe_stability(ranking: Ranking) -> str:
    """Return whether two halves of the seeds give the same order."""
    if len(ranking.methods) < 2 or ranking.methods[-1].rank == 1:
        return ""
    if len(ranking.seeds) < 2:
        return (
            "One seed gives no intervals and no tests, so the order of the methods may "
            "be chance."
        )
    rho = ranking.correlation
    if rho < STABLE_CORRELATION:
        return (
            "Halves of the seeds rank the methods with a mean Spearman's rho of "
            f"{rho:.2f}, which is below {STABLE_CORRELATION}: the order of the methods "
            "is undecided."
        )
    return (
        "Halves of the seeds rank the methods alike (mean Spearman's rho "
        f"{rho:.2f}), which does not show that neighbours in the order differ."
    )


def describe_left_out(ranking: Ranking) -> str:
    """Return what the ranking leaves out; "" for nothing."""
    parts = []
    if ranking.left_out:
        are, their = ("is", "its") if ranking.left_out == 1 else ("are", "their")
        parts.append(
            f"{count_noun(ranking.left_out, 'run')} {are} left out of the ranking: not "
            f"every ranked method has {their} seed at every pair."
        )
    if names := ranking.unranked:
        are, have = ("is", "has") if len(names) == 1 else ("are", "have")
        parts.append(
            f"{join_names(names)} {have} too few seeds at every pair of learning rates "
            f"of every task, and {are} not ranked."
        )
    return " ".join(parts)


def describe_maps(maps: list[StabilityMap]) -> str:
    """Return how to read the maps."""
    words = (
        "Each square counts the runs that succeeded at a pair of learning rates of the "
        "discriminator (D) and the generator (G); both axes are logarithmic. A darker "
        "square has more successes. The area is the mean over all squares, with its "
        "95% interval."
    )
    if not have_same_rates(maps):
        words += (
            " The rates are not the same for all methods: what is compared is how far "
            "each may leave its own."
        )
    return words
