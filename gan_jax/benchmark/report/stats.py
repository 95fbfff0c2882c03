"""Statistics of success over seeds: rates, differences of rates, time to success.

Seeds are the sample. Intervals are two-sided, of 95% unless `level` says otherwise.
Counts are of runs that succeeded, k of n.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
"""The confidence level of intervals."""
FLIPS = 2**16
"""Sign flips of a test; up to 16 differences have no more than these."""


class Interval(NamedTuple):
    """An estimate and its interval; nan where there is none."""

    value: float
    low: float
    high: float


def require_counts(successes: int, runs: int) -> None:
    """Raise a ValueError for no runs, or for counts that cannot be."""
    if not 0 <= successes <= runs or runs == 0:
        raise ValueError(
            f"{successes} successes of {runs} runs; at least one run is needed, and "
            "0 <= successes <= runs"
        )


def wilson(successes: int, runs: int, level: float = LEVEL) -> Interval:
    """Return the rate p = k / n with Wilson's score interval, never empty at 0 or n.

    `(p + z^2/2n +- z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n)`, where z is the normal
    quantile of (1 + level) / 2. Raises ValueError for no runs, or counts that cannot
    be. Wilson 1927, JASA 22:209; Brown et al. 2001, doi 10.1214/ss/1009213286.
    """
    require_counts(successes, runs)
    found = stats.binomtest(successes, runs).proportion_ci(level, method="wilson")
    return Interval(successes / runs, float(found.low), float(found.high))


def newcombe(one: tuple[int, int], other: tuple[int, int]) -> Interval:
    """Return the difference p1 - p2 of two independent rates, each given as (k, n).

    `d - sqrt((p1 - l1)^2 + (u2 - p2)^2)` to `d + sqrt((u1 - p1)^2 + (p2 - l2)^2)`,
    where l and u are the Wilson limits. Newcombe 1998, Statistics in Medicine 17:873,
    method 10.
    """
    p1, l1, u1 = wilson(*one)
    p2, l2, u2 = wilson(*other)
    below, above = math.hypot(p1 - l1, u2 - p2), math.hypot(u1 - p1, p2 - l2)
    return Interval(p1 - p2, p1 - p2 - below, p1 - p2 + above)


def fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the two-sided p of Fisher's exact test that two rates (k, n) are equal."""
    for pair in (one, other):
        require_counts(*pair)
    table = [[k, n - k] for k, n in (one, other)]
    return float(stats.fisher_exact(table)[1])  # pyright: ignore


