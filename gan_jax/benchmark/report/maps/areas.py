"""Areas under stability maps, and paired differences of them: the seeds are the sample.

Success is an array `[..., seeds, points]` of 0 and 1 without gaps: the same seeds at
every point of every map that a method has. `weights [points]` sums to 1; it gives each
task the same weight, and each point the same weight within its task. Leading axes are
any number of methods, pairs or simulations. The score of a seed is its success averaged
with these weights. For one task it is the area under that seed's map.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from gan_jax.benchmark.report.stats import LEVEL

DECIMALS = 12
"""Decimals of a score: what is beyond them comes from the order of a sum."""
TINY = 1e-9
"""Differences of scores that are no larger than this come from rounding."""
NORMAL_QUANTILE = float(stats.norm.ppf((1 + LEVEL) / 2))
"""z of a two-sided interval."""
FEWEST_SEEDS = 4
"""The fewest seeds whose scores, where all are equal, have an interval. Two or three
seeds are equal by chance too often. Two equal methods with two seeds had equal
differences in 8% and 16% of 20,000 simulations (the maps SMOOTH and STEP of
tests/benchmark/test_map_areas.py), and p < .001 in 8% and none of these."""
LARGEST_Z = 38.0
"""The largest normal quantile that is searched: beyond it p is 0 in floats."""


Widths = tuple[np.ndarray, np.ndarray]
"""How far limits lie below and above an estimate."""


class Estimates(NamedTuple):
    """Estimates with their 95% intervals, each an array; limits are nan without one."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Differences(NamedTuple):
    """Paired differences: estimates, and the two-sided p that each is 0."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def seed_scores(won: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the score `[..., seeds]` of each seed.

    Equal scores are equal in floats too, whatever the order of the sum.
    """
    return np.round(won @ weights, DECIMALS)


def estimate_areas(won: np.ndarray, weights: np.ndarray) -> Estimates:
    """Return the mean score over seeds, with Student's interval over the seeds.

    `mean +- t_{n-1} s / sqrt(n)`, cut to 0..1, where s is the deviation of the n seeds'
    scores: the points of a map share the seed, so points are no sample. Where all
    scores are equal s says nothing, and the limits are those of `rate_widths`, which
    takes the runs as independent. One seed has no interval, and fewer than
    `FEWEST_SEEDS` have none where their scores are equal.

    Coverage of the 95% interval in 4,000 simulations of a 5 x 5 map, whose points share
    a latent normal effect of the seed half as large as the noise of a run: .950, .942
    and .954 with 4, 8 and 16 seeds where success goes smoothly from 0 to 1 over the
    map, and .943, .943 and .949 where 5 points lie at the edge of a step. A percentile
    bootstrap over the seeds covers .842, .907 and .928 of the first 1,000 of these
    maps, and .869, .927 and .911 of those with a step. An effect of the seed 1.5 times
    as large as the noise leaves .935, .947 and .945, and .915, .938 and .945.

    The interval is too narrow for a method that succeeds at nearly all points, or at
    nearly none, and whose few exceptions fall on the same seed: with success alike at
    all points it covers .889, .892 and .908 at an area of .955 with the weaker effect
    of the seed, and .749, .841 and .888 at an area of .854 with the stronger one.
    """
    scores = seed_scores(won, weights)
    value = np.round(scores.mean(axis=-1), DECIMALS)
    if scores.shape[-1] < 2:
        return Estimates(
            value, np.full_like(value, np.nan), np.full_like(value, np.nan)
        )
    half = student_half_width(scores)
    widths = rate_widths(won, weights, np.full(value.shape, NORMAL_QUANTILE))
    below, above = (choose_width(scores, width, half) for width in widths)
    return Estimates(
        value, np.maximum(value - below, 0.0), np.minimum(value + above, 1.0)
    )


def compare_areas(
    one: np.ndarray, other: np.ndarray, weights: np.ndarray
) -> Differences:
    """Return the differences of two methods' scores on the same seeds.

    The interval is Student's over the n seeds' differences, and p is that of the paired
    two-sided t test. Where the differences of all seeds are equal there is no deviation
    to go by. Then both follow from `rate_widths`, combined for the two methods as in
    Newcombe's interval, and p is the level at which this interval touches 0. One seed
    has neither an interval nor a p value, and fewer than `FEWEST_SEEDS` have none where
    their differences are equal.

    Why not sign flips: their p is at least 2 / 2^n, so that 4 seeds reject nothing and
    8 seeds nothing after Holm's correction for seven or more tests. The t test holds
    its size: among two equal methods it finds a difference at the level .05 in at most
    .061 of 4,000 simulations, for 4, 8 and 16 seeds, maps that are smooth, stepped, or
    nearly all success, and effects of the seed from none to 1.5 times the noise of a
    run. It is conservative (.00 to .02) with 4 seeds on maps of nearly all success.
    """
    gaps = seed_scores(one, weights) - seed_scores(other, weights)
    value = np.asarray(gaps.mean(axis=-1))
    value = np.where(np.abs(value) <= TINY, 0.0, value)
    if gaps.shape[-1] < 2:
        none = np.full_like(value, np.nan)
        return Differences(value, none, none, none)
    half = student_half_width(gaps)
    z = np.full(value.shape, NORMAL_QUANTILE)
    widths = difference_widths(one, other, weights, z)
    below, above = (choose_width(gaps, width, half) for width in widths)
    p, equal = student_p(gaps), are_equal(gaps)
    p[equal] = np.nan
    if gaps.shape[-1] >= FEWEST_SEEDS:
        quantile = touching_quantile(one, other, weights, equal)
        p[equal] = 2 * stats.norm.sf(quantile)
    return Differences(
        value, np.maximum(value - below, -1.0), np.minimum(value + above, 1.0), p
    )


