"""Metrics of classes and of toy modes: known truths and closed forms."""

import math

import numpy as np
import pytest
from metric_sets import circle, grid, mixture, softmax
from scipy import integrate, stats

from gan_jax import metrics


def test_inception_score_equals_the_mean_divergence():
    p = softmax(np.random.default_rng(0).normal(size=(104, 7)))
    expected = [
        math.exp(np.mean([stats.entropy(row, part.mean(axis=0)) for row in part]))
        for part in [p[:34], p[34:69], p[69:]]
    ]
    mean, std = metrics.inception_score(p, splits=1)
    whole = np.mean([stats.entropy(row, p.mean(axis=0)) for row in p])
    assert mean == pytest.approx(math.exp(whole), rel=1e-12) and std == 0
    mean, std = metrics.inception_score(p, splits=3)
    assert mean == pytest.approx(np.mean(expected), rel=1e-12)
    assert std == pytest.approx(np.std(expected), rel=1e-10)


def test_inception_score_is_the_number_of_sure_even_classes_and_one_for_guesses():
    sure = np.eye(6)[np.arange(60) % 6]
    assert metrics.inception_score(sure) == pytest.approx((6, 0))
    assert metrics.inception_score(np.full((60, 6), 1 / 6)) == pytest.approx((1, 0))
    ordered = np.eye(6)[np.repeat(np.arange(6), 10)]
    assert metrics.inception_score(ordered, splits=6) == pytest.approx((1, 0))


def test_stacked_modes_count_what_was_predicted_often_and_surely():
    rows = [[0, 0, 0]] * 3 + [[9, 9, 9]] * 2 + [[1, 2, 3]] * 4 + [[4, 5, 6]] * 3
    sure = np.full((12, 3), 0.9)  # Jointly .729.
    sure[5:7] = 0.7  # Jointly .343: two of 123's four fall out.
    sure[9:] = [1.0, 1.0, 0.5]  # Just sure enough.
    report = metrics.stacked_modes(np.array(rows), sure)
    p = np.array([3, 2, 4, 3]) / 12
    assert report["modes"] == 4 and report["confident_modes"] == 2
    assert report["kl"] == pytest.approx(np.sum(p * np.log(1000 * p)))
    assert set(metrics.stacked_modes(np.array(rows))) == {"modes", "kl"}


def test_stacked_modes_of_every_class_have_no_divergence():
    every = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=1)
    report = metrics.stacked_modes(np.concatenate([every, every]))
    assert report["modes"] == 1000 and report["kl"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [26_000, 50_000])
def test_stacked_kl_of_uniform_classes_is_at_its_floor(count):
    """2 N KL is chi-square with 999 degrees, up to (K^2 - 1) / 6N of its mean."""
    digits = np.random.default_rng(0).integers(0, 10, size=(count, 3))
    scaled = 2 * count * metrics.stacked_modes(digits)["kl"]
    correction = (1000**2 - 1) / (6 * count)
    assert abs(scaled - 999 - correction) < 4 * math.sqrt(2 * 999)


# Toys.


@pytest.mark.parametrize(
    "centres, sigma, floor", [(circle(), 0.01, 0.0014), (grid(), 0.05, 0.0048)]
)
def test_a_perfect_sampler_is_at_the_documented_floor(centres, sigma, floor):
    """HQ 1 - e^-4.5; 2 N KL is chi-square with K - 1 degrees to first order."""
    count, repeats, modes = 2500, 100, len(centres)
    rng = np.random.default_rng(0)
    reports = [
        metrics.mode_report(mixture(centres, sigma, count, rng), centres, sigma)
        for _ in range(repeats)
    ]
    assert {(r["modes"], r["robust_modes"]) for r in reports} == {(modes, modes)}
    share = 1 - math.exp(-4.5)
    deviation = math.sqrt(share * (1 - share) / (count * repeats))
    assert abs(np.mean([r["high_quality"] for r in reports]) - share) < 4 * deviation
    assert floor == pytest.approx((modes - 1) / (2 * count))
    deviation = math.sqrt(2 * (modes - 1) / repeats) / (2 * count)
    for name in ("reverse_kl", "forward_kl"):
        # The next order is about K^2 / 12 N^2 and smaller than a tenth of deviation.
        assert abs(np.mean([r[name] for r in reports]) - floor) < 4.2 * deviation


def test_a_dropped_mode_is_seen():
    centres, rng = circle(), np.random.default_rng(0)
    points = mixture(centres, 0.01, 2000, rng, p=[0, *[1 / 7] * 7])
    report = metrics.mode_report(points, centres, 0.01)
    assert report["modes"] == report["robust_modes"] == 7


