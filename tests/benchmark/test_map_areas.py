"""Areas, differences and ranks recover what is planted in simulated maps.

Success at a point is `mu + tau u + e > 0`, where u is a normal effect of the seed that
all points share, and e is normal for each run. Its probability is
`Phi(mu / sqrt(tau^2 + 1))`.
"""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.maps.areas import compare_areas, estimate_areas
from gan_jax.benchmark.report.maps.ranks import (
    MAX_SPLITS,
    correct_p_values,
    find_better,
    limit_ranks,
    rank_scores,
    split_half_correlation,
    split_seeds,
)

SIMULATIONS, TAU = 1000, 0.5
DIAGONAL = np.add.outer(np.arange(5), np.arange(5)).ravel() - 4.0
SMOOTH = 0.7 * DIAGONAL
"""A map whose success goes smoothly from 0 to 1 over the sum of both log rates."""
STEP = np.where(np.abs(DIAGONAL) < 1, 0.2, 4 * DIAGONAL)
"""A map of a step: success is uncertain at five points only."""
EQUAL = np.full(25, 1 / 25)


def true_area(levels):
    return scipy_stats.norm.cdf(levels / math.hypot(TAU, 1)).mean()


def simulate(levels, seeds, seed, count=SIMULATIONS):
    """Success `[simulations, seeds, points]`, with an effect of the seed of its own."""
    rng = np.random.default_rng(seed)
    shared = TAU * rng.standard_normal((count, seeds, 1))
    own = rng.standard_normal((count, seeds, levels.size))
    return (levels + shared + own > 0).astype(float)


def simulate_methods(levels, seeds, seed, count=SIMULATIONS):
    """Success `[simulations, methods, seeds, points]`; half of an effect is shared."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((count, 1, seeds, 1))
    alone = rng.standard_normal((count, len(levels), seeds, 1))
    own = rng.standard_normal((count, len(levels), seeds, levels.shape[-1]))
    shared = TAU * (common + alone) / math.sqrt(2)
    return (levels[None, :, None, :] + shared + own > 0).astype(float)


def coverage(found, truth):
    return np.mean((found.low <= truth) & (truth <= found.high))


@pytest.mark.parametrize("seeds", [4, 8, 16])
@pytest.mark.parametrize(
    "levels", [SMOOTH, SMOOTH + 1, STEP], ids="smooth high step".split()
)
def test_intervals_of_areas_cover_what_is_planted(levels, seeds):
    found = estimate_areas(simulate(levels, seeds, seeds), EQUAL)
    assert 0.92 <= coverage(found, true_area(levels)) <= 0.98


@pytest.mark.parametrize("seeds", [4, 8, 16])
@pytest.mark.parametrize("levels", [SMOOTH, STEP], ids=["smooth", "step"])
def test_intervals_of_differences_cover_what_is_planted(levels, seeds):
    pair = simulate_methods(np.array([levels + 1, levels]), seeds, seeds)
    found = compare_areas(pair[:, 0], pair[:, 1], EQUAL)
    truth = true_area(levels + 1) - true_area(levels)
    assert 0.92 <= coverage(found, truth) <= 0.98


@pytest.mark.parametrize("seeds", [4, 8, 16])
def test_equal_methods_seem_to_differ_in_one_of_twenty(seeds):
    pair = simulate_methods(np.array([SMOOTH, SMOOTH]), seeds, 1)
    p = compare_areas(pair[:, 0], pair[:, 1], EQUAL).p
    assert 0.03 <= np.mean(p <= 0.05) <= 0.07  # 3 deviations of 1,000 draws of .05


def test_a_percentile_bootstrap_of_four_seeds_covers_too_little():
    """Why the interval is Student's."""
    scores = simulate(SMOOTH, 4, 2).mean(axis=-1)
    drawn = np.random.default_rng(0).integers(4, size=(1000, 4))
    low, high = np.quantile(scores[:, drawn].mean(axis=-1), [0.025, 0.975], axis=1)
    truth = true_area(SMOOTH)
    assert np.mean((low <= truth) & (truth <= high)) < 0.9


