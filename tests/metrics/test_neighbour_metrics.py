"""Nearest neighbours and diversity: closed forms, NumPy and prdc forms."""

import math

import numpy as np
import pytest
from metric_sets import circle, mixture, prdc_oracle, sets
from scipy import stats
from scipy.spatial.distance import cdist

from gan_jax import metrics


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_equals_its_definition(k, small_blocks):
    real, fake = sets()
    expected = prdc_oracle(real, fake, k)
    assert all(0 < value < 1 for name, value in expected.items() if name != "density")
    found = metrics.precision_recall(real, fake, k)
    assert found == pytest.approx(expected, rel=1e-14)


def integer_sets():
    """Many equal points and equal distances, all of them exact."""
    real, fake = np.random.default_rng(0).integers(0, 4, size=(2, 120, 3))
    return real, fake + 1


def test_ties_are_not_inside(small_blocks):
    real, fake = integer_sets()
    assert metrics.precision_recall(real, fake) == pytest.approx(
        prdc_oracle(real, fake, 5), rel=1e-14
    )
    # From 0 to 4 in steps of 1: the nearest fake is as far as the nearest other real.
    line = np.arange(5)[:, None]
    apart = metrics.precision_recall(line, line + 5, k=1)
    assert apart == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


@pytest.mark.oracle("prdc")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("pair", [sets(), sets(700, 500, 64), integer_sets()])
def test_precision_recall_equals_the_prdc_package_exactly(pair, k):
    import prdc

    real, fake = (np.asarray(x, np.float64) for x in pair)
    expected = prdc.compute_prdc(real, fake, k)
    assert metrics.precision_recall(real, fake, k) == expected


def test_coverage_of_identical_sets_is_one():
    real, _ = sets()
    found = metrics.precision_recall(real, real)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_swapping_the_sets_swaps_precision_and_recall():
    real, fake = sets()
    one, other = (metrics.precision_recall(*x) for x in [(real, fake), (fake, real)])
    assert one["precision"] == other["recall"] != one["recall"] == other["precision"]


def test_equal_distributions_have_density_one_and_the_known_coverage():
    """Coverage `1 - prod_l (N - l) / (N + M - l)`, l = 1..k, and density 1."""
    rng = np.random.default_rng(0)
    n, m, k, repeats = 60, 50, 5, 200
    found = [
        metrics.precision_recall(*np.split(rng.normal(size=(n + m, 2)), [n]), k)
        for _ in range(repeats)
    ]
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    for name, value in {"coverage": expected, "density": 1}.items():
        values = [each[name] for each in found]
        assert abs(np.mean(values) - value) < 4 * stats.sem(values)
        assert stats.sem(values) < 0.01


def test_nearest_distances_equal_the_smallest_of_all(small_blocks):
    real, fake = sets()
    expected = cdist(fake, real).min(axis=1)
    found = metrics.nearest_distances(fake, real)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_exact_copy_is_at_distance_zero():
    real = sets()[0] + 1e4
    np.testing.assert_array_equal(metrics.nearest_distances(real[::3], real), 0)


def test_memorization_ratio_is_of_mean_nearest_distances():
    train, test, fake = np.arange(4.0)[:, None], [[0.5], [3.25]], [[1.1], [5.0], [0]]
    ratio = metrics.memorization_ratio(train, np.array(test), np.array(fake))
    assert ratio == pytest.approx((0.1 + 2 + 0) / 3 / ((0.5 + 0.25) / 2))
    assert metrics.memorization_ratio(train, np.array(test), train) == 0
    assert math.isnan(metrics.memorization_ratio(train, train, np.array(fake)))


# Diversity.


def test_effective_number_is_the_vendi_score_of_order_two(small_blocks):
    points, _ = sets(80)
    kernel = np.exp(-cdist(points, points, "sqeuclidean") / (2 * 1.5**2))
    eigenvalues = np.linalg.eigvalsh(kernel / 80)
    found = metrics.effective_number(points, 1.5)
    assert found == pytest.approx(1 / np.sum(eigenvalues**2), rel=1e-10)


def test_effective_number_counts_distant_clusters():
    points = np.repeat(100 * circle(7), 30, axis=0)
    assert metrics.effective_number(points, 1.0) == pytest.approx(7)
    assert metrics.effective_number(points[:30], 1.0) == pytest.approx(1)
    assert metrics.effective_number(100 * circle(7), 1.0) == pytest.approx(7)


def test_diversity_of_half_the_modes_is_a_half():
    real = np.repeat(circle(8), 40, axis=0)
    assert metrics.diversity(real, real) == 1
    # h is a fifth of sqrt(2), the median; k^2 of neighbouring modes, sin(pi/8) 2 apart:
    near = math.exp(-((2 * math.sin(math.pi / 8)) ** 2) * 25 / 2)
    fake = np.repeat(circle(4), 80, axis=0)
    found = metrics.diversity(real, fake)
    assert found == pytest.approx(0.5 * (1 + 2 * near), rel=1e-6)


def test_diversity_is_at_equal_numbers_of_the_same_mixture_about_one():
    """Each ratio scatters by a few percent; their mean is 1 within its error."""
    rng = np.random.default_rng(0)
    ratios = [
        metrics.diversity(*mixture(circle(), 0.05, 600, rng).reshape(2, 300, 2))
        for _ in range(30)
    ]
    assert abs(np.mean(ratios) - 1) < 4 * stats.sem(ratios) < 0.05


def test_diversity_of_data_of_one_point_is_nan():
    real = np.full((20, 3), 0.1)
    assert math.isnan(metrics.diversity(real, sets(2, 20, 3)[1]))
