"""Aggregate scores of many runs and tasks, with intervals as rliable computes them.

Scores are `[runs, tasks]`, or `[..., runs, tasks]`. A score of 0 is a noise generator
or a run that diverged; 1 is the floor, real data against real data. Runs are resampled
within each task (stratified), and intervals are percentile intervals of 95%. Agarwal et
al. 2021, arXiv 2108.13264.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from gan_jax.benchmark.report.stats import Interval

RESAMPLES, PROFILE_RESAMPLES = 50_000, 2_000
Estimator = Callable[[np.ndarray], np.ndarray]
"""A function from scores `[..., runs, tasks]` to numbers `[...]`."""

NUMBERS_AT_ONCE = 5_000_000
"""The most scores that one part of the resamples holds, which bounds the memory."""


def iqm(scores: np.ndarray) -> np.ndarray:
    """Return the interquartile mean: the 25% trimmed mean of all runs of all tasks."""
    flat = scores.reshape(*scores.shape[:-2], -1)
    return stats.trim_mean(flat, 0.25, axis=-1)


def mean(scores: np.ndarray) -> np.ndarray:
    """Return the mean over all runs of all tasks."""
    return scores.mean(axis=(-2, -1))


def optimality_gap(scores: np.ndarray) -> np.ndarray:
    """Return how far scores are below the floor: `E max(0, 1 - score)`."""
    return 1 - np.minimum(scores, 1).mean(axis=(-2, -1))


def probability_of_improvement(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return the probability that our run beats one of theirs, averaged over tasks.

    It is the Mann-Whitney statistic over its largest value, U / nm; ties count one
    half.
    """
    x, y = ours[..., :, None, :], theirs[..., None, :, :]
    wins = np.sign(x - y).mean(axis=(-3, -2))
    return (0.5 + wins / 2).mean(axis=-1)


def performance_profile(scores: np.ndarray, taus: np.ndarray) -> np.ndarray:
    """Return the share of runs with a score above each tau: `[..., taus]`."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    above = flat[..., None, :] > taus[:, None]
    return above.mean(axis=-1)


def resample_runs(
    scores: np.ndarray, reps: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield parts `[some, runs, tasks]` of `reps` resamples, drawn within each task."""
    runs, tasks = scores.shape
    each = max(1, NUMBERS_AT_ONCE // scores.size)
    for start in range(0, reps, each):
        size = (min(each, reps - start), runs, tasks)
        drawn = rng.integers(runs, size=size)
        yield np.take_along_axis(scores[None], drawn, axis=1)


def require_scores(scores: np.ndarray) -> None:
    """Raise a ValueError unless the scores are finite numbers `[runs, tasks]`."""
    if scores.ndim != 2 or not scores.size or not np.isfinite(scores).all():
        raise ValueError(
            f"scores of shape {scores.shape}; finite numbers [runs, tasks] are needed: "
            "a run that diverged scores 0 and is never left out"
        )


def interval_limits(values: np.ndarray) -> np.ndarray:
    """Return the limits `[2, ...]` of the 95% percentile interval over axis 0."""
    return np.quantile(values, [0.025, 0.975], axis=0)


def bootstrap_interval(
    scores: np.ndarray, estimator: Estimator, reps: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return an estimate from scores `[runs, tasks]` with its stratified bootstrap."""
    require_scores(scores)
    rng = np.random.default_rng(seed)
    values = [estimator(part) for part in resample_runs(scores, reps, rng)]
    low, high = interval_limits(np.concatenate(values))
    return Interval(float(estimator(scores)), float(low), float(high))


def bootstrap_improvement(
    ours: np.ndarray, theirs: np.ndarray, reps: int = PROFILE_RESAMPLES, seed: int = 0
) -> Interval:
    """Return the probability of improvement; both sides are resampled independently."""
    require_scores(ours)
    require_scores(theirs)
    rng = np.random.default_rng(seed)
    values = []
    for one in resample_runs(ours, reps, rng):
        other = np.concatenate(list(resample_runs(theirs, len(one), rng)))
        values.append(probability_of_improvement(one, other))
    low, high = interval_limits(np.concatenate(values))
    return Interval(
        float(probability_of_improvement(ours, theirs)), float(low), float(high)
    )


def bootstrap_profile(
    scores: np.ndarray, taus: np.ndarray, reps: int = PROFILE_RESAMPLES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the performance profile at each tau with its pointwise limits."""
    require_scores(scores)
    rng = np.random.default_rng(seed)
    values = [
        performance_profile(part, taus) for part in resample_runs(scores, reps, rng)
    ]
    low, high = interval_limits(np.concatenate(values))
    return performance_profile(scores, taus), low, high


def bootstrap_ranks(
    scores: dict[str, np.ndarray], reps: int = PROFILE_RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return each method's mean rank over tasks, by the IQM of its runs; 1 is the best.

    Ties share the mean of their ranks. For the intervals, the runs of all methods are
    resampled. Methods with unequal numbers of runs each draw as many runs as they have.
    """
    rng = np.random.default_rng(seed)
    for matrix in scores.values():
        require_scores(matrix)
    middles = [resample_task_iqms(matrix, reps, rng) for matrix in scores.values()]
    drawn = mean_ranks(np.stack(middles))
    low, high = interval_limits(drawn.T)
    own = np.stack([task_iqms(matrix) for matrix in scores.values()])
    values = mean_ranks(own[:, None])[:, 0]
    triples = zip(values, low, high, strict=True)
    found = (Interval(*map(float, three)) for three in triples)
    return dict(zip(scores, found, strict=True))


def task_iqms(scores: np.ndarray) -> np.ndarray:
    """Return the IQM of each task's runs: `[..., tasks]`."""
    return stats.trim_mean(scores, 0.25, axis=-2)


def resample_task_iqms(
    scores: np.ndarray, reps: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the IQM of each task in every resample: `[reps, tasks]`."""
    return np.concatenate([task_iqms(p) for p in resample_runs(scores, reps, rng)])


def mean_ranks(middles: np.ndarray) -> np.ndarray:
    """Return each method's mean rank over tasks in every resample `[methods, reps]`.

    middles: `[methods, reps, tasks]`, where higher is better; 1 is the best rank.
    """
    return stats.rankdata(-middles, axis=0).mean(axis=-1)


def bootstrap_iqm(values: np.ndarray) -> Interval:
    """Return the IQM of one task's numbers `[runs]` with its bootstrap interval.

    Numbers may be infinite: these are the runs that diverged, and are the worst there
    are. If they reach into the middle half, the estimate is infinite too.
    """
    ordered = np.sort(values)
    with np.errstate(invalid="ignore"):
        rng = np.random.default_rng(0)
        size = (PROFILE_RESAMPLES, len(ordered))
        drawn = np.sort(rng.choice(ordered, size=size), axis=-1)
        estimates = trimmed_mean_of_sorted(drawn)
        value = float(trimmed_mean_of_sorted(ordered[None])[0])
    low = float(np.quantile(estimates, 0.025, method="inverted_cdf"))
    high = float(np.quantile(estimates, 0.975, method="inverted_cdf"))
    return Interval(value, low, high)


def trimmed_mean_of_sorted(ordered: np.ndarray) -> np.ndarray:
    """Return the 25% trimmed mean of rows that are sorted already."""
    cut = int(0.25 * ordered.shape[-1])
    return ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