def test_an_area_is_the_t_interval_over_the_areas_of_the_seeds():
    won = simulate(SMOOTH, 6, 3, 1)[0]
    t = scipy_stats.ttest_1samp(won.mean(axis=1), 0).confidence_interval()
    found = estimate_areas(won, EQUAL)
    assert np.allclose(found, [won.mean(), t.low, t.high])


def test_a_difference_is_the_paired_t_test():
    one, other = simulate(SMOOTH, 6, 4, 2)
    known = scipy_stats.ttest_rel(one.mean(axis=1), other.mean(axis=1))
    found, limits = compare_areas(one, other, EQUAL), known.confidence_interval()
    assert np.allclose(found.p, known.pvalue)
    assert np.allclose([found.low, found.high], limits)


def test_equal_seeds_leave_the_width_of_independent_runs():
    won = np.tile([1.0, 0.0, 1.0, 1.0], (5, 1))
    found = estimate_areas(won, np.full(4, 1 / 4))
    known = stats.mean_rate([(5, 5), (0, 5), (5, 5), (5, 5)])
    assert np.allclose(found, known)
    never = estimate_areas(np.zeros((5, 9)), np.full(9, 1 / 9))
    assert np.allclose(never, (0, 0, stats.wilson(0, 5).high / 3))


def test_equal_differences_of_one_point_are_newcombes_with_its_own_p():
    one, other = np.ones((6, 1)), np.zeros((6, 1))
    found, known = compare_areas(one, other, np.ones(1)), stats.newcombe((6, 6), (0, 6))
    assert np.allclose(found[:3], known)
    # Its low limit is 1 - sqrt(2) (1 - l), with Wilson's l = n / (n + z^2).
    z = math.sqrt(6 * (1 / (1 - 1 / math.sqrt(2)) - 1))
    assert found.p == pytest.approx(2 * scipy_stats.norm.sf(z), rel=1e-6)
    back = compare_areas(other, one, np.ones(1))
    assert np.allclose([back.value, back.p], [-1, found.p])


def test_the_same_runs_differ_by_nothing():
    won = simulate(SMOOTH, 4, 5, 1)[0]
    found = compare_areas(won, won, EQUAL)
    assert found.value == 0 and found.p == 1 and found.low < 0 < found.high


def test_one_seed_has_no_interval_and_no_p_value():
    won = simulate(SMOOTH, 1, 6, 2)
    area, gap = estimate_areas(won, EQUAL), compare_areas(won[0], won[1], EQUAL)
    assert np.isfinite(area.value).all() and np.isfinite(gap.value)
    assert np.isnan([*area.low, *area.high, gap.low, gap.high, gap.p]).all()


def test_a_task_weighs_the_same_whatever_its_number_of_points():
    won = np.array(
        [[1.0, 0, 0, 0, 1], [1, 0, 0, 1, 0]]
    )  # 4 points of one, 1 of another
    weights = np.array([1 / 8] * 4 + [1 / 2])
    assert estimate_areas(won, weights).value == pytest.approx((5 / 8 + 1 / 4) / 2)


def test_holms_correction_of_a_worked_example():
    # Of .01, .02, .03, .04: 4 x .01; 3 x .02; max(.06, 2 x .03); max(.06, .04).
    found = correct_p_values(np.array([0.03, 0.01, np.nan, 0.04, 0.02]))
    assert np.allclose(found, [0.06, 0.04, np.nan, 0.06, 0.06], equal_nan=True)
    # Wright 1992, Biometrics 48:1005: p .005, .011, .02, .04, .13.
    p = np.array([0.005, 0.011, 0.02, 0.04, 0.13])
    assert np.allclose(correct_p_values(p), [0.025, 0.044, 0.06, 0.08, 0.13])
    assert np.allclose(correct_p_values(np.array([0.6, 0.7])), 1)


