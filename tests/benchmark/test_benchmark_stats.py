"""Rates, aggregates and survival against closed forms, scipy and rliable."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from gan_jax.benchmark.report import aggregate, stats

FEW = settings(max_examples=40, deadline=None)
COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SCORES = np.random.default_rng(0).beta(2, 1, size=(10, 3))
OTHERS = np.random.default_rng(1).beta(1, 1, size=(8, 3))


def wilson_by_hand(k, n):
    z, p = scipy_stats.norm.ppf(0.975), k / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


@FEW
@given(COUNTS)
def test_wilson_is_its_closed_form_and_holds_the_rate(pair):
    value, low, high = stats.wilson(*pair)
    assert value == pair[0] / pair[1]
    assert np.allclose([low, high], np.clip(wilson_by_hand(*pair), 0, 1), atol=1e-12)
    assert low <= value <= high


def test_wilson_lower_bounds_of_full_success_are_the_known_ones():
    known = {5: 0.566, 10: 0.722, 16: 0.806, 32: 0.893, 64: 0.943, 200: 0.981}
    for n, low in known.items():
        assert stats.wilson(n, n).low == pytest.approx(low, abs=5e-4)


def test_newcombe_gives_the_published_worked_example():
    # Newcombe 1998, Table II, (a) 56/70 - 48/80, method 10.
    found = stats.newcombe((56, 70), (48, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@FEW
@given(COUNTS, COUNTS)
def test_newcombe_mirrors_when_the_rates_are_swapped(one, other):
    there, back = stats.newcombe(one, other), stats.newcombe(other, one)
    assert there == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)
    assert -1 - 1e-12 <= there.low <= there.value <= there.high <= 1 + 1e-12


def fisher_by_hand(one, other):
    (k, n), (j, m) = one, other
    total = k + j
    ways = {
        i: math.comb(n, i) * math.comb(m, total - i)
        for i in range(max(0, total - m), min(n, total) + 1)
    }
    rarer = sum(w for w in ways.values() if w <= ways[k] * (1 + 1e-9))
    return rarer / sum(ways.values())


@FEW
@given(COUNTS, COUNTS)
def test_fisher_sums_the_tables_no_likelier_than_ours(one, other):
    assert stats.fisher(one, other) == pytest.approx(fisher_by_hand(one, other))


def test_eight_of_eight_against_six_is_not_significant():
    assert stats.fisher((8, 8), (6, 8)) == pytest.approx(7 / 15)


@FEW
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_mcnemar_is_a_sign_test_on_seeds_that_differ(pairs):
    b = sum(x and not y for x, y in pairs)
    c = sum(y and not x for x, y in pairs)
    tail = sum(math.comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c)
    found = stats.mcnemar(*zip(*pairs, strict=True))
    assert found == pytest.approx(min(1.0, 2 * tail))


def test_counts_that_cannot_be_are_refused():
    for pair in ((3, 2), (0, 0), (-1, 5)):
        with pytest.raises(ValueError, match="successes of"):
            stats.wilson(*pair)
    with pytest.raises(ValueError, match="same seeds"):
        stats.mcnemar([True], [True, False])


def test_mean_of_two_rates_is_half_newcombe_of_one_and_the_others_failures():
    # (p + q) / 2 = (p - (1 - q)) / 2 + 1/2, and Wilson is symmetric in failures.
    found = stats.mean_rate([(3, 10), (8, 12)])
    half = stats.newcombe((3, 10), (4, 12))
    assert found == pytest.approx(
        [v / 2 + 0.5 for v in half[:1]] + [half.low / 2 + 0.5, half.high / 2 + 0.5]
    )


def test_difference_of_means_over_one_cell_is_no_narrower_than_newcombes():
    one, other = (np.array([[1.0]] * k + [[0.0]] * (10 - k)) for k in (8, 3))
    found, known = (
        stats.difference_of_mean_rates(one, other),
        stats.newcombe((8, 10), (3, 10)),
    )
    assert found.value == pytest.approx(known.value)
    assert found.low <= known.low and known.high <= found.high


def test_difference_of_means_counts_seeds_that_decide_everywhere_once():
    cells = [np.repeat([[1.0]] * k + [[0.0]] * (5 - k), 20, axis=1) for k in (4, 2)]
    found = stats.difference_of_mean_rates(*cells)
    # Of 5 seeds two differ: the share drawn of those is Binomial(5, 2/5) / 5.
    low, high = scipy_stats.binom.ppf([0.025, 0.975], 5, 0.4) / 5
    assert found.value == pytest.approx(0.4)
    assert found.low <= low and found.high >= high


def test_a_cell_without_runs_is_left_out():
    won = np.array([[1.0, np.nan], [0.0, np.nan]])
    assert stats.mean_over_points(won) == 0.5


def test_kaplan_meier_is_the_product_over_events():
    found = stats.time_to_success([100, 200, 200, None, 300], budget=400)
    assert found.steps.tolist() == [100, 200, 300]
    assert np.allclose(found.waiting, [4 / 5, 4 / 5 * 2 / 4, 4 / 5 * 2 / 4 * 1 / 2])
    assert found.median == 200
    assert (found.low <= found.waiting).all() and (found.waiting <= found.high).all()


def test_half_of_the_runs_is_at_most_half():
    found = stats.time_to_success([1, 2, 2, 3, 3] + 5 * [None], budget=9)
    assert found.median == 3  # .9 x 7/9 x 5/7 is above .5 in floats


def test_time_to_success_of_runs_that_all_fail_is_infinite():
    assert stats.time_to_success([None, None], 100).median == math.inf
    with pytest.raises(ValueError, match="at most the budget"):
        stats.time_to_success([200], 100)


def test_iqm_is_the_mean_of_the_middle_half():
    scores = np.arange(16.0).reshape(8, 2)
    assert aggregate.iqm(scores) == np.mean(range(4, 12))
    stacked = aggregate.iqm(np.stack([scores, scores + 1]))
    assert stacked.tolist() == [7.5, 8.5]


def test_improvement_is_mann_whitneys_u_over_all_pairs():
    expected = np.mean(
        [
            scipy_stats.mannwhitneyu(x, y).statistic / (len(x) * len(y))
            for x, y in zip(SCORES.T, OTHERS.T, strict=True)
        ]
    )
    assert aggregate.probability_of_improvement(SCORES, OTHERS) == pytest.approx(
        expected
    )
    assert aggregate.probability_of_improvement(SCORES, SCORES) == 0.5


def test_optimality_gap_does_not_reward_beating_the_floor():
    assert aggregate.optimality_gap(np.array([[0.5], [2.0]])) == 0.25


def test_profile_counts_runs_above_each_score():
    taus = np.array([0.0, 0.25, 0.5, 0.99])
    counted = [(SCORES > tau).mean() for tau in taus]
    assert aggregate.performance_profile(SCORES, taus).tolist() == counted


def test_bootstrap_of_a_mean_matches_its_exact_standard_error():
    found = aggregate.bootstrap_interval(SCORES, aggregate.mean)
    # Runs are drawn within tasks: var = sum_t var_t / n, over tasks squared.
    error = math.sqrt((SCORES.var(axis=0) / len(SCORES)).sum()) / SCORES.shape[1]
    assert found.value == pytest.approx(SCORES.mean())
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.03)


def test_bootstrap_resamples_runs_within_tasks_alone():
    scores = np.array([[0.0, 1.0]] * 6)  # tasks differ, runs do not: no spread
    assert aggregate.bootstrap_interval(scores, aggregate.mean, reps=500) == (
        0.5,
        0.5,
        0.5,
    )


def test_a_run_without_a_score_is_refused_not_dropped():
    with pytest.raises(ValueError, match="never left out"):
        aggregate.bootstrap_interval(np.array([[1.0], [np.nan]]), aggregate.iqm)


def test_ranks_order_methods_and_share_ties():
    low, high = np.full((4, 2), 0.1), np.full((6, 2), 0.9)
    found = aggregate.bootstrap_ranks({"a": low, "b": high, "c": low}, reps=50)
    assert [one.value for one in found.values()] == [2.5, 1.0, 2.5]
    assert found["b"] == (1, 1, 1)


@FEW
@given(st.lists(st.floats(0, 1), min_size=4, max_size=12))
def test_iqm_of_one_task_is_scipys_and_within_its_interval(values):
    found = aggregate.bootstrap_iqm(np.array(values))
    assert found.value == pytest.approx(scipy_stats.trim_mean(values, 0.25))
    least, most = min(values) - 1e-12, max(values) + 1e-12  # a mean of floats
    assert least <= found.low <= found.high <= most


def test_runs_that_diverged_pull_the_iqm_only_once_in_the_middle_half():
    some = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, math.inf])
    assert aggregate.bootstrap_iqm(some).value == 1
    most = np.where(np.arange(8) < 3, 1.0, math.inf)
    assert aggregate.bootstrap_iqm(most).value == math.inf
    assert aggregate.bootstrap_iqm(some).high == math.inf


@pytest.mark.oracle("rliable")
def test_estimators_are_rliables():
    from rliable import metrics as theirs

    pairs = {
        theirs.aggregate_iqm: aggregate.iqm,
        theirs.aggregate_optimality_gap: aggregate.optimality_gap,
        theirs.aggregate_mean: aggregate.mean,
    }
    for their, our in pairs.items():
        assert our(SCORES) == pytest.approx(their(SCORES))
    expected = theirs.probability_of_improvement(SCORES, OTHERS)
    assert aggregate.probability_of_improvement(SCORES, OTHERS) == pytest.approx(
        expected
    )


@pytest.mark.oracle("rliable")
@pytest.mark.slow
def test_intervals_and_profiles_are_rliables():
    from rliable import library, metrics

    np.random.seed(0)  # rliable draws from the global generator
    _, limits = library.get_interval_estimates(
        {"a": SCORES}, lambda x: np.array([metrics.aggregate_iqm(x)]), reps=4000
    )
    ours = aggregate.bootstrap_interval(SCORES, aggregate.iqm)
    width = ours.high - ours.low
    assert np.allclose(limits["a"][:, 0], ours[1:], atol=0.06 * width)
    taus = np.linspace(0, 1, 11)
    profiles, bands = library.create_performance_profile({"a": SCORES}, taus, reps=2000)
    share, low, high = aggregate.bootstrap_profile(SCORES, taus)
    assert np.allclose(profiles["a"], share)
    assert np.allclose(bands["a"], [low, high], atol=0.05)