def test_mode_report_is_derived_from_its_counts():
    """Three modes on a line; sigma 1, so within 2 of one is of high quality."""
    centres = np.array([[0.0], [10], [20]])
    points = np.array([0, 1, 1.99, 2, -3, 9, 14, 18.5])[:, None]
    report = metrics.mode_report(points, centres, 1.0, within=2)
    p = (np.array([5, 2, 1]) + 1 / 3) / 9
    assert report["modes"] == 3 and report["high_quality"] == 5 / 8
    assert report["reverse_kl"] == pytest.approx(np.sum(p * np.log(3 * p)))
    assert report["forward_kl"] == pytest.approx(-np.mean(np.log(3 * p)))
    # A quarter of a fair share is 2/3 of a point, or of weights' 1/4, 3/2, 1/4.
    assert report["robust_modes"] == 3
    weights = np.array([1, 6, 1])
    weighted = metrics.mode_report(points, centres, 1.0, within=2, weights=2 * weights)
    assert weighted["robust_modes"] == 2
    assert weighted["reverse_kl"] == pytest.approx(np.sum(p * np.log(8 * p / weights)))
    few = metrics.mode_report(
        np.repeat(points, [1, 1, 1, 1, 1, 1, 1, 20], axis=0), centres, 1.0, within=2
    )
    # 27 points: a quarter of a fair share is 2.25.
    assert few["modes"] == 3 and few["robust_modes"] == 2


def test_no_points_near_a_mode_is_no_mode_and_no_perfect_divergence():
    report = metrics.mode_report(np.full((50, 2), 3.0), circle(), 0.01)
    assert report["modes"] == report["robust_modes"] == report["high_quality"] == 0
    assert report["reverse_kl"] > 1


@pytest.mark.parametrize("dimension", [1, 3, 20])
@pytest.mark.parametrize("within", [None, 3.0])
def test_high_quality_share_in_other_dimensions_is_the_chi_squares(dimension, within):
    rng, count = np.random.default_rng(0), 20_000
    centres = 100 * np.eye(dimension)
    points = mixture(centres, 0.5, count, rng)
    report = metrics.mode_report(points, centres, 0.5, within=within)
    share = stats.chi2.cdf(9, 2 if within is None else dimension)
    deviation = math.sqrt(share * (1 - share) / count)
    assert abs(report["high_quality"] - share) < 4 * deviation


def test_the_radius_of_high_quality_is_the_published_one_in_two_dimensions():
    assert metrics.quality_radius(2) == 3.0
    for dimension in (1, 5, 16):
        radius = metrics.quality_radius(dimension)
        np.testing.assert_allclose(
            stats.chi2.sf(radius**2, dimension), math.exp(-4.5), rtol=1e-9
        )


@pytest.mark.parametrize("v", [0.0, 0.7, 30.0])
def test_expected_norm_is_the_integral_over_the_normal(v):
    def integrand(t):
        return abs(v + 2 * t) * stats.norm.pdf(t)

    kink = [-v / 2] if v < 10 else None
    expected, _ = integrate.quad(integrand, -9, 9, points=kink)
    found = metrics.mixtures.expected_norm(np.array(v), 2.0, 1)
    assert found == pytest.approx(expected, rel=1e-7)
    # Rice's distribution is that of two dimensions.
    found = metrics.mixtures.expected_norm(np.array(v), 2.0, 2)
    assert found == pytest.approx(stats.rice(v / 2, scale=2).mean(), rel=1e-7)


def test_energy_to_mixture_is_the_limit_of_the_energy_distance():
    centres, rng = circle(5), np.random.default_rng(0)
    weights = np.array([1, 1, 2, 3, 3])
    points = mixture(centres, 0.2, 100, rng)
    exact = metrics.energy_to_mixture(points, centres, 0.2, weights=weights)
    sampled = [
        metrics.energy_distance(mixture(centres, 0.2, 500, rng, p=weights / 10), points)
        for _ in range(60)
    ]
    assert abs(np.mean(sampled) - exact) < 4 * stats.sem(sampled)
    assert stats.sem(sampled) < exact / 10


def test_energy_to_points_is_exact():
    """To half on 0 and half on 2: cross 1, the points' own 1.5, the mixture's 1."""
    points = np.array([[0.0], [1.5]])
    centres = np.array([[0.0], [2.0]])
    value = metrics.energy_to_mixture(points, centres, 0.0)
    assert value == pytest.approx(2 * np.mean([0, 2, 1.5, 0.5]) - 1.5 - 1)