LEVELS = np.array([SMOOTH + shift for shift in (2.0, 1.0, 1.0, 0.0, -1.0)])
TRUE_RANKS = [1, 2, 2, 4, 5]


@pytest.mark.parametrize("seeds", [4, 8, 16])
def test_sets_of_ranks_hold_the_true_ranks(seeds):
    low, high = limit_ranks(find_better(simulate_methods(LEVELS, seeds, 7), EQUAL))
    held = ((low <= TRUE_RANKS) & (TRUE_RANKS <= high)).mean(axis=0)
    assert held.min() >= 0.93


def test_equal_methods_may_have_any_rank():
    equal = np.array([SMOOTH] * 5)
    low, high = limit_ranks(find_better(simulate_methods(equal, 8, 8), EQUAL))
    whole = ((low == 1) & (high == 5)).mean(axis=0)
    assert whole.min() >= 0.93


def test_many_seeds_recover_the_planted_order():
    won = simulate_methods(LEVELS[[0, 1, 3, 4]], 40, 9, 200)
    low, high = limit_ranks(find_better(won, EQUAL))
    assert ((low == high) & (low == [1, 2, 3, 4])).mean() >= 0.95
    assert split_half_correlation(won[0].mean(axis=-1)) > 0.95


def test_methods_that_always_and_never_succeed_are_told_apart_by_four_seeds():
    won = np.stack([np.ones((4, 25)), np.zeros((4, 25)), np.zeros((4, 25))])
    assert find_better(won, EQUAL).tolist() == [[0, -1, -1], [1, 0, 0], [1, 0, 0]]


def test_equal_scores_share_a_rank():
    assert rank_scores(np.array([0.2, 0.1 + 0.2, 0.3, 0.1])).tolist() == [3, 1, 1, 4]


def test_halves_are_all_splits_or_many():
    assert len(split_seeds(4)) == 6 and (split_seeds(4).sum(axis=1) == 2).all()
    assert len(split_seeds(5)) == 10 and (split_seeds(5).sum(axis=1) == 2).all()
    assert split_seeds(20).shape == (MAX_SPLITS, 20)
    assert (split_seeds(20).sum(axis=1) == 10).all()


def test_the_correlation_of_halves_is_the_mean_of_spearmans():
    scores = np.random.default_rng(0).random((5, 4))
    known = []
    for chosen in combinations(range(4), 2):
        rest = [k for k in range(4) if k not in chosen]
        pair = scores[:, chosen].mean(axis=1), scores[:, rest].mean(axis=1)
        known.append(scipy_stats.spearmanr(*pair).statistic)
    assert split_half_correlation(scores) == pytest.approx(np.mean(known))


def test_a_half_in_which_all_tie_says_nothing_of_the_order():
    assert split_half_correlation(np.array([[1.0, 1.0], [1.0, 0.0]])) == 0
    assert math.isnan(split_half_correlation(np.ones((1, 4))))
    assert math.isnan(split_half_correlation(np.ones((3, 1))))
    equal = simulate_methods(np.array([SMOOTH] * 6), 8, 10, 1)[0].mean(axis=-1)
    assert split_half_correlation(equal) < 0.8


@pytest.mark.parametrize(("seeds", "known"), [(2, False), (3, False), (4, True)])
def test_equal_scores_of_few_seeds_have_no_interval_and_no_p(seeds, known):
    """They are equal by chance, so that the runs' own spread would claim too much."""
    one = np.repeat([[1.0, 1.0, 1.0, 0.0]], seeds, axis=0)
    other = np.repeat([[1.0, 0.0, 0.0, 0.0]], seeds, axis=0)
    weights = np.full(4, 0.25)
    area, gap = estimate_areas(one, weights), compare_areas(one, other, weights)
    assert (area.value, gap.value) == (0.75, 0.5)
    limits = (area.low, area.high, gap.low, gap.high, gap.p)
    assert all(np.isfinite(one) == known for one in limits)