def are_equal(values: np.ndarray) -> np.ndarray:
    """Return whether the values of `[..., n]` are equal, so that t has no deviation."""
    return np.asarray(np.ptp(values, axis=-1) <= TINY)


def choose_width(
    values: np.ndarray, rate_width: np.ndarray, student_width: np.ndarray
) -> np.ndarray:
    """Return `student_width`; where the values are equal `rate_width`, if they suffice.

    values: `[..., n]`, one for each seed; both widths: `[...]`. Where fewer than
    `FEWEST_SEEDS` values are equal the result is nan.
    """
    known = rate_width if values.shape[-1] >= FEWEST_SEEDS else np.nan
    return np.where(are_equal(values), known, student_width)


def student_half_width(values: np.ndarray) -> np.ndarray:
    """Return half the width of Student's interval of the mean of `[..., n]`."""
    n = values.shape[-1]
    t = stats.t.ppf((1 + LEVEL) / 2, n - 1)
    return t * values.std(axis=-1, ddof=1) / np.sqrt(n)


def student_p(values: np.ndarray) -> np.ndarray:
    """Return the two-sided p of the t test that the mean of `[..., n]` is 0.

    p is 1 where the values do not differ from each other.
    """
    n = values.shape[-1]
    error = np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(n))
    ratio = np.zeros(error.shape)
    np.divide(np.abs(values.mean(axis=-1)), error, out=ratio, where=error > TINY)
    return np.asarray(2 * stats.t.sf(ratio, n - 1))


def wilson_widths(rates: np.ndarray, runs: int, z: np.ndarray) -> Widths:
    """Return how far Wilson's limits lie below and above rates `[..., points]`.

    z: normal quantiles `[...]`.
    """
    z = np.asarray(z)[..., None]
    centre = (rates + z**2 / (2 * runs)) / (1 + z**2 / runs)
    half = z * np.sqrt(rates * (1 - rates) / runs + (z / (2 * runs)) ** 2)
    half = half / (1 + z**2 / runs)
    return rates - centre + half, centre + half - rates


def rate_widths(won: np.ndarray, weights: np.ndarray, z: np.ndarray) -> Widths:
    """Return how far the limits of the mean rate lie below and above it.

    `sqrt(sum_c w_c^2 (p_c - l_c)^2)` and `sqrt(sum_c w_c^2 (u_c - p_c)^2)`, where l and
    u are Wilson's limits at point c. This is `stats.mean_rate` with weights.
    """
    below, above = wilson_widths(won.mean(axis=-2), won.shape[-2], z)
    return np.sqrt(below**2 @ weights**2), np.sqrt(above**2 @ weights**2)


def difference_widths(
    one: np.ndarray, other: np.ndarray, weights: np.ndarray, z: np.ndarray
) -> Widths:
    """Return how far the limits of a difference of two mean rates lie from it.

    Newcombe's rule: what is below one and above the other adds in squares.
    """
    (b1, a1), (b2, a2) = (rate_widths(won, weights, z) for won in (one, other))
    return np.hypot(b1, a2), np.hypot(a1, b2)


def touching_quantile(
    one: np.ndarray, other: np.ndarray, weights: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """Return the normal quantile at which the interval of a difference touches 0.

    where: a mask of the pairs that are wanted. Found by bisection: the widths grow with
    the quantile.
    """
    first, second = np.broadcast_arrays(one, other)
    first, second = first[where], second[where]
    value = ((first - second) @ weights).mean(axis=-1)
    low, high = np.zeros(len(value)), np.full(len(value), LARGEST_Z)
    for _ in range(50):
        middle = (low + high) / 2
        below, above = difference_widths(first, second, weights, middle)
        inside = np.abs(value) <= np.where(value > 0, below, above) + TINY
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return np.where(np.abs(value) <= TINY, 0.0, high)
