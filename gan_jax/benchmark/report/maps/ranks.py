"""Ranks of methods by score: corrected tests, sets of ranks, and stability.

The rank of method j is 1 plus the number of methods whose true score is higher, so that
equal methods share a rank.
"""

import math
from itertools import combinations

import numpy as np
from scipy import stats

from gan_jax.benchmark.report.maps.areas import compare_areas
from gan_jax.benchmark.report.stats import LEVEL

MAX_SPLITS = 1000
"""Splits of the seeds that are ranked; where there are more, this many are drawn."""
STABLE_CORRELATION = 0.8
"""The mean rank correlation of two halves below which a ranking is undecided.

Among equal methods chance reaches it in .22 and .17 of 500 simulations with 2 methods
and 4 and 8 seeds, in .05 and .02 with 3, and in at most .01 with 4 or more."""


def correct_p_values(p: np.ndarray) -> np.ndarray:
    """Return Holm's adjusted p values along the last axis.

    Of p values in ascending order the i-th of m becomes the largest of
    `(m - k + 1) p_k` over k <= i, at most 1. Rejecting those that are at most alpha
    keeps the probability of any false rejection at alpha, whatever the tests share.
    nan stays nan and counts as no test. Holm 1979, Scandinavian Journal of Statistics
    6:65.
    """
    order = np.argsort(p, axis=-1)  # nan comes last
    ascending = np.take_along_axis(p, order, axis=-1)
    tests = np.isfinite(p).sum(axis=-1, keepdims=True)
    factors = tests - np.arange(p.shape[-1])
    adjusted = np.maximum.accumulate(factors * ascending, axis=-1)
    found = np.empty_like(adjusted)
    np.put_along_axis(found, order, np.minimum(adjusted, 1.0), axis=-1)
    return found


def find_better(won: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return which methods are shown to differ, `[..., methods, methods]` of -1, 0, 1.

    Entry (j, k) is 1 if method k is better than j, -1 if it is worse, and 0 if neither
    is shown. won: `[..., methods, seeds, points]`. For each j these are 2 (K - 1)
    one-sided paired t tests, "k is better" and "k is worse" for each other method k,
    corrected by Holm together: with 95% none of the claims in a row is false. The
    claims of different rows are not corrected for each other.
    """
    methods = won.shape[-3]
    pairs = compare_areas(won[..., None, :, :, :], won[..., :, None, :, :], weights)
    p = pairs.p / 2  # Entry (j, k) is k's score minus j's.
    better, worse = (np.where(s * pairs.value > 0, p, 1 - p) for s in (1, -1))
    own = np.eye(methods, dtype=bool)
    both = [np.where(own, np.nan, one) for one in (better, worse)]
    adjusted = correct_p_values(np.concatenate(both, axis=-1))
    shown = adjusted <= 1 - LEVEL
    return shown[..., :methods].astype(int) - shown[..., methods:].astype(int)


def limit_ranks(better: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest rank that each method may have.

    better: as `find_better` returns it. Of K methods, those shown to be better (B) and
    worse (W) leave the ranks `1 + B` to `K - W`. The set holds a method's true rank
    with 95%, for each method by itself. Mogstad, Romano, Shaikh and Wilhelm 2024,
    "Inference for ranks", Review of Economic Studies 91:476.
    """
    methods = better.shape[-1]
    return 1 + (better > 0).sum(axis=-1), methods - (better < 0).sum(axis=-1)


def rank_scores(scores: np.ndarray) -> np.ndarray:
    """Return ranks along the last axis, 1 for the highest; equal scores share one."""
    return stats.rankdata(-np.round(scores, 9), method="min", axis=-1)


def split_seeds(seeds: int) -> np.ndarray:
    """Return ways to split seeds in two halves, `[splits, seeds]`, True in the first.

    These are all ways, or `MAX_SPLITS` drawn ones. Of an odd number the second half has
    one seed more.
    """
    half = seeds // 2
    if math.comb(seeds, half) <= MAX_SPLITS:
        chosen = np.array(list(combinations(range(seeds), half)))
    else:
        rng = np.random.default_rng(0)
        order = rng.permuted(np.tile(np.arange(seeds), (MAX_SPLITS, 1)), axis=1)
        chosen = order[:, :half]
    first = np.zeros((len(chosen), seeds), bool)
    np.put_along_axis(first, chosen, True, axis=1)
    return first


def split_half_correlation(scores: np.ndarray) -> float:
    """Return how well two halves of the seeds agree on the order of the methods.

    scores: `[methods, seeds]`. Each half of the seeds ranks the methods; the result is
    Spearman's rho of the two rankings (with mid-ranks for ties), averaged over splits.
    A half in which all methods tie counts as a rho of 0: it says nothing of the order.
    nan with fewer than two methods or two seeds.
    """
    methods, seeds = scores.shape
    if methods < 2 or seeds < 2:
        return math.nan
    first = split_seeds(seeds)
    ranks = [
        stats.rankdata(
            np.round(mask @ scores.T / mask.sum(1, keepdims=True), 9), axis=1
        )
        for mask in (first.astype(float), (~first).astype(float))
    ]
    one, other = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    shared = (one * other).sum(axis=1)
    return float(
        np.divide(shared, size, out=np.zeros(len(size)), where=size > 0).mean()
    )