def mcnemar(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Return the two-sided exact p that two methods succeed equally on the same seeds.

    Of the b + c seeds on which they differ, b go to the first: Binomial(b + c, 1/2). p
    is 1 where they never differ. Raises ValueError unless each seed is in both. McNemar
    1947, Psychometrika 12:153, in its exact form.
    """
    first, second = np.asarray(one, bool), np.asarray(other, bool)
    if first.shape != second.shape:
        raise ValueError(
            f"paired outcomes have shapes {first.shape} and {second.shape}; give both "
            "for the same seeds"
        )
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    return float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0


def sign_flip_test(differences: np.ndarray) -> float:
    """Return the two-sided p that paired differences `[n]` are symmetric about 0.

    n is 2 or more. p is twice the share of the 2^n choices of signs in which the mean
    is as extreme on the observed side, at most 1. So it is never below 2 / 2^k if k
    differences are not 0. Above n = 16, `FLIPS` choices are drawn. Unlike Student's
    test it holds for few seeds that mostly tie, as at a metric's ceiling. Fisher 1935,
    The Design of Experiments, section 21.
    """
    found = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def bootstrap_mean(differences: np.ndarray, reps: int = 2000) -> Interval:
    """Return the mean of paired differences `[seeds]` with a bootstrap over seeds.

    The percentile interval stays within what was observed, as a ceiling asks for. But
    it is narrow for few seeds, and may leave out a 0 that `sign_flip_test` does not
    reject.
    """
    low, high = bootstrap_seeds(
        lambda rows: float(differences[rows].mean()), len(differences), reps
    )
    return Interval(float(differences.mean()), low, high)


def mean_rate(counts: Sequence[tuple[int, int]]) -> Interval:
    """Return the mean of m independent rates, each (k, n) and equally weighted.

    `p - sqrt(sum_c (p_c - l_c)^2) / m` to `p + sqrt(sum_c (u_c - p_c)^2) / m`, where l
    and u are the Wilson limits (MOVER, of which Newcombe's is the case of two). Unlike
    a bootstrap it has a width where every rate is 0 or 1. Zou and Donner 2008,
    Statistics in Medicine 27:1693.
    """
    if not counts:
        raise ValueError("no rates to average; give at least one (successes, runs)")
    value, low, high = np.array([wilson(*pair) for pair in counts]).T
    m = len(counts)
    below, above = np.linalg.norm(value - low) / m, np.linalg.norm(high - value) / m
    mean = float(value.mean())
    return Interval(mean, max(mean - float(below), 0.0), min(mean + float(above), 1.0))


def mean_over_points(successes: np.ndarray) -> float:
    """Return the mean over seeds, averaged over the points that have runs."""
    known = np.isfinite(successes)
    runs = known.sum(axis=0)
    rates = np.where(known, successes, 0).sum(axis=0)[runs > 0] / runs[runs > 0]
    return float(rates.mean()) if len(rates) else math.nan


def difference_of_mean_rates(
    one: np.ndarray, other: np.ndarray, reps: int = 2000
) -> Interval:
    """Return the difference of two mean rates over own cells, on the same seeds.

    one, other: `[seeds, cells]` of 0 and 1; nan stands for no run. The interval is the
    hull of two. Newcombe's of the two `mean_rate`s takes cells as independent. A
    percentile bootstrap over seeds takes account of the seeds that all cells share.
    """
    (p1, l1, u1), (p2, l2, u2) = (mean_rate(count_columns(x)) for x in (one, other))
    below, above = math.hypot(p1 - l1, u2 - p2), math.hypot(u1 - p1, p2 - l2)
    low, high = bootstrap_seeds(
        lambda rows: mean_over_points(one[rows]) - mean_over_points(other[rows]),
        len(one),
        reps,
    )
    value = p1 - p2
    return Interval(value, min(value - below, low), max(value + above, high))


def count_columns(successes: np.ndarray) -> list[tuple[int, int]]:
    """Return (successes, runs) of each column of `[seeds, cells]`; nan is no run."""
    known = np.isfinite(successes)
    columns = [column[mask] for column, mask in zip(successes.T, known.T, strict=True)]
    return [(int(column.sum()), len(column)) for column in columns if len(column)]


def bootstrap_seeds(
    estimate: Callable[[np.ndarray], float], seeds: int, reps: int
) -> tuple[float, float]:
    """Return the limits of a percentile bootstrap; estimate: a function of seeds."""
    drawn = np.random.default_rng(0).integers(seeds, size=(reps, seeds))
    found = np.array([estimate(rows) for rows in drawn])
    found = found[np.isfinite(found)]
    if not len(found):
        return math.inf, -math.inf
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


class Survival(NamedTuple):
    """The Kaplan-Meier curve: the share of runs without success after each step.

    steps: where the curve falls. waiting, low, high: the share and its interval.
    median: the first step at which at most half of the runs wait; inf if that is not
    within the budget.
    """

    steps: np.ndarray
    waiting: np.ndarray
    low: np.ndarray
    high: np.ndarray
    median: float


def time_to_success(steps: Sequence[float | None], budget: float) -> Survival:
    """Return how long success takes, where some runs never had it.

    steps: the step of each run's success, or None if it is not within the budget. Such
    a run counts as still waiting there, whatever ended it: a diverged run would not
    have succeeded. `S(t) = prod_{t_i <= t} (1 - d_i / n_i)`, with an interval by
    log(-log). Kaplan and Meier 1958, JASA 53:457. Raises ValueError for no runs or a
    step above the budget.
    """
    reached = [float(step) for step in steps if step is not None]
    if not steps or any(step > budget for step in reached):
        raise ValueError(
            f"steps of success {reached} of {len(steps)} runs; give at least one run, "
            f"and steps of at most the budget {budget}"
        )
    if not reached:
        none = np.array([])
        return Survival(none, none, none, none, math.inf)
    censored = [float(budget)] * (len(steps) - len(reached))
    curve = stats.ecdf(stats.CensoredData(reached, right=censored)).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no limits where S is 0 or 1
        limits = curve.confidence_interval(LEVEL, method="log-log")
    kept = np.isin(curve.quantiles, reached)
    at, waiting = curve.quantiles[kept], curve.probabilities[kept]
    low, high = (limits.low.probabilities[kept], limits.high.probabilities[kept])
    below = at[waiting <= 0.5 + 1e-9]  # .9 x 7/9 x 5/7 is above .5 in floats
    median = float(below[0]) if len(below) else math.inf
    return Survival(at, waiting, np.nan_to_num(low), np.nan_to_num(high, nan=1), median)


def extended_median(values: list[float]) -> float:
    """Return the median of the known values; of infinite ones the upper of the two."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return math.nan
    finite = np.isfinite(known).all()
    return float(np.quantile(known, 0.5, method="linear" if finite else "higher"))


class PairedComparison(NamedTuple):
    """The result of paired differences.

    figure: the mean difference. verdict: by p, which is of sign flips.
    """

    verdict: str
    figure: Interval
    p: float


def compare_pairs(gaps: np.ndarray) -> PairedComparison | None:
    """Return what paired differences show.

    None stands for fewer than two differences, or one that is not finite.
    """
    if len(gaps) < 2 or not np.isfinite(gaps).all():
        return None
    p = sign_flip_test(gaps)
    verdict = "it differs" if p < 1 - LEVEL else "no difference shown"
    return PairedComparison(verdict, bootstrap_mean(gaps), p)
